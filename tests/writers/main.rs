//! Other people's writers beside the operator: what each keeps and loses of ours and of others', and what the operator
//! does about it. The table in `docs/writers.md` is what is seen here: `UPDATE_DOCS=1 cargo test --test writers` writes it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

#[path = "../common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "other test binaries use the rest")]
mod common;
mod seen;
mod tools;

use std::fmt::Write as _;
use std::path::Path;

use aws_auth::Key;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

use common::{Cluster, Process, Versions, arn, check, eventually, file, role};
use seen::{Besides, Seen};
use tools::{TOOLS, Tool};

/// What others have put there, as they like to write it.
const ROLES: &str = "\
# who may in: see OPS-12
- groups:
  - system:bootstrappers
  - system:nodes
  rolearn: arn:aws:iam::111122223333:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
- rolearn: arn:aws:iam::111122223333:role/break-glass
  username: break-glass
  groups: [system:masters]   # keep
  notes: sealed
";
const USERS: &str = "\
- userarn: arn:aws:iam::111122223333:user/auditor
  username: auditor
";
const ACCOUNTS: &str = "- \"444455556666\"\n";

/// What the operator has put beside it.
fn apply_ours(cluster: &Cluster) {
    cluster.apply("ours", &role("ours", &["developers"]));
    cluster.apply("our-user", &json!({"arn": "arn:aws:iam::111122223333:user/ours", "username": "ours"}));
    cluster.apply("our-account", &json!({"accountId": "999900001111"}));
    cluster.until_all_applied(3);
}

/// Lets one tool add an entry of its own, and tells what became of everything.
fn row(cluster: &mut Cluster, base: &ConfigMap, tool: &Tool) -> String {
    tools::put_back(cluster, base);
    eventually("the operator has nothing to do", || {
        let all = Seen::of(&cluster.aws_auth().unwrap());
        check(all == Seen::everything(), || format!("{all:?}"))
    });
    let versions = Versions::from_now_on(cluster);
    (tool.run)(cluster);
    let after = eventually("everything of ours is there, and what the tool wrote too", || {
        let now = Seen::of(&cluster.aws_auth().unwrap());
        check(now.ours == 3 && now.has(Besides::Asked) && now.has(Besides::Record), || {
            format!("{}: {now:?}", tool.name)
        })?;
        Ok(now)
    });
    let versions = versions.all();
    let written = Seen::of(versions[0].object.as_ref().unwrap());
    assert!(written.has(Besides::Asked), "{} has written: {written:?}", tool.name);
    // What a tool leaves of others' is theirs to decide: the operator neither adds to it nor takes from it.
    assert_eq!(written.others, after.others, "{}", tool.name);
    let kept = |what: Besides| if written.has(what) { "kept" } else { "lost" }.to_owned();
    let share = |left: usize, all: usize| match left {
        0 => "lost".to_owned(),
        left if left == all => "kept".to_owned(),
        left => format!("{left} of {all} kept"),
    };
    let writes = match versions.len() - 1 {
        0 => "nothing".to_owned(),
        1 => "puts back what is missing, 1 write".to_owned(),
        more => format!("puts back what is missing, {more} writes"),
    };
    let mut row = format!("| {} ", tool.name);
    for cell in [
        share(written.others, 4),
        kept(Besides::Comments),
        kept(Besides::UnknownField),
        share(written.ours, 3),
        kept(Besides::Record),
        writes,
    ] {
        let _ = write!(row, "| {cell} ");
    }
    row + "|\n"
}

#[test]
fn what_each_writer_keeps_and_loses_is_what_the_page_says_and_ours_is_put_back() {
    let mut cluster = Cluster::take();
    cluster.create_aws_auth(&[("mapRoles", ROLES), ("mapUsers", USERS), ("mapAccounts", ACCOUNTS)]);
    let config = file("policy:\n  privileged: [\"999900001111\"]\n");
    let operator = Process::start(&cluster, &["--config", config.path().to_str().unwrap()]);
    apply_ours(&cluster);
    assert!(cluster.text(Key::MapRoles).starts_with(ROLES));
    assert!(cluster.role(&arn("ours")).is_some());
    let base = cluster.aws_auth().unwrap();
    let table: String = TOOLS.iter().map(|tool| row(&mut cluster, &base, tool)).collect();
    operator.terminate();

    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/writers.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once("|---|---|---|---|---|---|---|\n").expect("the head of the table");
    let after = rest.split_once("\n\n").expect("a blank line after the table").1;
    let made = format!("{before}|---|---|---|---|---|---|---|\n{table}\n{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&page, &made).unwrap();
    }
    assert_eq!(text, made, "docs/writers.md is not what is seen; UPDATE_DOCS=1 writes it");
}
