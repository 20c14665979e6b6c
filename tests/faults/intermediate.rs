//! A crash, or a lost answer, between two steps: nothing is done twice, nothing is forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_auth::Key;
use serde_json::json;

use crate::common::{Answer, Call, Cluster, Fate, Fault, Process, arn, check, eventually, role, send_signal};
use crate::world::{OWNED, World, count};

/// The process that a fault is about: known only once it runs.
#[derive(Clone, Default)]
struct Target(Arc<AtomicU32>);

impl Target {
    fn is(&self, operator: &Process) {
        self.0.store(operator.id(), Ordering::SeqCst);
    }

    fn signal(&self, signal: &str) {
        send_signal(self.0.load(Ordering::SeqCst), signal);
    }

    /// It is killed when its request was carried out, before it hears of it.
    fn killed_after(&self) -> Fate {
        let target = self.clone();
        Fate::then(move || target.signal("KILL"))
    }
}

fn until_it_has_ended(operator: &mut Process) {
    eventually("it has ended", || check(!operator.runs(), || "it runs".to_owned()));
}

/// Starts the next operator at once: whoever was killed does not give the Lease back.
fn start_after_a_kill(world: &World) -> Process {
    if world.cluster.leader().is_some() {
        world.cluster.delete_lease();
    }
    world.start()
}

/// What is created, changed and deleted in round `n` of a series.
struct Change {
    name: &'static str,
    /// What has to be so before.
    prepare: fn(&World, &str),
    make: fn(&World, &str),
    is_made: fn(&Cluster, &str) -> bool,
}

fn has_groups(cluster: &Cluster, name: &str, groups: &[&str]) -> bool {
    cluster.role(&arn(name)).is_some_and(|entry| entry.groups == groups)
}

const CHANGES: [Change; 5] = [
    Change {
        name: "create",
        prepare: |_, _| {},
        make: |world, n| {
            world.cluster.apply(&format!("new-{n}"), &role(&format!("new-{n}"), &["developers"]));
        },
        is_made: |cluster, n| has_groups(cluster, &format!("new-{n}"), &["developers"]),
    },
    Change {
        name: "change",
        prepare: |_, _| {},
        make: |world, n| world.cluster.apply("owned-1", &role("owned-1", &[n])),
        is_made: |cluster, n| has_groups(cluster, "owned-1", &[n]),
    },
    Change {
        name: "delete",
        prepare: |_, _| {},
        make: |world, n| world.cluster.delete(&format!("more-{n}")),
        is_made: |cluster, n| cluster.role(&arn(&format!("more-{n}"))).is_none(),
    },
    Change {
        name: "restore",
        prepare: |world, _| world.until_kept(),
        make: |world, _| world.cluster.delete_aws_auth(),
        is_made: |cluster, _| {
            cluster.role(&arn("break-glass")).is_some() && cluster.role(&arn("owned-2")).is_some()
        },
    },
    Change {
        name: "approve",
        prepare: |world, n| {
            world.cluster.apply(
                "owned-node",
                &json!({"arn": arn("owned-node"), "type": "EC2_LINUX", "description": n}),
            );
            world.cluster.until("owned-node", "Applied");
            world.cluster.delete("owned-node");
            world.until_held();
        },
        make: |world, _| {
            let held = world.until_held();
            world.approve(held["held"][0]["hash"].as_str().unwrap());
        },
        is_made: |cluster, _| cluster.role(&arn("owned-node")).is_none(),
    },
];

/// Kills the operator after its first, second, … request since a change, until there is none left to kill it after.
/// Returns how many there were.
fn crash_while_running(world: &World, operator: &mut Process, change: &Change) -> usize {
    for nth in 0.. {
        let n = nth.to_string();
        (change.prepare)(world, &n);
        world.until_quiet(operator);
        let target = Target::default();
        target.is(operator);
        let on_its_account = |call: &Call| !call.is_about_the_lease() && call.verb != "watch";
        let crash = world.proxy.inject(Fault::when(on_its_account, target.killed_after()).after(nth).once());
        (change.make)(world, &n);
        eventually("it is made, or its maker is dead", || {
            let over = !operator.runs() || (change.is_made)(&world.cluster, &n);
            check(over, || world.cluster.text(Key::MapRoles))
        });
        world.until_quiet_or_dead(operator);
        let met = crash.met();
        crash.lift();
        if met == 0 {
            return nth;
        }
        until_it_has_ended(operator);
        *operator = start_after_a_kill(world);
        eventually("it is made", || {
            check((change.is_made)(&world.cluster, &n), || world.cluster.text(Key::MapRoles))
        });
        world.until_quiet(operator);
        world.audit();
    }
    unreachable!()
}

/// One of ten alike.
fn is_read_of_a_checkpoint(call: &Call) -> bool {
    call.verb == "get" && call.name.as_deref().is_some_and(|name| name.starts_with("aws-auth-checkpoint-"))
}

/// The same with the changes made while no operator runs, counting from its start.
fn crash_while_starting(world: &World, operator: &mut Process) -> usize {
    for nth in 0.. {
        operator.signal("KILL");
        until_it_has_ended(operator);
        let n = format!("start-{nth}");
        (CHANGES[0].make)(world, &n);
        (CHANGES[1].make)(world, &n);
        // The brake lets ten removals through; they ride along with every second start.
        if nth % 2 == 1 {
            (CHANGES[2].make)(world, &nth.to_string());
        }
        let target = Target::default();
        let waits = target.clone();
        let crash = Fault::when(
            |call| !call.is("update", "leases") && !is_read_of_a_checkpoint(call),
            Fate::ask(move |_| {
                eventually("it is known whom to kill", || {
                    check(waits.0.load(Ordering::SeqCst) > 0, || "not yet".to_owned())
                });
                waits.killed_after()
            }),
        );
        let crash = world.proxy.inject(crash.after(nth).once());
        *operator = world.launch();
        target.is(operator);
        let is_made = || {
            let is_removed = || (CHANGES[2].is_made)(&world.cluster, &nth.to_string());
            (CHANGES[0].is_made)(&world.cluster, &n)
                && (CHANGES[1].is_made)(&world.cluster, &n)
                && (nth % 2 == 0 || is_removed())
        };
        eventually("all is made, or its maker is dead", || {
            check(!operator.runs() || is_made(), || world.cluster.text(Key::MapRoles))
        });
        world.until_quiet_or_dead(operator);
        let met = crash.met();
        crash.lift();
        if met == 0 {
            return nth;
        }
        until_it_has_ended(operator);
        *operator = start_after_a_kill(world);
        eventually("all is made", || check(is_made(), || world.cluster.text(Key::MapRoles)));
        world.until_quiet(operator);
        world.audit();
    }
    unreachable!()
}

/// So many entries of ours that the brake lets ten removals through.
fn with_many_entries() -> (World, Process) {
    let (world, operator) = World::running();
    let more: Vec<_> =
        (0..40).map(|n| format!("more-{n}")).map(|name| (name.clone(), role(&name, &["more"]))).collect();
    world.cluster.apply_all(&more);
    world.until_all_applied(&operator, OWNED + more.len());
    (world, operator)
}

#[test]
fn s01_a_kill_after_any_request_breaks_no_invariant_and_ends_as_it_would_have_without() {
    let (world, mut operator) = with_many_entries();
    for change in &CHANGES {
        let points = crash_while_running(&world, &mut operator, change);
        println!("{}: {points} crash points", change.name);
        assert!(points >= 2, "a write and a status or an Event at least");
    }
    world.settle(&mut operator);
    drop((operator, world));

    let (world, mut operator) = with_many_entries();
    let points = crash_while_starting(&world, &mut operator);
    println!("all three from the start on: {points} crash points");
    assert!(points >= 8, "{points}");
    world.settle(&mut operator);
}

#[test]
fn s02_a_crash_after_the_write_and_before_the_status_costs_no_second_write() {
    let (world, mut operator) = World::running();
    let before = world.audit().writes();
    let target = Target::default();
    target.is(&operator);
    world.proxy.inject(
        Fault::on(
            "patch",
            "iammappings/status",
            Fate::ask(move |_| {
                target.signal("KILL");
                Fate::Drop
            }),
        )
        .once(),
    );
    world.cluster.apply("dev", &role("dev", &["developers"]));
    until_it_has_ended(&mut operator);
    assert!(world.cluster.mapping("dev").get("status").is_none());
    let mut operator = start_after_a_kill(&world);
    world.cluster.until("dev", "Applied");
    assert_eq!(world.settle(&mut operator).writes(), before + 1);
}

#[test]
fn s03_a_crash_right_after_a_removal_is_followed_by_no_second_one() {
    let (world, mut operator) = World::running();
    let before = world.audit().writes();
    let target = Target::default();
    target.is(&operator);
    world.proxy.inject(Fault::on_write(target.killed_after()).once());
    world.cluster.delete("owned-1");
    until_it_has_ended(&mut operator);
    world.until_entry("owned-1", false);
    let mut operator = start_after_a_kill(&world);
    world.until_all_applied(&operator, OWNED - 1);
    assert_eq!(world.settle(&mut operator).writes(), before + 1);
}

#[test]
fn s04_a_crash_between_a_checkpoint_and_a_write_leaves_a_ring_of_checkpoints_and_loses_nothing() {
    const RING: usize = 10;
    let (world, mut operator) = World::running();
    let keeps = |call: &Call| {
        let checkpoint = call.name.as_deref().is_some_and(|name| name.starts_with("aws-auth-checkpoint-"));
        call.is_write() && call.resource == "configmaps" && checkpoint
    };
    for n in 0..4 {
        world.until_quiet(&operator);
        let target = Target::default();
        target.is(&operator);
        // Once it is kept, and before it is.
        let fate = if n % 2 == 0 {
            target.killed_after()
        } else {
            Fate::ask(move |_| {
                target.signal("KILL");
                Fate::Drop
            })
        };
        let crash = world.proxy.inject(Fault::when(keeps, fate).once());
        let name = format!("dev-{n}");
        world.cluster.apply(&name, &role(&name, &["developers"]));
        until_it_has_ended(&mut operator);
        crash.lift();
        operator = start_after_a_kill(&world);
        world.cluster.until(&name, "Applied");
    }
    for n in 0..RING + 2 {
        world.cluster.apply("owned-1", &role("owned-1", &[&format!("round-{n}")]));
        world.cluster.until("owned-1", "Applied");
        world.until_kept();
    }
    world.settle(&mut operator);
    assert!((2..=RING).contains(&world.checkpoints().len()), "{:#?}", world.checkpoints());
}

#[test]
fn s05_a_write_whose_answer_is_lost_is_recognised_and_not_made_twice() {
    let (world, mut operator) = World::running();
    let before = world.audit().writes();
    let lost = world.proxy.inject(Fault::on_write(Fate::LoseAnswer).once());
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.cluster.until("dev", "Applied");
    assert_eq!(lost.met(), 1);
    assert_eq!(world.settle(&mut operator).writes(), before + 1);
    assert_eq!(count(&operator, "aws_auth_writes_total{result=\"unknown\"}"), 1);
}

#[test]
fn s06_a_write_that_was_answered_504_and_then_replayed_is_refused_and_not_made_twice() {
    let (world, mut operator) = World::running();
    let before = world.audit().writes();
    world.proxy.inject(Fault::on_write(Fate::AnswerAfter(Answer::of(504, "it took too long"))).once());
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.cluster.until("dev", "Applied");
    let records = world.proxy.records();
    let write = records.iter().rev().find(|record| record.call.writes_aws_auth()).unwrap();
    assert_eq!(world.proxy.replay(write), 409);
    assert_eq!(world.settle(&mut operator).writes(), before + 1);
}

#[test]
fn s07_sigterm_in_the_middle_of_a_write_lets_it_end_before_the_lease_is_given_back() {
    const TAKES: Duration = Duration::from_millis(300);
    let (world, operator) = World::running();
    let before = world.audit().writes();
    let target = Target::default();
    target.is(&operator);
    world.proxy.inject(
        Fault::on_write(Fate::ask(move |_| {
            target.signal("TERM");
            Fate::Delay(TAKES)
        }))
        .once(),
    );
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.until_entry("dev", true);
    operator.terminate();
    assert_eq!(world.cluster.leader(), None);
    let records = world.proxy.records();
    let write = records.iter().rev().find(|record| record.call.writes_aws_auth()).unwrap();
    assert_eq!(write.code, Some(200));
    let release = records.iter().rev().find(|record| record.call.is("update", "leases")).unwrap();
    assert!(release.at >= write.at + TAKES, "the Lease is held until the write has ended");

    let mut operator = world.start();
    world.cluster.until("dev", "Applied");
    assert_eq!(world.settle(&mut operator).writes(), before + 1);
}
