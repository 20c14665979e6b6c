//! The last good state of aws-auth, and the ring of checkpoints that it outlives a restart in.
//!
//! In memory as compressed bytes, brought up to date with every good version that is seen, whoever wrote it; written
//! out on the side. Not here: what a checkpoint looks like (`crate::checkpoints`), what is restored from it
//! (`aws_auth::restore`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_auth::aws_auth::AwsAuth;
use aws_auth::mapping::Uid;
use aws_auth::restore::{self, Damage};
use futures::{StreamExt as _, stream};
use kube::Client;
use serde::Deserialize;

use crate::checkpoints::{self, Checkpoint, Header, Packed, State};
use crate::client::{CallError, call};
use crate::controller::requests::{self, Malformed, NAMESPACE};

/// Requests at once while the ring is read.
const AT_ONCE: usize = 2;

/// What is known of earlier versions.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    good: Option<Packed>,
    /// The version of aws-auth that was last taken in.
    seen: Option<String>,
    /// What waits to be written out. Only the newest does: what it replaces was good for a moment only.
    queued: Option<(Header, Packed)>,
    next: u64,
    /// The places of the ring that were in use when it was read, and those written since.
    taken: BTreeSet<String>,
    reading: Reading,
    /// Why none can be kept.
    problem: Option<String>,
}

/// How far reading the ring has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Reading {
    #[default]
    Never,
    /// It failed, and is tried again.
    Failed,
    Done,
}

/// Who wrote a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author<'a> {
    /// We: whatever it is, it is meant.
    Us,
    /// Somebody else, by that name.
    Client(Option<&'a str>),
}

/// What the ring held.
#[derive(Debug, Default)]
pub(super) struct Ring {
    newest: Option<Checkpoint>,
    /// The highest number there is.
    highest: Option<u64>,
    /// The names that are in use, whatever they hold.
    taken: BTreeSet<String>,
}

/// What is believed to stand under a name that is written. A wrong belief costs one request more, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing.
    Free,
    /// A `ConfigMap`, which is written over.
    Taken,
}

/// Why the ring could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum RingError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// A `ConfigMap` of the ring, or only its metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Slot {
    metadata: SlotMetadata,
    binary_data: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SlotMetadata {
    annotations: BTreeMap<String, String>,
}

impl Checkpoints {
    /// Whether reading the ring was tried: before that nobody knows what there is to restore.
    pub(super) fn tried(&self) -> bool {
        self.reading != Reading::Never
    }

    /// Why none can be kept, while that is so.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Whether the last good state is not known though there may be one.
    pub(super) fn unread(&self) -> bool {
        self.reading != Reading::Done && self.good.is_none()
    }

    /// The last good state, unpacked; `None` without one.
    pub(super) fn good(&self) -> Option<State<'static>> {
        let unpacked = self.good.as_ref()?.unpack();
        unpacked.inspect_err(|error| tracing::error!("the last good state is lost: {error}")).ok()
    }

    /// The ring was read, or could not be.
    pub(super) fn read(&mut self, outcome: Result<Ring, RingError>) {
        match outcome {
            Ok(Ring { newest, highest, taken }) => {
                self.reading = Reading::Done;
                self.taken = taken;
                self.problem = None;
                self.next = highest.map_or(0, |highest| highest + 1);
                // What was seen alive meanwhile is newer than whatever was kept.
                if self.good.is_none() {
                    self.good = newest.map(|checkpoint| checkpoint.content);
                } else if let Some((header, _)) = &mut self.queued {
                    header.number = self.next;
                }
            }
            Err(error) => {
                self.reading = Reading::Failed;
                self.problem = Some(error.to_string());
            }
        }
    }

    /// Whether this version was taken in.
    pub(super) fn has_seen(&self, version: Option<&str>) -> bool {
        version.is_some() && self.seen.as_deref() == version
    }

    /// Takes a version in that stands in the cluster. Returns the nodes that lost their entry since the one before, if
    /// somebody else took it.
    pub(super) fn see(&mut self, live: &AwsAuth, seen: Seen<'_>) -> Vec<String> {
        self.seen = seen.version.map(str::to_owned);
        let mut lost = Vec::new();
        let better = self.better(live, &seen);
        let Some((better, before)) = better else { return lost };
        if let (Some(before), Author::Client(_)) = (before, seen.author) {
            lost = restore::lost_nodes(&before, better.as_ref().unwrap_or(live));
        }
        let packed = Packed::of(&State::of(better.as_ref().unwrap_or(live), seen.labels));
        let packed = match packed {
            Ok(packed) => packed,
            Err(error) => {
                tracing::error!("aws-auth cannot be packed: {error}");
                return lost;
            }
        };
        if self.good.as_ref() == Some(&packed) {
            return lost;
        }
        let header = Header {
            number: self.next,
            at: seen.at,
            client: match seen.author {
                Author::Us => Some(requests::FIELD_MANAGER.to_owned()),
                Author::Client(client) => client.map(str::to_owned),
            },
            cluster: seen.cluster.to_string(),
            digest: packed.digest().to_owned(),
            entries: seen.entries,
            note: seen.note,
        };
        self.good = Some(packed.clone());
        self.queued = Some((header, packed));
        lost
    }

    /// The last good state once `live` has been seen, where it is not `live` itself, and the one before. `None` where it
    /// stays what it is.
    fn better(&self, live: &AwsAuth, seen: &Seen<'_>) -> Option<(Option<AwsAuth>, Option<AwsAuth>)> {
        let meant = matches!(seen.author, Author::Us);
        if meant && !restore::suspicious(live) {
            return Some((None, None));
        }
        let before = self.good().map(|state| state.read(seen.cluster));
        let damage = before.as_ref().and_then(|before| restore::damage(live, before, seen.cluster));
        // What we emptied is empty because it is meant to be.
        if meant && damage == Some(Damage::Emptied) {
            return Some((None, before));
        }
        let better = restore::better(live, before.as_ref(), seen.cluster)?;
        Some((Some(better), before))
    }

    /// What is to be written out next, and where to.
    pub(super) fn queued(&mut self) -> Option<(Header, Packed, Place)> {
        if self.reading != Reading::Done {
            return None;
        }
        let (header, content) = self.queued.take()?;
        let taken = self.taken.contains(&checkpoints::name(header.number));
        Some((header, content, if taken { Place::Taken } else { Place::Free }))
    }

    /// It was written out.
    pub(super) fn kept(&mut self, header: &Header) {
        self.problem = None;
        self.taken.insert(checkpoints::name(header.number));
        self.next = header.number + 1;
        if let Some((queued, _)) = &mut self.queued {
            queued.number = self.next;
        }
    }

    /// It could not be; it waits again, unless something newer does.
    pub(super) fn failed(&mut self, header: Header, content: Packed, error: &RingError) {
        self.problem = Some(error.to_string());
        self.queued.get_or_insert((header, content));
    }
}

/// A version as it was seen.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) version: Option<&'a str>,
    pub(super) author: Author<'a>,
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) cluster: Uid,
    /// Now, as RFC 3339.
    pub(super) at: String,
    pub(super) entries: usize,
    pub(super) note: Option<String>,
}

/// Reads the ring: which versions there are, and the newest that can be used.
pub(super) async fn read_ring(client: &Client, cluster: Uid, deadline: Duration) -> Result<Ring, RingError> {
    let headers = stream::iter(0..checkpoints::RING).map(|n| async move {
        let name = checkpoints::name(n);
        let slot: Option<Slot> =
            existing(client, requests::get_config_map_metadata(&name)?, &name, deadline).await?;
        Ok::<_, RingError>((name, slot))
    });
    let (mut found, mut taken) = (Vec::new(), BTreeSet::new());
    let mut headers = headers.buffered(AT_ONCE).boxed();
    while let Some(slot) = headers.next().await {
        let (name, Some(slot)) = slot? else { continue };
        match checkpoints::header(&name, &slot.metadata.annotations, cluster) {
            Ok(header) => found.push(header),
            Err(why) => tracing::warn!("{NAMESPACE}/{name} is not used: {why}"),
        }
        taken.insert(name);
    }
    found.sort_by_key(|header| header.number);
    let highest = found.last().map(|header: &Header| header.number);
    for header in found.into_iter().rev() {
        let name = checkpoints::name(header.number);
        let request = requests::get_config_map(&name)?;
        let Some(slot) = existing::<Slot>(client, request, &name, deadline).await? else { continue };
        match checkpoints::checkpoint(&name, &slot.metadata.annotations, &slot.binary_data, cluster) {
            Ok(newest) => return Ok(Ring { newest: Some(newest), highest, taken }),
            Err(why) => tracing::warn!("{NAMESPACE}/{name} is not used: {why}"),
        }
    }
    Ok(Ring { newest: None, highest, taken })
}

/// Reads one version; where that is not possible, says why to the person who asked for it.
pub(super) async fn read_version(
    client: &Client,
    number: u64,
    cluster: Uid,
    deadline: Duration,
) -> Result<Checkpoint, String> {
    let name = checkpoints::name(number);
    let request = requests::get_config_map(&name).map_err(|error| error.to_string())?;
    let slot = existing::<Slot>(client, request, &name, deadline).await.map_err(|error| error.to_string())?;
    let lost =
        || format!("version {number} is not kept any more; kubectl iam-mapping history lists those that are");
    let slot = slot.ok_or_else(lost)?;
    let found = checkpoints::checkpoint(&name, &slot.metadata.annotations, &slot.binary_data, cluster)
        .map_err(|why| format!("{NAMESPACE}/{name}: {why}"))?;
    if found.header.number == number { Ok(found) } else { Err(lost()) }
}

/// Writes a `ConfigMap` of ours, over whatever stands there.
pub(super) async fn put(
    client: &Client,
    name: &str,
    place: Place,
    body: &serde_json::Value,
    deadline: Duration,
) -> Result<(), RingError> {
    let replace = async || {
        let request = requests::put_config_map(name, body, deadline)?;
        call::<requests::Object>(client, request, deadline).await.map_err(RingError::from)
    };
    let create = async || {
        let request = requests::create_config_map(body, deadline)?;
        call::<requests::Object>(client, request, deadline).await.map_err(RingError::from)
    };
    let written = match place {
        Place::Taken => match replace().await {
            Err(RingError::Call(error)) if error.is_missing(name) => create().await,
            written => written,
        },
        Place::Free => match create().await {
            Err(RingError::Call(error)) if error.is_conflict() => replace().await,
            written => written,
        },
    };
    written.map(drop)
}

async fn existing<T: serde::de::DeserializeOwned + Send + 'static>(
    client: &Client,
    request: http::Request<Vec<u8>>,
    name: &str,
    deadline: Duration,
) -> Result<Option<T>, RingError> {
    match call(client, request, deadline).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_missing(name) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
