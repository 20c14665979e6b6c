//! The cluster creator, hidden as EKS hides it: in a file of the authenticator's, outranked by whatever aws-auth says of
//! it. Nobody inside the cluster could mend its lockout.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::aws::Caller;
use crate::common::{EKSCTL_ROLES, check, eventually, file, within};
use crate::world::{World, who};

const ACCOUNT: &str = "111122223333";
const CREATOR: &str = "arn:aws:iam::111122223333:role/provisioner";
const CONFIGURATION: &str = "
clusterCreator:
  arn: arn:aws:iam::111122223333:role/infra/provisioner
policy:
  privileged: ['111122223333']
";
/// What is promised.
const AT_ONCE: Duration = Duration::from_secs(2);

/// One test at a time: all of them write the same aws-auth.
static WORLD: LazyLock<Mutex<World>> =
    LazyLock::new(|| Mutex::new(World::start(CONFIGURATION, "0s", Some(CREATOR))));

/// The cluster, with aws-auth as eksctl leaves it.
fn world() -> MutexGuard<'static, World> {
    let world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    if world.kubectl(&["get", "configmap", "aws-auth", "-nkube-system", "--ignore-not-found"]).is_empty() {
        world.kubectl(&["create", "configmap", "aws-auth", "-nkube-system"]);
    }
    world.kubectl(&["delete", "iamm", "--all"]);
    world.patch_aws_auth("eksctl", &json!({"mapRoles": EKSCTL_ROLES, "mapUsers": null, "mapAccounts": null}));
    is_admin_again(&world, "at the start");
    world
}

fn creator() -> Caller {
    Caller::session(ACCOUNT, "provisioner", "terraform")
}

/// What eksctl and people had left in aws-auth is there again, and whom it lets in enters.
#[track_caller]
fn is_whole_again(world: &World) {
    eventually("mapRoles is as it was", || {
        let get = [
            "get",
            "configmap",
            "aws-auth",
            "-nkube-system",
            "--ignore-not-found",
            "-ojsonpath={.data.mapRoles}",
        ];
        let text = world.kubectl(&get);
        check(text == EKSCTL_ROLES, || text)
    });
    world.enters(&Caller::session(ACCOUNT, "break-glass", "s"), "break-glass", &["system:masters"]);
}

#[track_caller]
fn is_admin_again(world: &World, after: &str) {
    let creator = creator();
    within(AT_ONCE, &format!("the creator is an admin {after}"), || {
        let seen = world.whoami(&creator);
        check(seen.as_ref().is_ok_and(|who| who.groups == ["system:masters"]), || format!("{seen:?}"))
    });
    assert!(world.can_i(&creator, "delete", "secrets"));
}

#[test]
fn nothing_in_aws_auth_names_the_creator_and_it_is_an_admin() {
    let world = world();
    assert!(
        !world.kubectl(&["get", "configmap", "aws-auth", "-nkube-system", "-oyaml"]).contains("provisioner")
    );
    assert_eq!(world.whoami(&creator()), Ok(who("kubernetes-admin", &["system:masters"])));
}

#[test]
fn a_mapping_of_the_creator_is_refused_and_it_stays_an_admin() {
    let world = world();
    world.try_map("creator", &json!({"arn": CREATOR, "username": "nobody", "groups": ["viewers"]})).unwrap();
    world.kubectl(&["wait", "--for=condition=Stalled", "iamm/creator", "--timeout=60s"]);
    is_admin_again(&world, "beside a refused mapping");
}

#[test]
fn an_edit_that_demotes_the_creator_is_undone_at_once() {
    let world = world();
    let demoting = format!("{EKSCTL_ROLES}- rolearn: {CREATOR}\n  username: me\n  groups: [viewers]\n");
    world.patch_aws_auth("kubectl-edit", &json!({"mapRoles": demoting}));
    is_admin_again(&world, "after an edit of mapRoles");
}

#[test]
fn an_entry_for_the_creator_among_the_users_is_undone_at_once() {
    let world = world();
    let demoting = format!("- userarn: {}\n  username: me\n", CREATOR.to_uppercase());
    world.patch_aws_auth("terraform", &json!({"mapUsers": demoting}));
    is_admin_again(&world, "after an edit of mapUsers");
}

#[test]
fn after_a_typo_the_creator_is_an_admin_and_those_who_were_locked_out_are_back() {
    let world = world();
    let typo = format!("{EKSCTL_ROLES}\t- rolearn: {CREATOR}\n  username: me\n");
    world.patch_aws_auth("kubectl-edit", &json!({"mapRoles": typo}));
    is_admin_again(&world, "after a typo");
    is_whole_again(&world);
}

#[test]
fn after_aws_auth_is_deleted_the_creator_is_an_admin_and_those_who_were_locked_out_are_back() {
    let world = world();
    world.kubectl(&["delete", "configmap", "aws-auth", "-nkube-system"]);
    is_admin_again(&world, "after aws-auth is deleted");
    is_whole_again(&world);
}

#[test]
fn an_aws_auth_that_is_made_anew_and_demotes_the_creator_is_put_right_at_once() {
    let world = world();
    let demoting = format!("- rolearn: {CREATOR}\n  username: me\n");
    let metadata = json!({"name": "aws-auth", "namespace": "kube-system"});
    let manifest = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"mapRoles": demoting}});
    let manifest = file(&manifest.to_string());
    world.kubectl(&["replace", "--force", "--filename", manifest.path().to_str().unwrap()]);
    is_admin_again(&world, "after aws-auth is made anew");
}

#[test]
fn an_entry_for_the_creators_whole_account_does_not_demote_it() {
    let world = world();
    world.patch_aws_auth("kubectl-edit", &json!({"mapAccounts": format!("- '{ACCOUNT}'\n")}));
    is_admin_again(&world, "after an edit of mapAccounts");
}

#[test]
fn a_mapping_of_the_creators_whole_account_does_not_demote_it() {
    let world = world();
    world.map("account", &json!({"accountId": ACCOUNT}));
    is_admin_again(&world, "beside its whole account");
}
