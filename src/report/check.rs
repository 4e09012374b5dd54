//! Gates and the month to date as text and Markdown.

use super::{
    format::{money_small, money_whole, percent, signed_amounts},
    sheet::Sheet,
};
use crate::projection::check::{Check, Gate, Measured, MoneyOf, MonthToDate, PtCheck, Unit, Verdict};

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
    if let Some(found) = &check.provisioned {
        sheet.text(provisioned(found));
        sheet.list("For the workload file", shapes(found));
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
    if let Some(found) = &check.provisioned {
        let (more, less) = ("more is left to PayGo than planned", "less is left to PayGo than planned");
        let as_planned = "what is left to PayGo is not apart from the plan";
        said.push(
            if found.above {
                more
            } else if found.below {
                less
            } else {
                as_planned
            }
            .into(),
        );
    }
    format!("{}: {}", check.plan, said.join(", "))
}

/// Measured provisioned throughput beside the plan's.
fn provisioned(found: &PtCheck) -> String {
    let range = |measured: &Measured, word: &dyn Fn(f64) -> String| match measured.range {
        Some([low, high]) => format!("{} ({} to {})", word(measured.value), word(low), word(high)),
        None => format!("{} (too short for a range)", word(measured.value)),
    };
    let gsu = |value: f64| format!("{value:.1}");
    let planned = match (found.planned_left_share, found.planned_envelope) {
        (None, _) => "the plan's curve does not reach that count".to_string(),
        (Some(share), None) => format!("the plan's curve says {}", percent(share)),
        (Some(share), Some([low, high])) => {
            format!(
                "the plan's curve says {} ({} to {} by the rule of admission)",
                percent(share),
                percent(low),
                percent(high)
            )
        }
    };
    let load = found.planned_load_gsu.map_or_else(
        || "no load in the plan".into(),
        |load| format!("the plan's busiest month has {}", gsu(load)),
    );
    let requests = match (found.requests_per_second, found.left_requests_share) {
        (Some(rate), Some(left)) => {
            format!(" Of {rate:.3} requests a second {} were left.", percent(left))
        }
        _ => String::new(),
    };
    let gaps = match found.gaps {
        0 => String::new(),
        gaps => format!(" {gaps} periods have no point and count in nothing."),
    };
    format!(
        "{} at {}, {} to {}, {} periods of {} s at {} GSU: a load of {} GSU ({load}), in {} of the periods above what the GSUs carry. Left to PayGo: {} of the burn; {planned}.{requests}{gaps}",
        found.model,
        found.endpoint,
        found.from,
        found.to,
        found.steps,
        found.step_seconds,
        found.gsu,
        range(&found.load_gsu, &gsu),
        percent(found.periods_above_limit),
        range(&found.left_share, &percent),
    )
}

/// Hours and days of the measured traffic, as a workload names them.
fn shapes(found: &PtCheck) -> Vec<String> {
    let line = |key: &str, weights: &Option<Vec<f64>>| {
        let weights = weights.as_ref()?.iter().map(|weight| format!("{weight}")).collect::<Vec<_>>();
        Some(format!("{key} = [{}]", weights.join(", ")))
    };
    [line("day_shape", &found.day_shape), line("week_shape", &found.week_shape)]
        .into_iter()
        .flatten()
        .collect()
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
