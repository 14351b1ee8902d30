//! `alike model list`.

use crate::cli::print_line;
use crate::cli::progress::say;
use crate::engine::ModelPlace;
use alike_embeddings::{ModelBundle, Variant};
use anyhow::Context;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  alike model list --json")]
pub(super) struct Args {
    /// Folder of the models [default: .alike/models in this folder, above it, or above the executable]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print one JSON object per model
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let folder = args.dir.clone().unwrap_or_else(ModelPlace::models_folder);
    let mut models = folders(&folder).with_context(|| format!("can't list {}", folder.display()))?;
    models.sort();
    for path in &models {
        let opened = ModelBundle::open(path).map_err(|error| error.to_string());
        let shown = if args.json {
            object(path, &opened)
        } else {
            line(path, &opened)
        };
        print_line(&shown)?;
    }
    if models.is_empty() {
        say(&format!("no model in {}", folder.display()));
    }
    Ok(())
}

/// The folders in `folder` but for hidden ones: a pull that is under way is one.
fn folders(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in folder.read_dir()? {
        let entry = entry?;
        if entry.path().is_dir() && !entry.file_name().as_encoded_bytes().starts_with(b".") {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

fn line(path: &Path, opened: &Result<ModelBundle, String>) -> String {
    let path = path.display();
    let bundle = match opened {
        Ok(bundle) => bundle,
        Err(error) => return format!("{path}: can't be used: {error}"),
    };
    let settings = bundle.settings();
    format!(
        "{path}: {}, {}, dimension {}, at most {} tokens, {}",
        bundle.identity(),
        settings.task.name(),
        settings.dimension,
        settings.max_tokens,
        names(bundle).join(" and ")
    )
}

fn object(path: &Path, opened: &Result<ModelBundle, String>) -> String {
    let path = path.display().to_string();
    let value = match opened {
        Ok(bundle) => json!({
            "path": path,
            "name": bundle.identity().name,
            "version": bundle.identity().version,
            "digest": bundle.identity().digest,
            "task": bundle.settings().task,
            "dimension": bundle.settings().dimension,
            "max_tokens": bundle.settings().max_tokens,
            "variants": names(bundle),
        }),
        Err(error) => json!({"path": path, "error": error}),
    };
    value.to_string()
}

fn names(bundle: &ModelBundle) -> Vec<&'static str> {
    bundle.variants().iter().copied().map(Variant::name).collect()
}
