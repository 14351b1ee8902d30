//! The installed model: found, loaded once, compared with what a snapshot was built with.

use super::EngineError;
use crate::snapshot::ModelRef;
use alike_embeddings::{Encoder, EncoderSettings, ModelBundle};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The folder that `scripts/setup` fills.
const HOME: &str = ".alike";
const DEFAULT_MODEL: &str = "all-minilm-l6-v2";

/// Where the model bundle and ONNX Runtime's library are; what is absent is looked for.
///
/// Looked in: `.alike/` in the working directory and the folders above it, then in the folders above the executable.
#[derive(Debug, Clone, Default)]
pub struct ModelPlace {
    /// The model bundle's folder.
    pub model: Option<PathBuf>,
    /// ONNX Runtime's shared library.
    pub library: Option<PathBuf>,
    /// The bundle's folder of a cross-encoder; never looked for.
    pub reranker: Option<PathBuf>,
}

impl ModelPlace {
    /// Opens the bundle after loading the library.
    ///
    /// # Errors
    /// Either is missing or damaged.
    pub fn open_bundle(&self) -> Result<ModelBundle, EngineError> {
        let model = match &self.model {
            Some(model) => model.clone(),
            None => find(|home| existing(home.join("models").join(DEFAULT_MODEL)))
                .ok_or_else(|| missing(&format!("{HOME}/models/{DEFAULT_MODEL}"), "--model"))?,
        };
        self.load_library()?;
        Ok(ModelBundle::open(&model)?)
    }

    /// Loads the library.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub fn load_library(&self) -> Result<(), EngineError> {
        let library = match &self.library {
            Some(library) => library.clone(),
            None => find(|home| library_in(&home.join("lib")))
                .ok_or_else(|| missing(&format!("{HOME}/lib/libonnxruntime.so.*"), "--library"))?,
        };
        Ok(alike_embeddings::initialize(&library)?)
    }

    /// The folder of installed models: where there is none yet, the one that the working directory would get.
    #[must_use]
    pub fn models_folder() -> PathBuf {
        find(existing)
            .unwrap_or_else(|| PathBuf::from(HOME))
            .join("models")
    }
}

fn missing(what: &str, flag: &str) -> EngineError {
    let detail = format!(
        "{what} was not found in the working directory, above it, or above the executable; run scripts/setup or name it with {flag}"
    );
    EngineError::NoModel { detail }
}

fn find(look: impl Fn(&Path) -> Option<PathBuf>) -> Option<PathBuf> {
    let working = std::env::current_dir().ok();
    let executable = std::env::current_exe().ok();
    let roots = [working.as_deref(), executable.as_deref()];
    roots
        .into_iter()
        .flatten()
        .flat_map(Path::ancestors)
        .find_map(|dir| look(&dir.join(HOME)))
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    path.exists().then_some(path)
}

/// The newest `libonnxruntime.so*` (or `.dylib`) in a folder.
fn library_in(dir: &Path) -> Option<PathBuf> {
    let listing = std::fs::read_dir(dir).ok()?;
    let is_library = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| {
                name.starts_with("libonnxruntime.") && (name.contains(".so") || name.ends_with(".dylib"))
            })
    };
    listing
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_library)
        .max()
}

/// The installed model, loaded when first needed. Only a success is remembered: a model that is missing now may be
/// installed later.
pub(super) struct Models {
    place: ModelPlace,
    loaded: Mutex<Option<Arc<Encoder>>>,
}

impl Models {
    pub(super) fn new(place: ModelPlace) -> Self {
        Self {
            place,
            loaded: Mutex::new(None),
        }
    }

    /// The installed encoder.
    pub(super) fn encoder(&self) -> Result<Arc<Encoder>, EngineError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(encoder) = &*loaded {
            return Ok(Arc::clone(encoder));
        }
        let bundle = self.place.open_bundle()?;
        let encoder = Arc::new(Encoder::open(&bundle, EncoderSettings::for_queries(cores()))?);
        *loaded = Some(Arc::clone(&encoder));
        Ok(encoder)
    }
}

/// `encoder`, if its model is `wanted`.
pub(super) fn matching(encoder: Arc<Encoder>, wanted: &ModelRef) -> Result<Arc<Encoder>, EngineError> {
    let found = ModelRef::from(encoder.identity());
    if found == *wanted {
        return Ok(encoder);
    }
    Err(EngineError::ModelMismatch {
        wanted: wanted.to_string(),
        found: found.to_string(),
    })
}

/// Cores this process may use.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
