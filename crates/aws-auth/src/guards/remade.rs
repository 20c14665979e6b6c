//! A CRD that was deleted and made again: with the first one went every mapping, and nobody asked for all access to be
//! revoked. What those mappings granted stays until each is applied again, or a person lets its removal through.
//!
//! Which CRD the owned entries were written for stands in an annotation beside the record. It names the new one as soon
//! as the record has nothing any more that the old one left behind.

use std::collections::BTreeSet;

use crate::arn::PrincipalKey;
use crate::aws_auth::AwsAuth;
use crate::guards::{Context, Hold};
use crate::mapping::{Spec, Uid};
use crate::ownership::Record;
use crate::plan::part::Part;
use crate::plan::{ChangeKind, HoldReason, Input};

/// The annotation: the UID of the CRD whose mappings own the entries.
pub const ANNOTATION: &str = "aws-auth.dev/crd";
/// How long it is with its name.
pub(super) const MOST_BYTES: usize = ANNOTATION.len() + 36;

/// Holds every removal for a mapping that went with the CRD before this one, unless the one that was applied again for
/// the same principal has ended.
pub(super) fn guard(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Vec<Hold> {
    if !is_remade(context) {
        return Vec::new();
    }
    let Input { mappings, now, .. } = context.input;
    let specs = mappings.iter().filter_map(|mapping| mapping.spec.as_ref().ok());
    let ended = specs.filter(|spec| spec.expires_at().is_some_and(|end| end <= *now));
    let ended: BTreeSet<&PrincipalKey> = ended.map(Spec::principal_key).collect();
    let is_left_behind = |part: &Part<'_>| {
        part.kind == ChangeKind::Remove && part.mapping.is_none() && !ended.contains(&part.principal)
    };
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

/// The annotation's value beside this record, which is about to be written; `None` where there is none, and none is
/// known. It stays as long as the record has a row that the CRD before left behind, seen or not.
#[must_use]
pub fn annotation(context: &Context<'_, '_>, record: &Record) -> Option<String> {
    let now = context.input.situation.crd.map(|uid| uid.to_string());
    let recorded = || context.input.aws_auth.annotation(ANNOTATION).map(str::to_owned);
    let left_behind = || {
        let living: BTreeSet<Uid> = context.input.mappings.iter().map(|mapping| mapping.uid).collect();
        record.rows().iter().any(|row| !living.contains(&row.uid))
    };
    if is_remade(context) && left_behind() { recorded() } else { now.or_else(recorded) }
}

/// Whether the annotation names another CRD than stands. One that is no UID, or missing, names none.
#[must_use]
pub fn is_remade(context: &Context<'_, '_>) -> bool {
    matches!((recorded(context.input.aws_auth), context.input.situation.crd), (Some(recorded), Some(now)) if recorded != now)
}

/// The CRD that the annotation names.
#[must_use]
pub fn recorded(aws_auth: &AwsAuth) -> Option<Uid> {
    aws_auth.annotation(ANNOTATION).and_then(Uid::parse)
}
