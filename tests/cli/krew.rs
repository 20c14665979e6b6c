//! The plugin by krew: the manifest passes what krew's index asks for, and krew itself installs from it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use control_plane::parts::{self, Part};

use super::{Files, Said, said};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A release: an archive for each platform, which for this one runs the binary under test.
struct Release {
    files: Files,
    archives: Vec<String>,
}

impl Release {
    fn new() -> Self {
        let files = Files::new();
        let binary = env!("CARGO_BIN_EXE_aws-auth-operator");
        let program =
            files.write("aws-auth-operator", format!("#!/bin/bash\nexec -a \"$0\" {binary} \"$@\"\n"));
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(Path::new(ROOT).join("LICENSE"), files.path().join("LICENSE")).unwrap();
        let archives: Vec<String> = ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"]
            .map(|platform| {
                files.path().join(format!("aws-auth-operator-1.2.3-{platform}.tar.gz")).display().to_string()
            })
            .into();
        for archive in &archives {
            let mut tar = Command::new("tar");
            tar.args(["--create", "--gzip", "--file", archive, "--directory"]).arg(files.path());
            assert!(tar.args(["aws-auth-operator", "LICENSE"]).status().unwrap().success());
        }
        Self { files, archives }
    }
}

fn manifest(archives: &[String]) -> Said {
    let mut command = Command::new(Path::new(ROOT).join("packaging/krew/manifest"));
    command.args(["1.2.3", "https://example.com/releases/1.2.3/"]).args(archives);
    said(command, "")
}

#[test]
fn krew_takes_the_manifest_and_installs_the_plugin_from_it() {
    let release = Release::new();
    let said_manifest = manifest(&release.archives);
    assert_eq!(said_manifest.code, 0, "{said_manifest:?}");
    let manifest = release.files.write("iam-mapping.yaml", said_manifest.out);

    let mut validate = Command::new(parts::ensure(Part::ValidateKrewManifest).unwrap());
    validate.args(["-manifest", &manifest, "-skip-install"]);
    let validated = said(validate, "");
    assert_eq!(validated.code, 0, "{validated:?}");
    assert!(validated.err.contains("structural validation OK"), "{validated:?}");

    let root = release.files.path().join("krew");
    let platform = if cfg!(target_arch = "aarch64") { "linux-arm64" } else { "linux-amd64" };
    let archive = release.archives.iter().find(|archive| archive.contains(platform)).unwrap();
    let mut install = Command::new(parts::ensure(Part::Krew).unwrap());
    install.args(["install", "--manifest", &manifest, "--archive", archive]);
    install.env("KREW_ROOT", &root).env("KREW_NO_UPGRADE_CHECK", "1").env("HOME", release.files.path());
    let installed = said(install, "");
    assert_eq!(installed.code, 0, "{installed:?}");

    let mut plugin = Command::new(parts::ensure(Part::Kubectl).unwrap());
    let path = std::env::var("PATH").unwrap();
    plugin.args(["iam-mapping", "--help"]).env("PATH", format!("{}:{path}", root.join("bin").display()));
    let help = said(plugin, "");
    assert_eq!(help.code, 0, "{help:?}");
    assert!(help.out.contains("Usage: kubectl iam-mapping"), "{help:?}");
}

#[test]
fn an_archive_of_no_known_platform_is_refused() {
    let release = Release::new();
    let odd = release.files.write("aws-auth-operator-1.2.3.tar.gz", "");
    let refused = manifest(&[odd]);
    assert!(refused.code == 1 && refused.err.contains("-OS-ARCH.tar.gz"), "{refused:?}");
}
