//! Every parser of outside data as a function of bytes that must not panic, with what must hold besides.
//!
//! Included by the coverage-guided fuzzer (`fuzz/main.rs`) and by `tests/it/fuzz.rs`, which runs each target on
//! the seeds and on mutated seeds.

use std::{path::PathBuf, sync::LazyLock};

use burndown::{
    calibrate::{Credentials, read_journal},
    capacity::CapacityBook,
    commands::Library,
    diagnostics::SourceText,
    emulator::{Behaviour, parse_faults},
    import::{Collected, Collector, LogFormat, Progress, Settings, read_log, strip},
    prices::PriceBook,
    projection::{
        Inputs, SavedPlan,
        check::{Policy, read_daily},
        project,
        reconcile::read_bill,
    },
    replay::{BurnRates, TraceReader},
    stats::{CountLaw, LoadLaw, Mark, Marks, Stream, Traffic},
    tokens::{Fitted, FittedCell, TokenProfile, fit, fit_aggregates},
    usage::{Anomaly, classes_of, read_observations, read_response},
    workload::{OutsideFiles, Workload, WorkloadFile},
};

/// A parser and where its seeds lie: files and folders of the project.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub seeds: &'static [&'static str],
}

/// All of them.
pub const TARGETS: [Target; 23] = [
    Target {
        name: "workload",
        run: workload,
        seeds: &["profiles/workloads", "tests/data/bad_workloads", "tests/data/bad_inputs/scenarios"],
    },
    Target { name: "plan-of-workload", run: plan_of_workload, seeds: &["profiles/workloads"] },
    Target { name: "prices", run: prices, seeds: &["profiles/prices", "tests/data/bad_inputs/prices"] },
    Target {
        name: "capacity",
        run: capacity,
        seeds: &["profiles/capacity", "tests/data/bad_inputs/capacity"],
    },
    Target { name: "tokens", run: tokens, seeds: &["profiles/tokens", "tests/data/bad_inputs/tokens"] },
    Target {
        name: "observations",
        run: observations,
        seeds: &["profiles/observations/public.csv", "tests/data/bad_inputs/observations"],
    },
    Target {
        name: "response",
        run: response,
        seeds: &["tests/data/responses", "tests/data/bad_inputs/responses"],
    },
    Target { name: "log", run: log, seeds: &["tests/data/responses", "profiles/observations/public.csv"] },
    Target { name: "log-shards", run: log_shards, seeds: &["tests/data/responses"] },
    Target { name: "log-formats", run: log_formats, seeds: &["tests/data/bad_inputs/logs"] },
    Target { name: "skim", run: skimmed, seeds: &["tests/data/responses"] },
    Target { name: "fit-sums", run: fit_sums, seeds: &["fuzz/seeds/observations.jsonl"] },
    Target { name: "load-law", run: load_law, seeds: &["fuzz/seeds/azure.csv"] },
    Target { name: "strip", run: stripped, seeds: &["tests/data/responses"] },
    Target { name: "bill", run: bill, seeds: &["tests/data/bills", "tests/data/bad_inputs/bills"] },
    Target { name: "daily", run: daily, seeds: &["fuzz/seeds/daily.csv", "tests/data/bad_inputs/daily"] },
    Target { name: "policy", run: policy, seeds: &["tests/data/bad_policies"] },
    Target { name: "journal", run: journal, seeds: &["fuzz/seeds/journal.jsonl"] },
    Target {
        name: "trace",
        run: trace,
        seeds: &["fuzz/seeds/azure.csv", "fuzz/seeds/mooncake.jsonl", "tests/data/bad_inputs/traces"],
    },
    Target {
        name: "saved-plan",
        run: saved_plan,
        seeds: &["fuzz/seeds/plan.json", "tests/data/bad_inputs/plans"],
    },
    Target { name: "credentials", run: credentials, seeds: &["fuzz/seeds/credentials.json"] },
    Target { name: "behaviour", run: behaviour, seeds: &["fuzz/seeds/behaviour.toml"] },
    Target { name: "faults", run: faults, seeds: &["fuzz/seeds/faults.toml"] },
];

/// The seeds of a target, in the order of their names.
pub fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = if root.ends_with("fuzz") { root.join("..") } else { root };
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> = target.seeds.iter().map(|seed| root.join(seed)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap_or_else(|error| panic!("{path:?}: {error}"))).collect()
}

static LIBRARY: LazyLock<Library> = LazyLock::new(|| Library::load(None).expect("the shipped files load"));

fn source(data: &[u8]) -> Option<SourceText> {
    SourceText::from_bytes("input", data.to_vec()).ok()
}

/// A message that is empty helps nobody.
fn told<T, E: std::fmt::Display>(result: Result<T, E>) -> Option<T> {
    result.map_err(|error| assert!(!error.to_string().trim().is_empty(), "an error without a word")).ok()
}

fn resolved(data: &[u8]) -> Option<Workload> {
    let source = source(data)?;
    let file = told(WorkloadFile::parse(&source))?;
    let today = "2026-11-21".parse().unwrap();
    told(Workload::resolve(file, &source, &LIBRARY.prices, today, &OutsideFiles::default()))
}

fn workload(data: &[u8]) {
    resolved(data);
}

/// What is accepted can be planned, and its numbers are numbers.
fn plan_of_workload(data: &[u8]) {
    let Some(workload) = resolved(data) else { return };
    if workload.routes.len() > 3 || workload.horizon_months > 12 {
        return;
    }
    let Library { prices, capacity, tokens, .. } = &*LIBRARY;
    let Some(plan) = told(project(&Inputs { workload: &workload, prices, capacity, tokens })) else { return };
    let text = serde_json::to_string(&plan).expect("a plan is JSON");
    let value: serde_json::Value = serde_json::from_str(&text).expect("and reads back");
    SavedPlan::read(&value).expect("a plan that was just made can be read");
    let mean = value.pointer("/bill/month/mean").expect("it has a bill");
    assert!(mean.as_f64().is_some_and(|usd| usd.is_finite() && usd >= 0.0), "a month of {mean}");
}

fn prices(data: &[u8]) {
    source(data).map(|source| told(PriceBook::parse(&source)));
}

fn capacity(data: &[u8]) {
    source(data).map(|source| told(CapacityBook::parse(&source)));
}

fn tokens(data: &[u8]) {
    source(data).map(|source| told(TokenProfile::parse(&source)));
}

/// What was read is written and read again, and its classes are computed.
fn observations(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(rows) = told(read_observations(text)) else { return };
    for row in rows {
        let _ = (row.classes(), row.traffic(), row.input_pixels());
        let line = serde_json::to_string(&row).expect("an observation is JSON");
        let again = read_observations(&line).expect("and reads back");
        assert_eq!(again, [row]);
    }
}

/// Classes add up to the reported total unless an anomaly says why not.
fn response(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(reading) = told(read_response(text)) else { return };
    let (classes, anomalies) = classes_of(&reading.counts, reading.image_parts);
    let strange = !reading.anomalies.is_empty() || anomalies.iter().any(Anomaly::hides_cost);
    if let Some(total) = reading.counts.total.filter(|_| !strange) {
        assert_eq!(classes.total(), total, "{:?}", reading.counts);
    }
}

fn collected(parts: &[&[u8]]) -> Option<Collected> {
    let settings = Settings { keep: 1_000_000, ..Settings::default() };
    let mut collector = Collector::default();
    for part in parts {
        told(read_log(*part, "log", &settings, &Progress::default(), &mut collector))?;
    }
    Some(collector.finish())
}

fn log(data: &[u8]) {
    collected(&[data]);
}

/// JSON lines in one file or in two sum up to the same.
fn log_shards(data: &[u8]) {
    // One object a line, as logs hold them; other kinds are one whole.
    let is_object =
        |line: &&[u8]| serde_json::from_slice::<serde_json::Value>(line).is_ok_and(|it| it.is_object());
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').filter(is_object).collect();
    if lines.len() < 2 {
        return;
    }
    let half = lines.len() / 2;
    let (first, second) = (lines[..half].join(&b'\n'), lines[half..].join(&b'\n'));
    let whole = [first.as_slice(), second.as_slice()].join(&b'\n');
    let (Some(one), Some(two)) = (collected(&[&whole]), collected(&[&first, &second])) else { return };
    // Chunks of one stream on lines of their own are told, and left out, only where they stand together.
    if one.left_out.values().chain(two.left_out.values()).any(|left| left.broken) {
        return;
    }
    assert_eq!(one.rows, two.rows);
    assert_eq!(one.aggregates, two.aggregates);
}

/// The first byte names the format.
fn log_formats(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let format = LogFormat::ALL[usize::from(*first) % LogFormat::ALL.len()];
    let settings = Settings { keep: 1_000, format: Some(format), ..Settings::default() };
    for text in [data, rest] {
        let mut collector = Collector::default();
        told(read_log(text, "log", &settings, &Progress::default(), &mut collector));
    }
}

/// A body on one line has the same counts for the importer, which passes over what it does not need, as for
/// `quote`, which parses all of it.
fn skimmed(data: &[u8]) {
    let line: Vec<u8> = data.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect();
    let Ok(serde_json::Value::Object(body)) = serde_json::from_slice(&line) else { return };
    // Other rows are searched for the body that they hold.
    let plain = ["candidates", "usageMetadata", "modelVersion", "createTime", "responseId", "promptFeedback"];
    if !body.keys().all(|key| plain.contains(&key.as_str())) {
        return;
    }
    let Some(Ok(reading)) = std::str::from_utf8(&line).ok().map(read_response) else { return };
    let Some(found) = collected(&[&line]) else { return };
    // A key that stands twice is refused by the importer.
    if found.left_out.values().any(|left| left.broken) {
        return;
    }
    let [row] = &found.observations.expect("few rows are kept")[..] else { panic!("not one row") };
    assert_eq!(row.classes().0, reading.tokens, "{}", String::from_utf8_lossy(&line));
    assert_eq!(row.finish_reason, reading.finish_reason, "{}", String::from_utf8_lossy(&line));
}

/// What is learned from sums stands for the same answers as what is learned from each of them.
fn fit_sums(data: &[u8]) {
    let Some(found) = collected(&[data]) else { return };
    let Some(rows) = found.observations.filter(|rows| !rows.is_empty()) else { return };
    let Library { prices, tokens, .. } = &*LIBRARY;
    let single = fit(&rows, prices, tokens, "LOG");
    let sums = fit_aggregates(&found.aggregates, prices, tokens, "LOG");
    assert_eq!(single.left_out, sums.left_out);
    let stands_for = |fitted: &Fitted| -> Vec<_> {
        let of = |cell: &FittedCell| {
            (cell.backend, cell.model.clone(), cell.cell.kind.as_str(), cell.rows, cell.cell.blocked)
        };
        fitted.cells.iter().map(of).collect()
    };
    assert_eq!(stands_for(&single), stands_for(&sums));
}

/// The law of a window's load by transforms is that of Panjer's recursion (1981), for whole sizes.
fn load_law(data: &[u8]) {
    let Some((&[law, shape, mean], weights)) = data.split_first_chunk::<3>() else { return };
    let mean = f64::from(mean) / 16.0 + 0.1;
    let shape = f64::from(shape) / 8.0 + 0.25;
    let counts = if law % 2 == 0 { CountLaw::Poisson } else { CountLaw::NegativeBinomial { shape } };
    // One token is always among the sizes, so that the lattice of the transform has a step of one.
    let weights: Vec<f64> = [1.0].into_iter().chain(weights.iter().take(7).map(|w| f64::from(*w))).collect();
    let total: f64 = weights.iter().sum();
    let sizes: Vec<(usize, f64)> = weights
        .iter()
        .enumerate()
        .map(|(at, weight)| (at + 1, weight / total))
        .filter(|(_, p)| *p > 0.0)
        .collect();
    let mark = |(value, probability): &(usize, f64)| Mark {
        value: *value as f64,
        probability: *probability,
        second: 0.0,
    };
    let marks = Marks::new(sizes.iter().map(mark)).expect("sizes with weights");
    let traffic = Traffic::new(&[1.0], vec![Stream { marks, counts, rates: vec![mean] }]).expect("traffic");
    let found = LoadLaw::new(&traffic, 1.0, f64::INFINITY);
    if found.step() != 1.0 {
        return;
    }
    let tail = found.tail();
    let mut above = 1.0;
    for (point, (found, probability)) in tail.iter().zip(panjer(counts, mean, &sizes, tail.len())).enumerate()
    {
        above -= probability;
        assert!((found - above).abs() < 1e-9, "{counts:?} {mean} {sizes:?}: {found} for {above} at {point}");
    }
}

/// Probabilities of loads 0 … points − 1.
fn panjer(counts: CountLaw, mean: f64, sizes: &[(usize, f64)], points: usize) -> Vec<f64> {
    let (a, b, start) = match counts {
        CountLaw::NegativeBinomial { shape } => {
            let q = mean / (mean + shape);
            (q, (shape - 1.0) * q, (1.0 - q).powf(shape))
        }
        _ => (0.0, mean, (-mean).exp()),
    };
    let mut law = vec![start];
    for n in 1..points {
        let term = |(size, p): &(usize, f64)| (a + b * *size as f64 / n as f64) * p * law[n - size];
        law.push(sizes.iter().filter(|(size, _)| *size <= n).map(term).sum());
    }
    law
}

/// What a full parser takes, the scanner leaves readable, with the same counts; what the parser refuses, the
/// scanner does not make readable.
fn stripped(data: &[u8]) {
    let full: Result<serde_json::Value, _> = serde_json::from_slice(data);
    let mut left = Vec::new();
    let short = strip(data, &mut left).is_ok().then(|| serde_json::from_slice::<serde_json::Value>(&left));
    match (full, short) {
        (Ok(full), Some(Ok(short))) => {
            for key in ["usageMetadata", "modelVersion", "createTime"] {
                let small = full.get(key).is_some_and(|value| value.to_string().len() < 200);
                assert!(!small || full.get(key) == short.get(key), "{key} differs");
            }
        }
        (Ok(full), Some(Err(error))) => panic!("{error} after the scan of {full}"),
        _ => {}
    }
}

fn bill(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        told(read_bill(text, None));
    }
}

fn daily(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        told(read_daily(text, None));
    }
}

fn policy(data: &[u8]) {
    source(data).map(|source| told(Policy::parse(&source)));
}

/// What is cut off lies after the last whole line, and reading what stays gives the same entries.
fn journal(data: &[u8]) {
    let Some(read) = told(read_journal(data)) else { return };
    assert!(read.whole_bytes <= data.len());
    let again = read_journal(&data[..read.whole_bytes]).expect("whole lines read again");
    assert_eq!(again.entries, read.entries);
}

fn trace(data: &[u8]) {
    let rates = BurnRates::of_weights(1.into(), 9.into()).expect("two weights");
    let Some(mut reader) = told(TraceReader::open("trace", data, None, &rates, |_| true)) else { return };
    let mut batch = Vec::new();
    let mut latest = i64::MIN;
    while told(reader.next_batch(&mut batch)).unwrap_or(false) {
        for request in &batch {
            assert!(request.at_micros >= latest, "out of order");
            latest = request.at_micros;
        }
    }
}

fn saved_plan(data: &[u8]) {
    if let Ok(value) = serde_json::from_slice(data) {
        told(SavedPlan::read(&value));
    }
}

fn credentials(data: &[u8]) {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> =
        LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
    // The library starts a task to renew tokens.
    let _inside = RUNTIME.enter();
    if let Ok(text) = std::str::from_utf8(data) {
        told(Credentials::from_json(text, None));
    }
}

fn behaviour(data: &[u8]) {
    source(data).map(|source| told(Behaviour::parse(&source)));
}

fn faults(data: &[u8]) {
    source(data).map(|source| told(parse_faults(&source)));
}
