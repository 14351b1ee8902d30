//! The rules of thumb behind [`super::infer()`].

use super::survey::{Class, Column, Survey};
use super::{Field, FieldType};
use std::collections::BTreeMap;

/// Fields that say most about an item, most telling first; they are embedded in this order.
const TELLING: [&str; 16] = [
    "title",
    "name",
    "product_name",
    "headline",
    "question",
    "subtitle",
    "brand",
    "color",
    "bullet_points",
    "features",
    "short_description",
    "description",
    "summary",
    "abstract",
    "text",
    "body",
];

/// Names that are ids wherever they are unique.
const ID_NAMES: [&str; 9] = [
    "id",
    "_id",
    "item_id",
    "product_id",
    "sku",
    "asin",
    "isbn",
    "uuid",
    "handle",
];

/// Lists of at least this many numbers, all of the same length, are vectors.
const VECTOR_FROM: usize = 16;

/// Fewer values than this say nothing about repetition.
const FEW: u64 = 20;

/// The field that names an item: different in every row, and named like an id or else the first that qualifies. A
/// field named `id` qualifies in spite of repetitions: they are for the build to report.
pub(super) fn id(survey: &Survey) -> Option<String> {
    let unique: Vec<&str> = survey.names().filter(|name| is_unique(survey, name)).collect();
    let named = |wanted: &str| {
        unique
            .iter()
            .find(|name| name.eq_ignore_ascii_case(wanted))
            .copied()
    };
    let like_an_id = || unique.iter().find(|name| is_named_like_an_id(name)).copied();
    let plain = || {
        survey
            .column("id")
            .filter(|column| column.singles > 0 && column.lists == 0)
            .map(|_| "id")
    };
    let short = |name: &&&str| survey.column(name).is_some_and(|column| column.long == 0);
    ID_NAMES
        .iter()
        .find_map(|name| named(name))
        .or_else(plain)
        .or_else(like_an_id)
        .or_else(|| unique.iter().find(short).copied())
        .map(str::to_owned)
}

fn is_named_like_an_id(name: &str) -> bool {
    let lower = name.to_lowercase();
    let ends = ["_id", "-id", ".id", "_sku", "code", "_key", "number"];
    ends.iter().any(|end| lower.ends_with(end)) || name.ends_with("Id") || name.ends_with("ID")
}

/// A different text or integer in every row.
fn is_unique(survey: &Survey, name: &str) -> bool {
    survey.column(name).is_some_and(|column| {
        let usable = column.count(Class::Text) + column.count(Class::Number);
        column.lists == 0
            && column.fractions == 0
            && usable == column.singles
            && column.filled == survey.rows
            && column.distinct() == column.singles
    })
}

/// What to embed, in order: the telling names, then every other text field. Where there is neither, the keywords.
pub(super) fn embed(survey: &Survey, fields: &BTreeMap<String, Field>) -> Vec<String> {
    let of =
        |name: &str, kinds: &[FieldType]| fields.get(name).is_some_and(|field| kinds.contains(&field.kind));
    let any_text = [FieldType::Text, FieldType::Keyword];
    let mut embed: Vec<String> = Vec::new();
    for wanted in TELLING {
        embed.extend(
            survey
                .names()
                .filter(|name| name.eq_ignore_ascii_case(wanted) && of(name, &any_text))
                .map(str::to_owned),
        );
    }
    for kind in any_text {
        let rest = survey
            .names()
            .filter(|name| of(name, &[kind]) && !embed.iter().any(|known| known == name));
        let rest: Vec<String> = rest.map(str::to_owned).collect();
        if kind == FieldType::Text || embed.is_empty() {
            embed.extend(rest);
        }
    }
    embed
}

/// The first field that holds vectors.
pub(super) fn vector(survey: &Survey) -> Option<String> {
    let found = survey
        .names()
        .find(|name| survey.column(name).is_some_and(Column::looks_like_vector));
    found.map(str::to_owned)
}

impl Column {
    /// Whether the values are lists of numbers, all of one length, and many.
    pub fn looks_like_vector(&self) -> bool {
        self.longest_list >= VECTOR_FROM
            && self.lists == self.filled
            && self.count(Class::Number) == self.singles
            && self.singles == self.lists * self.longest_list as u64
    }

    /// The type to declare a field with: [`Column::kind`], with texts told apart from keywords by their name, length and
    /// repetition. `None` for what stays payload: nothing, objects, web addresses.
    pub fn declared_kind(&self, name: &str) -> Option<FieldType> {
        let kind = self.kind()?;
        if self.count(Class::Object) * 2 > self.singles || self.addresses * 2 > self.singles {
            return None;
        }
        let is_text = kind == FieldType::Keyword && (is_prose(name) || !self.is_repetitive());
        Some(if is_text { FieldType::Text } else { kind })
    }

    /// Short texts, several of them in a row or the same ones again and again.
    fn is_repetitive(&self) -> bool {
        let mean = self.chars / self.singles.max(1);
        if self.long * 20 > self.singles || mean > 32 {
            return false;
        }
        let repeated = self.distinct() * 3 <= self.singles * 2;
        self.lists > 0 || repeated || (self.singles < FEW && mean <= 24)
    }
}

/// A name that says its texts are to be read, even where they are few and short.
fn is_prose(name: &str) -> bool {
    let keywords = ["brand", "color"];
    TELLING
        .iter()
        .any(|telling| name.eq_ignore_ascii_case(telling) && !keywords.contains(telling))
}

/// What was seen in the id field.
pub(super) fn id_note(survey: &Survey, column: &Column) -> String {
    let repeated = column.singles.saturating_sub(column.distinct());
    match repeated {
        0 if column.filled == survey.rows => "different in every row".to_owned(),
        0 => format!("empty in {} of {} rows", survey.rows - column.filled, survey.rows),
        repeated => format!(
            "repeated in {repeated} of {} rows, which a build refuses",
            survey.rows
        ),
    }
}

/// What was seen in another field, and why it has its type (`None`: it is not declared).
pub(super) fn note(survey: &Survey, column: &Column, kind: Option<FieldType>) -> String {
    let seen = match kind {
        _ if column.singles == 0 => "no values seen; kept with the item".to_owned(),
        None if column.looks_like_vector() => format!(
            "vectors of {} numbers: `vector` instead of `embed`",
            column.longest_list
        ),
        None if column.addresses > 0 => "web addresses; kept with the item".to_owned(),
        None => "objects; kept with the item".to_owned(),
        Some(FieldType::Text) => "texts".to_owned(),
        Some(FieldType::Keyword) => format!("short texts, {} different", column.distinct()),
        Some(FieldType::Number) => "numbers".to_owned(),
        Some(FieldType::Boolean) => "true or false".to_owned(),
        Some(FieldType::Timestamp) => "dates or times".to_owned(),
    };
    let mut note = if column.lists > 0 && kind.is_some() {
        format!("lists of {seen}")
    } else {
        seen
    };
    let empty = survey.rows - column.filled;
    if empty > 0 && column.filled > 0 {
        note.push_str(&format!("; empty in {empty} of {} rows", survey.rows));
    }
    if let Some(line) = kind.and_then(|kind| column.odd_line(kind)) {
        note.push_str(&format!("; something else on line {line}"));
    }
    note
}
