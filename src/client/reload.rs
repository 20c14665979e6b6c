//! Tokens, certificates and certificate authorities that change while the operator runs: where the API server does not
//! know us any more, or we do not know it, everything is loaded anew.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode};
use kube::client::Body;
use tower::util::BoxCloneService;
use tower::{BoxError, ServiceExt as _};

use super::{AnswerBody, Cluster, stack};
use crate::telemetry::Telemetry;

/// Not more often than this: an API server that is down answers every request with an error.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) type Stack = BoxCloneService<Request<Body>, Response<AnswerBody>, BoxError>;

/// A connection as the files had it when they were last read.
#[derive(Clone)]
pub(super) struct Reloading {
    cluster: Cluster,
    telemetry: Telemetry,
    current: Arc<Mutex<Loaded>>,
}

struct Loaded {
    stack: Stack,
    at: Instant,
}

impl Reloading {
    pub(super) fn new(cluster: Cluster, telemetry: Telemetry, stack: Stack) -> Self {
        let current = Arc::new(Mutex::new(Loaded { stack, at: Instant::now() }));
        Self { cluster, telemetry, current }
    }

    /// Sends a request once. Whoever is refused tries again, and does so with what was loaded then.
    pub(super) async fn send(self, request: Request<Body>) -> Result<Response<AnswerBody>, BoxError> {
        let stack = self.current.lock().unwrap_or_else(PoisonError::into_inner).stack.clone();
        let outcome = stack.oneshot(request).await;
        let unknown = match &outcome {
            Ok(answer) => answer.status() == StatusCode::UNAUTHORIZED,
            Err(_) => true,
        };
        if unknown && self.is_due() {
            self.reload().await;
        }
        outcome
    }

    fn is_due(&self) -> bool {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let due = current.at.elapsed() >= PAUSE;
        if due {
            current.at = Instant::now();
        }
        due
    }

    async fn reload(&self) {
        let stack = match self.cluster.config().await {
            Ok(config) => stack(&config, &self.telemetry),
            Err(error) => Err(error),
        };
        match stack {
            Ok(stack) => {
                self.current.lock().unwrap_or_else(PoisonError::into_inner).stack = stack;
                tracing::debug!("credentials and certificates are loaded anew");
            }
            Err(error) => {
                tracing::warn!("credentials and certificates stay as they were: {error}");
            }
        }
    }
}
