//! The operator at work: it reaches the API server, waits until it leads, and runs one [`engine`] for each term.
//!
//! Not here: what should be written (`aws_auth::plan`), what objects look like (`api`).

mod announce;
mod backoff;
mod checkpoints;
mod clients;
mod configuration;
mod confirm;
mod crd;
mod durations;
mod election;
mod engine;
mod events;
mod lease;
mod mappings;
mod pacing;
mod requests;
mod sources;
mod status_writer;
mod target;

use std::fs;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use aws_auth::mapping::Uid;
use futures::FutureExt as _;
use kube::Client;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch::Sender;

use crate::client::{self, CallError, Cluster, ConnectError, call};
use crate::config::ConfigError;
use crate::telemetry::health::Gate;
use crate::telemetry::{Telemetry, http};
use backoff::Backoff;
use configuration::{Configuration, File};
use durations::Durations;
use engine::{Engine, Parts};
use lease::Candidate;
use requests::{NAMESPACE, Object};

pub use durations::{BadTimeScale, TimeScale};

/// Where a pod finds its own namespace.
const POD_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// How to run an operator.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which cluster.
    pub cluster: Cluster,
    /// The configuration file, read again whenever it changes; without it the defaults hold.
    pub configuration: Option<PathBuf>,
    /// Where the Lease is; without it the pod's own namespace, or `kube-system` outside of a pod.
    pub lease_namespace: Option<String>,
    /// Where `/livez`, `/readyz` and `/metrics` are served; port 0 takes a free one.
    pub listen: SocketAddr,
    /// By how much every duration is shortened; for tests.
    pub time_scale: TimeScale,
}

/// Why an operator cannot start or go on, and trying again would not help.
#[derive(Debug, Error)]
pub enum OperatorError {
    /// The configuration file.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// No cluster to talk to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The HTTP server.
    #[error("cannot listen on {0} (--listen): {1}")]
    Listen(SocketAddr, io::Error),
    /// The HTTP server, later.
    #[error("the HTTP server broke: {0}")]
    Serve(io::Error),
}

/// An operator with its connection and its HTTP port, not yet at work. Several can live in one process.
pub struct Operator {
    client: Client,
    configuration: Sender<Configuration>,
    file: Option<File>,
    durations: Durations,
    identity: String,
    lease_namespace: String,
    listener: TcpListener,
    address: SocketAddr,
    telemetry: Telemetry,
}

impl Operator {
    /// Reads the configuration and the kubeconfig, and takes the port. The API server is not asked for anything yet.
    ///
    /// # Errors
    /// When the configuration is wrong, there is no kubeconfig, or the port is taken.
    pub async fn bind(options: Options) -> Result<Self, OperatorError> {
        let telemetry = Telemetry::default();
        let (file, settings) = options.configuration.map(File::read).transpose()?.unzip();
        let client = client::connect(&options.cluster, &telemetry).await?;
        let listen = |error| OperatorError::Listen(options.listen, error);
        let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let identity = identity();
        let lease_namespace = match options.lease_namespace {
            Some(namespace) => namespace,
            None => read_line(Path::new(POD_NAMESPACE)).unwrap_or_else(|| NAMESPACE.to_owned()),
        };
        let durations = Durations::at(options.time_scale);
        Ok(Self {
            client,
            configuration: Sender::new(Configuration::of(settings.unwrap_or_default(), &durations)),
            file,
            durations,
            identity,
            lease_namespace,
            listener,
            address,
            telemetry,
        })
    }

    /// Where `/livez`, `/readyz` and `/metrics` are served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Works until `shutdown`: then the write that is on its way ends, and the Lease is given back.
    ///
    /// # Errors
    /// When the HTTP server breaks. Everything else is retried.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), OperatorError> {
        let Self {
            client,
            configuration,
            file,
            durations,
            identity,
            lease_namespace,
            listener,
            address,
            telemetry,
        } = self;
        let mode = configuration.borrow().settings.mode;
        tracing::info!(%address, identity, lease_namespace, ?mode, "starting");
        let shutdown = shutdown.shared();
        let work = async {
            let Some(cluster) = before(shutdown.clone(), cluster_uid(&client, &durations, &telemetry)).await
            else {
                return;
            };
            let mut candidate = Candidate::new(
                client.clone(),
                &durations,
                lease_namespace,
                identity.clone(),
                telemetry.clone(),
            );
            let parts = Parts {
                client,
                cluster,
                configuration: configuration.subscribe(),
                durations,
                identity,
                tenure: candidate.tenure(),
                telemetry: telemetry.clone(),
            };
            loop {
                let won = before(shutdown.clone(), candidate.win()).await;
                if won.is_none() {
                    break;
                }
                let engine = Engine::new(parts.clone());
                tokio::select! {
                    () = engine.run(shutdown.clone()) => break,
                    () = candidate.keep() => telemetry.health.stand_by(),
                }
            }
            candidate.release().await;
        };
        let reload = async {
            match file {
                Some(file) => file.follow(&durations, &configuration, &telemetry).await,
                None => pending().await,
            }
        };
        let deadline = async {
            shutdown.clone().await;
            tokio::time::sleep(durations.shutdown).await;
        };
        tokio::select! {
            () = work => tracing::info!("stopped"),
            () = reload => {}
            () = deadline => tracing::warn!("stopped without waiting for the API server any longer"),
            served = http::serve(listener, telemetry.clone()) => return served.map_err(OperatorError::Serve),
        }
        Ok(())
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
fn identity() -> String {
    let host = match std::env::var("HOSTNAME") {
        Ok(host) if !host.is_empty() => host,
        _ => read_line(Path::new("/etc/hostname")).unwrap_or_else(|| "operator".to_owned()),
    };
    format!("{host}_{:016x}", fastrand::u64(..))
}

/// The text of a file that may well not be there.
fn read_line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
