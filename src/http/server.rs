//! Listening, watching for new snapshots, and stopping without dropping a request.

use super::front::Front;
use super::{App, router};
use axum::ServiceExt;
use axum::extract::Request;
use axum::serve::ListenerExt;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often the store is looked at for a new snapshot.
const REFRESH_INTERVAL: Duration = Duration::from_millis(500);

/// How long jobs may take to stop.
const JOBS_PATIENCE: Duration = Duration::from_secs(2);

/// SIGTERM or Ctrl-C.
pub struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    /// From here on, the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for either.
    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Serves `app` on `listener` until told to stop, then finishes what is in flight (at most the drain time).
///
/// # Errors
/// The listener fails.
pub async fn serve(app: App, listener: TcpListener, mut stop_signal: StopSignal) -> std::io::Result<()> {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let refresher = tokio::spawn(refresh(app.clone(), stopped.clone()));
    // Answers are small and callers wait for them: nothing is gained by holding a packet back.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot switch off Nagle's algorithm");
        }
    });
    let service = Front::new(app.clone(), router(app.clone()));
    let service = ServiceExt::<Request>::into_make_service(service);
    let mut until = stopped;
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        // An error means that the sender is gone: that is a stop, too.
        let _ = until.wait_for(|stop| *stop).await;
    });
    let mut server = tokio::spawn(server.into_future());
    tokio::select! {
        () = stop_signal.received() => {}
        ended = &mut server => return ended.map_err(std::io::Error::other)?,
    }
    app.start_draining();
    let limit = app.settings().drain_timeout();
    tracing::info!(
        drain_timeout_ms = limit.as_millis() as u64,
        "stopping: finishing requests in flight"
    );
    stop.send_replace(true);
    match tokio::time::timeout(limit, server).await {
        Ok(ended) => ended.map_err(std::io::Error::other)??,
        Err(_elapsed) => tracing::warn!("some requests did not finish in time and were cut off"),
    }
    refresher.abort();
    let stopping = move || app.maintenance().jobs().stop_all(JOBS_PATIENCE);
    // A job that does not stop changes nothing that is published when the process ends.
    let _ = tokio::task::spawn_blocking(stopping).await;
    Ok(())
}

async fn refresh(app: App, mut stopped: tokio::sync::watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(REFRESH_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.changed() => return,
        }
        app.cursors().let_go();
        let looked = app.clone();
        let look = move || {
            let refreshed = looked.engine().refresh();
            looked.maintenance().tick();
            refreshed
        };
        let refreshed = tokio::task::spawn_blocking(look).await;
        match refreshed {
            Ok(Ok(_changed)) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "cannot look for new snapshots; serving what is loaded");
            }
            Err(panic) => tracing::error!(%panic, "looking for new snapshots failed; serving what is loaded"),
        }
    }
}
