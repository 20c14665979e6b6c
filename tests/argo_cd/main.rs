//! The real Argo CD syncs a local git repository, with the chart and the mappings in it, to the real API server, by the
//! manifests of `examples/argo-cd`. Not its web server, nor its command line: nobody asks them here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod alone;
mod argo_cd;
#[allow(dead_code, unused_imports, reason = "other test binaries use the rest")]
#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "the chart's own tests use the rest")]
#[path = "../chart/helm.rs"]
mod helm;
mod repository;
mod stage;
mod syncs;
#[allow(dead_code, reason = "the chart's own tests use the rest")]
#[path = "../chart/world.rs"]
mod world;

/// What these tests start a cluster with.
fn options() -> control_plane::Options {
    control_plane::Options::default()
}
