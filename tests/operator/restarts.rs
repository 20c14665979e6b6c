//! What happened while the operator was down, what a restart costs, and what a stop leaves behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use aws_auth::Key;
use serde_json::Value;

use crate::common::{Cluster, InProcess, Process, Versions, arn, check, eventually, role};

#[test]
fn a_mapping_made_anew_under_its_name_while_the_operator_was_down_keeps_its_entry_throughout() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let operator = InProcess::start(&cluster);
    cluster.apply("dev", &role("dev", &["developers"]));
    cluster.until("dev", "Applied");
    drop(operator);

    cluster.delete("dev");
    cluster.apply("dev", &role("dev", &["developers"]));
    let versions = Versions::from_now_on(&cluster);
    let _operator = InProcess::start(&cluster);
    cluster.until("dev", "Applied");
    assert!(versions.all().iter().all(|version| version.has_role(&arn("dev"))));
}

#[test]
fn a_restart_writes_nothing_but_the_lease_when_all_is_as_it_was() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    cluster.apply("root", &role("root", &["system:masters"]));
    cluster.apply("dev", &role("dev", &["developers"]));
    cluster.apply("duplicate", &role("dev", &["developers"]));
    cluster.apply("foreign", &role("break-glass", &["developers"]));
    let operator = InProcess::start(&cluster);
    cluster.until("root", "PrivilegedValue");
    cluster.until("dev", "Applied");
    cluster.until("foreign", "ForeignConflict");
    cluster.until("duplicate", "DuplicatePrincipal");
    for (name, reason) in [
        ("root", "PrivilegedValue"),
        ("dev", "Applied"),
        ("foreign", "ForeignConflict"),
        ("duplicate", "DuplicatePrincipal"),
    ] {
        cluster.until_event(name, &[reason]);
    }
    drop(operator);
    let (mappings, aws_auth) = (cluster.all_mappings(), cluster.version());

    let operator = InProcess::start(&cluster);
    eventually("it has planned", || {
        let metrics = operator.metrics();
        check(metrics.get("iam_mappings{reason=\"Applied\"}") > 0, || format!("{metrics:?}"))
    });
    // Whatever else was to be sent is sent before all of this.
    cluster.apply("later", &role("later", &[]));
    cluster.until("later", "Applied");
    cluster.until_event("later", &["Applied"]);
    assert_eq!(
        operator.metrics().writes().into_iter().collect::<Vec<_>>(),
        [
            // The checkpoint of aws-auth as it is now, in a ConfigMap that was not there yet.
            ("{verb=\"create\",resource=\"configmaps\",code=\"201\"}", "1"),
            ("{verb=\"create\",resource=\"events\",code=\"201\"}", "1"),
            ("{verb=\"patch\",resource=\"iammappings/status\",code=\"200\"}", "1"),
            ("{verb=\"update\",resource=\"configmaps\",code=\"200\"}", "1"),
        ]
    );
    let stored: Vec<Value> =
        cluster.all_mappings().into_iter().filter(|object| object["metadata"]["name"] != "later").collect();
    assert_eq!(stored, mappings);
    assert!(cluster.version() > aws_auth);
}

#[test]
fn sigterm_in_a_stream_of_changes_leaves_whole_versions_and_no_lease_and_nothing_is_forgotten() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let versions = Versions::from_now_on(&cluster);
    let operator = Process::start(&cluster, &[]);

    let over = AtomicBool::new(false);
    let mappings = thread::scope(|both| {
        let stream = both.spawn(|| {
            let mut made = 0;
            while !over.load(Ordering::Relaxed) {
                let name = format!("dev-{made}");
                cluster.apply(&name, &role(&name, &["developers"]));
                made += 1;
            }
            made
        });
        let end = End(&over);
        eventually("the operator is in the middle of it", || {
            let seen = versions.so_far().len();
            check(seen > 1, || seen.to_string())
        });
        operator.terminate();
        assert_eq!(cluster.leader(), None);
        drop(end);
        stream.join().unwrap()
    });
    let until_stop = versions.all().len();

    let _operator = InProcess::start(&cluster);
    cluster.until_all_applied(mappings);
    let (versions, uid) = (versions.all(), cluster.uid());
    println!("{mappings} mappings, {until_stop} versions until the stop, {} in all", versions.len());
    assert!(until_stop < versions.len());
    for version in &versions {
        let entries = version.entries(Key::MapRoles).len();
        assert_eq!(
            version.owned(uid),
            entries - 2,
            "what is recorded is there, and what is there is recorded"
        );
    }
    assert_eq!(versions.last().unwrap().owned(uid), mappings);
}

/// Ends the stream, also where the test fails in the middle of it.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
