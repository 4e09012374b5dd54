//! JSON Schemas (draft 2020-12) of what is read and written, from the types that read and write it.
//!
//! A type that derives its serde derives its schema, doc comments included. Where the serde is written by hand,
//! `described` stands beside it and says the same.

use schemars::{
    JsonSchema, Schema,
    generate::SchemaSettings,
    transform::{Transform, transform_subschemas},
};
use serde_json::Value;

/// Gives a type whose serde is written by hand its schema: one for both ways, or one for reading and one for
/// writing.
macro_rules! described {
    ($type:ty, $name:literal, $schema:tt) => {
        crate::schema::described!($type, $name, read: $schema, written: $schema);
    };
    ($type:ty, $name:literal, read: $read:tt, written: $written:tt) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                if generator.contract().is_serialize() {
                    schemars::json_schema!($written)
                } else {
                    schemars::json_schema!($read)
                }
            }
        }
    };
}
pub(crate) use described;

/// Gives a checked type the schema of the table it is read from.
macro_rules! described_as {
    ($type:ty, $raw:ty) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <$raw>::json_schema(generator)
            }
        }
    };
}
pub(crate) use described_as;

/// The keys of a table, by its parser and by its schema.
#[cfg(test)]
pub(crate) mod keys {
    use std::collections::BTreeSet;

    use schemars::JsonSchema;
    use serde::de::DeserializeOwned;

    /// The keys that the parser expects, in its own words: those of its complaint about one that is none.
    pub(crate) fn of_parser<T: DeserializeOwned>() -> BTreeSet<String> {
        let Err(error) = toml::from_str::<T>("no_such_key = 1") else { panic!("it takes any key") };
        let message = error.message().to_string();
        let known = message.strip_prefix("unknown field `no_such_key`, expected ").expect(&message);
        known.split('`').skip(1).step_by(2).map(str::to_string).collect()
    }

    /// The keys that the schema has.
    pub(crate) fn of_schema<T: JsonSchema>() -> BTreeSet<String> {
        let schema = super::of_toml::<T>("");
        let keys = schema.get("properties").and_then(|keys| keys.as_object()).expect("a table");
        keys.keys().cloned().collect()
    }

    /// Both know the same keys.
    #[track_caller]
    pub(crate) fn check<T: DeserializeOwned + JsonSchema>() {
        assert_eq!(of_schema::<T>(), of_parser::<T>());
    }
}

/// The schema of a file that people write in TOML: no key is ever null.
pub fn of_toml<T: JsonSchema>(title: &str) -> Schema {
    let settings = SchemaSettings::draft2020_12().with_transform(NeverNull);
    titled(settings.into_generator().into_root_schema_for::<T>(), title)
}

/// The schema of a line or file of JSON that is read.
pub fn of_json_read<T: JsonSchema>(title: &str) -> Schema {
    titled(SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>(), title)
}

/// The schema of JSON that is written.
pub fn of_json_written<T: JsonSchema>(title: &str) -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    titled(settings.into_generator().into_root_schema_for::<T>(), title)
}

fn titled(mut schema: Schema, title: &str) -> Schema {
    schema.insert("title".into(), title.into());
    schema
}

/// Takes `null` away: TOML has none, and an absent key is said by its not being required.
#[derive(Clone, Debug)]
struct NeverNull;

impl Transform for NeverNull {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        object.retain(|key, value| key != "default" || !value.is_null());
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                object.insert("type".into(), only);
            }
        }
        let is_null = |way: &Value| way.get("type").is_some_and(|name| name == "null");
        let Some(Value::Array(ways)) = object.get_mut("anyOf") else { return };
        ways.retain(|way| !is_null(way));
        if let [Value::Object(only)] = ways.as_mut_slice() {
            let only = std::mem::take(only);
            object.remove("anyOf");
            object.extend(only);
        }
    }
}
