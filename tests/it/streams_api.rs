//! Streams of items: of any length, committed as they come, each line by itself; what was done stays, whatever happens to
//! the rest, and the answer says so.

use crate::support::points::{ITEMS, Upload, count, own_points, point, point_lines, state, wait_for_count};
use crate::support::{Server, poll};
use rustix::process::Signal;
use serde_json::{Value, json};

/// The time limits of the tests that wait for one to pass.
const SHORT: (&str, &str) = ("ALIKE__SERVER__REQUEST_TIMEOUT_MS", "2000");

#[test]
fn a_stream_may_be_of_any_length() {
    let (_data, server) = own_points(&[("ALIKE__SERVER__BODY_LIMIT_BYTES", "10000")]);
    let mut lines = String::new();
    for at in 0..12_000 {
        match at % 4_000 {
            5 => lines += "{\"id\": \"p5\", \"v\": [1,\n",
            6 => lines += &format!("{}\n", json!({"id": format!("x{at}"), "v": [1, 2, 3]})),
            7 => lines += "\r\n  \n",
            _ => lines += &format!("{}\r\n", point(at)),
        }
    }
    assert!(lines.len() > 300_000, "much more than the limit of other bodies");
    let answer = server.send_lines("POST", ITEMS, lines.trim_end()).json();
    assert_eq!(
        (&answer["created"], &answer["rejected"]),
        (&json!(11_991), &json!(6)),
        "{answer}"
    );
    assert_eq!(count(&server), 11_991);
    let errors = answer["errors"].as_array().unwrap();
    let places: Vec<_> = errors
        .iter()
        .map(|error| [&error["position"], &error["line"]].map(|n| n.as_u64().unwrap()))
        .collect();
    // Blank lines have a number and no position.
    assert_eq!(
        places,
        [
            [5, 6],
            [6, 7],
            [4_004, 4_007],
            [4_005, 4_008],
            [8_003, 8_008],
            [8_004, 8_009]
        ],
        "{answer}"
    );
    assert_eq!(
        (&errors[1]["id"], &errors[1]["field"]),
        (&json!("x6"), &json!("v")),
        "{answer}"
    );
    assert!(errors[0]["detail"].as_str().unwrap().contains("EOF"), "{answer}");
}

#[test]
fn all_refusals_are_counted_and_a_thousand_listed() {
    let (_data, server) = own_points(&[]);
    let bad = "{\"id\": \"x\"}\n".repeat(2_500);
    let problem = server.send_lines("POST", ITEMS, &bad).problem(400);
    assert_eq!(problem["rejected"], 2_500);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 1_000);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .starts_with("all 2500 items were refused"),
        "{problem}"
    );
    let answer = server
        .send_lines("POST", ITEMS, &(bad + &point_lines(0..1)))
        .json();
    assert_eq!(
        (&answer["rejected"], &answer["created"]),
        (&json!(2_500), &json!(1))
    );
    assert_eq!(answer["errors"][999]["position"], 999);
}

#[test]
fn lines_are_a_sequence() {
    let (_data, server) = own_points(&[]);
    let lines = (0..50)
        .map(|n| format!("{}\n", json!({"id": "a", "v": [1, 0], "n": n})))
        .collect::<String>();
    let answer = server
        .send_lines("POST", &format!("{ITEMS}?outcomes=true"), &lines)
        .json();
    assert_eq!(
        (&answer["created"], &answer["updated"]),
        (&json!(1), &json!(49)),
        "{answer}"
    );
    assert_eq!(answer["outcomes"][0], "created");
    assert_eq!(
        server.get(&format!("{ITEMS}/a")).json()["fields"]["n"],
        49,
        "the last one stands"
    );
    let patches = "{\"id\": \"a\", \"n\": 1}\n{\"id\": \"a\", \"m\": 2}\n";
    server.send_lines("PATCH", ITEMS, patches).json();
    let fields = server.get(&format!("{ITEMS}/a")).json()["fields"].clone();
    assert_eq!(fields, json!({"id": "a", "n": 1, "m": 2}));
}

#[test]
fn lines_are_told_from_an_object_without_a_content_type() {
    let (_data, server) = own_points(&[]);
    let answer = server
        .ask("POST", ITEMS, Some(point_lines(0..3).as_bytes()))
        .json();
    assert_eq!(answer["created"], 3);
    let answer = server
        .ask("POST", ITEMS, Some(b"{\"id\":\"a\",\"v\":[1,0]}\n{bad\n"))
        .json();
    assert_eq!(
        (&answer["created"], &answer["errors"][0]["line"]),
        (&json!(1), &json!(2)),
        "{answer}"
    );
}

#[test]
fn lines_show_while_the_stream_goes_on() {
    let (_data, server) = own_points(&[("ALIKE__SERVER__MAX_IN_FLIGHT", "1")]);
    let mut upload = Upload::start(&server, "");
    upload.send(&point_lines(0..2));
    // A stream that rests holds no place: the one place there is serves the others.
    wait_for_count(&server, 2);
    upload.send(&point_lines(2..1_502));
    wait_for_count(&server, 1_502);
    let (half, rest) = ("{\"id\": \"half\", ", "\"v\": [1, 0]}");
    upload.send(half);
    upload.send(rest);
    let (status, answer) = upload.finish();
    assert_eq!((status, &answer["created"]), (200, &json!(1_503)), "{answer}");
}

#[test]
fn what_was_committed_before_the_connection_broke_stays() {
    let (_data, server) = own_points(&[]);
    let mut upload = Upload::start(&server, "");
    upload.send(&point_lines(0..1_200));
    wait_for_count(&server, 1_200);
    upload.send("{\"id\": \"half\", \"v\": [1");
    drop(upload);
    poll("the end of the broken call", || {
        (server.metric("alike_http_requests_in_flight") == Some(1.0)).then_some(())
    });
    assert_eq!(count(&server), 1_200);
    server.get(&format!("{ITEMS}/half")).problem(404);
}

#[test]
fn a_stream_that_falls_silent_is_ended_with_an_account() {
    let (_data, server) = own_points(&[SHORT]);
    let mut upload = Upload::start(&server, "");
    upload.send(&(point_lines(0..3) + "{}\n"));
    let (status, problem) = upload.answer();
    assert_eq!(status, 504, "{problem}");
    assert_eq!(
        (&problem["created"], &problem["rejected"]),
        (&json!(3), &json!(1)),
        "{problem}"
    );
    assert_eq!(problem["not_done_from"], 4, "{problem}");
    assert_eq!(problem["position"], state(&server).1);
    assert_eq!(count(&server), 3);
}

#[test]
fn blank_lines_keep_a_quiet_stream_open() {
    let (_data, server) = own_points(&[SHORT]);
    let mut upload = Upload::start(&server, "");
    let started = std::time::Instant::now();
    upload.send(&point_lines(0..1));
    poll("a time longer than a request may take", || {
        upload.send("\n");
        (started.elapsed().as_millis() > 4_500).then_some(())
    });
    upload.send(&point_lines(1..2));
    let (status, answer) = upload.finish();
    assert_eq!((status, &answer["created"]), (200, &json!(2)), "{answer}");
}

#[test]
fn a_server_that_stops_says_how_far_it_came() {
    let (data, mut server) = own_points(&[("ALIKE__SERVER__DRAIN_TIMEOUT_MS", "2000")]);
    let mut upload = Upload::start(&server, "");
    upload.send(&point_lines(0..1_100));
    wait_for_count(&server, 1_100);
    server.signal(Signal::TERM);
    let (status, problem) = upload.answer();
    assert_eq!(
        (status, &problem["created"], &problem["not_done_from"]),
        (503, &json!(1_100), &json!(1_100)),
        "{problem}"
    );
    assert_eq!(server.wait_for_end().code(), Some(0), "{}", server.log());
    assert_eq!(count(&Server::start(data.path())), 1_100);
}

#[test]
fn a_stream_under_a_key_happens_once() {
    let (_data, server) = own_points(&[]);
    let headers = [
        ("content-type", "application/x-ndjson"),
        ("idempotency-key", "nightly"),
    ];
    let lines = point_lines(0..2_500);
    let send = |lines: &str| server.ask_with("POST", ITEMS, &headers, Some(lines.as_bytes()));
    let first = send(&lines);
    assert_eq!(first.json()["created"], 2_500);
    server.ask("DELETE", &format!("{ITEMS}/p7"), None).json();
    let before = state(&server);
    let second = send(&lines);
    assert_eq!((second.replayed, &second.body), (true, &first.body));
    send(&point_lines(0..2_499)).problem(422);
    assert_eq!(state(&server), before);

    // A call that broke off is not done: sent again under its key, it is.
    let mut upload = Upload::start(&server, "idempotency-key: broken\r\n");
    upload.send(&point_lines(3_000..3_010));
    wait_for_count(&server, 2_509);
    let again = [
        ("content-type", "application/x-ndjson"),
        ("idempotency-key", "broken"),
    ];
    let busy = server.ask_with("POST", ITEMS, &again, Some(b"{}")).problem(409);
    assert_eq!(busy["field"], "Idempotency-Key", "{busy}");
    drop(upload);
    let lines = point_lines(3_000..3_020);
    let answer: Value = poll("the end of the broken call", || {
        let answer = server.ask_with("POST", ITEMS, &again, Some(lines.as_bytes()));
        (answer.status != 409).then(|| answer.json())
    });
    assert_eq!(
        (&answer["created"], &answer["updated"]),
        (&json!(10), &json!(10)),
        "{answer}"
    );
}

#[test]
fn a_line_that_is_too_long_is_refused_by_itself() {
    let (_data, server) = own_points(&[("ALIKE__SERVER__BODY_LIMIT_BYTES", "2000")]);
    let long = json!({"id": "long", "v": [1, 0], "note": "x".repeat(300_000)});
    let lines = format!("{}\n{long}\n{}\n{long}", point(1), point(2));
    let answer = server.send_lines("POST", ITEMS, &lines).json();
    assert_eq!(
        (&answer["created"], &answer["rejected"]),
        (&json!(2), &json!(2)),
        "{answer}"
    );
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(
        (&errors[0]["line"], &errors[1]["line"]),
        (&json!(2), &json!(4)),
        "{answer}"
    );
    let detail = errors[0]["detail"].as_str().unwrap();
    assert!(
        detail.contains("body_limit_bytes") && detail.contains("300"),
        "{answer}"
    );
    assert_eq!(count(&server), 2);
}
