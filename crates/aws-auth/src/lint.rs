//! What a person should be told about an aws-auth that the reader does read.
//!
//! One finding a fact, each with a code that tests and scripts can hold on to. Nothing is ever repaired on the strength
//! of one: an entry that reads differently from what its author meant stays as it is.

use std::collections::HashMap;

use crate::entry::Key;
use crate::fold::{fold, lower};
use crate::lookup::sso_start;
use crate::reader::{Item, ReadEntry, Reading, Sso};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It may be meant.
    Warning,
    /// Somebody gets what nobody can have meant.
    Error,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// What is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Code {
    /// Two `mapUsers` entries (or `mapRoles` entries, with a long s) that differ only in case: one is taken at random.
    CaseVariants,
    /// An `sso` entry and one with the ARN of a role that it matches: one is taken at random.
    SsoAndRole,
    /// Two `sso` entries, one's permission set beginning with the other's: one is taken at random.
    SsoOverlap,
}

impl Code {
    /// The code as it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Code::CaseVariants => "case-variants",
            Code::SsoAndRole => "sso-and-role",
            Code::SsoOverlap => "sso-overlap",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub code: Code,
    /// What it is, in words, and what to do.
    pub message: String,
    /// The key.
    pub key: Key,
    /// The line in the key's text, counted from 1.
    pub line: usize,
}

/// One rule: looks at all keys and adds what it finds.
type Rule = fn(&[Served<'_>], &mut Vec<Finding>);

const RULES: [Rule; 3] = [case_variants, sso_and_role, sso_overlap];

/// A served entry and its place.
struct Served<'a> {
    key: Key,
    item: &'a Item,
    read: &'a ReadEntry,
}

impl Served<'_> {
    fn arn(&self) -> &str {
        &self.read.entry.arn
    }

    fn finding(&self, severity: Severity, code: Code, message: String) -> Finding {
        Finding { severity, code, message, key: self.key, line: self.item.line }
    }
}

/// Everything that is to be said about these readings, in the order of keys and lines.
pub fn lint<'a>(readings: impl IntoIterator<Item = (Key, &'a Reading)>) -> Vec<Finding> {
    let mut served = Vec::new();
    for (key, reading) in readings {
        let Reading::List(list) = reading else { continue };
        let items = reading.entries().filter_map(|(index, read)| Some((list.items.get(index)?, read)));
        served.extend(items.map(|(item, read)| Served { key, item, read }));
    }
    let mut findings = Vec::new();
    for rule in RULES {
        rule(&served, &mut findings);
    }
    findings.sort_by_key(|finding| (finding.key, finding.line, finding.code));
    findings
}

fn case_variants(served: &[Served<'_>], findings: &mut Vec<Finding>) {
    // Where the reader keeps the two apart but takes a caller for both.
    let mut first: HashMap<(Key, String), &Served<'_>> = HashMap::new();
    for one in served.iter().filter(|one| one.key != Key::MapAccounts && one.read.sso.is_none()) {
        let other = *first.entry((one.key, fold(one.arn()).into_owned())).or_insert(one);
        let kept_apart = match one.key {
            Key::MapRoles => lower(one.arn()) != lower(other.arn()),
            _ => one.arn() != other.arn(),
        };
        if kept_apart {
            let message = format!(
                "{:?} differs from the entry in line {} only in case: the authenticator takes one of the two at random; \
                 remove one",
                one.arn(),
                other.item.line
            );
            findings.push(one.finding(Severity::Error, Code::CaseVariants, message));
        }
    }
}

/// The `sso` entries that can match anybody, with what the ARNs begin with that they match.
fn sso_entries<'s>(served: &'s [Served<'_>]) -> impl Iterator<Item = (String, &'s Sso, &'s Served<'s>)> {
    let with_sso = served.iter().filter_map(|one| Some((one.read.sso.as_deref()?, one)));
    with_sso.filter(|(sso, _)| sso.partition.is_empty()).map(|(sso, one)| (sso_start(sso), sso, one))
}

fn sso_and_role(served: &[Served<'_>], findings: &mut Vec<Finding>) {
    for (start, sso, one) in sso_entries(served) {
        let roles = served.iter().filter(|role| role.key == Key::MapRoles && role.read.sso.is_none());
        for role in roles.filter(|role| fold(role.arn()).starts_with(&start)) {
            let message = format!(
                "the sso entry for {:?} matches the role in line {} as well: where sso entries count, the authenticator \
                 takes one of the two at random; remove one",
                sso.permission_set_name, role.item.line
            );
            findings.push(one.finding(Severity::Warning, Code::SsoAndRole, message));
        }
    }
}

fn sso_overlap(served: &[Served<'_>], findings: &mut Vec<Finding>) {
    let all: Vec<_> = sso_entries(served).collect();
    for (start, sso, one) in &all {
        for (longer, other, _) in
            all.iter().filter(|(longer, _, _)| longer != start && longer.starts_with(start))
        {
            let _ = longer;
            let message = format!(
                "the sso entry for {:?} matches roles of {:?} as well: where sso entries count, the authenticator takes \
                 one of the two at random; use the roles' ARNs",
                sso.permission_set_name, other.permission_set_name
            );
            findings.push(one.finding(Severity::Warning, Code::SsoOverlap, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::read;

    fn found(key: Key, text: &str) -> Vec<(Code, usize)> {
        let reading = read(key, Some(text));
        lint([(key, &reading)]).into_iter().map(|finding| (finding.code, finding.line)).collect()
    }

    #[test]
    fn users_that_differ_in_case_are_found_and_repeated_ones_are_not() {
        assert_eq!(
            found(Key::MapUsers, "- userarn: a\n- userarn: A\n- userarn: a\n"),
            [(Code::CaseVariants, 2)]
        );
    }

    #[test]
    fn roles_that_differ_in_case_replace_one_another_unless_it_is_a_long_s() {
        assert_eq!(found(Key::MapRoles, "- rolearn: s\n- rolearn: S\n"), []);
        assert_eq!(found(Key::MapRoles, "- rolearn: s\n- rolearn: \u{17F}\n"), [(Code::CaseVariants, 2)]);
    }

    #[test]
    fn an_sso_entry_with_a_partition_matches_nobody_and_competes_with_nobody() {
        let entry = "- sso: {permissionSetName: Ops, accountID: '111122223333', partition: aws}\n";
        let role = "- rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_Ops_0a1b\n";
        assert_eq!(found(Key::MapRoles, &format!("{entry}{role}")), []);
        let entry = entry.replace(", partition: aws", "");
        assert_eq!(found(Key::MapRoles, &format!("{entry}{role}")), [(Code::SsoAndRole, 1)]);
    }
}
