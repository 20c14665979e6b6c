//! The removal brake's memory: how much was taken away lately, so that it outlives restarts and changes of leader.
//!
//! It travels in the ownership annotation, in the very write that takes away. Not here: how much may go
//! (`guards::brake`).

use crate::time::Timestamp;

/// More rows than a window can honestly have: the brake lets ten entries go in one.
const MOST: usize = 32;
/// Time, removals, owned.
const ROW: usize = 8 + 4 + 4;

/// Bytes that a window takes at the most.
pub(crate) const MOST_BYTES: usize = 1 + MOST * ROW;

/// One write that took something away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removals {
    /// When.
    pub at: Timestamp,
    /// How many entries it removed or demoted, approved and foreseen ones not counted.
    pub count: u32,
    /// How many entries were owned before it.
    pub owned: u32,
}

/// What was taken away lately, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Window {
    rows: Vec<Removals>,
}

impl Window {
    /// What still counts at `now`, if the window is `length` seconds long. A row from further ahead than that was
    /// written by a clock that was wrong, and does not count.
    fn counting(&self, now: Timestamp, length: i64) -> impl Iterator<Item = &Removals> {
        self.rows.iter().filter(move |row| (now.0 - row.at.0).abs() < length)
    }

    /// How many entries went.
    #[must_use]
    pub fn spent(&self, now: Timestamp, length: i64) -> usize {
        self.counting(now, length).map(|row| row.count as usize).sum()
    }

    /// How many entries were owned when the window began; `None` when nothing went in it.
    #[must_use]
    pub fn owned_at_start(&self, now: Timestamp, length: i64) -> Option<usize> {
        self.counting(now, length).map(|row| row.owned as usize).next()
    }

    /// When the oldest of what counts no longer does.
    #[must_use]
    pub fn frees_at(&self, now: Timestamp, length: i64) -> Option<Timestamp> {
        self.counting(now, length).map(|row| Timestamp(row.at.0 + length)).next()
    }

    /// The window with one more write in it, and without what no longer counts.
    #[must_use]
    pub fn with(&self, removals: Removals, length: i64) -> Self {
        let mut rows: Vec<Removals> = self.counting(removals.at, length).copied().collect();
        let full = rows.len() == MOST;
        match rows.last_mut() {
            Some(last) if full => last.count = last.count.saturating_add(removals.count),
            _ => rows.push(removals),
        }
        Self { rows }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::try_from(self.rows.len()).unwrap_or(u8::MAX));
        for row in &self.rows {
            out.extend_from_slice(&row.at.0.to_be_bytes());
            out.extend_from_slice(&row.count.to_be_bytes());
            out.extend_from_slice(&row.owned.to_be_bytes());
        }
    }

    /// Reads what [`Self::encode`] wrote, up to the end of `bytes`.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&count, rest) = bytes.split_first()?;
        let (rows, []) = rest.as_chunks::<ROW>() else { return None };
        (rows.len() == usize::from(count) && rows.len() <= MOST)
            .then(|| Self { rows: rows.iter().map(row).collect() })
    }
}

fn row(bytes: &[u8; ROW]) -> Removals {
    // One number of 128 bits, taken apart from its lower end.
    let bits = u128::from_be_bytes(*bytes);
    let half = |shift: u32| u32::try_from(bits >> shift & u128::from(u32::MAX)).unwrap_or(u32::MAX);
    let high = u64::try_from(bits >> 64).unwrap_or(u64::MAX);
    Removals { at: Timestamp(high.cast_signed()), count: half(32), owned: half(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removals(at: i64, count: u32, owned: u32) -> Removals {
        Removals { at: Timestamp(at), count, owned }
    }

    #[test]
    fn what_went_counts_for_as_long_as_the_window_is() {
        let window = Window::default().with(removals(1_000, 2, 40), 600).with(removals(1_300, 1, 38), 600);
        let spent = |now| window.spent(Timestamp(now), 600);
        assert_eq!([1_300, 1_599, 1_600, 1_900].map(spent), [3, 3, 1, 0]);
        assert_eq!(window.owned_at_start(Timestamp(1_300), 600), Some(40));
        assert_eq!(window.frees_at(Timestamp(1_300), 600), Some(Timestamp(1_600)));
        assert_eq!(window.owned_at_start(Timestamp(1_900), 600), None);
    }

    #[test]
    fn a_clock_that_was_far_ahead_does_not_brake_for_ever() {
        let window = Window::default().with(removals(1_000_000, 10, 50), 600);
        assert_eq!(window.spent(Timestamp(1_000), 600), 0);
        assert_eq!(window.spent(Timestamp(999_700), 600), 10);
    }

    #[test]
    fn a_window_reads_back_what_was_written_and_nothing_else() {
        let window = Window::default().with(removals(1, 2, 3), 600).with(removals(4, 5, 6), 600);
        let mut bytes = Vec::new();
        window.encode(&mut bytes);
        assert_eq!(Window::decode(&bytes), Some(window));
        for cut in 0..bytes.len() {
            assert_eq!(Window::decode(&bytes[..cut]), None);
        }
    }

    #[test]
    fn a_window_never_grows_past_its_room() {
        let window = (0..100).fold(Window::default(), |window, n| window.with(removals(n, 1, 9), 600));
        assert_eq!(window.spent(Timestamp(100), 600), 100);
        let mut bytes = Vec::new();
        window.encode(&mut bytes);
        assert!(bytes.len() <= MOST_BYTES);
    }
}
