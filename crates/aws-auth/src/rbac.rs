//! What RBAC gives a username and its groups: which bindings name them, and what their roles allow.
//!
//! Not here: reading the objects (the command line), and evaluating a single request (the API server).

use std::collections::{BTreeMap, BTreeSet};

use crate::settings::SYSTEM_MASTERS;

/// Everybody who has got in is in it.
pub const AUTHENTICATED: &str = "system:authenticated";
/// What Kubernetes gives everybody: to ask who one is and what there is.
const EVERYBODYS: [&str; 3] = ["system:basic-user", "system:discovery", "system:public-info-viewer"];

/// A role's name; with a namespace a Role, without one a `ClusterRole`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleName {
    /// The namespace of a Role.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

/// Whom a binding names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A username.
    User(String),
    /// A group.
    Group(String),
}

/// A `RoleBinding` or, without a namespace, a `ClusterRoleBinding`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The namespace that it is about; `None`: all of the cluster.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// What it gives.
    pub role: RoleName,
    /// To whom; service accounts left out.
    pub subjects: Vec<Subject>,
}

/// One rule of a role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// The verbs.
    pub verbs: Vec<String>,
    /// The API groups; the core group is empty.
    pub groups: Vec<String>,
    /// The resources.
    pub resources: Vec<String>,
    /// Only objects of these names, where there are any.
    pub names: Vec<String>,
    /// Paths that are no resources.
    pub urls: Vec<String>,
}

/// All that binds users and groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rbac {
    /// The roles.
    pub roles: BTreeMap<RoleName, Vec<Rule>>,
    /// The bindings, in any order.
    pub bindings: Vec<Binding>,
}

/// One binding that names somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant<'a> {
    /// The binding.
    pub binding: &'a Binding,
    /// By which of its subjects.
    pub subject: &'a Subject,
    /// What it allows; `None`: the role does not exist, so nothing.
    pub rules: Option<&'a [Rule]>,
}

impl Rule {
    fn is_everything(&self) -> bool {
        let every = |all: &[String]| all.iter().any(|one| one == "*");
        every(&self.verbs) && every(&self.groups) && every(&self.resources) && self.names.is_empty()
    }
}

impl Grant<'_> {
    /// Whether it allows every verb on every resource, in all of the cluster.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.binding.namespace.is_none()
            && self.rules.is_some_and(|rules| rules.iter().any(Rule::is_everything))
    }
}

impl Rbac {
    /// What this user has beyond what everybody has, cluster-wide grants first. Placeholders in `username` stand for
    /// anything: a binding for a name that it can become counts.
    #[must_use]
    pub fn grants<'a>(&'a self, username: &str, groups: &[String]) -> Vec<Grant<'a>> {
        let groups: BTreeSet<&str> = groups.iter().map(String::as_str).chain([AUTHENTICATED]).collect();
        let names = |subject: &&Subject| match subject {
            Subject::User(name) => can_become(username, name),
            Subject::Group(name) => groups.contains(name.as_str()),
        };
        let everybodys = |binding: &Binding| {
            binding.role.namespace.is_none() && EVERYBODYS.contains(&binding.role.name.as_str())
        };
        let mut grants: Vec<Grant<'a>> = self
            .bindings
            .iter()
            .filter(|binding| !everybodys(binding))
            .filter_map(|binding| {
                let subject = binding.subjects.iter().find(names)?;
                Some(Grant { binding, subject, rules: self.roles.get(&binding.role).map(Vec::as_slice) })
            })
            .collect();
        grants.sort_by(|a, b| {
            (&a.binding.namespace, &a.binding.role, &a.binding.name).cmp(&(
                &b.binding.namespace,
                &b.binding.role,
                &b.binding.name,
            ))
        });
        grants
    }
}

/// Whether somebody may do everything whatever RBAC says.
#[must_use]
pub fn is_beyond(groups: &[String]) -> bool {
    groups.iter().any(|group| group == SYSTEM_MASTERS)
}

/// Whether the placeholders of `template` can be filled in so that it is `name`.
fn can_become(template: &str, name: &str) -> bool {
    let Some((before, rest)) = template.split_once("{{") else { return template == name };
    let after = rest.rsplit_once("}}").map_or("", |(_, after)| after);
    name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(namespace: Option<&str>, role: &str, subject: Subject) -> Binding {
        Binding {
            namespace: namespace.map(str::to_owned),
            name: format!("{role}-binding"),
            role: RoleName { namespace: None, name: role.to_owned() },
            subjects: vec![subject],
        }
    }

    fn roles(rbac: &Rbac, username: &str, groups: &[&str]) -> Vec<String> {
        let groups: Vec<String> = groups.iter().map(|&group| group.to_owned()).collect();
        rbac.grants(username, &groups).iter().map(|grant| grant.binding.role.name.clone()).collect()
    }

    #[test]
    fn groups_and_usernames_are_compared_exactly_and_everybodys_roles_are_left_out() {
        let rbac = Rbac {
            bindings: vec![
                binding(Some("dev"), "edit", Subject::Group("developers".to_owned())),
                binding(None, "view", Subject::User("dev:jane".to_owned())),
                binding(None, "audit", Subject::Group(AUTHENTICATED.to_owned())),
                binding(None, "system:discovery", Subject::Group(AUTHENTICATED.to_owned())),
            ],
            ..Rbac::default()
        };
        assert_eq!(roles(&rbac, "dev:jane", &["developers"]), ["audit", "view", "edit"]);
        assert_eq!(roles(&rbac, "dev:JANE", &["Developers"]), ["audit"]);
    }

    #[test]
    fn everything_is_every_verb_on_every_resource_in_every_namespace() {
        let star = || vec!["*".to_owned()];
        let all = Rule { verbs: star(), groups: star(), resources: star(), ..Rule::default() };
        let everything = |namespace, rule: &Rule| {
            let rules = [rule.clone()];
            let binding = binding(namespace, "role", Subject::Group("admins".to_owned()));
            Grant { binding: &binding, subject: &binding.subjects[0], rules: Some(&rules) }.is_everything()
        };
        assert!(everything(None, &all));
        assert!(!everything(Some("dev"), &all));
        for less in [
            Rule { verbs: vec!["get".to_owned()], ..all.clone() },
            Rule { groups: vec![String::new()], ..all.clone() },
            Rule { resources: vec!["pods".to_owned()], ..all.clone() },
            Rule { names: vec!["one".to_owned()], ..all.clone() },
        ] {
            assert!(!everything(None, &less), "{less:?}");
        }
    }

    #[test]
    fn a_username_with_a_placeholder_may_become_the_one_that_is_bound() {
        let rbac = Rbac {
            bindings: vec![binding(None, "view", Subject::User("dev:jane".to_owned()))],
            ..Rbac::default()
        };
        assert_eq!(roles(&rbac, "dev:{{SessionName}}", &[]), ["view"]);
        assert_eq!(roles(&rbac, "ops:{{SessionName}}", &[]), [] as [&str; 0]);
    }
}
