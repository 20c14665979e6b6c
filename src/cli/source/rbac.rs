//! Roles and bindings, from a file as kubectl prints them or from the cluster.

use std::path::Path;

use anyhow::{Context as _, bail};
use aws_auth::rbac::{Binding, Rbac, RoleName, Rule, Subject};
use k8s_openapi::api::rbac::v1::{self as k8s, ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::documents::documents;
use super::files;
use super::live::{Live, said};

const GROUP: &str = "/apis/rbac.authorization.k8s.io/v1";

/// What `kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml` saved.
pub(in crate::cli) fn from_file(path: &Path) -> anyhow::Result<Rbac> {
    let file = files::read(path)?;
    let mut rbac = Rbac::default();
    let mut bindings = 0;
    for document in documents(&file)? {
        let place = format!("{}:{}", file.name, document.line);
        match document.kind() {
            "ClusterRole" => cluster_role(&mut rbac, decode(document.value, &place)?),
            "Role" => role(&mut rbac, decode(document.value, &place)?),
            "ClusterRoleBinding" => cluster_role_binding(&mut rbac, decode(document.value, &place)?),
            "RoleBinding" => role_binding(&mut rbac, decode(document.value, &place)?),
            _ => continue,
        }
        bindings += 1;
    }
    if bindings == 0 {
        bail!(
            "{}: no roles or bindings in it; save them with: kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml",
            file.name
        );
    }
    Ok(rbac)
}

/// All of the cluster's.
pub(in crate::cli) fn from_cluster(live: &Live) -> anyhow::Result<Rbac> {
    let mut rbac = Rbac::default();
    all(live, "clusterroles")?.into_iter().for_each(|one| cluster_role(&mut rbac, one));
    all(live, "roles")?.into_iter().for_each(|one| role(&mut rbac, one));
    all(live, "clusterrolebindings")?.into_iter().for_each(|one| cluster_role_binding(&mut rbac, one));
    all(live, "rolebindings")?.into_iter().for_each(|one| role_binding(&mut rbac, one));
    Ok(rbac)
}

fn all<T: DeserializeOwned>(live: &Live, resource: &str) -> anyhow::Result<Vec<T>> {
    live.list(&format!("{GROUP}/{resource}")).map_err(|error| said(&error))
}

fn decode<T: DeserializeOwned>(value: Value, place: &str) -> anyhow::Result<T> {
    serde_json::from_value(value).with_context(|| format!("{place}: not what the API server prints"))
}

fn cluster_role(rbac: &mut Rbac, role: ClusterRole) {
    let name = RoleName { namespace: None, name: role.metadata.name.unwrap_or_default() };
    rbac.roles.insert(name, role.rules.unwrap_or_default().into_iter().map(rule).collect());
}

fn role(rbac: &mut Rbac, role: Role) {
    let name = RoleName { namespace: role.metadata.namespace, name: role.metadata.name.unwrap_or_default() };
    rbac.roles.insert(name, role.rules.unwrap_or_default().into_iter().map(rule).collect());
}

fn cluster_role_binding(rbac: &mut Rbac, binding: ClusterRoleBinding) {
    rbac.bindings.push(Binding {
        namespace: None,
        name: binding.metadata.name.unwrap_or_default(),
        role: RoleName { namespace: None, name: binding.role_ref.name },
        subjects: subjects(binding.subjects),
    });
}

fn role_binding(rbac: &mut Rbac, binding: RoleBinding) {
    let namespace = binding.metadata.namespace.unwrap_or_default();
    let is_role = binding.role_ref.kind == "Role";
    rbac.bindings.push(Binding {
        role: RoleName { namespace: is_role.then(|| namespace.clone()), name: binding.role_ref.name },
        namespace: Some(namespace),
        name: binding.metadata.name.unwrap_or_default(),
        subjects: subjects(binding.subjects),
    });
}

fn subjects(subjects: Option<Vec<k8s::Subject>>) -> Vec<Subject> {
    let subject = |subject: k8s::Subject| match subject.kind.as_str() {
        "User" => Some(Subject::User(subject.name)),
        "Group" => Some(Subject::Group(subject.name)),
        _ => None,
    };
    subjects.unwrap_or_default().into_iter().filter_map(subject).collect()
}

fn rule(rule: k8s::PolicyRule) -> Rule {
    Rule {
        verbs: rule.verbs,
        groups: rule.api_groups.unwrap_or_default(),
        resources: rule.resources.unwrap_or_default(),
        names: rule.resource_names.unwrap_or_default(),
        urls: rule.non_resource_urls.unwrap_or_default(),
    }
}
