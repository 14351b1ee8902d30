//! Under load and at the end: refused early, never hung, every accepted request answered.

use crate::support::{Answer, Server, copy_tree, shared_shop, temp_dir};
use rustix::process::Signal;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tempfile::TempDir;

fn own_shop() -> TempDir {
    let data = temp_dir();
    copy_tree(
        &shared_shop().1.join("collections/shop"),
        &data.path().join("collections/shop"),
    );
    data
}

/// A text that takes the model a while.
fn long_text(at: usize) -> String {
    format!("{at} something to keep my coffee warm on the train while I read ").repeat(40)
}

#[test]
fn beyond_max_in_flight_callers_are_told_to_come_back() {
    let data = own_shop();
    let server = Server::start_with(data.path(), &[], &[("ALIKE__SERVER__MAX_IN_FLIGHT", "1")]);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let ask = |caller: usize| {
            let server = &server;
            move || -> Vec<Answer> {
                (0..8)
                    .map(|at| {
                        server.search("shop", &json!({"text": long_text(caller * 100 + at), "limit": 1}))
                    })
                    .collect()
            }
        };
        let callers: Vec<_> = (0..8).map(|caller| scope.spawn(ask(caller))).collect();
        callers
            .into_iter()
            .flat_map(|caller| caller.join().unwrap())
            .collect()
    });
    let refused: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 429).collect();
    for answer in &refused {
        let problem = answer.problem(429);
        assert_eq!(problem["type"], "urn:alike:problem:overloaded");
        assert!(
            problem["detail"].as_str().unwrap().contains("max_in_flight"),
            "{problem}"
        );
        assert_eq!(answer.retry_after.as_deref(), Some("1"));
    }
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    let other = answers
        .iter()
        .find(|answer| ![200, 429].contains(&answer.status))
        .map(Answer::text);
    assert_eq!(
        (served + refused.len(), other),
        (64, None),
        "nothing but 200 and 429"
    );
    assert!(
        served > 0 && !refused.is_empty(),
        "{served} served, {} refused",
        refused.len()
    );
    assert_eq!(
        server
            .search("shop", &json!({"text": "espresso", "limit": 1}))
            .ids(),
        ["KIT-4"],
        "all is well afterwards"
    );
    assert_eq!(server.get("/livez").status, 200);
}

#[test]
fn a_request_that_takes_too_long_is_told_so() {
    let data = own_shop();
    let server = Server::start_with(data.path(), &[], &[("ALIKE__SERVER__REQUEST_TIMEOUT_MS", "1")]);
    let problem = server.search("shop", &json!({"text": long_text(0)})).problem(504);
    assert!(
        problem["detail"].as_str().unwrap().contains("request_timeout_ms"),
        "{problem}"
    );
}

#[test]
fn terminating_answers_every_accepted_request() {
    let data = own_shop();
    let mut server = Server::start(data.path());
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let broken: Vec<String> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|caller| {
                let (server, stop, answered) = (&server, &stop, &answered);
                scope.spawn(move || ask_until_refused(server, caller, stop, answered))
            })
            .collect();
        crate::support::poll("the first answers", || {
            (answered.load(Ordering::Relaxed) >= 8).then_some(())
        });
        server.signal(Signal::TERM);
        server.wait_for_log(&["finishing requests in flight"]);
        stop.store(true, Ordering::Relaxed);
        callers
            .into_iter()
            .filter_map(|caller| caller.join().unwrap())
            .collect()
    });
    assert!(broken.is_empty(), "accepted requests were cut off: {broken:?}");
    let status = server.wait_for_end();
    assert_eq!(status.code(), Some(0), "{}", server.log());
}

/// One caller, a fresh connection per request. A connection that is refused was never accepted; one that was accepted
/// must give a whole answer. Returns the first failure.
fn ask_until_refused(
    server: &Server,
    caller: usize,
    stop: &AtomicBool,
    answered: &AtomicUsize,
) -> Option<String> {
    for at in 0.. {
        let Ok(mut stream) = TcpStream::connect(server.address()) else {
            return None;
        };
        let body = json!({"text": long_text(caller * 1000 + at), "limit": 1}).to_string();
        let head = format!(
            "POST /v1/collections/shop/search HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let stopping = stop.load(Ordering::Relaxed);
        let mut answer = String::new();
        let done = stream
            .write_all((head + &body).as_bytes())
            .and_then(|()| stream.read_to_string(&mut answer));
        match done {
            Ok(_) if answer.starts_with("HTTP/1.1 200") && answer.trim_end().ends_with('}') => {
                answered.fetch_add(1, Ordering::Relaxed);
            }
            // In the backlog when the listener closed: the kernel had the connection, the server never took it.
            Ok(0) | Err(_)
                if answer.is_empty() && (stopping || server.log().contains("finishing requests")) =>
            {
                return None;
            }
            outcome => return Some(format!("{outcome:?}: {answer:?}")),
        }
        if stopping {
            return None;
        }
    }
    None
}

#[test]
fn an_idle_server_stops_at_once_on_both_signals() {
    let data = temp_dir();
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(data.path());
        server.get("/livez");
        server.signal(signal);
        assert_eq!(server.wait_for_end().code(), Some(0), "{}", server.log());
    }
}

#[test]
fn a_request_in_flight_outlives_the_signal() {
    let data = own_shop();
    let mut server = Server::start(data.path());
    let body = json!({"text": "espresso", "limit": 1}).to_string();
    let (first, rest) = body.split_at(5);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /v1/collections/shop/search HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{first}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // Answered after the head above has been accepted: the listener takes connections in order.
    server.get("/livez");
    crate::support::poll("the half-sent request in flight", || {
        (server.metric("alike_http_requests_in_flight") >= Some(2.0)).then_some(())
    });
    server.signal(Signal::TERM);
    server.wait_for_log(&["finishing requests in flight"]);
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("\"KIT-4\""),
        "{answer}"
    );
    assert_eq!(server.wait_for_end().code(), Some(0), "{}", server.log());
}

#[test]
fn a_drain_does_not_last_for_ever() {
    let data = temp_dir();
    let mut server = Server::start_with(data.path(), &[], &[("ALIKE__SERVER__DRAIN_TIMEOUT_MS", "100")]);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream
        .write_all(b"POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        .unwrap();
    crate::support::poll("the half-sent request in flight", || {
        (server.metric("alike_http_requests_in_flight") >= Some(2.0)).then_some(())
    });
    server.signal(Signal::TERM);
    server.wait_for_log(&["did not finish in time"]);
    assert_eq!(server.wait_for_end().code(), Some(0), "{}", server.log());
}
