//! Fields of an answer, in either spelling: camelCase as sent, snake_case as Python's SDK dumps it.

use serde_json::{Map, Value};

/// A field by its camelCase name, or by the snake_case spelling of it.
pub(super) fn get<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = if object.len() <= FEW_KEYS {
        let by = |same: fn(&str, &str) -> bool| object.iter().find(move |(key, _)| same(key, name));
        by(|key, name| key == name).or_else(|| by(is_snake_of)).map(|(_, value)| value)
    } else {
        object.get(name).or_else(|| object.get(&snake(name)))
    };
    found.filter(|value| !value.is_null())
}

/// Up to so many keys are looked through sooner than hashed.
const FEW_KEYS: usize = 24;

/// Whether a key is a camelCase name in snake_case; without a string of its own, since logs ask for absent fields
/// millions of times.
pub(super) fn is_snake_of(key: &str, camel: &str) -> bool {
    let mut key = key.bytes();
    let spelt = |letter: u8| {
        (!letter.is_ascii_uppercase() || key.next() == Some(b'_'))
            && key.next() == Some(letter.to_ascii_lowercase())
    };
    camel.bytes().all(spelt) && key.next().is_none()
}

fn snake(camel: &str) -> String {
    let mut out = String::with_capacity(camel.len() + 4);
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
