//! The ONNX Runtime library and its environment: one per process, never unloaded.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::{Environment, EnvironmentBuilder};
use ort::logging::LogLevel;

use crate::{EmbeddingError, Result};

/// What the process runs on, once [`initialize`] succeeded.
static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

struct Runtime {
    library: PathBuf,
    environment: Environment,
}

/// Loads ONNX Runtime from `library` (a file such as `libonnxruntime.so.1.31.1`). Once per process: a later call with
/// the same file is free, however its path is spelled. A call that failed can be repeated with the right file.
///
/// A relative path is looked up from the working directory. In a build with `ort-download` instead of `ort-dynamic` the
/// library is linked into the binary, and the path is only remembered.
///
/// # Errors
/// [`EmbeddingError::Library`] where the file is missing, is not ONNX Runtime, or is too old;
/// [`EmbeddingError::LibraryConflict`] where the process already runs on another file.
pub fn initialize(library: &Path) -> Result<()> {
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    // The loader would resolve a relative path against the executable's folder first.
    let library = library
        .canonicalize()
        .map_err(|error| unusable(library, &error))?;
    match &*runtime {
        Some(loaded) if loaded.library == library => Ok(()),
        Some(loaded) => Err(EmbeddingError::LibraryConflict {
            loaded: loaded.library.clone(),
            requested: library,
        }),
        None => {
            check_complete(&library).map_err(|error| unusable(&library, &error))?;
            let environment = load(&library)?;
            *runtime = Some(Runtime { library, environment });
            Ok(())
        }
    }
}

/// The environment that sessions are created in.
pub(crate) fn environment() -> Result<Environment> {
    let runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    runtime
        .as_ref()
        .map(|runtime| runtime.environment.clone())
        .ok_or(EmbeddingError::NotInitialized)
}

fn load(library: &Path) -> Result<Environment> {
    let environment = builder(library)?
        .with_name("alike")
        .with_telemetry(false)
        .build()
        .map_err(|error| unusable(library, &error))?;
    // With the `tracing` bridge ONNX Runtime would format every verbose message first.
    environment.set_log_level(LogLevel::Warning);
    Ok(environment)
}

#[cfg(feature = "ort-dynamic")]
fn builder(library: &Path) -> Result<EnvironmentBuilder> {
    ort::init_from(library).map_err(|error| unusable(library, &error))
}

#[cfg(not(feature = "ort-dynamic"))]
fn builder(_library: &Path) -> Result<EnvironmentBuilder> {
    Ok(ort::init())
}

/// Refuses an ELF library that ends before the segments it announces (an interrupted download, a full disk): mapping it
/// would kill the process instead of failing. Other formats are left to the loader.
fn check_complete(library: &Path) -> io::Result<()> {
    let mut file = File::open(library)?;
    let length = file.metadata()?.len();
    let mut header = [0; 64];
    if file.read_exact(&mut header).is_err() || header[..6] != *b"\x7fELF\x02\x01" {
        return Ok(());
    }
    let short = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let (start, size, count) = (long(&header, 0x20), short(0x36), short(0x38));
    let mut segments = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(size * count).read_to_end(&mut segments)?;
    let segments = segments.chunks_exact(size.max(56) as usize);
    let end = segments
        .map(|segment| long(segment, 0x08).saturating_add(long(segment, 0x20)))
        .max();
    match end {
        Some(end) if end <= length => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("the file is cut off at {length} bytes"),
        )),
    }
}

/// The little-endian number of eight bytes at `at`.
fn long(bytes: &[u8], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}

fn unusable(library: &Path, error: &dyn std::fmt::Display) -> EmbeddingError {
    EmbeddingError::Library {
        path: library.to_owned(),
        reason: error.to_string(),
    }
}
