//! The report as one HTML page, in a real browser: how it is to use, and what it must never do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod browser;
mod network;
mod report;
mod speed;
mod using;
