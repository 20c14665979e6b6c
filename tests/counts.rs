//! What the operator asks of the API server, request by request: counts that no machine changes. A request more for one
//! apply is a regression that nobody would notice in one cluster, and everybody in a thousand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

#[path = "common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "other test binaries use the rest")]
mod common;

use std::collections::BTreeMap;

use common::{Cluster, InProcess, Versions, check, eventually, role};

/// What a write of aws-auth comes with: the write, and the version kept as a checkpoint (an update once the ring of ten
/// is full).
const WRITE: [(&str, usize); 2] = [("update configmaps", 1), ("create configmaps", 1)];
const STATUS: (&str, usize) = ("patch iammappings/status", 1);
const EVENT: (&str, usize) = ("create events", 1);

/// The operator, with the requests that it may have made by now.
struct Counted {
    operator: InProcess,
    expected: BTreeMap<String, usize>,
}

impl Counted {
    /// A step takes exactly these. One more that comes late is seen in the next step.
    #[track_caller]
    fn step(&mut self, step: &str, takes: &[(&str, usize)]) {
        for &(request, count) in takes {
            *self.expected.entry(request.to_owned()).or_default() += count;
        }
        eventually(&format!("{step} takes {takes:?}, so that it is {:?}", self.expected), || {
            let seen = self.operator.metrics().requests();
            check(seen == self.expected, || format!("{seen:?}"))
        });
    }
}

#[test]
fn an_apply_a_change_and_a_deletion_take_the_requests_that_are_written_here_and_no_more() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let versions = Versions::from_now_on(&cluster);
    let mut counted = Counted { operator: InProcess::start(&cluster), expected: BTreeMap::new() };
    // Ten checkpoints that may be there, and aws-auth, which is kept as the first.
    let start = [
        ("get namespaces", 1),
        ("get customresourcedefinitions", 1),
        ("list customresourcedefinitions", 1),
        ("list iammappings", 1),
        ("list configmaps", 1),
        ("get configmaps", 11),
        ("create configmaps", 1),
    ];
    counted.step("a start", &start);
    assert_eq!(versions.all().len(), 0, "without a mapping aws-auth is not written");

    let [write, checkpoint] = WRITE;
    let granted = [write, checkpoint, STATUS, EVENT];
    cluster.apply("dev", &role("dev", &["developers"]));
    counted.step("one apply", &granted);
    cluster.apply("dev", &role("dev", &["testers"]));
    counted.step("one change", &granted);
    cluster.apply("dev", &role("dev", &["testers"]));
    cluster.apply("other", &role("other", &[]));
    counted.step("an apply that changes nothing, and one of another mapping", &granted);
    cluster.delete("dev");
    // At quorum: is it really gone?
    counted.step("one deletion", &[("get iammappings", 1), write, checkpoint, EVENT]);
    cluster.apply("last", &role("last", &[]));
    counted.step("one more apply", &granted);
    assert_eq!(versions.all().len(), 5);
}
