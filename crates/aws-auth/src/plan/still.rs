//! Revoked, and yet still in: what a removal leaves that lets the principal enter all the same.

use crate::arn::{Principal, PrincipalKey};
use crate::aws_auth::AwsAuth;
use crate::entry::Key;
use crate::ownership::PrincipalHash;
use crate::plan::Change;
use crate::plan::claims::Items;

/// Why a principal may still enter after its entry is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StillMapped {
    /// Somebody else's entry.
    Entry {
        /// The key it stands in.
        key: Key,
        /// Its line.
        line: usize,
    },
    /// Its whole account is mapped: it enters under its own ARN, without groups.
    Account(String),
}

/// Marks the removals among the changes that leave the principal mapped in `after`.
pub(super) fn mark(changes: &mut [Change], after: &AwsAuth) {
    let mut removals = changes.iter_mut().filter(|change| change.kind.removes()).peekable();
    if removals.peek().is_none() {
        return;
    }
    let items = Items::of(after);
    for removal in removals {
        removal.still_mapped = still_mapped(&items, &removal.principal);
    }
}

fn still_mapped(items: &Items<'_>, arn: &str) -> Option<StillMapped> {
    let line = |principal: &PrincipalKey| {
        let at = items.of_principal(PrincipalHash::of(principal), principal).last()?;
        Some((at.key, items.item(at)?.line))
    };
    if let Some((key, line)) = line(&PrincipalKey::of(arn)) {
        return Some(StillMapped::Entry { key, line });
    }
    let account = Principal::parse(arn).ok()?.account().to_string();
    line(&PrincipalKey::of(&account)).map(|_| StillMapped::Account(account))
}
