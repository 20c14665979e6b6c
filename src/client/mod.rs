//! The connection to the API server: which cluster, how its sockets behave, and what is counted of every request.
//!
//! Not here: what is asked of the API server (`controller::requests`), and a single call's deadline (`call`).

mod call;
mod kubeconfig;
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
use kube::config::KubeConfigOptions;
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
    /// `--as-group`: the groups to act in.
    pub impersonate_groups: Vec<String>,
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
    /// The program that the kubeconfig has its credentials from.
    #[error(
        "the kubeconfig has its credentials from `{command}`, which cannot be used: {source}; is it installed and on PATH?"
    )]
    Exec {
        /// The program.
        command: String,
        /// What went wrong.
        source: kube::Error,
    },
    /// Certificates or credentials that cannot be used.
    #[error("the kubeconfig's credentials or certificates cannot be used: {0}")]
    Credentials(#[from] kube::Error),
}

impl Cluster {
    /// The name of the context, which is what people call the cluster; `None` where there is no kubeconfig.
    #[must_use]
    pub fn context_name(&self) -> Option<String> {
        self.context.clone().or_else(|| kubeconfig::read(self.kubeconfig.as_ref()).ok()?.current_context)
    }

    async fn config(&self) -> Result<Config, ConnectError> {
        let mut config = self.kubeconfig_or_account().await?;
        if let Some(user) = &self.impersonate {
            config.auth_info.impersonate = Some(user.clone());
            config.auth_info.impersonate_groups =
                Some(self.impersonate_groups.clone()).filter(|groups| !groups.is_empty());
        }
        Ok(config)
    }

    async fn kubeconfig_or_account(&self) -> Result<Config, ConnectError> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let of_file = async |kubeconfig| {
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
            config.map_err(|error| ConnectError::Kubeconfig(kubeconfig::wording(&error)))
        };
        let tried = match kubeconfig::read(self.kubeconfig.as_ref()) {
            Ok(kubeconfig) => of_file(kubeconfig).await,
            Err(error) => Err(error),
        };
        let kubeconfig = match tried {
            Ok(config) => return Ok(config),
            Err(ConnectError::Kubeconfig(why)) if self.kubeconfig.is_none() && self.context.is_none() => why,
            Err(error) => return Err(error),
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
        .option_layer(config.auth_layer().map_err(|error| kubeconfig::credentials(config, error))?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(send);
    Ok(BoxCloneService::new(service))
}
