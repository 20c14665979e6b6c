//! The CRD as a file: what `aws-auth-operator crd` prints and `crds/` holds.

use kube::CustomResourceExt;

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

#[cfg(test)]
mod tests {
    use super::*;

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
