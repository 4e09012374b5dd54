//! How fast logs are read, beside what else could read them: a table in Markdown, made in one run.
//!
//! `cargo bench --bench import`. Peers run in Python, see [`python`]; one that cannot be imported there is a row that
//! says so. Ours does the whole import: every count, every histogram,
//! arrivals, who served it. The peers only sum one number of each line, which favours them.
#![allow(missing_docs)]

#[path = "ratios/document.rs"]
mod document;
#[path = "ratios/python.rs"]
mod python;

use std::{collections::BTreeMap, fmt::Write, fs::File, io::Read, path::Path, time::Instant};

use burndown::import::{Collected, Collector, Progress, Settings, read_log};

/// Each reader runs so often; the fastest run counts.
const RUNS: usize = 5;

const KINDS: [&str; 3] = ["text-only lines", "image-bearing lines", "short lines"];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let mut table =
        String::from("| log | reader | cores | GB/s | ours is |\n| --- | --- | ---: | ---: | ---: |\n");
    for kind in KINDS {
        let path = folder.path().join("log.jsonl");
        let log = log(kind);
        std::fs::write(&path, &log).unwrap();
        table += &rows(kind, &path, &log);
    }
    document::put(
        "Import",
        &format!("GB/s of text; the fastest of {RUNS} runs, files in memory's cache.\n\n{table}"),
    );
}

/// Lines of about 6 KB with an answer's text in them, of about 2 MB with one picture each, of 400 bytes.
fn log(kind: &str) -> String {
    match kind {
        "text-only lines" => lines(
            50_000,
            &format!(r#"{{"text":"{}"}}"#, "A line of an answer, with \\\"quotes\\\" in it.\\n".repeat(120)),
        ),
        "image-bearing lines" => lines(
            200,
            &format!(
                r#"{{"inlineData":{{"mimeType":"image/png","data":"{}"}}}}"#,
                "iVBORw0KGgo".repeat(180_000)
            ),
        ),
        _ => lines(400_000, r#"{"text":"An answer of a few words."}"#),
    }
}

fn lines(count: u64, part: &str) -> String {
    let mut text = String::new();
    for at in 0..count {
        writeln!(
            text,
            r#"{{"candidates":[{{"content":{{"role":"model","parts":[{part}]}},"finishReason":"STOP"}}],"usageMetadata":{{"promptTokenCount":{},"candidatesTokenCount":1290,"totalTokenCount":{},"trafficType":"ON_DEMAND","candidatesTokensDetails":[{{"modality":"IMAGE","tokenCount":1290}}]}},"modelVersion":"gemini-2.5-flash-image","createTime":"2026-11-20T{:02}:{:02}:00Z","responseId":"{at:08x}"}}"#,
            at % 700,
            at % 700 + 1290,
            at / 60 % 24,
            at % 60,
        )
        .unwrap();
    }
    text
}

/// The rows of one log: ours, then everybody else.
fn rows(kind: &str, path: &Path, log: &str) -> String {
    let gigabytes = log.len() as f64 / 1e9;
    let import = || {
        let mut collector = Collector::default();
        let file = File::open(path).unwrap();
        read_log(file, "log", &Settings::default(), &Progress::default(), &mut collector).unwrap();
        collector.finish()
    };
    let (one, all) = (on(1, || fastest(import)), fastest(import));
    assert_eq!(prompts(&all.1), expected(log), "what is fast must be right");
    let cores = rayon::current_num_threads();
    let mut ours = BTreeMap::from([(1, one.0)]);
    ours.insert(cores, all.0);
    let mut text = String::new();
    for (cores, seconds) in &ours {
        writeln!(text, "| {kind} | **burndown import** | {cores} | {:.2} | |", gigabytes / seconds).unwrap();
    }
    let mut peer = |name: &str, cores: usize, seconds: f64| {
        let ratio = seconds / ours[&cores];
        writeln!(text, "| {kind} | {name} | {cores} | {:.2} | {ratio:.2} × as fast |", gigabytes / seconds)
            .unwrap();
    };
    peer("serde_json, full parse", 1, fastest(|| full_parse(log)).0);
    peer("the file read, memchr for line ends", 1, fastest(|| read_through(path)).0);
    peer(
        "memchr for line ends, in memory",
        1,
        fastest(|| memchr::memchr_iter(b'\n', log.as_bytes()).count()).0,
    );
    let mut missing = String::new();
    for (name, seconds) in peers(path, expected(log)) {
        let cores = if name.contains("json") { 1 } else { cores };
        match seconds {
            Ok(seconds) => peer(&name, cores, seconds),
            Err(reason) => writeln!(missing, "| {kind} | {name} | | not run: {reason} | |").unwrap(),
        }
    }
    text + &missing
}

/// What every reader of a file pays at least: its bytes in pieces, with the line ends in them.
fn read_through(path: &Path) -> usize {
    let mut file = File::open(path).unwrap();
    let mut piece = vec![0; 1 << 20];
    let mut lines = 0;
    loop {
        match file.read(&mut piece).unwrap() {
            0 => return lines,
            read => lines += memchr::memchr_iter(b'\n', &piece[..read]).count(),
        }
    }
}

/// Seconds of the fastest run, and what it gave.
fn fastest<T>(run: impl Fn() -> T) -> (f64, T) {
    let once = || {
        let start = Instant::now();
        let found = run();
        (start.elapsed().as_secs_f64(), found)
    };
    (1..RUNS).fold(once(), |best, _| {
        let next = once();
        if next.0 < best.0 { next } else { best }
    })
}

fn on<T: Send>(cores: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(cores).build().unwrap().install(run)
}

fn prompts(found: &Collected) -> u64 {
    let cells = found.aggregates.cells.values();
    let sum: u128 = cells.map(|cell| cell.metric(burndown::usage::Metric::Prompt).sum()).sum();
    u64::try_from(sum).unwrap()
}

fn expected(log: &str) -> u64 {
    (0..log.lines().count() as u64).map(|at| at % 700).sum()
}

fn full_parse(log: &str) -> u64 {
    let values = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    values.map(|value| value["usageMetadata"]["promptTokenCount"].as_u64().unwrap()).sum()
}

/// Sums one number of each line in four ways; prints name, seconds and sum, or why it cannot.
const PEERS: &str = r#"
import sys, time
path, runs = sys.argv[1], int(sys.argv[2])
def plain():
    import json
    return sum(json.loads(line)["usageMetadata"]["promptTokenCount"] for line in open(path, encoding="utf-8"))
def fast():
    import orjson
    return sum(orjson.loads(line)["usageMetadata"]["promptTokenCount"] for line in open(path, "rb"))
def duck():
    import duckdb
    return duckdb.sql("SELECT SUM(usageMetadata.promptTokenCount) FROM read_json('%s', format='newline_delimited', maximum_object_size=100000000, columns={usageMetadata: 'STRUCT(promptTokenCount BIGINT)'})" % path).fetchall()[0][0]
def frames():
    import polars
    schema = {"usageMetadata": polars.Struct({"promptTokenCount": polars.Int64})}
    return polars.scan_ndjson(path, schema=schema).select(polars.col("usageMetadata").struct.field("promptTokenCount").sum()).collect().item()
for name, run in [("Python, json", plain), ("Python, orjson", fast), ("DuckDB", duck), ("Polars", frames)]:
    try:
        seconds = []
        for _ in range(runs):
            start = time.perf_counter(); found = run(); seconds.append(time.perf_counter() - start)
        print(name, min(seconds), int(found), sep="\t")
    except Exception as error:
        print(name, "", str(error).splitlines()[0], sep="\t")
"#;

/// Peers with their seconds, or why they did not run.
fn peers(path: &Path, expected: u64) -> Vec<(String, Result<f64, String>)> {
    let ran = match python::run(PEERS, &[path.display().to_string(), RUNS.to_string()]) {
        Ok(ran) => ran,
        Err(why) => return vec![("Python".into(), Err(why))],
    };
    eprintln!("Peers in {}", ran.python);
    let peer = |line: &str| {
        let parts: Vec<&str> = line.split('\t').collect();
        let seconds = parts[1].parse::<f64>().map_err(|_| parts[2].to_string());
        assert!(seconds.is_err() || parts[2].parse() == Ok(expected), "{line}");
        (parts[0].to_string(), seconds)
    };
    ran.text.lines().map(peer).collect()
}
