//! Who fights with us over owned entries: put-backs counted by client.
//!
//! After five in ten minutes against one client, one a minute is left, so that access does not flap faster than that.
//! Not here: holding the put-back (`guards::contention`).

use std::collections::BTreeMap;

use crate::settings::Durations;
use crate::time::Timestamp;

/// So many put-backs against one client go at once.
const PATIENCE: usize = 5;

/// Put-backs, by the client that made them necessary.
#[derive(Debug, Clone, Default)]
pub struct Contention {
    put_backs: BTreeMap<String, Vec<Timestamp>>,
}

impl Contention {
    /// Something that `client` had edited was put back.
    pub fn put_back(&mut self, client: &str, now: Timestamp, durations: &Durations) {
        let times = self.put_backs.entry(client.to_owned()).or_default();
        times.retain(|at| counts(*at, now, durations));
        times.push(now);
    }

    /// Until when edits of `client` are not undone; `None` when they are at once.
    #[must_use]
    pub fn until(&self, client: &str, now: Timestamp, durations: &Durations) -> Option<Timestamp> {
        let times = self.put_backs.get(client)?;
        let lately = times.iter().filter(|at| counts(**at, now, durations));
        if lately.count() < PATIENCE {
            return None;
        }
        let until = Timestamp(times.last()?.0 + durations.contention_pause);
        (until > now).then_some(until)
    }
}

fn counts(at: Timestamp, now: Timestamp, durations: &Durations) -> bool {
    at.is_within(durations.contention_window, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_put_backs_go_at_once_and_then_one_a_minute() {
        let durations = Durations::default();
        let mut contention = Contention::default();
        let mut went = Vec::new();
        for second in 0..180 {
            let now = Timestamp(second);
            if contention.until("argocd", now, &durations).is_none() {
                contention.put_back("argocd", now, &durations);
                went.push(second);
            }
        }
        assert_eq!(went, [0, 1, 2, 3, 4, 64, 124]);
        assert_eq!(contention.until("terraform", Timestamp(5), &durations), None);
    }

    #[test]
    fn a_fight_is_forgotten_when_its_window_is_over() {
        let durations = Durations::default();
        let mut contention = Contention::default();
        for second in 0..5 {
            contention.put_back("argocd", Timestamp(second), &durations);
        }
        assert_eq!(contention.until("argocd", Timestamp(10), &durations), Some(Timestamp(64)));
        assert_eq!(contention.until("argocd", Timestamp(700), &durations), None);
    }
}
