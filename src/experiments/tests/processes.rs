//! Several processes with one data directory: one counts durably, the others follow.

use super::OutcomeKind::Click;
use super::*;

#[test]
fn one_counts_and_the_others_follow() {
    let data = tempfile::tempdir().unwrap();
    let first = open(data.path());
    first.put("e", definition(&[1.0, 1.0]), false).unwrap();
    let reader = Experiments::open(data.path(), true, metrics()).unwrap();
    let second = open(data.path());
    for other in [&reader, &second] {
        let refused = other.put("f", definition(&[1.0, 1.0]), false).unwrap_err();
        assert!(matches!(refused, ExperimentError::ReadOnly { .. }), "{refused}");
        let id = answer(other, "e", "u1");
        assert!(first.check(&id).is_ok(), "all have one secret");
        first.attribute_outcomes([outcome(&id, Click)]);
        assert!(!other.report("e").unwrap().durable);
        assert_eq!(totals(other, "e")[..2], [1, 1]);
    }
    let report = first.report("e").unwrap();
    assert_eq!(
        (report.durable, report.unmatched_outcomes),
        (true, 2),
        "it did not count these exposures"
    );
    assert_eq!(totals(&first, "e"), [0; 6]);

    first.put("g", definition(&[1.0, 2.0]), false).unwrap();
    assert_eq!(reader.all(), first.all());
    let at = |experiments: &Experiments| experiments.assign("g", "shop", "u9").unwrap().variant;
    assert_eq!(at(&reader), at(&first));
}

#[test]
fn who_counted_in_memory_takes_over_with_what_it_has() {
    let data = tempfile::tempdir().unwrap();
    let first = open(data.path());
    first.put("e", definition(&[1.0, 1.0]), false).unwrap();
    let second = open(data.path());
    for unit in 0..30 {
        answer(&first, "e", &unit.to_string());
    }
    let ids: Vec<String> = (20..50)
        .map(|unit| answer(&second, "e", &unit.to_string()))
        .collect();
    second.attribute_outcomes(ids.iter().map(|id| outcome(id, Click)));
    drop(first);
    second.keeper.tend();
    assert!(second.report("e").unwrap().durable);
    assert_eq!(totals(&second, "e"), [60, 50, 30, 0, 30, 0]);
    second.put("f", definition(&[1.0, 1.0]), false).unwrap();
    drop(second);
    assert_eq!(totals(&open(data.path()), "e"), [60, 50, 30, 0, 30, 0]);
}

#[test]
fn a_reader_that_was_there_first_learns_the_secret() {
    let data = tempfile::tempdir().unwrap();
    let reader = Experiments::open(data.path(), true, metrics()).unwrap();
    assert!(reader.all().is_empty());
    assert!(!data.path().join("experiments").exists(), "it writes nothing");
    let first = open(data.path());
    first.put("e", definition(&[1.0, 1.0]), false).unwrap();
    let id = answer(&reader, "e", "u1");
    assert!(first.check(&id).is_ok());
}
