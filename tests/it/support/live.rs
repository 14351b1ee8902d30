//! Collections that change over HTTP: a caller with connections of its own, calls as values, jobs.

use super::{Answer, PATIENCE, Server, poll};
use serde_json::{Value, json};
use ureq::http::{Request, Uri};

/// Settings of a server that builds snapshots only when it is told to.
pub(crate) const NO_REBUILDS: [(&str, &str); 2] = [
    ("ALIKE__SNAPSHOTS__REBUILD_NEW", "0"),
    ("ALIKE__SNAPSHOTS__REBUILD_DELETED", "0"),
];

/// One call, which can be sent again.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Option<String>,
    pub(crate) content_type: &'static str,
    /// Idempotency key.
    pub(crate) key: Option<String>,
}

impl Call {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            content_type: "application/json",
            key: None,
        }
    }

    pub(crate) fn json(method: &'static str, path: impl Into<String>, body: &Value) -> Self {
        Self {
            body: Some(body.to_string()),
            ..Self::new(method, path)
        }
    }

    /// One JSON object per line.
    pub(crate) fn lines(method: &'static str, path: impl Into<String>, rows: &[Value]) -> Self {
        Self {
            body: Some(rows.iter().map(|row| format!("{row}\n")).collect()),
            content_type: "application/x-ndjson",
            ..Self::new(method, path)
        }
    }
}

/// Calls a server over connections of its own; outlives the server, whose end is an error.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    address: String,
    agent: ureq::Agent,
}

impl Caller {
    pub(crate) fn of(server: &Server) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE));
        Self {
            address: server.address().to_owned(),
            agent: config.build().into(),
        }
    }

    /// Sends a call; an error is one of the connection, after which nobody knows what became of the call.
    pub(crate) fn try_send(&self, call: &Call) -> Result<Answer, ureq::Error> {
        let uri: Uri = format!("http://{}{}", self.address, call.path)
            .parse()
            .expect("a valid address");
        let mut request = Request::builder().method(call.method).uri(uri);
        if let Some(key) = &call.key {
            request = request.header("idempotency-key", key);
        }
        let mut response = match &call.body {
            Some(body) => {
                let request = request.header("content-type", call.content_type);
                self.agent
                    .run(request.body(body.as_str()).expect("a valid request"))?
            }
            None => self.agent.run(request.body(()).expect("a valid request"))?,
        };
        Answer::read(&mut response)
    }

    #[track_caller]
    pub(crate) fn send(&self, call: &Call) -> Answer {
        let answer = self.try_send(call);
        answer.unwrap_or_else(|error| panic!("{} {}: {error}", call.method, call.path))
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(&Call::new("GET", path))
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(&Call::json("POST", path, body))
    }

    /// Upserts these items and returns the position.
    #[track_caller]
    pub(crate) fn upsert(&self, collection: &str, items: &[Value]) -> u64 {
        let answer = self
            .post(&format!("/v1/collections/{collection}/items"), &json!(items))
            .json();
        assert_eq!(answer["rejected"], 0, "{answer}");
        position(&answer)
    }

    /// The collection's number of items.
    #[track_caller]
    pub(crate) fn count(&self, collection: &str) -> u64 {
        let answer = self.post(&format!("/v1/collections/{collection}/items/count"), &json!({}));
        answer.json()["count"].as_u64().expect("a count")
    }

    /// Starts building a snapshot; the job's id.
    #[track_caller]
    pub(crate) fn start_build(&self, collection: &str) -> String {
        let path = format!("/v1/collections/{collection}/snapshots");
        self.job_of(&Call::json("POST", path, &json!({"force": true})))
    }

    /// Sends a call that starts a job; the job's id.
    #[track_caller]
    pub(crate) fn job_of(&self, call: &Call) -> String {
        let answer = self.send(call);
        assert_eq!(answer.status, 202, "{}: {}", call.path, answer.text());
        let job: Value = serde_json::from_slice(&answer.body).expect("a job in JSON");
        job["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no id in {job}"))
            .to_owned()
    }

    /// A job, as it stands.
    #[track_caller]
    pub(crate) fn job(&self, id: &str) -> Value {
        self.get(&format!("/v1/jobs/{id}")).json()
    }

    /// Waits for the end of a job, which has to be a good one.
    #[track_caller]
    pub(crate) fn finish_job(&self, id: &str) -> Value {
        let job = poll("the job's end", || {
            let job = self.job(id);
            (job["state"] != "running").then_some(job)
        });
        assert_eq!(job["state"], "succeeded", "{job}");
        job
    }

    /// Builds and publishes a snapshot; its id.
    #[track_caller]
    pub(crate) fn build_snapshot(&self, collection: &str) -> String {
        let job = self.finish_job(&self.start_build(collection));
        let snapshot = &job["result"]["snapshot"];
        snapshot
            .as_str()
            .unwrap_or_else(|| panic!("no snapshot in {job}"))
            .to_owned()
    }

    /// The id of the snapshot that is served.
    #[track_caller]
    pub(crate) fn snapshot(&self, collection: &str) -> String {
        let info = self.get(&format!("/v1/collections/{collection}")).json();
        info["snapshot"].as_str().expect("a snapshot id").to_owned()
    }
}

/// The position that an answer carries.
#[track_caller]
pub(crate) fn position(answer: &Value) -> u64 {
    answer["position"]
        .as_u64()
        .unwrap_or_else(|| panic!("no position in {answer}"))
}

/// Creates an empty collection with an index of kind graph.
#[track_caller]
pub(crate) fn create(caller: &Caller, collection: &str, schema: &Value, dimension: usize) {
    let body = json!({"schema": schema, "metric": "cosine", "index": "graph", "dimension": dimension});
    let answer = caller.send(&Call::json("PUT", format!("/v1/collections/{collection}"), &body));
    assert_eq!(answer.status, 201, "{}", answer.text());
}
