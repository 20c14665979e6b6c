//! What should change, before any guard has its say.
//!
//! Each mapping is sorted into one standing; those that have their principal to themselves are held against the items;
//! what nobody asks for any more goes. Not here: whether it may be written (`guards`), and how (`document`).

use std::collections::{HashMap, HashSet};

use crate::entry::{Entry, Key};
use crate::mapping::{Adoption, Mapping, Spec, Uid};
use crate::ownership::{EntryHash, Owned};
use crate::plan::claims::{At, Claim, Claims, Items};
use crate::plan::part::Part;
use crate::plan::pin;
use crate::plan::precedence::{obeyed, same};
use crate::plan::{ChangeKind, Held, HoldReason, Input, Outcome, Verdict};
use crate::policy;

/// Parts to be guarded, verdicts that already stand, and the ownership record as it is without any part.
#[derive(Debug)]
pub struct Decision<'a> {
    /// Sorted by principal.
    pub parts: Vec<Part<'a>>,
    /// Sorted by name; those with a part are `Pending`.
    pub verdicts: Vec<Verdict<'a>>,
    /// The rows that stay, whatever happens to the parts.
    pub rows: Vec<Owned>,
    /// Removals that cannot be made, because which item is meant cannot be told.
    pub ambiguous: Vec<Held>,
}

/// What a mapping comes to before anybody looks at aws-auth.
enum Standing<'a> {
    /// It wants its entry.
    Wants(&'a Spec),
    /// What is there for it stays.
    Frozen(Outcome),
    /// Its time is over.
    Expired(&'a Spec),
}

/// Decides.
#[must_use]
pub fn decide<'a>(input: &Input<'a>, items: &Items<'a>, claims: &Claims) -> Decision<'a> {
    let mut mappings: Vec<&'a Mapping> = input.mappings.to_vec();
    mappings.sort_unstable_by(|a, b| (&a.name, a.uid).cmp(&(&b.name, b.uid)));
    let losses = losses(input, claims, &mappings);
    let mut decider = Decider {
        input,
        items,
        claims,
        parts: Vec::new(),
        rows: Vec::with_capacity(mappings.len()),
        taken: Vec::new(),
        ambiguous: Vec::new(),
    };
    let orphans = decider.orphans(&mappings);
    let verdicts = mappings
        .iter()
        .zip(losses)
        .map(|(&mapping, winner)| {
            let applied = decider.standing_entry(mapping.uid);
            let outcome = decider.judge(mapping, winner, &orphans);
            Verdict { mapping, outcome, applied }
        })
        .collect();
    decider.remove_orphans(&orphans);
    let Decider { mut parts, mut rows, ambiguous, .. } = decider;
    if let Some(creator) = &input.settings.creator {
        pin::pin(creator, items, claims, &mut parts, &mut rows);
    }
    parts.sort_by(|a, b| (&a.principal, a.kind, a.at).cmp(&(&b.principal, b.kind, b.at)));
    Decision { parts, verdicts, rows, ambiguous }
}

fn standing<'a>(input: &Input<'_>, mapping: &'a Mapping) -> Standing<'a> {
    match &mapping.spec {
        Err(error) => Standing::Frozen(Outcome::Invalid(error.clone())),
        Ok(spec) if spec.expires_at().is_some_and(|end| end <= input.now) => Standing::Expired(spec),
        Ok(spec) => match policy::check(spec, input.settings) {
            Some(refusal) => Standing::Frozen(Outcome::Refused(refusal)),
            None if spec.paused() => Standing::Frozen(Outcome::Paused),
            None => Standing::Wants(spec),
        },
    }
}

/// For each mapping the one that has its principal instead: the one on record, then the oldest, then the first by
/// name. Expired mappings do not compete; refused ones only with what stands for them.
fn losses<'a>(input: &Input<'a>, claims: &Claims, mappings: &[&'a Mapping]) -> Vec<Option<&'a Mapping>> {
    let rank = |mapping: &Mapping| (claims.get(mapping.uid).is_none(), mapping.created);
    let competes = |mapping: &Mapping| match standing(input, mapping) {
        Standing::Wants(_) | Standing::Frozen(Outcome::Paused) => true,
        Standing::Frozen(_) => claims.get(mapping.uid).is_some(),
        Standing::Expired(_) => false,
    };
    let mut by_principal: Vec<(&Spec, usize)> = mappings
        .iter()
        .enumerate()
        .filter_map(|(n, mapping)| Some((mapping.spec.as_ref().ok()?, n)))
        .collect();
    // The hash first: comparing thousands of long names that differ at their end is what this costs otherwise.
    by_principal.sort_unstable_by(|(a, n), (b, m)| {
        (a.principal_hash(), a.principal_key(), n).cmp(&(b.principal_hash(), b.principal_key(), m))
    });
    let mut losses = vec![None; mappings.len()];
    for rivals in by_principal.chunk_by(|(a, _), (b, _)| {
        a.principal_hash() == b.principal_hash() && a.principal_key() == b.principal_key()
    }) {
        if rivals.len() == 1 {
            continue;
        }
        // Mappings come sorted by name, and of equal ranks the first is the least.
        let all = rivals.iter().map(|&(_, n)| mappings[n]);
        let Some(winner) = all.filter(|mapping| competes(mapping)).min_by_key(|mapping| rank(mapping)) else {
            continue;
        };
        for &(_, n) in rivals {
            losses[n] = (mappings[n].uid != winner.uid).then_some(winner);
        }
    }
    losses
}

/// Rows whose mapping is gone, by principal.
type Orphans = HashMap<u32, Vec<(Owned, Claim)>>;

struct Decider<'i, 'a> {
    input: &'i Input<'a>,
    items: &'i Items<'a>,
    claims: &'i Claims,
    parts: Vec<Part<'a>>,
    rows: Vec<Owned>,
    /// Orphaned rows whose item a living mapping takes over.
    taken: Vec<Uid>,
    ambiguous: Vec<Held>,
}

impl<'a> Decider<'_, 'a> {
    /// The rows whose mapping is gone.
    fn orphans(&self, mappings: &[&'a Mapping]) -> Orphans {
        let living: HashSet<Uid> = mappings.iter().map(|mapping| mapping.uid).collect();
        let mut orphans = Orphans::new();
        for (row, claim) in self.claims.rows().filter(|(row, _)| !living.contains(&row.uid)) {
            orphans.entry(row.principal.0).or_default().push((row, claim));
        }
        orphans
    }

    /// What stands in aws-auth for a mapping.
    fn standing_entry(&self, uid: Uid) -> Option<(Key, &'a Entry)> {
        let at = self.claims.get(uid)?.1.at()?;
        Some((at.key, self.items.entry(at)?))
    }

    fn judge(&mut self, mapping: &'a Mapping, winner: Option<&Mapping>, orphans: &Orphans) -> Outcome {
        let row = self.claims.get(mapping.uid);
        let lost = winner.map(|winner| Outcome::DuplicatePrincipal { winner: winner.name.clone() });
        match (standing(self.input, mapping), lost) {
            // A mapping that lost its principal has nothing to keep.
            (Standing::Wants(_) | Standing::Frozen(Outcome::Paused), Some(lost)) => lost,
            (Standing::Frozen(outcome), _) => {
                self.rows.extend(row.map(|(row, _)| row));
                outcome
            }
            (Standing::Expired(spec), _) => self.expire(mapping, spec, row),
            (Standing::Wants(spec), None) => self.want(mapping, spec, row, orphans),
        }
    }

    fn expire(&mut self, mapping: &'a Mapping, spec: &Spec, row: Option<(Owned, Claim)>) -> Outcome {
        let Some((row, claim)) = row else { return Outcome::Expired };
        match claim {
            Claim::Intact(at) | Claim::Edited(at) => {
                self.parts.push(Part {
                    kind: ChangeKind::Expire,
                    principal: spec.principal_key().clone(),
                    mapping: Some(mapping),
                    at: Some(at),
                    after: None,
                    ends: Some(row.uid),
                    begins: None,
                });
                Outcome::Pending
            }
            Claim::Gone => Outcome::Expired,
            // What cannot be seen or told apart may still be there: the row is what remembers it.
            Claim::Ambiguous | Claim::Unseen => {
                self.rows.push(row);
                Outcome::Expired
            }
        }
    }

    fn want(
        &mut self,
        mapping: &'a Mapping,
        spec: &'a Spec,
        row: Option<(Owned, Claim)>,
        orphans: &Orphans,
    ) -> Outcome {
        let claimed = row.and_then(|(_, claim)| claim.at());
        let others: Vec<At> = self
            .items
            .of_principal(spec.principal_hash(), spec.principal_key())
            .filter(|&at| Some(at) != claimed)
            .collect();
        let foreign: Vec<At> = others.iter().copied().filter(|&at| self.claims.owner(at).is_none()).collect();
        if let (Some((row, claim)), Some(at)) = (row, claimed) {
            return self.keep(mapping, spec, row, claim, at, &foreign);
        }
        let inherited = orphans.get(&spec.principal_hash().0).into_iter().flatten();
        let inherited = inherited.filter_map(|(row, claim)| Some((row.uid, claim.at()?)));
        if let Some((old, at)) = inherited.into_iter().find(|(_, at)| others.contains(at)) {
            self.taken.push(old);
            if !foreign.is_empty() {
                self.rows.push(self.row(mapping, spec, at));
                return self.conflict(&foreign, Some(at));
            }
            return self.bring_about(mapping, spec, at, ChangeKind::Update, Some(old));
        }
        if !foreign.is_empty() {
            return self.meet_foreign(mapping, spec, row.map(|(row, _)| row), &foreign);
        }
        let kind = if row.is_some() { ChangeKind::PutBack } else { ChangeKind::Add };
        self.parts.push(Part {
            kind,
            principal: spec.principal_key().clone(),
            mapping: Some(mapping),
            at: None,
            after: Some((spec.key(), spec.entry().clone())),
            ends: row.map(|(row, _)| row.uid),
            begins: Some(Owned {
                uid: mapping.uid,
                principal: spec.principal_hash(),
                entry: spec.entry_hash(),
                alone: true,
            }),
        });
        Outcome::Pending
    }

    /// The mapping's own item is there.
    fn keep(
        &mut self,
        mapping: &'a Mapping,
        spec: &'a Spec,
        row: Owned,
        claim: Claim,
        at: At,
        foreign: &[At],
    ) -> Outcome {
        if !foreign.is_empty() && !self.all_same(foreign, spec.entry()) {
            self.rows.push(row);
            return self.conflict(foreign, Some(at));
        }
        // Written by us as it stands: then it is the mapping that changed. Otherwise somebody edited it.
        let kind = match claim {
            Claim::Edited(_) => ChangeKind::PutBack,
            _ => ChangeKind::Update,
        };
        self.bring_about(mapping, spec, at, kind, Some(row.uid))
    }

    /// Makes the item at `at` say what the mapping wants, if it does not already.
    fn bring_about(
        &mut self,
        mapping: &'a Mapping,
        spec: &'a Spec,
        at: At,
        kind: ChangeKind,
        ends: Option<Uid>,
    ) -> Outcome {
        let principal = self.items.identity(at).map(|identity| &identity.principal);
        if principal == Some(spec.principal_key()) && self.all_same(&[at], spec.entry()) {
            self.rows.push(self.row(mapping, spec, at));
            return Outcome::Applied;
        }
        self.parts.push(Part {
            kind,
            principal: spec.principal_key().clone(),
            mapping: Some(mapping),
            at: Some(at),
            after: Some((at.key, spec.entry().clone())),
            ends,
            begins: Some(Owned {
                uid: mapping.uid,
                principal: spec.principal_hash(),
                entry: EntryHash::of(at.key, spec.entry()),
                alone: true,
            }),
        });
        Outcome::Pending
    }

    /// Foreign items have the principal and none is ours.
    fn meet_foreign(
        &mut self,
        mapping: &'a Mapping,
        spec: &'a Spec,
        row: Option<Owned>,
        foreign: &[At],
    ) -> Outcome {
        let obeyed = obeyed(self.items, foreign);
        let Some(&last) = obeyed.last() else { return Outcome::Pending };
        match spec.adoption() {
            Adoption::Adopt if obeyed.len() == 1 => {
                let old = self.items.entry(last);
                let refusal = old.and_then(|old| {
                    policy::check_adoption(last.key, old, spec.principal_key(), &self.input.settings.policy)
                });
                match refusal {
                    Some(refusal) => {
                        self.rows.extend(row);
                        Outcome::Refused(refusal)
                    }
                    None => self.bring_about(mapping, spec, last, ChangeKind::Adopt, row.map(|row| row.uid)),
                }
            }
            Adoption::Refuse if self.all_same(&obeyed, spec.entry()) && row.is_none() => {
                Outcome::AlreadyPresent
            }
            Adoption::Adopt | Adoption::Refuse => {
                self.rows.extend(row);
                self.conflict(foreign, None)
            }
        }
    }

    fn conflict(&self, foreign: &[At], ours: Option<At>) -> Outcome {
        let mut all: Vec<At> = foreign.iter().copied().chain(ours).collect();
        all.sort_unstable();
        let obeyed = obeyed(self.items, &all);
        let shown = obeyed.iter().rev().find(|at| foreign.contains(at)).or(foreign.last());
        let (key, line) =
            shown.and_then(|&at| Some((at.key, self.items.item(at)?.line))).unwrap_or((Key::MapRoles, 0));
        Outcome::ForeignConflict { key, line, ours_rules: ours.is_some_and(|at| obeyed == [at]) }
    }

    fn all_same(&self, items: &[At], wanted: &Entry) -> bool {
        items.iter().all(|&at| self.items.entry(at).is_some_and(|entry| same(entry, wanted)))
    }

    /// The record's row for an item that stands as the mapping wants it.
    fn row(&self, mapping: &Mapping, spec: &Spec, at: At) -> Owned {
        let entry = self.items.identity(at).map_or(spec.entry_hash(), |identity| identity.entry_hash);
        let alone = !self.items.hashed(spec.principal_hash()).any(|at| self.claims.owner(at).is_none());
        Owned { uid: mapping.uid, principal: spec.principal_hash(), entry, alone }
    }

    /// Says that several entries may be the one that is to go.
    fn ambiguity(&self, row: Owned) -> Option<Held> {
        let at = self.items.hashed(row.principal).next()?;
        let principal = self.items.identity(at)?.principal.as_str().to_owned();
        Some(Held {
            reason: HoldReason::AmbiguousOwner,
            key: Some(at.key),
            message: format!(
                "the IamMapping for {principal} is gone, but aws-auth holds several entries for it and none is as it was written: remove by hand those that should go; the first stands in {}, line {}",
                at.key,
                self.items.item(at)?.line
            ),
            principal: Some(principal),
        })
    }

    /// What nobody asks for any more goes; what cannot be seen or told apart is remembered.
    fn remove_orphans(&mut self, orphans: &Orphans) {
        for (row, claim) in orphans.values().flatten() {
            if self.taken.contains(&row.uid) {
                continue;
            }
            match claim {
                Claim::Intact(at) | Claim::Edited(at) => {
                    let Some(identity) = self.items.identity(*at) else { continue };
                    self.parts.push(Part {
                        kind: ChangeKind::Remove,
                        principal: identity.principal.clone(),
                        mapping: None,
                        at: Some(*at),
                        after: None,
                        ends: Some(row.uid),
                        begins: None,
                    });
                }
                Claim::Gone => {}
                Claim::Ambiguous => {
                    self.rows.push(*row);
                    self.ambiguous.extend(self.ambiguity(*row));
                }
                Claim::Unseen => self.rows.push(*row),
            }
        }
    }
}
