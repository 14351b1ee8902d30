//! Reading, compared with the oracle.

use super::filters::Filter;
use super::items::{DIMENSION, IDS, id_of};
use super::oracle::{Oracle, assert_document};
use super::world::{COLLECTION, World};
use super::writes::{Form, Write, all_ids};
use crate::support::Random;
use crate::support::live::{Call, position};
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl World {
    /// An item, there or not.
    pub(super) fn get_some(&mut self) {
        let id = id_of(self.random.below(IDS));
        let item = self.oracle.get(&id);
        self.is_as(&id, item).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Several items, some of them not there.
    pub(super) fn get_several(&mut self) {
        let count = 1 + self.random.below(40);
        let ids: Vec<String> = self.random.sample(IDS, count).into_iter().map(id_of).collect();
        let body = json!({"ids": ids, "min_position": self.last});
        let answer = self.caller.post(&format!("{COLLECTION}/items/get"), &body).json();
        self.check_view(&answer);
        let there: Vec<&String> = ids.iter().filter(|id| self.oracle.get(id).is_some()).collect();
        let found = self.check_items(&answer["items"], &self.oracle);
        assert_eq!(
            found,
            there.iter().map(|id| (*id).clone()).collect(),
            "asked for {ids:?}"
        );
    }

    /// The number of items, all or those that pass.
    pub(super) fn count(&mut self) {
        let filter = self.random.percent(60).then(|| Filter::some(&mut self.random));
        let mut body = json!({"min_position": self.last});
        if let Some(filter) = &filter {
            body["filter"] = filter.json();
        }
        let answer = self
            .caller
            .post(&format!("{COLLECTION}/items/count"), &body)
            .json();
        self.check_view(&answer);
        let expected = self.oracle.matching(filter.as_ref()).len();
        assert_eq!(answer["count"], expected, "{filter:?}: {answer}");
    }

    /// An exact search, whose hits have to be the oracle's.
    pub(super) fn search_exactly(&mut self, filtered: bool) {
        let filter = filtered.then(|| Filter::some(&mut self.random));
        let (query, limit) = (self.some_query(), 1 + self.random.below(40));
        let mut body = json!({"vector": query, "limit": limit, "exact": true, "min_position": self.last});
        if let Some(filter) = &filter {
            body["filter"] = filter.json();
        }
        let answer = self.caller.post(&format!("{COLLECTION}/search"), &body).json();
        self.check_view(&answer);
        assert_eq!(answer["exact"], true, "{answer}");
        let hits = answer["hits"].as_array().expect("hits");
        self.oracle.check_exact(hits, &query, filter.as_ref(), limit);
    }

    /// An approximate search: every hit is right, and nearly all of the true ones are among them.
    pub(super) fn search_near(&mut self) {
        let filter = self.random.percent(40).then(|| Filter::some(&mut self.random));
        let query = self.some_query();
        let found = self.near_hits(&query, filter.as_ref());
        self.near.0 += found.0;
        self.near.1 += found.1;
    }

    /// How many of the ten nearest items an approximate search finds, and how many there are.
    fn near_hits(&self, query: &[f32], filter: Option<&Filter>) -> (usize, usize) {
        let mut body = json!({"vector": query, "limit": 10, "min_position": self.last});
        if let Some(filter) = filter {
            body["filter"] = filter.json();
        }
        let answer = self.caller.post(&format!("{COLLECTION}/search"), &body).json();
        self.check_view(&answer);
        let hits = answer["hits"].as_array().expect("hits");
        let truth: BTreeSet<&str> = self
            .oracle
            .nearest(query, filter, 10)
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        let right = hits.iter().filter(|hit| {
            self.oracle.check_hit(hit, query, filter);
            truth.contains(hit["id"].as_str().expect("an id"))
        });
        let right = right.count();
        assert!(hits.len() <= truth.len(), "{answer}");
        (right, truth.len())
    }

    /// The share of the ten nearest that approximate searches find now, over queries that are always the same.
    pub(super) fn recall(&self) -> f64 {
        let mut random = Random::new(17);
        let queries: Vec<Vec<f32>> = (0..20).map(|_| random.vector(DIMENSION)).collect();
        let counts = queries.iter().map(|query| self.near_hits(query, None));
        let (found, there) = counts.fold((0, 0), |sum, (found, there)| (sum.0 + found, sum.1 + there));
        if there == 0 {
            1.0
        } else {
            found as f64 / there as f64
        }
    }

    /// Scrolls through one view, each item once, while other calls write.
    pub(super) fn scroll_while_writing(&mut self) {
        let frozen = self.oracle.clone();
        let filter = self.random.percent(30).then(|| Filter::some(&mut self.random));
        let limit = 1 + self.random.below(300);
        let mut body = json!({"limit": limit, "min_position": self.last});
        if let Some(filter) = &filter {
            body["filter"] = filter.json();
        }
        let (mut seen, mut pages) = (BTreeSet::new(), 0);
        loop {
            let answer = self
                .caller
                .post(&format!("{COLLECTION}/items/scroll"), &body)
                .json();
            let page = self.check_items(&answer["items"], &frozen);
            for id in page {
                assert!(seen.insert(id.clone()), "{id} comes twice");
            }
            pages += 1;
            let Some(cursor) = answer["cursor"].as_str() else {
                break;
            };
            body["cursor"] = json!(cursor);
            let write = Write::some(&mut self.random, &all_ids());
            self.write(&write);
        }
        let expected: BTreeSet<String> = frozen
            .matching(filter.as_ref())
            .into_iter()
            .map(Into::into)
            .collect();
        assert_eq!(seen, expected, "{pages} pages of {limit}, {filter:?}");
        self.seen.scrolled += 1;
    }

    /// A read that asks for a position which a write brings about only then.
    pub(super) fn wait_for_position(&mut self) {
        // Notes on calls with a key stand behind the last write.
        let now = position(&self.caller.get(COLLECTION).json());
        let (next, waiting) = (now + 1, self.caller.clone());
        let write = Write::upsert(&mut self.random, Form::One, &all_ids());
        let count = Call::json(
            "POST",
            format!("{COLLECTION}/items/count"),
            &json!({"min_position": next}),
        );
        let answer = std::thread::scope(|scope| {
            let waiter = scope.spawn(move || waiting.send(&count));
            self.write(&write);
            waiter.join().expect("the waiting call is answered")
        });
        let answer = answer.json();
        assert!(position(&answer) >= next, "{answer} is older than {next}");
        assert_eq!(answer["count"], self.oracle.len(), "{answer}");
    }

    /// Every item and a few searches.
    pub(super) fn check_everything(&mut self) {
        let mut body = json!({"limit": 1_000, "min_position": self.last});
        let mut seen = BTreeSet::new();
        loop {
            let answer = self
                .caller
                .post(&format!("{COLLECTION}/items/scroll"), &body)
                .json();
            self.check_view(&answer);
            seen.append(&mut self.check_items(&answer["items"], &self.oracle));
            match answer["cursor"].as_str() {
                Some(cursor) => body["cursor"] = json!(cursor),
                None => break,
            }
        }
        let missing: Vec<&str> = self.oracle.ids().filter(|&id| !seen.contains(id)).collect();
        assert!(missing.is_empty(), "lost: {missing:?}");
        for filtered in [false, true, true] {
            self.search_exactly(filtered);
        }
        self.count();
    }

    /// Items as an answer lists them, each as the oracle has it; their ids.
    fn check_items(&self, items: &Value, oracle: &Oracle) -> BTreeSet<String> {
        let items = items.as_array().unwrap_or_else(|| panic!("no list: {items}"));
        let mut ids = BTreeSet::new();
        for item in items {
            let id = item["id"].as_str().expect("an id");
            let expected = oracle
                .get(id)
                .unwrap_or_else(|| panic!("{item} is no item any more, or never was"));
            assert_document(id, &item["fields"], expected);
            assert!(ids.insert(id.to_owned()), "{id} comes twice");
        }
        ids
    }

    /// An answer names its view, which has everything that was acknowledged.
    fn check_view(&self, answer: &Value) {
        let at = position(answer);
        assert!(at >= self.last, "answered at {at}, written up to {}", self.last);
        assert!(answer["snapshot"].is_string(), "{answer}");
    }

    /// Near an item, or anywhere.
    fn some_query(&mut self) -> Vec<f32> {
        let id = id_of(self.random.below(IDS));
        let mut query = self.random.vector(DIMENSION);
        if let Some(item) = self.oracle.get(&id) {
            for (number, near) in query.iter_mut().zip(&item.vector) {
                *number = *number * 0.1 + near;
            }
        }
        query
    }
}
