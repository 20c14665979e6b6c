//! Every committed version of aws-auth, read as the authenticator reads it, and held against what was asked for.
//!
//! It knows nothing of plans, guards or the ownership record: an entry is ours because we were seen to write it. The
//! simulation holds its versions against the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::DynamicObject;
use serde_json::Value;

use super::journal::{Journal, Wish};
use super::reading::{Item, Reading};
use crate::common::Seen;

/// Where a person lets something through.
pub const APPROVE: &str = "aws-auth.dev/approve";
const NODES: &str = "system:nodes";
/// Values that only principals on the list may have.
const PRIVILEGED: [&str; 3] = ["system:", "eks:", "cluster-admins"];

/// A request of the operator that could change aws-auth.
pub struct Sent {
    pub verb: &'static str,
    pub query: String,
    pub body: Value,
    /// The version that there was after it.
    pub version: Option<u64>,
}

/// All that was seen.
pub struct Material<'m> {
    pub aws_auth: Vec<Seen<ConfigMap>>,
    pub mappings: &'m [Seen<DynamicObject>],
    pub sent: &'m [Sent],
    /// ARNs that may have privileged values, in lower case.
    pub privileged: &'m BTreeSet<String>,
    pub everything_is_ours: bool,
    /// Whether a wish could be followed in the version of this number, committed then.
    pub stood: &'m dyn Fn(&Wish, u64, Instant) -> bool,
    /// The aws-auth that a status of this number speaks of was known as old as this version at the most.
    pub known: &'m dyn Fn(u64) -> u64,
}

/// What the operator was seen to do.
pub struct Audit {
    pub versions: Vec<Version>,
    /// What was found wrong, each with the invariant that it breaks.
    pub violations: Vec<String>,
    /// Our items in the newest version.
    pub ours: BTreeSet<Item>,
    /// Those among them that somebody edited beside another entry of the same principal, or took away and brought back:
    /// as well nobody's.
    #[allow(dead_code, reason = "the simulation asks")]
    pub doubtful: BTreeSet<Item>,
    pub living: Vec<Value>,
}

/// One version.
pub struct Version {
    pub number: u64,
    /// There is no aws-auth.
    pub gone: bool,
    pub at: Instant,
    pub is_ours: bool,
    pub reading: Reading,
}

/// What is known while the versions are gone through.
#[derive(Default)]
struct Ledger {
    ours: BTreeSet<Item>,
    doubtful: BTreeSet<Item>,
    /// Who had several entries at some time: key and ARN.
    crowded: BTreeSet<(&'static str, String)>,
    /// Every item that we wrote.
    written: BTreeSet<Item>,
    /// Items that were ours at some time and that we did not remove ourselves, under their key and ARN.
    once_ours: BTreeMap<(&'static str, String), BTreeSet<Item>>,
    /// When we removed an entry of an ARN last.
    removed: BTreeMap<String, u64>,
    /// Every item that somebody else wrote.
    foreign: BTreeSet<Item>,
    /// Somebody let what was held through.
    approved: bool,
    violations: Vec<String>,
}

impl Audit {
    /// Goes through all of it.
    pub fn of(material: Material<'_>) -> Self {
        let Material { aws_auth, mappings, sent, privileged, everything_is_ours, stood, known } = material;
        let journal = Journal::of(mappings);
        let mut ledger = Ledger::default();
        ledger.every_write_names_its_version(sent);
        let ours: BTreeSet<u64> = sent.iter().filter_map(Sent::made).collect();
        let mut versions: Vec<Version> = Vec::new();
        for Seen { number, at, object, gone, listed: _ } in aws_auth {
            let reading = Reading::of((!gone).then_some(&object));
            ledger.approved |=
                object.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(APPROVE));
            let is_ours = ours.contains(&number) || everything_is_ours && !versions.is_empty();
            let version = Version { number, gone, at, is_ours, reading };
            let wishes =
                || journal.wishes.iter().filter(|wish| stood(wish, number, at)).collect::<Vec<&Wish>>();
            match versions.last() {
                Some(before) if is_ours => {
                    ledger.our_write(before, &version, &wishes(), privileged, &journal);
                }
                None if is_ours => {
                    let nothing =
                        Version { number: 0, gone: true, at, is_ours: false, reading: Reading::of(None) };
                    ledger.our_write(&nothing, &version, &wishes(), privileged, &journal);
                }
                _ => {
                    let known = versions.iter().rev().find(|version| version.is_ours);
                    ledger.foreign_write(known, &version);
                }
            }
            versions.push(version);
        }
        ledger.every_write_was_seen(&ours, &versions);
        ledger.status_tells_the_truth(&journal, &versions, known);
        let Ledger { violations, ours, doubtful, .. } = ledger;
        Self { versions, violations, ours, doubtful, living: journal.living }
    }

    /// How many writes were ours.
    pub fn writes(&self) -> usize {
        self.versions.iter().filter(|version| version.is_ours).count()
    }

    /// The newest version.
    pub fn last(&self) -> &Version {
        self.versions.last().unwrap()
    }
}

impl Sent {
    /// The version that it made, where it made one.
    fn made(&self) -> Option<u64> {
        let over = self.body["metadata"]["resourceVersion"].as_str().and_then(|version| version.parse().ok());
        self.version.filter(|version| over != Some(*version))
    }
}

impl Ledger {
    fn violation(&mut self, invariant: &str, number: u64, what: &str) {
        self.violations.push(format!("{invariant} in version {number}: {what}"));
    }

    fn was_ours(&self, item: &Item) -> bool {
        self.once_ours.get(&of(item)).is_some_and(|once| once.contains(item))
    }

    fn every_write_names_its_version(&mut self, sent: &[Sent]) {
        for Sent { verb, query, body, .. } in sent {
            let version = body["metadata"]["resourceVersion"].as_str().is_some_and(|text| !text.is_empty());
            let safe = match *verb {
                "create" => true,
                "update" => version,
                _ => false,
            };
            if !safe || query.contains("force") {
                self.violation("I5", 0, &format!("{verb} {query}"));
            }
        }
    }

    fn every_write_was_seen(&mut self, ours: &BTreeSet<u64>, versions: &[Version]) {
        let first = versions.first().map_or(0, |version| version.number);
        let seen: BTreeSet<u64> = versions.iter().map(|version| version.number).collect();
        for number in ours.iter().filter(|number| **number >= first && !seen.contains(number)) {
            self.violation("the auditor's own sight", *number, "this version was not recorded");
        }
    }

    /// Somebody else's write: what of ours it leaves stays ours, also where it is spelled anew.
    ///
    /// `known` is our newest write, when the record last told which entries stand alone.
    fn foreign_write(&mut self, known: Option<&Version>, after: &Version) {
        let items = after.reading.items();
        let known = known.map(|known| known.reading.items()).unwrap_or_default();
        let mut kept = BTreeSet::new();
        let before = std::mem::take(&mut self.ours);
        for ours in &before {
            if items.contains(ours) {
                kept.insert(ours.clone());
                continue;
            }
            let anew =
                |item: &&Item| item.key == ours.key && item.arn == ours.arn && !self.foreign.contains(*item);
            kept.extend(items.iter().find(anew).cloned());
        }
        // Somebody's old copy brings back what was ours when it was made, and is no more if its mapping went meanwhile.
        let again =
            |item: &&Item| self.was_ours(item) && !self.foreign.contains(*item) && !kept.contains(*item);
        let again: Vec<Item> = items.iter().filter(again).cloned().collect();
        self.doubtful.extend(again.iter().cloned());
        kept.extend(again);
        let same = |one: &Item, other: &Item| (one.key, &one.arn) == (other.key, &other.arn);
        // Of a principal whose entry somebody took away before: ours and edited, or nobody's. Whoever did not look
        // meanwhile cannot tell, even where it stood beside ours for a while.
        let anew: Vec<Item> = items
            .iter()
            .filter(|item| !(self.foreign.contains(*item) && known.contains(item)))
            .filter(|item| !kept.iter().any(|ours| same(ours, item)))
            .filter(|item| self.once_ours.contains_key(&of(item)))
            .cloned()
            .collect();
        self.doubtful.extend(anew.iter().cloned());
        kept.extend(anew);
        for item in &kept {
            self.once_ours.entry(of(item)).or_default().insert(item.clone());
        }
        for (n, item) in items.iter().enumerate() {
            if items[..n].iter().any(|other| same(other, item)) {
                self.crowded.insert(of(item));
            }
        }
        let crowded = |item: &Item| self.crowded.contains(&of(item));
        let certain = |item: &Item| before.contains(item) && known.contains(item);
        let doubtful = kept.iter().filter(|item| crowded(item) && !certain(item));
        self.doubtful.extend(doubtful.cloned());
        self.ours = kept;
        self.foreign.extend(items.iter().filter(|item| !self.ours.contains(item)).cloned());
    }

    fn our_write(
        &mut self,
        before: &Version,
        after: &Version,
        wishes: &[&Wish],
        privileged: &BTreeSet<String>,
        journal: &Journal,
    ) {
        let number = after.number;
        for key in Reading::keys() {
            if before.reading.parses(key) && !after.reading.parses(key) {
                self.violation("I1", number, &format!("{key} parsed before and does not now"));
            }
        }
        // Who is one until some time only is no admin to count on.
        let ends = |admin: &String| {
            journal
                .wishes
                .iter()
                .any(|wish| wish.ends && wish.arn == *admin && wish.stood_after(before.number))
        };
        if after.reading.admins.is_empty() && !before.reading.admins.iter().all(ends) {
            self.violation("I1", number, "the last admin is gone");
        }
        // What is broken, deleted or emptied comes back from the last good state.
        let damaged = before.reading.is_damaged();
        if before.reading.beside != after.reading.beside && !damaged {
            let what = format!("{:?} became {:?}", before.reading.beside, after.reading.beside);
            self.violation("I2", number, &what);
        }
        let (old, new) = (before.reading.items(), after.reading.items());
        let (removed, added) = (minus(old, new), minus(new, old));
        let mut ours = self.ours.clone();
        for item in removed {
            let adopted = || wishes.iter().any(|wish| wish.adopts && wish.arn == item.arn);
            if !ours.remove(&item) && !adopted() {
                self.violation("I2", number, &format!("somebody else's is gone: {}", item.text));
            }
            let changed = added.iter().any(|new| new.arn == item.arn);
            if !changed {
                self.removed.insert(item.arn.clone(), number);
                self.once_ours.remove(&of(&item));
            }
            let node = item.groups.contains(NODES) && !self.approved;
            let still = || new.iter().any(|new| new.arn == item.arn && new.groups.contains(NODES));
            if node && !still() {
                self.violation("I1", number, &format!("a node entry is gone: {}", item.text));
            }
        }
        for item in added {
            if damaged && self.foreign.contains(&item) {
                continue;
            }
            // So does what was ours and held: its removal still waits for a person.
            let waits = self.was_ours(&item)
                // With aws-auth goes the record, and what is known of a removal may be older than that.
                || before.gone && self.written.contains(&item);
            if damaged && waits {
                ours.insert(item);
                continue;
            }
            if !wishes.iter().any(|wish| wish.is(&item)) {
                self.violation("I3", number, &format!("nobody asked for this: {}", item.text));
            }
            let high = |value: &String| PRIVILEGED.iter().any(|prefix| value.starts_with(prefix));
            let high = item.groups.iter().any(high) || high(&item.username);
            if high && !privileged.contains(&item.arn) {
                self.violation("I3", number, &format!("this is not allowed: {}", item.text));
            }
            let asked_again = |wish: &Wish, since| wish.arn == item.arn && wish.stood_after(since);
            if let Some(since) = self.removed.get(&item.arn).copied()
                && !journal.wishes.iter().any(|wish| asked_again(wish, since))
            {
                self.violation("I4", number, &format!("this came back: {}", item.text));
            }
            self.once_ours.entry(of(&item)).or_default().insert(item.clone());
            self.written.insert(item.clone());
            ours.insert(item);
        }
        if damaged {
            self.ours = ours;
            return;
        }
        let kept = |items: &[Item], ours: &BTreeSet<Item>| -> Vec<Item> {
            items.iter().filter(|item| !ours.contains(item)).cloned().collect()
        };
        // What is missing was looked at above; of two alike either may be it.
        let others = kept(new, &ours);
        let stood = kept(old, &self.ours);
        let mut stood = stood.iter();
        if !others.iter().all(|item| stood.any(|other| other == item)) {
            self.violation("I2", number, "what is others' stands in another order");
        }
        for key in Reading::keys() {
            let adopts = wishes.iter().any(|wish| wish.adopts);
            let lines = before.reading.lines_without(key, &self.ours);
            let now = after.reading.lines_without(key, &ours);
            if !adopts && lines.is_some() && now.is_some() && lines != now {
                self.violation("I2", number, &format!("{key} beside our entries: {lines:?} became {now:?}"));
            }
        }
        self.ours = ours;
    }

    fn status_tells_the_truth(
        &mut self,
        journal: &Journal,
        versions: &[Version],
        known: &dyn Fn(u64) -> u64,
    ) {
        for claim in &journal.claims {
            let since = claim.wish.since().min(known(claim.number));
            // From the one that stood then: a version stands until the next.
            let first = versions.partition_point(|version| version.number <= since).saturating_sub(1);
            let last = versions.partition_point(|version| version.number <= claim.number);
            let true_once = versions[first..last]
                .iter()
                .any(|version| version.reading.items().iter().any(|item| claim.wish.is(item)));
            if !true_once {
                self.violation("I7", claim.number, &format!("{} says Applied and is not", claim.wish.name));
            }
        }
    }
}

/// What an item is of: its key and ARN.
fn of(item: &Item) -> (&'static str, String) {
    (item.key, item.arn.clone())
}

/// What is among `items` more often than among `others`.
fn minus(items: &[Item], others: &[Item]) -> Vec<Item> {
    let mut others = others.to_vec();
    let mut more = items.to_vec();
    more.retain(|item| match others.iter().position(|other| other == item) {
        Some(at) => {
            others.swap_remove(at);
            false
        }
        None => true,
    });
    more
}
