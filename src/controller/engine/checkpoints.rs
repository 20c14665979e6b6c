//! Checkpoints taken and used: the ring read when a term begins, every good version taken in, and what a plan is made on
//! when aws-auth is damaged.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_auth::aws_auth::AwsAuth;
use aws_auth::mapping::Mapping;
use aws_auth::plan::Input;
use aws_auth::restore::{self, Absence, Damage, Remedy, Restored};
use aws_auth::situation::Situation;
use futures::FutureExt as _;
use tokio::time::Instant;

use super::errands::Errand;
use super::{Engine, plan};
use crate::checkpoints::{self, Checkpoint};
use crate::controller::announce;
use crate::controller::checkpoints::{Author, Ring, RingError, Seen, put, read_ring, read_version};
use crate::controller::target::{Live, Origin};
use crate::telemetry::metrics::CheckpointResult;

pub(super) type RingOutcome = Result<Ring, RingError>;

/// What a plan is made on.
pub(super) enum Base {
    /// This.
    Plan(Box<Footing>),
    /// Nothing yet: somebody may be about to make it again.
    Later,
    /// Nothing yet: a person asks for an earlier version, which is read first.
    Fetch(String),
}

/// aws-auth as it stands, unless there is more.
#[derive(Default)]
pub(super) struct Footing {
    /// aws-auth as it is once it has been restored.
    pub(super) mended: Option<AwsAuth>,
    /// What that restores.
    pub(super) restored: Vec<Restored>,
    /// The labels of an aws-auth that is made again.
    pub(super) labels: BTreeMap<String, String>,
    /// Why nothing may be written.
    pub(super) held: Option<String>,
    /// Why the earlier version that a person asks for is not restored.
    pub(super) refused: Option<String>,
}

impl Base {
    fn live() -> Self {
        Self::Plan(Box::default())
    }

    fn held(why: String) -> Self {
        Self::Plan(Box::new(Footing { held: Some(why), ..Footing::default() }))
    }

    fn refused(why: String) -> Self {
        Self::Plan(Box::new(Footing { refused: Some(why), ..Footing::default() }))
    }

    fn mended((aws_auth, restored): (AwsAuth, Vec<Restored>), labels: BTreeMap<String, String>) -> Self {
        Self::Plan(Box::new(Footing { mended: Some(aws_auth), restored, labels, ..Footing::default() }))
    }
}

/// The earlier version that a person asks for.
#[derive(Debug, Default)]
pub(super) enum Wanted {
    #[default]
    Nothing,
    /// It is being read.
    Fetching(String),
    /// It was read, or there is none.
    Known { request: String, found: Result<Box<Checkpoint>, String> },
}

pub(super) type VersionOutcome = (String, Result<Box<Checkpoint>, String>);

impl Engine {
    pub(super) fn read_ring(&mut self, pause: Duration) {
        let (client, cluster, deadline) =
            (self.parts.client.clone(), self.parts.cluster, self.parts.durations.read);
        let read = async move {
            tokio::time::sleep(pause).await;
            read_ring(&client, cluster, deadline).await
        };
        self.ring = Some(read.boxed());
    }

    pub(super) fn ring(&mut self, outcome: RingOutcome) {
        match &outcome {
            Ok(_) => self.ring_setbacks.succeeded(),
            Err(error) => {
                tracing::warn!("the checkpoints in kube-system cannot be read: {error}");
                let pause = self.ring_setbacks.next_pause();
                self.read_ring(pause);
            }
        }
        self.checkpoints.read(outcome);
        self.pacer.changed(Instant::now());
    }

    /// What to plan on. A damaged aws-auth is compared with the last good state.
    pub(super) fn base(&self, live: &Live, mappings: &[&Mapping], now: Instant) -> Base {
        if let Some(request) = live.aws_auth.annotation(restore::REQUEST) {
            return self.wanted(request, live, mappings);
        }
        // What we wrote ourselves is meant to be as it is.
        if live.origin != Origin::Read || !restore::suspicious(&live.aws_auth) {
            return Base::live();
        }
        let settings = self.parts.configuration.borrow().settings.clone();
        let guards = &settings.guards;
        if self.checkpoints.unread() && !live.aws_auth.exists() {
            let why = self.checkpoints.problem().unwrap_or("not read yet");
            return Base::held(format!(
                "there is no aws-auth, and whether there was one cannot be told, because the checkpoints cannot be read: {why}"
            ));
        }
        let Some(state) = self.checkpoints.good() else { return Base::live() };
        let labels = state.labels.clone().into_owned();
        let good = state.read(self.parts.cluster);
        let settled = |since: Instant| now >= since + self.parts.durations.absence;
        let absence =
            if self.timers.missing_since.is_some_and(settled) { Absence::Settled } else { Absence::Fresh };
        let (problem, cluster) = (self.checkpoints.problem(), self.parts.cluster);
        match restore::remedy(&live.aws_auth, Some(&good), guards, problem, absence, cluster) {
            Remedy::Sound | Remedy::Hold(None) => Base::live(),
            Remedy::Hold(Some(why)) => Base::held(why),
            Remedy::Wait => Base::Later,
            Remedy::Restore(damage) => {
                Base::mended(restore::mend(&live.aws_auth, &good, &damage, cluster), labels)
            }
        }
    }

    /// What to plan on when a person asks for an earlier version.
    fn wanted(&self, request: &str, live: &Live, mappings: &[&Mapping]) -> Base {
        let found = match &self.wanted {
            Wanted::Known { request: known, found } if known == request => found,
            Wanted::Nothing | Wanted::Fetching(_) | Wanted::Known { .. } => {
                return Base::Fetch(request.to_owned());
            }
        };
        let checkpoint = match found {
            Ok(checkpoint) => checkpoint,
            Err(why) => return Base::refused(why.clone()),
        };
        let state = match checkpoint.content.unpack() {
            Ok(state) => state,
            Err(why) => return Base::refused(why.to_string()),
        };
        let cluster = self.parts.cluster;
        let damage = Damage::Unwanted(checkpoint.header.number);
        let mended = restore::mend(&live.aws_auth, &state.read(cluster), &damage, cluster);
        let settings = self.parts.configuration.borrow().settings.clone();
        let input = Input {
            mappings,
            aws_auth: &live.aws_auth,
            cluster,
            settings: &settings,
            now: self.parts.clock.seconds(),
            situation: Situation::none(),
        };
        match restore::refusal(&input, &mended.0) {
            Some(why) => Base::refused(why),
            None => Base::mended(mended, live.labels().clone()),
        }
    }

    /// Reads the earlier version that a person asks for.
    pub(super) fn fetch_version(&mut self, request: String) {
        if matches!(&self.wanted, Wanted::Fetching(fetching) if *fetching == request) {
            return;
        }
        self.wanted = Wanted::Fetching(request.clone());
        let (client, cluster, deadline) =
            (self.parts.client.clone(), self.parts.cluster, self.parts.durations.read);
        let fetch = async move {
            let found = match request.trim().parse::<u64>() {
                Ok(number) => read_version(&client, number, cluster, deadline).await,
                Err(_) => Err(format!("{request:?} is no version; kubectl iam-mapping history lists them")),
            };
            (request, found.map(Box::new))
        };
        self.version = Some(fetch.boxed());
    }

    pub(super) fn fetched(&mut self, (request, found): VersionOutcome) {
        self.wanted = Wanted::Known { request, found };
        self.pacer.changed(Instant::now());
    }

    /// Takes the version that stands in, once nothing has to be written any more.
    pub(super) fn keep_good(&mut self) {
        let Some(live) = self.target.live() else { return };
        if !live.aws_auth.exists() || self.checkpoints.has_seen(live.version()) {
            return;
        }
        let lost = self.checkpoints.see(
            &live.aws_auth,
            Seen {
                version: live.version(),
                author: match live.origin {
                    Origin::Written { .. } => Author::Us,
                    Origin::Read => Author::Client(live.clients.author()),
                },
                labels: live.labels(),
                cluster: self.parts.cluster,
                at: self.parts.clock.now().to_string(),
                entries: plan::entries(&live.aws_auth),
                note: match &live.origin {
                    Origin::Written { note } => note.clone(),
                    Origin::Read => None,
                },
            },
        );
        let notices: Vec<_> =
            lost.iter().map(|node| announce::node_lost(node, live.clients.author())).collect();
        let now = Instant::now();
        for notice in notices {
            self.say(notice, now);
        }
    }

    /// Starts writing out what waits to be kept.
    pub(super) fn start_keeping(&mut self) {
        let Some((header, content, place)) = self.checkpoints.queued() else { return };
        let (client, deadline) = (self.parts.client.clone(), self.parts.durations.write);
        self.errands.push(
            async move {
                let name = checkpoints::name(header.number);
                let body = checkpoints::config_map(&header, &content);
                let outcome = put(&client, &name, place, &body, deadline).await;
                Errand::Checkpoint(Box::new((header, content)), outcome)
            }
            .boxed(),
        );
    }

    pub(super) fn kept(
        &mut self,
        header: checkpoints::Header,
        content: checkpoints::Packed,
        outcome: Result<(), RingError>,
    ) {
        let now = Instant::now();
        match outcome {
            Ok(()) => {
                self.parts.telemetry.metrics.checkpoint(CheckpointResult::kept);
                if self.checkpoints.problem().is_some() {
                    // What waited for it can go on.
                    self.pacer.changed(now);
                }
                self.ring_setbacks.succeeded();
                self.timers.checkpoints_blocked = None;
                self.checkpoints.kept(&header);
            }
            Err(error) => {
                self.parts.telemetry.metrics.checkpoint(CheckpointResult::failed);
                let first = self.checkpoints.problem().is_none();
                self.timers.checkpoints_blocked = Some(now + self.ring_setbacks.next_pause());
                self.checkpoints.failed(header, content, &error);
                self.say(announce::checkpoint_failed(&error.to_string()), now);
                if first {
                    self.pacer.changed(now);
                }
            }
        }
    }
}
