//! What RBAC gives somebody, as `explain` and `report` print it.

use std::path::PathBuf;

use aws_auth::rbac::{Grant, Rbac, RoleName, Rule, Subject};
use clap::Args;
use serde::Serialize;

use super::output;
use super::source::live::Live;
use super::source::{AwsAuthArguments, rbac};

/// Where roles and bindings come from.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct RbacArguments {
    /// Roles and bindings from a file instead of the cluster: kubectl get
    /// clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml.
    #[arg(long, value_name = "FILE")]
    rbac: Option<PathBuf>,
}

/// Reads them; `None` where only files are read and none has them, or where they may not be read: never empty instead.
pub(super) fn read(arguments: &RbacArguments, aws_auth: &AwsAuthArguments) -> anyhow::Result<Option<Rbac>> {
    if let Some(path) = &arguments.rbac {
        return rbac::from_file(path).map(Some);
    }
    if aws_auth.file.is_some() {
        return Ok(None);
    }
    match Live::connect(&aws_auth.cluster).and_then(|live| rbac::from_cluster(&live)) {
        Ok(rbac) => Ok(Some(rbac)),
        Err(error) => {
            output::note(&format!("what RBAC allows is left out: {error:#}"));
            Ok(None)
        }
    }
}

/// One binding.
#[derive(Debug, Serialize)]
pub(super) struct Given {
    /// `ClusterRoleBinding/NAME` or `RoleBinding/NAMESPACE/NAME`.
    pub(super) binding: String,
    /// `ClusterRole/NAME` or `Role/NAMESPACE/NAME`.
    pub(super) role: String,
    /// Where it holds; none: in all of the cluster.
    pub(super) namespace: Option<String>,
    /// `group NAME` or `user NAME`.
    pub(super) through: String,
    /// What it allows, a rule a line; none where the role does not exist.
    pub(super) allows: Option<Vec<String>>,
    /// Whether that is every verb on every resource, in all of the cluster.
    #[serde(skip)]
    pub(super) everything: bool,
}

/// What the bindings give.
pub(super) fn given(rbac: &Rbac, username: &str, groups: &[String]) -> Vec<Given> {
    rbac.grants(username, groups).iter().map(one).collect()
}

fn one(grant: &Grant<'_>) -> Given {
    let binding = grant.binding;
    Given {
        binding: match &binding.namespace {
            Some(namespace) => format!("RoleBinding/{namespace}/{}", binding.name),
            None => format!("ClusterRoleBinding/{}", binding.name),
        },
        role: role(&binding.role),
        namespace: binding.namespace.clone(),
        through: match grant.subject {
            Subject::User(name) => format!("user {name}"),
            Subject::Group(name) => format!("group {name}"),
        },
        allows: grant.rules.map(|rules| rules.iter().map(rule).collect()),
        everything: grant.is_everything(),
    }
}

fn role(role: &RoleName) -> String {
    match &role.namespace {
        Some(namespace) => format!("Role/{namespace}/{}", role.name),
        None => format!("ClusterRole/{}", role.name),
    }
}

fn rule(rule: &Rule) -> String {
    let every = |all: &[String], of: &str| {
        if all.iter().any(|one| one == "*") { format!("every {of}") } else { all.join(", ") }
    };
    let verbs = every(&rule.verbs, "verb");
    if !rule.urls.is_empty() {
        return format!("{verbs} on {}", every(&rule.urls, "path"));
    }
    let groups: Vec<&str> =
        rule.groups.iter().map(String::as_str).filter(|group| !group.is_empty() && *group != "*").collect();
    let of = if groups.is_empty() { String::new() } else { format!(" ({})", groups.join(", ")) };
    let named =
        if rule.names.is_empty() { String::new() } else { format!(" named {}", rule.names.join(", ")) };
    format!("{verbs} on {}{of}{named}", every(&rule.resources, "resource"))
}
