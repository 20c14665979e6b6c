//! What goes wrong, one scenario after another, each named after its number in `docs/faults.md`: the real operator on a
//! real API server, a proxy in between that makes it go wrong, and an auditor who holds every version of aws-auth
//! against the invariants.
//!
//! Durations are a twentieth of the real ones; `FAULTS_TIME_SCALE=1` takes the real ones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

#[allow(dead_code, unused_imports, reason = "other test binaries use the rest")]
#[path = "../common/mod.rs"]
mod common;

mod api_errors;
mod auditor;
mod concurrency;
mod guards;
mod inputs;
mod intermediate;
mod lifecycle;
mod page;
mod restores;
mod stale;
mod target;
mod trust;
mod unobserved;
mod world;
