//! Items by id, how many there are, and all of them page by page.

use super::answer::pick;
use super::filter::Filter;
use super::query::{check_fields, check_limit};
use super::{EngineError, View};
use crate::live::{ItemRef, LiveError, Place};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Items of a view, one page after the other.
#[derive(Debug, Clone, Default)]
pub struct Scroll {
    /// Only items that pass, as JSON (see [`super::filter`]).
    pub filter: Option<Value>,
    /// Most items of the page, 1 to [`super::MAX_LIMIT`].
    pub limit: usize,
    /// The document fields wanted; all when absent.
    pub fields: Option<Vec<String>>,
    /// Where the page before ended: its [`Page::next`], in the same view.
    pub after: Option<Place>,
}

/// A page of items.
#[derive(Debug)]
pub struct Page {
    /// The items, in an order that holds for the view.
    pub items: Vec<Listed>,
    /// Where the next page goes on; none where this is the last.
    pub next: Option<Place>,
}

/// An item of a page.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Its fields.
    pub fields: Box<RawValue>,
}

impl View {
    /// The item of this id. `field` names the id in errors.
    ///
    /// # Errors
    /// There is none, or the snapshot is not readable there.
    pub fn item_named(&self, field: &str, id: &str) -> Result<ItemRef<'_>, EngineError> {
        let found = self.live().find(id).map(|found| self.live().item(found.place));
        let item = found
            .transpose()
            .map_err(|error| self.unreadable(&error))?
            .flatten();
        item.ok_or_else(|| EngineError::NoItem {
            field: field.to_owned(),
            collection: self.collection().to_owned(),
            id: id.chars().take(100).collect(),
        })
    }

    /// The item of this id.
    ///
    /// # Errors
    /// As [`View::item_named`].
    pub fn item(&self, id: &str) -> Result<ItemRef<'_>, EngineError> {
        self.item_named("id", id)
    }

    /// The chosen fields of an item, or all of them.
    ///
    /// # Errors
    /// Its document is no JSON object.
    pub fn fields(
        &self,
        item: &ItemRef<'_>,
        chosen: Option<&[String]>,
    ) -> Result<Box<RawValue>, EngineError> {
        let picked = match chosen {
            None => serde_json::from_slice::<Box<RawValue>>(item.document),
            Some(chosen) => pick(item.document, chosen),
        };
        picked.map_err(|error| EngineError::Refused {
            name: self.collection().to_owned(),
            reason: format!(
                "snapshot {}: the document of item {:?} is no JSON object: {error}",
                self.snapshot().id(),
                item.id
            ),
        })
    }

    /// How many items pass a filter, or there are.
    ///
    /// # Errors
    /// The filter is wrong.
    pub fn count(&self, filter: Option<&Value>) -> Result<usize, EngineError> {
        let Some(filter) = self.filter(filter)? else {
            return Ok(self.live().len());
        };
        Ok(self.live().select(Some(&filter)).count())
    }

    /// The ids of all items that pass a filter.
    ///
    /// # Errors
    /// The filter is wrong, or the snapshot is not readable.
    pub fn matching(&self, filter: &Value) -> Result<Vec<String>, EngineError> {
        let filter = self.filter(Some(filter))?;
        let selection = self.live().select(filter.as_ref());
        let items = self.live().items_after(&selection, None);
        items
            .map(|item| {
                item.map(|item| item.id.to_owned())
                    .map_err(|error| self.unreadable(&error))
            })
            .collect()
    }

    /// One page of the items that pass a filter, or of all of them.
    ///
    /// # Errors
    /// A part of the request is wrong, or the snapshot is not readable.
    pub fn scroll(&self, scroll: &Scroll) -> Result<Page, EngineError> {
        check_limit(scroll.limit)?;
        check_fields(scroll.fields.as_deref(), self)?;
        let filter = self.filter(scroll.filter.as_ref())?;
        let selection = self.live().select(filter.as_ref());
        let mut page = Page {
            items: Vec::with_capacity(scroll.limit),
            next: None,
        };
        let mut last = None;
        for item in self.live().items_after(&selection, scroll.after) {
            if page.items.len() == scroll.limit {
                page.next = last;
                break;
            }
            let item = item.map_err(|error| self.unreadable(&error))?;
            last = Some(item.place);
            page.items.push(Listed {
                id: item.id.to_owned(),
                fields: self.fields(&item, scroll.fields.as_deref())?,
            });
        }
        Ok(page)
    }

    /// A filter of a request, checked.
    pub(super) fn filter(&self, filter: Option<&Value>) -> Result<Option<Filter>, EngineError> {
        let schema = &self.snapshot().manifest().schema;
        filter
            .map(|filter| Filter::parse(filter, schema, "filter"))
            .transpose()
    }

    pub(super) fn unreadable(&self, error: &LiveError) -> EngineError {
        EngineError::Refused {
            name: self.collection().to_owned(),
            reason: error.to_string(),
        }
    }
}
