//! The answer to a call as it is noted in the log, and read back.

use super::{Outcome, Written};
use crate::engine::EngineError;
use crate::log::Position;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Answer {
    position: Position,
    outcomes: Vec<Told>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    Created,
    Updated,
    Deleted,
    Missing,
    Rejected { field: String, detail: String },
}

impl From<&Outcome> for Told {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Created => Self::Created,
            Outcome::Updated => Self::Updated,
            Outcome::Deleted => Self::Deleted,
            Outcome::Missing => Self::Missing,
            Outcome::Rejected(EngineError::Invalid { field, detail }) => Self::Rejected {
                field: field.clone(),
                detail: detail.clone(),
            },
            Outcome::Rejected(error) => Self::Rejected {
                field: String::new(),
                detail: error.to_string(),
            },
        }
    }
}

impl From<Told> for Outcome {
    fn from(told: Told) -> Self {
        match told {
            Told::Created => Self::Created,
            Told::Updated => Self::Updated,
            Told::Deleted => Self::Deleted,
            Told::Missing => Self::Missing,
            Told::Rejected { field, detail } => Self::Rejected(EngineError::Invalid { field, detail }),
        }
    }
}

/// The answer as JSON.
pub(super) fn write(position: Position, outcomes: &[Outcome]) -> Box<str> {
    let answer = Answer {
        position,
        outcomes: outcomes.iter().map(Told::from).collect(),
    };
    // Numbers and texts always have a JSON form.
    serde_json::to_string(&answer).unwrap_or_default().into()
}

/// The answer that [`write`] wrote.
///
/// # Errors
/// Another kind of call had the key.
pub(crate) fn read(answer: &str, key: &str) -> Result<Written, EngineError> {
    let answer: Answer =
        serde_json::from_str(answer).map_err(|_| EngineError::KeyReused { key: key.to_owned() })?;
    Ok(Written {
        position: answer.position,
        outcomes: answer.outcomes.into_iter().map(Outcome::from).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_back() {
        let outcomes = [
            Outcome::Created,
            Outcome::Updated,
            Outcome::Deleted,
            Outcome::Missing,
            Outcome::Rejected(EngineError::invalid("price", "expected a number")),
        ];
        let noted = write(Position(7), &outcomes);
        let answer = read(&noted, "key").unwrap();
        assert_eq!(answer.position, Position(7));
        assert_eq!(format!("{:?}", answer.outcomes), format!("{outcomes:?}"));
        assert!(matches!(read("{}", "key"), Err(EngineError::KeyReused { .. })));
    }
}
