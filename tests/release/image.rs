//! The image. No registry is reached from here, so the stage that builds is replaced by the binary that Cargo built for
//! the tests, and the base by the libraries of this machine that the binary asks for, which are what the real base is
//! there to bring. The last stage itself is the Dockerfile's own, built and run by buildah.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use control_plane::parts::{self, Part};
use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = "/usr/local/bin/aws-auth-operator";
/// What the base is there for: glibc and libgcc.
const OF_THE_BASE: [&str; 4] = ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-"];

/// Buildah with a storage of its own.
struct Buildah {
    program: PathBuf,
    folder: TempDir,
}

impl Buildah {
    fn new() -> Self {
        Self { program: parts::ensure(Part::Buildah).unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.program)
            .args([
                "--storage-driver",
                "vfs",
                "--root",
                &self.path("storage"),
                "--runroot",
                &self.path("run"),
            ])
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(output.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Builds an image of what `file` says, with `context` as the folder that it copies from.
    #[track_caller]
    fn build(&self, file: &str, context: &Path, more: &[&str]) {
        fs::write(self.folder.path().join("Containerfile"), file).unwrap();
        let containerfile = self.path("Containerfile");
        let arguments = ["bud", "--isolation", "chroot", "--tag", "it", "--file", &containerfile];
        self.run(&[&arguments[..], more, &[context.to_str().unwrap()]].concat());
    }

    /// A container of the image, and where its files are.
    fn container(&self) -> (String, PathBuf) {
        let container = self.run(&["from", "it"]);
        let files = self.run(&["mount", &container]).into();
        (container, files)
    }
}

impl Drop for Buildah {
    fn drop(&mut self) {
        // What it mounted has to go before the folder can.
        let mut command = Command::new(&self.program);
        command.args([
            "--storage-driver",
            "vfs",
            "--root",
            &self.path("storage"),
            "--runroot",
            &self.path("run"),
        ]);
        _ = command.args(["rm", "--all"]).output();
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Dockerfile's last stage: what it starts from, and the rest.
fn last_stage() -> (String, String) {
    let text = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let (_, stage) = text.rsplit_once("\nFROM ").unwrap();
    let (base, rest) = stage.split_once('\n').unwrap();
    (base.to_owned(), rest.to_owned())
}

/// Copies what the binary is linked with into `folder`, as it lies on this machine.
fn libraries(binary: &Path, folder: &Path) {
    let linked = Command::new("ldd").arg(binary).output().unwrap();
    let linked = String::from_utf8(linked.stdout).unwrap();
    let libraries = linked.split_whitespace().filter(|word| word.starts_with('/'));
    for library in libraries {
        assert!(OF_THE_BASE.iter().any(|name| library.contains(name)), "no base brings {library}");
        let copy = folder.join(library.trim_start_matches('/'));
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(library, copy).unwrap();
    }
}

/// The paths of all files below `folder`.
fn files(folder: &Path) -> BTreeSet<String> {
    let found = Command::new("find").arg(folder).args(["-type", "f", "-printf", "/%P\n"]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn the_image_is_its_base_and_the_binary_and_runs_as_nobody() {
    let buildah = Buildah::new();
    let binary = Path::new(env!("CARGO_BIN_EXE_aws-auth-operator"));
    let (base, rest) = last_stage();
    assert!(base.starts_with("gcr.io/distroless/cc-"), "{base}: what follows is about a base with glibc");

    let (built, below) = (buildah.folder.path().join("built"), buildah.folder.path().join("base"));
    fs::create_dir_all(built.join("out")).unwrap();
    fs::copy(binary, built.join("out/aws-auth-operator")).unwrap();
    fs::create_dir_all(below.join("base")).unwrap();
    libraries(binary, &below.join("base"));
    let context = format!("build={}", built.display());
    let more = ["--build-context", &context, "--build-arg", "VERSION=1.2.3", "--build-arg", "REVISION=abc"];
    buildah.build(&format!("FROM scratch\nCOPY base/ /\n{rest}"), &below, &more);

    let image: Value = serde_json::from_str(&buildah.run(&["inspect", "--type", "image", "it"])).unwrap();
    let config = &image["OCIv1"]["config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], serde_json::json!([BINARY]));
    assert_eq!(config["Cmd"], serde_json::json!(["run"]));
    let label = |name: &str| config["Labels"][format!("org.opencontainers.image.{name}")].clone();
    assert_eq!(label("version"), "1.2.3");
    assert_eq!(label("revision"), "abc");
    assert_eq!(label("licenses"), "Apache-2.0");

    let (container, mounted) = buildah.container();
    let mut expected = files(&below.join("base"));
    expected.insert(BINARY.to_owned());
    assert_eq!(files(&mounted), expected);
    let written = Command::new("find").arg(&mounted).args(["-perm", "/022", "-type", "f"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&written.stdout), "", "somebody else could write these");

    let said = buildah.run(&["run", "--isolation", "chroot", &container, "--", BINARY, "--version"]);
    assert_eq!(said, concat!("aws-auth-operator ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_image_is_built_from_sources_that_are_whole_and_from_nothing_else() {
    let buildah = Buildah::new();
    let file = "FROM scratch\nCOPY . /src\n";
    let ignore = root().join(".dockerignore");
    buildah.build(file, root(), &["--ignorefile", ignore.to_str().unwrap()]);
    let (_, mounted) = buildah.container();
    let sources = mounted.join("src");
    let copied = files(&sources);
    for name in ["/Cargo.lock", "/image/build", "/src/main.rs", "/crates/aws-auth/src/lib.rs"] {
        assert!(copied.contains(name), "{name} is missing");
    }
    let other: Vec<&String> = copied
        .iter()
        .filter(|name| !name.starts_with("/src/") && !name.starts_with("/crates/"))
        .filter(|name| !["/Cargo.toml", "/Cargo.lock", "/image/build"].contains(&name.as_str()))
        .collect();
    assert!(other.is_empty(), "{other:?}");
    // Cargo finds the source of every target that its files name, or it would not even begin.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let fetched = Command::new(env!("CARGO"))
        .args(["fetch", "--offline", "--locked", "--target", &target])
        .current_dir(&sources)
        .output()
        .unwrap();
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
}
