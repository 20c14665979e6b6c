//! The core alone, at 500 and at 5,000 mappings against an aws-auth of their size (5,000 make about 600 KiB).
//!
//! `cargo bench -p aws-auth`. Limits (issue: the operator): planning at 5,000 at most 5 ms; reading, planning, writing
//! the text and verifying it together at most 30 ms; ten times the work in at most twelve times the time.

use aws_auth::aws_auth::{AwsAuth, Source};
use aws_auth::mapping::{Mapping, RawSpec, Spec, Uid};
use aws_auth::plan::{Input, plan};
use aws_auth::settings::Settings;
use aws_auth::situation::Situation;
use aws_auth::{Key, Timestamp};
use divan::{Bencher, black_box};

const SIZES: [u32; 2] = [500, 5_000];
const CLUSTER: Uid = Uid([1; 16]);
const NOW: Timestamp = Timestamp(1_800_000_000);

fn main() {
    divan::main();
}

fn mapping(n: u32, group: &str) -> Mapping {
    let mut uid = [0; 16];
    uid[..4].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
    Mapping {
        name: format!("team-{n:05}"),
        uid: Uid(uid),
        created: Timestamp(i64::from(n)),
        spec: Spec::parse(RawSpec {
            arn: Some(format!("arn:aws:iam::111122223333:role/team-{n:05}")),
            username: Some(format!("team-{n:05}:{{{{SessionName}}}}")),
            groups: vec![group.into()],
            ..RawSpec::default()
        }),
        applied: None,
        announced_end: None,
    }
}

struct Cluster {
    mappings: Vec<Mapping>,
    source: Source,
}

/// A cluster at rest with so many mappings.
fn cluster(size: u32) -> Cluster {
    let mappings: Vec<Mapping> = (0..size).map(|n| mapping(n, "developers")).collect();
    let all: Vec<&Mapping> = mappings.iter().collect();
    let missing = AwsAuth::missing();
    let settings = Settings::default();
    let input = Input {
        mappings: &all,
        aws_auth: &missing,
        cluster: CLUSTER,
        settings: &settings,
        now: NOW,
        situation: Situation::none(),
    };
    let source = plan(&input).write.map(|written| written.source().clone()).unwrap_or_default();
    Cluster { mappings, source }
}

/// Planning when nothing is to be written: what every event costs.
#[divan::bench(args = SIZES)]
fn planning(bencher: Bencher<'_, '_>, size: u32) {
    let Cluster { mappings, source } = cluster(size);
    let aws_auth = AwsAuth::read(source, CLUSTER);
    let mappings: Vec<&Mapping> = mappings.iter().collect();
    let settings = Settings::default();
    bencher.bench(|| {
        plan(black_box(&Input {
            mappings: &mappings,
            aws_auth: &aws_auth,
            cluster: CLUSTER,
            settings: &settings,
            now: NOW,
            situation: Situation::none(),
        }))
    });
}

/// Reading aws-auth, planning one more mapping and one less, writing the text and verifying it.
#[divan::bench(args = SIZES)]
fn read_plan_write_verify(bencher: Bencher<'_, '_>, size: u32) {
    let Cluster { mut mappings, source } = cluster(size);
    mappings.pop();
    mappings.push(mapping(size + 1, "developers"));
    let mappings: Vec<&Mapping> = mappings.iter().collect();
    let settings = Settings::default();
    bencher.with_inputs(|| source.clone()).bench_values(|source| {
        let aws_auth = AwsAuth::read(source, CLUSTER);
        let input = Input {
            mappings: &mappings,
            aws_auth: &aws_auth,
            cluster: CLUSTER,
            settings: &settings,
            now: NOW,
            situation: Situation::none(),
        };
        plan(&input).write.map(|written| written.text(Key::MapRoles).len())
    });
}

/// Reading alone.
#[divan::bench(args = SIZES)]
fn reading(bencher: Bencher<'_, '_>, size: u32) {
    let Cluster { source, .. } = cluster(size);
    bencher.with_inputs(|| source.clone()).bench_values(|source| AwsAuth::read(source, CLUSTER));
}
