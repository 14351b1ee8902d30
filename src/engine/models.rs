//! The installed models: each found by what a snapshot was built with, loaded once, with one encoder for all callers.

use super::EngineError;
use crate::snapshot::ModelRef;
use alike_embeddings::{Device, Encoder, EncoderSettings, ModelBundle, Variant};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// More bundles, or folders of bundles, for snapshots that were built with another model.
    pub others: Vec<PathBuf>,
    /// ONNX Runtime's shared library.
    pub library: Option<PathBuf>,
    /// The bundle's folder of a cross-encoder; never looked for.
    pub reranker: Option<PathBuf>,
    /// How models are run.
    pub run: ModelRun,
}

/// What the settings say of how models are run; what they leave open is chosen for the work and the machine.
#[derive(Debug, Clone, Default)]
pub struct ModelRun {
    /// Where.
    pub device: Device,
    /// Fail where the device does not work.
    pub require_device: bool,
    /// Which graph.
    pub variant: Option<Variant>,
    /// Most tokens of a batch.
    pub batch_tokens: Option<usize>,
}

impl ModelRun {
    /// `settings`, but for what is said here.
    #[must_use]
    pub fn over(&self, settings: EncoderSettings) -> EncoderSettings {
        EncoderSettings {
            device: self.device,
            require_device: self.require_device,
            variant: self.variant,
            batch_tokens: self.batch_tokens.unwrap_or(settings.batch_tokens),
            ..settings
        }
    }
}

impl ModelPlace {
    /// Opens the bundle after loading the library.
    ///
    /// # Errors
    /// Either is missing or damaged.
    pub fn open_bundle(&self) -> Result<ModelBundle, EngineError> {
        let model = self.first()?;
        self.load_library()?;
        Ok(ModelBundle::open(&model)?)
    }

    /// The folder of the bundle that is used where nothing else is asked for.
    fn first(&self) -> Result<PathBuf, EngineError> {
        if let Some(model) = &self.model {
            return Ok(model.clone());
        }
        find(|home| existing(home.join("models").join(DEFAULT_MODEL)))
            .ok_or_else(|| missing(&format!("{HOME}/models/{DEFAULT_MODEL}"), "--model"))
    }

    /// Folders that may be bundles, in the order in which they are tried: the first, those under `others`, and, where no
    /// model is named, the installed ones.
    fn candidates(&self) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = self.first().ok().into_iter().collect();
        let installed = self.model.is_none().then(Self::models_folder);
        for place in self.others.iter().chain(&installed) {
            folders.extend(bundles_in(place));
        }
        let mut seen = std::collections::BTreeSet::new();
        folders.retain(|folder| seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone())));
        folders
    }

    /// The bundle with that identity, of all that can be found.
    fn open_wanted(&self, wanted: &ModelRef) -> Result<ModelBundle, EngineError> {
        self.load_library()?;
        let mut found = Vec::new();
        for folder in self.candidates() {
            match ModelBundle::open(&folder) {
                Ok(bundle) if ModelRef::from(bundle.identity()) == *wanted => return Ok(bundle),
                Ok(bundle) => found.push(format!("{} in {}", bundle.identity(), folder.display())),
                Err(error) => found.push(format!("none in {}: {error}", folder.display())),
            }
        }
        if found.is_empty() {
            // Says where the first one would be.
            self.first()?;
        }
        Err(EngineError::ModelMismatch {
            wanted: wanted.to_string(),
            found,
        })
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
        find(|home| existing(home.to_owned()))
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

/// The folder itself where it is a bundle, else the bundles in it, by name. Hidden ones are not complete yet.
fn bundles_in(place: &Path) -> Vec<PathBuf> {
    let is_bundle = |folder: &Path| folder.join("model.toml").is_file();
    if is_bundle(place) {
        return vec![place.to_path_buf()];
    }
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    let visible = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    let mut folders: Vec<PathBuf> = visible.map(|entry| entry.path()).collect();
    folders.retain(|folder| is_bundle(folder));
    folders.sort_unstable();
    folders
}

/// The models that are in use, each with one encoder, which both lanes of work share. A model is loaded when it is first
/// needed and dropped when no view needs it any more. Only a success is remembered: a model that is missing now may be
/// installed later.
pub(super) struct Models {
    place: ModelPlace,
    settings: EncoderSettings,
    loaded: Mutex<Vec<Loaded>>,
    /// Held while one loads, so that none is loaded twice; those that are loaded stay within reach.
    loading: Mutex<()>,
}

struct Loaded {
    encoder: Arc<Encoder>,
    /// Asked for without a snapshot: it stays.
    first: bool,
}

impl Models {
    pub(super) fn new(place: ModelPlace, settings: EncoderSettings) -> Self {
        Self {
            place,
            settings,
            loaded: Mutex::default(),
            loading: Mutex::default(),
        }
    }

    /// The encoder that is used where no snapshot says which.
    pub(super) fn encoder(&self) -> Result<Arc<Encoder>, EngineError> {
        self.get(|loaded| loaded.first, || self.place.open_bundle(), true)
    }

    /// The encoder that a snapshot was built with.
    pub(super) fn wanted(&self, wanted: &ModelRef) -> Result<Arc<Encoder>, EngineError> {
        let is_wanted = |loaded: &Loaded| ModelRef::from(loaded.encoder.identity()) == *wanted;
        self.get(is_wanted, || self.place.open_wanted(wanted), false)
    }

    fn get(
        &self,
        is_it: impl Fn(&Loaded) -> bool,
        open: impl Fn() -> Result<ModelBundle, EngineError>,
        first: bool,
    ) -> Result<Arc<Encoder>, EngineError> {
        let known = || {
            let loaded = self.loaded();
            let found = loaded.iter().find(|loaded| is_it(loaded));
            found.map(|found| Arc::clone(&found.encoder))
        };
        if let Some(encoder) = known() {
            return Ok(encoder);
        }
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(encoder) = known() {
            return Ok(encoder);
        }
        let bundle = open()?;
        // A snapshot's model may be the first one too.
        let same = |loaded: &&mut Loaded| loaded.encoder.identity() == bundle.identity();
        if let Some(same) = self.loaded().iter_mut().find(same) {
            same.first |= first;
            return Ok(Arc::clone(&same.encoder));
        }
        let encoder = Arc::new(Encoder::open(&bundle, self.settings)?);
        let state = encoder.state();
        tracing::info!(
            model = %encoder.identity(),
            variant = %state.variant,
            device = %state.device,
            kernels = state.kernel_level.unwrap_or("none"),
            "model loaded"
        );
        self.loaded().push(Loaded {
            encoder: Arc::clone(&encoder),
            first,
        });
        Ok(encoder)
    }

    /// All that are loaded.
    pub(super) fn in_use(&self) -> Vec<Arc<Encoder>> {
        let loaded = self.loaded();
        loaded.iter().map(|loaded| Arc::clone(&loaded.encoder)).collect()
    }

    /// Drops those that no view holds any more.
    pub(super) fn drop_unused(&self) {
        self.loaded()
            .retain(|loaded| loaded.first || Arc::strong_count(&loaded.encoder) > 1);
    }

    fn loaded(&self) -> MutexGuard<'_, Vec<Loaded>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cores this process may use.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
