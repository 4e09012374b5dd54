//! Replay against the law that the curve is made of, and the memory of a long replay.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use burndown::{
    capacity::Estimate,
    replay::{Purchase, Replay, Request},
    stats::{AdmissionTable, ArrivalTail, CountLaw, Mark, Marks, Stream, Traffic, generator},
};
use rand::RngExt;
use rand_distr::{Distribution, Gamma, Poisson};

use crate::replay::options;

const WINDOW_SECONDS: u64 = 30;
const WINDOWS: usize = 40_000;

/// Sizes of 1 to 4 drafts.
const SIZES: [(u64, f64); 4] = [(69_900, 0.8), (137_100, 0.1), (204_300, 0.06), (271_500, 0.04)];

/// Requests of many windows; the rate of each window has a gamma factor of this shape, if any.
fn requests(mean: f64, shape: Option<f64>, seed: u64) -> Vec<Request> {
    let mut random = generator(seed, 0);
    let mut all = Vec::new();
    for window in 0..WINDOWS {
        let factor = shape.map_or(1.0, |shape| Gamma::new(shape, 1.0 / shape).unwrap().sample(&mut random));
        let count = Poisson::new(mean * factor).unwrap().sample(&mut random) as usize;
        let mut times: Vec<i64> =
            (0..count).map(|_| (random.random::<f64>() * WINDOW_SECONDS as f64 * 1e6) as i64).collect();
        times.sort_unstable();
        for at in times {
            let point: f64 = random.random();
            let mut below = 0.0;
            let size = SIZES.iter().find(|(_, share)| {
                below += share;
                point < below
            });
            let at_micros = window as i64 * WINDOW_SECONDS as i64 * 1_000_000 + at;
            let units = size.unwrap_or(&SIZES[3]).0;
            all.push(Request { at_micros, input_units: 300, units, latency: None });
        }
    }
    // Windows are counted from the first request: one at the very start keeps them where they were drawn.
    all[0].at_micros = 0;
    all
}

/// Share of burn that the exact law leaves.
fn exact(mean: f64, shape: Option<f64>, quota: f64) -> f64 {
    let mark = |(value, probability): (u64, f64)| Mark { value: value as f64, probability, second: 0.0 };
    let marks = Marks::new(SIZES.map(mark)).unwrap();
    let counts = shape.map_or(CountLaw::Poisson, |shape| CountLaw::NegativeBinomial { shape });
    let stream = Stream { marks, counts, rates: vec![mean] };
    let traffic = Traffic::new(&[1.0], vec![stream]).unwrap();
    let (table, tail) = (AdmissionTable::new(&traffic.pooled_marks()), ArrivalTail::new(&traffic, 1.0, 4096));
    let admitted: f64 = table
        .capacities(quota)
        .iter()
        .filter(|(_, weight)| *weight > 0.0)
        .map(|(capacity, weight)| weight * table.row(*capacity, tail.arrivals()).admitted(&tail).load)
        .sum();
    1.0 - admitted / traffic.mean_load()
}

/// What a replay leaves of every hundredth of the windows, and of all.
fn replayed(requests: &[Request], quota_units: u64, estimate: Estimate) -> (f64, f64) {
    let purchase = Purchase { gsu: 1, window_seconds: WINDOW_SECONDS, window_grade: None, quota_units };
    let batch_windows = (WINDOWS / 100) as i64;
    let place = |request: &Request| request.at_micros / (WINDOW_SECONDS as i64 * 1_000_000) / batch_windows;
    let (mut left, mut offered) = (Vec::new(), Vec::new());
    for part in requests.chunk_by(|a, b| place(a) == place(b)) {
        let mut part = part.to_vec();
        // The windows of this part begin where its first window does.
        let start = place(&part[0]) * batch_windows * WINDOW_SECONDS as i64 * 1_000_000;
        part[0].at_micros = start;
        let mut replay =
            Replay::new(burndown::replay::ReplayOptions { estimate, ..options(vec![purchase]) }).unwrap();
        replay.push(&part);
        let (demand, outcomes) = replay.finish();
        left.push(outcomes[0].units.value());
        offered.push(demand.units as f64);
    }
    let share = left.iter().sum::<f64>() / offered.iter().sum::<f64>();
    let residuals = left.iter().zip(&offered).map(|(left, offered)| (left - share * offered).powi(2));
    let error = residuals.sum::<f64>().sqrt() / offered.iter().sum::<f64>();
    (share, error)
}

/// Estimates that are right, and estimates by the state machine's other way, leave what the recursion says.
#[test]
fn a_replay_of_right_estimates_leaves_what_the_exact_law_says() {
    for (mean, shape, quota) in
        [(9.0, None, 700_000_u64), (9.0, Some(8.0), 900_000), (25.0, Some(8.0), 2_300_000)]
    {
        let requests = requests(mean, shape, 7);
        let (share, error) = replayed(&requests, quota, Estimate::Actual);
        let expected = exact(mean, shape, quota as f64);
        assert!(error < 0.003, "{error}");
        assert!(
            (share - expected).abs() < 5.0 * error + 1e-9,
            "{mean} {shape:?}: {share} ± {error}, {expected}"
        );
        assert!(expected > 20.0 * error, "the quota is tight enough to tell");
    }
}

/// Feeds rows to `burndown replay -` and reads the most memory it ever held, kilobytes, before the input ends.
#[cfg(target_os = "linux")]
fn peak_kilobytes(rows: u64) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_burndown"))
        .args([
            "replay",
            "-",
            "--burn-input=1",
            "--burn-output=9",
            "--burn-per-second-per-gsu=2690",
            "--window=30",
        ])
        .args(["--gsu=10,20,25", "--json"])
        .env_remove("BURNDOWN_PROFILES")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = std::io::BufWriter::new(child.stdin.take().unwrap());
    writeln!(input, "arrived_at,num_prefill_tokens,num_decode_tokens").unwrap();
    for row in 1..=rows {
        writeln!(input, "{}.{:02},{},{}", row / 100, row % 100, row % 700, row % 90).unwrap();
    }
    input.flush().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak = peak.trim().trim_end_matches(" kB").parse().unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
    peak
}

/// A million rows, or ten million with `RUN_SLOW_TESTS`, take the memory of a hundred thousand.
#[cfg(target_os = "linux")]
#[test]
fn a_long_trace_takes_the_memory_of_a_short_one() {
    let rows = if std::env::var_os("RUN_SLOW_TESTS").is_some() { 10_000_000 } else { 1_000_000 };
    let (short, long) = (peak_kilobytes(100_000), peak_kilobytes(rows));
    assert!(short > 1_000, "{short}");
    // Batches may hold a little more of a longer trace, never its rows: a million of them are 40 MB.
    assert!(long < short + 8_000, "{short} kB for 100,000 rows, {long} kB for {rows}");
}
