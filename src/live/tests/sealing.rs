//! Many live rows become a graph, while they go on changing.

use super::support::{base, put, update};
use super::{apply_each, delete, ids};
use crate::live::seal::SEALED_FROM;
use crate::live::{Asked, Live};
use crate::log::Position;
use alike_indexes::{Effort, Plan, Scratch};
use std::path::Path;

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// A state with as many live rows as are sealed, in commits of 500.
fn many(live: &mut Live, from: usize, count: usize) {
    for start in (from..from + count).step_by(500) {
        let steps = (start..(start + 500).min(from + count)).map(|n| put(&format!("n{n}"), n as i32));
        let position = live.position().0 + 1;
        live.apply((position..).map(Position).zip(steps));
    }
}

fn delete_all(live: &mut Live, numbers: std::ops::Range<usize>) {
    let position = live.position().0 + 1;
    live.apply(
        (position..)
            .map(Position)
            .zip(numbers.map(|n| delete(&format!("n{n}")))),
    );
}

/// All items by falling score of the query.
fn found(live: &Live, effort: Effort) -> (Vec<String>, Plan) {
    let (mut scratch, mut found) = (Scratch::new(), Vec::new());
    let asked = Asked { k: 20, effort };
    let report = live
        .search(
            &[1.0, 0.0, 0.0],
            asked,
            &live.select(None),
            &mut scratch,
            &mut found,
        )
        .unwrap();
    let id = |candidate: &crate::live::Candidate| live.item(candidate.place).unwrap().unwrap().id.to_owned();
    (found.iter().map(id).collect(), report.report.plan)
}

#[test]
fn sealed_rows_answer_as_before_and_later_changes_hold() {
    let (_folder, mut live) = base(10);
    many(&mut live, 0, SEALED_FROM - 1);
    assert!(live.sealing().is_none(), "too few");
    many(&mut live, SEALED_FROM, 300);
    let order = live.sealing().unwrap();
    assert_eq!(order.rows(), SEALED_FROM + 299);
    let sealed_in = tempfile::tempdir().unwrap();
    let sealed = order.seal(sealed_in.path()).unwrap();
    drop(order);
    assert_eq!(files(sealed_in.path()), 1);

    // Meanwhile rows go, are replaced, and come.
    apply_each(
        &mut live,
        [
            delete("n4000"),
            put("n4200", -1),
            update("n4300", 4_300),
            put("late", 1_000_000),
            delete("b3"),
        ],
    );
    let before = live.clone();
    let mut expected = (ids(&live), found(&live, Effort::Exact).0);
    live.replace_sealed(sealed);
    assert_eq!((ids(&live), found(&live, Effort::Exact).0), expected);
    assert_eq!(
        live.parts.iter().filter(|part| part.vectors.is_sealed()).count(),
        1
    );
    assert!(live.parts.len() <= 5, "{} parts", live.parts.len());
    assert_eq!(
        found(&live, Effort::Default),
        (expected.1.clone(), Plan::FilteredGraph)
    );
    assert!(live.sealing().is_none());

    // What is sealed changes as everything else does.
    apply_each(
        &mut live,
        [delete("n3900"), update("n17", 17), put("n18", 2_000_000)],
    );
    assert!(live.find("n3900").is_none());
    assert_eq!(found(&live, Effort::Default).0[..2], ["n18", "late"]);
    assert_eq!(live.find("n17").unwrap().version, Position(live.position().0 - 1));

    // Clones from before have the blocks; the file goes with the last state that has it.
    expected.0 = ids(&before);
    assert_eq!(found(&before, Effort::Exact).0, expected.1);
    drop(before);
    assert_eq!(files(sealed_in.path()), 1);
    let last = live.clone();
    drop(live);
    assert_eq!(files(sealed_in.path()), 1);
    drop(last);
    assert_eq!(files(sealed_in.path()), 0);
}

#[test]
fn graphs_are_sealed_into_larger_ones_and_decayed_ones_go() {
    let (_folder, mut live) = base(1);
    let sealed_in = tempfile::tempdir().unwrap();
    for round in 0..2 {
        many(&mut live, round * SEALED_FROM, SEALED_FROM);
        let order = live.sealing().unwrap();
        assert_eq!(order.rows(), (round + 1) * SEALED_FROM);
        live.replace_sealed(order.seal(sealed_in.path()).unwrap());
        drop(order);
        assert_eq!((live.parts.len(), files(sealed_in.path())), (1, 1));
    }
    // Most of it goes: the rest is to be sealed anew, or is taken into a block where it is little.
    delete_all(&mut live, 0..5_000);
    let order = live.sealing().unwrap();
    assert_eq!(order.rows(), 2 * SEALED_FROM - 5_000);
    delete_all(&mut live, 5_000..8_000);
    assert_eq!((live.parts.len(), live.live_rows()), (1, 2 * SEALED_FROM - 8_000));
    assert!(!live.parts[0].vectors.is_sealed());
    drop(order);
    assert_eq!(files(sealed_in.path()), 0);
    assert_eq!(
        found(&live, Effort::Exact).0[0],
        format!("n{}", 2 * SEALED_FROM - 1)
    );
}

/// While a decayed graph is sealed anew, the rest of it is merged with a block before it.
#[test]
fn what_was_merged_with_rows_before_it_is_sealed_another_time() {
    let (_folder, mut live) = base(1);
    let sealed_in = tempfile::tempdir().unwrap();
    many(&mut live, 0, 2 * SEALED_FROM);
    live.replace_sealed(live.sealing().unwrap().seal(sealed_in.path()).unwrap());
    many(&mut live, 10_000, SEALED_FROM);
    live.replace_sealed(live.sealing().unwrap().seal(sealed_in.path()).unwrap());
    assert_eq!(live.parts.len(), 2);
    delete_all(&mut live, 100..2 * SEALED_FROM);
    delete_all(&mut live, 11_500..10_000 + SEALED_FROM);
    let order = live.sealing().unwrap();
    assert_eq!(order.rows(), 1_500);
    let sealed = order.seal(sealed_in.path()).unwrap();
    delete_all(&mut live, 10_900..11_500);
    assert_eq!(live.parts.len(), 1, "one block of 1,000 rows");
    live.replace_sealed(sealed);
    assert_eq!(live.parts.len(), 1);
    let expected: Vec<String> = (0..100).chain(10_000..10_900).map(|n| format!("n{n}")).collect();
    assert_eq!(ids(&live)[1..], expected);
    assert!(expected.iter().all(|id| {
        live.find(id)
            .is_some_and(|found| live.vector(found.place).is_some())
    }));
}

#[test]
fn an_order_of_another_snapshot_is_passed_over() {
    let (_folder, mut live) = base(10);
    let (_other, mut other) = base(11);
    many(&mut live, 0, SEALED_FROM);
    many(&mut other, 0, SEALED_FROM);
    let sealed_in = tempfile::tempdir().unwrap();
    let sealed = live.sealing().unwrap().seal(sealed_in.path()).unwrap();
    other.replace_sealed(sealed);
    assert!(other.parts.iter().all(|part| !part.vectors.is_sealed()));
    assert_eq!(files(sealed_in.path()), 0);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let (_folder, mut live) = base(1);
    many(&mut live, 0, SEALED_FROM);
    let order = live.sealing().unwrap();
    let error = order
        .seal(Path::new("/nowhere/at/all"))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("/nowhere/at/all"), "{error}");
}
