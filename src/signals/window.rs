//! The stretches of time that trending can look back on.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How far back trending looks; written `1h`, `6h`, `24h`, `7d` or `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Window {
    /// The last hour.
    #[serde(rename = "1h")]
    Hour,
    /// The last six hours.
    #[serde(rename = "6h")]
    SixHours,
    /// The last 24 hours; the default.
    #[default]
    #[serde(rename = "24h")]
    Day,
    /// The last seven days.
    #[serde(rename = "7d")]
    Week,
    /// The last thirty days.
    #[serde(rename = "30d")]
    Month,
}

/// A window that isn't one of the five.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown window `{found}`: expected one of 1h, 6h, 24h, 7d, 30d")]
pub struct UnknownWindow {
    /// The text that was given.
    pub found: String,
}

impl Window {
    /// Every window, shortest first.
    pub const ALL: [Self; 5] = [Self::Hour, Self::SixHours, Self::Day, Self::Week, Self::Month];

    /// Its length in whole hours.
    pub const fn hours(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::SixHours => 6,
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
        }
    }

    /// Its length.
    pub const fn duration(self) -> SignedDuration {
        SignedDuration::from_hours(self.hours())
    }

    /// As written in a request.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Window {
    type Err = UnknownWindow;

    fn from_str(text: &str) -> Result<Self, UnknownWindow> {
        Self::ALL
            .into_iter()
            .find(|window| window.name() == text)
            .ok_or_else(|| UnknownWindow {
                found: text.chars().take(32).collect(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_agree_with_json() {
        for window in Window::ALL {
            assert_eq!(window.name().parse(), Ok(window));
            assert_eq!(serde_json::to_value(window).unwrap(), window.name());
        }
    }

    #[test]
    fn an_unknown_window_is_refused_with_the_list() {
        for text in ["", "2h", "24H", " 24h", "1d"] {
            let error = text.parse::<Window>().unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{text}`")) && error.contains("1h, 6h, 24h, 7d, 30d"),
                "{error}"
            );
        }
    }
}
