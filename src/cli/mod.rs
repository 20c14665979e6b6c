//! The command line: which commands there are, and how each ends. Every command has a module of its own; `source` is
//! where they read from, `output` how they answer.

mod approve;
mod completion;
mod crd;
mod explain;
mod export;
mod grants;
mod history;
mod import;
mod init;
mod lint;
mod output;
mod plan;
mod report;
mod run;
mod source;
mod status;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use output::Exit;

/// kubectl finds its plugins by their file names: as this one, we are `kubectl iam-mapping`.
const PLUGIN: &str = "kubectl-iam_mapping";

/// And asks this one how to complete our arguments.
const COMPLETER: &str = "kubectl_complete-iam_mapping";

const EXAMPLES: &str = "\
Examples:
  Install the CRD:                     aws-auth-operator crd | kubectl apply -f -
  Run against the current context:     aws-auth-operator run
  Only watch and report:               aws-auth-operator run --config observe.yaml   (mode: Observe)
  What would these files change?       aws-auth-operator plan -f mappings/
  Who does this session become?        aws-auth-operator explain arn:aws:sts::111122223333:assumed-role/dev/jane

In a pod it uses the pod's ServiceAccount; elsewhere KUBECONFIG or ~/.kube/config, as kubectl does. As a kubectl plugin
(kubectl-iam_mapping on the PATH) it is kubectl iam-mapping.";

/// Turns IamMapping objects into EKS's kube-system/aws-auth, and never locks anybody out.
///
/// Each IamMapping (cluster-scoped, aws-auth.dev/v1alpha1) maps one IAM role, user or account to a Kubernetes username
/// and groups. The operator keeps the matching entry in aws-auth. Entries that it did not write are never changed,
/// moved or shadowed, and no write leaves the cluster without an admin.
#[derive(Debug, Parser)]
#[command(name = "aws-auth-operator", version, after_help = EXAMPLES, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Crd(crd::Arguments),
    Plan(plan::Arguments),
    Explain(explain::Arguments),
    Import(import::Arguments),
    Lint(lint::Arguments),
    Report(report::Arguments),
    Export(export::Arguments),
    Init(init::Arguments),
    Status(status::Arguments),
    Approve(approve::Arguments),
    History(history::HistoryArguments),
    Diff(history::DiffArguments),
    Restore(history::RestoreArguments),
    Completion(completion::Arguments),
}

/// Parses the arguments and does as they say. Exit code 1 means that something stands in the way: wrong arguments, a
/// file that cannot be read, a cluster that does not answer. What 2 and 3 mean is each command's own.
#[must_use]
pub fn main() -> ExitCode {
    if is_called(COMPLETER) {
        let words: Vec<_> = std::env::args_os().skip(1).collect();
        // Nobody reads any more: then nobody misses it.
        _ = output::print(&completion::for_kubectl(Arguments::command(), &words));
        return ExitCode::SUCCESS;
    }
    let arguments = match parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody reads any more: then nobody misses it.
            _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let done = match arguments.command {
        Command::Run(arguments) => run::run(arguments).map(|()| Exit::Done),
        Command::Crd(arguments) => crd::print(&arguments).map(|()| Exit::Done),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Lint(arguments) => lint::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Approve(arguments) => approve::run(&arguments),
        Command::History(arguments) => history::history(&arguments),
        Command::Diff(arguments) => history::diff(&arguments),
        Command::Restore(arguments) => history::restore(&arguments),
        Command::Completion(arguments) => {
            completion::print(&arguments, Arguments::command()).map(|()| Exit::Done)
        }
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("error: {}", output::plain(&said(&error)));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, each said once: many repeat what caused them.
fn said(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if !text.contains(&cause) {
            let colon = if text.is_empty() { "" } else { ": " };
            text = text + colon + &cause;
        }
    }
    text
}

fn parse() -> Result<Arguments, clap::Error> {
    let mut command = Arguments::command();
    if is_called(PLUGIN) {
        command = command.bin_name("kubectl iam-mapping");
    }
    let matches = command.try_get_matches()?;
    Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut Arguments::command()))
}

/// Whether our file goes by this name.
fn is_called(name: &str) -> bool {
    let called = std::env::args_os().next().map(std::path::PathBuf::from);
    called.as_deref().and_then(|path| path.file_stem()).is_some_and(|stem| stem == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_make_sense_to_clap() {
        Arguments::command().debug_assert();
    }
}
