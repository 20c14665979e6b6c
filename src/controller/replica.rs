//! One replica at work on a connection that it is given: it finds out which cluster this is, waits until it leads, and
//! runs one [`Engine`] for each term.
//!
//! Not here: kubeconfig, configuration file, HTTP port (`Operator`). So a simulation can run the very same.

use std::fs;
use std::future::Future;
use std::path::Path;

use aws_auth::mapping::Uid;
use aws_auth::settings::Settings;
use futures::FutureExt as _;
use kube::Client;
use tokio::sync::watch::{Receiver, Sender};

use crate::client::{CallError, call};
use crate::controller::backoff::Backoff;
use crate::controller::clock::Clock;
use crate::controller::configuration::Configuration;
use crate::controller::durations::{Durations, TimeScale};
use crate::controller::engine::{Engine, Parts};
use crate::controller::lease::Candidate;
use crate::controller::requests::{self, NAMESPACE, Object};
use crate::telemetry::Telemetry;
use crate::telemetry::health::Gate;

/// A replica, not yet at work.
pub struct Replica {
    pub(super) client: Client,
    pub(super) configuration: Receiver<Configuration>,
    pub(super) durations: Durations,
    pub(super) identity: String,
    pub(super) lease_namespace: String,
    pub(super) clock: Clock,
    pub(super) telemetry: Telemetry,
}

impl Replica {
    /// One with these settings, which stay as they are, and its Lease beside aws-auth.
    #[must_use]
    pub fn new(client: Client, settings: Settings, time_scale: TimeScale, clock: Clock) -> Self {
        let durations = Durations::at(time_scale);
        Self {
            client,
            configuration: Sender::new(Configuration::of(settings, &durations)).subscribe(),
            durations,
            identity: identity(),
            lease_namespace: NAMESPACE.to_owned(),
            clock,
            telemetry: Telemetry::default(),
        }
    }

    /// Works until `shutdown`: then the write that is on its way ends, and the Lease is given back. Every error is
    /// retried.
    pub async fn work(self, shutdown: impl Future<Output = ()> + Send) {
        let Self { client, configuration, durations, identity, lease_namespace, clock, telemetry } = self;
        let shutdown = shutdown.shared();
        let Some(cluster) = before(shutdown.clone(), cluster_uid(&client, &durations, &telemetry)).await
        else {
            return;
        };
        let mut candidate = Candidate::new(
            client.clone(),
            &durations,
            lease_namespace,
            identity.clone(),
            clock,
            telemetry.clone(),
        );
        let parts = Parts {
            client,
            cluster,
            configuration,
            durations,
            identity,
            tenure: candidate.tenure(),
            clock,
            telemetry: telemetry.clone(),
        };
        loop {
            let won = before(shutdown.clone(), candidate.win()).await;
            if won.is_none() {
                break;
            }
            let engine = Engine::new(parts.clone());
            // Biased, so that nothing is left to chance: a simulation has to go the same way twice.
            tokio::select! {
                biased;
                () = engine.run(shutdown.clone()) => break,
                () = candidate.keep() => telemetry.health.stand_by(),
            }
        }
        candidate.release().await;
    }
}

/// What `work` brings, unless `end` is first.
async fn before<T>(end: impl Future<Output = ()>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = end => None,
        done = work => Some(done),
    }
}

/// The UID of namespace kube-system, which stands for the cluster. Asked for until it is known.
async fn cluster_uid(client: &Client, durations: &Durations, telemetry: &Telemetry) -> Uid {
    let mut backoff = Backoff::new(durations.unreached);
    loop {
        let problem = match requests::get_cluster() {
            Ok(request) => match call::<Object>(client, request, durations.read).await {
                Ok(namespace) => match namespace.metadata.uid() {
                    Some(uid) => {
                        telemetry.health.open(Gate::ApiServer);
                        return uid;
                    }
                    None => format!("namespace {NAMESPACE} has no UID"),
                },
                Err(error @ CallError::Unknown(_)) => format!("cannot be reached: {error}"),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        telemetry.health.close(Gate::ApiServer, problem);
        tokio::time::sleep(backoff.next_pause()).await;
    }
}

/// A name for this replica that no other one has.
pub(super) fn identity() -> String {
    let host = match std::env::var("HOSTNAME") {
        Ok(host) if !host.is_empty() => host,
        _ => read_line(Path::new("/etc/hostname")).unwrap_or_else(|| "operator".to_owned()),
    };
    format!("{host}_{:016x}", fastrand::u64(..))
}

/// The text of a file that may well not be there.
pub(super) fn read_line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
