//! `crd`: prints the CRD.

use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::Args;

/// Print the CRD of this version.
///
/// Apply it before the operator starts, and again with every upgrade: aws-auth-operator crd | kubectl apply -f -
#[derive(Debug, Args)]
pub(super) struct Arguments {}

pub(super) fn print(_: &Arguments) -> anyhow::Result<()> {
    let yaml = crate::api::crd_yaml().context("the CRD cannot be printed")?;
    match io::stdout().write_all(yaml.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output"),
    }
}
