//! Writers that keep a ledger: what was acknowledged has to be there, whatever happened in between; of a call that was
//! never answered, all or nothing.

use crate::support::live::{Call, Caller, create};
use crate::support::{Answer, Random, Server};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::mpsc;

pub(crate) const DIMENSION: usize = 8;

/// What an item should say: its last change, and the change that gave it its vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) rev: u64,
    pub(crate) vector_rev: u64,
}

/// The vector that the item of that id has since its change `rev`.
pub(crate) fn vector_of(id: &str, rev: u64) -> Vec<f32> {
    let seed = id.bytes().fold(rev.wrapping_mul(0x9e37_79b9), |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    Random::new(seed).vector(DIMENSION)
}

/// The whole row of an item since its change `rev`.
pub(crate) fn row(id: &str, rev: u64) -> Value {
    json!({"id": id, "v": vector_of(id, rev), "rev": rev, "vector_rev": rev, "n": rev % 1_000, "twice": 2 * rev})
}

/// The fields that change `rev` gives to an item whose vector stays.
fn fields(rev: u64) -> Value {
    json!({"rev": rev, "n": rev % 1_000, "twice": 2 * rev})
}

/// The entry of an item as it is answered; what it says has to fit together.
#[track_caller]
pub(crate) fn entry_of(item: &Value) -> Entry {
    let (id, fields) = (&item["id"], &item["fields"]);
    let number = |name: &str| {
        fields[name]
            .as_u64()
            .unwrap_or_else(|| panic!("no {name} in {item}"))
    };
    let rev = number("rev");
    assert_eq!(number("n"), rev % 1_000, "half of a change is in {item}");
    assert_eq!(number("twice"), 2 * rev, "half of a change is in {item}");
    assert_eq!(&fields["id"], id, "{item}");
    Entry {
        rev,
        vector_rev: number("vector_rev"),
    }
}

/// Cosine similarity.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
        products.sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Creates a collection for such items.
#[track_caller]
pub(crate) fn create_collection(caller: &Caller, collection: &str) {
    let schema = json!({"id": "id", "vector": "v", "fields": {
        "n": {"type": "number", "filter": true}, "rev": {"type": "number", "filter": true},
    }});
    create(caller, collection, &schema, DIMENSION);
}

/// What one call changes: by id, the entry afterwards, or none.
type Changes = Vec<(String, Option<Entry>)>;

/// One writer, whose items nobody else changes.
#[derive(Debug)]
pub(crate) struct Writer {
    collection: String,
    name: String,
    ids: usize,
    random: Random,
    rev: u64,
    ledger: BTreeMap<String, Entry>,
    in_doubt: Option<Changes>,
    pub(crate) acknowledged: usize,
}

impl Writer {
    /// A writer of at most `ids` items, whose ids start with `name`.
    pub(crate) fn new(collection: &str, name: &str, ids: usize, seed: u64) -> Self {
        Self {
            collection: collection.to_owned(),
            name: name.to_owned(),
            ids,
            random: Random::new(seed),
            rev: 0,
            ledger: BTreeMap::new(),
            in_doubt: None,
            acknowledged: 0,
        }
    }

    /// Its items, as they were acknowledged.
    pub(crate) fn ledger(&self) -> &BTreeMap<String, Entry> {
        &self.ledger
    }

    /// Writes once. An error is one of the connection; a refusal changes nothing.
    pub(crate) fn write(&mut self, caller: &Caller) -> Result<Answer, ureq::Error> {
        assert!(self.in_doubt.is_none(), "what is in doubt is checked first");
        self.rev += 1;
        let (call, changes) = self.next_call();
        match caller.try_send(&call) {
            Err(error) => {
                self.in_doubt = Some(changes);
                Err(error)
            }
            Ok(answer) if answer.status == 200 => {
                self.enter(changes);
                self.acknowledged += 1;
                Ok(answer)
            }
            Ok(answer) => Ok(answer),
        }
    }

    fn enter(&mut self, changes: Changes) {
        for (id, entry) in changes {
            match entry {
                Some(entry) => self.ledger.insert(id, entry),
                None => self.ledger.remove(&id),
            };
        }
    }

    fn next_call(&mut self) -> (Call, Changes) {
        let items = format!("/v1/collections/{}/items", self.collection);
        let known: Vec<String> = self.ledger.keys().cloned().collect();
        let kind = if known.is_empty() {
            0
        } else {
            self.random.below(10)
        };
        match kind {
            0..3 => self.upsert(&items, 1),
            3..6 => {
                let count = 2 + self.random.below(40);
                self.upsert(&items, count)
            }
            6 | 7 => {
                let id = self.random.pick(&known).clone();
                let call = Call::json("PATCH", format!("{items}/{id}"), &fields(self.rev));
                let after = self.patched(&id);
                (call, vec![(id, Some(after))])
            }
            8 => {
                let count = 1 + self.random.below(known.len().min(30));
                let chosen = self.random.sample(known.len(), count);
                let patch = |at: &usize| {
                    let mut row = fields(self.rev);
                    row["id"] = json!(known[*at]);
                    row
                };
                let rows: Vec<Value> = chosen.iter().map(patch).collect();
                let change = |at: &usize| (known[*at].clone(), Some(self.patched(&known[*at])));
                let changes = chosen.iter().map(change).collect();
                (Call::lines("PATCH", items, &rows), changes)
            }
            _ => {
                let count = 1 + self.random.below(known.len().min(10));
                let chosen = self.random.sample(known.len(), count);
                let ids: Vec<&String> = chosen.iter().map(|&at| &known[at]).collect();
                let changes = ids.iter().map(|id| ((*id).clone(), None)).collect();
                let call = Call::json("POST", format!("{items}/delete"), &json!({"ids": ids}));
                (call, changes)
            }
        }
    }

    fn patched(&self, id: &str) -> Entry {
        Entry {
            rev: self.rev,
            ..self.ledger[id]
        }
    }

    fn upsert(&mut self, items: &str, count: usize) -> (Call, Changes) {
        let chosen = self.random.sample(self.ids, count);
        let ids: Vec<String> = chosen
            .into_iter()
            .map(|at| format!("{}-{at}", self.name))
            .collect();
        let rows: Vec<Value> = ids.iter().map(|id| row(id, self.rev)).collect();
        let entry = Entry {
            rev: self.rev,
            vector_rev: self.rev,
        };
        let changes = ids.into_iter().map(|id| (id, Some(entry))).collect();
        (Call::json("POST", items, &json!(rows)), changes)
    }

    /// Checks its items among all items of the collection. What is in doubt has to be there wholly or not at all; from
    /// then on it counts as what it turned out to be.
    #[track_caller]
    pub(crate) fn verify(&mut self, all: &BTreeMap<String, Entry>) {
        let prefix = format!("{}-", self.name);
        let found: BTreeMap<String, Entry> = all
            .iter()
            .filter(|(id, _)| id.starts_with(&prefix))
            .map(|(id, entry)| (id.clone(), *entry))
            .collect();
        if let Some(changes) = self.in_doubt.take()
            && found != self.ledger
        {
            self.enter(changes);
        }
        let lost = self
            .ledger
            .iter()
            .find(|(id, entry)| found.get(*id) != Some(*entry));
        if let Some((id, entry)) = lost {
            panic!("{id} should be {entry:?}, is {:?}", found.get(id));
        }
        let extra: Vec<_> = found
            .iter()
            .filter(|(id, _)| !self.ledger.contains_key(*id))
            .collect();
        assert!(extra.is_empty(), "deleted, or never acknowledged: {extra:?}");
    }
}

/// Every item of a collection by id, of one view.
#[track_caller]
pub(crate) fn all_items(caller: &Caller, collection: &str) -> BTreeMap<String, Entry> {
    let path = format!("/v1/collections/{collection}/items/scroll");
    let (mut items, mut body) = (BTreeMap::new(), json!({"limit": 1_000}));
    loop {
        let answer = caller.post(&path, &body).json();
        for item in answer["items"].as_array().expect("a list of items") {
            let id = item["id"].as_str().expect("an id").to_owned();
            let twice = items.insert(id, entry_of(item));
            assert!(twice.is_none(), "{item} comes twice");
        }
        match answer["cursor"].as_str() {
            Some(cursor) => body["cursor"] = json!(cursor),
            None => return items,
        }
    }
}

/// The vectors of these items are those of their entries, as scores against an exact search show.
#[track_caller]
pub(crate) fn check_vectors(caller: &Caller, collection: &str, items: &BTreeMap<String, Entry>) {
    let limit = items.len().min(1_000);
    let query = vector_of("query", 0);
    let body = json!({"vector": query, "limit": limit.max(1), "exact": true});
    let answer = caller
        .post(&format!("/v1/collections/{collection}/search"), &body)
        .json();
    let hits = answer["hits"].as_array().expect("hits");
    assert_eq!(hits.len(), limit, "an exact search finds as many as there are");
    for hit in hits {
        check_score(hit, &query);
    }
}

/// A hit is an item in one piece, and its score is that of its vector; the entry.
#[track_caller]
pub(crate) fn check_score(hit: &Value, query: &[f32]) -> Entry {
    let entry = entry_of(hit);
    let id = hit["id"].as_str().expect("an id");
    let expected = cosine(query, &vector_of(id, entry.vector_rev));
    let score = hit["score"].as_f64().expect("a score");
    assert!(
        (score - expected).abs() < 2e-5,
        "{hit} scores {score}, its vector {expected}"
    );
    entry
}

/// Lets all of these write until `server` is killed, after `least` acknowledged calls of all of them.
pub(crate) fn write_until_killed(server: &mut Server, writers: &mut [Writer], least: usize) {
    let caller = Caller::of(server);
    std::thread::scope(|scope| {
        let (acknowledge, acknowledged) = mpsc::channel();
        for writer in writers.iter_mut() {
            let (caller, acknowledge) = (caller.clone(), acknowledge.clone());
            scope.spawn(move || {
                while let Ok(answer) = writer.write(&caller) {
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    // Nobody listens any more once the kill is under way.
                    let _ = acknowledge.send(());
                }
            });
        }
        drop(acknowledge);
        for _ in 0..least {
            acknowledged.recv().expect("another acknowledged write");
        }
        server.kill();
    });
}

/// Checks what all of these have written.
#[track_caller]
pub(crate) fn verify_all(server: &Server, collection: &str, writers: &mut [Writer]) {
    let caller = Caller::of(server);
    let items = all_items(&caller, collection);
    let mut expected = 0;
    for writer in writers {
        writer.verify(&items);
        expected += writer.ledger().len();
    }
    assert_eq!(items.len(), expected);
    assert_eq!(caller.count(collection), expected as u64);
    check_vectors(&caller, collection, &items);
}
