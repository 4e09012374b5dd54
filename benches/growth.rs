//! A year of a whole company: 200 kinds of request, 50 pools, 10⁹ requests a month; and how the work grows.
//!
//! `cargo bench --bench growth` starts the program itself, so that time and memory are those of a user.
#![allow(missing_docs)]

#[path = "ratios/company.rs"]
mod company;
#[path = "ratios/document.rs"]
mod document;
#[path = "ratios/program.rs"]
mod program;

use std::fmt::Write;

/// Routes and pools; the last is the one that the targets are for.
const SIZES: [(usize, usize); 5] = [(25, 25), (50, 25), (50, 50), (100, 50), (200, 50)];

/// Requests a month of a route.
const REQUESTS: f64 = 5e6;

const SECONDS_TARGET: f64 = 5.0;
const MEGABYTES_TARGET: f64 = 500.0;
const RUNS: usize = 3;

fn main() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let file = folder.path().join("company.toml");
    let mut table = String::from(
        "| routes | pools | requests a month | wall time, median of 3 | peak memory |\n| ---: | ---: | ---: | ---: | ---: |\n",
    );
    let mut last = (0.0, None);
    for (routes, pools) in SIZES {
        let requests = REQUESTS * routes as f64;
        std::fs::write(&file, company::workload(routes, pools, requests)).expect("a file can be written");
        let (seconds, _, peak) =
            program::runs(RUNS, &["plan", "--json", "--on=2026-11-21", &file.display().to_string()]);
        let peak_text = peak.map_or("not run: no /proc here".into(), |peak| format!("{peak:.0} MB"));
        writeln!(table, "| {routes} | {pools} | {requests:.0e} | {seconds:.2} s | {peak_text} |")
            .expect("a text takes a line");
        last = (seconds, peak);
    }
    let (seconds, peak) = last;
    let memory = peak
        .map_or(String::new(), |peak| format!(", {:.2} of {MEGABYTES_TARGET} MB", peak / MEGABYTES_TARGET));
    let found = format!(
        "Targets of the last row: {SECONDS_TARGET} s and {MEGABYTES_TARGET} MB. It takes {:.2} of {SECONDS_TARGET} s{memory}.",
        seconds / SECONDS_TARGET
    );
    document::put("A company's year", &format!("{table}\n{found}"));
}
