//! Stands between an operator and the API server, so that things happen exactly when it writes aws-auth.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use kube::Client;
use kube::client::Body as KubeBody;
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::task::JoinHandle;

use super::cluster::{RUNTIME, wait};
use super::{Cluster, file};

/// What becomes of the answer to a write of aws-auth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerOfWrite {
    Arrives,
    /// The write is carried out, and nobody says so.
    IsLost,
}

type Hook = Arc<dyn Fn() -> AnswerOfWrite + Send + Sync>;

/// A proxy; dropping it ends it.
pub struct Proxy {
    kubeconfig: NamedTempFile,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts one that calls `before` before it passes on a write of aws-auth, and passes on everything else.
    pub fn start(cluster: &Cluster, before: impl Fn() -> AnswerOfWrite + Send + Sync + 'static) -> Self {
        let before: Hook = Arc::new(before);
        let client = cluster.client_of_operator();
        let app = axum::Router::new().fallback(pass_on).with_state((client, before));
        let listener =
            wait(tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))).unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "proxy", "cluster": {"server": server}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
            "users": [{"name": "proxy", "user": {}}],
            "current-context": "proxy",
        });
        let task = RUNTIME.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { kubeconfig: file(&kubeconfig.to_string()), task }
    }

    /// The way through it.
    pub fn kubeconfig(&self) -> &std::path::Path {
        self.kubeconfig.path()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(State((client, before)): State<(Client, Hook)>, mut request: Request) -> Response {
    let write = request.method() == Method::PUT && request.uri().path().ends_with("/configmaps/aws-auth");
    // It waits for requests of its own, which the thread that serves must go on with.
    let fate = if write {
        tokio::task::spawn_blocking(move || before()).await.unwrap()
    } else {
        AnswerOfWrite::Arrives
    };
    request.headers_mut().remove(header::HOST);
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let answer = client.send(axum::http::Request::from_parts(head, KubeBody::from(body.to_vec()))).await;
    match answer {
        Ok(_) if fate == AnswerOfWrite::IsLost => StatusCode::GATEWAY_TIMEOUT.into_response(),
        Ok(answer) => answer.map(Body::new),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
