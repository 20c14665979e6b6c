//! An API server, or a cache, that tells of the past: nobody loses access, and nobody gets it back, for that.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_auth::Key;
use serde_json::{Value, json};

use crate::common::{Events, Fate, Fault, Process, arn, check, eventually, role, within};
use crate::world::{OWNED, World, count, promised};

const MAPPINGS: &str = "iammappings";

/// Watches from an older version than was asked for.
fn rewound_to(version: u64) -> Fate {
    Fate::AskFor(Arc::new(move |query| {
        let parts = query.split('&').map(|part| match part.split_once('=') {
            Some(("resourceVersion", _)) => format!("resourceVersion={version}"),
            _ => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("&")
    }))
}

/// The watch of mappings is told that its version is too old, so that everything is listed anew.
fn expire_the_watch(world: &World) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410, "reason": "Expired",
        "message": "too old resource version",
    });
    world.proxy.tell(MAPPINGS, &json!({"type": "ERROR", "object": status}));
}

fn until_listed_again(world: &World, lists: usize) {
    within(promised(Duration::from_secs(30)), "mappings are listed again", || {
        let now = world.proxy.count("list", MAPPINGS);
        check(now > lists, || now.to_string())
    });
}

#[test]
fn s08_a_watch_and_a_list_that_fall_behind_a_deletion_do_not_bring_the_entry_back() {
    let (world, mut operator) = World::running();
    let past = world.audit().last().number;
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.cluster.until("dev", "Applied");
    let old = world.cluster.mapping("dev");
    world.cluster.delete("dev");
    world.until_entry("dev", false);
    let before = world.audit().writes();

    let rewound = world.proxy.inject(Fault::on("watch", MAPPINGS, rewound_to(past)).once());
    world.proxy.cut_watches(MAPPINGS);
    eventually("the watch is rewound", || check(rewound.met() == 1, || "not yet".to_owned()));
    // Whatever the replay brings about is brought about before this one is applied.
    world.cluster.apply("later", &role("later", &[]));
    world.cluster.until("later", "Applied");

    let lists = world.proxy.count("list", MAPPINGS);
    let stale = Fate::rewrite(move |mut list| {
        list["items"].as_array_mut().unwrap().push(old.clone());
        list
    });
    world.proxy.inject(Fault::on("list", MAPPINGS, stale).once());
    expire_the_watch(&world);
    until_listed_again(&world, lists);
    assert_eq!(world.settle(&mut operator).writes(), before + 1);
}

#[test]
fn s09_an_old_deletion_does_not_touch_a_mapping_made_anew_under_its_name() {
    let (world, mut operator) = World::running();
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.cluster.until("dev", "Applied");
    let old = world.cluster.mapping("dev");
    world.cluster.delete("dev");
    world.until_entry("dev", false);
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.cluster.until("dev", "Applied");
    let before = world.audit().writes();
    world.proxy.tell(MAPPINGS, &json!({"type": "DELETED", "object": old}));
    assert_eq!(world.settle(&mut operator).writes(), before);
}

#[test]
fn s10_a_foreign_entry_that_nobody_told_of_survives_a_write_planned_without_it() {
    let (world, mut operator) = World::running();
    world.proxy.events("configmaps", Events::AreWithheld);
    world.cluster.edit_aws_auth("eksctl", |data| {
        let theirs = format!("- rolearn: {}\n  username: unseen\n", arn("unseen"));
        data.get_mut("mapRoles").unwrap().insert_str(0, &theirs);
    });
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.cluster.until("dev", "Applied");
    assert!(world.cluster.role(&arn("unseen")).is_some());
    assert_eq!(count(&operator, "aws_auth_writes_total{result=\"conflict\"}"), 1);
    world.proxy.events("configmaps", Events::Flow);
    world.settle(&mut operator);
}

#[test]
fn s11_a_first_list_from_a_stale_cache_that_lacks_some_removes_nothing() {
    let (world, operator) = World::running();
    let before = world.audit().writes();
    operator.terminate();
    let stale = Fate::rewrite(|mut list| {
        let items = list["items"].as_array_mut().unwrap();
        items.truncate(items.len() - 6);
        list
    });
    let stale = world.proxy.inject(Fault::on("list", MAPPINGS, stale).once());
    let mut operator = world.start();
    let audit = world.settle(&mut operator);
    assert_eq!(stale.met(), 1);
    assert_eq!((audit.writes(), audit.ours.len()), (before, OWNED));
}

#[test]
fn s12_a_relist_whose_second_page_fails_is_not_planned_with() {
    let (world, mut operator) = World::running();
    let before = world.audit().writes();
    let by_fives = Fate::AskFor(Arc::new(|query| query.replace("limit=100", "limit=5")));
    let by_fives = world
        .proxy
        .inject(Fault::when(|call| call.is("list", MAPPINGS) && !call.query.contains("continue="), by_fives));
    let second = |call: &crate::common::Call| call.is("list", MAPPINGS) && call.query.contains("continue=");
    let fails = world.proxy.inject(Fault::when(second, Fate::answer(500, "etcdserver: leader changed")));
    // Refused, which some servers do in place of an event.
    world.proxy.inject(Fault::on("watch", MAPPINGS, Fate::answer(410, "too old resource version")).once());
    world.proxy.cut_watches(MAPPINGS);
    eventually("the second page was asked for twice", || check(fails.met() >= 2, || fails.met().to_string()));
    operator.until_unready(&["IamMappings", "leader changed"]);
    // An operator that plans with what it has would take this for a reason to.
    world.cluster.change_aws_auth("kubectl-annotate", |object| {
        object.metadata.annotations.get_or_insert_default().insert("a".to_owned(), "b".to_owned());
    });
    world.cluster.apply("dev", &role("dev", &["developers"]));
    let asked = fails.met();
    eventually("it was asked for again", || check(fails.met() > asked, || fails.met().to_string()));
    assert_eq!(world.audit().writes(), before);
    fails.lift();
    by_fives.lift();
    world.cluster.until("dev", "Applied");
    assert_eq!(world.settle(&mut operator).writes(), before + 1);
}

#[test]
fn s13_after_bookmarks_only_and_a_compaction_the_watch_goes_on() {
    let (mut world, mut operator) = World::running();
    for n in 0..10 {
        // Something else moves the version on, and a bookmark says how far.
        let version = world.cluster.edit_aws_auth("kubectl-edit", |data| {
            data.insert("notes".to_owned(), format!("hands off {n}\n"));
        });
        let metadata = json!({"resourceVersion": version.to_string()});
        let object =
            json!({"apiVersion": "aws-auth.dev/v1alpha1", "kind": "IamMapping", "metadata": metadata});
        world.proxy.tell(MAPPINGS, &json!({"type": "BOOKMARK", "object": object}));
    }
    let version = world.audit().last().number;
    let plane = world.cluster.plane();
    plane.stop_apiserver();
    compact(&plane.dir().join("etcd.sock"), version);
    plane.start_apiserver().unwrap();
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.cluster.until("dev", "Applied");
    world.cluster.delete("owned-1");
    world.until_entry("owned-1", false);
    world.settle(&mut operator);
}

/// What an API server does every five minutes: versions before this one are forgotten.
fn compact(etcd: &Path, version: u64) {
    let mut stream = UnixStream::connect(etcd).unwrap();
    let body = json!({"revision": version.to_string(), "physical": true}).to_string();
    let length = body.len();
    write!(
        stream,
        "POST /v3/kv/compaction HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// For how many seconds nothing was heard of a watch.
fn silence(operator: &Process, resource: &str) -> f64 {
    let heard =
        operator.metrics().number(&format!("watch_last_heard_timestamp_seconds{{resource=\"{resource}\"}}"));
    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
    let now = jiff::Timestamp::now().as_millisecond() as f64 / 1000.0;
    now - heard
}

#[test]
fn s14_a_connection_that_hangs_without_a_word_is_noticed_and_made_anew() {
    let (world, mut operator) = World::running();
    world.proxy.hang_watches(MAPPINGS);
    world.proxy.hang_watches("configmaps");
    world.cluster.apply("dev", &role("dev", &["developers"]));
    eventually("the silence shows", || {
        let silent = silence(&operator, MAPPINGS);
        check(silent > 2.0, || silent.to_string())
    });
    within(promised(Duration::from_secs(310)), "the watch is made anew", || {
        let found = world.cluster.role(&arn("dev"));
        check(found.is_some(), || world.cluster.text(Key::MapRoles))
    });
    world.settle(&mut operator);
}

#[test]
fn s15_lists_that_answer_200_with_nothing_remove_nothing() {
    let (world, mut operator) = World::running();
    let more: Vec<(String, Value)> =
        (0..80).map(|n| format!("more-{n}")).map(|name| (name.clone(), role(&name, &["more"]))).collect();
    world.cluster.apply_all(&more);
    world.until_all_applied(&operator, OWNED + 80);
    let before = world.audit().writes();
    let nothing = Fate::rewrite(|mut list| {
        list["items"] = json!([]);
        list["metadata"].as_object_mut().unwrap().remove("continue");
        list
    });
    let nothing = world.proxy.inject(Fault::on("list", MAPPINGS, nothing));
    expire_the_watch(&world);
    eventually("it was told of nothing twice", || check(nothing.met() >= 2, || nothing.met().to_string()));
    assert_eq!(world.audit().writes(), before);
    nothing.lift();
    let audit = world.settle(&mut operator);
    assert_eq!((audit.writes(), audit.ours.len()), (before, OWNED + 80));
}
