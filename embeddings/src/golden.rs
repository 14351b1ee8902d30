//! Golden answers: texts whose vectors are known, to prove that a session answers like the model it was made from.

use serde::{Deserialize, Serialize};

use crate::bundle::Task;
use crate::{EmbeddingError, ModelBundle, Result, Variant};

/// A text and what the model answers to it: a `[[golden]]` table of `model.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// For rerankers: the query that `text` is scored against. Absent for encoders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The text as it is encoded: no prefix is put before it.
    pub text: String,
    /// Its vector, `dimension` numbers; for rerankers the score before any sigmoid, one number.
    pub vector: Vec<f32>,
}

impl Golden {
    /// What is wrong with the table, if anything.
    pub(crate) fn fault(&self, task: Task, dimension: usize) -> Option<Fault> {
        let blank = |text: &str| text.trim().is_empty();
        let query = self.query.as_deref();
        let finite = self.vector.iter().all(|value| value.is_finite());
        if blank(&self.text) || query.is_some_and(blank) {
            return Some(Fault::new("golden.text", "blank", "a text that means something"));
        }
        if query.is_some() != (task == Task::Rerank) {
            let found = if query.is_some() { "there" } else { "absent" };
            return Some(Fault::new(
                "golden.query",
                found,
                "a query for each text of a reranker, none for encoders",
            ));
        }
        if self.vector.len() != dimension {
            let found = format!("{} numbers (text {:?})", self.vector.len(), self.text);
            return Some(Fault::new(
                "golden.vector",
                &found,
                &format!("{dimension}, as `dimension` says"),
            ));
        }
        let zero = task == Task::Embed && self.vector.iter().all(|&value| value == 0.0);
        if !finite || zero {
            let found = if finite { "zero" } else { "not finite" };
            let found = format!("{found} (text {:?})", self.text);
            return Some(Fault::new(
                "golden.vector",
                &found,
                "finite numbers, not all zero",
            ));
        }
        None
    }

    /// Whether `found` is near enough for `variant`, as an error if not.
    fn compare(&self, bundle: &ModelBundle, variant: Variant, found: &[f32]) -> Result<f64> {
        let path = bundle.graph_path(variant);
        let bound = bundle.least_agreement(variant);
        let agreement = self.agreement(bundle.settings().task, found);
        // Not `agreement < bound`: NaN is refused too.
        if agreement >= bound {
            return Ok(agreement);
        }
        Err(match &self.query {
            None => EmbeddingError::Golden {
                path,
                text: self.text.clone(),
                cosine: agreement,
                bound,
            },
            Some(query) => EmbeddingError::GoldenScore {
                path,
                query: query.clone(),
                text: self.text.clone(),
                found: found.first().copied().unwrap_or(f32::NAN),
                expected: self.vector[0],
            },
        })
    }

    /// The cosine; for scores 1 − |difference| / max(1, |score|).
    fn agreement(&self, task: Task, found: &[f32]) -> f64 {
        if found.len() != self.vector.len() {
            return f64::NAN;
        }
        match task {
            Task::Embed => cosine(&self.vector, found),
            Task::Rerank => {
                let (expected, found) = (f64::from(self.vector[0]), f64::from(found[0]));
                1.0 - (expected - found).abs() / expected.abs().max(1.0)
            }
        }
    }
}

/// What is wrong with one key of a `[[golden]]` table.
pub(crate) struct Fault {
    /// Key.
    pub field: &'static str,
    /// What it holds.
    pub found: String,
    /// What it should hold.
    pub expected: String,
}

impl Fault {
    fn new(field: &'static str, found: &str, expected: &str) -> Self {
        Self {
            field,
            found: found.to_owned(),
            expected: expected.to_owned(),
        }
    }
}

impl ModelBundle {
    /// Compares a variant's answers with the golden ones: `answer` is asked for the vector of each text (no prefix), or
    /// for the score of each pair of query and text. Returns the agreements in the order of `model.toml`: cosines; for
    /// scores 1 − |difference| / max(1, |score|). A bundle without golden answers passes with a warning in the log.
    ///
    /// # Errors
    /// [`EmbeddingError::Golden`] or [`EmbeddingError::GoldenScore`] for the first answer that agrees less than
    /// [`least_agreement`](Self::least_agreement) asks, and whatever `answer` fails with.
    pub fn check_golden(
        &self,
        variant: Variant,
        mut answer: impl FnMut(&Golden) -> Result<Vec<f32>>,
    ) -> Result<Vec<f64>> {
        let golden = &self.settings().golden;
        if golden.is_empty() {
            tracing::warn!(
                model = %self.identity(),
                "the bundle has no golden answers: whether it answers like its model was not checked"
            );
        }
        golden
            .iter()
            .map(|golden| golden.compare(self, variant, &answer(golden)?))
            .collect()
    }

    /// The agreement with a golden answer that a variant must reach.
    pub fn least_agreement(&self, variant: Variant) -> f64 {
        match (self.settings().task, variant) {
            (Task::Embed, Variant::Plain) => 0.9999,
            (Task::Embed, Variant::Int8) => 0.99,
            (Task::Rerank, Variant::Plain) => 0.999,
            (Task::Rerank, Variant::Int8) => 0.9,
        }
    }
}

/// Sums run in `f64`: the bound leaves no room for rounding.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum() };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(vector: &[f32]) -> Golden {
        Golden {
            query: None,
            text: "apple".to_owned(),
            vector: vector.to_vec(),
        }
    }

    #[test]
    fn agreement_is_the_cosine_for_vectors() {
        let expected = golden(&[3.0, 4.0]);
        assert!((expected.agreement(Task::Embed, &[6.0, 8.0]) - 1.0).abs() < 1e-12);
        assert!((expected.agreement(Task::Embed, &[4.0, -3.0])).abs() < 1e-12);
        assert!((expected.agreement(Task::Embed, &[0.0, 1.0]) - 0.8).abs() < 1e-12);
        for other in [&[f32::NAN, 1.0][..], &[0.0, 0.0], &[3.0], &[]] {
            assert!(expected.agreement(Task::Embed, other).is_nan(), "{other:?}");
        }
    }

    #[test]
    fn agreement_is_nearness_for_scores() {
        for (expected, found, agreement) in [(0.5, 0.5, 1.0), (0.0, 0.25, 0.75), (-8.0, -6.0, 0.75)] {
            let found = golden(&[expected]).agreement(Task::Rerank, &[found]);
            assert!((found - agreement).abs() < 1e-6, "{found}");
        }
    }

    #[test]
    fn faults_are_named() {
        let fault = |golden: &Golden, task| golden.fault(task, 2).map(|fault| fault.field);
        let pair = |query: &str| Golden {
            query: Some(query.to_owned()),
            ..golden(&[1.0, 2.0])
        };
        assert_eq!(fault(&golden(&[1.0, 0.0]), Task::Embed), None);
        assert_eq!(fault(&pair("fruit"), Task::Rerank), None);
        for (golden, task, field) in [
            (golden(&[1.0]), Task::Embed, "golden.vector"),
            (golden(&[1.0, f32::INFINITY]), Task::Embed, "golden.vector"),
            (golden(&[0.0, 0.0]), Task::Embed, "golden.vector"),
            (pair("fruit"), Task::Embed, "golden.query"),
            (golden(&[1.0, 2.0]), Task::Rerank, "golden.query"),
            (pair(" "), Task::Rerank, "golden.text"),
        ] {
            assert_eq!(fault(&golden, task), Some(field), "{golden:?}");
        }
        let blank = Golden {
            text: " \t".to_owned(),
            ..golden(&[1.0, 0.0])
        };
        assert_eq!(fault(&blank, Task::Embed), Some("golden.text"));
    }
}
