//! Appends on a disk that fails: nothing of them stays, and the log goes on.

use super::simulated::{Faults, SimulatedDisk};
use super::*;

const ALWAYS: u64 = 1_000;

fn open(disk: &SimulatedDisk) -> EmbeddedLog {
    EmbeddedLog::open_on(Box::new(disk.clone()), Path::new("log"), LogSettings::default())
        .unwrap()
        .0
}

/// A log with one record.
fn started() -> (SimulatedDisk, EmbeddedLog) {
    let disk = SimulatedDisk::new(3);
    let mut log = open(&disk);
    log.append(&[delete("first")]).unwrap();
    (disk, log)
}

fn big() -> Record {
    upsert("big", &[1.0; 4_000])
}

/// What is there after a power cut.
fn survivors(disk: &SimulatedDisk, log: EmbeddedLog) -> Vec<(u64, Record)> {
    assert_eq!(log.start(), Position::START);
    let before = records_of(&log, 0);
    drop(log);
    disk.power_cut();
    let after = records_of(&open(disk), 0);
    assert_eq!(before, after);
    after
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let (disk, mut log) = started();
    disk.leave_room(5_000);
    let bytes = log.bytes();
    for _ in 0..3 {
        let full = log.append(&[big()]).unwrap_err();
        assert!(full.is_disk_full(), "{full}");
        assert!(
            full.to_string()
                .contains("00000000000000000001.log: cannot append to"),
            "{full}"
        );
        assert_eq!(
            (log.last(), log.bytes(), log.is_stuck()),
            (Position(1), bytes, false)
        );
    }
    assert_eq!(log.append(&[delete("small")]).unwrap(), Position(2));
    disk.leave_room(usize::MAX / 2);
    assert_eq!(log.append(&[big()]).unwrap(), Position(3));
    let expected = numbered(1, &[delete("first"), delete("small"), big()]);
    assert_eq!(survivors(&disk, log), expected);
}

#[test]
fn a_failed_write_leaves_nothing() {
    let (disk, mut log) = started();
    disk.set_faults(Faults {
        write: ALWAYS,
        ..Faults::default()
    });
    assert!(matches!(
        log.append(&[big()]),
        Err(LogError::Io {
            action: "append to",
            ..
        })
    ));
    disk.set_faults(Faults::default());
    assert_eq!(log.append(&[delete("second")]).unwrap(), Position(2));
    assert_eq!(
        survivors(&disk, log),
        numbered(1, &[delete("first"), delete("second")])
    );
}

#[test]
fn writes_that_take_a_part_are_completed() {
    let (disk, mut log) = started();
    disk.set_faults(Faults {
        short: 900,
        ..Faults::default()
    });
    assert_eq!(log.append(&[big(), big()]).unwrap(), Position(3));
    assert_eq!(
        survivors(&disk, log),
        numbered(1, &[delete("first"), big(), big()])
    );
}

#[test]
fn after_a_failed_sync_the_log_goes_on_in_a_new_segment() {
    for records in [1, 0] {
        let disk = SimulatedDisk::new(4);
        let mut log = open(&disk);
        let before = vec![delete("before"); records];
        log.append(&before).unwrap();
        disk.set_faults(Faults {
            sync: ALWAYS,
            ..Faults::default()
        });
        assert!(matches!(
            log.append(&[big()]),
            Err(LogError::Io { action: "sync", .. })
        ));
        assert!(log.is_stuck(), "the cut cannot be synced");
        let kept = log.bytes();
        assert!(log.append(&[delete("refused")]).is_err());
        assert_eq!((log.last(), log.bytes()), (Position(records as u64), kept));
        disk.set_faults(Faults::default());
        assert_eq!(
            log.append(&[delete("after")]).unwrap(),
            Position(records as u64 + 1)
        );
        assert!(!log.is_stuck());
        let files = disk.list().unwrap();
        // An empty segment is replaced by the new one.
        assert_eq!(files.len(), 1 + records, "{files:?}");
        let mut expected = before;
        expected.push(delete("after"));
        assert_eq!(survivors(&disk, log), numbered(1, &expected));
    }
}

#[test]
fn what_cannot_be_taken_back_stops_appends_until_it_can() {
    let (disk, mut log) = started();
    disk.set_faults(Faults {
        write: ALWAYS,
        names: ALWAYS,
        ..Faults::default()
    });
    assert!(log.append(&[big()]).is_err());
    assert!(log.is_stuck());
    disk.set_faults(Faults {
        names: ALWAYS,
        ..Faults::default()
    });
    let refused = log.append(&[delete("refused")]).unwrap_err();
    assert!(
        refused.to_string().contains("cannot take back an append"),
        "{refused}"
    );
    assert_eq!(records_of(&log, 0), [(1, delete("first"))]);
    disk.set_faults(Faults::default());
    assert_eq!(log.append(&[delete("second")]).unwrap(), Position(2));
    assert_eq!(
        survivors(&disk, log),
        numbered(1, &[delete("first"), delete("second")])
    );
}

#[test]
fn a_segment_that_cannot_be_started_is_tried_again() {
    let disk = SimulatedDisk::new(5);
    let (mut log, _) = EmbeddedLog::open_on(Box::new(disk.clone()), Path::new("log"), SMALL).unwrap();
    log.append(&[upsert("a", &[1.0; 80])]).unwrap();
    disk.set_faults(Faults {
        names: ALWAYS,
        ..Faults::default()
    });
    let refused = log.append(&[upsert("b", &[1.0; 80])]).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("00000000000000000002.log: cannot create"),
        "{refused}"
    );
    assert!(!log.is_stuck());
    disk.set_faults(Faults::default());
    assert_eq!(log.append(&[delete("c")]).unwrap(), Position(2));
    assert_eq!(survivors(&disk, log).len(), 2);
}

#[test]
fn a_removal_that_fails_loses_nothing() {
    let disk = SimulatedDisk::new(6);
    let (mut log, _) = EmbeddedLog::open_on(Box::new(disk.clone()), Path::new("log"), SMALL).unwrap();
    for number in 0..10 {
        log.append(&[upsert(&number.to_string(), &[1.0; 80])]).unwrap();
    }
    disk.set_faults(Faults {
        names: ALWAYS,
        ..Faults::default()
    });
    assert!(matches!(
        log.truncate(Position(5)),
        Err(LogError::Io { action: "remove", .. })
    ));
    assert_eq!(log.start(), Position::START);
    disk.set_faults(Faults::default());
    log.truncate(Position(5)).unwrap();
    assert_eq!(log.start(), Position(5));
    assert_eq!(records_of(&log, 5).len(), 5);
}

#[test]
fn a_read_that_fails_names_the_file() {
    let (disk, log) = started();
    disk.set_faults(Faults {
        read: ALWAYS,
        ..Faults::default()
    });
    let failed = log
        .read(Position::START, &mut |_, _| panic!("unread"))
        .unwrap_err();
    assert!(
        failed
            .to_string()
            .contains("00000000000000000001.log: cannot read"),
        "{failed}"
    );
    let opened = EmbeddedLog::open_on(Box::new(disk.clone()), Path::new("log"), LogSettings::default());
    assert!(matches!(opened.err(), Some(LogError::Io { .. })));
    disk.set_faults(Faults::default());
    assert_eq!(records_of(&log, 0), [(1, delete("first"))]);
}
