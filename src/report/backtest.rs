//! A backtest as text.

use super::{
    format::{money_whole, percent},
    sheet::Sheet,
};
use crate::projection::backtest::{Backtest, Case};

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

fn row(case: &Case) -> Vec<String> {
    let outcome = match case.actual {
        actual if actual > case.p95 => "above",
        actual if actual < case.p05 => "below",
        _ => "inside",
    };
    let amounts = [case.predicted, case.p05, case.p95, case.actual].map(money_whole);
    [vec![case.name.clone()], amounts.to_vec(), vec![outcome.into()]].concat()
}
