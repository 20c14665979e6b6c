//! `deploy/` for kustomize: the same objects as the chart's, because they are generated from it.

use std::collections::BTreeMap;
use std::process::Command;

use control_plane::parts::{self, Part};
use serde_json::Value;

use crate::golden;
use crate::helm::{Helm, NAMESPACE, RELEASE, chart, name_of, objects, root};
use crate::world::World;

/// The components by name, and the values of the chart that say the same.
const COMPONENTS: [(&str, &str); 3] = [
    (
        "admission-policies",
        "admissionPolicies.privilegedValues=Enforce,admissionPolicies.awsAuthWriters.mode=Enforce,admissionPolicies.operatorCreates=Enforce",
    ),
    (
        "monitoring",
        "monitoring.serviceMonitor.enabled=true,monitoring.prometheusRule.enabled=true,monitoring.dashboard.enabled=true",
    ),
    ("network-policy", "networkPolicy.enabled=true"),
];

/// Objects by kind and name.
type Objects = BTreeMap<String, Value>;

/// What the chart renders, without what only Helm puts there.
fn rendered(set: &str) -> Objects {
    let chart = chart();
    let template = ["template", RELEASE, chart.to_str().unwrap(), "--namespace", NAMESPACE];
    let arguments = [&template[..], &["--kube-version", "1.36.0", "--set", set]].concat();
    let all = objects(&Helm::alone().run(&arguments).unwrap());
    all.into_iter().map(|object| (name_of(&object), without_helm(object))).collect()
}

fn without_helm(mut object: Value) -> Value {
    for path in ["/metadata/labels", "/spec/template/metadata/labels"] {
        if let Some(labels) = object.pointer_mut(path).and_then(Value::as_object_mut) {
            for label in ["app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart"] {
                labels.remove(label);
            }
        }
    }
    // The hash in the name does that here.
    if let Some(template) = object.pointer_mut("/spec/template/metadata").and_then(Value::as_object_mut) {
        template.remove("annotations");
    }
    object
}

/// The only object that kustomize makes by itself.
const CONFIG: &str = "ConfigMap/aws-auth-operator-config";

fn is_the_crd(name: &str) -> bool {
    name.starts_with("CustomResourceDefinition/")
}

/// What kustomize makes of a folder below `deploy`, without the hash in the configuration's name.
fn kustomized(folder: &str) -> Objects {
    let folder = root().join("deploy").join(folder);
    let output =
        Command::new(parts::ensure(Part::Kubectl).unwrap()).arg("kustomize").arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let all = objects(&text);
    let config = all.iter().find(|object| object["data"]["config.yaml"].is_string()).unwrap();
    let hashed = config["metadata"]["name"].as_str().unwrap();
    assert!(hashed.starts_with("aws-auth-operator-config-"), "{hashed}");
    objects(&text.replace(hashed, "aws-auth-operator-config"))
        .into_iter()
        .map(|object| (name_of(&object), object))
        .collect()
}

/// Objects as one file.
fn text(objects: impl Iterator<Item = Value>) -> String {
    let documents: Vec<String> =
        objects.map(|object| serde_saphyr::to_string(&object).unwrap().trim_end().to_owned()).collect();
    format!("# Generated from charts/aws-auth-operator.\n{}\n", documents.join("\n---\n"))
}

#[test]
fn what_kustomize_starts_from_is_generated_from_the_chart() {
    let deploy = root().join("deploy");
    let default = rendered("");
    let own = default.iter().filter(|(name, _)| !is_the_crd(name) && *name != CONFIG);
    golden::check(&deploy.join("base/operator.yaml"), &text(own.map(|(_, object)| object.clone())));
    for (component, set) in COMPONENTS {
        let more = rendered(set).into_iter().filter(|(name, _)| !default.contains_key(name));
        let file = deploy.join("components").join(component).join("objects.yaml");
        golden::check(&file, &text(more.map(|(_, object)| object)));
    }
}

#[test]
fn kustomize_makes_the_same_objects_as_helm() {
    let everything = COMPONENTS.map(|(_, set)| set).join(",");
    for (folder, set) in
        [("base", ""), ("overlays/observe", "config.mode=Observe"), ("overlays/everything", &everything)]
    {
        let mut ours = kustomized(folder);
        let namespace = ours.remove("Namespace/aws-auth-operator").expect("a namespace");
        assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
        let mut theirs = rendered(set);
        // The chart's own is labelled, and stays when Helm goes.
        let crd = |objects: &mut Objects| {
            let name = objects.keys().find(|name| is_the_crd(name)).unwrap().clone();
            objects.remove(&name).unwrap()["spec"].clone()
        };
        assert_eq!(crd(&mut ours), crd(&mut theirs));
        assert_eq!(ours, theirs, "{folder}");
    }
}

#[test]
fn apply_with_kustomize_installs_an_operator_that_may_do_its_work() {
    let world = World::start();
    world.kubectl(&["apply", "--server-side", "--kustomize", root().join("deploy/base").to_str().unwrap()]);
    world.until_crd_is_served();
    let operator = world.run_operator();
    world.map("dev", &[]);
    world.until("dev", "Applied");
    operator.terminate();
}
