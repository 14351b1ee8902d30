//! What a restart finds, with a checkpoint and without.

use super::*;
use proptest::prelude::*;

fn mixed(count: usize) -> Vec<Event> {
    let mut all = events(count);
    for (at, event) in all.iter_mut().enumerate() {
        event.kind = EventType::ALL[at % 5].clone();
        event.user = (at % 4 > 0).then(|| format!("u{}", at % 10));
        event.session = (at % 3 > 0).then(|| format!("s{}", at % 10));
        event.basket = (at % 7 == 0).then(|| format!("b{}", at % 6));
        event.segment = (at % 2 == 0).then(|| "uk".to_owned());
    }
    all
}

#[test]
fn a_restart_answers_as_before() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("collections/products/events");
    let live = open(&folder);
    for batch in mixed(200).chunks(33) {
        assert!(live.record(batch).unwrap().durable);
    }
    let now = Timestamp::now();
    let before = everything(&live, now);
    assert_eq!((before.charts[6].len(), live.position()), (7, Position(200)));
    drop(live);

    let reopened = open(&folder);
    assert!(reopened.replay().problems.is_empty() && reopened.durable());
    assert_eq!(reopened.replay().events, 200);
    assert_eq!(everything(&reopened, now), before);
}

#[test]
fn a_checkpoint_spares_the_log_before_it() {
    let dir = TempDir::new().unwrap();
    let (folder, checkpoint) = (dir.path().join("events"), dir.path().join(CHECKPOINT_FILE));
    let settings = Settings {
        segment_bytes: 4_096,
        ..Settings::default()
    };
    let reopen = || {
        Signals::open(&folder, std::slice::from_ref(&checkpoint), &settings, &|id| {
            id != "i6"
        })
    };
    let live = reopen();
    let all = mixed(400);
    live.record_known(&all[..250], &|id| id != "i6").unwrap();
    let written = live.checkpoint(&checkpoint).unwrap();
    assert_eq!(written.position, Position(250));
    assert_eq!(written.bytes, std::fs::metadata(&checkpoint).unwrap().len());
    for batch in all[250..].chunks(10) {
        live.record_known(batch, &|id| id != "i6").unwrap();
    }
    assert_eq!(
        live.record_known(&all[240..260], &|_| true).unwrap().duplicates,
        19,
        "one is nobody's, of no basket and without an id"
    );
    live.truncate(Position(250)).unwrap();
    let now = Timestamp::now();
    let before = (everything(&live, now), live.held());
    drop(live);

    let reopened = reopen();
    assert_eq!(reopened.replay().checkpoint, Some(Position(250)));
    assert_eq!(reopened.replay().events, 170);
    let held = Held {
        bytes: before.1.bytes,
        ..reopened.held()
    };
    assert_eq!((everything(&reopened, now), held), before);
    assert!(reopened.settle(&|_| true) > 0, "events that waited still do");
    let read = Signals::read(&folder, std::slice::from_ref(&checkpoint), &settings, &|id| {
        id != "i6"
    });
    assert_eq!((everything(&read, now), read.durable()), (before.0, false));
}

#[test]
fn the_newest_checkpoint_that_can_be_read_is_taken() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name);
    let live = open(&path("events"));
    let paths = ["a", "b", "c"].map(path);
    for (batch, path) in mixed(300).chunks(100).zip(&paths) {
        live.record(batch).unwrap();
        live.checkpoint(path).unwrap();
    }
    let now = Timestamp::now();
    let before = everything(&live, now);
    drop(live);
    let good = std::fs::read(&paths[2]).unwrap();
    for (at, found) in [
        (0, "start as one"),
        (9, "version"),
        (30, "digest"),
        (good.len() - 1, "digest"),
    ] {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        std::fs::write(&paths[2], &bytes).unwrap();
        let reopened = Signals::open(&path("events"), &paths, &Settings::default(), &|_| true);
        assert_eq!(everything(&reopened, now), before);
        assert_eq!(reopened.replay().checkpoint, Some(Position(200)), "byte {at}");
        let problem = &reopened.replay().problems[0];
        assert!(problem.contains(found) && problem.contains("/c"), "{problem}");
    }
    for length in [0, 10, 24, 60, good.len() - 1] {
        std::fs::write(&paths[2], &good[..length]).unwrap();
        let reopened = open_with(&path("events"), &paths[2]);
        assert_eq!(
            (everything(&reopened, now), reopened.replay().events),
            (before.clone(), 300)
        );
        assert_eq!(reopened.replay().problems.len(), 1);
    }
}

#[test]
fn a_log_that_begins_after_every_checkpoint_says_what_is_lost() {
    let dir = TempDir::new().unwrap();
    let settings = Settings {
        segment_bytes: 2_048,
        ..Settings::default()
    };
    let live = Signals::open(dir.path(), &[], &settings, &|_| true);
    for event in mixed(200) {
        live.record(&[event]).unwrap();
    }
    live.truncate(Position(150)).unwrap();
    drop(live);
    let reopened = open(dir.path());
    assert!(reopened.durable() && reopened.replay().events >= 50);
    let problem = &reopened.replay().problems[0];
    assert!(problem.contains("are gone and in no checkpoint"), "{problem}");
    let next = reopened.record(&events(1)).unwrap();
    assert_eq!(next.position, Some(Position(201)));
}

#[test]
fn a_log_that_was_moved_away_begins_behind_the_checkpoint() {
    let dir = TempDir::new().unwrap();
    let (folder, checkpoint) = (dir.path().join("events"), dir.path().join(CHECKPOINT_FILE));
    let live = open(&folder);
    live.record(&mixed(50)).unwrap();
    live.checkpoint(&checkpoint).unwrap();
    let now = Timestamp::now();
    let before = everything(&live, now);
    drop(live);
    std::fs::remove_dir_all(&folder).unwrap();
    let reopened = open_with(&folder, &checkpoint);
    assert_eq!(everything(&reopened, now), before);
    assert_eq!(reopened.record(&events(1)).unwrap().position, Some(Position(51)));
}

#[test]
fn events_of_a_type_that_is_no_longer_configured_are_passed_over() {
    let dir = TempDir::new().unwrap();
    let mut settings = Settings::default();
    settings.types.set("wishlist", Some(2.0), None).unwrap();
    let live = Signals::open(dir.path(), &[], &settings, &|_| true);
    let wished = Event {
        kind: EventType::named("wishlist"),
        ..event("i1", "u1", 1)
    };
    live.record(&[wished, event("i2", "u1", 1)]).unwrap();
    assert_eq!(live.user("u1").len(), 2);
    drop(live);
    let reopened = open(dir.path());
    assert_eq!((reopened.user("u1").len(), reopened.replay().passed_over), (1, 1));
}

#[test]
fn a_torn_end_is_cut_and_appending_goes_on() {
    let whole = TempDir::new().unwrap();
    let live = open(whole.path());
    live.record(&mixed(3)).unwrap();
    live.record(&mixed(8)[3..]).unwrap();
    drop(live);
    let name = "00000000000000000001.log";
    let bytes = std::fs::read(whole.path().join(name)).unwrap();
    for length in (48..bytes.len()).step_by(29) {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join(name), &bytes[..length]).unwrap();
        let reopened = open(dir.path());
        let found = reopened.replay();
        assert!(found.events == 0 || found.events == 3, "cut at {length}: {found}");
        assert!(found.problems.is_empty() && reopened.durable());
        reopened.record(&events(1)).unwrap();
        let events = reopened.replay().events;
        drop(reopened);
        assert_eq!(open(dir.path()).replay().events, events + 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_checkpoint_anywhere_changes_nothing(count in 0..120_usize, at in 0..120_usize, size in 1..40_usize) {
        let dir = TempDir::new().unwrap();
        let (folder, checkpoint) = (dir.path().join("events"), dir.path().join(CHECKPOINT_FILE));
        let live = open(&folder);
        let mut done = 0;
        for batch in mixed(count).chunks(size) {
            if done <= at && at < done + size {
                live.checkpoint(&checkpoint).unwrap();
            }
            live.record(batch).unwrap();
            done += batch.len();
        }
        let now = Timestamp::now();
        let before = everything(&live, now);
        drop(live);
        let paths: Vec<PathBuf> = checkpoint.exists().then_some(checkpoint).into_iter().collect();
        let reopened = Signals::open(&folder, &paths, &Settings::default(), &|_| true);
        prop_assert_eq!(everything(&reopened, now), before);
    }
}
