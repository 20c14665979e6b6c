//! How our own entries are spelled, so that no YAML or JSON reader can misread them.
//!
//! One rule for every string: double quotes, printable ASCII as it is, everything else of the basic plane as `\uXXXX`
//! (look-alike letters show themselves that way), the rest raw, because JSON would need surrogate pairs, which kill the
//! document for the reader (contract, "Scalars that read wrong"). Not here: where an entry goes (`document`).

use std::fmt::Write as _;

use crate::entry::{Entry, Key};

/// The line above our entries, without its line break.
pub const HEADER: &str =
    "# Managed by aws-auth-operator from IamMapping objects: edits to the entries below are undone.";

/// Appends `entry` as a block item whose dash stands in `column`. The first line is not indented (the caller places
/// the dash); no line break at the end. `line_break` separates the lines.
pub fn block_item(out: &mut String, key: Key, entry: &Entry, column: usize, line_break: &str) {
    out.push_str("- ");
    let Some(field) = key.arn_field() else {
        quoted(out, &entry.arn);
        return;
    };
    let next_line = |out: &mut String| {
        out.push_str(line_break);
        out.extend(std::iter::repeat_n(' ', column + 2));
    };
    out.push_str(field);
    out.push_str(": ");
    quoted(out, &entry.arn);
    next_line(out);
    out.push_str("username: ");
    quoted(out, &entry.username);
    next_line(out);
    if entry.groups.is_empty() {
        out.push_str("groups: []");
        return;
    }
    out.push_str("groups:");
    for group in &entry.groups {
        next_line(out);
        out.push_str("- ");
        quoted(out, group);
    }
}

/// Appends `entry` as an element of a flow sequence; valid JSON too.
pub fn flow_item(out: &mut String, key: Key, entry: &Entry) {
    let Some(field) = key.arn_field() else {
        quoted(out, &entry.arn);
        return;
    };
    out.push_str("{\"");
    out.push_str(field);
    out.push_str("\": ");
    quoted(out, &entry.arn);
    out.push_str(", \"username\": ");
    quoted(out, &entry.username);
    out.push_str(", \"groups\": [");
    for (n, group) in entry.groups.iter().enumerate() {
        if n > 0 {
            out.push_str(", ");
        }
        quoted(out, group);
    }
    out.push_str("]}");
}

/// Appends `text` in double quotes.
fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            ' '..='~' | '\u{10000}'.. => out.push(c),
            // Writing to a String cannot fail.
            c => _ = write!(out, "\\u{:04x}", u32::from(c)),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            arn: "arn:aws:iam::111122223333:role/dev".into(),
            username: "jos\u{e9} \"x\" \\ \u{1f600}".into(),
            groups: vec!["a".into(), "yes".into()],
        }
    }

    #[test]
    fn a_block_item_is_quoted_throughout_and_ends_without_a_line_break() {
        let mut out = String::new();
        block_item(&mut out, Key::MapRoles, &entry(), 2, "\n");
        assert_eq!(
            out,
            "- rolearn: \"arn:aws:iam::111122223333:role/dev\"\n    username: \"jos\\u00e9 \\\"x\\\" \\\\ \u{1f600}\"\n    groups:\n    - \"a\"\n    - \"yes\""
        );
    }

    #[test]
    fn a_flow_item_is_json() {
        let mut out = String::new();
        flow_item(&mut out, Key::MapRoles, &entry());
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["username"], entry().username);
        assert_eq!(value["groups"][1], "yes");
    }

    #[test]
    fn an_account_is_a_bare_string() {
        let mut out = String::new();
        let entry = Entry { arn: "012345678901".into(), ..Entry::default() };
        block_item(&mut out, Key::MapAccounts, &entry, 0, "\n");
        flow_item(&mut out, Key::MapAccounts, &entry);
        assert_eq!(out, "- \"012345678901\"\"012345678901\"");
    }
}
