//! What is counted. The names, labels and units are a promise to dashboards and alerts: `docs/metrics.md` lists them,
//! and a test here fails when the two differ.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use aws_auth::plan::{Held, HoldReason};
use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

const PREFIX: &str = "aws_auth_operator";

type Seconds = Gauge<f64, AtomicU64>;

/// Every metric of one operator. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    registry: Registry,
    writes: Family<WriteLabel, Counter>,
    write_duration: Histogram,
    plan_duration: Histogram,
    queue_wait: Histogram,
    iam_mappings: Family<ReasonLabel, Gauge>,
    held: Family<ReasonLabel, Gauge>,
    leader: Gauge,
    last_write: Seconds,
    last_heard: Family<ResourceLabel, Seconds>,
    requests: Family<RequestLabel, Counter>,
    aws_auth_size: Gauge,
    aws_auth_entries: Gauge,
    admins: Gauge,
    pending_statuses: Gauge,
    events: Family<EventLabel, Counter>,
    configuration: Gauge,
    reloads: Family<ReloadLabel, Counter>,
    checkpoints: Family<CheckpointLabel, Counter>,
    restores: Family<RestoreLabel, Counter>,
    tasks: Gauge,
}

/// What came of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are lower case")]
pub enum CheckpointResult {
    /// It is in the ring.
    kept,
    /// The API server did not take it.
    failed,
}

/// What was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are lower case")]
pub enum RestoredWhat {
    /// A key that did not parse.
    key,
    /// All of aws-auth.
    all,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckpointLabel {
    result: CheckpointResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RestoreLabel {
    what: RestoredWhat,
}

/// What came of a write of aws-auth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are lower case")]
pub enum WriteResult {
    /// It is in the cluster.
    ok,
    /// Somebody else was faster; read again.
    conflict,
    /// The API server said no.
    refused,
    /// No answer: read again before anything else.
    unknown,
}

/// What came of an Event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are lower case")]
pub enum EventResult {
    /// Somebody can read it.
    sent,
    /// The API server did not take it.
    failed,
    /// Too many were waiting.
    dropped,
}

/// What came of a configuration file that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "label values are lower case")]
pub enum ReloadResult {
    /// It is in force.
    ok,
    /// It is wrong, and the one before stays in force.
    refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabel {
    result: WriteResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabel {
    result: EventResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabel {
    result: ReloadResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabel {
    resource: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabel {
    verb: &'static str,
    resource: String,
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabel {
    version: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let inner = Inner {
            registry: Registry::with_prefix(PREFIX),
            writes: Family::default(),
            write_duration: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            plan_duration: Histogram::new(exponential_buckets(0.000_1, 2.0, 14)),
            queue_wait: Histogram::new(exponential_buckets(0.000_1, 2.0, 18)),
            iam_mappings: Family::default(),
            held: Family::default(),
            leader: Gauge::default(),
            last_write: Seconds::default(),
            last_heard: Family::default(),
            requests: Family::default(),
            aws_auth_size: Gauge::default(),
            aws_auth_entries: Gauge::default(),
            admins: Gauge::default(),
            pending_statuses: Gauge::default(),
            events: Family::default(),
            configuration: Gauge::default(),
            reloads: Family::default(),
            checkpoints: Family::default(),
            restores: Family::default(),
            tasks: Gauge::default(),
        };
        inner.configuration.set(1);
        // A series that appears with its first increase hides that increase from rate().
        for result in [WriteResult::ok, WriteResult::conflict, WriteResult::refused, WriteResult::unknown] {
            drop(inner.writes.get_or_create(&WriteLabel { result }));
        }
        for result in [EventResult::sent, EventResult::failed, EventResult::dropped] {
            drop(inner.events.get_or_create(&EventLabel { result }));
        }
        for result in [ReloadResult::ok, ReloadResult::refused] {
            drop(inner.reloads.get_or_create(&ReloadLabel { result }));
        }
        for result in [CheckpointResult::kept, CheckpointResult::failed] {
            drop(inner.checkpoints.get_or_create(&CheckpointLabel { result }));
        }
        for what in [RestoredWhat::key, RestoredWhat::all] {
            drop(inner.restores.get_or_create(&RestoreLabel { what }));
        }
        for reason in HoldReason::ALL {
            drop(inner.held.get_or_create(&ReasonLabel { reason: reason.as_str() }));
        }
        Self { inner: Arc::new(inner.register()) }
    }
}

impl Inner {
    fn register(mut self) -> Self {
        let of = |unit: &str| Unit::Other(unit.to_owned());
        let r = &mut self.registry;
        r.register(
            "build",
            "The operator's version",
            Info::new(BuildLabel { version: env!("CARGO_PKG_VERSION") }),
        );
        r.register("leader", "1 while this replica holds the Lease, else 0", self.leader.clone());
        r.register_with_unit("aws_auth", "Writes of aws-auth by result", of("writes"), self.writes.clone());
        r.register_with_unit(
            "aws_auth_write_duration",
            "Time from sending a write of aws-auth to its answer",
            Unit::Seconds,
            self.write_duration.clone(),
        );
        r.register_with_unit(
            "last_successful_write_timestamp",
            "When aws-auth was last written, in seconds since 1970; 0 before the first write",
            Unit::Seconds,
            self.last_write.clone(),
        );
        r.register_with_unit(
            "plan_duration",
            "Time to plan, write the new text and verify it",
            Unit::Seconds,
            self.plan_duration.clone(),
        );
        r.register_with_unit(
            "queue_wait",
            "Time from the first change that a plan takes in to that plan",
            Unit::Seconds,
            self.queue_wait.clone(),
        );
        r.register_with_unit(
            "iam",
            "IamMappings by the reason that Ready carries",
            of("mappings"),
            self.iam_mappings.clone(),
        );
        r.register_with_unit(
            "held",
            "Parts of aws-auth that a guard holds, by reason",
            of("parts"),
            self.held.clone(),
        );
        r.register_with_unit(
            "aws_auth_size",
            "Size of aws-auth's data",
            Unit::Bytes,
            self.aws_auth_size.clone(),
        );
        r.register_with_unit(
            "aws_auth",
            "Entries that aws-auth holds, foreign ones included",
            of("entries"),
            self.aws_auth_entries.clone(),
        );
        r.register_with_unit(
            "matchable",
            "Admins that the authenticator can match, as the admin guard counts them",
            of("admins"),
            self.admins.clone(),
        );
        r.register_with_unit(
            "pending",
            "Statuses that wait to be written",
            of("statuses"),
            self.pending_statuses.clone(),
        );
        r.register_with_unit("published", "Events by what came of them", of("events"), self.events.clone());
        r.register(
            "config_valid",
            "1 while the configuration file as it stands is in force, else 0",
            self.configuration.clone(),
        );
        r.register_with_unit(
            "config",
            "Changes of the configuration file by what came of them",
            of("reloads"),
            self.reloads.clone(),
        );
        self.register_safety();
        self
    }

    /// What is kept and restored, and the connection that all of it depends on.
    fn register_safety(&mut self) {
        let of = |unit: &str| Unit::Other(unit.to_owned());
        let r = &mut self.registry;
        r.register_with_unit(
            "checkpoint",
            "Checkpoints of aws-auth by what came of them",
            of("versions"),
            self.checkpoints.clone(),
        );
        r.register_with_unit(
            "aws_auth_restored",
            "Restores of aws-auth, by what was restored",
            of("parts"),
            self.restores.clone(),
        );
        r.register_with_unit(
            "watch_last_heard_timestamp",
            "When the API server last said anything on a watch, in seconds since 1970",
            Unit::Seconds,
            self.last_heard.clone(),
        );
        r.register_with_unit(
            "api",
            "Requests to the API server by RBAC's verb, resource, and HTTP code (none: given up before an answer)",
            of("requests"),
            self.requests.clone(),
        );
        r.register_with_unit(
            "runtime",
            "Tasks that are alive in the operator's runtime; a number that only grows is a leak",
            of("tasks"),
            self.tasks.clone(),
        );
    }
}

impl Metrics {
    /// Everything, as Prometheus reads it.
    ///
    /// # Errors
    /// Never in practice: a string can always be written to.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.inner.registry)?;
        Ok(text)
    }

    /// A write of aws-auth came back.
    pub fn wrote(&self, result: WriteResult, took: Duration) {
        self.inner.writes.get_or_create(&WriteLabel { result }).inc();
        self.inner.write_duration.observe(took.as_secs_f64());
        if matches!(result, WriteResult::ok) {
            self.inner.last_write.set(now());
        }
    }

    /// A plan was made, of changes that had waited since the first of them.
    pub fn planned(&self, took: Duration, waited: Duration) {
        self.inner.plan_duration.observe(took.as_secs_f64());
        self.inner.queue_wait.observe(waited.as_secs_f64());
    }

    /// How many mappings there are of each reason.
    pub fn mappings(&self, reasons: impl Iterator<Item = (&'static str, usize)>) {
        self.inner.iam_mappings.clear();
        for (reason, count) in reasons {
            self.inner.iam_mappings.get_or_create(&ReasonLabel { reason }).set(gauge(count));
        }
    }

    /// What is held now.
    pub fn held(&self, held: &[Held]) {
        for reason in HoldReason::ALL {
            let count = held.iter().filter(|part| part.reason == reason).count();
            self.inner.held.get_or_create(&ReasonLabel { reason: reason.as_str() }).set(gauge(count));
        }
    }

    /// Whether this replica leads.
    pub fn leader(&self, leads: bool) {
        self.inner.leader.set(i64::from(leads));
    }

    /// How large aws-auth is.
    pub fn aws_auth(&self, bytes: usize, entries: usize) {
        self.inner.aws_auth_size.set(gauge(bytes));
        self.inner.aws_auth_entries.set(gauge(entries));
    }

    /// How many admins the authenticator can match.
    pub fn admins(&self, admins: usize) {
        self.inner.admins.set(gauge(admins));
    }

    /// How many statuses wait.
    pub fn pending_statuses(&self, waiting: usize) {
        self.inner.pending_statuses.set(gauge(waiting));
    }

    /// What came of an Event.
    pub fn event(&self, result: EventResult) {
        self.inner.events.get_or_create(&EventLabel { result }).inc();
    }

    /// The configuration file changed.
    pub fn reloaded(&self, result: ReloadResult) {
        self.inner.reloads.get_or_create(&ReloadLabel { result }).inc();
        self.inner.configuration.set(i64::from(matches!(result, ReloadResult::ok)));
    }

    /// What came of a checkpoint.
    pub fn checkpoint(&self, result: CheckpointResult) {
        self.inner.checkpoints.get_or_create(&CheckpointLabel { result }).inc();
    }

    /// Something was restored.
    pub fn restored(&self, what: RestoredWhat) {
        self.inner.restores.get_or_create(&RestoreLabel { what }).inc();
    }

    /// How many tasks are alive.
    pub fn tasks(&self, alive: usize) {
        self.inner.tasks.set(gauge(alive));
    }

    /// The API server said something on a watch.
    pub fn heard(&self, resource: &str) {
        self.inner.last_heard.get_or_create(&ResourceLabel { resource: resource.to_owned() }).set(now());
    }

    /// A request to the API server ended.
    pub fn request(&self, verb: &'static str, resource: &str, code: Option<u16>) {
        let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        let label = RequestLabel { verb, resource: resource.to_owned(), code };
        self.inner.requests.get_or_create(&label).inc();
    }
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^52")]
fn now() -> f64 {
    Timestamp::now().as_millisecond() as f64 / 1000.0
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line of the table in `docs/metrics.md` for each metric, as the registry has it.
    fn table() -> Vec<String> {
        let metrics = Metrics::default();
        metrics.mappings([("Applied", 1)].into_iter());
        metrics.heard("iammappings");
        metrics.request("get", "configmaps", Some(200));
        let text = metrics.text().unwrap();
        let mut rows = Vec::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' '))
            else {
                continue;
            };
            let kind = lines.next().unwrap().rsplit(' ').next().unwrap();
            let unit = lines.next_if(|line| line.starts_with("# UNIT "));
            let unit = unit.map_or("", |line| line.rsplit(' ').next().unwrap());
            let sample = lines.peek().unwrap();
            let labels = sample.split_once('{').map_or("", |(_, rest)| rest.split_once('}').unwrap().0);
            let labels: Vec<&str> = labels
                .split("\",")
                .filter_map(|label| label.split_once('=').map(|(name, _)| name))
                .filter(|&name| name != "le")
                .collect();
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            let labels = labels.join(", ");
            rows.push(format!("| `{name}{suffix}` | {kind} | {unit} | {labels} | {help} |"));
        }
        rows
    }

    #[test]
    fn the_page_on_metrics_lists_exactly_what_is_served() {
        let page = include_str!("../../docs/metrics.md");
        let listed: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(listed, table(), "docs/metrics.md should hold:\n{}", table().join("\n"));
    }

    #[test]
    fn every_reason_to_hold_something_is_shown_before_it_is_used() {
        let text = Metrics::default().text().unwrap();
        for reason in HoldReason::ALL {
            assert!(text.contains(&format!("held_parts{{reason=\"{reason}\"}} 0")), "{reason}");
            assert!(include_str!("../../docs/metrics.md").contains(&format!("`{reason}`")), "docs: {reason}");
        }
    }
}
