use super::*;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const DAY: i64 = 86_400;

fn touch(item: u32, day: i64) -> Touch {
    Touch {
        item,
        time: day * DAY,
        weight: 5.0,
        bought: true,
    }
}

/// Users of two tastes, with items 0 to 9 and 10 to 19; each buys two items of its taste every third day, one after the
/// other. Item 20 is nobody's.
fn shop() -> Interactions {
    let items_of = |user: u32, day: i64| {
        let first = user % 2 * 10;
        let at = user / 2 + day as u32 / 3;
        [first + at % 10, first + (at + 1) % 10]
    };
    let days = || (0..90_i64).step_by(3);
    let user = |user: u32| History {
        touches: days()
            .flat_map(|day| items_of(user, day).map(|item| touch(item, day)))
            .collect(),
    };
    let baskets = (0..240_u32).flat_map(|user| {
        days().map(move |day| Basket {
            time: day * DAY,
            items: items_of(user, day).to_vec(),
        })
    });
    Interactions {
        items: 21,
        users: (0..240).map(user).collect(),
        baskets: baskets.collect(),
        sessions: Vec::new(),
        now: 90 * DAY,
    }
}

fn settings() -> TrainSettings {
    TrainSettings {
        dimension: 64,
        ..TrainSettings::default()
    }
}

fn open(trained: &Trained, folder: &std::path::Path) -> Model {
    let path = folder.join("vectors");
    assert!(trained.build_index(&path, Some(1)).unwrap());
    let index = alike_indexes::open(&path).unwrap();
    Model::open(Box::new(trained.words.clone()), Some(index)).unwrap()
}

fn trained() -> Trained {
    train(&shop(), &settings(), &()).unwrap().unwrap()
}

#[test]
fn tastes_and_baskets_are_learned() {
    let folder = tempfile::tempdir().unwrap();
    let model = open(&trained(), folder.path());
    assert_eq!((model.items(), model.trained()), (21, 90 * DAY));
    let profile = [touch(11, 86), touch(12, 86), touch(13, 89)];
    let found = model.for_you(&profile, 90 * DAY, (5, true), None);
    assert_eq!(found.len(), 5);
    for (item, _) in &found {
        assert!(
            (10..20).contains(item) && ![11, 12, 13].contains(item),
            "{found:?}"
        );
    }
    assert!(found.is_sorted_by(|a, b| a.1 >= b.1));
    let all = model.for_you(&profile, 90 * DAY, (20, false), None);
    assert!(all.iter().any(|(item, _)| *item == 13), "{all:?}");
    let mut beside: Vec<u32> = model
        .together((&[4], &[]), 90 * DAY, 2, None)
        .iter()
        .map(|found| found.0)
        .collect();
    beside.sort_unstable();
    assert_eq!(beside, [3, 5], "what was next to it in baskets");
}

#[test]
fn what_is_unknown_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let model = open(&trained(), folder.path());
    assert!(model.for_you(&[], 90 * DAY, (5, false), None).is_empty());
    assert!(
        model
            .for_you(&[touch(999, 80)], 90 * DAY, (5, false), None)
            .is_empty()
    );
    assert!(model.together((&[999], &[]), 90 * DAY, 5, None).is_empty());
    assert!(model.together((&[], &[]), 90 * DAY, 5, None).is_empty());
    assert!(
        model.viewed_together(&[1], 90 * DAY, 5, None).is_empty(),
        "no visits"
    );
    assert!(
        model
            .for_you(&[touch(1, 80)], 90 * DAY, (0, false), None)
            .is_empty()
    );
    let odd = |item: u32| item % 2 == 1;
    let found = model.for_you(&[touch(2, 80)], 90 * DAY, (4, true), Some(&odd));
    assert!(
        !found.is_empty() && found.iter().all(|(item, _)| item % 2 == 1),
        "{found:?}"
    );
}

#[test]
fn any_number_of_threads_learns_the_same() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(trained)
    };
    let one = on(1);
    assert!(one == on(3) && one == on(2));
}

#[test]
fn damaged_words_are_refused() {
    let words = trained().words;
    let refused = |change: &dyn Fn(&mut Vec<u32>)| {
        let mut words = words.clone();
        change(&mut words);
        Model::open(Box::new(words), None).unwrap_err().to_string()
    };
    assert!(refused(&|words| words.truncate(words.len() - 16)).contains("words"));
    assert!(refused(&|words| words[2] = 1).contains("version 1"));
    // The first word of the head is the number of items.
    let head = words[16] as usize;
    assert!(refused(&|words| words[head] = 7).contains("offsets"));
}

#[test]
fn too_little_is_told_and_training_can_be_stopped() {
    assert!(enough(&shop()) && !enough(&Interactions::default()));
    struct Stop(AtomicU32, AtomicBool);
    impl Watch for Stop {
        fn at(&self, share: f64) {
            assert!((0.0..=1.0).contains(&share));
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn canceled(&self) -> bool {
            self.1.store(true, Ordering::Relaxed);
            true
        }
    }
    let watch = Stop(AtomicU32::new(0), AtomicBool::new(false));
    assert!(train(&shop(), &settings(), &watch).unwrap().is_none());
    assert!(watch.1.into_inner() && watch.0.into_inner() > 0);
}

#[test]
fn content_leads_to_items_that_nobody_touched() {
    let mut alike = vec![Vec::new(); 21];
    alike[3] = vec![(20, 0.9)];
    let settings = TrainSettings { alike, ..settings() };
    let trained = train(&shop(), &settings, &()).unwrap().unwrap();
    let model = Model::open(Box::new(trained.words), None).unwrap();
    let found = model.together((&[3], &[]), 90 * DAY, 20, None);
    assert!(found.iter().any(|(item, _)| *item == 20), "{found:?}");
}

#[test]
fn what_the_customer_bought_before_counts_in_a_basket_the_later_the_more() {
    let model = Model::open(Box::new(trained().words), None).unwrap();
    let seen = profile::seen(&[touch(13, 89), touch(17, 1)], 90 * DAY, 5.0, 21);
    let ask = features::Ask {
        now: 90 * DAY,
        most: 20,
        new: true,
        admits: None,
    };
    let found = features::for_basket(&model.view(), (&[4], &seen), view::LinkKind::Basket, &ask);
    let level = |wanted: u32| {
        let found = found.iter().find(|found| found.item == wanted);
        found.map(|found| found.features[0])
    };
    assert!(level(17).is_some() && level(13) > level(17), "{found:?}");
}
