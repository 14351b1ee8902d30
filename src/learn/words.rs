//! The model's file: one array of 32-bit little-endian words, so that it is used where it is mapped.
//!
//! | word | content |
//! |---|---|
//! | 0, 1 | `ALIKErec` |
//! | 2 | format version |
//! | 3 | number of sections |
//! | 4 | number of words in all |
//! | 5–15 | zero |
//! | 16 … | per section: first word, number of words |
//! | … | sections, each beginning at a multiple of 16 words |
//!
//! What the sections hold, in order, is written at `Section`. Numbers are `u32`, or the bits of an `f32`.

use super::ModelError;
use std::ops::Range;

/// The version this binary writes and reads.
pub(super) const VERSION: u32 = 2;
const MAGIC: [u32; 2] = [u32::from_le_bytes(*b"ALIK"), u32::from_le_bytes(*b"Erec")];
const HEADER: usize = 16;

/// Words that live somewhere: in memory, or in a mapped file.
pub type Words = Box<dyn AsRef<[u32]> + Send + Sync>;

/// Puts sections into one array of words.
pub(super) fn join(sections: &[Vec<u32>]) -> Vec<u32> {
    let mut words = vec![0; (HEADER + 2 * sections.len()).next_multiple_of(HEADER)];
    words[..2].copy_from_slice(&MAGIC);
    words[2] = VERSION;
    words[3] = sections.len() as u32;
    for (at, section) in sections.iter().enumerate() {
        let start = words.len();
        words[HEADER + 2 * at] = start as u32;
        words[HEADER + 2 * at + 1] = section.len() as u32;
        words.extend_from_slice(section);
        words.resize(words.len().next_multiple_of(HEADER), 0);
    }
    words[4] = words.len() as u32;
    words
}

/// Where the sections are; there must be `count`.
pub(super) fn split(words: &[u32], count: usize) -> Result<Vec<Range<usize>>, ModelError> {
    if words.get(..2) != Some(&MAGIC) {
        return Err(ModelError::damaged(
            "another kind of file",
            "a model of recommendations",
        ));
    }
    match words.get(2) {
        Some(&VERSION) => {}
        found => {
            return Err(ModelError::Version {
                found: found.copied().unwrap_or(0),
            });
        }
    }
    let (sections, length) = (words.get(3).copied(), words.get(4).copied());
    if length != Some(words.len() as u32) {
        let expected = format!("{} words", length.unwrap_or(0));
        return Err(ModelError::damaged(format!("{} words", words.len()), expected));
    }
    if sections != Some(count as u32) {
        let found = format!("{} sections", sections.unwrap_or(0));
        return Err(ModelError::damaged(found, format!("{count} sections")));
    }
    (0..count).map(|at| range(words, at)).collect()
}

fn range(words: &[u32], at: usize) -> Result<Range<usize>, ModelError> {
    let place = HEADER + 2 * at;
    let range = words.get(place..place + 2).and_then(|entry| {
        let start = entry[0] as usize;
        let range = start..start.checked_add(entry[1] as usize)?;
        words.get(range.clone()).map(|_| range)
    });
    range.ok_or_else(|| ModelError::damaged(format!("section {at} beyond the end"), "one inside the file"))
}

/// The bits of numbers.
pub(super) fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_come_back() {
        let sections = [vec![1, 2, 3], vec![], bits(&[0.5; 40])];
        let words = join(&sections);
        let found = split(&words, 3).unwrap();
        for (range, section) in found.into_iter().zip(&sections) {
            assert_eq!(&words[range.clone()], &section[..]);
            assert_eq!(range.start % 16, 0);
        }
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let words = join(&[vec![1, 2, 3]]);
        let refused = |change: &dyn Fn(&mut Vec<u32>)| {
            let mut words = words.clone();
            change(&mut words);
            split(&words, 1).unwrap_err().to_string()
        };
        assert!(refused(&|words| words[0] = 0).contains("another kind of file"));
        assert!(refused(&|words| words[2] = 9).contains("version 9"));
        assert!(refused(&|words| words.truncate(40)).contains("40 words"));
        assert!(refused(&|words| words.clear()).contains("another kind"));
        assert!(refused(&|words| words[3] = 7).contains("7 sections"));
        assert!(refused(&|words| words[17] = u32::MAX).contains("section 0"));
    }
}
