//! What the API server says of the chart's objects: every field known, and a pod that a restricted namespace takes. And
//! what the schemas of every supported version say of them.

use serde_json::{Value, json};

use crate::helm::{Helm, NAMESPACE, name_of, only, value_sets};
use crate::world::{World, deployment_of};

/// Kinds of the Prometheus operator, which the API server of a cluster without it does not know.
pub const NOT_BUILT_IN: &str = "monitoring.coreos.com/v1";

#[test]
fn the_api_server_knows_every_field_of_every_object() {
    let world = World::start();
    let helm = Helm::alone();
    let crd = helm.objects(None);
    world.apply(only(&crd, "CustomResourceDefinition"));
    for (name, values) in value_sets() {
        let items: Vec<Value> = helm
            .objects(values.as_deref())
            .into_iter()
            .filter(|object| object["apiVersion"] != NOT_BUILT_IN)
            .collect();
        assert!(items.len() > 3, "{name}");
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        let arguments = ["apply", "--dry-run=server", "--validate=strict", "--server-side", "--filename=-"];
        let said = world.plane.kubectl(&arguments, Some(&list));
        let said = said.unwrap_or_else(|error| panic!("{name}: {error}"));
        for object in &items {
            let wanted = object["metadata"]["name"].as_str().unwrap();
            assert!(said.contains(wanted), "{name}: {} in {said}", name_of(object));
        }
    }
}

#[test]
fn a_restricted_namespace_takes_the_pod_of_every_set_of_values() {
    let world = World::start();
    let helm = Helm::alone();
    let create = |pod: &Value| {
        world.plane.kubectl(&["create", "--dry-run=server", "--filename=-"], Some(&pod.to_string()))
    };
    let mut last = Value::Null;
    for (name, values) in value_sets() {
        let objects = helm.objects(values.as_deref());
        let template = &deployment_of(&objects)["spec"]["template"];
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": template["spec"]});
        pod["metadata"] =
            json!({"name": "operator", "namespace": NAMESPACE, "labels": template["metadata"]["labels"]});
        create(&pod).unwrap_or_else(|error| panic!("{name}: {error}"));
        last = pod;
    }
    // The namespace would not take just any.
    last["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
    let said = create(&last).unwrap_err().to_string();
    assert!(said.contains("violates PodSecurity \"restricted"), "{said}");
}
