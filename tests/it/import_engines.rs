//! The generated queries give, row for row, what reading the log gives: in DuckDB, in BigQuery's dialect
//! translated by sqlglot, and in Spark.
//!
//! `BURNDOWN_PYTHON` names a Python that has `duckdb`, `sqlglot` and `pyspark` (which needs Java 17). With it set,
//! one that is missing is a failure; without it, the tests say that they were left out. `RUN_SLOW_TESTS` makes the
//! common log of all engines a million rows long and gives Spark two workers of their own.

use std::{fs, path::Path, process::Command};

use burndown::{
    import::{
        BadTable, Collected, Collector, Engine, Progress, Query, RouteBy, Settings, query, read_log,
        read_parquet,
    },
    tokens::fit_aggregates,
    usage::{AGGREGATE_COLUMNS, aggregate_rows},
};

use crate::{
    cli::burndown,
    import_log::{synthetic_log, synthetic_shard},
    python::python,
    shipped,
};

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
    let since = Some("2026-01-01".parse().unwrap());
    query(&Query { engine, table, since, until: None, route_by, size: None }).unwrap()
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

#[test]
fn duckdb_gives_the_same_sums_as_reading_the_log() {
    let Some(python) = python("no query was run") else { return };
    let folder = tempfile::tempdir().unwrap();
    check(folder.path(), &python, &synthetic_log(2_000, 1), "duckdb", Engine::DuckDb, "VARCHAR");
}

#[test]
fn the_query_for_bigquery_gives_them_too_once_translated() {
    let Some(python) = python("no query was run") else { return };
    for column in ["VARCHAR", "JSON"] {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path(), &python, &synthetic_log(2_000, 2), "bigquery", Engine::BigQuery, column);
    }
}

/// Reads the files of a folder in DuckDB or in Spark, runs a query, writes its result as JSON lines.
const ENGINES: &str = r#"
import sys
engine, master, logs, sql, out = sys.argv[1:]
text = open(sql).read()
if engine == "duckdb":
    import duckdb
    c = duckdb.connect()
    c.execute("SET TimeZone = 'UTC'")
    types = "{endpoint: 'VARCHAR', model: 'VARCHAR', logging_time: 'TIMESTAMP', metadata: 'JSON', full_request: 'VARCHAR', full_response: 'VARCHAR'}"
    c.execute("CREATE VIEW logs AS SELECT * FROM read_json('%s/*.jsonl', format='newline_delimited', columns=%s)" % (logs, types))
    c.execute("COPY (%s) TO '%s/sums.json' (FORMAT json)" % (text, out))
else:
    from pyspark.sql import SparkSession
    s = SparkSession.builder.master(master).config("spark.sql.session.timeZone", "UTC").config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "4").getOrCreate()
    schema = "endpoint STRING, model STRING, logging_time TIMESTAMP, metadata STRING, full_request STRING, full_response STRING"
    logs = s.read.schema(schema).json(logs)
    assert logs.rdd.getNumPartitions() > 1, "one partition alone"
    logs.createOrReplaceTempView("logs")
    s.sql(text).coalesce(1).write.mode("overwrite").json(out)
    s.stop()
"#;

/// The sums that an engine makes of the logs in a folder.
fn engine_sums(folder: &Path, python: &str, engine: Engine, master: &str) -> Collected {
    let name = if engine == Engine::Spark { "spark" } else { "duckdb" };
    let out = folder.join(name);
    fs::create_dir_all(&out).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    fs::write(path("query.sql"), sql(engine, "logs")).unwrap();
    let run = Command::new(python)
        .args(["-c", ENGINES, name, master, &path("logs"), &path("query.sql"), &out.display().to_string()])
        .output()
        .unwrap();
    assert!(run.status.success(), "{name}: {}", String::from_utf8_lossy(&run.stderr));
    let mut collector = Collector::default();
    for entry in fs::read_dir(out).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "json") {
            let file = fs::File::open(file).unwrap();
            read_log(file, "sums", &Settings::default(), &Progress::default(), &mut collector).unwrap();
        }
    }
    collector.finish()
}

/// One log, read as it lies, through DuckDB, and through Spark: the same sums, and the same profiles.
#[test]
fn one_log_gives_the_same_sums_and_profiles_by_reading_in_duckdb_and_in_spark() {
    let Some(python) = python("no query was run") else { return };
    let slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let (rows, master) = if slow { (1_000_000, "local-cluster[2,1,1024]") } else { (4_000, "local[2]") };
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("logs")).unwrap();
    let mut collector = Collector::default();
    for shard in 0..4 {
        let log = synthetic_shard(rows / 4, 3 + shard, shard * rows);
        let name = format!("{shard}.jsonl");
        fs::write(folder.path().join("logs").join(&name), &log).unwrap();
        read_log(log.as_bytes(), &name, &settings(), &Progress::default(), &mut collector).unwrap();
    }
    let read = collector.finish();
    assert_eq!((read.rows, read.aggregates.attempts(), read.left_out.len()), (rows, rows, 0));
    let library = shipped();
    let profiles = |found: &Collected| {
        format!("{:?}", fit_aggregates(&found.aggregates, &library.prices, &library.tokens, "LOG"))
    };
    let expected = (aggregate_rows(&read.aggregates), profiles(&read));
    for engine in [Engine::DuckDb, Engine::Spark] {
        let found = engine_sums(folder.path(), &python, engine, master);
        same(&aggregate_rows(&found.aggregates), &expected.0, &format!("{engine:?}"));
        assert!(found.aggregates == read.aggregates, "{engine:?}");
        assert!(profiles(&found) == expected.1, "{engine:?}");
    }
    eprintln!(
        "{rows} rows: {} rows of sums, alike in DuckDB and in Spark ({master})",
        expected.0.lines().count()
    );
}

fn query_of(engine: Engine, table: &str, field: &str) -> Result<String, BadTable> {
    let since = Some("2026-11-01".parse().unwrap());
    let until = Some("2026-12-01".parse().unwrap());
    query(&Query { engine, table, since, until, route_by: field.parse().unwrap(), size: None })
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

/// The remarks say what is billed, and an estimate where the size of the log is given.
#[test]
fn the_bytes_that_a_query_reads_are_stated() {
    let run = |arguments: &[&str]| {
        let run = burndown(&[&["sql", "--table", "p.d.logs"], arguments].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let size = ["--rows", "1000000", "--row-bytes", "2147475", "--since", "2026-11-01"];
    let sized = run(&[&["--engine", "bigquery"], &size[..]].concat());
    for line in [
        "-- Estimate: 1000000 rows × (2147475 + 8) bytes = 2147483000000 bytes, 1999.999 GiB.\n",
        "--   bq query --use_legacy_sql=false --dry_run < this-file.sql ",
        "--   bq show --format=prettyjson p:d.logs ",
        "-- A table that is not partitioned, or by another column, is read whole whatever the days.\n",
    ] {
        assert!(sized.contains(line), "{line} in {sized}");
    }
    let bare = run(&["--engine", "bigquery"]);
    assert!(bare.contains("cannot be known from here") && !bare.contains("Estimate"), "{bare}");
    assert!(run(&[&["--engine", "duckdb"], &size[..]].concat()).contains("-- Estimate: "));
    assert_eq!(burndown(&["sql", "--engine", "bigquery", "--table", "t", "--rows", "5"]).code, 2);
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
