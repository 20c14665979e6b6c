//! The ARN: what is accepted is written so that a caller matches it, and every spelling of it is one principal; what is
//! refused says so in words.

#![no_main]

use aws_auth::arn::{Principal, PrincipalKey};
use aws_auth::lookup::{Caller, Lookup, Options, Outcome};
use aws_auth::mapping::{RawSpec, Spec};
use aws_auth::{Key, policy, settings::Settings};
use aws_auth_fuzz::{Cluster, mapping};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|arn: &str| {
    let raw = RawSpec { arn: Some(arn.to_owned()), username: Some("u".to_owned()), ..RawSpec::default() };
    let spec = Spec::parse(raw.clone());
    let principal = match Principal::parse(arn) {
        Ok(principal) => principal,
        Err(error) => {
            assert!(!error.to_string().trim().is_empty());
            assert!(spec.is_err(), "a mapping may name what is no principal");
            return;
        }
    };
    let written = principal.entry_arn();
    assert_eq!(Principal::parse(&written).as_ref(), Ok(&principal));
    assert_eq!(PrincipalKey::of(&written), principal.key());
    let shouted = written.to_uppercase();
    assert_eq!(PrincipalKey::of(&shouted), principal.key(), "{shouted}");
    // A mapping has limits of its own, on length for one.
    let Ok(spec) = spec else { return };
    assert_eq!((spec.principal(), &spec.entry().arn), (&principal, &written));
    assert_eq!(policy::check(&spec, &Settings::default()), None);

    // Somebody who comes in under the ARN as it was given, or as it is written, is let in by the entry.
    let mut cluster = Cluster::new(&[(Key::MapRoles, "[]\n")]);
    cluster.mappings.push(mapping(1, raw));
    cluster.settle();
    let lookup = Lookup::new(Key::ALL.map(|key| (key, cluster.aws_auth.key(key).reading())));
    for arn in [arn, written.as_str()] {
        let caller = Caller::from_arn(arn).expect("a principal is an identity to the reader");
        match lookup.find(&caller, &Options::default()) {
            Outcome::Admitted(admission) => assert_eq!(admission.username, "u"),
            // A role comes in without its path; that the reader is not asked with one is AWS's doing.
            other => assert!(arn != written, "{arn}: {other:?}"),
        }
    }
});
