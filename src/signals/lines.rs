//! Reads a journal of an earlier version, `events.jsonl`, line by line: what can be read is handed on, what can't is
//! counted and named.

use super::event::Event;
use super::types::Types;
use jiff::Timestamp;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

/// The longest line the journal itself can write is far shorter; a longer one is damage and isn't held in memory.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// How many damaged lines are named one by one.
const MAX_NAMED: usize = 20;

/// What was found in a journal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Lines {
    /// Events read.
    pub(super) events: u64,
    /// Bytes after the last line end, left by a write that never finished; they were not acknowledged.
    pub(super) torn_bytes: u64,
    /// How many complete lines could not be read.
    pub(super) damaged_lines: u64,
    /// The first 20 of them.
    pub(super) damaged: Vec<DamagedLine>,
}

/// A complete line that is not an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DamagedLine {
    /// Its number, from 1.
    pub(super) line: u64,
    /// What is wrong with it.
    pub(super) reason: String,
}

impl Lines {
    fn take(&mut self, line: u64, parsed: Result<Event, String>, apply: &mut dyn FnMut(u64, Event)) {
        match parsed {
            Ok(event) => {
                self.events += 1;
                apply(line, event);
            }
            Err(reason) => {
                self.damaged_lines += 1;
                if self.damaged.len() < MAX_NAMED {
                    self.damaged.push(DamagedLine { line, reason });
                }
            }
        }
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events read", self.events)?;
        if self.torn_bytes > 0 {
            write!(f, "; {} bytes of an unfinished write at the end", self.torn_bytes)?;
        }
        if self.damaged_lines > 0 {
            write!(f, "; {} unreadable lines", self.damaged_lines)?;
        }
        for damaged in &self.damaged {
            write!(f, "; line {}: {}", damaged.line, damaged.reason)?;
        }
        Ok(())
    }
}

/// Hands every readable event and the number of its line to `apply`, in the order of the file.
///
/// An event that would not be accepted today (dated in the future, say) counts as damaged: one flipped byte in a
/// date must not push everything else out of the window.
pub(super) fn read_lines(
    source: impl Read,
    now: Timestamp,
    types: &Types,
    apply: &mut dyn FnMut(u64, Event),
) -> io::Result<Lines> {
    let mut reader = BufReader::with_capacity(1 << 18, source);
    let mut found = Lines::default();
    let mut line = Vec::new();
    for number in 1.. {
        let (bytes, end) = read_line(&mut reader, &mut line)?;
        match end {
            LineEnd::Missing => {
                found.torn_bytes = bytes;
                break;
            }
            LineEnd::Found => found.take(number, parse(&line, bytes, (now, types)), apply),
        }
    }
    Ok(found)
}

fn parse(line: &[u8], bytes: u64, (now, types): (Timestamp, &Types)) -> Result<Event, String> {
    if bytes > MAX_LINE_BYTES as u64 {
        return Err(format!(
            "{bytes} bytes long: at most {MAX_LINE_BYTES} are expected"
        ));
    }
    let event: Event = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    event.validate(now, types).map_err(|e| e.to_string())?;
    Ok(event)
}

enum LineEnd {
    Found,
    Missing,
}

/// Reads up to and including the next line end; keeps at most [`MAX_LINE_BYTES`] in `line`, says how many there were.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<(u64, LineEnd)> {
    line.clear();
    let mut total = 0;
    loop {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = available.iter().position(|&byte| byte == b'\n');
        let used = end.map_or(available.len(), |at| at + 1);
        line.extend_from_slice(&available[..used.min(MAX_LINE_BYTES - line.len())]);
        reader.consume(used);
        total += used as u64;
        if end.is_some() {
            return Ok((total, LineEnd::Found));
        }
        if used == 0 {
            return Ok((total, LineEnd::Missing));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"collection":"c","type":"view","item":"i","time":"2026-11-20T10:00:00Z"}"#;

    fn read(text: &[u8]) -> (Lines, usize) {
        let mut seen = 0;
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        let found = read_lines(text, now, &Types::default(), &mut |_, _| seen += 1).unwrap();
        (found, seen)
    }

    #[test]
    fn nothing_is_clean() {
        let (found, seen) = read(b"");
        assert_eq!((found, seen), (Lines::default(), 0));
    }

    #[test]
    fn a_damaged_middle_is_named_by_line_and_the_rest_is_read() {
        let future = GOOD.replace("2026", "9026");
        let text = format!("{GOOD}\n\0\0\0\n{GOOD}\n{{\"collection\":\"c\"}}\n{future}\n\n{GOOD}\n");
        let (found, seen) = read(text.as_bytes());
        assert_eq!(
            (found.events, found.damaged_lines, found.torn_bytes, seen),
            (3, 4, 0, 3)
        );
        assert_eq!(
            found.damaged.iter().map(|d| d.line).collect::<Vec<_>>(),
            [2, 4, 5, 6]
        );
        let said = found.to_string();
        for part in [
            "3 events read",
            "4 unreadable lines",
            "line 4: missing field `type`",
            "in the future",
        ] {
            assert!(said.contains(part), "{said} should contain {part}");
        }
    }

    #[test]
    fn a_line_of_any_length_is_passed_over() {
        let huge = "x".repeat(3 * MAX_LINE_BYTES + 17);
        let (found, seen) = read(format!("{GOOD}\n{huge}\n{GOOD}\n").as_bytes());
        assert_eq!((seen, found.damaged_lines, found.damaged[0].line), (2, 1, 2));
        assert!(found.damaged[0].reason.contains("bytes long"), "{found}");

        let (torn, seen) = read(format!("{GOOD}\n{huge}").as_bytes());
        assert_eq!(
            (seen, torn.damaged_lines, torn.torn_bytes),
            (1, 0, huge.len() as u64)
        );
    }

    #[test]
    fn a_flood_of_damage_is_counted_but_not_all_named() {
        let (found, _) = read("?\n".repeat(1000).as_bytes());
        assert_eq!((found.damaged_lines, found.damaged.len()), (1000, MAX_NAMED));
    }
}
