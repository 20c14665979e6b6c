//! Random histories: people create, change, pause and delete mappings while others edit aws-auth, break it, mend it and
//! lose its record. After every step the operator settles, and what nobody may ever see is looked for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod common;

use std::collections::BTreeSet;

use aws_auth::Key;
use aws_auth::mapping::RawSpec;
use aws_auth::plan::Outcome;
use aws_auth::reader::Reading;
use common::{World, mapping, raw, role};
use proptest::collection::vec;
use proptest::prelude::*;

/// What somebody does. Small numbers name principals, mappings and versions, so that they meet often.
#[derive(Debug, Clone)]
enum Step {
    /// Creates or changes the mapping `m{who}` for the principal `r{who % 5}`.
    Apply { who: u8, version: u8, paused: bool },
    /// Deletes it.
    Delete { who: u8 },
    /// Deletes it and makes it again while nobody watches.
    Replace { who: u8, version: u8 },
    /// Somebody appends an entry of their own.
    AppendForeign { principal: u8 },
    /// Somebody takes the oldest of those away again.
    RemoveForeign,
    /// Somebody edits one of our entries.
    EditOurs { nth: usize },
    /// Somebody removes one of our entries.
    RemoveOurs { nth: usize },
    /// Somebody breaks the key; it is mended in the next step, whatever else that does.
    Break,
    /// The record is lost; `told` says whether statuses had been written before.
    LoseRecord { told: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..8u8, 0..3u8, prop::bool::weighted(0.2)).prop_map(|(who, version, paused)| Step::Apply { who, version, paused }),
        3 => (0..8u8).prop_map(|who| Step::Delete { who }),
        1 => (0..8u8, 0..3u8).prop_map(|(who, version)| Step::Replace { who, version }),
        2 => (0..6u8).prop_map(|principal| Step::AppendForeign { principal }),
        1 => Just(Step::RemoveForeign),
        2 => (0..4usize).prop_map(|nth| Step::EditOurs { nth }),
        2 => (0..4usize).prop_map(|nth| Step::RemoveOurs { nth }),
        1 => Just(Step::Break),
        1 => any::<bool>().prop_map(|told| Step::LoseRecord { told }),
    ]
}

const BROKEN: &str = "  broken: [\n";

struct History {
    world: World,
    /// The texts of the entries that others wrote, oldest first.
    foreign: Vec<String>,
    /// Usernames of entries that lost their owner with the record: nobody may take them away.
    stray: BTreeSet<String>,
    /// Who had somebody else's entry at some time: of two that are not as we wrote them, the one that is left is nobody's.
    shared: BTreeSet<String>,
    next: u32,
}

impl History {
    fn new() -> Self {
        let first =
            "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: foreign-0 # first\n".to_owned();
        let mut world = World::with_roles(&first);
        world.settings.guards.min_admins = 0;
        world.approving = true;
        Self { world, foreign: vec![first], stray: BTreeSet::new(), shared: BTreeSet::new(), next: 1 }
    }

    fn spec(who: u8, version: u8) -> RawSpec {
        raw(&role(&format!("r{}", who % 5)), &format!("ours-{who}-{version}"), &["g"])
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Apply { who, version, paused } => {
                let spec = RawSpec { paused, ..Self::spec(who, version) };
                let name = format!("m{who}");
                let at = self.world.mappings.iter().position(|mapping| mapping.name == name);
                let number = self.number();
                let new = mapping(&name, number, spec);
                match at {
                    Some(at) => {
                        let old = &mut self.world.mappings[at];
                        old.spec = new.spec;
                    }
                    None => self.world.mappings.push(new),
                }
            }
            Step::Delete { who } => self.world.mappings.retain(|mapping| mapping.name != format!("m{who}")),
            Step::Replace { who, version } => {
                self.take(&Step::Delete { who });
                self.take(&Step::Apply { who, version, paused: false });
            }
            Step::AppendForeign { principal } => {
                let n = self.number();
                let text = format!(
                    "- rolearn: {}\n  username: foreign-{n} # by hand\n",
                    role(&format!("r{principal}"))
                );
                self.world.edit(Key::MapRoles, |all| format!("{all}{text}"));
                self.foreign.push(text);
                self.shared.insert(role(&format!("r{principal}")));
            }
            Step::RemoveForeign => {
                if self.foreign.len() > 1 {
                    let text = self.foreign.remove(1);
                    self.world.edit(Key::MapRoles, |all| all.replacen(&text, "", 1));
                }
            }
            Step::EditOurs { nth } => {
                if let Some(ours) = self.ours(nth) {
                    self.world
                        .edit(Key::MapRoles, |all| all.replacen(&format!("\"{ours}\""), "\"edited\"", 1));
                }
            }
            Step::RemoveOurs { nth } => {
                if let Some(ours) = self.ours(nth) {
                    self.world.edit(Key::MapRoles, |all| {
                        let at = all.find(&format!("  username: \"{ours}\"")).unwrap();
                        let start = all[..at].rfind("- rolearn").unwrap();
                        let end = all[at..].find("\n- ").map_or(all.len(), |end| at + end + 1);
                        // What stands between ours and the next item may be somebody's comment: leave it.
                        let item_end = all[start..end].find("- \"g\"\n").map_or(end, |g| start + g + 6);
                        format!("{}{}", &all[..start], &all[item_end..])
                    });
                }
            }
            Step::Break => self.world.edit(Key::MapRoles, |all| format!("{all}{BROKEN}")),
            Step::LoseRecord { told } => {
                // What is hidden in a broken key could not be counted among the strays.
                self.mend();
                if told {
                    self.note_what_stands();
                } else {
                    for mapping in &mut self.world.mappings {
                        mapping.applied = None;
                    }
                }
                // Whatever is not recognised again is nobody's from now on.
                let served = self.world.served(Key::MapRoles);
                self.stray.extend(
                    served
                        .into_iter()
                        .map(|entry| entry.username)
                        .filter(|name| !name.starts_with("foreign")),
                );
                self.world.annotate(None);
            }
        }
    }

    /// What the operator writes into statuses: the entry that stands for each mapping.
    fn note_what_stands(&mut self) {
        let served = self.world.served(Key::MapRoles);
        let (outcomes, _) = self.world.settle();
        for mapping in &mut self.world.mappings {
            let spec = mapping.spec.as_ref().unwrap();
            let stands = outcomes[&mapping.name] == Outcome::Applied && served.contains(spec.entry());
            mapping.applied = stands.then(|| spec.entry_hash());
        }
    }

    fn ours(&self, nth: usize) -> Option<String> {
        let served = self.world.served(Key::MapRoles);
        let mut ours = served.into_iter().map(|entry| entry.username).filter(|name| name.starts_with("ours"));
        ours.nth(nth)
    }

    fn mend(&mut self) {
        self.world.edit(Key::MapRoles, |all| all.replace(BROKEN, ""));
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        let (outcomes, _) = self.world.settle();
        let text = self.world.roles().to_owned();
        for foreign in &self.foreign {
            prop_assert!(
                text.contains(foreign.as_str()),
                "somebody's entry is gone: {foreign:?} from {text}"
            );
        }
        if !matches!(self.world.aws_auth.key(Key::MapRoles).reading(), Reading::List(_)) {
            return Ok(());
        }
        let served = self.world.served(Key::MapRoles);
        for mapping in &self.world.mappings {
            let spec = mapping.spec.as_ref().unwrap();
            if outcomes[&mapping.name] == Outcome::Applied {
                prop_assert!(served.contains(spec.entry()), "{} says Applied: {text}", mapping.name);
            }
        }
        // No grant from nowhere, and none that outlives its mapping.
        for entry in served.iter().filter(|entry| !entry.username.starts_with("foreign")) {
            let living = self
                .world
                .mappings
                .iter()
                .any(|mapping| mapping.spec.as_ref().unwrap().entry().arn == entry.arn);
            let ambiguous = self.world.aws_auth.record().is_ok_and(|record| !record.rows().is_empty());
            let excused = self.stray.contains(&entry.username)
                || (entry.username == "edited"
                    && (ambiguous || !self.stray.is_empty() || self.shared.contains(&entry.arn)));
            prop_assert!(living || excused, "{} is nobody's: {text}", entry.username);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(common::many_cases())]

    #[test]
    fn no_history_loses_what_is_foreign_or_keeps_what_is_nobodys(steps in vec(step(), 1..16)) {
        let mut history = History::new();
        for step in &steps {
            let was_broken = history.world.roles().contains(BROKEN);
            history.take(step);
            if was_broken {
                history.mend();
            }
            history.check()?;
        }
        history.mend();
        history.check()?;
        // In the end everybody deletes everything: what is left is foreign, or lost its owner with the record.
        history.world.mappings.clear();
        history.check()?;
        let edited = history.world.served(Key::MapRoles).iter().any(|entry| entry.username == "edited");
        if !edited && history.stray.is_empty() && history.world.aws_auth.record().map_or(true, |record| record.rows().is_empty()) {
            // Our comment may stay where somebody else took the last entry below it away.
            let left = history.world.roles().replace(&format!("{}\n", aws_auth::spelling::HEADER), "");
            prop_assert_eq!(left, history.foreign.concat());
        }
    }
}
