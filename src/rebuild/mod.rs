//! New snapshots out of old ones: previous snapshot + log → build → verify → gate → publish; promote, roll back, collect.
//!
//! What a server does with it is [`Maintenance`]; what the command line does goes through the same functions.
//!
//! ```text
//! Maintenance::new(engine: Arc<Engine>, settings: SnapshotSettings) -> Maintenance        (cheap to clone)
//!     .list(collection)                -> Result<Vec<Listed>, RebuildError>              newest first
//!     .build(collection, Asked{force, publish}) -> Result<JobStatus, RebuildError>       a job
//!     .verify(collection, id)          -> Result<JobStatus, RebuildError>                a job
//!     .collect(collection)             -> Result<JobStatus, RebuildError>                a job
//!     .alter(collection, Schema)       -> Result<JobStatus, RebuildError>                a job
//!     .promote(collection, id, force)  -> Result<Taken{snapshot, from}, RebuildError>
//!     .rollback(collection)            -> Result<Taken{snapshot, from}, RebuildError>
//!     .jobs()                          -> &Jobs
//!     .tick()                          starts a rebuild that is due; the refresher calls it
//! ```

mod error;

pub use error::RebuildError;
