//! A week of real baskets, day by day, with a new snapshot each night: what is recommended gets no worse than what sells
//! most, a restart answers as before, and what is sent twice counts once.

#![allow(
    clippy::print_stdout,
    reason = "what was found, and a test that has no data, say so"
)]

use crate::support::live::{Call, Caller, NO_REBUILDS, create};
use crate::support::{Server, temp_dir};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

const C: &str = "gifts";
/// As many of the items that sell most; the others are left out, so that a night takes seconds.
const ITEMS: usize = 120;
const DAY_MS: i64 = 86_400_000;
/// 2011-09-01: the day that is foretold is the first with sales from here on.
const SPLIT_MS: i64 = 1_314_835_200_000;
const HISTORY_DAYS: i64 = 40;
const SENT_TOGETHER: usize = 10_000;

/// One line of an order.
#[derive(Clone)]
struct Sale {
    basket: String,
    item: String,
    user: String,
    time_ms: i64,
}

/// The shared data; absent in a user's clone.
fn transactions() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let name = "shared/data/online_retail/transactions.csv.gz";
    let found = root
        .ancestors()
        .map(|folder| folder.join(name))
        .find(|path| path.exists());
    if found.is_none() {
        println!("skipped: ../{name} is not there");
    }
    found
}

fn milliseconds(text: &str) -> i64 {
    let time: jiff::civil::DateTime = text.parse().unwrap();
    time.to_zoned(jiff::tz::TimeZone::UTC)
        .unwrap()
        .timestamp()
        .as_millisecond()
}

/// Sales of the best-selling items from weeks before the split to a week after it, oldest first.
fn sales(path: &Path) -> Vec<Sale> {
    let mut reader = csv::Reader::from_reader(GzDecoder::new(File::open(path).unwrap()));
    let rows = reader
        .deserialize::<HashMap<String, String>>()
        .map(Result::unwrap);
    let sale = |row: HashMap<String, String>| {
        let (item, quantity) = (&row["StockCode"], row["Quantity"].parse::<i64>().unwrap());
        let is_sale = item.len() >= 5 && item.as_bytes()[..5].iter().all(u8::is_ascii_digit) && quantity > 0;
        let time_ms = milliseconds(&row["InvoiceDate"]);
        let in_time = (SPLIT_MS - HISTORY_DAYS * DAY_MS..SPLIT_MS + 7 * DAY_MS).contains(&time_ms);
        (is_sale && in_time).then(|| Sale {
            basket: row["InvoiceNo"].clone(),
            item: item.clone(),
            user: row["CustomerID"].trim_end_matches(".0").to_owned(),
            time_ms,
        })
    };
    let mut all: Vec<Sale> = rows.filter_map(sale).collect();
    let mut sold: HashMap<String, usize> = HashMap::new();
    all.iter()
        .for_each(|sale| *sold.entry(sale.item.clone()).or_default() += 1);
    let mut order: Vec<(usize, String)> = sold.into_iter().map(|(item, count)| (count, item)).collect();
    order.sort_unstable_by(|a, b| b.cmp(a));
    let kept: BTreeSet<String> = order.into_iter().take(ITEMS).map(|(_, item)| item).collect();
    all.retain(|sale| kept.contains(&sale.item));
    all.sort_by_key(|sale| sale.time_ms);
    all
}

/// The sales as events, moved in time so that the split is `now`.
fn events(sales: &[Sale], now: i64) -> Vec<Value> {
    let event = |sale: &Sale| {
        let mut event = json!({"collection": C, "type": "purchase", "item": sale.item, "basket": sale.basket,
            "time": sale.time_ms - SPLIT_MS + now});
        if !sale.user.is_empty() {
            event["user"] = json!(sale.user);
        }
        event
    };
    sales.iter().map(event).collect()
}

#[track_caller]
fn send(caller: &Caller, events: &[Value]) -> Vec<Value> {
    let send = |part: &[Value]| caller.send(&Call::lines("POST", "/v1/events", part)).json();
    events.chunks(SENT_TOGETHER).map(send).collect()
}

fn sum(answers: &[Value], field: &str) -> u64 {
    answers.iter().map(|answer| answer[field].as_u64().unwrap()).sum()
}

#[track_caller]
fn recommended(caller: &Caller, body: &Value) -> Vec<(String, String)> {
    let answer = caller
        .post(&format!("/v1/collections/{C}/recommend"), body)
        .json();
    let hits = answer["hits"].as_array().unwrap().iter();
    hits.map(|hit| (hit["id"].as_str().unwrap().to_owned(), hit["score"].to_string()))
        .collect()
}

/// Baskets of the week after the split: what was in them but for one item, and that item.
fn hidden(sales: &[Sale]) -> Vec<(Vec<String>, String)> {
    let mut baskets: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for sale in sales.iter().filter(|sale| sale.time_ms >= SPLIT_MS) {
        baskets.entry(&sale.basket).or_default().insert(&sale.item);
    }
    let usable = baskets
        .into_values()
        .filter(|items| (3..=30).contains(&items.len()));
    usable
        .enumerate()
        .map(|(at, items)| {
            let mut rest: Vec<String> = items.into_iter().map(str::to_owned).collect();
            let wanted = rest.swap_remove(at % rest.len());
            (rest, wanted)
        })
        .collect()
}

/// How many hidden items a strategy finds among twenty.
fn found(caller: &Caller, baskets: &[(Vec<String>, String)], strategy: &str) -> usize {
    let finds = |(rest, wanted): &&(Vec<String>, String)| {
        let call = json!({"strategy": strategy, "basket": rest, "limit": 20, "fields": [],
            "rules": {"exclude": {"basket": true}}});
        recommended(caller, &call).iter().any(|(id, _)| id == wanted)
    };
    baskets.iter().filter(finds).count()
}

/// What is asked before and after a restart.
fn questions(baskets: &[(Vec<String>, String)], user: &str) -> Vec<Value> {
    let mut all = vec![
        json!({"strategy": "popular", "limit": 20, "fields": []}),
        json!({"strategy": "for_you", "user": user, "limit": 20, "fields": [], "fallback": []}),
        json!({"strategy": "for_you", "user": user, "limit": 20, "fields": [], "rules": {"exclude": {"bought": true}}}),
    ];
    for (rest, _) in baskets.iter().take(5) {
        all.push(json!({"strategy": "bought_together", "basket": rest, "limit": 20, "fields": []}));
    }
    all
}

fn fill(caller: &Caller, sales: &[Sale]) {
    let schema = json!({"id": "id", "vector": "v", "fields": {}});
    create(caller, C, &schema, 8);
    let ids: BTreeSet<&str> = sales.iter().map(|sale| sale.item.as_str()).collect();
    let item = |(at, id): (usize, &&str)| {
        let vector: Vec<f64> = (0..8).map(|axis| ((at * 8 + axis) as f64 * 0.7).sin()).collect();
        json!({"id": id, "v": vector})
    };
    caller.upsert(C, &ids.iter().enumerate().map(item).collect::<Vec<_>>());
}

#[test]
fn a_week_day_by_day_with_a_rebuild_each_night() {
    let Some(path) = transactions() else { return };
    let sales = sales(&path);
    let (data, now) = (temp_dir(), jiff::Timestamp::now().as_millisecond());
    let mut server = Server::start_with(data.path(), &[], &NO_REBUILDS);
    let caller = Caller::of(&server);
    fill(&caller, &sales);

    let week = SPLIT_MS - 7 * DAY_MS;
    let until = |end: i64| sales.partition_point(|sale| sale.time_ms < end);
    let first = events(&sales[..until(week)], now);
    let sent = send(&caller, &first);
    let mut taken = sum(&sent, "accepted");
    assert_eq!(taken, first.len() as u64);
    let mut snapshots = BTreeSet::from([caller.build_snapshot(C)]);
    for day in 0..7 {
        let (start, end) = (week + day * DAY_MS, week + (day + 1) * DAY_MS);
        let sent = send(&caller, &events(&sales[until(start)..until(end)], now));
        assert_eq!(
            sum(&sent, "rejected") + sum(&sent, "unknown_items"),
            0,
            "{sent:?}"
        );
        taken += sum(&sent, "accepted");
        snapshots.insert(caller.build_snapshot(C));
    }
    assert_eq!(snapshots.len(), 8, "each night has its snapshot");
    assert!(taken > 3_000, "{taken}");

    let baskets = hidden(&sales);
    let (together, popular) = (
        found(&caller, &baskets, "bought_together"),
        found(&caller, &baskets, "popular"),
    );
    println!(
        "{} baskets: bought together finds {together}, popular {popular}",
        baskets.len()
    );
    assert!(
        together * 2 > popular * 3,
        "{together} of {} against {popular}",
        baskets.len()
    );

    let regular = sales
        .iter()
        .rev()
        .find(|sale| sale.time_ms < SPLIT_MS && !sale.user.is_empty());
    let questions = questions(&baskets, &regular.unwrap().user);
    let before: Vec<_> = questions.iter().map(|body| recommended(&caller, body)).collect();
    assert!(before.iter().all(|hits| !hits.is_empty()));
    let again = send(
        &caller,
        &events(&sales[until(SPLIT_MS - DAY_MS)..until(SPLIT_MS)], now),
    );
    assert_eq!(sum(&again, "accepted"), sum(&again, "duplicates"), "{again:?}");
    server.kill();
    let server = Server::start_with(data.path(), &[], &NO_REBUILDS);
    let caller = Caller::of(&server);
    for (body, before) in questions.iter().zip(before) {
        let ids = |hits: Vec<(String, String)>| hits.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!(ids(recommended(&caller, body)), ids(before), "{body}");
    }
}
