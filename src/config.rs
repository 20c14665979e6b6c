//! The operator's configuration file: its keys, and what to say of a wrong one.
//!
//! Whoever can write it is as good as cluster admin, so a typo must never pass for a wish: unknown keys and values are
//! refused with file, line and column. Not here: what the settings mean (`aws_auth::settings`).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use aws_auth::arn::{AccountId, Principal};
use aws_auth::glob::Pattern;
use aws_auth::settings::{
    AuthenticationMode, ClusterCreator, GuardSettings, Listed, Mode, OnDamage, Policy, Settings,
};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};
use thiserror::Error;

/// The username of the creator's binding where none is configured: what EKS itself uses.
const CREATOR_USERNAME: &str = "kubernetes-admin";

/// A configuration that is not used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file.
    #[error("{file}: cannot be read: {error}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// What is in it.
    #[error("{file}:{line}:{column}: {problem}")]
    Wrong {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: u64,
        /// What is wrong and what to write.
        problem: String,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct File {
    mode: FileMode,
    authentication_mode: FileAuthenticationMode,
    cluster_creator: Option<Creator>,
    protected: Vec<Spanned<String>>,
    policy: FilePolicy,
    guards: Guards,
}

#[derive(Debug, Default, Deserialize)]
enum FileMode {
    Observe,
    #[default]
    Enforce,
}

#[derive(Debug, Default, Deserialize)]
enum FileAuthenticationMode {
    #[default]
    ConfigMap,
    Both,
    Api,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Creator {
    arn: Spanned<String>,
    username: Option<Spanned<String>>,
    #[serde(default)]
    ensure: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct FilePolicy {
    privileged: Option<Spanned<Vec<Spanned<String>>>>,
    admin_groups: Option<Spanned<Vec<Spanned<String>>>>,
    allowed_accounts: Option<Spanned<Vec<Spanned<String>>>>,
    allowed_groups: Option<Spanned<Vec<Spanned<String>>>>,
    username_patterns: Option<Spanned<Vec<Spanned<String>>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Guards {
    min_admins: Option<usize>,
    on_malformed: FileOnDamage,
    on_missing: FileOnDamage,
}

#[derive(Debug, Default, Deserialize)]
enum FileOnDamage {
    #[default]
    Restore,
    Hold,
}

/// A problem at a place.
struct Wrong {
    at: Location,
    problem: String,
}

/// Reads a configuration file.
///
/// # Errors
/// When it cannot be read, or anything in it is wrong.
pub fn load(path: &Path) -> Result<Settings, ConfigError> {
    parse(&path.display().to_string(), &read(path)?)
}

/// The text of a configuration file.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |error| ConfigError::Unreadable { file: path.display().to_string(), error };
    fs::read_to_string(path).map_err(unreadable)
}

/// Reads a configuration; `file` is what errors call it.
///
/// # Errors
/// When anything in it is wrong.
pub fn parse(file: &str, text: &str) -> Result<Settings, ConfigError> {
    let wrong = |Wrong { at, problem }| ConfigError::Wrong {
        file: file.to_owned(),
        // What is wrong with the outermost mapping itself has no place: it begins where the file does.
        line: at.line().max(1),
        column: at.column().max(1),
        problem,
    };
    // Only comments: everything is as by default.
    let empty = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    let parsed: File = if empty {
        File::default()
    } else {
        serde_saphyr::from_str(text).map_err(|error| wrong(syntax(&error)))?
    };
    settings(file, parsed).map_err(wrong)
}

fn syntax(error: &serde_saphyr::Error) -> Wrong {
    Wrong { at: error.location().unwrap_or(Location::UNKNOWN), problem: problem(error) }
}

/// What the YAML parser finds wrong, without the place, which comes first, where editors look for it, and without its word
/// to programmers.
pub(crate) fn problem(error: &serde_saphyr::Error) -> String {
    let at = error.location().unwrap_or(Location::UNKNOWN);
    let text = error.without_snippet().to_string();
    let place = format!(" at line {}, column {}", at.line(), at.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    text.strip_suffix(", set DuplicateKeyPolicy in Options if acceptable").unwrap_or(text).to_owned()
}

fn settings(name: &str, file: File) -> Result<Settings, Wrong> {
    let mut protected = BTreeSet::new();
    for (n, given) in file.protected.iter().enumerate() {
        protected.insert(principal(&format!("protected[{n}]"), given)?.key());
    }
    let authentication_mode = match file.authentication_mode {
        FileAuthenticationMode::ConfigMap => AuthenticationMode::ConfigMap,
        FileAuthenticationMode::Both => AuthenticationMode::Both,
        FileAuthenticationMode::Api => AuthenticationMode::Api,
    };
    if let (Some(creator), AuthenticationMode::Api) = (&file.cluster_creator, authentication_mode)
        && creator.ensure
    {
        return Err(Wrong {
            at: creator.arn.referenced,
            problem: "clusterCreator.ensure: true and authenticationMode: Api contradict each other: with Api aws-auth is not read, so no binding written there would count; take one of them out".to_owned(),
        });
    }
    let guards = GuardSettings::default();
    Ok(Settings {
        mode: match file.mode {
            FileMode::Observe => Mode::Observe,
            FileMode::Enforce => Mode::Enforce,
        },
        authentication_mode,
        creator: file.cluster_creator.map(creator).transpose()?,
        protected,
        policy: policy(name, file.policy)?,
        guards: GuardSettings {
            min_admins: file.guards.min_admins.unwrap_or(guards.min_admins),
            on_malformed: on_damage(&file.guards.on_malformed),
            on_missing: on_damage(&file.guards.on_missing),
            ..guards
        },
    })
}

fn on_damage(file: &FileOnDamage) -> OnDamage {
    match file {
        FileOnDamage::Restore => OnDamage::Restore,
        FileOnDamage::Hold => OnDamage::Hold,
    }
}

fn policy(name: &str, file: FilePolicy) -> Result<Policy, Wrong> {
    let defaults = Policy::default();
    let allowed_accounts = file.allowed_accounts.as_ref().map(|list| {
        listed(name, "policy.allowedAccounts", list, |given| {
            AccountId::parse(given)
                .map_err(|error| format!("{error}; write it with its 12 digits, in quotes"))
        })
    });
    let pattern = |given: &str| Pattern::parse(given).map_err(|error| error.to_string());
    let patterns =
        |key: &str, list: &Option<_>| list.as_ref().map(|list| listed(name, key, list, pattern)).transpose();
    let allowed_accounts = allowed_accounts.transpose()?;
    let mut privileged = BTreeSet::new();
    let mut privileged_place = format!("policy.privileged, which {name} does not have yet");
    if let Some(list) = file.privileged {
        privileged_place = place(name, "policy.privileged", list.referenced);
        for (n, given) in list.value.iter().enumerate() {
            let key = format!("policy.privileged[{n}]");
            let principal = privileged_principal(&key, given)?;
            if let Some(allowed) = &allowed_accounts
                && !allowed.values.contains(principal.account())
            {
                return Err(Wrong {
                    at: given.referenced,
                    problem: format!(
                        "{key}: account {} is not in {}: the two contradict each other; add the account there, or take the principal out",
                        principal.account(),
                        allowed.place
                    ),
                });
            }
            privileged.insert(principal.key());
        }
    }
    Ok(Policy {
        privileged,
        privileged_place,
        admin_groups: match file.admin_groups {
            None => defaults.admin_groups,
            Some(groups) => admin_groups(groups)?,
        },
        allowed_accounts,
        allowed_groups: patterns("policy.allowedGroups", &file.allowed_groups)?,
        username_patterns: patterns("policy.usernamePatterns", &file.username_patterns)?,
    })
}

/// A list of what is allowed. An empty one would allow nothing at all, which nobody means.
fn listed<T>(
    name: &str,
    key: &str,
    list: &Spanned<Vec<Spanned<String>>>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Listed<T>, Wrong> {
    if list.value.is_empty() {
        return Err(Wrong {
            at: list.referenced,
            problem: format!("{key} is empty, so nothing would be allowed; leave it out to allow everything"),
        });
    }
    let mut values = Vec::with_capacity(list.value.len());
    for (n, given) in list.value.iter().enumerate() {
        values.push(parse(&given.value).map_err(|why| Wrong {
            at: given.referenced,
            problem: format!("{key}[{n}]: {:?}: {why}", given.value),
        })?);
    }
    Ok(Listed { values, place: place(name, key, list.referenced) })
}

/// Where a list is, for whoever has to change it.
fn place(name: &str, key: &str, at: Location) -> String {
    format!("{key} ({name}, line {})", at.line())
}

fn creator(creator: Creator) -> Result<ClusterCreator, Wrong> {
    let username = match creator.username {
        None => CREATOR_USERNAME.to_owned(),
        Some(given) if given.value.trim().is_empty() => {
            return Err(Wrong {
                at: given.referenced,
                problem: format!("clusterCreator.username is empty; leave it out for {CREATOR_USERNAME}"),
            });
        }
        Some(given) => given.value,
    };
    Ok(ClusterCreator {
        principal: principal("clusterCreator.arn", &creator.arn)?,
        username,
        ensure: creator.ensure,
    })
}

fn principal(key: &str, given: &Spanned<String>) -> Result<Principal, Wrong> {
    Principal::parse(&given.value)
        .map_err(|error| Wrong { at: given.referenced, problem: format!("{key}: {error}") })
}

fn privileged_principal(key: &str, given: &Spanned<String>) -> Result<Principal, Wrong> {
    if given.value.starts_with("arn:") {
        return principal(key, given);
    }
    let account = AccountId::parse(&given.value).map_err(|_| Wrong {
        at: given.referenced,
        problem: format!(
            "{key}: {:?} is neither an ARN nor an account; write arn:aws:iam::111122223333:role/NAME, .../NAME of a user, or \"111122223333\" for an account mapping",
            given.value
        ),
    })?;
    Ok(Principal::Account(account))
}

fn admin_groups(groups: Spanned<Vec<Spanned<String>>>) -> Result<BTreeSet<String>, Wrong> {
    if groups.value.is_empty() {
        return Err(Wrong {
            at: groups.referenced,
            problem: "policy.adminGroups is empty, so nobody would count as an admin; leave it out for system:masters".to_owned(),
        });
    }
    let mut set = BTreeSet::new();
    for (n, group) in groups.value.into_iter().enumerate() {
        if group.value.trim().is_empty() || group.value.contains("{{") {
            return Err(Wrong {
                at: group.referenced,
                problem: format!(
                    "policy.adminGroups[{n}]: {:?} is no group; write its name, for example system:masters",
                    group.value
                ),
            });
        }
        set.insert(group.value);
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse("config.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        for text in ["", "# nothing yet\n", "mode: Enforce\n", "guards: {}\n"] {
            let settings = parse("config.yaml", text).unwrap();
            let place = settings.policy.privileged_place.clone();
            assert_eq!(place, "policy.privileged, which config.yaml does not have yet");
            let defaults = Settings::default();
            let policy = Policy { privileged_place: place, ..defaults.policy.clone() };
            assert_eq!(settings, Settings { policy, ..defaults }, "{text:?}");
        }
    }

    #[test]
    fn everything_can_be_set() {
        let settings = parse(
            "config.yaml",
            r#"
mode: Observe
authenticationMode: Both
clusterCreator:
  arn: arn:aws:iam::111122223333:role/creator
  ensure: true
protected:
  - arn:aws:iam::111122223333:user/team/break-glass
policy:
  privileged:
    - arn:aws:iam::111122223333:role/path/admins
    - "444455556666"
  adminGroups: [system:masters, cluster-admins]
  allowedAccounts: ["111122223333", "444455556666"]
  allowedGroups: [developers, "team-*"]
  usernamePatterns: ["ci:*"]
guards:
  minAdmins: 2
  onMalformed: Hold
  onMissing: Hold
"#,
        )
        .unwrap();
        let key = |arn: &str| Principal::parse(arn).unwrap().key();
        assert_eq!(settings.mode, Mode::Observe);
        assert_eq!(settings.authentication_mode, AuthenticationMode::Both);
        let creator = settings.creator.unwrap();
        assert_eq!((creator.username.as_str(), creator.ensure), ("kubernetes-admin", true));
        assert!(settings.protected.contains(&key("arn:aws:iam::111122223333:user/team/break-glass")));
        assert!(settings.policy.privileged.contains(&key("arn:aws:iam::111122223333:role/admins")));
        assert_eq!(settings.policy.privileged.len(), 2);
        assert_eq!(settings.policy.admin_groups.len(), 2);
        assert_eq!(settings.guards.min_admins, 2);
        assert_eq!(
            (settings.guards.on_malformed, settings.guards.on_missing),
            (OnDamage::Hold, OnDamage::Hold)
        );
        let groups = settings.policy.allowed_groups.unwrap();
        assert_eq!(
            (groups.values.len(), groups.place.as_str()),
            (2, "policy.allowedGroups (config.yaml, line 15)")
        );
        assert_eq!(settings.policy.allowed_accounts.unwrap().values.len(), 2);
        assert!(settings.policy.username_patterns.unwrap().values[0].matches("ci:"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place_and_the_keys_there_are() {
        let text = message("mode: Enforce\npolicy:\n  priviledged: []\n");
        assert!(text.starts_with("config.yaml:3:3: "), "{text}");
        assert!(
            text.contains("priviledged") && text.contains("privileged") && text.contains("adminGroups"),
            "{text}"
        );
        assert!(!text.contains("line"), "the place is said once: {text}");
    }

    #[test]
    fn a_key_given_twice_is_refused_with_its_place_whatever_tag_it_carries() {
        // The tagged ones, found by fuzzing, are two keys to YAML and one to us.
        for (text, place) in [
            ("mode: Enforce\nmode: Observe\n", "config.yaml:2:1: "),
            ("# c\n!a mode: Enforce\nmode: Observe\n", "config.yaml:1:1: "),
            ("policy:\n  !a adminGroups: [a]\n  adminGroups: [b]\n", "config.yaml:2:3: "),
        ] {
            let said = message(text);
            assert!(said.starts_with(place), "{said}");
            assert!(said.contains("duplicate") && !said.contains("Options"), "{said}");
        }
    }

    #[test]
    fn an_unknown_value_is_refused_with_its_place_and_the_values_there_are() {
        let text = message("\nmode: enforce\n");
        assert!(text.starts_with("config.yaml:2:7: "), "{text}");
        assert!(text.contains("Observe") && text.contains("Enforce"), "{text}");
    }

    #[test]
    fn a_wrong_arn_is_refused_with_its_place_and_what_to_write() {
        let text = message("protected:\n  - arn:aws:sts::111122223333:assumed-role/dev/jane\n");
        assert!(text.starts_with("config.yaml:2:5: protected[0]: "), "{text}");
        assert!(text.contains("arn:aws:iam::111122223333:role/dev"), "{text}");
    }

    #[test]
    fn a_list_of_what_is_allowed_that_allows_nothing_is_refused() {
        for key in ["allowedAccounts", "allowedGroups", "usernamePatterns"] {
            let text = message(&format!("policy:\n  {key}: []\n"));
            assert!(text.starts_with("config.yaml:2:") && text.contains("leave it out"), "{text}");
        }
        let text = message("policy:\n  usernamePatterns: [\"ci:{{SessionName}}\"]\n");
        assert!(text.contains("usernamePatterns[0]") && text.contains("ci:*"), "{text}");
    }

    #[test]
    fn a_configuration_that_contradicts_itself_is_refused_with_both_places() {
        let text = message(
            "policy:\n  allowedAccounts: [\"444455556666\"]\n  privileged: [\"arn:aws:iam::111122223333:role/a\"]\n",
        );
        assert!(text.starts_with("config.yaml:3:16: policy.privileged[0]"), "{text}");
        assert!(text.contains("policy.allowedAccounts (config.yaml, line 2)"), "{text}");
        let text = message(
            "authenticationMode: Api\nclusterCreator: {arn: \"arn:aws:iam::111122223333:role/a\", ensure: true}\n",
        );
        assert!(text.contains("contradict"), "{text}");
    }

    #[test]
    fn an_account_must_be_twelve_digits() {
        let text = message("policy:\n  privileged: [\"123\"]\n");
        assert!(text.starts_with("config.yaml:2:16: policy.privileged[0]: "), "{text}");
    }

    #[test]
    fn nobody_can_be_made_an_admin_by_an_empty_list() {
        let text = message("policy:\n  adminGroups: []\n");
        assert!(text.starts_with("config.yaml:2:16: policy.adminGroups is empty"), "{text}");
    }

    #[test]
    fn a_key_that_is_there_twice_is_refused() {
        let text = message("mode: Observe\nmode: Enforce\n");
        assert!(text.starts_with("config.yaml:2:"), "{text}");
    }

    #[test]
    fn a_broken_file_is_refused_with_its_place() {
        let text = message("policy:\n  privileged: [\n");
        assert!(text.starts_with("config.yaml:"), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }

    #[test]
    fn a_creator_needs_an_arn() {
        let text = message("clusterCreator:\n  ensure: true\n");
        assert!(text.contains("arn"), "{text}");
    }
}
