//! A real `alike serve` on a free port, and questions to it.

use super::command::{alike_command, send};
use super::{PATIENCE, poll};
use rustix::process::Signal;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use ureq::http::{Request, Response, Uri};

/// What a call was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<String>,
    /// Positions of texts that were cut.
    pub(crate) truncated: Option<String>,
    /// Whether it was answered before, to the same idempotency key.
    pub(crate) replayed: bool,
    pub(crate) etag: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads the whole of an answer.
    pub(super) fn read(response: &mut Response<ureq::Body>) -> Result<Self, ureq::Error> {
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap_or("?").to_owned())
        };
        Ok(Self {
            status: response.status().as_u16(),
            content_type: header("content-type").unwrap_or_default(),
            retry_after: header("retry-after"),
            truncated: header("x-alike-truncated"),
            replayed: header("idempotent-replayed").as_deref() == Some("true"),
            etag: header("etag"),
            cache_control: header("cache-control"),
            body: response.body_mut().read_to_vec()?,
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The JSON of a good answer.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        self.json_of(200)
    }

    /// The JSON of a good answer with that status.
    #[track_caller]
    pub(crate) fn json_of(&self, status: u16) -> Value {
        assert_eq!(
            (self.status, self.content_type.as_str()),
            (status, "application/json"),
            "{}",
            self.text()
        );
        serde_json::from_slice(&self.body).expect("a JSON answer")
    }

    /// The JSON of a refusal with that status.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(
            (self.status, self.content_type.as_str()),
            (status, "application/problem+json"),
            "{}",
            self.text()
        );
        let problem: Value = serde_json::from_slice(&self.body).expect("a JSON problem");
        assert_eq!(problem["status"], status, "{problem}");
        for key in ["type", "title", "detail"] {
            assert!(
                problem[key].as_str().is_some_and(|text| !text.is_empty()),
                "no {key} in {problem}"
            );
        }
        problem
    }

    /// The ids of a good answer's hits.
    #[track_caller]
    pub(crate) fn ids(&self) -> Vec<String> {
        let answer = self.json();
        let hits = answer["hits"]
            .as_array()
            .unwrap_or_else(|| panic!("no hits in {answer}"));
        hits.iter()
            .map(|hit| hit["id"].as_str().expect("an id").to_owned())
            .collect()
    }
}

/// The server's log so far, and whether it has ended.
#[derive(Default)]
struct Log {
    text: Mutex<(String, bool)>,
    grown: Condvar,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, (String, bool)> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(self: Arc<Self>, stream: impl std::io::Read) {
        for line in BufReader::new(stream).lines() {
            let line = line.unwrap_or_else(|error| format!("(unreadable: {error})"));
            let mut log = self.lock();
            log.0.push_str(&line);
            log.0.push('\n');
            self.grown.notify_all();
        }
        self.lock().1 = true;
        self.grown.notify_all();
    }

    /// Waits until `find` finds something.
    #[track_caller]
    fn wait<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let waiting = |log: &mut (String, bool)| find(&log.0).is_none() && !log.1;
        let (log, _) = self
            .grown
            .wait_timeout_while(self.lock(), PATIENCE, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        find(&log.0).unwrap_or_else(|| panic!("the log has no {what}:\n{}", log.0))
    }
}

/// A running server; killed when dropped, which fails the test if anything panicked in it.
pub(crate) struct Server {
    child: Child,
    address: String,
    log: Arc<Log>,
    agent: ureq::Agent,
}

impl Server {
    /// Serves `data`.
    #[track_caller]
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[], &[])
    }

    /// Serves `data` with more flags and with `ALIKE__…` variables.
    #[track_caller]
    pub(crate) fn start_with(data: &Path, flags: &[&OsStr], variables: &[(&str, &str)]) -> Self {
        let mut args: Vec<&OsStr> = vec!["serve".as_ref(), "--data".as_ref(), data.as_os_str()];
        args.extend(["--listen", "127.0.0.1:0"].map(OsStr::new));
        args.extend(flags);
        let mut command = alike_command(args);
        command.envs(variables.iter().copied());
        Self::spawn(command)
    }

    /// Serves `data` until this test process ends, however it ends; then `data` is removed. For servers that live in
    /// a static, which Rust never drops.
    pub(crate) fn start_for_good(data: &Path) -> Self {
        let script =
            r#""$@" </dev/null & pid=$!; read -r _ || :; exec 2>&-; kill -9 $pid; wait $pid; rm -rf "$0""#;
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(script)
            .arg(data)
            .arg(env!("CARGO_BIN_EXE_alike"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data);
        command
            .current_dir(env!("CARGO_TARGET_TMPDIR"))
            .stdin(Stdio::piped());
        Self::spawn(command)
    }

    /// Starts a server by a command line of its own, which has to have it listen on port 0.
    #[track_caller]
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command
            .env("ALIKE_LOG", "info")
            .env("NO_COLOR", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let log = Arc::new(Log::default());
        let (stream, follower) = (child.stderr.take().expect("stderr is a pipe"), Arc::clone(&log));
        std::thread::spawn(move || follower.follow(stream));
        let address = log.wait("listening address", |text| {
            let rest = text.split_once("listening on http://")?.1;
            Some(rest.split_once('\n')?.0.trim().to_owned())
        });
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE));
        Self {
            child,
            address,
            log,
            agent: config.build().into(),
        }
    }

    /// Its address, `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        self.log.lock().0.clone()
    }

    /// Waits for a line of the log that has all of `needles`.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, needles: &[&str]) -> String {
        self.log.wait(&format!("line with {needles:?}"), |text| {
            let line = text
                .lines()
                .find(|line| needles.iter().all(|needle| line.contains(needle)));
            line.map(str::to_owned)
        })
    }

    /// Asks; an error is one of the connection.
    pub(crate) fn try_ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<Answer, ureq::Error> {
        self.try_ask_with(method, path, &[], body)
    }

    /// Asks with headers.
    pub(crate) fn try_ask_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, ureq::Error> {
        let uri: Uri = format!("http://{}{path}", self.address)
            .parse()
            .expect("a valid address");
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match body {
            Some(body) => self.agent.run(request.body(body).expect("a valid request"))?,
            None => self.agent.run(request.body(()).expect("a valid request"))?,
        };
        Answer::read(&mut response)
    }

    /// Asks and gets an answer.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&[u8]>) -> Answer {
        let answer = self.try_ask(method, path, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    /// Asks with headers and gets an answer.
    #[track_caller]
    pub(crate) fn ask_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Answer {
        let answer = self.try_ask_with(method, path, headers, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    /// Asks with a JSON body.
    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.ask(method, path, Some(body.to_string().as_bytes()))
    }

    /// Sends lines.
    #[track_caller]
    pub(crate) fn send_lines(&self, method: &str, path: &str, lines: &str) -> Answer {
        let headers = [("content-type", "application/x-ndjson")];
        self.ask_with(method, path, &headers, Some(lines.as_bytes()))
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, Some(body.to_string().as_bytes()))
    }

    #[track_caller]
    pub(crate) fn search(&self, collection: &str, body: &Value) -> Answer {
        self.post(&format!("/v1/collections/{collection}/search"), body)
    }

    /// The id of the snapshot it serves.
    #[track_caller]
    pub(crate) fn snapshot(&self, collection: &str) -> String {
        let info = self.get(&format!("/v1/collections/{collection}")).json();
        info["snapshot"].as_str().expect("a snapshot id").to_owned()
    }

    /// Waits until it serves that snapshot.
    #[track_caller]
    pub(crate) fn wait_for_snapshot(&self, collection: &str, snapshot: &str) {
        poll(&format!("snapshot {snapshot} of {collection}"), || {
            let answer = self.get(&format!("/v1/collections/{collection}"));
            (answer.status == 200 && answer.json()["snapshot"] == snapshot).then_some(())
        });
    }

    /// One metric's value: the line that starts with `series`.
    #[track_caller]
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        let text = self.get("/metrics").text();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map(|value| {
            value
                .parse()
                .unwrap_or_else(|error| panic!("{series} is {value:?}: {error}"))
        })
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a crash would, and waits for the end.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait_for_end();
    }

    /// Ends it in good order, which has to succeed.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.wait_for_end().code(), Some(0), "{}", self.log());
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(&self.child, signal);
    }

    /// Waits for it to end by itself.
    #[track_caller]
    pub(crate) fn wait_for_end(&mut self) -> ExitStatus {
        poll("the server's end", || {
            self.child.try_wait().expect("the server can be waited for")
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            let log = self.log();
            assert!(!log.contains("panicked"), "the server panicked:\n{log}");
        }
    }
}

/// The refusals among the answers to six callers of four calls each, of which some must be good.
pub(crate) fn refused_in_a_crowd(ask: impl Fn() -> Answer + Sync) -> Vec<Answer> {
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let four = || (0..4).map(|_| ask()).collect::<Vec<_>>();
        let callers: Vec<_> = (0..6).map(|_| scope.spawn(four)).collect();
        callers
            .into_iter()
            .flat_map(|caller| caller.join().expect("a caller gets its answers"))
            .collect()
    });
    let (good, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert!(
        !good.is_empty() && !refused.is_empty(),
        "{} good, {} refused",
        good.len(),
        refused.len()
    );
    refused
}
