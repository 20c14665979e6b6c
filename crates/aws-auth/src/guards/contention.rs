//! A fight over owned entries: what one client edits again and again is put back at a slower pace, so that access does
//! not flap. The creator's binding is put back at once all the same.

use crate::guards::{Context, Hold};
use crate::plan::part::Part;
use crate::plan::{ChangeKind, HoldReason};

/// Holds put-backs in keys that a rival wrote last.
pub(super) fn guard(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Vec<Hold> {
    let rivals = &context.input.situation.rivals;
    if rivals.is_empty() {
        return Vec::new();
    }
    let held = |part: &Part<'_>| {
        let rival = rivals.iter().find(|rival| Some(rival.key) == part.key())?;
        (part.kind == ChangeKind::PutBack && rival.until > context.input.now).then_some(rival)
    };
    parts
        .iter()
        .enumerate()
        .filter_map(|(part, proposed)| {
            let rival = held(proposed)?;
            Some(Hold {
                part,
                reason: HoldReason::Contended,
                message: format!(
                    "client {:?} changes entries in {} again and again; they are put back once a minute from now on. Have it leave aws-auth alone, or delete the IamMapping of {}",
                    rival.client,
                    rival.key,
                    proposed.principal.as_str()
                ),
            })
        })
        .collect()
}
