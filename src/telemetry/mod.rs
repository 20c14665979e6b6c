//! What can be seen of the operator from outside: logs, metrics, health, and the HTTP server that serves the last two.

pub mod exposition;
pub mod health;
pub mod http;
pub mod logs;
pub mod metrics;

use health::Health;
use metrics::Metrics;

/// What one operator tells about itself. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    /// What is counted.
    pub metrics: Metrics,
    /// What does not work.
    pub health: Health,
}
