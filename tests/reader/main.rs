//! End to end with the real reader: aws-iam-authenticator is the API server's token webhook and reads the aws-auth that
//! the operator writes. Who a caller becomes is what the API server itself says to that caller.
//!
//! Only AWS is not real: a stand-in on loopback says whose the credentials in a token are, and what a node is called.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod aws;
#[path = "../common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "other test binaries use the rest")]
mod common;
mod creator;
mod principals;
mod revocation;
mod world;
