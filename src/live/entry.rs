//! Items and changes as they come in, and as they are kept.

use crate::log::{Origin, Position};
use crate::schema::FieldValues;
use alike_indexes::RowId;
use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// An item with its vector, checked against the schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its id.
    pub id: Box<str>,
    /// Its fields but the vector, as one JSON object.
    pub document: Box<str>,
    /// Values of the filterable fields, in the order of their names in the schema.
    pub values: Vec<FieldValues>,
    /// Its vector, as it was given or encoded.
    pub vector: Arc<[f32]>,
    /// What made the vector; none where the item brought its own.
    pub origin: Option<Origin>,
}

/// One change of one item, resolved.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The item is new, or replaces the one of its id.
    Put(Arc<Item>),
    /// The item has another document and the same vector; nothing happens where there is no such item.
    Update {
        /// Its id.
        id: Box<str>,
        /// Its whole document.
        document: Box<str>,
        /// Values of the filterable fields.
        values: Vec<FieldValues>,
    },
    /// The item is gone; nothing happens where there was none.
    Delete {
        /// Its id.
        id: Box<str>,
    },
}

impl Step {
    /// The id of the item.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Put(item) => &item.id,
            Self::Update { id, .. } | Self::Delete { id } => id,
        }
    }
}

/// What a document belongs to.
#[derive(Debug)]
pub(super) enum Owner {
    /// A live item of this id.
    Item(Box<str>),
    /// A row of the snapshot.
    Row(RowId),
}

/// A document that is newer than the snapshot.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) owner: Owner,
    /// The position of its record, which no other entry has.
    pub(super) version: Position,
    pub(super) document: Box<str>,
    pub(super) values: Box<[FieldValues]>,
    pub(super) origin: Option<Origin>,
}

/// What an allocation takes beyond what was asked for, on average.
const ALLOCATION_BYTES: usize = 16;
/// What an entry of a persistent map takes: key, value, and its share of the nodes.
pub(super) const MAP_BYTES: usize = 48;

impl Entry {
    /// The item's id; empty for a patch, whose row has it.
    pub(super) fn id(&self) -> &str {
        match &self.owner {
            Owner::Item(id) => id,
            Owner::Row(_) => "",
        }
    }

    /// The base row that it patches.
    pub(super) fn row(&self) -> Option<RowId> {
        match self.owner {
            Owner::Item(_) => None,
            Owner::Row(row) => Some(row),
        }
    }

    /// Bytes of memory it takes, with the pointer to it.
    pub(super) fn bytes(&self) -> usize {
        let fixed =
            size_of::<Self>() + 2 * size_of::<usize>() + size_of::<Arc<Self>>() + size_of::<Position>();
        let values: usize = self.values.iter().map(values_bytes).sum();
        fixed + self.id().len() + self.document.len() + values + 4 * ALLOCATION_BYTES
    }
}

fn values_bytes(values: &FieldValues) -> usize {
    let list = match values {
        FieldValues::Keywords(terms) => {
            let heap = |term: &String| size_of::<String>() + term.capacity() + ALLOCATION_BYTES;
            terms.iter().map(heap).sum()
        }
        FieldValues::Numbers(numbers) => 8 * numbers.capacity(),
        FieldValues::Booleans(flags) => flags.capacity(),
        FieldValues::Timestamps(times) => 8 * times.capacity(),
    };
    size_of::<FieldValues>() + list + ALLOCATION_BYTES
}

/// A live item as the key of a map, by its id.
#[derive(Debug, Clone)]
pub(super) struct ById(pub(super) Arc<Entry>);

impl Borrow<str> for ById {
    fn borrow(&self) -> &str {
        self.0.id()
    }
}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id().hash(state);
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl Eq for ById {}
