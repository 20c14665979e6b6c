//! What aws-auth should say, and why: mappings, aws-auth, configuration and time in; one verified write and a verdict
//! for every mapping out.
//!
//! Deterministic: the same input in any order gives the same bytes. Not here: reading or writing the cluster.

mod outcome;

use std::fmt;

use crate::aws_auth::AwsAuth;
use crate::entry::{Entry, Key};
use crate::mapping::{Mapping, Uid};
use crate::settings::Settings;
use crate::time::Timestamp;

pub use outcome::{Outcome, Refusal, RefusalRule, Verdict};

/// Everything that a plan depends on.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The living `IamMapping`s, all of them, in any order.
    pub mappings: &'a [&'a Mapping],
    /// aws-auth as it stands.
    pub aws_auth: &'a AwsAuth,
    /// The UID of namespace `kube-system`, which stands for the cluster.
    pub cluster: Uid,
    /// The configuration.
    pub settings: &'a Settings,
    /// Now.
    pub now: Timestamp,
}

/// What to do, and what to say of every mapping.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// aws-auth as it should be written, already read back and verified; `None` when there is nothing to write.
    pub write: Option<AwsAuth>,
    /// What `write` does, entry by entry, in a stable order. Empty with a `write` that only brings the record up to date.
    pub changes: Vec<Change>,
    /// What is not done, and why.
    pub held: Vec<Held>,
    /// One for each mapping, sorted by name.
    pub verdicts: Vec<Verdict<'a>>,
    /// Admins before and after.
    pub admins: Admins,
    /// When time alone changes the plan next (an expiry).
    pub wake: Option<Timestamp>,
}

/// How many admins the reader can match: entries with an admin group, no role path, not shadowed, not expiring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Admins {
    /// As aws-auth stands.
    pub before: usize,
    /// As it would be written.
    pub after: usize,
}

/// One entry that a write adds, changes or removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What kind of change.
    pub kind: ChangeKind,
    /// Where.
    pub key: Key,
    /// For whom: the ARN or account.
    pub principal: String,
    /// The mapping that asked for it; `None` where the mapping is gone, and for the cluster creator's binding.
    pub mapping: Option<MappingRef>,
    /// The UID the entry was owned by, for a removal: what must be confirmed gone before the write.
    pub owner: Option<Uid>,
    /// The entry as it was.
    pub before: Option<Entry>,
    /// The entry as it will be.
    pub after: Option<Entry>,
}

/// A mapping by name and UID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MappingRef {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: Uid,
}

/// The kinds of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// A new entry.
    Add,
    /// An entry that its mapping now wants otherwise.
    Update,
    /// An entry that somebody else edited or removed.
    PutBack,
    /// A foreign entry that a mapping takes over.
    Adopt,
    /// An entry whose mapping is gone.
    Remove,
    /// An entry whose mapping has expired.
    Expire,
    /// The cluster creator's binding, written out or put back.
    Pin,
}

impl ChangeKind {
    /// Whether the change takes something away from somebody.
    #[must_use]
    pub fn removes(self) -> bool {
        matches!(self, Self::Remove | Self::Expire)
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "add",
            Self::Update => "update",
            Self::PutBack => "put back",
            Self::Adopt => "adopt",
            Self::Remove => "remove",
            Self::Expire => "expire",
            Self::Pin => "pin",
        })
    }
}

/// Something that is not written, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Why, as conditions, Events and metrics name it.
    pub reason: HoldReason,
    /// The key concerned; `None` for all of aws-auth.
    pub key: Option<Key>,
    /// The principal concerned; `None` for a whole key.
    pub principal: Option<String>,
    /// The sentence for the person who must act.
    pub message: String,
}

/// Why something is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldReason {
    /// Fewer admins than `minAdmins` would be left.
    LastAdmin,
    /// The principal is pinned by the configuration.
    Protected,
    /// The key does not parse.
    TargetMalformed,
    /// The key's value cannot be edited safely.
    TargetUneditable,
    /// `immutable` or `binaryData`.
    TargetUnwritable,
    /// No room in data or annotations.
    TargetFull,
    /// The verifier read something else than was meant.
    VerifierRejected,
}

impl HoldReason {
    /// All of them, for metrics that must show a zero.
    pub const ALL: [HoldReason; 7] = [
        Self::LastAdmin,
        Self::Protected,
        Self::TargetMalformed,
        Self::TargetUneditable,
        Self::TargetUnwritable,
        Self::TargetFull,
        Self::VerifierRejected,
    ];

    /// The reason as conditions, Events and metrics spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LastAdmin => "LastAdmin",
            Self::Protected => "Protected",
            Self::TargetMalformed => "TargetMalformed",
            Self::TargetUneditable => "TargetUneditable",
            Self::TargetUnwritable => "TargetUnwritable",
            Self::TargetFull => "TargetFull",
            Self::VerifierRejected => "VerifierRejected",
        }
    }
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Plans: decides, applies the guards, writes the new text and verifies it.
#[must_use]
pub fn plan<'a>(input: &Input<'a>) -> Plan<'a> {
    let mut verdicts: Vec<Verdict<'a>> = input
        .mappings
        .iter()
        .map(|&mapping| Verdict { mapping, outcome: Outcome::Pending, applied: None })
        .collect();
    verdicts.sort_by(|a, b| a.mapping.name.cmp(&b.mapping.name));
    Plan {
        write: None,
        changes: Vec::new(),
        held: Vec::new(),
        verdicts,
        admins: Admins::default(),
        wake: None,
    }
}
