//! Who a caller becomes, by an aws-auth in a file.
//!
//! ```sh
//! kubectl -n kube-system get configmap aws-auth -o json > aws-auth.json
//! cargo run -p aws-auth --example who -- aws-auth.json arn:aws:sts::111122223333:assumed-role/dev/jane@example.com
//! ```

use std::error::Error;
use std::process::ExitCode;

use aws_auth::Key;
use aws_auth::aws_auth::{AwsAuth, Source};
use aws_auth::lookup::{Alternative, At, Caller, DenialReason, Lookup, Options, Outcome};
use aws_auth::mapping::Uid;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, arn] = arguments.as_slice() else {
        eprintln!(
            "usage: who FILE ARN\nFILE holds aws-auth as JSON, ARN is what `aws sts get-caller-identity` prints"
        );
        return ExitCode::FAILURE;
    };
    match show(file, arn) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn show(file: &str, arn: &str) -> Result<(), Box<dyn Error>> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let object: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| format!("{file}: {error}"))?;
    let data = serde_json::from_value(object["data"].clone())
        .map_err(|error| format!("{file}: .data is not what a ConfigMap has: {error}"))?;
    let caller = Caller::from_arn(arn)
        .ok_or_else(|| format!("{arn} is no role, user or session, so it gets in nowhere"))?;

    // Whose cluster it is matters only to the operator's own record.
    let aws_auth = AwsAuth::read(Source { data, ..Source::default() }, Uid::default());
    let lookup = Lookup::new(Key::ALL.map(|key| (key, aws_auth.key(key).reading())));
    match lookup.find(&caller, &Options::default()) {
        Outcome::Chance(alternatives) => {
            println!("The authenticator takes one of these at random, each time anew:");
            for alternative in alternatives {
                print(&aws_auth, alternative);
            }
        }
        Outcome::Unsure(key) => println!("{key} is spelled so that nothing can be said for certain"),
        Outcome::Admitted(admission) => print(&aws_auth, Alternative::Admitted(admission)),
        Outcome::Denied(denial) => print(&aws_auth, Alternative::Denied(denial)),
    }
    Ok(())
}

fn print(aws_auth: &AwsAuth, alternative: Alternative) {
    match alternative {
        Alternative::Admitted(admission) => {
            println!("gets in as {:?}, groups {:?}", admission.username, admission.groups);
            println!("by {}", place(aws_auth, admission.item));
            for shadowed in admission.shadowed {
                println!("and not by {}, which names the same principal", place(aws_auth, shadowed));
            }
        }
        Alternative::Denied(denial) => {
            let why = match denial.reason {
                DenialReason::NotMapped => "no entry names it, and none its account".to_owned(),
                DenialReason::NoInstance => "the entry is for EC2 instances".to_owned(),
                DenialReason::UnknownInstance => {
                    "EC2 does not know the instance (nobody asked it here)".to_owned()
                }
                DenialReason::ReservedPrefix(prefix) => format!("its username would begin with {prefix}"),
            };
            println!("is turned away: {why}");
            if let Some(item) = denial.item {
                println!("by {}", place(aws_auth, item));
            }
        }
    }
}

fn place(aws_auth: &AwsAuth, At { key, index }: At) -> String {
    let line = aws_auth.key(key).items().nth(index).map_or(0, |(_, item, _)| item.line);
    format!("{key}, line {line}")
}
