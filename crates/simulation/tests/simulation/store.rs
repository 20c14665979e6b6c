//! What the simulated API server keeps: objects with versions, and every change there ever was.
//!
//! As the real one does it: a write over another version than the one that stands is a conflict, one that changes
//! nothing makes no version, and a name has one UID at a time. Not here: requests (`api`), what goes wrong (`weather`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::clock;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Namespaces,
    ConfigMaps,
    Leases,
    Events,
    Mappings,
    Crds,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Added,
    Modified,
    Deleted,
}

/// One version of one object.
#[derive(Debug, Clone)]
pub struct Change {
    pub number: u64,
    pub at: Instant,
    pub kind: Kind,
    pub name: String,
    /// The last that was known of it, where it is gone.
    pub object: Arc<Value>,
    pub what: What,
}

/// An answer that is no.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
    pub name: String,
    /// In seconds.
    pub retry_after: Option<u64>,
}

pub type Answer = Result<Arc<Value>, Refusal>;

/// All of it.
#[derive(Default)]
pub struct Store {
    objects: BTreeMap<(Kind, String), Arc<Value>>,
    pub history: Vec<Change>,
    version: u64,
    uids: u64,
}

impl Refusal {
    pub fn new(code: u16, reason: &'static str, name: &str) -> Self {
        let message = format!("{reason}: {name:?}");
        Self { code, reason, message, name: name.to_owned(), retry_after: None }
    }

    pub fn missing(name: &str) -> Self {
        Self::new(404, "NotFound", name)
    }

    fn conflict(name: &str) -> Self {
        Self::new(409, "Conflict", name)
    }
}

impl Store {
    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn get(&self, kind: Kind, name: &str) -> Answer {
        self.objects.get(&(kind, name.to_owned())).cloned().ok_or_else(|| Refusal::missing(name))
    }

    /// The objects of a kind as they were at a version, by name.
    pub fn at(&self, kind: Kind, version: u64) -> BTreeMap<String, Arc<Value>> {
        let mut found = BTreeMap::new();
        for change in self.history.iter().take_while(|change| change.number <= version) {
            if change.kind == kind {
                match change.what {
                    What::Deleted => found.remove(&change.name),
                    What::Added | What::Modified => found.insert(change.name.clone(), change.object.clone()),
                };
            }
        }
        found
    }

    /// The next change of a kind, and of one name where it is given, after a version.
    pub fn next(&self, kind: Kind, name: Option<&str>, after: u64) -> Option<&Change> {
        let from = self.history.partition_point(|change| change.number <= after);
        let wanted = |change: &&Change| change.kind == kind && name.is_none_or(|name| change.name == name);
        self.history[from..].iter().find(wanted)
    }

    pub fn create(&mut self, kind: Kind, mut object: Value, manager: &str) -> Answer {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if self.objects.contains_key(&(kind, name.clone())) {
            return Err(Refusal::new(409, "AlreadyExists", &name));
        }
        self.uids += 1;
        let metadata = metadata(&mut object);
        metadata.insert("uid".to_owned(), json!(format!("00000000-0000-4000-8000-{:012x}", self.uids)));
        metadata.insert("generation".to_owned(), json!(1));
        metadata.insert("creationTimestamp".to_owned(), json!(seconds()));
        if kind == Kind::ConfigMaps {
            manage(None, &mut object, manager);
        }
        Ok(self.commit(kind, name, object, What::Added))
    }

    /// Puts an object in the place of another, whose version and UID it may name.
    pub fn replace(&mut self, kind: Kind, name: &str, mut object: Value, manager: &str) -> Answer {
        let before = self.get(kind, name)?;
        for field in ["resourceVersion", "uid"] {
            let wanted = &object["metadata"][field];
            if wanted.is_string() && *wanted != before["metadata"][field] {
                return Err(Refusal::conflict(name));
            }
        }
        let metadata = metadata(&mut object);
        for field in ["resourceVersion", "uid", "generation", "creationTimestamp", "managedFields"] {
            metadata.insert(field.to_owned(), before["metadata"][field].clone());
        }
        if kind == Kind::Mappings {
            object["status"] = before["status"].clone();
            if object["spec"] != before["spec"] {
                let generation = before["metadata"]["generation"].as_i64().unwrap_or_default();
                object["metadata"]["generation"] = json!(generation + 1);
            }
        }
        if object == *before {
            return Ok(before);
        }
        if kind == Kind::ConfigMaps {
            manage(Some(&before), &mut object, manager);
        }
        Ok(self.commit(kind, name.to_owned(), object, What::Modified))
    }

    /// A merge patch of `status`.
    pub fn patch_status(&mut self, kind: Kind, name: &str, patch: &Value) -> Answer {
        let before = self.get(kind, name)?;
        let uid = &patch["metadata"]["uid"];
        if uid.is_string() && *uid != before["metadata"]["uid"] {
            return Err(Refusal::conflict(name));
        }
        let mut object = (*before).clone();
        merge(&mut object["status"], &patch["status"]);
        if object == *before {
            return Ok(before);
        }
        Ok(self.commit(kind, name.to_owned(), object, What::Modified))
    }

    pub fn delete(&mut self, kind: Kind, name: &str) -> Answer {
        let before = self.get(kind, name)?;
        Ok(self.commit(kind, name.to_owned(), (*before).clone(), What::Deleted))
    }

    fn commit(&mut self, kind: Kind, name: String, mut object: Value, what: What) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        let key = (kind, name.clone());
        match what {
            What::Deleted => self.objects.remove(&key),
            What::Added | What::Modified => self.objects.insert(key, object.clone()),
        };
        let change =
            Change { number: self.version, at: Instant::now(), kind, name, object: object.clone(), what };
        self.history.push(change);
        object
    }
}

fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    object["metadata"].as_object_mut().unwrap()
}

/// Now, as metadata have it.
fn seconds() -> String {
    jiff::Timestamp::from_second(clock::now().as_second()).unwrap().to_string()
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Writes down who owns which key of `data` and which annotation: whoever changed it last.
fn manage(before: Option<&Value>, object: &mut Value, manager: &str) {
    let nothing = json!({});
    let old = before.unwrap_or(&nothing);
    let mut entries: Vec<Value> = old["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    if !entries.iter().any(|entry| entry["manager"] == manager) {
        entries.push(json!({"manager": manager, "operation": "Update", "fieldsV1": {}}));
    }
    let places =
        [("/data", "/fieldsV1/f:data"), ("/metadata/annotations", "/fieldsV1/f:metadata/f:annotations")];
    for (place, fields) in places {
        let empty = Map::new();
        let texts = |object: &Value| object.pointer(place).and_then(Value::as_object).cloned();
        let (was, is) = (texts(old).unwrap_or(empty.clone()), texts(object).unwrap_or(empty));
        let changed: Vec<&String> =
            is.iter().filter(|(key, value)| was.get(*key) != Some(value)).map(|(key, _)| key).collect();
        for entry in &mut entries {
            let mine = entry["manager"] == manager;
            if mine {
                entry["time"] = json!(seconds());
            }
            let mut owned = entry.pointer(fields).and_then(Value::as_object).cloned().unwrap_or_default();
            owned.retain(|field, _| {
                let key = &field[2..];
                is.contains_key(key) && (mine || !changed.iter().any(|changed| *changed == key))
            });
            if mine {
                owned.extend(changed.iter().map(|key| (format!("f:{key}"), json!({}))));
            }
            if place == "/data" {
                entry["fieldsV1"]["f:data"] = Value::Object(owned);
            } else {
                entry["fieldsV1"]["f:metadata"]["f:annotations"] = Value::Object(owned);
            }
        }
    }
    object["metadata"]["managedFields"] = Value::Array(entries);
}
