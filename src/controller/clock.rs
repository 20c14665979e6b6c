//! The time of day, from one place: what mappings end by, what the guards count in, what is written beside a version.
//!
//! A value, so that a simulation can bring its own. How long things take is not asked of it: that is `tokio::time`.

/// Where the time of day comes from.
#[derive(Debug, Clone, Copy)]
pub struct Clock(fn() -> jiff::Timestamp);

impl Clock {
    /// A clock of one's own.
    #[must_use]
    pub fn new(now: fn() -> jiff::Timestamp) -> Self {
        Self(now)
    }

    /// The time of day.
    pub(super) fn now(self) -> jiff::Timestamp {
        (self.0)()
    }

    /// The same in whole seconds, which is all that the core knows of time.
    pub(super) fn seconds(self) -> aws_auth::Timestamp {
        aws_auth::Timestamp(self.now().as_second())
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self(jiff::Timestamp::now)
    }
}
