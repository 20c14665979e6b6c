//! What was asked for, and when: every version of every `IamMapping`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kube::api::DynamicObject;
use serde_json::Value;

use super::reading::Item;
use crate::common::Seen;

/// What an object asked for while it had one spec.
#[derive(Debug, Clone)]
pub struct Wish {
    pub name: String,
    pub arn: String,
    key: &'static str,
    /// `None` where the default is asked for.
    username: Option<String>,
    groups: BTreeSet<String>,
    pub adopts: bool,
    /// It is asked for until some time only.
    pub ends: bool,
    since: u64,
    /// When it was no more; `None` while it is.
    until: Option<(u64, Instant)>,
}

/// An object's own word that it is applied.
#[derive(Debug)]
pub struct Claim {
    pub number: u64,
    pub wish: Wish,
}

pub struct Journal {
    pub wishes: Vec<Wish>,
    pub claims: Vec<Claim>,
    /// Those that are there, as they were seen last.
    pub living: Vec<Value>,
}

impl Journal {
    pub fn of(seen: &[Seen<DynamicObject>]) -> Self {
        let mut open: BTreeMap<String, (Value, usize)> = BTreeMap::new();
        let mut living: BTreeMap<String, Value> = BTreeMap::new();
        let (mut wishes, mut claims): (Vec<Wish>, Vec<Claim>) = (Vec::new(), Vec::new());
        for Seen { number, at, object, gone, listed } in seen {
            let object = serde_json::to_value(object).unwrap();
            let uid = object["metadata"]["uid"].as_str().unwrap().to_owned();
            let spec = object["spec"].clone();
            if let Some((before, wish)) = open.get(&uid)
                && (*gone || *before != spec)
            {
                wishes[*wish].until = Some((*number, *at));
                open.remove(&uid);
            }
            if *gone {
                living.remove(&uid);
                continue;
            }
            if !open.contains_key(&uid)
                && let Some(wish) = Wish::of(&object, if *listed { 0 } else { *number })
            {
                wishes.push(wish);
                open.insert(uid.clone(), (spec, wishes.len() - 1));
            }
            let observed = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            let news = living.get(&uid).is_none_or(|before| before["status"] != object["status"]);
            if observed && news && says_applied(&object) {
                let wish = open.get(&uid).map(|(_, wish)| wishes[*wish].clone());
                claims.extend(wish.map(|wish| Claim { number: *number, wish }));
            }
            living.insert(uid, object);
        }
        Self { wishes, claims, living: living.into_values().collect() }
    }
}

impl Wish {
    pub fn of(object: &Value, since: u64) -> Option<Self> {
        let spec = &object["spec"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (key, arn) = match (text(&spec["arn"]), text(&spec["accountId"])) {
            (Some(arn), None) => {
                let arn = arn.to_lowercase();
                match arn.split_once(":role/") {
                    // A role comes in without its path.
                    Some((account, name)) => {
                        ("mapRoles", format!("{account}:role/{}", name.rsplit('/').next().unwrap()))
                    }
                    None => ("mapUsers", arn),
                }
            }
            (None, Some(account)) => ("mapAccounts", account),
            _ => return None,
        };
        let (username, groups) = match spec["type"].as_str() {
            Some("EC2_LINUX") => (
                Some("system:node:{{EC2PrivateDNSName}}".to_owned()),
                ["system:bootstrappers", "system:nodes"].map(str::to_owned).into(),
            ),
            _ => (
                text(&spec["username"]),
                spec["groups"].as_array().into_iter().flatten().filter_map(text).collect(),
            ),
        };
        let name = text(&object["metadata"]["name"])?;
        let adopts = spec["adoption"] == "Adopt";
        let ends = spec["expiresAt"].is_string();
        Some(Self { name, arn, key, username, groups, adopts, ends, since, until: None })
    }

    /// Whether an item is what is asked for.
    pub fn is(&self, item: &Item) -> bool {
        self.key == item.key && self.arn == item.arn && self.is_met_by(&item.username, &item.groups)
    }

    /// Whether its caller, once in, is whom it should be.
    pub fn is_met_by(&self, username: &str, groups: &BTreeSet<String>) -> bool {
        self.username.as_ref().is_none_or(|wanted| wanted == username) && self.groups == *groups
    }

    /// Whether it was asked for when version `number` was written, or until `grace` before that.
    pub fn stood(&self, number: u64, at: Instant, grace: Duration) -> bool {
        self.since < number
            && self.until.is_none_or(|(end, ended)| end > number || at.duration_since(ended) <= grace)
    }

    /// Whether it was asked for at any time after version `number`.
    pub fn stood_after(&self, number: u64) -> bool {
        self.until.is_none_or(|(end, _)| end > number)
    }

    pub fn since(&self) -> u64 {
        self.since
    }
}

/// Whether an object's `Applied` is true and its own.
pub fn says_applied(object: &Value) -> bool {
    condition(object, "Applied").is_some_and(|found| found["status"] == "True")
}

/// A condition of an object.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}
