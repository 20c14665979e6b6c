//! Everybody edits aws-auth: racing writers, hands that change what is ours, and text that nobody can read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_auth::{Entry, Key};
use kube::Client;
use serde::Serialize;

use crate::common::{
    Cluster, EKSCTL_ROLES, Fate, Fault, InProcess, Proxy, Versions, arn, check, edit_aws_auth, eventually,
    role,
};

/// An entry as eksctl writes it: the whole list is written anew, in its own order of fields, without comments.
#[derive(Serialize)]
struct EksctlRow {
    groups: Vec<String>,
    rolearn: String,
    username: String,
}

fn append_as_eksctl_does(client: Client, arn: &str) -> u64 {
    edit_aws_auth(client, "eksctl", |data| {
        let mut rows: Vec<EksctlRow> = entries(data)
            .into_iter()
            .map(|Entry { arn, username, groups }| EksctlRow { groups, rolearn: arn, username })
            .collect();
        let groups = vec!["rival".to_owned()];
        rows.push(EksctlRow { groups, rolearn: arn.to_owned(), username: "rival".to_owned() });
        data.insert("mapRoles".to_owned(), serde_saphyr::to_string(&rows).unwrap());
    })
}

fn entries(data: &BTreeMap<String, String>) -> Vec<Entry> {
    let object = k8s_openapi::api::core::v1::ConfigMap { data: Some(data.clone()), ..Default::default() };
    crate::common::Version { number: 0, object: Some(object) }.entries(Key::MapRoles)
}

#[test]
fn a_second_writer_loses_nothing_in_a_hundred_races_and_neither_do_we() {
    const RACES: usize = 100;
    // Lost before one is won: more would only make the pauses between them longer.
    const IN_A_ROW: usize = 6;
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    // The rival writes when the operator has read, planned and sent, and before the API server has it.
    let rivals: Arc<Mutex<Vec<(u64, String)>>> = Arc::default();
    let proxy = Proxy::start(&cluster);
    proxy.inject(Fault::on_write(Fate::ask({
        let (client, rivals, attempts) = (cluster.client(), rivals.clone(), AtomicUsize::new(0));
        move |_| {
            let attempt = attempts.fetch_add(1, Ordering::Relaxed);
            let mut rivals = rivals.lock().unwrap();
            if attempt % (IN_A_ROW + 1) < IN_A_ROW && rivals.len() < RACES {
                let arn = arn(&format!("rival-{attempt}"));
                rivals.push((append_as_eksctl_does(client.clone(), &arn), arn));
            }
            Fate::PassOn
        }
    })));
    let versions = Versions::from_now_on(&cluster);
    let operator = InProcess::through(proxy.kubeconfig());
    operator.until_ready();

    let mut rounds = 0;
    while rivals.lock().unwrap().len() < RACES {
        let name = format!("ours-{}", rounds % 8);
        cluster.apply(&name, &role(&name, &[&format!("round-{rounds}")]));
        cluster.until(&name, "Applied");
        rounds += 1;
    }

    let (versions, rivals) = (versions.all(), rivals.lock().unwrap());
    for version in &versions {
        for (since, arn) in rivals.iter().filter(|(since, _)| *since <= version.number) {
            assert!(version.has_role(arn), "{arn}, written in {since}, is not in {}", version.number);
        }
    }
    let last = versions.last().unwrap();
    let ours = last.entries(Key::MapRoles).iter().filter(|entry| entry.username.starts_with("ours-")).count();
    assert_eq!((ours, last.owned(cluster.uid())), (8, 8));
    let metrics = operator.metrics();
    assert_eq!(metrics.get("aws_auth_writes_total{result=\"conflict\"}"), RACES);
    assert_eq!(metrics.get("aws_auth_writes_total{result=\"ok\"}"), rounds);
    assert_eq!(versions.len(), RACES + rounds);
}

#[test]
fn an_owned_entry_that_somebody_edits_or_removes_is_put_back_and_the_event_names_the_client() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let _operator = InProcess::start(&cluster);
    cluster.apply("dev", &role("dev", &["developers"]));
    cluster.until("dev", "Applied");
    let applied = cluster.text(Key::MapRoles);

    // Right after our own write, by a client whose name sorts before and one whose name sorts after ours.
    for (client, edited) in [
        ("argocd-controller", applied.replace("developers", "hackers")),
        ("kubectl-edit", EKSCTL_ROLES.to_owned()),
    ] {
        let edit = cluster.edit_aws_auth(client, |data| {
            data.insert("mapRoles".to_owned(), edited.clone());
        });
        eventually("the entry is put back", || {
            check(cluster.version() > edit && cluster.text(Key::MapRoles) == applied, || {
                cluster.text(Key::MapRoles)
            })
        });
        cluster.until_event("dev", &["Warning PutBack", &format!("client {client:?}"), "developers"]);
    }
    cluster.until("dev", "Applied");
}

#[test]
fn a_foreign_edit_beside_our_entries_is_nobodys_business() {
    let cluster = Cluster::take();
    cluster.create_eksctl_aws_auth();
    let _operator = InProcess::start(&cluster);
    cluster.apply("dev", &role("dev", &["developers"]));
    cluster.until("dev", "Applied");

    let versions = Versions::from_now_on(&cluster);
    cluster.edit_aws_auth("kubectl-edit", |data| {
        let text = data.get_mut("mapRoles").unwrap();
        *text = text.replace("break-glass", "other-glass");
        data.insert("notes".to_owned(), "hands off\n".to_owned());
    });
    cluster.apply("later", &role("later", &[]));
    cluster.until("later", "Applied");
    assert_eq!(versions.all().len(), 2);
    assert!(
        cluster.text(Key::MapRoles).contains("other-glass   # keep")
            || cluster.text(Key::MapRoles).contains("other-glass")
    );
    assert_eq!(cluster.aws_auth().unwrap().data.unwrap()["notes"], "hands off\n");
    assert!(!cluster.events("dev").iter().any(|event| event.contains("PutBack")));
}

#[test]
fn a_broken_key_is_held_with_line_and_column_while_the_others_go_on_and_lands_when_it_is_mended() {
    let cluster = Cluster::take();
    let broken = EKSCTL_ROLES.replace("  rolearn: arn", "\trolearn: arn");
    let line = 1 + broken.lines().position(|line| line.starts_with('\t')).unwrap();
    cluster.create_aws_auth(&[("mapRoles", &broken), ("mapUsers", "[]\n")]);
    let operator = InProcess::start(&cluster);

    cluster.apply("dev", &role("dev", &["developers"]));
    cluster.apply("jane", &serde_json::json!({"arn": "arn:aws:iam::111122223333:user/jane"}));
    cluster.until("jane", "Applied");
    let object = cluster.until("dev", "TargetMalformed");
    let ready = object["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|condition| condition["type"] == "Ready")
        .unwrap()["message"]
        .as_str()
        .unwrap();
    assert!(ready.contains("mapRoles") && ready.contains(&format!("line {line}, column 1")), "{ready}");
    assert_eq!(cluster.row("dev")[2..], ["False", "TargetMalformed"]);
    cluster.until_event("dev", &["Warning TargetMalformed", "mapRoles"]);
    assert_eq!(cluster.text(Key::MapRoles), broken);
    assert!(operator.metrics().get("held_parts{reason=\"TargetMalformed\"}") > 0);

    cluster.edit_aws_auth("kubectl-edit", |data| {
        data.insert("mapRoles".to_owned(), EKSCTL_ROLES.to_owned());
    });
    cluster.until("dev", "Applied");
    assert!(cluster.text(Key::MapRoles).starts_with(EKSCTL_ROLES));
    assert!(cluster.role(&arn("dev")).is_some());
}
