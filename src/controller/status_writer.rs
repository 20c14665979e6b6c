//! Which statuses have to be sent, and what is in them: only what differs from what the object already says.
//!
//! For each mapping it is kept what its status says (as a digest), and what the last plan made of it, in some hundred
//! bytes; the text is made when it is sent. Not here: the words (`api::status`), the sending (`engine`).

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use aws_auth::mapping::Uid;
use aws_auth::plan::{Outcome, Verdict};
use aws_auth::{Entry, Key, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Serialize;

use crate::api::IamMappingStatus;
use crate::api::convert::time;
use crate::api::status::{Context, Surroundings, fingerprint, status};
use crate::controller::mappings::{Mappings, Row};

/// What is known and wanted of every mapping's status.
#[derive(Debug, Default)]
pub(super) struct Statuses {
    books: BTreeMap<Uid, Book>,
    queue: VecDeque<Address>,
}

/// Where a status goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) name: String,
    pub(super) uid: Uid,
}

/// A status on its way.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) to: Address,
    pub(super) body: Patch,
    digest: Digest,
    since: Since,
}

/// The merge patch; the UID keeps it off another object of the same name.
#[derive(Debug, Serialize)]
pub(super) struct Patch {
    metadata: PatchMetadata,
    status: IamMappingStatus,
}

#[derive(Debug, Serialize)]
struct PatchMetadata {
    uid: String,
}

/// Equal for statuses that differ in times only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Digest(u64);

/// Our four conditions and the values they can have.
const CONDITIONS: [&str; 4] = ["Accepted", "Applied", "Ready", "Stalled"];
const TRUTHS: [&str; 3] = ["True", "False", "Unknown"];

/// Since when each of [`CONDITIONS`] has its value, small: there is one for every mapping.
#[derive(Debug, Clone, Copy, Default)]
struct Since([Option<(u8, i64)>; 4]);

#[derive(Debug, Default)]
struct Book {
    /// What the object says, as far as was heard; `None` for an object without a status.
    said: Option<Digest>,
    since: Since,
    wish: Option<Wish>,
    state: State,
}

/// What the last plan made of the mapping.
#[derive(Debug)]
struct Wish {
    fingerprint: u64,
    digest: Digest,
    generation: i64,
    outcome: Outcome,
    applied: Applied,
}

/// The entry that stands, without a copy where it is the one asked for.
#[derive(Debug)]
enum Applied {
    Nothing,
    AsAsked,
    Other(Box<(Key, Entry)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Idle,
    Queued,
    Sending,
}

/// What a new verdict means for those who watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// The object says this already.
    None,
    /// It has to be told.
    Yes,
}

impl Statuses {
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// What an object says of itself, when it is seen.
    pub(super) fn seen(&mut self, to: Address, found: Option<&IamMappingStatus>) {
        let book = self.books.entry(to.uid).or_default();
        book.said = found.map(Digest::of);
        if book.state != State::Sending {
            book.since = found.map(Since::of).unwrap_or_default();
        }
        self.queue_if_wanted(to);
    }

    /// The object is gone.
    pub(super) fn gone(&mut self, uid: Uid) {
        self.books.remove(&uid);
    }

    /// Forgets every mapping that `mappings` does not have.
    pub(super) fn keep_only(&mut self, mappings: &Mappings) {
        let living: std::collections::BTreeSet<Uid> = mappings.all().map(|row| row.mapping.uid).collect();
        self.books.retain(|uid, _| living.contains(uid));
    }

    /// Takes a plan's verdict in. A verdict of which nothing may be said yet is left alone.
    pub(super) fn judged(
        &mut self,
        verdict: &Verdict<'_>,
        row: &Row,
        now: Timestamp,
        surroundings: &Surroundings,
    ) -> News {
        let context = Context { generation: row.generation, now, surroundings };
        let mark = fingerprint(verdict, &context);
        let book = self.books.entry(verdict.mapping.uid).or_default();
        if book.wish.as_ref().is_some_and(|wish| wish.fingerprint == mark) {
            return News::None;
        }
        let Some(text) = status(verdict, &context, &[]) else { return News::None };
        let digest = Digest::of(&text);
        book.wish = Some(Wish {
            fingerprint: mark,
            digest,
            generation: row.generation,
            outcome: verdict.outcome.clone(),
            applied: Applied::of(verdict),
        });
        if book.said == Some(digest) {
            return News::None;
        }
        self.queue_if_wanted(Address { name: verdict.mapping.name.clone(), uid: verdict.mapping.uid });
        News::Yes
    }

    /// The next status to send.
    pub(super) fn next(
        &mut self,
        mappings: &Mappings,
        now: Timestamp,
        surroundings: &Surroundings,
    ) -> Option<Sending> {
        while let Some(to) = self.queue.pop_front() {
            let Some(book) = self.books.get_mut(&to.uid) else { continue };
            book.state = State::Idle;
            let (Some(row), Some(wish)) = (mappings.get(&to.name, to.uid), &mut book.wish) else { continue };
            if book.said == Some(wish.digest) {
                continue;
            }
            let verdict = Verdict {
                mapping: &row.mapping,
                outcome: wish.outcome.clone(),
                applied: wish.applied.entry(row),
            };
            let context = Context { generation: wish.generation, now, surroundings };
            let previous = book.since.conditions();
            let Some(text) = status(&verdict, &context, &previous) else { continue };
            // The surroundings may be others than those it was judged in.
            wish.digest = Digest::of(&text);
            if book.said == Some(wish.digest) {
                continue;
            }
            book.state = State::Sending;
            return Some(Sending {
                digest: wish.digest,
                since: Since::of(&text),
                body: Patch { metadata: PatchMetadata { uid: to.uid.to_string() }, status: text },
                to,
            });
        }
        None
    }

    /// It was sent, or the object is gone.
    pub(super) fn sent(&mut self, sending: Sending) {
        if let Some(book) = self.books.get_mut(&sending.to.uid) {
            book.state = State::Idle;
            book.said = Some(sending.digest);
            book.since = sending.since;
        }
        self.queue_if_wanted(sending.to);
    }

    /// It was not.
    pub(super) fn failed(&mut self, to: Address) {
        if let Some(book) = self.books.get_mut(&to.uid) {
            book.state = State::Idle;
        }
        self.queue_if_wanted(to);
    }

    /// It was refused for what it is: it waits until the object changes or everything is tried again.
    pub(super) fn parked(&mut self, to: &Address) {
        if let Some(book) = self.books.get_mut(&to.uid) {
            book.state = State::Idle;
        }
    }

    /// Queues whatever is wanted and neither said nor on its way.
    pub(super) fn retry_all(&mut self, mappings: &Mappings) {
        for row in mappings.all() {
            self.queue_if_wanted(Address { name: row.mapping.name.clone(), uid: row.mapping.uid });
        }
    }

    fn queue_if_wanted(&mut self, to: Address) {
        let Some(book) = self.books.get_mut(&to.uid) else { return };
        let wanted = book.wish.as_ref().map(|wish| wish.digest);
        if book.state == State::Idle && wanted.is_some() && wanted != book.said {
            book.state = State::Queued;
            self.queue.push_back(to);
        }
    }
}

impl Applied {
    fn of(verdict: &Verdict<'_>) -> Self {
        match (verdict.applied, &verdict.mapping.spec) {
            (None, _) => Self::Nothing,
            (Some((key, entry)), Ok(spec)) if key == spec.key() && entry == spec.entry() => Self::AsAsked,
            (Some((key, entry)), _) => Self::Other(Box::new((key, entry.clone()))),
        }
    }

    fn entry<'a>(&'a self, row: &'a Row) -> Option<(Key, &'a Entry)> {
        match self {
            Self::Nothing => None,
            Self::AsAsked => row.mapping.spec.as_ref().ok().map(|spec| (spec.key(), spec.entry())),
            Self::Other(other) => Some((other.0, &other.1)),
        }
    }
}

impl Digest {
    fn of(status: &IamMappingStatus) -> Self {
        let mut hasher = DefaultHasher::new();
        status.observed_generation.hash(&mut hasher);
        status.principal.hash(&mut hasher);
        status.conflicts_with.hash(&mut hasher);
        let applied = status.applied.as_ref();
        applied
            .map(|entry| {
                let end = entry.expires_at.as_ref().map(|end| end.0.as_second());
                (Key::from(entry.key), &entry.arn, &entry.username, &entry.groups, end)
            })
            .hash(&mut hasher);
        for condition in &status.conditions {
            (&condition.type_, &condition.status, &condition.reason, &condition.message).hash(&mut hasher);
            condition.observed_generation.hash(&mut hasher);
        }
        Self(hasher.finish())
    }
}

impl Since {
    /// Only the words that we write ourselves: anything else starts anew.
    fn of(status: &IamMappingStatus) -> Self {
        Self(CONDITIONS.map(|name| {
            let condition = status.conditions.iter().find(|condition| condition.type_ == name)?;
            let truth = (0..).zip(TRUTHS).find_map(|(n, truth)| (truth == condition.status).then_some(n))?;
            Some((truth, condition.last_transition_time.0.as_second()))
        }))
    }

    fn conditions(self) -> Vec<Condition> {
        let known = CONDITIONS.into_iter().zip(self.0).filter_map(|(name, since)| Some((name, since?)));
        known
            .filter_map(|(name, (truth, second))| {
                Some(Condition {
                    type_: name.to_owned(),
                    status: (*TRUTHS.get(usize::from(truth))?).to_owned(),
                    last_transition_time: time(Timestamp(second)),
                    message: String::new(),
                    observed_generation: None,
                    reason: String::new(),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_auth::mapping::{Mapping, RawSpec, Spec};
    use aws_auth::settings::AuthenticationMode;

    static ALONE: Surroundings =
        Surroundings { authentication_mode: AuthenticationMode::ConfigMap, stale: None };

    fn row(generation: i64) -> Row {
        let raw = RawSpec { arn: Some("arn:aws:iam::111122223333:role/a".to_owned()), ..RawSpec::default() };
        let mapping = Mapping {
            name: "a".to_owned(),
            uid: Uid([1; 16]),
            created: Timestamp(0),
            spec: Spec::parse(raw),
            applied: None,
            announced_end: None,
        };
        Row { mapping, generation }
    }

    fn mappings(row: &Row) -> Mappings {
        let mut mappings = Mappings::default();
        mappings.list_begins();
        mappings.listed(row.clone());
        mappings.list_ends();
        mappings
    }

    fn address() -> Address {
        Address { name: "a".to_owned(), uid: Uid([1; 16]) }
    }

    fn judge(statuses: &mut Statuses, row: &Row, outcome: Outcome) -> News {
        statuses.judged(&Verdict { mapping: &row.mapping, outcome, applied: None }, row, Timestamp(5), &ALONE)
    }

    fn send(statuses: &mut Statuses, row: &Row, at: i64) -> Option<IamMappingStatus> {
        let sending = statuses.next(&mappings(row), Timestamp(at), &ALONE)?;
        let text = sending.body.status.clone();
        statuses.sent(sending);
        Some(text)
    }

    fn ready(status: &IamMappingStatus) -> (String, i64) {
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
        (ready.status.clone(), ready.last_transition_time.0.as_second())
    }

    #[test]
    fn a_status_is_sent_once() {
        let (mut statuses, row) = (Statuses::default(), row(1));
        statuses.seen(address(), None);
        assert_eq!(judge(&mut statuses, &row, Outcome::Applied), News::Yes);
        assert!(send(&mut statuses, &row, 5).is_some());
        assert_eq!(judge(&mut statuses, &row, Outcome::Applied), News::None);
        assert!(send(&mut statuses, &row, 6).is_none());
    }

    #[test]
    fn a_restart_sends_nothing_when_all_is_as_it_was() {
        let (mut before, row) = (Statuses::default(), row(1));
        judge(&mut before, &row, Outcome::Applied);
        let found = send(&mut before, &row, 5).unwrap();
        let mut after = Statuses::default();
        after.seen(address(), Some(&found));
        assert_eq!(judge(&mut after, &row, Outcome::Applied), News::None);
        assert!(send(&mut after, &row, 9).is_none());
    }

    #[test]
    fn a_condition_keeps_its_time_while_its_value_stays_even_over_a_restart() {
        let (mut before, row) = (Statuses::default(), row(1));
        judge(&mut before, &row, Outcome::Applied);
        let found = send(&mut before, &row, 5).unwrap();
        let mut after = Statuses::default();
        after.seen(address(), Some(&found));
        judge(&mut after, &row, Outcome::AlreadyPresent);
        assert_eq!(ready(&send(&mut after, &row, 9).unwrap()), ("True".to_owned(), 5));
        judge(&mut after, &row, Outcome::Observed);
        assert_eq!(ready(&send(&mut after, &row, 11).unwrap()), ("False".to_owned(), 11));
    }

    #[test]
    fn nothing_is_said_of_a_mapping_whose_write_is_on_the_way() {
        let (mut statuses, row) = (Statuses::default(), row(1));
        judge(&mut statuses, &row, Outcome::Pending);
        assert!(send(&mut statuses, &row, 5).is_none());
    }

    #[test]
    fn a_status_that_somebody_else_changed_is_put_right() {
        let (mut statuses, row) = (Statuses::default(), row(1));
        judge(&mut statuses, &row, Outcome::Applied);
        send(&mut statuses, &row, 5).unwrap();
        statuses.seen(address(), None);
        assert!(send(&mut statuses, &row, 6).is_some());
    }

    #[test]
    fn the_last_verdict_wins_when_there_are_several_before_the_first_is_sent() {
        let (mut statuses, row) = (Statuses::default(), row(1));
        judge(&mut statuses, &row, Outcome::Observed);
        judge(&mut statuses, &row, Outcome::Applied);
        assert_eq!(ready(&send(&mut statuses, &row, 5).unwrap()).0, "True");
        assert!(send(&mut statuses, &row, 6).is_none());
    }

    #[test]
    fn a_status_that_is_sent_in_other_surroundings_than_it_was_judged_in_is_sent_once() {
        let (mut statuses, row) = (Statuses::default(), row(1));
        judge(&mut statuses, &row, Outcome::Observed);
        let stale = Surroundings { stale: Some("why".into()), ..Surroundings::default() };
        let sending = statuses.next(&mappings(&row), Timestamp(5), &stale).unwrap();
        statuses.sent(sending);
        assert!(statuses.next(&mappings(&row), Timestamp(6), &stale).is_none());
    }

    #[test]
    fn a_status_that_failed_is_sent_again() {
        let (mut statuses, row) = (Statuses::default(), row(1));
        judge(&mut statuses, &row, Outcome::Applied);
        let sending = statuses.next(&mappings(&row), Timestamp(5), &ALONE).unwrap();
        statuses.failed(sending.to);
        assert!(send(&mut statuses, &row, 6).is_some());
    }

    #[test]
    fn nothing_is_sent_to_an_object_that_is_gone() {
        let (mut statuses, row) = (Statuses::default(), row(1));
        judge(&mut statuses, &row, Outcome::Applied);
        statuses.gone(Uid([1; 16]));
        assert!(send(&mut statuses, &row, 5).is_none());
    }
}
