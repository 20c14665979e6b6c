//! A point in time as plain data. The crate has no clock: whoever calls brings the time along.

use std::fmt;

/// Seconds since 1970-01-01T00:00:00Z. aws-auth and `IamMapping` know nothing finer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

impl Timestamp {
    /// Whether less than `seconds` lie between the two, whichever came first. For times that others may have written:
    /// they may be anything at all.
    #[must_use]
    pub fn is_within(self, seconds: i64, of: Self) -> bool {
        self.0.abs_diff(of.0) < seconds.max(0).unsigned_abs()
    }
}
