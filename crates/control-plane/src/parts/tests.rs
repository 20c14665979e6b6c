//! Building, installing and finding parts: a Go module small enough to build in a moment, and stand-ins for the tools that
//! need the network.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs, thread};

use super::debian::Policy;
use super::*;

/// A Go program that prints `word`, and a cache of its own.
struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(word: &str) -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(fixture.module()).unwrap();
        fixture.write("go.mod", "module example.invalid/fixture\n\ngo 1.21\n");
        fixture.print(word);
        fixture
    }

    fn module(&self) -> PathBuf {
        self.folder.path().join("module")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.module().join(name), text).unwrap();
    }

    fn print(&self, word: &str) {
        self.write("main.go", &format!("package main\n\nfunc main() {{ println(\"{word}\") }}\n"));
    }

    fn workshop(&self) -> Workshop {
        let path = env::var_os("PATH").unwrap();
        Workshop { cache: Some(self.folder.path().join("cache")), assets: None, path }
    }

    fn build(&self) -> Result<PathBuf, Error> {
        let recipe = Recipe::new("fixture", "").package(".", "example.invalid/none").folder(self.module());
        self.workshop().build(&recipe)
    }
}

fn run(program: &Path) -> String {
    String::from_utf8(Command::new(program).output().unwrap().stderr).unwrap()
}

#[test]
fn a_part_is_built_once_and_again_when_its_source_has_changed() {
    let fixture = Fixture::new("old");
    let old = fixture.build().unwrap();
    assert_eq!(run(&old), "old\n");

    // A second build would put another file there.
    let made = fs::metadata(&old).unwrap().modified().unwrap();
    assert_eq!(fixture.build().unwrap(), old);
    assert_eq!(fs::metadata(&old).unwrap().modified().unwrap(), made);

    fixture.print("new");
    assert_eq!(run(&fixture.build().unwrap()), "new\n");
    // Another checkout may still be at the old source.
    assert_eq!(run(&old), "old\n");
}

#[test]
fn a_changed_go_mod_makes_another_part() {
    let fixture = Fixture::new("same");
    let one = fixture.build().unwrap();
    fixture.write("go.mod", "module example.invalid/fixture\n\ngo 1.22\n");
    assert_ne!(fixture.build().unwrap(), one);
}

#[test]
fn whoever_asks_at_once_gets_the_same_whole_program_and_nothing_unfinished_stays() {
    let fixture = Fixture::new("whole");
    let programs: Vec<PathBuf> = thread::scope(|all| {
        let asking: Vec<_> = (0..4).map(|_| all.spawn(|| fixture.build().unwrap())).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for program in &programs {
        assert_eq!(program, &programs[0]);
        assert_eq!(run(program), "whole\n");
    }
    let beside = programs[0].parent().unwrap();
    let mut names: Vec<_> = fs::read_dir(beside)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["fixture", "lock"]);
}

#[test]
fn a_failed_build_says_what_go_said_and_is_tried_again() {
    let fixture = Fixture::new("never seen");
    fixture.write("main.go", "package main\n\nfunc main() { noSuchThing() }\n");
    let error = fixture.build().unwrap_err();
    assert!(matches!(error, Error::Build { .. }), "{error}");
    assert!(error.to_string().contains("undefined: noSuchThing"), "{error}");

    fixture.print("mended");
    assert_eq!(run(&fixture.build().unwrap()), "mended\n");
}

#[test]
fn a_go_that_is_too_old_is_told_from_a_broken_build() {
    let fixture = Fixture::new("of the future");
    fixture.write("go.mod", "module example.invalid/fixture\n\ngo 1.999\n");
    let error = fixture.build().unwrap_err();
    assert!(matches!(&error, Error::GoTooOld { wanted, .. } if wanted == "1.999"), "{error}");
}

#[test]
fn what_somebody_else_has_put_on_the_machine_is_not_built() {
    let folder = tempfile::tempdir().unwrap();
    let (assets, bin) = (folder.path().join("assets"), folder.path().join("bin"));
    for program in
        [&assets, &bin].map(|folder| folder.join("kubectl")).into_iter().chain([assets.join("etcd")])
    {
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(program, "").unwrap();
    }
    let path = bin.clone().into_os_string();
    let with_assets = Workshop { cache: None, assets: Some(assets.clone()), path: path.clone() };
    assert_eq!(with_assets.ready_made(Part::Etcd), Some(assets.join("etcd")));
    assert_eq!(with_assets.ready_made(Part::Kubectl), Some(assets.join("kubectl")));
    assert_eq!(with_assets.ready_made(Part::KubeApiserver), None, "the folder does not have it");

    let without = Workshop { cache: None, assets: None, path };
    assert_eq!(without.ready_made(Part::Kubectl), Some(bin.join("kubectl")));
    assert_eq!(without.ready_made(Part::Etcd), None, "which etcd that would be is anybody's guess");
}

#[test]
fn every_part_is_at_one_version() {
    for part in [
        Part::KubeApiserver,
        Part::OldestKubeApiserver,
        Part::Etcd,
        Part::Kubectl,
        Part::Helm,
        Part::Promtool,
        Part::Prometheus,
        Part::ArgoCd,
        Part::RedisServer,
        Part::GitopsHealth,
        Part::AwsAuthReader,
        Part::AwsIamAuthenticator,
        Part::KeikoprojAwsAuth,
        Part::Valgrind,
        Part::Chromium,
        Part::Aws,
        Part::Buildah,
        Part::Actionlint,
        Part::KubernetesValidate,
        Part::Krew,
        Part::ValidateKrewManifest,
    ] {
        match part.origin() {
            Origin::Go(recipe) => {
                let name = recipe.wants().unwrap().part;
                let version = name.strip_prefix(part.program()).unwrap();
                assert!(version.starts_with(" v") && version.contains('.'), "{name}");
            }
            // The one that Debian has.
            Origin::Debian { .. } => {}
            Origin::Python { folder } => {
                let text = fs::read_to_string(python::requirements(folder)).unwrap();
                let packages = text
                    .lines()
                    .filter(|line| !line.is_empty() && !line.starts_with([' ', '#']))
                    .collect::<Vec<_>>();
                assert!(
                    !packages.is_empty() && packages.iter().all(|line| line.contains("==")),
                    "{packages:?}"
                );
            }
        }
    }
}

/// A machine with these programs and no others.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new(programs: &[(&str, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir(machine.bin()).unwrap();
        for (name, script) in programs {
            let path = machine.bin().join(name);
            // Its own folder first in what it calls, then the real machine's.
            let script = format!(
                "#!/bin/sh\nbin=\"{}\"\nPATH=\"{}\"\n{script}",
                machine.bin().display(),
                env::var("PATH").unwrap()
            );
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        machine
    }

    fn bin(&self) -> PathBuf {
        self.0.path().join("bin")
    }

    fn workshop(&self) -> Workshop {
        Workshop { cache: Some(self.0.path().join("cache")), assets: None, path: self.bin().into_os_string() }
    }

    /// What the stand-ins wrote down.
    fn log(&self) -> String {
        fs::read_to_string(self.bin().join("log")).unwrap_or_default()
    }
}

const ROOT: (&str, &str) = ("id", "echo 0");

#[test]
fn a_package_is_installed_once_by_whoever_asks_first() {
    let apt = "echo \"$@\" >> \"$bin/log\"; case \"$*\" in *install*) touch \"$bin/browser\";; esac";
    let machine = Machine::new(&[ROOT, ("apt-get", apt)]);
    thread::scope(|all| {
        for _ in 0..4 {
            all.spawn(|| {
                assert_eq!(
                    machine.workshop().install("browser", "pkg").unwrap(),
                    machine.bin().join("browser")
                );
            });
        }
    });
    let options = "--quiet --option DPkg::Lock::Timeout=600";
    assert_eq!(
        machine.log(),
        format!("{options} update\n{options} install --yes --no-install-recommends pkg\n")
    );
}

#[test]
fn who_cannot_install_a_package_is_told_what_to_do() {
    let nothing = ("apt-get", "exit 0");
    let fails = ("apt-get", "echo 'E: Unable to locate package pkg'; exit 100");
    for (programs, says) in [
        (vec![("id", "echo 1000"), nothing], "only root can"),
        (vec![ROOT], "no apt-get"),
        (vec![ROOT, fails], "Unable to locate package"),
        (vec![ROOT, nothing], "no folder of PATH"),
    ] {
        let machine = Machine::new(&programs);
        let error = machine.workshop().install("browser", "pkg").unwrap_err().to_string();
        assert!(
            error.contains(says) && error.contains("apt-get install --no-install-recommends pkg"),
            "{error}"
        );
    }
}

#[test]
fn packages_start_nothing_and_a_policy_that_is_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy-rc.d");
    let policy = Policy::set(&path).unwrap();
    assert_eq!(Command::new(&path).status().unwrap().code(), Some(101));
    drop(Policy::set(&path).unwrap());
    assert!(path.is_file(), "it was somebody else's");
    drop(policy);
    assert!(!path.exists());
}

#[test]
fn a_python_environment_is_made_once_and_again_when_its_packages_change() {
    // `python3 -m venv` makes an environment whose python notes what pip was to install, and brings the program.
    let python = "case \"$2\" in venv) for last; do :; done; mkdir -p \"$last/bin\"; cp \"$0\" \"$last/bin/python\";; \
                  pip) for last; do :; done; cat \"$last\" >> \"$bin/log\"; touch \"$(dirname \"$0\")/tool\";; \
                  *) echo 3.11;; esac";
    let machine = Machine::new(&[("python3", python)]);
    let requirements = machine.0.path().join("requirements.txt");
    let make = |text: &str| {
        fs::write(&requirements, text).unwrap();
        machine.workshop().environment("tool", &requirements).unwrap()
    };
    let one = make("tool==1\n");
    assert!(one.is_file());
    assert_eq!(make("tool==1\n"), one);
    assert_ne!(make("tool==2\n"), one);
    assert_eq!(machine.log(), "tool==1\ntool==2\n");
}

#[test]
fn a_python_environment_that_failed_says_why_and_is_tried_again() {
    let python = "case \"$2\" in venv) echo 'no module named venv'; exit 1;; *) echo 3.11;; esac";
    let machine = Machine::new(&[("python3", python)]);
    let requirements = machine.0.path().join("requirements.txt");
    fs::write(&requirements, "tool==1\n").unwrap();
    for _ in 0..2 {
        let error = machine.workshop().environment("tool", &requirements).unwrap_err().to_string();
        assert!(error.contains("no module named venv"), "{error}");
    }
    fs::remove_file(machine.bin().join("python3")).unwrap();
    let error = machine.workshop().environment("tool", &requirements).unwrap_err();
    assert!(matches!(error, Error::PythonMissing { .. }), "{error}");
}
