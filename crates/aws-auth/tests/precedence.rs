//! Which of several entries for one principal the reader obeys, and when two say the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod common;

use aws_auth::arn::PrincipalKey;
use aws_auth::ownership::PrincipalHash;
use aws_auth::plan::claims::{At, Items};
use aws_auth::plan::precedence::{obeyed, same};
use aws_auth::{Entry, Key};
use common::aws_auth;

const JANE: &str = "arn:aws:iam::111122223333:user/jane";

/// The places that are obeyed for an ARN.
fn obeyed_for(data: &[(&str, &str)], arn: &str) -> Vec<At> {
    let aws_auth = aws_auth(data);
    let items = Items::of(&aws_auth);
    let principal = PrincipalKey::of(arn);
    let all: Vec<At> = items.of_principal(PrincipalHash::of(&principal), &principal).collect();
    obeyed(&items, &all)
}

fn at(key: Key, index: usize) -> At {
    At { key, index }
}

fn users(arns: &[&str]) -> String {
    arns.iter().map(|arn| format!("- userarn: {arn}\n  username: u\n")).collect::<Vec<_>>().concat()
}

#[test]
fn the_last_role_entry_is_obeyed_whatever_map_users_says() {
    let roles = format!("- rolearn: {JANE}\n- rolearn: x\n- rolearn: {JANE}\n- rolearn: y\n");
    assert_eq!(
        obeyed_for(&[("mapRoles", &roles), ("mapUsers", &users(&[JANE]))], JANE),
        [at(Key::MapRoles, 2)]
    );
}

#[test]
fn of_user_entries_the_last_of_each_spelling_may_be_obeyed() {
    let shouted = JANE.replace("jane", "JANE");
    let text = users(&[JANE, &shouted, JANE, "x", &shouted, "y"]);
    assert_eq!(obeyed_for(&[("mapUsers", &text)], JANE), [at(Key::MapUsers, 2), at(Key::MapUsers, 4)]);
}

#[test]
fn the_last_entry_of_an_account_is_obeyed_for_it_alone() {
    const ACCOUNT: &str = "111122223333";
    let accounts = format!("- \"{ACCOUNT}\"\n- x\n- \"{ACCOUNT}\"\n");
    assert_eq!(obeyed_for(&[("mapAccounts", &accounts)], ACCOUNT), [at(Key::MapAccounts, 2)]);
    assert_eq!(obeyed_for(&[("mapAccounts", &accounts)], JANE), []);
}

#[test]
fn entries_are_the_same_whatever_the_order_of_their_groups() {
    let entry = |username: &str, groups: &[&str]| Entry {
        arn: JANE.to_owned(),
        username: username.to_owned(),
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
    };
    let two = entry("u", &["a", "b"]);
    assert!(same(&two, &entry("u", &["a", "b"])));
    assert!(same(&two, &entry("u", &["b", "a", "b"])));
    for other in [
        entry("v", &["a", "b"]),
        entry("v", &["b", "a"]),
        entry("u", &["a"]),
        entry("u", &["a", "b", "c"]),
        entry("u", &["a", "c"]),
        entry("u", &[]),
    ] {
        assert!(!same(&two, &other) && !same(&other, &two), "{other:?}");
    }
}
