//! What can go wrong here, and what to do about it. Nothing here is part of the operator.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a part could not be had or a control plane could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No `go` on `PATH`, and the part has to be built.
    #[error(
        "{part} has to be built and there is no `go` on PATH: install Go {wanted} or newer{}",
        instead_of_building(part)
    )]
    GoMissing {
        /// The part that was asked for.
        part: String,
        /// The version that the part's go.mod asks for.
        wanted: String,
    },
    /// The `go` on `PATH` cannot build the part.
    #[error(
        "{part} needs Go {wanted} or newer and this machine's go says: {said}\nInstall a newer Go{}",
        instead_of_building(part)
    )]
    GoTooOld {
        /// The part that was asked for.
        part: String,
        /// The version that the part's go.mod asks for.
        wanted: String,
        /// What `go` printed.
        said: String,
    },
    /// `go build` failed.
    #[error(
        "could not build {part} in {}. The end of go's output:\n{output}\nIf it is the network: the Go module \
         proxy must be reachable once{}",
        folder.display(),
        instead_of_building(part)
    )]
    Build {
        /// The part that was asked for.
        part: String,
        /// The folder that holds the part's go.mod.
        folder: PathBuf,
        /// The last lines that `go build` printed.
        output: String,
    },
    /// A program that Debian packages is not on this machine and could not be installed.
    #[error(
        "{program} is not on PATH and was not installed: {why}. Run this as root once, or put {program} on PATH \
         (`apt-get install --no-install-recommends {package}`)."
    )]
    Install {
        /// The program.
        program: &'static str,
        /// Debian's package that has it.
        package: &'static str,
        /// Why not.
        why: String,
    },
    /// No `python3` on `PATH`, and the program needs one.
    #[error("{program} needs Python: there is no `python3` on PATH")]
    PythonMissing {
        /// The program.
        program: &'static str,
    },
    /// A Python environment could not be made.
    #[error(
        "could not install {program} into a Python environment. The end of the output:\n{output}\nIf it is the \
         network: PyPI must be reachable once. If it is ensurepip: Debian has it in the package python3-venv."
    )]
    Python {
        /// The program.
        program: &'static str,
        /// The last lines that were printed.
        output: String,
    },
    /// Neither of the variables that say where built parts are kept is set.
    #[error("nowhere to keep parts: set AWS_AUTH_OPERATOR_CACHE (or XDG_CACHE_HOME or HOME)")]
    NoCache,
    /// A server ended before it was ready.
    #[error("{server} ended before it was ready. The end of its log:\n{log}")]
    Ended {
        /// Which server.
        server: &'static str,
        /// The last lines of its log.
        log: String,
    },
    /// A server was not ready in time.
    #[error(
        "{server} was not ready after {} s: {last}\nIs the machine overloaded? The end of its log:\n{log}",
        waited.as_secs()
    )]
    NotReady {
        /// Which server.
        server: &'static str,
        /// How long it was waited for.
        waited: Duration,
        /// What the last look said.
        last: String,
        /// The last lines of its log.
        log: String,
    },
    /// `kubectl` ended with an error.
    #[error("kubectl {} failed: {stderr}", args.join(" "))]
    Kubectl {
        /// Its arguments.
        args: Vec<String>,
        /// What it printed to its standard error.
        stderr: String,
    },
    /// The machine said no.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was tried, with the path.
        doing: String,
        /// What the machine said.
        source: io::Error,
    },
}

/// Only the parts of a setup-envtest folder can come from elsewhere.
fn instead_of_building(part: &str) -> &'static str {
    if [
        "aws-auth-reader",
        "aws-iam-authenticator",
        "helm",
        "gitops-health",
        "aws-auth ",
        "argocd",
        "kube-apiserver v1.32",
        "krew",
        "validate-krew",
    ]
    .iter()
    .any(|own| part.starts_with(own))
    {
        "."
    } else {
        ", or set KUBEBUILDER_ASSETS to a folder that holds kube-apiserver, etcd and kubectl (setup-envtest \
         makes one)."
    }
}

/// Says what was being done when the machine said no.
pub(crate) trait Doing<T> {
    /// `doing` completes the sentence "cannot …".
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Io { doing: doing(), source })
    }
}

/// The last lines of a log: what a reader of an error needs, without what it was preceded by.
pub(crate) fn end_of(log: &Path) -> String {
    let text = match std::fs::read(log) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return format!("(cannot read {}: {error})", log.display()),
    };
    let lines: Vec<&str> = text.lines().collect();
    lines.split_at(lines.len().saturating_sub(20)).1.join("\n")
}
