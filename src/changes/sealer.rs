//! Sealing of live rows in the background: one thread for all collections, which yields to everything else.

use crate::live::{SealOrder, Sealed};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

type Done = Box<dyn FnOnce(Option<Sealed>) + Send>;

struct Work {
    order: SealOrder,
    folder: Option<PathBuf>,
    done: Done,
}

/// Has rows sealed, one order at a time. Its thread starts with the first one, and ends after this is dropped.
#[derive(Default)]
pub(crate) struct Sealer {
    orders: Mutex<Option<Sender<Work>>>,
}

impl Sealer {
    /// Carries out `order` later, in a file in `folder` (else in the system's folder for temporary files); `done` hears
    /// what came of it.
    pub(crate) fn seal(
        &self,
        order: SealOrder,
        folder: Option<PathBuf>,
        done: impl FnOnce(Option<Sealed>) + Send + 'static,
    ) {
        let done: Done = Box::new(done);
        let work = Work { order, folder, done };
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if orders.is_none() {
            *orders = start();
        }
        let refused = match &*orders {
            Some(sender) => sender.send(work).map_err(|refused| refused.0).err(),
            None => Some(work),
        };
        drop(orders);
        if let Some(work) = refused {
            (work.done)(None);
        }
    }
}

fn start() -> Option<Sender<Work>> {
    let (sender, orders) = channel();
    let named = std::thread::Builder::new().name("alike-sealer".to_owned());
    match named.spawn(move || run(&orders)) {
        Ok(_detached) => Some(sender),
        Err(error) => {
            tracing::warn!(%error, "no thread can be started to seal live rows");
            None
        }
    }
}

fn run(orders: &Receiver<Work>) {
    step_back();
    // Threads of a pool that is made here are as patient as this one.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    while let Ok(Work { order, folder, done }) = orders.recv() {
        let start = std::time::Instant::now();
        let sealed = match &pool {
            Ok(pool) => pool.install(|| seal(&order, folder)),
            Err(_) => seal(&order, folder),
        };
        if sealed.is_some() {
            let seconds = start.elapsed().as_secs_f64();
            tracing::debug!(rows = order.rows(), seconds, "live rows are sealed");
        }
        done(sealed);
    }
}

fn seal(order: &SealOrder, folder: Option<PathBuf>) -> Option<Sealed> {
    let folder = folder.unwrap_or_else(std::env::temp_dir);
    let made = std::fs::create_dir_all(&folder);
    let sealed = made.map_err(|error| error.to_string());
    let sealed = sealed.and_then(|()| order.seal(&folder).map_err(|error| error.to_string()));
    sealed
        .inspect_err(|error| tracing::warn!(error, "live rows are not sealed; they are compared one by one"))
        .ok()
}

/// This thread, and those that it starts, run when nothing else wants to.
fn step_back() {
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::debug!(%error, "the sealing thread keeps its priority");
    }
}
