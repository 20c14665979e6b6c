//! The cluster creator's binding: put back where an entry demotes the creator, written out where `ensure` asks for it.
//!
//! The binding itself is hidden on EKS, and whatever aws-auth says of the creator overrides it: an entry for its ARN, and
//! an entry for its account too, because the reader asks the next source only when aws-auth lets nobody in. Neither is
//! fine; a demoting entry is the lockout, and so is the account's without an entry of the creator's own.

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
    if present.is_empty() && (creator.ensure || account_enters(creator, items, parts)) {
        let key = match creator.principal {
            Principal::User { .. } => Key::MapUsers,
            Principal::Role { .. } | Principal::Account(_) => Key::MapRoles,
        };
        parts.push(binding(creator, &principal, None, key));
    }
}

/// Whether the creator's whole account is in aws-auth, or about to be.
fn account_enters(creator: &ClusterCreator, items: &Items<'_>, parts: &[Part<'_>]) -> bool {
    let account = Principal::Account(creator.principal.account().clone()).key();
    items.of_principal(PrincipalHash::of(&account), &account).next().is_some()
        || parts.iter().any(|part| part.principal == account && part.after.is_some())
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
