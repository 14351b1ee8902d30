//! A disk that fails like real ones: power cuts lose what was not synced, in sectors and in any order; names are lost
//! unless the folder was synced; writes are short; a failed sync drops what it could not write and says nothing the next
//! time; the disk is full.

use super::Disk;
use super::random::Random;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

/// How often what fails, in thousandths.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    /// A write fails after some of its bytes.
    pub(super) write: u64,
    /// A write takes some of its bytes only.
    pub(super) short: u64,
    /// A sync of a file fails.
    pub(super) sync: u64,
    /// Making, cutting, renaming, removing a file or syncing the folder fails.
    pub(super) names: u64,
    /// A read fails.
    pub(super) read: u64,
}

/// What is written at an offset, or the length that a file is cut to.
#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

#[derive(Default)]
struct File {
    /// What readers see.
    cached: Vec<u8>,
    /// What a power cut leaves.
    durable: Vec<u8>,
    /// What leads from the one to the other, unless a sync failed.
    pending: Vec<Change>,
}

/// Names that were given (to a file) and taken away together.
struct Naming {
    give: Option<(String, usize)>,
    take: Option<String>,
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        if let Some(name) = &self.take {
            names.remove(name);
        }
        if let Some((name, file)) = &self.give {
            names.insert(name.clone(), *file);
        }
    }
}

struct State {
    random: Random,
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<Naming>,
    faults: Faults,
    /// Bytes that fit.
    room: usize,
    /// Calls until the process dies.
    calls_left: Option<u64>,
    /// Bytes that were read so far.
    read_bytes: usize,
}

/// A handle to a simulated disk; clones share it.
#[derive(Clone)]
pub(super) struct SimulatedDisk(Arc<Mutex<State>>);

impl SimulatedDisk {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: Random(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            faults: Faults::default(),
            room: usize::MAX,
            calls_left: None,
            read_bytes: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// From now on only so many bytes more fit.
    pub(super) fn leave_room(&self, bytes: usize) {
        let mut state = self.state();
        state.room = state.used().saturating_add(bytes);
    }

    /// Bytes that were read since this was asked last.
    pub(super) fn take_read_bytes(&self) -> usize {
        std::mem::take(&mut self.state().read_bytes)
    }

    /// The process dies in the call after `calls` more.
    pub(super) fn die_after(&self, calls: u64) {
        self.state().calls_left = Some(calls);
    }

    /// Whether the process has died.
    pub(super) fn is_dead(&self) -> bool {
        self.state().calls_left == Some(0)
    }

    /// Starts the next process, where the last one has died or been killed: what it wrote is there.
    pub(super) fn restart(&self) {
        self.state().calls_left = None;
    }

    /// Cuts the power and starts again: what was not synced is there in parts.
    pub(super) fn power_cut(&self) {
        let mut state = self.state();
        state.lose_names();
        let State { random, files, .. } = &mut *state;
        let keep = [0, 500, 1_000][random.below(3) as usize];
        let sector = [512, 4_096][random.below(2) as usize];
        for file in files {
            for change in std::mem::take(&mut file.pending) {
                apply_in_part(&mut file.durable, &change, keep, sector, random);
            }
            file.cached.clone_from(&file.durable);
        }
        state.calls_left = None;
    }
}

/// Applies the sectors of a change that reached the disk. What a file was made longer by holds zeros or garbage.
fn apply_in_part(content: &mut Vec<u8>, change: &Change, keep: u64, sector: usize, random: &mut Random) {
    match change {
        Change::Cut(length) => {
            if random.chance(keep) {
                content.truncate(*length);
            }
        }
        Change::Write(offset, bytes) => {
            let mut at = *offset;
            let end = offset + bytes.len();
            while at < end {
                let next = ((at / sector + 1) * sector).min(end);
                if random.chance(keep) {
                    lengthen(content, next, random);
                    content[at..next].copy_from_slice(&bytes[at - offset..next - offset]);
                }
                at = next;
            }
        }
    }
}

fn lengthen(content: &mut Vec<u8>, length: usize, random: &mut Random) {
    let garbage = random.chance(500);
    while content.len() < length {
        content.push(if garbage { random.next() as u8 } else { 0 });
    }
}

impl State {
    fn used(&self) -> usize {
        self.names
            .values()
            .map(|&file| self.files[file].cached.len())
            .sum()
    }

    fn lose_names(&mut self) {
        let keep = [0, 500, 1_000][self.random.below(3) as usize];
        for naming in std::mem::take(&mut self.pending_names) {
            if self.random.chance(keep) {
                naming.apply(&mut self.durable_names);
            }
        }
        self.names = self.durable_names.clone();
    }

    /// Begins a call: an error where the process is dead, dies now, or the disk fails.
    fn call(&mut self, fault: u64) -> io::Result<()> {
        match &mut self.calls_left {
            Some(0) => return Err(io::Error::other("the process is dead")),
            Some(calls) => *calls -= 1,
            None => {}
        }
        if self.calls_left == Some(0) {
            return Err(io::Error::other("the process dies"));
        }
        if self.random.chance(fault) {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        Ok(())
    }

    /// Begins a call that changes nothing; readers are other processes, too.
    fn read_call(&mut self) -> io::Result<()> {
        let fault = self.faults.read;
        if self.random.chance(fault) {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        Ok(())
    }

    fn is_short(&mut self) -> bool {
        let short = self.faults.short;
        self.random.chance(short)
    }

    fn file(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or(ErrorKind::NotFound.into())
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.pending_names.push(naming);
    }

    fn write(&mut self, file: usize, offset: usize, bytes: &[u8]) {
        let file = &mut self.files[file];
        let end = offset + bytes.len();
        file.cached.resize(file.cached.len().max(end), 0);
        file.cached[offset..end].copy_from_slice(bytes);
        file.pending.push(Change::Write(offset, bytes.to_vec()));
    }
}

const EIO: i32 = 5;

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.read_call()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        let mut state = self.state();
        state.read_call()?;
        let file = state.file(name)?;
        Ok(state.files[file].cached.len() as u64)
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        state.read_call()?;
        let file = state.file(name)?;
        let short = state.is_short();
        let most = if short {
            1 + state.random.below(64) as usize
        } else {
            into.len()
        };
        let rest = state.files[file]
            .cached
            .get(offset as usize..)
            .unwrap_or_default();
        let count = rest.len().min(most).min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        state.read_bytes += count;
        Ok(count)
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.faults.names;
        state.call(fault)?;
        state.files.push(File::default());
        let file = state.files.len() - 1;
        state.name(Naming {
            give: Some((name.to_owned(), file)),
            take: None,
        });
        Ok(())
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        let fault = state.faults.write;
        let dead = state.calls_left == Some(0);
        let failed = state.call(fault);
        if dead {
            return failed.map(|()| 0);
        }
        let file = state.file(name)?;
        let offset = offset as usize;
        let longer = (offset + bytes.len()).saturating_sub(state.files[file].cached.len());
        let over = longer.saturating_sub(state.room.saturating_sub(state.used()));
        let fits = bytes.len() - over;
        let part = failed.is_err() || state.is_short();
        let count = if part && fits > 0 {
            state.random.below(fits as u64) as usize
        } else {
            fits
        };
        state.write(file, offset, &bytes[..count]);
        failed?;
        if count == 0 && over > 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        // A short write takes something.
        if count == 0 && !bytes.is_empty() {
            state.write(file, offset, &bytes[..1]);
            return Ok(1);
        }
        Ok(count)
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.faults.names;
        state.call(fault)?;
        let file = state.file(name)?;
        let file = &mut state.files[file];
        file.cached.resize(length as usize, 0);
        file.pending.push(Change::Cut(length as usize));
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        let dying = matches!(state.calls_left, Some(0 | 1));
        let fault = state.faults.sync;
        let failed = state.call(fault);
        let file = state.file(name)?;
        let State { random, files, .. } = &mut *state;
        let file = &mut files[file];
        if dying {
            return failed;
        }
        let keep = if failed.is_ok() { 1_000 } else { 500 };
        for change in std::mem::take(&mut file.pending) {
            // The system's journal writes a cut sooner or later; pages that could not be written are dropped.
            let dropped = failed.is_err() && matches!(change, Change::Cut(_));
            apply_in_part(&mut file.durable, &change, keep, 512, random);
            if dropped {
                file.pending.push(change);
            }
        }
        failed
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.faults.names;
        state.call(fault)?;
        let file = state.file(from)?;
        state.name(Naming {
            give: Some((to.to_owned(), file)),
            take: Some(from.to_owned()),
        });
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.faults.names;
        state.call(fault)?;
        state.file(name)?;
        state.name(Naming {
            give: None,
            take: Some(name.to_owned()),
        });
        Ok(())
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.faults.names;
        state.call(fault)?;
        let State {
            pending_names,
            durable_names,
            ..
        } = &mut *state;
        for naming in pending_names.drain(..) {
            naming.apply(durable_names);
        }
        Ok(())
    }
}
