//! The file that an earlier version kept events in.

use super::*;
use std::fs;
use std::fs::File;

/// A folder as an earlier version left it.
fn old(events: &[Event]) -> TempDir {
    let dir = TempDir::new().unwrap();
    let lines: String = events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap() + "\n")
        .collect();
    fs::write(dir.path().join(OLD_FILE), lines).unwrap();
    dir
}

#[test]
fn events_of_an_earlier_version_are_taken_over_once() {
    let mut all = events(100);
    (all[3].user, all[4].user) = (None, None);
    let dir = old(&all);
    let signals = open(dir.path());
    assert_eq!(
        (signals.replay().imported, signals.position()),
        (100, Position(100))
    );
    assert!(signals.replay().problems.is_empty() && signals.durable());
    let expected = Signals::in_memory();
    expected.record(&all).unwrap();
    let now = Timestamp::now();
    assert_eq!(everything(&signals, now), everything(&expected, now));
    assert!(!dir.path().join(OLD_FILE).exists() && dir.path().join("events.jsonl.imported").exists());
    drop(signals);
    let again = open(dir.path());
    assert_eq!((again.replay().imported, again.replay().events), (0, 100));
    assert_eq!(everything(&again, now), everything(&expected, now));
}

#[test]
fn an_import_that_was_interrupted_starts_again_and_counts_once() {
    let mut all = events(50);
    all[7].user = None;
    let dir = old(&all);
    let now = Timestamp::now();
    let before = everything(&open(dir.path()), now);
    fs::rename(
        dir.path().join("events.jsonl.imported"),
        dir.path().join(OLD_FILE),
    )
    .unwrap();
    let again = open(dir.path());
    assert_eq!((again.replay().events, again.replay().imported), (50, 50));
    assert_eq!(everything(&again, now), before);
}

#[test]
fn damaged_lines_are_named_and_the_rest_is_taken() {
    let dir = old(&events(4));
    let path = dir.path().join(OLD_FILE);
    let text = fs::read_to_string(&path).unwrap().replacen("\"i1\"", "", 1);
    fs::write(&path, format!("{text}{{\"torn")).unwrap();
    let signals = open(dir.path());
    assert_eq!(signals.replay().imported, 3);
    let problem = &signals.replay().problems[0];
    assert!(
        problem.contains("events.jsonl") && problem.contains("line 2"),
        "{problem}"
    );
}

#[test]
fn a_file_that_is_still_written_is_left_alone() {
    let dir = old(&events(4));
    let file = File::open(dir.path().join(OLD_FILE)).unwrap();
    file.lock().unwrap();
    let signals = open(dir.path());
    assert_eq!(signals.replay().imported, 0);
    assert!(signals.replay().problems[0].contains("an earlier version still writes it"));
    drop((signals, file));
    assert_eq!(open(dir.path()).replay().imported, 4);
}

#[test]
fn who_does_not_write_reads_it_and_leaves_it() {
    let dir = old(&events(4));
    let signals = Signals::read(dir.path(), &[], &Settings::default(), &|_| true);
    assert_eq!((signals.replay().imported, signals.user("u1").len()), (4, 1));
    assert!(dir.path().join(OLD_FILE).exists());
}
