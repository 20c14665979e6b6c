//! Plans one mapping against an aws-auth in memory, and prints what would be written and why.
//!
//! ```sh
//! cargo run -p aws-auth --example plan
//! cargo run -p aws-auth --example plan -- arn:aws:sts::111122223333:assumed-role/dev/jane
//! cargo run -p aws-auth --example plan -- arn:aws:iam::111122223333:role/breakglass root system:masters
//! ```

use std::collections::BTreeMap;
use std::process::ExitCode;

use aws_auth::aws_auth::{AwsAuth, Source};
use aws_auth::mapping::{Mapping, RawSpec, Spec, SpecError, Uid};
use aws_auth::plan::{Input, plan};
use aws_auth::settings::Settings;
use aws_auth::situation::Situation;
use aws_auth::{Key, Timestamp};

const MAP_ROLES: &str = "\
- rolearn: arn:aws:iam::111122223333:role/nodes   # eksctl wrote this
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let asked = match arguments.next() {
        Some(arn) => RawSpec {
            arn: Some(arn),
            username: arguments.next(),
            groups: arguments.collect(),
            ..RawSpec::default()
        },
        None => RawSpec {
            arn: Some("arn:aws:iam::111122223333:role/team/dev".to_owned()),
            username: Some("dev:{{SessionName}}".to_owned()),
            groups: vec!["developers".to_owned()],
            ..RawSpec::default()
        },
    };
    match show(asked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refused) => {
            eprintln!("{refused}");
            ExitCode::FAILURE
        }
    }
}

fn show(asked: RawSpec) -> Result<(), SpecError> {
    // The static rules are applied here, once: what passes is trusted from then on.
    let spec = Spec::parse(asked)?;
    let mapping = Mapping {
        name: "example".to_owned(),
        uid: Uid([1; 16]),
        created: Timestamp(0),
        spec: Ok(spec),
        applied: None,
        announced_end: None,
    };

    // aws-auth as it stands, read as aws-iam-authenticator reads it.
    let cluster = Uid([2; 16]);
    let data = BTreeMap::from([(Key::MapRoles.to_string(), MAP_ROLES.to_owned())]);
    let aws_auth = AwsAuth::read(Source { data, ..Source::default() }, cluster);

    // Both, and the configuration, make a plan. Time comes in as an argument.
    let settings = Settings::default();
    let input = Input {
        mappings: &[&mapping],
        aws_auth: &aws_auth,
        cluster,
        settings: &settings,
        now: Timestamp(1_800_000_000),
        situation: Situation::none(),
    };
    let plan = plan(&input);

    for verdict in &plan.verdicts {
        println!("{}: {}: {}", verdict.mapping.name, verdict.outcome.reason(), verdict.outcome.message());
    }
    for change in &plan.changes {
        println!("{} {} in {}", change.kind, change.principal, change.key);
    }
    // What is written is already verified: read again, it says what aws-auth said before, and the changes, and no more.
    match &plan.write {
        None => println!("\nNothing to write."),
        Some(after) => {
            for key in Key::ALL.into_iter().filter(|&key| !after.text(key).is_empty()) {
                println!("\n{key}:\n{}", after.text(key));
            }
        }
    }
    Ok(())
}
