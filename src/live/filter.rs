//! A checked filter, and the two ways to apply it: to columns, or to the values of one item.

use crate::schema::FieldValues;
use crate::snapshot::Test;
use alike_indexes::RowSet;

/// A checked filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of these.
    All(Vec<Filter>),
    /// Any of these.
    Any(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// A test on one field: its place among the schema's filterable fields.
    Field(usize, Test),
}

impl Filter {
    /// Whether an item with these values passes; one list per filterable field, in the order of the schema.
    #[must_use]
    pub fn matches(&self, values: &[FieldValues]) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.matches(values)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(values)),
            Self::Not(filter) => !filter.matches(values),
            Self::Field(at, test) => values.get(*at).is_some_and(|values| test.accepts(values)),
        }
    }

    /// The rows that pass, of `rows` rows; `column` adds those whose values of a field pass a test.
    pub fn select(&self, rows: usize, column: &dyn Fn(usize, &Test, &mut RowSet)) -> RowSet {
        match self {
            Self::All(filters) => combine(filters, rows, column, RowSet::full, RowSet::and),
            Self::Any(filters) => combine(filters, rows, column, RowSet::new, RowSet::or),
            Self::Not(filter) => {
                let mut selected = filter.select(rows, column);
                selected.invert();
                selected
            }
            Self::Field(at, test) => {
                let mut selected = RowSet::new(rows);
                column(*at, test, &mut selected);
                selected
            }
        }
    }
}

fn combine(
    filters: &[Filter],
    rows: usize,
    column: &dyn Fn(usize, &Test, &mut RowSet),
    none: impl Fn(usize) -> RowSet,
    join: impl Fn(&mut RowSet, &RowSet),
) -> RowSet {
    let mut parts = filters.iter().map(|filter| filter.select(rows, column));
    let Some(mut selected) = parts.next() else {
        return none(rows);
    };
    parts.for_each(|part| join(&mut selected, &part));
    selected
}
