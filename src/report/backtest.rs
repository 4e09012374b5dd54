//! A backtest as text.

use super::{
    format::{grouped, money_whole, percent},
    sheet::Sheet,
};
use crate::{
    model::TokenClass,
    projection::backtest::{Backtest, Case, ObservedBacktest, Series},
};

/// Cases that are shown; all stand in the JSON.
const CASES_SHOWN: usize = 24;

/// For a terminal.
pub fn backtest_text(found: &Backtest) -> String {
    let n = found.cases.len();
    let [low, high] = found.inside_share;
    let mut sheet = Sheet {
        title: format!(
            "{} of {n} inside the range, {} above, {} below",
            found.inside, found.above, found.below
        ),
        ..Sheet::default()
    };
    sheet.text(format!(
        "The ranges state {}. If that were true, so few or fewer would be inside with probability {}; the share inside is {} to {} (90 %).",
        percent(found.coverage_stated),
        percent(found.probability_of_so_few),
        percent(low),
        percent(high),
    ));
    let signed = |share: f64| format!("{}{}", if share < 0.0 { "-" } else { "+" }, percent(share.abs()));
    let naive = found
        .naive_absolute_error
        .map(|error| format!("; repeating the last days errs by {}", percent(error)));
    sheet.text(format!(
        "Mean error {}{}; all together {} from what was predicted.",
        percent(found.mean_absolute_error),
        naive.unwrap_or_default(),
        signed(found.bias),
    ));
    let mut rows = vec![["", "predicted", "from", "to", "came", ""].map(String::from).to_vec()];
    rows.extend(found.cases.iter().take(CASES_SHOWN).map(row));
    sheet.table(rows);
    if n > CASES_SHOWN {
        sheet.text(format!("{} more with --json", n - CASES_SHOWN));
    }
    if found.skipped > 0 {
        sheet.text(format!(
            "{} stretches are left out: days are missing in them or before them.",
            found.skipped
        ));
    }
    sheet.terminal()
}

/// A period of observations for a terminal: every series in a row, the bill case by case.
pub fn observed_text(found: &ObservedBacktest) -> String {
    let bill = &found.series[0].result;
    let n = bill.cases.len();
    let mut sheet = Sheet {
        title: format!(
            "{} of {n} bills inside the range · {} requests, {} to {}",
            bill.inside,
            grouped(found.requests),
            found.first,
            found.last
        ),
        ..Sheet::default()
    };
    sheet.text(format!(
        "Learned from {} days, the next {} predicted, and on: {n} predictions. The ranges state {}; if that were true, so few bills or fewer would be inside with probability {}.",
        found.train_days,
        found.horizon_days,
        percent(bill.coverage_stated),
        percent(bill.probability_of_so_few),
    ));
    let header = ["", "inside", "above", "below", "error", "all together"].map(String::from);
    let rows = |per_request: bool| {
        found.series.iter().filter(move |series| series.per_request == per_request).map(series_row)
    };
    sheet.table(std::iter::once(header.to_vec()).chain(rows(false)).collect());
    let header = ["a request", "inside", "above", "below", "error", "all together"].map(String::from);
    sheet.table(std::iter::once(header.to_vec()).chain(rows(true)).collect());
    let mut rows = vec![["bill", "predicted", "from", "to", "came", ""].map(String::from).to_vec()];
    rows.extend(bill.cases.iter().take(CASES_SHOWN).map(row));
    sheet.table(rows);
    if n > CASES_SHOWN {
        sheet.text(format!("{} more with --json", n - CASES_SHOWN));
    }
    if bill.skipped > 0 {
        let skipped = bill.skipped;
        sheet
            .text(format!("{skipped} stretches are left out: days without a request are in them or before."));
    }
    let left: Vec<String> =
        found.left_out.iter().map(|(reason, n)| format!("{} {reason}", grouped(*n))).collect();
    if !left.is_empty() {
        sheet.text(format!("Left out: {}.", left.join(", ")));
    }
    sheet.terminal()
}

fn series_row(series: &Series) -> Vec<String> {
    let class = series.of.parse::<TokenClass>().map(TokenClass::label);
    let result = &series.result;
    let sign = if result.bias < 0.0 { "-" } else { "+" };
    vec![
        class.map_or(series.of.clone(), |label| format!("{label} tokens")),
        format!("{} of {}", result.inside, result.cases.len()),
        result.above.to_string(),
        result.below.to_string(),
        percent(result.mean_absolute_error),
        format!("{sign}{}", percent(result.bias.abs())),
    ]
}

fn row(case: &Case) -> Vec<String> {
    let outcome = match case {
        case if case.is_above() => "above",
        case if case.is_below() => "below",
        _ => "inside",
    };
    let amounts = [case.predicted, case.p05, case.p95, case.actual].map(money_whole);
    [vec![case.name.clone()], amounts.to_vec(), vec![outcome.into()]].concat()
}
