//! Aggregates as flat rows: the lines of a shard file, and the result of the query that makes them elsewhere.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::aggregate::{Aggregates, CellKey, HourKey, METRIC_MAX, Metric, PRODUCTS, TooMany};
use crate::{
    model::{Backend, Grade},
    stats::{Bucket, bucket_of},
};

/// Version of the row format.
pub const AGGREGATE_SCHEMA: &str = "burndown.aggregate/1";

/// The columns of a row; all but `schema`, `part`, `route` and `n` may be absent.
///
/// `part` says what the row counts: `cell` (rows of a cell), `bucket` (one bucket of one metric of a cell, with
/// exact sum, sum of squares, smallest and largest value), `product` (the sum of a product of two metrics of a
/// cell), `hour` (text and thinking tokens of an hour, `at` in hours since 1970 UTC), `minute` (attempts of a
/// minute, `at` in minutes since 1970 UTC).
pub const AGGREGATE_COLUMNS: [&str; 21] = [
    "schema",
    "part",
    "route",
    "grade",
    "backend",
    "location",
    "model",
    "traffic",
    "size",
    "input_images",
    "outcome",
    "images",
    "image_tokens",
    "metric",
    "bucket",
    "at",
    "n",
    "sum",
    "sum_squares",
    "low",
    "high",
];

/// A row that cannot be added. The column and what stood there.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadAggregate {
    /// Another version, or no aggregate at all.
    #[error("schema `{found}`, expected `{AGGREGATE_SCHEMA}`")]
    Schema {
        /// As written.
        found: String,
    },
    /// A column that must be there is not.
    #[error("column `{column}` is missing")]
    Missing {
        /// The column.
        column: &'static str,
    },
    /// A column holds something else.
    #[error("column `{column}` holds `{found}`, expected {expected}")]
    Value {
        /// The column.
        column: &'static str,
        /// As written.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
    /// Too many cells or minutes.
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

/// One row; sums are texts, since no column type of every engine and of JSON holds them exactly.
#[derive(Default, Serialize, JsonSchema)]
pub struct AggregateRow<'a> {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.aggregate/1"))]
    schema: &'static str,
    part: &'static str,
    route: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    grade: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_images: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    n: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum_squares: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<u64>,
}

/// The aggregates as JSON lines, in an order that depends on what they hold alone.
pub fn aggregate_rows(aggregates: &Aggregates) -> String {
    let mut text = String::new();
    let mut push = |row: AggregateRow<'_>| {
        text += &serde_json::to_string(&row).expect("a row of texts and numbers is JSON");
        text.push('\n');
    };
    let schema = AGGREGATE_SCHEMA;
    for (key, cell) in &aggregates.cells {
        push(AggregateRow { part: "cell", n: cell.n, ..row_of(key) });
        for (metric, histogram) in Metric::ALL.iter().zip(&cell.metrics) {
            for (at, bucket) in histogram.buckets() {
                push(AggregateRow {
                    part: "bucket",
                    metric: Some(metric.as_str()),
                    bucket: Some(at),
                    n: bucket.n,
                    sum: Some(bucket.sum.to_string()),
                    sum_squares: Some(bucket.sum_squares.to_string()),
                    low: Some(bucket.low),
                    high: Some(bucket.high),
                    ..row_of(key)
                });
            }
        }
        for ((name, ..), tally) in PRODUCTS.iter().zip(&cell.products).filter(|(_, tally)| tally.n > 0) {
            let sum = Some(tally.sum.to_string());
            push(AggregateRow { part: "product", metric: Some(name), n: tally.n, sum, ..row_of(key) });
        }
    }
    for (key, tally) in &aggregates.hours {
        push(AggregateRow {
            schema,
            part: "hour",
            route: &key.route,
            backend: key.backend.map(Backend::as_str),
            model: Some(&key.model),
            input_images: key.input_images,
            at: Some(key.hour),
            n: tally.n,
            sum: Some(tally.sum.to_string()),
            ..AggregateRow::default()
        });
    }
    for ((route, minute), count) in &aggregates.minutes {
        push(AggregateRow {
            schema,
            part: "minute",
            route,
            at: Some(*minute),
            n: *count,
            ..AggregateRow::default()
        });
    }
    text
}

fn row_of(key: &CellKey) -> AggregateRow<'_> {
    AggregateRow {
        schema: AGGREGATE_SCHEMA,
        route: &key.route,
        grade: Some(key.grade.as_str()),
        backend: key.backend.map(Backend::as_str),
        location: key.location.as_deref(),
        model: Some(&key.model),
        traffic: key.traffic.as_deref(),
        size: key.size.as_deref(),
        input_images: key.input_images,
        outcome: Some(&key.outcome),
        images: key.images,
        image_tokens: key.image_tokens,
        ..AggregateRow::default()
    }
}

/// Adds one row, wherever it comes from: a shard's line, a row of a CSV or Parquet file, a line of an engine's
/// JSON. Numbers may be texts; an empty text is absent. Gives the attempts that it added.
///
/// # Errors
///
/// When the row is of another version, lacks a column that its part needs, or holds numbers that cannot be.
pub fn add_aggregate_row(aggregates: &mut Aggregates, row: &Map<String, Value>) -> Result<u64, BadAggregate> {
    let cells = Cells(row);
    match cells.text("schema") {
        Some(schema) if schema == AGGREGATE_SCHEMA => {}
        other => return Err(BadAggregate::Schema { found: other.unwrap_or_default() }),
    }
    let n: u64 = cells.needed("n", "a whole number")?;
    if n == 0 {
        return Err(BadAggregate::Value { column: "n", found: "0".into(), expected: "at least 1" });
    }
    let mut other = Aggregates::default();
    match cells.needed::<String>("part", "a word")?.as_str() {
        "minute" => {
            other.minutes.insert((cells.needed("route", "a name")?, cells.needed("at", "minutes")?), n);
        }
        "hour" => {
            let tally = super::aggregate::Tally { n, sum: cells.needed("sum", "a whole number")? };
            other.hours.insert(cells.hour()?, tally);
        }
        "cell" => other.cells.entry(cells.key()?).or_default().n = n,
        "bucket" => {
            let (metric, at, bucket) = cells.bucket(n)?;
            other.cells.entry(cells.key()?).or_default().metrics[metric as usize].merge_bucket(at, &bucket);
        }
        "product" => {
            let name: String = cells.needed("metric", "a product")?;
            let at = PRODUCTS.iter().position(|(known, ..)| *known == name);
            let unknown = BadAggregate::Value { column: "metric", found: name, expected: "a product" };
            let tally = &mut other.cells.entry(cells.key()?).or_default().products[at.ok_or(unknown)?];
            (tally.n, tally.sum) = (n, cells.needed("sum", "a whole number")?);
        }
        found => {
            return Err(BadAggregate::Value {
                column: "part",
                found: found.to_string(),
                expected: "`cell`, `bucket`, `product`, `hour` or `minute`",
            });
        }
    }
    aggregates.merge(&other)?;
    Ok(other.attempts())
}

/// The columns of a row, read.
struct Cells<'a>(&'a Map<String, Value>);

impl Cells<'_> {
    /// A column as text; numbers as they are written.
    fn text(&self, column: &str) -> Option<String> {
        match self.0.get(column)? {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn read<T: FromStr>(
        &self,
        column: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, BadAggregate> {
        let Some(text) = self.text(column) else { return Ok(None) };
        // Engines write whole decimals as `12.0` or `12.000000000`.
        let whole = match text.split_once('.') {
            Some((whole, zeros)) if zeros.bytes().all(|digit| digit == b'0') => whole,
            _ => text.as_str(),
        };
        match text.parse().or_else(|_| whole.parse()) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(BadAggregate::Value { column, found: text, expected }),
        }
    }

    fn needed<T: FromStr>(&self, column: &'static str, expected: &'static str) -> Result<T, BadAggregate> {
        self.read(column, expected)?.ok_or(BadAggregate::Missing { column })
    }

    fn key(&self) -> Result<CellKey, BadAggregate> {
        Ok(CellKey {
            route: self.needed("route", "a name")?,
            grade: self.read("grade", "`measured` or `rehearsed`")?.unwrap_or(Grade::Measured),
            backend: self.read("backend", "`developer` or `vertex`")?,
            location: self.text("location"),
            model: self.text("model").unwrap_or_default(),
            traffic: self.text("traffic"),
            size: self.text("size"),
            input_images: self.read("input_images", "a whole number")?,
            outcome: self.needed("outcome", "a reason")?,
            images: self.read("images", "a whole number")?,
            image_tokens: self.read("image_tokens", "a whole number")?,
        })
    }

    fn hour(&self) -> Result<HourKey, BadAggregate> {
        Ok(HourKey {
            route: self.needed("route", "a name")?,
            backend: self.read("backend", "`developer` or `vertex`")?,
            model: self.text("model").unwrap_or_default(),
            input_images: self.read("input_images", "a whole number")?,
            hour: self.needed("at", "hours since 1970")?,
        })
    }

    /// One bucket, its numbers held against each other: a wrong one would pass unseen into every mean.
    fn bucket(&self, n: u64) -> Result<(Metric, i32, Bucket), BadAggregate> {
        let name: String = self.needed("metric", "a metric")?;
        let metric = Metric::ALL.iter().find(|metric| metric.as_str() == name).copied();
        let unknown = BadAggregate::Value { column: "metric", found: name, expected: "a metric" };
        let metric = metric.ok_or(unknown)?;
        let at: i32 = self.needed("bucket", "a whole number")?;
        let bucket = Bucket {
            n,
            sum: self.needed("sum", "a whole number")?,
            sum_squares: self.needed("sum_squares", "a whole number")?,
            low: self.needed("low", "a whole number")?,
            high: self.needed("high", "a whole number")?,
        };
        let wrong = |column: &'static str, expected| {
            Err(BadAggregate::Value { column, found: self.text(column).unwrap_or_default(), expected })
        };
        let wide = u128::from;
        let fits = |low: u128, value: u128, high: u128| {
            (wide(n) * low..=wide(n).saturating_mul(high)).contains(&value)
        };
        if bucket.low > bucket.high || bucket.high > METRIC_MAX {
            return wrong("high", "at least `low` and at most 1,000,000,000");
        }
        if bucket_of(bucket.low) != at || bucket_of(bucket.high) != at {
            return wrong("bucket", "the bucket of `low` and `high`: floor(ln v / ln 1.02), -1 for zero");
        }
        if !fits(wide(bucket.low), bucket.sum, wide(bucket.high)) {
            return wrong("sum", "between n times `low` and n times `high`");
        }
        if !fits(wide(bucket.low).pow(2), bucket.sum_squares, wide(bucket.high).pow(2)) {
            return wrong("sum_squares", "between n times `low`² and n times `high`²");
        }
        Ok((metric, at, bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::aggregate::Attempt, *};
    use crate::usage::read_observations;

    /// Two attempts of one cell, one failed one.
    fn example() -> Aggregates {
        let line = |prompt: u64, thoughts: &str, rest: &str| {
            format!(
                r#"{{"schema":"burndown.observation/1","model":"models/gemini-3-pro-image","backend":"vertex","shape":{{"input_images":1,"output_size":"2K"}},"usage":{{"promptTokenCount":{prompt},"candidatesTokenCount":1120,{thoughts}"totalTokenCount":1390,"trafficType":"ON_DEMAND","candidatesTokensDetails":[{{"modality":"IMAGE","tokenCount":1120}}]}},"image_parts":1,"latency_seconds":11.226,"finish_reason":"STOP","kind":"measured"{rest}}}"#
            )
        };
        let lines = [
            line(270, "", ""),
            line(170, r#""thoughtsTokenCount":100,"#, ""),
            r#"{"schema":"burndown.observation/1","model":"x","status":429,"kind":"measured"}"#.into(),
            r#"{"schema":"burndown.observation/1","model":"x","kind":"fixture"}"#.into(),
        ];
        let mut aggregates = Aggregates::default();
        for (at, observation) in read_observations(&lines.join("\n")).unwrap().iter().enumerate() {
            if let Some(attempt) = Attempt::of(observation, "photos", Some(29_000_000 + at as i64)) {
                aggregates.add(&attempt).unwrap();
            }
        }
        aggregates
    }

    fn read(text: &str) -> Result<Aggregates, BadAggregate> {
        let mut aggregates = Aggregates::default();
        for line in text.lines() {
            add_aggregate_row(
                &mut aggregates,
                serde_json::from_str::<Value>(line).unwrap().as_object().unwrap(),
            )?;
        }
        Ok(aggregates)
    }

    #[test]
    fn an_attempt_counts_in_its_cell_its_hour_and_its_minute() {
        let found = example();
        assert_eq!((found.attempts(), found.cells.len(), found.minutes.len()), (3, 2, 3));
        let (key, cell) = found.cells.iter().find(|(key, _)| key.outcome == "STOP").unwrap();
        assert_eq!(
            (key.model.as_str(), key.image_tokens, key.size.as_deref()),
            ("gemini-3-pro-image", Some(1120), Some("2K"))
        );
        let thinking = cell.metric(Metric::Thinking);
        // The first answer reports none, and its total leaves nothing for it.
        assert_eq!((thinking.n(), thinking.sum(), thinking.low()), (2, 100, Some(0)));
        assert_eq!(cell.metric(Metric::LatencyMs).high(), Some(11_226));
        assert_eq!((cell.absent(Metric::Cached), cell.absent(Metric::PromptImage)), (2, 2));
        assert_eq!(cell.products[1].sum, 170 * 100);
        let failed = found.cells.keys().find(|key| key.outcome == "error 429").unwrap();
        assert_eq!((failed.backend, failed.images), (None, None));
    }

    #[test]
    fn rows_read_again_are_the_same_aggregates() {
        let aggregates = example();
        let text = aggregate_rows(&aggregates);
        assert_eq!(read(&text).unwrap(), aggregates);
        let mut twice = aggregates.clone();
        twice.merge(&aggregates).unwrap();
        assert_eq!(read(&(text.clone() + &text)).unwrap(), twice);
        let reversed: Vec<&str> = text.lines().rev().collect();
        assert_eq!(aggregate_rows(&read(&reversed.join("\n")).unwrap()), text);
    }

    #[track_caller]
    fn check(row: &str, sentence: &str) {
        assert_eq!(read(row).unwrap_err().to_string(), sentence);
    }

    #[test]
    fn rows_whose_numbers_cannot_be_are_refused() {
        let bucket = |rest: &str| {
            format!(
                r#"{{"schema":"{AGGREGATE_SCHEMA}","part":"bucket","route":"a","model":"m","outcome":"STOP","metric":"text","n":2,{rest}}}"#
            )
        };
        let right = r#""bucket":"115","sum":"20.0","sum_squares":"200","low":10,"high":10"#;
        // floor(ln 10 / ln 1.02) = 116.
        check(
            &bucket(right),
            "column `bucket` holds `115`, expected the bucket of `low` and `high`: floor(ln v / ln 1.02), -1 for zero",
        );
        assert!(read(&bucket(&right.replace("115", "116"))).is_ok());
        let sum = right.replace("115", "116").replace("20.0", "21");
        check(&bucket(&sum), "column `sum` holds `21`, expected between n times `low` and n times `high`");
        check(
            r#"{"schema":"burndown.aggregate/9","n":1}"#,
            "schema `burndown.aggregate/9`, expected `burndown.aggregate/1`",
        );
        check(
            &format!(r#"{{"schema":"{AGGREGATE_SCHEMA}","part":"hour","route":"a","n":1}}"#),
            "column `sum` is missing",
        );
        check(
            &format!(r#"{{"schema":"{AGGREGATE_SCHEMA}","part":"x","n":1}}"#),
            "column `part` holds `x`, expected `cell`, `bucket`, `product`, `hour` or `minute`",
        );
    }
}
