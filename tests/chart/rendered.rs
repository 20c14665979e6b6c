//! What the chart renders, without a cluster.

use std::collections::BTreeSet;
use std::fs;

use aws_auth_operator::api::crd_yaml;
use aws_auth_operator::config;
use serde_json::Value;

use crate::common::file;
use crate::golden;
use crate::helm::{Helm, RELEASE, chart, config_of, name_of, objects, only, root, value_sets};

/// A rendering without the CRD's long schema, which another test holds to the generated one.
fn without_crd_schema(text: &str) -> String {
    let documents: Vec<String> = text
        .split("\n---\n")
        .map(|document| match document.split_once("\nkind: CustomResourceDefinition\n") {
            Some((_, rest)) => {
                let spec = rest.find("\nspec:").unwrap();
                format!("{}\nspec: …", &document[..document.len() - rest.len() + spec])
            }
            None => document.to_owned(),
        })
        .collect();
    documents.join("\n---\n")
}

#[test]
fn every_set_of_values_renders_what_it_is_known_to_render() {
    let helm = Helm::alone();
    let default = without_crd_schema(&helm.template(None).unwrap());
    let folder = root().join("tests/chart/golden");
    golden::check(&folder.join("default.yaml"), &default);
    let sets = value_sets();
    assert!(sets.len() > 20, "{sets:?}");
    for (name, values) in sets {
        let Some(values) = values else { continue };
        let text = without_crd_schema(&helm.template(Some(&values)).unwrap());
        // What the values change says more than all that they leave. Where it stands would change with anything above.
        let diff = golden::diff(&default, &text);
        let lines = diff
            .lines()
            .map(|line| if line.starts_with("@@ ") { "@@\n".to_owned() } else { format!("{line}\n") });
        golden::check(&folder.join(format!("{name}.diff")), &lines.collect::<String>());
    }
}

#[test]
fn every_set_of_values_passes_helm_lint() {
    let (helm, chart) = (Helm::alone(), chart());
    let files: Vec<String> =
        value_sets().into_values().flatten().map(|path| path.to_str().unwrap().to_owned()).collect();
    let lint = |more: &[&str]| {
        let mut arguments = vec!["lint", "--strict", "--quiet", chart.to_str().unwrap()];
        arguments.extend(more);
        helm.run(&arguments).unwrap_or_else(|said| panic!("{more:?}: {said}"));
    };
    lint(&[]);
    for file in &files {
        lint(&["--values", file]);
    }
}

#[test]
fn every_rendered_configuration_is_one_that_the_operator_takes() {
    let helm = Helm::alone();
    for (name, values) in value_sets() {
        let objects = helm.objects(values.as_deref());
        if let Err(error) = config::parse(&name, config_of(&objects)) {
            panic!("{error}\n{}", config_of(&objects));
        }
    }
}

#[test]
fn the_values_on_the_page_about_installing_are_ones_that_the_chart_and_the_operator_take() {
    let page = fs::read_to_string(root().join("docs/install.md")).unwrap();
    let blocks = page.split("\n```yaml\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    let values: Vec<&str> = blocks.filter(|block| block.starts_with("image:")).collect();
    assert_eq!(values.len(), 1);
    let values = file(values[0]);
    let objects = Helm::alone().objects(Some(values.path()));
    config::parse("docs/install.md", config_of(&objects)).unwrap();
}

#[test]
fn the_crd_is_the_generated_one_and_stays_when_the_chart_goes() {
    let generated = fs::read_to_string(root().join("crds/iammappings.aws-auth.dev.yaml")).unwrap();
    let copy = chart().join("files/iammappings.aws-auth.dev.yaml");
    golden::check(&copy, &generated);
    let mut crd = only(&Helm::alone().objects(None), "CustomResourceDefinition").clone();
    let metadata = crd["metadata"].as_object_mut().unwrap();
    let annotations = metadata.remove("annotations").unwrap();
    assert_eq!(annotations["helm.sh/resource-policy"], "keep");
    metadata.remove("labels").unwrap();
    assert_eq!(crd, objects(&crd_yaml().unwrap())[0]);
}

#[test]
fn the_chart_has_the_version_of_the_operator() {
    let chart: Value =
        serde_saphyr::from_str(&fs::read_to_string(chart().join("Chart.yaml")).unwrap()).unwrap();
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn two_releases_share_no_name() {
    let helm = Helm::alone();
    let all = root().join("tests/chart/values/admission-policies.yaml");
    let names = |release: &str| -> BTreeSet<String> {
        let chart = chart();
        let arguments = ["template", release, chart.to_str().unwrap(), "--kube-version", "1.36.0"];
        let more = ["--set", "crds.enabled=false", "--values", all.to_str().unwrap()];
        let text = helm.run(&[&arguments[..], &more[..]].concat()).unwrap();
        objects(&text).iter().map(name_of).collect()
    };
    let (one, other) = (names("one"), names("other"));
    assert!(one.len() > 10, "{one:?}");
    assert_eq!(one.intersection(&other).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn common_labels_and_the_release_are_on_everything() {
    let helm = Helm::alone();
    let values = root().join("tests/chart/values");
    let text = helm.run(&[
        "template",
        RELEASE,
        chart().to_str().unwrap(),
        "--kube-version=1.36.0",
        &format!("--values={}", values.join("names.yaml").display()),
        &format!("--values={}", values.join("admission-policies.yaml").display()),
        &format!("--values={}", values.join("monitoring.yaml").display()),
        &format!("--values={}", values.join("network-policy.yaml").display()),
    ]);
    for object in objects(&text.unwrap()) {
        let labels = &object["metadata"]["labels"];
        assert_eq!(labels["example.com/team"], "platform", "{}", name_of(&object));
        assert_eq!(labels["app.kubernetes.io/instance"], RELEASE, "{}", name_of(&object));
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("kube-system");
        assert!(["kube-system", "default"].contains(&namespace), "{object}");
    }
}

#[test]
fn nothing_is_granted_that_opens_a_cluster() {
    let objects = Helm::alone().objects(None);
    let roles = objects.iter().filter(|object| object["rules"].is_array());
    let mut seen = 0;
    for rule in roles.flat_map(|role| role["rules"].as_array().unwrap()) {
        let text = rule.to_string();
        for word in ["\"*\"", "secrets", "bind", "escalate", "impersonate", "pods", "serviceaccounts"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
        seen += 1;
    }
    assert!(seen > 5);
}
