//! Watches over the operator's shoulder: every committed version of aws-auth, read as the authenticator reads it, and
//! held against what was asked for.
//!
//! It knows nothing of plans, guards or the ownership record: an entry is ours because we were seen to write it.

mod journal;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aws_auth_operator::api::IamMapping;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ApiResource, DynamicObject};
use serde_json::Value;

use crate::common::{Cluster, ONLY_AWS_AUTH, Proxy, Record, Recording, Seen, check, eventually};
pub use journal::condition;
use journal::{Journal, Wish};
pub use reading::{Item, Reading};

/// For so long after a change what it replaced may still be written: it was on its way.
const GRACE: Duration = Duration::from_secs(2);
/// Where a person lets something through.
pub const APPROVE: &str = "aws-auth.dev/approve";
const NODES: &str = "system:nodes";
/// Values that only principals on the list may have.
const PRIVILEGED: [&str; 3] = ["system:", "eks:", "cluster-admins"];

/// An auditor; it begins with what is there.
pub struct Auditor {
    aws_auth: Recording<ConfigMap>,
    mappings: Recording<DynamicObject>,
    /// ARNs that may have privileged values, in lower case.
    privileged: BTreeSet<String>,
    everything_is_ours: bool,
}

/// What the operator was seen to do.
pub struct Audit {
    pub versions: Vec<Version>,
    /// What was found wrong, each with the invariant that it breaks.
    pub violations: Vec<String>,
    /// Our items in the newest version.
    pub ours: BTreeSet<Item>,
    pub living: Vec<Value>,
}

/// One version.
pub struct Version {
    pub number: u64,
    pub at: Instant,
    pub is_ours: bool,
    pub reading: Reading,
}

/// What is known while the versions are gone through.
#[derive(Default)]
struct Ledger {
    ours: BTreeSet<Item>,
    /// Whose entries were ours at some time: key and ARN.
    once_ours: BTreeSet<(&'static str, String)>,
    /// When we removed an entry of an ARN last.
    removed: BTreeMap<String, u64>,
    /// Every item that somebody else wrote.
    foreign: BTreeSet<Item>,
    /// Somebody let what was held through.
    approved: bool,
    violations: Vec<String>,
}

impl Auditor {
    pub fn start(cluster: &Cluster, privileged: &[String]) -> Self {
        let mappings = Api::all_with(cluster.client(), &ApiResource::erase::<IamMapping>(&()));
        Self {
            aws_auth: Recording::start(Api::namespaced(cluster.client(), "kube-system"), ONLY_AWS_AUTH),
            mappings: Recording::start(mappings, ""),
            privileged: privileged.iter().map(|arn| arn.to_lowercase()).collect(),
            everything_is_ours: false,
        }
    }

    /// Where the operator does not go through the proxy, and nobody else writes.
    pub fn takes_everything_for_ours(&mut self) {
        self.everything_is_ours = true;
    }

    /// Everything until now.
    #[track_caller]
    pub fn audit(&self, proxy: &Proxy) -> Audit {
        let (seen, records) = eventually("no write is on its way", || {
            let before = proxy.records();
            let seen = self.aws_auth.all();
            let records = proxy.records();
            let writes = |records: &[Record]| {
                records.iter().filter(|record| record.call.writes_aws_auth()).cloned().collect::<Vec<_>>()
            };
            let (before, now) = (writes(&before), writes(&records));
            let same = before.len() == now.len() && before.iter().chain(&now).all(|record| !record.pending);
            check(same, || format!("{} and {} writes", before.len(), now.len()))?;
            Ok((seen, records))
        });
        let journal = Journal::of(&self.mappings.all());
        let mut ledger = Ledger::default();
        ledger.every_write_names_its_version(&records);
        let ours: BTreeSet<u64> = records.iter().filter_map(version_of_write).collect();
        let mut versions: Vec<Version> = Vec::new();
        for Seen { number, at, object, gone, listed: _ } in seen {
            let reading = Reading::of((!gone).then_some(&object));
            ledger.approved |=
                object.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(APPROVE));
            let is_ours = ours.contains(&number) || self.everything_is_ours && !versions.is_empty();
            let version = Version { number, at, is_ours, reading };
            let stood = |wish: &&Wish| wish.stood(number, at, GRACE);
            let wishes: Vec<&Wish> = journal.wishes.iter().filter(stood).collect();
            match versions.last() {
                Some(before) if is_ours => {
                    ledger.our_write(before, &version, &wishes, &self.privileged, &journal);
                }
                None if is_ours => {
                    let nothing = Version { number: 0, at, is_ours: false, reading: Reading::of(None) };
                    ledger.our_write(&nothing, &version, &wishes, &self.privileged, &journal);
                }
                _ => ledger.foreign_write(&version),
            }
            versions.push(version);
        }
        ledger.every_write_was_seen(&ours, &versions);
        ledger.status_tells_the_truth(&journal, &versions);
        Audit { versions, violations: ledger.violations, ours: ledger.ours, living: journal.living }
    }
}

impl Audit {
    /// How many writes were ours.
    pub fn writes(&self) -> usize {
        self.versions.iter().filter(|version| version.is_ours).count()
    }

    /// The newest version.
    pub fn last(&self) -> &Version {
        self.versions.last().unwrap()
    }
}

/// The version that a write of the operator made, where it made one.
fn version_of_write(record: &Record) -> Option<u64> {
    if !record.call.writes_aws_auth() {
        return None;
    }
    let sent: Value = serde_json::from_slice(&record.call.body).unwrap_or_default();
    let over = sent["metadata"]["resourceVersion"].as_str().and_then(|version| version.parse().ok());
    record.version.filter(|version| over != Some(*version))
}

impl Ledger {
    fn violation(&mut self, invariant: &str, number: u64, what: &str) {
        self.violations.push(format!("{invariant} in version {number}: {what}"));
    }

    fn every_write_names_its_version(&mut self, records: &[Record]) {
        for record in records.iter().filter(|record| record.call.writes_aws_auth()) {
            let sent: Value = serde_json::from_slice(&record.call.body).unwrap_or_default();
            let version = sent["metadata"]["resourceVersion"].as_str().is_some_and(|text| !text.is_empty());
            let safe = match record.call.verb {
                "create" => true,
                "update" => version,
                _ => false,
            };
            if !safe || record.call.query.contains("force") {
                self.violation("I5", 0, &format!("{} {}", record.call.verb, record.call.query));
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
    fn foreign_write(&mut self, after: &Version) {
        let items = after.reading.items();
        let mut kept = BTreeSet::new();
        for ours in std::mem::take(&mut self.ours) {
            let same = items.iter().find(|item| **item == ours);
            let anew = || {
                let same_arn = |item: &&Item| item.key == ours.key && item.arn == ours.arn;
                items.iter().find(|item| same_arn(item) && !self.foreign.contains(item))
            };
            kept.extend(same.or_else(anew).cloned());
        }
        // Somebody's old copy brings back what was ours when it was made.
        let again = |item: &&Item| {
            let known = self.once_ours.contains(&(item.key, item.arn.clone()));
            known && !self.foreign.contains(*item)
        };
        kept.extend(items.iter().filter(again).cloned());
        self.ours = kept;
        self.foreign.extend(items.into_iter().filter(|item| !self.ours.contains(item)));
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
        if !before.reading.admins.is_empty() && after.reading.admins.is_empty() {
            self.violation("I1", number, "the last admin is gone");
        }
        // What is broken, deleted or emptied comes back from the last good state.
        let damaged = before.reading.is_damaged();
        if before.reading.beside != after.reading.beside && !damaged {
            let what = format!("{:?} became {:?}", before.reading.beside, after.reading.beside);
            self.violation("I2", number, &what);
        }
        let (old, new) = (before.reading.items(), after.reading.items());
        let (removed, added) = (minus(&old, &new), minus(&new, &old));
        let mut ours = self.ours.clone();
        for item in removed {
            let adopted = || wishes.iter().any(|wish| wish.adopts && wish.arn == item.arn);
            if !ours.remove(&item) && !adopted() {
                self.violation("I2", number, &format!("somebody else's is gone: {}", item.text));
            }
            let changed = added.iter().any(|new| new.arn == item.arn);
            if !changed {
                self.removed.insert(item.arn.clone(), number);
                self.once_ours.remove(&(item.key, item.arn.clone()));
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
            self.once_ours.insert((item.key, item.arn.clone()));
            ours.insert(item);
        }
        if damaged {
            self.ours = ours;
            return;
        }
        let kept = |items: &[Item], ours: &BTreeSet<Item>| -> Vec<Item> {
            items.iter().filter(|item| !ours.contains(item)).cloned().collect()
        };
        let others = kept(&new, &ours);
        let still: Vec<Item> =
            kept(&old, &self.ours).into_iter().filter(|item| others.contains(item)).collect();
        if still != others {
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

    fn status_tells_the_truth(&mut self, journal: &Journal, versions: &[Version]) {
        for claim in &journal.claims {
            let ends = versions.iter().skip(1).map(|next| next.number).chain([u64::MAX]);
            let true_once = versions.iter().zip(ends).any(|(version, end)| {
                version.number <= claim.number
                    && end > claim.wish.since()
                    && version.reading.items().iter().any(|item| claim.wish.is(item))
            });
            if !true_once {
                self.violation("I7", claim.number, &format!("{} says Applied and is not", claim.wish.name));
            }
        }
    }
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

/// What an object asks for.
pub fn wish(object: &Value) -> Option<Wish> {
    Wish::of(object, 0)
}
