//! Does the month's range hold what the month then costs? Fit, plan and a month of requests, end to end.

use std::collections::BTreeMap;

use burndown::{
    diagnostics::SourceText,
    model::{Backend, ModelId, TokenClass},
    projection::{Inputs, Plan, project},
    stats::{generator, standard_normal_quantile},
    tokens::{TokenProfile, fit},
    usage::{Observation, read_observations},
    workload::{OutsideFiles, Workload, WorkloadFile},
};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;

use crate::shipped;

/// Six cells: two models, three kinds of request each. Thinking is made to matter: 20 to 60 % of the cost.
const MODELS: [&str; 2] = ["gemini-3-pro-image", "gemini-nano-banana-2.1"];

/// Images in the prompt, requests a month, and the law of thinking tokens: log-normal through mean and σ.
const KINDS: [(u32, f64, f64, f64); 3] =
    [(0, 40_000.0, 2_500.0, 0.8), (1, 90_000.0, 4_000.0, 1.0), (3, 20_000.0, 5_000.0, 1.2)];

/// An answer ends at the contract's limit; the picture takes the rest of it.
const THINKING_MAX: f64 = 30_000.0;

/// The truth of one kind on one model.
fn thinking(mean: f64, sigma: f64, z: f64) -> f64 {
    (mean * (sigma * z - sigma * sigma / 2.0).exp()).min(THINKING_MAX)
}

/// Mean and standard deviation of that law, by its quantiles.
fn moments(mean: f64, sigma: f64) -> (f64, f64) {
    const POINTS: u32 = 20_000;
    let score = |at: u32| standard_normal_quantile((f64::from(at) + 0.5) / f64::from(POINTS));
    let values: Vec<f64> = (0..POINTS).map(|at| thinking(mean, sigma, score(at))).collect();
    let mean = values.iter().sum::<f64>() / f64::from(POINTS);
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / f64::from(POINTS);
    (mean, variance.sqrt())
}

/// `n` answers of every cell, as a calibration would have written them.
fn calibration(n: usize, random: &mut Pcg64) -> Vec<Observation> {
    let mut lines = String::new();
    for model in MODELS {
        for (images, _, mean, sigma) in KINDS {
            for _ in 0..n {
                let thoughts = thinking(mean, sigma, StandardNormal.sample(random)).round();
                let total = 100.0 + 1120.0 + thoughts;
                lines += &format!(
                    r#"{{"schema":"burndown.observation/1","model":"{model}","backend":"vertex","shape":{{"input_images":{images}}},"usage":{{"promptTokenCount":100,"candidatesTokenCount":1120,"thoughtsTokenCount":{thoughts},"totalTokenCount":{total},"candidatesTokensDetails":[{{"modality":"IMAGE","tokenCount":1120}}]}},"image_parts":1,"kind":"measured"}}"#
                );
                lines.push('\n');
            }
        }
    }
    read_observations(&lines).unwrap()
}

/// The workload that sends all six; the volume as a range.
fn workload(range: impl Fn(f64) -> [f64; 3]) -> Workload {
    let mut text = "start = \"2026-12-01\"\nhorizon_months = 1\n".to_string();
    for model in MODELS {
        for (images, requests, ..) in KINDS {
            let [low, likely, high] = range(requests);
            let pictures = vec!["\"1024x1024\""; images as usize].join(", ");
            text += &format!(
                "[[route]]\nname = \"{model} {images}\"\nmodel = \"{model}\"\nplacements = [\"vertex:global\"]\nprompt_tokens = [99.99, 100, 100.01]\ninput_images = [{pictures}]\nrequests_per_month = [{low}, {likely}, {high}]\n"
            );
        }
    }
    let source = SourceText { name: "coverage.toml".into(), text };
    let file = WorkloadFile::parse(&source).unwrap();
    let today = "2026-11-21".parse().unwrap();
    Workload::resolve(file, &source, &shipped().prices, today, &OutsideFiles::default()).unwrap()
}

/// What the month then costs: the same volume on all routes, busy and quiet days, the true mean thinking.
fn realised(plan: &Plan, truth: &[(f64, f64)], volume_sd: f64, random: &mut Pcg64) -> f64 {
    let mut score = || -> f64 { StandardNormal.sample(random) };
    let volume = (volume_sd * score() - volume_sd * volume_sd / 2.0).exp();
    let days = 1.0 + 0.28 / 30.0_f64.sqrt() * score();
    let routes = plan.routes.iter().zip(truth.iter().cycle());
    routes
        .map(|(route, &(mean, sd))| {
            let request = route.chosen().per_request.as_ref().unwrap();
            let thoughts = request.tokens[TokenClass::OutputThinking].as_ref().unwrap();
            let usd_per_token = request.usd[TokenClass::OutputThinking] / thoughts.mean;
            let requests = route.chosen().months[0].requests * volume * days;
            let true_mean = mean + sd / requests.sqrt() * score();
            requests
                * (request.usd_total - request.usd[TokenClass::OutputThinking] + usd_per_token * true_mean)
        })
        .sum()
}

/// 250 months always, 4,000 when `RUN_SLOW_TESTS` is set.
fn replications() -> u64 {
    if std::env::var_os("RUN_SLOW_TESTS").is_some() { 4_000 } else { 250 }
}

/// Share of months inside the range, and of months below it.
fn coverage(n: usize, volume_sd: f64, seed: u64) -> (f64, f64) {
    let mut library = shipped();
    // GSUs have no part in the bill's range, and take most of a plan's time.
    library.capacity.throughput.clear();
    let edge = |at: f64| (volume_sd * at - volume_sd * volume_sd / 2.0).exp();
    let range = |requests: f64| {
        let exact = 1e-9;
        [
            requests * edge(-1.645) * (1.0 - exact),
            requests * edge(0.0),
            requests * edge(1.645) * (1.0 + exact),
        ]
    };
    let workload = workload(range);
    let truth: Vec<(f64, f64)> = KINDS.iter().map(|(_, _, mean, sigma)| moments(*mean, *sigma)).collect();
    let (mut inside, mut below) = (0_u32, 0_u32);
    for replication in 0..replications() {
        let mut random = generator(seed, replication);
        let mut tokens: BTreeMap<(Backend, ModelId), TokenProfile> = library.tokens.clone();
        for learned in fit(&calibration(n, &mut random), &library.prices, &library.tokens, "TEST").cells {
            let profile = tokens.get_mut(&(learned.backend, learned.model)).unwrap();
            profile.cells.retain(|cell| cell.kind != learned.cell.kind);
            profile.cells.push(learned.cell);
        }
        let mut workload = workload.clone();
        workload.seed = seed ^ replication;
        let inputs = Inputs {
            workload: &workload,
            prices: &library.prices,
            capacity: &library.capacity,
            tokens: &tokens,
        };
        let plan = project(&inputs).unwrap();
        let month = plan.bill.by_month[0];
        let cost = realised(&plan, &truth, volume_sd, &mut random);
        inside += u32::from(month.p05 <= cost && cost <= month.p95);
        below += u32::from(cost < month.p05);
    }
    let share = |count: u32| f64::from(count) / replications() as f64;
    (share(inside), share(below))
}

/// Nominal 90 %: 0.88 to 0.92 at full size; at the reduced size three standard errors more to either side.
#[track_caller]
fn check(case: &str, n: usize, volume_sd: f64, seed: u64) {
    let (inside, below) = coverage(n, volume_sd, seed);
    let slack = if replications() > 1_000 { 0.0 } else { 3.0 * (0.09 / replications() as f64).sqrt() };
    println!("{case}: coverage {inside:.3} of {} months, {below:.3} below", replications());
    assert!((0.88 - slack..=0.92 + slack).contains(&inside), "{case}: {inside}");
}

#[test]
fn a_month_with_known_volume_and_thirty_answers_a_cell_is_covered() {
    check("volume known, n = 30", 30, 0.0, 1);
}

#[test]
fn a_month_with_uncertain_volume_and_thirty_answers_a_cell_is_covered() {
    check("volume cv 0.15, n = 30", 30, 0.15, 2);
}

#[test]
fn a_month_with_uncertain_volume_and_ten_answers_a_cell_is_covered() {
    check("volume cv 0.15, n = 10", 10, 0.15, 3);
}

/// The order of the threads must not reach the numbers.
#[test]
fn a_plan_has_the_same_bytes_on_any_number_of_threads() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| serde_json::to_string(&crate::cli::plan_of("company")).unwrap())
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(5));
}
