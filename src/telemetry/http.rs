//! The operator's own HTTP server: `/livez`, `/readyz`, `/metrics`. Everything is plain text and nothing is secret.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::telemetry::Telemetry;
use crate::telemetry::exposition::Format;

/// Serves until it is dropped.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(listener: TcpListener, telemetry: Telemetry) -> io::Result<()> {
    let app = Router::new()
        // The runtime has one thread: if this is answered, the loop is not stuck.
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .with_state(Arc::new(telemetry));
    axum::serve(listener, app).await
}

async fn ready(State(telemetry): State<Arc<Telemetry>>) -> impl IntoResponse {
    let problems = telemetry.health.problems();
    if problems.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, problems.join("\n") + "\n")
    }
}

async fn scrape(State(telemetry): State<Arc<Telemetry>>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Format::asked_for(accept);
    telemetry.metrics.tasks(Handle::current().metrics().num_alive_tasks());
    match telemetry.metrics.text() {
        Ok(text) => Ok(([(header::CONTENT_TYPE, format.content_type())], format.of(text))),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("metrics: {error}\n"))),
    }
}
