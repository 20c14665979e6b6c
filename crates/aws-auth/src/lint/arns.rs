//! ARNs and accounts that match nobody, or otherwise than it seems.

use super::{Code, Finding, Served};
use crate::arn::{AccountId, ArnError, Principal, PrincipalKey, Problem};
use crate::aws_auth::AwsAuth;
use crate::canonical::canonicalize;
use crate::entry::Key;
use crate::lookup::At;
use crate::ownership::PrincipalHash;
use crate::plan::claims::Items;
use crate::plan::precedence::{obeyed, same};

pub(super) fn lint(aws_auth: &AwsAuth, served: &[Served<'_>], findings: &mut Vec<Finding>) {
    for one in served {
        if one.read.sso.is_some() {
            findings.push(one.finding(
                Code::Sso,
                "EKS matches no sso blocks; write the role's ARN, without its path, as rolearn".to_owned(),
            ));
        } else if one.key == Key::MapAccounts {
            findings.push(account(one));
        } else {
            findings.extend(arn(one));
        }
    }
    shadowed(aws_auth, findings);
}

fn account(one: &Served<'_>) -> Finding {
    match AccountId::parse(one.arn()) {
        Ok(account) => one.finding(
            Code::WholeAccount,
            format!("every role and user of account {account} gets in, under its own ARN and without groups; name principals instead where you can"),
        ),
        Err(_) => one.finding(Code::Account, format!("{:?} is no account: write its 12 digits in quotes", one.arn())),
    }
}

fn arn(one: &Served<'_>) -> Option<Finding> {
    let arn = one.arn();
    let trimmed = arn.trim();
    if trimmed != arn {
        return Some(one.finding(
            Code::WhiteSpace,
            format!("white space around the ARN is compared too, so this matches nobody; write {trimmed}"),
        ));
    }
    match Principal::parse(arn) {
        Ok(principal) if principal.key() != PrincipalKey::of(arn) => Some(one.finding(
            Code::RolePath,
            format!("the authenticator never sees a role's path, so this matches nobody; write {}", principal.entry_arn()),
        )),
        Ok(Principal::Role { .. }) if one.key == Key::MapUsers => {
            Some(one.finding(Code::WrongKey, "a role in mapUsers: it works, but people look for it in mapRoles".to_owned()))
        }
        Ok(Principal::User { .. }) if one.key == Key::MapRoles => {
            Some(one.finding(Code::WrongKey, "a user in mapRoles: it works, but people look for it in mapUsers".to_owned()))
        }
        Err(ArnError::Arn { problem: Problem::Root, .. }) => Some(one.finding(
            Code::Root,
            "root matches the root user alone, not the account; name the role or user, or list the account in mapAccounts".to_owned(),
        )),
        // Sessions of federated users are compared as they are.
        Ok(_) | Err(ArnError::Account(_) | ArnError::Arn { problem: Problem::FederatedUser, .. }) => None,
        Err(ArnError::Arn { problem, .. }) => {
            let never = canonicalize(arn).as_deref() != Some(arn)
                || matches!(problem, Problem::Wildcard | Problem::Account | Problem::Name | Problem::NoName | Problem::Region);
            never.then(|| one.finding(Code::Unmatchable, format!("no caller has the ARN {arn:?}: {problem}")))
        }
    }
}

/// Entries for one principal of which the reader obeys another.
fn shadowed(aws_auth: &AwsAuth, findings: &mut Vec<Finding>) {
    let items = Items::of(aws_auth);
    for key in Key::ALL {
        for (index, item, identity) in aws_auth.key(key).items() {
            let Some(identity) = identity else { continue };
            let hash = PrincipalHash::of(&identity.principal);
            let all: Vec<At> = items.of_principal(hash, &identity.principal).collect();
            if all.len() < 2 {
                continue;
            }
            let obeyed = obeyed(&items, &all);
            let at = At { key, index };
            let Some(rules) = obeyed.last().filter(|_| !obeyed.contains(&at)) else { continue };
            let (Some(mine), Some(theirs), Some(place)) =
                (items.entry(at), items.entry(*rules), items.item(*rules))
            else {
                continue;
            };
            let finding = if same(mine, theirs) {
                Finding::new(
                    Code::Duplicate,
                    key,
                    item.line,
                    format!("the entry in {}, line {} says the same; remove one", rules.key, place.line),
                )
            } else {
                Finding::new(
                    Code::Shadowed,
                    key,
                    item.line,
                    format!(
                        "this grants nothing: the entry for the same principal in {}, line {} counts instead, and groups are never merged; keep one",
                        rules.key, place.line
                    ),
                )
            };
            findings.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::super::tests::{all, found};
    use crate::Key;

    #[test]
    fn arns_that_match_nobody_are_told() {
        for (arn, code) in [
            ("arn:aws:iam::111122223333:role/team/dev", "role-path"),
            ("' arn:aws:iam::111122223333:role/dev'", "white-space"),
            ("arn:aws:sts::111122223333:assumed-role/dev/jane", "unmatchable"),
            ("arn:aws:iam::111122223333:group/dev", "unmatchable"),
            ("arn:aws:iam::111122223333:role/*", "unmatchable"),
            ("arn:aws:iam::1111:role/dev", "unmatchable"),
            ("dev", "unmatchable"),
            ("arn:aws:iam::111122223333:root", "root"),
        ] {
            assert_eq!(
                found(Key::MapRoles, &format!("- rolearn: {arn}\n  username: u\n")),
                [(code, 1)],
                "{arn}"
            );
        }
    }

    #[test]
    fn what_another_entry_replaces_is_told_and_repetition_is_a_remark() {
        let entry = |username: &str| {
            format!("- {{rolearn: 'arn:aws:iam::111122223333:role/d', username: {username}}}\n")
        };
        assert_eq!(found(Key::MapRoles, &(entry("a") + &entry("b"))), [("shadowed", 1)]);
        assert_eq!(all(Key::MapRoles, &(entry("a") + &entry("a"))), [(Severity::Info, "duplicate", 1)]);
    }

    #[test]
    fn accounts_are_whole_or_none() {
        assert_eq!(
            found(Key::MapAccounts, "- \"111122223333\"\n- 12\n"),
            [("whole-account", 1), ("account", 2)]
        );
    }
}
