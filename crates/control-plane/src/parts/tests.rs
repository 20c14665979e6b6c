//! Building and finding parts, on a Go module small enough to build in a moment.

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
        let recipe = Recipe {
            program: "fixture",
            folder: self.module(),
            package: ".",
            module: "example.invalid/none",
            takes: "a moment",
            told: None,
        };
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
fn every_part_knows_its_version() {
    for part in [
        Part::KubeApiserver,
        Part::Etcd,
        Part::Kubectl,
        Part::Helm,
        Part::Promtool,
        Part::GitopsHealth,
        Part::AwsAuthReader,
        Part::AwsIamAuthenticator,
    ] {
        let name = Recipe::of(part).wants().unwrap().part;
        let version = name.strip_prefix(part.program()).unwrap();
        assert!(version.starts_with(" v") && version.contains('.'), "{name}");
    }
}
