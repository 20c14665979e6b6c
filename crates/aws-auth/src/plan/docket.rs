//! The proposed parts on their way through guards, text and verifier: which are still open, which are held and why.

use crate::arn::PrincipalKey;
use crate::aws_auth::AwsAuth;
use crate::document::{self, Edit};
use crate::entry::Key;
use crate::guards::{self, Context, Guard};
use crate::ownership::{Owned, Record};
use crate::plan::claims::{At, Claims};
use crate::plan::part::Part;
use crate::plan::{Held, HoldReason, Outcome, Verdict};
use crate::verify::{self, Intent, Rejection};

/// The parts and what is held of them.
pub(super) struct Docket<'p, 'a> {
    parts: &'p [Part<'a>],
    /// One for each part.
    holds: Vec<Option<(HoldReason, String)>>,
    /// Why nothing at all is written.
    rejected: Option<String>,
}

impl<'p, 'a> Docket<'p, 'a> {
    pub(super) fn new(parts: &'p [Part<'a>]) -> Self {
        Self { parts, holds: vec![None; parts.len()], rejected: None }
    }

    /// The parts that nothing holds.
    pub(super) fn open(&self) -> Vec<&'p Part<'a>> {
        self.open_indexes().filter_map(|n| self.parts.get(n)).collect()
    }

    fn open_indexes(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.parts.len()).filter(|&n| self.rejected.is_none() && self.holds[n].is_none())
    }

    /// Lets one guard look at what is open.
    pub(super) fn ask(&mut self, context: &Context<'_, 'a>, guard: Guard) {
        let open: Vec<usize> = self.open_indexes().collect();
        for hold in guard(context, &self.open()) {
            if let Some(&part) = open.get(hold.part) {
                self.holds[part] = Some((hold.reason, hold.message));
            }
        }
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
    pub(super) fn record(&self, claims: &Claims, mut rows: Vec<Owned>) -> Record {
        for (part, hold) in self.parts.iter().zip(&self.holds) {
            match hold {
                None => rows.extend(part.begins),
                Some(_) => rows.extend(part.ends.and_then(|uid| claims.get(uid)).map(|(row, _)| row)),
            }
        }
        Record::new(rows)
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
    pub(super) fn held(&self, context: &Context<'_, 'a>) -> Vec<Held> {
        let keys = guards::faults(context.input.aws_auth).into_iter().map(|(key, reason, message)| Held {
            reason,
            key: Some(key),
            principal: None,
            message,
        });
        let rejected = self.rejected.iter().map(|message| Held {
            reason: HoldReason::VerifierRejected,
            key: None,
            principal: None,
            message: message.clone(),
        });
        let parts = self.parts.iter().zip(&self.holds).filter_map(|(part, hold)| {
            let (reason, message) = hold.as_ref()?;
            Some(Held {
                reason: *reason,
                key: part.key(),
                principal: Some(part.principal.as_str().to_owned()),
                message: message.clone(),
            })
        });
        keys.chain(rejected).chain(parts).collect()
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
