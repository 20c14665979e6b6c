//! The operator on a real API server: what a user of it would notice, good days and bad ones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

#[allow(dead_code, unused_imports, reason = "other test binaries use the rest")]
#[path = "../common/mod.rs"]
mod common;

mod burst;
mod creator;
mod faults;
mod guards;
mod mappings;
mod older_crd;
mod others;
mod reload;
mod replicas;
mod restarts;
mod restores;
mod starts;
mod stored;
mod verdicts;
