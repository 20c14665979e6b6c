//! An aws-auth that was deleted or emptied and is not to be restored: nothing is written into it, or its foreign
//! entries would be lost behind a list that looks whole.

use crate::guards::{Context, Hold};
use crate::plan::HoldReason;
use crate::plan::part::Part;

/// Holds everything.
pub(super) fn guard(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Vec<Hold> {
    let Some(why) = &context.input.situation.missing else { return Vec::new() };
    (0..parts.len())
        .map(|part| Hold { part, reason: HoldReason::TargetMissing, message: why.clone() })
        .collect()
}
