//! What is released: the image, as far as it can be built without a registry, and the workflows that make a release.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod image;
mod workflows;
