//! The proposed parts on their way through guards, text and verifier: which are still open, which are held and why.

use std::collections::BTreeSet;

use crate::approval::{self, ApprovalHash, Approvals, Approved, Nonce, Request};
use crate::arn::PrincipalKey;
use crate::aws_auth::AwsAuth;
use crate::document::{self, Edit};
use crate::entry::Key;
use crate::guards::{self, Context, Guard};
use crate::ownership::{Owned, Record};
use crate::plan::claims::At;
use crate::plan::part::Part;
use crate::plan::{ApprovalHashes, Held, HoldReason, Input, Outcome, Verdict};
use crate::time::Timestamp;
use crate::verify::{self, Intent, Rejection};

/// The parts and what is held of them.
pub(super) struct Docket<'p, 'a> {
    parts: &'p [Part<'a>],
    /// One for each part.
    holds: Vec<Option<(HoldReason, String)>>,
    /// Parts that a person let through, although a guard held them.
    lifted: BTreeSet<usize>,
    approvals: Approvals,
    /// Why nothing at all is written.
    rejected: Option<String>,
}

/// What is to be published of what is held.
pub(super) struct Publication {
    pub(super) nonce: Option<Nonce>,
    pub(super) requests: Vec<Request>,
    /// The annotation; `None` where nothing is to be published.
    pub(super) annotation: Option<String>,
    /// When it has to be published anew.
    pub(super) until: Option<Timestamp>,
}

impl<'p, 'a> Docket<'p, 'a> {
    pub(super) fn new(parts: &'p [Part<'a>], approvals: Approvals) -> Self {
        Self { parts, holds: vec![None; parts.len()], lifted: BTreeSet::new(), approvals, rejected: None }
    }

    /// The parts that nothing holds.
    pub(super) fn open(&self) -> Vec<&'p Part<'a>> {
        self.open_indexes().filter_map(|n| self.parts.get(n)).collect()
    }

    fn open_indexes(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.parts.len()).filter(|&n| self.rejected.is_none() && self.holds[n].is_none())
    }

    /// Lets one guard look at what is open. What it holds and a person approved goes through.
    pub(super) fn ask(&mut self, context: &Context<'_, 'a>, guard: Guard) {
        let mut open: Vec<usize> = self.open_indexes().collect();
        let mut holds = guard(context, &self.open());
        // What a person let through is no matter for a guard that would ask a person again. The brake would count it,
        // and hold other parts than those whose hash it has published.
        if !self.lifted.is_empty() && holds.iter().any(|hold| hold.reason.can_be_approved()) {
            open.retain(|n| !self.lifted.contains(n));
            holds = guard(context, &open.iter().map(|&n| &self.parts[n]).collect::<Vec<_>>());
        }
        let reasons: BTreeSet<HoldReason> =
            holds.iter().map(|hold| hold.reason).filter(|reason| reason.can_be_approved()).collect();
        for hold in holds {
            if let Some(&part) = open.get(hold.part) {
                self.holds[part] = Some((hold.reason, hold.message));
            }
        }
        for reason in reasons {
            let (indexes, parts) = self.held_for(reason);
            for through in self.approvals.let_through(reason, &parts, context.items) {
                if let Some(&part) = indexes.get(through) {
                    self.holds[part] = None;
                    self.lifted.insert(part);
                }
            }
        }
    }

    /// The parts that are held for one reason, with their indexes.
    fn held_for(&self, reason: HoldReason) -> (Vec<usize>, Vec<&'p Part<'a>>) {
        let is_held = |n: &usize| self.holds[*n].as_ref().is_some_and(|(other, _)| *other == reason);
        (0..self.parts.len()).filter(is_held).map(|n| (n, &self.parts[n])).unzip()
    }

    /// What waits for a person.
    pub(super) fn publication(&self, context: &Context<'_, 'a>) -> Publication {
        let Input { now, settings, situation, aws_auth, .. } = context.input;
        let Some((nonce, since)) = self.approvals.nonce(situation.fresh, *now) else {
            // Whoever only looks publishes nothing, and leaves what is published.
            let annotation = aws_auth.annotation(approval::HELD).map(str::to_owned);
            return Publication { nonce: None, requests: Vec::new(), annotation, until: None };
        };
        let mut requests = Vec::new();
        for reason in HoldReason::ALL.into_iter().filter(|reason| reason.can_be_approved()) {
            let (indexes, parts) = self.held_for(reason);
            let message = indexes.first().and_then(|&n| self.holds[n].as_ref()).map(|(_, message)| message);
            if let Some(message) = message {
                let hash = approval::hash_of_all(nonce, reason, &parts, context.items);
                requests.push(approval::request(hash, reason, &parts, message.clone()));
            }
        }
        let annotation = approval::publish(nonce, since, &requests);
        let lifetime = settings.guards.durations.approval;
        let until = annotation.as_ref().map(|_| Timestamp(since.0 + lifetime));
        Publication { nonce: Some(nonce), requests, annotation, until }
    }

    /// When time alone lets something through that is held.
    pub(super) fn wake(&self, context: &Context<'_, 'a>) -> Option<Timestamp> {
        let Input { now, settings, situation, aws_auth, .. } = context.input;
        let held = |reason| !self.held_for(reason).0.is_empty();
        let length = settings.guards.durations.brake_window;
        let braked = aws_auth.record().ok().filter(|_| held(HoldReason::RemovalBrake));
        let frees = braked.and_then(|record| record.window().at(*now, length).frees_at(length));
        let rivals = situation.rivals.iter().filter(|_| held(HoldReason::Contended)).map(|rival| rival.until);
        rivals.chain(frees).min()
    }

    /// The new texts of the keys that change. A key that cannot be edited holds its parts.
    pub(super) fn write_texts(&mut self, context: &Context<'_, 'a>) -> Vec<(Key, String)> {
        let mut texts = Vec::new();
        for key in Key::ALL {
            let edit = self.edit(key, context);
            if edit.is_empty() {
                continue;
            }
            let aws_auth = context.input.aws_auth;
            match document::edit(key, aws_auth.text(key), aws_auth.key(key).reading(), &edit) {
                Ok(text) => texts.push((key, text)),
                Err(why) => {
                    let message = format!("{key} of aws-auth cannot be edited safely: {why}");
                    for n in self.open_indexes().collect::<Vec<_>>() {
                        if self.parts[n].key() == Some(key) {
                            self.holds[n] = Some((HoldReason::TargetUneditable, message.clone()));
                        }
                    }
                }
            }
        }
        texts
    }

    fn edit(&self, key: Key, context: &Context<'_, 'a>) -> Edit<'p> {
        let mut edit = Edit::default();
        for part in
            self.open_indexes().filter_map(|n| self.parts.get(n)).filter(|part| part.key() == Some(key))
        {
            match (part.at, &part.after) {
                (Some(at), Some((_, entry))) => edit.replace.push((at.index, entry)),
                (Some(at), None) => edit.remove.push(at.index),
                (None, Some((_, entry))) => edit.insert.push(entry),
                (None, None) => {}
            }
        }
        edit.replace.sort_unstable_by_key(|(index, _)| *index);
        edit.remove.sort_unstable();
        edit.insert.sort_unstable_by(|a, b| a.arn.cmp(&b.arn));
        if !edit.is_empty() {
            edit.ours = ours(key, context);
        }
        edit
    }

    /// The record as it will be: the rows that stay, those of held parts, and those that open parts bring.
    pub(super) fn record(&self, context: &Context<'_, 'a>, mut rows: Vec<Owned>) -> Record {
        for (part, hold) in self.parts.iter().zip(&self.holds) {
            match hold {
                None => rows.extend(part.begins),
                Some(_) => {
                    rows.extend(part.ends.and_then(|uid| context.claims.get(uid)).map(|(row, _)| row));
                }
            }
        }
        // What a person let through is no surprise, and leaves the brake its budget.
        let counting = self.open_indexes().filter(|n| !self.lifted.contains(n));
        let counting: Vec<&Part<'a>> = counting.filter_map(|n| self.parts.get(n)).collect();
        let window = guards::window_after(context, &counting);
        // Those that stood go where they stood: a record is sorted by UID, and most of it is.
        let mut stood = vec![None; context.claims.rows().len()];
        let mut more = Vec::new();
        for row in rows {
            match context.claims.position(row.uid).and_then(|at| stood.get_mut(at)) {
                Some(place @ None) => *place = Some(row),
                Some(Some(_)) | None => more.push(row),
            }
        }
        let mut sorted = Vec::with_capacity(stood.len() + more.len());
        sorted.extend(stood.into_iter().flatten().chain(more));
        Record::new(sorted, window)
    }

    /// What became of the approvals.
    pub(super) fn into_approved(self) -> Vec<Approved> {
        self.approvals.into_written()
    }

    /// Reads the new aws-auth back.
    pub(super) fn verify(&self, context: &Context<'_, 'a>, after: &AwsAuth) -> Result<(), Rejection> {
        let mut intents = Key::ALL.map(|key| (key, Intent::default()));
        for part in self.open() {
            for (key, intent) in &mut intents {
                intent.goes.extend(part.at.filter(|at| at.key == *key).map(|at| at.index));
                intent.comes.extend(part.after.as_ref().filter(|(to, _)| to == key).map(|(_, entry)| entry));
            }
        }
        for (_, intent) in &mut intents {
            intent.goes.sort_unstable();
        }
        let [(_, roles), (_, users), (_, accounts)] = &intents;
        let intent = |key: Key| match key {
            Key::MapRoles => roles,
            Key::MapUsers => users,
            Key::MapAccounts => accounts,
        };
        let pinned = creator(context);
        verify::verify(context.input.aws_auth, after, intent, pinned.as_ref())
    }

    /// Nothing is written: the verifier read something else than was meant.
    pub(super) fn reject(&mut self, rejection: &Rejection) {
        self.rejected = Some(format!(
            "the new text of aws-auth was not written, because reading it back gave something else than was meant: {rejection}. aws-auth stays as it is; please report this with the text of aws-auth"
        ));
    }

    /// What every mapping with a part comes to.
    pub(super) fn judge(&self, verdicts: &mut [Verdict<'a>], observing: bool) {
        for (part, hold) in self.parts.iter().zip(&self.holds) {
            let Some(mapping) = part.mapping else { continue };
            let found = verdicts.binary_search_by(|verdict| {
                (&verdict.mapping.name, verdict.mapping.uid).cmp(&(&mapping.name, mapping.uid))
            });
            let Ok(at) = found else { continue };
            verdicts[at].outcome = match (&self.rejected, hold) {
                (Some(message), _) => {
                    Outcome::Held { reason: HoldReason::VerifierRejected, message: message.clone() }
                }
                (None, Some((reason, message))) => {
                    Outcome::Held { reason: *reason, message: message.clone() }
                }
                (None, None) if observing => Outcome::Observed,
                (None, None) => Outcome::Pending,
            };
        }
    }

    /// Everything that is held, keys that cannot be read among it.
    pub(super) fn held(&self, context: &Context<'_, 'a>, nonce: Option<Nonce>) -> Vec<Held> {
        let keys = guards::faults(context.input.aws_auth).into_iter().map(|(key, reason, message)| Held {
            reason,
            key: Some(key),
            principal: None,
            message,
            approval: None,
        });
        let rejected = self.rejected.iter().map(|message| Held {
            reason: HoldReason::VerifierRejected,
            key: None,
            principal: None,
            message: message.clone(),
            approval: None,
        });
        let missing = context.input.situation.missing.iter().map(|message| Held {
            reason: HoldReason::TargetMissing,
            key: None,
            principal: None,
            message: message.clone(),
            approval: None,
        });
        let hashes: Vec<(HoldReason, ApprovalHash)> = HoldReason::ALL
            .into_iter()
            .filter(|reason| reason.can_be_approved())
            .filter_map(|reason| {
                let (_, parts) = self.held_for(reason);
                Some((reason, approval::hash_of_all(nonce?, reason, &parts, context.items)))
            })
            .collect();
        let parts = self.parts.iter().zip(&self.holds).filter_map(|(part, hold)| {
            let (reason, message) = hold.as_ref()?;
            Some(Held {
                reason: *reason,
                key: part.key(),
                principal: Some(part.principal.as_str().to_owned()),
                message: message.clone(),
                approval: hashes.iter().find(|(other, _)| other == reason).and_then(|(_, all)| {
                    Some(ApprovalHashes {
                        all: *all,
                        only: approval::hash_of_one(nonce?, part, context.items),
                    })
                }),
            })
        });
        keys.chain(rejected).chain(missing).chain(parts).collect()
    }
}

fn creator(context: &Context<'_, '_>) -> Option<PrincipalKey> {
    context.input.settings.creator.as_ref().map(|creator| creator.principal.key())
}

/// The owned items of a key.
fn ours(key: Key, context: &Context<'_, '_>) -> Vec<usize> {
    let items = context.input.aws_auth.key(key).items();
    items
        .map(|(index, ..)| index)
        .filter(|&index| context.claims.owner(At { key, index }).is_some())
        .collect()
}
