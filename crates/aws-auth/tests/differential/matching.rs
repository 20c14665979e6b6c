//! Who matches whom: the real authenticator's entries, keys and comparisons against `lookup`.

use std::collections::{BTreeMap, BTreeSet};

use aws_auth::Key;
use aws_auth::canonical::canonicalize;
use aws_auth::fold::{fold, lower};
use aws_auth::lookup::{Admission, Alternative, Caller, Lookup, Options, Outcome};
use aws_auth::reader;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::mutate::Rng;
use crate::oracle::Oracle;

/// What the server makes of a caller.
#[derive(Deserialize)]
struct Reply {
    canonical: Option<String>,
    /// Once, with everything there is.
    one: Option<Identity>,
    /// With each entry alone that it may have taken.
    all: Vec<Option<Identity>>,
}

/// Whom somebody becomes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Identity {
    username: String,
    groups: Vec<String>,
}

/// Somebody who comes, and what the server is told besides.
#[derive(Debug)]
struct Comes {
    arn: String,
    account: String,
    session: String,
    access_key: String,
    /// What EC2 knows.
    instances: BTreeMap<String, String>,
    reserved: Vec<&'static str>,
    sso: bool,
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

/// Placeholders, and what only looks like one.
const TEMPLATES: &[&str] = &[
    "{{EC2PrivateDNSName}}",
    "{{AccountID}}",
    "{{SessionName}}",
    "{{SessionNameRaw}}",
    "{{AccessKeyID}}",
    "{{accountid}}",
    "{{ SessionName }}",
    "{{SessionName}",
    "{{{SessionName}}}",
    "{{Session",
    "Name}}",
    "{{",
    "}}",
    "{{Unknown}}",
    "{{EC2PrivateDNSName",
    "system:",
    "system:node:",
    "x",
    ":",
    "@",
    "\u{e9}",
];
const SESSIONS: &[&str] = &[
    "jane@example.com",
    "a@b@c",
    "",
    "masters",
    "i-01234567",
    "i-0123456789abcdef0",
    "i-ABCDEFG_",
    "i-0123456",
    "i-012345678",
    "i-0123456789abcdef01",
    "I-01234567",
    "i-0123456\u{e9}",
    "xi-01234567",
    "i-01234567\n",
    "{{AccountID}}",
    "{{SessionNameRaw}}",
    "{{AccessKeyID}}",
    "{{EC2PrivateDNSName}}",
    "{{",
    "Session",
    "a.b+c=d,e_f-g",
];

fn template(rng: &mut Rng) -> String {
    (0..rng.below(4)).map(|_| rng.pick(TEMPLATES)).collect()
}

/// A username that tells its entry apart, or one with placeholders, or none.
fn username(rng: &mut Rng, number: &str) -> String {
    match rng.below(6) {
        0..=2 => number.to_owned(),
        3 => String::new(),
        _ => format!("{number}{}", template(rng)),
    }
}

/// Documents of which a caller may find itself in several places.
fn data(rng: &mut Rng, names: &[&str]) -> BTreeMap<String, String> {
    let (mut roles, mut users) = (Vec::new(), Vec::new());
    for n in 0..rng.below(7) {
        let username = username(rng, &format!("r{n}"));
        let groups: Vec<String> = (0..rng.below(3)).map(|_| template(rng)).collect();
        roles.push(if rng.chance(3) {
            let name = rng.pick(&["Ops", "ops", "Ops_Admins", "O.s", "Ops_", "A"]);
            let partition = rng.pick(&["", "", "aws", "aws-cn"]);
            json!({ "sso": { "permissionSetName": name, "accountID": "111122223333", "partition": partition }, "username": username, "groups": groups })
        } else {
            json!({ "rolearn": arn(rng, names, true), "username": username, "groups": groups })
        });
    }
    for n in 0..rng.below(5) {
        let username = username(rng, &format!("u{n}"));
        users.push(
            json!({ "userarn": arn(rng, names, true), "username": username, "groups": [template(rng)] }),
        );
    }
    let accounts = if rng.chance(2) { json!(["111122223333", ""]) } else { json!([]) };
    let data =
        [("mapRoles", Value::from(roles)), ("mapUsers", Value::from(users)), ("mapAccounts", accounts)];
    data.into_iter().map(|(key, list)| (key.to_owned(), list.to_string())).collect()
}

fn comes(rng: &mut Rng, names: &[&str]) -> Comes {
    let session = rng.pick(SESSIONS).to_owned();
    let arn = arn(rng, names, false).replace("jane@example.com", &session);
    let account = arn.split(':').nth(4).unwrap_or_default().to_owned();
    let is_session = arn.contains(":assumed-role/");
    let known = rng.pick(&["", "i-01234567", "i-0123456789abcdef0", "i-ABCDEFG_"]);
    let name = rng.pick(&["ip-10-0-0-1.ec2.internal", "", "{{AccountID}}", "{{SessionName}}"]);
    Comes {
        arn,
        account,
        session: if is_session { session } else { String::new() },
        access_key: rng.pick(&["AKIAIOSFODNN7EXAMPLE", "{{SessionName}}", ""]).to_owned(),
        instances: BTreeMap::from([(known.to_owned(), name.to_owned())]),
        reserved: if rng.chance(3) { vec!["", rng.pick(&["system:", "r1", "x"])] } else { Vec::new() },
        sso: rng.chance(2),
    }
}

/// Whom the caller may become; `None`: it is turned away.
fn ours(data: &BTreeMap<String, String>, comes: &Comes) -> BTreeSet<Option<Identity>> {
    let Some(mut caller) = Caller::from_arn(&comes.arn) else { return BTreeSet::from([None]) };
    assert_eq!((&caller.session_name, &caller.account_id), (&comes.session, &comes.account), "{comes:?}");
    caller.access_key_id.clone_from(&comes.access_key);
    caller.private_dns_name = comes.instances.get(&comes.session).cloned();
    let readings = Key::ALL.map(|key| reader::read(key, data.get(key.as_str()).map(String::as_str)));
    let reserved = comes.reserved.iter().map(|&prefix| prefix.to_owned()).collect();
    let options = Options { sso: comes.sso, reserved_username_prefixes: reserved };
    let identity = |alternative| match alternative {
        Alternative::Admitted(Admission { username, groups, .. }) => Some(Identity { username, groups }),
        Alternative::Denied(_) => None,
    };
    match Lookup::new(Key::ALL.into_iter().zip(&readings)).find(&caller, &options) {
        Outcome::Admitted(admission) => BTreeSet::from([identity(Alternative::Admitted(admission))]),
        Outcome::Denied(_) => BTreeSet::from([None]),
        Outcome::Chance(alternatives) => alternatives.into_iter().map(identity).collect(),
        Outcome::Unsure(key) => panic!("unsure of {key} in {data:?}"),
    }
}

/// Compares the outcomes for so many callers.
pub(crate) fn compare(rng: &mut Rng, oracle: &mut Oracle, cases: usize) {
    let (mut admitted, mut by_chance, mut left) = (0, 0, cases);
    while left > 0 {
        let batch = left.min(1000);
        left -= batch;
        let case = |rng: &mut Rng| {
            // Neighbours in the list are easily taken for one another.
            let from = rng.below(NAMES.len());
            let names = &NAMES[from..(from + 4).min(NAMES.len())];
            (data(rng, names), comes(rng, names))
        };
        let cases: Vec<_> = (0..batch).map(|_| case(rng)).collect();
        let requests: Vec<Value> = cases
            .iter()
            .map(|(data, comes)| {
                json!({ "admit": {
                    "data": data, "arn": comes.arn, "sso": comes.sso, "accountID": comes.account,
                    "sessionName": comes.session, "accessKeyID": comes.access_key,
                    "instances": comes.instances, "reserved": comes.reserved,
                } })
            })
            .collect();
        let replies: Vec<Reply> = oracle.ask(&requests);
        for ((data, comes), reply) in cases.iter().zip(replies) {
            assert_eq!(canonicalize(&comes.arn), reply.canonical, "{comes:?}");
            let (ours, theirs) = (ours(data, comes), BTreeSet::from_iter(reply.all));
            assert_eq!(ours, theirs, "{comes:?} in {data:#?}");
            assert!(theirs.contains(&reply.one), "{:?} of {comes:?} in {data:#?}", reply.one);
            admitted += usize::from(ours.first().is_some_and(Option::is_some));
            by_chance += usize::from(ours.len() > 1);
        }
    }
    println!("lookup: {cases} callers, {admitted} admitted, {by_chance} by chance");
    assert!(admitted * 10 > cases && by_chance > 0, "too few matches to tell anything");
}

/// Something like an ARN.
fn arn_like(rng: &mut Rng) -> String {
    const RESOURCES: &[&str] =
        &["role", "user", "root", "assumed-role", "federated-user", "group", "Role", "instance-profile", ""];
    const SEGMENTS: &[&str] =
        &["a", "team", "", "jane@example.com", "\u{e9}", "a b", ":", "role", "*", "a:b"];
    let mut arn =
        String::from(rng.pick(&["arn", "arn", "arn", "arn", "arn", "arn", "ARN", "", " arn", "arn:arn"]));
    for sections in [
        &[
            "aws",
            "aws",
            "aws",
            "aws-cn",
            "aws-us-gov",
            "aws-iso",
            "aws-iso-b",
            "aws-iso-e",
            "aws-iso-f",
            "aws-eusc",
            "AWS",
            "aws-",
            "",
        ][..],
        &["iam", "iam", "iam", "sts", "sts", "sts", "IAM", "s3", ""],
        &["", "", "us-east-1", "*"],
        &["111122223333", "111122223333", "", "1", "x y"],
    ] {
        arn.push(':');
        arn.push_str(rng.pick(sections));
        if rng.chance(30) {
            return arn;
        }
    }
    arn.push(':');
    arn.push_str(rng.pick(RESOURCES));
    for _ in 0..rng.below(4) {
        arn.push('/');
        arn.push_str(rng.pick(SEGMENTS));
    }
    arn
}

/// Compares what becomes of so many ARNs.
pub(crate) fn compare_arns(rng: &mut Rng, oracle: &mut Oracle, cases: usize) {
    let arns: Vec<String> = (0..cases).map(|_| arn_like(rng)).collect();
    let requests: Vec<Value> = arns.iter().map(|arn| json!({ "canonicalize": arn })).collect();
    let theirs: Vec<Option<String>> = oracle.ask(&requests);
    let identities = theirs.iter().flatten().count();
    for (arn, theirs) in arns.iter().zip(&theirs) {
        assert_eq!(&canonicalize(arn), theirs, "{arn}");
    }
    println!("{cases} ARNs, {identities} of them identities");
    assert!(identities * 20 > cases, "too few identities to tell anything");
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
