//! What a plan takes that no machine changes: allocations, and bytes of what is written. More than 5 % over what it took
//! when somebody last looked is a regression; whoever makes it worth it writes the new figure down here.
//!
//! A binary of its own, because it counts with an allocator of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod common;

use allocation_counter::measure;
use aws_auth::aws_auth::{AwsAuth, Source};
use aws_auth::mapping::Mapping;
use aws_auth::settings::Settings;
use common::{CLUSTER, mappings, plan};

/// What was seen, by size.
struct Took {
    size: u32,
    /// Allocations to plan when there is nothing to do, which every event costs.
    at_rest: u64,
    /// Allocations to read, to plan one more and one less, to write and to verify.
    one_write: u64,
    /// Bytes of memory at the most during that.
    most_bytes: u64,
    /// Bytes of data and annotations that are written.
    written: usize,
}

const SEEN: [Took; 2] = [
    Took { size: 500, at_rest: 36, one_write: 10_197, most_bytes: 883_527, written: 77_756 },
    Took { size: 5_000, at_rest: 44, one_write: 100_217, most_bytes: 8_816_981, written: 776_005 },
];

fn take(size: u32) -> Took {
    let settings = Settings::default();
    let before = mappings(0..size);
    let all: Vec<&Mapping> = before.iter().collect();
    let missing = AwsAuth::missing();
    let source = plan(&all, &missing, &settings).write.expect("a first write").source().clone();
    let aws_auth = AwsAuth::read(source.clone(), CLUSTER);
    let at_rest = measure(|| assert!(plan(&all, &aws_auth, &settings).write.is_none())).count_total;

    let after = mappings(1..=size);
    let all: Vec<&Mapping> = after.iter().collect();
    let mut written = 0;
    let one_write = measure(|| {
        let aws_auth = AwsAuth::read(source.clone(), CLUSTER);
        let plan = plan(&all, &aws_auth, &settings);
        written = bytes(plan.write.expect("one more and one less").source());
    });
    let most_bytes = one_write.bytes_max;
    Took { size, at_rest, one_write: one_write.count_total, most_bytes, written }
}

fn bytes(source: &Source) -> usize {
    source.data.iter().chain(&source.annotations).map(|(key, value)| key.len() + value.len()).sum()
}

#[test]
fn a_plan_takes_no_more_than_five_percent_over_what_it_took() {
    let mut more = Vec::new();
    for seen in SEEN {
        let Took { size, at_rest, one_write, most_bytes, written } = take(seen.size);
        println!(
            "Took {{ size: {size}, at_rest: {at_rest}, one_write: {one_write}, most_bytes: {most_bytes}, written: {written} }},"
        );
        let written = u64::try_from(written).expect("bytes");
        for (what, took, took_before) in [
            ("allocations at rest", at_rest, seen.at_rest),
            ("allocations for one write", one_write, seen.one_write),
            ("bytes of memory at the most", most_bytes, seen.most_bytes),
            ("bytes written", written, u64::try_from(seen.written).expect("bytes")),
        ] {
            if took * 100 > took_before * 105 {
                more.push(format!("{what} at {size}: {took}, not {took_before}"));
            }
        }
    }
    assert!(more.is_empty(), "{more:#?}");
}

#[test]
fn ten_times_the_entries_take_at_most_eleven_times_the_allocations() {
    let [few, many] = SEEN.map(|seen| take(seen.size));
    assert!(many.at_rest <= 11 * few.at_rest, "{} and {}", few.at_rest, many.at_rest);
    assert!(many.one_write <= 11 * few.one_write, "{} and {}", few.one_write, many.one_write);
}
