//! Gates and the month to date as text and Markdown.

use super::{
    format::{money_small, money_whole, percent, signed_amounts},
    sheet::Sheet,
};
use crate::projection::check::{Check, Gate, MoneyOf, MonthToDate, Unit, Verdict};

/// For a terminal.
pub fn check_text(check: &Check) -> String {
    sheet(check).terminal()
}

/// For a pull request.
pub fn check_markdown(check: &Check) -> String {
    sheet(check).markdown()
}

fn sheet(check: &Check) -> Sheet {
    let mut sheet = Sheet { title: title(check), ..Sheet::default() };
    let header = ["gate", "stands at", "limit", "margin", "P(above)", "verdict"].map(String::from);
    let rows = check.gates.iter().map(row);
    sheet.table(std::iter::once(header.to_vec()).chain(rows).collect());
    if let Some(which) = which_dollars(check) {
        sheet.text(which);
    }
    if let Some(actual) = &check.actual {
        sheet.text(month_to_date(actual));
    }
    let notes =
        check.gates.iter().filter_map(|gate| Some(format!("{}: {}", name(gate), gate.note.as_ref()?)));
    sheet.list("Notes", notes.collect());
    sheet
}

fn title(check: &Check) -> String {
    let count = |verdict: Verdict| check.gates.iter().filter(|gate| gate.verdict == verdict).count();
    let (gates, broken, untold) = (check.gates.len(), count(Verdict::Broken), count(Verdict::CannotTell));
    let mut said = Vec::new();
    if gates > 0 {
        said.push(format!("{broken} of {gates} {} broken", if gates == 1 { "gate" } else { "gates" }));
    }
    if untold > 0 {
        said.push(format!("{untold} cannot be told"));
    }
    if let Some(actual) = &check.actual {
        said.push(
            if actual.above { "the month is above its range" } else { "the month is not above its range" }
                .into(),
        );
    }
    format!("{}: {}", check.plan, said.join(", "))
}

fn name(gate: &Gate) -> String {
    match &gate.of {
        Some(of) => format!("{} ({of})", gate.gate),
        None => gate.gate.to_string(),
    }
}

/// Which dollars the gates on months count, where the workload has credits.
fn which_dollars(check: &Check) -> Option<&'static str> {
    Some(match check.gates.iter().find_map(|gate| gate.money)? {
        MoneyOf::Owed => {
            "Months are held at what is owed after credits; --money bill holds the bill before them."
        }
        MoneyOf::Bill => {
            "Months are held at the bill before credits; --money owed holds what is left to pay."
        }
    })
}

fn row(gate: &Gate) -> Vec<String> {
    let amount = |value: f64| match gate.unit {
        Unit::UsdPerMonth => money_whole(value),
        Unit::UsdPerRequest => money_small(value),
        Unit::Share if value < 0.0 => format!("-{}", percent(-value)),
        Unit::Share => percent(value),
        Unit::Gsu => format!("{value:.0}"),
    };
    let verdict = match gate.verdict {
        Verdict::Held => "held",
        Verdict::Broken => "BROKEN",
        Verdict::CannotTell => "CANNOT TELL",
    };
    let unknown = || "–".to_string();
    vec![
        name(gate),
        gate.value.map_or_else(unknown, amount),
        amount(gate.limit),
        gate.margin.map_or_else(unknown, |margin| match gate.unit {
            Unit::UsdPerMonth => signed_amounts(&[margin]).remove(0),
            _ if margin > 0.0 => format!("+{}", amount(margin)),
            Unit::Gsu if margin < 0.0 => format!("-{}", amount(-margin)),
            _ => amount(margin),
        }),
        gate.probability_above.map_or_else(unknown, percent),
        verdict.into(),
    ]
}

fn month_to_date(actual: &MonthToDate) -> String {
    let stands = match (actual.above, actual.below) {
        (true, _) => "above the range",
        (_, true) => "below the range",
        _ => "inside the range",
    };
    let missing = match actual.days_missing {
        0 => String::new(),
        1 => " 1 earlier day has no spend in the file; nothing is expected of it either.".into(),
        days => {
            format!(" {days} earlier days have no spend in the file; nothing is expected of them either.")
        }
    };
    let [mean, low, high] = actual.month_expected_usd.map(money_whole);
    format!(
        "By {} expect {} to {}; you are at {}: {stands} (P of at least that much {} if the plan is right). On this course {} ends at {mean} ({low} to {high}); the plan says {}.{missing}",
        actual.through,
        money_whole(actual.p05),
        money_whole(actual.p95),
        money_whole(actual.actual_usd),
        percent(actual.probability_of_more),
        actual.month,
        money_whole(actual.month_planned_usd),
    )
}
