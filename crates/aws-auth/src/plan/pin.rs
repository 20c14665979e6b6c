//! The cluster creator's binding: put back where an entry demotes the creator, written out where `ensure` asks for it.
//!
//! The binding itself is hidden on EKS, and any entry for the creator's ARN overrides it (contract, "Matching"): no
//! entry is fine, a demoting entry is the lockout.

use crate::arn::{Principal, PrincipalKey};
use crate::entry::{Entry, Key};
use crate::ownership::{Owned, PrincipalHash};
use crate::plan::ChangeKind;
use crate::plan::claims::{At, Claims, Items};
use crate::plan::part::Part;
use crate::plan::precedence::obeyed;
use crate::settings::{ClusterCreator, SYSTEM_MASTERS};

/// Replaces every part that concerns the creator by those that make its binding stand; rows for its item go, because
/// the item is nobody's mapping any more.
pub(super) fn pin(
    creator: &ClusterCreator,
    items: &Items<'_>,
    claims: &Claims,
    parts: &mut Vec<Part<'_>>,
    rows: &mut Vec<Owned>,
) {
    let principal = creator.principal.key();
    parts.retain(|part| part.principal != principal);
    let present: Vec<At> = items.of_principal(PrincipalHash::of(&principal), &principal).collect();
    for at in obeyed(items, &present) {
        let binds = |entry: &Entry| entry.groups.iter().any(|group| group == SYSTEM_MASTERS);
        if !items.entry(at).is_some_and(binds) {
            let owner = claims.owner(at);
            rows.retain(|row| Some(row.uid) != owner);
            parts.push(Part { ends: owner, ..binding(creator, &principal, Some(at), at.key) });
        }
    }
    if present.is_empty() && creator.ensure {
        let key = match creator.principal {
            Principal::User { .. } => Key::MapUsers,
            Principal::Role { .. } | Principal::Account(_) => Key::MapRoles,
        };
        parts.push(binding(creator, &principal, None, key));
    }
}

fn binding<'a>(creator: &ClusterCreator, principal: &PrincipalKey, at: Option<At>, key: Key) -> Part<'a> {
    let entry = Entry {
        arn: creator.principal.entry_arn(),
        username: creator.username.clone(),
        groups: vec![SYSTEM_MASTERS.to_owned()],
    };
    Part {
        kind: ChangeKind::Pin,
        principal: principal.clone(),
        mapping: None,
        at,
        after: Some((key, entry)),
        ends: None,
        begins: None,
    }
}
