//! Files of a Hugging Face repository, all of one commit.

use super::error::{PullError, file_error};
use super::web;
use super::{Report, Step};
use hf_hub::api::Progress;
use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use std::fs;
use std::path::{Path, PathBuf};

const PUBLIC_ENDPOINT: &str = "https://huggingface.co";
const RETRIES: usize = 2;
/// Digits of a commit that are enough to name it.
const VERSION_DIGITS: usize = 12;

/// A repository at one commit.
pub(super) struct Repository {
    api: ApiRepo,
    /// `OWNER/NAME`.
    name: String,
    endpoint: String,
    commit: String,
    /// Paths of all files.
    pub listing: Vec<String>,
}

impl Repository {
    /// Asks the hub for the commit that `revision` (a branch, tag or commit; `main` if absent) stands for. Downloads go
    /// through a cache in `scratch`. `HF_ENDPOINT`, `HF_TOKEN` and the token that `hf auth login` keeps are honored.
    pub fn open(name: &str, revision: Option<&str>, scratch: &Path) -> Result<Self, PullError> {
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| PUBLIC_ENDPOINT.to_owned());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let failed = |error: ApiError| failure(&endpoint, name, revision, error);
        let api = ApiBuilder::from_cache(Cache::new(scratch.to_owned()))
            .with_endpoint(endpoint.clone())
            .with_token(token())
            .with_progress(false)
            .with_retries(RETRIES)
            .build()
            .map_err(failed)?;
        let at = |revision: &str| Repo::with_revision(name.to_owned(), RepoType::Model, revision.to_owned());
        let info = api.repo(at(revision.unwrap_or("main"))).info().map_err(failed)?;
        if info.sha.len() < VERSION_DIGITS || !info.sha.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(PullError::BadFile {
                origin: name.to_owned(),
                file: "the hub's description".to_owned(),
                reason: format!("{:?} is no commit", info.sha),
            });
        }
        Ok(Self {
            api: api.repo(at(&info.sha)),
            name: name.to_owned(),
            endpoint,
            commit: info.sha,
            listing: info
                .siblings
                .into_iter()
                .map(|sibling| sibling.rfilename)
                .collect(),
        })
    }

    /// The first digits of the commit.
    pub fn version(&self) -> &str {
        &self.commit[..VERSION_DIGITS]
    }

    /// Downloads one file to `target`. What the hub keeps in its large file storage is checked by its sha256.
    pub fn fetch(&self, file: &str, target: &Path, report: &Report<'_>) -> Result<(), PullError> {
        let progress = Reported {
            report,
            file: file.to_owned(),
            done: 0,
            total: 0,
        };
        let pointer = self
            .api
            .download_with_progress(file, progress)
            .map_err(|error| failure(&self.endpoint, &self.name, Some(&self.commit), error))?;
        let blob = fs::canonicalize(&pointer).map_err(file_error(&pointer, "can't be read"))?;
        let etag = blob
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if etag.len() == 64 && etag.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            web::check_sha256(&format!("{}: {file}", self.name), &blob, &etag)?;
        }
        fs::rename(&blob, target).map_err(file_error(target, "can't be written"))
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn token() -> Option<String> {
    let home = variable("HF_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache/huggingface")));
    let kept = || Cache::new(home?.join("hub")).token();
    variable("HF_TOKEN").or_else(kept)
}

fn failure(endpoint: &str, name: &str, revision: Option<&str>, error: ApiError) -> PullError {
    let url = format!("{endpoint}/{name}");
    let revision = revision.map_or(String::new(), |revision| format!(" with revision {revision:?}"));
    let meaning = |status| match status {
        401 | 403 | 404 => format!(
            "there is no repository {name}{revision}, or it is not open to everyone: set HF_TOKEN, or run `hf auth login`"
        ),
        429 => "the hub wants fewer calls: try again later".to_owned(),
        _ => "try again later".to_owned(),
    };
    match error {
        ApiError::RequestError(error) => web::failure(&url, &error, meaning),
        ApiError::TooManyRetries(error) => failure(endpoint, name, None, *error),
        error => PullError::Unreachable {
            url,
            reason: error.to_string(),
            remedy: "it does not answer like a Hugging Face hub, or the download broke off: see HF_ENDPOINT, or try again",
        },
    }
}

/// Passes the client's progress on.
struct Reported<'a, 'b> {
    report: &'a Report<'b>,
    file: String,
    done: u64,
    total: u64,
}

impl Progress for Reported<'_, '_> {
    fn init(&mut self, size: usize, _file: &str) {
        self.total = size as u64;
        self.done = 0;
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        (self.report)(Step::Downloading {
            file: &self.file,
            done: self.done,
            total: Some(self.total),
        });
    }

    fn finish(&mut self) {}
}
