//! The real programs that tests run against, fetched or built once and kept outside `target`, where `cargo clean` does
//! not reach them. Where each comes from is in `Part::origin`; how it is had from there, in a module each: `go`,
//! `debian`, `python`. Not a list of versions: those are in `go/*/go.mod` and `python/*/requirements.txt`.
//!
//! What is built or installed here is found again by a hash of everything it was made from, so a changed `go.mod`, source
//! file or `requirements.txt`, or another Go or Python, makes a new one. Old ones stay until somebody deletes the cache.

mod debian;
mod go;
mod python;
mod workshop;

use std::path::PathBuf;

use crate::error::Error;
use go::Recipe;
use workshop::Workshop;

/// A program that tests need and that is not written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// Kubernetes' API server.
    KubeApiserver,
    /// The oldest one that the chart takes.
    OldestKubeApiserver,
    /// The store behind it.
    Etcd,
    /// Kubernetes' command line.
    Kubectl,
    /// Installs charts.
    Helm,
    /// Tests alerts as Prometheus reads them.
    Promtool,
    /// Scrapes metrics.
    Prometheus,
    /// Argo CD: the component whose name `ARGOCD_BINARY_NAME` has. Its CRDs lie beside it.
    ArgoCd,
    /// What Argo CD keeps in mind.
    RedisServer,
    /// Says of an object what Argo CD and Flux say of it.
    GitopsHealth,
    /// Reads aws-auth with aws-iam-authenticator's own code, as EKS does.
    AwsAuthReader,
    /// The server that turns tokens into users, as on EKS; also the client that makes tokens.
    AwsIamAuthenticator,
    /// keikoproj's `aws-auth`, one of the programs that write aws-auth beside us.
    KeikoprojAwsAuth,
    /// Counts the instructions that a program takes.
    Valgrind,
    /// A browser.
    Chromium,
    /// The AWS CLI.
    Aws,
    /// Builds images without a container engine.
    Buildah,
    /// Checks GitHub's workflows.
    Actionlint,
    /// Holds objects against the schemas of a version of Kubernetes.
    KubernetesValidate,
    /// kubectl's plugin manager.
    Krew,
    /// What its index checks manifests with.
    ValidateKrewManifest,
}

/// Where a part comes from.
enum Origin {
    /// Built from a Go module.
    Go(Recipe),
    /// Installed with a package of Debian's, for the whole machine.
    Debian { package: &'static str },
    /// Installed from `PyPI`, into an environment of its own: the folder under `python` that says which packages.
    Python { folder: &'static str },
}

/// The path of `part`'s program, which is built or installed first if need be.
///
/// `KUBEBUILDER_ASSETS` is used where it has the part, and what is on `PATH` for a `kubectl` and everything that
/// Debian packages. Any number of threads and processes may ask at once: one builds and the others wait.
///
/// # Errors
/// When a tool that it is made with is missing or too old, when making it fails, or when the cache cannot be written.
pub fn ensure(part: Part) -> Result<PathBuf, Error> {
    let workshop = Workshop::of_this_machine();
    if let Some(path) = workshop.ready_made(part) {
        return Ok(path);
    }
    match part.origin() {
        Origin::Go(recipe) => workshop.build(&recipe),
        Origin::Debian { package } => workshop.install(part.program(), package),
        Origin::Python { folder } => workshop.environment(part.program(), &python::requirements(folder)),
    }
}

impl Part {
    fn program(self) -> &'static str {
        match self {
            Part::KubeApiserver | Part::OldestKubeApiserver => "kube-apiserver",
            Part::Etcd => "etcd",
            Part::Kubectl => "kubectl",
            Part::Helm => "helm",
            Part::Promtool => "promtool",
            Part::Prometheus => "prometheus",
            Part::ArgoCd => "argocd",
            Part::RedisServer => "redis-server",
            Part::GitopsHealth => "gitops-health",
            Part::AwsAuthReader => "aws-auth-reader",
            Part::AwsIamAuthenticator => "aws-iam-authenticator",
            Part::KeikoprojAwsAuth => "aws-auth",
            Part::Valgrind => "valgrind",
            Part::Chromium => "chromium",
            Part::Aws => "aws",
            Part::Buildah => "buildah",
            Part::Actionlint => "actionlint",
            Part::KubernetesValidate => "kubernetes-validate",
            Part::Krew => "krew",
            Part::ValidateKrewManifest => "validate-krew-manifest",
        }
    }

    fn origin(self) -> Origin {
        let program = self.program();
        let go = |folder, package, module, takes| {
            Origin::Go(Recipe::new(program, folder).package(package, module).takes(takes))
        };
        let apiserver = |folder| {
            Origin::Go(
                Recipe::new(program, folder)
                    .package("k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes")
                    .takes("3 minutes")
                    // Helm asks the API server for its version, and charts say which they need.
                    .told("k8s.io/component-base/version"),
            )
        };
        match self {
            Part::KubeApiserver => apiserver("kubernetes"),
            Part::OldestKubeApiserver => apiserver("kubernetes-oldest"),
            Part::Kubectl => {
                go("kubernetes", "k8s.io/kubernetes/cmd/kubectl", "k8s.io/kubernetes", "1 minute")
            }
            Part::Helm => go("helm", "helm.sh/helm/v3/cmd/helm", "helm.sh/helm/v3", "1 minute"),
            Part::ArgoCd => Origin::Go(
                Recipe::new(program, "argo-cd")
                    .package("github.com/argoproj/argo-cd/v3/cmd", "github.com/argoproj/argo-cd/v3")
                    .takes("3 minutes")
                    .brings(&["manifests/crds/application-crd.yaml", "manifests/crds/appproject-crd.yaml"]),
            ),
            Part::GitopsHealth => go("gitops-health", ".", "github.com/fluxcd/cli-utils", "15 seconds"),
            Part::Etcd => {
                go("etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", "half a minute")
            }
            Part::AwsAuthReader => {
                go("aws-auth-reader", ".", "sigs.k8s.io/aws-iam-authenticator", "2 minutes")
            }
            Part::AwsIamAuthenticator => {
                let package = "sigs.k8s.io/aws-iam-authenticator/cmd/aws-iam-authenticator";
                go("aws-auth-reader", package, "sigs.k8s.io/aws-iam-authenticator", "2 minutes")
            }
            Part::Promtool | Part::Prometheus => Origin::Debian { package: "prometheus" },
            Part::RedisServer => Origin::Debian { package: "redis-server" },
            Part::Krew => go("krew", "sigs.k8s.io/krew/cmd/krew", "sigs.k8s.io/krew", "half a minute"),
            Part::ValidateKrewManifest => {
                go("krew", "sigs.k8s.io/krew/cmd/validate-krew-manifest", "sigs.k8s.io/krew", "half a minute")
            }
            Part::KeikoprojAwsAuth => {
                let module = "github.com/keikoproj/aws-auth";
                go("keikoproj-aws-auth", module, module, "1 minute")
            }
            Part::Valgrind => Origin::Debian { package: "valgrind" },
            Part::Chromium => Origin::Debian { package: "chromium" },
            Part::Aws => Origin::Python { folder: "awscli" },
            Part::Buildah => Origin::Debian { package: "buildah" },
            Part::Actionlint => {
                let package = "github.com/rhysd/actionlint/cmd/actionlint";
                go("actionlint", package, "github.com/rhysd/actionlint", "20 seconds")
            }
            Part::KubernetesValidate => Origin::Python { folder: "kubernetes-validate" },
        }
    }
}

#[cfg(test)]
mod tests;
