//! From objects to the core's `Mapping`: the one edge at which raw becomes typed.
//!
//! Total on purpose: what cannot be understood becomes a mapping that says so, never a mapping that is missing,
//! because a missing one would be revoked.

use std::hash::{DefaultHasher, Hash, Hasher};

use aws_auth::mapping::{Mapping, RawSpec, Spec, SpecError, Uid};
use aws_auth::ownership::EntryHash;
use aws_auth::{Entry, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::core::{DeserializeGuard, error_boundary::InvalidObject};

use super::{AppliedEntry, IamMapping, IamMappingSpec};

/// The mapping of an object.
#[must_use]
pub fn mapping(object: &IamMapping) -> Mapping {
    let applied = object.status.as_ref().and_then(|status| status.applied.as_ref());
    Mapping {
        applied: applied.map(entry_hash),
        announced_end: applied.and_then(|applied| applied.expires_at.as_ref()).map(timestamp),
        ..with_spec(&object.metadata, Spec::parse(raw(&object.spec)))
    }
}

/// The mapping of an object that may not have decoded: its entry is frozen then, and `status.applied` unknown.
#[must_use]
pub fn guarded(object: &DeserializeGuard<IamMapping>) -> Mapping {
    match &object.0 {
        Ok(object) => mapping(object),
        Err(InvalidObject { error, metadata }) => {
            with_spec(metadata, Err(SpecError::Undecodable(error.clone())))
        }
    }
}

/// A time as the API writes it.
#[must_use]
pub fn time(at: Timestamp) -> Time {
    // Out of jiff's range is further away than the year 9999; no clock gets there.
    let limit = if at.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    Time(jiff::Timestamp::from_second(at.0).unwrap_or(limit))
}

fn with_spec(metadata: &ObjectMeta, spec: Result<Spec, SpecError>) -> Mapping {
    Mapping {
        name: metadata.name.clone().unwrap_or_default(),
        uid: uid(metadata),
        // An object in a file is not created yet: whatever lives in the cluster is older.
        created: metadata.creation_timestamp.as_ref().map_or(Timestamp(i64::MAX), timestamp),
        spec,
        applied: None,
        announced_end: None,
    }
}

fn raw(spec: &IamMappingSpec) -> RawSpec {
    RawSpec {
        arn: spec.arn.clone(),
        account_id: spec.account_id.clone(),
        mapping_type: spec.mapping_type.into(),
        username: spec.username.clone(),
        groups: spec.groups.clone(),
        adoption: spec.adoption.into(),
        paused: spec.paused,
        expires_at: spec.expires_at.as_ref().map(timestamp),
    }
}

fn timestamp(time: &Time) -> Timestamp {
    Timestamp(time.0.as_second())
}

fn entry_hash(applied: &AppliedEntry) -> EntryHash {
    let entry = Entry {
        arn: applied.arn.clone(),
        username: applied.username.clone(),
        groups: applied.groups.clone(),
    };
    EntryHash::of(applied.key.into(), &entry)
}

/// The object's UID. An object from a file has none: it gets one made from its name, so that no two share one.
fn uid(metadata: &ObjectMeta) -> Uid {
    let given = metadata.uid.as_deref();
    given.and_then(Uid::parse).unwrap_or_else(|| {
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, given, metadata.name.as_deref()).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        Uid((half(0) << 64 | half(1)).to_be_bytes())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(spec: &Value, status: &Value) -> IamMapping {
        serde_json::from_value(json!({
            "apiVersion": "aws-auth.dev/v1alpha1",
            "kind": "IamMapping",
            "metadata": {
                "name": "dev",
                "uid": "01234567-89ab-cdef-0123-456789abcdef",
                "creationTimestamp": "2026-01-02T03:04:05Z",
            },
            "spec": spec,
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn every_field_of_an_object_reaches_the_core() {
        let object = object(
            &json!({
                "arn": "arn:aws:iam::111122223333:role/team/dev",
                "type": "STANDARD",
                "username": "dev:{{SessionName}}",
                "groups": ["b", "a"],
                "adoption": "Adopt",
                "paused": true,
                "expiresAt": "2026-12-31T18:00:00+01:00",
                "description": "the team",
                "addedInALaterVersion": {"x": 1},
            }),
            &json!({
                "observedGeneration": 3,
                "applied": {"key": "mapRoles", "arn": "arn:aws:iam::111122223333:role/dev", "username": "dev", "groups": ["a"]},
                "conditions": [],
            }),
        );
        let mapping = mapping(&object);
        assert_eq!(mapping.name, "dev");
        assert_eq!(mapping.uid.to_string(), "01234567-89ab-cdef-0123-456789abcdef");
        assert_eq!(mapping.created, Timestamp(1_767_323_045));
        let spec = mapping.spec.unwrap();
        assert_eq!(spec.entry().arn, "arn:aws:iam::111122223333:role/dev");
        assert_eq!(spec.entry().username, "dev:{{SessionName}}");
        assert_eq!(spec.entry().groups, ["b", "a"]);
        assert_eq!(spec.adoption(), aws_auth::mapping::Adoption::Adopt);
        assert!(spec.paused());
        assert_eq!(spec.expires_at(), Some(Timestamp(1_798_736_400)));
        let stood = Entry {
            arn: "arn:aws:iam::111122223333:role/dev".to_owned(),
            username: "dev".to_owned(),
            groups: vec!["a".to_owned()],
        };
        assert_eq!(mapping.applied, Some(EntryHash::of(aws_auth::Key::MapRoles, &stood)));
    }

    #[test]
    fn every_type_is_spelled_as_eks_spells_it() {
        for (text, mapping_type) in [
            ("STANDARD", aws_auth::mapping::MappingType::Standard),
            ("EC2_LINUX", aws_auth::mapping::MappingType::Ec2Linux),
            ("EC2_WINDOWS", aws_auth::mapping::MappingType::Ec2Windows),
            ("FARGATE_LINUX", aws_auth::mapping::MappingType::FargateLinux),
            ("HYBRID_LINUX", aws_auth::mapping::MappingType::HybridLinux),
        ] {
            let object =
                object(&json!({"arn": "arn:aws:iam::111122223333:role/n", "type": text}), &Value::Null);
            assert_eq!(mapping(&object).spec.unwrap().mapping_type(), mapping_type);
            assert_eq!(mapping_type.as_str(), text);
        }
    }

    #[test]
    fn a_spec_that_breaks_a_rule_is_a_mapping_that_says_so() {
        let object = object(&json!({}), &Value::Null);
        assert_eq!(mapping(&object).spec, Err(SpecError::NoPrincipal));
    }

    #[test]
    fn an_object_that_does_not_decode_keeps_its_name_and_uid() {
        let guard: DeserializeGuard<IamMapping> = serde_json::from_value(json!({
            "apiVersion": "aws-auth.dev/v1alpha1",
            "kind": "IamMapping",
            "metadata": {"name": "odd", "uid": "01234567-89ab-cdef-0123-456789abcdef"},
            "spec": {"arn": "arn:aws:iam::111122223333:role/n", "type": "FROM_THE_FUTURE"},
        }))
        .unwrap();
        let mapping = guarded(&guard);
        assert_eq!(mapping.name, "odd");
        assert_eq!(mapping.uid.to_string(), "01234567-89ab-cdef-0123-456789abcdef");
        let Err(SpecError::Undecodable(why)) = mapping.spec else { panic!("{:?}", mapping.spec) };
        assert!(why.contains("FROM_THE_FUTURE"), "{why}");
    }

    #[test]
    fn objects_from_files_are_younger_than_any_other_and_share_no_uid() {
        let named = |name: &str| mapping(&IamMapping::new(name, IamMappingSpec::default()));
        assert!(named("a").created > Timestamp(4_000_000_000));
        assert_eq!(named("a").uid, named("a").uid);
        assert_ne!(named("a").uid, named("b").uid);
    }
}
