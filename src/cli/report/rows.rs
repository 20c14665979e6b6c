//! The rows of the report: one for each entry of aws-auth, admins first.

use std::collections::BTreeMap;

use aws_auth::Key;
use aws_auth::arn::Principal;
use aws_auth::aws_auth::AwsAuth;
use aws_auth::mapping::{Mapping, Uid};
use aws_auth::ownership::PrincipalHash;
use aws_auth::plan::claims::{At, Claims, Items};
use aws_auth::plan::precedence::obeyed;
use aws_auth::rbac::{self, Rbac};
use aws_auth::reader::{Element, Reading};
use serde::Serialize;

use crate::api::{IamMapping, convert};
use crate::cli::grants::{self, Given};

/// One entry.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) key: &'static str,
    pub(super) line: usize,
    /// As the entry spells it.
    pub(super) principal: String,
    pub(super) kind: Kind,
    pub(super) username: String,
    pub(super) groups: Vec<String>,
    pub(super) state: State,
    /// Whether it is in `system:masters`, which may do everything whatever RBAC says.
    pub(super) admin: bool,
    /// Whether it may do everything, in `system:masters` or by RBAC as far as that was read.
    pub(super) everything: bool,
    /// The IamMapping that it was written for.
    pub(super) mapping: Option<String>,
    pub(super) description: Option<String>,
    /// When that was made, and when it ends.
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
    /// The bindings that name it; none where they were not read.
    pub(super) rbac: Option<Vec<Given>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    Role,
    User,
    Account,
    Node,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum State {
    /// Whoever it names gets in by it.
    Counts,
    /// Another entry for the principal counts.
    Shadowed,
    /// The authenticator takes one of several at random.
    Chance,
    /// No caller is ever matched by it.
    MatchesNobody,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Shadowed => "shadowed",
            Self::Chance => "chance decides",
            Self::MatchesNobody => "matches nobody",
        }
    }
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
            Self::Account => "account",
            Self::Node => "node",
            Self::Other => "other",
        }
    }
}

/// Keys that cannot be read: what the report does not show.
pub(in crate::cli) fn faults(aws_auth: &AwsAuth) -> Vec<(Key, String)> {
    let fault = |key: Key| match aws_auth.key(key).reading() {
        Reading::Broken(fault) | Reading::Unsure(fault) => Some((key, fault.message.clone())),
        Reading::NotAList(_) => Some((key, "not a list".to_owned())),
        Reading::Nothing | Reading::List(_) => None,
    };
    Key::ALL.into_iter().filter_map(fault).collect()
}

pub(super) fn rows(aws_auth: &AwsAuth, objects: &[IamMapping], rbac: Option<&Rbac>) -> Vec<Row> {
    let mappings: Vec<Mapping> = objects.iter().map(convert::mapping).collect();
    let references: Vec<&Mapping> = mappings.iter().collect();
    let by_uid: BTreeMap<Uid, &IamMapping> =
        mappings.iter().map(|mapping| mapping.uid).zip(objects).collect();
    let items = Items::of(aws_auth);
    let claims = Claims::of(aws_auth, &items, &references);
    let mut rows = Vec::new();
    for key in Key::ALL {
        for (index, item, identity) in aws_auth.key(key).items() {
            let Element::Entry(read) = &item.element else { continue };
            let at = At { key, index };
            let object = claims.owner(at).and_then(|uid| by_uid.get(&uid));
            let entry = &read.entry;
            let state = match identity {
                None => State::MatchesNobody,
                Some(_) if key != Key::MapAccounts && !matchable(&entry.arn) => State::MatchesNobody,
                Some(identity) => {
                    let hash = PrincipalHash::of(&identity.principal);
                    let all: Vec<At> = items.of_principal(hash, &identity.principal).collect();
                    match obeyed(&items, &all) {
                        rule if !rule.contains(&at) => State::Shadowed,
                        rule if rule.len() > 1 => State::Chance,
                        _ => State::Counts,
                    }
                }
            };
            let given = rbac.map(|rbac| grants::given(rbac, &entry.username, &entry.groups));
            let admin = rbac::is_beyond(&entry.groups);
            let time = |at: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Time| at.0.to_string();
            rows.push(Row {
                key: key.as_str(),
                line: item.line,
                principal: match &read.sso {
                    Some(sso) => format!("sso {} {}", sso.account_id, sso.permission_set_name),
                    None => entry.arn.clone(),
                },
                kind: kind(key, &entry.arn, &entry.username),
                // An account's principals come in under their own ARNs.
                username: if key == Key::MapAccounts {
                    "(their own ARN)".to_owned()
                } else {
                    entry.username.clone()
                },
                groups: entry.groups.clone(),
                state,
                admin,
                everything: admin || given.iter().flatten().any(|given| given.everything),
                mapping: object.and_then(|object| object.metadata.name.clone()),
                description: object.and_then(|object| object.spec.description.clone()),
                since: object.and_then(|object| object.metadata.creation_timestamp.as_ref().map(time)),
                until: object.and_then(|object| object.spec.expires_at.as_ref().map(time)),
                rbac: given,
            });
        }
    }
    // Admins first, then people, then nodes, and last what lets nobody in.
    rows.sort_by_key(|row| {
        let nobody = matches!(row.state, State::Shadowed | State::MatchesNobody);
        (nobody, !row.admin, !row.everything, row.kind == Kind::Node)
    });
    rows
}

/// Whether a caller can ever have the ARN: a role's path, for one, is gone by then.
fn matchable(arn: &str) -> bool {
    let caller = aws_auth::canonical::canonicalize(arn);
    let path =
        Principal::parse(arn).is_ok_and(|principal| principal.key() != aws_auth::arn::PrincipalKey::of(arn));
    caller.as_deref() == Some(arn) && !path && !arn.contains(['*', '?'])
}

fn kind(key: Key, arn: &str, username: &str) -> Kind {
    if key == Key::MapAccounts {
        Kind::Account
    } else if username.starts_with("system:node:") {
        Kind::Node
    } else if arn.contains(":role/") {
        Kind::Role
    } else if arn.contains(":user/") {
        Kind::User
    } else {
        Kind::Other
    }
}
