//! Parsers of outside data on broken input: every seed, and seeds that were cut, doubled, mixed and spoilt.
//!
//! The coverage-guided run over the same targets is `bash fuzz/run SECONDS`.

#[path = "../../fuzz/targets.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};

use burndown::stats::generator;
use rand::RngExt;
use rand_pcg::Pcg64;
use targets::{TARGETS, Target, seeds};

/// What parsers stumble over.
const WORDS: [&str; 24] = [
    "-1",
    "0",
    "1e309",
    "-0.0",
    "NaN",
    "nan",
    "inf",
    "18446744073709551616",
    "9223372036854775807",
    "1e-320",
    "\"",
    "\\u0000",
    "\\ud800",
    "[",
    "{",
    "[[[[[[[[[[[[[[[[",
    "\n",
    ",",
    "=",
    "null",
    "true",
    "\u{feff}",
    "é𝒳",
    "'''",
];

fn runs() -> u64 {
    if std::env::var_os("RUN_SLOW_TESTS").is_some() { 20_000 } else { 250 }
}

#[test]
fn no_parser_panics_on_spoilt_input() {
    let failures: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = TARGETS.iter().map(|target| scope.spawn(move || broken_by(target))).collect();
        workers.into_iter().filter_map(|worker| worker.join().expect("the worker holds")).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The first input that a target does not bear.
fn broken_by(target: &Target) -> Option<String> {
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "{} has no seed", target.name);
    let mut random = generator(20_261_121, target.name.len() as u64);
    // A plan is worked out for each accepted input.
    let runs = if target.name == "plan-of-workload" { runs() / 10 } else { runs() };
    let drawn = (0..runs).map(|_| spoilt(&seeds, &mut random));
    let inputs = seeds.iter().cloned().chain(drawn);
    for input in inputs {
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        if outcome.is_err() {
            return Some(format!("{} on {:?}", target.name, String::from_utf8_lossy(&input)));
        }
    }
    None
}

fn spoilt(seeds: &[Vec<u8>], random: &mut Pcg64) -> Vec<u8> {
    let mut input = seeds[random.random_range(0..seeds.len())].clone();
    for _ in 0..random.random_range(1..5) {
        let length = input.len().max(1);
        let at = random.random_range(0..length).min(input.len());
        let to = (at + random.random_range(0..40)).min(input.len());
        match random.random_range(0..6) {
            0 => drop(input.drain(at..to)),
            1 => input.truncate(at),
            2 => {
                let part = input[at..to].to_vec();
                input.splice(at..at, part);
            }
            3 => {
                let word = WORDS[random.random_range(0..WORDS.len())];
                input.splice(at..to.min(at + 3), word.bytes());
            }
            4 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
            _ => {
                let other = &seeds[random.random_range(0..seeds.len())];
                let from = random.random_range(0..other.len().max(1)).min(other.len());
                input.splice(at..to, other[from..(from + 60).min(other.len())].iter().copied());
            }
        }
    }
    input
}
