//! How many instructions a plan takes, counted by valgrind: what a clock would say only of a quiet machine. Ten times the
//! entries may take eleven times the instructions of one write, and a plan no more than 5 % over what it took when somebody
//! last looked.
//!
//! The count depends on the compiler: it is compared where the compiler is the one that it was made with, else only
//! printed. Whoever changes the compiler, or makes a plan worth more, writes the printed line down here.
//!
//! Valgrind runs this program again, which then does what it is told, or nothing: the difference is what is counted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what must hold by failing"
)]

mod common;

use std::env;
use std::fs::{self, File};
use std::hint::black_box;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::thread;

use aws_auth::aws_auth::{AwsAuth, Source};
use aws_auth::mapping::Mapping;
use aws_auth::settings::Settings;
use common::{CLUSTER, mappings, plan};
use control_plane::parts::{self, Part};
use libtest_mimic::{Arguments, Failed, Trial};

/// Tells the program that valgrind runs what to do, and with how many mappings.
const TASK: &str = "AWS_AUTH_INSTRUCTIONS";

/// What valgrind looks at.
#[derive(Clone, Copy)]
enum Work {
    Nothing,
    /// To plan when there is nothing to do, which every event costs.
    AtRest,
    /// To read, to plan one more and one less, to write and to verify.
    OneWrite,
}

/// In instructions.
#[derive(Clone, Copy)]
struct Took {
    size: u32,
    at_rest: u64,
    one_write: u64,
}

/// The compiler of what was seen, as `rustc --version` names it.
const COMPILER: &str = "rustc 1.95.0";
const SEEN: [Took; 2] = [
    Took { size: 500, at_rest: 1_318_425, one_write: 24_732_923 },
    Took { size: 5_000, at_rest: 13_297_162, one_write: 247_163_133 },
];

/// What it takes now, counted once.
static NOW: LazyLock<Result<[Took; 2], String>> = LazyLock::new(|| {
    let [few, many] = SEEN.map(|seen| count(seen.size));
    Ok([few?, many?])
});

fn main() {
    if let Ok(task) = env::var(TASK) {
        let (work, size) = task.split_once(' ').unwrap();
        let work = match work {
            "at-rest" => Work::AtRest,
            "one-write" => Work::OneWrite,
            _ => Work::Nothing,
        };
        return carry_out(work, size.parse().unwrap(), &read(&io::read_to_string(io::stdin()).unwrap()));
    }
    let trials = vec![
        Trial::test("a_plan_takes_no_more_than_five_percent_over_what_it_took", no_more_than_before),
        Trial::test("ten_times_the_entries_take_hardly_more_than_ten_times_the_instructions", in_step),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn carry_out(work: Work, size: u32, source: &Source) {
    let settings = Settings::default();
    let aws_auth = AwsAuth::read(source.clone(), CLUSTER);
    let (before, after) = (mappings(0..size), mappings(1..=size));
    let [before, after] = [&before, &after].map(|mappings| mappings.iter().collect::<Vec<&Mapping>>());
    match work {
        Work::Nothing => {}
        Work::AtRest => assert!(black_box(plan(&before, &aws_auth, &settings)).write.is_none()),
        Work::OneWrite => {
            let aws_auth = AwsAuth::read(source.clone(), CLUSTER);
            assert!(black_box(plan(&after, &aws_auth, &settings)).write.is_some());
        }
    }
}

/// aws-auth with an entry for each of so many mappings, with NUL between its pieces: it is passed on ready made, or
/// valgrind would be busy with that.
fn cluster(size: u32) -> String {
    let mappings = mappings(0..size);
    let all: Vec<&Mapping> = mappings.iter().collect();
    let (settings, missing) = (Settings::default(), AwsAuth::missing());
    let write = plan(&all, &missing, &settings).write.expect("a first write");
    let Source { data, annotations, .. } = write.source();
    [data, annotations]
        .map(|map| map.iter().map(|(key, value)| format!("{key}\0{value}")).collect::<Vec<_>>().join("\0"))
        .join("\0\0")
}

fn read(text: &str) -> Source {
    let map = |text: &str| {
        let pieces: Vec<&str> = text.split('\0').collect();
        pieces.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect()
    };
    let (data, annotations) = text.split_once("\0\0").expect("two parts");
    Source { data: map(data), annotations: map(annotations), ..Source::default() }
}

fn count(size: u32) -> Result<Took, String> {
    let cluster = &tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    fs::write(cluster, self::cluster(size)).map_err(|error| error.to_string())?;
    let [nothing, at_rest, one_write] = thread::scope(|all| {
        ["nothing", "at-rest", "one-write"]
            .map(|work| all.spawn(move || valgrind(&format!("{work} {size}"), cluster.path())))
            .map(|counted| counted.join().expect("it does not panic"))
    });
    let nothing = nothing?;
    Ok(Took { size, at_rest: at_rest? - nothing, one_write: one_write? - nothing })
}

/// The instructions of all of this program's life.
fn valgrind(task: &str, cluster: &Path) -> Result<u64, String> {
    let program = parts::ensure(Part::Valgrind).map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(env::current_exe().expect("this program's path"))
        .env(TASK, task)
        .stdin(File::open(cluster).map_err(|error| error.to_string())?)
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let counted = said.lines().find_map(|line| line.split_once("refs:"));
    let counted = counted.and_then(|(_, number)| number.trim().replace(',', "").parse().ok());
    counted.filter(|_| output.status.success()).ok_or_else(|| format!("{task}: {said}"))
}

fn compiler() -> Result<String, Failed> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Ok(String::from_utf8(Command::new(rustc).arg("--version").output()?.stdout)?)
}

fn no_more_than_before() -> Result<(), Failed> {
    let compiler = compiler()?;
    let same = cfg!(target_arch = "x86_64") && compiler.starts_with(COMPILER);
    println!("{}: {}", compiler.trim(), if same { "compared" } else { "not the one that was counted with" });
    let mut more = Vec::new();
    for (Took { size, at_rest, one_write }, seen) in NOW.clone()?.into_iter().zip(SEEN) {
        println!("Took {{ size: {size}, at_rest: {at_rest}, one_write: {one_write} }},");
        for (what, took, before) in
            [("at rest", at_rest, seen.at_rest), ("for one write", one_write, seen.one_write)]
        {
            if same && took * 100 > before * 105 {
                more.push(format!("instructions {what} at {size}: {took}, not {before}"));
            }
        }
    }
    if more.is_empty() { Ok(()) } else { Err(more.join("\n").into()) }
}

fn in_step() -> Result<(), Failed> {
    let [few, many] = NOW.clone()?;
    for (what, few, many) in
        [("for one write", few.one_write, many.one_write), ("at rest", few.at_rest, many.at_rest)]
    {
        if many > 11 * few {
            return Err(format!("{what}: {many} at 5,000 are more than 11 times {few} at 500").into());
        }
    }
    Ok(())
}
