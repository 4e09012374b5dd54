//! A full plan: 12 months, 3 routes × 3 placements, every GSU count, 4 terms, 2,000 draws, drivers.
//!
//! `cargo bench --bench plan` starts the program itself, so that time and memory are those of a user, and prints
//! rows of a Markdown table with the ratio to the target: 0.5 s of wall time, 100 MB.
#![allow(missing_docs)]

#[path = "ratios/document.rs"]
mod document;
#[path = "ratios/program.rs"]
mod program;
#[path = "ratios/python.rs"]
mod python;

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
    let (middle, least, peak) =
        program::runs(RUNS, &["plan", "--json", "--on=2026-11-21", &file.display().to_string()]);
    let _ = std::fs::remove_file(&file);
    let mut table =
        String::from("| full plan | found | target | found ÷ target |\n| --- | --- | --- | --- |\n");
    let row = |what: &str, unit: &str, found: f64, target: f64| {
        format!("| {what} | {found:.3} {unit} | {target} {unit} | {:.2} |\n", found / target)
    };
    table += &row("wall time, median of 9", "s", middle, SECONDS_TARGET);
    table += &row("wall time, least", "s", least, SECONDS_TARGET);
    table += &match peak {
        Some(peak) => row("peak memory (VmHWM)", "MB", peak, MEGABYTES_TARGET),
        None => format!("| peak memory (VmHWM) | not run: no /proc here | {MEGABYTES_TARGET} MB | – |\n"),
    };
    table += &twin(middle);
    document::put("A full plan", &table);
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

fn twin(seconds: f64) -> String {
    match python::run(TWIN, &[]) {
        Ok(ran) => {
            eprintln!("Instead: in {}", ran.python);
            let twin: f64 = ran.text.trim().parse().expect("the twin prints its seconds");
            format!(
                "| numpy twin of the draws alone (no GSUs, no drivers) | {twin:.4} s | – | the plan takes {:.1} times as long |\n",
                seconds / twin
            )
        }
        Err(why) => format!("| numpy twin of the draws alone | not run: {why} | – | – |\n"),
    }
}
