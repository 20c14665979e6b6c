//! A long day in little time: changes without end, connections cut under the operator, the API server started anew, the
//! Lease taken away. Memory, file descriptors, threads and tasks stay where they are.
//!
//! Two minutes; `SOAK_SECONDS=3600 cargo test --test soak -- --nocapture` for an hour.

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

use common::{Cluster, Process, check, role, within};

const MAPPINGS: usize = 20;
/// After so long, or half of what there is, everything that can happen has happened, and memory is what it stays.
const SETTLED: Duration = Duration::from_mins(1);

/// A machine on which an hour goes by may have something else to do for a while.
const PATIENCE: Duration = Duration::from_mins(15);

/// What the operator holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    memory_kib: usize,
    files: usize,
    threads: usize,
    tasks: usize,
}

impl Held {
    fn by(operator: &Process) -> Self {
        let pid = operator.id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
        };
        Self {
            memory_kib: number("VmRSS"),
            files: fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(),
            threads: number("Threads"),
            tasks: operator.metrics().get("runtime_tasks"),
        }
    }
}

/// Changes every mapping, and waits until every change is in aws-auth and said to be.
fn churn(cluster: &Cluster, round: usize) {
    for n in 0..MAPPINGS {
        let name = format!("m-{n}");
        cluster.apply(&name, &role(&name, &[&format!("round-{round}")]));
    }
    within(PATIENCE, "every change is Applied", || {
        let applied = cluster.applied();
        check(applied == MAPPINGS, || format!("{applied} are"))
    });
}

/// What happened besides the changes.
#[derive(Debug, Default)]
struct Happened {
    cuts: usize,
    restarts: usize,
    lost_leases: usize,
}

#[test]
fn a_day_of_changes_cut_watches_outages_and_lost_leases_leaves_memory_files_threads_and_tasks_as_they_were() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(120, |seconds| seconds.parse().unwrap());
    let length = Duration::from_secs(seconds);
    let mut cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let like = cluster.operator_kubeconfig();
    let wire = cluster.plane().wire(&like).unwrap();
    let operator = Process::launch(wire.kubeconfig(), &[]);
    operator.until_ready();
    let since = Instant::now();
    let (mut round, mut settled, mut happened) = (0, None, Happened::default());
    while since.elapsed() < length || settled.is_none() {
        churn(&cluster, round);
        if settled.is_none() && round >= 5 && since.elapsed() >= SETTLED.min(length / 2) {
            settled = Some(Held::by(&operator));
        }
        match round % 16 {
            0 => {
                cluster.plane().restart_apiserver().unwrap();
                happened.restarts += 1;
            }
            1 | 9 => {
                cluster.delete_lease();
                happened.lost_leases += 1;
            }
            2 | 5 | 8 | 11 | 14 => happened.cuts += usize::from(wire.cut() > 0),
            _ => {}
        }
        round += 1;
    }
    churn(&cluster, round);
    let settled = settled.unwrap();
    // A request that is over leaves its connection, and that its task, until nobody has used it for a minute and a half.
    let end = within(PATIENCE, "files, threads and tasks are what they were", || {
        let end = Held::by(&operator);
        let same = end.files <= settled.files + 2
            && end.threads <= settled.threads
            && end.tasks <= settled.tasks + 2;
        check(same, || format!("{settled:?}, {end:?}"))?;
        Ok(end)
    });
    let changes = (round + 1) * MAPPINGS;
    println!(
        "{changes} changes in {} s, {happened:?}: {settled:?} once settled, {end:?} at the end",
        since.elapsed().as_secs()
    );
    assert!(end.memory_kib * 100 <= settled.memory_kib * 105, "{settled:?}, {end:?}");
    operator.terminate();
}
