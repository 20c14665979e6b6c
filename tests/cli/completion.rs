//! Shells and kubectl complete our arguments.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::{Files, run, said};

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let said = run(&["completion", shell]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains("explain") && said.out.contains("import"), "{shell}");
    }
}

#[test]
fn kubectl_asks_its_helper_and_gets_commands_flags_and_values() {
    let files = Files::new();
    let helper = files.path().join("kubectl_complete-iam_mapping");
    symlink(env!("CARGO_BIN_EXE_aws-auth-operator"), &helper).unwrap();
    let ask = |words: &[&str]| {
        let mut command = Command::new(&helper);
        command.args(words);
        said(command, "").out
    };
    assert_eq!(ask(&["pl"]), "plan\n:4\n");
    assert_eq!(ask(&["plan", "--aw"]), "--aws-auth\n:4\n");
    assert_eq!(ask(&["plan", "-o", ""]), "json\nyaml\nconfigmap\ndiff\n:4\n");
    assert_eq!(ask(&["plan", "-f", ""]), ":0\n");
}
