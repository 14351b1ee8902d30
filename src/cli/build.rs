//! `alike build`.

use super::progress::{Progress, grouped, say};
use crate::build::{self, Encoding, OnError, Order, Published, Watcher};
use crate::catalog::RowError;
use crate::config::Config;
use crate::schema::{self, Schema};
use crate::snapshot::Store;
use alike_indexes::{BuildSettings, CodeBits, Kind, Metric, Phase};
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
    Until the very end nothing that was published before is touched; interrupting is safe at any moment.\n\
    Texts that the same model has encoded before (for the published snapshot, or in a build that was interrupted) keep\n\
    their vectors.")]
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
    /// Encode every text, also those whose vector the published snapshot or an interrupted build has
    #[arg(long)]
    no_reuse: bool,
    /// Similarity of vectors: cosine, dot or l2
    #[arg(long, default_value_t = Metric::Cosine)]
    metric: Metric,
    #[arg(long, default_value_t = DEFAULT_KIND, help = format!("Index kind: {}", names(&Kind::ALL)))]
    kind: Kind,
    #[arg(long, help = format!("Half the links per node of a graph (HNSW's M), 2 to 128 [default: {}]", defaults().m))]
    m: Option<usize>,
    #[arg(long, help = format!("Candidate pool while a graph is built (efConstruction), 1 to 10,000 [default: {}]", defaults().ef_construction))]
    ef_construction: Option<usize>,
    /// Bits per dimension of the codes that --kind graph walks over; auto measures both and takes the cheaper
    #[arg(long, value_enum, default_value_t = Codes::Auto)]
    codes: Codes,
    /// Type of index for --kind faiss, as a Faiss factory string [default: HNSW32,SQ8]
    #[arg(long, value_name = "STRING")]
    factory: Option<String>,
    /// Print a summary as one JSON object on the last line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: super::Common,
}

const DEFAULT_KIND: Kind = Kind::Graph;

fn defaults() -> BuildSettings {
    BuildSettings::new(DEFAULT_KIND, Metric::Cosine)
}

/// Names for a help text: `flat, hnsw or graph`.
fn names(kinds: &[Kind]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// Values of `--codes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Codes {
    #[value(name = "4")]
    Four,
    #[value(name = "8")]
    Eight,
    Auto,
}

impl Codes {
    fn bits(self) -> Option<CodeBits> {
        match self {
            Self::Four => Some(CodeBits::Four),
            Self::Eight => Some(CodeBits::Eight),
            Self::Auto => None,
        }
    }
}

/// Settings of the index, defaults being those of its kind.
fn index_settings(args: &Args) -> anyhow::Result<BuildSettings> {
    let codes = args.codes.bits();
    if let Some(codes) = codes
        && args.kind != Kind::Graph
    {
        let (bits, kind) = (codes.bits(), args.kind);
        bail!(
            "--codes {bits}: found with --kind {kind}, which has no codes; leave it out, or take --kind graph"
        );
    }
    let defaults = BuildSettings::new(args.kind, args.metric);
    Ok(BuildSettings {
        m: args.m.unwrap_or(defaults.m),
        ef_construction: args.ef_construction.unwrap_or(defaults.ef_construction),
        factory: args.factory.clone(),
        codes,
        ..defaults
    })
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.common.config()?;
    let data = args.common.data_dir(&config)?;
    let order = Order {
        schema: schema(args, &config)?,
        index: index_settings(args)?,
        models: args.common.model_place(&config),
        on_error: args.on_error,
        reuse: !args.no_reuse,
        events: config.events.settings(config.log.segment_bytes),
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

    fn not_reused(&self, reason: &str) {
        say(&format!("encoding all texts: {reason}"));
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
    if let Some(vectors) = &published.encoding {
        say(&format!(
            "encoded {}, reused {}, duplicates {}",
            grouped(vectors.encoded),
            grouped(vectors.reused),
            grouped(vectors.duplicates)
        ));
    }
    say(&format!(
        "published {} items of collection {} as snapshot {id} ({:.1} MB, {} index, {recall}, {} rows rejected)",
        grouped(manifest.rows),
        manifest.collection,
        manifest.bytes() as f64 / 1e6,
        manifest.index,
        build.rows_rejected,
    ));
    if !json {
        return Ok(());
    }
    let count = |of: fn(&Encoding) -> u64| published.encoding.as_ref().map(of);
    let summary = serde_json::json!({
        "collection": manifest.collection, "snapshot": id, "items": manifest.rows, "rows_read": build.rows_read,
        "rows_rejected": build.rows_rejected, "bytes": manifest.bytes(), "index": manifest.index,
        "code_bits": build.code_bits, "recall@10": build.recall_at_10, "targets": build.targets,
        "encode_s": build.encode_seconds, "index_s": build.index_seconds, "encoded": count(|vectors| vectors.encoded),
        "reused": count(|vectors| vectors.reused), "duplicates": count(|vectors| vectors.duplicates),
    });
    super::print_line(&summary.to_string())
}
