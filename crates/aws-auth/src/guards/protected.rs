//! Principals that the configuration protects: no mapping changes, takes over or removes an entry for one of them.
//!
//! Putting an entry back as it was and adding one where none is are no harm to anybody.

use crate::guards::{Context, Hold};
use crate::plan::part::Part;
use crate::plan::{ChangeKind, HoldReason};

/// Holds changes to protected principals.
pub(super) fn guard(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Vec<Hold> {
    let protected = &context.input.settings.protected;
    let harms = |part: &Part<'_>| match part.kind {
        ChangeKind::Update | ChangeKind::Adopt | ChangeKind::Remove | ChangeKind::Expire => {
            let present =
                part.at.and_then(|at| context.items.identity(at)).map(|identity| &identity.principal);
            protected.contains(&part.principal) || present.is_some_and(|present| protected.contains(present))
        }
        ChangeKind::Add | ChangeKind::PutBack | ChangeKind::Pin => false,
    };
    parts
        .iter()
        .enumerate()
        .filter(|(_, part)| harms(part))
        .map(|(part, proposed)| Hold {
            part,
            reason: HoldReason::Protected,
            message: format!(
                "{} is listed in protected of the operator's configuration: its entry is neither changed nor removed; take it off that list first",
                proposed.principal.as_str()
            ),
        })
        .collect()
}
