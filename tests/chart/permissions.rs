//! Least privilege, proven from both sides: what the operator asked for under the chart's own account, as the API
//! server's audit log has it, is all granted, and all that is granted was asked for.

use std::collections::BTreeSet;
use std::fs;

use control_plane::Options;
use serde_json::{Value, json};

use crate::common::{arn, check, eventually, role};
use crate::helm::{Helm, NAMESPACE, RELEASE};
use crate::world::{World, mapping};

/// One thing that RBAC decides about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Permission {
    namespace: Option<String>,
    verb: String,
    resource: String,
    /// Where the rule is bound to names.
    name: Option<String>,
}

impl Permission {
    /// Whether it covers a request.
    fn covers(&self, request: &Permission) -> bool {
        (self.namespace.is_none() || self.namespace == request.namespace)
            && self.verb == request.verb
            && self.resource == request.resource
            && (self.name.is_none() || self.name == request.name)
    }
}

/// Everything that the chart's roles for the operator grant, name by name.
fn granted() -> Vec<Permission> {
    let objects = Helm::alone().objects(None);
    let bound: BTreeSet<&str> =
        objects.iter().filter_map(|object| object["roleRef"]["name"].as_str()).collect();
    let roles = objects.iter().filter(|object| {
        object["rules"].is_array() && bound.contains(object["metadata"]["name"].as_str().unwrap())
    });
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut all = Vec::new();
    for role in roles {
        let namespace = role["metadata"]["namespace"].as_str().map(str::to_owned);
        for rule in role["rules"].as_array().unwrap() {
            let mut names: Vec<Option<String>> =
                strings(&rule["resourceNames"]).into_iter().map(Some).collect();
            if names.is_empty() {
                names.push(None);
            }
            for verb in strings(&rule["verbs"]) {
                for resource in strings(&rule["resources"]) {
                    let [group] = &strings(&rule["apiGroups"])[..] else {
                        panic!("one group a rule: {rule}")
                    };
                    let resource = format!("{resource}.{group}");
                    for name in names.clone() {
                        let (verb, resource) = (verb.clone(), resource.clone());
                        all.push(Permission { namespace: namespace.clone(), verb, resource, name });
                    }
                }
            }
        }
    }
    all
}

/// Everything that the operator asked the API server for, and whether it was answered.
fn requests(log: &str) -> BTreeSet<Permission> {
    let user = format!("system:serviceaccount:{NAMESPACE}:{RELEASE}");
    let mut all = BTreeSet::new();
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        if event["user"]["username"] != user.as_str() {
            continue;
        }
        let object = &event["objectRef"];
        let text = |field: &str| object[field].as_str().map(str::to_owned);
        assert_ne!(event["responseStatus"]["code"], 403, "{line}");
        let mut resource = text("resource").unwrap_or_else(|| panic!("no resource: {line}"));
        if let Some(subresource) = text("subresource") {
            resource = format!("{resource}/{subresource}");
        }
        let group = text("apiGroup").unwrap_or_default();
        all.insert(Permission {
            // RBAC takes a namespace that is asked for by name to be in itself.
            namespace: text("namespace").filter(|_| resource != "namespaces"),
            verb: event["verb"].as_str().unwrap().to_owned(),
            resource: format!("{resource}.{group}"),
            name: text("name"),
        });
    }
    all
}

fn until_revoked(world: &World, name: &str) {
    let arn = format!("{}\"", arn(name));
    eventually("it is revoked", || check(!world.map_roles().contains(&arn), || world.map_roles()));
}

#[test]
fn the_operator_asks_for_all_that_the_chart_grants_and_for_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, log) = (folder.path().join("policy.yaml"), folder.path().join("audit.log"));
    let rules = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    });
    fs::write(&policy, rules.to_string()).unwrap();
    let options = Options::default()
        .apiserver_flag(format!("--audit-policy-file={}", policy.display()))
        .apiserver_flag(format!("--audit-log-path={}", log.display()));
    let world = World::start_with(options);
    world.install(&[]);
    // It finds no aws-auth, makes the Lease and aws-auth, and sees an entry come and go.
    world.kubectl(&["delete", "configmap", "aws-auth", "--namespace=kube-system"]);
    let operator = world.run_operator();
    // One by one: so many versions that every checkpoint is made, and replaced once.
    for n in 0..20 {
        let name = format!("one-{n}");
        world.map(&name, &[]);
        world.until(&name, "Applied");
    }
    let names: Vec<String> = (0..20).map(|n| format!("dev-{n}")).collect();
    let mappings: Vec<Value> = names.iter().map(|name| mapping(name, &role(name, &["developers"]))).collect();
    world.apply(&json!({"apiVersion": "v1", "kind": "List", "items": mappings}));
    world.until("dev-19", "Applied");
    world.kubectl(&["delete", "iamm", "dev-19"]);
    until_revoked(&world, "dev-19");
    // Twice: the broken text is kept, and then replaced.
    for _ in 0..2 {
        let broken = r#"--patch={"data":{"mapRoles":"- rolearn: [\n"}}"#;
        world.kubectl(&["patch", "configmap", "aws-auth", "--namespace=kube-system", "--type=merge", broken]);
        eventually("what was broken is restored", || {
            let text = world.map_roles();
            check(text.contains("dev-18"), || text)
        });
    }
    // Something to warn of.
    world.apply(&mapping("admin", &role("admin", &["system:masters"])));
    world.until("admin", "PrivilegedValue");
    eventually("an Event says so", || {
        let events = world.kubectl(&["get", "events.events.k8s.io", "--namespace=default"]);
        check(events.contains("PrivilegedValue"), || events)
    });
    // Several that go at once are confirmed otherwise than one.
    operator.terminate();
    world.kubectl(&["delete", "iamm", "dev-0", "dev-1", "dev-2", "dev-3"]);
    let operator = world.run_operator();
    until_revoked(&world, "dev-3");
    operator.terminate();

    let granted = granted();
    eventually("all that is granted is used, and nothing else", || {
        let requests = requests(&fs::read_to_string(&log).unwrap());
        for request in &requests {
            assert!(granted.iter().any(|rule| rule.covers(request)), "not granted: {request:?}");
        }
        let unused: Vec<&Permission> =
            granted.iter().filter(|rule| !requests.iter().any(|request| rule.covers(request))).collect();
        check(unused.is_empty(), || format!("granted and never used: {unused:#?}"))
    });
}
