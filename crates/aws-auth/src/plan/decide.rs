//! What should change, before any guard has its say.
//!
//! Each mapping is sorted into one standing; those that have their principal to themselves are held against the items;
//! what nobody asks for any more goes. Not here: whether it may be written (`guards`), and how (`document`).

use std::collections::{HashMap, HashSet};

use crate::arn::PrincipalKey;
use crate::entry::{Entry, Key};
use crate::mapping::{Adoption, Mapping, Spec, Uid};
use crate::ownership::{EntryHash, Owned};
use crate::plan::by_hash::ByHash;
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
    let rows: Vec<Row> = mappings.iter().map(|mapping| claims.get(mapping.uid)).collect();
    let losses = losses(input, &mappings, &rows);
    let mut decider = Decider {
        input,
        items,
        claims,
        parts: Vec::new(),
        rows: Vec::with_capacity(mappings.len()),
        taken: Vec::new(),
        ambiguous: Vec::new(),
    };
    let orphans = decider.orphans(&mappings, &rows);
    let verdicts = mappings
        .iter()
        .zip(rows)
        .zip(losses)
        .map(|((&mapping, row), winner)| {
            let applied = decider.standing_entry(row);
            let outcome = decider.judge(mapping, row, winner, &orphans);
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

/// For each mapping the one that has its principal instead: the one whose entry stands, then the one on record, then the
/// oldest, then the first by name. Expired mappings do not compete; refused ones only with what stands for them.
fn losses<'a>(input: &Input<'a>, mappings: &[&'a Mapping], rows: &[Row]) -> Vec<Option<&'a Mapping>> {
    let stands = |n: usize| rows[n].and_then(|(_, claim)| claim.at()).is_some();
    let rank = |n: usize| (!stands(n), rows[n].is_none(), mappings[n].created);
    let competes = |n: usize| match standing(input, mappings[n]) {
        Standing::Wants(_) | Standing::Frozen(Outcome::Paused) => true,
        Standing::Frozen(_) => rows[n].is_some(),
        Standing::Expired(_) => false,
    };
    // Hashes beside their index: to sort thousands of mappings by looking into each would cost more than the plan.
    let hash = |mapping: &Mapping| mapping.spec.as_ref().map(|spec| spec.principal_hash().0).ok();
    let by_principal: Vec<(u32, usize)> =
        mappings.iter().enumerate().filter_map(|(n, mapping)| Some((hash(mapping)?, n))).collect();
    let mut losses = vec![None; mappings.len()];
    for alike in ByHash::of(&by_principal).alike() {
        let key = |n: usize| mappings[n].spec.as_ref().map(Spec::principal_key).ok();
        let mut settled: Vec<(Option<&PrincipalKey>, Option<&'a Mapping>)> = Vec::new();
        for &(_, n) in alike {
            let known = settled.iter().find(|(principal, _)| *principal == key(n)).map(|(_, winner)| *winner);
            let winner = known.unwrap_or_else(|| {
                // Mappings come sorted by name, and of equal ranks the first is the least.
                let rivals = alike.iter().map(|&(_, m)| m).filter(|&m| key(m) == key(n) && competes(m));
                let winner = rivals.min_by_key(|&m| rank(m)).map(|m| mappings[m]);
                settled.push((key(n), winner));
                winner
            });
            losses[n] = winner.filter(|winner| winner.uid != mappings[n].uid);
        }
    }
    losses
}

/// A mapping's row of the record and what it claims.
type Row = Option<(Owned, Claim)>;

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
    fn orphans(&self, mappings: &[&'a Mapping], rows: &[Row]) -> Orphans {
        let mut orphans = Orphans::new();
        if rows.iter().flatten().count() == self.claims.rows().len() {
            return orphans;
        }
        let living: HashSet<Uid> = mappings.iter().map(|mapping| mapping.uid).collect();
        for (row, claim) in self.claims.rows().filter(|(row, _)| !living.contains(&row.uid)) {
            orphans.entry(row.principal.0).or_default().push((row, claim));
        }
        orphans
    }

    /// What stands in aws-auth for a mapping.
    fn standing_entry(&self, row: Row) -> Option<(Key, &'a Entry)> {
        let at = row?.1.at()?;
        Some((at.key, self.items.entry(at)?))
    }

    fn judge(
        &mut self,
        mapping: &'a Mapping,
        row: Row,
        winner: Option<&Mapping>,
        orphans: &Orphans,
    ) -> Outcome {
        let lost = winner.map(|winner| Outcome::DuplicatePrincipal { winner: winner.name.clone() });
        match (standing(self.input, mapping), lost) {
            // A mapping that lost its principal has nothing to keep, but for what stands: else nobody would own it.
            (Standing::Wants(_) | Standing::Frozen(Outcome::Paused), Some(lost)) => {
                self.rows.extend(row.filter(|(_, claim)| claim.at().is_some()).map(|(row, _)| row));
                lost
            }
            (Standing::Frozen(outcome), _) => {
                self.rows.extend(row.map(|(row, _)| row));
                outcome
            }
            (Standing::Expired(spec), _) => self.expire(mapping, spec, row),
            (Standing::Wants(spec), None) => self.want(mapping, spec, row, orphans),
        }
    }

    fn expire(&mut self, mapping: &'a Mapping, spec: &Spec, row: Row) -> Outcome {
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

    fn want(&mut self, mapping: &'a Mapping, spec: &'a Spec, row: Row, orphans: &Orphans) -> Outcome {
        if let Some((row, claim)) = row
            && let Some(at) = claim.at()
        {
            return self.keep(mapping, spec, row, claim, at);
        }
        let others: Vec<At> = self.items.of_principal(spec.principal_hash(), spec.principal_key()).collect();
        let foreign = self.foreign(&others);
        let inherited = orphans.get(&spec.principal_hash().0).into_iter().flatten();
        let inherited = inherited.filter_map(|(row, claim)| Some((row.uid, claim.at()?)));
        if let Some((old, at)) = inherited.into_iter().find(|(_, at)| others.contains(at)) {
            self.taken.push(old);
            if !foreign.is_empty() {
                self.rows.push(self.row(mapping, spec, at, false));
                return self.conflict(&foreign, Some(at));
            }
            return self.bring_about(mapping, spec, at, ChangeKind::Update, Some(old), true);
        }
        if !foreign.is_empty() {
            return self.meet_foreign(mapping, spec, row.map(|(row, _)| row), &foreign);
        }
        // An object that no longer decodes says nothing of its principal, but what stands for it is still its own.
        if let Some(winner) = self.frozen_owner(&others) {
            self.rows.extend(row.map(|(row, _)| row));
            return Outcome::DuplicatePrincipal { winner };
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

    /// The name of a living mapping that one of these items stands for.
    fn frozen_owner(&self, items: &[At]) -> Option<String> {
        let owner = |uid: Uid| self.input.mappings.iter().find(|mapping| mapping.uid == uid);
        items
            .iter()
            .filter_map(|&at| owner(self.claims.owner(at)?))
            .map(|mapping| mapping.name.clone())
            .next()
    }

    /// The mapping's own item is there.
    fn keep(&mut self, mapping: &'a Mapping, spec: &'a Spec, row: Owned, claim: Claim, at: At) -> Outcome {
        if !row.alone || row.principal != spec.principal_hash() {
            let all = self.items.of_principal(spec.principal_hash(), spec.principal_key());
            let foreign = self.foreign(&all.collect::<Vec<_>>());
            if !foreign.is_empty() && !self.all_same(&foreign, spec.entry()) {
                self.rows.push(row);
                return self.conflict(&foreign, Some(at));
            }
        }
        // Written by us as it stands: then it is the mapping that changed. Otherwise somebody edited it.
        let kind = match claim {
            Claim::Edited(_) => ChangeKind::PutBack,
            _ => ChangeKind::Update,
        };
        self.bring_about(mapping, spec, at, kind, Some(row.uid), row.alone)
    }

    /// Makes the item at `at` say what the mapping wants, if it does not already.
    fn bring_about(
        &mut self,
        mapping: &'a Mapping,
        spec: &'a Spec,
        at: At,
        kind: ChangeKind,
        ends: Option<Uid>,
        alone: bool,
    ) -> Outcome {
        let principal = self.items.identity(at).map(|identity| &identity.principal);
        if principal == Some(spec.principal_key()) && self.all_same(&[at], spec.entry()) {
            self.rows.push(self.row(mapping, spec, at, alone));
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
                alone,
            }),
        });
        Outcome::Pending
    }

    /// Those of the items that nobody owns.
    fn foreign(&self, items: &[At]) -> Vec<At> {
        items.iter().copied().filter(|&at| self.claims.owner(at).is_none()).collect()
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
                if let Some(refusal) = refusal {
                    self.rows.extend(row);
                    return Outcome::Refused(refusal);
                }
                let ends = row.map(|row| row.uid);
                self.bring_about(mapping, spec, last, ChangeKind::Adopt, ends, foreign.len() == 1)
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
    fn row(&self, mapping: &Mapping, spec: &Spec, at: At, alone: bool) -> Owned {
        let entry = self.items.identity(at).map_or(spec.entry_hash(), |identity| identity.entry_hash);
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
                "the IamMapping for {principal} is gone, but aws-auth holds several entries for it and none is as it was written: remove by hand those that should go, and what is left stays; the first stands in {}, line {}",
                at.key,
                self.items.item(at)?.line
            ),
            principal: Some(principal),
            approval: None,
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
                Claim::Ambiguous if self.items.hashed(row.principal).nth(1).is_some() => {
                    self.rows.push(*row);
                    self.ambiguous.extend(self.ambiguity(*row));
                }
                // Where one is left of several, a person has chosen, or it never was ours.
                Claim::Gone | Claim::Ambiguous => {}
                Claim::Unseen => self.rows.push(*row),
            }
        }
    }
}
