//! What the operator's user may do, which is what the Helm chart grants, and taking a part of it away.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

use super::cluster::{Cluster, OPERATOR, wait};
use super::{check, eventually};

/// What the chart renders; a test of its own keeps it so.
const CHART: &str = include_str!("../chart/golden/default.yaml");

impl Cluster {
    /// Gives the operator's user what it needs, and waits until the API server knows.
    pub fn grant_everything(&self) {
        let manifests = manifests();
        self.kubectl_apply(&json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string());
        self.until_known(&manifests);
    }

    /// Takes everything away, as an uninstall does.
    pub fn revoke_everything(&self) {
        let manifests = json!({"apiVersion": "v1", "kind": "List", "items": manifests()}).to_string();
        self.kubectl_delete(&manifests);
        self.until_known(&[]);
    }

    /// Takes a verb on a resource away from the operator's user, and waits until the API server knows.
    pub fn revoke(&self, verb: &str, resource: &str) {
        let mut manifests = manifests();
        for rules in manifests.iter_mut().filter_map(|manifest| manifest.get_mut("rules")?.as_array_mut()) {
            for rule in rules.iter_mut().filter(|rule| rule["resources"][0] == *resource) {
                rule["verbs"].as_array_mut().unwrap().retain(|given| given != verb);
            }
            rules.retain(|rule| rule["verbs"] != json!([]));
        }
        self.kubectl_apply(&json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string());
        self.until_known(&manifests);
    }

    /// The API server hears of a change of roles some moments later.
    fn until_known(&self, manifests: &[Value]) {
        let wanted: Vec<ResourceAttributes> = manifests.iter().flat_map(granted).collect();
        for attributes in self::manifests().iter().flat_map(granted) {
            let expected = wanted.contains(&attributes);
            eventually("the API server knows the operator's permissions", || {
                check(self.allowed(attributes.clone()) == expected, || {
                    format!("{attributes:?}: {}", !expected)
                })
            });
        }
    }

    fn allowed(&self, attributes: ResourceAttributes) -> bool {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(OPERATOR.to_owned()),
                resource_attributes: Some(attributes),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let reviews: Api<SubjectAccessReview> = Api::all(self.client());
        wait(reviews.create(&PostParams::default(), &review)).unwrap().status.unwrap().allowed
    }
}

/// The chart's roles and bindings of the operator, for the tests' user, whose Lease is in kube-system.
pub fn manifests() -> Vec<Value> {
    let text = CHART.replace("namespace: aws-auth-operator", "namespace: kube-system");
    let objects: Vec<Value> = text
        .split("\n---\n")
        .filter(|document| document.contains("\napiVersion: rbac.authorization.k8s.io/v1\n"))
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect();
    let bindings = objects.iter().filter(|object| object["roleRef"].is_object());
    let bound: Vec<&Value> = bindings.map(|binding| &binding["roleRef"]["name"]).collect();
    let operators = objects.iter().filter(|object| bound.contains(&&object["metadata"]["name"])).cloned();
    let operators = operators.map(|mut object| {
        if let Some(subjects) = object.get_mut("subjects") {
            *subjects = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": OPERATOR}]);
        }
        object
    });
    let operators: Vec<Value> = operators.collect();
    assert_eq!(operators.len(), 8, "{operators:#?}");
    operators
}

/// Everything that a role grants.
fn granted(role: &Value) -> Vec<ResourceAttributes> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let rules = role.get("rules").and_then(Value::as_array).into_iter().flatten();
    rules
        .flat_map(|rule| names(rule).into_iter().map(move |name| (rule, name)))
        .flat_map(|(rule, name)| {
            let (resource, subresource) = match rule["resources"][0].as_str().unwrap().split_once('/') {
                Some((resource, subresource)) => (resource.to_owned(), Some(subresource.to_owned())),
                None => (text(&rule["resources"][0]).unwrap(), None),
            };
            rule["verbs"].as_array().unwrap().iter().map(move |verb| ResourceAttributes {
                group: text(&rule["apiGroups"][0]),
                resource: Some(resource.clone()),
                subresource: subresource.clone(),
                name: name.clone(),
                namespace: text(&role["metadata"]["namespace"]),
                verb: text(verb),
                ..ResourceAttributes::default()
            })
        })
        .collect()
}

/// The names that a rule is bound to; one that is bound to none is for any.
fn names(rule: &Value) -> Vec<Option<String>> {
    match rule.get("resourceNames").and_then(Value::as_array) {
        Some(names) => names.iter().map(|name| name.as_str().map(str::to_owned)).collect(),
        None => vec![None],
    }
}
