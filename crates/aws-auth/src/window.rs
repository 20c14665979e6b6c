//! The removal brake's memory: how much was taken away lately, so that it outlives restarts and changes of leader.
//!
//! It travels in the ownership annotation, in the very write that takes away. Not here: how much may go
//! (`guards::brake`).

use crate::ownership::PrincipalHash;
use crate::time::Timestamp;

/// More rows than a window can honestly have: the brake lets ten entries go in one.
const MOST: usize = 32;
/// Time, principal, owned.
const ROW: usize = 8 + 4 + 4;

/// Bytes that a window takes at the most.
pub(crate) const MOST_BYTES: usize = 1 + MOST * ROW;

/// One principal from which something was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// When.
    pub at: Timestamp,
    /// From whom. What is taken from the same one again costs nothing more.
    pub principal: PrincipalHash,
    /// How many entries were owned before it.
    pub owned: u32,
}

/// What was taken away lately, oldest first, approved and announced removals not counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Window {
    rows: Vec<Removal>,
}

impl Window {
    /// What still counts at `now`, if the window is `length` seconds long. A row from further ahead than that was
    /// written by a clock that was wrong, and does not count.
    fn counting(&self, now: Timestamp, length: i64) -> impl Iterator<Item = &Removal> {
        self.rows.iter().filter(move |row| row.at.is_within(length, now))
    }

    /// The same window with nothing in it but what still counts at `now`.
    #[must_use]
    pub fn at(&self, now: Timestamp, length: i64) -> Self {
        Self { rows: self.counting(now, length).copied().collect() }
    }

    /// How many principals lost something.
    #[must_use]
    pub fn spent(&self) -> usize {
        self.rows.len()
    }

    /// Whether this one did.
    #[must_use]
    pub fn has(&self, principal: PrincipalHash) -> bool {
        self.rows.iter().any(|row| row.principal == principal)
    }

    /// How many entries were owned when the window began; `None` when nothing went in it.
    #[must_use]
    pub fn owned_at_start(&self) -> Option<usize> {
        self.rows.first().map(|row| row.owned as usize)
    }

    /// When the oldest of what counts no longer does.
    #[must_use]
    pub fn frees_at(&self, length: i64) -> Option<Timestamp> {
        self.rows.first().map(|row| Timestamp(row.at.0.saturating_add(length)))
    }

    /// Remembers one more, unless it does already.
    pub fn push(&mut self, removal: Removal) {
        if !self.has(removal.principal) && self.rows.len() < MOST {
            self.rows.push(removal);
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::try_from(self.rows.len()).unwrap_or(u8::MAX));
        for row in &self.rows {
            out.extend_from_slice(&row.at.0.to_be_bytes());
            out.extend_from_slice(&row.principal.0.to_be_bytes());
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

fn row(bytes: &[u8; ROW]) -> Removal {
    // One number of 128 bits, taken apart.
    let bits = u128::from_be_bytes(*bytes);
    let half = |shift: u32| u32::try_from(bits >> shift & u128::from(u32::MAX)).unwrap_or(u32::MAX);
    let high = u64::try_from(bits >> 64).unwrap_or(u64::MAX);
    Removal { at: Timestamp(high.cast_signed()), principal: PrincipalHash(half(32)), owned: half(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removal(at: i64, principal: u32, owned: u32) -> Removal {
        Removal { at: Timestamp(at), principal: PrincipalHash(principal), owned }
    }

    fn window(removals: impl IntoIterator<Item = Removal>) -> Window {
        let mut window = Window::default();
        removals.into_iter().for_each(|removal| window.push(removal));
        window
    }

    #[test]
    fn what_went_counts_for_as_long_as_the_window_is() {
        let window = window([removal(1_000, 1, 40), removal(1_000, 2, 40), removal(1_300, 3, 38)]);
        let spent = |now| window.at(Timestamp(now), 600).spent();
        assert_eq!([1_300, 1_599, 1_600, 1_900].map(spent), [3, 3, 1, 0]);
        let early = window.at(Timestamp(1_300), 600);
        assert_eq!((early.owned_at_start(), early.frees_at(600)), (Some(40), Some(Timestamp(1_600))));
        assert_eq!(window.at(Timestamp(1_900), 600).owned_at_start(), None);
    }

    #[test]
    fn what_is_taken_from_the_same_one_again_counts_once() {
        let window = window((0..100).map(|at| removal(at, 7, 40)));
        assert_eq!(window.spent(), 1);
    }

    #[test]
    fn a_clock_that_was_far_ahead_does_not_brake_for_ever() {
        let window = window([removal(1_000_000, 1, 50)]);
        assert_eq!(window.at(Timestamp(1_000), 600).spent(), 0);
        assert_eq!(window.at(Timestamp(999_700), 600).spent(), 1);
    }

    #[test]
    fn times_that_nobody_can_have_written_count_for_nothing() {
        for at in [i64::MIN, i64::MIN + 1_000, i64::MAX] {
            let window = window([removal(at, 1, 50)]);
            assert_eq!(window.at(Timestamp(1_000), 600).spent(), 0, "{at}");
            assert!(window.frees_at(600).is_some());
        }
    }

    #[test]
    fn a_window_reads_back_what_was_written_and_nothing_else() {
        let window = window([removal(1, 2, 3), removal(4, 5, 6)]);
        let mut bytes = Vec::new();
        window.encode(&mut bytes);
        assert_eq!(Window::decode(&bytes), Some(window));
        for cut in 0..bytes.len() {
            assert_eq!(Window::decode(&bytes[..cut]), None);
        }
    }

    #[test]
    fn a_window_never_grows_past_its_room() {
        let mut bytes = Vec::new();
        window((0..100).map(|n| removal(1, n, 9))).encode(&mut bytes);
        assert_eq!(bytes.len(), MOST_BYTES);
    }
}
