//! One version of an object, whoever saw it.

use std::time::Instant;

/// One version of an object.
#[derive(Debug, Clone)]
pub struct Seen<K> {
    pub number: u64,
    pub at: Instant,
    /// The last that was known of it, where it is gone.
    pub object: K,
    pub gone: bool,
    /// It was found in a list: it may have come long before.
    pub listed: bool,
}
