//! Which of several items for one principal counts, and when two say the same.

use crate::entry::{Entry, Key};
use crate::plan::claims::{At, Items};

/// Which of the items for one principal the reader obeys: the last of `mapRoles`, else the last of each spelling in
/// `mapUsers`, of which it picks one at random (contract, "Matching"). In the order in which they stand.
#[must_use]
pub fn obeyed(items: &Items<'_>, of_principal: &[At]) -> Vec<At> {
    let last_of = |key: Key| of_principal.iter().rev().copied().find(|at| at.key == key);
    if let Some(role) = last_of(Key::MapRoles) {
        return vec![role];
    }
    let mut seen: Vec<(&str, At)> = Vec::new();
    for &at in of_principal.iter().rev().filter(|at| at.key == Key::MapUsers) {
        let spelling = items.entry(at).map_or("", |entry| entry.arn.as_str());
        if !seen.iter().any(|(other, _)| *other == spelling) {
            seen.push((spelling, at));
        }
    }
    let mut users: Vec<At> = seen.into_iter().map(|(_, at)| at).collect();
    users.reverse();
    users.extend(if users.is_empty() { last_of(Key::MapAccounts) } else { None });
    users
}

/// Whether two entries of one principal make the same of it: the order of groups does not count.
#[must_use]
pub fn same(a: &Entry, b: &Entry) -> bool {
    a.username == b.username
        && (a.groups == b.groups
            || (a.groups.iter().all(|group| b.groups.contains(group))
                && b.groups.iter().all(|group| a.groups.contains(group))))
}
