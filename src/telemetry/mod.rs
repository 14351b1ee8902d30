//! What the service says about itself: Prometheus metrics and the log.
//!
//! Labels take few values by construction: a route is its template (`/v1/collections/{collection}/search`), never a
//! path; a method that isn't an ordinary one is `other`; collections are those that are served.

mod encoders;
mod experiments;
mod logging;
mod metrics;
mod recommend;
mod register;
mod signals;
mod snapshots;
mod writes;

#[cfg(test)]
mod tests;

pub use logging::{LOG_VARIABLE, LoggingError, init_logging};
pub use metrics::{CONTENT_TYPE, InFlight, Metrics};
pub use snapshots::{DiskUse, ServedSnapshot};
pub use writes::{Committed, LiveState};
