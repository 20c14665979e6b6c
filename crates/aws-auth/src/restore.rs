//! An aws-auth that somebody broke: what is damaged, whether it may be restored, and what a plan is then made on.
//!
//! The foreign part comes from the last good state. The owned part is not restored but planned: the plan is made on
//! the restored text, and its changes go with the same write, under the same guards. Not here: keeping the last good
//! state (the operator's `checkpoints`).

use std::borrow::Cow;
use std::fmt;

use crate::aws_auth::{AwsAuth, Said, Source};
use crate::document::{self, Edit};
use crate::entry::Key;
use crate::guards::{self, Context};
use crate::mapping::Uid;
use crate::ownership::{self, Owned, Record};
use crate::plan::Input;
use crate::plan::claims::{At, Claims, Items};
use crate::reader::Reading;
use crate::settings::{GuardSettings, OnDamage};
use crate::{approval, reader};

/// The annotation by which a person asks for an earlier version: its number.
pub const REQUEST: &str = "aws-auth.dev/restore";

/// What is wrong with an aws-auth, compared with the last good state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// It was deleted.
    Missing,
    /// No key has an entry left.
    Emptied,
    /// These keys no longer parse.
    Malformed(Vec<Key>),
    /// A person wants the version of this number back.
    Unwanted(u64),
}

/// One thing that was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The key; `None` for all of aws-auth.
    pub key: Option<Key>,
    /// What was wrong, with line and column where there is one.
    pub why: String,
    /// The text that did not parse, to be kept.
    pub broken: Option<String>,
}

/// What to do about a damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing is damaged.
    Sound,
    /// Somebody may be about to make it again: look again in a moment.
    Wait,
    /// Nothing, and why. A key that does not parse is held by its guard; a missing aws-auth needs this sentence.
    Hold(Option<String>),
    /// Restore.
    Restore(Damage),
}

/// Whether aws-auth has been missing for long enough that nobody is about to make it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It has only just been seen missing.
    Fresh,
    /// It has been so for a second.
    Settled,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("aws-auth was deleted"),
            Self::Emptied => f.write_str("aws-auth was left without an entry"),
            Self::Malformed(keys) => {
                let keys: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
                write!(f, "{} of aws-auth does not parse", keys.join(" and "))
            }
            Self::Unwanted(number) => write!(f, "version {number} of aws-auth was asked for"),
        }
    }
}

/// What is damaged in `live`, as far as `good` can mend it: a key without an entry in the last good state has none to
/// lose.
#[must_use]
pub fn damage(live: &AwsAuth, good: &AwsAuth, cluster: Uid) -> Option<Damage> {
    let good = &*standing(live, good, cluster);
    let lost_everything = !Key::ALL.into_iter().any(|key| has_entries(live, key) || broken(live, key))
        && Key::ALL.into_iter().any(|key| has_entries(good, key));
    if lost_everything {
        return Some(if live.exists() { Damage::Emptied } else { Damage::Missing });
    }
    let keys: Vec<Key> =
        Key::ALL.into_iter().filter(|&key| broken(live, key) && has_entries(good, key)).collect();
    (!keys.is_empty()).then_some(Damage::Malformed(keys))
}

/// Whether it is worth comparing with the last good state: without that, nothing here can be damaged.
#[must_use]
pub fn suspicious(live: &AwsAuth) -> bool {
    Key::ALL.into_iter().any(|key| broken(live, key))
        || !Key::ALL.into_iter().any(|key| has_entries(live, key))
}

/// What to do about the damage in `live`, if there is any.
#[must_use]
pub fn remedy(
    live: &AwsAuth,
    good: Option<&AwsAuth>,
    guards: &GuardSettings,
    checkpoint_problem: Option<&str>,
    absence: Absence,
    cluster: Uid,
) -> Remedy {
    let Some(damage) = good.and_then(|good| damage(live, good, cluster)) else { return Remedy::Sound };
    let policy = match damage {
        Damage::Malformed(_) => guards.on_malformed,
        Damage::Missing | Damage::Emptied => guards.on_missing,
        Damage::Unwanted(_) => OnDamage::Restore,
    };
    let hold = match (policy, checkpoint_problem) {
        (OnDamage::Restore, None) => None,
        (OnDamage::Hold, _) => Some(format!(
            "{damage}, and the operator's configuration says Hold; restore it by hand: kubectl iam-mapping history shows the versions, kubectl iam-mapping restore N -o yaml prints one"
        )),
        (OnDamage::Restore, Some(problem)) => {
            Some(format!("{damage}, and is not restored, because no checkpoint can be kept: {problem}"))
        }
    };
    match (hold, &damage) {
        (Some(_), Damage::Malformed(_) | Damage::Unwanted(_)) => Remedy::Hold(None),
        (Some(why), Damage::Missing | Damage::Emptied) => Remedy::Hold(Some(why)),
        (None, Damage::Missing | Damage::Emptied) if absence == Absence::Fresh => Remedy::Wait,
        (None, _) => Remedy::Restore(damage),
    }
}

/// `good` without what the operator removed after it: entries that were owned then and are not on the live record,
/// which is the newer. Without that a restore would bring them back, and as nobody's.
fn standing<'g>(live: &AwsAuth, good: &'g AwsAuth, cluster: Uid) -> Cow<'g, AwsAuth> {
    let (Ok(now), Ok(then)) = (live.record(), good.record()) else { return Cow::Borrowed(good) };
    if then.rows().iter().all(|row| now.get(row.uid).is_some()) {
        return Cow::Borrowed(good);
    }
    let items = Items::of(good);
    let claims = Claims::of(good, &items, &[]);
    let gone: Vec<At> = claims
        .rows()
        .filter(|(row, _)| now.get(row.uid).is_none())
        .filter_map(|(_, claim)| claim.at())
        .collect();
    let mut texts = Vec::new();
    for key in Key::ALL {
        let mut remove: Vec<usize> = gone.iter().filter(|at| at.key == key).map(|at| at.index).collect();
        remove.sort_unstable();
        let index = |(index, _, _): (usize, &reader::Item, _)| index;
        let owned = |index: &usize| claims.owner(At { key, index: *index }).is_some();
        let ours = good.key(key).items().map(index).filter(owned).collect();
        let edit = Edit { remove, ours, ..Edit::default() };
        if edit.is_empty() {
            continue;
        }
        match document::edit(key, good.text(key), good.key(key).reading(), &edit) {
            Ok(text) => texts.push((key, text)),
            // What cannot be taken out of it is not restored at all: better too little than what was revoked.
            Err(_) => texts.push((key, String::new())),
        }
    }
    let crd = good.annotation(guards::CRD).map(str::to_owned);
    Cow::Owned(good.with(texts, Said { record: now, held: None, crd }, cluster))
}

/// `live` with what is damaged taken from `good`, and what that was. A key that no reader could read then is not brought
/// back. The ownership record stays the live one where there is one: it is the newer.
#[must_use]
pub fn mend(live: &AwsAuth, good: &AwsAuth, damage: &Damage, cluster: Uid) -> (AwsAuth, Vec<Restored>) {
    let good = &*standing(live, good, cluster);
    let mut source = match damage {
        Damage::Missing => {
            let mut source = good.source().clone();
            for key in Key::ALL.into_iter().filter(|&key| broken(good, key)) {
                source.data.remove(key.as_str());
            }
            source
        }
        Damage::Emptied | Damage::Malformed(_) | Damage::Unwanted(_) => live.source().clone(),
    };
    source.unwritable = live.source().unwritable;
    let keys: &[Key] = match damage {
        Damage::Missing => &[],
        Damage::Emptied | Damage::Unwanted(_) => &Key::ALL,
        Damage::Malformed(keys) => keys,
    };
    for &key in keys.iter().filter(|&&key| !broken(good, key)) {
        take_key(&mut source, good, key);
    }
    if let (Err(_), Ok(record)) = (live.record(), good.record()) {
        let record = match damage {
            // It is as old as all that it stands beside.
            Damage::Missing | Damage::Emptied | Damage::Unwanted(_) => record.encode(cluster),
            Damage::Malformed(_) => exactly(record).encode(cluster),
        };
        source.annotations.insert(ownership::ANNOTATION.to_owned(), record);
        if let Some(crd) = good.annotation(guards::CRD) {
            source.annotations.entry(guards::CRD.to_owned()).or_insert_with(|| crd.to_owned());
        }
    }
    if matches!(damage, Damage::Missing) {
        source.annotations.remove(approval::HELD);
        source.annotations.remove(approval::APPROVE);
    }
    let restored = match damage {
        Damage::Missing | Damage::Emptied | Damage::Unwanted(_) => {
            vec![Restored { key: None, why: damage.to_string(), broken: None }]
        }
        Damage::Malformed(_) => guards::faults(live)
            .into_iter()
            .filter(|(key, ..)| keys.contains(key))
            .map(|(key, _, why)| Restored { key: Some(key), why, broken: Some(live.text(key).to_owned()) })
            .collect(),
    };
    (AwsAuth::read(source, cluster), restored)
}

/// The last good state once `live` has been seen: what is sound in it, and the rest as it was. An aws-auth that
/// somebody else deleted or emptied is no good state.
#[must_use]
pub fn better(live: &AwsAuth, good: Option<&AwsAuth>, cluster: Uid) -> Option<AwsAuth> {
    let Some(good) = good else {
        let sound = live.exists() && !Key::ALL.into_iter().any(|key| broken(live, key));
        return sound.then(|| live.clone());
    };
    match damage(live, good, cluster) {
        None => live.exists().then(|| live.clone()),
        Some(Damage::Missing | Damage::Emptied) => None,
        Some(damage @ (Damage::Malformed(_) | Damage::Unwanted(_))) => {
            Some(mend(live, good, &damage, cluster).0)
        }
    }
}

/// Why an earlier version that a person asks for is not restored, if it is not: it would lose what guards keep.
#[must_use]
pub fn refusal(input: &Input<'_>, mended: &AwsAuth) -> Option<String> {
    let lost = lost_nodes(input.aws_auth, mended);
    if !lost.is_empty() {
        return Some(format!(
            "nodes would lose their entry: {}; take what you need out of kubectl iam-mapping restore N -o yaml by hand",
            lost.join(", ")
        ));
    }
    let minimum = input.settings.guards.min_admins;
    let (before, after) = (admins(input), admins(&Input { aws_auth: mended, ..*input }));
    (before >= minimum && after < minimum).then(|| {
        format!("{after} admins would be left, fewer than {minimum} (guards.minAdmins); make somebody else an admin first")
    })
}

fn admins(input: &Input<'_>) -> usize {
    let items = Items::of(input.aws_auth);
    let claims = Claims::of(input.aws_auth, &items, input.mappings);
    guards::count_admins(&Context { input, items: &items, claims: &claims }, &[]).before
}

/// The foreign node entries of `before` that nobody grants any more: principals whose nodes cannot join.
#[must_use]
pub fn lost_nodes(before: &AwsAuth, after: &AwsAuth) -> Vec<String> {
    let nodes = |aws_auth: &AwsAuth| -> Vec<String> {
        [Key::MapRoles, Key::MapUsers]
            .into_iter()
            .flat_map(|key| aws_auth.key(key).items())
            .filter_map(|(_, item, identity)| match &item.element {
                reader::Element::Entry(read) if guards::is_node(&read.entry) => {
                    Some(identity?.principal.as_str().to_owned())
                }
                reader::Element::Entry(_) | reader::Element::Dropped => None,
            })
            .collect()
    };
    let left = nodes(after);
    let mut lost: Vec<String> = nodes(before).into_iter().filter(|node| !left.contains(node)).collect();
    lost.dedup();
    lost
}

/// A record by which only what is exactly as it was written is ours: it may be older than an entry that somebody else
/// wrote for one of its principals.
fn exactly(record: &Record) -> Record {
    let rows = record.rows().iter().map(|row| Owned { alone: false, ..*row });
    Record::new(rows.collect(), record.window().clone())
}

fn take_key(source: &mut Source, good: &AwsAuth, key: Key) {
    match good.source().data.get(key.as_str()) {
        Some(text) => source.data.insert(key.as_str().to_owned(), text.clone()),
        None => source.data.remove(key.as_str()),
    };
}

fn has_entries(aws_auth: &AwsAuth, key: Key) -> bool {
    aws_auth.key(key).items().any(|(_, item, _)| matches!(item.element, reader::Element::Entry(_)))
}

/// Whether the reader certainly reads nothing of the key. A key that we cannot read for certain is not broken.
fn broken(aws_auth: &AwsAuth, key: Key) -> bool {
    match aws_auth.key(key).reading() {
        Reading::Broken(_) | Reading::NotAList(_) => true,
        Reading::Nothing | Reading::List(_) | Reading::Unsure(_) => false,
    }
}
