//! Where things stand, and what is said to the person who must mend them. What is served is held to the authenticator
//! itself, in `tests`.

use super::*;

fn list_of(text: &str) -> List {
    match read(Key::MapRoles, Some(text)) {
        Reading::List(list) => list,
        other => panic!("{text:?} is {other:?}"),
    }
}

/// Line, column and message of a text that cannot be read.
fn fault(text: &str) -> (usize, usize, String) {
    match read(Key::MapRoles, Some(text)) {
        Reading::Broken(fault) => (fault.place.line, fault.place.column, fault.message),
        other => panic!("{text:?} is {other:?}"),
    }
}

#[test]
fn items_reach_from_the_dash_to_their_last_token() {
    let text = "# one\n- rolearn: a # of\n  groups: [b]   # it\n\n# two\n-   rolearn: c\n    username: |\n      d\n\n-\n- e:\n...\n- f\n";
    let list = list_of(text);
    let spans: Vec<&str> = list.items.iter().map(|item| &text[item.span.clone()]).collect();
    let expected =
        ["- rolearn: a # of\n  groups: [b]", "-   rolearn: c\n    username: |\n      d", "-", "- e:"];
    assert_eq!(spans, expected);
    assert_eq!(list.items.iter().map(|item| item.line).collect::<Vec<_>>(), [2, 6, 10, 11]);
    assert_eq!(&text[list.document_end..], "...\n- f\n");
    assert_eq!(list.style, ListStyle::Block { column: 0 });
}

#[test]
fn items_of_a_flow_list_reach_from_their_first_character_to_their_last() {
    let text = " [{rolearn: a}, !x &y {rolearn: b} , c: d]\n";
    let list = list_of(text);
    let spans: Vec<&str> = list.items.iter().map(|item| &text[item.span.clone()]).collect();
    assert_eq!(spans, ["{rolearn: a}", "!x &y {rolearn: b}", "c: d"]);
    assert_eq!(list.style, ListStyle::Flow { close: text.len() - 2 });
}

#[test]
fn the_column_of_an_indented_list_is_that_of_its_dashes() {
    assert_eq!(list_of("---\n\n  - rolearn: a\n  - rolearn: b\n").style, ListStyle::Block { column: 2 });
    assert_eq!(list_of("\u{FEFF}- rolearn: a\n").style, ListStyle::Block { column: 0 });
}

#[test]
fn a_value_that_starts_with_braces_is_told_to_be_quoted() {
    let (line, column, message) = fault("- rolearn: a\n  username: {{SessionName}}\n");
    assert_eq!((line, column), (2, 13));
    assert!(message.contains("\"{{SessionName}}\""), "{message}");
    let (line, column, message) = fault("- rolearn: a\n  username: {{SessionName}}:x\n");
    assert_eq!((line, column), (2, 13));
    assert!(message.contains("\"{{SessionName}}\""), "{message}");
}

#[test]
fn faults_say_where_and_what_to_write() {
    let cases = [
        ("- rolearn: a\n  username: b: c\n", (2, 14), "double quotes"),
        ("- rolearn: a\n  username: @b\n", (2, 13), "'@'"),
        ("- rolearn: a\n\tusername: b\n", (2, 1), "tab"),
        ("- rolearn: \"a\n  username: b\n", (1, 12), "never closed"),
        ("- rolearn: a\n  username: \"\u{e9}\\/\"\n", (2, 15), "write '/'"),
        ("- rolearn: a\n  username: \"\\ud83d\"\n", (2, 14), "surrogate"),
        ("- rolearn: a\n  username: b\u{7}\n", (2, 14), "U+0007"),
        ("- rolearn: a\n  username: *b\n", (2, 13), "declares"),
        ("- rolearn: a\n username: b\n", (2, 2), "indentation of a list"),
        ("- rolearn: a\n  groups: [b\n- rolearn: c\n", (3, 10), "[ list"),
        ("- rolearn: a\n  username: .nan\n", (2, 13), ".nan"),
        ("- rolearn: a\n  ~: b\n", (2, 3), "name"),
        ("- rolearn: a\r\n  username\r\n", (2, 3), "':'"),
    ];
    for (text, place, word) in cases {
        let (line, column, message) = fault(text);
        assert_eq!((line, column), place, "{text:?}: {message}");
        assert!(message.contains(word), "{text:?}: {message}");
    }
}

#[test]
fn what_chance_decides_is_unsure() {
    let unsure = |text: &str| matches!(read(Key::MapRoles, Some(text)), Reading::Unsure(_));
    assert!(unsure("- rolearn: a\n  1: .nan\n  \"1\": b\n"));
    assert!(unsure("- rolearn: a\n  x: {true: .inf, \"true\": b}\n"));
    // Neither can become JSON, both can, or the same key twice: no chance in it.
    assert!(!unsure("- rolearn: a\n  1: .nan\n  \"1\": .inf\n"));
    assert!(!unsure("- rolearn: a\n  1: b\n  \"1\": c\n"));
    assert!(!unsure("- rolearn: a\n  1: .nan\n  0x1: b\n"));
}

#[test]
fn problems_name_the_field_as_it_is_spelled() {
    let list = list_of(
        "- RoleArn: a\n  userName: 1\n  Groups: b\n  groups: [c]\n- rolearn: d\n  rolearn: e\n- username: f\n- g\n",
    );
    let problems: Vec<Vec<(ProblemKind, &str)>> = list
        .items
        .iter()
        .map(|item| item.problems.iter().map(|problem| (problem.kind, problem.field.as_str())).collect())
        .collect();
    assert_eq!(
        problems,
        [
            vec![
                (ProblemKind::DuplicateField, "groups"),
                (ProblemKind::WrongType, "Groups"),
                (ProblemKind::WrongType, "userName"),
            ],
            vec![(ProblemKind::DuplicateField, "rolearn")],
            vec![(ProblemKind::MissingArn, "")],
            vec![(ProblemKind::NotAMapping, "")],
        ]
    );
}
