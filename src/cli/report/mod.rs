//! `report`: everyone who can enter, as whom, by which object, and what they may do.
#![allow(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]

mod csv;
mod html;
mod rows;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::grants::{self, RbacArguments};
use super::output::{self, Exit, count, plain};
use super::source::live::Live;
use super::source::{self, AwsAuthArguments, Origin, Standing};
use crate::api::IamMapping;
pub(super) use rows::faults;
use rows::{Row, State};

const EXAMPLES: &str = "\
Examples:
  Who can enter?                 report
  A page for an auditor:         report -o html > access.html
  From files:                    report --aws-auth aws-auth.yaml --rbac rbac.yaml -o csv";

/// Everyone who can enter: as whom, by which entry and IamMapping, with what RBAC, since when and until when.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// IamMappings, to say which entry is whose: a file, a folder, or -.
    #[arg(short, long = "filename", value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    aws_auth: AwsAuthArguments,
    #[command(flatten)]
    rbac: RbacArguments,
    /// What the page calls the cluster. Default: the kubeconfig's context, or the file.
    #[arg(long = "cluster", value_name = "NAME")]
    cluster_name: Option<String>,
    /// How the report looks. Default: a table. html is one page that needs nothing else.
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Yaml,
    Csv,
    Html,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mappings: Vec<IamMapping> = if !arguments.files.is_empty() {
        source::mappings::read(&arguments.files)?.mappings
    } else if arguments.aws_auth.file.is_some() {
        Vec::new()
    } else {
        Live::connect(&arguments.aws_auth.cluster)?.mappings()?.unwrap_or_default()
    };
    let standing = source::aws_auth(&arguments.aws_auth)?;
    let rbac = grants::read(&arguments.rbac, &arguments.aws_auth)?;
    for (key, fault) in faults(&standing.aws_auth) {
        output::note(&format!("{key} cannot be read, so nobody in it gets in: {fault}"));
    }
    let rows = rows::rows(&standing.aws_auth, &mappings, rbac.as_ref());
    let text = match arguments.output {
        Some(Format::Json) => output::json(&rows)?,
        Some(Format::Yaml) => output::yaml(&rows)?,
        Some(Format::Csv) => csv::csv(&rows),
        Some(Format::Html) => html::page(&rows, &of(arguments, &standing), jiff::Timestamp::now()),
        None => text(&rows),
    };
    output::print(&text)?;
    Ok(Exit::Done)
}

/// What the page is about, for its title.
fn of(arguments: &Arguments, standing: &Standing) -> String {
    let named = arguments.cluster_name.clone().or_else(|| match &standing.origin {
        Origin::File { name, .. } => Some(name.clone()),
        Origin::Cluster => arguments.aws_auth.cluster.context_name(),
    });
    named.unwrap_or_else(|| "this cluster".to_owned())
}

fn text(rows: &[Row]) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let roles: Vec<&str> = row.rbac.iter().flatten().map(|given| given.role.as_str()).collect();
            vec![
                plain(&row.principal),
                plain(&row.username),
                plain(&row.groups.join(",")),
                plain(row.mapping.as_deref().unwrap_or("-")),
                row.until.clone().unwrap_or_else(|| "-".to_owned()),
                if row.admin { "everything".to_owned() } else { plain(&roles.join(",")) },
                match row.state {
                    State::Counts => String::new(),
                    other => other.as_str().to_owned(),
                },
            ]
        })
        .collect();
    let header = ["PRINCIPAL", "USERNAME", "GROUPS", "IAMMAPPING", "UNTIL", "MAY DO", "REMARK"];
    let enter = rows.iter().filter(|row| row.state == State::Counts).count();
    let admins = rows.iter().filter(|row| row.state == State::Counts && row.admin).count();
    format!(
        "{}\n{} can enter, {} of them with system:masters.\n",
        output::table(&header, &cells),
        count(enter, "principal", "principals"),
        admins
    )
}
