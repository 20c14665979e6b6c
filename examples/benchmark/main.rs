//! How fast and how small the operator is, on a real API server, each figure beside the limit that was measured in
//! the same run. What is measured and why is in `docs/performance.md`.
//!
//! `cargo run --release --example benchmark` builds the operator and measures everything; names of measurements
//! measure those alone. Exits with 1 when a bound is missed.

mod hops;
mod measure;
mod operator;
mod report;
mod watch;
mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail, ensure};
use clap::{Parser, ValueEnum};

use report::{Machine, Report, Row};

/// Measures the operator on a throwaway control plane.
#[derive(Debug, Parser)]
#[command(name = "benchmark")]
struct Arguments {
    /// What to measure; without a name everything, which takes a quarter of an hour.
    measurements: Vec<Measurement>,
    /// Write every sample to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Measurement {
    /// The size of the release binary.
    Binary,
    /// One apply and one revoke on a small aws-auth.
    Single,
    /// 1,000 mappings created at once, what comes of them, and a quiet minute after.
    Burst,
    /// One more apply when aws-auth holds 1,000 entries.
    #[value(name = "1000")]
    Thousand,
    /// One apply while thousands of statuses wait to be sent.
    Statuses,
    /// A cold start with 5,000 mappings, and one more apply then.
    #[value(name = "5000")]
    FiveThousand,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether every bound was kept.
fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let binary = release_binary()?;
    let measurements = match arguments.measurements.as_slice() {
        [] => Measurement::value_variants(),
        some => some,
    };
    // One thread, like the operator: both share the machine with the API server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rows = Vec::new();
    for measurement in measurements {
        eprintln!("{measurement:?}");
        rows.extend(runtime.block_on(measurement.rows(&binary))?);
    }
    let report = Report { machine: Machine::this(), rows };
    print!("{report}");
    if let Some(path) = &arguments.json {
        let json = serde_json::to_string_pretty(&report.json())?;
        fs::write(path, json).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(report.kept())
}

impl Measurement {
    async fn rows(self, binary: &Path) -> anyhow::Result<Vec<Row>> {
        match self {
            Self::Binary => Ok(vec![measure::size_of(binary)?]),
            Self::Single => measure::single(binary).await,
            Self::Burst => measure::burst(binary).await,
            Self::Thousand => measure::thousand(binary).await,
            Self::Statuses => measure::statuses(binary).await,
            Self::FiveThousand => measure::five_thousand(binary).await,
        }
    }
}

/// The operator as it is released, built now where it is not up to date.
fn release_binary() -> anyhow::Result<PathBuf> {
    if cfg!(debug_assertions) {
        bail!("a debug build says nothing about speed; run: cargo run --release --example benchmark");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--locked", "--bin", "aws-auth-operator"])
        .arg("--manifest-path")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .status()
        .context("run cargo")?;
    ensure!(built.success(), "the operator does not build");
    let example = std::env::current_exe()?;
    let release = example.ancestors().nth(2).context("no target folder")?;
    Ok(release.join("aws-auth-operator"))
}
