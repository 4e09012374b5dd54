//! Tables of what is not known: what moves the bill, what to measure next, what the purchase comes to.

use super::{
    Cell, Table,
    format::{figure, percent},
    located,
    tables::{usd, usd_small},
};
use crate::{
    projection::{CountLaw, DriverIndices, Measurement, Plan},
    stats::SobolIndex,
};

/// Inputs by their dollars, with their parts in the variance of the bill, the cheapest count and the regret.
pub(super) fn drivers(plan: &Plan) -> Table {
    let row = |(at, driver): (usize, &crate::projection::Driver)| {
        let mut row = vec![
            Cell::words(&driver.name),
            Cell::words(&driver.from_to),
            usd(driver.low_usd),
            usd(driver.high_usd),
        ];
        let of = |part: fn(&DriverIndices) -> Option<SobolIndex>| driver.sobol.as_ref().and_then(part);
        for index in [of(|sobol| sobol.cost), of(|sobol| sobol.gsu), of(|sobol| sobol.regret)] {
            row.push(estimate(index.map(|i| (i.first, i.first_half_width(), i.first_told))));
            row.push(estimate(index.map(|i| (i.total, i.total_half_width(), i.total_told))));
        }
        let fields = [
            "",
            "",
            "low_usd",
            "high_usd",
            "sobol/cost/first",
            "sobol/cost/total",
            "sobol/gsu/first",
            "sobol/gsu/total",
            "sobol/regret/first",
            "sobol/regret/total",
        ];
        located(row, &format!("/drivers/{at}"), &fields)
    };
    Table {
        name: "drivers",
        title: "What moves the bill: one input at a time at its 10 % and 90 % points, open questions among them; \
                and each input's Sobol indices, S alone and ST with all it does together with others, ± their 95 % \
                interval. One that is not told from 0 is below what the points of the study can tell",
        columns: vec![
            "input or open question",
            "from, to",
            "USD per month, low",
            "USD per month, high",
            "S of the bill",
            "ST of the bill",
            "S of the cheapest GSU count",
            "ST of the cheapest GSU count",
            "S of the regret",
            "ST of the regret",
        ],
        rows: plan.drivers.iter().enumerate().map(row).collect(),
    }
}

/// An index with half its 95 % interval, and whether that lies above zero. Estimates of nothing scatter around
/// nothing: they are shown as they are.
fn estimate(index: Option<(f64, f64, bool)>) -> Cell {
    let Some((index, half_width, told)) = index else { return Cell::unknown() };
    let shown =
        if index < 0.0 { format!("{:.1} %", index * 100.0).replace("-0.0", "0.0") } else { percent(index) };
    let told = if told || half_width == 0.0 { "" } else { ", not told from 0" };
    Cell::number(index, format!("{shown} (± {}{told})", percent(half_width)))
}

fn share(share: Option<f64>) -> Cell {
    share.map_or(Cell::unknown(), |share| Cell::number(share, percent(share)))
}

/// What to measure, with its price.
pub(super) fn measure_next(plan: &Plan) -> Table {
    let row = |(at, measurement): (usize, &Measurement)| {
        let row = vec![
            Cell::words(&measurement.what),
            Cell::number(measurement.requests as f64, figure(measurement.requests as f64)),
            usd_small(measurement.usd_expected),
            usd_small(measurement.usd_at_worst),
            usd(measurement.range_usd),
            usd(measurement.range_usd_after),
            share(measurement.gsu_narrows),
            usd(measurement.settles_usd),
            Cell::words(measurement.settles.join("; ")),
            Cell::words(&measurement.command),
        ];
        let fields = [
            "",
            "requests",
            "usd_expected",
            "usd_at_worst",
            "range_usd",
            "range_usd_after",
            "gsu_narrows",
            "settles_usd",
        ];
        located(row, &format!("/measure_next/{at}"), &fields)
    };
    Table {
        name: "measure_next",
        title: "What to measure next: what it costs, and what it does to the month's 90 % range",
        columns: vec![
            "what",
            "requests",
            "USD expected",
            "USD at most",
            "range of a month, USD",
            "range after, USD",
            "range of the GSU count narrows by",
            "open questions settled, USD per month",
            "which",
            "command",
        ],
        rows: plan.measure_next.iter().enumerate().map(row).collect(),
    }
}

/// The fields of a law, after its name.
const SPREAD: [&str; 5] = ["", "mean", "p05", "p50", "p95"];

/// The advised purchase and the cheapest counts over the draws of the bill.
pub(super) fn outlook(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    if let Some(outlook) = &plan.outlook {
        let fees = outlook.committed_usd_per_month;
        let same = |text: &str, amount: f64| {
            let mut row = vec![Cell::words(text)];
            row.extend([amount; 4].map(usd));
            row.push(Cell::words(""));
            let place = "committed_usd_per_month";
            located(row, "/outlook", &["", place, place, place, place])
        };
        rows.push(same("committed: fees of the advised purchases, USD per month", fees));
        for (base, text, law) in [
            ("variable", "variable: all that is paid as it goes, USD per month", &outlook.variable),
            ("total", "both, USD per month", &outlook.total),
            ("regret", "regret: above the best purchase of each draw, USD per month", &outlook.regret),
        ] {
            let remark = match (text.starts_with("both"), outlook.probability_saves) {
                (true, Some(saves)) => format!("cheaper than buying nothing in {} of draws", percent(saves)),
                _ => String::new(),
            };
            let row = vec![
                Cell::words(text),
                usd(law.mean),
                usd(law.p05),
                usd(law.p50),
                usd(law.p95),
                Cell::words(remark),
            ];
            rows.push(located(row, &format!("/outlook/{base}"), &SPREAD));
        }
        if outlook.pools.len() > 1 {
            let row = counts("cheapest count, all pools, GSU".into(), &outlook.cheapest, None);
            rows.push(located(row, "/outlook/cheapest", &SPREAD));
        }
        for (at, pool) in outlook.pools.iter().enumerate() {
            let name = format!("cheapest count of {} on {}, GSU", pool.model, pool.endpoint);
            let row = counts(name, &pool.cheapest, Some(pool.look_up_error));
            rows.push(located(row, &format!("/outlook/pools/{at}/cheapest"), &SPREAD));
        }
    }
    Table {
        name: "outlook",
        title: "The purchase over the draws of the bill: committed and variable dollars, cheapest counts",
        columns: vec!["what", "mean", "p05", "p50", "p95", "remark"],
        rows,
    }
}

fn counts(name: String, law: &CountLaw, error: Option<f64>) -> Vec<Cell> {
    let likeliest: Vec<String> = law
        .likeliest
        .iter()
        .take(3)
        .map(|count| format!("{} GSU {}", count.gsu, percent(count.share)))
        .collect();
    let error = error
        .map_or_else(String::new, |error| format!("; look-up within {} of exact curves", percent(error)));
    let mut row = vec![Cell::words(name)];
    row.extend([law.mean, law.p05, law.p50, law.p95].map(|gsu| Cell::number(gsu, figure(gsu))));
    row.push(Cell::words(format!("none is best in {}; {}{error}", percent(law.none), likeliest.join(", "))));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(index: f64, half_width: f64, told: bool, expected: &str) {
        let cell = estimate(Some((index, half_width, told)));
        assert_eq!((cell.text.as_str(), cell.number), (expected, Some(index)));
    }

    #[test]
    fn an_index_that_is_not_told_from_nothing_is_shown_as_it_is() {
        check(0.62, 0.03, true, "62 % (± 3.0 %)");
        check(-0.004, 0.009, false, "-0.4 % (± 0.9 %, not told from 0)");
        check(-0.000_2, 0.009, false, "0.0 % (± 0.9 %, not told from 0)");
        check(0.004, 0.009, false, "0.4 % (± 0.9 %, not told from 0)");
        check(0.0, 0.0, false, "0 % (± 0 %)");
        assert_eq!(estimate(None).number, None);
    }
}
