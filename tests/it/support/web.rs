//! A web server on loopback that a test answers for, with a whole request and a whole answer per connection.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// What was asked.
pub(crate) struct Asked {
    /// Path with query.
    pub(crate) path: String,
    /// Headers, names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
}

/// What is answered.
#[derive(Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Announce the whole body, send half of it, and wait until the client goes away.
    pub(crate) stall: bool,
}

impl Reply {
    pub(crate) fn new(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
            stall: false,
        }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// The part of `body` that was asked for, as static files are served.
    pub(crate) fn range(asked: &Asked, body: &[u8]) -> Self {
        let range = asked
            .headers
            .get("range")
            .and_then(|range| range.strip_prefix("bytes="));
        let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
            return Self::new("application/octet-stream", body);
        };
        let first: usize = first.parse().expect("a range's start");
        let last = last
            .parse()
            .map_or(body.len(), |last: usize| last + 1)
            .min(body.len());
        let mut reply = Self::new("application/octet-stream", &body[first..last]);
        reply.status = 206;
        let content_range = format!("bytes {first}-{}/{}", last.saturating_sub(1), body.len());
        reply.headers.push(("content-range", content_range));
        reply
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// Serves until the test process ends; returns the address, without a slash at the end.
pub(crate) fn serve(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // A client that goes away early is its own matter.
            std::thread::spawn(move || drop(handle(stream, &*answer)));
        }
    });
    address
}

fn handle(mut stream: TcpStream, answer: &dyn Fn(&Asked) -> Reply) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let reply = answer(&Asked { path, headers });
    let mut head = format!("HTTP/1.1 {} Whatever\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\n\r\n", reply.body.len());
    stream.write_all(head.as_bytes())?;
    if reply.stall {
        stream.write_all(&reply.body[..reply.body.len() / 2])?;
        stream.flush()?;
        stream.read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    stream.write_all(&reply.body)
}
