//! What the operator's configuration says, as the plan sees it: parsed, validated, with defaults filled in.
//!
//! Not here: the configuration file and its keys (the operator's `config`).

use std::collections::BTreeSet;

use crate::arn::{Principal, PrincipalKey};

/// The value that everything called an admin must have, unless configured otherwise.
pub const SYSTEM_MASTERS: &str = "system:masters";

/// Whether the operator writes at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Plans, reports, writes nothing to aws-auth.
    Observe,
    /// Writes.
    #[default]
    Enforce,
}

/// The cluster's authentication mode, as EKS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuthenticationMode {
    /// aws-auth alone decides.
    #[default]
    ConfigMap,
    /// aws-auth and access entries; an access entry outranks the aws-auth entry of the same principal.
    Both,
    /// aws-auth is not read at all.
    Api,
}

/// The binding that AWS gives the cluster's creator and that must stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterCreator {
    /// The creator: a role or a user.
    pub principal: Principal,
    /// The username its entry carries where one has to be written.
    pub username: String,
    /// Whether to write the (otherwise hidden) binding out and keep it there.
    pub ensure: bool,
}

/// Who may have what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The principals that may have privileged values, node types and account mappings.
    pub privileged: BTreeSet<PrincipalKey>,
    /// Groups that make an admin.
    pub admin_groups: BTreeSet<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { privileged: BTreeSet::new(), admin_groups: BTreeSet::from([SYSTEM_MASTERS.to_owned()]) }
    }
}

/// The guards' limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardSettings {
    /// Fewest admins that a write may leave when there were enough before.
    pub min_admins: usize,
    /// Most bytes of keys and values in `data`. `ConfigMap`s end at 1 MiB.
    pub max_data_bytes: usize,
    /// Most bytes of annotations, keys and values together. Kubernetes ends at 256 KiB.
    pub max_annotation_bytes: usize,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self { min_admins: 1, max_data_bytes: 900 * 1024, max_annotation_bytes: 256 * 1024 }
    }
}

/// Everything that the configuration decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Write or watch.
    pub mode: Mode,
    /// Who reads aws-auth.
    pub authentication_mode: AuthenticationMode,
    /// The pinned creator.
    pub creator: Option<ClusterCreator>,
    /// Principals whose entries no `IamMapping` may shadow, change or remove.
    pub protected: BTreeSet<PrincipalKey>,
    /// Who may have what.
    pub policy: Policy,
    /// Limits.
    pub guards: GuardSettings,
}
