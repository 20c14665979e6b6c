//! The CRD on the real API server: what is refused, with which sentence, what is accepted, and that it draws the line
//! where the core draws it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod accepted;
mod agreement;
mod cluster;
mod kubectl;
mod refused;

/// What these tests start a cluster with. `tests/oldest` has its own.
fn options() -> control_plane::Options {
    control_plane::Options::default()
}
