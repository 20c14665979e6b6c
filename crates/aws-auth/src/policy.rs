//! What the configuration allows a mapping to grant.
//!
//! Not here: the rules that need only the object (`mapping`), and what may be written at all (`guards`).

use crate::arn::{Principal, PrincipalKey};
use crate::entry::{Entry, Key};
use crate::mapping::{MappingType, Spec};
use crate::plan::{Refusal, RefusalRule};
use crate::settings::{Policy, Settings};

/// Why the configuration refuses `spec`, if it does.
#[must_use]
pub fn check(spec: &Spec, settings: &Settings) -> Option<Refusal> {
    if let Some(creator) = &settings.creator
        && creator.principal.key() == *spec.principal_key()
    {
        return Some(Refusal {
            rule: RefusalRule::Pinned,
            message: format!(
                "{} is the cluster creator (clusterCreator in the operator's configuration): an entry for it would override its hidden system:masters binding; delete this IamMapping, or set clusterCreator.ensure: true to have the binding written out",
                spec.entry().arn
            ),
        });
    }
    if settings.policy.privileged.contains(spec.principal_key()) {
        return None;
    }
    let value = if matches!(spec.principal(), Principal::Account(_)) {
        Some("an account mapping".to_owned())
    } else if spec.mapping_type() == MappingType::Standard {
        privileged_value(spec.entry(), &settings.policy)
    } else {
        Some(format!("type {}", spec.mapping_type().as_str()))
    };
    value.map(|value| refusal(&value, &spec.entry().arn))
}

/// Why the configuration refuses that a foreign entry is taken over, if it does: it needs whatever writing the old
/// entry would need.
#[must_use]
pub fn check_adoption(key: Key, old: &Entry, principal: &PrincipalKey, policy: &Policy) -> Option<Refusal> {
    if policy.privileged.contains(principal) {
        return None;
    }
    let value = match key {
        Key::MapAccounts => Some("an account mapping".to_owned()),
        Key::MapRoles | Key::MapUsers => privileged_value(old, policy),
    };
    value.map(|value| refusal(&format!("the entry to adopt has {value}, which"), &old.arn))
}

fn refusal(value: &str, arn: &str) -> Refusal {
    Refusal {
        rule: RefusalRule::Privileged,
        message: format!(
            "{value} is privileged; to allow it, add {arn} to policy.privileged in the operator's configuration"
        ),
    }
}

/// The first privileged value in an entry, in words.
fn privileged_value(entry: &Entry, policy: &Policy) -> Option<String> {
    if reserved(&entry.username) {
        return Some(format!("username {:?}", entry.username));
    }
    let group = entry.groups.iter().find(|group| reserved(group) || policy.admin_groups.contains(*group))?;
    Some(format!("group {group:?}"))
}

/// Names that Kubernetes and EKS keep for themselves.
fn reserved(name: &str) -> bool {
    name.starts_with("system:") || name.starts_with("eks:")
}
