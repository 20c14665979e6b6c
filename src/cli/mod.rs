//! The command line. Not here: what the commands do when they are not about arguments and exit codes.

mod crd;
mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  Install the CRD:                     aws-auth-operator crd | kubectl apply -f -
  Run against the current context:     aws-auth-operator run
  Only watch and report:               aws-auth-operator run --config observe.yaml   (mode: Observe)

In a pod it uses the pod's ServiceAccount; elsewhere KUBECONFIG or ~/.kube/config, as kubectl does.";

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
}

/// Parses the arguments and does as they say. Exit code 1 means that something stands in the way that trying again does
/// not change, 2 that the arguments make no sense.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(arguments) => run::run(arguments),
        Command::Crd(arguments) => crd::print(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_make_sense_to_clap() {
        Arguments::command().debug_assert();
    }
}
