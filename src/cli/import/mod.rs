//! `import`: an aws-auth that stands, as IamMappings that ask for the same.
#![allow(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]

mod write;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use aws_auth::import;
use aws_auth::settings::Settings;
use clap::{Args, ValueEnum};

use super::output::{self, Exit, YELLOW, count, plain};
use super::source::{self, AwsAuthArguments, Origin};

const EXAMPLES: &str = "\
Examples:
  All of the cluster's aws-auth:        import --config-out config.yaml > mappings.yaml
  One file each, from a file:           import --aws-auth aws-auth.yaml --dir mappings/ --config-out config.yaml
  And then nothing is to be changed:    plan -f mappings/ --aws-auth aws-auth.yaml --config config.yaml";

/// The entries of aws-auth as IamMappings that take them over (adoption: Adopt) and change nothing.
///
/// What no IamMapping can ask for stays in aws-auth as it is and is listed with the reason, on standard error.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    aws_auth: AwsAuthArguments,
    /// Write one file for each IamMapping into this folder, instead of all to standard output.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Write the operator's configuration that the privileged ones need to this file.
    #[arg(long, value_name = "FILE")]
    config_out: Option<PathBuf>,
    /// How the IamMappings look. Default: YAML documents.
    #[arg(short, long, value_name = "FORMAT", conflicts_with = "dir")]
    output: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let standing = source::aws_auth(&arguments.aws_auth)?;
    let import = match import::import(&standing.aws_auth, &Settings::default()) {
        Ok(import) => import,
        Err((key, fault)) => bail!(
            "{} cannot be read: {}; mend it first, so that nobody is left out",
            at(&standing.origin, key, fault.place.line),
            fault.message
        ),
    };
    match &arguments.dir {
        Some(folder) => {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
            for draft in &import.drafts {
                save(&folder.join(format!("{}.yaml", draft.name)), &write::document(draft))?;
            }
        }
        None if arguments.output == Some(Format::Json) => {
            output::print(&output::json(&write::list(&import.drafts))?)?;
        }
        None => output::print(&write::documents(&import.drafts))?,
    }
    for left in &import.left {
        let principal =
            if left.principal.is_empty() { String::new() } else { format!(" {}:", plain(&left.principal)) };
        let place = at(&standing.origin, left.key, left.line);
        anstream::eprintln!("{YELLOW}left as it is:{YELLOW:#} {place}:{principal} {}", plain(&left.why));
    }
    if let Some(path) = &arguments.config_out {
        save(path, &write::configuration(&import.privileged))?;
    } else if !import.privileged.is_empty() {
        eprintln!(
            "These need to be listed in the operator's configuration (--config-out FILE writes it):\n{}",
            write::privileged(&import.privileged)
        );
    }
    output::note(&format!(
        "{}, {} left as is",
        count(import.drafts.len(), "IamMapping", "IamMappings"),
        count(import.left.len(), "entry", "entries")
    ));
    Ok(Exit::Done)
}

fn at(origin: &Origin, key: aws_auth::Key, line: usize) -> String {
    match origin.place(key, line) {
        Some((file, in_file)) => format!("{}:{in_file}: {key} line {line}", plain(file)),
        None => format!("{key} line {line}"),
    }
}

fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
