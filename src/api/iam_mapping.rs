//! The kind `IamMapping`: what people write, what the operator answers, and how `kubectl` shows both.
//!
//! Doc comments of the fields are what `kubectl explain` prints. Not here: the rules on the values (`rules`).

#![allow(clippy::doc_markdown, reason = "kubectl explain shows these docs as plain text")]
#![allow(clippy::duplicated_attributes, reason = "each print column has a type and a path")]

use aws_auth::Key;
use aws_auth::mapping::{self, MAX_GROUP, MAX_GROUPS, MAX_TEXT};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// Longest description, in characters.
const MAX_DESCRIPTION: usize = 1024;
/// Longest account id that still gets the sentence of its rule instead of a bare "too long".
const MAX_ACCOUNT: usize = 64;
/// Longest time that still gets the sentence of its rule: nanoseconds and an offset, with room to spare.
const MAX_TIME: usize = 64;

// No field is nullable (`with`): the API server then drops a `null` as if the field were absent, and nothing stores one.
// Unknown fields are ignored, so that an object of a newer version still decodes.
/// Who is mapped, and to what.
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[kube(
    group = "aws-auth.dev",
    version = "v1alpha1",
    kind = "IamMapping",
    plural = "iammappings",
    shortname = "iamm",
    // Not `all`: that is what people delete a namespace's belongings with, and this is cluster-scoped access.
    category = "aws-auth",
    status = "IamMappingStatus",
    derive = "PartialEq",
    doc = "Maps one IAM role, user or account to a Kubernetes username and groups: one entry of kube-system/aws-auth. Whoever may create one can become whoever it names.",
    selectable = ".spec.arn",
    // The three of what stands, not of what was asked: a mapping that grants nothing must not look as if it did.
    printcolumn(
        name = "Principal",
        type_ = "string",
        json_path = ".status.principal",
        description = "The ARN or account that matches"
    ),
    printcolumn(
        name = "Username",
        type_ = "string",
        json_path = ".status.applied.username",
        description = "The username that stands in aws-auth"
    ),
    printcolumn(
        name = "Groups",
        type_ = "string",
        json_path = ".status.applied.groups",
        description = "The groups that stand in aws-auth"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type", priority = 1),
    printcolumn(name = "Expires", type_ = "string", json_path = ".spec.expiresAt", priority = 1),
    printcolumn(name = "Conflicts-With", type_ = "string", json_path = ".status.conflictsWith", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rules::spec)]
pub struct IamMappingSpec {
    /// ARN of the IAM role or user, as IAM shows it. A role's path is stripped in aws-auth, because aws-iam-authenticator
    /// never sees one; a user's path is kept. Not an assumed-role (session) ARN, not root, not an IAM group, no wildcards.
    /// Exactly one of arn and accountId; immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_TEXT), transform = rules::arn)]
    pub arn: Option<String>,

    /// AWS account of 12 digits, quoted: every role and user of it enters under its own ARN, without groups. Needs to be
    /// allowed by the operator's configuration. Exactly one of arn and accountId; immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ACCOUNT), transform = rules::account_id)]
    pub account_id: Option<String>,

    /// The access-entry type, as EKS names it. STANDARD is for people and workloads. The others are for nodes: they fix
    /// username and groups, need a role, and need to be allowed by the operator's configuration.
    #[serde(default, rename = "type", skip_serializing_if = "is_default")]
    #[schemars(extend("default" = "STANDARD"))]
    pub mapping_type: MappingType,

    /// The Kubernetes username. Left out: what EKS access entries use (arn:aws:sts::ACCOUNT:assumed-role/ROLE/{{SessionName}}
    /// for a role, the ARN for a user). Placeholders: {{SessionName}} and {{SessionNameRaw}}, only after literal text
    /// with a colon (ci:{{SessionName}}), because the caller chooses the session name; and {{AccountID}}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_TEXT), transform = rules::username)]
    pub username: Option<String>,

    /// The Kubernetes groups, a set, without placeholders. Bind roles to them with RBAC.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_GROUPS), inner(length(max = MAX_GROUP)), transform = rules::groups)]
    pub groups: Vec<String>,

    /// What to do when aws-auth already has an entry for this principal that somebody else wrote: Refuse leaves it alone
    /// and reports ForeignConflict, Adopt takes it over.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(extend("default" = "Refuse"))]
    pub adoption: Adoption,

    /// Freezes the entry as it was last applied. Expiry and deletion still remove it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub paused: bool,

    /// When the entry is removed, in RFC 3339 (2026-12-31T18:00:00Z). A Warning Event announces it an hour before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_TIME), transform = rules::expires_at)]
    pub expires_at: Option<Time>,

    /// What the mapping is for, for people: a ticket, an owner. Never written to aws-auth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_DESCRIPTION), transform = rules::description)]
    pub description: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The access-entry type.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub enum MappingType {
    /// People and workloads.
    #[default]
    Standard,
    /// Linux instances.
    Ec2Linux,
    /// Windows instances.
    Ec2Windows,
    /// Fargate pod execution roles.
    FargateLinux,
    /// Hybrid nodes.
    HybridLinux,
}

impl From<MappingType> for mapping::MappingType {
    fn from(mapping_type: MappingType) -> Self {
        match mapping_type {
            MappingType::Standard => Self::Standard,
            MappingType::Ec2Linux => Self::Ec2Linux,
            MappingType::Ec2Windows => Self::Ec2Windows,
            MappingType::FargateLinux => Self::FargateLinux,
            MappingType::HybridLinux => Self::HybridLinux,
        }
    }
}

/// What to do about a foreign entry for the same principal.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[schemars(inline)]
pub enum Adoption {
    /// Leave it alone and report the conflict.
    #[default]
    Refuse,
    /// Take it over.
    Adopt,
}

impl From<Adoption> for mapping::Adoption {
    fn from(adoption: Adoption) -> Self {
        match adoption {
            Adoption::Refuse => Self::Refuse,
            Adoption::Adopt => Self::Adopt,
        }
    }
}

// Absent fields serialize as null, so that one merge patch with the whole status also takes away what no longer holds;
// the API server stores no null.
/// What the operator answers.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct IamMappingStatus {
    /// metadata.generation that this status is about.
    #[serde(default)]
    #[schemars(with = "i64")]
    pub observed_generation: Option<i64>,

    /// The ARN that aws-iam-authenticator compares (a role's path is gone), or the account.
    #[serde(default)]
    #[schemars(with = "String")]
    pub principal: Option<String>,

    /// The entry that stands in aws-auth for this object. Absent when none does.
    #[serde(default)]
    #[schemars(with = "AppliedEntry")]
    pub applied: Option<AppliedEntry>,

    /// What has the principal already: "IamMapping NAME", or "aws-auth KEY line N" for an entry that somebody else wrote.
    #[serde(default)]
    #[schemars(with = "String")]
    pub conflicts_with: Option<String>,

    /// Accepted: the spec is valid and allowed. Applied: aws-auth holds the entry as asked. Ready: what was asked for is
    /// so. Stalled: nothing changes before a person acts; the message says how.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// One entry of aws-auth.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[schemars(inline)]
#[serde(rename_all = "camelCase")]
pub struct AppliedEntry {
    /// The key of aws-auth.
    pub key: EntryKey,
    /// `rolearn`, `userarn` or the account id, as written.
    pub arn: String,
    /// The username as written, placeholders and all; empty for an account.
    pub username: String,
    /// The groups as written.
    pub groups: Vec<String>,
    /// spec.expiresAt, as it was known before it came: an end that nobody had announced counts as a removal like any.
    #[serde(default)]
    #[schemars(with = "Time")]
    pub expires_at: Option<Time>,
}

/// The keys of aws-auth.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum EntryKey {
    /// IAM roles.
    MapRoles,
    /// IAM users.
    MapUsers,
    /// Whole accounts.
    MapAccounts,
}

impl From<EntryKey> for Key {
    fn from(key: EntryKey) -> Self {
        match key {
            EntryKey::MapRoles => Self::MapRoles,
            EntryKey::MapUsers => Self::MapUsers,
            EntryKey::MapAccounts => Self::MapAccounts,
        }
    }
}

impl From<Key> for EntryKey {
    fn from(key: Key) -> Self {
        match key {
            Key::MapRoles => Self::MapRoles,
            Key::MapUsers => Self::MapUsers,
            Key::MapAccounts => Self::MapAccounts,
        }
    }
}
