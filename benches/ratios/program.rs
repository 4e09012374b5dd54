//! The program itself, started as a user starts it: its time and its memory.

use std::{
    io::Read,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// One start of the program.
pub struct Run {
    /// From the start to the end.
    pub wall: Duration,
    /// The most memory that it had; `None` where there is no `/proc`.
    pub peak_megabytes: Option<f64>,
}

/// Starts it with these words, which make it print something.
///
/// # Panics
///
/// When it fails.
pub fn run(words: &[&str]) -> Run {
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_burndown"))
        .args(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut output = child.stdout.take().expect("standard output is piped");
    // The high-water mark is read while the program writes its last bytes: its work is done by then, and the
    // pipe keeps it alive.
    let mut first = [0];
    output.read_exact(&mut first).expect("something is printed");
    let peak_megabytes = high_water_mark(child.id());
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).expect("something is printed");
    assert!(child.wait().expect("it ends").success(), "{words:?} failed");
    Run { wall: start.elapsed(), peak_megabytes }
}

/// The middle of so many runs' seconds, the least, and the most memory.
pub fn runs(times: usize, words: &[&str]) -> (f64, f64, Option<f64>) {
    let runs: Vec<Run> = (0..times).map(|_| run(words)).collect();
    let mut seconds: Vec<f64> = runs.iter().map(|run| run.wall.as_secs_f64()).collect();
    seconds.sort_by(f64::total_cmp);
    let peak = runs.iter().filter_map(|run| run.peak_megabytes).max_by(f64::total_cmp);
    (seconds[times / 2], seconds[0], peak)
}

/// Megabytes of `VmHWM`.
fn high_water_mark(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kilobytes| kilobytes / 1024.0)
}
