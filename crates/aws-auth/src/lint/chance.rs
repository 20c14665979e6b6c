//! Entries among which the reader chooses at random.

use std::collections::HashMap;

use super::{Code, Finding, Served};
use crate::entry::Key;
use crate::fold::{fold, lower};
use crate::lookup::sso_start;
use crate::reader::Sso;

pub(super) fn lint(served: &[Served<'_>], findings: &mut Vec<Finding>) {
    case_variants(served, findings);
    sso_and_role(served, findings);
    sso_overlap(served, findings);
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
            findings.push(one.finding(Code::CaseVariants, message));
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
            findings.push(one.finding(Code::SsoAndRole, message));
        }
    }
}

fn sso_overlap(served: &[Served<'_>], findings: &mut Vec<Finding>) {
    let all: Vec<_> = sso_entries(served).collect();
    for (start, sso, one) in &all {
        for (_, other, _) in all.iter().filter(|(longer, _, _)| longer != start && longer.starts_with(start))
        {
            let message = format!(
                "the sso entry for {:?} matches roles of {:?} as well: where sso entries count, the authenticator takes \
                 one of the two at random; use the roles' ARNs",
                sso.permission_set_name, other.permission_set_name
            );
            findings.push(one.finding(Code::SsoOverlap, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    const JANE: &str = "arn:aws:iam::111122223333:user/jane";

    #[test]
    fn users_that_differ_in_case_are_found_and_repeated_ones_are_not() {
        let upper = JANE.replace("jane", "Jane");
        let entry = |arn: &str| format!("- {{userarn: '{arn}', username: u}}\n");
        assert_eq!(
            found(Key::MapUsers, &(entry(JANE) + &entry(&upper) + &entry(JANE))),
            [("case-variants", 2)]
        );
    }

    #[test]
    fn roles_that_differ_in_case_replace_one_another_unless_it_is_a_long_s() {
        let codes = |text: &str| {
            found(Key::MapRoles, text).into_iter().filter(|(code, _)| *code == "case-variants").count()
        };
        assert_eq!(codes("- rolearn: s\n- rolearn: S\n"), 0);
        assert_eq!(codes("- rolearn: s\n- rolearn: \u{17F}\n"), 1);
    }

    #[test]
    fn an_sso_entry_with_a_partition_matches_nobody_and_competes_with_nobody() {
        let entry =
            "- {sso: {permissionSetName: Ops, accountID: '111122223333', partition: aws}, username: o}\n";
        let role = "- {rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_Ops_0a1b, username: o}\n";
        assert_eq!(found(Key::MapRoles, &format!("{entry}{role}")), [("sso", 1)]);
        let entry = entry.replace(", partition: aws", "");
        assert_eq!(found(Key::MapRoles, &format!("{entry}{role}")), [("sso-and-role", 1), ("sso", 1)]);
    }
}
