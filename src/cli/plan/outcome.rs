//! A plan as plain data: this is what `-o json` prints.

use aws_auth::aws_auth::AwsAuth;
use aws_auth::plan::{ChangeKind, Outcome as Became, Plan, StillMapped};
use aws_auth::{Entry, Key};
use serde::Serialize;

/// A plan.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome<'p> {
    /// Whether entries of aws-auth would change. The record of what is owned may change without.
    pub(super) writes: bool,
    pub(super) changes: Vec<Change<'p>>,
    pub(super) held: Vec<Held<'p>>,
    pub(super) refused: Vec<Refused<'p>>,
    pub(super) admins: Counts,
    pub(super) nodes: Counts,
    pub(super) mappings: Vec<Verdict<'p>>,
    /// When time alone changes the plan next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// One entry that is added, changed or removed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change<'p> {
    pub(super) kind: &'static str,
    pub(super) key: &'static str,
    pub(super) principal: &'p str,
    pub(super) mapping: Option<&'p str>,
    pub(super) before: Option<Said<'p>>,
    pub(super) after: Option<Said<'p>>,
    /// Why a principal whose entry goes may enter all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) still_mapped: Option<String>,
}

/// What an entry says.
#[derive(Debug, Serialize)]
pub(super) struct Said<'p> {
    pub(super) arn: &'p str,
    pub(super) username: &'p str,
    pub(super) groups: &'p [String],
}

/// Something that is not written.
#[derive(Debug, Serialize)]
pub(super) struct Held<'p> {
    pub(super) reason: &'static str,
    pub(super) key: Option<&'static str>,
    pub(super) principal: Option<&'p str>,
    pub(super) message: &'p str,
    /// What lets it through, where a person can and its hash is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) approval: Option<Approval>,
}

/// The hashes that let a held part through.
#[derive(Debug, Serialize)]
pub(super) struct Approval {
    /// Together with all that is held for the same reason.
    pub(super) all: String,
    /// By itself.
    pub(super) only: String,
}

/// A mapping that does not get what it asks for.
#[derive(Debug, Serialize)]
pub(super) struct Refused<'p> {
    pub(super) mapping: &'p str,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// What becomes of a mapping.
#[derive(Debug, Serialize)]
pub(super) struct Verdict<'p> {
    pub(super) name: &'p str,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub(super) before: usize,
    pub(super) after: usize,
}

impl<'p> Outcome<'p> {
    pub(super) fn of(plan: &'p Plan<'_>, before: &AwsAuth) -> Self {
        let after = plan.write.as_ref().unwrap_or(before);
        let refused = plan.verdicts.iter().filter(|verdict| is_refused(&verdict.outcome));
        Self {
            writes: Key::ALL.into_iter().any(|key| before.text(key) != after.text(key)),
            changes: plan.changes.iter().map(change).collect(),
            held: plan
                .held
                .iter()
                .map(|held| Held {
                    reason: held.reason.as_str(),
                    key: held.key.map(Key::as_str),
                    principal: held.principal.as_deref(),
                    message: &held.message,
                    approval: held.approval.map(|hashes| Approval {
                        all: hashes.all.to_string(),
                        only: hashes.only.to_string(),
                    }),
                })
                .collect(),
            refused: refused
                .map(|verdict| Refused {
                    mapping: &verdict.mapping.name,
                    reason: verdict.outcome.reason(),
                    message: verdict.outcome.message(),
                })
                .collect(),
            admins: Counts { before: plan.admins.before, after: plan.admins.after },
            nodes: Counts { before: nodes(before), after: nodes(after) },
            mappings: plan
                .verdicts
                .iter()
                .map(|verdict| Verdict {
                    name: &verdict.mapping.name,
                    reason: verdict.outcome.reason(),
                    message: verdict.outcome.message(),
                })
                .collect(),
            next: plan.wake.map(|at| crate::api::convert::time(at).0.to_string()),
        }
    }
}

/// Whether a person has to act before the mapping gets what it asks for, and no guard says so already.
fn is_refused(outcome: &Became) -> bool {
    match outcome {
        Became::Invalid(_)
        | Became::Refused(_)
        | Became::DuplicatePrincipal { .. }
        | Became::ForeignConflict { .. }
        | Became::NotRead => true,
        Became::Applied
        | Became::AlreadyPresent
        | Became::Pending
        | Became::WriteRefused(_)
        | Became::Observed
        | Became::Paused
        | Became::Expired
        | Became::Held { .. } => false,
    }
}

fn change(change: &aws_auth::plan::Change) -> Change<'_> {
    Change {
        kind: kind(change.kind),
        key: change.key.as_str(),
        principal: &change.principal,
        mapping: change.mapping.as_ref().map(|mapping| mapping.name.as_str()),
        before: change.before.as_ref().map(said),
        after: change.after.as_ref().map(said),
        still_mapped: change.still_mapped.as_ref().map(|still| match still {
            StillMapped::Entry { key, line } => format!("another entry stays ({key}, line {line})"),
            StillMapped::Account(account) => {
                format!("account {account} is mapped: it enters under its own ARN, without groups")
            }
        }),
    }
}

fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Add => "add",
        ChangeKind::Update => "update",
        ChangeKind::PutBack => "putBack",
        ChangeKind::Adopt => "adopt",
        ChangeKind::Remove => "remove",
        ChangeKind::Expire => "expire",
        ChangeKind::Pin => "pin",
    }
}

fn said(entry: &Entry) -> Said<'_> {
    Said { arn: &entry.arn, username: &entry.username, groups: &entry.groups }
}

/// Entries that let nodes in.
fn nodes(aws_auth: &AwsAuth) -> usize {
    let entries = Key::ALL.into_iter().flat_map(|key| aws_auth.key(key).reading().entries());
    entries.filter(|(_, read)| read.entry.username.starts_with("system:node:")).count()
}
