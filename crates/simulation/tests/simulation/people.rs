//! Who else is in the cluster: people with their mappings, and others who write aws-auth, well or badly.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::clock;
use crate::network::Cluster;
use crate::replica::Levers;
use crate::store::{Kind, Store};

pub const AWS_AUTH: &str = "aws-auth";
const HELD: &str = "aws-auth.dev/held";
const APPROVE: &str = "aws-auth.dev/approve";
const OWNERS: &str = "aws-auth.dev/";

/// aws-auth as eksctl and people leave it.
pub const ROLES: &str = "- groups:
  - system:bootstrappers
  - system:nodes
  rolearn: arn:aws:iam::111122223333:role/eksctl-nodes
  username: system:node:{{EC2PrivateDNSName}}
# break glass: see OPS-12
- rolearn:   arn:aws:iam::111122223333:role/break-glass
  username: break-glass
  groups: [ \"system:masters\" ]   # keep
";

/// Who may have privileged values.
pub const PRIVILEGED: [&str; 2] =
    ["arn:aws:iam::111122223333:role/nodes", "arn:aws:iam::111122223333:role/admins"];

/// What a schedule lets people and others do.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "each is thrown by itself")]
pub struct Manners {
    /// Others append entries, and take their own away.
    pub append: bool,
    /// Others edit, remove and shadow what is ours, put old copies back, or strip what they do not know.
    pub meddle: bool,
    /// Others break, empty and delete it.
    pub wreck: bool,
    /// Operators are frozen, stopped and killed from outside, and clocks jump.
    pub shake: bool,
}

/// Everybody else.
pub struct People {
    pub cluster: Arc<Cluster>,
    pub rng: Rng,
    pub manners: Manners,
    pub levers: Vec<Levers>,
    /// Foreign entries that were ever appended.
    appended: u32,
    /// An earlier aws-auth, as somebody has it in a file.
    copy: Option<Value>,
    /// How many things were done.
    pub deeds: usize,
    /// Somebody put another ownership record there, or none.
    pub record_touched: bool,
}

/// The ARN of a role.
pub fn arn(role: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{role}")
}

/// The first aws-auth.
pub fn aws_auth(data: &[(&str, &str)]) -> Value {
    let data: BTreeMap<&str, &str> = data.iter().copied().collect();
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": AWS_AUTH, "namespace": "kube-system"}, "data": data})
}

impl People {
    pub fn new(cluster: Arc<Cluster>, seed: u64, manners: Manners, levers: Vec<Levers>) -> Self {
        Self {
            cluster,
            rng: Rng::with_seed(seed),
            manners,
            levers,
            appended: 0,
            copy: None,
            deeds: 0,
            record_touched: false,
        }
    }

    /// A mapping that is there before anything happens.
    pub fn begin_with(&mut self, n: u8) {
        let spec = self.spec();
        self.create(&format!("m{n}"), &spec);
    }

    /// Does things for a while.
    pub async fn live(&mut self, deeds: usize) {
        for _ in 0..deeds {
            let most = match self.rng.u8(0..10) {
                0..=3 => 20,
                4..=6 => 500,
                7..=8 => 8_000,
                _ => 90_000,
            };
            tokio::time::sleep(Duration::from_millis(self.rng.u64(0..=most))).await;
            self.do_something().await;
            self.deeds += 1;
        }
    }

    async fn do_something(&mut self) {
        let Manners { append, meddle, wreck, shake } = self.manners;
        match self.rng.u8(0..100) {
            55..=59 => self.approve(),
            60..=74 if append => self.append(),
            75..=89 if meddle => self.meddle(),
            90..=92 if wreck => self.wreck(),
            93..=97 if shake => self.shake().await,
            _ => self.tend_a_mapping(),
        }
    }

    fn tend_a_mapping(&mut self) {
        let name = format!("m{}", self.rng.u8(1..=9));
        let there = self.cluster.with_store(|store| store.get(Kind::Mappings, &name).ok());
        let Some(there) = there else {
            let spec = self.spec();
            self.create(&name, &spec);
            return;
        };
        if self.rng.u8(0..10) < 4 {
            self.mappings(&format!("deletes {name}"), |store| store.delete(Kind::Mappings, &name).is_ok());
            if self.rng.u8(0..3) == 0 {
                let spec = if self.rng.bool() { there["spec"].clone() } else { self.spec() };
                self.create(&name, &spec);
            }
            return;
        }
        let mut object = (*there).clone();
        self.change(&mut object["spec"]);
        let what = format!("changes {name} to {}", object["spec"]);
        object["metadata"]["resourceVersion"] = Value::Null;
        self.mappings(&what, |store| store.replace(Kind::Mappings, &name, object, "kubectl").is_ok());
    }

    fn mappings(&self, what: &str, change: impl FnOnce(&mut Store) -> bool) {
        self.cluster.change("people", what, change);
    }

    fn create(&mut self, name: &str, spec: &Value) {
        let object = json!({"apiVersion": "aws-auth.dev/v1alpha1", "kind": "IamMapping", "metadata": {"name": name}, "spec": spec});
        self.mappings(&format!("creates {name}: {}", object["spec"]), |store| {
            store.create(Kind::Mappings, object, "kubectl").is_ok()
        });
    }

    /// What a new mapping asks for.
    pub fn spec(&mut self) -> Value {
        let mut spec = match self.rng.u8(0..24) {
            0 => return json!({"arn": PRIVILEGED[0], "type": "EC2_LINUX"}),
            1 => return json!({"arn": PRIVILEGED[1], "username": "admins", "groups": ["system:masters"]}),
            // Not allowed.
            2 => return json!({"arn": arn("r1"), "username": "r1", "groups": ["system:masters"]}),
            3 | 4 => {
                let name = format!("u{}", self.rng.u8(1..=2));
                json!({"arn": format!("arn:aws:iam::111122223333:user/{name}"), "username": name})
            }
            5 | 6 => {
                let name = format!("r{}", self.rng.u8(1..=9));
                json!({"arn": arn(&format!("team/{name}")), "username": name})
            }
            _ => {
                let name = format!("r{}", self.rng.u8(1..=9));
                json!({"arn": arn(&name), "username": name})
            }
        };
        spec["groups"] = self.groups();
        if self.rng.u8(0..4) == 0 {
            self.change(&mut spec);
        }
        spec
    }

    fn groups(&mut self) -> Value {
        let all = ["developers", "viewers", "operators"];
        json!(all.into_iter().filter(|_| self.rng.bool()).collect::<Vec<_>>())
    }

    /// Anything of a spec but its principal can change.
    fn change(&mut self, spec: &mut Value) {
        match self.rng.u8(0..12) {
            0 => spec["paused"] = json!(spec["paused"] != true),
            1 => {
                let seconds = self.rng.i64(-20..200);
                let end: Timestamp = clock::now() + SignedDuration::from_secs(seconds);
                spec["expiresAt"] = json!(Timestamp::from_second(end.as_second()).unwrap().to_string());
            }
            2 => {
                spec.as_object_mut().unwrap().remove("expiresAt");
            }
            3 => spec["adoption"] = json!(if self.rng.bool() { "Adopt" } else { "Refuse" }),
            4 => spec["username"] = json!(format!("name-{}", self.rng.u8(0..3))),
            // As an older CRD let it be stored.
            5 if self.rng.u8(0..3) == 0 => spec["groups"] = json!("developers"),
            _ => spec["groups"] = self.groups(),
        }
        if !spec["type"].is_null() {
            for fixed in ["username", "groups"] {
                spec.as_object_mut().unwrap().remove(fixed);
            }
        }
    }

    /// Changes aws-auth where it is there.
    fn edit(&mut self, who: &str, what: &str, edit: impl FnOnce(&mut Value)) {
        let Ok(before) = self.cluster.with_store(|store| store.get(Kind::ConfigMaps, AWS_AUTH)) else {
            return;
        };
        let mut object = (*before).clone();
        edit(&mut object);
        let record = |object: &Value| object["metadata"]["annotations"]["aws-auth.dev/owned"].clone();
        self.record_touched |= record(&object) != record(&before);
        self.cluster
            .change(who, what, |store| store.replace(Kind::ConfigMaps, AWS_AUTH, object, who).is_ok());
    }

    /// Lets through what is held, or tries to.
    pub fn approve(&mut self) {
        let held = self.cluster.with_store(|store| {
            let object = store.get(Kind::ConfigMaps, AWS_AUTH).ok()?;
            let held = object["metadata"]["annotations"][HELD].as_str()?.to_owned();
            serde_json::from_str::<Value>(&held).ok()
        });
        let Some(held) = held else { return };
        let all = held["held"].as_array().cloned().unwrap_or_default();
        let Some(one) = self.rng.choice(&all) else { return };
        let hash = one["hash"].as_str().unwrap_or_default().to_owned();
        self.edit("jane", &format!("approves {hash}"), |object| {
            object["metadata"]["annotations"][APPROVE] = json!(hash);
        });
    }

    fn append(&mut self) {
        if self.appended > 0 && self.rng.u8(0..3) == 0 {
            let name = format!("f{}", self.rng.u32(1..=self.appended));
            self.edit("eksctl", &format!("takes {name} away"), |object| take_away(object, &arn(&name)));
            return;
        }
        self.appended += 1;
        let name = format!("f{}", self.appended);
        let (first, comment) = (self.rng.bool(), self.rng.bool());
        self.edit("eksctl", &format!("appends {name}"), |object| {
            insert(
                object,
                &format!(
                    "- rolearn: {}\n  username: {name}\n  groups:\n  - theirs{}\n",
                    arn(&name),
                    if comment { "   # ours, says eksctl" } else { "" }
                ),
                first,
            );
        });
    }

    fn meddle(&mut self) {
        let name = format!("r{}", self.rng.u8(1..=9));
        let first = self.rng.bool();
        match self.rng.u8(0..9) {
            0..=2 => self.edit("kubectl-edit", "edits what is ours", |object| {
                let text = roles(object);
                *text = text.replacen("\"developers\"", "\"edited\"", 1);
            }),
            3 => self
                .edit("kubectl-edit", &format!("takes {name} away"), |object| take_away(object, &arn(&name))),
            4 => self.edit("terraform", &format!("writes an entry for {name}"), |object| {
                insert(
                    object,
                    &format!("- {{rolearn: {}, username: shadow, groups: [theirs]}}\n", arn(&name)),
                    first,
                );
            }),
            5 => {
                self.copy = self.cluster.with_store(|store| {
                    store.get(Kind::ConfigMaps, AWS_AUTH).ok().map(|object| object["data"].clone())
                });
            }
            6 => {
                if let Some(copy) = self.copy.clone() {
                    self.edit("terraform", "puts an old copy back", |object| object["data"] = copy);
                }
            }
            7 => self.edit("argocd", "strips what it does not know", |object| {
                if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
                    annotations.retain(|name, _| !name.starts_with(OWNERS));
                }
            }),
            _ => {
                let touched = self.rng.u32(..);
                self.edit("kubectl-annotate", "annotates", |object| {
                    object["metadata"]["annotations"]["touched"] = json!(touched.to_string());
                });
            }
        }
    }

    fn wreck(&mut self) {
        match self.rng.u8(0..4) {
            0 | 1 => {
                let key = if self.rng.bool() { "mapRoles" } else { "mapUsers" };
                self.edit("kubectl-edit", &format!("breaks {key}"), |object| {
                    let text = object["data"][key].as_str().unwrap_or_default().to_owned();
                    object["data"][key] = json!(format!("{text}- rolearn: 'x\n"));
                });
            }
            2 => {
                self.cluster.change("somebody", "deletes aws-auth", |store| {
                    store.delete(Kind::ConfigMaps, AWS_AUTH).is_ok()
                });
            }
            _ => self.edit("somebody", "empties aws-auth", |object| {
                object.as_object_mut().unwrap().remove("data");
            }),
        }
    }

    async fn shake(&mut self) {
        let levers = self.levers[self.rng.usize(..self.levers.len())].clone();
        match self.rng.u8(0..4) {
            0 => {
                self.cluster.log("an operator is frozen");
                levers.frozen.send_replace(true);
                tokio::time::sleep(Duration::from_millis(self.rng.u64(0..40_000))).await;
                levers.frozen.send_replace(false);
                self.cluster.log("it thaws");
            }
            1 => {
                levers.stop.send_modify(|count| *count += 1);
            }
            2 => {
                levers.kill.send_modify(|count| *count += 1);
            }
            _ => {
                let seconds = self.rng.i64(-100..100);
                self.cluster.log(&format!("the clock is off by {seconds} s"));
                clock::jump(seconds);
            }
        }
    }
}

fn roles(object: &mut Value) -> &mut String {
    if !object["data"]["mapRoles"].is_string() {
        object["data"]["mapRoles"] = json!("");
    }
    match &mut object["data"]["mapRoles"] {
        Value::String(text) => text,
        _ => unreachable!("it is text"),
    }
}

/// Writes an entry in front of all, or behind.
fn insert(object: &mut Value, entry: &str, first: bool) {
    let text = roles(object);
    if text.trim().is_empty() || text.trim() == "[]" {
        entry.clone_into(text);
    } else if first {
        text.insert_str(0, entry);
    } else {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(entry);
    }
}

/// Takes the first entry of an ARN away.
fn take_away(object: &mut Value, arn: &str) {
    let text = roles(object);
    let begins = |line: &str| line.starts_with("- ");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let is_it = |line: &str| {
        line.trim_end().trim_end_matches('"').ends_with(arn) || line.contains(&format!("{arn},"))
    };
    let Some(at) = lines.iter().position(|line| is_it(line)) else { return };
    let Some(from) = (0..=at).rev().find(|at| begins(lines[*at])) else { return };
    let to = (at + 1..lines.len()).find(|at| !lines[*at].starts_with("  ")).unwrap_or(lines.len());
    *text = [&lines[..from], &lines[to..]].concat().concat();
}
