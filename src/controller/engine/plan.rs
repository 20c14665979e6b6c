//! A plan made and carried out: the write started, or else what there is to say of every mapping said.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_auth::approval::Nonce;
use aws_auth::aws_auth::AwsAuth;
use aws_auth::mapping::Mapping;
use aws_auth::plan::{self, Outcome, Plan, Verdict};
use aws_auth::situation::{Rival, Situation};
use aws_auth::{Key, Timestamp};
use tokio::time::Instant;

use super::Engine;
use super::checkpoints::{Base, Footing};
use super::read_write::Deeds;
use crate::controller::announce;
use crate::controller::events::Notice;
use crate::controller::status_writer::News;
use crate::controller::target::Live;
use crate::telemetry::health::Gate;

/// What a plan is made for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// To take in what changed, the first of it so long ago.
    TakeIn {
        /// How long that waited.
        waited: Duration,
    },
    /// To say how things stand after a write. What it wants written waits its turn.
    Report,
}

impl Engine {
    /// Plans with everything that changed until now, and writes what has to be written.
    pub(super) fn take_in(&mut self, now: Instant) {
        let waited = self.pacer.planned(now);
        self.plan(now, Purpose::TakeIn { waited });
    }

    /// Plans, writes what has to be written, and says how things stand.
    pub(super) fn plan(&mut self, now: Instant, purpose: Purpose) {
        let Some(live) = self.target.live() else { return };
        let mappings: Vec<&Mapping> = self.mappings.all().map(|row| &row.mapping).collect();
        let time = self.parts.clock.seconds();
        let configuration = self.parts.configuration.borrow().clone();
        let settings = &*configuration.settings;
        let footing = match self.base(live, &mappings, now) {
            Base::Plan(footing) => *footing,
            Base::Fetch(request) => return self.fetch_version(request),
            Base::Later => {
                let since = *self.timers.missing_since.get_or_insert(now);
                self.timers.wake = Some(since + self.parts.durations.absence);
                return;
            }
        };
        let Footing { mended, restored, labels, held, refused } = footing;
        let situation = Situation { restored, missing: held, ..self.situation(live, time) };
        self.timers.missing_since = None;
        let Plan { write, changes, held, mut verdicts, admins, requests, approved, wake } =
            plan::plan(&plan::Input {
                mappings: &mappings,
                aws_auth: mended.as_ref().unwrap_or(&live.aws_auth),
                cluster: self.parts.cluster,
                settings,
                now: time,
                situation: &situation,
            });
        self.refused = say_refused(&mut verdicts, self.refused.take().filter(|_| write.is_some()));
        let metrics = &self.parts.telemetry.metrics;
        if let Purpose::TakeIn { waited } = purpose {
            metrics.planned(now.elapsed(), waited);
        }
        let wake = wake.into_iter().chain(announce::next_announcement(mappings.iter().copied(), time)).min();
        self.timers.wake = wake.map(|wake| now + until(wake, time).min(self.parts.durations.resync));
        let write = match (write, purpose) {
            (Some(next), Purpose::TakeIn { .. }) => Some(next),
            (Some(_), Purpose::Report) => {
                if self.pacer.due().is_none() {
                    self.pacer.changed(now);
                }
                None
            }
            (None, _) => {
                self.parts.telemetry.health.open(Gate::Write);
                None
            }
        };
        // On the way to a write nothing is said that can wait for it; but where writes keep failing it is said now.
        if write.is_none() || self.setbacks.is_set_back() {
            metrics.held(&held);
            metrics.admins(admins.before);
            metrics.aws_auth(size(&live.aws_auth), entries(&live.aws_auth));
            let mut reasons: BTreeMap<&'static str, usize> = BTreeMap::new();
            let stale = configuration.stale.as_deref();
            let mut notices: Vec<Notice> = stale.map(announce::config_stale).into_iter().collect();
            let surroundings = configuration.surroundings();
            let mut said: BTreeSet<&str> = BTreeSet::new();
            for (verdict, row) in verdicts.iter().zip(self.mappings.all()) {
                *reasons.entry(verdict.outcome.reason()).or_default() += 1;
                if let Outcome::Held { message, .. } = &verdict.outcome {
                    said.insert(message);
                }
                notices.extend(announce::expires_soon(verdict.mapping, time));
                match self.statuses.judged(verdict, row, time, &surroundings) {
                    News::Yes => notices.extend(announce::judged(verdict)),
                    News::None => {}
                }
            }
            // What a person can let through is said with its hash, and all that the same guard holds at once.
            let alone = held.iter().filter(|held| !held.reason.can_be_approved());
            notices.extend(alone.filter(|held| !said.contains(held.message.as_str())).map(announce::held));
            notices.extend(requests.iter().filter_map(announce::waits));
            metrics.mappings(reasons.into_iter());
            metrics.pending_statuses(self.statuses.waiting());
            drop(verdicts);
            for notice in notices {
                self.say(notice, now);
            }
        } else {
            drop(verdicts);
        }
        match write {
            Some(next) => {
                self.target.label(labels);
                self.start_writing(next, Deeds { changes, approved, restored: situation.restored, refused });
            }
            None => self.keep_good(),
        }
    }

    /// What this engine remembers that matters to a plan.
    fn situation(&self, live: &Live, now: Timestamp) -> Situation {
        let durations = &self.parts.durations.guards;
        let rivals = Key::ALL.into_iter().filter_map(|key| {
            let client = live.clients.of_key(key)?;
            let until = self.contention.until(client, now, durations)?;
            Some(Rival { key, client: client.to_owned(), until })
        });
        Situation {
            fresh: Some(Nonce(u128::from(fastrand::u64(..)) << 64 | u128::from(fastrand::u64(..)))),
            rivals: rivals.collect(),
            outdated: self.crd.outdated(),
            crd: self.crd.uid(),
            checkpoint_problem: self.checkpoints.problem().map(str::to_owned),
            ..Situation::default()
        }
    }
}

/// What would be so with a write that the API server refused is not about to be.
fn say_refused(verdicts: &mut [Verdict<'_>], why: Option<String>) -> Option<String> {
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.outcome == Outcome::Pending) {
        if let Some(why) = &why {
            verdict.outcome = Outcome::WriteRefused(why.clone());
        }
    }
    why
}

fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(then.0.saturating_sub(now.0)).unwrap_or(0))
}

fn size(aws_auth: &AwsAuth) -> usize {
    aws_auth.source().data.iter().map(|(key, value)| key.len() + value.len()).sum()
}

pub(super) fn entries(aws_auth: &AwsAuth) -> usize {
    Key::ALL
        .iter()
        .map(|&key| aws_auth.key(key).items().filter(|(_, _, identity)| identity.is_some()).count())
        .sum()
}
