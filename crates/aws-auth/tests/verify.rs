//! What the verifier lets pass, and each way in which a new text can fail to be what was meant.
//!
//! The plan never writes such texts: whatever it might do wrong one day is put together here by hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod common;

use std::collections::BTreeMap;

use aws_auth::arn::PrincipalKey;
use aws_auth::aws_auth::{ANNOTATIONS, AwsAuth, Source};
use aws_auth::verify::{Intent, Rejection, verify};
use aws_auth::{Entry, Key};
use common::{CLUSTER, aws_auth, role};

const NODES: &str = "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: nodes # by hand\n";
const OPS: &str = "- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n";
const DEV: &str = "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: dev\n  groups: [g]\n";

fn entry(name: &str, groups: &[&str]) -> Entry {
    Entry {
        arn: role(name),
        username: name.to_owned(),
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
    }
}

/// What is meant for mapRoles, and nothing for the other keys.
#[derive(Default)]
struct Meant {
    goes: Vec<usize>,
    comes: Vec<Entry>,
    pinned: Option<PrincipalKey>,
}

impl Meant {
    fn comes(entries: &[Entry]) -> Self {
        Self { comes: entries.to_vec(), ..Self::default() }
    }

    fn of(&self, before: &AwsAuth, after: &AwsAuth) -> Result<(), Rejection> {
        let roles = Intent { goes: self.goes.clone(), comes: self.comes.iter().collect() };
        let nothing = Intent::default();
        let intent = |key| if key == Key::MapRoles { &roles } else { &nothing };
        verify(before, after, intent, self.pinned.as_ref())
    }

    /// The same for texts of mapRoles.
    fn texts(&self, before: &str, after: &str) -> Result<(), Rejection> {
        self.of(&aws_auth(&[("mapRoles", before)]), &aws_auth(&[("mapRoles", after)]))
    }
}

fn unexpected(line: usize) -> Result<(), Rejection> {
    Err(Rejection::Unexpected { key: Key::MapRoles, line })
}

#[test]
fn what_is_as_it_was_and_what_was_asked_for_passes() {
    assert_eq!(Meant::default().texts(&[NODES, OPS].concat(), &[NODES, OPS].concat()), Ok(()));
    let dev = Meant::comes(&[entry("dev", &["g"])]);
    for after in [[NODES, OPS, DEV], [NODES, DEV, OPS], [DEV, NODES, OPS]] {
        assert_eq!(dev.texts(&[NODES, OPS].concat(), &after.concat()), Ok(()));
    }
    assert_eq!(dev.texts("", DEV), Ok(()), "where nothing was");
    let goes = Meant { goes: vec![1], ..Meant::default() };
    assert_eq!(goes.texts(&[NODES, DEV, OPS].concat(), &[NODES, OPS].concat()), Ok(()));
    let replaced = Meant { goes: vec![0], ..Meant::comes(&[entry("dev", &[])]) };
    let other = "- {rolearn: \"arn:aws:iam::111122223333:role/dev\", username: dev, groups: []}\n";
    assert_eq!(replaced.texts(&[DEV, OPS].concat(), &[other, OPS].concat()), Ok(()));
}

#[test]
fn several_that_come_for_one_principal_are_each_looked_for() {
    let both = Meant {
        pinned: Some(PrincipalKey::of(&role("dev"))),
        ..Meant::comes(&[entry("dev", &["h"]), entry("dev", &["g"]), entry("a", &[])])
    };
    let a = "- {rolearn: \"arn:aws:iam::111122223333:role/a\", username: a}\n";
    let after = [DEV, &DEV.replace("[g]", "[h]"), a].concat();
    assert_eq!(both.texts("[]\n", &after), Ok(()));
    let twice = [DEV, DEV, a].concat();
    assert_eq!(both.texts("[]\n", &twice), unexpected(4));
}

#[test]
fn a_key_for_which_nothing_was_meant_may_not_change_by_a_byte() {
    let commented = format!("{NODES}# more\n");
    assert_eq!(Meant::default().texts(NODES, &commented), Err(Rejection::Elsewhere("mapRoles".to_owned())));
    let users = |text| aws_auth(&[("mapRoles", NODES), ("mapUsers", text)]);
    let and_dev = aws_auth(&[("mapRoles", &[NODES, DEV].concat()), ("mapUsers", "[]")]);
    let dev = Meant::comes(&[entry("dev", &["g"])]);
    assert_eq!(dev.of(&users("[]"), &and_dev), Ok(()));
    assert_eq!(dev.of(&users("[]\n"), &and_dev), Err(Rejection::Elsewhere("mapUsers".to_owned())));
}

#[test]
fn a_text_that_cannot_be_read_is_rejected_before_and_after() {
    let dev = Meant::comes(&[entry("dev", &["g"])]);
    let unreadable = |result: Result<(), Rejection>, words: &str| match result {
        Err(Rejection::Unreadable { key: Key::MapRoles, why }) => {
            assert!(why.starts_with("line ") && why.contains(words), "{why}");
        }
        other => panic!("{other:?}"),
    };
    unreadable(dev.texts(NODES, &format!("{NODES}{DEV}  x: [\n")), "column");
    unreadable(dev.texts("- [\n", DEV), "column");
    unreadable(dev.texts(NODES, "a: b\n"), "not a list");
}

#[test]
fn an_item_that_nobody_asked_for_is_rejected_with_its_line() {
    let dev = Meant::comes(&[entry("dev", &["g"])]);
    let stray = "- {rolearn: \"arn:aws:iam::111122223333:role/x\", username: x}\n";
    assert_eq!(dev.texts(NODES, &[NODES, DEV, stray].concat()), unexpected(6));
    assert_eq!(dev.texts(NODES, &[NODES, DEV, DEV].concat()), unexpected(6), "twice");
    assert_eq!(dev.texts(NODES, &[NODES, DEV, "- null\n"].concat()), unexpected(6), "what the reader drops");
}

#[test]
fn what_comes_in_other_words_than_asked_for_is_rejected() {
    let dev = Meant::comes(&[entry("dev", &["g"])]);
    for wrong in [
        DEV.replace("[g]", "[h]"),
        DEV.replace("[g]", "[]"),
        DEV.replace("username: dev", "username: ops"),
        DEV.replace("role/dev", "role/dew"),
        DEV.replace("  username", "  userid: AIDAX\n  username"),
        DEV.replace("  username", "  username: twice\n  username"),
        DEV.replace("  username", "  sso: {permissionSetName: A, accountID: \"111122223333\"}\n  username"),
    ] {
        assert_eq!(dev.texts(NODES, &[NODES, &wrong].concat()), unexpected(3), "{wrong}");
    }
}

#[test]
fn what_others_wrote_stays_in_meaning_bytes_and_order() {
    let dev = Meant::comes(&[entry("dev", &["g"])]);
    let before = [NODES, OPS].concat();
    for (wrong, line) in [
        ([OPS, NODES, DEV].concat(), 1),
        ([&NODES.replace("username: nodes", "username: \"nodes\""), OPS, DEV].concat(), 1),
        ([NODES, &OPS.replace("username: ops", "username: oops"), DEV].concat(), 3),
        ([NODES, &OPS.replace("username: ops", "groups: [a]\n  username: ops"), DEV].concat(), 3),
    ] {
        assert_eq!(dev.texts(&before, &wrong), unexpected(line), "{wrong}");
    }
}

#[test]
fn an_item_that_is_lost_is_named_by_its_old_line() {
    let lost = |line| Err(Rejection::Lost { key: Key::MapRoles, line });
    let dev = Meant::comes(&[entry("dev", &["g"])]);
    assert_eq!(dev.texts(&[NODES, OPS].concat(), &[NODES, DEV].concat()), lost(3));
    let goes = Meant { goes: vec![0], ..Meant::default() };
    assert_eq!(goes.texts(&[NODES, OPS].concat(), "[]\n"), lost(3));
    assert_eq!(goes.texts(&[NODES, OPS].concat(), NODES), unexpected(1), "the other one went");
}

#[test]
fn an_item_that_was_to_go_and_is_still_there_is_rejected() {
    let goes = Meant { goes: vec![1], ..Meant::default() };
    assert_eq!(goes.texts(&[NODES, OPS].concat(), &[NODES, OPS].concat()), unexpected(3));
}

#[test]
fn an_entry_that_was_to_come_and_is_missing_is_named() {
    let missing = Err(Rejection::Missing { key: Key::MapRoles, arn: role("dev") });
    let both = Meant::comes(&[entry("dev", &["g"]), entry("a", &[])]);
    let a = "- {rolearn: \"arn:aws:iam::111122223333:role/a\", username: a}\n";
    assert_eq!(both.texts(NODES, &[NODES, a].concat()), missing);
}

#[test]
fn a_new_entry_beside_somebody_elses_for_the_same_principal_is_rejected() {
    let shadows = Err(Rejection::Shadows { key: Key::MapRoles, arn: role("dev") });
    let theirs = "- rolearn: arn:aws:iam::111122223333:role/DEV\n  username: theirs\n";
    let dev = Meant::comes(&[entry("dev", &["g"])]);
    assert_eq!(dev.texts(theirs, &[theirs, DEV].concat()), shadows);
    let with = |roles: &str| {
        let users = "- userarn: arn:aws:iam::111122223333:role/dev\n  username: theirs\n";
        aws_auth(&[("mapRoles", roles), ("mapUsers", users)])
    };
    assert_eq!(dev.of(&with(NODES), &with(&[NODES, DEV].concat())), shadows, "in another key");

    let pinned =
        Meant { pinned: Some(PrincipalKey::of(&role("dev"))), ..Meant::comes(&[entry("dev", &["g"])]) };
    assert_eq!(pinned.texts(theirs, &[theirs, DEV].concat()), Ok(()), "the creator's is put over them");
    let other = Meant { pinned: Some(PrincipalKey::of(&role("x"))), ..Meant::comes(&[entry("dev", &["g"])]) };
    assert_eq!(other.texts(theirs, &[theirs, DEV].concat()), shadows, "somebody else is the creator");
    let takes = Meant { goes: vec![0], ..Meant::comes(&[entry("dev", &["g"])]) };
    assert_eq!(takes.texts(&[theirs, theirs].concat(), &[DEV, theirs].concat()), Ok(()), "it takes a place");
}

#[test]
fn among_many_principals_the_one_that_is_shadowed_is_found() {
    let item = |name: &str| format!("- {{rolearn: \"{}\", username: {name}}}\n", role(name));
    let names: Vec<String> = (0..12).map(|n| format!("r{n}")).collect();
    let all = names.iter().map(|name| item(name)).collect::<Vec<_>>().concat();
    for name in &names {
        let one = Meant::comes(&[entry(name, &["g"])]);
        let after = format!(
            "{all}{}",
            DEV.replace("role/dev", &format!("role/{name}"))
                .replace("username: dev", &format!("username: {name}"))
        );
        assert_eq!(one.texts(&all, &after), Err(Rejection::Shadows { key: Key::MapRoles, arn: role(name) }));
    }
    let other = Meant::comes(&[entry("dev", &["g"])]);
    assert_eq!(other.texts(&all, &format!("{all}{DEV}")), Ok(()));
}

fn source(data: &[(&str, &str)], annotations: &[(&str, &str)]) -> AwsAuth {
    let map = |all: &[(&str, &str)]| -> BTreeMap<String, String> {
        all.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    AwsAuth::read(Source { data: map(data), annotations: map(annotations), ..Source::default() }, CLUSTER)
}

#[test]
fn nothing_beside_the_three_keys_and_our_annotations_may_change() {
    let before = source(&[("mapRoles", NODES), ("notes", "x")], &[("team", "a")]);
    let elsewhere = |data: &[(&str, &str)], annotations: &[(&str, &str)], what: &str| {
        let expected = Err(Rejection::Elsewhere(what.to_owned()));
        assert_eq!(Meant::default().of(&before, &source(data, annotations)), expected);
    };
    let roles = ("mapRoles", NODES);
    elsewhere(&[roles, ("notes", "y")], &[("team", "a")], "data key notes");
    elsewhere(&[roles], &[("team", "a")], "data key notes");
    elsewhere(&[roles, ("notes", "x"), ("new", "")], &[("team", "a")], "data key new");
    elsewhere(&[roles, ("notes", "x")], &[("team", "b")], "annotation team");
    elsewhere(&[roles, ("notes", "x")], &[], "annotation team");
    elsewhere(&[roles, ("notes", "x")], &[("team", "a"), ("new", "")], "annotation new");
    let ours: Vec<(&str, &str)> = ANNOTATIONS.iter().map(|&name| (name, "x")).collect();
    let after = source(&[roles, ("notes", "x")], &[ours.as_slice(), &[("team", "a")]].concat());
    assert_eq!(Meant::default().of(&before, &after), Ok(()));
}
