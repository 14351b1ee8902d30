//! HTTP/1.1 over one kept connection: as little as a load generator can spend on a call.

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Nobody waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
    request: Vec<u8>,
    body: Vec<u8>,
}

impl Client {
    /// Connects with the first call.
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            request: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Sends one call; the status and the body of its answer.
    pub(super) fn send(&mut self, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, &[u8])> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(connect(self.address)?),
        };
        self.request.clear();
        write!(
            self.request,
            "{method} {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        stream
            .get_mut()
            .write_all(&self.request)
            .with_context(|| format!("{method} {path}: cannot send"))?;
        let status = read_answer(&mut stream, &mut self.body)
            .with_context(|| format!("{method} {path}: no whole answer"))?;
        self.stream = Some(stream);
        Ok((status, &self.body))
    }

    /// Sends one call that has to succeed; its answer.
    pub(super) fn ask(&mut self, method: &str, path: &str, body: &str) -> anyhow::Result<Value> {
        let (status, answer) = self.send(method, path, body)?;
        ensure!(
            (200..300).contains(&status),
            "{method} {path}: {status} {}",
            String::from_utf8_lossy(answer)
        );
        serde_json::from_slice(answer).with_context(|| format!("{method} {path}: not JSON"))
    }
}

fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads one answer whole into `body`; its status.
fn read_answer(stream: &mut impl BufRead, body: &mut Vec<u8>) -> anyhow::Result<u16> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.with_context(|| format!("found the status line {line:?}"))?;
    let mut length = None;
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            bail!("the headers break off");
        }
        let header = line.trim_end();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse::<usize>().context("an unreadable length")?);
        }
    }
    body.resize(length.context("no content-length")?, 0);
    stream.read_exact(body)?;
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<(u16, String)> {
        let mut body = b"old".to_vec();
        let status = read_answer(&mut text.as_bytes(), &mut body)?;
        Ok((status, String::from_utf8(body)?))
    }

    #[test]
    fn an_answer_is_read_to_its_length() {
        let answer = read("HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 4\r\n\r\n{\"a\"more").unwrap();
        assert_eq!(answer, (200, "{\"a\"".to_owned()));
        let empty = read("HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n").unwrap();
        assert_eq!(empty, (429, String::new()));
    }

    #[test]
    fn half_an_answer_is_an_error() {
        for text in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
            "what\r\n\r\n",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
