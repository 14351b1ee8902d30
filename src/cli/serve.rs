//! `alike serve`.

use crate::engine::{Engine, Settings, cores};
use crate::http::App;
use crate::telemetry::{self, Metrics};
use anyhow::Context;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Answer search and recommendation calls over HTTP.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  alike serve --data store --listen 127.0.0.1:7700\n\n\
    The server picks up newly published snapshots by itself; SIGTERM finishes what is in flight, then stops."
)]
pub struct Args {
    /// Data directory with published collections
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:7700]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    common: super::Common,
    /// Write the log as JSON lines
    #[arg(long)]
    log_json: bool,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    telemetry::init_logging(args.log_json)?;
    let config = args.common.config()?;
    let data = super::data_dir(args.data, &config)?;
    let mut server = config.server.clone();
    server.listen = args.listen.unwrap_or(server.listen);
    let metrics = Arc::new(Metrics::new().context("cannot register metrics")?);
    let settings = Settings {
        data,
        models: args.common.model_place(&config),
        verify: server.verify,
        trending_ttl: Duration::from_millis(server.trending_ttl_ms),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores())
        .max_blocking_threads(server.max_in_flight + cores())
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    runtime.block_on(async {
        // The address is taken before the models load, so that a busy port is known at once.
        let listener = TcpListener::bind(server.listen).await.with_context(|| {
            format!(
                "cannot listen on {}; is another server running there?",
                server.listen
            )
        })?;
        let address = listener
            .local_addr()
            .context("cannot read the address listened on")?;
        let engine = Engine::open(settings, Arc::clone(&metrics))?;
        for problem in engine.problems() {
            tracing::warn!(problem, "not ready");
        }
        tracing::info!("listening on http://{address}");
        crate::http::serve(App::new(engine, metrics, server), listener)
            .await
            .context("the server failed")
    })
}
