//! Where the placements of one collection are kept.

use super::{Placement, PlacementsError, check_name};
use crate::snapshot::{SnapshotError, sync_dir, write_synced};
use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Most placements of a collection.
pub const MAX_PLACEMENTS: usize = 1_000;
/// Most bytes of one placement as JSON.
pub const MAX_PLACEMENT_BYTES: usize = 64 << 10;

const FORMAT_VERSION: u64 = 1;

type ByName = BTreeMap<String, Arc<Placement>>;

/// The placements of one collection: in memory, and in a file. Cheap to read, also while somebody writes; what another
/// process writes is seen by the next call.
pub struct Placements {
    path: PathBuf,
    state: ArcSwap<State>,
    /// Held while the file is read or written.
    at_work: Mutex<()>,
}

/// What is in memory.
struct State {
    /// The file it was read from; none where there was none.
    stamp: Option<Stamp>,
    placements: ByName,
}

/// What tells two files of one name apart: every change is another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    modified: (i64, i64),
    bytes: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            bytes: metadata.len(),
        }
    }
}

#[derive(Serialize)]
struct Content<'a> {
    version: u64,
    placements: BTreeMap<&'a str, &'a Placement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadContent {
    #[serde(rename = "version")]
    _version: u64,
    placements: BTreeMap<String, Placement>,
}

/// As much as is needed to know which version it is.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

impl Placements {
    /// The placements in the file at `path`; none where it is not there.
    ///
    /// # Errors
    /// The file is damaged, of another version, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, PlacementsError> {
        Ok(Self {
            state: ArcSwap::from_pointee(read(path)?),
            path: path.to_path_buf(),
            at_work: Mutex::default(),
        })
    }

    /// The placement of that name. While the file cannot be read, those that were read last stay.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Placement>> {
        self.fresh().placements.get(name).cloned()
    }

    /// All placements by name.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, Arc<Placement>> {
        self.fresh().placements.clone()
    }

    /// Keeps a placement under a name, instead of one that has it; durable when this returns. Says whether it is a new
    /// one. Check it first: see [`Placement::check`].
    ///
    /// # Errors
    /// The name cannot be one, there are too many, or the file cannot be read or written; then nothing has changed.
    pub fn put(&self, name: &str, placement: Placement) -> Result<bool, PlacementsError> {
        check_name(name)?;
        let bytes = serde_json::to_vec(&placement).map_or(0, |json| json.len());
        if bytes > MAX_PLACEMENT_BYTES {
            return Err(PlacementsError::TooLarge { bytes });
        }
        self.change(|placements| {
            let new = !placements.contains_key(name);
            if new && placements.len() >= MAX_PLACEMENTS {
                return Err(PlacementsError::TooMany);
            }
            placements.insert(name.to_owned(), Arc::new(placement));
            Ok((true, new))
        })
    }

    /// Removes a placement, durably; says whether there was one.
    ///
    /// # Errors
    /// The file cannot be read or written; then nothing has changed.
    pub fn remove(&self, name: &str) -> Result<bool, PlacementsError> {
        self.change(|placements| {
            let removed = placements.remove(name).is_some();
            Ok((removed, removed))
        })
    }

    /// Writes what `change` makes of the file's placements, where it says that it changed them.
    fn change(
        &self,
        change: impl FnOnce(&mut ByName) -> Result<(bool, bool), PlacementsError>,
    ) -> Result<bool, PlacementsError> {
        let _at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = self.lock()?;
        let mut state = read(&self.path)?;
        let (changed, answer) = change(&mut state.placements)?;
        if changed {
            write(&self.path, &state.placements)?;
            let metadata = fs::metadata(&self.path);
            state.stamp = metadata.ok().map(|metadata| Stamp::of(&metadata));
        }
        self.state.store(Arc::new(state));
        Ok(answer)
    }

    /// Held across processes while the file is changed.
    fn lock(&self) -> Result<File, PlacementsError> {
        let path = self.path.with_extension("lock");
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(|source| SnapshotError::io(&path, "create", source))?;
        file.lock()
            .map_err(|source| SnapshotError::io(&path, "lock", source))?;
        Ok(file)
    }

    /// What the file holds now, as far as it can be read.
    fn fresh(&self) -> Arc<State> {
        let state = self.state.load_full();
        let stamp = stamp_of(&self.path);
        if stamp == state.stamp {
            return state;
        }
        let _at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state.load_full();
        if stamp == state.stamp {
            return state;
        }
        let newer = match read(&self.path) {
            Ok(newer) => newer,
            Err(error) => {
                tracing::error!(%error, "the placements' file cannot be used; those read before stay");
                // The same file is not read again.
                State {
                    stamp,
                    placements: state.placements.clone(),
                }
            }
        };
        let newer = Arc::new(newer);
        self.state.store(Arc::clone(&newer));
        newer
    }
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    Some(Stamp::of(&fs::metadata(path).ok()?))
}

fn read(path: &Path) -> Result<State, PlacementsError> {
    let io = |source| PlacementsError::Io {
        path: path.to_path_buf(),
        action: "read",
        source,
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(State {
                stamp: None,
                placements: ByName::new(),
            });
        }
        Err(source) => return Err(io(source)),
    };
    let stamp = Stamp::of(&file.metadata().map_err(io)?);
    let mut json = Vec::new();
    file.read_to_end(&mut json).map_err(io)?;
    let placements = decode(&json, path)?;
    Ok(State {
        stamp: Some(stamp),
        placements,
    })
}

fn decode(json: &[u8], path: &Path) -> Result<ByName, PlacementsError> {
    let damaged = |found: String| PlacementsError::Damaged {
        path: path.to_path_buf(),
        found,
    };
    let versioned: Versioned = serde_json::from_slice(json).map_err(|error| damaged(error.to_string()))?;
    if versioned.version != FORMAT_VERSION {
        return Err(PlacementsError::Version {
            path: path.to_path_buf(),
            found: versioned.version,
            newest: FORMAT_VERSION,
        });
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let content: ReadContent = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| damaged(format!("{}: {}", error.path(), error.inner())))?;
    for name in content.placements.keys() {
        check_name(name).map_err(|error| damaged(error.to_string()))?;
    }
    let placements = content.placements.into_iter();
    Ok(placements
        .map(|(name, placement)| (name, Arc::new(placement)))
        .collect())
}

/// Swaps in a new file.
fn write(path: &Path, placements: &ByName) -> Result<(), PlacementsError> {
    let staged = path.with_extension("json.new");
    let content = Content {
        version: FORMAT_VERSION,
        placements: placements
            .iter()
            .map(|(name, placement)| (name.as_str(), &**placement))
            .collect(),
    };
    let json = serde_json::to_vec_pretty(&content)
        .map_err(|error| SnapshotError::io(&staged, "write", std::io::Error::other(error)))?;
    write_synced(&staged, &json)?;
    fs::rename(&staged, path).map_err(|source| SnapshotError::io(path, "swap", source))?;
    sync_dir(path.parent().unwrap_or(Path::new("")))?;
    Ok(())
}
