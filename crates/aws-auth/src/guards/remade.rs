//! A CRD that was deleted and made again: with the first one went every mapping, and nobody asked for all access to be
//! revoked. What those mappings granted stays until each is applied again, or a person lets its removal through.
//!
//! Which CRD the owned entries were written for stands in an annotation beside the record. It names the new one as soon
//! as nothing that the old one left behind is held any more.

use crate::guards::{Context, Hold};
use crate::mapping::Uid;
use crate::plan::part::Part;
use crate::plan::{ChangeKind, HoldReason};

/// The annotation: the UID of the CRD whose mappings own the entries.
pub const ANNOTATION: &str = "aws-auth.dev/crd";
/// How long it is with its name.
pub(super) const MOST_BYTES: usize = ANNOTATION.len() + 36;

/// Holds every removal for a mapping that went with the CRD before this one.
pub(super) fn guard(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Vec<Hold> {
    if !is_remade(context) {
        return Vec::new();
    }
    parts
        .iter()
        .enumerate()
        .filter(|(_, part)| is_left_behind(part))
        .map(|(part, proposed)| Hold {
            part,
            reason: HoldReason::CrdRemade,
            message: format!(
                "the CRD was deleted and made again since the entry for {} was written, and its IamMapping went with it: apply the IamMapping again; or, if the entry is to go, let it through: kubectl iam-mapping approve",
                proposed.principal.as_str()
            ),
        })
        .collect()
}

/// The annotation's value once the open parts are written; `None` where there is none, and none is known.
pub fn annotation<'p>(
    context: &Context<'_, '_>,
    mut held: impl Iterator<Item = &'p Part<'p>>,
) -> Option<String> {
    let now = context.input.situation.crd.map(|uid| uid.to_string());
    let recorded = || context.input.aws_auth.annotation(ANNOTATION).map(str::to_owned);
    if is_remade(context) && held.any(is_left_behind) { recorded() } else { now.or_else(recorded) }
}

/// Whether the annotation names another CRD than stands. One that is no UID, or missing, names none.
pub fn is_remade(context: &Context<'_, '_>) -> bool {
    let recorded = context.input.aws_auth.annotation(ANNOTATION).and_then(Uid::parse);
    matches!((recorded, context.input.situation.crd), (Some(recorded), Some(now)) if recorded != now)
}

/// Whether nobody asks for the entry any more.
fn is_left_behind(part: &Part<'_>) -> bool {
    part.kind == ChangeKind::Remove && part.mapping.is_none()
}
