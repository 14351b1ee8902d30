//! The same items under another schema.

use super::gather::Sources;
use super::{Order, RebuildError, Rebuilt, Watcher, build, in_background, unchanged};
use crate::engine::{Engine, View};
use crate::schema::Schema;
use crate::snapshot::Collection;

/// Rebuilds what `view` shows under another schema and publishes it. Every item is checked; texts are encoded again where
/// other fields are embedded than before. What was written meanwhile is checked when the snapshot takes over.
///
/// The quality gate does not apply: who alters what is embedded wants other answers.
///
/// # Errors
/// [`RebuildError::Schema`] and [`RebuildError::Contradiction`] among others; nothing has changed then.
pub fn alter(
    engine: &Engine,
    collection: &Collection,
    view: &View,
    schema: Schema,
    order: &Order,
    watcher: &dyn Watcher,
) -> Result<Rebuilt, RebuildError> {
    check_schema(view, &schema)?;
    let before = &view.snapshot().manifest().schema;
    if schema == *before {
        return Ok(unchanged(view));
    }
    let encoder = match schema.embed != before.embed {
        true => view.encoder().map(AsRef::as_ref),
        false => None,
    };
    let order = Order {
        force: true,
        ..order.clone()
    };
    let sources = Sources::under(view, schema, encoder)?;
    in_background(order.settings.threads(), || {
        build(engine, collection, view, &sources, &order, watcher)
    })?
}

/// Whether the collection can take that schema at all.
///
/// # Errors
/// [`RebuildError::Schema`].
pub fn check_schema(view: &View, schema: &Schema) -> Result<(), RebuildError> {
    let wrong = |field, detail: String| Err(RebuildError::Schema { field, detail });
    if let Err(error) = schema.validate() {
        return wrong("fields", error.to_string());
    }
    let before = &view.snapshot().manifest().schema;
    if schema.id != before.id {
        let (found, id) = (&schema.id, &before.id);
        return wrong(
            "id",
            format!("is {found:?}, the items of this collection are named by {id:?}, which cannot change"),
        );
    }
    if schema.vector.is_some() != before.vector.is_some() {
        let detail = match &before.vector {
            Some(vector) => {
                format!("is missing: the items bring their own vectors as {vector:?}, which cannot change")
            }
            None => {
                "is given, but a model makes the vectors of this collection, which cannot change".to_owned()
            }
        };
        return wrong("vector", detail);
    }
    Ok(())
}
