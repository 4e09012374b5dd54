//! Speed of the ladder of terms: the flow alone beside a plain dynamic programme, and with its calendar.
#![allow(missing_docs)]

mod ratios;

use burndown::{
    capacity::{CapacityBook, CostPeriod, LadderInput, Tail, ladder},
    diagnostics::SourceText,
    model::ModelId,
    stats::{Cover, cheapest_covering},
};

fn main() {
    divan::main();
    if ratios::wanted() {
        table();
    }
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

/// The shipped book, and periods of a horizon of a year.
struct Year {
    book: CapacityBook,
    periods: Vec<CostPeriod>,
}

impl Year {
    fn new(periods: usize, gsu: usize) -> Year {
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
        let periods = tables
            .map(|(at, usd)| CostPeriod { first: edge(at), next: edge(at + 1), paygo_usd: table(usd) })
            .collect();
        Year { book, periods }
    }

    fn ladder(&self) -> burndown::capacity::Ladder {
        ladder(&LadderInput {
            model: &ModelId("gemini-3-pro-image".into()),
            global: true,
            today: "2026-11-16".parse().unwrap(),
            periods: &self.periods,
            terms: &self.book.terms,
            terms_on_sale: &["1-week", "1-month", "3-months", "1-year"],
            rules: &self.book.rules,
            credits: &self.book.credits,
            running: &[],
            model_end: None,
            tail: Tail::ProRata,
        })
        .unwrap()
    }
}

#[divan::bench(args = [(12, 40), (12, 400), (52, 40), (52, 400)])]
fn a_ladder_of_months_or_weeks(bencher: divan::Bencher<'_, '_>, (periods, gsu): (usize, usize)) {
    let year = Year::new(periods, gsu);
    bencher.bench(|| year.ladder());
}

/// The same flow as a linear programme, which scipy hands to HiGHS; 52 weeks, 40 units, 4 terms.
const PEERS: &str = r#"
import time
import numpy
from scipy.optimize import linprog
from scipy.sparse import coo_matrix
steps, units, terms = 52, 40, [(1, 1.0), (4, 3.4), (13, 9.5), (52, 31.0)]
mean = units / 4 * 3 ** (numpy.arange(steps) / steps)
held = numpy.arange(units + 1)
left = 1.25 * mean[:, None] * numpy.exp(-held / mean[:, None])
start = time.perf_counter()
cost, rows, columns = [], [], []
for at in range(steps):
    for length, price in terms:
        rows += range(at, min(steps, at + length))
        columns += [len(cost)] * (min(steps, at + length) - at)
        cost.append(price)
for at in range(steps):
    for unit in range(units):
        rows.append(at)
        columns.append(len(cost))
        cost.append(left[at, unit] - left[at, unit + 1])
bounds = [(0, None)] * (4 * steps) + [(0, 1)] * (steps * units)
cover = coo_matrix((numpy.ones(len(rows)), (rows, columns)), shape=(steps, len(cost)))
found = linprog(cost, A_eq=cover.tocsr(), b_eq=numpy.full(steps, units), bounds=bounds, method="highs")
assert found.status == 0, found.message
print(f"highs\t{time.perf_counter() - start}")
"#;

fn table() {
    let row = |work: &str, seconds: f64, target_seconds, peer| ratios::Row {
        work: work.into(),
        items: None,
        seconds,
        target_seconds,
        peer,
    };
    let (held, covers) = (tables(52, 40), covers(52));
    let flow = ratios::seconds(|| cheapest_covering(&held, &covers).unwrap());
    let layers = ratios::seconds(|| by_layers(&held));
    let year = Year::new(12, 400);
    let rows = [
        row(
            "flow over 52 weeks, 40 units, 4 terms, exact",
            flow,
            Some(1e-3),
            Some(("scipy's HiGHS", "highs")),
        ),
        row("the same layer by layer, not exact", layers, None, None),
        row(
            "ladder of 12 months, 400 GSU, 4 terms, with its calendar",
            ratios::seconds(|| year.ladder()),
            None,
            None,
        ),
    ];
    ratios::print("Ladder of terms", &rows, &ratios::peers(PEERS));
}
