//! aws-auth itself in ways that nobody should leave it.

use aws_auth::Key;
use aws_auth::ownership::ANNOTATION;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::{Value, json};

use crate::auditor::condition;
use crate::common::{Cluster, EKSCTL_ROLES, arn, check, eventually, number, role};
use crate::world::{But, OWNED, World, owned};

fn message(object: &Value) -> String {
    condition(object, "Ready").unwrap()["message"].as_str().unwrap().to_owned()
}

fn all_names() -> Vec<String> {
    owned().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn s32_an_immutable_aws_auth_is_left_alone_and_never_made_anew() {
    let (world, mut operator) = World::running();
    world.cluster.change_aws_auth("kubectl-edit", |object| object.immutable = Some(true));
    let uid = world.cluster.aws_auth().unwrap().metadata.uid;
    let before = world.audit().writes();
    world.cluster.apply("dev", &role("dev", &["developers"]));
    let object = world.cluster.until("dev", "TargetUnwritable");
    assert!(message(&object).contains("immutable"), "{}", message(&object));
    let audit = world.settle_but(&mut operator, &But { refused: &["dev"], ..But::default() });
    assert_eq!(audit.writes(), before);
    assert_eq!(world.cluster.aws_auth().unwrap().metadata.uid, uid);
}

#[test]
fn s33_a_key_in_binary_data_is_left_alone_and_the_reason_says_what_to_do() {
    let cluster = Cluster::take();
    cluster.create_aws_auth(&[("mapUsers", "[]\n")]);
    cluster.change_aws_auth("kubectl-edit", |object| {
        let value = k8s_openapi::ByteString(EKSCTL_ROLES.as_bytes().to_vec());
        object.binary_data = Some([("mapRoles".to_owned(), value)].into());
    });
    let world = World::around(cluster, "");
    let mut operator = world.start();
    let object = world.cluster.until("owned-1", "TargetUnwritable");
    assert!(message(&object).contains("binaryData"), "{}", message(&object));
    let names = all_names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let audit = world.settle_but(&mut operator, &But { refused: &names, ..But::default() });
    assert_eq!(audit.writes(), 0);

    world.cluster.change_aws_auth("kubectl-edit", |object| {
        object.binary_data = None;
        object.data.get_or_insert_default().insert("mapRoles".to_owned(), EKSCTL_ROLES.to_owned());
    });
    world.until_all_applied(&operator, OWNED);
    world.settle(&mut operator);
}

/// Everything that others can write and that nobody may lose: unknown fields, a null, an anchor and its alias, an odd
/// order, comments in every place, an `sso` block, a second document.
const ODD: &str = "# top
- rolearn: arn:aws:iam::111122223333:role/break-glass
  username: break-glass
  groups: [ \"system:masters\" ]   # keep
- rolearn: arn:aws:iam::111122223333:role/eksctl-prod-nodegroup-ng-1
  username: system:node:{{EC2PrivateDNSName}}
  groups: &nodes
  - system:bootstrappers
  - system:nodes
-   groups: *nodes
    username: system:node:{{EC2PrivateDNSName}}
    rolearn: arn:aws:iam::111122223333:role/other-nodes
    # a comment inside
    owner: { team: platform, since: 2019-01-01 }
- roleARN: arn:aws:iam::111122223333:role/odd-case
  UserName: 'odd'
- null
- sso: {permissionSetName: Admin, accountID: \"111122223333\"}
  username: admin:{{SessionName}}
- rolearn: arn:aws:iam::111122223333:role/nothing
  username: ~
  groups:

# the end
";

#[test]
fn s34_whatever_others_wrote_stays_byte_for_byte_beside_our_entries() {
    for second in ["", "---\n- rolearn: arn:aws:iam::111122223333:role/never-read\n"] {
        let cluster = Cluster::take();
        let text = format!("{ODD}{second}");
        cluster.create_aws_auth(&[("mapRoles", &text)]);
        let world = World::around(cluster, "");
        let mut operator = world.start();
        world.until_all_applied(&operator, OWNED);
        world.cluster.apply("owned-2", &role("owned-2", &["testers"]));
        world.cluster.until("owned-2", "Applied");
        for (name, _) in
            owned().iter().filter(|(name, _)| !["owned-node", "owned-admin"].contains(&name.as_str())).take(3)
        {
            world.cluster.delete(name);
        }
        world.until_entry("owned-3", false);
        let audit = world.settle(&mut operator);
        assert!(audit.writes() >= 2);
        let (kept, now) = (text.lines(), world.cluster.text(Key::MapRoles));
        let mut lines = now.lines();
        for line in kept {
            assert!(lines.any(|now| now == line), "{line:?} is not where it was in {now}");
        }
    }
}

#[test]
fn s35_foreign_duplicates_stay_as_they_are_and_a_mapping_for_them_is_a_conflict() {
    let cluster = Cluster::take();
    let twice = format!(
        "{EKSCTL_ROLES}- rolearn: {arn}\n  username: one\n- rolearn: {arn}\n  username: two\n",
        arn = arn("twice")
    );
    cluster.create_aws_auth(&[("mapRoles", &twice)]);
    let world = World::around(cluster, "");
    let mut operator = world.start();
    world.until_all_applied(&operator, OWNED);
    world.cluster.apply("twice", &role("twice", &["developers"]));
    let object = world.cluster.until("twice", "ForeignConflict");
    assert!(message(&object).contains("mapRoles, line"), "{}", message(&object));
    world.settle_but(&mut operator, &But { refused: &["twice"], ..But::default() });
    assert!(world.cluster.text(Key::MapRoles).starts_with(&twice));
}

#[test]
fn s36_of_mappings_whose_arns_the_reader_takes_for_one_the_one_on_record_wins_then_the_older() {
    let (world, mut operator) = World::running();
    let path = "arn:aws:iam::111122223333:role/team/OWNED-1";
    world.cluster.apply("a-loses", &json!({"arn": path, "username": "other"}));
    let object = world.cluster.until("a-loses", "DuplicatePrincipal");
    assert_eq!(object["status"]["conflictsWith"], "IamMapping owned-1");
    // The path of a user is part of its name.
    for (name, user) in [("user-a", "team/ann"), ("user-b", "ANN"), ("user-c", "other/ann")] {
        let arn = format!("arn:aws:iam::111122223333:user/{user}");
        world.cluster.apply(name, &json!({"arn": arn, "username": name, "groups": ["people"]}));
    }
    // Somebody wrote an entry for user/ann, and user/ANN is the same to the reader.
    world.cluster.until("user-a", "Applied");
    world.cluster.until("user-b", "ForeignConflict");
    world.cluster.until("user-c", "Applied");
    world.settle_but(&mut operator, &But { refused: &["a-loses", "user-b"], ..But::default() });

    // Without a record, the older has it.
    operator.terminate();
    for (name, spelling) in [("z-older", "both"), ("a-younger", "BOTH")] {
        world.cluster.apply(name, &json!({"arn": arn(spelling), "username": name}));
        // Ages are whole seconds.
        let made = world.cluster.mapping(name)["metadata"]["creationTimestamp"].clone();
        let made: jiff::Timestamp = made.as_str().unwrap().parse().unwrap();
        eventually("the next one is younger", || {
            check(jiff::Timestamp::now() >= made + jiff::SignedDuration::from_secs(1), || made.to_string())
        });
    }
    let mut operator = world.start();
    world.cluster.until("z-older", "Applied");
    let object = world.cluster.until("a-younger", "DuplicatePrincipal");
    assert_eq!(object["status"]["conflictsWith"], "IamMapping z-older");
    world.settle_but(&mut operator, &But { refused: &["a-loses", "user-b", "a-younger"], ..But::default() });
}

#[test]
fn s37_a_role_with_a_path_is_written_without_it_and_the_status_shows_the_arn_that_matches() {
    let (world, mut operator) = World::running();
    let arn_with_path = "arn:aws:iam::111122223333:role/teams/platform/dev";
    world.cluster.apply("dev", &json!({"arn": arn_with_path, "username": "dev"}));
    let object = world.cluster.until("dev", "Applied");
    assert_eq!(object["status"]["principal"], arn("dev"));
    assert_eq!(world.cluster.role(&arn("dev")).unwrap().username, "dev");
    assert!(!world.cluster.text(Key::MapRoles).contains(arn_with_path));
    world.settle(&mut operator);
}

#[test]
fn s39_managed_fields_that_are_stripped_change_nothing() {
    let (world, mut operator) = World::running();
    let before = world.audit().writes();
    world.cluster.change_aws_auth("kubectl-edit", |object| {
        object.metadata.managed_fields = Some(vec![ManagedFieldsEntry::default()]);
    });
    assert_eq!(world.settle(&mut operator).writes(), before);
}

#[test]
fn s40_without_its_record_nothing_is_removed_and_what_matches_its_mappings_status_is_ours_again() {
    let (world, operator) = World::running();
    operator.terminate();
    world.cluster.change_aws_auth("kubectl-edit", |object| {
        object.metadata.annotations.as_mut().unwrap().remove(ANNOTATION).unwrap();
        let text = object.data.as_mut().unwrap().get_mut("mapRoles").unwrap();
        *text = text.replace("\"owned-2\"", "\"somebody\"");
    });
    world.cluster.delete("owned-1");
    let mut operator = world.start();
    world.cluster.until("owned-2", "ForeignConflict");
    // Ours again, so that its deletion revokes.
    world.cluster.delete("owned-3");
    world.until_entry("owned-3", false);
    assert!(
        world.cluster.role(&arn("owned-1")).is_some(),
        "its mapping went unseen: nobody knows that it was ours"
    );
    world.settle_but(&mut operator, &But { refused: &["owned-2"], left: &["owned-1", "owned-2"] });
}

#[test]
fn s41_a_record_that_claims_somebody_elses_node_role_takes_nothing_from_it() {
    use aws_auth::ownership::{EntryHash, Owned, PrincipalHash, Record};
    use aws_auth::{arn::PrincipalKey, mapping::Uid};

    let (world, operator) = World::running();
    operator.terminate();
    let uid = world.cluster.uid();
    let node = world.cluster.entries(Key::MapRoles).into_iter().next().unwrap();
    assert!(node.groups.contains(&"system:nodes".to_owned()));
    let version = world.cluster.change_aws_auth("kubectl-edit", |object| {
        let value = object.metadata.annotations.as_mut().unwrap().get_mut(ANNOTATION).unwrap();
        let record = Record::decode(Some(value), uid).unwrap();
        let mut rows = record.rows().to_vec();
        rows.push(Owned {
            uid: Uid([7; 16]),
            principal: PrincipalHash::of(&PrincipalKey::of(&node.arn)),
            entry: EntryHash::of(Key::MapRoles, &node),
            alone: true,
        });
        *value = Record::new(rows, record.window().clone()).encode(uid);
    });
    let mut operator = world.start();
    world.cluster.apply("dev", &role("dev", &["developers"]));
    world.cluster.until("dev", "Applied");
    assert!(number(&world.cluster.aws_auth().unwrap()) > version);
    assert!(world.cluster.role(&node.arn).is_some());
    world.settle(&mut operator);
}
