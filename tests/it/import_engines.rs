//! The generated queries give, row for row, what reading the log gives: in DuckDB, in BigQuery's dialect
//! translated by sqlglot, and in Spark.
//!
//! `BURNDOWN_PYTHON` names a Python that has `duckdb` and `sqlglot` (and `pyspark` for the slow one).

use std::{fs, path::Path, process::Command};

use burndown::{
    import::{
        BadTable, Collected, Collector, Engine, Progress, Query, RouteBy, Settings, query, read_log,
        read_parquet,
    },
    usage::{AGGREGATE_COLUMNS, aggregate_rows},
};

use crate::import_log::synthetic_log;

/// The Python to use, when it can import what is needed; else says loudly that nothing was tested.
fn python(modules: &str) -> Option<String> {
    let Ok(python) = std::env::var("BURNDOWN_PYTHON") else {
        eprintln!("SKIPPED: BURNDOWN_PYTHON is not set, no query was run");
        return None;
    };
    let found = Command::new(&python).args(["-c", &format!("import {modules}")]).output().unwrap();
    if !found.status.success() {
        eprintln!("SKIPPED: {python} cannot import {modules}, no query was run");
        return None;
    }
    Some(python)
}

fn settings() -> Settings {
    let route_by = "labels.team-feature".parse::<RouteBy>().unwrap();
    Settings { route_by, ..Settings::default() }
}

fn read(text: &[u8]) -> Collected {
    let mut collector = Collector::default();
    read_log(text, "log", &settings(), &Progress::default(), &mut collector).unwrap();
    collector.finish()
}

fn sql(engine: Engine, table: &str) -> String {
    let route_by = settings().route_by;
    query(&Query { engine, table, since: Some("2026-01-01".parse().unwrap()), until: None, route_by })
        .unwrap()
}

/// Makes a table of the log, runs a query, writes its result thrice.
const RUN: &str = r#"
import sys, duckdb
log, dialect, sql, out, column = sys.argv[1:]
text = open(sql).read()
if dialect != "duckdb":
    import sqlglot
    text = sqlglot.transpile(text, read=dialect, write="duckdb")[0]
c = duckdb.connect()
c.execute("SET TimeZone = 'UTC'")
types = "{endpoint: 'VARCHAR', model: 'VARCHAR', logging_time: 'TIMESTAMP', metadata: 'JSON', full_request: '%s', full_response: 'VARCHAR'}" % column
c.execute("CREATE TABLE logs AS SELECT * FROM read_json(?, format='newline_delimited', columns=%s)" % types, [log])
c.execute("CREATE TABLE sums AS " + text)
c.execute("COPY sums TO '%s.jsonl' (FORMAT json)" % out)
c.execute("COPY sums TO '%s.csv' (FORMAT csv)" % out)
c.execute("COPY sums TO '%s.parquet' (FORMAT parquet, COMPRESSION zstd)" % out)
"#;

/// Runs a query in DuckDB and holds each form of its result against the log read here.
fn check(folder: &Path, python: &str, log: &str, dialect: &str, engine: Engine, column: &str) {
    let expected = read(log.as_bytes());
    assert!(expected.left_out.is_empty(), "{:?}", expected.left_out);
    fs::write(folder.join("log.jsonl"), log).unwrap();
    fs::write(folder.join("query.sql"), sql(engine, "logs")).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let run = Command::new(python)
        .args(["-c", RUN, &path("log.jsonl"), dialect, &path("query.sql"), &path("sums"), column])
        .output()
        .unwrap();
    assert!(run.status.success(), "{dialect}: {}", String::from_utf8_lossy(&run.stderr));
    let rows = aggregate_rows(&expected.aggregates);
    for form in ["jsonl", "csv", "parquet"] {
        let mut collector = Collector::default();
        let name = format!("sums.{form}");
        let file = fs::File::open(path(&name)).unwrap();
        match form {
            "parquet" => read_parquet(file, &name, &Settings::default(), &mut collector).unwrap(),
            _ => read_log(file, &name, &Settings::default(), &Progress::default(), &mut collector).unwrap(),
        }
        let found = collector.finish();
        assert!(found.left_out.is_empty(), "{dialect} {form}: {:?}", found.left_out);
        same(&aggregate_rows(&found.aggregates), &rows, &format!("{dialect} {form}"));
        assert_eq!(found.aggregates, expected.aggregates, "{dialect} {form}");
    }
}

/// Both texts line by line, the first difference shown.
#[track_caller]
fn same(found: &str, expected: &str, what: &str) {
    for (at, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{what}: line {at}");
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{what}");
}

fn rows(reduced: u64) -> u64 {
    if std::env::var_os("RUN_SLOW_TESTS").is_some() { 1_000_000 } else { reduced }
}

#[test]
fn duckdb_gives_the_same_sums_as_reading_the_log() {
    let Some(python) = python("duckdb") else { return };
    let folder = tempfile::tempdir().unwrap();
    check(folder.path(), &python, &synthetic_log(rows(4_000), 1), "duckdb", Engine::DuckDb, "VARCHAR");
}

#[test]
fn the_query_for_bigquery_gives_them_too_once_translated() {
    let Some(python) = python("duckdb, sqlglot") else { return };
    for column in ["VARCHAR", "JSON"] {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path(), &python, &synthetic_log(rows(2_000), 2), "bigquery", Engine::BigQuery, column);
    }
}

/// Runs the query in Spark itself, on two cores.
const SPARK: &str = r#"
import sys
from pyspark.sql import SparkSession
log, sql, out = sys.argv[1:]
s = SparkSession.builder.master("local[2]").config("spark.sql.session.timeZone", "UTC").config("spark.ui.enabled", "false").getOrCreate()
schema = "endpoint STRING, model STRING, logging_time TIMESTAMP, metadata STRING, full_request STRING, full_response STRING"
s.read.schema(schema).json(log).createOrReplaceTempView("logs")
s.sql(open(sql).read()).coalesce(1).write.json(out)
"#;

#[test]
fn spark_gives_the_same_sums_as_reading_the_log() {
    if std::env::var_os("RUN_SLOW_TESTS").is_none() {
        eprintln!("SKIPPED: Spark runs with RUN_SLOW_TESTS alone");
        return;
    }
    let Some(python) = python("pyspark") else { return };
    let folder = tempfile::tempdir().unwrap();
    let log = synthetic_log(rows(0), 3);
    let expected = read(log.as_bytes());
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("log.jsonl"), &log).unwrap();
    fs::write(path("query.sql"), sql(Engine::Spark, "logs")).unwrap();
    let run = Command::new(python)
        .args(["-c", SPARK, &path("log.jsonl"), &path("query.sql"), &path("sums")])
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let mut collector = Collector::default();
    for entry in fs::read_dir(path("sums")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "json") {
            let file = fs::File::open(file).unwrap();
            read_log(file, "sums", &Settings::default(), &Progress::default(), &mut collector).unwrap();
        }
    }
    let found = collector.finish();
    same(&aggregate_rows(&found.aggregates), &aggregate_rows(&expected.aggregates), "spark");
}

fn query_of(engine: Engine, table: &str, field: &str) -> Result<String, BadTable> {
    let since = Some("2026-11-01".parse().unwrap());
    let until = Some("2026-12-01".parse().unwrap());
    query(&Query { engine, table, since, until, route_by: field.parse().unwrap() })
}

#[test]
fn every_dialect_gives_the_columns_of_an_aggregate_and_reads_the_asked_days() {
    let dialects = [
        (Engine::BigQuery, "p-1.d.logs", "`p-1.d.logs`", "TIMESTAMP '2026-11-01 00:00:00+00:00'"),
        (Engine::Spark, "d.logs", "d.logs", "TIMESTAMP '2026-11-01 00:00:00Z'"),
        (Engine::DuckDb, "'logs/*.parquet'", "'logs/*.parquet'", "TIMESTAMP '2026-11-01 00:00:00'"),
    ];
    for (engine, table, named, since) in dialects {
        let query = query_of(engine, table, "labels.feature").unwrap();
        assert!(query.contains(&format!("FROM {named}\n  WHERE logging_time >= {since} AND")), "{query}");
        for column in AGGREGATE_COLUMNS {
            let quoted = [format!(" AS `{column}`"), format!(" AS \"{column}\"")];
            assert!(quoted.iter().any(|quoted| query.contains(quoted)), "{column} in {query}");
        }
        assert_eq!(query.contains("--dry_run"), engine == Engine::BigQuery);
    }
}

#[test]
fn a_table_or_a_field_cannot_carry_a_query() {
    for engine in [Engine::BigQuery, Engine::Spark, Engine::DuckDb] {
        for table in ["", "t; DROP TABLE x", "t`", "'a' OR 'b'", "t--", "t\n"] {
            assert!(query_of(engine, table, "model").is_err(), "{engine:?} {table}");
        }
    }
    for field in ["", "a'b", "a b", "labels.", "a\"b", "a.b.c.d.e.f.g.h.i"] {
        assert!(field.parse::<RouteBy>().is_err(), "{field}");
    }
}

#[test]
fn a_label_with_a_hyphen_is_quoted_as_each_engine_wants_it() {
    let path = |engine| query_of(engine, "t", "labels.team-feature").unwrap();
    assert!(path(Engine::BigQuery).contains("'$.labels.\"team-feature\"'"));
    assert!(path(Engine::Spark).contains("'$.labels[\\'team-feature\\']'"));
}
