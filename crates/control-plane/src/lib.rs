//! Development only: a real, throwaway control plane for tests, benchmarks and the quickstart. Nothing of it is in
//! the operator, and nothing of the operator is in it.

mod control_plane;
mod error;
pub mod parts;
mod process;

pub use control_plane::{ControlPlane, Options};
pub use error::Error;
