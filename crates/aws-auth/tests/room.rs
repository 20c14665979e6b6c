//! The limits of data and annotations, to the byte: what just fits gets in, what is one byte too long waits.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod common;

use aws_auth::Key;
use aws_auth::aws_auth::{AwsAuth, Source};
use aws_auth::mapping::{Mapping, RawSpec, Uid};
use aws_auth::ownership::{self, Record};
use aws_auth::plan::{HoldReason, Outcome};
use aws_auth::spelling::HEADER;
use common::{CLUSTER, World, adopting, aws_auth, mapping, raw, role};

const FOREIGN: &str = "- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n";
/// What is kept free for what has to be published.
const RESERVED: usize = 16 * 1024;

fn dev(n: u32, groups: &[&str]) -> RawSpec {
    raw(&role(&format!("dev{n}")), &format!("dev{n}"), groups)
}

fn size(aws_auth: &AwsAuth) -> usize {
    aws_auth.source().data.iter().map(|(key, text)| key.len() + text.len()).sum()
}

fn world(text: &str, mappings: &[Mapping]) -> World {
    let mut world = World::with(aws_auth(&[("mapRoles", text), ("notes", "hands off")]));
    world.settings.guards.min_admins = 0;
    world.mappings = mappings.to_vec();
    world.settle();
    world
}

fn full(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Held { reason: HoldReason::TargetFull, .. })
}

/// Changes mappings of a cluster, with room for just what comes of it, and with one byte less.
fn just_fits(start: &dyn Fn() -> World, change: &dyn Fn(&mut World), name: &str) {
    let unlimited = {
        let mut world = start();
        change(&mut world);
        assert_eq!(world.outcome(name), Outcome::Applied);
        size(&world.aws_auth)
    };
    for (limit, fits) in [(unlimited, true), (unlimited - 1, false)] {
        let mut world = start();
        world.settings.guards.max_data_bytes = limit;
        change(&mut world);
        let before = size(&world.aws_auth);
        let outcome = world.outcome(name);
        assert_eq!(outcome == Outcome::Applied, fits, "{limit} bytes: {outcome:?}");
        assert_eq!(full(&outcome), !fits, "{outcome:?}");
        assert!(size(&world.aws_auth) <= limit.max(before));
    }
}

#[test]
fn another_entry_of_ours_gets_in_where_it_just_fits() {
    let start = || world(FOREIGN, &[mapping("dev1", 1, dev(1, &["g"]))]);
    just_fits(&start, &|world| world.mappings.push(mapping("dev2", 2, dev(2, &["g", "h"]))), "dev2");
}

#[test]
fn the_first_entry_of_ours_brings_a_comment_along_that_has_to_fit() {
    let text = format!("# {}\n{FOREIGN}", "x".repeat(9));
    let limit = |more: usize| {
        let mut world = world(&text, &[]);
        let item = world_size_of_one() - FOREIGN.len();
        // The name of the key is counted for a key that may not be there.
        world.settings.guards.max_data_bytes = size(&world.aws_auth) + "mapRoles".len() + item + more;
        world.mappings.push(mapping("dev1", 1, dev(1, &["g"])));
        world.outcome("dev1")
    };
    assert!(full(&limit(HEADER.len())));
    assert_eq!(limit(HEADER.len() + 1), Outcome::Applied);
}

/// A foreign text and one entry of ours, without the comment.
fn world_size_of_one() -> usize {
    let world = world(FOREIGN, &[mapping("dev1", 1, dev(1, &["g"]))]);
    world.roles().len() - HEADER.len() - 1
}

#[test]
fn a_change_that_grows_an_entry_is_held_where_it_does_not_fit() {
    let start = || world(FOREIGN, &[mapping("dev1", 1, dev(1, &["g"]))]);
    just_fits(&start, &|world| world.mappings[0] = mapping("dev1", 1, dev(1, &["g", "hh"])), "dev1");
}

#[test]
fn what_goes_makes_room_for_what_comes_in_the_same_write() {
    let start = || world(FOREIGN, &[mapping("dev1", 1, dev(1, &["g"])), mapping("dev2", 2, dev(2, &["g"]))]);
    let mut world = start();
    world.settings.guards.max_data_bytes = size(&world.aws_auth);
    world.mappings.remove(0);
    world.mappings.push(mapping("dev3", 3, dev(3, &["g"])));
    assert_eq!(world.plan(|plan| plan.changes.len()), 2, "in one write");

    let mut world = start();
    world.settings.guards.max_data_bytes = size(&world.aws_auth) - 1;
    world.mappings[1] = mapping("dev2", 2, dev(2, &[]));
    assert_eq!(world.outcome("dev2"), Outcome::Applied, "what shrinks an entry needs no room");
}

#[test]
fn beyond_the_limit_what_grows_waits_and_what_shrinks_goes() {
    let mut world = world(FOREIGN, &[mapping("dev1", 1, dev(1, &["g"])), mapping("dev2", 2, dev(2, &["g"]))]);
    world.settings.guards.max_data_bytes = 1;
    world.mappings.remove(0);
    world.mappings.push(mapping("dev3", 3, dev(3, &[])));
    let (outcomes, _) = world.settle();
    assert!(full(&outcomes["dev3"]));
    assert_eq!(world.served(Key::MapRoles).len(), 2);
    let Outcome::Held { message, .. } = &outcomes["dev3"] else { unreachable!() };
    assert!(message.contains("of 1 bytes of data"), "{message}");
}

#[test]
fn beyond_the_limit_a_change_that_needs_no_room_goes_on() {
    let mut world = world(FOREIGN, &[mapping("dev1", 1, dev(1, &["g"]))]);
    world.settings.guards.max_data_bytes = 1;
    world.mappings[0] = mapping("dev1", 1, dev(1, &["h"]));
    assert_eq!(world.outcome("dev1"), Outcome::Applied);
}

#[test]
fn as_many_get_in_as_there_is_room_for() {
    let more =
        |count: u32| (1..=count).map(|n| mapping(&format!("dev{n}"), n, dev(n, &["g"]))).collect::<Vec<_>>();
    let limit = size(&world(FOREIGN, &more(3)).aws_auth);
    let mut world = world(FOREIGN, &more(1));
    world.settings.guards.max_data_bytes = limit;
    world.mappings = more(4);
    let (outcomes, _) = world.settle();
    assert_eq!((&outcomes["dev2"], &outcomes["dev3"]), (&Outcome::Applied, &Outcome::Applied));
    assert!(full(&outcomes["dev4"]));
}

#[test]
fn the_oldest_get_in_and_a_small_one_where_a_large_one_does_not_fit() {
    let start = || world(FOREIGN, &[mapping("dev0", 1, dev(0, &["g"]))]);
    let mut one = start();
    one.mappings.push(mapping("dev1", 30, dev(1, &["g"])));
    one.settle();
    let room_for_one = size(&one.aws_auth);

    let mut world = start();
    world.settings.guards.max_data_bytes = room_for_one;
    world.mappings.push(mapping("dev1", 30, dev(1, &["g"])));
    world.mappings.push(mapping("dev2", 20, dev(2, &["a-much-longer-group"])));
    world.mappings.push(mapping("dev3", 25, dev(3, &["g"])));
    let (outcomes, _) = world.settle();
    assert!(full(&outcomes["dev2"]), "the oldest is too large");
    assert_eq!(outcomes["dev3"], Outcome::Applied, "the next takes the room");
    assert!(full(&outcomes["dev1"]));
    assert_eq!(size(&world.aws_auth), room_for_one);
}

/// A cluster whose annotations have room for so many rows, to the byte, or `less` of it.
fn room_for_rows(world: &mut World, rows: i64, less: usize) {
    let source = world.aws_auth.source();
    let others = source
        .annotations
        .iter()
        .filter(|(name, _)| !aws_auth::aws_auth::ANNOTATIONS.contains(&name.as_str()));
    let others: usize = others.map(|(name, value)| name.len() + value.len()).sum();
    let crd = aws_auth::guards::CRD.len() + Uid::default().to_string().len();
    let ours = ownership::ANNOTATION.len() + crd + Record::encoded_len(rows);
    world.settings.guards.max_annotation_bytes = others + RESERVED + ours - less;
}

fn annotated(mappings: &[Mapping]) -> World {
    let mut world = world(FOREIGN, mappings);
    let mut source: Source = world.aws_auth.source().clone();
    source.annotations.insert("team".to_owned(), "platform".to_owned());
    world.aws_auth = AwsAuth::read(source, CLUSTER);
    world
}

#[test]
fn the_record_grows_only_where_its_annotation_has_room_beside_everybody_elses() {
    for (less, fits) in [(0, true), (1, false)] {
        let mut world = annotated(&[mapping("dev1", 1, dev(1, &[]))]);
        room_for_rows(&mut world, 2, less);
        world.mappings.push(mapping("dev2", 2, dev(2, &[])));
        let outcome = world.outcome("dev2");
        assert_eq!((outcome == Outcome::Applied, full(&outcome)), (fits, !fits), "{outcome:?}");
    }
}

#[test]
fn a_row_that_ends_makes_room_for_one_that_begins() {
    let mut world = annotated(&[mapping("dev1", 1, dev(1, &[])), mapping("dev2", 2, dev(2, &[]))]);
    room_for_rows(&mut world, 2, 0);
    world.mappings.remove(0);
    world.mappings.push(mapping("dev3", 3, dev(3, &[])));
    assert_eq!(world.plan(|plan| plan.changes.len()), 2, "in one write");

    let mut world = annotated(&[mapping("dev1", 1, dev(1, &[]))]);
    room_for_rows(&mut world, 1, 0);
    world.mappings[0] = mapping("dev1", 1, dev(1, &["more"]));
    assert_eq!(world.outcome("dev1"), Outcome::Applied, "a change needs no row");
}

#[test]
fn of_three_rows_that_come_as_many_get_in_as_there_is_room_for() {
    let mut world = annotated(&[]);
    room_for_rows(&mut world, 2, 0);
    world.mappings = (1..=3).map(|n| mapping(&format!("dev{n}"), n, dev(n, &[]))).collect();
    let (outcomes, _) = world.settle();
    assert_eq!((&outcomes["dev1"], &outcomes["dev2"]), (&Outcome::Applied, &Outcome::Applied));
    assert!(full(&outcomes["dev3"]));
}

#[test]
fn taking_over_a_longer_entry_needs_a_row_and_no_room_in_the_data() {
    let theirs = format!(
        "- rolearn: {}\n  username: a-long-name-that-goes\n  groups: [one, two, three]\n",
        role("dev1")
    );
    for (rows, fits) in [(1, true), (0, false)] {
        let mut world = annotated(&[]);
        world.edit(Key::MapRoles, |text| format!("{text}{theirs}"));
        room_for_rows(&mut world, rows, 0);
        world.settings.guards.max_data_bytes = size(&world.aws_auth);
        world.mappings.push(mapping("dev1", 1, adopting(dev(1, &[]))));
        let outcome = world.outcome("dev1");
        assert_eq!((outcome == Outcome::Applied, full(&outcome)), (fits, !fits), "{outcome:?}");
    }
}
