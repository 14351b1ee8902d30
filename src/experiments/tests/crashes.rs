//! What is left after a process died at any moment.

use super::OutcomeKind::{Click, Conversion};
use super::*;
use crate::experiments::ledger::{Ledger, counts_file, lock};
use std::fs;

/// Copies what another process would find if this one died now.
fn copy_of(data: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    fs::copy(
        data.join("experiments.json"),
        copy.path().join("experiments.json"),
    )
    .unwrap();
    fs::create_dir(copy.path().join("experiments")).unwrap();
    for entry in fs::read_dir(data.join("experiments")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(
            entry.path(),
            copy.path().join("experiments").join(entry.file_name()),
        )
        .unwrap();
    }
    copy
}

fn with_counts() -> (tempfile::TempDir, Experiments) {
    let data = tempfile::tempdir().unwrap();
    let experiments = open(data.path());
    experiments.put("e", definition(&[1.0, 1.0]), false).unwrap();
    for unit in 0..100 {
        let id = answer(&experiments, "e", &format!("u{}", unit % 60));
        if unit % 3 == 0 {
            experiments.attribute_outcomes([outcome(&id, Click)]);
        }
        if unit % 7 == 0 {
            experiments.attribute_outcomes([outcome(&id, Conversion)]);
        }
    }
    experiments.flush();
    (data, experiments)
}

#[test]
fn what_was_written_is_there_after_a_crash() {
    let (data, experiments) = with_counts();
    let before = totals(&experiments, "e");
    assert_eq!(before[..2], [100, 60]);
    let copy = copy_of(data.path());
    let found = open(copy.path());
    assert_eq!(totals(&found, "e"), before);
    let shown = |experiments: &Experiments| {
        let units = (0..60).map(|unit| {
            experiments
                .assign("e", "shop", &format!("u{unit}"))
                .unwrap()
                .variant
        });
        units.collect::<Vec<_>>()
    };
    assert_eq!(shown(&found), shown(&experiments));
    drop(experiments);
    assert_eq!(
        totals(&open(data.path()), "e"),
        before,
        "and after an orderly end"
    );
}

#[test]
fn clicks_are_on_the_disk_when_they_are_answered() {
    let data = tempfile::tempdir().unwrap();
    let experiments = open(data.path());
    experiments.put("e", definition(&[1.0, 1.0]), false).unwrap();
    for unit in 0..20 {
        let id = answer(&experiments, "e", &unit.to_string());
        experiments.attribute_outcomes([outcome(&id, Click)]);
        assert_eq!(
            totals(&open(copy_of(data.path()).path()), "e")[..3],
            [unit + 1; 3]
        );
    }
}

#[test]
fn a_torn_end_costs_the_last_frame_only() {
    let (data, _experiments) = with_counts();
    let journal = fs::read(data.path().join("experiments/journal-0")).unwrap();
    let mut last = 0;
    for length in (0..=journal.len()).step_by(41).chain([journal.len()]) {
        let copy = copy_of(data.path());
        fs::write(copy.path().join("experiments/journal-0"), &journal[..length]).unwrap();
        let found = open(copy.path());
        let exposures = totals(&found, "e")[0];
        assert!(exposures >= last, "{length} bytes: {exposures} < {last}");
        last = exposures;
        // What comes after is not lost behind the torn end.
        answer(&found, "e", "another");
        drop(found);
        assert_eq!(totals(&open(copy.path()), "e")[0], exposures + 1);
    }
    assert_eq!(last, 100);
    let copy = copy_of(data.path());
    fs::write(
        copy.path().join("experiments/journal-0"),
        [&journal[..], &[0; 4096]].concat(),
    )
    .unwrap();
    assert_eq!(
        totals(&open(copy.path()), "e")[0],
        100,
        "a file that grew before it was filled"
    );
}

#[test]
fn damage_is_told_and_nothing_is_written_over() {
    let (data, experiments) = with_counts();
    drop(experiments);
    let path = data.path().join("experiments/journal-0");
    let mut journal = fs::read(&path).unwrap();
    journal[20] ^= 1;
    fs::write(&path, &journal).unwrap();
    let error = Experiments::open(data.path(), false, metrics())
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, ExperimentError::Damaged { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), journal);
}

#[test]
fn a_journal_is_folded_into_the_counts() {
    let (data, experiments) = with_counts();
    let before = totals(&experiments, "e");
    drop(experiments);
    let dir = data.path().join("experiments");
    let opened = || Ledger::open(&dir, lock(&dir).ok().unwrap()).unwrap();
    let (mut ledger, tallies) = opened();
    let old = fs::read(dir.join("journal-0")).unwrap();
    ledger.write_all(&counts_file(&tallies)).unwrap();
    drop(ledger);
    assert!(dir.join("counts-1").exists() && !dir.join("journal-0").exists());
    // As a crash leaves it: the new counts are there, the old journal still is, the new one is not yet.
    fs::write(dir.join("journal-0"), old).unwrap();
    fs::remove_file(dir.join("journal-1")).unwrap();
    drop(opened());
    assert!(!dir.join("journal-0").exists());
    let found = open(data.path());
    assert_eq!(totals(&found, "e"), before);
    answer(&found, "e", "another");
    drop(found);
    assert_eq!(totals(&open(data.path()), "e")[..2], [101, 61]);
    let mut counts = fs::read(dir.join("counts-1")).unwrap();
    counts[30] ^= 1;
    fs::write(dir.join("counts-1"), counts).unwrap();
    assert!(Experiments::open(data.path(), false, metrics()).is_err());
}
