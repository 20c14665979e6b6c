//! How long to leave a thing alone that failed: twice as long each time, with jitter so that replicas do not march in
//! step, and from the start again after a success.

use std::time::Duration;

use crate::controller::durations::Pauses;

/// Growing pauses between tries of one thing.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    pauses: Pauses,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(pauses: Pauses) -> Self {
        Self { pauses, failures: 0 }
    }

    /// The pause after one more failure: between the whole and three halves of the step, also where it has become the
    /// longest.
    pub(crate) fn next_pause(&mut self) -> Duration {
        let doubled = 1u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let Pauses { first, longest } = self.pauses;
        let step = first.saturating_mul(doubled).min(longest * 2 / 3);
        step.mul_f64(1.0 + fastrand::f64() / 2.0)
    }

    pub(crate) fn is_set_back(&self) -> bool {
        self.failures > 0
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.next_pause())
    }
}

impl kube::runtime::utils::Backoff for Backoff {
    fn reset(&mut self) {
        self.succeeded();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_start_again_after_a_success() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(15));
        let mut backoff = Backoff::new(Pauses { first, longest });
        let pauses: Vec<Duration> = backoff.by_ref().take(80).collect();
        for (n, pause) in pauses.iter().enumerate().take(3) {
            let step = Duration::from_secs(1 << n);
            assert!((step..=step * 3 / 2).contains(pause), "{n}: {pause:?}");
        }
        assert!(pauses.iter().all(|pause| *pause >= first && *pause <= longest));
        let late = &pauses[10..];
        assert!(late.iter().all(|pause| *pause >= longest * 2 / 3));
        assert!(late.windows(2).any(|pair| pair[0] != pair[1]), "jitter to the end: {late:?}");
        backoff.succeeded();
        assert!(backoff.next_pause() < first * 2);
    }
}
