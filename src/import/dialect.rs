//! What BigQuery, Spark and DuckDB say differently.

use super::sql::{BadTable, Engine};
use crate::calendar::Day;

/// Entries of a list of token details that are read; backends send one for each modality.
pub(super) const DETAILS: usize = 6;

/// How an engine says what the query needs.
pub(super) struct Dialect(pub Engine);

impl Dialect {
    /// A table's name; DuckDB also reads files, `'logs/*.parquet'`.
    pub fn table(&self, name: &str) -> Result<String, BadTable> {
        let plain = |text: &str| {
            let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-:".contains(&byte);
            !text.is_empty() && text.bytes().all(letters) && !text.contains("--")
        };
        let file = name.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        let is_path = |path: &str| !path.is_empty() && !path.contains(['\'', '\\', '\n']);
        match self.0 {
            Engine::BigQuery if plain(name) => Ok(format!("`{name}`")),
            Engine::Spark if plain(name) => Ok(name.to_string()),
            Engine::DuckDb if plain(name) && !name.contains('-') || file.is_some_and(is_path) => {
                Ok(name.into())
            }
            Engine::DuckDb => Err(BadTable {
                found: name.to_string(),
                expected: "letters, digits, `_`, `.` (or a file in single quotes: `'logs/*.parquet'`)",
            }),
            _ => Err(BadTable { found: name.to_string(), expected: "letters, digits, `_`, `-`, `.`" }),
        }
    }

    /// A column of JSON or of text that holds JSON, as text.
    pub fn payload(&self, column: &str) -> String {
        match self.0 {
            // A text becomes a JSON string and comes back as it was; of an object the first is NULL.
            Engine::BigQuery => {
                format!("COALESCE(JSON_VALUE(TO_JSON({column}), '$'), TO_JSON_STRING({column}))")
            }
            Engine::Spark => format!("CAST({column} AS STRING)"),
            Engine::DuckDb => format!("CAST({column} AS VARCHAR)"),
        }
    }

    /// A scalar within JSON text, as text.
    pub fn value(&self, json: &str, path: &str) -> String {
        match self.0 {
            Engine::BigQuery => format!("JSON_VALUE({json}, '{path}')"),
            Engine::Spark => format!("get_json_object({json}, '{path}')"),
            Engine::DuckDb => format!("json_extract_string({json}, '{path}')"),
        }
    }

    /// An object or a list within JSON text, as text.
    pub fn object(&self, json: &str, path: &str) -> String {
        match self.0 {
            Engine::BigQuery => format!("JSON_QUERY({json}, '{path}')"),
            Engine::Spark => format!("get_json_object({json}, '{path}')"),
            Engine::DuckDb => format!("CAST(json_extract({json}, '{path}') AS VARCHAR)"),
        }
    }

    /// A field's name within a path.
    pub fn step(&self, name: &str) -> String {
        match (self.0, name.contains('-')) {
            (_, false) => format!(".{name}"),
            (Engine::Spark, true) => format!("[\\'{name}\\']"),
            (_, true) => format!(".\"{name}\""),
        }
    }

    /// The first group of a pattern; NULL where nothing matches.
    pub fn extract(&self, text: &str, pattern: &str) -> String {
        match self.0 {
            Engine::BigQuery => format!("NULLIF(REGEXP_EXTRACT({text}, r'{pattern}'), '')"),
            Engine::Spark => format!("NULLIF(regexp_extract({text}, r'{pattern}', 1), '')"),
            Engine::DuckDb => format!("NULLIF(regexp_extract({text}, '{pattern}', 1), '')"),
        }
    }

    pub fn integer(&self, text: &str) -> String {
        match self.0 {
            Engine::BigQuery => format!("SAFE_CAST({text} AS INT64)"),
            Engine::Spark => format!("TRY_CAST({text} AS BIGINT)"),
            Engine::DuckDb => format!("TRY_CAST({text} AS BIGINT)"),
        }
    }

    pub fn float(&self, text: &str) -> String {
        match self.0 {
            Engine::BigQuery => format!("SAFE_CAST({text} AS FLOAT64)"),
            _ => format!("TRY_CAST({text} AS DOUBLE)"),
        }
    }

    /// A whole number of another number.
    pub fn whole(&self, number: &str) -> String {
        let kind = if self.0 == Engine::BigQuery { "INT64" } else { "BIGINT" };
        format!("CAST({number} AS {kind})")
    }

    pub fn text(&self, number: &str) -> String {
        let kind = if self.0 == Engine::DuckDb { "VARCHAR" } else { "STRING" };
        format!("CAST({number} AS {kind})")
    }

    /// A count of tokens: a whole number, or a text that says one; NULL for anything else.
    pub fn count(&self, text: &str) -> String {
        self.integer(&self.extract(text, "^([0-9]{1,12})(?:[.]0*)?$"))
    }

    /// An exact sum of whole numbers, as text; no engine's INT64 holds the squares of a long log.
    pub fn sum(&self, number: &str) -> String {
        match self.0 {
            Engine::BigQuery => format!("CAST(SUM(CAST({number} AS NUMERIC(29, 0))) AS STRING)"),
            Engine::Spark => format!("CAST(SUM(CAST({number} AS DECIMAL(28, 0))) AS STRING)"),
            Engine::DuckDb => format!("CAST(SUM(CAST({number} AS HUGEINT)) AS VARCHAR)"),
        }
    }

    pub fn seconds(&self, time: &str) -> String {
        match self.0 {
            Engine::DuckDb => format!("EPOCH({time})"),
            _ => format!("UNIX_SECONDS({time})"),
        }
    }

    pub fn midnight(&self, day: Day) -> String {
        match self.0 {
            Engine::BigQuery => format!("TIMESTAMP '{day} 00:00:00+00:00'"),
            Engine::Spark => format!("TIMESTAMP '{day} 00:00:00Z'"),
            Engine::DuckDb => format!("TIMESTAMP '{day} 00:00:00'"),
        }
    }

    /// How often a picture's MIME type stands in JSON text, with or without a blank after the colon.
    pub fn pictures(&self, json: &str) -> String {
        let tight = format!("REPLACE({json}, '\": \"', '\":\"')");
        let times = |mark: &str| {
            let length = format!("(LENGTH({tight}) - LENGTH(REPLACE({tight}, '{mark}', '')))");
            self.whole(&format!("ROUND({length} / {}.0)", mark.len()))
        };
        format!("{} + {}", times("\"mimeType\":\"image/"), times("\"mime_type\":\"image/"))
    }

    /// The tokens of some modalities among the first details.
    pub fn modalities(&self, details: &str, words: &[&str]) -> String {
        let list = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
        let entry = |at: usize| {
            let tokens = self.count(&self.value(details, &format!("$[{at}].tokenCount")));
            let modality = self.value(details, &format!("$[{at}].modality"));
            format!("CASE WHEN {modality} IN ({list}) THEN COALESCE({tokens}, 0) ELSE 0 END")
        };
        (0..DETAILS).map(entry).collect::<Vec<_>>().join("\n      + ")
    }
}
