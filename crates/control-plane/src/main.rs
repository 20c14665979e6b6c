//! Runs a throwaway control plane: a cluster to try things on, without a cluster. By itself until it is interrupted; with
//! a command after it for as long as that runs, which finds the cluster, kubectl and Helm:
//!
//! ```sh
//! cargo run -p control-plane
//! cargo run -p control-plane -- bash
//! ```

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use control_plane::ControlPlane;
use control_plane::parts::{self, Part};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let command: Vec<OsString> = env::args_os().skip(1).collect();
    let done = match command.split_first() {
        None => serve(),
        Some((program, arguments)) => run(program, arguments),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

fn start() -> Result<ControlPlane> {
    let since = Instant::now();
    let plane = ControlPlane::start()?;
    eprintln!("kube-apiserver {} is ready after {} ms", plane.url(), since.elapsed().as_millis());
    Ok(plane)
}

fn serve() -> Result<ExitCode> {
    let plane = start()?;
    println!("export KUBECONFIG={}", plane.kubeconfig_path().display());
    eprintln!("It goes away with this process: Ctrl-C, or the end of standard input.");
    // Interrupted, this process ends at once; what it started follows by itself.
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    Ok(ExitCode::SUCCESS)
}

/// Ends as the command ends, and the cluster with it.
fn run(program: &OsString, arguments: &[OsString]) -> Result<ExitCode> {
    let plane = start()?;
    eprintln!("It goes away when {} ends.", program.display());
    let home = plane.dir().join("helm");
    let status = Command::new(program)
        .args(arguments)
        .env("PATH", path(plane.dir())?)
        .env("KUBECONFIG", plane.kubeconfig_path())
        // kubectl remembers what a server at some port serves, and ports are used again.
        .env("KUBECACHEDIR", plane.dir().join("kubectl-cache"))
        .env("HELM_CACHE_HOME", home.join("cache"))
        .env("HELM_CONFIG_HOME", home.join("config"))
        .env("HELM_DATA_HOME", home.join("data"))
        .status()
        .map_err(|error| format!("run {}: {error}", program.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// kubectl and Helm first, then what was built beside this program, then what there was.
fn path(dir: &Path) -> Result<OsString> {
    let bin = dir.join("bin");
    fs::create_dir(&bin)?;
    for (name, part) in [("kubectl", Part::Kubectl), ("helm", Part::Helm)] {
        symlink(parts::ensure(part)?, bin.join(name))?;
    }
    let built = env::current_exe()?.parent().map(Path::to_owned);
    let before = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> =
        [bin].into_iter().chain(built).chain(env::split_paths(&before).collect::<Vec<_>>()).collect();
    Ok(env::join_paths(folders)?)
}
