//! Two replicas: one leads, and nothing is written twice when the lead changes.

use std::time::Duration;

use crate::common::{Cluster, Process, Versions, arn, check, eventually, role, within};

/// What is promised for a leader that dies without a word.
const TAKEOVER: Duration = Duration::from_secs(20);
/// A leader that says goodbye hands over at once: far sooner than its Lease would run out.
const HANDOVER: Duration = Duration::from_secs(5);

/// The leader and the one that stands by.
fn two_replicas(cluster: &Cluster) -> (Process, Process) {
    let (one, other) = (Process::start(cluster, &[]), Process::start(cluster, &[]));
    let one_leads = eventually("one of them leads", || match (one.leads(), other.leads()) {
        (true, false) => Ok(true),
        (false, true) => Ok(false),
        both => Err(format!("{both:?}")),
    });
    if one_leads { (one, other) } else { (other, one) }
}

fn until_it_leads(replica: &Process, deadline: Duration) {
    within(deadline, "the other one takes over", || {
        check(replica.leads(), || format!("{:#?}", replica.log()))
    });
}

#[test]
fn when_the_leader_is_killed_the_other_takes_over_within_20_s_and_nothing_is_written_twice() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let (leader, other) = two_replicas(&cluster);
    let versions = Versions::from_now_on(&cluster);
    cluster.apply("before", &role("before", &[]));
    cluster.until("before", "Applied");
    cluster.until_event("before", &["Applied"]);

    leader.signal("KILL");
    cluster.apply("after", &role("after", &[]));
    until_it_leads(&other, TAKEOVER);
    cluster.until("after", "Applied");
    cluster.delete("before");
    eventually("it is revoked", || {
        check(cluster.role(&arn("before")).is_none(), || "it is there".to_owned())
    });
    assert_eq!(versions.all().len(), 3);
    assert_eq!(cluster.events("before").len(), 1, "nor is anything said twice");
    other.terminate();
}

#[test]
fn when_the_leader_is_told_to_end_it_hands_over_at_once() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let (leader, other) = two_replicas(&cluster);
    let versions = Versions::from_now_on(&cluster);
    cluster.apply("before", &role("before", &[]));
    cluster.until("before", "Applied");

    leader.terminate();
    until_it_leads(&other, HANDOVER);
    cluster.apply("after", &role("after", &[]));
    cluster.until("after", "Applied");
    assert_eq!(versions.all().len(), 2);
    other.terminate();
}
