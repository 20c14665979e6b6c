//! Random sequences of what people do, held against a model of a dozen lines: whatever happens, aws-auth says in the
//! end what is foreign and what living mappings ask for.
//!
//! The operator here is the plan, the last good state and somebody who approves whatever waits. `MODEL_STEPS` is how
//! many steps are made (100,000 unless said otherwise), `MODEL_SEED` makes the same ones again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use aws_auth::aws_auth::AwsAuth;
use aws_auth::mapping::{RawSpec, Spec};
use aws_auth::restore::{self, Absence, Remedy};
use aws_auth::{Entry, Key, Timestamp};
use common::{CLUSTER, World, mapping, raw, role};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// What somebody does. `who` names a mapping and its principal.
#[derive(Debug, Clone, Copy)]
enum Step {
    Apply { who: u8, version: u8 },
    Suspend { who: u8 },
    Expire { who: u8 },
    Delete { who: u8 },
    AddForeign { who: u8 },
    RemoveForeign { who: u8 },
    EditOurs,
    RemoveOurs,
    Break,
    Empty,
    DeleteAwsAuth,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..6u8;
    prop_oneof![
        6 => (who.clone(), 0..3u8).prop_map(|(who, version)| Step::Apply { who, version }),
        1 => who.clone().prop_map(|who| Step::Suspend { who }),
        1 => who.clone().prop_map(|who| Step::Expire { who }),
        3 => who.clone().prop_map(|who| Step::Delete { who }),
        2 => who.clone().prop_map(|who| Step::AddForeign { who }),
        1 => who.prop_map(|who| Step::RemoveForeign { who }),
        1 => Just(Step::EditOurs),
        1 => Just(Step::RemoveOurs),
        1 => Just(Step::Break),
        1 => Just(Step::Empty),
        1 => Just(Step::DeleteAwsAuth),
        1 => Just(Step::Restart),
    ]
}

fn spec(who: u8, version: u8) -> RawSpec {
    raw(&role(&format!("ours-{who}")), &format!("ours-{who}-{version}"), &["g"])
}

fn foreign(who: u8) -> String {
    format!("- rolearn: {}\n  username: foreign-{who} # by hand\n", role(&format!("foreign-{who}")))
}

/// The model: who is foreign, and which version of which mapping stands.
#[derive(Debug, Default)]
struct Model {
    foreign: BTreeSet<u8>,
    ours: BTreeMap<u8, u8>,
}

impl Model {
    fn take(&mut self, step: Step, suspended: &BTreeSet<u8>) {
        match step {
            Step::Apply { who, version } => drop(self.ours.insert(who, version)),
            Step::Suspend { who } if suspended.contains(&who) => {}
            Step::Expire { who } | Step::Delete { who } => drop(self.ours.remove(&who)),
            Step::AddForeign { who } => drop(self.foreign.insert(who)),
            Step::RemoveForeign { who } => drop(self.foreign.remove(&who)),
            _ => {}
        }
    }

    fn usernames(&self) -> BTreeSet<String> {
        let foreign = self.foreign.iter().map(|who| format!("foreign-{who}"));
        foreign.chain(self.ours.iter().map(|(who, version)| format!("ours-{who}-{version}"))).collect()
    }
}

/// The cluster, and what the operator remembers.
struct Cluster {
    world: World,
    good: Option<AwsAuth>,
    suspended: BTreeSet<u8>,
    next: u32,
}

impl Cluster {
    fn new() -> Self {
        let mut world = World::with(AwsAuth::missing());
        world.settings.guards.min_admins = 0;
        world.approving = true;
        Self { world, good: None, suspended: BTreeSet::new(), next: 0 }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Apply { who, version } => {
                self.suspended.remove(&who);
                self.put(who, spec(who, version));
            }
            Step::Suspend { who } => {
                // What stands stays, whatever the spec says meanwhile.
                let standing = self.world.mappings.iter().any(|mapping| mapping.name == format!("m{who}"));
                if standing {
                    self.suspended.insert(who);
                    self.put(who, RawSpec { paused: true, ..spec(who, 9) });
                }
            }
            Step::Expire { who } => {
                let end = self.world.now;
                if self.world.mappings.iter().any(|mapping| mapping.name == format!("m{who}")) {
                    self.put(who, RawSpec { expires_at: Some(end), ..spec(who, 0) });
                }
            }
            Step::Delete { who } => {
                self.suspended.remove(&who);
                self.world.mappings.retain(|mapping| mapping.name != format!("m{who}"));
            }
            Step::AddForeign { who } => {
                let text = foreign(who);
                self.edit(|all| {
                    let before = if all.trim() == "[]" { "" } else { all };
                    if all.contains(&text) { all.to_owned() } else { format!("{before}{text}") }
                });
            }
            Step::RemoveForeign { who } => self.edit(|all| all.replace(&foreign(who), "")),
            Step::EditOurs => self.edit_ours(|item| item.replace("- \"g\"", "- \"others\"")),
            Step::RemoveOurs => self.edit_ours(|_| String::new()),
            Step::Break => self.edit(|all| format!("{all}\n  broken: [\n")),
            Step::Empty => self.world.edit(Key::MapRoles, |_| String::new()),
            Step::DeleteAwsAuth => self.world.aws_auth = AwsAuth::missing(),
            Step::Restart => {
                let source = self.world.aws_auth.source().clone();
                if self.world.aws_auth.exists() {
                    self.world.aws_auth = AwsAuth::read(source, CLUSTER);
                }
            }
        }
        self.world.now = Timestamp(self.world.now.0 + 1);
    }

    fn put(&mut self, who: u8, raw: RawSpec) {
        let name = format!("m{who}");
        if let Some(old) = self.world.mappings.iter_mut().find(|mapping| mapping.name == name) {
            old.spec = Spec::parse(raw);
        } else {
            self.next += 1;
            self.world.mappings.push(mapping(&name, self.next, raw));
        }
    }

    fn edit(&mut self, change: impl FnOnce(&str) -> String) {
        self.world.edit(Key::MapRoles, change);
    }

    /// Changes the first entry of ours that is not suspended: a suspended one stays as somebody left it.
    fn edit_ours(&mut self, change: impl FnOnce(&str) -> String) {
        let suspended: Vec<String> = self.suspended.iter().map(|who| role(&format!("ours-{who}"))).collect();
        let text = self.world.roles().to_owned();
        let items: Vec<_> =
            self.world.aws_auth.key(Key::MapRoles).items().map(|(_, item, _)| item.span.clone()).collect();
        let ours = |item: &&std::ops::Range<usize>| {
            let item = &text[item.start..item.end];
            item.contains("\"ours-") && !suspended.iter().any(|arn| item.contains(&format!("{arn}\"")))
        };
        if let Some(item) = items.iter().find(ours) {
            let new = change(&text[item.clone()]);
            let end = if new.is_empty() { (item.end + 1).min(text.len()) } else { item.end };
            let start = if new.is_empty() {
                text[..item.start].rfind('\n').map_or(0, |at| at + 1)
            } else {
                item.start
            };
            self.edit(|_| format!("{}{new}{}", &text[..start], &text[end..]));
        }
    }

    /// What the operator does: restores, plans, writes, and remembers the last good state.
    fn settle(&mut self) {
        let (live, good) = (&self.world.aws_auth, self.good.as_ref());
        let guards = &self.world.settings.guards;
        if let Remedy::Restore(damage) = restore::remedy(live, good, guards, None, Absence::Settled, CLUSTER)
        {
            let (mended, restored) = restore::mend(live, good.unwrap(), &damage, CLUSTER);
            self.world.aws_auth = mended;
            self.world.situation.restored = restored;
            if let Some(written) = self.world.plan(|plan| plan.write) {
                self.world.aws_auth = AwsAuth::read(written.source().clone(), CLUSTER);
            }
            self.world.situation.restored = Vec::new();
        }
        self.world.settle();
        if self.world.aws_auth.exists() {
            self.good = Some(self.world.aws_auth.clone());
        }
    }

    fn usernames(&self) -> Vec<String> {
        self.world.served(Key::MapRoles).into_iter().map(|Entry { username, .. }| username).collect()
    }
}

#[test]
fn whatever_people_do_aws_auth_says_in_the_end_what_is_foreign_and_what_living_mappings_ask_for() {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let steps = number("MODEL_STEPS").unwrap_or(100_000);
    let seed = number("MODEL_SEED").unwrap_or_else(|| std::process::id().into());
    println!("MODEL_SEED={seed} MODEL_STEPS={steps}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut made = 0;
    while made < steps {
        let (mut cluster, mut model) = (Cluster::new(), Model::default());
        let mut history = Vec::new();
        for _ in 0..40 {
            let step = step().new_tree(&mut runner).unwrap().current();
            history.push(step);
            // Where nothing was, nothing can be restored, and a broken key stays broken.
            let damages = matches!(step, Step::Empty | Step::DeleteAwsAuth | Step::Break);
            if damages && model.usernames().is_empty() {
                continue;
            }
            // Whoever takes the last entry away empties aws-auth, and that is undone.
            let last = model.ours.is_empty() && model.foreign.len() == 1;
            if last && matches!(step, Step::RemoveForeign { .. }) {
                continue;
            }
            cluster.take(step);
            model.take(step, &cluster.suspended);
            cluster.settle();
            let names: BTreeSet<String> = cluster.usernames().into_iter().collect();
            assert_eq!(names, model.usernames(), "seed {seed}, after {history:?}: {}", cluster.world.roles());
            made += 1;
        }
    }
    println!("{made} steps, no difference");
}
