//! EKS's `kube-system/aws-auth`: read exactly as aws-iam-authenticator reads it, planned, edited losslessly, verified.
//!
//! Everything here is a pure function over plain data: no Kubernetes client, no clock, no I/O. Time comes in as an
//! argument ([`Timestamp`]), the ConfigMap as a map of strings.
//!
//! ```
//! use aws_auth::aws_auth::{AwsAuth, Source};
//! use aws_auth::lookup::{Caller, Lookup, Options, Outcome};
//! use aws_auth::mapping::{Mapping, RawSpec, Spec, Uid};
//! use aws_auth::plan::{Input, plan};
//! use aws_auth::{Key, Timestamp, settings::Settings, situation::Situation};
//!
//! // What stands, read as aws-iam-authenticator reads it.
//! let foreign = "- {rolearn: 'arn:aws:iam::111122223333:role/nodes', username: node, groups: [nodes]}\n";
//! let data = [("mapRoles".to_owned(), foreign.to_owned())].into();
//! let cluster = Uid([1; 16]);
//! let aws_auth = AwsAuth::read(Source { data, ..Source::default() }, cluster);
//!
//! // What is asked for, held against every static rule.
//! let spec = Spec::parse(RawSpec {
//!     arn: Some("arn:aws:iam::111122223333:role/team/dev".to_owned()),
//!     username: Some("dev:{{SessionName}}".to_owned()),
//!     ..RawSpec::default()
//! });
//! let mapping =
//!     Mapping { name: "dev".to_owned(), uid: Uid([2; 16]), created: Timestamp(0), spec, applied: None, announced_end: None };
//! let mappings = [&mapping];
//!
//! // What to write, already verified, and a verdict for every mapping.
//! let settings = Settings::default();
//! let plan = plan(&Input {
//!     mappings: &mappings,
//!     aws_auth: &aws_auth,
//!     cluster,
//!     settings: &settings,
//!     now: Timestamp(1_800_000_000),
//!     situation: Situation::none(),
//! });
//! let after = plan.write.expect("there is an entry to add");
//! assert!(after.text(Key::MapRoles).starts_with(foreign));
//!
//! // Who a caller becomes, once that is written.
//! let lookup = Lookup::new(Key::ALL.map(|key| (key, after.key(key).reading())));
//! let jane = Caller::from_arn("arn:aws:sts::111122223333:assumed-role/dev/jane").expect("it is a session");
//! let Outcome::Admitted(admission) = lookup.find(&jane, &Options::default()) else { panic!("she gets in") };
//! assert_eq!(admission.username, "dev:jane");
//! ```

pub mod approval;
pub mod arn;
pub mod aws_auth;
pub mod canonical;
pub mod contention;
pub mod document;
pub mod entry;
pub mod export;
pub mod fold;
pub mod glob;
pub mod guards;
pub mod import;
pub mod lint;
pub mod lookup;
pub mod mapping;
pub mod ownership;
pub mod plan;
pub mod policy;
pub mod rbac;
pub mod reader;
pub mod restore;
pub mod settings;
pub mod situation;
pub mod spelling;
pub mod template;
pub mod time;
pub mod verify;
pub mod why_not;
pub mod window;
pub mod yaml;

pub use entry::{Entry, Key};
pub use time::Timestamp;
