//! `docs/faults.md` names one test for every scenario, and every test is on it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const SCENARIOS: usize = 62;
const PAGE: &str = include_str!("../../docs/faults.md");

/// The tests of this binary by the number in their names, with their files.
fn tests() -> BTreeMap<usize, Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults");
    let mut tests: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        if !file.is_file() {
            continue;
        }
        let (name, text) = (file.file_name().unwrap().to_str().unwrap(), fs::read_to_string(&file).unwrap());
        for test in text.split("#[test]\nfn s").skip(1) {
            let named = test.split('(').next().unwrap();
            let number = named.split('_').next().unwrap().parse().unwrap();
            tests.entry(number).or_default().push(format!("[`s{named}`](../tests/faults/{name})"));
        }
    }
    tests
}

#[test]
fn every_scenario_has_one_line_and_one_test() {
    let mut lines: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for line in PAGE.lines().filter_map(|line| line.strip_prefix("| ")) {
        let cells: Vec<&str> = line.trim_end_matches(" |").split(" | ").collect();
        if let (Some(Ok(number)), [_, promise, test]) = (cells.first().map(|cell| cell.parse()), &cells[..]) {
            assert!(promise.ends_with('.'), "{line}");
            lines.entry(number).or_default().push((*test).to_owned());
        }
    }
    assert_eq!(lines, tests());
    assert!(lines.values().all(|lines| lines.len() == 1), "{lines:#?}");
    assert_eq!(lines.keys().copied().collect::<Vec<_>>(), (1..=SCENARIOS).collect::<Vec<_>>());
}
