//! What people get wrong: each is one sentence that says what to do, exit code 1, and nothing written.

use std::fmt::Write as _;
use std::process::Command;

use super::{Files, Said, run, run_with};

/// An error for people: exit code 1, one line, no panic, nothing on standard output.
#[track_caller]
fn refused(said: &Said, why: &str) {
    assert_eq!(said.code, 1, "{why}: {said:?}");
    assert!(said.out.is_empty(), "{why}: {said:?}");
    let errors: Vec<&str> = said.err.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{why}: {said:?}");
    assert!(!said.err.contains("panicked"), "{why}: {said:?}");
    assert!(errors[0].len() < 700, "{why}: {said:?}");
}

const MAPPING: &str = "apiVersion: aws-auth.dev/v1alpha1\nkind: IamMapping\nmetadata: {name: a}\nspec: {arn: 'arn:aws:iam::111122223333:role/a'}\n";

#[test]
fn wrong_arguments_are_refused() {
    for arguments in [
        "",
        "nothing",
        "--nothing",
        "plan --nothing",
        "plan -f",
        "plan -o",
        "plan -o xml",
        "plan -o JSON",
        "plan --at tomorrow",
        "plan --at 2026-13-01T00:00:00Z",
        "plan --at",
        "plan more",
        "plan --aws-auth",
        "explain",
        "explain -o json",
        "explain arn:aws:iam::111122223333:role/a more",
        "explain x -o xml",
        "explain x --private-dns-name i-0123",
        "explain x --access-key-id",
        "import -o diff",
        "import --config-out",
        "import more",
        "import --dir a -o json",
        "lint -o junit",
        "lint --severity fatal",
        "lint more",
        "report -o pdf",
        "report --rbac",
        "crd more",
        "run --listen nowhere",
        "run --log-format xml",
        "run --nothing",
        "plan --kubeconfig",
        "approve",
        "approve 12",
        "approve 0123456789ABCDEF0123456789ABCDEF",
        "export",
        "export --to cloud",
        "completion tcsh",
        "status -o xml",
        "status --watch -o json",
        "init more",
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        if arguments.is_empty() {
            assert_eq!(run(&[]).code, 1);
            continue;
        }
        refused(&run(&arguments), &arguments.join(" "));
    }
}

#[test]
fn without_a_cluster_the_file_to_name_is_named() {
    for arguments in [
        "plan",
        "plan -f .",
        "plan --context nobody",
        "plan --kubeconfig /nonexistent/config",
        "explain arn:aws:iam::111122223333:role/a",
        "lint",
        "import",
        "report",
        "status",
        "init",
        "export --to json",
        "approve 0123456789abcdef0123456789abcdef",
    ] {
        let files = Files::new();
        files.write("m.yaml", MAPPING);
        let folder = files.path().display().to_string();
        let arguments: Vec<&str> = arguments
            .split_whitespace()
            .map(|word| if word == "." { folder.as_str() } else { word })
            .collect();
        let said = run(&arguments);
        refused(&said, &arguments.join(" "));
        assert!(said.err.contains("kubeconfig") || said.err.contains("--aws-auth"), "{said:?}");
    }
}

#[test]
fn a_kubeconfig_that_cannot_be_used_says_why() {
    let files = Files::new();
    let with = |user: &str, server: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{{name: a, context: {{cluster: a, user: a}}}}]\nclusters: [{{name: a, cluster: {{server: '{server}'}}}}]\nusers: [{{name: a, user: {user}}}]\n"
        )
    };
    let nobody = "http://127.0.0.1:1";
    let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: no-such-aws, interactiveMode: Never}}";
    for (kubeconfig, says) in [
        (Vec::new(), "no current context"),
        (b"\xff\xfe\0".to_vec(), "not text"),
        (vec![0x1f, 0x8b, 0x08, 0xff], "UTF-8"),
        (b"just text".to_vec(), "kubeconfig"),
        (b"[".repeat(100_000), "kubeconfig"),
        (b"kind: Config\ncurrent-context: a\n".to_vec(), "no context"),
        (with(exec, nobody).into_bytes(), "no-such-aws"),
        (with("{token: x}", nobody).into_bytes(), "does not answer"),
        (with("{token: x}", "http://no-such-host.invalid").into_bytes(), "does not answer"),
        (with("{token: x}", "::").into_bytes(), "url"),
        (
            with("{client-certificate-data: AAAA, client-key-data: AAAA}", "https://127.0.0.1:1")
                .into_bytes(),
            "kubeconfig",
        ),
    ] {
        let file = files.write("kubeconfig", kubeconfig);
        let said = run(&["plan", "--kubeconfig", &file]);
        refused(&said, says);
        assert!(said.err.contains(says), "{says}: {said:?}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_aws-auth-operator"));
        command.args(["report", "-o", "html"]).env("KUBECONFIG", &file).env("HOME", "/nonexistent");
        refused(&super::said(command, ""), says);
    }
    let file = files.write("kubeconfig", with("{token: x}", nobody));
    let said = run(&["plan", "--kubeconfig", &file, "--context", "nobody"]);
    assert!(said.err.contains("no context \"nobody\" in it; kubectl config get-contexts"), "{said:?}");
    let folder = files.path().display().to_string();
    refused(&run(&["status", "--kubeconfig", &folder]), "a folder");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let files = Files::new();
    let mapping = files.write("m.yaml", MAPPING);
    let aws_auth = files.write("a.yaml", "- rolearn: x\n");
    let empty = files.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    files.write("empty/notes.txt", "x");
    let empty = empty.display().to_string();
    let binary = files.write("binary.yaml", [0xff, 0xfe, 0x00, 0x01]);
    let folder = files.path().display().to_string();
    let missing = files.path().join("missing").display().to_string();
    for (arguments, says) in [
        (vec!["plan", "-f", &missing, "--aws-auth", &aws_auth], "cannot be read"),
        (vec!["plan", "-f", &mapping, "--aws-auth", &missing], "cannot be read"),
        (vec!["plan", "-f", &mapping, "--aws-auth", &aws_auth, "--config", &missing], "cannot be read"),
        (vec!["plan", "-f", &empty, "--aws-auth", &aws_auth], "no .yaml"),
        (vec!["plan", "-f", &mapping, "--aws-auth", &folder], "is a folder"),
        (vec!["plan", "-f", &binary, "--aws-auth", &aws_auth], "UTF-8"),
        (vec!["plan", "-f", &mapping, "--aws-auth", &binary], "UTF-8"),
        (vec!["plan", "--aws-auth", &aws_auth], "which IamMappings"),
        (vec!["plan", "-f", "-", "--aws-auth", "-"], "read once"),
        (vec!["lint", "-f", "-", "--aws-auth", "-"], "read once"),
        (vec!["explain", "", "--aws-auth", &aws_auth], "the ARN is empty"),
        (vec!["explain", "x", "--aws-auth", &missing], "cannot be read"),
        (
            vec!["explain", "arn:aws:iam::111122223333:user/a", "--aws-auth", &missing, "--rbac", &missing],
            "cannot be read",
        ),
        (vec!["report", "--aws-auth", &aws_auth, "--rbac", &aws_auth], "no roles or bindings"),
        (vec!["report", "--aws-auth", &aws_auth, "--rbac", &mapping], "no roles or bindings"),
        (vec!["report", "--aws-auth", &aws_auth, "--rbac", &missing], "cannot be read"),
        (vec!["report", "--aws-auth", &missing], "cannot be read"),
        (vec!["lint", "--aws-auth", &missing], "cannot be read"),
        (vec!["lint", "-f", &missing], "cannot be read"),
        (vec!["lint", "-f", &mapping, "--config", &missing], "cannot be read"),
        (vec!["import", "--aws-auth", &missing], "cannot be read"),
        (vec!["import", "--aws-auth", &aws_auth, "--dir", &mapping], "cannot be made"),
        (vec!["run", "--config", &missing], "cannot be read"),
    ] {
        let said = run(&arguments);
        refused(&said, &arguments.join(" "));
        assert!(said.err.contains(says), "{says}: {said:?}");
    }
}

#[test]
fn mappings_that_the_api_server_would_not_decode_are_named_with_file_and_line() {
    let head = "apiVersion: aws-auth.dev/v1alpha1\nkind: IamMapping\n";
    let spec = "spec: {arn: 'arn:aws:iam::111122223333:role/a'";
    let files = Files::new();
    let aws_auth = files.write("a.yaml", "");
    let aws_auth_json = files.write("a.json", r#"{"kind":"ConfigMap","metadata":{"name":"aws-auth"}}"#);
    assert_eq!(run(&["lint", "--aws-auth", &aws_auth]).code, 1);
    for (text, says) in [
        (format!("{head}metadata: {{name: a}}\n{spec}, usrname: x}}\n"), "spec.usrname"),
        (format!("{head}metadata: {{name: a}}\n{spec}, groups: admins}}\n"), "spec.groups"),
        (format!("{head}metadata: {{name: a}}\n{spec}, groups: [1]}}\n"), "spec.groups[0]"),
        (format!("{head}metadata: {{name: a}}\n{spec}, type: NODE}}\n"), "spec.type"),
        (format!("{head}metadata: {{name: a}}\n{spec}, paused: maybe}}\n"), "spec.paused"),
        (format!("{head}metadata: {{name: a}}\n{spec}, expiresAt: tomorrow}}\n"), "spec.expiresAt"),
        (format!("{head}metadata: {{name: a}}\n{spec}, adoption: Take}}\n"), "spec.adoption"),
        (format!("{head}metadata: {{name: a}}\nspec: {{accountId: 111122223333}}\n"), "spec.accountId"),
        (format!("{head}metadata: {{name: a, label: x}}\n{spec}}}\n"), "metadata.label"),
        (format!("{head}metadata: {{}}\n{spec}}}\n"), "without a name"),
        (format!("{head}{spec}}}\n"), "without a name"),
        (format!("{head}metadata: {{name: a}}\n"), "spec"),
        (format!("{head}metadata: {{name: a}}\nspec: []\n"), "spec"),
        (format!("{head}metadata: {{name: a}}\n{spec}}}\nextra: 1\n"), "extra"),
        (head.replace("v1alpha1", "v1") + "metadata: {name: a}\nspec: {}\n", "v1alpha1"),
        (format!("{MAPPING}---\n{MAPPING}"), "already"),
        ("- a\n- b\n".to_owned(), "no Kubernetes object"),
        ("just text\n".to_owned(), "no Kubernetes object"),
        (format!("{MAPPING}---\nkind: [\n"), "not valid YAML"),
        (MAPPING.replace('}', ""), "not valid YAML"),
        (format!("{head}metadata:\n\tname: a\n"), "not valid YAML"),
        ("{\"kind\": \"IamMapping\"".to_owned(), "not valid JSON"),
        ("{\"kind\": IamMapping}".to_owned(), "not valid JSON"),
        ("{{ .Values.mappings }}\n".to_owned(), "not valid JSON"),
        ("a: *nobody\n".to_owned(), "not valid YAML"),
        ("a: 1\na: 2\n".to_owned(), "not valid YAML"),
        ("kind: List\nitems: 1\n".to_owned(), "no list"),
    ] {
        let file = files.write("m.yaml", &text);
        let said = run(&["plan", "-f", &file, "--aws-auth", &aws_auth_json]);
        refused(&said, &text);
        assert!(said.err.contains(says), "{says}: {said:?}\n{text}");
        assert!(said.err.contains("m.yaml:"), "{said:?}");
    }
}

#[test]
fn what_is_no_aws_auth_is_not_taken_for_an_empty_one() {
    let config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\n";
    for (text, says) in [
        (String::new(), "nothing"),
        ("# nothing\n".to_owned(), "nothing"),
        (MAPPING.to_owned(), "IamMapping a"),
        (config_map.replace("aws-auth", "coredns"), "ConfigMap coredns"),
        (config_map.replace("kube-system", "default"), "ConfigMap aws-auth"),
        (format!("{config_map}---\n{config_map}"), "twice"),
        (format!("{config_map}data:\n  mapRoles:\n  - rolearn: x\n"), "mapRoles: |"),
        (format!("{config_map}data:\n  mapRoles: 5\n"), "quote it"),
        (format!("{config_map}data: []\n"), "data must be a mapping"),
        (format!("{config_map}data: text\n"), "data must be a mapping"),
        (format!("{config_map}data:\n  mapRoles: |\n - x\n"), "not valid YAML"),
        ("kind: List\nitems: []\n".to_owned(), "nothing"),
        ("{\"kind\": \"List\", \"items\": null}".to_owned(), "nothing"),
        ("{\"kind\": \"ConfigMap\"".to_owned(), "not valid JSON"),
        ("rolearn: x\nusername: y\n".to_owned(), "without a kind"),
    ] {
        let said = run_with(&["explain", "arn:aws:iam::111122223333:role/a", "--aws-auth", "-"], &text);
        refused(&said, &text);
        assert!(said.err.contains(says), "{says}: {said:?}");
    }
}

#[test]
fn a_file_of_100_mib_is_refused_before_it_is_read() {
    let files = Files::new();
    let path = files.path().join("huge.yaml");
    std::fs::File::create(&path).unwrap().set_len(100 * 1024 * 1024).unwrap();
    let path = path.display().to_string();
    for arguments in [vec!["plan", "-f", &path, "--aws-auth", &path], vec!["lint", "--aws-auth", &path]] {
        let said = run(&arguments);
        refused(&said, "100 MiB");
        assert!(said.err.contains("larger than 32 MiB"), "{said:?}");
    }
}

#[test]
fn that_nothing_is_wanted_has_to_be_said() {
    let files = Files::new();
    let aws_auth = files.write("a.yaml", "- rolearn: x\n  username: x\n");
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
    for text in ["", "# nothing\n", "---\n---\n", deployment] {
        for command in ["plan", "lint", "report", "explain x"] {
            let arguments = command.split(' ').chain(["--aws-auth", &aws_auth, "-f", "-"]);
            let said = run_with(&arguments.collect::<Vec<_>>(), text);
            refused(&said, text);
            assert!(said.err.contains("standard input: no IamMapping in it"), "{command}: {said:?}");
        }
    }
    for empty in ["kind: List\nitems: []\n", "{\"kind\": \"IamMappingList\", \"items\": null}"] {
        let said = run_with(&["plan", "--aws-auth", &aws_auth, "-f", "-"], empty);
        assert_eq!(said.code, 0, "{said:?}");
    }
}

#[test]
fn what_would_never_end_or_swell_is_refused() {
    let files = Files::new();
    let aws_auth = files.write("a.yaml", "- rolearn: x\n");
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (this, before) in ('b'..='j').zip('a'..) {
        let aliases = vec![format!("*{before}"); 10].join(", ");
        _ = writeln!(bomb, "{this}: &{this} [{aliases}]");
    }
    let said = run_with(&["plan", "-f", "-", "--aws-auth", &aws_auth], &bomb);
    refused(&said, "a bomb");
    assert!(said.err.contains("aliases"), "{said:?}");
    for deep in ["[".repeat(100_000), "{\"a\":".repeat(100_000), "- ".repeat(50_000)] {
        refused(&run_with(&["plan", "-f", "-", "--aws-auth", &aws_auth], &deep), "nesting");
        let said = run_with(&["lint", "--aws-auth", "-"], &deep);
        assert!(matches!(said.code, 1 | 2) && !said.err.contains("panicked"), "{said:?}");
    }
    // A pipe in a folder would be waited for for ever; a link to the folder itself would be followed for ever.
    let folder = files.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(".", folder.join("again")).unwrap();
    files.write("folder/m.yaml", MAPPING);
    let folder = folder.display().to_string();
    assert_eq!(run(&["plan", "-f", &folder, "--aws-auth", &aws_auth]).code, 2);
    assert!(Command::new("mkfifo").arg(format!("{folder}/pipe.yaml")).status().unwrap().success());
    let said = run(&["plan", "-f", &folder, "--aws-auth", &aws_auth]);
    refused(&said, "a pipe");
    assert!(said.err.contains("pipe.yaml is no file"), "{said:?}");
    std::fs::remove_file(format!("{folder}/pipe.yaml")).unwrap();
    std::os::unix::fs::symlink("nowhere.yaml", format!("{folder}/nowhere.yaml")).unwrap();
    let said = run(&["plan", "-f", &folder, "--aws-auth", &aws_auth]);
    refused(&said, "a link to nowhere");
    assert!(said.err.contains("nowhere.yaml cannot be read"), "{said:?}");
}

#[test]
fn a_list_of_thousands_is_no_bomb() {
    let item = |n: usize| {
        format!(
            "- apiVersion: aws-auth.dev/v1alpha1\n  kind: IamMapping\n  metadata: {{name: m{n}, labels: {{a: b, c: d, e: f, g: h, i: j}}, annotations: {{a: b, c: d, e: f, g: h, i: j}}}}\n  spec: {{arn: 'arn:aws:iam::111122223333:role/r{n}', groups: [a, b, c, d, e, f, g, h]}}\n"
        )
    };
    let list: String = (0..5_000).map(item).collect();
    let said = run_with(&["lint", "-f", "-", "--severity", "error"], &format!("kind: List\nitems:\n{list}"));
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn a_reader_that_goes_away_and_a_disk_that_is_full_are_no_panic() {
    let files = Files::new();
    let aws_auth = files.write("a.yaml", "- rolearn: x\n  username: x\n");
    let binary = env!("CARGO_BIN_EXE_aws-auth-operator");
    for arguments in ["--help", "crd", "completion bash", &format!("report --aws-auth {aws_auth}")] {
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("{binary} {arguments} | head -n 1 > /dev/null; exit ${{PIPESTATUS[0]}}")]);
        let said = super::said(shell, "");
        assert!(said.code == 0 && said.err.is_empty(), "{arguments}: {said:?}");
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("{binary} {arguments} > /dev/full")]);
        let said = super::said(shell, "");
        assert!(!said.err.contains("panicked"), "{arguments}: {said:?}");
    }
}

#[test]
fn words_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    for arguments in
        [vec!["explain"], vec!["plan", "--at"], vec!["export", "--to"], vec!["plan", "-f"], vec![]]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aws-auth-operator"));
        command.args(&arguments).arg(odd).env("KUBECONFIG", "/nonexistent").env("HOME", "/nonexistent");
        refused(&super::said(command, ""), &arguments.join(" "));
    }
}

#[test]
fn what_a_file_says_cannot_move_the_cursor() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"a\\e[2J\"}\n";
    let said = run_with(&["lint", "--aws-auth", "-"], text);
    refused(&said, "escape");
    assert!(!said.err.contains('\u{1b}'), "{said:?}");
}
