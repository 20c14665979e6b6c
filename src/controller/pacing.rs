//! When to plan: a token bucket behind a short debounce, as a pure state machine over instants it is given.
//!
//! The first change after a pause goes at once, a burst is taken in together, and nothing waits behind a timer that
//! each new change restarts for ever.

use std::time::Duration;

use tokio::time::Instant;

use crate::controller::durations::Durations;

/// Writes that can go one after another.
const BUCKET: u32 = 5;

/// Decides when changes are taken in.
#[derive(Debug, Clone)]
pub(super) struct Pacer {
    quiet: Duration,
    longest_wait: Duration,
    refill: Duration,
    pending: Option<Pending>,
    last_change: Option<Instant>,
    /// Writes in the last [`BUCKET`] refills, as the time at which the bucket is full again.
    full_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    first: Instant,
    due: Instant,
}

impl Pacer {
    pub(super) fn new(durations: &Durations) -> Self {
        let Durations { quiet, longest_wait, refill, .. } = *durations;
        Self { quiet, longest_wait, refill, pending: None, last_change: None, full_at: None }
    }

    /// Something changed that a plan has to take in.
    pub(super) fn changed(&mut self, now: Instant) {
        let pause = self.last_change.is_none_or(|last| now.duration_since(last) >= self.quiet);
        self.last_change = Some(now);
        self.pending = Some(match self.pending {
            None => Pending { first: now, due: if pause { now } else { now + self.quiet } },
            // What was due at once stays so: it only waits for the bucket or for the write before it.
            Some(pending) if pending.due <= pending.first => pending,
            Some(Pending { first, .. }) => {
                Pending { first, due: (now + self.quiet).min(first + self.longest_wait) }
            }
        });
    }

    /// When to plan next; a time in the past means now, `None` that nothing changed.
    pub(super) fn due(&self) -> Option<Instant> {
        let pending = self.pending?;
        Some(self.token_at().map_or(pending.due, |token| pending.due.max(token)))
    }

    /// A plan takes everything in that changed until now. Returns how long the first of it waited.
    pub(super) fn planned(&mut self, now: Instant) -> Duration {
        self.pending.take().map_or(Duration::ZERO, |pending| now.saturating_duration_since(pending.first))
    }

    /// aws-auth was written.
    pub(super) fn wrote(&mut self, now: Instant) {
        self.full_at = Some(self.full_at.map_or(now, |full| full.max(now)) + self.refill);
    }

    /// When there is a token, if not now and always.
    fn token_at(&self) -> Option<Instant> {
        self.full_at.and_then(|full| full.checked_sub(self.refill * (BUCKET - 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::TimeScale;

    fn pacer() -> Pacer {
        Pacer::new(&Durations::at(TimeScale::default()))
    }

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Plays changes at these milliseconds; returns when plans were made, each of which writes.
    fn writes_of(changes: impl Iterator<Item = u64>) -> Vec<u64> {
        let start = Instant::now();
        let mut pacer = pacer();
        let mut writes = Vec::new();
        let mut drain = |pacer: &mut Pacer, until: Option<Instant>| {
            while let Some(due) = pacer.due().filter(|due| until.is_none_or(|until| *due < until)) {
                pacer.planned(due);
                pacer.wrote(due);
                writes.push(u64::try_from(due.duration_since(start).as_millis()).unwrap());
            }
        };
        for change in changes {
            let now = start + ms(change);
            drain(&mut pacer, Some(now));
            pacer.changed(now);
        }
        drain(&mut pacer, None);
        writes
    }

    #[test]
    fn the_first_change_after_a_pause_goes_at_once() {
        assert_eq!(writes_of([0, 2_000, 2_100].into_iter()), [0, 2_000, 2_100]);
    }

    #[test]
    fn a_burst_is_taken_in_together_once_it_is_quiet() {
        assert_eq!(writes_of([0, 5, 10, 15].into_iter()), [0, 65]);
    }

    #[test]
    fn a_burst_without_an_end_is_not_waited_for() {
        let writes = writes_of((0..3_000).step_by(5));
        assert_eq!(writes[..3], [0, 505, 1_010]);
        assert!(writes.len() <= 8, "{writes:?}");
    }

    #[test]
    fn a_flapping_object_cannot_cause_more_than_a_write_a_second_after_the_first_five() {
        let writes = writes_of((0..30_000).step_by(20));
        assert!((25..=35).contains(&writes.len()), "{}", writes.len());
        let sparse = writes_of((0..30_000).step_by(60));
        assert!((25..=35).contains(&sparse.len()), "{}", sparse.len());
    }

    #[test]
    fn the_last_change_is_always_taken_in() {
        for end in [1, 49, 50, 51, 499, 500, 501, 5_003] {
            let writes = writes_of((0..=end).step_by(7).chain([end]));
            assert!(*writes.last().unwrap() >= end, "{end}: {writes:?}");
        }
    }

    #[test]
    fn a_full_bucket_never_holds_more_than_five() {
        let mut pacer = pacer();
        let start = Instant::now() + Duration::from_hours(1);
        for _ in 0..5 {
            pacer.changed(start);
            assert!(pacer.due().unwrap() <= start + pacer.longest_wait);
            pacer.planned(start);
            pacer.wrote(start);
        }
        pacer.changed(start);
        assert_eq!(pacer.due(), Some(start + pacer.refill));
    }

    #[test]
    fn nothing_is_due_when_nothing_changed() {
        let mut pacer = pacer();
        assert_eq!(pacer.due(), None);
        pacer.changed(Instant::now());
        pacer.planned(Instant::now());
        assert_eq!(pacer.due(), None);
    }
}
