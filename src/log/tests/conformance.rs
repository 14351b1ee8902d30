//! What every implementation of [`Log`] does. [`suite`] makes the tests of one from what opens its logs.

use super::simulated::SimulatedDisk;
use super::*;

/// A place for one log, which is empty at first.
pub(in crate::log) trait Home {
    /// Opens its log, where no other handle to it is open.
    fn open(&self) -> Box<dyn Log>;
}

/// The suite as tests in a module of this name; `$home` makes an empty [`Home`] per test.
macro_rules! suite {
    ($module:ident, $home:expr) => {
        mod $module {
            use super::*;

            suite!(@each $home, a_new_log_is_empty, appends_return_the_last_position, records_come_back_as_they_were, events_come_back_as_they_were,
                reading_starts_anywhere, a_reader_stops_it, appending_nothing_changes_nothing,
                opening_again_loses_nothing, truncating_keeps_what_is_later,
                truncating_everything_keeps_the_position, what_is_gone_is_named, too_large_leaves_the_log_as_it_was,
                bytes_grow_and_shrink);
        }
    };
    (@each $home:expr, $($case:ident),*) => {
        $(
            #[test]
            fn $case() {
                super::$case(&$home);
            }
        )*
    };
}

fn a_new_log_is_empty(home: &dyn Home) {
    let log = home.open();
    assert_eq!((log.last(), log.start()), (Position::START, Position::START));
    assert_eq!(records_of(log.as_ref(), 0), []);
    assert_eq!(records_of(log.as_ref(), 7), []);
}

fn appends_return_the_last_position(home: &dyn Home) {
    let mut log = home.open();
    assert_eq!(log.append(&[delete("a")]).unwrap(), Position(1));
    assert_eq!(log.append(&[delete("b"), delete("c")]).unwrap(), Position(3));
    assert_eq!((log.last(), log.start()), (Position(3), Position::START));
}

fn records_come_back_as_they_were(home: &dyn Home) {
    let mut log = home.open();
    log.append(&every_kind()).unwrap();
    assert_eq!(records_of(log.as_ref(), 0), numbered(1, &every_kind()));
}

fn events_come_back_as_they_were(home: &dyn Home) {
    let mut log = home.open();
    let events: Vec<Record> = (0..40)
        .map(|n| Record::Event(format!(r#"{{"type":"view","item":"č{n}"}}"#).into()))
        .collect();
    for together in events.chunks(7) {
        log.append(together).unwrap();
    }
    log.append(&[delete("among them")]).unwrap();
    let mut expected = numbered(1, &events);
    expected.push((41, delete("among them")));
    assert_eq!(records_of(log.as_ref(), 0), expected);
}

fn reading_starts_anywhere(home: &dyn Home) {
    let mut log = home.open();
    for appended in every_kind().chunks(2) {
        log.append(appended).unwrap();
    }
    for after in 0..5 {
        let expected = numbered(after + 1, &every_kind()[after as usize..]);
        assert_eq!(records_of(log.as_ref(), after), expected, "after {after}");
    }
    assert_eq!(records_of(log.as_ref(), 5), []);
    assert_eq!(records_of(log.as_ref(), u64::MAX), []);
}

fn a_reader_stops_it(home: &dyn Home) {
    let mut log = home.open();
    log.append(&every_kind()).unwrap();
    let mut seen = 0;
    let stopped = log.read(Position::START, &mut |position, _| {
        seen = position.0;
        if seen == 3 {
            return Err(LogError::Stopped("enough".to_owned()));
        }
        Ok(())
    });
    assert_eq!(stopped.unwrap_err().to_string(), "enough");
    assert_eq!(seen, 3);
}

fn appending_nothing_changes_nothing(home: &dyn Home) {
    let mut log = home.open();
    log.append(&[delete("a")]).unwrap();
    let bytes = log.bytes();
    assert_eq!(log.append(&[]).unwrap(), Position(1));
    assert_eq!(log.bytes(), bytes);
}

fn opening_again_loses_nothing(home: &dyn Home) {
    let mut all = Vec::new();
    for _ in 0..5 {
        let mut log = home.open();
        assert_eq!(log.last(), Position(all.len() as u64));
        all.extend(every_kind());
        assert_eq!(log.append(&every_kind()).unwrap(), Position(all.len() as u64));
        assert_eq!(records_of(log.as_ref(), 0), numbered(1, &all));
    }
}

/// A log of `count` records, one per append, in several parts that can be truncated.
fn long(home: &dyn Home, count: u64) -> Box<dyn Log> {
    let mut log = home.open();
    for number in 1..=count {
        log.append(&[upsert(&number.to_string(), &[0.5; 40])]).unwrap();
    }
    log
}

fn truncating_keeps_what_is_later(home: &dyn Home) {
    let mut log = long(home, 40);
    for through in [0, 1, 7, 3, 20] {
        log.truncate(Position(through)).unwrap();
        assert!(log.start().0 <= 20, "through {through}: {}", log.start());
        let found = records_of(log.as_ref(), 20);
        assert_eq!(found.len(), 20, "through {through}");
        assert_eq!(found[0], (21, upsert("21", &[0.5; 40])));
    }
    assert!(log.start() > Position::START);
    let start = log.start();
    drop(log);
    let log = home.open();
    assert_eq!((log.start(), log.last()), (start, Position(40)));
    assert_eq!(records_of(log.as_ref(), start.0).len() as u64, 40 - start.0);
}

fn truncating_everything_keeps_the_position(home: &dyn Home) {
    let mut log = long(home, 40);
    log.truncate(Position(u64::MAX)).unwrap();
    assert_eq!(log.last(), Position(40));
    drop(log);
    let mut log = home.open();
    assert_eq!(log.last(), Position(40));
    assert_eq!(log.append(&[delete("x")]).unwrap(), Position(41));
    assert_eq!(records_of(log.as_ref(), 40), [(41, delete("x"))]);
}

fn what_is_gone_is_named(home: &dyn Home) {
    let mut log = long(home, 40);
    log.truncate(Position(30)).unwrap();
    let start = log.start();
    let asked = Position(start.0 - 1);
    match log.read(asked, &mut |_, _| panic!("a record that is gone")) {
        Err(LogError::Gone { wanted, start: found }) => assert_eq!((wanted, found), (start, start)),
        other => panic!("{other:?}"),
    }
}

fn too_large_leaves_the_log_as_it_was(home: &dyn Home) {
    let mut log = home.open();
    log.append(&[delete("a")]).unwrap();
    let of = |bytes: usize| Record::Update {
        id: "b".into(),
        document: "x".repeat(bytes).into(),
    };
    let room = crate::log::MAX_RECORD_BYTES - of(0).encoded_len();
    let refused = log.append(&[delete("b"), of(room + 1)]);
    assert!(matches!(refused, Err(LogError::TooLarge { .. })), "{refused:?}");
    let refused = log.append(&vec![of(room); 5]);
    assert!(matches!(refused, Err(LogError::TooMuch { .. })), "{refused:?}");
    assert_eq!(log.append(&[of(room)]).unwrap(), Position(2));
    assert_eq!(records_of(log.as_ref(), 0), [(1, delete("a")), (2, of(room))]);
}

fn bytes_grow_and_shrink(home: &dyn Home) {
    let log = home.open();
    let empty = log.bytes();
    drop(log);
    let mut log = long(home, 40);
    let full = log.bytes();
    assert!(full >= empty + 40 * 160, "{empty} → {full}");
    log.truncate(Position(40)).unwrap();
    assert!(log.bytes() < full / 4, "{full} → {}", log.bytes());
}

struct Folder(tempfile::TempDir);

impl Home for Folder {
    fn open(&self) -> Box<dyn Log> {
        let (log, opened) = EmbeddedLog::open(&self.0.path().join("log"), SMALL).unwrap();
        assert_eq!(opened.torn_bytes, 0);
        Box::new(log)
    }
}

suite!(embedded, Folder(tempfile::tempdir().unwrap()));

impl Home for SimulatedDisk {
    fn open(&self) -> Box<dyn Log> {
        // What was acknowledged needs no orderly end.
        self.power_cut();
        let (log, opened) = EmbeddedLog::open_on(Box::new(self.clone()), Path::new("log"), SMALL).unwrap();
        assert_eq!(opened.torn_bytes, 0);
        Box::new(log)
    }
}

suite!(simulated_disk, SimulatedDisk::new(1));
