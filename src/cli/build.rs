//! `alike build`.

use super::progress::{Progress, grouped, say};
use crate::build::{self, OnError, Order, Published, Watcher};
use crate::catalog::RowError;
use crate::config::Config;
use crate::schema::{self, Schema};
use crate::snapshot::Store;
use alike_indexes::{BuildSettings, Kind, Metric, Phase};
use anyhow::bail;
use std::path::PathBuf;

/// As many rejected rows are shown one by one; all of them are written to the snapshot's `rejected.jsonl`.
const SHOWN: u64 = 20;

/// Turn a catalog file into a published snapshot.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    alike build --data store --collection products --input catalog.jsonl \\\n      \
    --id id --embed title,brand,color --filter price,category,brand,rating\n  \
    alike build --data store --collection products --input catalog.parquet    # schema in alike.toml\n  \
    alike build --data store --collection images --input vectors.jsonl.zst --id id --vector embedding\n\n\
    Until the very end nothing that was published before is touched; interrupting is safe at any moment.")]
pub struct Args {
    /// Name of the collection
    #[arg(long, value_name = "C")]
    collection: String,
    /// Catalog: .jsonl, .json, .csv, .tsv or .parquet, each also .gz or .zst
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Field with the item's id
    #[arg(long, value_name = "FIELD")]
    id: Option<String>,
    /// Fields to embed, in this order
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', requires = "id")]
    embed: Vec<String>,
    /// Fields that queries may filter on
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', requires = "id")]
    filter: Vec<String>,
    /// Field with a ready vector, instead of --embed
    #[arg(long, value_name = "FIELD", requires = "id", conflicts_with = "embed")]
    vector: Option<String>,
    /// What becomes of a build with a row that can't be used
    #[arg(long, value_enum, default_value_t = OnError::Fail)]
    on_error: OnError,
    /// Similarity of vectors: cosine, dot or l2
    #[arg(long, default_value_t = Metric::Cosine)]
    metric: Metric,
    /// Index kind: flat or hnsw (and faiss, where it was built in with --features faiss)
    #[arg(long, default_value_t = Kind::Hnsw)]
    kind: Kind,
    /// Graph degree (HNSW's M), 2 to 128
    #[arg(long, default_value_t = 16)]
    m: usize,
    /// Candidate pool while building (efConstruction), 1 to 10,000
    #[arg(long, default_value_t = 200)]
    ef_construction: usize,
    /// Type of index for --kind faiss, as a Faiss factory string [default: HNSW32,SQ8]
    #[arg(long, value_name = "STRING")]
    factory: Option<String>,
    /// Print a summary as one JSON object on the last line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: super::Common,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.common.config()?;
    let data = args.common.data_dir(&config)?;
    let order = Order {
        schema: schema(args, &config)?,
        index: BuildSettings {
            m: args.m,
            ef_construction: args.ef_construction,
            factory: args.factory.clone(),
            ..BuildSettings::new(args.kind, args.metric)
        },
        models: args.common.model_place(&config),
        on_error: args.on_error,
        input: args.input.clone(),
    };
    let collection = Store::create(&data)?.collection(&args.collection)?;
    let published = build::build(&collection, &order, &Terminal::new())?;
    report(&published, args.json)
}

fn schema(args: &Args, config: &Config) -> anyhow::Result<Schema> {
    if let Some(id) = &args.id {
        return Ok(schema::from_flags(
            &args.input,
            id,
            &args.embed,
            &args.filter,
            args.vector.as_deref(),
        )?);
    }
    let Some(schema) = config.collections.get(&args.collection) else {
        bail!(
            "no schema for collection {:?}: give --id and --embed (or --vector), or a [collections.{}] section in alike.toml (`alike schema {}` prints a starting point)",
            args.collection,
            args.collection,
            args.input.display()
        );
    };
    schema.validate()?;
    schema.check_file(&args.input)?;
    Ok(schema.clone())
}

/// Shows a build on standard error.
struct Terminal {
    encoding: Progress,
    indexing: Progress,
}

impl Terminal {
    fn new() -> Self {
        Self {
            encoding: Progress::new("encoding", "items"),
            indexing: Progress::new("indexing", "items"),
        }
    }
}

impl Watcher for Terminal {
    fn model(&self, name: &str) {
        say(&format!("model {name}"));
    }

    fn encoded(&self, items: u64, share: f64) {
        self.encoding.update(items, share);
    }

    fn encoding_done(&self) {
        self.encoding.finish();
    }

    fn indexed(&self, phase: Phase, done: u64, total: u64) {
        // Inserting is nearly all of the work; the phases around it count other things.
        if phase == Phase::Insert {
            self.indexing.update(done, done as f64 / total.max(1) as f64);
        }
    }

    fn indexing_done(&self) {
        self.indexing.finish();
    }

    fn skipped(&self, error: &RowError, count: u64) {
        match count {
            count if count <= SHOWN => say(&format!("skipped {error}")),
            count if count == SHOWN + 1 => say("skipped more rows; rejected.jsonl in the snapshot lists all"),
            _ => {}
        }
    }
}

fn report(published: &Published, json: bool) -> anyhow::Result<()> {
    let (id, manifest, build) = (
        &published.snapshot,
        &published.manifest,
        &published.manifest.build,
    );
    let recall = match build.recall_at_10 {
        Some(recall) => format!("recall@10 {recall:.4}"),
        None => "recall not measured: too few items".to_owned(),
    };
    say(&format!(
        "published {} items of collection {} as snapshot {id} ({:.1} MB, {recall}, beam {}, {} rows rejected)",
        grouped(manifest.rows),
        manifest.collection,
        manifest.bytes() as f64 / 1e6,
        build.beam,
        build.rows_rejected,
    ));
    if !json {
        return Ok(());
    }
    let summary = serde_json::json!({
        "collection": manifest.collection, "snapshot": id, "items": manifest.rows, "rows_read": build.rows_read,
        "rows_rejected": build.rows_rejected, "bytes": manifest.bytes(), "beam": build.beam,
        "recall@10": build.recall_at_10, "encode_s": build.encode_seconds, "index_s": build.index_seconds,
    });
    super::print_line(&summary.to_string())
}
