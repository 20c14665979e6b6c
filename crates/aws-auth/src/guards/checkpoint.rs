//! Without a checkpoint of what was there before, nothing of somebody else's is taken over. Other writes go on: they
//! leave foreign bytes as they are, and the verifier sees to that.

use crate::guards::{Context, Hold};
use crate::plan::part::Part;
use crate::plan::{ChangeKind, HoldReason};

/// Holds adoptions while no checkpoint can be kept.
pub(super) fn guard(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Vec<Hold> {
    let Some(problem) = &context.input.situation.checkpoint_problem else { return Vec::new() };
    parts
        .iter()
        .enumerate()
        .filter(|(_, part)| part.kind == ChangeKind::Adopt)
        .map(|(part, proposed)| Hold {
            part,
            reason: HoldReason::CheckpointFailed,
            message: format!(
                "the foreign entry of {} is not taken over while no checkpoint of aws-auth can be kept: {problem}",
                proposed.principal.as_str()
            ),
        })
        .collect()
}
