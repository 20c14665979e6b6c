//! The documentation: it says what the code does, its links lead somewhere, and what it tells people to type works.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

#[allow(dead_code, unused_imports, reason = "the operator's own tests need more of it")]
#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "the chart's own tests need more of it")]
#[path = "../chart/helm.rs"]
mod helm;
#[allow(dead_code, reason = "the chart's own tests need more of it")]
#[path = "../chart/world.rs"]
mod world;

mod explained;
mod links;
mod manifests;
mod markdown;
mod reader;
mod snippets;

/// What these tests start a cluster with.
fn options() -> control_plane::Options {
    control_plane::Options::default()
}
