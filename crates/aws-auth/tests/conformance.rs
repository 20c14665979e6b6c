//! The vectors: what aws-iam-authenticator's own code answered to 196 inputs, and to three more at random. Each is a
//! test of its own.

use std::collections::BTreeMap;

use aws_auth::Key;
use aws_auth::reader::{self, Reading};
use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;

const VECTORS: &str = include_str!("data/aws-auth-vectors.json");

#[derive(Deserialize)]
struct Vectors {
    parse: Vec<Parse>,
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

fn same<T: PartialEq + std::fmt::Debug>(ours: &T, theirs: &T) -> Result<(), Failed> {
    if ours == theirs { Ok(()) } else { Err(format!("ours:   {ours:?}\ntheirs: {theirs:?}").into()) }
}

fn main() -> Result<(), serde_json::Error> {
    let arguments = Arguments::from_args();
    let vectors: Vectors = serde_json::from_str(VECTORS)?;
    let mut trials = Vec::new();
    for vector in vectors.parse {
        let name = format!("parse: {}", vector.name);
        trials.push(Trial::test(name, move || same(&parsed(&vector.configmap_data), &vector.expect)));
    }
    libtest_mimic::run(&arguments, trials).exit();
}
