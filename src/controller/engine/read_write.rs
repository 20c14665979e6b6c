//! aws-auth read and written: one request at a time, and what its outcome means.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_auth::Key;
use aws_auth::approval::Approved;
use aws_auth::aws_auth::AwsAuth;
use aws_auth::guards;
use aws_auth::plan::{Change, ChangeKind};
use aws_auth::restore::Restored;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

use super::checkpoints::Wanted;
use super::plan::Purpose;
use super::{Engine, Parts, Trouble};
use crate::checkpoints;
use crate::client::{CallError, call};
use crate::controller::checkpoints::{Place, RingError, put};
use crate::controller::clients::Clients;
use crate::controller::confirm::{Doubt, Removal, confirm};
use crate::controller::requests::{self, AWS_AUTH, Metadata, Object};
use crate::controller::target::{Live, LiveConfigMap};
use crate::controller::{announce, sources};
use crate::telemetry::Telemetry;
use crate::telemetry::health::Gate;
use crate::telemetry::metrics::{CheckpointResult, RestoredWhat, WriteResult};

/// What is done about aws-auth now: one thing at most.
pub(super) enum Work {
    Idle,
    Reading(BoxFuture<'static, ReadOutcome>),
    Writing { write: Box<Write>, outcome: BoxFuture<'static, WriteOutcome> },
}

pub(super) type ReadOutcome = Result<Option<LiveConfigMap>, Trouble>;
pub(super) type WriteOutcome = Result<Metadata, WriteError>;

/// What is written.
pub(super) struct Write {
    next: AwsAuth,
    deeds: Deeds,
    /// Who wrote aws-auth before us.
    clients: Clients,
    begun: Instant,
}

/// What a write does, to be told of once it has come back.
pub(super) struct Deeds {
    pub(super) changes: Vec<Change>,
    /// Approvals that it uses up.
    pub(super) approved: Vec<Approved>,
    /// What of aws-auth it restores.
    pub(super) restored: Vec<Restored>,
    /// Why an earlier version that a person asked for is not restored. The request is used up all the same.
    pub(super) refused: Option<String>,
}

impl Deeds {
    /// What is out of the ordinary about the write, for the history.
    fn note(&self, clients: &Clients) -> Option<String> {
        let restored = self.restored.iter().map(|restored| format!("restored, because {}", restored.why));
        let by = clients.approver().unwrap_or("a client that is not named");
        let approved = self.approved.iter().filter(|approved| !approved.principals.is_empty());
        let approved = approved.map(|approved| {
            format!(
                "{} held entries let through by {} of client {by:?}",
                approved.principals.len(),
                approved.hash
            )
        });
        let notes: Vec<String> = restored.chain(approved).collect();
        (!notes.is_empty()).then(|| notes.join("; "))
    }
}

#[derive(Debug)]
pub(super) enum WriteError {
    /// A removal could not be confirmed; nothing was sent.
    Doubt(Doubt),
    /// The text that a restore replaces could not be kept; nothing was sent.
    NotKept(RingError),
    /// There was no time left in the Lease; nothing was sent.
    LeaseOver,
    /// It was sent.
    Call(CallError),
}

impl Engine {
    pub(super) fn start_reading(&mut self) {
        self.target.read_begins();
        let Parts { client, durations, .. } = self.parts.clone();
        self.work = Work::Reading(
            async move {
                match call::<LiveConfigMap>(&client, requests::get_aws_auth()?, durations.read).await {
                    Ok(found) => Ok(Some(found)),
                    Err(error) if error.is_missing(AWS_AUTH) => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
            .boxed(),
        );
    }

    pub(super) fn read(&mut self, outcome: ReadOutcome) {
        let now = Instant::now();
        match outcome {
            Ok(found) => {
                self.target.read_ends(Live::read(found, self.parts.cluster));
                self.parts.telemetry.health.open(Gate::AwsAuth);
                if self.target.live().is_some() && self.complete() {
                    self.take_in(now);
                }
            }
            Err(error) => {
                self.parts.telemetry.health.close(Gate::AwsAuth, error.to_string());
                self.set_back(now, error.retry_after());
            }
        }
    }

    pub(super) fn start_writing(&mut self, next: AwsAuth, deeds: Deeds) {
        let removals: Vec<Removal> = deeds
            .changes
            .iter()
            .filter(|change| change.kind == ChangeKind::Remove)
            .filter_map(|change| change.owner)
            .map(|uid| {
                let name = self.mappings.name_of_gone(uid);
                let successor = name.and_then(|name| self.mappings.uid_of(name));
                let deleted_at = self.mappings.deleted_at(uid).map(str::to_owned);
                Removal { uid, name: name.map(str::to_owned), deleted_at, successor }
            })
            .collect();
        let clients = self.target.live().map(|live| live.clients.clone()).unwrap_or_default();
        let broken = broken(&deeds.restored, &clients, self.parts.clock.now());
        let Parts { client: api, durations, tenure, .. } = self.parts.clone();
        let Some(request) = self
            .target
            .write_begins(|envelope| requests::write_aws_auth(&envelope.body(&next), durations.write))
        else {
            return;
        };
        let recorded = self.target.live().and_then(|live| guards::recorded_crd(&live.aws_auth));
        let (planned, crd) = (self.crd.uid().or(recorded), self.crd.standing());
        let outcome = async move {
            let request = request.map_err(|error| WriteError::Doubt(error.into()))?;
            if !removals.is_empty() {
                let begun = Instant::now();
                confirm(&api, &removals, planned, &crd, durations.read).await.map_err(WriteError::Doubt)?;
                tracing::debug!(
                    removals = removals.len(),
                    took_us = begun.elapsed().as_micros(),
                    "confirmed"
                );
            }
            if let Some(broken) = broken {
                let kept = put(&api, checkpoints::BROKEN, Place::Free, &broken, durations.write).await;
                kept.map_err(WriteError::NotKept)?;
            }
            if !tenure.outlasts(Instant::now(), durations.write) {
                return Err(WriteError::LeaseOver);
            }
            let written: Object = call(&api, request, durations.write).await.map_err(WriteError::Call)?;
            Ok(written.metadata)
        };
        let write = Box::new(Write { next, deeds, clients, begun: Instant::now() });
        self.work = Work::Writing { write, outcome: outcome.boxed() };
    }

    pub(super) fn wrote(&mut self, write: Write, outcome: WriteOutcome, stopping: bool) {
        let now = Instant::now();
        let took = now.duration_since(write.begun);
        let Telemetry { metrics, health } = self.parts.telemetry.clone();
        let error = match outcome {
            Ok(answer) => {
                metrics.wrote(WriteResult::ok, took);
                health.open(Gate::Write);
                self.conflicts.succeeded();
                self.setbacks.succeeded();
                self.refused = None;
                self.timers.blocked = None;
                self.pacer.wrote(now);
                tracing::info!(
                    changes = write.deeds.changes.len(),
                    took_ms = took.as_millis(),
                    "aws-auth written"
                );
                self.count_put_backs(&write);
                let note = write.deeds.note(&write.clients);
                self.target.write_ends(write.next, answer, note);
                self.wanted = Wanted::Nothing;
                if let Some(why) = &write.deeds.refused {
                    self.say(announce::restore_refused(why, write.clients.author()), now);
                }
                for restored in &write.deeds.restored {
                    let (what, client) = match restored.key {
                        Some(key) => (RestoredWhat::key, write.clients.of_key(key)),
                        None => (RestoredWhat::all, write.clients.author()),
                    };
                    metrics.restored(what);
                    self.say(announce::restored(restored, client), now);
                }
                for approved in &write.deeds.approved {
                    self.say(announce::approved(approved, write.clients.approver()), now);
                }
                for change in &write.deeds.changes {
                    if let Some(owner) = change.owner.filter(|_| change.kind == ChangeKind::Remove) {
                        self.mappings.buried(owner);
                    }
                    self.say(announce::written(change, write.clients.of_key(change.key)), now);
                }
                if stopping {
                    return;
                }
                if !self.complete() {
                    // How things stand is said once it is.
                    self.pacer.changed(now);
                    return;
                }
                match self.pacer.due() {
                    Some(due) if due <= now => self.take_in(now),
                    _ => self.plan(now, Purpose::Report),
                }
                return;
            }
            Err(error) => error,
        };
        // Whatever happened, what is known now is what a read says.
        self.target.forget();
        self.pacer.changed(now);
        match error {
            WriteError::Doubt(doubt @ (Doubt::StillThere(_) | Doubt::MadeAnew(_))) => {
                tracing::warn!("{doubt}");
                self.mapping_turns = sources::mappings(self.parts.client.clone(), &self.parts.durations);
                self.mappings.list_begins();
            }
            WriteError::Doubt(doubt) => {
                if matches!(doubt, Doubt::CrdMadeAnew) {
                    self.read_schema(Duration::ZERO);
                }
                health.close(Gate::Write, doubt.to_string());
                self.set_back(now, None);
            }
            WriteError::NotKept(error) => {
                metrics.checkpoint(CheckpointResult::failed);
                self.say(announce::checkpoint_failed(&error.to_string()), now);
                self.set_back(now, None);
            }
            WriteError::LeaseOver => self.set_back(now, None),
            WriteError::Call(error) if error.is_conflict() || error.is_missing(AWS_AUTH) => {
                metrics.wrote(WriteResult::conflict, took);
                self.timers.blocked = Some(now + self.conflicts.next_pause());
            }
            WriteError::Call(error @ CallError::Refused { .. }) => {
                metrics.wrote(WriteResult::refused, took);
                health.close(Gate::Write, error.to_string());
                self.say(announce::refused(&error.to_string()), now);
                self.refused = Some(error.to_string());
                self.set_back(now, error.retry_after());
            }
            WriteError::Call(error) => {
                metrics.wrote(WriteResult::unknown, took);
                health.close(Gate::Write, error.to_string());
                self.pacer.wrote(now);
                self.set_back(now, None);
            }
        }
    }

    /// Each client counts once, however many of its edits were undone.
    fn count_put_backs(&mut self, write: &Write) {
        let put_back = |key: &Key| {
            let mut changes = write.deeds.changes.iter();
            changes.any(|change| change.kind == ChangeKind::PutBack && change.key == *key)
        };
        let clients: BTreeSet<&str> = Key::ALL
            .iter()
            .filter(|key| put_back(key))
            .filter_map(|key| write.clients.of_key(*key))
            .collect();
        for client in clients {
            self.contention.put_back(client, self.parts.clock.seconds(), &self.parts.durations.guards);
        }
    }

    /// Leaves aws-auth alone for a while.
    fn set_back(&mut self, now: Instant, retry_after: Option<Duration>) {
        let pause = self.setbacks.next_pause().max(retry_after.unwrap_or_default());
        self.timers.blocked = Some(now + pause);
    }
}

/// The `ConfigMap` that keeps the texts which a restore replaces; `None` where none is lost.
fn broken(restored: &[Restored], clients: &Clients, now: Timestamp) -> Option<serde_json::Value> {
    let texts: BTreeMap<&str, &str> = restored
        .iter()
        .filter_map(|restored| Some((restored.key?.as_str(), restored.broken.as_deref()?)))
        .collect();
    let why: Vec<&str> = restored.iter().map(|restored| restored.why.as_str()).collect();
    (!texts.is_empty())
        .then(|| checkpoints::broken(&texts, &why.join("; "), clients.author(), &now.to_string()))
}
