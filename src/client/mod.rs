//! The connection to the API server: which cluster, how its sockets behave, and what is counted of every request.
//!
//! Not here: what is asked of the API server (`controller::requests`), and a single call's deadline (`call`).

mod call;
mod observe;
mod reload;

use std::path::PathBuf;
use std::time::Duration;

use axum::body::Bytes;
use http::Request;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt as _};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use thiserror::Error;
use tower::util::BoxCloneService;
use tower::{BoxError, ServiceBuilder};

use crate::telemetry::Telemetry;

use reload::{Reloading, Stack};

pub(crate) use call::chain;
pub use call::{CallError, call};

/// A server that does not accept a connection within this time is down for us.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that was cut without a word is noticed by its keepalives.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The body of an answer.
type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// Which cluster to talk to, as kubectl's flags have it.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    /// `--kubeconfig`; without it `KUBECONFIG`, `~/.kube/config`, and at last the pod's own account.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`; without it the kubeconfig's current one.
    pub context: Option<String>,
    /// `--as`: the user to act as.
    pub impersonate: Option<String>,
}

/// Why there is no connection to make.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The kubeconfig that was asked for.
    #[error("kubeconfig: {0}")]
    Kubeconfig(String),
    /// Neither a kubeconfig nor a pod's account.
    #[error(
        "no cluster to talk to: {kubeconfig}; and this is no pod ({in_cluster}). Pass --kubeconfig FILE or set KUBECONFIG"
    )]
    NoCluster {
        /// Why no kubeconfig.
        kubeconfig: String,
        /// Why no pod's account.
        in_cluster: String,
    },
    /// The kubeconfig wants a proxy.
    #[error(
        "the kubeconfig's cluster has proxy-url {0}: proxies are not supported; use a context without one"
    )]
    Proxy(String),
    /// Certificates or credentials that cannot be used.
    #[error("the kubeconfig's credentials or certificates cannot be used: {0}")]
    Credentials(#[from] kube::Error),
}

impl Cluster {
    async fn config(&self) -> Result<Config, ConnectError> {
        let mut config = self.kubeconfig_or_account().await?;
        if let Some(user) = &self.impersonate {
            config.auth_info.impersonate = Some(user.clone());
        }
        Ok(config)
    }

    async fn kubeconfig_or_account(&self) -> Result<Config, ConnectError> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        // Below the first line there is the file's own text, which may hold credentials.
        let line = |error: &KubeconfigError| error.to_string().lines().next().unwrap_or_default().to_owned();
        let broken = |error: KubeconfigError| ConnectError::Kubeconfig(line(&error));
        if let Some(path) = &self.kubeconfig {
            let kubeconfig = Kubeconfig::read_from(path).map_err(|error| match error {
                KubeconfigError::ReadConfig(error, path) => {
                    ConnectError::Kubeconfig(format!("{}: {error}", path.display()))
                }
                error => ConnectError::Kubeconfig(format!("{}: {}", path.display(), line(&error))),
            })?;
            return Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(broken);
        }
        let kubeconfig = match Config::from_kubeconfig(&options).await {
            Ok(config) => return Ok(config),
            Err(error) if self.context.is_some() => return Err(broken(error)),
            Err(error) => line(&error),
        };
        Config::incluster()
            .map_err(|error| ConnectError::NoCluster { kubeconfig, in_cluster: error.to_string() })
    }
}

/// Makes a client; no request is sent yet.
///
/// kube's own stack is not used because its connector leaves Nagle's algorithm on (some writes then stall 40 ms) and
/// because it retries up to 15 times: a write could come back from the dead long after it was given up.
///
/// # Errors
/// When there is no usable kubeconfig and no pod's account.
pub async fn connect(cluster: &Cluster, telemetry: &Telemetry) -> Result<Client, ConnectError> {
    let config = cluster.config().await?;
    let reloading = Reloading::new(cluster.clone(), telemetry.clone(), stack(&config, telemetry)?);
    let service = tower::service_fn(move |request| reloading.clone().send(request));
    Ok(Client::new(service, config.default_namespace))
}

/// Everything between a request and its socket.
fn stack(config: &Config, telemetry: &Telemetry) -> Result<Stack, ConnectError> {
    if let Some(proxy) = &config.proxy_url {
        return Err(ConnectError::Proxy(proxy.to_string()));
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.set_keepalive(Some(KEEPALIVE));
    let https = config.rustls_https_connector_with_connector(tcp)?;
    let http: HttpClient<_, Body> = HttpClient::builder(TokioExecutor::new()).build(https);
    let telemetry = telemetry.clone();
    let send = tower::service_fn(move |request: Request<Body>| {
        observe::send(http.clone(), telemetry.clone(), request)
    });
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(send);
    Ok(BoxCloneService::new(service))
}
