//! A second process that reads while the first one writes.

use super::simulated::{Faults, SimulatedDisk};
use super::*;
use crate::log::end;
use std::fs;

fn read_on(reader: &mut ReadOnlyLog, after: u64) -> Result<Vec<(u64, Record)>, LogError> {
    let mut records = Vec::new();
    let last = reader.read(Position(after), &mut |position, record| {
        records.push((position.0, record));
        Ok(())
    })?;
    assert_eq!(last.0, after.max(after + records.len() as u64));
    Ok(records)
}

#[test]
fn nothing_is_an_empty_log() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none");
    assert_eq!(end(&missing).unwrap(), Position::START);
    let mut reader = ReadOnlyLog::open(&missing);
    assert_eq!(read_on(&mut reader, 0).unwrap(), []);
    assert_eq!(reader.start().unwrap(), Position::START);
    assert!(!missing.exists(), "reading makes nothing");
    let (mut log, _) = EmbeddedLog::open(&missing, SMALL).unwrap();
    log.append(&[delete("a")]).unwrap();
    assert_eq!(read_on(&mut reader, 0).unwrap(), [(1, delete("a"))]);
}

#[test]
fn new_records_are_read_on_and_the_rest_is_not_read_again() {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) =
        EmbeddedLog::open_on(Box::new(disk.clone()), Path::new("log"), LogSettings::default()).unwrap();
    for number in 0..100 {
        log.append(&[upsert(&number.to_string(), &[1.0; 100])]).unwrap();
    }
    let mut reader = ReadOnlyLog::open_on(Box::new(disk.clone()), Path::new("log"));
    assert_eq!(read_on(&mut reader, 0).unwrap().len(), 100);
    for number in 100..120 {
        disk.take_read_bytes();
        assert_eq!(read_on(&mut reader, number).unwrap(), []);
        log.append(&[delete("x")]).unwrap();
        assert_eq!(read_on(&mut reader, number).unwrap(), [(number + 1, delete("x"))]);
        let read_bytes = disk.take_read_bytes();
        assert!(read_bytes < 400, "{read_bytes} bytes for a record of 13");
    }
    // From an earlier position everything is read again.
    assert_eq!(read_on(&mut reader, 50).unwrap().len(), 70);
    assert_eq!(reader.end().unwrap(), Position(120));
}

#[test]
fn an_append_in_progress_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = EmbeddedLog::open(folder.path(), LogSettings::default()).unwrap();
    log.append(&every_kind()).unwrap();
    let path = &segment_files(folder.path())[0];
    let before = fs::read(path).unwrap().len();
    log.append(&every_kind()).unwrap();
    let whole = fs::read(path).unwrap();
    let mut reader = ReadOnlyLog::open(folder.path());
    for length in before..whole.len() {
        fs::write(path, &whole[..length]).unwrap();
        assert_eq!(read_on(&mut reader, 5).unwrap(), [], "{length} bytes");
        assert_eq!(end(folder.path()).unwrap(), Position(5));
    }
    fs::write(path, &whole).unwrap();
    assert_eq!(read_on(&mut reader, 5).unwrap(), numbered(6, &every_kind()));
    assert_eq!(end(folder.path()).unwrap(), Position(10));
}

#[test]
fn segments_are_followed_and_collected_ones_are_not_missed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = EmbeddedLog::open(folder.path(), SMALL).unwrap();
    let mut reader = ReadOnlyLog::open(folder.path());
    for number in 0..30 {
        log.append(&[upsert(&number.to_string(), &[1.0; 60])]).unwrap();
        assert_eq!(read_on(&mut reader, number).unwrap().len(), 1);
        log.truncate(Position(number)).unwrap();
    }
    assert!(log.start().0 > 20);
    assert_eq!(reader.start().unwrap(), log.start());
    // The next segment it would read is gone, or everything is and more has come.
    let at = log.start().0 - 5;
    let gone = read_on(&mut reader, at).unwrap_err();
    assert!(
        matches!(gone, LogError::Gone { start, .. } if start == log.start()),
        "{gone:?}"
    );
    assert_eq!(
        read_on(&mut reader, log.start().0).unwrap().len() as u64,
        30 - log.start().0
    );
}

#[test]
fn what_was_taken_back_is_noticed() {
    for before in [1, 0] {
        let disk = SimulatedDisk::new(9);
        let (mut log, _) =
            EmbeddedLog::open_on(Box::new(disk.clone()), Path::new("log"), LogSettings::default()).unwrap();
        log.append(&vec![delete("before"); before]).unwrap();
        let mut reader = ReadOnlyLog::open_on(Box::new(disk.clone()), Path::new("log"));
        // Written and not taken back yet, since the disk fails altogether.
        disk.set_faults(Faults {
            sync: 1_000,
            names: 1_000,
            ..Faults::default()
        });
        assert!(log.append(&[delete("unsure")]).is_err());
        assert_eq!(read_on(&mut reader, 0).unwrap().len(), before + 1);
        disk.set_faults(Faults::default());
        log.append(&[delete("other"), delete("more")]).unwrap();
        let withdrawn = read_on(&mut reader, before as u64 + 1).unwrap_err();
        assert!(matches!(withdrawn, LogError::Withdrawn { .. }), "{withdrawn:?}");
        let mut expected = vec![delete("before"); before];
        expected.extend([delete("other"), delete("more")]);
        assert_eq!(read_on(&mut reader, 0).unwrap(), numbered(1, &expected));
    }
}

#[test]
fn a_reader_beside_a_writer_sees_every_record_once() {
    const RECORDS: u64 = 1_500;
    let folder = tempfile::tempdir().unwrap();
    let settings = LogSettings {
        segment_bytes: 20_000,
        ..LogSettings::default()
    };
    let (mut log, _) = EmbeddedLog::open(folder.path(), settings).unwrap();
    let seen = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=RECORDS {
                log.append(&[upsert(&number.to_string(), &vec![0.5; number as usize % 400])])
                    .unwrap();
                if number % 50 == 0 {
                    // Nobody needs what the reader has read.
                    let seen = seen.load(std::sync::atomic::Ordering::Relaxed);
                    log.truncate(Position(seen)).unwrap();
                }
            }
        });
        let mut reader = ReadOnlyLog::open(folder.path());
        let mut at = 0;
        while at < RECORDS {
            let records = read_on(&mut reader, at).unwrap();
            for (position, record) in records {
                at += 1;
                assert_eq!(
                    (position, record),
                    (at, upsert(&at.to_string(), &vec![0.5; at as usize % 400]))
                );
            }
            seen.store(at, std::sync::atomic::Ordering::Relaxed);
            assert!(reader.end().unwrap().0 >= at);
        }
    });
}
