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
    if let Some(value) = value {
        return Some(refusal(&value, &spec.entry().arn, &settings.policy));
    }
    not_allowed(spec, &settings.policy)
}

/// Why the lists of what is allowed do not have it, if they do not.
fn not_allowed(spec: &Spec, policy: &Policy) -> Option<Refusal> {
    if let Some(allowed) = &policy.allowed_accounts {
        let account = spec.principal().account();
        if !allowed.values.contains(account) {
            return Some(Refusal {
                rule: RefusalRule::Account,
                message: format!("account {account} is not in {}: add it there to allow it", allowed.place),
            });
        }
    }
    if let Some(allowed) = &policy.allowed_groups {
        let fits = |group: &str| allowed.values.iter().any(|pattern| pattern.matches(group));
        if let Some(group) = spec.entry().groups.iter().find(|group| !fits(group)) {
            return Some(Refusal {
                rule: RefusalRule::Group,
                message: format!("group {group:?} fits none of {}: add it there to allow it", allowed.place),
            });
        }
    }
    if let Some(allowed) = &policy.username_patterns {
        let username = &spec.entry().username;
        let literal = username.split_once("{{").map_or(username.as_str(), |(literal, _)| literal);
        if !allowed.values.iter().any(|pattern| pattern.matches(literal)) {
            return Some(Refusal {
                rule: RefusalRule::Username,
                message: format!(
                    "username {username:?} fits none of {} (they are held against {literal:?}, what stands before the first placeholder): set spec.username to one that fits, or add a pattern there",
                    allowed.place
                ),
            });
        }
    }
    None
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
    value.map(|value| refusal(&format!("the entry to adopt has {value}, which"), &old.arn, policy))
}

fn refusal(value: &str, arn: &str, policy: &Policy) -> Refusal {
    Refusal {
        rule: RefusalRule::Privileged,
        message: format!("{value} is privileged; to allow it, add {arn} to {}", policy.privileged_place),
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
