//! What people see in Argo CD, and what they do there.

use std::process::Command;

use serde_json::{Value, json};

use crate::alone::alone;
use crate::common::{arn, check, eventually, role};
use crate::stage::{MAPPINGS, Stage};
use crate::world::mapping;

fn team(name: &str) -> Value {
    mapping(name, &role(name, &["developers"]))
}

#[test]
fn chart_and_mappings_are_synced_and_healthy_and_a_mapping_that_is_refused_is_degraded_with_our_sentence() {
    alone(|| {
        let stage = Stage::set(&[team("web"), team("data")]);
        assert!(stage.health_of("web").1.starts_with("Applied: "), "{:?}", stage.health_of("web"));
        for name in ["web", "data"] {
            assert!(stage.world.map_roles().contains(&arn(name)), "{}", stage.world.map_roles());
        }

        // What the operator refuses stands in the cluster, and says why.
        let admin = mapping("owner", &role("owner", &["system:masters"]));
        stage.commit(&[team("web"), team("data"), admin]);
        stage.until_synced(MAPPINGS);
        stage.until_health(MAPPINGS, "Degraded");
        let (health, message) = stage.health_of("owner");
        assert_eq!(health, "Degraded");
        let object = stage.world.get(&["iamm", "owner"]);
        let conditions = object["status"]["conditions"].as_array().unwrap();
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
        let sentence = ready["message"].as_str().unwrap();
        assert_eq!(message, format!("PrivilegedValue: {sentence}"));
        assert!(sentence.contains("policy.privileged"), "{sentence}");
        assert_eq!(stage.health_of("web").0, "Healthy");

        stage.commit(&[team("web"), team("data")]);
        stage.until_synced(MAPPINGS);
        stage.until_health(MAPPINGS, "Healthy");

        // What the API server refuses never gets there: the sync fails with the CRD's sentence.
        let wrong = mapping("wrong", &json!({"arn": "arn:aws:sts::111122223333:assumed-role/dev/jane"}));
        stage.commit(&[team("web"), team("data"), wrong]);
        eventually("the sync fails with the CRD's sentence", || {
            let operation = stage.application(MAPPINGS)["status"]["operationState"].clone();
            check(
                operation.to_string().contains("write the role itself: arn:aws:iam::111122223333:role/dev"),
                || format!("{operation:#}"),
            )
        });
    });
}

#[test]
fn drift_is_put_right_once_and_nothing_loops() {
    alone(|| {
        let stage = Stage::set(&[team("web"), team("data")]);
        let (world, argo_cd) = (&stage.world, &stage.argo_cd);
        let writes = || stage.operator.metrics().get("aws_auth_writes_total{result=\"ok\"}");
        let (syncs, operator_syncs) = (argo_cd.syncs_of(MAPPINGS), argo_cd.syncs_of(crate::helm::RELEASE));
        assert!(syncs > 0 && operator_syncs > 0, "{syncs} {operator_syncs}");

        // Somebody edits aws-auth: the operator puts it back, and Argo CD has nothing to do.
        let before = world.map_roles();
        let edited = before.replace("\"web\"", "\"somebody\"");
        assert_ne!(edited, before);
        let patch = format!("--patch={}", json!({"data": {"mapRoles": edited}}));
        let written = writes();
        world.kubectl(&["patch", "configmap", "aws-auth", "--namespace=kube-system", "--type=merge", &patch]);
        eventually("the operator has put it back", || {
            check(world.map_roles() == before, || world.map_roles())
        });
        eventually("it took one write", || check(writes() == written + 1, || writes().to_string()));

        // Somebody edits an IamMapping: Argo CD puts it back, and the operator follows, there and back.
        let patch = format!("--patch={}", json!({"spec": {"username": "somebody"}}));
        world.kubectl(&["patch", "iamm", "web", "--type=merge", &patch]);
        eventually("Argo CD has put it back", || {
            let username = world.get(&["iamm", "web"])["spec"]["username"].clone();
            check(username == "web" && argo_cd.syncs_of(MAPPINGS) == syncs + 1, || {
                format!("{username} after {} syncs", argo_cd.syncs_of(MAPPINGS))
            })
        });
        stage.until_synced(MAPPINGS);
        stage.until_health(MAPPINGS, "Healthy");
        eventually("aws-auth is as it was", || check(world.map_roles() == before, || world.map_roles()));

        // However often anybody looks, nobody does anything more.
        let written = writes();
        for _ in 0..5 {
            stage.refresh(MAPPINGS);
            stage.refresh(crate::helm::RELEASE);
        }
        assert_eq!(argo_cd.syncs_of(MAPPINGS), syncs + 1);
        assert_eq!(argo_cd.syncs_of(crate::helm::RELEASE), operator_syncs);
        assert_eq!(writes(), written);
        for name in [MAPPINGS, crate::helm::RELEASE] {
            assert_eq!(stage.application(name)["status"]["sync"]["status"], "Synced", "{name}");
        }
    });
}

#[test]
fn a_prune_of_everything_is_held_by_the_brake_said_where_people_look_and_taken_back_by_a_revert() {
    alone(|| {
        let teams: Vec<Value> = (0..8).map(|n| team(&format!("team-{n}"))).collect();
        let stage = Stage::set(&teams);
        let world = &stage.world;

        // By itself Argo CD does not empty a folder that it is told to be empty.
        stage.commit(&[]);
        let status = stage.application(MAPPINGS)["status"].clone();
        assert!(
            status["conditions"].to_string().contains("auto-sync will wipe out all resources"),
            "{status:#}"
        );
        assert_eq!(world.kubectl(&["get", "iamm", "--output=name"]).lines().count(), 8);

        // Somebody insists.
        let prune = json!({"operation": {"initiatedBy": {"username": "jane"}, "sync": {
            "prune": true,
            "syncOptions": stage.application(MAPPINGS)["spec"]["syncPolicy"]["syncOptions"],
        }}});
        let patch = format!("--patch={prune}");
        world.kubectl(&["patch", "application", MAPPINGS, "--namespace=argocd", "--type=merge", &patch]);
        stage.until_synced(MAPPINGS);
        assert_eq!(world.kubectl(&["get", "iamm", "--output=name"]), "");
        assert_eq!(
            stage.application(MAPPINGS)["status"]["health"]["status"],
            "Healthy",
            "it has nothing to show"
        );

        let held = eventually("aws-auth says what is held", || {
            let aws_auth = world.get(&["configmap", "aws-auth", "--namespace=kube-system"]);
            let held = aws_auth["metadata"]["annotations"]["aws-auth.dev/held"].as_str().map(str::to_owned);
            let held: Option<Value> = held.map(|text| serde_json::from_str(&text).unwrap());
            held.filter(|held| held["held"][0]["entries"] == 5)
                .ok_or_else(|| aws_auth["metadata"].to_string())
        });
        assert_eq!(held["held"][0]["reason"], "RemovalBrake", "{held}");
        let ours = || world.map_roles().matches("role/team-").count();
        assert_eq!(ours(), 5);
        eventually("the metric says it", || {
            let count = stage.operator.metrics().get("held_parts{reason=\"RemovalBrake\"}");
            check(count == 5, || count.to_string())
        });
        let hash = held["held"][0]["hash"].as_str().unwrap();
        let said = status_of(&stage);
        assert!(said.contains("RemovalBrake") && said.contains(hash), "{said}");

        stage.repository.revert();
        stage.refresh(MAPPINGS);
        stage.until_synced(MAPPINGS);
        stage.until_health(MAPPINGS, "Healthy");
        eventually("everybody is back", || check(ours() == 8, || world.map_roles()));
        eventually("nothing is held", || {
            let count = stage.operator.metrics().get("held_parts{reason=\"RemovalBrake\"}");
            check(count == 0, || count.to_string())
        });
    });
}

/// What `kubectl iam-mapping status` says.
fn status_of(stage: &Stage) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_aws-auth-operator"))
        .args(["status", "--lease-namespace", crate::helm::NAMESPACE, "--kubeconfig"])
        .arg(stage.world.plane.kubeconfig_path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
