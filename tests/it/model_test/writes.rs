//! Writes as values: the call, what it should answer, and what it does to the oracle.

use super::filters::{Filter, Range};
use super::items::{IDS, Stored, id_in_path, id_of, some_fields, some_row};
use super::oracle::Oracle;
use crate::support::live::Call;
use crate::support::{Answer, Random};
use serde_json::{Map, Value, json};

pub(super) const ITEMS: &str = "/v1/collections/model/items";

/// How a call carries its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    One,
    Array,
    Lines,
}

/// One call that writes.
#[derive(Debug, Clone)]
pub(super) struct Write {
    kind: Kind,
    /// Idempotency key.
    pub(super) key: Option<String>,
}

#[derive(Debug, Clone)]
enum Kind {
    Upsert(Form, Vec<Map<String, Value>>),
    Patch(Form, Vec<(String, Map<String, Value>)>),
    /// By the item's own address.
    Delete(String),
    DeleteAll(Vec<String>),
    DeleteMatching(Filter),
    /// A batch in which every second row is wrong: the good ones are taken.
    Mixed(Vec<Map<String, Value>>),
}

/// Counts that an answer should have, by name.
type Counts = Vec<(&'static str, usize)>;

impl Write {
    fn new(kind: Kind) -> Self {
        Self { kind, key: None }
    }

    /// An upsert of items out of `ids`.
    pub(super) fn upsert(random: &mut Random, form: Form, ids: &[usize]) -> Self {
        let count = if form == Form::One {
            1
        } else {
            1 + random.below(30)
        };
        let rows = several(random, ids, count);
        let rows = rows.iter().map(|id| some_row(random, id)).collect();
        Self::new(Kind::Upsert(form, rows))
    }

    /// A partial update of items out of `ids`, of which some may not be there.
    pub(super) fn patch(random: &mut Random, form: Form, ids: &[usize]) -> Self {
        let count = if form == Form::One {
            1
        } else {
            1 + random.below(30)
        };
        let rows = several(random, ids, count);
        let rows = rows.into_iter().map(|id| (id, some_fields(random))).collect();
        Self::new(Kind::Patch(form, rows))
    }

    pub(super) fn delete(random: &mut Random, ids: &[usize]) -> Self {
        Self::new(Kind::Delete(id_of(*random.pick(ids))))
    }

    pub(super) fn delete_all(random: &mut Random, ids: &[usize]) -> Self {
        let count = 1 + random.below(12);
        Self::new(Kind::DeleteAll(several(random, ids, count)))
    }

    /// Deletes some hundredths of the items.
    pub(super) fn delete_matching(random: &mut Random) -> Self {
        let low = random.below(195) as f64;
        Self::new(Kind::DeleteMatching(Filter::Range(
            "price",
            Range::between(low, low + 5.0),
        )))
    }

    pub(super) fn mixed(random: &mut Random, ids: &[usize]) -> Self {
        let count = 2 + random.below(10);
        let mut rows: Vec<_> = several(random, ids, count)
            .iter()
            .map(|id| some_row(random, id))
            .collect();
        let first = rows[0].clone();
        for row in rows.iter_mut().skip(1).step_by(2) {
            spoil(random, row, &first);
        }
        Self::new(Kind::Mixed(rows))
    }

    /// Any of these that touches known ids.
    pub(super) fn some(random: &mut Random, ids: &[usize]) -> Self {
        match random.below(7) {
            0 => Self::upsert(random, Form::One, ids),
            1 => Self::upsert(random, Form::Array, ids),
            2 => Self::upsert(random, Form::Lines, ids),
            3 => Self::patch(random, Form::One, ids),
            4 => Self::patch(random, Form::Array, ids),
            5 => Self::delete(random, ids),
            _ => Self::delete_all(random, ids),
        }
    }

    /// The call.
    pub(super) fn call(&self) -> Call {
        let rows = |rows: &[Map<String, Value>]| rows.iter().cloned().map(Value::Object).collect::<Vec<_>>();
        let mut call = match &self.kind {
            Kind::Upsert(form, items) => in_form("POST", *form, &rows(items)),
            Kind::Mixed(items) => in_form("POST", Form::Array, &rows(items)),
            Kind::Patch(Form::One, patches) => {
                let (id, fields) = &patches[0];
                let path = format!("{ITEMS}/{}", id_in_path(id));
                Call::json("PATCH", path, &json!(fields))
            }
            Kind::Patch(form, patches) => {
                let whole = patches.iter().map(|(id, fields)| {
                    let mut row = fields.clone();
                    row.insert("id".into(), json!(id));
                    Value::Object(row)
                });
                in_form("PATCH", *form, &whole.collect::<Vec<_>>())
            }
            Kind::Delete(id) => Call::new("DELETE", format!("{ITEMS}/{}", id_in_path(id))),
            Kind::DeleteAll(ids) => Call::json("POST", format!("{ITEMS}/delete"), &json!({"ids": ids})),
            Kind::DeleteMatching(filter) => Call::json(
                "POST",
                format!("{ITEMS}/delete"),
                &json!({"filter": filter.json()}),
            ),
        };
        call.key.clone_from(&self.key);
        call
    }

    /// The status and counts that the call should be answered with.
    pub(super) fn expected(&self, oracle: &Oracle) -> (u16, Counts) {
        let there = |id: &str| oracle.get(id).is_some();
        let upserted = |rows: &mut dyn Iterator<Item = &Map<String, Value>>, rejected| {
            let (updated, created): (Vec<_>, Vec<_>) = rows.partition(|row| there(id_in(row)));
            vec![
                ("created", created.len()),
                ("updated", updated.len()),
                ("rejected", rejected),
            ]
        };
        match &self.kind {
            Kind::Upsert(_, rows) => (200, upserted(&mut rows.iter(), 0)),
            Kind::Mixed(rows) => {
                let wrong = rows.len() / 2;
                (200, upserted(&mut rows.iter().step_by(2), wrong))
            }
            Kind::Patch(_, patches) => {
                let updated = patches.iter().filter(|(id, _)| there(id)).count();
                // Where none of them is there, the call itself is refused.
                let status = if updated == 0 { 404 } else { 200 };
                (status, vec![("updated", updated), ("created", 0)])
            }
            Kind::Delete(id) => match there(id) {
                true => (200, vec![("deleted", 1)]),
                false => (404, Vec::new()),
            },
            Kind::DeleteAll(ids) => {
                let deleted = ids.iter().filter(|id| there(id)).count();
                (200, vec![("deleted", deleted), ("missing", ids.len() - deleted)])
            }
            Kind::DeleteMatching(filter) => (200, vec![("deleted", oracle.matching(Some(filter)).len())]),
        }
    }

    /// Whether that is the answer to the call where the items were those of `oracle`.
    pub(super) fn is_answer(&self, answer: &Answer, oracle: &Oracle) -> bool {
        let (status, counts) = self.expected(oracle);
        let right = |answer: Value| counts.iter().all(|(name, count)| answer[*name] == *count);
        answer.status == status && (status != 200 || right(answer.json()))
    }

    /// Does to the oracle what the call does.
    pub(super) fn apply(&self, oracle: &mut Oracle) {
        match &self.kind {
            Kind::Upsert(_, rows) => rows.iter().for_each(|row| put(oracle, row)),
            Kind::Mixed(rows) => rows.iter().step_by(2).for_each(|row| put(oracle, row)),
            Kind::Patch(_, patches) => {
                for (id, fields) in patches {
                    if let Some(patched) = oracle.get(id).map(|item| item.patched(fields)) {
                        oracle.put(id, patched);
                    }
                }
            }
            Kind::Delete(id) => {
                oracle.remove(id);
            }
            Kind::DeleteAll(ids) => ids.iter().for_each(|id| {
                oracle.remove(id);
            }),
            Kind::DeleteMatching(filter) => {
                let ids: Vec<String> = oracle
                    .matching(Some(filter))
                    .into_iter()
                    .map(Into::into)
                    .collect();
                ids.iter().for_each(|id| {
                    oracle.remove(id);
                });
            }
        }
    }

    /// The ids that it names.
    pub(super) fn ids(&self) -> Vec<String> {
        match &self.kind {
            Kind::Upsert(_, rows) | Kind::Mixed(rows) => rows
                .iter()
                .filter(|row| row.get("id").is_some_and(Value::is_string))
                .map(|row| id_in(row).to_owned())
                .collect(),
            Kind::Patch(_, patches) => patches.iter().map(|(id, _)| id.clone()).collect(),
            Kind::Delete(id) => vec![id.clone()],
            Kind::DeleteAll(ids) => ids.clone(),
            Kind::DeleteMatching(_) => Vec::new(),
        }
    }
}

/// All ids.
pub(super) fn all_ids() -> Vec<usize> {
    (0..IDS).collect()
}

fn put(oracle: &mut Oracle, row: &Map<String, Value>) {
    oracle.put(id_in(row), Stored::of(row.clone()));
}

fn id_in(row: &Map<String, Value>) -> &str {
    row["id"].as_str().expect("an id")
}

/// `count` different ids, or all there are.
fn several(random: &mut Random, ids: &[usize], count: usize) -> Vec<String> {
    let chosen = random.sample(ids.len(), count);
    chosen.into_iter().map(|at| id_of(ids[at])).collect()
}

fn in_form(method: &'static str, form: Form, rows: &[Value]) -> Call {
    match form {
        Form::One => Call::json(method, ITEMS, &rows[0]),
        Form::Array => Call::json(method, ITEMS, &json!(rows)),
        Form::Lines => Call::lines(method, ITEMS, rows),
    }
}

/// Makes a row one that has to be refused.
fn spoil(random: &mut Random, row: &mut Map<String, Value>, first: &Map<String, Value>) {
    match random.below(5) {
        0 => drop(row.insert("v".into(), json!([1.0, 2.0]))),
        1 => drop(row.insert("price".into(), json!("cheap"))),
        2 => drop(row.insert("v".into(), json!([1, 2, 3, 4, 5, 6, 7, null]))),
        3 => drop(row.remove("id")),
        // The id of another row of the same call.
        _ => drop(row.insert("id".into(), first["id"].clone())),
    }
}
