//! The query that sums up a log where it lies, in the dialects of BigQuery, Spark and DuckDB.
//!
//! It reads the table of Vertex AI's request-response logging once and gives the rows of
//! `burndown.aggregate/1`, the same that reading the rows here gives. What differs between the dialects is in
//! [`Dialect`]; the query itself keeps to what all of them have: no approximate quantiles, no unnesting of JSON
//! lists (details are read by index), a capture group in every pattern.

use std::str::FromStr;

use super::rows::RouteBy;
use crate::{
    calendar::Day,
    model::UnknownWord,
    usage::{AGGREGATE_COLUMNS, AGGREGATE_SCHEMA, METRIC_MAX, Metric, PRODUCTS},
};

/// Entries of a list of token details that are read; backends send one for each modality.
const DETAILS: usize = 6;

/// Where a query runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Google BigQuery, GoogleSQL.
    BigQuery,
    /// Apache Spark 3.4 or later.
    Spark,
    /// DuckDB 1.0 or later.
    DuckDb,
}

impl FromStr for Engine {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Engine, UnknownWord> {
        match word {
            "bigquery" => Ok(Engine::BigQuery),
            "spark" => Ok(Engine::Spark),
            "duckdb" => Ok(Engine::DuckDb),
            _ => Err(UnknownWord {
                what: "engine",
                found: word.to_string(),
                expected: vec!["bigquery", "spark", "duckdb"],
            }),
        }
    }
}

/// What a query is to sum up.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// The engine.
    pub engine: Engine,
    /// The table.
    pub table: &'a str,
    /// First day.
    pub since: Option<Day>,
    /// First day that does not count any more.
    pub until: Option<Day>,
    /// What names a row's route.
    pub route_by: RouteBy,
}

/// A table that cannot stand in a query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no name of a table, expected {expected}")]
pub struct BadTable {
    /// As given.
    pub found: String,
    /// What would be right.
    pub expected: &'static str,
}

/// How an engine says what the query needs.
struct Dialect(Engine);

impl Dialect {
    /// A table's name; DuckDB also reads files, `'logs/*.parquet'`.
    fn table(&self, name: &str) -> Result<String, BadTable> {
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
    fn payload(&self, column: &str) -> String {
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
    fn value(&self, json: &str, path: &str) -> String {
        match self.0 {
            Engine::BigQuery => format!("JSON_VALUE({json}, '{path}')"),
            Engine::Spark => format!("get_json_object({json}, '{path}')"),
            Engine::DuckDb => format!("json_extract_string({json}, '{path}')"),
        }
    }

    /// An object or a list within JSON text, as text.
    fn object(&self, json: &str, path: &str) -> String {
        match self.0 {
            Engine::BigQuery => format!("JSON_QUERY({json}, '{path}')"),
            Engine::Spark => format!("get_json_object({json}, '{path}')"),
            Engine::DuckDb => format!("CAST(json_extract({json}, '{path}') AS VARCHAR)"),
        }
    }

    /// A field's name within a path.
    fn step(&self, name: &str) -> String {
        match (self.0, name.contains('-')) {
            (_, false) => format!(".{name}"),
            (Engine::Spark, true) => format!("[\\'{name}\\']"),
            (_, true) => format!(".\"{name}\""),
        }
    }

    /// The first group of a pattern; NULL where nothing matches.
    fn extract(&self, text: &str, pattern: &str) -> String {
        match self.0 {
            Engine::BigQuery => format!("NULLIF(REGEXP_EXTRACT({text}, r'{pattern}'), '')"),
            Engine::Spark => format!("NULLIF(regexp_extract({text}, r'{pattern}', 1), '')"),
            Engine::DuckDb => format!("NULLIF(regexp_extract({text}, '{pattern}', 1), '')"),
        }
    }

    fn integer(&self, text: &str) -> String {
        match self.0 {
            Engine::BigQuery => format!("SAFE_CAST({text} AS INT64)"),
            Engine::Spark => format!("TRY_CAST({text} AS BIGINT)"),
            Engine::DuckDb => format!("TRY_CAST({text} AS BIGINT)"),
        }
    }

    fn float(&self, text: &str) -> String {
        match self.0 {
            Engine::BigQuery => format!("SAFE_CAST({text} AS FLOAT64)"),
            _ => format!("TRY_CAST({text} AS DOUBLE)"),
        }
    }

    /// A whole number of another number.
    fn whole(&self, number: &str) -> String {
        let kind = if self.0 == Engine::BigQuery { "INT64" } else { "BIGINT" };
        format!("CAST({number} AS {kind})")
    }

    fn text(&self, number: &str) -> String {
        let kind = if self.0 == Engine::DuckDb { "VARCHAR" } else { "STRING" };
        format!("CAST({number} AS {kind})")
    }

    /// A count of tokens: a whole number, or a text that says one; NULL for anything else.
    fn count(&self, text: &str) -> String {
        self.integer(&self.extract(text, "^([0-9]{1,12})(?:[.]0*)?$"))
    }

    /// An exact sum of whole numbers, as text; no engine's INT64 holds the squares of a long log.
    fn sum(&self, number: &str) -> String {
        match self.0 {
            Engine::BigQuery => format!("CAST(SUM(CAST({number} AS NUMERIC(29, 0))) AS STRING)"),
            Engine::Spark => format!("CAST(SUM(CAST({number} AS DECIMAL(28, 0))) AS STRING)"),
            Engine::DuckDb => format!("CAST(SUM(CAST({number} AS HUGEINT)) AS VARCHAR)"),
        }
    }

    fn seconds(&self, time: &str) -> String {
        match self.0 {
            Engine::DuckDb => format!("EPOCH({time})"),
            _ => format!("UNIX_SECONDS({time})"),
        }
    }

    fn midnight(&self, day: Day) -> String {
        match self.0 {
            Engine::BigQuery => format!("TIMESTAMP '{day} 00:00:00+00:00'"),
            Engine::Spark => format!("TIMESTAMP '{day} 00:00:00Z'"),
            Engine::DuckDb => format!("TIMESTAMP '{day} 00:00:00'"),
        }
    }

    /// How often a picture's MIME type stands in JSON text, with or without a blank after the colon.
    fn pictures(&self, json: &str) -> String {
        let tight = format!("REPLACE({json}, '\": \"', '\":\"')");
        let times = |mark: &str| {
            let length = format!("(LENGTH({tight}) - LENGTH(REPLACE({tight}, '{mark}', '')))");
            self.whole(&format!("ROUND({length} / {}.0)", mark.len()))
        };
        format!("{} + {}", times("\"mimeType\":\"image/"), times("\"mime_type\":\"image/"))
    }

    /// The tokens of some modalities among the first details.
    fn modalities(&self, details: &str, words: &[&str]) -> String {
        let list = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
        let entry = |at: usize| {
            let tokens = self.count(&self.value(details, &format!("$[{at}].tokenCount")));
            let modality = self.value(details, &format!("$[{at}].modality"));
            format!("CASE WHEN {modality} IN ({list}) THEN COALESCE({tokens}, 0) ELSE 0 END")
        };
        (0..DETAILS).map(entry).collect::<Vec<_>>().join("\n      + ")
    }
}

/// The text of a query.
///
/// # Errors
///
/// When the table's name cannot stand in a query.
pub fn query(wanted: &Query<'_>) -> Result<String, BadTable> {
    let dialect = Dialect(wanted.engine);
    let table = dialect.table(wanted.table)?;
    Ok([
        remarks(wanted, &table),
        format!("WITH log AS (\n{}\n),\n", log(&dialect, wanted, &table)),
        format!("bodies AS (\n{}\n),\n", bodies(&dialect)),
        format!("counts AS (\n{}\n),\n", counts(&dialect, &wanted.route_by)),
        format!("attempts AS (\n{}\n),\n", attempts(&dialect)),
        format!("parts AS (\n{}\n),\n", parts()),
        format!("numbers AS (\n{}\n)\n", numbers(&dialect)),
        sums(&dialect),
    ]
    .concat())
}

fn remarks(wanted: &Query<'_>, table: &str) -> String {
    let mut text = format!(
        "-- Sums of {table} for `burndown import`: one row per cell, bucket, product, hour and minute.\n\
         -- Columns read: logging_time (timestamp), model, endpoint, full_request, full_response, metadata.\n\
         -- One pass over the table; details beyond the first {DETAILS} modalities are not read.\n"
    );
    text += match (wanted.since, wanted.until) {
        (None, None) => "-- No --since: the whole table is read, every partition of it.\n",
        _ => {
            "-- The days are compared with logging_time itself, so a table partitioned by it is read in those days alone.\n"
        }
    };
    if wanted.engine == Engine::BigQuery {
        text += "-- BigQuery bills the bytes of these columns, logged pictures included. They are told beforehand by\n\
                 --   bq query --use_legacy_sql=false --dry_run < this-file.sql\n\
                 -- and are the upper bound of what is scanned; nothing is billed for asking.\n";
    }
    text
}

fn log(dialect: &Dialect, wanted: &Query<'_>, table: &str) -> String {
    let mut text = format!(
        "  SELECT logging_time, model AS asked_model, endpoint,\n    {} AS response,\n    {} AS request,\n    {} AS metadata\n  FROM {table}",
        dialect.payload("full_response"),
        dialect.payload("full_request"),
        dialect.payload("metadata"),
    );
    let since = wanted.since.map(|day| format!("logging_time >= {}", dialect.midnight(day)));
    let until = wanted.until.map(|day| format!("logging_time < {}", dialect.midnight(day)));
    let bounds: Vec<String> = since.into_iter().chain(until).collect();
    if !bounds.is_empty() {
        text += &format!("\n  WHERE {}", bounds.join(" AND "));
    }
    text
}

fn bodies(dialect: &Dialect) -> String {
    format!(
        "  SELECT logging_time, asked_model, endpoint, request, metadata, response,\n    {} AS tokens,\n    {} AS candidates_json,\n    {} AS contents_json\n  FROM log\n  WHERE response IS NOT NULL",
        dialect.object("response", "$.usageMetadata"),
        dialect.object("response", "$.candidates"),
        dialect.object("request", "$.contents"),
    )
}

fn counts(dialect: &Dialect, route_by: &RouteBy) -> String {
    let body = |path: &str| dialect.value("response", path);
    let field = |name: &str| dialect.value("tokens", &format!("$.{name}"));
    let token = |name: &str| dialect.count(&field(name));
    let details = |name: &str| dialect.object("tokens", &format!("$.{name}"));
    let model = format!("COALESCE(NULLIF(asked_model, ''), {})", body("$.modelVersion"));
    let model = format!("COALESCE({}, '')", dialect.extract(&model, "([^/]+)$"));
    let size = dialect.value("request", "$.generationConfig.imageConfig.imageSize");
    let size = format!("CASE WHEN {size} IN ('512', '1K', '2K', '4K') THEN {size} END");
    let names = "CONCAT(COALESCE(endpoint, ''), ' ', COALESCE(asked_model, ''))";
    let code = dialect.count(&body("$.error.code"));
    let latency = dialect.float(&dialect.value("metadata", "$.request_latency"));
    let minute = dialect.whole(&format!("FLOOR({} / 60)", dialect.seconds("logging_time")));
    let columns = [
        (route(dialect, route_by, &model, &size), "route"),
        (minute, "minute"),
        (model, "model"),
        (dialect.extract(names, "locations/([^/ ]+)"), "location"),
        (dialect.extract(&field("trafficType"), "([^.]+)$"), "traffic"),
        (size, "size"),
        (
            format!("CASE WHEN contents_json IS NOT NULL THEN {} END", dialect.pictures("contents_json")),
            "input_images",
        ),
        (code, "error_code"),
        (body("$.candidates[0].finishReason"), "finish_reason"),
        (body("$.promptFeedback.blockReason"), "block_reason"),
        (format!("COALESCE({}, 0)", dialect.pictures("candidates_json")), "image_parts"),
        (token("promptTokenCount"), "prompt"),
        (token("cachedContentTokenCount"), "cached"),
        (token("toolUsePromptTokenCount"), "tool_use"),
        (token("candidatesTokenCount"), "candidates"),
        (token("thoughtsTokenCount"), "thoughts"),
        (token("totalTokenCount"), "total"),
        (details("promptTokensDetails"), "prompt_details"),
        (details("candidatesTokensDetails"), "answer_details"),
        (latency, "latency"),
    ];
    let list: Vec<String> = columns.iter().map(|(value, name)| format!("    {value} AS {name}")).collect();
    format!(
        "  SELECT\n{}\n  FROM bodies\n  WHERE tokens IS NOT NULL OR candidates_json IS NOT NULL\n    OR {} IS NOT NULL OR {} IS NOT NULL",
        list.join(",\n"),
        dialect.object("response", "$.promptFeedback"),
        body("$.error.code"),
    )
}

fn route(dialect: &Dialect, route_by: &RouteBy, model: &str, size: &str) -> String {
    let name = match route_by {
        RouteBy::All => return "'all'".into(),
        RouteBy::Model => model.to_string(),
        RouteBy::Size => size.to_string(),
        RouteBy::Path(path) => {
            let steps = |path: &[String]| path.iter().map(|name| dialect.step(name)).collect::<String>();
            match path.split_first() {
                Some((first, rest)) if first == "metadata" => {
                    dialect.value("metadata", &format!("${}", steps(rest)))
                }
                _ => dialect.value("request", &format!("${}", steps(path))),
            }
        }
    };
    format!("COALESCE(NULLIF(SUBSTR(TRIM({name}), 1, 64), ''), 'unlabelled')")
}

fn attempts(dialect: &Dialect) -> String {
    let prompt_image = dialect.modalities("prompt_details", &["IMAGE"]);
    let image = dialect.modalities("answer_details", &["IMAGE"]);
    let other = dialect.modalities("answer_details", &["IMAGE", "AUDIO", "VIDEO"]);
    let some =
        |details: &str| format!("{} IS NOT NULL", dialect.count(&dialect.value(details, "$[0].tokenCount")));
    let milliseconds = dialect.whole("FLOOR(ROUND(latency * 1000) / 1000)");
    format!(
        "  SELECT route, minute, model, location, traffic, size, input_images, prompt, cached, tool_use, candidates, total,
    COALESCE(finish_reason, block_reason, CASE WHEN error_code <> 200 THEN CONCAT('error ', {code}) END, 'none') AS outcome,
    CASE WHEN error_code IS NULL THEN image_parts END AS images,
    CASE WHEN {some_answer} THEN
      {image}
    END AS image_tokens,
    CASE WHEN {some_prompt} THEN
      {prompt_image}
    END AS prompt_image,
    CASE WHEN candidates IS NOT NULL THEN GREATEST(candidates - (
      {other}
    ), 0) END AS text_tokens,
    COALESCE(thoughts, CASE WHEN total = COALESCE(prompt, 0) + candidates + COALESCE(tool_use, 0) THEN 0 END) AS thinking,
    CASE WHEN latency BETWEEN 0 AND 1000000000 THEN {milliseconds} END AS latency_ms
  FROM counts",
        code = dialect.text("error_code"),
        some_answer = some("answer_details"),
        some_prompt = some("prompt_details"),
    )
}

/// What every attempt is counted in: its cell, a bucket of each metric, products, its hour, its minute.
fn parts() -> String {
    let buckets = Metric::ALL.iter().map(|metric| ("bucket", metric.as_str()));
    let products = PRODUCTS.iter().map(|(name, ..)| ("product", *name));
    let all = [("cell", ""), ("hour", ""), ("minute", "")].into_iter().chain(buckets).chain(products);
    let rows: Vec<String> =
        all.map(|(part, metric)| format!("  SELECT '{part}' AS part, '{metric}' AS metric")).collect();
    rows.join("\n  UNION ALL\n")
}

/// The column of a metric.
fn column(metric: Metric) -> &'static str {
    match metric {
        Metric::Text => "text_tokens",
        Metric::Output => "text_tokens + thinking",
        other => other.as_str(),
    }
}

fn numbers(dialect: &Dialect) -> String {
    let believed = |metric: Metric| {
        let column = column(metric);
        format!("CASE WHEN {column} <= {METRIC_MAX} THEN {column} END")
    };
    let mut cases: Vec<String> = Vec::new();
    for metric in Metric::ALL {
        cases.push(format!(
            "WHEN part = 'bucket' AND metric = '{}' THEN {}",
            metric.as_str(),
            believed(metric)
        ));
    }
    for (name, a, b) in PRODUCTS {
        cases.push(format!("WHEN metric = '{name}' THEN {} * {}", believed(a), believed(b)));
    }
    cases.push(format!("WHEN part = 'hour' AND minute IS NOT NULL THEN {}", believed(Metric::Output)));
    cases.push("WHEN part = 'cell' OR (part = 'minute' AND minute IS NOT NULL) THEN 0".into());
    let hour = dialect.whole("FLOOR(minute / 60)");
    format!(
        "  SELECT part, metric, route, minute, {hour} AS hour, model, location, traffic, size, input_images, outcome, images, image_tokens,\n    CASE\n      {}\n    END AS v\n  FROM attempts CROSS JOIN parts",
        cases.join("\n      ")
    )
}

fn sums(dialect: &Dialect) -> String {
    let in_cell = |column: &str| format!("CASE WHEN part IN ('cell', 'bucket', 'product') THEN {column} END");
    let with_hour = |column: &str| format!("CASE WHEN part <> 'minute' THEN {column} END");
    let bucket = dialect.whole("FLOOR(LN(v) / LN(1.02))");
    let in_bucket = |value: &str| format!("CASE WHEN part = 'bucket' THEN {value} END");
    let values: Vec<(String, &str)> = vec![
        (format!("'{AGGREGATE_SCHEMA}'"), "schema"),
        ("part".into(), "part"),
        ("route".into(), "route"),
        (in_cell("'measured'"), "grade"),
        (with_hour("'vertex'"), "backend"),
        (in_cell("location"), "location"),
        (with_hour("model"), "model"),
        (in_cell("traffic"), "traffic"),
        (in_cell("size"), "size"),
        (with_hour("input_images"), "input_images"),
        (in_cell("outcome"), "outcome"),
        (in_cell("images"), "images"),
        (in_cell("image_tokens"), "image_tokens"),
        ("CASE WHEN part IN ('bucket', 'product') THEN metric END".into(), "metric"),
        (
            format!("CASE WHEN part = 'bucket' AND v = 0 THEN -1 WHEN part = 'bucket' THEN {bucket} END"),
            "bucket",
        ),
        ("CASE WHEN part = 'hour' THEN hour WHEN part = 'minute' THEN minute END".into(), "at"),
        ("COUNT(*)".into(), "n"),
        (dialect.sum("CASE WHEN part IN ('bucket', 'product', 'hour') THEN v END"), "sum"),
        (dialect.sum(&in_bucket("v * v")), "sum_squares"),
        (format!("MIN({})", in_bucket("v")), "low"),
        (format!("MAX({})", in_bucket("v")), "high"),
    ];
    debug_assert!(values.iter().map(|(_, name)| *name).eq(AGGREGATE_COLUMNS));
    let quote = if dialect.0 == Engine::DuckDb { "\"" } else { "`" };
    let list: Vec<String> =
        values.iter().map(|(value, name)| format!("  {value} AS {quote}{name}{quote}")).collect();
    let groups = (1..=16).map(|at| at.to_string()).collect::<Vec<_>>().join(", ");
    format!("SELECT\n{}\nFROM numbers\nWHERE v IS NOT NULL\nGROUP BY {groups}\n", list.join(",\n"))
}
