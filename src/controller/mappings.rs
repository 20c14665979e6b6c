//! The living `IamMapping`s, pruned to what a plan needs: a few hundred bytes each instead of ten thousand.
//!
//! Fed by a watch whose every turn can lie by omission, so two things are kept besides: the names of those that went
//! (to ask for them before anything is revoked), and the UIDs that are certainly dead (so that a watch that falls
//! behind cannot bring one back). Not here: the watch (`sources`), what is said of a mapping (`status_writer`).

use std::collections::{BTreeMap, VecDeque};

use aws_auth::mapping::{Mapping, Uid};

/// How many of those that went are remembered. More than ever go between two plans; a forgotten one only costs a list.
const REMEMBERED: usize = 10_000;

/// One mapping.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) mapping: Mapping,
    /// `metadata.generation`, which only grows.
    pub(super) generation: i64,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// The next plan can be another one.
    Changed,
    /// It cannot.
    Same,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Mappings {
    rows: BTreeMap<String, Row>,
    /// Where a list is under way: what came of it so far. The rows before it stay until it is complete.
    listing: Option<BTreeMap<String, Row>>,
    synced: bool,
    gone: Gone,
}

/// Those that went, oldest first to forget.
#[derive(Debug, Default)]
struct Gone {
    names: BTreeMap<Uid, Departure>,
    order: VecDeque<Uid>,
}

#[derive(Debug)]
struct Departure {
    /// `None` where it went while nobody watched.
    name: Option<String>,
    seen: Seen,
    /// The API server's version of its deletion, where that was told.
    version: Option<Box<str>>,
}

/// How it is known that a mapping went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The API server said so. A UID never lives twice.
    Deleted,
    /// A list did not have it, which a stale cache can also cause.
    Missing,
}

impl Mappings {
    /// Whether a complete list is behind these rows and none is under way.
    pub(super) fn synced(&self) -> bool {
        self.synced && self.listing.is_none()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// All of them, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    pub(super) fn get(&self, name: &str, uid: Uid) -> Option<&Row> {
        self.rows.get(name).filter(|row| row.mapping.uid == uid)
    }

    /// The name under which a mapping that went was last known.
    pub(super) fn name_of_gone(&self, uid: Uid) -> Option<&str> {
        self.gone.names.get(&uid)?.name.as_deref()
    }

    /// As of which version the API server said that it was deleted, where it did.
    pub(super) fn deleted_at(&self, uid: Uid) -> Option<&str> {
        self.gone.names.get(&uid)?.version.as_deref()
    }

    /// Who has this name now.
    pub(super) fn uid_of(&self, name: &str) -> Option<Uid> {
        self.rows.get(name).map(|row| row.mapping.uid)
    }

    /// A list begins.
    pub(super) fn list_begins(&mut self) {
        self.listing = Some(BTreeMap::new());
    }

    /// A list has this one.
    pub(super) fn listed(&mut self, row: Row) {
        if self.gone.is_dead(row.mapping.uid) {
            return;
        }
        // A list from a stale cache can be older than what was told before. A generation only grows.
        let known = self
            .rows
            .get(&row.mapping.name)
            .filter(|known| known.mapping.uid == row.mapping.uid && known.generation > row.generation);
        let newest = known.cloned().unwrap_or(row);
        if let Some(listing) = &mut self.listing {
            listing.insert(newest.mapping.name.clone(), newest);
        }
    }

    /// The list is complete: what it did not have is missing.
    pub(super) fn list_ends(&mut self) -> Effect {
        let Some(listing) = self.listing.take() else { return Effect::Same };
        let before = std::mem::replace(&mut self.rows, listing);
        let first = !std::mem::replace(&mut self.synced, true);
        let mut effect = if first { Effect::Changed } else { Effect::Same };
        let mut known = 0;
        for (name, old) in before {
            match self.rows.get(&name) {
                Some(new) if new.mapping.uid == old.mapping.uid => {
                    known += 1;
                    if !same_wish(&old.mapping, &new.mapping) {
                        effect = Effect::Changed;
                    }
                }
                _ => {
                    self.gone.add(old.mapping.uid, Some(old.mapping.name), Seen::Missing);
                    effect = Effect::Changed;
                }
            }
        }
        if known == self.rows.len() { effect } else { Effect::Changed }
    }

    /// It was created or changed.
    pub(super) fn applied(&mut self, row: Row) -> Effect {
        if self.gone.is_dead(row.mapping.uid) {
            return Effect::Same;
        }
        let effect = match self.rows.get(&row.mapping.name) {
            Some(old) if old.mapping.uid == row.mapping.uid => {
                if row.generation < old.generation {
                    return Effect::Same;
                }
                if same_wish(&old.mapping, &row.mapping) { Effect::Same } else { Effect::Changed }
            }
            // Told by a watch that fell behind: of who had the name before.
            Some(newer) if newer.mapping.created > row.mapping.created => return Effect::Same,
            _ => Effect::Changed,
        };
        if let Some(old) = self.rows.insert(row.mapping.name.clone(), row) {
            let replaced =
                self.rows.get(&old.mapping.name).is_some_and(|new| new.mapping.uid != old.mapping.uid);
            if replaced {
                // A name has one object, so it is gone, though nobody said so. Or it is the newer one of two that came
                // within a second, and a watch that fell behind will tell of it once more.
                self.gone.add(old.mapping.uid, Some(old.mapping.name), Seen::Missing);
            }
        }
        effect
    }

    /// It was deleted, as of the API server's `version`.
    pub(super) fn deleted(&mut self, name: &str, uid: Uid, version: Option<&str>) -> Effect {
        match self.rows.get(name) {
            Some(row) if row.mapping.uid == uid => {
                if let Some(row) = self.rows.remove(name) {
                    self.gone.add(row.mapping.uid, Some(row.mapping.name), Seen::Deleted);
                    self.gone.told(uid, version);
                }
                Effect::Changed
            }
            _ => Effect::Same,
        }
    }

    /// Its removal was confirmed and carried out: it never comes back.
    pub(super) fn buried(&mut self, uid: Uid) {
        self.gone.add(uid, None, Seen::Deleted);
    }
}

impl Gone {
    fn is_dead(&self, uid: Uid) -> bool {
        self.names.get(&uid).is_some_and(|departure| departure.seen == Seen::Deleted)
    }

    fn told(&mut self, uid: Uid, version: Option<&str>) {
        if let Some(departure) = self.names.get_mut(&uid) {
            departure.version = version.map(Box::from);
        }
    }

    fn add(&mut self, uid: Uid, name: Option<String>, seen: Seen) {
        if let Some(known) = self.names.get_mut(&uid) {
            known.seen = seen;
            known.name = name.or_else(|| known.name.take());
        } else {
            self.names.insert(uid, Departure { name, seen, version: None });
            self.order.push_back(uid);
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.names.remove(&oldest);
            }
        }
    }
}

/// Whether a plan can tell the two apart. `status.applied`, which our own status writes change, counts only for a plan
/// without an ownership record, and such a plan is made when the record is lost, not when a status changes.
fn same_wish(old: &Mapping, new: &Mapping) -> bool {
    old.spec == new.spec && old.created == new.created
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_auth::Timestamp;
    use aws_auth::mapping::{RawSpec, Spec};

    fn row(name: &str, uid: u8, generation: i64, groups: &[&str]) -> Row {
        let raw = RawSpec {
            arn: Some(format!("arn:aws:iam::111122223333:role/{name}")),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            ..RawSpec::default()
        };
        let mapping = Mapping {
            name: name.to_owned(),
            uid: Uid([uid; 16]),
            created: Timestamp(0),
            spec: Spec::parse(raw),
            applied: None,
            announced_end: None,
        };
        Row { mapping, generation }
    }

    fn names(mappings: &Mappings) -> Vec<&str> {
        mappings.all().map(|row| row.mapping.name.as_str()).collect()
    }

    fn listed(rows: impl IntoIterator<Item = Row>) -> Mappings {
        let mut mappings = Mappings::default();
        mappings.list_begins();
        rows.into_iter().for_each(|row| mappings.listed(row));
        assert_eq!(mappings.list_ends(), Effect::Changed);
        mappings
    }

    #[test]
    fn nothing_is_known_before_the_first_list_is_complete() {
        let mut mappings = Mappings::default();
        mappings.list_begins();
        mappings.listed(row("a", 1, 1, &[]));
        assert!(!mappings.synced());
        assert_eq!(mappings.len(), 0);
    }

    #[test]
    fn rows_stay_while_a_list_is_under_way_but_are_not_planned_with() {
        let mut mappings = listed([row("a", 1, 1, &[])]);
        mappings.list_begins();
        assert_eq!((mappings.synced(), names(&mappings)), (false, vec!["a"]));
    }

    #[test]
    fn a_list_that_says_the_same_changes_nothing() {
        let mut mappings = listed([row("a", 1, 1, &[]), row("b", 2, 1, &[])]);
        mappings.list_begins();
        mappings.listed(row("a", 1, 1, &[]));
        mappings.listed(row("b", 2, 1, &[]));
        assert_eq!(mappings.list_ends(), Effect::Same);
    }

    #[test]
    fn what_a_stale_list_left_out_can_come_back() {
        let mut mappings = listed([row("a", 1, 1, &[]), row("b", 2, 1, &[])]);
        mappings.list_begins();
        assert_eq!(mappings.list_ends(), Effect::Changed);
        assert_eq!(mappings.name_of_gone(Uid([1; 16])), Some("a"));
        assert_eq!(mappings.deleted_at(Uid([1; 16])), None, "nobody told of its deletion");
        assert_eq!(mappings.applied(row("a", 1, 1, &[])), Effect::Changed);
        assert_eq!(names(&mappings), ["a"]);
    }

    #[test]
    fn a_deleted_mapping_does_not_come_back_from_a_watch_or_list_that_fell_behind() {
        let mut mappings = listed([row("a", 1, 1, &[])]);
        assert_eq!(mappings.deleted("a", Uid([1; 16]), Some("7")), Effect::Changed);
        assert_eq!(mappings.deleted_at(Uid([1; 16])), Some("7"));
        assert_eq!(mappings.applied(row("a", 1, 1, &[])), Effect::Same);
        mappings.list_begins();
        mappings.listed(row("a", 1, 1, &[]));
        mappings.list_ends();
        assert_eq!(mappings.len(), 0);
    }

    #[test]
    fn a_missing_mapping_whose_removal_was_confirmed_does_not_come_back_either() {
        let mut mappings = listed([row("a", 1, 1, &[])]);
        mappings.list_begins();
        mappings.list_ends();
        mappings.buried(Uid([1; 16]));
        assert_eq!(mappings.applied(row("a", 1, 1, &[])), Effect::Same);
    }

    /// Found by the simulation.
    #[test]
    fn a_mapping_that_went_before_the_start_does_not_come_back_once_its_removal_was_confirmed() {
        let mut mappings = listed([row("b", 2, 1, &[])]);
        mappings.buried(Uid([1; 16]));
        mappings.list_begins();
        mappings.listed(row("a", 1, 1, &[]));
        mappings.listed(row("b", 2, 1, &[]));
        assert_eq!(mappings.list_ends(), Effect::Same);
        assert_eq!(names(&mappings), ["b"]);
    }

    #[test]
    fn an_old_deletion_does_not_remove_a_new_object_of_the_same_name() {
        let mut mappings = listed([row("a", 2, 1, &[])]);
        assert_eq!(mappings.deleted("a", Uid([1; 16]), Some("7")), Effect::Same);
        assert_eq!(mappings.len(), 1);
    }

    #[test]
    fn a_new_object_of_the_same_name_takes_the_place_of_the_old_one() {
        let mut mappings = listed([row("a", 1, 1, &[])]);
        assert_eq!(mappings.applied(row("a", 2, 1, &[])), Effect::Changed);
        assert_eq!(mappings.len(), 1);
        assert_eq!(mappings.name_of_gone(Uid([1; 16])), Some("a"));
    }

    /// Found by the simulation.
    #[test]
    fn a_watch_that_fell_behind_and_tells_of_an_older_object_of_the_name_does_not_lose_the_newer_one() {
        let mut mappings = listed([row("a", 2, 1, &["new"])]);
        mappings.applied(row("a", 1, 3, &["old"]));
        mappings.deleted("a", Uid([1; 16]), Some("7"));
        mappings.applied(row("a", 2, 1, &["new"]));
        assert_eq!(mappings.uid_of("a"), Some(Uid([2; 16])));

        let mut newer = row("a", 2, 1, &["new"]);
        newer.mapping.created = Timestamp(1);
        let mut mappings = listed([newer]);
        assert_eq!(mappings.applied(row("a", 1, 3, &["old"])), Effect::Same);
        assert_eq!(mappings.uid_of("a"), Some(Uid([2; 16])));
    }

    #[test]
    fn an_older_version_of_an_object_is_not_taken_for_news() {
        let mut mappings = listed([row("a", 1, 3, &["new"])]);
        assert_eq!(mappings.applied(row("a", 1, 2, &["old"])), Effect::Same);
        assert_eq!(mappings.all().next().unwrap().generation, 3);
    }

    #[test]
    fn an_older_version_of_an_object_in_a_list_is_not_taken_for_news_either() {
        let mut mappings = listed([row("a", 1, 3, &["new"])]);
        mappings.list_begins();
        mappings.listed(row("a", 1, 2, &["old"]));
        assert_eq!(mappings.list_ends(), Effect::Same);
        assert_eq!(mappings.all().next().unwrap().generation, 3);
    }

    #[test]
    fn our_own_status_writes_cause_no_plan() {
        let mut mappings = listed([row("a", 1, 1, &[])]);
        let mut after = row("a", 1, 1, &[]);
        after.mapping.applied = after
            .mapping
            .spec
            .as_ref()
            .ok()
            .map(|spec| aws_auth::ownership::EntryHash::of(spec.key(), spec.entry()));
        assert_eq!(mappings.applied(after), Effect::Same);
        assert!(mappings.all().next().unwrap().mapping.applied.is_some());
    }
}
