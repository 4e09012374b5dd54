//! A full plan: 12 months, 3 routes × 3 placements, every GSU count, 4 terms, 2,000 draws, drivers.
//!
//! `cargo bench --bench plan` starts the program itself, so that time and memory are those of a user, and prints
//! rows of a Markdown table with the ratio to the target: 0.5 s of wall time, 100 MB.
#![allow(missing_docs)]

#[path = "ratios/python.rs"]
mod python;

use std::{
    io::Read,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Three routes, each on the Developer API, on Vertex AI at `global` and in a region.
const WORKLOAD: &str = r#"
name = "bench"
start = "2027-01-01"
horizon_months = 12

[[route]]
name = "photos"
model = "nano-banana-pro"
prompt_tokens = [40, 60, 90]
input_images = ["1408x768"]
requests_per_month = [150_000, 180_000, 230_000]
growth_per_month = [0, 0.03, 0.06]
placements = ["developer", "vertex:global", "vertex:europe-west4"]

[[route]]
name = "rooms"
model = "nano-banana-2.1"
prompt_tokens = [150, 220, 320]
input_images = ["2048x1536"]
requests_per_month = [200_000, 300_000, 420_000]
growth_per_month = [0, 0.02, 0.05]
placements = ["vertex:global", "vertex:europe-west4", "developer"]

[[route]]
name = "assistant"
model = "gemini-3.8-flash"
prompt_tokens = [3_000, 3_500, 4_200]
output_text_tokens = [200, 250, 320]
requests_per_day = [90_000, 120_000, 160_000]
day_shape = "office"
placements = ["vertex:global", "vertex:europe-west4", "developer"]
"#;

const SECONDS_TARGET: f64 = 0.5;
const MEGABYTES_TARGET: f64 = 100.0;
const RUNS: usize = 9;

fn main() {
    let file = std::env::temp_dir().join(format!("burndown-bench-{}.toml", std::process::id()));
    std::fs::write(&file, WORKLOAD).expect("the temporary folder takes a file");
    let runs: Vec<Run> = (0..RUNS).map(|_| run(&file)).collect();
    let _ = std::fs::remove_file(&file);
    let mut seconds: Vec<f64> = runs.iter().map(|run| run.wall.as_secs_f64()).collect();
    seconds.sort_by(f64::total_cmp);
    let middle = seconds[RUNS / 2];
    println!("| full plan | found | target | ratio |");
    println!("| --- | --- | --- | --- |");
    let row = |what: &str, unit: &str, found: f64, target: f64| {
        println!("| {what} | {found:.3} {unit} | {target} {unit} | {:.2} |", found / target);
    };
    row("wall time, median of 9", "s", middle, SECONDS_TARGET);
    row("wall time, least", "s", seconds[0], SECONDS_TARGET);
    match runs.iter().filter_map(|run| run.peak_megabytes).max_by(f64::total_cmp) {
        Some(peak) => row("peak memory (VmHWM)", "MB", peak, MEGABYTES_TARGET),
        None => println!("| peak memory (VmHWM) | not run: no /proc here | {MEGABYTES_TARGET} MB | – |"),
    }
    twin(middle);
}

/// One start of the program.
struct Run {
    wall: Duration,
    peak_megabytes: Option<f64>,
}

fn run(file: &std::path::Path) -> Run {
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_burndown"))
        .args(["plan", "--json", "--on=2026-11-21"])
        .arg(file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut output = child.stdout.take().expect("standard output is piped");
    // The high-water mark is read while the program writes its last bytes: the plan is whole by then, and the
    // pipe keeps it alive.
    let mut first = [0];
    output.read_exact(&mut first).expect("a plan is printed");
    let peak_megabytes = high_water_mark(child.id());
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).expect("a plan is printed");
    assert!(child.wait().expect("it ends").success(), "the plan failed");
    Run { wall: start.elapsed(), peak_megabytes }
}

/// Megabytes of `VmHWM`.
fn high_water_mark(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kilobytes| kilobytes / 1024.0)
}

/// The simulation alone in numpy: 2,000 draws of 3 routes over 12 months and 6 classes.
const TWIN: &str = "
import time, numpy as np
r = np.random.default_rng(1); B, R, M, C = 2000, 3, 12, 6
usd = r.random((R, M, C)) * 1e4
def run():
    volume = np.exp(0.1 * r.standard_normal((B, 1, 1, 1)))
    growth = (1 + 0.02 * r.standard_normal((B, 1, 1, 1))) ** np.arange(M)[None, None, :, None]
    rows = r.exponential(size=(B, R, 30)); rows /= rows.sum(2, keepdims=True)
    tokens = (rows * r.random((1, R, 30))).sum(2)[:, :, None, None]
    days = 1 + 0.28 / 30 ** .5 * r.standard_normal((B, 1, M, 1))
    month = (usd[None] * volume * growth * tokens * days).sum((1, 3))
    return np.quantile(month, np.linspace(0, 1, 101), axis=0)
run(); t = time.perf_counter(); [run() for _ in range(5)]
print((time.perf_counter() - t) / 5)
";

fn twin(seconds: f64) {
    match python::run(TWIN, &[]) {
        Ok(ran) => {
            let twin: f64 = ran.text.trim().parse().expect("the twin prints its seconds");
            println!(
                "| numpy twin of the draws alone (no GSUs, no drivers), in {} | {twin:.4} s | – | the plan takes {:.1} times as long |",
                ran.python,
                seconds / twin
            );
        }
        Err(why) => println!("| numpy twin of the draws alone | not run: {why} | – | – |"),
    }
}
