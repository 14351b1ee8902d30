//! A server that answers every request with nothing: what HTTP itself costs with axum and tokio, to compare calls with.
//!
//! `cargo run --release --example empty -- 127.0.0.1:7799`

use anyhow::{Context, Result};
use axum::Router;

fn main() -> Result<()> {
    let address = std::env::args().nth(1).context("usage: empty ADDRESS")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(&address).await?;
        let router: Router = Router::new().fallback(|| async {});
        axum::serve(listener, router).await.context("cannot serve")
    })
}
