//! What people, and other versions, put into a mapping.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::auditor::condition;
use crate::common::{Cluster, arn, check, eventually, role};
use crate::world::{But, World, scaled};

#[test]
fn s52_what_could_be_misread_is_read_back_exactly_as_it_was_meant_or_is_refused() {
    let (world, mut operator) = World::running();
    let texts = [
        "yes",
        "~",
        "null",
        "012345678901",
        "1_000",
        "0x1F",
        "1e3",
        ".nan",
        "2020-01-01",
        "=",
        "<<",
        "!!str x",
        "&a",
        "*a",
        "- x",
        "a: b",
        "a #b",
        "#",
        "@x",
        "`x`",
        "%x",
        "\"quoted\"",
        "'single'",
        "back\\slash",
        "trailing ",
        " leading",
        "emoji \u{1f980}",
        "jos\u{e9}",
        "{a}",
        "[a]",
        "a,b",
        "|",
        ">",
        "?",
        "a\nb",
        "a\tb",
        "\u{85}",
        "\u{2028}",
        "\u{2029}",
        "\u{feff}",
        "\u{7}",
        "\u{9b}",
        "\u{200b}",
        "",
    ];
    let (mut stored, mut refused) = (Vec::new(), 0);
    for (n, text) in texts.iter().enumerate() {
        let name = format!("text-{n}");
        let spec = json!({"arn": arn(&name), "username": text, "groups": [format!("g{text}")]});
        match world.cluster.try_apply(&name, &spec) {
            Ok(()) => stored.push((name, *text)),
            Err(why) => {
                let said = why.contains("spec") || why.contains("control characters are not allowed");
                assert!(said, "{text:?}: {why}");
                refused += 1;
            }
        }
    }
    let mut not_written = Vec::new();
    for (name, text) in &stored {
        let reason = eventually("it is decided", || {
            let object = world.cluster.mapping(name);
            let reason = condition(&object, "Ready").map(|ready| ready["reason"].clone());
            reason.and_then(|reason| reason.as_str().map(str::to_owned)).ok_or_else(|| "not yet".to_owned())
        });
        if reason == "Applied" {
            let entry = world.cluster.role(&arn(name)).unwrap();
            // No username is a wish for the default.
            let meant = if text.is_empty() { entry.username.as_str() } else { text };
            assert_eq!((entry.username.as_str(), entry.groups), (meant, vec![format!("g{text}")]));
        } else {
            assert_eq!(reason, "InvalidSpec", "{text:?}");
            not_written.push(name.as_str());
        }
    }
    println!("{} read back, {} refused", stored.len() - not_written.len(), refused + not_written.len());
    assert!(refused > 0 && stored.len() > texts.len() / 2);
    world.settle_but(&mut operator, &But { refused: &not_written, ..But::default() });
}

#[test]
fn s53_what_would_let_a_caller_choose_who_it_is_is_refused_and_so_is_privilege_without_leave() {
    let (world, mut operator) = World::running();
    let before = world.audit().writes();
    let user = |username: &str| json!({"arn": arn("dev"), "username": username});
    let specs = [
        json!({"arn": arn("dev"), "username": "dev", "groups": ["{{SessionName}}"]}),
        user("{{AccessKeyID}}"),
        user("ci:{{AccessKeyID}}"),
        user("system:serviceaccount:kube-system:admin"),
        user("{{SessionName}}:kube-controller-manager"),
        user("s{{SessionName}}:x"),
        user("{{SessionName}}"),
        user("system:admin"),
        json!({"arn": arn("dev"), "type": "EC2_LINUX"}),
        json!({"arn": arn("dev"), "type": "FARGATE_LINUX"}),
        json!({"accountId": "777788889999"}),
        role("dev", &["system:masters"]),
        role("dev", &["eks:k8s-metrics"]),
    ];
    let mut names = Vec::new();
    for (n, spec) in specs.iter().enumerate() {
        let name = format!("refused-{n}");
        if let Err(why) = world.cluster.try_apply(&name, spec) {
            assert!(why.contains("spec"), "{spec}: {why}");
            continue;
        }
        let object = eventually("it is refused", || {
            let object = world.cluster.mapping(&name);
            let ready = condition(&object, "Ready");
            let refused = ready.is_some_and(|ready| ready["status"] == "False");
            check(refused, || object["status"].to_string())?;
            Ok(object)
        });
        let reason = condition(&object, "Ready").unwrap()["reason"].clone();
        assert!(reason == "PrivilegedValue" || reason == "InvalidSpec", "{spec}: {reason}");
        names.push(name);
    }
    println!("{} by the CRD, {} by the operator", specs.len() - names.len(), names.len());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let audit = world.settle_but(&mut operator, &But { refused: &names, ..But::default() });
    assert_eq!(audit.writes(), before);
}

/// Puts a spec in the place of another, although the CRD's rules refuse it.
fn store(cluster: &Cluster, name: &str, spec: &Value) {
    cluster.install_crd_without_rules();
    cluster.apply(name, spec);
    cluster.install_crd();
}

#[test]
fn s54_a_mapping_that_does_not_decode_keeps_its_entry_while_the_others_go_on() {
    let (world, mut operator) = World::running();
    store(
        &world.cluster,
        "owned-1",
        &json!({"arn": arn("owned-1"), "username": "owned-1", "groups": "after"}),
    );
    let object = world.cluster.until("owned-1", "InvalidSpec");
    assert!(object["status"].to_string().contains("does not decode"), "{}", object["status"]);
    world.cluster.apply("owned-2", &role("owned-2", &["after"]));
    world.cluster.until("owned-2", "Applied");
    assert_eq!(world.cluster.role(&arn("owned-1")).unwrap().groups, ["developers"]);
    operator.terminate();
    operator = world.start();
    let odd = But { refused: &["owned-1"], ..But::default() };
    world.settle_but(&mut operator, &odd);
    assert_eq!(world.cluster.role(&arn("owned-1")).unwrap().groups, ["developers"]);
    world.cluster.delete("owned-1");
    world.until_entry("owned-1", false);
    world.settle(&mut operator);
}

#[test]
fn s55_a_mapping_that_flaps_causes_a_write_a_second_at_the_most_and_its_last_state_wins() {
    const AT_MOST: usize = 35;
    let (world, mut operator) = World::running();
    let before = world.audit().writes();
    let (since, lasts) = (Instant::now(), scaled(Duration::from_secs(30)));
    let mut flaps = 0;
    while since.elapsed() < lasts {
        world.cluster.apply("owned-1", &role("owned-1", &[if flaps % 2 == 0 { "a" } else { "b" }]));
        flaps += 1;
    }
    // However slow this machine is: the bucket's five, and one for each second that it took.
    let seconds = (since.elapsed().as_secs_f64() / scaled(Duration::from_secs(1)).as_secs_f64()).ceil();
    world.cluster.apply("owned-1", &role("owned-1", &["last"]));
    world.cluster.until("owned-1", "Applied");
    let writes = world.settle(&mut operator).writes() - before;
    println!("{flaps} changes in {seconds} s: {writes} writes");
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some seconds")]
    let most = AT_MOST.max(5 + seconds as usize);
    assert!(writes <= most, "{writes} writes for {flaps} changes");
    assert_eq!(world.cluster.role(&arn("owned-1")).unwrap().groups, ["last"]);
    let groups: BTreeSet<String> = ["last".to_owned()].into();
    assert!(world.audit().ours.iter().any(|item| item.groups == groups));
}
