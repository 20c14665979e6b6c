//! The operator's own loop on paused time, with kube's client and watches, against a simulated API server: whatever
//! order things come in and whatever goes wrong, nobody is locked out and in the end all is as it was asked for.
//!
//! Each schedule follows from its seed. A run takes a thousand from a fresh seed; `SIMULATION_SCHEDULES=10000` takes as
//! many, `SIMULATION_SEED=7` exactly one, and prints all that happened in it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod api;
mod clock;
mod judge;
mod network;
mod people;
mod replica;
mod schedule;
mod store;
mod watching;
mod weather;

// The auditor of the fault tests, which run against the real API server.
#[allow(dead_code, reason = "the fault tests use the rest")]
#[path = "../../../../tests/faults/auditor/journal.rs"]
mod journal;
#[allow(dead_code, reason = "the fault tests use the rest")]
#[path = "../../../../tests/faults/auditor/ledger.rs"]
mod ledger;
#[allow(dead_code, reason = "the fault tests use the rest")]
#[path = "../../../../tests/faults/auditor/reading.rs"]
mod reading;
#[path = "../../../../tests/common/seen.rs"]
mod seen;

mod common {
    pub use crate::seen::Seen;
}

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use schedule::{Report, run, tally};

/// As many as CI has time for.
const SCHEDULES: usize = 1_000;

#[test]
fn whatever_happens_in_whatever_order_nobody_is_locked_out_and_all_settles() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let report = run(seed).unwrap_or_else(|broken| panic!("{broken}"));
        println!("{}", report.log.join("\n"));
        return;
    }
    let count = number("SIMULATION_SCHEDULES").map_or(SCHEDULES, |count| usize::try_from(count).unwrap());
    let first = fastrand::u64(..1 << 48);
    println!("{count} schedules from seed {first}");
    let since = Instant::now();
    let (next, reports) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let all: Mutex<BTreeMap<&str, usize>> = Mutex::default();
    let work = || {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count {
                break;
            }
            let seed = first + n as u64;
            match run(seed) {
                Ok(report) => {
                    for (what, count) in tally(&report.log) {
                        *all.lock().unwrap().entry(what).or_default() += count;
                    }
                    reports.lock().unwrap().push(Report { log: Vec::new(), ..report });
                }
                Err(broken) => {
                    next.store(count, Ordering::Relaxed);
                    panic!("{broken}\nthe same again: SIMULATION_SEED={seed} cargo test -p simulation");
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let reports = reports.into_inner().unwrap();
    assert_eq!(reports.len(), count);
    let sum = |of: fn(&Report) -> usize| reports.iter().map(of).sum::<usize>();
    println!(
        "{} requests, {} faults, {} deeds, {} versions of aws-auth of which {} ours, in {:.1} s",
        sum(|report| report.requests),
        sum(|report| report.faults),
        sum(|report| report.deeds),
        sum(|report| report.versions),
        sum(|report| report.writes),
        since.elapsed().as_secs_f64()
    );
    let slowest = reports.iter().map(|report| report.settling).max().unwrap_or_default();
    println!("{:?}, the slowest settled within {slowest:?}", all.into_inner().unwrap());
}

#[test]
fn the_same_seed_goes_the_same_way() {
    for seed in 1..=2 {
        let digest = move || run(seed).unwrap_or_else(|broken| panic!("{broken}")).digest();
        assert_eq!(digest(), thread::spawn(digest).join().unwrap(), "seed {seed}");
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}
