use super::measures::{Tally, percentiles};
use super::read::seconds;
use super::*;
use crate::learn::TrainSettings;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

fn read(name: &str, content: &str, columns: &Columns, only: &[&str]) -> Result<Events, EventsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let only: Vec<Pattern> = only.iter().map(|only| only.parse().unwrap()).collect();
    read_events(&path, columns, &only)
}

fn options(strategy: Strategy, split_at: &str) -> Options {
    Options {
        strategy,
        split_at: moment(split_at).unwrap(),
        until: None,
        exclude_seen: false,
        every_line: false,
        anonymous: false,
        seed: 1,
        train: TrainSettings::default(),
    }
}

#[test]
fn measures_are_those_computed_by_hand() {
    // Wanted are 1, 2 and 9; places 2 and 4 have some of it.
    let outcome = Outcome::of(&[5, 2, 6, 1], &HashSet::from([1, 2, 9]));
    close(outcome.recall, 2.0 / 3.0);
    let found = 1.0 / 3_f64.log2() + 1.0 / 5_f64.log2();
    close(outcome.ndcg, found / (1.0 + 1.0 / 3_f64.log2() + 0.5));
    close(outcome.reciprocal_rank, 0.5);
    let nothing = Outcome::of(&[5], &HashSet::from([1]));
    assert_eq!(nothing, Outcome::default());
}

#[test]
fn more_than_twenty_wanted_items_can_all_be_found_in_twenty() {
    let ranking: Vec<u32> = (0..25).collect();
    let outcome = Outcome::of(&ranking, &(0..40).collect());
    close(outcome.recall, 1.0);
    close(outcome.ndcg, 1.0);
    let late = Outcome::of(&ranking, &HashSet::from([20]));
    assert_eq!(late, Outcome::default(), "place 21 does not count");
}

#[test]
fn coverage_and_bias_are_over_what_was_there() {
    let percentiles = percentiles(&[4, 0, 1, 1]);
    assert_eq!(percentiles[1], None);
    close(percentiles[0].unwrap(), 2.5 / 3.0);
    close(percentiles[2].unwrap(), 1.0 / 3.0);
    let mut tally = Tally::new(&percentiles);
    let outcome = tally.answer(&[0, 2], &HashSet::from([2]), Duration::from_millis(2));
    tally.query(outcome);
    let measures = tally.measures().unwrap();
    close(measures.coverage, 2.0 / 3.0);
    close(measures.popularity_bias, (2.5 / 3.0 + 1.0 / 3.0) / 2.0);
    close(measures.mean_ms, 2.0);
    close(measures.mrr, 0.5);
}

#[test]
fn times_of_all_forms_are_read() {
    let noon = Some(1_291_191_960);
    for text in [
        "2010-12-01 08:26:00",
        "2010-12-01T08:26:00Z",
        "2010-12-01T09:26:00+01:00",
        "1291191960",
        "1291191960000",
    ] {
        assert_eq!(seconds(text), noon, "{text}");
    }
    assert_eq!(seconds("2011-09-01"), Some(1_314_835_200));
    assert_eq!(seconds("yesterday"), None);
}

#[test]
fn patterns_match_whole_values() {
    let matches = |pattern: &str, value: &str| pattern.parse::<Pattern>().unwrap().matches(value);
    assert!(matches("c=[0-9][0-9]*", "85123A") && matches("c=[0-9][0-9]*", "85"));
    assert!(!matches("c=[0-9][0-9]*", "8") && !matches("c=[0-9][0-9]*", "POST"));
    assert!(matches("c=*a*b", "xaybaab") && !matches("c=*a*b", "xayba"));
    assert!(matches("c=?é[!C]", "xéd") && !matches("c=?é[!C]", "xéC"));
    assert!(matches("c=", "") && !matches("c=", "x") && matches("c=*", ""));
    assert!("no equals".parse::<Pattern>().is_err() && "c=[0-9".parse::<Pattern>().is_err());
}

const SHOP: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,CustomerID
1,85123A,white lamp,6,2010-12-01 08:26:00,17850
1,POST,postage,1,2010-12-01 08:26:00,17850
C2,85123A,white lamp,-6,2010-12-02 08:26:00,17850
3,71053,black lamp,1,2010-12-03 08:26:00,
4,71053,black lamp,1,never,
5,71053,black lamp,one,2010-12-03 08:26:00,
6,,black lamp,1,2010-12-03 08:26:00,
";

fn shop() -> Columns {
    Columns {
        user: Some("CustomerID".to_owned()),
        item: Some("StockCode".to_owned()),
        time: Some("InvoiceDate".to_owned()),
        basket: Some("InvoiceNo".to_owned()),
        ..Columns::default()
    }
}

#[test]
fn rows_that_return_something_are_left_out_and_unreadable_ones_named() {
    let events = read(
        "shop.csv",
        SHOP,
        &shop(),
        &["StockCode=[0-9][0-9][0-9][0-9][0-9]*"],
    )
    .unwrap();
    assert_eq!((events.rows, events.left_out, events.unreadable), (7, 3, 2));
    assert_eq!(events.items, ["85123A", "71053"]);
    assert_eq!(events.texts, ["white lamp", "black lamp"]);
    assert_eq!((events.lines[0].user, events.lines[1].user), (Some(0), None));
    let lines: Vec<u64> = events.skipped.iter().map(|skipped| skipped.line).collect();
    assert_eq!(lines, [6, 7]);
    assert!(events.skipped[0].reason.contains("InvoiceDate: found \"never\""));
    assert!(events.skipped[1].reason.contains("Quantity: found \"one\""));
}

#[test]
fn usual_names_are_found_and_others_asked_for() {
    let rows = "{\"User\":7,\"item\":\"a\",\"time\":1300000000,\"type\":\"view\"}\n\
        {\"User\":7,\"item\":\"b\",\"time\":1300000060000,\"type\":\"purchase\"}\n\
        {\"User\":7,\"item\":\"b\",\"time\":1300000060,\"type\":\"impression\"}\n\
        {\"User\":7,\"item\":\"b\",\"time\":1300000060,\"type\":\"dance\"}\n";
    let events = read("events.jsonl", rows, &Columns::default(), &[]).unwrap();
    let weights: Vec<f32> = events.lines.iter().map(|line| line.weight).collect();
    assert_eq!(weights, [1.0, 5.0]);
    assert_eq!(events.lines[1].time - events.lines[0].time, 60);
    assert_eq!((events.left_out, events.unreadable, events.users), (1, 1, 1));
    let wrong = Columns {
        user: Some("buyer".to_owned()),
        ..Columns::default()
    };
    let error = read("events.jsonl", rows, &wrong, &[]).unwrap_err().to_string();
    assert!(
        error.contains("--user: there is no column \"buyer\"") && error.contains("item"),
        "{error}"
    );
    let error = read("events.csv", "a,b\n1,2\n", &Columns::default(), &[])
        .unwrap_err()
        .to_string();
    assert!(error.contains("--item") && error.contains("a, b"), "{error}");
}

#[test]
fn a_file_without_a_usable_row_is_refused_with_the_first_reason() {
    let error = read("e.csv", "item,time\na,soon\n", &Columns::default(), &[])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("none of 1 rows") && error.contains("line 2") && error.contains("soon"),
        "{error}"
    );
}

/// Two tastes: even customers buy even items; one item a day, the next one of a circle of ten.
fn circles() -> Events {
    let mut rows = "user,item,time,basket\n".to_owned();
    for day in 0..60_u32 {
        for user in 0..40_u32 {
            for step in 0..2 {
                let item = (user / 2 + day + step) % 10 * 2 + user % 2;
                let date = format!("2026-{:02}-{:02}", 1 + day / 28, 1 + day % 28);
                rows += &format!("u{user},i{item},{date},{user}-{day}\n");
            }
        }
    }
    read("circles.csv", &rows, &Columns::default(), &[]).unwrap()
}

#[test]
fn what_follows_a_pattern_is_foretold() {
    let events = circles();
    let measured = |strategy| evaluate(&events, &options(strategy, "2026-02-20"), &|_| ()).unwrap();
    let together = measured(Strategy::BoughtTogether);
    assert!(together.measures.mrr > 0.4, "{together:?}");
    assert_eq!(together.items, 20);
    let users = measured(Strategy::ForYou);
    assert_eq!(users.measures.queries, 40);
    // Of the 20 items a user wants 10; they come before the other taste's.
    assert!(users.measures.ndcg_at_20 > 0.99, "{users:?}");
    let popular = measured(Strategy::Popular);
    assert!(
        popular.measures.ndcg_at_20 < users.measures.ndcg_at_20,
        "{popular:?}"
    );
    assert_eq!(popular.train_seconds, 0.0);
}

#[test]
fn a_split_outside_the_events_is_refused() {
    let events = circles();
    for (at, place) in [("2030-01-01", "after it"), ("2020-01-01", "before it")] {
        let error = evaluate(&events, &options(Strategy::ForYou, at), &|_| ())
            .unwrap_err()
            .to_string();
        assert!(error.contains(place) && error.contains("2026-01-01"), "{error}");
    }
}

/// A file of the shared data folder; absent in a user's clone.
fn real(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = root
        .ancestors()
        .map(|folder| folder.join("shared/data").join(name))
        .find(|path| path.exists());
    if found.is_none() {
        println!("skipped: ../shared/data/{name} is not there");
    }
    found
}

#[test]
fn real_baskets_are_foretold() {
    let Some(path) = real("online_retail/transactions.csv.gz") else {
        return;
    };
    let digits = "StockCode=[0-9][0-9][0-9][0-9][0-9]*".parse().unwrap();
    let events = read_events(&path, &shop(), &[digits]).unwrap();
    let last = moment("2011-04-01").unwrap();
    let options = Options {
        until: Some(last),
        exclude_seen: true,
        // A small model: the tests' program is not an optimized one.
        train: TrainSettings {
            neighbors: 40,
            dimension: 0,
            ..TrainSettings::default()
        },
        ..options(Strategy::ForYou, "2011-03-01")
    };
    let measures = evaluate(&events, &options, &|_| ()).unwrap().measures;
    assert!(
        measures.queries > 300 && measures.recall_at_20 > 0.08,
        "{measures:?}"
    );
}
