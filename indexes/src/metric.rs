//! How two vectors are compared.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::IndexError;

/// How two vectors are compared. A score is always "higher is better".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Cosine similarity, -1 to 1. Rows are normalized when the index is built, queries when they are asked.
    Cosine,
    /// Dot product.
    Dot,
    /// Minus the squared Euclidean distance, so never above zero.
    L2,
}

impl Metric {
    /// All metrics, in the order of their file codes.
    pub const ALL: [Self; 3] = [Self::Cosine, Self::Dot, Self::L2];

    /// The number that stands for this metric in an index file.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Cosine => 1,
            Self::Dot => 2,
            Self::L2 => 3,
        }
    }

    /// The metric with this file code.
    pub(crate) fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.code() == code)
    }

    /// The name used in settings and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Dot => "dot",
            Self::L2 => "l2",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Metric {
    type Err = IndexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|metric| metric.name() == text)
            .ok_or_else(|| IndexError::Setting {
                name: "metric",
                found: text.to_owned(),
                expected: "cosine, dot or l2".to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_come_back() {
        for metric in Metric::ALL {
            assert_eq!(metric.name().parse::<Metric>().unwrap(), metric);
            assert_eq!(Metric::from_code(metric.code()), Some(metric));
        }
        assert!(
            "euclid"
                .parse::<Metric>()
                .unwrap_err()
                .to_string()
                .contains("cosine, dot or l2")
        );
        assert_eq!(Metric::from_code(0), None);
    }
}
