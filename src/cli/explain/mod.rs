//! `explain`: who a caller becomes, by which entry, and, where it does not get in, why not.
#![allow(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]

mod answer;
mod show;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use aws_auth::Timestamp;
use clap::{Args, ValueEnum};

use super::grants::{self, RbacArguments};
use super::output::{self, Exit};
use super::source::{self, AwsAuthArguments, Standing};
use answer::{Answer, Question};

const EXAMPLES: &str = "\
Examples:
  Who does this session become?         explain arn:aws:sts::111122223333:assumed-role/dev/jane@example.com
  The same on a file, for a program:    explain arn:aws:iam::111122223333:user/jane --aws-auth aws-auth.yaml -o json
  And what may it do?                   explain ARN --aws-auth aws-auth.yaml --rbac rbac.yaml
  Once these mappings are applied:      explain arn:aws:iam::111122223333:role/dev -f mappings/ --aws-auth aws-auth.yaml";

/// Who a caller becomes: which entry matches, which username and groups it gives, and why not where none does.
///
/// Placeholders are filled in from a session's ARN; for a role's they stay. What only AWS knows stays a placeholder.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// ARN of a session, as aws sts get-caller-identity prints it, or of an IAM role or user.
    #[arg(value_name = "ARN")]
    arn: String,
    /// IamMappings: explain aws-auth as it would be once these are all there are. A file, a folder, or -.
    #[arg(short, long = "filename", value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    aws_auth: AwsAuthArguments,
    #[command(flatten)]
    rbac: RbacArguments,
    /// The operator's configuration, for -f.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How the answer looks. Default: for people.
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
    /// What EC2 calls an instance. Once one is given, EC2 knows no other.
    #[arg(long, value_name = "INSTANCE=NAME", value_parser = instance, help_heading = "What AWS knows")]
    private_dns_name: Vec<(String, String)>,
    /// The caller's access key, for {{AccessKeyID}}.
    #[arg(long, value_name = "ID", help_heading = "What AWS knows")]
    access_key_id: Option<String>,
    /// The authenticator matches sso blocks (its feature gate SSORoleMatch; EKS does not).
    #[arg(long, help_heading = "An authenticator of one's own")]
    sso_role_match: bool,
    /// A prefix that no username may have (its reservedPrefixConfig; EKS has none for aws-auth).
    #[arg(long, value_name = "PREFIX", help_heading = "An authenticator of one's own")]
    reserved_username_prefix: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

fn instance(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((id, name)) => Ok((id.to_owned(), name.to_owned())),
        None => {
            Err("write INSTANCE=NAME, for example i-0123456789abcdef0=ip-10-0-0-1.ec2.internal".to_owned())
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    if arguments.arn.trim().is_empty() {
        bail!("the ARN is empty; aws sts get-caller-identity prints the one that you are");
    }
    let standing = if arguments.files.is_empty() {
        source::aws_auth(&arguments.aws_auth)?
    } else {
        let (wanted, standing) = source::both(&arguments.files, &arguments.aws_auth)?;
        let settings = source::settings(arguments.config.as_ref())?;
        let mappings: Vec<_> = wanted.mappings.iter().map(crate::api::convert::mapping).collect();
        match super::plan::after(&standing, &mappings, &settings, now()) {
            Some(aws_auth) => Standing { aws_auth, ..standing },
            None => standing,
        }
    };
    let question = Question {
        arn: &arguments.arn,
        private_dns_names: &arguments.private_dns_name,
        access_key_id: arguments.access_key_id.as_deref(),
        options: aws_auth::lookup::Options {
            sso: arguments.sso_role_match,
            reserved_username_prefixes: arguments.reserved_username_prefix.clone(),
        },
    };
    let mut answer = Answer::of(&question, &standing.aws_auth);
    if let (Some(username), Some(rbac)) =
        (&answer.username, grants::read(&arguments.rbac, &arguments.aws_auth)?)
    {
        answer.rbac = Some(grants::given(&rbac, username, &answer.groups));
    }
    match arguments.output {
        Some(Format::Json) => output::print(&output::json(&answer)?)?,
        Some(Format::Yaml) => output::print(&output::yaml(&answer)?)?,
        None => output::print(&show::text(&answer, &arguments.arn, &standing.origin).context("the answer")?)?,
    }
    Ok(Exit::Done)
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_second())
}
