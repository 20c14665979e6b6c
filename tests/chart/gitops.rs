//! What Argo CD, by the health check that we ship, and Flux, by its own library, say of IamMappings as the operator
//! leaves them.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use control_plane::parts::{self, Part};
use serde_json::{Value, json};

use crate::common::{arn, file, role};
use crate::helm::{config_of, objects, root};
use crate::world::{World, mapping};

/// What the two say: Argo CD's word and message, and Flux'.
struct Said {
    argo_cd: (String, String),
    flux: String,
}

fn said(object: &Value) -> Said {
    let config_map = objects(&fs::read_to_string(root().join("examples/argo-cd/argocd-cm.yaml")).unwrap());
    let script = &config_map[0]["data"]["resource.customizations.health.aws-auth.dev_IamMapping"];
    let script = file(script.as_str().unwrap());
    let mut child = Command::new(parts::ensure(Part::GitopsHealth).unwrap())
        .arg(script.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(object.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{object}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |path: &str| said.pointer(path).unwrap().as_str().unwrap().to_owned();
    Said { argo_cd: (text("/argoCD/status"), text("/argoCD/message")), flux: text("/flux/status") }
}

#[test]
fn argo_cd_and_flux_see_what_the_operator_says() {
    let world = World::start();
    world.install(&[]);
    world.map("new", &["developers"]);
    let new = world.get(&["iamm", "new"]);
    let operator = world.run_operator();
    world.apply(&mapping("admin", &role("admin", &["system:masters"])));
    world.apply(&mapping("paused", &json!({"arn": arn("paused"), "paused": true})));
    for (name, reason, argo_cd, flux) in [
        ("new", "Applied", "Healthy", "Current"),
        ("admin", "PrivilegedValue", "Degraded", "Failed"),
        ("paused", "Paused", "Suspended", "InProgress"),
    ] {
        world.until(name, reason);
        let said = said(&world.get(&["iamm", name]));
        assert_eq!((said.argo_cd.0.as_str(), said.flux.as_str()), (argo_cd, flux), "{name}");
        assert!(said.argo_cd.1.starts_with(&format!("{reason}: ")), "{}", said.argo_cd.1);
    }
    let admin = said(&world.get(&["iamm", "admin"]));
    assert!(
        admin.argo_cd.1.contains("policy.privileged"),
        "the operator's own sentence: {}",
        admin.argo_cd.1
    );

    // Before the operator has looked, and after a change that it has not seen yet.
    assert_eq!(said(&new).argo_cd.0, "Progressing");
    let mut changed = world.get(&["iamm", "new"]);
    changed["metadata"]["generation"] = json!(2);
    let said = said(&changed);
    assert_eq!((said.argo_cd.0.as_str(), said.flux.as_str()), ("Progressing", "InProgress"));
    operator.terminate();
}

#[test]
fn the_examples_values_are_ones_that_the_chart_takes() {
    let helm = crate::helm::Helm::alone();
    for (example, path) in
        [("argo-cd/operator.yaml", "/spec/source/helm/valuesObject"), ("flux/operator.yaml", "/spec/values")]
    {
        let text = fs::read_to_string(root().join("examples").join(example)).unwrap();
        let all = objects(&text);
        let values = all.iter().find_map(|object| object.pointer(path)).expect(example);
        let chart = all.iter().find_map(|object| {
            object.pointer("/spec/source/path").or_else(|| object.pointer("/spec/chart/spec/chart"))
        });
        assert!(root().join(chart.unwrap().as_str().unwrap()).join("Chart.yaml").is_file(), "{example}");
        let values = file(&values.to_string());
        assert!(config_of(&helm.objects(Some(Path::new(values.path())))).contains("protected"), "{example}");
    }
}
