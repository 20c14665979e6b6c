//! The vectors: what aws-iam-authenticator's own code answered to 196 inputs, and to three more at random; and, in
//! another file, to inputs on which other YAML parsers, or earlier versions of ours, went wrong. Each is a test of its
//! own.

use std::collections::BTreeMap;

use aws_auth::Key;
use aws_auth::aws_auth::{AwsAuth, Source};
use aws_auth::canonical::canonicalize;
use aws_auth::lint::{Code, lint};
use aws_auth::lookup::{Alternative, Caller, Lookup, Options, Outcome};
use aws_auth::mapping::Uid;
use aws_auth::reader::{self, Reading};
use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;

const VECTORS: &str = include_str!("data/aws-auth-vectors.json");
const REGRESSIONS: &str = include_str!("data/regressions.json");

#[derive(Deserialize)]
struct Vectors {
    parse: Vec<Parse>,
    canonicalize: Vec<Canonicalize>,
    lookup: Vec<LookUp>,
    template: Vec<Template>,
    lookup_nondeterministic: Vec<LookUp>,
}

#[derive(Deserialize)]
struct Canonicalize {
    name: String,
    arn: String,
    expect: Option<String>,
}

#[derive(Deserialize, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Identity {
    username: String,
    groups: Vec<String>,
}

#[derive(Deserialize)]
struct LookUp {
    name: String,
    configmap_data: BTreeMap<String, String>,
    identity_arn: String,
    expect: Option<Identity>,
    #[serde(default)]
    expect_one_of: Vec<Identity>,
    #[serde(default)]
    sso_role_match_enabled: bool,
    #[serde(default)]
    reserved_username_prefixes: Vec<String>,
    #[serde(default)]
    ec2_private_dns_names: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Template {
    name: String,
    username: String,
    groups: Vec<String>,
    identity: TemplateCaller,
    ec2_private_dns_names: BTreeMap<String, String>,
    reserved_username_prefixes: Vec<String>,
    expect: Option<Identity>,
}

#[derive(Deserialize)]
struct TemplateCaller {
    account_id: String,
    session_name: String,
    access_key_id: String,
}

#[derive(Deserialize)]
struct Parse {
    name: String,
    configmap_data: BTreeMap<String, String>,
    expect: Parsed,
}

#[derive(Deserialize, PartialEq, Eq, Debug)]
struct Parsed {
    error: bool,
    roles: Vec<Role>,
    users: Vec<User>,
    accounts: Vec<String>,
}

#[derive(Deserialize, PartialEq, Eq, Debug)]
struct Role {
    rolearn: String,
    username: String,
    groups: Vec<String>,
    #[serde(default)]
    userid: String,
    sso: Option<Sso>,
}

#[derive(Deserialize, PartialEq, Eq, Debug)]
struct User {
    userarn: String,
    username: String,
    groups: Vec<String>,
    #[serde(default)]
    userid: String,
}

#[derive(Deserialize, PartialEq, Eq, Debug)]
#[serde(rename_all = "camelCase")]
struct Sso {
    permission_set_name: String,
    #[serde(rename = "accountID")]
    account_id: String,
    #[serde(default)]
    partition: String,
}

fn read(data: &BTreeMap<String, String>) -> [Reading; 3] {
    Key::ALL.map(|key| reader::read(key, data.get(key.as_str()).map(String::as_str)))
}

fn parsed(data: &BTreeMap<String, String>) -> Parsed {
    let readings = read(data);
    let role = |(_, read): (usize, &reader::ReadEntry)| Role {
        rolearn: read.entry.arn.clone(),
        username: read.entry.username.clone(),
        groups: read.entry.groups.clone(),
        userid: read.user_id.clone(),
        sso: read.sso.as_deref().map(|sso| Sso {
            permission_set_name: sso.permission_set_name.clone(),
            account_id: sso.account_id.clone(),
            partition: sso.partition.clone(),
        }),
    };
    let user = |(_, read): (usize, &reader::ReadEntry)| User {
        userarn: read.entry.arn.clone(),
        username: read.entry.username.clone(),
        groups: read.entry.groups.clone(),
        userid: read.user_id.clone(),
    };
    Parsed {
        error: readings.iter().any(Reading::is_error),
        roles: readings[0].entries().map(role).collect(),
        users: readings[1].entries().map(user).collect(),
        accounts: readings[2].entries().map(|(_, read)| read.entry.arn.clone()).collect(),
    }
}

/// Who the caller may become; `None`: it is turned away.
fn identities(outcome: Outcome) -> Vec<Option<Identity>> {
    let identity = |alternative| match alternative {
        Alternative::Admitted(a) => Some(Identity { username: a.username, groups: a.groups }),
        Alternative::Denied(_) => None,
    };
    match outcome {
        Outcome::Admitted(admission) => vec![identity(Alternative::Admitted(admission))],
        Outcome::Chance(alternatives) => alternatives.into_iter().map(identity).collect(),
        Outcome::Denied(_) | Outcome::Unsure(_) => vec![None],
    }
}

fn find(data: &BTreeMap<String, String>, caller: &Caller, options: &Options) -> Vec<Option<Identity>> {
    let readings = read(data);
    identities(Lookup::new(Key::ALL.into_iter().zip(&readings)).find(caller, options))
}

fn look_up(vector: &LookUp) -> Vec<Option<Identity>> {
    let Some(mut caller) = Caller::from_arn(&vector.identity_arn) else { return vec![None] };
    caller.private_dns_name = vector.ec2_private_dns_names.get(&caller.session_name).cloned();
    let options = Options {
        sso: vector.sso_role_match_enabled,
        reserved_username_prefixes: vector.reserved_username_prefixes.clone(),
    };
    find(&vector.configmap_data, &caller, &options)
}

/// The template goes through a document, as a user's would.
fn render(vector: &Template) -> Vec<Option<Identity>> {
    const ARN: &str = "arn:aws:iam::111122223333:role/templated";
    let entry = serde_json::json!([{ "rolearn": ARN, "username": vector.username, "groups": vector.groups }]);
    let caller = Caller {
        canonical_arn: ARN.to_owned(),
        account_id: vector.identity.account_id.clone(),
        session_name: vector.identity.session_name.clone(),
        access_key_id: vector.identity.access_key_id.clone(),
        private_dns_name: vector.ec2_private_dns_names.get(&vector.identity.session_name).cloned(),
    };
    let options =
        Options { reserved_username_prefixes: vector.reserved_username_prefixes.clone(), sso: false };
    find(&BTreeMap::from([("mapRoles".to_owned(), entry.to_string())]), &caller, &options)
}

/// Chance has exactly the outcomes that were seen, and lint says so.
fn by_chance(vector: &LookUp) -> Result<(), Failed> {
    let mut outcomes: Vec<Identity> = look_up(vector).into_iter().flatten().collect();
    outcomes.sort();
    let mut seen = vector.expect_one_of.clone();
    seen.sort();
    same(&outcomes, &seen)?;
    let source = Source { data: vector.configmap_data.clone(), ..Source::default() };
    let by_chance = |code: &Code| matches!(code, Code::CaseVariants | Code::SsoAndRole | Code::SsoOverlap);
    let found = lint(&AwsAuth::read(source, Uid::default()));
    let codes: Vec<Code> = found.into_iter().map(|found| found.code).filter(by_chance).collect();
    let expected = match vector.name.as_str() {
        "mapUsers duplicates differing only in case" => Code::CaseVariants,
        "sso entry and exact rolearn for the same role" => Code::SsoAndRole,
        _ => Code::SsoOverlap,
    };
    same(&codes, &vec![expected])
}

fn same<T: PartialEq + std::fmt::Debug>(ours: &T, theirs: &T) -> Result<(), Failed> {
    if ours == theirs { Ok(()) } else { Err(format!("ours:   {ours:?}\ntheirs: {theirs:?}").into()) }
}

fn main() -> Result<(), serde_json::Error> {
    let arguments = Arguments::from_args();
    let vectors: Vectors = serde_json::from_str(VECTORS)?;
    let regressions: Vec<Parse> = serde_json::from_str(REGRESSIONS)?;
    let mut trials = Vec::new();
    let parse = vectors.parse.into_iter().map(|vector| ("parse", vector));
    for (list, vector) in parse.chain(regressions.into_iter().map(|case| ("regression", case))) {
        let name = format!("{list}: {}", vector.name);
        trials.push(Trial::test(name, move || same(&parsed(&vector.configmap_data), &vector.expect)));
    }
    for vector in vectors.canonicalize {
        let name = format!("canonicalize: {}", vector.name);
        trials.push(Trial::test(name, move || same(&canonicalize(&vector.arn), &vector.expect)));
    }
    for vector in vectors.lookup {
        let name = format!("lookup: {}", vector.name);
        trials.push(Trial::test(name, move || same(&look_up(&vector), &vec![vector.expect])));
    }
    for vector in vectors.template {
        let name = format!("template: {}", vector.name);
        trials.push(Trial::test(name, move || same(&render(&vector), &vec![vector.expect])));
    }
    for vector in vectors.lookup_nondeterministic {
        let name = format!("by chance: {}", vector.name);
        trials.push(Trial::test(name, move || by_chance(&vector)));
    }
    libtest_mimic::run(&arguments, trials).exit();
}
