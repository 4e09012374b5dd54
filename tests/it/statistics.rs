//! The figures of `stats` beside those of scipy, on drawn arguments.

use burndown::stats::{
    CountLaw, Cover, LoadLaw, LogNormal, Mark, Marks, Stream, Traffic, TranslatedGamma, binomial_at_most,
    cheapest_covering, discoveries, generator, jeffreys_interval, lower_convex_envelope, quantile,
    quantile_ranks, same_law, same_shares, standard_normal_quantile, two_sided_p_value, values_to_bound,
    zero_event_bound,
};
use rand::RngExt;
use rand_pcg::Pcg64;
use serde_json::{Value, json};

use crate::python::{ask, python};

/// One figure of ours, and how far scipy's may lie from it: relative, and absolute below 1.
struct Figure {
    function: &'static str,
    arguments: Value,
    ours: Vec<f64>,
    tolerance: f64,
}

#[test]
fn every_figure_agrees_with_that_of_scipy() {
    let Some(python) = python("scipy was not asked") else { return };
    let mut random = generator(20_261_121, 1);
    let mut figures = Vec::new();
    for _ in 0..40 {
        figures.extend(laws(&mut random));
        figures.extend(counts(&mut random));
        figures.extend(samples(&mut random));
        figures.extend(loads(&mut random));
        figures.push(purchases(&mut random));
    }
    let question = |figure: &Figure| json!({"f": figure.function, "a": figure.arguments});
    let questions: Vec<Value> = figures.iter().map(question).collect();
    let answers = ask(&python, "statistics.py", &questions);
    let numbers = |answer: Value| -> Vec<f64> { serde_json::from_value(answer).unwrap() };
    let theirs: Vec<Vec<f64>> = answers.into_iter().map(numbers).collect();
    let mut wrong = Vec::new();
    for (figure, theirs) in figures.iter().zip(&theirs) {
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= figure.tolerance * a.abs().max(1.0);
        if figure.ours.len() != theirs.len() || !figure.ours.iter().zip(theirs).all(close) {
            let Figure { function, arguments, ours, .. } = figure;
            wrong.push(format!("{function} of {arguments}: ours {ours:?}, scipy's {theirs:?}"));
        }
    }
    println!("{} figures beside scipy's", figures.len());
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), figures.len(), wrong.join("\n"));
}

fn figure(function: &'static str, arguments: Value, ours: Vec<f64>, tolerance: f64) -> Figure {
    Figure { function, arguments, ours, tolerance }
}

fn laws(random: &mut Pcg64) -> Vec<Figure> {
    let p: f64 = random.random_range(1e-6..1.0);
    let z: f64 = random.random_range(-6.0..6.0);
    let (mean, deviation) = (random.random_range(0.1..1e4), random.random_range(0.1..1e4));
    let level = random.random_range(0.5..0.999);
    let (variance, third) = (random.random_range(0.5..9.0), random.random_range(0.1..20.0));
    let gamma = TranslatedGamma::new(5.0, variance, third);
    let quota = random.random_range(0.0..15.0);
    let excess = gamma.excess(quota);
    vec![
        figure("normal", json!([p]), vec![standard_normal_quantile(p)], 1e-9),
        figure("two_sided", json!([z]), vec![two_sided_p_value(z)], 1e-9),
        figure(
            "lognormal",
            json!([mean, deviation, level]),
            vec![LogNormal::new(mean, deviation).quantile(level)],
            1e-9,
        ),
        figure(
            "translated_gamma",
            json!([5.0, variance, third, quota]),
            vec![excess.mean, excess.probability],
            1e-8,
        ),
    ]
}

fn counts(random: &mut Pcg64) -> Vec<Figure> {
    let n: u64 = random.random_range(2..2_000);
    let k: u64 = random.random_range(1..n);
    let level = random.random_range(0.5..0.999);
    let share: f64 = random.random_range(0.05..0.95);
    let interval = jeffreys_interval(k, n, level);
    let mut figures = vec![
        figure("jeffreys", json!([k, n, level]), vec![interval.low, interval.high], 1e-9),
        figure("zero_events", json!([n, level]), vec![zero_event_bound(n, level)], 1e-9),
        figure("binomial", json!([k, n, share]), vec![binomial_at_most(k, n, share)], 1e-9),
        figure("values", json!([share, level]), vec![values_to_bound(share, level) as f64], 0.0),
    ];
    if let Some((low, high)) = quantile_ranks(n, share, level) {
        figures.push(figure("ranks", json!([n, share, level]), vec![low as f64, high as f64], 0.0));
    }
    figures
}

fn samples(random: &mut Pcg64) -> Vec<Figure> {
    let mut draw = |count: usize, scale: f64| -> Vec<f64> {
        (0..count).map(|_| scale * random.random::<f64>().powi(2)).collect()
    };
    let (first, second) = (draw(30, 1.0), draw(45, 1.3));
    let p_values = draw(12, 0.2);
    let mut sorted = first.clone();
    sorted.sort_by(f64::total_cmp);
    let at = random.random::<f64>();
    let row = |random: &mut Pcg64| -> Vec<u64> { (0..5).map(|_| random.random_range(0..40)).collect() };
    let (a, b) = (row(random), row(random));
    let found = discoveries(&p_values, 0.1).iter().map(|stands| f64::from(u8::from(*stands))).collect();
    vec![
        figure("quantile", json!([first, at]), vec![quantile(&sorted, at).unwrap()], 1e-12),
        figure("kolmogorov", json!([first, second]), vec![same_law(&first, &second)], 1e-9),
        figure("g_test", json!([a, b]), vec![same_shares(&a, &b)], 1e-9),
        figure("discoveries", json!([p_values, 0.1]), found, 0.0),
    ]
}

/// Windows of a few requests of whole sizes, by powers of the size's law instead of a transform.
fn loads(random: &mut Pcg64) -> Vec<Figure> {
    let mean = random.random_range(0.5..12.0);
    let shape = random.random_range(0.8..9.0);
    let sizes = [1_u32, 2, 4, 5];
    let shares: Vec<f64> = sizes.iter().map(|_| random.random_range(0.05..1.0)).collect();
    let total: f64 = shares.iter().sum();
    let shares: Vec<f64> = shares.iter().map(|share| share / total).collect();
    let quota = f64::from(random.random_range(1_u32..60));
    let ours = |counts: CountLaw| {
        let sizes = sizes.iter().zip(&shares);
        let mark =
            |(size, share): (&u32, &f64)| Mark { value: f64::from(*size), probability: *share, second: 0.0 };
        let marks = Marks::new(sizes.map(mark)).unwrap();
        let stream = Stream { marks, counts, rates: vec![mean] };
        let law = LoadLaw::new(&Traffic::new(&[1.0], vec![stream]).unwrap(), 1.0, f64::INFINITY);
        vec![law.excess(quota), law.probability_above(quota)]
    };
    vec![
        figure("poisson_load", json!([mean, sizes, shares, quota]), ours(CountLaw::Poisson), 1e-9),
        figure(
            "negative_binomial_load",
            json!([mean, shape, sizes, shares, quota]),
            ours(CountLaw::NegativeBinomial { shape }),
            1e-8,
        ),
    ]
}

/// The cheapest purchases over time, by mixed-integer programming.
fn purchases(random: &mut Pcg64) -> Figure {
    let steps = random.random_range(2..7_usize);
    let most = random.random_range(2..6_usize);
    let held: Vec<Vec<f64>> = (0..steps)
        .map(|_| {
            let mut values: Vec<f64> = (0..=most).map(|_| random.random_range(0.0..10.0)).collect();
            values.sort_by(|a, b| b.total_cmp(a));
            lower_convex_envelope(&values)
        })
        .collect();
    let covers: Vec<Cover> = (0..random.random_range(1..8))
        .map(|_| {
            let from = random.random_range(0..steps);
            let to = random.random_range(from + 1..=steps);
            let cost = random.random_range(0.5..4.0) * (to - from) as f64;
            Cover { from, to, cost, most: random.random_range(1..=most) }
        })
        .collect();
    let told: Vec<Value> = covers
        .iter()
        .map(|cover| json!({"from": cover.from, "to": cover.to, "cost": cover.cost, "most": cover.most}))
        .collect();
    let ours = cheapest_covering(&held, &covers).unwrap().cost;
    figure("covering", json!([held, told]), vec![ours], 1e-6)
}
