//! The operator's own HTTP server: `/livez`, `/readyz`, `/metrics`. Everything is plain text and nothing is secret.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::telemetry::Telemetry;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

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

async fn scrape(State(telemetry): State<Arc<Telemetry>>) -> impl IntoResponse {
    match telemetry.metrics.text() {
        Ok(text) => Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text)),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("metrics: {error}\n"))),
    }
}
