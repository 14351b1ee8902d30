//! Which columns of a table are what.

/// Usual names of columns that say what an item is.
const TEXTS: [&str; 3] = ["title", "name", "description"];

/// Names of columns. What is not given is looked for by its usual name, whatever its case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Who; `user` unless given. May be empty in a row.
    pub user: Option<String>,
    /// With what; `item` unless given.
    pub item: Option<String>,
    /// When; `time` unless given.
    pub time: Option<String>,
    /// In which basket or order; `basket` unless given. Without one, what a user buys on one day is a basket.
    pub basket: Option<String>,
    /// What happened; `type` unless given. Without one, everything is a purchase.
    pub kind: Option<String>,
    /// In which visit; `session` unless given. Without one, a visit ends when a user does nothing for half an hour.
    pub session: Option<String>,
    /// How many; `quantity` unless given. Rows where it is not positive are left out.
    pub quantity: Option<String>,
    /// What the item is, in words; `title`, `name` or `description` unless given.
    pub text: Option<String>,
}

/// A column that was asked for and is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{flag}: there is no column {wanted:?}; there are {}", .there.join(", "))]
pub struct UnknownColumn {
    /// The flag that names it.
    pub flag: &'static str,
    /// The column that is not there.
    pub wanted: String,
    /// Those that are.
    pub there: Vec<String>,
}

/// The columns that a table really has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub user: Option<String>,
    pub item: String,
    pub time: String,
    pub basket: Option<String>,
    pub kind: Option<String>,
    pub session: Option<String>,
    pub quantity: Option<String>,
    pub text: Option<String>,
}

impl Columns {
    /// Looks for them among those that are there.
    pub(super) fn find(&self, there: &[String]) -> Result<Found, UnknownColumn> {
        let optional = |flag, asked: &Option<String>| find(flag, asked.as_deref(), there);
        let needed = |flag, asked: &Option<String>| {
            optional(flag, asked)?.ok_or_else(|| UnknownColumn {
                flag,
                wanted: flag.to_owned(),
                there: there.to_vec(),
            })
        };
        Ok(Found {
            user: optional("user", &self.user)?,
            item: needed("item", &self.item)?,
            time: needed("time", &self.time)?,
            basket: optional("basket", &self.basket)?,
            kind: optional("type", &self.kind)?,
            session: optional("session", &self.session)?,
            quantity: optional("quantity", &self.quantity)?,
            text: match &self.text {
                Some(_) => optional("text", &self.text)?,
                None => TEXTS.iter().find_map(|name| usual(name, there)),
            },
        })
    }
}

fn find(flag: &'static str, asked: Option<&str>, there: &[String]) -> Result<Option<String>, UnknownColumn> {
    match asked {
        Some(asked) if there.iter().any(|name| name == asked) => Ok(Some(asked.to_owned())),
        Some(asked) => Err(UnknownColumn {
            flag,
            wanted: asked.to_owned(),
            there: there.to_vec(),
        }),
        None => Ok(usual(flag, there)),
    }
}

fn usual(name: &str, there: &[String]) -> Option<String> {
    there
        .iter()
        .find(|found| found.eq_ignore_ascii_case(name))
        .cloned()
}
