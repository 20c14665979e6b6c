//! Who matches whom: the real authenticator's entries, keys and comparisons against `lookup`.

use std::collections::{BTreeMap, BTreeSet};

use aws_auth::Key;
use aws_auth::canonical::canonicalize;
use aws_auth::fold::{fold, lower};
use aws_auth::lookup::{Alternative, Caller, Lookup, Options, Outcome};
use aws_auth::reader;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::mutate::Rng;
use crate::oracle::{Entry, Oracle};

#[derive(Deserialize)]
struct Reply {
    canonical: Option<String>,
    #[serde(default)]
    matches: Vec<Entry>,
    #[serde(default)]
    accounts: Vec<String>,
}

/// Names that are easily taken for one another: by case, by characters that fold, by paths, by session.
const NAMES: &[&str] = &[
    "ops",
    "Ops",
    "OPS",
    "op\u{17F}",
    "OP\u{17F}",
    "kim",
    "\u{212A}im",
    "KIM",
    "i",
    "I",
    "\u{130}",
    "\u{131}",
    "\u{E9}",
    "\u{C9}",
    "stra\u{DF}e",
    "STRA\u{1E9E}E",
    "STRASSE",
    "\u{3C3}",
    "\u{3C2}",
    "\u{3A3}",
    "\u{B5}",
    "\u{3BC}",
    "team/ops",
    "ops ",
    "*",
    "AWSReservedSSO_Ops_0a1b",
    "awsreservedsso_ops_0a1b",
    "AWSReservedSSO_Ops_Admins_0a1b",
    "AWSReservedSSO_Ops_",
    "AWSReservedSSO_Ops_*",
    "AWSReservedSSO_Ops",
    "AWSReservedSSO_Op\u{17F}_1",
];

/// An ARN with a name out of `names`: as an entry may have it, or a caller.
fn arn(rng: &mut Rng, names: &[&str], of_entry: bool) -> String {
    let partition = if rng.chance(4) { rng.pick(&["aws-cn", "aws-eusc", "AWS", "x", ""]) } else { "aws" };
    let account = if rng.chance(6) { rng.pick(&["444455556666", ""]) } else { "111122223333" };
    let name = rng.pick(names);
    match rng.below(if of_entry { 6 } else { 12 }) {
        0..=3 => format!("arn:{partition}:iam::{account}:role/{name}"),
        4 => format!("arn:{partition}:iam::{account}:user/{name}"),
        5 => format!("ARN:{partition}:IAM::{account}:ROLE/{name}"),
        6..=8 => format!("arn:{partition}:sts::{account}:assumed-role/{name}/jane@example.com"),
        9 => format!("arn:{partition}:sts::{account}:federated-user/{name}"),
        10 => format!("arn:{partition}:iam:{name}:{account}:root"),
        _ => format!(
            "arn:{partition}:{}",
            rng.pick(&["sts::1:assumed-role", "sts::1:assumed-role/", "iam::1:group/x", "s3:::b", "iam::1"])
        ),
    }
}

/// A document whose usernames tell its entries apart.
fn data(rng: &mut Rng, names: &[&str]) -> BTreeMap<String, String> {
    let (mut roles, mut users) = (Vec::new(), Vec::new());
    for n in 0..rng.below(7) {
        roles.push(if rng.chance(3) {
            let name = rng.pick(&["Ops", "ops", "Ops_Admins", "O.s", "Ops_", "A"]);
            let partition = rng.pick(&["", "", "aws", "aws-cn"]);
            json!({ "sso": { "permissionSetName": name, "accountID": "111122223333", "partition": partition }, "username": format!("r{n}") })
        } else {
            json!({ "rolearn": arn(rng, names, true), "username": format!("r{n}"), "groups": ["g"] })
        });
    }
    for n in 0..rng.below(5) {
        users.push(json!({ "userarn": arn(rng, names, true), "username": format!("u{n}") }));
    }
    let accounts = if rng.chance(2) { json!(["111122223333", ""]) } else { json!([]) };
    let data =
        [("mapRoles", Value::from(roles)), ("mapUsers", Value::from(users)), ("mapAccounts", accounts)];
    data.into_iter().map(|(key, list)| (key.to_owned(), list.to_string())).collect()
}

/// The usernames that the caller may get; `None`: it is turned away.
fn ours(data: &BTreeMap<String, String>, arn: &str, sso: bool) -> BTreeSet<Option<String>> {
    let Some(caller) = Caller::from_arn(arn) else { return BTreeSet::from([None]) };
    let readings = Key::ALL.map(|key| reader::read(key, data.get(key.as_str()).map(String::as_str)));
    let options = Options { sso, ..Options::default() };
    match Lookup::new(Key::ALL.into_iter().zip(&readings)).find(&caller, &options) {
        Outcome::Admitted(admission) => BTreeSet::from([Some(admission.username)]),
        Outcome::Denied(_) => BTreeSet::from([None]),
        Outcome::Chance(alternatives) => alternatives
            .into_iter()
            .map(|alternative| match alternative {
                Alternative::Admitted(admission) => Some(admission.username),
                Alternative::Denied(_) => None,
            })
            .collect(),
        Outcome::Unsure(key) => panic!("unsure of {key} in {data:?}"),
    }
}

fn theirs(reply: &Reply, arn: &str) -> BTreeSet<Option<String>> {
    let Some(canonical) = &reply.canonical else { return BTreeSet::from([None]) };
    if !reply.matches.is_empty() {
        return reply.matches.iter().map(|entry| Some(entry.username.clone())).collect();
    }
    let account = arn.split(':').nth(4).unwrap_or_default();
    let listed = reply.accounts.iter().any(|id| id == account);
    BTreeSet::from([listed.then(|| canonical.clone())])
}

/// Compares the outcomes for so many callers.
pub(crate) fn compare(rng: &mut Rng, oracle: &mut Oracle, cases: usize) {
    let case = |rng: &mut Rng| {
        // Neighbours in the list are easily taken for one another.
        let from = rng.below(NAMES.len());
        let names = &NAMES[from..(from + 4).min(NAMES.len())];
        (data(rng, names), arn(rng, names, false), rng.chance(2))
    };
    let cases: Vec<_> = (0..cases).map(|_| case(rng)).collect();
    let requests: Vec<Value> = cases
        .iter()
        .map(|(data, arn, sso)| json!({ "lookup": { "data": data, "arn": arn, "sso": sso } }))
        .collect();
    let replies: Vec<Reply> = oracle.ask(&requests);
    let (mut admitted, mut by_chance) = (0, 0);
    for ((data, arn, sso), reply) in cases.iter().zip(&replies) {
        assert_eq!(canonicalize(arn), reply.canonical, "{arn}");
        let (ours, theirs) = (ours(data, arn, *sso), theirs(reply, arn));
        assert_eq!(ours, theirs, "{arn} (sso: {sso}) in {data:#?}");
        admitted += usize::from(ours.first().is_some_and(Option::is_some));
        by_chance += usize::from(ours.len() > 1);
    }
    println!("lookup: {} callers, {admitted} admitted, {by_chance} by chance", cases.len());
    assert!(admitted * 10 > cases.len() && by_chance > 0, "too few matches to tell anything");
}

/// Compares what every character there is folds to, and its lower case.
pub(crate) fn compare_folding(oracle: &mut Oracle) {
    let all: Vec<char> = ('\0'..=char::MAX).collect();
    let requests: Vec<Value> = all
        .chunks(10_000)
        .map(|chunk| json!({ "characters": chunk.iter().map(|c| u32::from(*c)).collect::<Vec<_>>() }))
        .collect();
    let replies: Vec<Vec<(u32, u32)>> = oracle.ask(&requests);
    let mut ours: BTreeMap<u32, String> = BTreeMap::new();
    let mut theirs: BTreeMap<String, u32> = BTreeMap::new();
    for (c, (small, least)) in all.iter().zip(replies.into_iter().flatten()) {
        let text = c.to_string();
        assert_eq!(lower(&text).chars().map(u32::from).collect::<Vec<_>>(), [small], "{c:?} in lower case");
        let folded = fold(&text).into_owned();
        let one = ours.entry(least).or_insert_with(|| folded.clone());
        assert_eq!(*one, folded, "U+{:04X} folds with U+{least:04X}", u32::from(*c));
        let other = *theirs.entry(folded).or_insert(least);
        assert_eq!(other, least, "U+{:04X} does not fold with U+{other:04X}", u32::from(*c));
    }
}
