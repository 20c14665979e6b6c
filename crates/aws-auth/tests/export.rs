//! An export read back gives the same people the same usernames and groups, or names them among the losses: over
//! generated documents, each caller looked up in aws-auth and in what the access entries say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod common;

use std::collections::BTreeSet;

use aws_auth::Key;
use aws_auth::arn::{Principal, PrincipalKey};
use aws_auth::aws_auth::AwsAuth;
use aws_auth::export::{AccessEntry, Export, LossKind, export};
use aws_auth::lookup::{Caller, Lookup, Options, Outcome};
use common::{aws_auth, many_cases};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const NAMES: [&str; 6] = ["dev", "Dev", "ops", "team/ops", "AWSReservedSSO_Ops_0123", "AWSServiceRoleForX"];
const USERNAMES: [&str; 12] = [
    "",
    "dev",
    "dev:{{SessionName}}",
    "dev:{{SessionNameRaw}}",
    "{{SessionName}}",
    "{{AccountID}}:{{SessionName}}",
    "key:{{AccessKeyID}}",
    "system:node:{{EC2PrivateDNSName}}",
    "system:node:{{SessionName}}",
    "system:admin",
    "eks:x",
    "arn:aws:iam::111122223333:user/dev",
];
const GROUPS: [&str; 8] = [
    "developers",
    "ops",
    "system:masters",
    "system:bootstrappers",
    "system:nodes",
    "system:authenticated",
    "x-{{SessionName}}",
    "",
];
/// Two sessions of each role; the second is named after an instance.
const SESSIONS: [&str; 2] = ["jane@example.com", "i-0123456789abcdef0"];

/// An entry as somebody writes it.
#[derive(Debug, Clone)]
struct Written {
    key: Key,
    user: bool,
    name: &'static str,
    account: &'static str,
    username: &'static str,
    groups: Vec<&'static str>,
}

fn written() -> impl Strategy<Value = Written> {
    let key = select(vec![Key::MapRoles, Key::MapRoles, Key::MapUsers, Key::MapAccounts]);
    let groups = prop_oneof![
        3 => vec(select(GROUPS.to_vec()), 0..4),
        1 => Just(vec!["system:bootstrappers", "system:nodes"]),
    ];
    let account = select(vec!["111122223333", "444455556666"]);
    (key, any::<bool>(), select(NAMES.to_vec()), account, select(USERNAMES.to_vec()), groups).prop_map(
        |(key, user, name, account, username, groups)| Written { key, user, name, account, username, groups },
    )
}

impl Written {
    fn arn(&self) -> String {
        format!("arn:aws:iam::{}:{}/{}", self.account, if self.user { "user" } else { "role" }, self.name)
    }
}

fn document(all: &[Written]) -> AwsAuth {
    let of = |key: Key, arn: &str| -> String {
        let items = all.iter().filter(|one| one.key == key);
        let items: Vec<Value> = items
            .map(|one| json!({(arn): one.arn(), "username": one.username, "groups": one.groups}))
            .collect();
        json!(items).to_string()
    };
    let accounts: Vec<&str> =
        all.iter().filter(|one| one.key == Key::MapAccounts).map(|one| one.account).collect();
    aws_auth(&[
        ("mapRoles", &of(Key::MapRoles, "rolearn")),
        ("mapUsers", &of(Key::MapUsers, "userarn")),
        ("mapAccounts", &json!(accounts).to_string()),
    ])
}

/// What EKS makes of access entries, as aws-auth would say it: a node's type fixes what it becomes, a username that is not
/// given is the default, and the admin policy is as good as `system:masters`.
fn read_back(entries: &[AccessEntry]) -> AwsAuth {
    let item = |entry: &AccessEntry| {
        let principal = Principal::parse(&entry.principal_arn).unwrap();
        let (username, groups) = if let Some((username, groups)) = entry.entry_type.node_identity() {
            (username.to_owned(), groups.iter().map(|&group| group.to_owned()).collect())
        } else {
            let masters =
                entry.policies.iter().any(|policy| policy.ends_with("/AmazonEKSClusterAdminPolicy"));
            let groups = entry.groups.iter().cloned().chain(masters.then(|| "system:masters".to_owned()));
            let username = entry.username.clone().unwrap_or_else(|| principal.default_username());
            (username, groups.collect::<Vec<String>>())
        };
        json!({"rolearn": principal.entry_arn(), "username": username, "groups": groups})
    };
    aws_auth(&[("mapRoles", &json!(entries.iter().map(item).collect::<Vec<_>>()).to_string())])
}

/// As whom the caller gets in.
fn becomes(aws_auth: &AwsAuth, caller: &Caller) -> Result<Option<(String, BTreeSet<String>)>, Outcome> {
    match Lookup::new(Key::ALL.map(|key| (key, aws_auth.key(key).reading())))
        .find(caller, &Options::default())
    {
        Outcome::Admitted(admission) => {
            Ok(Some((admission.username, admission.groups.into_iter().collect())))
        }
        Outcome::Denied(_) => Ok(None),
        other => Err(other),
    }
}

/// Everybody whom such documents could mean.
fn callers() -> Vec<Caller> {
    let mut all = Vec::new();
    for account in ["111122223333", "444455556666"] {
        for name in NAMES.map(|name| name.rsplit('/').next().unwrap()) {
            all.extend(
                SESSIONS.map(|session| format!("arn:aws:sts::{account}:assumed-role/{name}/{session}")),
            );
        }
        all.extend(NAMES.map(|name| format!("arn:aws:iam::{account}:user/{name}")));
    }
    let caller = |arn: &String| Caller {
        access_key_id: "AKIA".to_owned(),
        private_dns_name: Some("ip-10-0-0-1.ec2.internal".to_owned()),
        ..Caller::from_arn(arn).unwrap()
    };
    all.iter().map(caller).collect()
}

/// Whether the losses tell of the caller.
fn named(export: &Export, caller: &Caller) -> bool {
    let key = PrincipalKey::of(&caller.canonical_arn);
    export
        .losses
        .iter()
        .any(|loss| PrincipalKey::of(&loss.principal) == key || loss.principal == caller.account_id)
}

proptest! {
    #![proptest_config(many_cases())]

    #[test]
    fn everyone_stays_who_they_are_or_is_named_among_the_losses(all in vec(written(), 0..7)) {
        let before = document(&all);
        let export = export(&before, &[], None);
        let mut principals = BTreeSet::new();
        for entry in &export.entries {
            prop_assert!(principals.insert(entry.principal_arn.to_lowercase()), "twice: {}", entry.principal_arn);
        }
        let after = read_back(&export.entries);
        for caller in callers() {
            let then = becomes(&after, &caller).unwrap();
            // Where chance decides today, nobody can stay who they are.
            let same = becomes(&before, &caller).is_ok_and(|now| now == then);
            prop_assert!(same || named(&export, &caller), "{caller:?}\nnow {:?}\nthen {then:?}\n{export:#?}", becomes(&before, &caller));
        }
    }

    #[test]
    fn nobody_is_named_who_stays_the_same(all in vec(written(), 0..7)) {
        let before = document(&all);
        let export = export(&before, &[], None);
        let after = read_back(&export.entries);
        // A path that has to be put back is told of somebody who stays the same otherwise; an entry that lets nobody in
        // today has nobody to lose.
        for loss in export.losses.iter().filter(|loss| !matches!(loss.kind, LossKind::Path | LossKind::Entry)) {
            let key = PrincipalKey::of(&loss.principal);
            let mut of_principal = callers();
            of_principal.retain(|caller| PrincipalKey::of(&caller.canonical_arn) == key);
            let changed = of_principal.iter().any(|caller| becomes(&before, caller) != becomes(&after, caller));
            prop_assert!(changed, "{loss:?}\n{export:#?}");
        }
    }
}
