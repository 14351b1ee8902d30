//! What the collection should be: a plain map, searched by comparing with everything.

use super::filters::Filter;
use super::items::Stored;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Scores are computed with 32-bit numbers there, with 64 bits here.
const SCORE_ERROR: f64 = 2e-5;

/// Every item by its id. A copy is cheap.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Oracle {
    items: BTreeMap<String, Arc<Stored>>,
}

impl Oracle {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Stored> {
        self.items.get(id).map(Arc::as_ref)
    }

    pub(super) fn put(&mut self, id: &str, item: Stored) {
        self.items.insert(id.to_owned(), Arc::new(item));
    }

    pub(super) fn remove(&mut self, id: &str) -> bool {
        self.items.remove(id).is_some()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.items.keys().map(String::as_str)
    }

    /// The ids of the items that pass.
    pub(super) fn matching(&self, filter: Option<&Filter>) -> Vec<&str> {
        let passes = |item: &Stored| filter.is_none_or(|filter| filter.admits(item));
        let passing = self.items.iter().filter(|(_, item)| passes(item));
        passing.map(|(id, _)| id.as_str()).collect()
    }

    /// The nearest items that pass, best first.
    pub(super) fn nearest(&self, query: &[f32], filter: Option<&Filter>, limit: usize) -> Vec<(&str, f64)> {
        let passes = |item: &Stored| filter.is_none_or(|filter| filter.admits(item));
        let passing = self.items.iter().filter(|(_, item)| passes(item));
        let mut scored: Vec<(&str, f64)> = passing
            .map(|(id, item)| (id.as_str(), cosine(query, &item.vector)))
            .collect();
        scored.sort_by(|a, b| b.1.total_cmp(&a.1));
        scored.truncate(limit);
        scored
    }

    /// Checks the hits of an exact answer; those of equal score may stand in any order.
    pub(super) fn check_exact(&self, hits: &[Value], query: &[f32], filter: Option<&Filter>, limit: usize) {
        let expected = self.nearest(query, filter, limit);
        assert_eq!(
            hits.len(),
            expected.len(),
            "found {hits:?}, expected {expected:?}"
        );
        for (hit, (_, best)) in hits.iter().zip(&expected) {
            let score = self.check_hit(hit, query, filter);
            assert!(
                (score - best).abs() < SCORE_ERROR,
                "{hit} scores {score}, here {best} is expected; found {hits:?}, expected {expected:?}"
            );
        }
        let mut ids: Vec<&Value> = hits.iter().map(|hit| &hit["id"]).collect();
        ids.sort_by_key(|id| id.as_str());
        ids.dedup();
        assert_eq!(ids.len(), hits.len(), "an item twice: {hits:?}");
    }

    /// Checks that a hit is an item as it is now, that it passes, and that its score is right; the score.
    pub(super) fn check_hit(&self, hit: &Value, query: &[f32], filter: Option<&Filter>) -> f64 {
        let id = hit["id"].as_str().expect("an id");
        let item = self
            .get(id)
            .unwrap_or_else(|| panic!("{hit} is no item any more, or never was"));
        assert!(
            filter.is_none_or(|filter| filter.admits(item)),
            "{hit} passes no {filter:?}"
        );
        assert_document(id, &hit["fields"], item);
        let score = hit["score"].as_f64().expect("a score");
        let expected = cosine(query, &item.vector);
        assert!(
            (score - expected).abs() < SCORE_ERROR,
            "{hit} scores {score}, not {expected}"
        );
        score
    }
}

/// The fields are those of the item, all of them.
pub(super) fn assert_document(id: &str, fields: &Value, item: &Stored) {
    assert_eq!(
        fields.as_object(),
        Some(&item.document),
        "the fields of {id} are not those last acknowledged"
    );
}

/// The vectors point the same way.
pub(super) fn assert_vector(id: &str, vector: &Value, item: &Stored) {
    let vector: Vec<f32> = serde_json::from_value(vector.clone())
        .unwrap_or_else(|error| panic!("{error}: the vector of {id} is {vector}"));
    let likeness = cosine(&vector, &item.vector);
    assert!(
        vector.len() == item.vector.len() && likeness > 1.0 - SCORE_ERROR,
        "{id} has the vector {vector:?}, not {:?}",
        item.vector
    );
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
        products.sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
