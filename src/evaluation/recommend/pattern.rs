//! Patterns of values, as shells have them for file names.

use std::str::FromStr;

/// A condition on a column: `StockCode=[0-9][0-9][0-9][0-9][0-9]*`. `*` stands for any characters, `?` for one, `[a-f]`
/// for one of them, `[!a-f]` for one that is none of them; the whole value must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The column.
    pub column: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Any,
    One,
    Exactly(char),
    Of { ranges: Vec<(char, char)>, not: bool },
}

/// A text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?}: {detail}; expected COLUMN=PATTERN, such as StockCode=[0-9]*")]
pub struct BadPattern {
    found: String,
    detail: &'static str,
}

impl FromStr for Pattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let bad = |detail| BadPattern {
            found: text.to_owned(),
            detail,
        };
        let (column, pattern) = text.split_once('=').ok_or_else(|| bad("has no '='"))?;
        let parts = parse(pattern).ok_or_else(|| bad("has a '[' that is not closed"))?;
        Ok(Self {
            column: column.to_owned(),
            parts,
        })
    }
}

fn parse(pattern: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = pattern.chars();
    while let Some(next) = rest.next() {
        parts.push(match next {
            '*' => Part::Any,
            '?' => Part::One,
            '[' => {
                let (inside, after) = rest.as_str().split_once(']')?;
                rest = after.chars();
                class(inside)
            }
            other => Part::Exactly(other),
        });
    }
    Some(parts)
}

fn class(inside: &str) -> Part {
    let (not, inside) = match inside.strip_prefix('!') {
        Some(inside) => (true, inside),
        None => (false, inside),
    };
    let letters: Vec<char> = inside.chars().collect();
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(&first) = letters.get(at) {
        let last = match letters.get(at + 1..at + 3) {
            Some(['-', last]) => Some(*last),
            _ => None,
        };
        ranges.push((first, last.unwrap_or(first)));
        at += if last.is_some() { 3 } else { 1 };
    }
    Part::Of { ranges, not }
}

impl Pattern {
    /// Whether a value matches.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        let letters: Vec<char> = value.chars().collect();
        let (mut at, mut part) = (0, 0);
        // Where to go on if what follows the last `*` does not fit: that takes one letter more.
        let mut again: Option<(usize, usize)> = None;
        while at < letters.len() {
            match self.parts.get(part) {
                Some(Part::Any) => {
                    again = Some((part + 1, at));
                    part += 1;
                }
                Some(one) if one.fits(letters[at]) => (at, part) = (at + 1, part + 1),
                _ => match &mut again {
                    Some((next, from)) => {
                        *from += 1;
                        (at, part) = (*from, *next);
                    }
                    None => return false,
                },
            }
        }
        self.parts[part..].iter().all(|part| *part == Part::Any)
    }
}

impl Part {
    fn fits(&self, letter: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Exactly(expected) => *expected == letter,
            Self::Of { ranges, not } => {
                let within = ranges
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&letter));
                within != *not
            }
        }
    }
}
