//! Which client wrote what of aws-auth, as far as `managedFields` tell: names that clients chose for themselves, no
//! identities. Not here: what is said of them (`announce`).

use std::collections::BTreeMap;

use aws_auth::Key;
use aws_auth::approval;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

use crate::controller::requests::FIELD_MANAGER;

/// The others who wrote one version of aws-auth.
#[derive(Debug, Clone, Default)]
pub(super) struct Clients {
    by_key: BTreeMap<Key, String>,
    latest: Option<String>,
    approver: Option<String>,
    author: Option<String>,
}

impl Clients {
    /// Ours does not count: whatever has to be put back was not written by us.
    pub(super) fn of(mut managed: Vec<ManagedFieldsEntry>) -> Self {
        managed.sort_by(|a, b| a.time.cmp(&b.time));
        let author = managed.last().and_then(|entry| entry.manager.clone());
        managed.retain(|entry| entry.manager.as_deref() != Some(FIELD_MANAGER));
        let mut clients = Self { author, ..Self::default() };
        for entry in managed {
            let Some(client) = &entry.manager else { continue };
            for key in Key::ALL.into_iter().filter(|key| owns(&entry, *key)) {
                clients.by_key.insert(key, client.clone());
            }
            if annotates(&entry, approval::APPROVE) {
                clients.approver = Some(client.clone());
            }
            clients.latest = entry.manager;
        }
        clients
    }

    /// Who changed a key last. That is whoever owns it: times are whole seconds, in which several may have written.
    /// Nobody owns a key that was removed; then it is whoever wrote last at all.
    pub(super) fn of_key(&self, key: Key) -> Option<&str> {
        self.by_key.get(&key).or(self.latest.as_ref()).map(String::as_str)
    }

    /// Who wrote last of all, we included.
    pub(super) fn author(&self) -> Option<&str> {
        self.author.as_deref()
    }

    /// Who wrote the approval that stands on aws-auth.
    pub(super) fn approver(&self) -> Option<&str> {
        self.approver.as_deref()
    }
}

fn annotates(entry: &ManagedFieldsEntry, annotation: &str) -> bool {
    let metadata = entry.fields_v1.as_ref().and_then(|fields| fields.0.get("f:metadata"));
    let annotations = metadata.and_then(|metadata| metadata.get("f:annotations"));
    annotations.is_some_and(|all| all.get(format!("f:{annotation}")).is_some())
}

fn owns(entry: &ManagedFieldsEntry, key: Key) -> bool {
    let data = entry.fields_v1.as_ref().and_then(|fields| fields.0.get("f:data"));
    data.is_some_and(|data| data.get(format!("f:{key}")).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(manager: &str, time: &str, keys: &[&str]) -> ManagedFieldsEntry {
        let fields: serde_json::Map<String, serde_json::Value> =
            keys.iter().map(|key| (format!("f:{key}"), json!({}))).collect();
        serde_json::from_value(json!({
            "manager": manager, "operation": "Update", "time": time, "fieldsV1": {"f:data": fields},
        }))
        .unwrap()
    }

    const EARLY: &str = "2026-01-01T00:00:00Z";
    const LATE: &str = "2026-01-02T00:00:00Z";

    #[test]
    fn whoever_owns_a_key_changed_it_last_even_where_another_wrote_in_the_same_second_or_later() {
        let clients = Clients::of(vec![
            entry("terraform", LATE, &["mapUsers"]),
            entry(FIELD_MANAGER, LATE, &[]),
            entry("argocd-controller", EARLY, &["mapRoles"]),
            entry("eksctl", EARLY, &[]),
        ]);
        assert_eq!(clients.of_key(Key::MapRoles), Some("argocd-controller"));
        assert_eq!(clients.of_key(Key::MapUsers), Some("terraform"));
    }

    #[test]
    fn of_a_key_that_is_gone_it_is_whoever_wrote_last_but_never_us() {
        let clients = Clients::of(vec![
            entry("kubectl-edit", LATE, &[]),
            entry(FIELD_MANAGER, LATE, &["mapRoles"]),
            entry("eksctl", EARLY, &[]),
        ]);
        assert_eq!(clients.of_key(Key::MapRoles), Some("kubectl-edit"));
        assert_eq!(Clients::of(vec![entry(FIELD_MANAGER, LATE, &[])]).of_key(Key::MapRoles), None);
    }
}
