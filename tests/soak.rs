//! A long day in little time: changes without end, the API server restarted under the operator, its Lease taken away.
//! Memory, file descriptors and threads stay where they are. 20 seconds; `SOAK_SECONDS=3600 cargo test --test soak` for an hour.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

#[path = "common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "other test binaries use the rest")]
mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::{Cluster, Process, role};

const MAPPINGS: usize = 20;

/// What a process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    memory_kib: usize,
    files: usize,
    threads: usize,
}

impl Held {
    fn by(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
        };
        let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
        Self { memory_kib: number("VmRSS"), files, threads: number("Threads") }
    }
}

/// Changes every mapping, and waits until every change is in aws-auth and said to be.
fn churn(cluster: &Cluster, round: usize) {
    for n in 0..MAPPINGS {
        let name = format!("m-{n}");
        cluster.apply(&name, &role(&name, &[&format!("round-{round}")]));
    }
    cluster.until_all_applied(MAPPINGS);
}

#[test]
fn a_day_of_changes_outages_and_lost_leases_leaves_memory_files_and_threads_as_they_were() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(20, |seconds| seconds.parse().unwrap());
    let length = Duration::from_secs(seconds);
    let mut cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let operator = Process::start(&cluster, &[]);
    let since = Instant::now();
    let (mut round, mut settled) = (0, None);
    // After a minute, or once everything that can happen has happened, memory is what it stays.
    while since.elapsed() < length || settled.is_none() {
        churn(&cluster, round);
        if settled.is_none() && round >= 2 && since.elapsed() >= length.min(Duration::from_mins(2)) / 2 {
            settled = Some(Held::by(operator.id()));
        }
        match round % 8 {
            0 => cluster.plane().restart_apiserver().unwrap(),
            1 => drop(cluster.kubectl(&["delete", "lease", "aws-auth-operator", "-nkube-system"])),
            _ => {}
        }
        round += 1;
    }
    churn(&cluster, round);
    let (settled, end) = (settled.unwrap(), Held::by(operator.id()));
    println!(
        "{round} rounds in {} s: {settled:?} after the first, {end:?} at the end",
        since.elapsed().as_secs()
    );
    assert!(end.memory_kib * 100 <= settled.memory_kib * 105, "{settled:?}, {end:?}");
    assert!(end.files <= settled.files + 2, "{settled:?}, {end:?}");
    assert!(end.threads <= settled.threads, "{settled:?}, {end:?}");
    operator.terminate();
}
