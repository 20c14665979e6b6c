//! Usernames and groups: placeholders, privileges, and names that look like others.

use std::collections::BTreeMap;

use unicode_general_category::{GeneralCategory, get_general_category};

use super::{Code, Finding, Served};
use crate::entry::Key;
use crate::mapping::MappingType;
use crate::settings::SYSTEM_MASTERS;
use crate::template::{ACCESS_KEY_ID, ACCOUNT_ID, EC2_PRIVATE_DNS_NAME, SESSION_NAME, SESSION_NAME_RAW};

const PLACEHOLDERS: [&str; 5] =
    [EC2_PRIVATE_DNS_NAME, ACCOUNT_ID, SESSION_NAME, SESSION_NAME_RAW, ACCESS_KEY_ID];

pub(super) fn lint(served: &[Served<'_>], findings: &mut Vec<Finding>) {
    for one in served.iter().filter(|one| one.key != Key::MapAccounts) {
        username(one, findings);
        groups(one, findings);
        access_entry(one, findings);
    }
    look_alikes(served, findings);
}

fn username(one: &Served<'_>, findings: &mut Vec<Finding>) {
    let username = one.read.entry.username.as_str();
    let mut say = |code, message: String| findings.push(one.finding(code, message));
    if username.is_empty() {
        say(
            Code::EmptyUsername,
            "the username is empty, and it still gets in with its groups; give it one".to_owned(),
        );
        return;
    }
    if username.contains(ACCESS_KEY_ID) {
        say(
            Code::AccessKey,
            format!(
                "{ACCESS_KEY_ID} could be forged by the caller (CVE-2022-2385); use {SESSION_NAME} after literal text with a colon"
            ),
        );
    }
    let session = [SESSION_NAME, SESSION_NAME_RAW].into_iter().filter_map(|name| username.find(name)).min();
    let is_node = username.starts_with("system:node:");
    if let Some(at) = session.filter(|_| !is_node)
        && !username.get(..at).unwrap_or_default().contains(':')
    {
        say(
            Code::SessionNameFirst,
            format!(
                "the caller chooses the session name, and with it how the username {username:?} begins: they can become anybody; put literal text with a colon first, as in ci:{SESSION_NAME}"
            ),
        );
    }
    if username.contains(EC2_PRIVATE_DNS_NAME) && one.arn().contains(":user/") {
        say(
            Code::NeverAnInstance,
            format!("{EC2_PRIVATE_DNS_NAME} is filled in for instances alone, so this user never gets in"),
        );
    }
    for dead in dead_placeholders(username) {
        say(
            Code::DeadPlaceholder,
            format!("{dead} is no placeholder and stays as it is; there are {}", PLACEHOLDERS.join(", ")),
        );
    }
    if hides(username) {
        say(
            Code::Invisible,
            format!(
                "the username {username:?} holds white space at an edge, or characters that nobody sees; write it anew"
            ),
        );
    }
    if (username.starts_with("system:") || username.starts_with("eks:")) && !is_node {
        say(
            Code::Reserved,
            format!("the username {username:?} is one that Kubernetes and EKS keep for themselves"),
        );
    }
}

fn groups(one: &Served<'_>, findings: &mut Vec<Finding>) {
    let node = is_node_group(one);
    for group in &one.read.entry.groups {
        let mut say = |code, message: String| findings.push(one.finding(code, message));
        if group == SYSTEM_MASTERS {
            say(Code::Admin, format!("{} may do everything: {SYSTEM_MASTERS} is beyond RBAC", one.arn()));
        } else if (group.starts_with("system:") || group.starts_with("eks:")) && !node(group) {
            say(
                Code::Reserved,
                format!("the group {group:?} is one that Kubernetes and EKS keep for themselves"),
            );
        }
        if PLACEHOLDERS.iter().any(|placeholder| group.contains(placeholder)) {
            say(
                Code::GroupPlaceholder,
                format!(
                    "callers choose their session name, and with it what the group {group:?} becomes; write the group out"
                ),
            );
        }
        for dead in dead_placeholders(group) {
            say(Code::DeadPlaceholder, format!("{dead} is no placeholder and stays as it is"));
        }
        if hides(group) || group.is_empty() {
            say(
                Code::Invisible,
                format!(
                    "the group {group:?} is empty, or holds white space at an edge or characters that nobody sees; write it anew"
                ),
            );
        }
        let lower = skeleton(group);
        if group != SYSTEM_MASTERS
            && (lower == "systemmasters" || lower == "systemmaster" || lower == "systemsmasters")
        {
            say(
                Code::LookAlike,
                format!("the group {group:?} looks like {SYSTEM_MASTERS} and is another one"),
            );
        }
    }
}

/// Whether a group belongs to the node type that the entry is of.
fn is_node_group<'s>(one: &'s Served<'_>) -> impl Fn(&str) -> bool + 's {
    let types =
        [MappingType::Ec2Linux, MappingType::Ec2Windows, MappingType::FargateLinux, MappingType::HybridLinux];
    let identities = types.map(MappingType::node_identity);
    move |group| {
        identities
            .iter()
            .flatten()
            .any(|(username, groups)| *username == one.read.entry.username && groups.contains(&group))
    }
}

fn access_entry(one: &Served<'_>, findings: &mut Vec<Finding>) {
    let entry = &one.read.entry;
    let node = is_node_group(one);
    if entry.groups.iter().any(|group| node(group)) {
        return;
    }
    let prefix = ["system:", "eks:", "aws:", "amazon:", "iam:"]
        .into_iter()
        .find(|prefix| entry.username.starts_with(prefix));
    let group = entry.groups.iter().find(|group| group.starts_with("system:") && *group != SYSTEM_MASTERS);
    let why = match (prefix, group) {
        (Some(prefix), _) => format!("its username begins with {prefix}"),
        (None, Some(group)) => format!("it has the group {group}"),
        (None, None) => return,
    };
    findings.push(
        one.finding(Code::NoAccessEntry, format!("an EKS access entry could not carry this entry: {why}")),
    );
}

/// Texts in double braces that are none of the five.
fn dead_placeholders(text: &str) -> Vec<&str> {
    let mut dead = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let Some(end) = after.find("}}") else { break };
        let start = rest.len() - after.len() - 2;
        let whole = rest.get(start..start + 2 + end + 2).unwrap_or_default();
        if !PLACEHOLDERS.contains(&whole) {
            dead.push(whole);
        }
        rest = after.get(end + 2..).unwrap_or_default();
    }
    dead
}

fn hides(text: &str) -> bool {
    let hidden = |c: char| {
        matches!(
            get_general_category(c),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        )
    };
    text.trim() != text || text.chars().any(hidden)
}

/// Names that people take for one another: what is left of them without case, separators and foreign letters.
fn look_alikes(served: &[Served<'_>], findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<String, BTreeMap<&str, &Served<'_>>> = BTreeMap::new();
    for one in served {
        for group in &one.read.entry.groups {
            seen.entry(skeleton(group)).or_default().entry(group).or_insert(one);
        }
    }
    for names in seen.into_values().filter(|names| names.len() > 1) {
        let all: Vec<String> = names.keys().map(|name| format!("{name:?}")).collect();
        for (name, one) in names.iter().skip(1) {
            findings.push(one.finding(
                Code::LookAlike,
                format!(
                    "the group {name:?} is easily taken for another one here ({}): RBAC tells them apart",
                    all.join(", ")
                ),
            ));
        }
    }
}

fn skeleton(name: &str) -> String {
    let letter = |c: char| match c {
        'а' | 'α' => 'a',
        'с' => 'c',
        'е' | 'ё' => 'e',
        'і' | 'ı' => 'i',
        'ј' => 'j',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'ѕ' => 's',
        'х' | 'χ' => 'x',
        'у' => 'y',
        'в' => 'b',
        'м' => 'm',
        'т' => 't',
        'н' => 'h',
        'к' => 'k',
        'ν' => 'v',
        c => c,
    };
    name.chars().flat_map(char::to_lowercase).map(letter).filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use crate::Key;

    fn role(username: &str, groups: &str) -> Vec<&'static str> {
        let text = format!(
            "- rolearn: arn:aws:iam::111122223333:role/d\n  username: {username}\n  groups: {groups}\n"
        );
        found(Key::MapRoles, &text).into_iter().map(|(code, _)| code).collect()
    }

    #[test]
    fn usernames_that_callers_can_bend_are_errors() {
        assert_eq!(role("'{{SessionName}}'", "[]"), ["session-name-first"]);
        assert_eq!(role("'{{AccountID}}-{{SessionNameRaw}}'", "[]"), ["session-name-first"]);
        assert_eq!(role("'ci:{{SessionName}}'", "[]"), [] as [&str; 0]);
        assert_eq!(role("'ci:{{AccessKeyID}}'", "[]"), ["access-key"]);
        assert_eq!(role("d", "['team:{{SessionName}}']"), ["group-placeholder"]);
    }

    #[test]
    fn names_that_are_not_what_they_seem_are_warnings() {
        assert_eq!(role("''", "[]"), ["empty-username"]);
        assert_eq!(role("'u:{{ SessionName }}'", "[]"), ["dead-placeholder"]);
        assert_eq!(role("'d '", "[]"), ["invisible"]);
        assert_eq!(role("d", "[system:master]"), ["look-alike"]);
        assert_eq!(role("d", "[dev-team, Dev_Team]"), ["look-alike"]);
        assert_eq!(role("d", "[admins, \u{430}dmins]"), ["look-alike"]);
    }

    #[test]
    fn a_user_is_never_an_instance() {
        let text =
            "- userarn: arn:aws:iam::111122223333:user/d\n  username: 'system:node:{{EC2PrivateDNSName}}'\n";
        assert_eq!(found(Key::MapUsers, text), [("never-an-instance", 1)]);
    }
}
