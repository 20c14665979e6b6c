//! What the operator's configuration says, as the plan sees it: parsed, validated, with defaults filled in.
//!
//! Not here: the configuration file and its keys (the operator's `config`).

use std::collections::BTreeSet;

use crate::arn::{AccountId, Principal, PrincipalKey};
use crate::glob::Pattern;

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
    /// Where the configuration has that list, or would have it.
    pub privileged_place: String,
    /// Groups that make an admin.
    pub admin_groups: BTreeSet<String>,
    /// The accounts whose principals may be mapped; `None` for all.
    pub allowed_accounts: Option<Listed<AccountId>>,
    /// The groups that may be given; `None` for all.
    pub allowed_groups: Option<Listed<Pattern>>,
    /// The usernames that may be given; `None` for all. Held against the text before the first placeholder.
    pub username_patterns: Option<Listed<Pattern>>,
}

/// A list of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// What is in it.
    pub values: Vec<T>,
    /// Where it is, for whoever has to change it: its key, file and line.
    pub place: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            privileged: BTreeSet::new(),
            privileged_place: "policy.privileged in the operator's configuration".to_owned(),
            admin_groups: BTreeSet::from([SYSTEM_MASTERS.to_owned()]),
            allowed_accounts: None,
            allowed_groups: None,
            username_patterns: None,
        }
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
    /// What becomes of a key that no longer parses.
    pub on_malformed: OnDamage,
    /// What becomes of an aws-auth that was deleted or emptied.
    pub on_missing: OnDamage,
    /// How long things count and wait.
    pub durations: Durations,
}

/// What is done about an aws-auth that somebody broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDamage {
    /// It is restored: foreign entries from the last good state, owned ones from today's plan.
    #[default]
    Restore,
    /// It is left as it is until somebody mends it.
    Hold,
}

/// How long the guards remember and wait, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durations {
    /// The removal brake's sliding window.
    pub brake_window: i64,
    /// How far back put-backs against one client count.
    pub contention_window: i64,
    /// How long a put-back waits once there were many.
    pub contention_pause: i64,
    /// How long a published hash can be approved.
    pub approval: i64,
}

impl Default for Durations {
    fn default() -> Self {
        Self { brake_window: 600, contention_window: 600, contention_pause: 60, approval: 900 }
    }
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self {
            min_admins: 1,
            max_data_bytes: 900 * 1024,
            max_annotation_bytes: 256 * 1024,
            on_malformed: OnDamage::default(),
            on_missing: OnDamage::default(),
            durations: Durations::default(),
        }
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
