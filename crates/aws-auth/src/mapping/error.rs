//! The static rules that a spec can break, as sentences for the person who wrote it.

use thiserror::Error;

use crate::arn::ArnError;
use crate::mapping::MAX_GROUPS;

/// The static rule that a spec breaks: the field, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpecError {
    /// The ARN or the account id.
    #[error("spec.{0}")]
    Principal(#[from] ArnError),
    /// The object does not decode.
    #[error("the object does not decode: {0}; mend or delete it (its entry stays as it was)")]
    Undecodable(String),
    /// Both `arn` and `accountId`.
    #[error("spec.arn and spec.accountId exclude each other; keep one")]
    BothPrincipals,
    /// Neither.
    #[error("spec.arn or spec.accountId is missing; write exactly one")]
    NoPrincipal,
    /// An account mapping with more than an account.
    #[error(
        "spec.accountId maps every principal of the account under its own ARN: leave username, groups and type out"
    )]
    AccountWithIdentity,
    /// A node type with a username or groups.
    #[error("spec.type {0} fixes username and groups; leave both out")]
    NodeWithIdentity(&'static str),
    /// A node type for something other than a role.
    #[error("spec.type {0} needs the ARN of a role in spec.arn")]
    NodeNeedsRole(&'static str),
    /// An empty username.
    #[error("spec.username is empty; leave it out for the default, or write one")]
    EmptyUsername,
    /// Too many characters.
    #[error("spec.{field} is too long; at most {limit} characters")]
    TooLong {
        /// The field.
        field: &'static str,
        /// The limit in characters.
        limit: usize,
    },
    /// Control, format or separator characters.
    #[error("spec.{field} holds the invisible character U+{character:04X}; remove it")]
    Invisible {
        /// The field.
        field: &'static str,
        /// The code point.
        character: u32,
    },
    /// White space at an edge.
    #[error("spec.{field} begins or ends with white space; remove it")]
    EdgeSpace {
        /// The field.
        field: &'static str,
    },
    /// A session name where its caller could choose the beginning of the username.
    #[error(
        "spec.username: the caller chooses the session name, so literal text with a colon must come before it; write for example ci:{{{{SessionName}}}}"
    )]
    SessionNameFirst,
    /// `{{AccessKeyID}}` (CVE-2022-2385).
    #[error(
        "spec.username: {{{{AccessKeyID}}}} can be forged by the caller (CVE-2022-2385); use {{{{SessionName}}}} after literal text with a colon"
    )]
    AccessKey,
    /// A placeholder that the reader leaves as it is.
    #[error(
        "spec.username: {0:?} is no placeholder of a STANDARD mapping; there are {{{{SessionName}}}}, {{{{SessionNameRaw}}}} and {{{{AccountID}}}}, case and spacing exact"
    )]
    Placeholder(String),
    /// A placeholder in a group.
    #[error(
        "spec.groups: {0:?}: no placeholder is safe in a group, because callers choose their session name; write the group out"
    )]
    GroupPlaceholder(String),
    /// An empty group.
    #[error("spec.groups holds an empty group; remove it")]
    EmptyGroup,
    /// The same group twice.
    #[error("spec.groups holds {0:?} twice; remove one")]
    DuplicateGroup(String),
    /// More than [`MAX_GROUPS`].
    #[error("spec.groups has more than {MAX_GROUPS} groups; bind fewer, broader groups")]
    TooManyGroups,
}
