//! What aws-auth should say, and why: mappings, aws-auth, configuration and time in; one verified write and a verdict
//! for every mapping out.
//!
//! Deterministic: the same input in any order gives the same bytes. Not here: reading or writing the cluster.

mod by_hash;
pub mod claims;
pub mod decide;
mod docket;
mod outcome;
pub mod part;
mod pin;
pub mod precedence;
mod still;

use std::fmt;

use crate::approval::{self, ApprovalHash, Approvals, Approved, Request};
use crate::aws_auth::{AwsAuth, Said};
use crate::entry::{Entry, Key};
use crate::guards::{self, Context};
use crate::mapping::{Mapping, Uid};
use crate::restore::{self, Restored};
use crate::settings::{AuthenticationMode, Mode, Settings};
use crate::situation::Situation;
use crate::time::Timestamp;
use claims::{Claims, Items};
use decide::Decision;
use docket::{Docket, Publication};

pub use outcome::{Outcome, Refusal, RefusalRule, Verdict};
pub use still::StillMapped;

/// How long before its end a mapping is warned about, in seconds.
pub const EXPIRY_WARNING: i64 = 3600;

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
    /// What neither the mappings nor aws-auth say.
    pub situation: &'a Situation,
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
    /// What of that a person can let through, in groups.
    pub requests: Vec<Request>,
    /// What became of the approvals that were written on aws-auth. They are used up by `write`.
    pub approved: Vec<Approved>,
    /// When time alone changes the plan next: an expiry, the end of a brake's window, of a hash or of a fight.
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
    /// For a removal: why the principal may still enter.
    pub still_mapped: Option<StillMapped>,
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
    /// How a person lets it through, where one can and its hash is published.
    pub approval: Option<ApprovalHashes>,
}

/// The hashes that let a held part through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApprovalHashes {
    /// Together with all that the same guard holds.
    pub all: ApprovalHash,
    /// By itself.
    pub only: ApprovalHash,
}

/// Why something is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldReason {
    /// Fewer admins than `minAdmins` would be left.
    LastAdmin,
    /// The principal is pinned by the configuration.
    Protected,
    /// A mapping is gone, and which of several entries was its cannot be told.
    AmbiguousOwner,
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
    /// An owned entry of nodes would go.
    NodeEntry,
    /// Too much would go at once.
    RemovalBrake,
    /// aws-auth was deleted or emptied, and is not restored.
    TargetMissing,
    /// No checkpoint can be kept.
    CheckpointFailed,
    /// Another client edits the entry again and again.
    Contended,
    /// The API server drops fields of mappings that this program knows.
    CrdOutdated,
    /// The CRD was deleted and made again, and took the mapping along.
    CrdRemade,
}

impl HoldReason {
    /// All of them, for metrics that must show a zero.
    pub const ALL: [HoldReason; 15] = [
        Self::LastAdmin,
        Self::Protected,
        Self::AmbiguousOwner,
        Self::TargetMalformed,
        Self::TargetUneditable,
        Self::TargetUnwritable,
        Self::TargetFull,
        Self::VerifierRejected,
        Self::NodeEntry,
        Self::RemovalBrake,
        Self::TargetMissing,
        Self::CheckpointFailed,
        Self::Contended,
        Self::CrdOutdated,
        Self::CrdRemade,
    ];

    /// Whether a person can let through what is held for this reason.
    #[must_use]
    pub fn can_be_approved(self) -> bool {
        match self {
            Self::NodeEntry | Self::RemovalBrake | Self::CrdRemade => true,
            Self::LastAdmin
            | Self::Protected
            | Self::AmbiguousOwner
            | Self::TargetMalformed
            | Self::TargetUneditable
            | Self::TargetUnwritable
            | Self::TargetFull
            | Self::VerifierRejected
            | Self::TargetMissing
            | Self::CheckpointFailed
            | Self::Contended
            | Self::CrdOutdated => false,
        }
    }

    /// The reason as conditions, Events and metrics spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LastAdmin => "LastAdmin",
            Self::Protected => "Protected",
            Self::AmbiguousOwner => "AmbiguousOwner",
            Self::TargetMalformed => "TargetMalformed",
            Self::TargetUneditable => "TargetUneditable",
            Self::TargetUnwritable => "TargetUnwritable",
            Self::TargetFull => "TargetFull",
            Self::VerifierRejected => "VerifierRejected",
            Self::NodeEntry => "NodeEntry",
            Self::RemovalBrake => "RemovalBrake",
            Self::TargetMissing => "TargetMissing",
            Self::CheckpointFailed => "CheckpointFailed",
            Self::Contended => "Contended",
            Self::CrdOutdated => "CRDOutdated",
            Self::CrdRemade => "CRDRemade",
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
    let wake = wake(input);
    if input.settings.authentication_mode == AuthenticationMode::Api {
        return not_read(input, wake);
    }
    let items = Items::of(input.aws_auth);
    let claims = Claims::of(input.aws_auth, &items, input.mappings);
    let Decision { parts, mut verdicts, rows, ambiguous } = decide::decide(input, &items, &claims);
    let context = Context { input, items: &items, claims: &claims };
    let mut docket = Docket::new(&parts, approvals(input));
    for guard in guards::ALL {
        docket.ask(&context, *guard);
    }
    let texts = docket.write_texts(&context);
    let admins = guards::count_admins(&context, &docket.open());
    let record = docket.record(&context, rows);
    let publication = docket.publication(&context);
    let mut write = None;
    let said = Said {
        record: &record,
        held: publication.annotation.clone(),
        crd: guards::crd_annotation(&context, &record),
    };
    if !texts.is_empty() || differs(&context, &said) {
        let after = input.aws_auth.with(texts, said, input.cluster);
        match docket.verify(&context, &after) {
            Ok(()) => write = Some(after),
            Err(rejection) => docket.reject(&rejection),
        }
    }
    let observing = input.settings.mode == Mode::Observe;
    if observing || input.aws_auth.source().unwritable.is_some() || input.situation.missing.is_some() {
        write = None;
    }
    if !input.situation.restored.is_empty() {
        say_not_yet(&mut verdicts, observing, &input.situation.restored);
    }
    docket.judge(&mut verdicts, observing);
    let mut changes: Vec<Change> = docket.open().iter().filter_map(|part| part.change(&items)).collect();
    if let Some(after) = &write {
        still::mark(&mut changes, after);
    }
    let mut held = docket.held(&context, publication.nonce);
    held.extend(ambiguous);
    let wake = [wake, docket.wake(&context), publication.until].into_iter().flatten().min();
    let Publication { requests, .. } = publication;
    Plan { write, changes, held, verdicts, admins, requests, approved: docket.into_approved(), wake }
}

/// What stands in an aws-auth that was restored stands nowhere before it is written.
fn say_not_yet(verdicts: &mut [Verdict<'_>], observing: bool, restored: &[Restored]) {
    let is_restored = |key: Key| restored.iter().any(|what| what.key.is_none_or(|restored| restored == key));
    for verdict in verdicts {
        verdict.applied = verdict.applied.filter(|(key, _)| !is_restored(*key));
        if matches!(verdict.outcome, Outcome::Applied | Outcome::AlreadyPresent) {
            verdict.outcome = if observing { Outcome::Observed } else { Outcome::Pending };
        }
    }
}

fn approvals(input: &Input<'_>) -> Approvals {
    let annotation = |name| input.aws_auth.annotation(name);
    let lifetime = input.settings.guards.durations.approval;
    Approvals::of(annotation(approval::HELD), annotation(approval::APPROVE), input.now, lifetime)
}

/// With `authenticationMode: Api` aws-auth grants nothing: nothing is written, and every mapping says so.
fn not_read<'a>(input: &Input<'a>, wake: Option<Timestamp>) -> Plan<'a> {
    let mut verdicts: Vec<Verdict<'a>> = input
        .mappings
        .iter()
        .map(|&mapping| Verdict { mapping, outcome: Outcome::NotRead, applied: None })
        .collect();
    verdicts.sort_by(|a, b| (&a.mapping.name, a.mapping.uid).cmp(&(&b.mapping.name, b.mapping.uid)));
    Plan {
        write: None,
        changes: Vec::new(),
        held: Vec::new(),
        verdicts,
        admins: Admins::default(),
        requests: Vec::new(),
        approved: Vec::new(),
        wake,
    }
}

/// Whether anything but the texts has to be written: what was restored, the record, what is held, another CRD. A lost
/// record is, once there is something to record; else an aws-auth with nothing of ours stays as it is.
fn differs(context: &Context<'_, '_>, said: &Said<'_>) -> bool {
    let Input { aws_auth, situation, .. } = context.input;
    let ours = match aws_auth.record() {
        Ok(present) => {
            present != said.record
                || aws_auth.annotation(approval::HELD) != said.held.as_deref()
                || (guards::is_remade(context) && aws_auth.annotation(guards::CRD) != said.crd.as_deref())
                || aws_auth.annotation(approval::APPROVE).is_some()
                || aws_auth.annotation(restore::REQUEST).is_some()
        }
        Err(_) => !said.record.rows().is_empty(),
    };
    ours || !situation.restored.is_empty()
}

/// The next expiry, or the hour before one, at which its warning is due.
fn wake(input: &Input<'_>) -> Option<Timestamp> {
    let ends = input.mappings.iter().filter_map(|mapping| mapping.spec.as_ref().ok()?.expires_at());
    ends.flat_map(|end| [Timestamp(end.0 - EXPIRY_WARNING), end]).filter(|at| *at > input.now).min()
}
