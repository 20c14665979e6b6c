//! `import`: a corpus of aws-auth files as they are found, and what becomes of them.

use std::fs;
use std::path::PathBuf;

use super::{Files, data, run};

fn corpus() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(data("corpus")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 30);
    files
}

#[test]
fn every_file_of_the_corpus_says_where_such_a_file_comes_from() {
    for file in corpus() {
        assert!(
            fs::read_to_string(&file).unwrap().contains("Such a file comes from: "),
            "{}",
            file.display()
        );
    }
}

#[test]
fn planning_what_was_imported_changes_nothing() {
    let mut wrong = Vec::new();
    for file in corpus() {
        let file = file.display().to_string();
        let files = Files::new();
        let config = files.path().join("config.yaml").display().to_string();
        let import = run(&["import", "--aws-auth", &file, "--config-out", &config]);
        let mappings = files.write("mappings.yaml", &import.out);
        let arguments = ["plan", "-f", &mappings, "--aws-auth", &file, "--config", &config, "-o", "json"];
        let plan = run(&arguments);
        if import.code != 0 || plan.code != 0 || plan.json()["changes"] != serde_json::json!([]) {
            wrong.push(format!("{file}: {import:?}\n{plan:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn whoever_gets_in_is_imported_or_named_with_a_reason() {
    for file in corpus() {
        let file = file.display().to_string();
        let import = run(&["import", "--aws-auth", &file, "-o", "json"]);
        let imported = import.json()["items"].as_array().unwrap().len();
        let left = import.err.matches("left as it is: ").count();
        let text = fs::read_to_string(&file).unwrap();
        assert!(imported + left > 0 || text.contains("[]"), "{file}: {import:?}");
        let counted = format!("{left} {} left as is", if left == 1 { "entry" } else { "entries" });
        assert!(import.err.contains(&counted), "{}", import.err);
    }
}

#[test]
fn one_file_for_each_says_the_same() {
    let files = Files::new();
    let file = data("corpus/hand-written-comments.yaml").display().to_string();
    let folder = files.path().join("mappings").display().to_string();
    let config = files.path().join("config.yaml").display().to_string();
    let import = run(&["import", "--aws-auth", &file, "--dir", &folder, "--config-out", &config]);
    assert_eq!((import.code, import.out.as_str()), (0, ""));
    let mut names: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["break-glass.yaml", "dev.yaml", "nodes.yaml"]);
    let text = fs::read_to_string(format!("{folder}/break-glass.yaml")).unwrap();
    assert!(text.contains("break glass, see OPS-12 ask in #platform first two people yes, really"), "{text}");
    let plan = run(&["plan", "-f", &folder, "--aws-auth", &file, "--config", &config]);
    assert_eq!(plan.code, 0, "{plan:?}");
}

#[test]
fn a_key_that_cannot_be_read_is_mended_first() {
    let file = Files::new();
    let said =
        run(&["import", "--aws-auth", &file.write("a.yaml", "- rolearn: x\n  username: {{SessionName}}\n")]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("a.yaml:2: mapRoles line 2 cannot be read"), "{}", said.err);
}
