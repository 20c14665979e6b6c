//! The operator: kubeconfig, configuration file and HTTP port around one [`Replica`], which does the work.
//!
//! Not here: what should be written (`aws_auth::plan`), what objects look like (`api`).

mod announce;
mod backoff;
mod checkpoints;
mod clients;
mod clock;
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
mod replica;
mod requests;
mod sources;
mod status_writer;
mod target;

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use futures::FutureExt as _;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch::Sender;

use crate::client::{self, Cluster, ConnectError};
use crate::config::ConfigError;
use crate::telemetry::{Telemetry, http};
use configuration::{Configuration, File};
use durations::Durations;
use requests::NAMESPACE;

pub use clock::Clock;
pub use durations::{BadTimeScale, TimeScale};
pub use replica::Replica;

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
    replica: Replica,
    configuration: Sender<Configuration>,
    file: Option<File>,
    listener: TcpListener,
    address: SocketAddr,
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
        let lease_namespace = match options.lease_namespace {
            Some(namespace) => namespace,
            None => replica::read_line(Path::new(POD_NAMESPACE)).unwrap_or_else(|| NAMESPACE.to_owned()),
        };
        let durations = Durations::at(options.time_scale);
        let configuration = Sender::new(Configuration::of(settings.unwrap_or_default(), &durations));
        let replica = Replica {
            client,
            configuration: configuration.subscribe(),
            durations,
            identity: replica::identity(),
            lease_namespace,
            clock: Clock::default(),
            telemetry,
        };
        Ok(Self { replica, configuration, file, listener, address })
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
        let Self { replica, configuration, file, listener, address } = self;
        let mode = configuration.borrow().settings.mode;
        let Replica { durations, telemetry, identity, lease_namespace, .. } = &replica;
        let (durations, telemetry) = (*durations, telemetry.clone());
        tracing::info!(%address, identity, lease_namespace, ?mode, "starting");
        let shutdown = shutdown.shared();
        let work = replica.work(shutdown.clone());
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
