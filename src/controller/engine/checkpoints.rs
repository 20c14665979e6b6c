//! Checkpoints taken and used: the ring read when a term begins, every good version taken in, and what a plan is made on
//! when aws-auth is damaged.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_auth::aws_auth::AwsAuth;
use aws_auth::restore::{self, Absence, Remedy, Restored};
use futures::FutureExt as _;
use jiff::Timestamp;
use tokio::time::Instant;

use super::errands::Errand;
use super::{Engine, plan};
use crate::checkpoints;
use crate::controller::announce;
use crate::controller::checkpoints::{Author, Ring, RingError, Seen, put, read_ring};
use crate::controller::target::{Live, Origin};
use crate::telemetry::metrics::CheckpointResult;

pub(super) type RingOutcome = Result<Ring, RingError>;

/// What a plan is made on.
pub(super) enum Base {
    /// aws-auth as it stands.
    Live,
    /// aws-auth as it is once what is damaged has been restored.
    Mended { aws_auth: Box<AwsAuth>, labels: BTreeMap<String, String>, restored: Vec<Restored> },
    /// aws-auth as it stands, in which nothing may be written.
    Held(String),
    /// Nothing yet: somebody may be about to make it again.
    Later,
}

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
    pub(super) fn base(&self, live: &Live, now: Instant) -> Base {
        // What we wrote ourselves is meant to be as it is.
        if live.origin != Origin::Read || !restore::suspicious(&live.aws_auth) {
            return Base::Live;
        }
        let settings = self.parts.configuration.borrow().settings.clone();
        let guards = &settings.guards;
        if self.checkpoints.unread() && !live.aws_auth.exists() {
            let why = self.checkpoints.problem().unwrap_or("not read yet");
            return Base::Held(format!(
                "there is no aws-auth, and whether there was one cannot be told, because the checkpoints cannot be read: {why}"
            ));
        }
        let Some(state) = self.checkpoints.good() else { return Base::Live };
        let labels = state.labels.clone().into_owned();
        let good = state.read(self.parts.cluster);
        let settled = |since: Instant| now >= since + self.parts.durations.absence;
        let absence =
            if self.timers.missing_since.is_some_and(settled) { Absence::Settled } else { Absence::Fresh };
        let (problem, cluster) = (self.checkpoints.problem(), self.parts.cluster);
        match restore::remedy(&live.aws_auth, Some(&good), guards, problem, absence, cluster) {
            Remedy::Sound | Remedy::Hold(None) => Base::Live,
            Remedy::Hold(Some(why)) => Base::Held(why),
            Remedy::Wait => Base::Later,
            Remedy::Restore(damage) => {
                let (aws_auth, restored) = restore::mend(&live.aws_auth, &good, &damage, self.parts.cluster);
                Base::Mended { aws_auth: Box::new(aws_auth), labels, restored }
            }
        }
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
                at: Timestamp::now().to_string(),
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
        let Some((header, content)) = self.checkpoints.queued() else { return };
        let (client, deadline) = (self.parts.client.clone(), self.parts.durations.write);
        self.errands.push(
            async move {
                let name = checkpoints::name(header.number);
                let body = checkpoints::config_map(&header, &content);
                let outcome = put(&client, &name, &body, deadline).await;
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
