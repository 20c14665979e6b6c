//! The admission policies on the real API server, for those who have the verb and those who do not.

use serde_json::{Value, json};

use crate::common::{arn, check, eventually, role};
use crate::helm::{NAMESPACE, RELEASE};
use crate::world::{World, mapping};

/// Whose requests are made, and with what RBAC lets through.
const ADMIN: &[&str] = &["--as=admin", "--as-group=system:masters"];
const EDITOR: &[&str] = &["--as=editor"];
const GRANTER: &[&str] = &["--as=granter"];
const APPROVER: &[&str] = &["--as=approver"];
/// May write all ConfigMaps by RBAC, and approve nothing.
const HELPER: &[&str] = &["--as=helper"];

/// A cluster with the chart and these values, and people with its roles.
fn world(values: &str) -> World {
    let world = World::start();
    world.install(&["--set", values]);
    let config_maps = ["create", "clusterrole", "config-maps", "--verb=get,update,patch"];
    world.kubectl(&[&config_maps[..], &["--resource=configmaps"]].concat());
    for (user, role) in [
        ("editor", "aws-auth-operator-editor"),
        ("granter", "aws-auth-operator-editor"),
        ("granter", "aws-auth-operator-grant-privileged"),
        ("approver", "aws-auth-operator-approver"),
        ("helper", "config-maps"),
    ] {
        let name = format!("{user}-{role}");
        let (role, user) = (format!("--clusterrole={role}"), format!("--user={user}"));
        world.kubectl(&["create", "clusterrolebinding", &name, &role, &user]);
    }
    world
}

impl World {
    fn try_as(&self, who: &[&str], arguments: &[&str], object: Option<&Value>) -> Result<String, String> {
        // A policy that only warns does so by a warning.
        let arguments = [arguments, who, &["--warnings-as-errors"]].concat();
        let object = object.map(Value::to_string);
        self.plane.kubectl(&arguments, object.as_deref()).map_err(|error| error.to_string())
    }

    fn write_as(&self, who: &[&str], object: &Value) -> Result<String, String> {
        self.try_as(who, &["apply", "--server-side", "--force-conflicts", "--filename=-"], Some(object))
    }

    #[track_caller]
    fn allowed(&self, who: &[&str], arguments: &[&str]) {
        self.try_as(who, arguments, None).unwrap();
    }

    #[track_caller]
    fn forbidden(&self, who: &[&str], arguments: &[&str], words: &str) {
        let said = self.try_as(who, arguments, None).expect_err("forbidden");
        assert!(said.contains(words), "{said}");
    }
}

/// A policy holds some moments after it was made.
#[track_caller]
fn until_it_holds(what: &str, request: impl Fn() -> Result<String, String>) {
    eventually(what, || check(request().is_err(), || "not yet".to_owned()));
}

#[track_caller]
fn until_privileged_values_are_minded(world: &World) {
    let admin = mapping("probe", &role("probe", &["system:masters"]));
    until_it_holds("privileged values are minded", || {
        world.try_as(EDITOR, &["apply", "--dry-run=server", "--filename=-"], Some(&admin))
    });
}

#[track_caller]
fn until_aws_auth_is_minded(world: &World) {
    let patch =
        ["annotate", "configmap", "aws-auth", "--namespace=kube-system", "probe=1", "--dry-run=server"];
    until_it_holds("aws-auth is minded", || world.try_as(ADMIN, &patch, None));
}

#[test]
fn privileged_values_need_the_verb_and_everything_else_does_not() {
    let world =
        world("admissionPolicies.privilegedValues=Enforce,config.policy.adminGroups={system:masters,owners}");
    until_privileged_values_are_minded(&world);
    let privileged = [
        (json!({"arn": arn("a"), "groups": ["system:masters"]}), "group system:masters"),
        (json!({"arn": arn("b"), "groups": ["devs", "owners"]}), "group owners"),
        (json!({"arn": arn("c"), "username": "eks:node-manager"}), "username eks:node-manager"),
        (json!({"arn": arn("d"), "type": "EC2_LINUX"}), "type EC2_LINUX"),
        (json!({"arn": arn("e"), "adoption": "Adopt"}), "adoption Adopt"),
        (json!({"accountId": "111122223333"}), "an account mapping"),
    ];
    for (n, (spec, what)) in privileged.iter().enumerate() {
        let object = mapping(&format!("privileged-{n}"), spec);
        let said = world.write_as(EDITOR, &object).expect_err(what);
        let sentence =
            format!("{what}: privileged; editor needs the verb grant-privileged on iammappings.aws-auth.dev");
        assert!(said.contains(&sentence), "{said}");
        world.write_as(GRANTER, &object).unwrap();
    }
    world.write_as(EDITOR, &mapping("plain", &role("plain", &["devs", "systems"]))).unwrap();
    world
        .write_as(
            EDITOR,
            &mapping("default", &json!({"arn": arn("f"), "type": "STANDARD", "adoption": "Refuse"})),
        )
        .unwrap();

    // Who may not grant it may not prolong it, but may label it, and take it away.
    let later = r#"--patch={"spec":{"expiresAt":"2199-01-01T00:00:00Z"}}"#;
    let patch = ["patch", "iamm", "privileged-0", "--type=merge", later];
    world.forbidden(EDITOR, &patch, "group system:masters: privileged");
    world.allowed(EDITOR, &["label", "iamm", "privileged-0", "reviewed=yes"]);
    let less = r#"--patch={"spec":{"groups":["devs"]}}"#;
    world.allowed(EDITOR, &["patch", "iamm", "privileged-0", "--type=merge", less]);
}

#[test]
fn the_verb_can_be_had_for_one_mapping_alone() {
    let world = world("admissionPolicies.privilegedValues=Enforce");
    until_privileged_values_are_minded(&world);
    let role_of_one =
        ["create", "clusterrole", "one", "--verb=grant-privileged", "--resource=iammappings.aws-auth.dev"];
    world.kubectl(&[&role_of_one[..], &["--resource-name=one"]].concat());
    world.kubectl(&["create", "clusterrolebinding", "one", "--clusterrole=one", "--user=editor"]);
    eventually("the API server knows the role", || {
        world.write_as(EDITOR, &mapping("one", &role("one", &["system:masters"])))
    });
    world.write_as(EDITOR, &mapping("two", &role("two", &["system:masters"]))).unwrap_err();
}

#[test]
fn aws_auth_is_closed_to_whoever_is_not_listed_even_to_admins() {
    let world = world(
        "admissionPolicies.awsAuthWriters.mode=Enforce,admissionPolicies.awsAuthWriters.groups={break-glass}",
    );
    until_aws_auth_is_minded(&world);
    let kube_system = "--namespace=kube-system";
    let said = "write an IamMapping instead, or have admin listed in admissionPolicies.awsAuthWriters";
    let label = ["label", "configmap", "aws-auth", kube_system, "--overwrite"];
    world.forbidden(ADMIN, &[&label[..], &["a=b"]].concat(), said);
    world.forbidden(ADMIN, &["delete", "configmap", "aws-auth", kube_system], said);
    world.forbidden(ADMIN, &["delete", "--raw=/api/v1/namespaces/kube-system/configmaps"], said);
    world.forbidden(ADMIN, &["create", "configmap", "aws-auth-checkpoint-7", kube_system], said);
    assert!(!world.map_roles().is_empty());

    // What is not aws-auth is nobody's business here, nor is one of that name elsewhere.
    world.allowed(ADMIN, &["create", "configmap", "aws-auth-checkpoint-10", kube_system]);
    world.allowed(ADMIN, &["create", "configmap", "aws-auth", "--namespace=default"]);
    let nameless = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "aws-auth-", "namespace": "kube-system"}});
    world.try_as(ADMIN, &["create", "--filename=-"], Some(&nameless)).unwrap();

    // Those who are listed, by name and by group.
    let masters = "--as-group=system:masters";
    world.allowed(&["--as=eks:node-manager", masters], &[&label[..], &["by=nodes"]].concat());
    world.allowed(&["--as=eks:fargate-manager", masters], &[&label[..], &["by=fargate"]].concat());
    world.allowed(&["--as=jane", masters, "--as-group=break-glass"], &[&label[..], &["by=jane"]].concat());
    // And the operator itself.
    let operator = world.run_operator();
    world.map("dev", &[]);
    world.until("dev", "Applied");
    operator.terminate();
}

#[test]
fn an_approver_may_approve_and_nothing_else() {
    let world = world("admissionPolicies.awsAuthWriters.mode=Enforce");
    // As large as the operator ever lets it become.
    let comment = format!("# {}\n", "x".repeat(900 * 1024));
    until_aws_auth_is_minded(&world);
    let grow = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aws-auth", "namespace": "kube-system"}, "data": {"mapRoles": comment}});
    world.write_as(&["--as=eks:node-manager", "--as-group=system:masters"], &grow).unwrap();

    let annotate = ["annotate", "configmap", "aws-auth", "--namespace=kube-system", "--overwrite"];
    let with = |more: &[&'static str]| [&annotate[..], more].concat();
    world.allowed(APPROVER, &with(&["aws-auth.dev/approve=0123"]));
    world.allowed(APPROVER, &with(&["aws-auth.dev/approve=4567"]));
    world.allowed(APPROVER, &with(&["aws-auth.dev/restore=3"]));
    let said = "write an IamMapping instead";
    world.forbidden(APPROVER, &with(&["aws-auth.dev/owned=x"]), said);
    world.forbidden(APPROVER, &with(&["aws-auth.dev/approve=89ab", "other=x"]), said);
    let patch = ["patch", "configmap", "aws-auth", "--namespace=kube-system", "--type=merge"];
    let data =
        r#"--patch={"data":{"mapUsers":"[]"},"metadata":{"annotations":{"aws-auth.dev/approve":"cdef"}}}"#;
    world.forbidden(APPROVER, &[&patch[..], &[data]].concat(), said);
    let label = r#"--patch={"metadata":{"labels":{"a":"b"}}}"#;
    world.forbidden(APPROVER, &[&patch[..], &[label]].concat(), said);

    let without = r#"--patch={"metadata":{"annotations":{"other":null}}}"#;
    world.allowed(&["--as=eks:node-manager", "--as-group=system:masters"], &with(&["other=x"]));
    world.forbidden(APPROVER, &[&patch[..], &[without]].concat(), said);

    let said = "helper needs the verb approve on iammappings.aws-auth.dev";
    world.forbidden(HELPER, &with(&["aws-auth.dev/approve=4568"]), said);
    world.forbidden(HELPER, &with(&["aws-auth.dev/approve-"]), said);
    world.allowed(APPROVER, &with(&["aws-auth.dev/approve-"]));
}

#[test]
fn the_operators_account_creates_nothing_but_what_is_its_own() {
    let world = world("admissionPolicies.operatorCreates=Enforce");
    let account = format!("--as=system:serviceaccount:{NAMESPACE}:{RELEASE}");
    let create = |name: &str| {
        let dry = ["create", "configmap", name, "--namespace=kube-system", "--dry-run=server"];
        world.try_as(&[&account], &dry, None)
    };
    until_it_holds("the operator's account is minded", || create("other"));
    assert!(
        create("coredns-custom")
            .unwrap_err()
            .contains("aws-auth-operator creates no configmaps of this name")
    );
    create("aws-auth-checkpoint-9").unwrap();
    let lease = |name: &str| {
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name, "namespace": NAMESPACE}});
        world.try_as(&[&account], &["create", "--dry-run=server", "--filename=-"], Some(&lease))
    };
    assert!(lease("other").unwrap_err().contains("creates no leases of this name"));
    lease("aws-auth-operator").unwrap();
    // Others are not meant.
    world.allowed(ADMIN, &["create", "configmap", "other", "--namespace=kube-system"]);
    let operator = world.run_operator();
    world.map("dev", &[]);
    world.until("dev", "Applied");
    operator.terminate();
}

#[test]
fn in_audit_mode_they_warn_and_let_everything_through() {
    let world = world("admissionPolicies.privilegedValues=Audit,admissionPolicies.awsAuthWriters.mode=Audit");
    until_privileged_values_are_minded(&world);
    until_aws_auth_is_minded(&world);
    let said = world.write_as(EDITOR, &mapping("admin", &role("admin", &["system:masters"]))).unwrap_err();
    assert!(said.contains("Warning: Validation failed") && said.contains("group system:masters"), "{said}");
    world.kubectl(&["get", "iamm", "admin"]);
    let label = ["label", "configmap", "aws-auth", "--namespace=kube-system", "by=admin"];
    world.forbidden(ADMIN, &label, "Warning: Validation failed");
    let labels =
        world.get(&["configmap", "aws-auth", "--namespace=kube-system"])["metadata"]["labels"].clone();
    assert_eq!(labels["by"], "admin");
}
