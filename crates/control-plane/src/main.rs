//! Runs a throwaway control plane until it is interrupted: a cluster to try things on, without a cluster.

use std::io;
use std::process::ExitCode;
use std::time::Instant;

use control_plane::ControlPlane;

fn main() -> ExitCode {
    let since = Instant::now();
    let plane = match ControlPlane::start() {
        Ok(plane) => plane,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    eprintln!("kube-apiserver {} is ready after {} ms", plane.url(), since.elapsed().as_millis());
    println!("export KUBECONFIG={}", plane.kubeconfig_path().display());
    eprintln!("It goes away with this process: Ctrl-C, or the end of standard input.");
    // Interrupted, this process ends at once; what it started follows by itself.
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    ExitCode::SUCCESS
}
