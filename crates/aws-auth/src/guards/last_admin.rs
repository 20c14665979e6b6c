//! No write that leaves fewer admins than the configured minimum when there were enough.
//!
//! An admin is an entry with an admin group that the reader can match (a real role or user ARN, no role path, not
//! shadowed) and that does not expire.

use std::collections::{BTreeSet, HashSet};

use crate::arn::{Principal, PrincipalKey};
use crate::entry::{Entry, Key};
use crate::guards::{Context, Hold};
use crate::mapping::Mapping;
use crate::ownership::PrincipalHash;
use crate::plan::claims::At;
use crate::plan::part::Part;
use crate::plan::precedence::obeyed;
use crate::plan::{Admins, HoldReason};

/// Holds as many demotions and removals of admins as it must.
pub(super) fn guard(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Vec<Hold> {
    let minimum = context.input.settings.guards.min_admins;
    let census = Census::of(context);
    let mut after = census.after(parts).len();
    let mut holds = Vec::new();
    if census.admins.len() < minimum {
        return holds;
    }
    for (part, proposed) in parts.iter().enumerate() {
        if after >= minimum {
            break;
        }
        if let Some(demoted) = census.demoted_by(proposed) {
            after += 1;
            holds.push(Hold {
                part,
                reason: HoldReason::LastAdmin,
                message: format!(
                    "without {} fewer than {minimum} admins (guards.minAdmins) would be left in aws-auth; grant an admin group to another principal first",
                    demoted.as_str()
                ),
            });
        }
    }
    holds
}

/// How many admins there are now and once `parts` are written.
#[must_use]
pub fn count(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Admins {
    let census = Census::of(context);
    Admins { before: census.admins.len(), after: census.after(parts).len() }
}

/// The admins as aws-auth stands, with what it takes to tell who is one.
struct Census<'c, 'a> {
    context: &'c Context<'c, 'a>,
    /// Items whose mapping expires.
    ending: HashSet<At>,
    admins: BTreeSet<&'a PrincipalKey>,
}

impl<'c, 'a> Census<'c, 'a> {
    fn of(context: &'c Context<'c, 'a>) -> Self {
        let ending = context
            .input
            .mappings
            .iter()
            .filter(|mapping| expires(mapping))
            .filter_map(|mapping| context.claims.get(mapping.uid)?.1.at())
            .collect();
        let mut census = Self { context, ending, admins: BTreeSet::new() };
        census.admins = [Key::MapRoles, Key::MapUsers]
            .into_iter()
            .flat_map(|key| context.input.aws_auth.key(key).items().map(move |(index, ..)| At { key, index }))
            .filter(|&at| context.items.entry(at).is_some_and(|entry| census.admin_group(entry)))
            .filter_map(|at| context.items.identity(at))
            .map(|identity| &identity.principal)
            .filter(|principal| matchable(principal) && census.granted_without(principal, None))
            .collect();
        census
    }

    fn admin_group(&self, entry: &Entry) -> bool {
        let groups = &self.context.input.settings.policy.admin_groups;
        entry.groups.iter().any(|group| groups.contains(group))
    }

    /// Whether everything that the reader may obey for `principal`, but for one item, makes an admin for good.
    fn granted_without(&self, principal: &PrincipalKey, gone: Option<At>) -> bool {
        let items = self.context.items;
        let left: Vec<At> = items
            .of_principal(PrincipalHash::of(principal), principal)
            .filter(|at| Some(*at) != gone)
            .collect();
        let obeyed = obeyed(items, &left);
        !obeyed.is_empty()
            && obeyed.iter().all(|at| {
                !self.ending.contains(at) && items.entry(*at).is_some_and(|entry| self.admin_group(entry))
            })
    }

    /// Whether what the part brings makes its principal an admin for good.
    fn promotes(&self, part: &Part<'_>) -> bool {
        part.after.as_ref().is_some_and(|(_, entry)| self.admin_group(entry))
            && !part.mapping.is_some_and(expires)
            && matchable(&part.principal)
    }

    /// The admin that the part makes none of.
    fn demoted_by(&self, part: &Part<'_>) -> Option<&'a PrincipalKey> {
        let present = &self.context.items.identity(part.at?)?.principal;
        let replaced = part.after.is_some() && part.principal == *present;
        let stays = if replaced { self.promotes(part) } else { self.granted_without(present, part.at) };
        (self.admins.contains(present) && !stays).then_some(present)
    }

    fn after<'p>(&self, parts: &'p [&Part<'_>]) -> BTreeSet<&'p PrincipalKey>
    where
        'a: 'p,
    {
        let mut admins: BTreeSet<&PrincipalKey> = self.admins.iter().copied().collect();
        for part in parts {
            if let Some(demoted) = self.demoted_by(part) {
                admins.remove(demoted);
            }
            if self.promotes(part) {
                admins.insert(&part.principal);
            }
        }
        admins
    }
}

fn expires(mapping: &Mapping) -> bool {
    mapping.spec.as_ref().is_ok_and(|spec| spec.expires_at().is_some())
}

/// Whether a caller can ever match an entry for this principal: a role path, for one, never does.
fn matchable(principal: &PrincipalKey) -> bool {
    Principal::parse(principal.as_str()).is_ok_and(|parsed| parsed.key() == *principal)
}
