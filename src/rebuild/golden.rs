//! Golden queries: those that every snapshot has to answer well, as somebody wrote them down in `golden.jsonl`.
//!
//! One JSON object per line: what to look for (`text`, `vector` or `like`), perhaps a `filter`, and `expected`, the ids
//! that belong into the first places. A query's score is the share of them that is there, in as many places as there are
//! expected ids, but at least ten.

use super::RebuildError;
use crate::engine::{Engine, Query, Search, View};
use alike_indexes::Effort;
use serde::Deserialize;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::Path;

/// Places that are looked at, at least.
const PLACES: usize = 10;
const EXAMPLE: &str = r#"{"text": "wall lamp", "expected": ["B08K"]}"#;

/// One golden query.
#[derive(Debug, Clone, PartialEq)]
pub struct GoldenQuery {
    /// Its line in the file, from 1.
    pub line: usize,
    /// The ids that belong into the first places.
    pub expected: Vec<String>,
    wanted: Wanted,
    filter: Option<Value>,
}

#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    Text(String),
    Vector(Vec<f32>),
    Like(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    text: Option<String>,
    vector: Option<Vec<f32>>,
    like: Option<Vec<String>>,
    filter: Option<Value>,
    expected: Vec<String>,
}

/// Reads the golden queries; none where there is no file.
///
/// # Errors
/// The file cannot be read, or a line is not a golden query.
pub fn read_golden(path: &Path) -> Result<Vec<GoldenQuery>, RebuildError> {
    let wrong = |line, detail| RebuildError::Golden {
        path: path.to_path_buf(),
        line,
        detail,
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(wrong(0, format!("cannot be read: {error}"))),
    };
    let mut queries = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        if !content.trim().is_empty() {
            queries.push(parse(line, content).map_err(|detail| wrong(line, detail))?);
        }
    }
    Ok(queries)
}

fn parse(line: usize, content: &str) -> Result<GoldenQuery, String> {
    let mut json = serde_json::Deserializer::from_str(content);
    let read: Line = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        format!(
            "{}: {}; expected a line such as {EXAMPLE}",
            error.path(),
            error.inner()
        )
    })?;
    json.end().map_err(|error| error.to_string())?;
    if read.expected.is_empty() {
        return Err("expected: is empty; name the ids that belong into the first places".to_owned());
    }
    let wanted = match (read.text, read.vector, read.like) {
        (Some(text), None, None) => Wanted::Text(text),
        (None, Some(vector), None) => Wanted::Vector(vector),
        (None, None, Some(like)) => Wanted::Like(like),
        _ => return Err("takes exactly one of text, vector and like".to_owned()),
    };
    Ok(GoldenQuery {
        line,
        expected: read.expected,
        wanted,
        filter: read.filter,
    })
}

impl GoldenQuery {
    fn search(&self) -> Search {
        let query = match &self.wanted {
            Wanted::Text(text) => Query::Text(text.clone()),
            Wanted::Vector(vector) => Query::Vector(vector.clone()),
            Wanted::Like(like) => Query::Examples {
                like: like.clone(),
                unlike: Vec::new(),
            },
        };
        Search {
            query,
            filter: self.filter.clone(),
            limit: self.expected.len().max(PLACES),
            fields: Some(Vec::new()),
            min_score: None,
            effort: Effort::Default,
        }
    }

    /// The share of the expected ids that the view finds. A query that cannot be asked of it (an item that it is about
    /// is gone) finds nothing.
    fn score(&self, engine: &Engine, view: &View) -> f64 {
        let Ok(answer) = engine.search(view, &self.search()) else {
            return 0.0;
        };
        let found = |id: &&String| answer.hits.iter().any(|hit| hit.id == **id);
        self.expected.iter().filter(found).count() as f64 / self.expected.len() as f64
    }
}

/// The mean score of all golden queries; none without any.
pub(super) fn score(engine: &Engine, view: &View, golden: &[GoldenQuery]) -> Option<f64> {
    if golden.is_empty() {
        return None;
    }
    let sum: f64 = golden.iter().map(|query| query.score(engine, view)).sum();
    Some(sum / golden.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_queries_are_read_and_wrong_ones_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("golden.jsonl");
        assert_eq!(read_golden(&path).unwrap(), []);
        std::fs::write(
            &path,
            "{\"text\":\"lamp\",\"expected\":[\"a\"]}\n\n{\"vector\":[1,0],\"filter\":{\"n\":1},\"expected\":[\"b\",\"c\"]}\n",
        )
        .unwrap();
        let read = read_golden(&path).unwrap();
        assert_eq!((read.len(), read[0].line, read[1].line), (2, 1, 3));
        assert_eq!(read[1].wanted, Wanted::Vector(vec![1.0, 0.0]));
        assert_eq!(
            (read[1].search().limit, &read[1].expected),
            (10, &vec!["b".to_owned(), "c".to_owned()])
        );
        for (line, needle) in [
            ("nonsense", "line 1"),
            ("{\"text\":\"a\",\"expected\":[]}", "expected: is empty"),
            (
                "{\"text\":\"a\",\"like\":[\"b\"],\"expected\":[\"a\"]}",
                "exactly one of",
            ),
            ("{\"expected\":[\"a\"]}", "exactly one of"),
            ("{\"text\":\"a\",\"expect\":[\"a\"]}", "expect"),
            ("{\"text\":\"a\",\"expected\":[1]}", "expected[0]"),
        ] {
            std::fs::write(&path, line).unwrap();
            let error = read_golden(&path).unwrap_err().to_string();
            assert!(
                error.contains(needle) && error.contains("golden.jsonl"),
                "{error}"
            );
        }
    }
}
