//! What looks like a mistake is held, and said; what is meant goes through once a person says so.

use std::time::{Duration, Instant};

use aws_auth::Key;
use serde_json::{Value, json};

use crate::auditor::condition;
use crate::common::{Process, arn, check, eventually, role, within};
use crate::world::{But, OWNED, World, owned, promised, scaled, scaled_count};

fn ours(world: &World) -> usize {
    world.audit().ours.len()
}

/// The common setup with more mappings of ours.
fn with_more(count: usize) -> (World, Process) {
    let (world, operator) = World::running();
    let more: Vec<_> =
        (0..count).map(|n| format!("more-{n}")).map(|name| (name.clone(), role(&name, &["more"]))).collect();
    world.cluster.apply_all(&more);
    world.until_all_applied(&operator, OWNED + count);
    (world, operator)
}

/// Lets everything through that is held, until so many are left.
fn approve_all(world: &World, left: usize) {
    eventually("all that is held goes through", || {
        let now = ours(world);
        if now > left {
            let held = world.until_held();
            let held = held["held"].as_array().unwrap();
            // What another guard lets go the brake would hold, until it is let through itself.
            let braked = held.iter().find(|held| held["reason"] == "RemovalBrake");
            world.approve(braked.unwrap_or(&held[0])["hash"].as_str().unwrap());
            world.until_answered();
        }
        check(now == left, || now.to_string())
    });
}

#[test]
fn s38_more_mappings_than_fit_say_so_what_stood_stays_and_removals_still_work() {
    let (world, mut operator) = World::running();
    let (limit, many) = (900 * 1024, scaled_count(10_000));
    // Of every entry about half has room.
    let room = many * "- rolearn: \n  username: \n  groups:\n  - more\n".len();
    let data = world.cluster.aws_auth().unwrap().data.unwrap();
    let size: usize = data.iter().map(|(key, value)| key.len() + value.len()).sum();
    world.cluster.edit_aws_auth("kubectl-edit", |data| {
        data.insert("filler".to_owned(), "x".repeat(limit - size - room));
    });
    let more: Vec<_> =
        (0..many).map(|n| format!("more-{n}")).map(|name| (name.clone(), role(&name, &["more"]))).collect();
    world.cluster.apply_all(&more);
    let deadline = promised(Duration::from_mins(3));
    within(deadline, "it is full", || {
        let all = world.cluster.all_mappings();
        let full = all.iter().filter(|object| is_full(object)).count();
        check(full > 0 && full + count_ready(&all) == OWNED + many, || format!("{full} of {}", all.len()))
    });
    for (name, _) in owned() {
        assert!(condition(&world.cluster.mapping(&name), "Ready").unwrap()["status"] == "True", "{name}");
    }
    world.cluster.delete("owned-1");
    world.until_entry("owned-1", false);
    within(deadline, "what fits now is in", || {
        let all = world.cluster.all_mappings();
        let full = all.iter().filter(|object| is_full(object)).count();
        check(full + count_ready(&all) == OWNED + many - 1, || full.to_string())
    });
    let all = world.cluster.all_mappings();
    let full = all.iter().filter(|object| is_full(object));
    let full: Vec<&str> = full.map(|object| object["metadata"]["name"].as_str().unwrap()).collect();
    world.settle_but(&mut operator, &But { refused: &full, ..But::default() });
}

fn is_full(object: &Value) -> bool {
    condition(object, "Ready").is_some_and(|ready| ready["reason"] == "TargetFull")
}

fn count_ready(all: &[Value]) -> usize {
    all.iter()
        .filter(|object| condition(object, "Ready").is_some_and(|ready| ready["status"] == "True"))
        .count()
}

#[test]
fn s46_deleting_or_demoting_everybody_at_once_is_braked_and_said_and_additions_go_on() {
    const AT_MOST: usize = 10;
    let more = scaled_count(5_000) - OWNED;
    let (world, mut operator) = with_more(more);
    world.cluster.delete_all();
    eventually("the brake says what it holds", || {
        let held = world.until_held()["held"].clone();
        let braked = held.as_array().unwrap().iter().any(|held| held["reason"] == "RemovalBrake");
        check(braked, || held.to_string())
    });
    world.cluster.until_event("aws-auth", &["RemovalBrake", "kubectl iam-mapping approve"]);
    assert!(ours(&world) >= OWNED + more - AT_MOST, "{}", ours(&world));
    world.cluster.apply("new", &role("new", &["developers"]));
    world.cluster.until("new", "Applied");
    assert!(ours(&world) > OWNED + more - AT_MOST, "{}", ours(&world));
    approve_all(&world, 1);
    world.settle(&mut operator);
    drop((operator, world));

    let (world, mut operator) = with_more(60 - OWNED);
    let groups = |world: &World, groups: &[&str]| {
        let names = (0..60 - OWNED).map(|n| format!("more-{n}"));
        let specs: Vec<_> = names.map(|name| (name.clone(), role(&name, groups))).collect();
        world.cluster.apply_all(&specs);
    };
    groups(&world, &[]);
    world.until_held();
    let demoted = |world: &World| world.audit().ours.iter().filter(|item| item.groups.is_empty()).count();
    assert!(demoted(&world) <= AT_MOST, "{}", demoted(&world));
    groups(&world, &["more"]);
    world.settle(&mut operator);
    drop((operator, world));

    let (world, mut operator) = World::running();
    for (name, _) in owned().iter().skip(3).filter(|(name, _)| name != "owned-node") {
        world.cluster.delete(name);
    }
    world.until_held();
    approve_all(&world, 4);
    world.cluster.delete("owned-1");
    world.until_held();
    approve_all(&world, 3);
    world.settle(&mut operator);
}

#[test]
fn s47_deleting_everybody_one_by_one_is_caught_by_the_sliding_window() {
    const AT_MOST: usize = 10;
    let (world, mut operator) = with_more(40);
    let since = Instant::now();
    let pace = scaled(Duration::from_mins(5)) / 40;
    for n in 0..40_u32 {
        world.cluster.delete(&format!("more-{n}"));
        std::thread::sleep((pace * (n + 1)).saturating_sub(since.elapsed()));
    }
    world.until_held();
    let within_a_window = since.elapsed() < scaled(Duration::from_mins(10));
    assert!(!within_a_window || ours(&world) >= OWNED + 40 - AT_MOST, "{}", ours(&world));
    approve_all(&world, OWNED);
    world.settle(&mut operator);
}

#[test]
fn s59_an_approval_that_is_replayed_late_or_one_bit_off_lets_nothing_through() {
    let world = World::at_rest();
    let mut operator = world.start_hasty();
    world.until_all_applied(&operator, OWNED);
    let node = || world.cluster.role(&arn("owned-node")).is_some();
    let hash = |held: &Value| held["held"][0]["hash"].as_str().unwrap().to_owned();
    world.cluster.delete("owned-node");
    let first = hash(&world.until_held());
    assert!(node());

    let bit = u128::from_str_radix(&first, 16).unwrap() ^ 1;
    world.approve(&format!("{bit:032x}"));
    world.cluster.until_event("aws-auth", &["ApprovalRefused", &format!("{bit:032x}"), "jane"]);
    assert!(node());

    // What was published before is of no use once there is another nonce.
    let second = within(promised(Duration::from_mins(16)), "another hash", || {
        let now = hash(&world.until_held());
        check(now != first, || now.clone())?;
        Ok(now)
    });
    world.approve(&first);
    world.cluster.until_event("aws-auth", &["ApprovalRefused", &first, "jane"]);
    assert!(node());
    let current = hash(&world.until_held());
    world.approve(&current);
    world.until_entry("owned-node", false);
    world.cluster.until_event("aws-auth", &["Approved", "jane"]);

    // The same again, for the same principal: each of them was good once at the most.
    world.cluster.apply("owned-node", &json!({"arn": arn("owned-node"), "type": "EC2_LINUX"}));
    world.cluster.until("owned-node", "Applied");
    world.cluster.delete("owned-node");
    let held = world.until_held();
    for used in [&first, &second, &current] {
        assert_ne!(hash(&held), **used);
        world.approve(used);
        world.until_answered();
        assert!(node(), "{used}");
    }
    world.cluster.apply("owned-node", &json!({"arn": arn("owned-node"), "type": "EC2_LINUX"}));
    world.settle(&mut operator);
}

#[test]
fn s60_a_fight_over_an_entry_is_fought_slowly_and_the_other_client_is_named() {
    const AT_ONCE: usize = 5;
    let (world, mut operator) = World::running();
    let right = world.cluster.text(Key::MapRoles);
    let wrong = right.replace("\"owned-1\"", "\"somebody\"");
    let from = world.audit().versions.len();
    let fight = || {
        world.cluster.edit_aws_auth("terraform", |data| {
            data.insert("mapRoles".to_owned(), wrong.clone());
        });
    };
    for _ in 0..AT_ONCE {
        fight();
        eventually("it is put back", || {
            check(world.cluster.text(Key::MapRoles) == right, || "not yet".to_owned())
        });
    }
    fight();
    let object = world.cluster.until("owned-1", "Contended");
    assert!(object["status"].to_string().contains("terraform"), "{}", object["status"]);
    within(promised(Duration::from_mins(2)), "it is put back once more", || {
        check(world.cluster.text(Key::MapRoles) == right, || "not yet".to_owned())
    });
    let audit = world.settle(&mut operator);
    let puts: Vec<Instant> = audit.versions[from..]
        .windows(2)
        .filter(|pair| pair[1].is_ours && pair[0].reading.items() != pair[1].reading.items())
        .map(|pair| pair[1].at)
        .collect();
    assert_eq!(puts.len(), AT_ONCE + 1);
    // Seconds are what the guard counts in.
    let pause = scaled(Duration::from_mins(1)).saturating_sub(Duration::from_secs(1));
    assert!(puts[AT_ONCE].duration_since(puts[AT_ONCE - 1]) >= pause, "{puts:?}");
}

#[test]
fn s61_a_crd_that_drops_the_end_of_a_grant_grants_nothing_and_the_rest_goes_on() {
    const FIELD: &str = "expiresAt";
    let (world, mut operator) = World::running();
    let mut guest = role("guest", &["guests"]);
    guest[FIELD] = json!("2099-01-01T00:00:00Z");
    world.cluster.install_crd_without(FIELD, &guest);
    operator.until_unready(&["CRD: ", "spec.expiresAt"]);
    world.cluster.create("guest", &guest);
    world.cluster.apply("owned-2", &role("owned-2", &["developers", "admins"]));
    for name in ["guest", "owned-2"] {
        let status = world.cluster.until(name, "CRDOutdated")["status"].to_string();
        assert!(status.contains("spec.expiresAt") && status.contains("kubectl apply"), "{status}");
    }
    assert!(world.cluster.role(&arn("guest")).is_none());
    assert_eq!(world.cluster.role(&arn("owned-2")).unwrap().groups, ["developers"]);
    world.cluster.delete("owned-3");
    world.until_entry("owned-3", false);
    world.cluster.edit_aws_auth("kubectl-edit", |data| {
        let text = data.get_mut("mapRoles").unwrap();
        *text = text.replace("\"owned-4\"", "\"somebody\"");
    });
    eventually("an edit is put right", || {
        let entry = world.cluster.role(&arn("owned-4")).unwrap();
        check(entry.username == "owned-4", || entry.username)
    });
    assert!(world.cluster.role(&arn("guest")).is_none());

    world.cluster.install_crd();
    world.cluster.apply("guest", &guest);
    world.cluster.until("guest", "Applied");
    world.settle(&mut operator);
}
