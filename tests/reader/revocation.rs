//! How long it takes until a mapping lets somebody in, and until its deletion keeps them out: with a token that the API
//! server has not seen, and with one that it remembers.
//!
//! The same tests make the figures of `docs/revocation.md`, which says how. Nothing is asserted of how long it takes.

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use aws_auth_operator::api::IamMapping;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::aws::Caller;
use crate::world::{RUNTIME, World};

const ACCOUNT: &str = "111122223333";
/// The API server keeps whoever a token has stood for so long, whatever its flags say.
const REMEMBERED: Duration = Duration::from_secs(10);

fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

fn is_turned_away<T>(seen: &Result<T, String>) -> bool {
    seen.as_ref().is_err_and(|error| error.contains("Unauthorized"))
}

/// A setting of a measurement. Without one the test only shows what it is named for.
fn setting(name: &str, without: &str) -> String {
    env::var(name).unwrap_or_else(|_| without.to_owned())
}

fn rounds(without: &str) -> usize {
    setting("REVOCATION_ROUNDS", without).parse().expect("REVOCATION_ROUNDS is a number")
}

/// Shortens what the removal brake counts to a second, so that one mapping after another may go. A single change waits
/// for nothing, at any scale.
fn world(token_cache: &str) -> World {
    World::start_at("0.001".parse().unwrap(), "", token_cache, None)
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |percent: usize| times[((times.len() - 1) * percent).div_ceil(100)].as_secs_f64() * 1000.0;
    println!("{what:<58} {:>8.1} ms {:>8.1} ms {:>8.1} ms", at(50), at(99), at(100));
}

/// How long until it holds, looking all the time.
fn until(since: Instant, mut holds: impl FnMut() -> bool) -> Duration {
    while !holds() {
        assert!(since.elapsed() < Duration::from_mins(10), "not within ten minutes");
    }
    since.elapsed()
}

#[test]
fn a_mapping_lets_somebody_in_and_its_deletion_keeps_them_out_with_a_new_token() {
    let (world, rounds) = (world("0s"), rounds("2"));
    let mappings: Api<DynamicObject> = Api::all_with(world.admin(), &ApiResource::erase::<IamMapping>(&()));
    let config_maps: Api<ConfigMap> = Api::namespaced(world.admin(), "kube-system");
    world.map("first", &json!({"arn": arn("first")}));
    let caller = Caller::session(ACCOUNT, "measured", "s");
    let enters = || world.whoami(&caller).is_ok();
    let mut times: [Vec<Duration>; 6] = Default::default();
    for round in 0..rounds {
        let since = Instant::now();
        assert!(!enters());
        times[0].push(since.elapsed());

        let spec = json!({"arn": arn("measured"), "username": format!("round-{round}")});
        let object = json!({"apiVersion": "aws-auth.dev/v1alpha1", "kind": "IamMapping", "metadata": {"name": "measured"}, "spec": spec});
        let object = serde_json::from_value(object).unwrap();
        let since = Instant::now();
        RUNTIME.block_on(mappings.create(&PostParams::default(), &object)).unwrap();
        times[1].push(until(since, enters));
        world.kubectl(&["wait", "--for=condition=Ready", "iamm/measured", "--timeout=60s"]);
        let since = Instant::now();
        RUNTIME.block_on(mappings.delete("measured", &DeleteParams::default())).unwrap();
        times[2].push(until(since, || !enters()));

        let text = |data: &str| Patch::Merge(json!({"data": {"mapUsers": data}}));
        let write = |data: &str| {
            let since = Instant::now();
            RUNTIME.block_on(config_maps.patch("aws-auth", &PatchParams::default(), &text(data))).unwrap();
            since
        };
        // As the operator's own entry is: in a key of its own, so that it is nobody's but ours.
        let since = write(&format!("- userarn: {}\n  username: by-hand\n", arn("measured")));
        times[3].push(until(since, enters));
        let since = write("[]\n");
        times[4].push(until(since, || !enters()));

        let since = Instant::now();
        world.kubectl(&["get", "namespace", "default"]);
        times[5].push(since.elapsed());
        // What the removal brake counts in goes by.
        thread::sleep(Duration::from_secs(1));
    }
    let [look, granted, revoked, granted_by_hand, revoked_by_hand, kubectl] = times;
    println!("{:<58} {:>11} {:>11} {:>11}", format!("{rounds} rounds"), "p50", "p99", "most");
    print("one look: a request with a new token, turned away", look);
    print("IamMapping created, until the caller enters", granted);
    print("aws-auth written by hand, until the caller enters", granted_by_hand);
    print("IamMapping deleted, until the caller is turned away", revoked);
    print("aws-auth written by hand, until the caller is turned away", revoked_by_hand);
    print("one kubectl, of which nothing is in the above", kubectl);
}

#[test]
fn a_remembered_token_lets_a_revoked_caller_in_no_longer_than_it_is_remembered() {
    let cache = setting("REVOCATION_CACHE", "0s");
    let minutes = cache.strip_suffix('m').map(|minutes| minutes.parse::<u64>().unwrap());
    let cached = minutes.map_or(Duration::ZERO, Duration::from_mins) + REMEMBERED;
    let (world, rounds) = (world(&cache), rounds("1"));
    let callers: Vec<(String, Caller)> = (0..rounds)
        .map(|n| (format!("caller-{n}"), Caller::session(ACCOUNT, &format!("caller-{n}"), "s")))
        .collect();
    for (name, caller) in &callers {
        world.map(name, &json!({"arn": arn(name), "username": name}));
        world.enters(caller, name, &[]);
    }
    let times: Vec<Duration> = thread::scope(|all| {
        // Everybody works along with one token, as kubectl does, and has begun at another time.
        let working: Vec<_> = callers
            .iter()
            .enumerate()
            .map(|(number, (_, caller))| {
                let world = &world;
                if number > 0 {
                    thread::sleep(cached / u32::try_from(rounds).unwrap());
                }
                all.spawn(move || {
                    let (token, since) = (caller.token(), Instant::now());
                    until(since, || {
                        // As exact as is of use: fifty who look all the time would keep the machine busy.
                        thread::sleep(cached / 200);
                        is_turned_away(&world.whoami_with(&token))
                    });
                    Instant::now()
                })
            })
            .collect();
        // In another rhythm than they began in.
        let mut deleted: Vec<Instant> = callers
            .iter()
            .rev()
            .map(|(name, _)| {
                // What the removal brake counts in goes by.
                thread::sleep(Duration::from_millis(400));
                world.kubectl(&["delete", "iamm", name, "--wait=false"]);
                Instant::now()
            })
            .collect();
        deleted.reverse();
        working.into_iter().zip(deleted).map(|(out, deleted)| out.join().unwrap() - deleted).collect()
    });
    println!("{:<58} {:>11} {:>11} {:>11}", format!("{rounds} callers, cache {cache}"), "p50", "p99", "most");
    print("IamMapping deleted, until a remembered token is refused", times);
}
