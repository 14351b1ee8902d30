//! Whether it is time for a new snapshot.

use crate::config::SnapshotSettings;
use crate::engine::{View, new_events};
use serde::Serialize;

/// What has changed since the snapshot that is served.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Standing {
    /// Rows of the snapshot.
    pub rows: usize,
    /// Items that are new or were encoded again.
    pub new: usize,
    /// Rows of the snapshot that were replaced or deleted.
    pub gone: usize,
    /// Rows of the snapshot with a newer document.
    pub patched: usize,
    /// Whether the log has gone on at all.
    pub changed: bool,
    /// Bytes of the live part, as a share of what it may take.
    pub memory: f64,
    /// Seconds since the snapshot was built.
    pub age_s: u64,
    /// Events that have come since what the snapshot learned from.
    pub events: u64,
}

/// Why it is time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// The live part is about to be full.
    Memory,
    /// Many items are new or were encoded again.
    New,
    /// Many rows of the snapshot are gone.
    Deleted,
    /// The snapshot is old.
    Age,
    /// Many events have come since it learned from them.
    Events,
}

/// Share of the live part's memory from which on a new snapshot is needed: the rest is for what comes while it is built.
const MEMORY: f64 = 0.5;
/// Fewer events teach nothing new.
const LEAST_EVENTS: u64 = 1_000;

impl Standing {
    /// That of a view whose live part may take `most` bytes.
    #[must_use]
    pub fn of(view: &View, most: u64) -> Self {
        let (live, manifest) = (view.live(), view.snapshot().manifest());
        let now = jiff::Timestamp::now().as_millisecond();
        Self {
            rows: view.snapshot().rows(),
            new: live.live_rows(),
            gone: live.dead_rows(),
            patched: live.patched_rows(),
            changed: view.position().0 > manifest.log_position,
            memory: live.bytes() as f64 / most.max(1) as f64,
            age_s: u64::try_from(now.saturating_sub(manifest.created_ms) / 1000).unwrap_or(0),
            events: new_events(view),
        }
    }
}

/// Whether it is time for a new snapshot, and why. A few changes never are a reason, whatever share they are of a small
/// collection: they cost next to nothing to search.
#[must_use]
pub fn due(standing: &Standing, settings: &SnapshotSettings) -> Option<Due> {
    let learned = settings.learn_after_s > 0
        && standing.events >= LEAST_EVENTS
        && standing.age_s >= settings.learn_after_s;
    if !standing.changed {
        return learned.then_some(Due::Events);
    }
    let share = |of: usize| of as f64 / standing.rows.max(1) as f64;
    let reached = |of: usize, least: f64| of >= settings.rebuild_least && least > 0.0 && share(of) >= least;
    if standing.memory >= MEMORY {
        Some(Due::Memory)
    } else if reached(standing.new, settings.rebuild_new) {
        Some(Due::New)
    } else if reached(standing.gone, settings.rebuild_deleted) {
        Some(Due::Deleted)
    } else if settings.rebuild_after_s > 0 && standing.age_s >= settings.rebuild_after_s {
        Some(Due::Age)
    } else {
        learned.then_some(Due::Events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_changes_memory_or_age_make_it_time() {
        let settings = SnapshotSettings::default();
        let none = Standing {
            rows: 100_000,
            changed: true,
            ..Standing::default()
        };
        let with = |change: fn(&mut Standing)| {
            let mut standing = none;
            change(&mut standing);
            due(&standing, &settings)
        };
        assert_eq!(due(&none, &settings), None);
        assert_eq!(with(|s| s.new = 9_999), None);
        assert_eq!(with(|s| s.new = 10_000), Some(Due::New));
        assert_eq!(with(|s| s.gone = 19_999), None);
        assert_eq!(with(|s| s.gone = 20_000), Some(Due::Deleted));
        assert_eq!(with(|s| s.memory = 0.49), None);
        assert_eq!(with(|s| s.memory = 0.5), Some(Due::Memory));
        assert_eq!(with(|s| (s.new, s.changed) = (50_000, false)), None);
        assert_eq!(with(|s| s.age_s = 1 << 30), None, "off unless asked for");
        assert_eq!(with(|s| (s.rows, s.new) = (0, 999)), None, "too few to matter");
        assert_eq!(with(|s| (s.rows, s.new) = (0, 1_000)), Some(Due::New));
        let busy = Standing {
            events: 1_000,
            age_s: 86_400,
            changed: false,
            ..none
        };
        assert_eq!(
            due(&busy, &settings),
            Some(Due::Events),
            "events alone are a reason"
        );
        assert_eq!(due(&Standing { events: 999, ..busy }, &settings), None);
        assert_eq!(
            due(
                &Standing {
                    age_s: 86_399,
                    ..busy
                },
                &settings
            ),
            None
        );
        let aged = SnapshotSettings {
            rebuild_after_s: 60,
            rebuild_new: 0.0,
            ..settings
        };
        let old = Standing {
            age_s: 60,
            new: 50_000,
            ..none
        };
        assert_eq!(due(&old, &aged), Some(Due::Age));
        assert_eq!(
            due(&Standing { age_s: 59, ..old }, &aged),
            None,
            "0 switches a reason off"
        );
    }
}
