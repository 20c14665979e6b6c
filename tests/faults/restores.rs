//! aws-auth broken, deleted or emptied: it is whole again, from what was good and from today's mappings.

use aws_auth::Key;
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};

use crate::common::{Process, arn, check, eventually, role, wait};
use crate::world::{OWNED, World};

const BROKEN: &str = "- rolearn: a\n  groups: [\n";

/// The common setup once all of it is kept, and aws-auth's data.
fn kept() -> (World, Process, Texts) {
    let (world, operator) = World::running();
    world.until_kept();
    world.until_quiet(&operator);
    let texts = Texts::of(&world);
    (world, operator, texts)
}

#[derive(Debug, PartialEq, Eq)]
struct Texts {
    roles: String,
    users: String,
    accounts: String,
}

impl Texts {
    fn of(world: &World) -> Self {
        let text = |key| world.cluster.text(key);
        Self { roles: text(Key::MapRoles), users: text(Key::MapUsers), accounts: text(Key::MapAccounts) }
    }
}

#[track_caller]
fn until_restored(world: &World, texts: &Texts) {
    eventually("aws-auth is as it was", || {
        let now = Texts::of(world);
        check(now == *texts, || format!("{now:?}"))
    });
}

#[test]
fn s28_a_deleted_aws_auth_comes_back_in_one_create_without_what_was_revoked_meanwhile() {
    let (world, mut operator, texts) = kept();
    let before = world.audit().writes();
    operator.signal("STOP");
    world.cluster.delete_aws_auth();
    world.cluster.delete("owned-1");
    operator.signal("CONT");
    eventually("aws-auth is back", || {
        let roles = world.cluster.text(Key::MapRoles);
        check(!roles.is_empty(), || "not yet".to_owned())
    });
    let foreign = texts.roles.split("# Managed by").next().unwrap();
    assert!(world.cluster.text(Key::MapRoles).starts_with(foreign));
    assert_eq!(world.cluster.text(Key::MapAccounts), texts.accounts);
    assert!(world.cluster.role(&arn("owned-1")).is_none());
    assert!(world.cluster.role(&arn("owned-2")).is_some());
    world.cluster.until_event("aws-auth", &["Restored", "deleted"]);
    let audit = world.settle(&mut operator);
    assert_eq!((audit.writes(), audit.ours.len()), (before + 1, OWNED - 1));
}

#[test]
fn s29_an_emptied_aws_auth_comes_back_and_one_key_emptied_by_hand_is_respected() {
    let (world, mut operator, texts) = kept();
    world.cluster.change_aws_auth("careless", |object| object.data = None);
    until_restored(&world, &texts);
    world.until_kept();
    world.cluster.edit_aws_auth("careless", |data| {
        for key in Key::ALL {
            data.insert(key.as_str().to_owned(), "[]\n".to_owned());
        }
    });
    until_restored(&world, &texts);

    world.cluster.edit_aws_auth("kubectl-edit", |data| {
        data.insert("mapUsers".to_owned(), "[]\n".to_owned());
    });
    eventually("ours are put back", || {
        let users = world.cluster.entries(Key::MapUsers);
        check(users.len() == 2, || format!("{users:?}"))
    });
    let audit = world.settle(&mut operator);
    assert_eq!(audit.ours.len(), OWNED);
    assert!(!world.cluster.text(Key::MapUsers).contains("user/ann"));
}

fn broken_texts(world: &World) -> Value {
    let kept = wait(world.cluster.config_maps().get("aws-auth-checkpoint-broken")).unwrap();
    json!(kept.data.unwrap_or_default())
}

#[test]
fn s30_a_malformed_key_is_restored_while_the_others_go_on_and_its_text_is_kept() {
    let (world, mut operator, texts) = kept();
    world.cluster.edit_aws_auth("careless", |data| {
        data.insert("mapUsers".to_owned(), BROKEN.to_owned());
    });
    world.cluster.apply("dev", &role("dev", &["developers"]));
    eventually("it is restored", || {
        let users = world.cluster.text(Key::MapUsers);
        check(users == texts.users, || users)
    });
    world.cluster.until("dev", "Applied");
    world.cluster.until_event("aws-auth", &["Restored", "line 3", "careless"]);
    assert_eq!(broken_texts(&world)["mapUsers"], BROKEN);
    world.settle(&mut operator);
}

#[test]
fn s31_two_malformed_keys_are_both_restored_and_both_texts_are_kept() {
    let (world, mut operator, texts) = kept();
    world.cluster.edit_aws_auth("careless", |data| {
        data.insert("mapUsers".to_owned(), BROKEN.to_owned());
        data.insert("mapRoles".to_owned(), format!("{BROKEN}#\n"));
    });
    until_restored(&world, &texts);
    let broken = broken_texts(&world);
    assert_eq!((&broken["mapUsers"], &broken["mapRoles"]), (&json!(BROKEN), &json!(format!("{BROKEN}#\n"))));
    world.settle(&mut operator);
}

#[test]
fn s58_checkpoints_and_a_record_from_elsewhere_or_damaged_are_never_relied_on() {
    use aws_auth::mapping::Uid;
    use aws_auth::ownership::{ANNOTATION, Record};

    let (world, operator, _) = kept();
    operator.terminate();
    // A record of another cluster is none: what it says of a mapping that is gone counts for nothing.
    let uid = world.cluster.uid();
    world.cluster.change_aws_auth("velero", |object| {
        let value = object.metadata.annotations.as_mut().unwrap().get_mut(ANNOTATION).unwrap();
        *value = Record::decode(Some(value), uid).unwrap().encode(Uid([9; 16]));
    });
    world.cluster.delete("owned-1");
    let operator = world.start();
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.cluster.until("dev", "Applied");
    assert!(world.cluster.role(&arn("owned-1")).is_some());
    world.until_kept();
    operator.terminate();

    // Every checkpoint is another cluster's, forged by somebody who may write ConfigMaps here, or cut off.
    let api = world.cluster.config_maps();
    for (n, mut slot) in wait(api.list(&ListParams::default())).unwrap().into_iter().enumerate() {
        let annotations = slot.metadata.annotations.as_mut();
        let Some(header) = annotations.and_then(|all| all.get_mut("aws-auth.dev/checkpoint")) else {
            continue;
        };
        let mut forged: Value = serde_json::from_str(header).unwrap();
        if n % 2 == 0 {
            forged["cluster"] = json!("00000000-0000-0000-0000-000000000001");
        } else {
            slot.binary_data.as_mut().unwrap().values_mut().for_each(|bytes| bytes.0.truncate(20));
        }
        *header = forged.to_string();
        let name = slot.metadata.name.clone().unwrap();
        wait(api.replace(&name, &PostParams::default(), &slot)).unwrap();
    }
    world.cluster.delete_aws_auth();
    let mut operator = world.start();
    world.until_all_applied(&operator, OWNED);
    assert!(world.cluster.role(&arn("break-glass")).is_none(), "nothing good is known of what others wrote");
    assert!(world.cluster.role(&arn("owned-1")).is_none());
    world.settle(&mut operator);
}
