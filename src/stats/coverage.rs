//! Does the bootstrap with the cap cover the mean as often as it says?
//!
//! Four laws, each a class of one sample, so that every draw of weights serves all four: a log-normal
//! law, two modes, and the output tokens of two public traces, drawn with replacement (see
//! `tests/data/laws`).

use std::env;

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;

use super::{CAP_WEIGHT, Sample, generator, quantile};

const LAWS: usize = 4;
const LEVEL: f64 = 0.90;
/// The law of two modes needs many: its exact coverage is 0.930/0.932/0.903, but the ends of its
/// intervals fall so near the mean that 400 draws cover 0.897/0.903/0.894.
const DRAWS: usize = 600;
const SIZES: [usize; 3] = [10, 30, 100];

/// Which part of two modes is the upper one, and the modes themselves: three images or one.
const UPPER_SHARE: f64 = 0.1;
const MODES: [f64; 2] = [1.0, 3.0];

struct Law {
    name: &'static str,
    kind: Kind,
    /// The largest possible value, where there is one.
    contract: Option<f64>,
    /// Coverage at [`SIZES`] as published for the method.
    expected: [f64; 3],
}

enum Kind {
    /// By the standard deviation of the logarithm.
    LogNormal(f64),
    TwoModes,
    /// What a trace holds.
    Trace(Vec<f64>),
}

/// Every value of a histogram as often as it was seen.
fn trace(histogram: &str) -> Kind {
    let numbers = histogram.lines().skip(1).filter_map(|line| line.split_once(','));
    let values = numbers.flat_map(|(tokens, answers)| {
        vec![tokens.parse::<f64>().expect("tokens"); answers.parse().expect("a count")]
    });
    Kind::Trace(values.collect())
}

fn laws() -> [Law; LAWS] {
    let law = |name, kind, contract, expected| Law { name, kind, contract, expected };
    let deepseek = trace(include_str!("../../tests/data/laws/deepseek-r1.csv"));
    let azure = trace(include_str!("../../tests/data/laws/azure-code-2023.csv"));
    [
        law("log-normal, sigma 1", Kind::LogNormal(1.0), None, [0.88, 0.91, 0.91]),
        law("two modes, 10 % upper", Kind::TwoModes, Some(MODES[1]), [0.91, 0.91, 0.88]),
        law("deepseek-r1", deepseek, None, [0.90, 0.90, 0.90]),
        law("azure-code", azure, None, [0.80, 0.85, 0.89]),
    ]
}

#[test]
fn the_traces_are_whole() {
    let [_, _, deepseek, azure] = laws();
    let moments = |law: &Law| {
        let Kind::Trace(values) = &law.kind else { panic!("a trace") };
        let mean = law.mean();
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (values.len(), mean, variance.sqrt() / mean)
    };
    let (n, mean, cv) = moments(&deepseek);
    assert!(n == 4_345 && (mean - 1_398.53).abs() < 0.01 && (cv - 0.819).abs() < 0.001, "{n} {mean} {cv}");
    let (n, mean, cv) = moments(&azure);
    assert!(n == 8_819 && (mean - 27.8825).abs() < 0.001 && (cv - 2.1468).abs() < 0.001, "{n} {mean} {cv}");
}

impl Law {
    fn mean(&self) -> f64 {
        match &self.kind {
            Kind::LogNormal(log_sd) => (log_sd * log_sd / 2.0).exp(),
            Kind::TwoModes => MODES[0] + UPPER_SHARE * (MODES[1] - MODES[0]),
            Kind::Trace(values) => values.iter().sum::<f64>() / values.len() as f64,
        }
    }

    fn draw(&self, random: &mut Pcg64) -> f64 {
        match &self.kind {
            Kind::LogNormal(log_sd) => {
                let standard: f64 = StandardNormal.sample(random);
                (log_sd * standard).exp()
            }
            Kind::TwoModes => MODES[usize::from(random.random_bool(UPPER_SHARE))],
            Kind::Trace(values) => values[random.random_range(0..values.len())],
        }
    }
}

/// 400 replications always, 4,000 when `RUN_SLOW_TESTS` is set.
fn replications() -> u64 {
    if env::var_os("RUN_SLOW_TESTS").is_some() { 4000 } else { 400 }
}

/// For each law the share of replications whose interval holds the law's mean.
fn coverage(rows: usize, cap_weight: f64, seed: u64) -> [f64; LAWS] {
    let laws = laws();
    let mut covered = [0_u32; LAWS];
    for replication in 0..replications() {
        let mut random = generator(seed, replication);
        let intervals = intervals(&laws, rows, cap_weight, &mut random);
        for (count, (law, (low, high))) in covered.iter_mut().zip(laws.iter().zip(intervals)) {
            *count += u32::from(low <= law.mean() && law.mean() <= high);
        }
    }
    covered.map(|count| f64::from(count) / replications() as f64)
}

/// The equal-tailed interval of each law's mean from one sample of `rows` rows.
fn intervals(laws: &[Law; LAWS], rows: usize, cap_weight: f64, random: &mut Pcg64) -> [(f64, f64); LAWS] {
    let drawn: Vec<Vec<f64>> = (0..rows).map(|_| laws.iter().map(|law| law.draw(random)).collect()).collect();
    let sample = Sample::new(&drawn).expect("drawn values are positive");
    let cap = sample.cap(&laws.each_ref().map(|law| law.contract));
    let mut means: [Vec<f64>; LAWS] = Default::default();
    for _ in 0..DRAWS {
        let mean = sample.draw_mean_weighted(&cap, cap_weight, random);
        for (means, mean) in means.iter_mut().zip(mean) {
            means.push(mean);
        }
    }
    means.map(|mut means| {
        means.sort_unstable_by(f64::total_cmp);
        let at = |p| quantile(&means, p).expect("there are draws");
        (at((1.0 - LEVEL) / 2.0), at((1.0 + LEVEL) / 2.0))
    })
}

/// What three binomial standard errors below the expected coverage leave.
fn threshold(expected: f64) -> f64 {
    expected - 3.0 * (expected * (1.0 - expected) / replications() as f64).sqrt()
}

#[test]
fn with_the_cap_log_normal_two_modes_deepseek_r1_and_azure_code_are_covered() {
    for (size, rows) in SIZES.into_iter().enumerate() {
        let found = coverage(rows, CAP_WEIGHT, 100 + size as u64);
        for (law, found) in laws().iter().zip(found) {
            let expected = law.expected[size];
            println!("{}, n = {rows}: coverage {found:.3}, expected {expected}", law.name);
            assert!(found >= threshold(expected), "{}, n = {rows}: {found} < {expected}", law.name);
        }
    }
}

/// The same test fails without the cap: what the cap repairs is real and the test can see it.
#[test]
fn without_the_cap_ten_rows_cover_clearly_less() {
    let found = coverage(SIZES[0], 0.0, 200);
    for (law, found) in laws().iter().zip(found) {
        println!("{}, n = 10, without the cap: coverage {found:.3}", law.name);
        assert!(found < threshold(law.expected[0]), "{}: {found} without the cap", law.name);
    }
}
