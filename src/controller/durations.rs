//! How long everything may take, and how long everything is left alone: every duration that the operator lives by.
//!
//! In one place because they depend on each other (a write must fit into what is left of a Lease), and because tests
//! of what happens in ten minutes have to make it happen in thirty seconds: one factor shortens them all.

use std::str::FromStr;
use std::time::Duration;

use aws_auth::settings::Durations as GuardDurations;
use thiserror::Error;

/// What two busy cores still answer in: below this share of the real deadlines a slow machine would be taken for a dead
/// one.
const SHORTEST_DEADLINES: f64 = 0.2;

/// By how much every duration is shortened: 1 in production, less in tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeScale(f64);

impl Default for TimeScale {
    fn default() -> Self {
        Self(1.0)
    }
}

/// No factor to shorten durations by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a number above 0 and up to 1, such as 0.05")]
pub struct BadTimeScale;

impl FromStr for TimeScale {
    type Err = BadTimeScale;

    fn from_str(text: &str) -> Result<Self, BadTimeScale> {
        let factor = text.parse().map_err(|_| BadTimeScale)?;
        if factor > 0.0 && factor <= 1.0 { Ok(Self(factor)) } else { Err(BadTimeScale) }
    }
}

/// The first and the longest pause after failures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pauses {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

/// All of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Durations {
    /// A read is over within this time.
    pub(super) read: Duration,
    /// A write is: sooner than what is left of a Lease after a renewal that was late.
    pub(super) write: Duration,
    /// A list that brings nothing for so long has died without a word.
    pub(super) list: Duration,
    /// After a signal everything is over within this time, whatever the API server does.
    pub(super) shutdown: Duration,
    /// How long the Lease is good after a renewal.
    pub(super) lease: Duration,
    /// How often the leader renews it.
    pub(super) renew: Duration,
    /// How often the others look, and how soon a failed renewal is tried again.
    pub(super) retry: Duration,
    /// A watch is begun anew after so long, and so soon at the latest it is noticed that its connection is dead.
    pub(super) watch: Duration,
    /// Everything is looked at afresh this often, whatever the watches say.
    pub(super) resync: Duration,
    /// How often the configuration file is looked at.
    pub(super) reload: Duration,
    /// A burst of changes is over when nothing changed for this long.
    pub(super) quiet: Duration,
    /// Nobody waits longer than this for a burst to end.
    pub(super) longest_wait: Duration,
    /// How long one of the writes that can go one after another takes to come back.
    pub(super) refill: Duration,
    /// Before the API server is asked again which cluster this is.
    pub(super) unreached: Pauses,
    /// Before a source is listed or watched again.
    pub(super) unheard: Pauses,
    /// Before aws-auth is read again that somebody else wrote first.
    pub(super) conflict: Pauses,
    /// Before anything else that failed is tried again.
    pub(super) setback: Pauses,
    /// How long an aws-auth that is missing is left to whoever may be about to make it again.
    pub(super) absence: Duration,
    /// What the guards count and wait for.
    pub(super) guards: GuardDurations,
}

impl Durations {
    pub(super) fn at(scale: TimeScale) -> Self {
        let short = |duration: Duration| duration.mul_f64(scale.0);
        let deadline = |duration: Duration| duration.mul_f64(scale.0.max(SHORTEST_DEADLINES));
        let pauses = |first, longest| Pauses { first: short(first), longest: short(longest) };
        let (ms, s) = (Duration::from_millis, Duration::from_secs);
        Self {
            read: deadline(s(10)),
            write: deadline(s(4)),
            list: deadline(s(30)),
            shutdown: ms(4_800),
            lease: deadline(s(15)),
            renew: deadline(s(5)),
            retry: deadline(s(2)),
            watch: short(s(290)),
            resync: short(Duration::from_mins(5)),
            reload: short(s(2)),
            quiet: short(ms(50)),
            longest_wait: short(ms(500)),
            refill: short(s(1)),
            unreached: pauses(ms(500), s(10)),
            unheard: pauses(ms(500), s(15)),
            conflict: pauses(ms(10), s(5)),
            setback: pauses(s(1), s(15)),
            absence: short(s(1)),
            guards: guards(scale),
        }
    }
}

/// Whole seconds, which is all that the core knows of time.
fn guards(scale: TimeScale) -> GuardDurations {
    let short = |seconds: i64| {
        let seconds = Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).mul_f64(scale.0);
        i64::try_from(seconds.as_secs().max(1)).unwrap_or(1)
    };
    let GuardDurations { brake_window, contention_window, contention_pause, approval } =
        GuardDurations::default();
    GuardDurations {
        brake_window: short(brake_window),
        contention_window: short(contention_window),
        contention_pause: short(contention_pause),
        approval: short(approval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_fits_into_what_a_late_renewal_leaves_of_a_lease_at_any_scale() {
        for text in ["1", "0.2", "0.05", "0.001"] {
            let durations = Durations::at(text.parse().unwrap());
            assert!(durations.renew + durations.write * 2 < durations.lease, "{text}: {durations:?}");
        }
    }

    #[test]
    fn time_is_only_ever_shortened() {
        for text in ["0", "-1", "1.1", "NaN", "inf", "1/20", ""] {
            assert_eq!(text.parse::<TimeScale>(), Err(BadTimeScale), "{text}");
        }
        assert_eq!("1".parse(), Ok(TimeScale::default()));
    }
}
