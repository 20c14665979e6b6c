//! The Helm chart: what it renders, what it refuses, and what becomes of it on the real API server with the real Helm.
//!
//! After a change that is meant, `UPDATE_GOLDEN=1 cargo test --test chart` writes what is generated; look at the diff.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

#[allow(dead_code, unused_imports, reason = "the operator's own tests need more of it")]
#[path = "../common/mod.rs"]
mod common;

mod admitted;
mod alerts;
mod gitops;
mod golden;
mod helm;
mod installed;
mod kustomize;
mod permissions;
mod policies;
mod prometheus;
mod refused;
mod rendered;
mod schemas;
mod values;
mod world;

/// What these tests start a cluster with. `tests/oldest` has its own.
fn options() -> control_plane::Options {
    control_plane::Options::default()
}
