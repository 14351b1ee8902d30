//! Records as bytes; the tables are in the module's documentation ([`super`]).

use super::{CallNote, LogError, Origin, Record, StoredItem};
use crate::snapshot::TextDigest;
use std::sync::Arc;

/// Most bytes of one encoded record.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// Bytes of the smallest record: its length, kind, flags and reserved part.
pub(super) const MIN_RECORD_BYTES: usize = LENGTH_BYTES + START_BYTES;

const LENGTH_BYTES: usize = 4;
const START_BYTES: usize = 4;
const UPSERT: u8 = 1;
const UPDATE: u8 = 2;
const DELETE: u8 = 3;
const CALL: u8 = 4;
const EVENT: u8 = 5;
const HAS_ORIGIN: u8 = 1;
const ORIGIN_BYTES: usize = 16 + 16 + TextDigest::BYTES;

impl Record {
    /// Bytes that the record takes in the log.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let content = match self {
            Self::Upsert(item) => {
                let origin = item.origin.map_or(0, |_| ORIGIN_BYTES);
                12 + origin + item.id.len() + item.document.len() + size_of_val(&item.vector[..])
            }
            Self::Update { id, document } => 8 + id.len() + document.len(),
            Self::Delete { id } => 4 + id.len(),
            Self::Call(note) => 16 + 8 + 8 + note.key.len() + note.answer.len(),
            Self::Event(document) => 4 + document.len(),
        };
        MIN_RECORD_BYTES + content
    }
}

/// Appends the record to `out`.
pub(super) fn encode(record: &Record, out: &mut Vec<u8>) -> Result<(), LogError> {
    let bytes = record.encoded_len();
    if bytes > MAX_RECORD_BYTES {
        let limit = MAX_RECORD_BYTES;
        return Err(LogError::TooLarge { bytes, limit });
    }
    out.reserve(bytes);
    put_length(out, bytes - LENGTH_BYTES);
    match record {
        Record::Upsert(item) => encode_upsert(item, out),
        Record::Update { id, document } => {
            out.extend([UPDATE, 0, 0, 0]);
            put_length(out, id.len());
            put_length(out, document.len());
            out.extend_from_slice(id.as_bytes());
            out.extend_from_slice(document.as_bytes());
        }
        Record::Delete { id } => {
            out.extend([DELETE, 0, 0, 0]);
            put_length(out, id.len());
            out.extend_from_slice(id.as_bytes());
        }
        Record::Call(note) => encode_call(note, out),
        Record::Event(document) => {
            out.extend([EVENT, 0, 0, 0]);
            put_length(out, document.len());
            out.extend_from_slice(document.as_bytes());
        }
    }
    Ok(())
}

fn encode_upsert(item: &StoredItem, out: &mut Vec<u8>) {
    out.extend([UPSERT, item.origin.map_or(0, |_| HAS_ORIGIN), 0, 0]);
    put_length(out, item.id.len());
    put_length(out, item.document.len());
    put_length(out, item.vector.len());
    if let Some(origin) = &item.origin {
        out.extend_from_slice(&origin.model);
        out.extend_from_slice(&origin.variant);
        out.extend_from_slice(&origin.text.0);
    }
    out.extend_from_slice(item.id.as_bytes());
    out.extend_from_slice(item.document.as_bytes());
    out.extend(item.vector.iter().flat_map(|number| number.to_le_bytes()));
}

fn encode_call(note: &CallNote, out: &mut Vec<u8>) {
    out.extend([CALL, 0, 0, 0]);
    out.extend_from_slice(&note.body);
    out.extend_from_slice(&note.at_ms.to_le_bytes());
    put_length(out, note.key.len());
    put_length(out, note.answer.len());
    out.extend_from_slice(note.key.as_bytes());
    out.extend_from_slice(note.answer.as_bytes());
}

/// A length; what is written here is shorter than [`MAX_RECORD_BYTES`].
fn put_length(out: &mut Vec<u8>, length: usize) {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
}

/// Why bytes are not a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// Where the record starts.
    pub(super) at: usize,
    /// What is wrong with it.
    pub(super) found: &'static str,
}

/// The records of a frame's payload, one after the other; ends after the first malformed one.
pub(super) struct Records<'a> {
    payload: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Self {
        Self { payload, at: 0 }
    }

    /// Bytes of the payload that are behind.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes past a record without decoding it.
    pub(super) fn skip(&mut self) -> Result<(), Malformed> {
        self.body().map(drop)
    }

    /// The next record.
    pub(super) fn decode(&mut self) -> Result<Record, Malformed> {
        let at = self.at;
        let body = self.body()?;
        decode(body).map_err(|found| Malformed { at, found })
    }

    fn body(&mut self) -> Result<&'a [u8], Malformed> {
        let at = self.at;
        let malformed = |found| Malformed { at, found };
        let mut rest = Reader(self.payload.get(at..).unwrap_or_default());
        let length = rest.length().map_err(malformed)?;
        if length > MAX_RECORD_BYTES {
            return Err(malformed("a record over the limit"));
        }
        let body = rest.take(length).map_err(malformed)?;
        self.at += LENGTH_BYTES + length;
        Ok(body)
    }
}

fn decode(body: &[u8]) -> Result<Record, &'static str> {
    let mut body = Reader(body);
    let [kind, flags, reserved @ ..] = body.array::<START_BYTES>()?;
    let known = if kind == UPSERT { HAS_ORIGIN } else { 0 };
    if reserved != [0; 2] || flags & !known != 0 {
        return Err("a record with unknown flags");
    }
    let record = match kind {
        UPSERT => Record::Upsert(decode_upsert(&mut body, flags)?),
        UPDATE => {
            let (id, document) = (body.length()?, body.length()?);
            Record::Update {
                id: body.text(id)?,
                document: body.text(document)?,
            }
        }
        DELETE => {
            let id = body.length()?;
            Record::Delete { id: body.text(id)? }
        }
        CALL => Record::Call(decode_call(&mut body)?),
        EVENT => {
            let document = body.length()?;
            Record::Event(body.text(document)?)
        }
        _ => return Err("a record of an unknown kind"),
    };
    if body.0.is_empty() {
        Ok(record)
    } else {
        Err("a record with bytes behind its end")
    }
}

fn decode_upsert(body: &mut Reader<'_>, flags: u8) -> Result<StoredItem, &'static str> {
    let (id, document, dimension) = (body.length()?, body.length()?, body.length()?);
    let origin = if flags & HAS_ORIGIN == 0 {
        None
    } else {
        Some(Origin {
            model: body.array()?,
            variant: body.array()?,
            text: TextDigest(body.array()?),
        })
    };
    Ok(StoredItem {
        id: body.text(id)?,
        document: body.text(document)?,
        vector: body.floats(dimension)?,
        origin,
    })
}

fn decode_call(body: &mut Reader<'_>) -> Result<CallNote, &'static str> {
    let digest = body.array()?;
    let at_ms = i64::from_le_bytes(body.array()?);
    let (key, answer) = (body.length()?, body.length()?);
    Ok(CallNote {
        key: body.text(key)?,
        body: digest,
        at_ms,
        answer: body.text(answer)?,
    })
}

const CUT_SHORT: &str = "a record that is cut short";

/// Takes parts off the front; never more than there is, so nothing is allocated that was not read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (front, rest) = self.0.split_at_checked(length).ok_or(CUT_SHORT)?;
        self.0 = rest;
        Ok(front)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (front, rest) = self.0.split_first_chunk::<N>().ok_or(CUT_SHORT)?;
        self.0 = rest;
        Ok(*front)
    }

    fn length(&mut self) -> Result<usize, &'static str> {
        let length = u32::from_le_bytes(self.array()?);
        usize::try_from(length).map_err(|_| CUT_SHORT)
    }

    fn text(&mut self, length: usize) -> Result<Box<str>, &'static str> {
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| "a text that is not UTF-8")?;
        Ok(text.into())
    }

    fn floats(&mut self, count: usize) -> Result<Arc<[f32]>, &'static str> {
        let bytes = count.checked_mul(size_of::<f32>()).ok_or(CUT_SHORT)?;
        let (numbers, _) = self.take(bytes)?.as_chunks::<{ size_of::<f32>() }>();
        Ok(numbers.iter().map(|&number| f32::from_le_bytes(number)).collect())
    }
}
