//! Numbers and texts as bytes of a checkpoint, little-endian.

use std::io::{self, Read, Write};

/// The longest text: an id.
const MAX_TEXT: usize = 1 << 16;

/// Writes.
pub(super) struct Out<'a>(pub(super) &'a mut dyn Write);

impl Out<'_> {
    pub(super) fn byte(&mut self, value: u8) -> io::Result<()> {
        self.0.write_all(&[value])
    }

    pub(super) fn short(&mut self, value: u32) -> io::Result<()> {
        self.0.write_all(&value.to_le_bytes())
    }

    pub(super) fn long(&mut self, value: u64) -> io::Result<()> {
        self.0.write_all(&value.to_le_bytes())
    }

    /// A number of things that follow.
    pub(super) fn count(&mut self, value: usize) -> io::Result<()> {
        self.long(value as u64)
    }

    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.short(u32::try_from(text.len()).unwrap_or(u32::MAX))?;
        self.0.write_all(text.as_bytes())
    }

    pub(super) fn perhaps(&mut self, value: Option<u64>) -> io::Result<()> {
        self.byte(u8::from(value.is_some()))?;
        self.long(value.unwrap_or(0))
    }
}

/// Reads what was written; never allocates for more than there is.
pub(super) struct In<'a>(pub(super) &'a mut dyn Read);

impl In<'_> {
    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> io::Result<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn short(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn long(&mut self) -> io::Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn count(&mut self) -> io::Result<usize> {
        usize::try_from(self.long()?).map_err(|_| wrong("a number of things beyond this machine"))
    }

    pub(super) fn text(&mut self) -> io::Result<Box<str>> {
        let length = self.short()? as usize;
        if length > MAX_TEXT {
            return Err(wrong("a text over the limit"));
        }
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("a text that is not UTF-8"))?;
        Ok(text.into())
    }

    pub(super) fn perhaps(&mut self) -> io::Result<Option<u64>> {
        let there = self.byte()? != 0;
        let value = self.long()?;
        Ok(there.then_some(value))
    }
}

/// Bytes that are not what was written.
pub(super) fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
