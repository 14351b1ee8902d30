//! The section `[snapshots]`.

use super::in_range;
use crate::engine::cores;
use serde::Deserialize;

/// When new snapshots are made, how good they have to be, and how many are kept.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotSettings {
    /// A rebuild is due when this share of the items is new or was encoded again; 0: never for that.
    pub rebuild_new: f64,
    /// A rebuild is due when this share of the snapshot's items is gone; 0: never for that.
    pub rebuild_deleted: f64,
    /// Fewer new or deleted items are never a reason.
    pub rebuild_least: usize,
    /// A rebuild is due when the snapshot is as old, in seconds, and something has changed; 0: never for that.
    pub rebuild_after_s: u64,
    /// A rebuild is due when the snapshot is as old, in seconds, and at least a thousand events have come since it learned
    /// from them; 0: never for that.
    pub learn_after_s: u64,
    /// Threads of a build beside serving; half of the cores when absent.
    pub build_threads: Option<usize>,
    /// Earlier snapshots that are kept to go back to.
    pub keep: usize,
    /// The most recall@10 that a new snapshot may lose.
    pub gate_recall: f64,
    /// The most of the golden queries' score that a new snapshot may lose.
    pub gate_golden: f64,
}

impl Default for SnapshotSettings {
    fn default() -> Self {
        Self {
            rebuild_new: 0.10,
            rebuild_deleted: 0.20,
            rebuild_least: 1_000,
            rebuild_after_s: 0,
            learn_after_s: 86_400,
            build_threads: None,
            keep: 3,
            gate_recall: 0.01,
            gate_golden: 0.02,
        }
    }
}

impl SnapshotSettings {
    /// Threads of a build beside serving.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.build_threads.unwrap_or_else(|| (cores() / 2).max(1))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        const YEAR_S: u64 = 366 * 86_400;
        in_range(
            "snapshots",
            &[
                ("rebuild_after_s", self.rebuild_after_s, 0, YEAR_S),
                ("learn_after_s", self.learn_after_s, 0, YEAR_S),
                ("rebuild_least", self.rebuild_least as u64, 0, 1 << 32),
                ("build_threads", self.build_threads.unwrap_or(1) as u64, 1, 1024),
                ("keep", self.keep as u64, 0, 1000),
            ],
        )?;
        let shares = [
            ("rebuild_new", self.rebuild_new, 1e6),
            ("rebuild_deleted", self.rebuild_deleted, 1.0),
            ("gate_recall", self.gate_recall, 1.0),
            ("gate_golden", self.gate_golden, 1.0),
        ];
        match shares
            .iter()
            .find(|(_, share, most)| !(0.0..=*most).contains(share))
        {
            None => Ok(()),
            Some((key, share, most)) => Err(format!("snapshots.{key} is {share}, must be 0 to {most}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn snapshot_settings_are_read_and_checked() {
        let read = parse(
            "[snapshots]\nrebuild_new = 0.5\nkeep = 1\nbuild_threads = 3\n",
            &[("ALIKE__SNAPSHOTS__GATE_RECALL", "0.2")],
        );
        let read = read.unwrap().snapshots;
        let expected = SnapshotSettings {
            rebuild_new: 0.5,
            keep: 1,
            build_threads: Some(3),
            gate_recall: 0.2,
            ..SnapshotSettings::default()
        };
        assert_eq!(read, expected);
        assert!(SnapshotSettings::default().threads() >= 1);
        for (line, needle) in [
            (
                "rebuild_deleted = 1.5",
                "snapshots.rebuild_deleted is 1.5, must be 0 to 1",
            ),
            ("gate_recall = -0.1", "snapshots.gate_recall is -0.1"),
            ("gate_golden = nan", "snapshots.gate_golden is NaN"),
            ("build_threads = 0", "snapshots.build_threads is 0"),
            ("keep = 5000", "snapshots.keep is 5000"),
            ("rebuild_age = 1", "unknown field `rebuild_age`"),
        ] {
            let error = parse(&format!("[snapshots]\n{line}\n"), &[])
                .unwrap_err()
                .to_string();
            assert!(error.contains(needle), "{line}: {error}");
        }
    }
}
