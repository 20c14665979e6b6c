//! The removal brake: in a sliding window only so much is taken away, so that one wrong `delete --all`, or one wrong
//! prune, does not lock a company out. Additions go on.
//!
//! What a person approves, and an end that was announced by an earlier `expiresAt`, does not count.

use crate::entry::Entry;
use crate::guards::{Context, Hold};
use crate::mapping::{Mapping, Spec};
use crate::ownership::{PrincipalHash, Record};
use crate::plan::part::Part;
use crate::plan::{ChangeKind, HoldReason};
use crate::window::{Removal, Window};

/// So many always go.
const FEW: usize = 3;
/// Of more than so many entries the share does not grow any more.
const COUNTED_AT_MOST: usize = 50;
/// One in so many goes.
const SHARE: usize = 5;

/// Holds what is over the budget.
pub(super) fn guard(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Vec<Hold> {
    let window = window(context);
    let owned = window.owned_at_start().unwrap_or_else(|| context.claims.rows().len());
    let limit = FEW.max(owned.min(COUNTED_AT_MOST) / SHARE);
    let costs =
        |part: &Part<'_>| takes_away(context, part) && !window.has(PrincipalHash::of(&part.principal));
    let costly: Vec<usize> =
        parts.iter().enumerate().filter(|(_, part)| costs(part)).map(|(n, _)| n).collect();
    let left = limit.saturating_sub(window.spent());
    if costly.len() <= left {
        return Vec::new();
    }
    let minutes = (context.input.settings.guards.durations.brake_window / 60).max(1);
    let message = format!(
        "removal brake: of {owned} owned entries at most {limit} are removed or demoted in {minutes} minutes, and more than that were to be; the rest waits. If that was a mistake, apply the IamMappings again; if it was meant, let it through: kubectl iam-mapping approve"
    );
    costly
        .into_iter()
        .skip(left)
        .map(|part| Hold { part, reason: HoldReason::RemovalBrake, message: message.clone() })
        .collect()
}

/// The record's window with what these parts, which are about to be written, take away.
#[must_use]
pub fn window_after(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Window {
    let mut taking = parts.iter().filter(|part| takes_away(context, part)).peekable();
    if taking.peek().is_none() {
        // As it is: what no longer counts is no reason to write.
        return context.input.aws_auth.record().map(Record::window).cloned().unwrap_or_default();
    }
    let owned = u32::try_from(context.claims.rows().len()).unwrap_or(u32::MAX);
    let mut window = window(context);
    for part in taking {
        window.push(Removal { at: context.input.now, principal: PrincipalHash::of(&part.principal), owned });
    }
    window
}

/// What counts now of what the record remembers.
fn window(context: &Context<'_, '_>) -> Window {
    let length = context.input.settings.guards.durations.brake_window;
    let record = context.input.aws_auth.record();
    record.map(|record| record.window().at(context.input.now, length)).unwrap_or_default()
}

/// Whether the part takes from somebody what they had by one of our entries.
fn takes_away(context: &Context<'_, '_>, part: &Part<'_>) -> bool {
    match part.kind {
        ChangeKind::Remove => true,
        ChangeKind::Expire => !part.mapping.is_some_and(announced),
        ChangeKind::Update => {
            let before = part.at.and_then(|at| context.items.entry(at));
            let after = part.after.as_ref().map(|(_, entry)| entry);
            matches!((before, after), (Some(before), Some(after)) if demotes(before, after))
        }
        ChangeKind::Add | ChangeKind::PutBack | ChangeKind::Adopt | ChangeKind::Pin => false,
    }
}

/// Whether `after` grants less than `before`. Other groups, or another name, are another wish, not less.
fn demotes(before: &Entry, after: &Entry) -> bool {
    let lost = before.groups.iter().any(|group| !after.groups.contains(group));
    lost && after.groups.iter().all(|group| before.groups.contains(group))
}

/// Whether the mapping's end was known before it came: its status says so.
fn announced(mapping: &Mapping) -> bool {
    let end = mapping.spec.as_ref().ok().and_then(Spec::expires_at);
    end.is_some() && mapping.announced_end == end
}
