//! Wheels from a Python package index (its "simple" API, HTML or JSON), checked and unpacked.

use super::error::{PullError, file_error};
use super::name::Wheel;
use super::pip::PipSettings;
use super::web;
use super::{Report, Step};
use serde::Deserialize;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use ureq2::Agent;
use url::Url;
use zip::ZipArchive;

const ACCEPT: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";
/// The largest page of links that is read.
const LONGEST_PAGE: u64 = 64 << 20;

/// Downloads a wheel from the index into `folder`.
pub(super) fn download(wheel: &Wheel, folder: &Path, report: &Report<'_>) -> Result<PathBuf, PullError> {
    let settings = PipSettings::read();
    let agent = web::agent(settings.certificates.as_deref())?;
    report(Step::Doing(&format!("asking {}", web::shown(&settings.index))));
    let url = find(&agent, &settings.index, wheel)?;
    let target = folder.join(wheel.file);
    let response = agent
        .get(&url)
        .call()
        .map_err(|error| web::failure(&url, &error, |_| format!("the index links {} to it", wheel.file)))?;
    web::save(response, wheel.file, &target, wheel.sha256, report)?;
    Ok(target)
}

/// The address of a wheel on an index.
fn find(agent: &Agent, index: &str, wheel: &Wheel) -> Result<String, PullError> {
    let page = format!("{index}/{}/", wheel.project);
    let meaning = |status| match status {
        404 => format!(
            "this index has no project {}; set PIP_INDEX_URL to another",
            wheel.project
        ),
        401 | 403 => "the index wants a name and a password in its address (PIP_INDEX_URL)".to_owned(),
        _ => "try again, or set PIP_INDEX_URL to another index".to_owned(),
    };
    let response = agent
        .get(&page)
        .set("Accept", ACCEPT)
        .call()
        .map_err(|error| web::failure(&page, &error, meaning))?;
    let is_json = response.content_type().ends_with("json");
    let base = response.get_url().to_owned();
    let mut text = String::new();
    io::Read::read_to_string(
        &mut io::Read::take(response.into_reader(), LONGEST_PAGE),
        &mut text,
    )
    .map_err(|error| PullError::Unreachable {
        url: web::shown(&page),
        reason: error.to_string(),
        remedy: web::NO_NETWORK,
    })?;
    let link = if is_json {
        in_json(&text, wheel.file)
    } else {
        in_html(&text, wheel.file)
    };
    link.and_then(|link| resolve(&base, &link))
        .ok_or_else(|| PullError::NoFile {
            origin: web::shown(&page),
            file: wheel.file.to_owned(),
            remedy: "set PIP_INDEX_URL to an index that has it, or give the file with --wheel FILE"
                .to_owned(),
        })
}

/// `link` as seen from `base`; the user and password of the index go along to the same host.
fn resolve(base: &str, link: &str) -> Option<String> {
    let base = Url::parse(base).ok()?;
    let mut url = base.join(link).ok()?;
    url.set_fragment(None);
    if url.host() == base.host() && url.username().is_empty() {
        url.set_username(base.username()).ok()?;
        url.set_password(base.password()).ok()?;
    }
    matches!(url.scheme(), "http" | "https").then(|| url.to_string())
}

fn in_json(page: &str, file: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Page {
        files: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        filename: String,
        url: String,
    }
    let page: Page = serde_json::from_str(page).ok()?;
    let entry = page.files.into_iter().find(|entry| entry.filename == file);
    entry.map(|entry| entry.url)
}

/// The first `href` whose path ends in the file's name.
fn in_html(page: &str, file: &str) -> Option<String> {
    let mut links = page.split("href=").skip(1).filter_map(|rest| {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let link = rest[1..].split(quote).next()?;
        Some(link.replace("&amp;", "&"))
    });
    links.find(|link| {
        let path = link.split(['#', '?']).next().unwrap_or_default();
        path.rsplit('/').next() == Some(file)
    })
}

/// A wheel opened for reading: a zip file.
pub(super) struct Contents {
    archive: ZipArchive<File>,
    name: String,
}

impl Contents {
    /// Checks a wheel's digest and opens it.
    pub fn open(wheel: &Wheel, path: &Path) -> Result<Self, PullError> {
        web::check_sha256(&path.display().to_string(), path, wheel.sha256)?;
        let file = File::open(path).map_err(file_error(path, "can't be read"))?;
        let archive = ZipArchive::new(file).map_err(|error| damaged(wheel.file, "the archive", &error))?;
        Ok(Self {
            archive,
            name: wheel.file.to_owned(),
        })
    }

    /// The files below `folder`, without it.
    pub fn listing(&self, folder: &str) -> Vec<String> {
        let names = self.archive.file_names().filter_map(Result::ok);
        let below = names.filter_map(|name| name.strip_prefix(folder).map(str::to_owned));
        below
            .filter(|name| !name.is_empty() && !name.ends_with('/'))
            .collect()
    }

    /// Unpacks one file.
    pub fn extract(&mut self, member: &str, target: &Path) -> Result<(), PullError> {
        let mut source = self
            .archive
            .by_name(member)
            .map_err(|error| damaged(&self.name, member, &error))?;
        let mut file = File::create(target).map_err(file_error(target, "can't be written"))?;
        io::copy(&mut source, &mut file).map_err(file_error(target, "can't be unpacked"))?;
        Ok(())
    }
}

fn damaged(wheel: &str, file: &str, error: &zip::result::ZipError) -> PullError {
    PullError::BadFile {
        origin: wheel.to_owned(),
        file: file.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "a_b-1.0-py3-none-any.whl";

    #[test]
    fn links_are_found_in_html() {
        let page = format!(
            "<a href=\"x/{FILE}.metadata\">m</a><a href='../../files/{FILE}?t=1&amp;u=2#sha256=00'>{FILE}</a>"
        );
        let link = in_html(&page, FILE).unwrap();
        assert_eq!(
            resolve("http://index/simple/a-b/", &link).unwrap(),
            format!("http://index/files/{FILE}?t=1&u=2")
        );
        assert_eq!(in_html("<a href=unquoted><a href=\"\"><a href=", FILE), None);
    }

    #[test]
    fn links_are_found_in_json() {
        let page =
            format!("{{\"files\": [{{\"filename\": \"{FILE}\", \"url\": \"https://files/x/{FILE}\"}}]}}");
        assert_eq!(in_json(&page, FILE).unwrap(), format!("https://files/x/{FILE}"));
        assert_eq!(in_json("{\"files\": []}", FILE), None);
        assert_eq!(in_json("not json", FILE), None);
    }

    #[test]
    fn credentials_stay_with_their_host() {
        let base = "https://me:secret@index/simple/a-b/";
        assert_eq!(resolve(base, "/w.whl").unwrap(), "https://me:secret@index/w.whl");
        assert_eq!(
            resolve(base, "https://other/w.whl").unwrap(),
            "https://other/w.whl"
        );
        assert_eq!(resolve(base, "file:///etc/passwd"), None);
    }
}
