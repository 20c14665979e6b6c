//! aws-auth-operator: turns cluster-scoped `IamMapping` objects into EKS's `kube-system/aws-auth`, never touches foreign
//! entries and never locks anybody out.
//!
//! The binary is [`cli::main`]. Tests, the quickstart and the benchmark start operators in their own process:
//! [`Operator::bind`], then [`Operator::run`]. What is decided is decided in the pure crate `aws_auth`.

pub mod api;
pub mod checkpoints;
pub mod cli;
pub mod client;
pub mod config;
mod controller;
pub mod telemetry;

pub use controller::{BadTimeScale, Clock, Operator, OperatorError, Options, Replica, TimeScale};
