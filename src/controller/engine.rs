//! The one loop: both watches, the timers and what came back go in; reads, one write at a time, statuses and Events
//! come out.
//!
//! One engine lives for one term of leadership and remembers nothing of the one before: the first list of a term is a
//! quorum read, so whatever went stale in between cannot matter. Decisions are made elsewhere: `plan` says what to
//! write, `pacing` when, `confirm` whether a removal is real, `target` whether our view is the newest.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aws_auth::aws_auth::AwsAuth;
use aws_auth::mapping::{Mapping, Uid};
use aws_auth::plan::{self, Change, ChangeKind, Outcome, Plan};
use aws_auth::settings::Settings;
use aws_auth::{Key, Timestamp};
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt as _, StreamExt as _};
use http::StatusCode;
use kube::runtime::watcher::{self, Event};
use kube::{Client, Resource as _};
use tokio::time::Instant;

use crate::api::convert;
use crate::client::{CallError, call, chain};
use crate::controller::announce;
use crate::controller::backoff::Backoff;
use crate::controller::confirm::{Doubt, Removal, confirm};
use crate::controller::events::{Events, Notice, Taken};
use crate::controller::lease::Tenure;
use crate::controller::mappings::{Effect, Mappings, Row};
use crate::controller::pacing::Pacer;
use crate::controller::requests::{
    self, AWS_AUTH, Malformed, Metadata, Object, READ_DEADLINE, WRITE_DEADLINE,
};
use crate::controller::sources::{self, AwsAuthMetadata, GuardedMapping, Turn};
use crate::controller::status_writer::{Address, News, Sending, Statuses};
use crate::controller::target::{Live, LiveConfigMap, Target};
use crate::telemetry::Telemetry;
use crate::telemetry::health::Gate;
use crate::telemetry::metrics::{EventResult, WriteResult};

/// Everything is looked at afresh this often, whatever the watches say.
const RESYNC: Duration = Duration::from_mins(5);
/// Statuses on their way at once: more make a storm no shorter, and a write in the middle of it slower.
const STATUSES_AT_ONCE: usize = 2;

/// What an engine needs for a term.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) client: Client,
    /// The UID of namespace kube-system.
    pub(super) cluster: Uid,
    pub(super) settings: Arc<Settings>,
    pub(super) identity: String,
    pub(super) tenure: Tenure,
    pub(super) telemetry: Telemetry,
}

/// One term.
pub(super) struct Engine {
    parts: Parts,
    mapping_turns: BoxStream<'static, Turn<GuardedMapping>>,
    target_turns: BoxStream<'static, Turn<AwsAuthMetadata>>,
    mappings: Mappings,
    target: Target,
    /// The version that a list of the aws-auth watch under way has found.
    listed_version: Option<String>,
    pacer: Pacer,
    statuses: Statuses,
    events: Events,
    work: Work,
    errands: FuturesUnordered<BoxFuture<'static, Errand>>,
    timers: Timers,
    conflicts: Backoff,
    setbacks: Backoff,
    status_setbacks: Backoff,
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
}

/// What is done about aws-auth now: one thing at most.
enum Work {
    Idle,
    Reading(BoxFuture<'static, ReadOutcome>),
    Writing { write: Box<Write>, outcome: BoxFuture<'static, WriteOutcome> },
}

type ReadOutcome = Result<Option<LiveConfigMap>, Trouble>;
type WriteOutcome = Result<Metadata, WriteError>;

/// What is written.
struct Write {
    next: AwsAuth,
    changes: Vec<Change>,
    /// Who wrote aws-auth before us.
    client: Option<String>,
    begun: Instant,
}

/// A request that brought nothing back.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

#[derive(Debug)]
enum WriteError {
    /// A removal could not be confirmed; nothing was sent.
    Doubt(Doubt),
    /// There was no time left in the Lease; nothing was sent.
    LeaseOver,
    /// It was sent.
    Call(CallError),
}

/// Something done on the side.
enum Errand {
    Status(Box<Sending>, Result<(), Trouble>),
    Event(Result<(), Trouble>),
}

/// What woke the loop.
enum Woken {
    Stop,
    Read(ReadOutcome),
    Wrote(Box<Write>, WriteOutcome),
    Mapping(Box<Turn<GuardedMapping>>),
    Target(Turn<AwsAuthMetadata>),
    Errand(Errand),
    Timer,
    /// A stream ended, which they never do.
    Ended,
}

impl Engine {
    pub(super) fn new(parts: Parts) -> Self {
        parts.telemetry.health.wait_for(Gate::IamMappings, "not listed yet");
        parts.telemetry.health.wait_for(Gate::AwsAuth, "not read yet");
        let now = Instant::now();
        Self {
            mapping_turns: sources::mappings(parts.client.clone()),
            target_turns: sources::aws_auth(parts.client.clone()),
            mappings: Mappings::default(),
            target: Target::default(),
            listed_version: None,
            pacer: Pacer::default(),
            statuses: Statuses::default(),
            events: Events::new(parts.identity.clone()),
            work: Work::Idle,
            errands: FuturesUnordered::new(),
            timers: Timers { resync: now + RESYNC, wake: None, blocked: None, statuses_blocked: None },
            conflicts: Backoff::new(Duration::from_millis(10), Duration::from_secs(5)),
            setbacks: Backoff::new(Duration::from_secs(1), Duration::from_secs(15)),
            status_setbacks: Backoff::new(Duration::from_secs(1), Duration::from_secs(15)),
            parts,
        }
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
                Woken::Ended => return,
                Woken::Timer => {}
                Woken::Read(outcome) => self.read(outcome),
                Woken::Wrote(write, outcome) => self.wrote(*write, outcome, stopping),
                Woken::Mapping(turn) => self.mapping(*turn),
                Woken::Target(turn) => self.target(turn),
                Woken::Errand(errand) => self.errand(errand),
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
        let timer = async {
            match look {
                Some(look) => tokio::time::sleep_until(look).await,
                None => pending().await,
            }
        };
        let woken = tokio::select! {
            biased;
            () = stop, if !stopping => Woken::Stop,
            woken = work => woken,
            turn = self.mapping_turns.next(), if !stopping => turn.map_or(Woken::Ended, |turn| Woken::Mapping(Box::new(turn))),
            turn = self.target_turns.next(), if !stopping => turn.map_or(Woken::Ended, Woken::Target),
            Some(errand) = self.errands.next(), if !self.errands.is_empty() => Woken::Errand(errand),
            () = timer => Woken::Timer,
        };
        if matches!(woken, Woken::Read(_)) {
            self.work = Work::Idle;
        }
        woken
    }

    /// Starts whatever is due, and says when to look again.
    fn advance(&mut self, now: Instant) -> Instant {
        if now >= self.timers.resync {
            self.timers.resync = now + RESYNC;
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
        let due = self.pacer.due().filter(|_| self.mappings.synced() && self.target.watched())?;
        Some(self.timers.blocked.map_or(due, |blocked| due.max(blocked)))
    }

    fn start_reading(&mut self) {
        self.target.read_begins();
        let client = self.parts.client.clone();
        self.work = Work::Reading(
            async move {
                match call::<LiveConfigMap>(&client, requests::get_aws_auth()?, READ_DEADLINE).await {
                    Ok(found) => Ok(Some(found)),
                    Err(error) if error.is_missing(AWS_AUTH) => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
            .boxed(),
        );
    }

    fn read(&mut self, outcome: ReadOutcome) {
        let now = Instant::now();
        match outcome {
            Ok(found) => {
                self.target.read_ends(Live::read(found, self.parts.cluster));
                self.parts.telemetry.health.open(Gate::AwsAuth);
                if self.target.live().is_some() && self.mappings.synced() && self.target.watched() {
                    self.take_in(now);
                }
            }
            Err(error) => {
                self.parts.telemetry.health.close(Gate::AwsAuth, error.to_string());
                self.set_back(now, error.retry_after());
            }
        }
    }

    /// Plans with everything that changed until now, and writes what has to be written.
    fn take_in(&mut self, now: Instant) {
        let waited = self.pacer.planned(now);
        self.plan(now, Some(waited));
    }

    /// Plans. `waited` is how long the changes did that this plan takes in; without it the plan only says how things
    /// stand after a write, and what it wants written waits its turn.
    fn plan(&mut self, now: Instant, waited: Option<Duration>) {
        let Some(live) = self.target.live() else { return };
        let mappings: Vec<&Mapping> = self.mappings.all().map(|row| &row.mapping).collect();
        let time = wall_clock();
        let settings = &*self.parts.settings;
        let Plan { write, changes, held, verdicts, admins, wake } = plan::plan(&plan::Input {
            mappings: &mappings,
            aws_auth: &live.aws_auth,
            cluster: self.parts.cluster,
            settings,
            now: time,
        });
        let metrics = &self.parts.telemetry.metrics;
        if let Some(waited) = waited {
            metrics.planned(now.elapsed(), waited);
        }
        self.timers.wake = [wake, announce::next_announcement(mappings.iter().copied(), time)]
            .into_iter()
            .flatten()
            .min()
            .map(|wake| now + until(wake, time));
        let write = match write {
            Some(next) if waited.is_some() => Some(next),
            Some(_) => {
                if self.pacer.due().is_none() {
                    self.pacer.changed(now);
                }
                None
            }
            None => {
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
            let mut notices: Vec<Notice> = Vec::new();
            let mut said: BTreeSet<&str> = BTreeSet::new();
            for (verdict, row) in verdicts.iter().zip(self.mappings.all()) {
                *reasons.entry(verdict.outcome.reason()).or_default() += 1;
                if let Outcome::Held { message, .. } = &verdict.outcome {
                    said.insert(message);
                }
                notices.extend(announce::expires_soon(verdict.mapping, time));
                match self.statuses.judged(verdict, row, time, settings.authentication_mode) {
                    News::Yes => notices.extend(announce::judged(verdict)),
                    News::None => {}
                }
            }
            notices
                .extend(held.iter().filter(|held| !said.contains(held.message.as_str())).map(announce::held));
            metrics.mappings(reasons.into_iter());
            metrics.pending_statuses(self.statuses.waiting());
            drop(verdicts);
            for notice in notices {
                self.say(notice, now);
            }
        } else {
            drop(verdicts);
        }
        if let Some(next) = write {
            self.start_writing(next, changes);
        }
    }

    fn start_writing(&mut self, next: AwsAuth, changes: Vec<Change>) {
        let removals: Vec<Removal> = changes
            .iter()
            .filter(|change| change.kind == ChangeKind::Remove)
            .filter_map(|change| change.owner)
            .map(|uid| Removal { uid, name: self.mappings.name_of_gone(uid).map(str::to_owned) })
            .collect();
        let client = self.target.live().and_then(|live| live.last_client.clone());
        let Some(request) =
            self.target.write_begins(|envelope| requests::write_aws_auth(&envelope.body(&next)))
        else {
            return;
        };
        let Parts { client: api, tenure, .. } = self.parts.clone();
        let outcome = async move {
            let request = request.map_err(|error| WriteError::Doubt(error.into()))?;
            if !removals.is_empty() {
                confirm(&api, &removals).await.map_err(WriteError::Doubt)?;
            }
            if !tenure.outlasts(Instant::now(), WRITE_DEADLINE) {
                return Err(WriteError::LeaseOver);
            }
            let written: Object = call(&api, request, WRITE_DEADLINE).await.map_err(WriteError::Call)?;
            Ok(written.metadata)
        };
        let write = Box::new(Write { next, changes, client, begun: Instant::now() });
        self.work = Work::Writing { write, outcome: outcome.boxed() };
    }

    fn wrote(&mut self, write: Write, outcome: WriteOutcome, stopping: bool) {
        let now = Instant::now();
        let took = now.duration_since(write.begun);
        let Telemetry { metrics, health } = self.parts.telemetry.clone();
        let error = match outcome {
            Ok(answer) => {
                metrics.wrote(WriteResult::ok, took);
                health.open(Gate::Write);
                self.conflicts.succeeded();
                self.setbacks.succeeded();
                self.timers.blocked = None;
                self.pacer.wrote(now);
                tracing::info!(changes = write.changes.len(), took_ms = took.as_millis(), "aws-auth written");
                self.target.write_ends(write.next, answer);
                for change in &write.changes {
                    if let Some(owner) = change.owner.filter(|_| change.kind == ChangeKind::Remove) {
                        self.mappings.buried(owner);
                    }
                    self.say(announce::written(change, write.client.as_deref()), now);
                }
                if stopping || !self.mappings.synced() || !self.target.watched() {
                    return;
                }
                match self.pacer.due() {
                    Some(due) if due <= now => self.take_in(now),
                    _ => self.plan(now, None),
                }
                return;
            }
            Err(error) => error,
        };
        // Whatever happened, what is known now is what a read says.
        self.target.forget();
        self.pacer.changed(now);
        match error {
            WriteError::Doubt(Doubt::StillThere(uid)) => {
                tracing::warn!(
                    "IamMapping with UID {uid} still exists; listing again before anything is revoked"
                );
                self.mapping_turns = sources::mappings(self.parts.client.clone());
                self.mappings.list_begins();
            }
            WriteError::Doubt(doubt) => {
                health.close(Gate::Write, doubt.to_string());
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

    /// Leaves aws-auth alone for a while.
    fn set_back(&mut self, now: Instant, retry_after: Option<Duration>) {
        let pause = self.setbacks.next_pause().max(retry_after.unwrap_or_default());
        self.timers.blocked = Some(now + pause);
    }

    fn mapping(&mut self, turn: Turn<GuardedMapping>) {
        let health = &self.parts.telemetry.health;
        let effect = match turn {
            Err(error) => {
                health.close(Gate::IamMappings, why(&error));
                return;
            }
            Ok(Event::Init) => {
                self.mappings.list_begins();
                return;
            }
            Ok(Event::InitApply(object)) => {
                self.seen(&object);
                self.mappings.listed(row(&object));
                return;
            }
            Ok(Event::InitDone) => {
                health.open(Gate::IamMappings);
                let effect = self.mappings.list_ends();
                self.statuses.keep_only(&self.mappings);
                tracing::info!(mappings = self.mappings.len(), "IamMappings listed");
                effect
            }
            Ok(Event::Apply(object)) => {
                let effect = self.mappings.applied(row(&object));
                self.seen(&object);
                effect
            }
            Ok(Event::Delete(object)) => {
                let row = row(&object);
                self.statuses.gone(row.mapping.uid);
                self.mappings.deleted(&row.mapping.name, row.mapping.uid)
            }
        };
        if effect == Effect::Changed {
            self.pacer.changed(Instant::now());
        }
    }

    fn seen(&mut self, object: &GuardedMapping) {
        let row = convert::guarded(object);
        let status = object.0.as_ref().ok().and_then(|object| object.status.as_ref());
        self.statuses.seen(Address { name: row.name, uid: row.uid }, status);
    }

    fn target(&mut self, turn: Turn<AwsAuthMetadata>) {
        let news = match turn {
            Err(error) => {
                self.parts.telemetry.health.close(Gate::AwsAuth, why(&error));
                false
            }
            Ok(Event::Init) => {
                self.target.list_begins();
                self.listed_version = None;
                false
            }
            Ok(Event::InitApply(object)) => {
                self.listed_version = object.metadata.resource_version;
                false
            }
            Ok(Event::InitDone) => {
                self.target.listed(self.listed_version.take());
                self.target.live().is_none()
            }
            Ok(Event::Apply(object) | Event::Delete(object)) => {
                object.metadata.resource_version.is_some_and(|version| self.target.heard(version))
            }
        };
        if news {
            self.pacer.changed(Instant::now());
        }
    }

    /// Sends statuses, and Events once there are none left. Returns when to look again.
    fn start_errands(&mut self, now: Instant) -> Option<Instant> {
        if let Some(blocked) = self.timers.statuses_blocked.filter(|blocked| *blocked > now) {
            return Some(blocked);
        }
        let mode = self.parts.settings.authentication_mode;
        while self.errands.len() < STATUSES_AT_ONCE && self.parts.tenure.outlasts(now, WRITE_DEADLINE) {
            let Some(sending) = self.statuses.next(&self.mappings, wall_clock(), mode) else { break };
            let client = self.parts.client.clone();
            self.errands.push(
                async move {
                    let outcome = async {
                        let request = requests::patch_status(&sending.to.name, &sending.body)?;
                        call::<Object>(&client, request, WRITE_DEADLINE).await?;
                        Ok(())
                    };
                    let outcome = outcome.await;
                    Errand::Status(Box::new(sending), outcome)
                }
                .boxed(),
            );
        }
        if self.errands.is_empty() && !self.events.is_empty() {
            let letter = self.events.next()?;
            let client = self.parts.client.clone();
            self.errands.push(
                async move {
                    let outcome = async {
                        let request = requests::create_event(letter.namespace, &letter.body)?;
                        call::<Object>(&client, request, WRITE_DEADLINE).await?;
                        Ok(())
                    };
                    Errand::Event(outcome.await)
                }
                .boxed(),
            );
        }
        None
    }

    fn errand(&mut self, errand: Errand) {
        let now = Instant::now();
        let Telemetry { metrics, health } = &self.parts.telemetry;
        match errand {
            Errand::Status(sending, Ok(())) => {
                health.open(Gate::Status);
                self.status_setbacks.succeeded();
                self.statuses.sent(*sending);
            }
            Errand::Status(sending, Err(error)) => match error.code() {
                // Gone or replaced: the watch tells.
                Some(StatusCode::NOT_FOUND | StatusCode::CONFLICT) => self.statuses.parked(&sending.to),
                Some(StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST) => {
                    health.close(Gate::Status, format!("IamMapping {}: {error}", sending.to.name));
                    self.statuses.parked(&sending.to);
                }
                _ => {
                    health.close(Gate::Status, error.to_string());
                    let pause =
                        self.status_setbacks.next_pause().max(error.retry_after().unwrap_or_default());
                    self.timers.statuses_blocked = Some(now + pause);
                    self.statuses.failed(sending.to);
                }
            },
            Errand::Event(Ok(())) => metrics.event(EventResult::sent),
            // The same was said lately.
            Errand::Event(Err(error)) if error.code() == Some(StatusCode::CONFLICT) => {
                metrics.event(EventResult::sent);
            }
            Errand::Event(Err(error)) => {
                tracing::warn!("an Event could not be sent: {error}");
                metrics.event(EventResult::failed);
            }
        }
        metrics.pending_statuses(self.statuses.waiting());
    }

    fn say(&mut self, notice: Notice, now: Instant) {
        match self.events.say(notice, now) {
            Taken::Queued | Taken::SaidBefore => {}
            Taken::Dropped => self.parts.telemetry.metrics.event(EventResult::dropped),
        }
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

fn row(object: &GuardedMapping) -> Row {
    Row { mapping: convert::guarded(object), generation: object.meta().generation.unwrap_or_default() }
}

/// What is wrong with a watch, for the person who must act.
fn why(error: &watcher::Error) -> String {
    let (watcher::Error::InitialListFailed(cause)
    | watcher::Error::WatchStartFailed(cause)
    | watcher::Error::WatchFailed(cause)) = error
    else {
        return chain(error);
    };
    match cause {
        kube::Error::Api(status) if status.code == 404 => format!(
            "the CRD {} is not installed; apply it with: aws-auth-operator crd | kubectl apply -f -",
            requests::CRD
        ),
        kube::Error::Api(status) => format!("{} (HTTP {})", status.message, status.code),
        error => chain(error),
    }
}

fn wall_clock() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_second())
}

fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(then.0.saturating_sub(now.0)).unwrap_or(0)).min(RESYNC)
}

fn size(aws_auth: &AwsAuth) -> usize {
    aws_auth.source().data.iter().map(|(key, value)| key.len() + value.len()).sum()
}

fn entries(aws_auth: &AwsAuth) -> usize {
    Key::ALL
        .iter()
        .map(|&key| aws_auth.key(key).items().filter(|(_, _, identity)| identity.is_some()).count())
        .sum()
}
