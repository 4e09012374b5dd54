//! Edits of the file's text: one key at a time, comments and order kept.

use serde::Deserialize;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Key, Table, TableLike, Value};

use super::fields::{COUNTED_BY, Field, Kind, ORDER, ROUTE, WORKLOAD};
use crate::calendar::Day;

/// Key of the orders.
const ORDERS: &str = "gsu_orders";

/// Longest value that is taken.
const VALUE_BYTES_MAX: usize = 100_000;

/// One input and what it shall say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// `start`, `route.0.growth_per_month`, `gsu_orders.0.count`; `route.0.counted_by` names the key that
    /// counts the requests, `gsu_orders.add` appends an order, `gsu_orders.0.remove` takes one away.
    pub field: String,
    /// As typed; empty takes the key out, so that the default counts.
    pub value: String,
}

/// Why an edit cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The page and the file do not fit together.
    #[error("the file has no place for `{0}`; read it again")]
    NoSuchPlace(String),
    /// Longer than any value of such a file.
    #[error("the value is longer than {VALUE_BYTES_MAX} bytes")]
    TooLong,
}

/// The text of a document, its lines ended as those of the text it came from.
pub(super) fn text_of_document(document: &DocumentMut, base: &str) -> String {
    let text = document.to_string();
    if base.contains("\r\n") { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text }
}

/// Where a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Workload,
    Route(usize),
    Order(usize),
}

/// Makes one edit; `first_day` is the start of an order that is added.
///
/// # Errors
///
/// When the document has no such place, or the value is too long. A value of the wrong kind is no error here:
/// it is written, and the parser of the file says what would be right.
pub(super) fn apply(document: &mut DocumentMut, edit: &Edit, first_day: Day) -> Result<(), EditError> {
    if edit.value.len() > VALUE_BYTES_MAX {
        return Err(EditError::TooLong);
    }
    let unknown = || EditError::NoSuchPlace(edit.field.clone());
    let (place, key) = address(&edit.field).ok_or_else(unknown)?;
    match (place, key) {
        (Place::Workload, "gsu_orders.add") => add_order(document, first_day),
        (Place::Order(at), "remove") => remove_order(document, at),
        (Place::Route(_), "counted_by") => {
            table_at(document, place).and_then(|table| count_by(table, edit.value.trim()))
        }
        _ => {
            let field = known(place, key).ok_or_else(unknown)?;
            set_field(document, place, field, edit.value.trim())
        }
    }
    .ok_or_else(unknown)
}

/// Place and key of `route.0.growth_per_month`.
fn address(field: &str) -> Option<(Place, &str)> {
    for (prefix, place) in
        [("route.", Place::Route as fn(usize) -> Place), ("gsu_orders.", Place::Order as fn(usize) -> Place)]
    {
        if let Some((at, key)) = field.strip_prefix(prefix).and_then(|rest| rest.split_once('.')) {
            return Some((place(at.parse().ok()?), key));
        }
    }
    Some((Place::Workload, field))
}

fn known(place: Place, key: &str) -> Option<&'static Field> {
    let fields = match place {
        Place::Workload => WORKLOAD,
        Place::Route(_) => ROUTE,
        Place::Order(_) => ORDER,
    };
    fields.iter().find(|field| field.key == key)
}

/// The table of a place; routes and orders may be written as `[[route]]` or as a list of inline tables.
fn table_at(document: &mut DocumentMut, place: Place) -> Option<&mut dyn TableLike> {
    let (name, at) = match place {
        Place::Workload => return Some(document.as_table_mut()),
        Place::Route(at) => ("route", at),
        Place::Order(at) => (ORDERS, at),
    };
    match document.get_mut(name)? {
        Item::ArrayOfTables(tables) => tables.get_mut(at).map(|table| table as &mut dyn TableLike),
        Item::Value(Value::Array(list)) => {
            list.get_mut(at)?.as_inline_table_mut().map(|table| table as &mut dyn TableLike)
        }
        _ => None,
    }
}

/// The table of a place, to look at.
pub(super) fn tables<'a>(document: &'a DocumentMut, name: &str) -> Vec<&'a dyn TableLike> {
    match document.get(name) {
        Some(Item::ArrayOfTables(tables)) => tables.iter().map(|table| table as &dyn TableLike).collect(),
        Some(Item::Value(Value::Array(list))) => {
            list.iter().filter_map(Value::as_inline_table).map(|table| table as &dyn TableLike).collect()
        }
        _ => Vec::new(),
    }
}

fn set_field(document: &mut DocumentMut, place: Place, field: &Field, text: &str) -> Option<()> {
    let (outer, inner) = match field.key.split_once('.') {
        Some((outer, inner)) => (outer, Some(inner)),
        None => (field.key, None),
    };
    let value = (!text.is_empty()).then(|| value_of(field.kind, text));
    let table = table_at(document, place)?;
    match (value, inner) {
        (Some(value), None) if table.contains_key(outer) || place != Place::Workload => {
            set(table, outer, value)
        }
        (Some(value), None) => set_at_the_top(document, outer, value),
        (Some(value), Some(inner)) => match table.get_mut(outer) {
            Some(item) => set(item.as_table_like_mut()?, inner, value),
            None => {
                let mut inline = toml_edit::InlineTable::new();
                inline.insert(inner, value);
                set_at_the_top(document, outer, Value::InlineTable(inline));
            }
        },
        (None, None) => clear(document, place, outer),
        (None, Some(inner)) => {
            if let Some(inside) = table.get_mut(outer).and_then(Item::as_table_like_mut) {
                inside.remove(inner);
                if inside.is_empty() {
                    clear(document, place, outer);
                }
            }
        }
    }
    Some(())
}

/// What is typed as a value; what does not fit is written as a text, for the parser to refuse in its words.
fn value_of(kind: Kind, text: &str) -> Value {
    let written = || {
        let mut value = text.parse::<Value>().ok()?;
        value.decor_mut().clear();
        Some(value)
    };
    let is_number = |value: &Value| match value {
        Value::Array(list) => list.iter().all(|value| value.is_integer() || value.is_float()),
        value => value.is_integer() || value.is_float(),
    };
    match kind {
        Kind::Number | Kind::NameOrNumbers => written().filter(is_number).unwrap_or_else(|| text.into()),
        Kind::Switch => written().filter(Value::is_bool).unwrap_or_else(|| text.into()),
        Kind::Text => text.into(),
        Kind::Texts => {
            let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
            Value::Array(texts.collect::<Array>())
        }
    }
}

/// Puts a value in the place of the old one, the remark behind it kept.
fn set(table: &mut dyn TableLike, key: &str, mut value: Value) {
    match table.get_mut(key) {
        Some(Item::Value(old)) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        _ => {
            table.insert(key, Item::Value(value));
        }
    }
}

/// A new key of the workload itself. It comes before all tables, so a remark that opens the file, and stands
/// before the first table as the parser sees it, must stay above the key.
fn set_at_the_top(document: &mut DocumentMut, key: &str, value: Value) {
    let has_keys = document.as_table().iter().any(|(_, item)| item.is_value());
    document.as_table_mut().insert(key, Item::Value(value));
    if has_keys {
        return;
    }
    let Some(first) = first_table(document) else { return };
    let prefix = text_of(first.decor().prefix());
    let (head, rest) = head_of_file(&prefix);
    let rest = if rest.starts_with('\n') { rest.to_string() } else { format!("\n{rest}") };
    let head = head.to_string();
    first.decor_mut().set_prefix(rest);
    if let Some(mut key) = document.as_table_mut().key_mut(key) {
        key.leaf_decor_mut().set_prefix(head);
    }
}

/// Parts the remark of the file from that of its first table: at the last empty line.
fn head_of_file(prefix: &str) -> (&str, &str) {
    let after_schema = || prefix.starts_with("#:").then(|| prefix.find('\n').map(|end| end + 1)).flatten();
    let at = prefix.rfind("\n\n").map(|at| at + 2).or_else(after_schema).unwrap_or(0);
    prefix.split_at(at)
}

/// The table whose header comes first in the text.
fn first_table(document: &mut DocumentMut) -> Option<&mut Table> {
    fn tables(item: &mut Item) -> Vec<&mut Table> {
        match item {
            Item::Table(table) => vec![table],
            Item::ArrayOfTables(tables) => tables.iter_mut().collect(),
            _ => Vec::new(),
        }
    }
    let all = document.as_table_mut().iter_mut().flat_map(|(_, item)| tables(item));
    all.filter(|table| table.position().is_some()).min_by_key(|table| table.position())
}

/// Takes a key out; the remark above it stays.
fn clear(document: &mut DocumentMut, place: Place, key: &str) {
    let Some(table) = table_at(document, place) else { return };
    let remark = table.key(key).map(|key| text_of(key.leaf_decor().prefix())).unwrap_or_default();
    let keys: Vec<String> = table.iter().map(|(key, _)| key.to_string()).collect();
    table.remove(key);
    if !remark.contains('#') {
        return;
    }
    let at = keys.iter().position(|known| known == key).unwrap_or(0);
    let is_value = |key: &&String| table.get(key).is_some_and(Item::is_value);
    let next = keys[at + 1..].iter().find(is_value);
    let before = keys[..at].iter().rfind(is_value);
    if let Some(mut next) = next.and_then(|key| table.key_mut(key)) {
        let below = text_of(next.leaf_decor().prefix());
        next.leaf_decor_mut().set_prefix(remark + &below);
    } else if let Some(Item::Value(before)) = before.and_then(|key| table.get_mut(key)) {
        let behind = text_of(before.decor().suffix());
        before.decor_mut().set_suffix(format!("{behind}\n{}", remark.trim_end_matches('\n')));
    } else if let Some(first) = first_table(document) {
        let below = text_of(first.decor().prefix());
        first.decor_mut().set_prefix(remark + &below);
    }
}

fn text_of(raw: Option<&toml_edit::RawString>) -> String {
    raw.and_then(|raw| raw.as_str()).unwrap_or_default().to_string()
}

/// Renames the key that counts the requests; what belonged to the old way goes with it.
fn count_by(table: &mut dyn TableLike, to: &str) -> Option<()> {
    let (to, _) = COUNTED_BY.iter().find(|(key, _)| *key == to)?;
    let (from, _) = COUNTED_BY.iter().find(|(key, _)| table.contains_key(key))?;
    if from == to {
        return Some(());
    }
    let entries: Vec<Key> = table.iter().filter_map(|(key, _)| table.key(key).cloned()).collect();
    for key in entries {
        let item = table.remove(key.get())?;
        let goes_with = match *from {
            "requests_total" => "between",
            "accepted_images_per_month" => "tries_per_accepted",
            _ => "",
        };
        if key.get() == goes_with {
            continue;
        }
        let key = match key.get() == *from {
            true => Key::new(*to).with_leaf_decor(key.leaf_decor().clone()),
            false => key,
        };
        table.entry_format(&key).or_insert(item);
    }
    Some(())
}

/// One GSU more of the first route's model, for a month from `first_day`.
fn add_order(document: &mut DocumentMut, first_day: Day) -> Option<()> {
    let routes = tables(document, "route");
    let listed = |table: &&dyn TableLike| {
        let list = table.get("models").and_then(Item::as_array)?;
        list.get(0)?.as_str().map(str::to_string)
    };
    let named = |table: &&dyn TableLike| Some(table.get("model")?.as_str()?.to_string());
    let model = routes.iter().find_map(|table| named(table).or_else(|| listed(table)))?;
    let start = first_day.to_string();
    let mut order = Table::new();
    let values: [(&str, Value); 5] = [
        ("model", model.into()),
        ("location", "global".into()),
        ("count", 1.into()),
        ("term", "1-month".into()),
        ("start", start.into()),
    ];
    for (key, value) in values {
        order.insert(key, Item::Value(value));
    }
    match document.entry(ORDERS).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new())) {
        Item::ArrayOfTables(orders) => orders.push(order),
        Item::Value(Value::Array(orders)) => orders.push(Value::InlineTable(order.into_inline_table())),
        _ => return None,
    }
    Some(())
}

fn remove_order(document: &mut DocumentMut, at: usize) -> Option<()> {
    let is_empty = match document.get_mut(ORDERS)? {
        Item::ArrayOfTables(orders) if at < orders.len() => {
            orders.remove(at);
            orders.is_empty()
        }
        Item::Value(Value::Array(orders)) if at < orders.len() => {
            orders.remove(at);
            orders.is_empty()
        }
        _ => return None,
    };
    if is_empty {
        document.remove(ORDERS);
    }
    Some(())
}

#[cfg(test)]
mod tests;
