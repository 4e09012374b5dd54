//! How fast logs are read: text-only lines and lines with pictures, beside a full JSON parse and the search for
//! line ends alone, which is the limit.
//!
//! `cargo bench --bench import`; with `BURNDOWN_PYTHON` set, the same log is read by plain Python, DuckDB and
//! Polars, as far as they can be imported, and their time is printed.
#![allow(missing_docs)]

use std::{fmt::Write, process::Command};

use burndown::import::{Collector, Progress, Settings, read_log};
use divan::{Bencher, counter::BytesCount};

fn main() {
    divan::main();
    python();
}

/// Lines of about 6 KB, the answer's text in them.
fn text_lines() -> String {
    lines(
        5_000,
        &format!(r#"{{"text":"{}"}}"#, "A line of an answer, with \\\"quotes\\\" in it.\\n".repeat(120)),
    )
}

/// Lines of about 2 MB, one picture each.
fn picture_lines() -> String {
    lines(
        60,
        &format!(r#"{{"inlineData":{{"mimeType":"image/png","data":"{}"}}}}"#, "iVBORw0KGgo".repeat(180_000)),
    )
}

fn lines(count: u64, part: &str) -> String {
    let mut text = String::new();
    for at in 0..count {
        writeln!(
            text,
            r#"{{"candidates":[{{"content":{{"role":"model","parts":[{part}]}},"finishReason":"STOP"}}],"usageMetadata":{{"promptTokenCount":{},"candidatesTokenCount":1290,"totalTokenCount":{},"trafficType":"ON_DEMAND","candidatesTokensDetails":[{{"modality":"IMAGE","tokenCount":1290}}]}},"modelVersion":"gemini-2.5-flash-image","createTime":"2026-11-20T10:00:00Z"}}"#,
            at % 700,
            at % 700 + 1290
        )
        .unwrap();
    }
    text
}

const KINDS: [&str; 2] = ["text", "pictures"];

fn log(kind: &str) -> String {
    if kind == "text" { text_lines() } else { picture_lines() }
}

#[divan::bench(args = KINDS)]
fn import_all_cores(bencher: Bencher, kind: &str) {
    let log = log(kind);
    bencher.counter(BytesCount::of_str(&log)).bench(|| {
        let mut collector = Collector::default();
        read_log(log.as_bytes(), "log", &Settings::default(), &Progress::default(), &mut collector).unwrap();
        collector.finish().rows
    });
}

#[divan::bench(args = KINDS)]
fn strip_one_core(bencher: Bencher, kind: &str) {
    let log = log(kind);
    bencher.counter(BytesCount::of_str(&log)).bench(|| {
        let mut out = Vec::new();
        for line in log.lines() {
            out.clear();
            burndown::import::strip(line.as_bytes(), &mut out).unwrap();
        }
        out.len()
    });
}

#[divan::bench(args = KINDS)]
fn full_parse_one_core(bencher: Bencher, kind: &str) {
    let log = log(kind);
    bencher.counter(BytesCount::of_str(&log)).bench(|| {
        log.lines()
            .filter(|line| serde_json::from_str::<serde_json::Value>(line).unwrap().is_object())
            .count()
    });
}

#[divan::bench(args = KINDS)]
fn line_ends_alone_one_core(bencher: Bencher, kind: &str) {
    let log = log(kind);
    bencher.counter(BytesCount::of_str(&log)).bench(|| memchr::memchr_iter(b'\n', log.as_bytes()).count());
}

/// Reads a log in three ways and prints the seconds of each.
const PEERS: &str = r#"
import sys, time, json
path = sys.argv[1]
def timed(name, run):
    try:
        start = time.perf_counter(); run(); print(f"  {name}: {time.perf_counter() - start:.3f} s")
    except ImportError:
        print(f"  {name}: not installed")
def plain():
    return sum(json.loads(line)["usageMetadata"]["promptTokenCount"] for line in open(path))
def duck():
    import duckdb
    duckdb.sql("SELECT SUM(CAST(json_extract_string(usageMetadata, '$.promptTokenCount') AS BIGINT)) FROM read_json('%s', format='newline_delimited', maximum_object_size=100000000, columns={usageMetadata: 'JSON'})" % path).fetchall()
def polars():
    import polars
    polars.scan_ndjson(path, schema={"usageMetadata": polars.Struct({"promptTokenCount": polars.Int64})}).select(polars.col("usageMetadata").struct.field("promptTokenCount").sum()).collect()
for name, run in [("Python's json", plain), ("DuckDB", duck), ("Polars", polars)]:
    timed(name, run)
"#;

fn python() {
    let Ok(python) = std::env::var("BURNDOWN_PYTHON") else { return };
    for kind in KINDS {
        let log = log(kind);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        std::fs::write(&path, &log).unwrap();
        println!("{kind}: {:.0} MB", log.len() as f64 / 1e6);
        let run = Command::new(&python).args(["-c", PEERS]).arg(&path).output().unwrap();
        print!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    }
}
