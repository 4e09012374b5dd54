//! Speed of the ladder of terms: the flow alone beside a plain dynamic programme, and with its calendar.
#![allow(missing_docs)]

use burndown::{
    capacity::{CapacityBook, CostPeriod, LadderInput, Tail, ladder},
    diagnostics::SourceText,
    model::ModelId,
    stats::{Cover, cheapest_covering},
};

fn main() {
    divan::main();
}

const TERMS: [(usize, f64); 4] = [(1, 1.0), (4, 3.4), (13, 9.5), (52, 31.0)];

/// A load that grows threefold in a year; what is left over falls exponentially with the units held.
fn tables(steps: usize, units: usize) -> Vec<Vec<f64>> {
    let mean = |step: usize| units as f64 / 4.0 * 3_f64.powf(step as f64 / steps as f64);
    let left = |step: usize, held: usize| 1.25 * mean(step) * (-(held as f64) / mean(step)).exp();
    (0..steps).map(|step| (0..=units).map(|held| left(step, held)).collect()).collect()
}

fn covers(steps: usize) -> Vec<Cover> {
    let at = |from: usize| {
        TERMS.iter().map(move |(length, cost)| Cover {
            from,
            to: steps.min(from + length),
            cost: *cost,
            most: usize::MAX,
        })
    };
    (0..steps).flat_map(at).collect()
}

#[divan::bench(args = [40, 400])]
fn a_flow_over_52_weeks(bencher: divan::Bencher<'_, '_>, units: usize) {
    let (held, covers) = (tables(52, units), covers(52));
    bencher.bench(|| cheapest_covering(&held, &covers).unwrap());
}

#[divan::bench(args = [40, 400])]
fn layer_by_layer_which_is_not_exact(bencher: divan::Bencher<'_, '_>, units: usize) {
    let held = tables(52, units);
    bencher.bench(|| by_layers(&held));
}

/// One dynamic programme over time per unit.
fn by_layers(held: &[Vec<f64>]) -> f64 {
    let steps = held.len();
    let mut total: f64 = held.iter().map(|table| table[0]).sum();
    for unit in 1..held[0].len() {
        let mut best = vec![0.0; steps + 1];
        let mut after = vec![0.0; steps + 1];
        for step in (0..steps).rev() {
            after[step] = after[step + 1] + held[step][unit] - held[step][unit - 1];
        }
        for step in (0..steps).rev() {
            best[step] = best[step + 1];
            for (length, cost) in TERMS {
                let to = steps.min(step + length);
                best[step] = f64::min(best[step], cost + after[step] - after[to] + best[to]);
            }
        }
        total += best[0];
    }
    total
}

#[divan::bench(args = [(12, 40), (12, 400), (52, 40), (52, 400)])]
fn a_ladder_of_months_or_weeks(bencher: divan::Bencher<'_, '_>, (periods, gsu): (usize, usize)) {
    let text = include_str!("../profiles/capacity/google.toml");
    let source = SourceText { name: "google.toml".into(), text: text.into() };
    let book = CapacityBook::parse(&source).expect("the shipped book");
    let start: burndown::calendar::Day = "2026-12-01".parse().unwrap();
    let edge = |at: usize| match periods {
        12 => start.plus_months(at as u32),
        _ => start.plus_days(7 * at as u32),
    };
    let scale = 3.0 * 24.0 * 365.0 / periods as f64;
    let table = |table: Vec<f64>| table.into_iter().map(|usd| usd * scale).collect();
    let tables = tables(periods, gsu).into_iter().enumerate();
    let periods: Vec<CostPeriod> = tables
        .map(|(at, usd)| CostPeriod { first: edge(at), next: edge(at + 1), paygo_usd: table(usd) })
        .collect();
    let input = LadderInput {
        model: &ModelId("gemini-3-pro-image".into()),
        global: true,
        today: "2026-11-16".parse().unwrap(),
        periods: &periods,
        terms: &book.terms,
        terms_on_sale: &["1-week", "1-month", "3-months", "1-year"],
        rules: &book.rules,
        credits: &book.credits,
        running: &[],
        model_end: None,
        tail: Tail::ProRata,
    };
    bencher.bench(|| ladder(&input).unwrap());
}
