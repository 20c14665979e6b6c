//! An API server that says no, is busy, is away, or does not know us any more.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use aws_auth::Key;
use serde_json::json;

use crate::auditor::condition;
use crate::common::{
    Answer, Fate, Fault, Record, arn, check, edit_aws_auth, eventually, file, role, wait, within,
};
use crate::world::{But, World, count, promised, scaled};

fn writes(records: &[Record]) -> Vec<&Record> {
    records.iter().filter(|record| record.call.writes_aws_auth()).collect()
}

#[test]
fn s20_fifty_conflicts_in_a_row_are_tried_again_ever_more_slowly_and_nothing_of_others_is_lost() {
    const CONFLICTS: usize = 50;
    let (world, mut operator) = World::running();
    let before = world.proxy.records().len();
    // Somebody writes when the operator has read, planned and sent, and before the API server has it.
    let (client, made) = (world.cluster.client(), AtomicUsize::new(0));
    let rival = Fate::ask(move |_| {
        let name = format!("rival-{}", made.fetch_add(1, Ordering::Relaxed));
        edit_aws_auth(client.clone(), "eksctl", |data| {
            let entry = format!("- rolearn: {}\n  username: {name}\n", arn(&name));
            data.get_mut("mapRoles").unwrap().insert_str(0, &entry);
        });
        Fate::PassOn
    });
    world.proxy.inject(Fault::on_write(rival).times(CONFLICTS));
    world.cluster.apply("dev", &role("dev", &["developers"]));
    within(promised(Duration::from_mins(5)), "ours is written", || {
        check(world.cluster.role(&arn("dev")).is_some(), || "not yet".to_owned())
    });
    let records = world.proxy.records();
    let tries = writes(&records[before..]);
    assert_eq!(tries.len(), CONFLICTS + 1);
    assert!(tries[..CONFLICTS].iter().all(|record| record.code == Some(409)));
    let pause = |n: usize| tries[n + 1].at.duration_since(tries[n].at);
    let late = (CONFLICTS / 2..CONFLICTS).map(pause).min().unwrap();
    assert!(late >= scaled(Duration::from_secs(3)), "{late:?}");
    world.settle(&mut operator);
    for n in 0..CONFLICTS {
        assert!(world.cluster.role(&arn(&format!("rival-{n}"))).is_some());
    }
}

#[test]
fn s21_a_429_is_obeyed_for_as_long_as_it_says() {
    const SECONDS: u64 = 2;
    let (world, mut operator) = World::running();
    let busy = || Fate::Answer(Answer::of(429, "too many requests").retry_after(SECONDS));
    let refused = world.proxy.inject(Fault::on_write(busy()).once());
    let statuses = world.proxy.inject(Fault::on("patch", "iammappings/status", busy()).once());
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.cluster.until("dev", "Applied");
    assert_eq!((refused.met(), statuses.met()), (1, 1));
    let records = world.proxy.records();
    let writes = writes(&records);
    let statuses: Vec<&Record> =
        records.iter().filter(|record| record.call.is("patch", "iammappings/status")).collect();
    for tries in [writes, statuses] {
        let refused = tries.iter().position(|record| record.code.is_none()).unwrap();
        let pause = tries[refused + 1].at.duration_since(tries[refused].at);
        assert!(pause >= Duration::from_secs(SECONDS), "{pause:?}");
    }
    world.settle(&mut operator);
}

#[test]
fn s22_five_minutes_of_errors_are_met_with_one_try_a_second_and_are_over_when_they_end() {
    let (world, mut operator) = World::running();
    let outage = scaled(Duration::from_mins(5));
    let from = world.proxy.records().len();
    let n = AtomicUsize::new(0);
    let errors = Fate::ask(move |_| match n.fetch_add(1, Ordering::Relaxed) % 2 {
        0 => Fate::answer(500, "etcdserver: request timed out"),
        _ => Fate::answer(503, "the server is currently unable to handle the request"),
    });
    let errors = world.proxy.inject(Fault::when(|_| true, errors));
    world.proxy.cut_watches("iammappings");
    world.proxy.cut_watches("configmaps");
    world.cluster.apply("dev", &role("dev", &["developers"]));
    thread::sleep(outage);
    let records = world.proxy.records().split_off(from);
    let seconds = outage.as_secs_f64() / scaled(Duration::from_secs(1)).as_secs_f64();
    for record in &records {
        let call = &record.call;
        let tries = records.iter().filter(|other| other.call.is(call.verb, &call.resource)).count();
        #[allow(clippy::cast_precision_loss, reason = "a count of requests")]
        let tries = tries as f64;
        assert!(tries <= seconds + 1.0, "{tries} of {} {} in {seconds} s", call.verb, call.resource);
    }
    errors.lift();
    within(promised(Duration::from_secs(30)), "work goes on", || {
        check(world.cluster.role(&arn("dev")).is_some(), || "not yet".to_owned())
    });
    world.settle(&mut operator);
}

#[test]
fn s23_a_permission_that_is_taken_away_is_named_and_work_goes_on_when_it_is_back() {
    let (world, mut operator) = World::running();
    world.cluster.revoke("update", "configmaps");
    let version = world.cluster.version();
    world.cluster.apply("dev", &role("dev", &[]));
    operator.until_unready(&["writing aws-auth", "cannot update resource \"configmaps\"", "\"operator\""]);
    world.cluster.until_event("aws-auth", &["Warning WriteRefused", "cannot update resource"]);
    assert_eq!(world.cluster.version(), version);
    assert!(count(&operator, "aws_auth_writes_total{result=\"refused\"}") >= 1);

    world.cluster.grant_everything();
    within(promised(Duration::from_mins(1)), "work goes on", || {
        check(world.cluster.role(&arn("dev")).is_some(), || "not yet".to_owned())
    });
    world.settle(&mut operator);
}

#[test]
fn s24_a_token_that_was_rotated_is_read_anew() {
    let world = World::at_rest();
    let token = file("first");
    world.proxy.let_in_only("first");
    let kubeconfig = world.proxy.kubeconfig_with_token_file(token.path());
    let mut operator = world.launch_through(kubeconfig.path());
    operator.until_ready();
    world.proxy.let_in_only("second");
    world.cluster.apply("dev", &role("dev", &["developers"]));
    operator.until_unready(&["Unauthorized"]);
    fs::write(token.path(), "second").unwrap();
    within(promised(Duration::from_mins(1)), "work goes on", || {
        check(world.cluster.role(&arn("dev")).is_some(), || "not yet".to_owned())
    });
    world.settle(&mut operator);
}

#[test]
fn s25_a_certificate_authority_that_was_rotated_is_read_anew() {
    let mut world = World::at_rest();
    // Straight to the API server, because it is its certificate that is at stake.
    world.auditor.takes_everything_for_ours();
    let mut operator = world.launch_through(&world.cluster.operator_kubeconfig());
    world.cluster.until_all_applied(crate::world::OWNED);
    let plane = world.cluster.plane();
    plane.stop_apiserver();
    for file in ["apiserver.crt", "apiserver.key"] {
        fs::remove_file(plane.dir().join("certificates").join(file)).unwrap();
    }
    plane.start_apiserver().unwrap();
    world.cluster.apply("dev", &role("dev", &["developers"]));
    within(promised(Duration::from_mins(1)), "work goes on", || {
        check(world.cluster.role(&arn("dev")).is_some(), || "not yet".to_owned())
    });
    assert!(operator.runs());
    world.end();
}

#[test]
fn s26_an_answer_that_stalls_is_given_up_by_our_own_deadline() {
    let (world, mut operator) = World::running();
    let before = world.audit().writes();
    let reads = world.proxy.inject(Fault::on("get", "configmaps", Fate::StallBody).once());
    let writes = world.proxy.inject(Fault::on_write(Fate::StallAfter).once());
    let lists = world.proxy.inject(Fault::on("list", "iammappings", Fate::StallBody).once());
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.cluster.until("dev", "Applied");
    assert_eq!((reads.met(), writes.met()), (1, 1));
    assert_eq!(world.audit().writes(), before + 1);
    operator.signal("KILL");
    world.cluster.delete_lease();
    operator = world.start();
    assert_eq!(lists.met(), 1);
    assert_eq!(world.settle(&mut operator).writes(), before + 1);
}

/// What a cluster's own rules can have against a change, in their own words.
const FRIDAY: &str = "nobody touches aws-auth on a Friday: ask in #platform, please";

#[test]
fn s27_what_admission_has_against_a_write_is_said_in_its_own_words_where_people_look() {
    let (world, mut operator) = World::running();
    let before = world.audit().writes();
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "fridays"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"],
                "resourceNames": ["aws-auth"],
            }]},
            "matchConditions": [{"name": "operator", "expression": "request.userInfo.username == 'operator'"}],
            "validations": [{"expression": "false", "message": FRIDAY}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "fridays"},
        "spec": {"policyName": "fridays", "validationActions": ["Deny"]},
    });
    world
        .cluster
        .kubectl_apply(&json!({"apiVersion": "v1", "kind": "List", "items": [policy, binding]}).to_string());
    let dry = || {
        let api: kube::Api<k8s_openapi::api::core::v1::ConfigMap> =
            kube::Api::namespaced(world.cluster.client_of_operator(), "kube-system");
        let params = kube::api::PostParams { dry_run: true, ..Default::default() };
        wait(api.replace("aws-auth", &params, &world.cluster.aws_auth().unwrap()))
    };
    eventually("it is a Friday", || {
        check(dry().is_err_and(|error| error.to_string().contains(FRIDAY)), || "not yet".to_owned())
    });

    world.cluster.apply("dev", &role("dev", &["developers"]));
    let object = world.cluster.until("dev", "WriteRefused");
    let ready = condition(&object, "Ready").unwrap();
    assert!(ready["message"].as_str().unwrap().contains(FRIDAY), "{ready}");
    assert_eq!(condition(&object, "Applied").unwrap()["status"], "False");
    world.cluster.until_event("aws-auth", &["Warning WriteRefused", FRIDAY]);
    operator.until_unready(&[FRIDAY]);
    assert_eq!(world.audit().writes(), before);

    for kind in ["validatingadmissionpolicybinding", "validatingadmissionpolicy"] {
        world.cluster.kubectl(&["delete", kind, "fridays"]);
    }
    eventually("the weekend is over", || check(dry().is_ok(), || "not yet".to_owned()));
    within(promised(Duration::from_mins(1)), "ours is written", || {
        check(world.cluster.role(&arn("dev")).is_some(), || world.cluster.text(Key::MapRoles))
    });
    assert_eq!(world.settle_but(&mut operator, &But::default()).writes(), before + 1);
}
