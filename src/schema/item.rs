//! A catalog row after it has passed its schema.

/// One item, ready to be encoded and stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The item's id.
    pub id: String,
    /// The text to encode; empty when the collection brings its own vectors.
    pub text: String,
    /// The item's own vector, where the schema names a vector field.
    pub vector: Option<Vec<f32>>,
    /// Values of the filterable fields, in the order of their names in the schema.
    pub values: Vec<FieldValues>,
    /// Every field of the row but the vector, as one JSON object.
    pub document: String,
}

/// The values one item has in one filterable field (none, one or several).
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValues {
    /// Keywords.
    Keywords(Vec<String>),
    /// Finite numbers.
    Numbers(Vec<f64>),
    /// Booleans.
    Booleans(Vec<bool>),
    /// Milliseconds since the Unix epoch.
    Timestamps(Vec<i64>),
}
