//! A table of ratios in Markdown: each work beside its target and beside what a user would take instead.
//!
//! The other way runs in Python, see [`python`]. The table says which one, or why none did.

mod document;
mod python;

use std::{collections::BTreeMap, time::Instant};

/// One line of the table.
pub struct Row {
    /// What is done.
    pub work: String,
    /// Items of one run, and what they are; a run alone counts in milliseconds.
    pub items: Option<(f64, &'static str)>,
    /// Seconds of one run.
    pub seconds: f64,
    /// Seconds that a run may take.
    pub target_seconds: Option<f64>,
    /// What a user would take instead, and the name of its line in the peers' answer.
    pub peer: Option<(&'static str, &'static str)>,
}

/// Seconds of one run: the median of five, each long enough to be timed.
pub fn seconds<T>(mut run: impl FnMut() -> T) -> f64 {
    let once = |run: &mut dyn FnMut() -> T, times: u32| {
        let start = Instant::now();
        (0..times).for_each(|_| drop(divan::black_box(run())));
        start.elapsed().as_secs_f64() / f64::from(times)
    };
    let first = once(&mut run, 1);
    let times = (0.05 / first.max(1e-9)).ceil().clamp(1.0, 1e6) as u32;
    let mut all: Vec<f64> = (0..5).map(|_| once(&mut run, times)).collect();
    all.sort_by(f64::total_cmp);
    all[2]
}

/// Whether the ratios are wanted: not when single benches are picked, and not under `cargo test`.
pub fn wanted() -> bool {
    std::env::args().skip(1).all(|arg| arg == "--bench")
}

/// What the other ways took.
pub struct Peers {
    /// The Python that they ran in.
    python: String,
    /// Seconds of a run by name.
    seconds: BTreeMap<String, f64>,
}

/// Runs a script that prints seconds per run by name, one `name<TAB>seconds` a line; or why it did not run.
pub fn peers(script: &str) -> Result<Peers, String> {
    let ran = python::run(script, &[])?;
    let line = |line: &str| {
        let (name, seconds) = line.split_once('\t')?;
        Some((name.to_string(), seconds.trim().parse().ok()?))
    };
    Ok(Peers { python: ran.python, seconds: ran.text.lines().filter_map(line).collect() })
}

/// Prints the table and puts it into the document; peers' seconds are per run like ours.
pub fn print(title: &str, rows: &[Row], peers: &Result<Peers, String>) {
    let mut table = match peers {
        Ok(_) => String::new(),
        Err(why) => format!("Instead: nothing ran ({why})\n\n"),
    };
    table += "| work | ours | target | target ÷ ours | instead | it takes | times ours |\n";
    table += "| --- | --- | --- | --- | --- | --- | --- |\n";
    for row in rows {
        let (target, ratio) = match row.target_seconds {
            Some(target) => (speed(row, target), format!("{:.2}", target / row.seconds)),
            None => ("–".into(), "–".into()),
        };
        let (instead, takes, times) = match (row.peer, peers) {
            (None, _) => ("–", "–".to_string(), "–".to_string()),
            (Some((what, _)), Err(_)) => (what, "not run".to_string(), "–".into()),
            (Some((what, name)), Ok(peers)) => match peers.seconds.get(name) {
                Some(found) => (what, speed(row, *found), format!("{:.0}", found / row.seconds)),
                None => (what, "not run: it printed no time".into(), "–".into()),
            },
        };
        let ours = speed(row, row.seconds);
        table += &format!("| {} | {ours} | {target} | {ratio} | {instead} | {takes} | {times} |\n", row.work);
    }
    if let Ok(peers) = peers {
        eprintln!("Instead: in {}", peers.python);
    }
    document::put(title, &table);
}

/// `420 M requests/s`, or `0.52 ms`.
fn speed(row: &Row, seconds: f64) -> String {
    let rounded = |value: f64| match value {
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ if value >= 0.01 => format!("{value:.2}"),
        _ => format!("{value:.5}"),
    };
    match row.items {
        Some((items, name)) => format!("{} M {name}/s", rounded(items / seconds / 1e6)),
        None => format!("{} ms", rounded(seconds * 1e3)),
    }
}
