//! What one `IamMapping` asks for, parsed once at the edge; the rest of the crate trusts it.
//!
//! These are the rules that need nothing but the object itself: the CRD's CEL rules say the same, so that they hold
//! while no operator runs. What the *cluster* allows is `policy`.

mod error;
mod rules;

use std::fmt;

use crate::arn::{AccountId, Principal, PrincipalKey};
use crate::entry::{Entry, Key};
use crate::ownership::{EntryHash, PrincipalHash};
use crate::time::Timestamp;

pub use error::SpecError;
use rules::{check_groups, check_username};

/// Longest username and ARN, in characters (also the CRD's limit).
pub const MAX_TEXT: usize = 700;
/// Longest group name, in characters (also the CRD's limit).
pub const MAX_GROUP: usize = 253;
/// Most groups in one mapping (also the CRD's limit).
pub const MAX_GROUPS: usize = 64;

/// A Kubernetes object's UID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uid(pub [u8; 16]);

impl Uid {
    /// Parses `01234567-89ab-cdef-0123-456789abcdef`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex: String = text.split('-').collect();
        if hex.len() != 32 || text.len() != 36 || !hex.is_ascii() {
            return None;
        }
        let mut bytes = [0; 16];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The access-entry type of a mapping. A node type fixes username and groups (contract, "Node identities").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
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

impl MappingType {
    /// The type as the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Ec2Linux => "EC2_LINUX",
            Self::Ec2Windows => "EC2_WINDOWS",
            Self::FargateLinux => "FARGATE_LINUX",
            Self::HybridLinux => "HYBRID_LINUX",
        }
    }

    /// The username and groups that a node type fixes; `None` for `STANDARD`.
    #[must_use]
    pub fn node_identity(self) -> Option<(&'static str, &'static [&'static str])> {
        match self {
            Self::Standard => None,
            Self::Ec2Linux => {
                Some(("system:node:{{EC2PrivateDNSName}}", &["system:bootstrappers", "system:nodes"]))
            }
            Self::Ec2Windows => Some((
                "system:node:{{EC2PrivateDNSName}}",
                &["system:bootstrappers", "system:nodes", "eks:kube-proxy-windows"],
            )),
            Self::FargateLinux => Some((
                "system:node:{{SessionName}}",
                &["system:bootstrappers", "system:nodes", "system:node-proxier"],
            )),
            Self::HybridLinux => {
                Some(("system:node:{{SessionName}}", &["system:bootstrappers", "system:nodes"]))
            }
        }
    }
}

/// What to do about a foreign entry for the same principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Adoption {
    /// Leave it alone and report the conflict.
    #[default]
    Refuse,
    /// Take it over.
    Adopt,
}

/// A spec as it came, before any rule was applied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawSpec {
    /// `spec.arn`
    pub arn: Option<String>,
    /// `spec.accountId`
    pub account_id: Option<String>,
    /// `spec.type`
    pub mapping_type: MappingType,
    /// `spec.username`
    pub username: Option<String>,
    /// `spec.groups`
    pub groups: Vec<String>,
    /// `spec.adoption`
    pub adoption: Adoption,
    /// `spec.paused`
    pub paused: bool,
    /// `spec.expiresAt`
    pub expires_at: Option<Timestamp>,
}

/// A spec that obeys every static rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    principal: Principal,
    // The next three follow from the principal and the entry; a plan over thousands of mappings needs them each time.
    principal_key: PrincipalKey,
    principal_hash: PrincipalHash,
    entry_hash: EntryHash,
    mapping_type: MappingType,
    entry: Entry,
    adoption: Adoption,
    paused: bool,
    expires_at: Option<Timestamp>,
}

/// One `IamMapping` as the plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// `metadata.name`
    pub name: String,
    /// `metadata.uid`
    pub uid: Uid,
    /// `metadata.creationTimestamp`
    pub created: Timestamp,
    /// What it asks for; `Err` for an object that does not decode or breaks a static rule: its entry is frozen.
    pub spec: Result<Spec, SpecError>,
    /// Hash of `status.applied`; all that is left to know one's own entry by when the ownership record is lost.
    pub applied: Option<EntryHash>,
    /// The end that `status` says was known while the entry stood: one that comes as announced is no surprise.
    pub announced_end: Option<Timestamp>,
}

impl Spec {
    /// Applies every static rule.
    ///
    /// # Errors
    /// The first rule that is broken, with the field and what to write instead.
    pub fn parse(raw: RawSpec) -> Result<Self, SpecError> {
        let principal = match (&raw.arn, &raw.account_id) {
            (Some(arn), None) => Principal::parse(arn)?,
            (None, Some(account)) => Principal::Account(AccountId::parse(account)?),
            (Some(_), Some(_)) => return Err(SpecError::BothPrincipals),
            (None, None) => return Err(SpecError::NoPrincipal),
        };
        let bare = raw.username.is_none() && raw.groups.is_empty();
        if matches!(principal, Principal::Account(_)) && !(bare && raw.mapping_type == MappingType::Standard)
        {
            return Err(SpecError::AccountWithIdentity);
        }
        let (username, groups) = if let Some((username, groups)) = raw.mapping_type.node_identity() {
            if !bare {
                return Err(SpecError::NodeWithIdentity(raw.mapping_type.as_str()));
            }
            if !matches!(principal, Principal::Role { .. }) {
                return Err(SpecError::NodeNeedsRole(raw.mapping_type.as_str()));
            }
            (username.to_owned(), groups.iter().map(|&g| g.to_owned()).collect())
        } else {
            if let Some(username) = &raw.username {
                check_username(username)?;
            }
            check_groups(&raw.groups)?;
            (raw.username.unwrap_or_else(|| principal.default_username()), raw.groups)
        };
        let entry = Entry { arn: principal.entry_arn(), username, groups };
        let principal_key = principal.key();
        Ok(Self {
            principal_hash: PrincipalHash::of(&principal_key),
            entry_hash: EntryHash::of(key_of(&principal), &entry),
            principal_key,
            principal,
            mapping_type: raw.mapping_type,
            entry,
            adoption: raw.adoption,
            paused: raw.paused,
            expires_at: raw.expires_at,
        })
    }

    /// Who is mapped.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The key of aws-auth that the entry belongs in.
    #[must_use]
    pub fn key(&self) -> Key {
        key_of(&self.principal)
    }

    /// What makes the principal the same as another spelling of it.
    #[must_use]
    pub fn principal_key(&self) -> &PrincipalKey {
        &self.principal_key
    }

    /// Hash of [`Self::principal_key`].
    #[must_use]
    pub fn principal_hash(&self) -> PrincipalHash {
        self.principal_hash
    }

    /// Hash of [`Self::entry`] in [`Self::key`].
    #[must_use]
    pub fn entry_hash(&self) -> EntryHash {
        self.entry_hash
    }

    /// The entry that is asked for.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The access-entry type.
    #[must_use]
    pub fn mapping_type(&self) -> MappingType {
        self.mapping_type
    }

    /// What to do about a foreign entry.
    #[must_use]
    pub fn adoption(&self) -> Adoption {
        self.adoption
    }

    /// Whether the applied entry is frozen.
    #[must_use]
    pub fn paused(&self) -> bool {
        self.paused
    }

    /// When the entry goes.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}

fn key_of(principal: &Principal) -> Key {
    match principal {
        Principal::Role { .. } => Key::MapRoles,
        Principal::User { .. } => Key::MapUsers,
        Principal::Account(_) => Key::MapAccounts,
    }
}
