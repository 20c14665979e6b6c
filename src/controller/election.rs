//! Who leads: the decision, from what the Lease says and what one's own clock says. No I/O, no clock.
//!
//! As client-go does it: clocks of different machines are never compared. A Lease counts as abandoned when it did not
//! change for its whole duration by the clock of whoever watches it. Not here: reading and writing it (`lease`).

use std::time::Duration;

use tokio::time::Instant;

/// What the Lease says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// Changes with every write.
    pub(super) version: String,
    /// Who has it; `None` when it was given back.
    pub(super) holder: Option<String>,
}

/// What to do about the Lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There is none: make it.
    Create,
    /// Nobody has it any more: take it.
    Take,
    /// It is ours: renew it.
    Renew,
    /// Somebody has it, who may live until then: look again at this time at the latest.
    WaitUntil(Instant),
}

/// One candidate's view.
#[derive(Debug)]
pub(super) struct Election {
    identity: String,
    /// The same for all candidates: what the Lease says about it could have been edited to last for ever.
    duration: Duration,
    observed: Option<(Record, Instant)>,
}

impl Election {
    pub(super) fn new(identity: String, duration: Duration) -> Self {
        Self { identity, duration, observed: None }
    }

    /// Decides, from the Lease as it was read now.
    pub(super) fn decide(&mut self, lease: Option<Record>, now: Instant) -> Step {
        let Some(record) = lease else {
            self.observed = None;
            return Step::Create;
        };
        let step = match &record.holder {
            None => Step::Take,
            Some(holder) if *holder == self.identity => Step::Renew,
            Some(_) => {
                let since = match &self.observed {
                    Some((before, since)) if *before == record => *since,
                    _ => now,
                };
                let end = since + self.duration;
                if end <= now { Step::Take } else { Step::WaitUntil(end) }
            }
        };
        if self.observed.as_ref().is_none_or(|(before, _)| *before != record) {
            self.observed = Some((record, now));
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DURATION: Duration = Duration::from_secs(15);

    fn record(version: &str, holder: &str) -> Record {
        let holder = (!holder.is_empty()).then(|| holder.to_owned());
        Record { version: version.to_owned(), holder }
    }

    fn election() -> (Election, Instant) {
        (Election::new("me".to_owned(), DURATION), Instant::now())
    }

    #[test]
    fn a_lease_that_is_missing_is_made_and_one_that_was_given_back_is_taken() {
        let (mut election, now) = election();
        assert_eq!(election.decide(None, now), Step::Create);
        assert_eq!(election.decide(Some(record("1", "")), now), Step::Take);
        assert_eq!(election.decide(Some(record("2", "me")), now), Step::Renew);
    }

    #[test]
    fn a_holder_that_stops_renewing_is_followed_after_the_whole_duration() {
        let (mut election, now) = election();
        assert_eq!(election.decide(Some(record("1", "other")), now), Step::WaitUntil(now + DURATION));
        let almost = now + DURATION - Duration::from_millis(1);
        assert_eq!(election.decide(Some(record("1", "other")), almost), Step::WaitUntil(now + DURATION));
        assert_eq!(election.decide(Some(record("1", "other")), now + DURATION), Step::Take);
    }

    #[test]
    fn a_holder_that_renews_is_left_alone() {
        let (mut election, mut now) = election();
        for version in 0..10 {
            let step = election.decide(Some(record(&version.to_string(), "other")), now);
            assert_eq!(step, Step::WaitUntil(now + DURATION));
            now += Duration::from_secs(14);
        }
    }

    #[test]
    fn a_lease_seen_for_the_first_time_is_never_taken_for_abandoned() {
        let (mut election, now) = election();
        assert_eq!(election.decide(Some(record("1", "ghost")), now), Step::WaitUntil(now + DURATION));
    }
}
