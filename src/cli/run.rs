//! `run`: the operator until a signal ends it.
#![allow(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::client::Cluster;
use crate::telemetry::logs::{self, LogFormat};
use crate::{Operator, Options, TimeScale};

/// Run the operator until SIGTERM or SIGINT.
///
/// Several replicas may run: one leads (a Lease decides), the others stand by. Missing permissions, a missing CRD or an
/// API server that is down are retried; /readyz and the log say what is missing.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Configuration: mode, clusterCreator, protected, policy, guards; read again when it changes. Without it the defaults
    /// hold.
    #[arg(long, value_name = "FILE", env = "AWS_AUTH_OPERATOR_CONFIG")]
    config: Option<PathBuf>,
    /// Kubeconfig to use instead of KUBECONFIG, ~/.kube/config or the pod's ServiceAccount.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig to use instead of the current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Namespace of the Lease. Default: the pod's own, or kube-system outside of a pod.
    #[arg(long, value_name = "NAMESPACE")]
    lease_namespace: Option<String>,
    /// Where /livez, /readyz and /metrics are served; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// How log lines look. Default: text on a terminal, JSON elsewhere. RUST_LOG sets what is logged.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Shorten every duration by this factor, for tests of what takes long.
    #[arg(long, value_name = "FACTOR", default_value = "1", hide = true)]
    time_scale: TimeScale,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    logs::init(arguments.log_format);
    let options = Options {
        cluster: Cluster {
            kubeconfig: arguments.kubeconfig,
            context: arguments.context,
            ..Cluster::default()
        },
        configuration: arguments.config,
        lease_namespace: arguments.lease_namespace,
        listen: arguments.listen,
        time_scale: arguments.time_scale,
    };
    // One thread: the work is waiting, and memory is counted by the thread.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("the runtime")?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
        let operator = Operator::bind(options).await?;
        operator
            .run(async move {
                tokio::select! {
                    _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
                    _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
                }
            })
            .await?;
        Ok(())
    })
}
