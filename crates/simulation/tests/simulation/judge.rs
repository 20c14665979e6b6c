//! Whether a schedule went well: every version of aws-auth before the same auditor that the fault tests have, and in the
//! end every mapping as it was asked for, or with a reason that holds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::DynamicObject;
use serde_json::Value;

use crate::clock;
use crate::common::Seen;
use crate::journal::{Wish, condition};
use crate::ledger::{Audit, Material};
use crate::network::Cluster;
use crate::people::{AWS_AUTH, Manners, PRIVILEGED, People};
use crate::reading::{Item, Reading};
use crate::store::{Change, Kind, What};

/// Who judges one schedule.
pub struct Judge {
    cluster: Arc<Cluster>,
    manners: Manners,
    /// Somebody put another ownership record there, or none: what was ours may be nobody's.
    record_touched: bool,
}

impl Judge {
    pub fn new(cluster: Arc<Cluster>, manners: Manners, people: &People) -> Self {
        Self { cluster, manners, record_touched: people.record_touched }
    }

    /// The newest version of anything that counts.
    pub fn newest(&self) -> u64 {
        let counts = |change: &&Change| {
            change.kind == Kind::Mappings || change.kind == Kind::ConfigMaps && change.name == AWS_AUTH
        };
        self.cluster
            .with_store(|store| store.history.iter().rev().find(counts).map(|change| change.number))
            .unwrap_or_default()
    }

    /// Whether something waits for a person: that is published anew every quarter of an hour.
    pub fn something_is_held(&self) -> bool {
        self.cluster.with_store(|store| {
            let object = store.get(Kind::ConfigMaps, AWS_AUTH);
            object.is_ok_and(|object| object["metadata"]["annotations"]["aws-auth.dev/held"].is_string())
        })
    }

    /// How many versions of aws-auth there were.
    pub fn writes(&self) -> usize {
        self.cluster.with_store(|store| {
            store
                .history
                .iter()
                .filter(|change| change.kind == Kind::ConfigMaps && change.name == AWS_AUTH)
                .count()
        })
    }

    /// Every version before the auditor.
    pub fn audit(&self) -> Audit {
        let (aws_auth, mappings): (Vec<Seen<ConfigMap>>, Vec<Seen<DynamicObject>>) =
            self.cluster.with_store(|store| {
                let of = |kind: Kind| store.history.iter().filter(move |change| change.kind == kind);
                (
                    of(Kind::ConfigMaps).filter(|change| change.name == AWS_AUTH).map(seen).collect(),
                    of(Kind::Mappings).map(seen).collect(),
                )
            });
        let (sent, views) = self.cluster.sent();
        let known = self.cluster.known();
        let privileged: BTreeSet<String> = PRIVILEGED.iter().map(|arn| arn.to_lowercase()).collect();
        // What whoever planned that version had not been told of may still be written.
        let stood = |wish: &Wish, number: u64, _: Instant| {
            let known = views.get(&number).copied().unwrap_or(number);
            wish.since() < number && wish.stood_after(known)
        };
        Audit::of(Material {
            aws_auth,
            mappings: &mappings,
            sent: &sent,
            privileged: &privileged,
            everything_is_ours: false,
            stood: &stood,
            // Nobody may have told it of what others wrote since.
            known: &|number| known.get(&number).copied().unwrap_or(number),
        })
    }

    /// Whether all that lives has what it asks for or a reason why not, and nothing else is ours.
    pub fn verdict(&self, approves: bool) -> Result<(), String> {
        let audit = self.audit();
        let mut wanted = Vec::new();
        for object in &audit.living {
            let wish = self.is_met(object, &audit, approves)?;
            wanted.extend(wish);
        }
        let nodes = |item: &Item| item.groups.contains("system:nodes") && !approves;
        let admins = audit.versions.last().map_or(0, |version| version.reading.admins.len());
        let last_admin = |item: &Item| admins == 1 && item.groups.contains("system:masters");
        let stray: Vec<&Item> = audit
            .ours
            .iter()
            .filter(|item| {
                !wanted.contains(&item.arn)
                    && !nodes(item)
                    && !last_admin(item)
                    && !audit.doubtful.contains(item)
                    && !self.record_touched
            })
            .collect();
        if stray.is_empty() { Ok(()) } else { Err(format!("I9: ours, and nobody's: {stray:#?}")) }
    }

    /// Whether an object's status says what is so. Returns the ARN that it rightly has, if it has one.
    fn is_met(&self, object: &Value, audit: &Audit, approves: bool) -> Result<Option<String>, String> {
        // None at all where nobody ever wanted anything in it.
        let nothing = Reading::of(None);
        let reading = audit.versions.last().map_or(&nothing, |version| &version.reading);
        let (name, spec) = (&object["metadata"]["name"], &object["spec"]);
        let ready = condition(object, "Ready").cloned().unwrap_or_default();
        let wrong = |what: &str| Err(format!("I9: {name}, {what}: {spec}, {}", object["status"]));
        if object["status"]["observedGeneration"] != object["metadata"]["generation"] {
            return wrong("its status is old");
        }
        let Some(wish) = Wish::of(object, 0) else { return wrong("it asks for nothing") };
        let expired = spec["expiresAt"]
            .as_str()
            .is_some_and(|end| end.parse::<jiff::Timestamp>().unwrap() <= clock::now());
        let ready = (ready["status"] == "True", ready["reason"].as_str().unwrap_or_default());
        let others = self.manners.meddle || self.manners.wreck;
        let is_foreign = |item: &Item| !audit.ours.contains(item) || audit.doubtful.contains(item);
        let foreign = reading.items().iter().any(|item| item.arn == wish.arn && is_foreign(item));
        let twin = |other: &&Value| {
            other["metadata"]["uid"] != object["metadata"]["uid"]
                && Wish::of(other, 0).is_some_and(|other| other.arn == wish.arn)
        };
        let who = reading.who(&wish.arn);
        let met = who.as_ref().is_some_and(|(username, groups)| wish.is_met_by(username, groups));
        let holds = match ready {
            (true, "Applied") => met && !expired,
            (true, "AlreadyPresent") => met && !expired && (others || self.record_touched),
            (true, "Expired") => return if expired { Ok(None) } else { wrong("it has not expired") },
            (_, "Paused") => spec["paused"] == true && !expired,
            (false, "PrivilegedValue") => {
                let high = spec["groups"]
                    .as_array()
                    .is_some_and(|groups| groups.iter().any(|group| group == "system:masters"));
                high || wish.adopts && foreign
            }
            (false, "InvalidSpec") => spec["groups"].is_string(),
            (false, "ForeignConflict") => others && (foreign || self.record_touched),
            (false, "DuplicatePrincipal") => audit.living.iter().any(|other| twin(&other)),
            (false, "NodeEntry") => !approves,
            (false, "LastAdmin") => reading.admins.len() == 1,
            // Broken before anybody had seen it whole.
            (false, "TargetMalformed") => self.manners.wreck,
            _ => false,
        };
        if holds {
            Ok(Some(wish.arn))
        } else {
            wrong(&format!("that cannot be the end; it comes in as {who:?}"))
        }
    }
}

fn seen<K: serde::de::DeserializeOwned>(change: &Change) -> Seen<K> {
    Seen {
        number: change.number,
        at: change.at.into_std(),
        object: serde_json::from_value((*change.object).clone()).unwrap(),
        gone: change.what == What::Deleted,
        listed: false,
    }
}
