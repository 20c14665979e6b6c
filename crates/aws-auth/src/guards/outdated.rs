//! A CRD that is older than this program: the API server drops what it does not know, so a mapping may say less than
//! somebody wrote, such as when it ends. Nothing new is granted then; what was granted stays as it is.

use std::collections::BTreeSet;

use crate::entry::Entry;
use crate::guards::{Context, Hold};
use crate::plan::part::Part;
use crate::plan::{ChangeKind, HoldReason};

/// Holds whatever gives somebody more than they have.
pub(super) fn guard(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Vec<Hold> {
    let Some(why) = &context.input.situation.outdated else { return Vec::new() };
    let grants = |part: &Part<'_>| match part.kind {
        ChangeKind::Add | ChangeKind::Adopt => true,
        ChangeKind::Update => {
            let before = part.at.and_then(|at| context.items.entry(at));
            part.after.as_ref().is_some_and(|(_, after)| before.is_none_or(|before| more(before, after)))
        }
        ChangeKind::PutBack | ChangeKind::Remove | ChangeKind::Expire | ChangeKind::Pin => false,
    };
    parts
        .iter()
        .enumerate()
        .filter(|(_, part)| grants(part))
        .map(|(part, proposed)| Hold {
            part,
            reason: HoldReason::CrdOutdated,
            message: format!("nothing new is granted to {}: {why}", proposed.principal.as_str()),
        })
        .collect()
}

/// Whether the second entry gives anything that the first does not.
fn more(before: &Entry, after: &Entry) -> bool {
    let had: BTreeSet<&String> = before.groups.iter().collect();
    after.username != before.username || after.groups.iter().any(|group| !had.contains(group))
}
