//! `lint`: what reads otherwise than it was meant, in aws-auth and in IamMappings.
#![allow(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]

mod formats;
mod mappings;

use std::path::PathBuf;

use anyhow::ensure;
use aws_auth::lint::{self, Severity};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::output::{self, Exit};
use super::source::{self, AwsAuthArguments, Origin};

const EXAMPLES: &str = "\
Examples:
  The cluster's aws-auth:       lint
  Files, in CI:                 lint --aws-auth aws-auth.yaml -f mappings/ -o github
  Only what must not be:        lint --aws-auth aws-auth.yaml --severity error

Exit code 0: no errors; 2: errors were found; 1: it could not be looked at. docs/lint.md explains every code.";

/// What the authenticator reads otherwise than it was meant, and what lets in whom nobody meant.
///
/// With -f alone, only the IamMappings are looked at.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// IamMappings to look at: a file, a folder, or - for standard input.
    #[arg(short, long = "filename", value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    aws_auth: AwsAuthArguments,
    /// The operator's configuration: what it refuses is an error.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Least severity that is shown.
    #[arg(long, value_name = "SEVERITY", default_value = "info")]
    severity: Least,
    /// How the findings look. Default: for people.
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Yaml,
    Sarif,
    Github,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Least {
    Info,
    Warning,
    Error,
}

impl From<Least> for Severity {
    fn from(least: Least) -> Self {
        match least {
            Least::Info => Self::Info,
            Least::Warning => Self::Warning,
            Least::Error => Self::Error,
        }
    }
}

/// A finding with its place.
#[derive(Debug, Serialize)]
struct Found {
    #[serde(serialize_with = "severity")]
    severity: Severity,
    code: &'static str,
    message: String,
    /// The key of aws-auth.
    key: Option<&'static str>,
    /// The line in the key's text; of an IamMapping the line of the file.
    line: usize,
    /// The IamMapping.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping: Option<String>,
    /// File and line, where it was read from a file.
    #[serde(flatten)]
    place: Option<Place>,
}

#[derive(Debug, Serialize)]
struct Place {
    file: String,
    #[serde(rename = "fileLine")]
    line: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn severity<S: serde::Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(severity.as_str())
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let stdin = std::path::Path::new("-");
    ensure!(
        arguments.aws_auth.file.as_deref() != Some(stdin) || arguments.files.iter().all(|file| file != stdin),
        "standard input can be read once: give -f or --aws-auth a file"
    );
    let settings = arguments.config.as_ref().map(|path| crate::config::load(path)).transpose()?;
    let mut all = Vec::new();
    if !arguments.files.is_empty() {
        mappings::lint(&source::mappings::read(&arguments.files)?, settings.as_ref(), &mut all);
    }
    if arguments.files.is_empty() || arguments.aws_auth.file.is_some() {
        let standing = source::aws_auth(&arguments.aws_auth)?;
        all.extend(
            lint::lint(&standing.aws_auth).into_iter().map(|found| in_aws_auth(found, &standing.origin)),
        );
    }
    let least = Severity::from(arguments.severity);
    all.retain(|found| found.severity >= least);
    let text = match arguments.output {
        Some(Format::Json) => output::json(&all)?,
        Some(Format::Yaml) => output::yaml(&all)?,
        Some(Format::Sarif) => output::json(&formats::sarif(&all))?,
        Some(Format::Github) => formats::github(&all),
        None => formats::text(&all),
    };
    output::print(&text)?;
    let errors = all.iter().any(|found| found.severity == Severity::Error);
    Ok(if errors { Exit::Changes } else { Exit::Done })
}

fn in_aws_auth(found: lint::Finding, origin: &Origin) -> Found {
    let place = match (found.key, origin) {
        (Some(key), origin) => origin.place(key, found.line),
        (None, Origin::File { name, .. }) => Some((name.as_str(), 1)),
        (None, Origin::Cluster) => None,
    };
    Found {
        severity: found.severity,
        code: found.code.as_str(),
        message: found.message,
        key: found.key.map(aws_auth::Key::as_str),
        line: found.line,
        mapping: None,
        place: place.map(|(file, line)| Place { file: file.to_owned(), line }),
    }
}
