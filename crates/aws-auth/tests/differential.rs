//! The reader against aws-iam-authenticator's own code, on documents that somebody might write and on what becomes of
//! them: whatever one serves, the other must serve, and they must agree on what is an error.
//!
//! Each run takes another seed and prints it. `DIFFERENTIAL_SEED` repeats a run, `DIFFERENTIAL_CASES` makes it longer.

#![expect(clippy::expect_used, clippy::panic, reason = "tests say what must hold by failing")]

mod common;
#[path = "differential/grammar.rs"]
mod grammar;
#[path = "differential/matching.rs"]
mod matching;
#[path = "differential/material.rs"]
mod material;
#[path = "differential/meant.rs"]
mod meant;
#[path = "differential/mutate.rs"]
mod mutate;
#[path = "differential/oracle.rs"]
mod oracle;

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_auth::Key;
use aws_auth::reader::{self, ListStyle, ProblemKind, Reading};
use material::{HOSTILE, SEEDS};
use mutate::Rng;
use oracle::{Entry, Oracle, Served, Sso};

const VECTORS: &str = include_str!("data/aws-auth-vectors.json");
const REGRESSIONS: &str = include_str!("data/regressions.json");

/// Ours, in the oracle's words.
fn ours(key: Key, reading: &Reading) -> Served {
    let error = if reading.is_error() { "some error" } else { "" };
    let mut served = Served { error: error.to_owned(), ..Served::default() };
    for (_, read) in reading.entries() {
        if key == Key::MapAccounts {
            served.accounts.push(read.entry.arn.clone());
            continue;
        }
        served.entries.push(Entry {
            arn: read.entry.arn.clone(),
            username: read.entry.username.clone(),
            groups: read.entry.groups.clone(),
            userid: read.user_id.clone(),
            sso: read.sso.as_deref().map(|sso| Sso {
                permission_set_name: sso.permission_set_name.clone(),
                account_id: sso.account_id.clone(),
                partition: sso.partition.clone(),
            }),
        });
    }
    served
}

/// Accounts are a set; what a failure halfway leaves behind has lost its order.
fn is_cut_short(reading: &Reading) -> bool {
    let Reading::List(list) = reading else { return false };
    list.items.iter().any(|item| item.problems.iter().any(|problem| problem.kind == ProblemKind::CutShort))
}

/// Why the two differ. `None`: they agree, or ours says that it is unsure.
fn difference(text: &str, theirs: &[Served; 3]) -> Option<String> {
    for (key, theirs) in Key::ALL.into_iter().zip(theirs) {
        let reading = reader::read(key, Some(text));
        if matches!(reading, Reading::Unsure(_)) {
            continue;
        }
        let (mut ours, mut theirs) = (ours(key, &reading), theirs.clone());
        if is_cut_short(&reading) {
            ours.accounts.sort();
            theirs.accounts.sort();
        }
        let agree = ours.error.is_empty() == theirs.error.is_empty()
            && ours.entries == theirs.entries
            && ours.accounts == theirs.accounts;
        if !agree {
            return Some(format!("{key}: {text:?}\nours:   {reading:?}\ntheirs: {theirs:?}"));
        }
    }
    None
}

/// The shortest text that still makes a difference, found by leaving out pieces.
fn shrink(oracle: &mut Oracle, text: &str) -> String {
    let mut best = text.to_owned();
    let mut piece = best.chars().count() / 2;
    while piece > 0 {
        let chars: Vec<char> = best.chars().collect();
        let candidates: Vec<String> = (0..chars.len())
            .step_by(piece.div_ceil(2))
            .map(|from| chars[..from].iter().chain(chars.iter().skip(from + piece)).collect())
            .collect();
        let replies = oracle.read(&candidates);
        let shorter =
            candidates.into_iter().zip(&replies).find(|(text, reply)| difference(text, reply).is_some());
        match shorter {
            Some((text, _)) => best = text,
            None => piece /= 2,
        }
    }
    best
}

/// Every text of the vectors and of the regressions, and those of this test.
fn seeds() -> Vec<String> {
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let regressions: serde_json::Value = serde_json::from_str(REGRESSIONS).expect("the regressions are JSON");
    let texts = [&vectors["parse"], &vectors["lookup"], &regressions].into_iter().flat_map(|list| {
        let cases = list.as_array().expect("a list").iter();
        cases.flat_map(|case| case["configmap_data"].as_object().expect("a map").values())
    });
    let texts = texts.map(|value| value.as_str().expect("a string").to_owned());
    texts.chain(SEEDS.iter().map(|seed| (*seed).to_owned())).collect()
}

fn seed() -> u64 {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
    let fresh = u64::try_from(clock % u128::from(u64::MAX)).expect("below");
    let seed = from_environment("DIFFERENTIAL_SEED").unwrap_or(fresh);
    println!("DIFFERENTIAL_SEED={seed} DIFFERENTIAL_CASES={}", cases());
    seed
}

fn cases() -> u64 {
    from_environment("DIFFERENTIAL_CASES").unwrap_or(100_000)
}

fn from_environment(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Compares `texts`, and panics with the shortest form of each of the first differences.
fn compare(oracle: &mut Oracle, texts: &[String]) {
    let replies = oracle.read(texts);
    let different: Vec<&String> = texts
        .iter()
        .zip(&replies)
        .filter(|(text, reply)| difference(text, reply).is_some())
        .map(|(t, _)| t)
        .collect();
    if different.is_empty() {
        return;
    }
    let mut report = format!("{} of {} documents are read differently\n", different.len(), texts.len());
    for text in different.iter().take(5) {
        let text = shrink(oracle, text);
        let replies = oracle.read(std::slice::from_ref(&text));
        report.push_str(&difference(&text, &replies[0]).unwrap_or_default());
        report.push_str("\n\n");
    }
    panic!("{report}");
}

#[test]
fn mutated_documents_are_read_as_the_authenticator_reads_them() {
    let seeds = seeds();
    compare_many(|rng| mutate::document(rng, &seeds));
}

#[test]
fn documents_made_from_a_grammar_are_read_as_the_authenticator_reads_them() {
    compare_many(grammar::document);
}

/// Compares half of the documents that are asked for.
fn compare_many(mut document: impl FnMut(&mut Rng) -> String) {
    let (mut rng, mut oracle) = (Rng(seed()), Oracle::start());
    let mut counts = [0_usize; 5];
    for _ in 0..cases().div_ceil(2000) {
        let texts: Vec<String> = (0..1000).map(|_| document(&mut rng)).collect();
        compare(&mut oracle, &texts);
        for text in &texts {
            let reading = reader::read(Key::MapRoles, Some(text));
            check_spans(text, &reading);
            counts[match reading {
                Reading::Nothing => 0,
                Reading::List(_) => 1,
                Reading::NotAList(_) => 2,
                Reading::Broken(_) => 3,
                Reading::Unsure(_) => 4,
            }] += 1;
        }
    }
    let [nothing, list, not_a_list, broken, unsure] = counts;
    println!(
        "mapRoles: {nothing} nothing, {list} lists, {not_a_list} not a list, {broken} broken, {unsure} unsure"
    );
    assert!(unsure * 1000 <= counts.iter().sum(), "unsure of {unsure}, which must be rare");
    assert!(list * 10 > counts.iter().sum(), "too few of the documents can be read to tell anything");
}

#[test]
fn every_hostile_scalar_is_read_as_the_authenticator_reads_it_in_every_position() {
    let places = [
        "{}",
        "- {}\n",
        "- {}\n- \"1\"\n",
        "- rolearn: {}\n",
        "- rolearn: a\n  username: {}\n  groups: [g]\n",
        "- rolearn: a\n  groups:\n  - {}\n  - x\n",
        "- rolearn: a\n  groups: [x, {}, y]\n",
        "- rolearn: a\n  groups: {}\n",
        "- rolearn: a\n  {}: x\n",
        "- rolearn: a\n  {}: .nan\n  1: x\n",
        "[{\"rolearn\": \"a\", \"username\": {}}]",
        "[{}]",
        "- [{}]\n",
        "- rolearn: a\n  x: {y: {}}\n",
        "- sso: {}\n",
        "- sso: {permissionSetName: {}, accountID: '111122223333'}\n",
        "{}\n- rolearn: a\n",
        "- rolearn: a\n{}",
        "- rolearn: a\n...\n{}",
        "- rolearn: a\n---\n{}",
        "--- {}",
        "? {}\n: x",
        "- &a {}\n- *a\n- rolearn: *a\n",
        "- rolearn: a\n  <<: {}\n",
        "- rolearn: a\n  ? {}\n",
        "- rolearn: a # {}\n",
        "- 'rolearn': \"{}\"\n",
        "- rolearn: '{}'\n",
        "- rolearn: |\n    {}\n",
    ];
    let texts: Vec<String> = places
        .iter()
        .flat_map(|place| HOSTILE.iter().map(|scalar| place.replacen("{}", scalar, 1)))
        .collect();
    compare(&mut Oracle::start(), &texts);
}

#[test]
fn callers_become_whom_the_authenticator_makes_of_them() {
    let (mut rng, mut oracle) = (Rng(seed()), Oracle::start());
    let cases = usize::try_from(cases()).expect("a number of cases");
    matching::compare(&mut rng, &mut oracle, cases / 5);
}

#[test]
fn arns_are_canonical_as_the_authenticator_has_them() {
    let (mut rng, mut oracle) = (Rng(seed()), Oracle::start());
    let cases = usize::try_from(cases()).expect("a number of cases");
    matching::compare_arns(&mut rng, &mut oracle, cases / 5);
}

#[test]
fn what_is_written_for_a_set_of_mappings_is_read_by_the_authenticator_as_it_was_meant() {
    let (mut rng, mut oracle) = (Rng(seed()), Oracle::start());
    let cases = usize::try_from(cases()).expect("a number of cases");
    meant::compare(&mut rng, &mut oracle, cases / 10);
}

#[test]
fn every_character_folds_as_the_authenticator_folds_it() {
    matching::compare_folding(&mut Oracle::start());
}

/// Nesting, aliases and keys just within and just beyond what the reader follows.
#[test]
fn texts_at_the_limits_are_read_as_the_authenticator_reads_them() {
    let mut texts = seeds();
    for depth in [9_990, 9_998, 9_999, 10_000, 10_001] {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        texts.push(format!("{open}{close}"));
        texts.push(format!("- rolearn: a\n  x: {open}{close}\n- rolearn: b\n"));
        texts.push(format!("- rolearn: a\n  x: {open}\n"));
        texts.push(format!("- {}a\n- b\n", "- ".repeat(depth)));
        texts.push(format!("- rolearn: a\n  x: &x {}{}\n  y: [[[[*x]]]]\n", &open[20..], &close[20..]));
        texts.push(format!(
            "- rolearn: a\n  x: &x {}{}\n  1: [[[[[[[[[[[[[[[*x]]]]]]]]]]]]]]]\n",
            &open[20..],
            &close[20..]
        ));
    }
    for length in [1_020, 1_021, 1_022, 1_023, 1_024, 1_025] {
        texts.push(format!("- rolearn: a\n  {}: b\n", "k".repeat(length)));
        texts.push(format!("- {{rolearn: a, \"{}\": b}}\n", "\u{e9}".repeat(length)));
        texts.push(format!("- rolearn: a\n...\n{}\u{7}", "x".repeat(length)));
        texts.push(format!("- rolearn: a\n...\n{}\u{7}", "\u{4e2d}".repeat(length)));
        texts.push(format!("{}\u{FEFF}\n- rolearn: a\n  username: b\n- c: d\n", "#".repeat(length)));
        texts.push(format!("#{}\n\u{FEFF}- rolearn: a\n  username: b\n- c: d\n", "x".repeat(length - 513)));
    }
    for count in [90, 98, 99, 100, 101, 110, 1_000, 9_000] {
        texts.push(format!("- &a \"1\"\n{}", "- *a\n".repeat(count)));
        texts.push(format!("- &a {{rolearn: a}}\n- <<: [{}]\n", "*a, ".repeat(count)));
        texts.push(format!("- x: &a [{}]\n  y: [{}]\n  rolearn: a\n", "0,".repeat(count), "*a,".repeat(100)));
    }
    compare(&mut Oracle::start(), &texts);
}

/// Items stand in order and apart; those of a block list begin with their dash and mean the same on their own.
fn check_spans(text: &str, reading: &Reading) {
    let Reading::List(list) = reading else { return };
    let mut after = 0;
    for item in &list.items {
        assert!(after <= item.span.start && item.span.start <= item.span.end, "{text:?}: {list:?}");
        assert!(item.span.end <= list.document_end && list.document_end <= text.len(), "{text:?}: {list:?}");
        after = item.span.end;
        let written = text.get(item.span.clone()).unwrap_or_else(|| panic!("{text:?}: {list:?}"));
        assert!(
            written.ends_with(|c: char| c != '\n')
                || written.is_empty()
                || written.contains('|')
                || written.contains('>'),
            "{text:?}: {item:?}"
        );
        let ListStyle::Block { column } = list.style else { continue };
        assert!(written.starts_with('-'), "{text:?}: {item:?}");
        // What an item owes to the rest of the document.
        if written.contains(['&', '*', '!', '\u{FEFF}', '\u{85}', '\u{2028}', '\u{2029}', '\r'])
            || text.starts_with('%')
            // After such a mark the reader swallows the first character of lines.
            || text.char_indices().any(|(at, c)| at > 0 && c == '\u{FEFF}')
        {
            continue;
        }
        // At its own column: further left, a line of `---` inside quotes would be a marker.
        let mut alone = " ".repeat(column) + written;
        // The break that ends a block scalar belongs to it.
        match text[item.span.end..].chars().next() {
            Some(c @ ('\u{2028}' | '\u{2029}')) => alone.push(c),
            Some(_) => alone.push('\n'),
            None => {}
        }
        match reader::read(Key::MapRoles, Some(&alone)) {
            Reading::List(again) => assert_eq!(again.items[0].element, item.element, "{text:?}: {alone:?}"),
            other => panic!("{text:?}: {alone:?} is {other:?}"),
        }
    }
}
