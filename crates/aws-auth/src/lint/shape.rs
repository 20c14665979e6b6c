//! Keys and elements that the reader does not read as they stand.

use super::{Code, Finding};
use crate::aws_auth::AwsAuth;
use crate::entry::Key;
use crate::reader::{Item, ProblemKind, Reading};

/// Keys of the `ConfigMap` that are almost one of the three: the reader wants them exact.
pub(super) fn unknown_keys(aws_auth: &AwsAuth, findings: &mut Vec<Finding>) {
    let squeeze = |text: &str| {
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    for name in aws_auth.source().data.keys() {
        let meant = Key::ALL.into_iter().find(|key| {
            let (name, key) = (squeeze(name), squeeze(key.as_str()));
            name == key || key.strip_suffix('s') == Some(&name)
        });
        if let Some(key) = meant.filter(|key| key.as_str() != name) {
            findings.push(Finding {
                key: None,
                ..Finding::new(
                    Code::UnknownKey,
                    key,
                    1,
                    format!("data.{name} is not read: the authenticator knows {key}, spelled exactly so; rename it"),
                )
            });
        }
    }
}

pub(super) fn lint(key: Key, reading: &Reading, findings: &mut Vec<Finding>) {
    match reading {
        Reading::Nothing => {}
        Reading::NotAList(place) => findings.push(Finding::new(
            Code::NotAList,
            key,
            place.line,
            format!(
                "{key} is no list, so nobody in it gets in, nodes included; begin each entry with a dash"
            ),
        )),
        Reading::Broken(fault) => findings.push(Finding::new(
            Code::BrokenKey,
            key,
            fault.place.line,
            format!(
                "{key} does not parse (column {}), so nobody in it gets in, nodes included: {}",
                fault.place.column, fault.message
            ),
        )),
        Reading::Unsure(fault) => findings.push(Finding::new(
            Code::Unsure,
            key,
            fault.place.line,
            format!("what the authenticator makes of {key} is left to chance: {}", fault.message),
        )),
        Reading::List(list) => {
            for item in &list.items {
                elements(key, item, findings);
            }
        }
    }
}

fn elements(key: Key, item: &Item, findings: &mut Vec<Finding>) {
    for problem in &item.problems {
        let field = &problem.field;
        let (code, message) = match problem.kind {
            ProblemKind::MissingArn => (
                Code::Dropped,
                format!("the authenticator drops this element: it has no {}; write one, or remove it", key.arn_field().unwrap_or("account id")),
            ),
            ProblemKind::NotAMapping => (
                Code::Dropped,
                "the authenticator drops this element: it is no mapping; write rolearn or userarn, username and groups".to_owned(),
            ),
            ProblemKind::InvalidSso => (
                Code::Dropped,
                "the authenticator drops this element: its sso block is invalid or stands beside an ARN; write the role's ARN instead".to_owned(),
            ),
            ProblemKind::NotAScalar => (
                Code::Dropped,
                "the authenticator drops this element: it is no account id; write 12 digits in quotes".to_owned(),
            ),
            ProblemKind::WrongType if field.eq_ignore_ascii_case("groups") => (
                Code::WrongType,
                format!("{field} is no list of strings, so what does not fit reads as empty; write a list, each group in quotes"),
            ),
            ProblemKind::WrongType => (
                Code::WrongType,
                format!("{field} is no string to YAML 1.1 (yes, no, on, off, null and numbers are none), so it reads as empty; quote it"),
            ),
            ProblemKind::DuplicateField => (
                Code::DuplicateField,
                format!("{field} stands twice, and only one of the two counts; keep one"),
            ),
            ProblemKind::CutShort => (
                Code::CutShort,
                "the authenticator stops here: this element and all after it read as empty; write 12 digits in quotes".to_owned(),
            ),
        };
        findings.push(Finding::new(code, key, item.line, message));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use crate::Key;

    #[test]
    fn what_the_reader_does_not_serve_is_an_error() {
        for (text, code, line) in [
            ("- rolearn: x\n  username: {{SessionName}}\n", "broken-key", 2),
            ("rolearn: x\n", "not-a-list", 1),
            ("- username: x\n", "dropped", 1),
            ("- x\n", "dropped", 1),
            (
                "- rolearn: arn:aws:iam::111122223333:role/a\n  username: a\n  groups: system:masters\n",
                "wrong-type",
                1,
            ),
            (
                "- rolearn: arn:aws:iam::111122223333:role/a\n  username: a\n  username: b\n",
                "duplicate-field",
                1,
            ),
        ] {
            assert_eq!(found(Key::MapRoles, text).first(), Some(&(code, line)), "{text}");
        }
    }
}
