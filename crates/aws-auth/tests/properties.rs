//! What holds for any aws-auth and any mappings. 10,000 cases each; `PROPTEST_CASES` makes them more.
//!
//! Failures that were found stay in `properties.regressions` beside this file and are tried first.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod common;

use aws_auth::arn::{Principal, PrincipalKey};
use aws_auth::aws_auth::AwsAuth;
use aws_auth::mapping::{Mapping, RawSpec};
use aws_auth::plan::Outcome;
use aws_auth::reader::{ListStyle, Reading};
use aws_auth::{Entry, Key, Timestamp};
use common::{World, aws_auth, mapping, raw, role, served};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// One foreign item for a role, in one of the spellings that people and tools use. `{i}` is the indent of the dash.
fn foreign_item() -> impl Strategy<Value = String> {
    let spelling = select(vec![
        "{i}- rolearn: arn:aws:iam::111122223333:role/{r}\n{i}  username: {r}\n{i}  groups:\n{i}  - g\n{i}  - system:masters\n",
        "{i}- rolearn: arn:aws:iam::111122223333:role/{r}\n{i}  username: {r}\n{i}  groups:\n{i}    - g\n",
        "{i}- groups: [g, \"h\"] # why\n{i}  username: '{r}:{{SessionName}}'\n{i}  rolearn: \"arn:aws:iam::111122223333:role/{r}\"\n",
        "{i}- {rolearn: \"arn:aws:iam::111122223333:role/{r}\", username: {r}, extra: [1, {a: b}]}\n",
        "{i}-   roleARN: arn:aws:iam::111122223333:role/{r}   # trailing\n{i}    notes: |\n{i}      - not an item\n{i}      # not a comment\n{i}    username: {r}\n",
        "{i}-\n{i}  rolearn: arn:aws:iam::111122223333:role/{r}\n{i}  # inside\n{i}  username: >-\n{i}    folded\n{i}    name\n",
        "{i}- &{r} {rolearn: \"arn:aws:iam::111122223333:role/{r}\", username: a}\n{i}- <<: *{r}\n{i}  username: b\n",
        "{i}- rolearn: arn:aws:iam::111122223333:role/{r}\n{i}  username: 12345\n{i}  groups: system:masters\n",
        "{i}- rolearn: arn:aws:iam::111122223333:role/some/path/{r}\n{i}  username: dead\n",
        "{i}- userarn: nonsense\n",
        "{i}- null\n",
        "{i}- rolearn: arn:aws:iam::111122223333:role/{r}\n{i}  username: plain\n{i}    continued\n",
        "{i}- sso: {permissionSetName: Ops, accountID: \"012345678912\"}\n{i}  username: u\n",
        "{i}- rolearn: arn:aws:iam::111122223333:role/{r}\n\n\n{i}  username: spaced\n",
    ]);
    (spelling, 0..14u8).prop_map(|(text, n)| text.replace("{r}", &format!("r{n}")))
}

/// What stands between items.
fn gap() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        "",
        "",
        "\n",
        "# a comment\n",
        "  # an indented comment\n",
        "\n# - rolearn: commented out\n\n",
        "#\n",
    ])
}

/// A block sequence with everything around it that people leave there.
fn block_document() -> impl Strategy<Value = String> {
    let head = select(vec![
        "",
        "",
        "",
        "# head\n",
        "---\n",
        "%YAML 1.1\n---\n",
        "\u{feff}",
        "\n\n",
        "# head\n--- # x\n",
    ]);
    let tail = select(vec![
        "",
        "",
        "",
        "# tail\n",
        "...\n",
        "---\n- rolearn: never read\n",
        "\n\n",
        "...\n][ garbage\n",
        "  # tail",
    ]);
    let indent = select(vec!["", "", "", "  ", "    "]);
    let line_break = select(vec!["\n", "\n", "\n", "\r\n"]);
    (head, vec((foreign_item(), gap()), 1..6), tail, indent, line_break, any::<bool>()).prop_map(
        |(head, items, tail, indent, line_break, last_break)| {
            let body: String = items.iter().flat_map(|(item, gap)| [item.as_str(), gap]).collect();
            let text = format!("{head}{}{tail}", body.replace("{i}", indent)).replace('\n', line_break);
            if last_break { text } else { text.trim_end_matches(['\r', '\n']).to_owned() }
        },
    )
}

/// JSON and flow lists.
fn flow_document() -> impl Strategy<Value = String> {
    let item = (select(vec![
        "{\"rolearn\": \"arn:aws:iam::111122223333:role/{r}\", \"username\": \"{r}\", \"groups\": [\"g\"]}",
        "{\"rolearn\":\"arn:aws:iam::111122223333:role/{r}\",\"x\":{\"y\":[1,2]}}",
        "{rolearn: arn:aws:iam::111122223333:role/{r}, username: u}",
        "null",
        "\"text\"",
    ]), 0..14u8)
        .prop_map(|(text, n)| text.replace("{r}", &format!("r{n}")));
    let separator = select(vec![",", ", ", ",\n  ", " , # why\n "]);
    let close = select(vec!["]", "\n]", "\n]\n", ",\n]\n", "] # end\n"]);
    (vec(item, 1..5), separator, close)
        .prop_map(|(items, separator, close)| format!("[{}{close}", items.join(separator)))
}

fn any_document() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => block_document(),
        3 => flow_document(),
        1 => select(vec!["", "[]", "[]\n", "null", "# only a comment\n", "``", "''", "{}", "text", "- [", "\t", "--- []\n"]).prop_map(str::to_owned),
    ]
}

/// Any text that may come as a username or group: mostly ordinary, sometimes hostile.
fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z][a-z0-9:._/@-]{0,20}",
        1 => select(vec![
            "yes", "no", "on", "off", "y", "n", "~", "null", "true", "1_000", "0x1F", "017", "1e3", "012345678901", ".inf", ".nan",
            "12:30:45", "2024-01-01", "=", "<<", "- a", "a: b", "#x", "a #b", "[a]", "{a}", "&a", "*a", "!a", "|", ">", "@a", "%a", "`a`",
            "\"", "'", "\\", "\\/", "jos\u{e9}", "\u{1f600}", "a\u{fffe}", "\u{1fffe}b", "\u{d7ff}", "\u{e000}", "x\u{a0}y", "---", "...", "? a", "a\\u0041",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn any_mappings() -> impl Strategy<Value = Vec<Mapping>> {
    let one = (0..20u8, any_name(), vec(any_name(), 0..4), any::<bool>(), 0..8i64);
    vec(one, 0..8).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(n, (who, username, groups, user, age))| {
                let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
                let arn = if user {
                    format!("arn:aws:iam::111122223333:user/u{}", who % 4)
                } else {
                    role(&format!("r{who}"))
                };
                let number = u32::try_from(n).unwrap() + 1;
                Mapping {
                    created: Timestamp(1_700_000_000 + age),
                    ..mapping(&format!("m{n}"), number, raw(&arn, &username, &groups))
                }
            })
            .collect()
    })
}

fn world(text: &str, mappings: &[Mapping]) -> World {
    let mut world = World::with_roles(text);
    // No admin here is anybody's last one: that guard has tests of its own.
    world.settings.guards.min_admins = 0;
    world.approving = true;
    world.mappings = mappings.to_vec();
    world
}

/// The bytes of every item, in order.
fn item_bytes(aws_auth: &AwsAuth) -> Vec<&str> {
    let text = aws_auth.text(Key::MapRoles);
    aws_auth.key(Key::MapRoles).items().map(|(_, item, _)| &text[item.span.clone()]).collect()
}

fn is_subsequence<'a>(mut of: impl Iterator<Item = &'a str>, all: impl Iterator<Item = &'a str>) -> bool {
    let mut wanted = of.next();
    for one in all {
        if wanted == Some(one) {
            wanted = of.next();
        }
    }
    wanted.is_none()
}

/// Whom the reader obeys for a principal: the last of mapRoles, else of mapUsers.
fn obeyed(aws_auth: &AwsAuth, arn: &str) -> Option<Entry> {
    let key = PrincipalKey::of(arn);
    [Key::MapRoles, Key::MapUsers].into_iter().find_map(|map| {
        served(aws_auth, map).into_iter().rev().find(|entry| PrincipalKey::of(&entry.arn) == key)
    })
}

proptest! {
    #![proptest_config(common::many_cases())]

    #[test]
    fn foreign_bytes_stay_whatever_the_mappings(text in any_document(), mappings in any_mappings()) {
        let before = aws_auth(&[("mapRoles", &text)]);
        let mut world = world(&text, &mappings);
        world.settle();
        let block = matches!(before.key(Key::MapRoles).reading(), Reading::List(list) if matches!(list.style, ListStyle::Block { .. }));
        prop_assert!(
            is_subsequence(item_bytes(&before).into_iter(), item_bytes(&world.aws_auth).into_iter()),
            "an item changed: {:?}", world.roles()
        );
        if block {
            prop_assert!(is_subsequence(text.lines(), world.roles().lines()), "a line changed: {:?}", world.roles());
        }
    }

    #[test]
    fn the_reader_reads_exactly_what_was_meant(text in any_document(), mappings in any_mappings()) {
        let mut world = world(&text, &mappings);
        let before = served(&world.aws_auth, Key::MapRoles);
        let (outcomes, _) = world.settle();
        let mut meant = 0;
        for mapping in &world.mappings {
            let Ok(spec) = &mapping.spec else { continue };
            match &outcomes[&mapping.name] {
                Outcome::Applied => {
                    let read = obeyed(&world.aws_auth, &spec.entry().arn);
                    prop_assert_eq!(read.as_ref(), Some(spec.entry()));
                    meant += usize::from(spec.key() == Key::MapRoles);
                }
                Outcome::Pending => prop_assert!(false, "still pending: {}", mapping.name),
                _ => {}
            }
        }
        prop_assert_eq!(served(&world.aws_auth, Key::MapRoles).len(), before.len() + meant);
    }

    #[test]
    fn planning_again_changes_nothing_and_order_changes_nothing(text in any_document(), mappings in any_mappings()) {
        let mut first = world(&text, &mappings);
        first.settle();
        prop_assert_eq!(first.settle().1, 0);
        let reversed: Vec<Mapping> = mappings.iter().rev().cloned().collect();
        let mut second = world(&text, &reversed);
        second.settle();
        prop_assert_eq!(first.aws_auth.source(), second.aws_auth.source());
    }

    #[test]
    fn creating_and_deleting_everything_gives_the_first_bytes_back(text in any_document(), mappings in any_mappings()) {
        let mut world = world(&text, &mappings);
        let had_items = world.aws_auth.key(Key::MapRoles).items().next().is_some();
        world.settle();
        world.mappings.clear();
        world.settle();
        if had_items {
            prop_assert_eq!(world.roles(), text);
        } else {
            prop_assert!(served(&world.aws_auth, Key::MapRoles).is_empty());
        }
        prop_assert!(world.aws_auth.record().map_or(true, |record| record.rows().is_empty()));
    }

    #[test]
    fn any_unicode_is_read_back_exactly_or_refused(
        username in any::<String>(), group in any::<String>(), json in any::<bool>(), c in any::<char>(),
    ) {
        // One character at a time finds what long random texts hide behind their first forbidden one.
        for (username, groups) in [(username.clone(), vec![group.clone()]), (format!("a{c}b"), vec![]), ("u".into(), vec![format!("{c}")])] {
            let spec = RawSpec { arn: Some(role("r")), username: Some(username), groups, ..RawSpec::default() };
            let mapping = mapping("m", 1, spec);
            let start = if json { "[{\"rolearn\": \"x\"}]" } else { "- rolearn: x\n" };
            let mut world = world(start, std::slice::from_ref(&mapping));
            world.settle();
            let read = obeyed(&world.aws_auth, &role("r"));
            match &mapping.spec {
                Ok(spec) if read.is_some() => prop_assert_eq!(read.as_ref(), Some(spec.entry())),
                // A privileged name is refused by policy.
                Ok(spec) => prop_assert!(spec.entry().username.starts_with("system:") || spec.entry().username.starts_with("eks:")),
                Err(_) => prop_assert_eq!(read, None),
            }
        }
    }

    #[test]
    fn parsing_an_arn_never_panics_and_what_it_accepts_matches_a_caller(arn in "arn:aws[a-z-]{0,8}:(iam|sts)::[0-9]{11,13}:(role|user|group|assumed-role)/[ -~]{0,30}") {
        if let Ok(principal) = Principal::parse(&arn) {
            prop_assert_eq!(Principal::parse(&principal.entry_arn()), Ok(principal));
        }
    }
}
