//! Many at once: few writes, and counters that agree with what happened.

use std::thread;

use aws_auth::Key;

use crate::common::{Cluster, InProcess, Versions, arn, check, eventually, role};

const MAPPINGS: usize = 200;
const AT_ONCE: usize = 4;

#[test]
fn two_hundred_mappings_made_at_once_take_few_writes_and_every_counter_agrees() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let operator = InProcess::start(&cluster);
    let versions = Versions::from_now_on(&cluster);
    thread::scope(|all| {
        for part in 0..AT_ONCE {
            let cluster = &cluster;
            all.spawn(move || {
                for n in (part..MAPPINGS).step_by(AT_ONCE) {
                    let name = format!("dev-{n}");
                    cluster.apply(&name, &role(&name, &["developers"]));
                }
            });
        }
    });
    cluster.until_all_applied(MAPPINGS);
    eventually("every Event is sent", || {
        let events = operator.metrics().get("published_events_total{result=\"sent\"}");
        check(events == MAPPINGS, || events.to_string())
    });

    let writes = versions.all().len();
    println!("{writes} writes for {MAPPINGS} mappings");
    assert!(writes <= 10, "{writes}");
    let text = cluster.text(Key::MapRoles);
    let entries = cluster.entries(Key::MapRoles);
    for n in 0..MAPPINGS {
        let arn = arn(&format!("dev-{n}"));
        assert_eq!(entries.iter().filter(|entry| entry.arn == arn).count(), 1, "{arn}");
    }
    let metrics = operator.metrics();
    let data: usize =
        cluster.aws_auth().unwrap().data.unwrap().iter().map(|(key, value)| key.len() + value.len()).sum();
    assert!(data > text.len());
    for (sample, expected) in [
        ("aws_auth_writes_total{result=\"ok\"}", writes),
        ("aws_auth_writes_total{result=\"conflict\"}", 0),
        ("aws_auth_writes_total{result=\"unknown\"}", 0),
        ("aws_auth_write_duration_seconds_count", writes),
        ("iam_mappings{reason=\"Applied\"}", MAPPINGS),
        ("aws_auth_entries", MAPPINGS + 2),
        ("aws_auth_size_bytes", data),
        ("matchable_admins", 1),
        ("pending_statuses", 0),
        ("leader", 1),
        ("published_events_total{result=\"failed\"}", 0),
        ("published_events_total{result=\"dropped\"}", 0),
        ("held_parts{reason=\"LastAdmin\"}", 0),
        ("api_requests_total{verb=\"patch\",resource=\"iammappings/status\",code=\"200\"}", MAPPINGS),
        ("api_requests_total{verb=\"create\",resource=\"events\",code=\"201\"}", MAPPINGS),
    ] {
        assert_eq!(metrics.get(sample), expected, "{sample}");
    }
    // Each checkpoint is a ConfigMap made, or one written over; nothing else but aws-auth is.
    let puts = ["update\",resource=\"configmaps\",code=\"200", "create\",resource=\"configmaps\",code=\"201"];
    let puts: usize =
        puts.iter().map(|of| metrics.get(&format!("api_requests_total{{verb=\"{of}\"}}"))).sum();
    assert_eq!(puts, writes + metrics.get("checkpoint_versions_total{result=\"kept\"}"));
}
