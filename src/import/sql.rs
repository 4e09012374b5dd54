//! The query that sums up a log where it lies, in the dialects of BigQuery, Spark and DuckDB.
//!
//! It reads the table of Vertex AI's request-response logging once and gives the rows of
//! `burndown.aggregate/1`, the same that reading the rows here gives. What differs between the dialects is in
//! [`Dialect`]; the query itself keeps to what all of them have: no approximate quantiles, no unnesting of JSON
//! lists (details are read by index), a capture group in every pattern.

use std::str::FromStr;

use super::{
    dialect::{DETAILS, Dialect},
    rows::RouteBy,
};
use crate::{
    calendar::Day,
    model::UnknownWord,
    usage::{AGGREGATE_COLUMNS, AGGREGATE_SCHEMA, METRIC_MAX, Metric, PRODUCTS},
};

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
    /// How large the log is, where that is known.
    pub size: Option<LogSize>,
}

/// The size of a log, from which the bytes that a query reads are estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSize {
    /// Rows in the days asked for.
    pub rows: u64,
    /// Mean bytes of one row: its request, its response, and the texts beside them.
    pub row_bytes: u64,
}

impl LogSize {
    /// Bytes of all rows; a time stamp takes 8 more.
    ///
    /// Source: BigQuery documentation, "Estimate and control costs", data type sizes: TIMESTAMP 8 bytes, STRING
    /// 2 bytes and its UTF-8 text, JSON its text.
    pub fn bytes(&self) -> u128 {
        u128::from(self.rows) * (u128::from(self.row_bytes) + 8)
    }
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
         -- One pass over the table; details beyond the first {DETAILS} modalities are not read.\n\
         -- Rows count as they stand: a response that the table holds twice counts twice, while `import` of rows\n\
         -- leaves the second out.\n"
    );
    text += match (wanted.since, wanted.until) {
        (None, None) => "-- No --since: the whole table is read, every partition of it.\n",
        _ => {
            "-- The days are compared with logging_time itself, so a table partitioned by it is read in those days alone.\n\
             -- A table that is not partitioned, or by another column, is read whole whatever the days.\n"
        }
    };
    if wanted.engine == Engine::BigQuery {
        text += &scanned(wanted);
    } else if let Some(size) = wanted.size {
        text += &format!("-- {}\n", estimate(size));
    }
    text
}

/// What BigQuery bills, what of it is known beforehand, and where.
fn scanned(wanted: &Query<'_>) -> String {
    let mut text = "-- BigQuery bills the bytes of these six columns in the partitions that are read, logged pictures included\n\
         -- (requests and responses are turned into text whole), and no other column.\n"
        .to_string();
    text += &match wanted.size {
        Some(size) => format!("-- {}\n", estimate(size)),
        None => "-- How many that are cannot be known from here; --rows and --row-bytes give an estimate.\n"
            .into(),
    };
    text += &format!(
        "-- BigQuery itself tells, and bills nothing for it:\n\
         --   bq query --use_legacy_sql=false --dry_run < this-file.sql     the bytes of this very query at most\n\
         --   bq show --format=prettyjson {}     numRows, numBytes (all columns), timePartitioning\n",
        wanted.table.replacen('.', ":", 1)
    );
    text
}

fn estimate(size: LogSize) -> String {
    let gibibytes = size.bytes() as f64 / (1_u64 << 30) as f64;
    format!(
        "Estimate: {} rows × ({} + 8) bytes = {} bytes, {gibibytes:.3} GiB.",
        size.rows,
        size.row_bytes,
        size.bytes()
    )
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
