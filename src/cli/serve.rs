//! `alike serve`.

use crate::config::{ServerSettings, SnapshotSettings};
use crate::engine::{Engine, ModelPlace, Settings, cores};
use crate::http::{self, App, StopSignal};
use crate::rebuild::Maintenance;
use crate::telemetry::{self, Metrics};
use anyhow::Context;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Answer search and recommendation calls over HTTP.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  alike serve --data store --listen 127.0.0.1:7700\n\n\
    The server picks up newly published snapshots by itself; SIGTERM finishes what is in flight, then stops."
)]
pub struct Args {
    /// Address and port to listen on [default: 127.0.0.1:7700]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Cross-encoder bundle's folder, for /rerank [default: none]
    #[arg(long, value_name = "DIR")]
    reranker: Option<PathBuf>,
    #[command(flatten)]
    common: super::Common,
    /// Write the log as JSON lines
    #[arg(long)]
    log_json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    telemetry::init_logging(args.log_json)?;
    let config = args.common.config()?;
    let data = args.common.data_dir(&config)?;
    let mut server = config.server.clone();
    server.listen = args.listen.unwrap_or(server.listen);
    let metrics = Arc::new(Metrics::new().context("cannot register metrics")?);
    let models = ModelPlace {
        reranker: args.reranker.clone().or_else(|| config.reranker.path.clone()),
        ..args.common.model_place(&config)
    };
    let settings = Settings {
        data,
        models,
        encoder: config.model.encoder(),
        query_cache_bytes: config.model.query_cache_bytes,
        verify: server.verify,
        record_events: true,
        trending_ttl: Duration::from_millis(server.trending_ttl_ms),
        writes: config.write_settings(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores())
        .max_blocking_threads(server.max_in_flight + cores())
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let served = runtime.block_on(serve(settings, server, config.snapshots, metrics));
    // Work that outlasts the drain must not outlast the process.
    runtime.shutdown_timeout(Duration::from_millis(500));
    served
}

async fn serve(
    settings: Settings,
    server: ServerSettings,
    snapshots: SnapshotSettings,
    metrics: Arc<Metrics>,
) -> anyhow::Result<()> {
    let mut stop = StopSignal::new().context("cannot listen for signals")?;
    let socket = bind(server.listen).with_context(|| {
        format!(
            "cannot listen on {}; is another server running there?",
            server.listen
        )
    })?;
    let shared = Arc::clone(&metrics);
    let opening = tokio::task::spawn_blocking(move || Engine::open(settings, shared));
    let engine = tokio::select! {
        opened = opening => opened.context("opening the data directory failed")??,
        () = stop.received() => return Ok(()),
    };
    for problem in engine.problems() {
        tracing::warn!(problem, "not ready");
    }
    let listener = socket.listen(BACKLOG).context("cannot listen")?;
    let address = listener
        .local_addr()
        .context("cannot read the address listened on")?;
    tracing::info!("listening on http://{address}");
    let engine = Arc::new(engine);
    let served = Arc::clone(&engine);
    let maintenance = Maintenance::new(Arc::clone(&engine), Arc::clone(&metrics), snapshots);
    let app = App::new(engine, maintenance, metrics, server);
    let end = http::serve(app, listener, stop).await;
    served.experiments().flush();
    end.context("the server failed")
}

/// Takes the address before the models load, so that a busy port is known at once. Connections are refused until the
/// engine is open, so that a load balancer turns to another replica.
fn bind(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
