//! Kubernetes Events: what a person should hear of, said once.
//!
//! An Event's name is made from what it says, so the API server itself refuses to hear the same twice while it keeps
//! the first (an hour, unless configured otherwise), over restarts and from two replicas too. Not here: what is worth
//! an Event (`announce`).

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use aws_auth::mapping::Uid;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::controller::requests::{AWS_AUTH, FIELD_MANAGER, NAMESPACE};

/// The same is not said again for so long.
const ONCE_IN: Duration = Duration::from_hours(1);
/// How many Events are remembered as said, and how many can wait.
const REMEMBERED: usize = 4_096;
const WAITING: usize = 1_024;
/// The API's limit on a note, in bytes.
const LONGEST_NOTE: usize = 1_024;
/// What of an object's name fits into an Event's name.
const LONGEST_NAME: usize = 230;
/// Where Events about cluster-scoped objects go.
const DEFAULT_NAMESPACE: &str = "default";

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Weight {
    Normal,
    Warning,
}

/// What it is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum About {
    Mapping { name: String, uid: Uid },
    AwsAuth,
}

/// Something a person should hear of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Notice {
    pub(super) about: About,
    pub(super) weight: Weight,
    pub(super) reason: &'static str,
    pub(super) note: String,
}

/// An Event on its way.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) namespace: &'static str,
    pub(super) body: Value,
}

/// What became of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Queued,
    SaidBefore,
    Dropped,
}

/// What waits to be said, and what was.
#[derive(Debug)]
pub(super) struct Events {
    instance: String,
    waiting: VecDeque<Notice>,
    said: BTreeMap<u64, Instant>,
}

impl Events {
    pub(super) fn new(instance: String) -> Self {
        Self { instance, waiting: VecDeque::new(), said: BTreeMap::new() }
    }

    /// Says it, unless it was said lately. Where too many wait, a warning takes the place of good news.
    pub(super) fn say(&mut self, mut notice: Notice, now: Instant) -> Taken {
        cut(&mut notice.note);
        let mark = notice.mark();
        if self.said.get(&mark).is_some_and(|at| now.duration_since(*at) < ONCE_IN) {
            return Taken::SaidBefore;
        }
        if self.waiting.len() >= WAITING {
            let good_news = self.waiting.iter().position(|waiting| waiting.weight == Weight::Normal);
            match good_news {
                Some(at) if notice.weight == Weight::Warning => {
                    self.waiting.remove(at);
                }
                _ => return Taken::Dropped,
            }
        }
        if self.said.len() >= REMEMBERED {
            self.said.retain(|_, at| now.duration_since(*at) < ONCE_IN);
        }
        if self.said.len() >= REMEMBERED {
            self.said.pop_first();
        }
        self.said.insert(mark, now);
        self.waiting.push_back(notice);
        Taken::Queued
    }

    /// The next Event to send.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Letter> {
        let notice = self.waiting.pop_front()?;
        Some(notice.letter(&self.instance, now))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Notice {
    fn mark(&self) -> u64 {
        // Fixed keys: the same in every process of this version.
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    fn letter(self, instance: &str, now: Timestamp) -> Letter {
        let mark = self.mark();
        let (namespace, name, regarding) = match self.about {
            About::Mapping { name, uid } => {
                let regarding = json!({
                    "apiVersion": "aws-auth.dev/v1alpha1", "kind": "IamMapping", "name": name, "uid": uid.to_string(),
                });
                (DEFAULT_NAMESPACE, name, regarding)
            }
            About::AwsAuth => {
                let regarding = json!({"apiVersion": "v1", "kind": "ConfigMap", "namespace": NAMESPACE, "name": AWS_AUTH});
                (NAMESPACE, AWS_AUTH.to_owned(), regarding)
            }
        };
        let stem: String = name.chars().take(LONGEST_NAME).collect();
        let stem = stem.trim_end_matches(['-', '.']);
        let weight = match self.weight {
            Weight::Normal => "Normal",
            Weight::Warning => "Warning",
        };
        let body = json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": format!("{stem}.{mark:016x}"), "namespace": namespace},
            "eventTime": format!("{now:.6}"),
            "reportingController": FIELD_MANAGER,
            "reportingInstance": instance,
            "action": "Reconcile",
            "reason": self.reason,
            "regarding": regarding,
            "note": self.note,
            "type": weight,
        });
        Letter { namespace, body }
    }
}

fn cut(note: &mut String) {
    if note.len() > LONGEST_NOTE {
        let mut end = LONGEST_NOTE - '…'.len_utf8();
        while !note.is_char_boundary(end) {
            end -= 1;
        }
        note.truncate(end);
        note.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(weight: Weight, note: &str) -> Notice {
        let about = About::Mapping { name: "jane".to_owned(), uid: Uid([1; 16]) };
        Notice { about, weight, reason: "Applied", note: note.to_owned() }
    }

    fn events() -> Events {
        Events::new("me".to_owned())
    }

    #[test]
    fn the_same_is_said_once_an_hour() {
        let (mut events, now) = (events(), Instant::now());
        assert_eq!(events.say(notice(Weight::Normal, "a"), now), Taken::Queued);
        assert_eq!(events.say(notice(Weight::Normal, "a"), now + ONCE_IN / 2), Taken::SaidBefore);
        assert_eq!(events.say(notice(Weight::Normal, "b"), now), Taken::Queued);
        assert_eq!(events.say(notice(Weight::Normal, "a"), now + ONCE_IN), Taken::Queued);
    }

    #[test]
    fn two_replicas_give_the_same_event_the_same_name() {
        let name = |instance: &str| {
            let letter = notice(Weight::Normal, "a").letter(instance, Timestamp::now());
            letter.body["metadata"]["name"].as_str().unwrap().to_owned()
        };
        assert_eq!(name("one"), name("two"));
    }

    #[test]
    fn memory_is_bounded_and_warnings_go_before_good_news() {
        let (mut events, now) = (events(), Instant::now());
        for n in 0..3 * REMEMBERED {
            events.say(notice(Weight::Normal, &n.to_string()), now);
        }
        assert_eq!((events.waiting.len(), events.said.len() <= REMEMBERED), (WAITING, true));
        assert_eq!(events.say(notice(Weight::Warning, "bad"), now), Taken::Queued);
        assert_eq!(events.waiting.len(), WAITING);
    }

    #[test]
    fn a_note_is_cut_between_characters() {
        let mut note = "ü".repeat(LONGEST_NOTE);
        cut(&mut note);
        assert!(note.len() <= LONGEST_NOTE && note.ends_with('…'));
    }

    #[test]
    fn a_long_name_still_makes_a_valid_event_name() {
        let about = About::Mapping { name: format!("{}.b", "a".repeat(LONGEST_NAME - 1)), uid: Uid([1; 16]) };
        let letter = Notice { about, ..notice(Weight::Normal, "a") }.letter("me", Timestamp::now());
        let name = letter.body["metadata"]["name"].as_str().unwrap();
        assert!(name.len() <= 253 && !name.contains(".."), "{name}");
    }
}
