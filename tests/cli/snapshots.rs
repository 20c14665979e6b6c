//! What every command prints, as committed snapshots: into a pipe, and with the colours of a terminal.

use std::process::Command;

use super::{Files, Said, run, said};

const AWS_AUTH: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth
  namespace: kube-system
data:
  mapRoles: |
    - groups:
      - system:bootstrappers
      - system:nodes
      rolearn: arn:aws:iam::111122223333:role/eksctl-prod-NodeInstanceRole-1A2B
      username: system:node:{{EC2PrivateDNSName}}
    # break glass: see OPS-12
    - rolearn: arn:aws:iam::111122223333:role/break-glass
      username: break-glass
      groups: [ \"system:masters\" ]   # keep
    - rolearn: arn:aws:iam::111122223333:role/teams/web/dev
      username: dev
";
const MAPPINGS: &str = "apiVersion: aws-auth.dev/v1alpha1
kind: IamMapping
metadata:
  name: developers
spec:
  arn: arn:aws:iam::111122223333:role/teams/web/dev
  username: dev:{{SessionName}}
  groups: [developers]
---
apiVersion: aws-auth.dev/v1alpha1
kind: IamMapping
metadata:
  name: contractor
spec:
  arn: arn:aws:iam::777788889999:role/contractor
  groups: [system:masters]
";

/// Runs it in a folder with both files, so that no path of this machine is printed.
fn in_folder(arguments: &[&str], colours: bool) -> Said {
    let files = Files::new();
    files.write("aws-auth.yaml", AWS_AUTH);
    files.write("mappings.yaml", MAPPINGS);
    let mut command = Command::new(env!("CARGO_BIN_EXE_aws-auth-operator"));
    command
        .args(arguments)
        .current_dir(files.path())
        .env("KUBECONFIG", "/nonexistent")
        .env_remove("NO_COLOR");
    // What a terminal gets; anstream asks for it the same way.
    if colours {
        command.env("CLICOLOR_FORCE", "1");
    } else {
        command.env_remove("CLICOLOR_FORCE");
    }
    said(command, "")
}

fn all(arguments: &[&str], colours: bool) -> String {
    let said = in_folder(arguments, colours);
    let out = said.out.replace('\u{1b}', "␛");
    let err = said.err.replace('\u{1b}', "␛");
    format!("$ {}\n{out}--- standard error, exit code {}\n{err}", arguments.join(" "), said.code)
}

macro_rules! snapshots {
    ($($name:ident: $arguments:expr;)*) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(concat!(stringify!($name), "_in_a_pipe"), all(&$arguments, false));
            insta::assert_snapshot!(concat!(stringify!($name), "_on_a_terminal"), all(&$arguments, true));
        })*
    };
}

const JANE: &str = "arn:aws:sts::111122223333:assumed-role/dev/jane";
const GLASS: &str = "arn:aws:iam::111122223333:role/break-glass";

snapshots! {
    plan: ["plan", "-f", "mappings.yaml", "--aws-auth", "aws-auth.yaml"];
    plan_json: ["plan", "-f", "mappings.yaml", "--aws-auth", "aws-auth.yaml", "-o", "json"];
    plan_diff: ["plan", "-f", "mappings.yaml", "--aws-auth", "aws-auth.yaml", "-o", "diff"];
    explain_who_gets_in: ["explain", GLASS, "--aws-auth", "aws-auth.yaml"];
    explain_who_does_not: ["explain", JANE, "--aws-auth", "aws-auth.yaml"];
    explain_json: ["explain", GLASS, "--aws-auth", "aws-auth.yaml", "-o", "json"];
    lint: ["lint", "--aws-auth", "aws-auth.yaml"];
    lint_json: ["lint", "--aws-auth", "aws-auth.yaml", "-o", "json"];
    import: ["import", "--aws-auth", "aws-auth.yaml"];
    report: ["report", "--aws-auth", "aws-auth.yaml"];
    report_csv: ["report", "--aws-auth", "aws-auth.yaml", "-o", "csv"];
    export_terraform: ["export", "--to", "terraform", "--cluster", "prod", "--aws-auth", "aws-auth.yaml"];
    export_aws_cli: ["export", "--to", "aws-cli", "--cluster", "prod", "--aws-auth", "aws-auth.yaml"];
    without_a_cluster: ["status"];
    a_wrong_argument: ["plan", "--nothing"];
}

#[test]
fn no_color_turns_colours_off_and_a_pipe_has_none() {
    let said = in_folder(&["plan", "-f", "mappings.yaml", "--aws-auth", "aws-auth.yaml"], false);
    assert!(!said.out.contains('\u{1b}') && !said.err.contains('\u{1b}'), "{said:?}");
}

#[test]
fn every_command_has_help_with_examples() {
    for command in [
        "run",
        "crd",
        "plan",
        "explain",
        "import",
        "lint",
        "report",
        "export",
        "init",
        "status",
        "approve",
        "history",
        "diff",
        "restore",
        "completion",
    ] {
        let said = run(&[command, "--help"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains("Usage: "), "{said:?}");
        let says_itself = ["run", "crd", "completion"].contains(&command);
        assert!(says_itself || said.out.contains("Examples:"), "{said:?}");
        // What every command has in common stands apart from what is its own.
        if let Some((_, cluster)) = said.out.split_once("\nCluster:\n") {
            let cluster =
                cluster.split("\n\nExamples:").next().unwrap().split("\n\nWhat AWS").next().unwrap();
            let options =
                cluster.lines().filter_map(|line| line.trim().split(' ').find(|word| word.starts_with("--")));
            let strange: Vec<&str> = options
                .filter(|option| !["--kubeconfig", "--context", "--as", "--as-group"].contains(option))
                .collect();
            assert!(strange.is_empty(), "{command}: {strange:?}");
        }
    }
    assert!(run(&["--help"]).out.contains("Examples:"));
}
