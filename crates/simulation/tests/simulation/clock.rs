//! The time of day in a simulation: it follows paused time, and jumps when told to.

use std::cell::Cell;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

thread_local! {
    /// When the schedule of this thread began, and by how many seconds its clock has jumped since.
    static START: Cell<Option<Instant>> = const { Cell::new(None) };
    static JUMPED: Cell<i64> = const { Cell::new(0) };
}

/// Some day, at noon.
const NOON: i64 = 1_800_000_000;

/// Begins a schedule.
pub fn start() {
    START.set(Some(Instant::now()));
    JUMPED.set(0);
}

/// How long the schedule has run.
pub fn elapsed() -> Duration {
    START.get().map(|start| start.elapsed()).unwrap_or_default()
}

/// The time of day.
pub fn now() -> Timestamp {
    let noon = Timestamp::from_second(NOON + JUMPED.get()).unwrap();
    noon + SignedDuration::try_from(elapsed()).unwrap()
}

/// Sets the clock to another time, seen from the right one.
pub fn jump(seconds: i64) {
    JUMPED.set(seconds);
}
