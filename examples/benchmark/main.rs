//! How fast and how small the operator is, on a real API server, each figure beside the limit that was measured in
//! the same run. What is measured and why is in `docs/performance.md`.
//!
//! `cargo run --release --example benchmark` builds the operator and measures everything; names of measurements
//! measure those alone. Exits with 1 when a bound is missed.

mod commands;
mod hops;
mod measure;
mod operator;
mod page;
mod plot;
mod report;
mod sizes;
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
    /// Write the tables into docs/performance.md, and how the operator grows into docs/growth.svg. Only where everything
    /// was measured.
    #[arg(long, conflicts_with = "measurements")]
    update_docs: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Measurement {
    /// The size of the release binary.
    Binary,
    /// The command line on files, as whole processes.
    Commands,
    /// One apply and one revoke on a small aws-auth.
    Single,
    /// 1,000 mappings created at once, what comes of them, and a quiet minute after.
    Burst,
    /// One apply while thousands of statuses wait to be sent.
    Statuses,
    /// A cold start, one more apply and what it asks of the API server, with 10 mappings.
    #[value(name = "10")]
    Ten,
    /// The same with 100.
    #[value(name = "100")]
    Hundred,
    /// The same with 1,000.
    #[value(name = "1000")]
    Thousand,
    /// The same with 5,000.
    #[value(name = "5000")]
    FiveThousand,
    /// A broken, a deleted and an emptied aws-auth until it is whole again.
    Restores,
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
    let (mut sizes, mut rows) = (Vec::new(), Vec::new());
    for measurement in measurements {
        eprintln!("{measurement:?}");
        if let Some(mappings) = measurement.mappings() {
            let (size, of_size) = runtime.block_on(sizes::size(&binary, mappings))?;
            sizes.push(size);
            rows.extend(of_size);
        } else {
            rows.extend(runtime.block_on(measurement.rows(&binary))?);
        }
    }
    let report = Report { machine: Machine::this(), sizes, rows };
    print!("{report}");
    if let Some(path) = &arguments.json {
        let json = serde_json::to_string_pretty(&report.json())?;
        fs::write(path, json).with_context(|| format!("write {}", path.display()))?;
    }
    if arguments.update_docs {
        page::update(&report)?;
        plot::growth(&report.sizes)?;
    }
    Ok(report.kept())
}

impl Measurement {
    /// The size, where it is one.
    fn mappings(self) -> Option<u32> {
        match self {
            Self::Ten => Some(10),
            Self::Hundred => Some(100),
            Self::Thousand => Some(1_000),
            Self::FiveThousand => Some(5_000),
            Self::Binary | Self::Commands | Self::Single | Self::Burst | Self::Statuses | Self::Restores => {
                None
            }
        }
    }

    async fn rows(self, binary: &Path) -> anyhow::Result<Vec<Row>> {
        match self {
            Self::Binary => Ok(vec![measure::size_of(binary)?]),
            Self::Commands => commands::measure(binary),
            Self::Single => measure::single(binary).await,
            Self::Burst => measure::burst(binary).await,
            Self::Statuses => measure::statuses(binary).await,
            Self::Restores => measure::restores(binary).await,
            Self::Ten | Self::Hundred | Self::Thousand | Self::FiveThousand => Ok(Vec::new()),
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
