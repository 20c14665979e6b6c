//! The command line on files, as whole processes: what a person or a pipeline waits for.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};

use crate::report::{Bound, Row};

const MAPPINGS: usize = 5_000;
const A_FILE: usize = 50;
const SAMPLES: usize = 20;
/// What is read from the disk for the first time; not counted.
const WARM_UP: usize = 3;

pub(crate) fn measure(binary: &Path) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name).display().to_string();
    let mappings = at("mappings");
    fs::create_dir(&mappings)?;
    for file in 0..MAPPINGS / A_FILE {
        let mut text = String::new();
        for n in file * A_FILE..(file + 1) * A_FILE {
            writeln!(
                text,
                "---\napiVersion: aws-auth.dev/v1alpha1\nkind: IamMapping\nmetadata:\n  name: team-{n:04}\nspec:\n  arn: arn:aws:iam::111122223333:role/teams/team-{n:04}\n  username: team-{n:04}:{{{{SessionName}}}}\n  groups:\n  - developers\n  - team-{n:04}"
            )?;
        }
        fs::write(folder.path().join("mappings").join(format!("{file:03}.yaml")), text)?;
    }
    let (before, after) = (at("before.yaml"), at("after.yaml"));
    let node = "- rolearn: arn:aws:iam::111122223333:role/node\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n";
    fs::write(&before, node)?;
    let plan = |aws_auth: &str, format: &str| -> Vec<String> {
        let words = ["plan", "-f", &mappings, "--aws-auth", aws_auth];
        words.map(str::to_owned).into_iter().chain(["-o".to_owned(), format.to_owned()]).collect()
    };
    let output = Command::new(binary).args(plan(&before, "configmap")).output()?;
    ensure!(output.status.code() == Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    fs::write(&after, &output.stdout)?;
    let explain = ["explain", "arn:aws:sts::111122223333:assumed-role/team-4999/jane", "--aws-auth", &after];
    let explain = explain.map(str::to_owned).to_vec();
    Ok(vec![
        row(binary, "plan of 5,000 new mappings in 100 files", &plan(&before, "json"), 2, 150.0)?,
        row(binary, "plan of 5,000 mappings that stand", &plan(&after, "json"), 0, 150.0)?,
        row(binary, "explain, 5,000 entries", &explain, 0, 50.0)?,
    ])
}

fn row(binary: &Path, name: &str, arguments: &[String], code: i32, most: f64) -> anyhow::Result<Row> {
    let mut samples = Vec::new();
    for n in 0..WARM_UP + SAMPLES {
        let mut command = Command::new(binary);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        let since = Instant::now();
        let status = command.status().context("run the operator's binary")?;
        let took = since.elapsed().as_secs_f64() * 1_000.0;
        ensure!(status.code() == Some(code), "{name}: {status}");
        if n >= WARM_UP {
            samples.push(took);
        }
    }
    Ok(Row { name: name.to_owned(), unit: "ms", samples, bound: Bound::AtMost(most) })
}
