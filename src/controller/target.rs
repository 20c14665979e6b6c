//! What is known of the live aws-auth: the last version that was read or written, and whether a newer one was heard of.
//!
//! The watch brings metadata only. The echo of our own write has the version that the write answered with, so nothing
//! is read or parsed twice; any other version is read in full. Not here: the requests (`requests`), the loop (`engine`).

use std::collections::BTreeMap;

use aws_auth::Key;
use aws_auth::aws_auth::{AwsAuth, Source, Unwritable};
use aws_auth::mapping::Uid;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, OwnerReference};
use serde::Deserialize;

use crate::controller::clients::Clients;
use crate::controller::requests::{AWS_AUTH, ConfigMapBody, Metadata, MetadataBody, NAMESPACE};

/// The live `ConfigMap` as it is read. Values of `binaryData` stay the text that they are.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LiveConfigMap {
    #[serde(default)]
    metadata: LiveMetadata,
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
    #[serde(default)]
    binary_data: Option<BTreeMap<String, String>>,
    immutable: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LiveMetadata {
    uid: Option<String>,
    resource_version: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<OwnerReference>>,
    finalizers: Option<Vec<String>>,
    #[serde(default)]
    managed_fields: Vec<ManagedFieldsEntry>,
}

/// aws-auth at one version, and all that a write must keep.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) aws_auth: AwsAuth,
    envelope: Envelope,
    pub(super) clients: Clients,
    pub(super) origin: Origin,
}

/// How a version became known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was read.
    Read,
    /// We wrote it, and this is what was out of the ordinary about that.
    Written {
        /// An approval, a restore.
        note: Option<String>,
    },
}

/// Everything of the object that is not aws-auth's content.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    version: Option<String>,
    uid: Option<String>,
    labels: BTreeMap<String, String>,
    owner_references: Vec<OwnerReference>,
    finalizers: Vec<String>,
    binary_data: BTreeMap<String, String>,
    immutable: Option<bool>,
}

impl Live {
    pub(super) fn read(found: Option<LiveConfigMap>, cluster: Uid) -> Self {
        let Some(LiveConfigMap { metadata, data, binary_data, immutable }) = found else {
            return Self {
                aws_auth: AwsAuth::missing(),
                envelope: Envelope::default(),
                clients: Clients::default(),
                origin: Origin::Read,
            };
        };
        let binary_data = binary_data.unwrap_or_default();
        let unwritable = if immutable == Some(true) {
            Some(Unwritable::Immutable)
        } else if Key::ALL.iter().any(|key| binary_data.contains_key(key.as_str())) {
            Some(Unwritable::BinaryData)
        } else {
            None
        };
        let source = Source {
            data: data.unwrap_or_default(),
            annotations: metadata.annotations.unwrap_or_default(),
            unwritable,
        };
        Self {
            aws_auth: AwsAuth::read(source, cluster),
            clients: Clients::of(metadata.managed_fields),
            origin: Origin::Read,
            envelope: Envelope {
                version: metadata.resource_version,
                uid: metadata.uid,
                labels: metadata.labels.unwrap_or_default(),
                owner_references: metadata.owner_references.unwrap_or_default(),
                finalizers: metadata.finalizers.unwrap_or_default(),
                binary_data,
                immutable,
            },
        }
    }
}

impl Live {
    /// Its version; `None` where there is no aws-auth.
    pub(super) fn version(&self) -> Option<&str> {
        self.envelope.version.as_deref()
    }

    pub(super) fn labels(&self) -> &BTreeMap<String, String> {
        &self.envelope.labels
    }
}

impl Envelope {
    /// The body that puts `next` in the place of exactly this version.
    pub(super) fn body<'a>(&'a self, next: &'a AwsAuth) -> ConfigMapBody<'a> {
        let source = next.source();
        ConfigMapBody {
            api_version: "v1",
            kind: "ConfigMap",
            metadata: MetadataBody {
                name: AWS_AUTH,
                namespace: NAMESPACE,
                uid: self.uid.as_deref(),
                resource_version: self.version.as_deref(),
                labels: &self.labels,
                annotations: &source.annotations,
                owner_references: &self.owner_references,
                finalizers: &self.finalizers,
            },
            data: &source.data,
            binary_data: &self.binary_data,
            immutable: self.immutable,
        }
    }
}

/// The last known version, and what was heard since.
#[derive(Debug, Default)]
pub(super) struct Target {
    known: Known,
    /// The newest version that the watch told of since the last read or write was sent.
    heard: Option<String>,
    watched: bool,
}

#[derive(Debug, Default)]
enum Known {
    /// Nothing can be relied on; read.
    #[default]
    Nothing,
    /// What stands, unless a newer version was heard of. Boxed: the other two are empty.
    Live(Box<Live>),
    /// A write is on the way; this comes back with its answer.
    Writing(Box<Envelope>),
}

impl Target {
    /// Whether the watch is established.
    pub(super) fn watched(&self) -> bool {
        self.watched
    }

    /// A list of the watch is complete: this is the version that it found.
    pub(super) fn listed(&mut self, version: Option<String>) {
        self.watched = true;
        let same = match &self.known {
            Known::Live(live) => live.envelope.version == version,
            Known::Nothing | Known::Writing(_) => true,
        };
        if !same {
            self.known = Known::Nothing;
        }
        self.heard = version.or(self.heard.take());
    }

    /// A list of the watch begins: until it is complete nothing tells of changes.
    pub(super) fn list_begins(&mut self) {
        self.watched = false;
    }

    /// The watch told of this version. Returns whether that is news.
    pub(super) fn heard(&mut self, version: String) -> bool {
        if self.heard.as_deref().is_none_or(|heard| newer(&version, heard)) {
            self.heard = Some(version);
        }
        self.live().is_none()
    }

    /// What stands, where that is known.
    pub(super) fn live(&self) -> Option<&Live> {
        let Known::Live(live) = &self.known else { return None };
        let outdated = match (&self.heard, &live.envelope.version) {
            (None, _) => false,
            (Some(heard), Some(known)) => newer(heard, known),
            (Some(_), None) => true,
        };
        (!outdated).then_some(live)
    }

    /// What is known is not to be relied on any more.
    pub(super) fn forget(&mut self) {
        self.known = Known::Nothing;
    }

    /// The same, except that the answer of a write that is on its way still counts.
    pub(super) fn forget_unless_writing(&mut self) {
        match &self.known {
            Known::Nothing | Known::Live(_) => self.known = Known::Nothing,
            Known::Writing(_) => {}
        }
    }

    /// A read is sent: what the watch tells from here on may be newer than its answer.
    pub(super) fn read_begins(&mut self) {
        self.known = Known::Nothing;
        self.heard = None;
    }

    pub(super) fn read_ends(&mut self, live: Live) {
        self.known = Known::Live(Box::new(live));
    }

    /// An aws-auth that is made again gets these labels.
    pub(super) fn label(&mut self, labels: BTreeMap<String, String>) {
        if let Known::Live(live) = &mut self.known
            && live.envelope.version.is_none()
        {
            live.envelope.labels = labels;
        }
    }

    /// A write is sent. Gives the old text back to the allocator: after the write it is never needed again.
    pub(super) fn write_begins<T>(&mut self, encode: impl FnOnce(&Envelope) -> T) -> Option<T> {
        let Known::Live(live) = std::mem::take(&mut self.known) else { return None };
        let Live { aws_auth, envelope, clients: _, origin: _ } = *live;
        drop(aws_auth);
        let encoded = encode(&envelope);
        self.known = Known::Writing(Box::new(envelope));
        self.heard = None;
        Some(encoded)
    }

    /// The write came back: this is what stands now.
    pub(super) fn write_ends(&mut self, written: AwsAuth, answer: Metadata, note: Option<String>) {
        let Known::Writing(envelope) = std::mem::take(&mut self.known) else { return };
        if answer.resource_version.is_none() {
            return;
        }
        let envelope = Envelope { version: answer.resource_version, uid: answer.uid, ..*envelope };
        self.known = Known::Live(Box::new(Live {
            aws_auth: written,
            envelope,
            clients: Clients::default(),
            origin: Origin::Written { note },
        }));
    }
}

/// Whether a version is newer. Kubernetes promises that the versions of one resource compare as numbers; where
/// they are none, a different one counts as newer.
fn newer(version: &str, than: &str) -> bool {
    match (version.parse::<u64>(), than.parse::<u64>()) {
        (Ok(version), Ok(than)) => version > than,
        _ => version != than,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn live(version: &str) -> Live {
        let found = json!({"metadata": {"resourceVersion": version, "uid": "u"}, "data": {}});
        Live::read(serde_json::from_value(found).unwrap(), Uid::default())
    }

    fn known(version: &str) -> Target {
        let mut target = Target::default();
        target.listed(Some(version.to_owned()));
        target.read_begins();
        target.read_ends(live(version));
        assert!(target.live().is_some());
        target
    }

    fn answer(version: &str) -> Metadata {
        Metadata {
            resource_version: Some(version.to_owned()),
            uid: Some("u".to_owned()),
            ..Metadata::default()
        }
    }

    fn write(target: &mut Target, version: &str) {
        target.write_begins(|_| ()).unwrap();
        target.write_ends(AwsAuth::missing(), answer(version), None);
    }

    #[test]
    fn the_echo_of_our_own_write_is_no_news_before_or_after_its_answer() {
        let mut target = known("10");
        write(&mut target, "12");
        assert!(!target.heard("12".to_owned()));
        target.write_begins(|_| ()).unwrap();
        target.heard("14".to_owned());
        target.write_ends(AwsAuth::missing(), answer("14"), None);
        assert!(target.live().is_some());
    }

    #[test]
    fn a_foreign_write_is_news_even_while_ours_is_on_the_way() {
        let mut target = known("10");
        assert!(target.heard("11".to_owned()));
        let mut target = known("10");
        target.write_begins(|_| ()).unwrap();
        target.heard("13".to_owned());
        target.write_ends(AwsAuth::missing(), answer("12"), None);
        assert!(target.live().is_none());
    }

    #[test]
    fn a_late_word_of_an_old_version_is_no_news() {
        let mut target = known("10");
        write(&mut target, "12");
        assert!(!target.heard("11".to_owned()));
    }

    #[test]
    fn a_list_counts_even_when_the_versions_went_backwards() {
        let mut target = known("10");
        target.listed(Some("3".to_owned()));
        assert!(target.live().is_none());
    }

    #[test]
    fn a_change_during_a_read_means_another_read() {
        let mut target = known("10");
        target.read_begins();
        target.heard("12".to_owned());
        target.read_ends(live("11"));
        assert!(target.live().is_none());
    }

    #[test]
    fn everything_but_the_content_is_written_back_as_it_was() {
        let found = json!({
            "metadata": {
                "resourceVersion": "7", "uid": "u", "labels": {"a": "b"}, "finalizers": ["x/y"],
                "annotations": {"c": "d"},
                "ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "n", "uid": "o"}],
            },
            "data": {"other": "kept"},
            "binaryData": {"blob": "AAE="},
        });
        let live = Live::read(serde_json::from_value(found).unwrap(), Uid::default());
        let body = serde_json::to_value(live.envelope.body(&live.aws_auth)).unwrap();
        assert_eq!(
            body,
            json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {
                    "name": "aws-auth", "namespace": "kube-system", "resourceVersion": "7", "uid": "u",
                    "labels": {"a": "b"}, "finalizers": ["x/y"], "annotations": {"c": "d"},
                    "ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "n", "uid": "o"}],
                },
                "data": {"other": "kept"},
                "binaryData": {"blob": "AAE="},
            })
        );
    }

    #[test]
    fn an_aws_auth_that_cannot_be_written_is_known_as_such() {
        for (found, why) in [
            (json!({"immutable": true}), Unwritable::Immutable),
            (json!({"binaryData": {"mapRoles": "AAE="}}), Unwritable::BinaryData),
        ] {
            let live = Live::read(serde_json::from_value(found).unwrap(), Uid::default());
            assert_eq!(live.aws_auth.source().unwritable, Some(why));
        }
    }
}
