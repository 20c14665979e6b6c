//! What may be written: each guard passes a proposed part or holds it, with the reason a person sees.
//!
//! A guard is a pure function in a file of its own; adding one is a file and a line in [`ALL`]. A hold stops only the
//! part it must. Not here: what a mapping may ask for (`policy`), whether the text came out right (`verify`).

mod brake;
mod checkpoint;
mod contention;
mod last_admin;
mod missing;
mod node_entries;
mod outdated;
mod protected;
mod readable;
mod remade;
mod room;
mod unwritable;

pub use brake::window_after;
pub use last_admin::count as count_admins;
pub use node_entries::is_node;
pub use readable::faults;
pub use remade::{ANNOTATION as CRD, recorded as recorded_crd};
pub(crate) use remade::{annotation as crd_annotation, is_remade};

use crate::plan::claims::{Claims, Items};
use crate::plan::part::Part;
use crate::plan::{HoldReason, Input};

/// What a guard may look at besides the parts.
#[derive(Debug)]
pub struct Context<'c, 'a> {
    /// The plan's input.
    pub input: &'c Input<'a>,
    /// The items of aws-auth by principal.
    pub items: &'c Items<'a>,
    /// Which of them are ours.
    pub claims: &'c Claims,
}

/// A part that a guard holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its index in the slice that the guard was given.
    pub part: usize,
    /// Why.
    pub reason: HoldReason,
    /// The sentence for the person who must act.
    pub message: String,
}

/// A guard: given the parts that no guard before it holds, which of them must not be written.
pub type Guard = fn(&Context<'_, '_>, &[&Part<'_>]) -> Vec<Hold>;

/// Every guard, in the order in which they are asked: those that count what the rest adds up to come last. The last
/// admin is asked about twice: before those whose hold a person may lift; and in the end, because the admin that
/// was to come may be what found no room.
pub const ALL: &[Guard] = &[
    unwritable::guard,
    missing::guard,
    readable::guard,
    protected::guard,
    checkpoint::guard,
    outdated::guard,
    contention::guard,
    node_entries::guard,
    last_admin::guard,
    remade::guard,
    brake::guard,
    room::guard,
    last_admin::guard,
];
