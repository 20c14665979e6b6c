//! Leader election's I/O: one Lease, `resourceVersion` on every step, and a [`Tenure`] that says how long what was
//! won may be relied on.
//!
//! A Lease saves work; it does not make writes safe. That is what the `resourceVersion` of each write of aws-auth is
//! for. Not here: the decision (`election`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::client::{CallError, call};
use crate::controller::clock::Clock;
use crate::controller::durations::Durations;
use crate::controller::election::{Election, Record, Step};
use crate::controller::requests::{self, Malformed};
use crate::telemetry::Telemetry;
use crate::telemetry::health::Gate;

/// The Lease's name.
const NAME: &str = "aws-auth-operator";

/// How long this replica leads by its own clock. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Tenure {
    ends: Arc<Mutex<Instant>>,
}

/// One candidate.
pub(super) struct Candidate {
    client: Client,
    durations: Durations,
    namespace: String,
    identity: String,
    election: Election,
    tenure: Tenure,
    /// The Lease as we last wrote it.
    held: Option<LeaseObject>,
    clock: Clock,
    telemetry: Telemetry,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeaseObject {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    metadata: LeaseMetadata,
    #[serde(default)]
    spec: LeaseSpec,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeaseMetadata {
    name: String,
    namespace: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource_version: Option<String>,
    /// Everybody's labels, annotations and owners, carried along.
    #[serde(flatten)]
    others: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeaseSpec {
    #[serde(default)]
    holder_identity: Option<String>,
    #[serde(default)]
    lease_duration_seconds: Option<u64>,
    #[serde(default)]
    acquire_time: Option<String>,
    #[serde(default)]
    renew_time: Option<String>,
    #[serde(default)]
    lease_transitions: Option<i64>,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
enum LeaseError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl Tenure {
    fn new() -> Self {
        Self { ends: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Whether something that takes `this_long` at most, begun now, is over before the Lease is.
    pub(super) fn outlasts(&self, now: Instant, this_long: Duration) -> bool {
        now + this_long < self.ends()
    }

    fn ends(&self) -> Instant {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, ends: Instant) {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = ends;
    }
}

impl Candidate {
    pub(super) fn new(
        client: Client,
        durations: &Durations,
        namespace: String,
        identity: String,
        clock: Clock,
        telemetry: Telemetry,
    ) -> Self {
        Self {
            election: Election::new(identity.clone(), durations.lease),
            client,
            durations: *durations,
            namespace,
            identity,
            tenure: Tenure::new(),
            held: None,
            clock,
            telemetry,
        }
    }

    pub(super) fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// Returns once this replica leads. Errors are retried for ever: who cannot reach the Lease must not lead.
    pub(super) async fn win(&mut self) {
        let retry = self.durations.retry;
        loop {
            let pause = match self.step().await {
                Ok(Step::WaitUntil(then)) => {
                    self.telemetry.health.open(Gate::Lease);
                    retry.min(then.saturating_duration_since(Instant::now()))
                }
                Ok(Step::Create | Step::Take | Step::Renew) => {
                    self.telemetry.health.open(Gate::Lease);
                    self.telemetry.metrics.leader(true);
                    tracing::info!(identity = self.identity, "leading");
                    return;
                }
                Err(LeaseError::Call(error)) if error.is_conflict() => Duration::ZERO,
                Err(error) => {
                    self.telemetry.health.close(Gate::Lease, error.to_string());
                    retry
                }
            };
            tokio::time::sleep(pause + retry.mul_f64(fastrand::f64() / 10.0)).await;
        }
    }

    /// Renews the Lease; returns once it is lost.
    pub(super) async fn keep(&mut self) {
        let Durations { renew, retry, .. } = self.durations;
        let mut pause = renew;
        loop {
            tokio::time::sleep_until((Instant::now() + pause).min(self.tenure.ends())).await;
            pause = match self.step().await {
                Ok(Step::Create | Step::Take | Step::Renew) => {
                    self.telemetry.health.open(Gate::Lease);
                    renew
                }
                Ok(Step::WaitUntil(_)) => {
                    tracing::warn!("another replica holds the Lease");
                    break;
                }
                Err(error) => {
                    self.telemetry.health.close(Gate::Lease, error.to_string());
                    retry.mul_f64(0.5 + fastrand::f64() / 2.0)
                }
            };
            if Instant::now() >= self.tenure.ends() {
                tracing::warn!("the Lease could not be renewed in time");
                break;
            }
        }
        self.tenure.set(Instant::now());
        self.held = None;
        self.telemetry.metrics.leader(false);
    }

    /// Gives the Lease back, so that another replica need not wait for its end.
    pub(super) async fn release(&mut self) {
        self.tenure.set(Instant::now());
        self.telemetry.metrics.leader(false);
        let deadline = Instant::now() + self.durations.write;
        let held = match self.held.take() {
            Some(lease) => Ok(Some(lease)),
            // A renewal was cut off: nobody knows which version stands.
            None => self.read(deadline).await,
        };
        let mut lease = match held {
            Ok(Some(lease)) if lease.spec.holder_identity.as_ref() == Some(&self.identity) => lease,
            Ok(_) => return,
            Err(error) => return tracing::warn!("the Lease could not be given back: {error}"),
        };
        lease.spec = LeaseSpec {
            holder_identity: None,
            lease_duration_seconds: Some(1),
            renew_time: Some(self.micro_time()),
            ..lease.spec
        };
        // Whoever cannot give it back leaves it to run out.
        match self.write(lease, deadline).await {
            Ok(_) => tracing::info!("the Lease is given back"),
            Err(error) => tracing::warn!("the Lease could not be given back: {error}"),
        }
    }

    /// One look and what follows from it.
    async fn step(&mut self) -> Result<Step, LeaseError> {
        let begun = Instant::now();
        let deadline = begun + self.durations.write;
        // The leader writes over the version it wrote last; only where that is not the newest it looks first.
        let found = match self.held.take() {
            Some(lease) => Some(lease),
            None => self.read(deadline).await?,
        };
        let record = found.as_ref().map(|lease| Record {
            version: lease.metadata.resource_version.clone().unwrap_or_default(),
            holder: lease.spec.holder_identity.clone().filter(|holder| !holder.is_empty()),
        });
        let step = self.election.decide(record, begun);
        if let Step::WaitUntil(_) = step {
            return Ok(step);
        }
        let lease = self.claim(found, step);
        self.held = Some(self.write(lease, deadline).await?);
        // From before the request: that is when, at the latest, the others begin to count.
        self.tenure.set(begun + self.durations.lease);
        Ok(step)
    }

    fn claim(&self, found: Option<LeaseObject>, step: Step) -> LeaseObject {
        let now = self.micro_time();
        let mut lease = found.unwrap_or_else(|| LeaseObject {
            api_version: String::new(),
            kind: String::new(),
            metadata: LeaseMetadata {
                name: NAME.to_owned(),
                namespace: self.namespace.clone(),
                resource_version: None,
                others: serde_json::Map::new(),
            },
            spec: LeaseSpec::default(),
        });
        "coordination.k8s.io/v1".clone_into(&mut lease.api_version);
        "Lease".clone_into(&mut lease.kind);
        lease.metadata.others.remove("managedFields");
        if step == Step::Take {
            lease.spec.lease_transitions = Some(lease.spec.lease_transitions.unwrap_or(0) + 1);
        }
        if step != Step::Renew {
            lease.spec.acquire_time = Some(now.clone());
        }
        lease.spec.holder_identity = Some(self.identity.clone());
        lease.spec.lease_duration_seconds = Some(self.durations.lease.as_secs());
        lease.spec.renew_time = Some(now);
        lease
    }

    fn micro_time(&self) -> String {
        format!("{:.6}", self.clock.now())
    }

    async fn read(&self, deadline: Instant) -> Result<Option<LeaseObject>, LeaseError> {
        let request = requests::get_lease(&self.namespace, NAME)?;
        match call(&self.client, request, deadline.saturating_duration_since(Instant::now())).await {
            Ok(lease) => Ok(Some(lease)),
            Err(error) if error.is_missing(NAME) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn write(&self, lease: LeaseObject, deadline: Instant) -> Result<LeaseObject, LeaseError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let request = if lease.metadata.resource_version.is_some() {
            requests::replace_lease(&self.namespace, NAME, &lease, left)?
        } else {
            requests::create_lease(&self.namespace, &lease, left)?
        };
        Ok(call(&self.client, request, left).await?)
    }
}
