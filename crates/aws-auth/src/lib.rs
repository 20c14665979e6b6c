//! EKS's `kube-system/aws-auth`: read exactly as aws-iam-authenticator reads it, planned, edited losslessly, verified.
//!
//! Everything here is a pure function over plain data: no Kubernetes client, no clock, no I/O. Time comes in as an
//! argument ([`Timestamp`]), the ConfigMap as a map of strings.

pub mod arn;
pub mod aws_auth;
pub mod document;
pub mod entry;
pub mod fold;
pub mod guards;
pub mod mapping;
pub mod ownership;
pub mod plan;
pub mod policy;
pub mod reader;
pub mod settings;
pub mod spelling;
pub mod time;
pub mod verify;
pub mod yaml;

pub use entry::{Entry, Key};
pub use time::Timestamp;
