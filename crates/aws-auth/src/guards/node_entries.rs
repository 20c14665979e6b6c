//! Entries of nodes: without its own a node cannot register again, and a cluster without nodes is down. So an owned
//! one is neither removed nor demoted unless a person approves. Foreign ones are never touched at all.

use crate::entry::Entry;
use crate::guards::{Context, Hold};
use crate::plan::part::Part;
use crate::plan::{ChangeKind, HoldReason};

/// The group that makes a node.
const NODES: &str = "system:nodes";

/// Whether the entry lets nodes join.
#[must_use]
pub fn is_node(entry: &Entry) -> bool {
    entry.groups.iter().any(|group| group == NODES)
}

/// Holds the loss of node entries.
pub(super) fn guard(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Vec<Hold> {
    let loses = |part: &Part<'_>| match part.kind {
        ChangeKind::Remove | ChangeKind::Expire | ChangeKind::Update | ChangeKind::Adopt => {
            let before = part.at.and_then(|at| context.items.entry(at));
            let stays = |before: &Entry| {
                part.after
                    .as_ref()
                    .is_some_and(|(_, after)| is_node(after) && after.username == before.username)
            };
            before.is_some_and(|before| is_node(before) && !stays(before))
        }
        ChangeKind::Add | ChangeKind::PutBack | ChangeKind::Pin => false,
    };
    parts
        .iter()
        .enumerate()
        .filter(|(_, part)| loses(part))
        .map(|(part, proposed)| Hold {
            part,
            reason: HoldReason::NodeEntry,
            message: format!(
                "nodes join by the entry of {}: without it they cannot register, and their pods are lost. If it is meant, let it through: kubectl iam-mapping approve; if it is not, apply the IamMapping again",
                proposed.principal.as_str()
            ),
        })
        .collect()
}
