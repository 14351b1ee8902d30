//! Work beside serving: on few threads, which the system runs when nothing else wants the processor.

use super::RebuildError;

/// The niceness that gives way to everything.
const NICEST: i32 = 19;

/// Runs `work` on a pool of `threads` threads of the lowest priority; threads that it starts inherit it.
///
/// # Errors
/// The system gives no threads.
pub fn in_background<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> Result<T, RebuildError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .thread_name(|at| format!("alike-build-{at}"))
        .start_handler(|_| give_way())
        .build()
        .map_err(|error| RebuildError::Threads(error.to_string()))?;
    Ok(pool.install(work))
}

/// Lowers the priority of the current thread (on Linux, a priority is one of a thread).
#[cfg(target_os = "linux")]
fn give_way() {
    if let Err(error) = rustix::process::setpriority_process(None, NICEST) {
        tracing::warn!(%error, "cannot lower the priority of a thread that builds");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_on_as_many_threads_of_low_priority() {
        let before = rustix::process::getpriority_process(None).unwrap();
        let (threads, niceness) = in_background(2, || {
            let niceness = rustix::process::getpriority_process(None).unwrap();
            (rayon::current_num_threads(), niceness)
        })
        .unwrap();
        assert_eq!((threads, niceness), (2, NICEST));
        assert_eq!(rustix::process::getpriority_process(None).unwrap(), before);
    }

    #[test]
    fn threads_that_a_build_starts_inherit_the_priority() {
        let inner = in_background(1, || {
            let started = std::thread::spawn(|| rustix::process::getpriority_process(None).unwrap());
            started.join().unwrap()
        });
        assert_eq!(inner.unwrap(), NICEST);
    }
}
