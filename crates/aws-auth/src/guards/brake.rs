//! The removal brake: in a sliding window only so much is taken away, so that one wrong `delete --all`, or one wrong
//! prune, does not lock a company out. Additions go on.
//!
//! What a person approves, and an end that was announced by an earlier `expiresAt`, does not count.

use crate::entry::Entry;
use crate::guards::{Context, Hold};
use crate::mapping::{Mapping, Spec};
use crate::ownership::Record;
use crate::plan::part::Part;
use crate::plan::{ChangeKind, HoldReason};
use crate::window::Removals;

/// So many always go.
const FEW: usize = 3;
/// Of more than so many entries the share does not grow any more.
const COUNTED_AT_MOST: usize = 50;
/// One in so many goes.
const SHARE: usize = 5;

/// Holds what is over the budget.
pub(super) fn guard(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Vec<Hold> {
    let braked: Vec<usize> =
        parts.iter().enumerate().filter(|(_, part)| takes_away(context, part)).map(|(n, _)| n).collect();
    let budget = Budget::of(context);
    let left = budget.limit.saturating_sub(budget.spent);
    if braked.len() <= left {
        return Vec::new();
    }
    let message = format!(
        "removal brake: of {} owned entries at most {} are removed or demoted in {} minutes, and more than that were to be; the rest waits. If that was a mistake, apply the IamMappings again; if it was meant, let it through: kubectl iam-mapping approve",
        budget.owned,
        budget.limit,
        (context.input.settings.guards.durations.brake_window / 60).max(1),
    );
    braked
        .into_iter()
        .skip(left)
        .map(|part| Hold { part, reason: HoldReason::RemovalBrake, message: message.clone() })
        .collect()
}

/// What the record must remember of these parts, which are about to be written; `None` when none of them counts.
#[must_use]
pub fn spent_by(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Option<Removals> {
    let count = parts.iter().filter(|part| takes_away(context, part)).count();
    (count > 0).then(|| Removals {
        at: context.input.now,
        count: u32::try_from(count).unwrap_or(u32::MAX),
        owned: u32::try_from(context.claims.rows().len()).unwrap_or(u32::MAX),
    })
}

/// What may go, and what went.
struct Budget {
    owned: usize,
    limit: usize,
    spent: usize,
}

impl Budget {
    fn of(context: &Context<'_, '_>) -> Self {
        let (now, length) = (context.input.now, context.input.settings.guards.durations.brake_window);
        let window = context.input.aws_auth.record().map(Record::window);
        let at_start = window.ok().and_then(|window| window.owned_at_start(now, length));
        let owned = at_start.unwrap_or_else(|| context.claims.rows().len());
        Self {
            owned,
            limit: FEW.max(owned.min(COUNTED_AT_MOST) / SHARE),
            spent: window.map_or(0, |window| window.spent(now, length)),
        }
    }
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

/// Whether `after` lacks something that `before` grants.
fn demotes(before: &Entry, after: &Entry) -> bool {
    before.username != after.username || before.groups.iter().any(|group| !after.groups.contains(group))
}

/// Whether the mapping's end was known before it came: its status says so.
fn announced(mapping: &Mapping) -> bool {
    let end = mapping.spec.as_ref().ok().and_then(Spec::expires_at);
    end.is_some() && mapping.announced_end == end
}
