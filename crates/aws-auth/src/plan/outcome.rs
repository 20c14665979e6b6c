//! What becomes of one mapping, in the words that its conditions carry.
//!
//! Not here: the conditions themselves (the operator's `api::status`).

use crate::entry::{Entry, Key};
use crate::mapping::{Mapping, SpecError};
use crate::plan::HoldReason;

/// What is true of one mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// The mapping.
    pub mapping: &'a Mapping,
    /// What became of it.
    pub outcome: Outcome,
    /// The entry that stands in aws-auth for it now, before any write of this plan.
    pub applied: Option<(Key, &'a Entry)>,
}

/// What became of one mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its entry stands as asked.
    Applied,
    /// A foreign entry says the same already; nothing is owned.
    AlreadyPresent,
    /// `write` will bring it about. Nothing may be said of it until the write came back.
    Pending,
    /// It would be so, if the API server did not refuse the write: its own words. No plan says this; whoever writes does.
    WriteRefused(String),
    /// It would be written, if the mode were Enforce.
    Observed,
    /// `paused`: whatever stands for it stays as it is.
    Paused,
    /// `expiresAt` has passed and nothing of it stands.
    Expired,
    /// It breaks a static rule or does not decode. What stands for it is frozen.
    Invalid(SpecError),
    /// The policy does not allow it. What stands for it is frozen.
    Refused(Refusal),
    /// Another mapping has the principal.
    DuplicatePrincipal {
        /// The name of the mapping that won.
        winner: String,
    },
    /// A foreign entry has the principal.
    ForeignConflict {
        /// Where the foreign entry stands.
        key: Key,
        /// Its line.
        line: usize,
        /// Whether the reader obeys ours (`true`) or the foreign entry.
        ours_rules: bool,
    },
    /// A guard holds it.
    Held {
        /// Which.
        reason: HoldReason,
        /// The sentence for the person who must act.
        message: String,
    },
    /// aws-auth is not read in this cluster's authentication mode.
    NotRead,
}

/// A rule of the configuration that refuses a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which rule.
    pub rule: RefusalRule,
    /// The rule, the value and what to change, for the person who must act.
    pub message: String,
}

/// The rules that refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalRule {
    /// A privileged value without the privilege.
    Privileged,
    /// The principal is pinned.
    Pinned,
    /// Its account is not among those allowed.
    Account,
    /// A group is not among those allowed.
    Group,
    /// The username fits no pattern.
    Username,
}

impl Outcome {
    /// The reason that `Ready` carries.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Applied => "Applied",
            Self::AlreadyPresent => "AlreadyPresent",
            Self::Pending => "Pending",
            Self::WriteRefused(_) => "WriteRefused",
            Self::Observed => "Observe",
            Self::Paused => "Paused",
            Self::Expired => "Expired",
            Self::Invalid(_) => "InvalidSpec",
            Self::Refused(refusal) => refusal.rule.as_str(),
            Self::DuplicatePrincipal { .. } => "DuplicatePrincipal",
            Self::ForeignConflict { .. } => "ForeignConflict",
            Self::Held { reason, .. } => reason.as_str(),
            Self::NotRead => "NotRead",
        }
    }

    /// What the person who wrote the mapping should know, and do.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Applied => "aws-auth holds the entry as asked".to_owned(),
            Self::AlreadyPresent => {
                "aws-auth holds an identical entry that somebody else wrote; it is not owned and stays when this object goes (adoption: Adopt takes it over)".to_owned()
            }
            Self::Pending => "the entry is about to be written".to_owned(),
            Self::WriteRefused(why) => {
                format!("the API server refused to write aws-auth, which is tried again: {why}")
            }
            Self::Observed => "mode is Observe: the entry would be written in mode Enforce".to_owned(),
            Self::Paused => "spec.paused: the entry stays as it was last applied".to_owned(),
            Self::Expired => "spec.expiresAt has passed; the entry is gone (tokens may be cached for some minutes)".to_owned(),
            Self::Invalid(error) => error.to_string(),
            Self::Refused(refusal) => refusal.message.clone(),
            Self::DuplicatePrincipal { winner } => {
                format!("IamMapping {winner} has this principal; keep one of the two")
            }
            Self::ForeignConflict { key, line, ours_rules } => {
                let who = if *ours_rules { "this object's entry" } else { "the foreign entry" };
                format!(
                    "aws-auth holds an entry for this principal that somebody else wrote ({key}, line {line}); the authenticator obeys {who}. Remove the foreign entry, or set spec.adoption: Adopt to take it over"
                )
            }
            Self::Held { message, .. } => message.clone(),
            Self::NotRead => {
                "authenticationMode is API: aws-auth is not read, so this grants nothing; make an EKS access entry".to_owned()
            }
        }
    }
}

impl RefusalRule {
    /// The reason as conditions and Events spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "PrivilegedValue",
            Self::Pinned => "PinnedPrincipal",
            Self::Account => "AccountNotAllowed",
            Self::Group => "GroupNotAllowed",
            Self::Username => "UsernameNotAllowed",
        }
    }
}
