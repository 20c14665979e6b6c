//! One version of aws-auth as whoever depends on it sees it: items with their bytes, who is an admin, what stands
//! beside our items.

use std::collections::{BTreeMap, BTreeSet};

use aws_auth::Key;
use aws_auth::lookup::{Caller, Lookup, Options, Outcome};
use aws_auth::reader::{self, Element, ListStyle};
use k8s_openapi::api::core::v1::ConfigMap;

const MASTERS: &str = "system:masters";
const OURS: &str = "aws-auth.dev/";
const HEADER: &str = "# Managed by aws-auth-operator";

/// An item of one of the three lists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    pub key: &'static str,
    /// Its bytes.
    pub text: String,
    /// As it is compared: in lower case. Empty for what the reader drops.
    pub arn: String,
    pub username: String,
    pub groups: BTreeSet<String>,
}

/// One version.
pub struct Reading {
    keys: BTreeMap<&'static str, KeyReading>,
    items: Vec<Item>,
    /// Everything beside the three lists that is not ours.
    pub beside: BTreeMap<String, String>,
    /// Who gets in as an admin.
    pub admins: BTreeSet<String>,
}

struct KeyReading {
    key: Key,
    reading: reader::Reading,
    text: String,
}

impl Reading {
    pub fn of(object: Option<&ConfigMap>) -> Self {
        let empty = ConfigMap::default();
        let object = object.unwrap_or(&empty);
        let data = object.data.clone().unwrap_or_default();
        let keys: BTreeMap<_, _> = Key::ALL
            .into_iter()
            .map(|key| {
                let text = data.get(key.as_str());
                let reading = reader::read(key, text.map(String::as_str));
                (key.as_str(), KeyReading { key, reading, text: text.cloned().unwrap_or_default() })
            })
            .collect();
        let mut beside = BTreeMap::new();
        let mut add = |kind: &str, name: &str, value: String| beside.insert(format!("{kind} {name}"), value);
        for (name, value) in data.iter().filter(|(name, _)| !keys.contains_key(name.as_str())) {
            add("data", name, value.clone());
        }
        for (name, value) in object.binary_data.iter().flatten() {
            add("binaryData", name, format!("{value:?}"));
        }
        for (name, value) in object.metadata.labels.iter().flatten() {
            add("label", name, value.clone());
        }
        for (name, value) in object.metadata.annotations.iter().flatten() {
            if !name.starts_with(OURS) {
                add("annotation", name, value.clone());
            }
        }
        add("field", "finalizers", format!("{:?}", object.metadata.finalizers));
        add("field", "ownerReferences", format!("{:?}", object.metadata.owner_references));
        add("field", "immutable", format!("{:?}", object.immutable));
        let items = keys.values().flat_map(KeyReading::items).collect();
        let mut reading = Self { keys, items, beside, admins: BTreeSet::new() };
        reading.admins = reading.find_admins();
        reading
    }

    /// Whether it is not there, has a key that nobody can read, or no entry at all.
    pub fn is_damaged(&self) -> bool {
        self.items().is_empty() || self.keys.keys().any(|key| !self.parses(key))
    }

    /// Every item, in order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Whether the reader can read a key; one that is absent it can.
    pub fn parses(&self, key: &str) -> bool {
        matches!(self.keys[key].reading, reader::Reading::Nothing | reader::Reading::List(_))
    }

    pub fn keys() -> [&'static str; 3] {
        Key::ALL.map(Key::as_str)
    }

    /// What is left of a key's lines without those of `ours`; `None` where the list is not one item after another.
    pub fn lines_without(&self, key: &str, ours: &BTreeSet<Item>) -> Option<String> {
        let KeyReading { reading, text, .. } = &self.keys[key];
        let list = match reading {
            reader::Reading::List(list) => list,
            reader::Reading::Nothing => return Some(String::new()),
            _ => return Some(text.clone()),
        };
        if !matches!(list.style, ListStyle::Block { .. }) {
            return None;
        }
        let mut rest = String::new();
        let mut from = 0;
        for (item, read) in list.items.iter().zip(self.items.iter().filter(|item| item.key == key)) {
            if ours.contains(read) {
                let begin = text[..item.span.start].rfind('\n').map_or(0, |end| end + 1);
                let end = text[item.span.end..].find('\n').map_or(text.len(), |end| item.span.end + end + 1);
                rest.push_str(&text[from.min(begin)..begin]);
                from = end;
            }
        }
        rest.push_str(&text[from..]);
        let kept = rest.lines().filter(|line| !line.trim_start().starts_with(HEADER));
        Some(kept.collect::<Vec<_>>().join("\n"))
    }

    /// Whom a caller becomes: username and groups.
    pub fn who(&self, arn: &str) -> Option<(String, BTreeSet<String>)> {
        who(&self.lookup(), arn)
    }

    fn lookup(&self) -> Lookup<'_> {
        Lookup::new(self.keys.values().map(|read| (read.key, &read.reading)))
    }

    fn find_admins(&self) -> BTreeSet<String> {
        let lookup = self.lookup();
        let listed = self.items.iter().filter(|item| item.groups.contains(MASTERS));
        listed
            .map(|item| item.arn.clone())
            // A role comes in without its path.
            .filter(|arn| arn.split_once(":role/").is_none_or(|(_, name)| !name.contains('/')))
            .filter(|arn| who(&lookup, arn).is_some_and(|(_, groups)| groups.contains(MASTERS)))
            .collect()
    }
}

fn who(lookup: &Lookup<'_>, arn: &str) -> Option<(String, BTreeSet<String>)> {
    let caller = Caller {
        // A node comes in under its instance's name; what EC2 calls it is left as it stands.
        session_name: "i-0123456789abcdef0".to_owned(),
        private_dns_name: Some("{{EC2PrivateDNSName}}".to_owned()),
        ..Caller::from_arn(arn)?
    };
    match lookup.find(&caller, &Options::default()) {
        Outcome::Admitted(admission) => Some((admission.username, admission.groups.into_iter().collect())),
        _ => None,
    }
}

impl KeyReading {
    fn items(&self) -> Vec<Item> {
        let reader::Reading::List(list) = &self.reading else { return Vec::new() };
        list.items
            .iter()
            .map(|item| {
                let (arn, username, groups) = match &item.element {
                    Element::Entry(read) => (
                        read.entry.arn.to_lowercase(),
                        read.entry.username.clone(),
                        read.entry.groups.iter().cloned().collect(),
                    ),
                    Element::Dropped => Default::default(),
                };
                let text = self.text[item.span.clone()].to_owned();
                Item { key: self.key.as_str(), text, arn, username, groups }
            })
            .collect()
    }
}
