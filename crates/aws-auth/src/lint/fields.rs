//! Fields that the reader skips: a typo in one grants or denies without a word.

use super::{Code, Finding};
use crate::entry::Key;
use crate::reader::Reading;
use crate::yaml::{self, Document, Kind, Node, Scalar};

const KNOWN: [&str; 6] = ["rolearn", "userarn", "username", "groups", "userid", "sso"];

pub(super) fn lint(key: Key, reading: &Reading, text: &str, findings: &mut Vec<Finding>) {
    let (Key::MapRoles | Key::MapUsers, Reading::List(_)) = (key, reading) else { return };
    let Ok(document) = yaml::parse(text) else { return };
    let next = |at: usize| document.nodes.get(at).map_or(usize::MAX, Node::next);
    let end = next(0);
    let mut item = 1;
    while item < end {
        if document.nodes.get(item).is_some_and(|node| node.kind == Kind::Mapping) {
            fields(key, &document, item, findings);
        }
        item = next(item);
    }
}

fn fields(key: Key, document: &Document<'_>, item: usize, findings: &mut Vec<Finding>) {
    let next = |at: usize| document.nodes.get(at).map_or(usize::MAX, Node::next);
    let (mut field, end) = (item + 1, next(item));
    while field < end {
        if let Some(node) = document.nodes.get(field)
            && !node.is_merge()
            && let Ok(Scalar::Str(name)) = node.resolve()
            && !KNOWN.iter().any(|known| name.eq_ignore_ascii_case(known))
        {
            let meant = KNOWN.iter().find(|known| close(&name, known));
            let advice = meant.map_or(String::new(), |meant| format!(": did you mean {meant}?"));
            findings.push(Finding::new(
                Code::UnknownField,
                key,
                node.line() + 1,
                format!("the authenticator does not know the field {name:?} and skips it{advice}"),
            ));
        }
        field = next(next(field));
    }
}

/// Whether one is the other but for case, separators and a letter at the end.
fn close(name: &str, known: &str) -> bool {
    let squeezed: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let squeezed = squeezed.to_ascii_lowercase();
    squeezed == known
        || known.strip_suffix('s') == Some(&squeezed)
        || squeezed.strip_suffix('s') == Some(known)
        || (squeezed == "user" && known == "username")
        || (squeezed == "role" && known == "rolearn")
        || (squeezed == "arn" && known == "rolearn")
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use crate::Key;

    #[test]
    fn a_field_that_nobody_reads_is_found_in_its_line() {
        let text = "- rolearn: arn:aws:iam::111122223333:role/a\n  username: a\n  group:\n  - x\n";
        assert_eq!(found(Key::MapRoles, text), [("unknown-field", 3)]);
        assert_eq!(found(Key::MapRoles, "- roleARN: arn:aws:iam::111122223333:role/a\n  UserName: a\n"), []);
    }
}
