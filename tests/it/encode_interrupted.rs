//! Runs of `alike encode` that end in the middle: the next one goes on, and the array is the same to the byte.

use crate::encode::Desk;
use crate::support::{Finished, Running, alike, alike_command, other_model, poll, send};
use rustix::process::Signal;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Stdio};

/// Texts so long that two make a chunk, with different starts: what counts of them are 256 tokens.
fn long_texts(desk: &Desk, rows: usize) -> PathBuf {
    let tail = "and so on with many words ".repeat(11_000);
    let text = (0..rows).map(|at| format!("text {at} of {} {tail}\n", at * 7919 % 101));
    desk.file("long.txt", text.collect::<String>())
}

/// Rows that the state counts; none while there is no whole state.
fn rows_kept(desk: &Desk) -> Option<u64> {
    let state = fs::read(desk.path("out.npy.partial.json")).ok()?;
    let state: serde_json::Value = serde_json::from_slice(&state).expect("a state is always whole");
    state["counts"]["rows"].as_u64()
}

/// Kills a run once `rows` are kept.
fn kill_at(desk: &Desk, input: &std::path::Path, rows: u64) {
    let mut running = Running::start(desk.args(input, &[]));
    poll("rows on disk", || {
        assert!(!running.has_ended(), "ended before {rows} rows were kept");
        rows_kept(desk).filter(|&kept| kept >= rows)
    });
    running.end_by(Signal::KILL);
    assert!(desk.path("out.npy.partial").exists() && rows_kept(desk) >= Some(rows));
}

fn expected_bytes(desk: &Desk, input: &std::path::Path) -> Vec<u8> {
    let bytes = desk.encode(input, &[]).bytes;
    fs::remove_file(desk.path("out.npy")).unwrap();
    bytes
}

#[track_caller]
fn continued_at(finished: &Finished) -> u64 {
    finished.last_line_json()["continued_at"].as_u64().unwrap()
}

#[test]
fn killed_runs_are_continued_to_the_same_bytes() {
    let desk = Desk::new();
    let input = long_texts(&desk, 41);
    let expected = expected_bytes(&desk, &input);
    for rows in [2, 8, 20] {
        kill_at(&desk, &input, rows);
        assert!(!desk.path("out.npy").exists(), "no array before it is whole");
    }
    let kept = rows_kept(&desk).unwrap();
    // As if the process had died while it wrote the next rows.
    let partial = desk.path("out.npy.partial");
    let mut bytes = fs::read(&partial).unwrap();
    bytes.extend([7; 1000]);
    fs::write(&partial, bytes).unwrap();
    let finished = desk.run(&input, &["--json"]).succeeded();
    assert_eq!(continued_at(&finished), kept);
    assert!(finished.stderr.contains("going on after"), "{}", finished.stderr);
    let array = desk.result();
    assert_eq!(array.rows, 41);
    assert!(array.bytes == expected, "the bytes differ");
}

#[test]
fn an_array_that_was_there_stays_until_the_new_one_is_whole() {
    let desk = Desk::new();
    let input = long_texts(&desk, 12);
    let old = desk.encode(&desk.file("old.txt", "old\n"), &[]);
    kill_at(&desk, &input, 2);
    assert_eq!(fs::read(desk.path("out.npy")).unwrap(), old.bytes);
    desk.run(&input, &[]).succeeded();
    assert_eq!(desk.result().rows, 12);
}

#[test]
fn rows_made_from_other_texts_are_not_taken_over() {
    let desk = Desk::new();
    let input = long_texts(&desk, 8);
    kill_at(&desk, &input, 2);
    let text = fs::read_to_string(&input).unwrap();
    fs::write(&input, text.replacen("text 0", "TEXT zero", 1)).unwrap();
    let finished = desk.run(&input, &["--json"]).succeeded();
    assert_eq!(continued_at(&finished), 0);
    assert!(
        finished.stderr.contains("starting over: the first"),
        "{}",
        finished.stderr
    );
    let changed = desk.result();

    fs::write(&input, &text).unwrap();
    kill_at(&desk, &input, 2);
    fs::write(&input, text.lines().next().unwrap()).unwrap();
    assert_eq!(
        continued_at(&desk.run(&input, &["--json"]).succeeded()),
        0,
        "shorter"
    );
    assert_eq!(desk.result().row(0), desk.encode(&input, &[]).row(0));

    // Texts that come after those encoded may change: here one more is appended.
    fs::write(&input, &text).unwrap();
    kill_at(&desk, &input, 2);
    fs::write(&input, format!("{text}one more\n")).unwrap();
    assert!(continued_at(&desk.run(&input, &["--json"]).succeeded()) >= 2);
    let array = desk.result();
    assert_eq!(array.rows, 9);
    assert_eq!(array.row(7), changed.row(7));
    assert_ne!(array.row(0), changed.row(0));
}

#[test]
fn rows_made_another_way_are_not_taken_over() {
    let desk = Desk::new();
    let input = long_texts(&desk, 6);
    let model = other_model(&desk.path(""));
    for (flags, why) in [
        (
            &["--json", "--model", model.to_str().unwrap()][..],
            "was made with",
        ),
        (&["--json", "--prefix", "none"], "prefix none"),
        (&["--json", "--restart"], ""),
    ] {
        kill_at(&desk, &input, 2);
        let finished = desk.run(&input, flags).succeeded();
        assert_eq!(continued_at(&finished), 0, "{flags:?}");
        assert!(finished.stderr.contains(why), "{}", finished.stderr);
        assert_eq!(desk.result().rows, 6);
    }
}

/// Gives a run `text` as its standard input.
fn run_on_stdin(desk: &Desk, text: &[u8]) -> Finished {
    let mut command = alike_command(desk.args(std::path::Path::new("-"), &["--json"]));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A run that is refused reads no further.
    let _ = child.stdin.take().unwrap().write_all(text);
    child.wait_with_output().unwrap().into()
}

#[test]
fn standard_input_goes_on_where_it_starts_the_same() {
    let desk = Desk::new();
    let input = long_texts(&desk, 8);
    kill_at(&desk, &input, 2);
    run_on_stdin(&desk, b"something else\n").failed_naming(&["standard input", "--restart"]);
    let finished = run_on_stdin(&desk, &fs::read(&input).unwrap()).succeeded();
    assert!(continued_at(&finished) >= 2);
    assert_eq!(desk.result().rows, 8);
}

#[test]
fn a_damaged_state_or_partial_file_starts_over() {
    let desk = Desk::new();
    let input = long_texts(&desk, 6);
    let expected = expected_bytes(&desk, &input);
    let (partial, state) = (desk.path("out.npy.partial"), desk.path("out.npy.partial.json"));
    let damages: [(&str, &dyn Fn()); 5] = [
        ("can't be understood", &|| fs::write(&state, "{").unwrap()),
        ("bytes", &|| {
            let bytes = fs::read(&partial).unwrap();
            fs::write(&partial, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("another version", &|| {
            let text = fs::read_to_string(&state).unwrap();
            fs::write(&state, text.replacen("\"format\":1", "\"format\":9", 1)).unwrap();
        }),
        ("", &|| fs::remove_file(&state).unwrap()),
        ("", &|| fs::remove_file(&partial).unwrap()),
    ];
    for (why, damage) in damages {
        kill_at(&desk, &input, 2);
        damage();
        let finished = desk.run(&input, &["--json"]).succeeded();
        assert_eq!(continued_at(&finished), 0, "{why}");
        assert!(finished.stderr.contains(why), "{why}: {}", finished.stderr);
        assert!(desk.result().bytes == expected, "{why}");
    }
}

/// Starts a run whose messages are kept.
fn start_heard(desk: &Desk, input: &std::path::Path) -> Child {
    alike_command(desk.args(input, &[]))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_signal_stops_it_and_it_says_how_to_go_on() {
    for signal in [Signal::INT, Signal::TERM] {
        let desk = Desk::new();
        let input = long_texts(&desk, 60);
        let child = start_heard(&desk, &input);
        poll("rows on disk", || rows_kept(&desk).filter(|&kept| kept >= 2));
        send(&child, signal);
        let finished = Finished::from(child.wait_with_output().unwrap());
        let kept = rows_kept(&desk).unwrap();
        assert!((2..60).contains(&kept), "{kept}");
        finished.failed_naming(&[
            "stopped by a signal",
            &format!("{kept} rows are kept"),
            "out.npy.partial: the same command goes on there",
        ]);
        assert_eq!(continued_at(&desk.run(&input, &["--json"]).succeeded()), kept);
        assert_eq!(desk.result().rows, 60);
    }
}

#[test]
fn rows_before_a_bad_one_are_kept() {
    let desk = Desk::new();
    let input = long_texts(&desk, 6);
    let good = fs::read(&input).unwrap();
    fs::write(&input, [&good[..], b"bad \xff line\n"].concat()).unwrap();
    desk.run(&input, &[])
        .failed_naming(&["line 7", "UTF-8", "6 rows are kept", "out.npy.partial"]);
    fs::write(&input, [&good[..], b"good line\n"].concat()).unwrap();
    assert_eq!(continued_at(&desk.run(&input, &["--json"]).succeeded()), 6);
    assert_eq!(desk.result().rows, 7);
}

#[test]
fn of_two_runs_to_one_file_the_second_is_refused() {
    let desk = Desk::new();
    let input = long_texts(&desk, 60);
    let mut first = Running::start(desk.args(&input, &[]));
    poll("rows on disk", || rows_kept(&desk).filter(|&kept| kept >= 2));
    let other = desk.file("other.txt", "other\n");
    alike(desk.args(&other, &[])).failed_naming(&["out.npy.partial", "another run"]);
    assert!(!first.has_ended(), "the first one goes on");
    first.end_by(Signal::KILL);
    assert!(rows_kept(&desk) >= Some(2));
}

#[test]
fn a_full_disk_is_named_and_the_rows_before_are_kept() {
    let desk = Desk::new();
    let input = long_texts(&desk, 30);
    let expected = expected_bytes(&desk, &input);
    // A limit on the size of any file, in blocks of 512 bytes: writing beyond it fails.
    let mut command = std::process::Command::new("sh");
    command.args([
        "-c",
        "trap '' XFSZ; ulimit -f 32; exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_alike"),
    ]);
    let output = command.args(desk.args(&input, &[])).output().unwrap();
    Finished::from(output).failed_naming(&["out.npy.partial", "File too large", "rows are kept"]);
    assert!(!desk.path("out.npy").exists());
    let kept = rows_kept(&desk).unwrap();
    assert_eq!(continued_at(&desk.run(&input, &["--json"]).succeeded()), kept);
    assert!(desk.result().bytes == expected);
}
