//! From an aws-auth that stands to EKS access entries, its successor, and what is lost on the way.
//!
//! Everyone whom aws-auth lets in is either carried over as they are, or named in [`Export::losses`]. Not here: how an
//! entry is spelled for a tool (the command line), and making one.

use std::collections::BTreeMap;

use crate::arn::{Partition, Principal, PrincipalKey};
use crate::aws_auth::AwsAuth;
use crate::entry::{Entry, Key};
use crate::lookup::At;
use crate::mapping::MappingType;
use crate::ownership::PrincipalHash;
use crate::plan::claims::Items;
use crate::plan::precedence::{obeyed, same};
use crate::rbac::Rbac;
use crate::reader::{Element, Reading};
use crate::settings::SYSTEM_MASTERS;
use crate::template::{ACCESS_KEY_ID, ACCOUNT_ID, EC2_PRIVATE_DNS_NAME, SESSION_NAME, SESSION_NAME_RAW};

/// What a username of an access entry must not begin with.
const RESERVED: [&str; 5] = ["system:", "eks:", "aws:", "amazon:", "iam:"];

/// One access entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessEntry {
    /// The principal's ARN; a role's path is back where it is known.
    pub principal_arn: String,
    /// Its type.
    pub entry_type: MappingType,
    /// Its username; `None`: EKS's default.
    pub username: Option<String>,
    /// Its groups.
    pub groups: Vec<String>,
    /// Access policies, for all of the cluster.
    pub policies: Vec<String>,
    /// Where the entry stands that it is made of.
    pub key: Key,
    /// Its line.
    pub line: usize,
}

/// What is lost of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossKind {
    /// Nobody is carried over.
    Entry,
    /// The username becomes another.
    Username,
    /// A group is left out.
    Group,
    /// The role's path has to be put back by hand.
    Path,
}

impl LossKind {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Username => "username",
            Self::Group => "group",
            Self::Path => "path",
        }
    }
}

/// One thing that is not carried over, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What.
    pub kind: LossKind,
    /// The principal, as the entry spells it.
    pub principal: String,
    /// The key.
    pub key: Key,
    /// The line in the key's text.
    pub line: usize,
    /// What is so, and what to do.
    pub message: String,
}

/// A group whose bindings an access policy could stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The group.
    pub group: String,
    /// The policy's ARN.
    pub policy: String,
    /// Where; `None`: all of the cluster.
    pub namespace: Option<String>,
    /// The binding that it could stand for.
    pub binding: String,
}

/// What becomes of an aws-auth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Export {
    /// The access entries, in the order of keys and lines.
    pub entries: Vec<AccessEntry>,
    /// What is lost, in the same order.
    pub losses: Vec<Loss>,
    /// What could be simpler.
    pub proposals: Vec<Proposal>,
}

/// Exports. `paths`: the full ARNs of roles that are known, for their paths.
#[must_use]
pub fn export(aws_auth: &AwsAuth, paths: &[String], rbac: Option<&Rbac>) -> Export {
    let mut export = Export::default();
    let full: BTreeMap<PrincipalKey, &String> =
        paths.iter().filter_map(|arn| Some((Principal::parse(arn).ok()?.key(), arn))).collect();
    let items = Items::of(aws_auth);
    for key in Key::ALL {
        let Reading::List(list) = aws_auth.key(key).reading() else { continue };
        for (index, item) in list.items.iter().enumerate() {
            let Element::Entry(read) = &item.element else { continue };
            let mut one = One { entry: &read.entry, key, line: item.line, losses: &mut export.losses };
            if read.sso.is_some() {
                one.lose(LossKind::Entry, "an sso block names no principal, and EKS matches none".to_owned());
                continue;
            }
            let identity = PrincipalKey::of(&read.entry.arn);
            let all: Vec<At> = items.of_principal(PrincipalHash::of(&identity), &identity).collect();
            let rule = obeyed(&items, &all);
            // What another entry shadows lets nobody in.
            if !rule.contains(&At { key, index }) {
                continue;
            }
            let all_say = |at: &At| items.entry(*at).is_some_and(|other| same(other, &read.entry));
            if rule.iter().all(all_say) && rule.first() != Some(&(At { key, index })) {
                continue;
            }
            if !rule.iter().all(all_say) {
                one.lose(LossKind::Entry, format!("the authenticator takes one of {} entries for it at random, and an access entry can say but one thing: remove the others first", rule.len()));
                continue;
            }
            export.entries.extend(one.carry(full.get(&identity).map(|arn| arn.as_str())));
        }
    }
    export.proposals = rbac.map(|rbac| proposals(&export.entries, rbac)).unwrap_or_default();
    export
}

struct One<'a, 'l> {
    entry: &'a Entry,
    key: Key,
    line: usize,
    losses: &'l mut Vec<Loss>,
}

impl One<'_, '_> {
    fn lose(&mut self, kind: LossKind, message: String) {
        let principal = self.entry.arn.clone();
        self.losses.push(Loss { kind, principal, key: self.key, line: self.line, message });
    }

    fn carry(&mut self, full: Option<&str>) -> Option<AccessEntry> {
        if self.key == Key::MapAccounts {
            self.lose(
                LossKind::Entry,
                "access entries know no whole accounts: make one for each principal that needs it".to_owned(),
            );
            return None;
        }
        let principal = match Principal::parse(&self.entry.arn) {
            Ok(principal) if principal.key() == PrincipalKey::of(&self.entry.arn) => principal,
            Ok(_) => {
                self.lose(
                    LossKind::Entry,
                    "the entry has the role's path, so it lets nobody in today".to_owned(),
                );
                return None;
            }
            Err(error) => {
                self.lose(LossKind::Entry, error.to_string());
                return None;
            }
        };
        if let Principal::Role { name, .. } = &principal
            && name.starts_with("AWSServiceRoleFor")
        {
            self.lose(LossKind::Entry, "access entries refuse service-linked roles; the service makes its own where it supports them".to_owned());
            return None;
        }
        if full.is_none() && self.entry.arn.contains(":role/AWSReservedSSO_") {
            self.lose(
                LossKind::Path,
                "access entries want the role's ARN with its path: put aws-reserved/sso.amazonaws.com/REGION/ before its name".to_owned(),
            );
        }
        let arn = full.map_or_else(|| principal.entry_arn(), str::to_owned);
        let node = [
            MappingType::Ec2Linux,
            MappingType::Ec2Windows,
            MappingType::FargateLinux,
            MappingType::HybridLinux,
        ]
        .into_iter()
        .find(|kind| self.is_node(*kind));
        let bare = AccessEntry {
            principal_arn: arn,
            entry_type: node.unwrap_or(MappingType::Standard),
            username: None,
            groups: Vec::new(),
            policies: Vec::new(),
            key: self.key,
            line: self.line,
        };
        if node.is_some() {
            return Some(bare);
        }
        let username = self.username(&principal);
        let (groups, policies) = self.groups(&principal);
        Some(AccessEntry { username, groups, policies, ..bare })
    }

    fn is_node(&self, kind: MappingType) -> bool {
        kind.node_identity().is_some_and(|(username, groups)| {
            let groups = groups.iter().map(|&group| group.to_owned()).collect();
            same(&Entry { arn: self.entry.arn.clone(), username: username.to_owned(), groups }, self.entry)
        })
    }

    fn username(&mut self, principal: &Principal) -> Option<String> {
        let username = self.entry.username.replace(ACCOUNT_ID, principal.account().as_str());
        let default = principal.default_username();
        if username == default {
            return None;
        }
        let session =
            [SESSION_NAME, SESSION_NAME_RAW].into_iter().filter_map(|name| username.find(name)).min();
        let why = if username.is_empty() {
            Some("it is empty".to_owned())
        } else if let Some(prefix) = RESERVED.into_iter().find(|prefix| username.starts_with(prefix)) {
            Some(format!("it begins with {prefix}"))
        } else if let Some(placeholder) =
            [ACCESS_KEY_ID, EC2_PRIVATE_DNS_NAME].into_iter().find(|name| username.contains(name))
        {
            Some(format!("it has {placeholder}"))
        } else if session.is_some_and(|at| !username.get(..at).unwrap_or_default().contains(':')) {
            Some("no colon comes before the session's name".to_owned())
        } else {
            None
        };
        let Some(why) = why else { return Some(username) };
        self.lose(
            LossKind::Username,
            format!("access entries refuse the username {:?}: {why}; it becomes {default}, so rewrite what RBAC binds to the old name", self.entry.username),
        );
        None
    }

    fn groups(&mut self, principal: &Principal) -> (Vec<String>, Vec<String>) {
        let (mut groups, mut policies) = (Vec::new(), Vec::new());
        for group in self.entry.groups.clone() {
            if group == SYSTEM_MASTERS {
                policies = vec![policy(partition(principal), "AmazonEKSClusterAdminPolicy")];
            } else if group.starts_with("system:") {
                self.lose(LossKind::Group, format!("access entries refuse the group {group:?}: bind another group to the same roles first"));
            } else if group.contains("{{") || group.is_empty() {
                self.lose(
                    LossKind::Group,
                    format!("access entries fill in no placeholders in groups: {group:?} is left out"),
                );
            } else if !groups.contains(&group) {
                groups.push(group);
            }
        }
        (groups, policies)
    }
}

fn partition(principal: &Principal) -> Partition {
    match principal {
        Principal::Role { partition, .. } | Principal::User { partition, .. } => *partition,
        Principal::Account(_) => Partition::Aws,
    }
}

fn policy(partition: Partition, name: &str) -> String {
    format!("arn:{partition}:eks::aws:cluster-access-policy/{name}")
}

/// The policies that stand for the roles that every cluster has.
fn proposals(entries: &[AccessEntry], rbac: &Rbac) -> Vec<Proposal> {
    let mut groups: Vec<(&String, Partition)> = entries
        .iter()
        .flat_map(|entry| {
            let partition = Principal::parse(&entry.principal_arn)
                .map_or(Partition::Aws, |principal| partition(&principal));
            entry.groups.iter().map(move |group| (group, partition))
        })
        .collect();
    groups.sort();
    groups.dedup();
    let mut proposals = Vec::new();
    for (group, partition) in groups {
        for grant in rbac.grants("", std::slice::from_ref(group)) {
            let binding = grant.binding;
            if binding.role.namespace.is_some()
                || !matches!(grant.subject, crate::rbac::Subject::Group(name) if name == group)
            {
                continue;
            }
            let name = match (binding.role.name.as_str(), &binding.namespace) {
                ("cluster-admin", None) => "AmazonEKSClusterAdminPolicy",
                ("admin" | "cluster-admin", _) => "AmazonEKSAdminPolicy",
                ("edit", _) => "AmazonEKSEditPolicy",
                ("view", _) => "AmazonEKSViewPolicy",
                _ => continue,
            };
            proposals.push(Proposal {
                group: group.clone(),
                policy: policy(partition, name),
                namespace: binding.namespace.clone(),
                binding: binding.name.clone(),
            });
        }
    }
    proposals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws_auth::Source;
    use crate::mapping::Uid;

    fn exported(key: Key, text: &str) -> Export {
        let data = [(key.as_str().to_owned(), text.to_owned())].into();
        export(&AwsAuth::read(Source { data, ..Source::default() }, Uid::default()), &[], None)
    }

    fn losses(key: Key, text: &str) -> Vec<(LossKind, usize)> {
        exported(key, text).losses.into_iter().map(|loss| (loss.kind, loss.line)).collect()
    }

    #[test]
    fn people_keep_their_names_and_groups_and_admins_get_the_policy() {
        let text = "- rolearn: arn:aws-cn:iam::111122223333:role/a\n  username: a:{{SessionName}}\n  groups: [x, system:masters, x]\n";
        let export = exported(Key::MapRoles, text);
        assert_eq!(export.losses, []);
        let entry = &export.entries[0];
        assert_eq!(
            (entry.username.as_deref(), &entry.groups),
            (Some("a:{{SessionName}}"), &vec!["x".to_owned()])
        );
        assert_eq!(entry.policies, ["arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"]);
    }

    #[test]
    fn nodes_become_their_type() {
        let text = "- rolearn: arn:aws:iam::111122223333:role/n\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n";
        let entry = &exported(Key::MapRoles, text).entries[0];
        assert_eq!(
            (entry.entry_type, &entry.username, entry.groups.len()),
            (MappingType::Ec2Linux, &None, 0)
        );
    }

    #[test]
    fn whatever_an_access_entry_refuses_is_named() {
        let role = |username: &str, groups: &str| {
            format!(
                "- rolearn: arn:aws:iam::111122223333:role/a\n  username: '{username}'\n  groups: [{groups}]\n"
            )
        };
        for (username, groups, kind) in [
            ("system:a", "", LossKind::Username),
            ("", "x", LossKind::Username),
            ("{{SessionName}}", "", LossKind::Username),
            ("a:{{AccessKeyID}}", "", LossKind::Username),
            ("a", "'system:nodes'", LossKind::Group),
            ("a", "'x-{{SessionName}}'", LossKind::Group),
        ] {
            assert_eq!(losses(Key::MapRoles, &role(username, groups)), [(kind, 1)], "{username} {groups}");
        }
        assert_eq!(losses(Key::MapAccounts, "- '111122223333'\n"), [(LossKind::Entry, 1)]);
        let linked =
            "- rolearn: arn:aws:iam::111122223333:role/AWSServiceRoleForAmazonEMRContainers\n  username: e\n";
        assert_eq!(losses(Key::MapRoles, linked), [(LossKind::Entry, 1)]);
    }
}
