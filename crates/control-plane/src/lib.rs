//! Development only: a real, throwaway control plane for tests, benchmarks and the quickstart. Nothing of it is in
//! the operator, and nothing of the operator is in it.
//!
//! ```no_run
//! let plane = control_plane::ControlPlane::start()?;
//! plane.kubectl(&["create", "namespace", "one"], None)?;
//! println!("{}", plane.kubeconfig_path().display());
//! # Ok::<(), control_plane::Error>(())
//! ```
//!
//! Tests that touch aws-auth, of which a cluster has one, take a control plane each: one core is busy with it for
//! 2.5 s, and it takes 310 MB. Others can share one in a `static`: it ends with the process, without `Drop`.

mod authenticator;
mod control_plane;
mod error;
pub mod parts;
mod process;
mod wire;

pub use authenticator::Authenticator;
pub use control_plane::{ControlPlane, Options};
pub use error::Error;
pub use process::{Folder, Server};
pub use wire::{Carried, Wire};
