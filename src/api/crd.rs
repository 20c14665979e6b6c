//! The CRD as a file, which `aws-auth-operator crd` prints and `crds/` holds, and what a live one that is older lacks.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use kube::{CustomResourceExt, Resource as _};

use super::IamMapping;

const HEADER: &str = "# Generated: cargo run -- crd > crds/iammappings.aws-auth.dev.yaml
# Change the types in src/api and run that again; a test fails while the two differ.
";

/// The CRD as YAML, the same bytes every time, with a comment that says where it comes from.
///
/// # Errors
/// When the schema cannot be serialized.
pub fn crd_yaml() -> Result<String, serde_saphyr::ser_error::Error> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let mut yaml = HEADER.to_owned();
    yaml.push_str(&serde_saphyr::to_string_with_options(&IamMapping::crd(), options)?);
    if !yaml.ends_with('\n') {
        yaml.push('\n');
    }
    Ok(yaml)
}

/// The fields of a spec that this version knows and that `live` does not, so that the API server drops them from every
/// object without a word.
pub(crate) fn dropped_fields(live: &CustomResourceDefinition) -> Vec<String> {
    let known = IamMapping::crd();
    let known = root(&known).and_then(spec).and_then(|spec| spec.properties.as_ref());
    let kept = match root(live) {
        Some(root) if keeps_all(root) || spec(root).is_some_and(keeps_all) => return Vec::new(),
        root => root.and_then(spec).and_then(|spec| spec.properties.as_ref()),
    };
    let kept = |field: &String| kept.is_some_and(|kept| kept.contains_key(field));
    let known = known.into_iter().flat_map(BTreeMap::keys);
    known.filter(|field| !kept(field)).map(|field| format!("spec.{field}")).collect()
}

/// The schema of the version that this operator speaks.
fn root(crd: &CustomResourceDefinition) -> Option<&JSONSchemaProps> {
    let version = crd.spec.versions.iter().find(|version| version.name == IamMapping::version(&()))?;
    version.schema.as_ref()?.open_api_v3_schema.as_ref()
}

fn spec(root: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    root.properties.as_ref()?.get("spec")
}

fn keeps_all(schema: &JSONSchemaProps) -> bool {
    schema.x_kubernetes_preserve_unknown_fields == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The CRD after somebody has changed the schema of its spec.
    fn live(change: impl FnOnce(&mut JSONSchemaProps)) -> CustomResourceDefinition {
        let mut crd = IamMapping::crd();
        let schema = crd.spec.versions[0].schema.as_mut().unwrap().open_api_v3_schema.as_mut().unwrap();
        change(schema.properties.as_mut().unwrap().get_mut("spec").unwrap());
        crd
    }

    #[test]
    fn an_older_crd_lacks_the_fields_that_came_later_and_the_same_one_none() {
        assert!(dropped_fields(&live(|_| ())).is_empty());
        let older = live(|spec| {
            spec.properties.as_mut().unwrap().retain(|field, _| field != "expiresAt" && field != "paused");
        });
        assert_eq!(dropped_fields(&older), ["spec.expiresAt", "spec.paused"]);
    }

    #[test]
    fn a_newer_crd_and_one_that_keeps_everything_lack_nothing() {
        let newer = live(|spec| {
            spec.properties.as_mut().unwrap().insert("later".to_owned(), JSONSchemaProps::default());
        });
        assert!(dropped_fields(&newer).is_empty());
        let open = live(|spec| {
            spec.properties = None;
            spec.x_kubernetes_preserve_unknown_fields = Some(true);
        });
        assert!(dropped_fields(&open).is_empty());
    }

    #[test]
    fn without_a_schema_or_the_version_every_field_is_dropped() {
        let closed = live(|spec| spec.properties = None);
        assert!(dropped_fields(&closed).contains(&"spec.arn".to_owned()));
        let mut other = IamMapping::crd();
        other.spec.versions[0].name = "v1".to_owned();
        assert_eq!(dropped_fields(&other), dropped_fields(&closed));
    }

    #[test]
    fn the_crd_file_is_what_the_types_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/iammappings.aws-auth.dev.yaml");
        let file = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            file == crd_yaml().unwrap(),
            "crds/iammappings.aws-auth.dev.yaml is out of date; run: cargo run -- crd > crds/iammappings.aws-auth.dev.yaml"
        );
    }

    #[test]
    fn no_field_of_the_spec_is_nullable() {
        let schema = serde_json::to_value(IamMapping::crd()).unwrap();
        let schema = &schema["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        assert!(schema["properties"]["arn"].is_object());
        assert!(!schema.to_string().contains("nullable"), "{schema:#}");
    }
}
