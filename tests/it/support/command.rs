//! The command line: one call, its exit code and what it printed.

use super::{PATIENCE, SHOP_SCHEMA, poll, shop_jsonl};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

/// What a finished call left.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the command prints UTF-8");
        let finished = Self {
            status: output.status,
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(
            !finished.stderr.contains("panicked"),
            "the command panicked: {}",
            finished.stderr
        );
        finished
    }
}

impl Finished {
    /// The call succeeded.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert!(self.status.success(), "{self:?}");
        self
    }

    /// The call failed by itself and its message has all of `needles`.
    #[track_caller]
    pub(crate) fn failed_naming(self, needles: &[&str]) -> Self {
        assert!(
            matches!(self.status.code(), Some(1 | 2)),
            "should have failed with code 1 or 2: {self:?}"
        );
        let error = self
            .stderr
            .split_once("error: ")
            .map_or("", |(_, error)| error)
            .trim_end();
        let repeated = error
            .match_indices(": ")
            .find(|(at, _)| error[..*at].ends_with(&error[at + 2..]));
        assert!(repeated.is_none(), "the error says one thing twice: {error}");
        for needle in needles {
            assert!(
                self.stderr.contains(needle),
                "the error should name {needle:?}: {}",
                self.stderr
            );
        }
        self
    }

    /// The last line printed, as JSON.
    #[track_caller]
    pub(crate) fn last_line_json(&self) -> serde_json::Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: last line {line:?} of {self:?}"))
    }
}

/// A command line of the real binary, in a folder without settings file.
pub(crate) fn alike_command<I: IntoIterator<Item: AsRef<OsStr>>>(args: I) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alike"));
    command
        .args(args)
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null());
    command
}

/// Runs the real binary to its end.
#[track_caller]
pub(crate) fn alike<I: IntoIterator<Item: AsRef<OsStr>>>(args: I) -> Finished {
    alike_command(args).output().expect("the binary starts").into()
}

/// A call that is under way; killed when dropped.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start<I: IntoIterator<Item: AsRef<OsStr>>>(args: I) -> Self {
        let mut command = alike_command(args);
        Self(
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the binary starts"),
        )
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("the child can be waited for").is_some()
    }

    /// Sends a signal and waits; the signal has to be what ended it.
    #[track_caller]
    pub(crate) fn end_by(mut self, signal: rustix::process::Signal) {
        assert!(!self.has_ended(), "ended by itself before the signal was sent");
        send(&self.0, signal);
        let status = poll("the end of a signalled child", || {
            self.0.try_wait().expect("can be waited for")
        });
        let by_signal = status.signal() == Some(signal.as_raw());
        assert!(
            by_signal || !status.success(),
            "{status} after {signal:?}; patience {PATIENCE:?}"
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a signal to a child.
pub(crate) fn send(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).expect("the child can be signalled");
}

/// Runs `alike build` of `catalog`, written beside the collections of `data`, with these flags.
pub(crate) fn build(data: &Path, collection: &str, catalog: &str, flags: &[&str]) -> Finished {
    let input = data.join(format!("{collection}-input.jsonl"));
    fs::write(&input, catalog).expect("the catalog can be written");
    let mut args = vec![OsStr::new("build"), "--data".as_ref(), data.as_os_str()];
    args.extend([
        "--collection".as_ref(),
        OsStr::new(collection),
        "--input".as_ref(),
        input.as_os_str(),
    ]);
    args.extend(flags.iter().map(OsStr::new));
    alike(args)
}

/// Publishes the shop as a collection of `data`.
pub(crate) fn build_shop(data: &Path, collection: &str) {
    build(data, collection, &shop_jsonl(), &SHOP_SCHEMA).succeeded();
}

/// `rows` two-dimensional points on the unit circle, with a name and a number each. `seed` turns the circle.
pub(crate) fn points_jsonl(rows: usize, seed: u32) -> String {
    (0..rows).fold(String::new(), |mut text, at| {
        let angle = (at as f64 + f64::from(seed) / 10.0) / rows as f64 * std::f64::consts::TAU;
        let (x, y) = (angle.cos(), angle.sin());
        writeln!(
            text,
            r#"{{"id":"p{at}","v":[{x:.6},{y:.6}],"n":{at},"seed":{seed}}}"#
        )
        .expect("strings take text");
        text
    })
}

/// The flags that build points.
pub(crate) const POINTS_SCHEMA: [&str; 6] = ["--id", "id", "--vector", "v", "--filter", "n"];

/// Publishes 50 points as a collection that needs no model.
pub(crate) fn build_points(data: &Path, collection: &str, seed: u32) {
    build(data, collection, &points_jsonl(50, seed), &POINTS_SCHEMA).succeeded();
}

/// A command without root's rights, in a folder that everyone can enter: where the tests run as root, `setpriv` drops
/// its rights. Everyone has to be able to reach `binary`.
pub(crate) fn ordinary_user(binary: &Path) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"])
            .arg(binary);
        command
    } else {
        Command::new(binary)
    };
    command.current_dir("/").stdin(Stdio::null());
    command
}

/// A copy of the binary in `folder`. Another process makes it: a file that this one, with its many threads, has open for
/// writing may be inherited by a child started at that moment, and can then not be run yet ("text file busy").
pub(crate) fn copy_binary(folder: &Path) -> PathBuf {
    let copy = folder.join("alike");
    let copied = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_alike"))
        .arg(&copy)
        .status();
    assert!(copied.expect("cp starts").success(), "the binary can be copied");
    copy
}
