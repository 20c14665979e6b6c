//! The one loop: the watches, the timers and what came back go in; reads, one write at a time, statuses and Events
//! come out.
//!
//! One engine lives for one term of leadership and remembers nothing of the one before: the first list of a term is a
//! quorum read, so whatever went stale in between cannot matter. Decisions are made elsewhere: `plan` says what to
//! write, `pacing` when, `confirm` whether a removal is real, `target` whether our view is the newest.

mod checkpoints;
mod crd;
mod errands;
mod hear;
mod plan;
mod read_write;

use std::future::{Future, pending};
use std::pin::pin;
use std::time::Duration;

use aws_auth::contention::Contention;
use aws_auth::mapping::Uid;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt as _, StreamExt as _};
use http::StatusCode;
use kube::Client;
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use crate::client::CallError;
use crate::controller::backoff::Backoff;
use crate::controller::checkpoints::Checkpoints;
use crate::controller::clock::Clock;
use crate::controller::configuration::Configuration;
use crate::controller::crd::Crd;
use crate::controller::durations::Durations;
use crate::controller::events::Events;
use crate::controller::lease::Tenure;
use crate::controller::mappings::Mappings;
use crate::controller::pacing::Pacer;
use crate::controller::requests::Malformed;
use crate::controller::sources::{self, AwsAuthMetadata, CrdMetadata, GuardedMapping, Turn};
use crate::controller::status_writer::Statuses;
use crate::controller::target::Target;
use crate::telemetry::Telemetry;
use crate::telemetry::health::Gate;
use checkpoints::{RingOutcome, VersionOutcome, Wanted};
use crd::SchemaOutcome;
use errands::Errand;
use read_write::{ReadOutcome, Work, Write, WriteOutcome};

/// What an engine needs for a term.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) client: Client,
    /// The UID of namespace kube-system.
    pub(super) cluster: Uid,
    pub(super) configuration: Receiver<Configuration>,
    pub(super) durations: Durations,
    pub(super) identity: String,
    pub(super) tenure: Tenure,
    pub(super) clock: Clock,
    pub(super) telemetry: Telemetry,
}

/// One term.
pub(super) struct Engine {
    parts: Parts,
    mapping_turns: BoxStream<'static, Turn<GuardedMapping>>,
    target_turns: BoxStream<'static, Turn<AwsAuthMetadata>>,
    crd_turns: BoxStream<'static, Turn<CrdMetadata>>,
    crd: Crd,
    schema: Option<BoxFuture<'static, SchemaOutcome>>,
    checkpoints: Checkpoints,
    ring: Option<BoxFuture<'static, RingOutcome>>,
    wanted: Wanted,
    version: Option<BoxFuture<'static, VersionOutcome>>,
    mappings: Mappings,
    target: Target,
    /// The version that a list of the aws-auth watch under way has found.
    listed_version: Option<String>,
    pacer: Pacer,
    contention: Contention,
    statuses: Statuses,
    events: Events,
    work: Work,
    errands: FuturesUnordered<BoxFuture<'static, Errand>>,
    timers: Timers,
    /// Why the API server refused the last write, in its own words.
    refused: Option<String>,
    conflicts: Backoff,
    setbacks: Backoff,
    status_setbacks: Backoff,
    schema_setbacks: Backoff,
    ring_setbacks: Backoff,
}

/// When to look again though nothing happened.
struct Timers {
    resync: Instant,
    /// When time alone changes the plan.
    wake: Option<Instant>,
    /// Until when aws-auth is left alone after a failure.
    blocked: Option<Instant>,
    /// Until when statuses are.
    statuses_blocked: Option<Instant>,
    /// Until when checkpoints are.
    checkpoints_blocked: Option<Instant>,
    /// Since when there is no aws-auth, or none with an entry, though there was.
    missing_since: Option<Instant>,
}

/// A request that brought nothing back.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// What woke the loop.
enum Woken {
    Stop,
    Read(ReadOutcome),
    Wrote(Box<Write>, WriteOutcome),
    Mapping(Box<Turn<GuardedMapping>>),
    Target(Turn<AwsAuthMetadata>),
    Crd(Turn<CrdMetadata>),
    Schema(Box<SchemaOutcome>),
    Ring(RingOutcome),
    Version(Box<VersionOutcome>),
    Errand(Errand),
    Configuration,
    Timer,
}

impl Engine {
    pub(super) fn new(parts: Parts) -> Self {
        parts.telemetry.health.wait_for(Gate::IamMappings, "not listed yet");
        parts.telemetry.health.wait_for(Gate::AwsAuth, "not read yet");
        parts.telemetry.health.wait_for(Gate::Crd, "not read yet");
        let now = Instant::now();
        let durations = parts.durations;
        let mut engine = Self {
            mapping_turns: sources::mappings(parts.client.clone(), &durations),
            target_turns: sources::aws_auth(parts.client.clone(), &durations),
            crd_turns: sources::crd(parts.client.clone(), &durations),
            crd: Crd::default(),
            schema: None,
            checkpoints: Checkpoints::default(),
            ring: None,
            wanted: Wanted::default(),
            version: None,
            mappings: Mappings::default(),
            target: Target::default(),
            listed_version: None,
            pacer: Pacer::new(&durations),
            contention: Contention::default(),
            statuses: Statuses::default(),
            events: Events::new(parts.identity.clone()),
            work: Work::Idle,
            errands: FuturesUnordered::new(),
            timers: Timers {
                resync: now + durations.resync,
                wake: None,
                blocked: None,
                statuses_blocked: None,
                checkpoints_blocked: None,
                missing_since: None,
            },
            refused: None,
            conflicts: Backoff::new(durations.conflict),
            setbacks: Backoff::new(durations.setback),
            status_setbacks: Backoff::new(durations.setback),
            schema_setbacks: Backoff::new(durations.setback),
            ring_setbacks: Backoff::new(durations.setback),
            parts,
        };
        engine.read_ring(Duration::ZERO);
        engine
    }

    /// Works until `stop`; a write that is on its way then is waited for.
    pub(super) async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop.fuse());
        let mut stopping = false;
        loop {
            let look = if stopping {
                if !matches!(self.work, Work::Writing { .. }) {
                    return;
                }
                None
            } else {
                Some(self.advance(Instant::now()))
            };
            match self.wait(&mut stop, stopping, look).await {
                Woken::Stop => stopping = true,
                Woken::Timer => {}
                Woken::Read(outcome) => self.read(outcome),
                Woken::Wrote(write, outcome) => self.wrote(*write, outcome, stopping),
                Woken::Mapping(turn) => {
                    self.mapping(*turn);
                    self.hear_the_rest().await;
                }
                Woken::Target(turn) => {
                    self.target(turn);
                    self.hear_the_rest().await;
                }
                Woken::Crd(turn) => self.crd_turn(turn),
                Woken::Schema(outcome) => self.schema(*outcome),
                Woken::Ring(outcome) => self.ring(outcome),
                Woken::Version(outcome) => self.fetched(*outcome),
                Woken::Errand(errand) => self.errand(errand),
                Woken::Configuration => self.pacer.changed(Instant::now()),
            }
        }
    }

    async fn wait(
        &mut self,
        stop: &mut (impl Future<Output = ()> + Unpin),
        stopping: bool,
        look: Option<Instant>,
    ) -> Woken {
        let work = async {
            match &mut self.work {
                Work::Idle => pending().await,
                Work::Reading(outcome) => Woken::Read(outcome.await),
                Work::Writing { write: _, outcome } => {
                    let outcome = outcome.await;
                    match std::mem::replace(&mut self.work, Work::Idle) {
                        Work::Writing { write, outcome: _ } => Woken::Wrote(write, outcome),
                        Work::Idle | Work::Reading(_) => Woken::Timer,
                    }
                }
            }
        };
        let schema = async {
            match &mut self.schema {
                Some(outcome) => Woken::Schema(Box::new(outcome.await)),
                None => pending().await,
            }
        };
        let ring = async {
            match &mut self.ring {
                Some(outcome) => Woken::Ring(outcome.await),
                None => pending().await,
            }
        };
        let version = async {
            match &mut self.version {
                Some(outcome) => Woken::Version(Box::new(outcome.await)),
                None => pending().await,
            }
        };
        let timer = async {
            match look {
                Some(look) => tokio::time::sleep_until(look).await,
                None => pending().await,
            }
        };
        let woken = tokio::select! {
            biased;
            () = stop, if !stopping => Woken::Stop,
            // Before a write goes on, so that a removal in it hears of this first.
            Some(turn) = self.crd_turns.next() => Woken::Crd(turn),
            woken = work => woken,
            woken = schema, if !stopping => woken,
            woken = ring, if !stopping => woken,
            woken = version, if !stopping => woken,
            Some(turn) = self.mapping_turns.next(), if !stopping => Woken::Mapping(Box::new(turn)),
            Some(turn) = self.target_turns.next(), if !stopping => Woken::Target(turn),
            Some(errand) = self.errands.next(), if !self.errands.is_empty() => Woken::Errand(errand),
            Ok(()) = self.parts.configuration.changed() => Woken::Configuration,
            () = timer => Woken::Timer,
        };
        if matches!(woken, Woken::Read(_)) {
            self.work = Work::Idle;
        }
        if matches!(woken, Woken::Schema(_)) {
            self.schema = None;
        }
        if matches!(woken, Woken::Ring(_)) {
            self.ring = None;
        }
        if matches!(woken, Woken::Version(_)) {
            self.version = None;
        }
        woken
    }

    /// Starts whatever is due, and says when to look again.
    fn advance(&mut self, now: Instant) -> Instant {
        if now >= self.timers.resync {
            self.timers.resync = now + self.parts.durations.resync;
            self.target.forget_unless_writing();
            self.statuses.retry_all(&self.mappings);
            self.pacer.changed(now);
        }
        if self.timers.wake.is_some_and(|wake| wake <= now) {
            self.timers.wake = None;
            self.pacer.changed(now);
        }
        let mut look = self.timers.resync.min(self.timers.wake.unwrap_or(self.timers.resync));
        if let (Work::Idle, Some(due)) = (&self.work, self.due()) {
            if due > now {
                look = look.min(due);
            } else if self.target.live().is_some() {
                self.take_in(now);
            } else {
                self.start_reading();
            }
        }
        // A write that is on its way, or due, goes first.
        if matches!(self.work, Work::Idle) {
            look = look.min(self.start_errands(now).unwrap_or(look));
        }
        look
    }

    /// When to plan next; `None` while nothing changed or a source is incomplete.
    fn due(&self) -> Option<Instant> {
        let due = self.pacer.due().filter(|_| self.complete())?;
        Some(self.timers.blocked.map_or(due, |blocked| due.max(blocked)))
    }

    /// Whether everything is known that a plan is made from, but for aws-auth's content.
    fn complete(&self) -> bool {
        self.mappings.synced() && self.target.watched() && self.crd.known() && self.checkpoints.tried()
    }
}

impl Trouble {
    fn code(&self) -> Option<StatusCode> {
        match self {
            Self::Call(error) => error.code(),
            Self::Malformed(_) => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Call(error) => error.retry_after(),
            Self::Malformed(_) => None,
        }
    }
}
