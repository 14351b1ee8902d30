//! A collection of points that is made and changed over HTTP.

use super::live::NO_REBUILDS;
use super::{Server, poll, temp_dir};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use tempfile::TempDir;

/// Where the items of the collection are.
pub(crate) const ITEMS: &str = "/v1/collections/points/items";

/// What makes the collection.
pub(crate) fn points_body() -> Value {
    json!({
        "schema": {"id": "id", "vector": "v", "fields": {
            "n": {"type": "number", "filter": true},
            "tag": {"type": "keyword", "filter": true},
        }},
        "metric": "cosine",
        "dimension": 2,
    })
}

/// A server of its own that builds snapshots only when it is told to, with an empty collection `points`, and its data
/// directory.
pub(crate) fn own_points(variables: &[(&str, &str)]) -> (TempDir, Server) {
    let data = temp_dir();
    let variables = [&NO_REBUILDS[..], variables].concat();
    let server = Server::start_with(data.path(), &[], &variables);
    server
        .send("PUT", "/v1/collections/points", &points_body())
        .json_of(201);
    (data, server)
}

/// One of the points on the unit circle, each nearest to its neighbors.
pub(crate) fn point(at: usize) -> Value {
    let angle = at as f64 / 500.0;
    json!({"id": format!("p{at}"), "v": [angle.cos(), angle.sin()], "n": at})
}

/// Points as lines.
pub(crate) fn point_lines(range: std::ops::Range<usize>) -> String {
    range.map(|at| format!("{}\n", point(at))).collect()
}

/// How many items there are.
#[track_caller]
pub(crate) fn count(server: &Server) -> u64 {
    let answer = server.post(&format!("{ITEMS}/count"), &json!({})).json();
    answer["count"].as_u64().expect("a count")
}

/// What a refused change must leave as it was: count, position, and what a search finds.
#[track_caller]
pub(crate) fn state(server: &Server) -> (Value, Value, Value) {
    let count = server.post(&format!("{ITEMS}/count"), &json!({})).json();
    let search = json!({"vector": [1.0, 0.5], "limit": 100, "exact": true});
    let found = server.search("points", &search).json();
    (
        count["count"].clone(),
        count["position"].clone(),
        found["hits"].clone(),
    )
}

/// A call whose body is sent piece by piece.
pub(crate) struct Upload(TcpStream);

impl Upload {
    pub(crate) fn start(server: &Server, headers: &str) -> Self {
        let mut stream = TcpStream::connect(server.address()).expect("the server listens");
        let head = format!(
            "POST {ITEMS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\nconnection: close\r\n\
             transfer-encoding: chunked\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).expect("the head is sent");
        Self(stream)
    }

    pub(crate) fn send(&mut self, text: &str) {
        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
        self.0.write_all(chunk.as_bytes()).expect("the server reads on");
    }

    /// Ends the body and reads the answer.
    pub(crate) fn finish(mut self) -> (u16, Value) {
        self.0.write_all(b"0\r\n\r\n").expect("the server reads on");
        self.answer()
    }

    /// Reads the answer.
    pub(crate) fn answer(mut self) -> (u16, Value) {
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        (status.expect("a status"), body)
    }
}

/// Waits until there are so many items; a server that is busy is asked again.
#[track_caller]
pub(crate) fn wait_for_count(server: &Server, wanted: u64) {
    poll(&format!("{wanted} items"), || {
        let answer = server.post(&format!("{ITEMS}/count"), &json!({}));
        (answer.status == 200 && answer.json()["count"] == wanted).then_some(())
    });
}
