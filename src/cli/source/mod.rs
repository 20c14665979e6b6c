//! Where commands read from: files where files are named, else the cluster. No file, no cluster and no error is ever
//! taken for an empty answer.

pub(super) mod config_map;
pub(super) mod documents;
pub(super) mod files;
pub(super) mod live;
pub(super) mod mappings;
pub(super) mod rbac;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use aws_auth::Key;
use aws_auth::aws_auth::AwsAuth;
use aws_auth::mapping::Uid;
use aws_auth::settings::Settings;
use clap::Args;
use serde_json::{Map, Value};

use super::output;
use crate::client::Cluster;
use crate::config;
use live::Live;
use mappings::Wanted;

/// aws-auth as it stands somewhere.
#[derive(Debug)]
pub(super) struct Standing {
    /// What it says.
    pub(super) aws_auth: AwsAuth,
    /// The cluster it is of, as far as that is known.
    pub(super) cluster: Uid,
    /// Its metadata, as it came.
    pub(super) metadata: Map<String, Value>,
    /// Where it was read.
    pub(super) origin: Origin,
}

/// Where aws-auth was read.
#[derive(Debug)]
pub(super) enum Origin {
    /// The API server.
    Cluster,
    /// A file.
    File {
        /// Its name.
        name: String,
        /// For keys whose lines are the file's lines: the line in which the key's text begins.
        lines: BTreeMap<Key, usize>,
    },
}

impl Origin {
    /// The file and its line for a line of a key's text.
    pub(super) fn place(&self, key: Key, line: usize) -> Option<(&str, usize)> {
        match self {
            Self::Cluster => None,
            Self::File { name, lines } => Some((name, lines.get(&key).map_or(1, |first| first + line - 1))),
        }
    }
}

/// Not `next_help_heading`, under which whatever a command adds would stand too.
const CLUSTER: &str = "Cluster";

/// The cluster that is read where no file stands in for it.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ClusterArguments {
    /// Kubeconfig to use instead of KUBECONFIG or ~/.kube/config.
    #[arg(long, value_name = "FILE", help_heading = CLUSTER)]
    pub(super) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig to use instead of the current one.
    #[arg(long, value_name = "NAME", help_heading = CLUSTER)]
    pub(super) context: Option<String>,
    /// User to act as, as kubectl has it.
    #[arg(long = "as", value_name = "USER", help_heading = CLUSTER)]
    pub(super) impersonate: Option<String>,
    /// Group to act in, as kubectl has it; may be given several times.
    #[arg(long = "as-group", value_name = "GROUP", requires = "impersonate", help_heading = CLUSTER)]
    pub(super) impersonate_groups: Vec<String>,
}

impl ClusterArguments {
    /// Which cluster, as the client is told.
    pub(super) fn cluster(&self) -> Cluster {
        Cluster {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            impersonate: self.impersonate.clone(),
            impersonate_groups: self.impersonate_groups.clone(),
        }
    }

    /// What the kubeconfig calls it, where there is one.
    pub(super) fn context_name(&self) -> Option<String> {
        self.cluster().context_name()
    }
}

/// Which aws-auth.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct AwsAuthArguments {
    /// aws-auth from a file instead of the cluster: a ConfigMap as YAML or JSON, a List with it, or the bare value of one
    /// key. - reads standard input.
    #[arg(long = "aws-auth", value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) cluster: ClusterArguments,
}

/// Reads aws-auth: the file's, else the cluster's.
pub(super) fn aws_auth(arguments: &AwsAuthArguments) -> anyhow::Result<Standing> {
    match &arguments.file {
        Some(path) => config_map::from_file(files::read(path)?),
        None => Live::connect(&arguments.cluster)
            .and_then(|live| live.aws_auth())
            .context("aws-auth is read from the cluster; --aws-auth FILE stands in for it"),
    }
}

/// The mappings that are wanted, and aws-auth as it stands.
pub(super) fn both(files: &[PathBuf], arguments: &AwsAuthArguments) -> anyhow::Result<(Wanted, Standing)> {
    ensure!(
        arguments.file.is_none() || !files.is_empty(),
        "which IamMappings? With --aws-auth name them too: -f FILE, -f FOLDER, or -f - for standard input"
    );
    let stdin = Path::new("-");
    ensure!(
        arguments.file.as_deref() != Some(stdin) || files.iter().all(|file| file != stdin),
        "standard input can be read once: give -f or --aws-auth a file"
    );
    let mut wanted = mappings::read(files)?;
    if arguments.file.is_some() {
        return Ok((wanted, aws_auth(arguments)?));
    }
    let what = "aws-auth is read from the cluster; --aws-auth FILE stands in for it";
    let live = Live::connect(&arguments.cluster).context(what)?;
    let standing = live.aws_auth().context(what)?;
    if files.is_empty() {
        wanted.mappings = live.mappings()?.context(NO_CRD)?;
        return Ok((wanted, standing));
    }
    // What is applied to an object that lives keeps its identity, and with it what it owns.
    let living = live.mappings()?.unwrap_or_default();
    let mut living: BTreeMap<_, _> =
        living.into_iter().map(|mapping| (mapping.metadata.name.clone(), mapping)).collect();
    for mapping in &mut wanted.mappings {
        if let Some(same) = living.remove(&mapping.metadata.name) {
            mapping.metadata.uid = same.metadata.uid;
            mapping.metadata.creation_timestamp = same.metadata.creation_timestamp;
            mapping.status = same.status;
        }
    }
    let others = living.len();
    if others > 0 {
        output::note(&format!(
            "{} of the cluster {} not among the files: the plan is for when {} deleted",
            output::count(others, "IamMapping", "IamMappings"),
            if others == 1 { "is" } else { "are" },
            if others == 1 { "it is" } else { "they are" },
        ));
    }
    Ok((wanted, standing))
}

const NO_CRD: &str = "the cluster has no IamMappings: their CRD is not installed (aws-auth-operator crd | kubectl apply -f -), or name files with -f";

/// Reads the operator's configuration; without a file the defaults hold.
pub(super) fn settings(file: Option<&PathBuf>) -> anyhow::Result<Settings> {
    Ok(file.map(|path| config::load(path)).transpose()?.unwrap_or_default())
}
