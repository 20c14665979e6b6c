//! Somebody who reads a page and types what it says: a cluster, a folder with the files that pages speak of, and a shell.
//!
//! There is no kubelet here. What a Deployment of the operator would start is started by hand after each block, as the
//! Deployment's account, with its arguments and its configuration, and stopped when the Deployment goes.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use control_plane::parts::{self, Part};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{Process, arn, check, eventually, role};
use crate::helm::{NAMESPACE, RELEASE, root};
use crate::world::{World, mapping};

/// `plan` and `diff` end with 2 where there is something to show; everything else that is not 0 has failed.
const PREAMBLE: &str = r#"
exec 2>&1
set -uE -o pipefail
trap 'code=$?
case "$code $BASH_COMMAND" in
  "2 "*" plan "* | "2 "*" diff "*) ;;
  *) echo "exit code $code: $BASH_COMMAND"; exit "$code" ;;
esac' ERR
"#;

/// The reader. Fields are dropped in order: the operator ends before its cluster.
pub struct Reader {
    operator: Option<(Value, Process)>,
    pub world: World,
    folder: TempDir,
    /// How many mappings were made only to be held back.
    made: u32,
}

impl Reader {
    /// Somebody with a cluster that has an aws-auth and no operator.
    pub fn with_a_cluster() -> Self {
        let reader = Self { operator: None, world: World::start(), folder: folder(), made: 0 };
        let aws_auth = root().join("examples/quickstart/aws-auth.yaml");
        reader.world.kubectl(&["apply", "--filename", aws_auth.to_str().unwrap()]);
        reader.save_aws_auth();
        // What `init` would print, had the API server of the tests heard of AWS.
        reader
            .shell("aws-auth-operator import --aws-auth aws-auth.yaml --config-out privileged.yaml")
            .unwrap();
        let privileged = fs::read_to_string(reader.folder().join("privileged.yaml")).unwrap();
        reader.write_values(&format!("mode: Observe\n{privileged}"));
        reader
    }

    /// The chart's values with this configuration.
    fn write_values(&self, configuration: &str) {
        let indented = configuration.trim_end().replace('\n', "\n  ");
        fs::write(self.folder().join("values.yaml"), format!("config:\n  {indented}\n")).unwrap();
    }

    /// Somebody whose cluster has an operator, and mappings that are Ready.
    pub fn with_an_operator() -> Self {
        let mut reader = Self::with_a_cluster();
        reader.write_values(&fs::read_to_string(reader.folder().join("config.yaml")).unwrap());
        let values = reader.folder().join("values.yaml");
        reader.world.install(&["--values", values.to_str().unwrap()]);
        reader.settle();
        reader.world.apply(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"}}));
        let mappings = reader.folder().join("mappings");
        reader.world.kubectl(&["apply", "--filename", mappings.to_str().unwrap()]);
        reader.world.kubectl(&["wait", "--for=condition=Ready", "iamm", "--all", "--timeout=60s"]);
        reader.save_aws_auth();
        reader
    }

    /// Where the reader types.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn save_aws_auth(&self) {
        let text =
            self.world.kubectl(&["get", "configmap", "aws-auth", "--namespace=kube-system", "--output=yaml"]);
        fs::write(self.folder().join("aws-auth.yaml"), text).unwrap();
    }

    /// Types a block, and has the cluster do what the block asks of it. What it printed, or what went wrong.
    pub fn type_in(&mut self, block: &str) -> Result<String, String> {
        let block = self.fill_in(block);
        let output = self.shell(&block)?;
        self.settle();
        Ok(output)
    }

    /// In place of the words in capitals, what a person would put there.
    fn fill_in(&mut self, block: &str) -> String {
        let words: BTreeSet<&str> =
            block.split(|character: char| !character.is_ascii_alphanumeric()).collect();
        let mut text = block.to_owned();
        if words.contains("HASH") || block.contains("--only ARN") {
            let (hash, principal) = self.something_waits();
            text = replace_word(&replace_word(&text, "HASH", &hash), "ARN", &principal);
        }
        if words.contains("N") {
            let history = self.shell("kubectl iam-mapping history --output=json").unwrap();
            let history: Value = serde_json::from_str(&history).unwrap();
            let number = |at: usize| history[at]["number"].to_string();
            text = replace_word(&replace_word(&text, "N", &number(1)), "M", &number(0));
        }
        text = replace_word(&text, "NAME", "developers");
        replace_word(&text, "ARN", &arn("developers"))
    }

    /// Revokes more at once than the brake lets through; returns the hash of what waits, and who does.
    fn something_waits(&mut self) -> (String, String) {
        self.made += 1;
        let names: Vec<String> = (0..5).map(|n| format!("leaver-{}-{n}", self.made)).collect();
        let all: Vec<Value> = names.iter().map(|name| mapping(name, &role(name, &[]))).collect();
        self.world.apply(&json!({"apiVersion": "v1", "kind": "List", "items": all}));
        for name in &names {
            self.world.until(name, "Applied");
        }
        let delete = ["delete", "iamm"].into_iter().chain(names.iter().map(String::as_str));
        self.world.kubectl(&delete.collect::<Vec<_>>());
        let last = arn(names.last().unwrap());
        eventually("a revocation waits", || {
            let aws_auth = self.world.get(&["configmap", "aws-auth", "--namespace=kube-system"]);
            let held = aws_auth["metadata"]["annotations"]["aws-auth.dev/held"].as_str().unwrap_or("{}");
            let held: Value = serde_json::from_str(held).unwrap();
            let request = held["held"].as_array().into_iter().flatten().find(|request| {
                request["principals"].as_array().unwrap().iter().any(|principal| *principal == *last)
            });
            let request = request.ok_or_else(|| held.to_string())?;
            Ok((request["hash"].as_str().unwrap().to_owned(), last.clone()))
        })
    }

    /// Runs a script, with a terminal where it asks.
    fn shell(&self, script: &str) -> Result<String, String> {
        let file = self.folder().join(".block");
        fs::write(&file, format!("{PREAMBLE}{script}\ntrue\n")).unwrap();
        let asks = script.contains("iam-mapping approve ") || script.contains("iam-mapping restore ");
        let mut command = Command::new(if asks { "script" } else { "bash" });
        if asks {
            command.args(["--quiet", "--return", "--command", "bash .block", "/dev/null"]);
        } else {
            command.arg(".block");
        }
        let home = self.folder().join("home");
        let path = std::env::var("PATH").unwrap();
        let mut child = command
            .current_dir(self.folder())
            .env("PATH", format!("{}:{path}", self.folder().join("bin").display()))
            .env("HOME", &home)
            .env("KUBECONFIG", self.world.plane.kubeconfig_path())
            .env("KUBECACHEDIR", home.join("kubectl"))
            .env_remove("AWS_AUTH_OPERATOR_CONFIG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Whoever does not ask does not read it.
        _ = child.stdin.take().unwrap().write_all(b"y\ny\n");
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        if output.status.success() { Ok(said) } else { Err(said) }
    }

    /// What the kubelet would do.
    fn settle(&mut self) {
        let get =
            ["get", "deployment", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found", "--output=json"];
        let wanted = self.world.kubectl(&get);
        let wanted: Value = serde_json::from_str(&wanted).unwrap_or_default();
        let wanted = Some(&wanted["spec"]).filter(|spec| spec["replicas"].as_u64() > Some(0));
        let wanted = wanted.map(|spec| spec["template"].clone());
        if wanted.as_ref() == self.operator.as_ref().map(|(template, _)| template) {
            return;
        }
        if let Some((_, operator)) = self.operator.take() {
            operator.terminate();
        }
        if let Some(template) = wanted {
            self.world.until_crd_is_served();
            self.operator = Some((template, self.world.run_operator()));
        }
    }
}

/// The files that pages speak of: those of a clone, `mappings/`, `config.yaml`, and the programs.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let copied = Command::new("cp")
        .arg("-R")
        .args(["charts", "crds", "deploy", "examples"].map(|name| root().join(name)))
        .arg(path)
        .status()
        .unwrap();
    assert!(copied.success());
    fs::copy(root().join("examples/quickstart/config.yaml"), path.join("config.yaml")).unwrap();
    for folder in ["mappings", "bin", "home"] {
        fs::create_dir(path.join(folder)).unwrap();
    }
    for file in fs::read_dir(root().join("examples")).unwrap() {
        let file = file.unwrap().path();
        // contractor.yaml is there to be refused.
        if file.extension().is_some_and(|end| end == "yaml") && !file.ends_with("contractor.yaml") {
            fs::copy(&file, path.join("mappings").join(file.file_name().unwrap())).unwrap();
        }
    }
    let operator = Path::new(env!("CARGO_BIN_EXE_aws-auth-operator"));
    for name in ["aws-auth-operator", "kubectl-iam_mapping"] {
        symlink(operator, path.join("bin").join(name)).unwrap();
    }
    for (name, part) in [("kubectl", Part::Kubectl), ("helm", Part::Helm)] {
        symlink(parts::ensure(part).unwrap(), path.join("bin").join(name)).unwrap();
    }
    folder
}

/// `text` with a word replaced where it stands by itself.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let part_of_a_word = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let alone = !before.ends_with(part_of_a_word) && !after.starts_with(part_of_a_word);
        replaced.push_str(before);
        replaced.push_str(if alone { by } else { word });
        rest = after;
    }
    replaced + rest
}

/// Whether each of these lines was printed, in this order; `…` stands for anything.
pub fn printed(expected: &str, output: &str) -> Result<(), String> {
    let mut lines = output.lines();
    for expected in expected.lines().map(str::trim_end).filter(|line| !line.is_empty() && *line != "…") {
        check(lines.any(|line| fits(line.trim_end(), expected)), || {
            format!("this line is missing, or comes too early: {expected}\nprinted was:\n{output}")
        })?;
    }
    Ok(())
}

fn fits(line: &str, expected: &str) -> bool {
    let Some((first, others)) = expected.split_once('…') else { return line == expected };
    let Some(rest) = line.strip_prefix(first) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| fits(&rest[at..], others))
}

#[test]
fn a_line_that_is_missing_or_comes_too_early_is_noticed() {
    let output = "one\n  two 2\nthree\n";
    for expected in ["one\nthree\n", "one\n…\n  two …\n", "o…e\nt…r…\n", ""] {
        printed(expected, output).unwrap();
    }
    for expected in ["two 2\n", "tw\n", "three\none\n", "one\none\n", "  two …3\n"] {
        assert!(printed(expected, output).is_err(), "{expected}");
    }
}
