//! `backtest`: would the ranges have held?

use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::{Done, check::spend_by_day, output, saved::saved_plan};
use crate::{
    cli::BacktestArgs,
    diagnostics::SourceText,
    projection::backtest::{Case, judge, rolling},
    report::backtest_text,
};

/// Past plans and what came.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ledger {
    schema: Option<String>,
    #[serde(default)]
    record: Vec<Record>,
}

/// One past plan.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// plan.json or report folder, relative to the ledger.
    plan: String,
    /// `2026-07`; without it the mean month of the plan counts.
    month: Option<String>,
    /// What the invoice said, US dollars.
    actual_usd: f64,
}

pub(super) fn run(args: &BacktestArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let found = match (&args.daily, &args.ledger) {
        (Some(path), None) => rolling(&spend_by_day(path)?, args.train_days, args.horizon_days)
            .with_context(|| format!("cannot test on {}", path.display()))?,
        (None, Some(path)) => judge(past_plans(path, overlay)?)?,
        _ => bail!("expected either a file of spend by day or --ledger FILE"),
    };
    if args.answer.json {
        output::print_json(&found)?;
    } else {
        output::print(&backtest_text(&found))?;
    }
    Ok(Done::Fine)
}

fn past_plans(path: &Path, overlay: Option<&Path>) -> anyhow::Result<Vec<Case>> {
    let source = SourceText::read(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let records = if path.extension().is_some_and(|extension| extension == "csv") {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(source.text.as_bytes());
        let records: Result<Vec<Record>, csv::Error> = reader.deserialize().collect();
        records.with_context(|| {
            format!("cannot use {}: the columns are `plan`, `month` and `actual_usd`", source.name)
        })?
    } else {
        let ledger: Ledger = toml::from_str(&source.text)
            .map_err(|error| source.toml_complaint("cannot use this ledger", &error))?;
        if ledger.schema.is_some_and(|schema| schema != "burndown.ledger/1") {
            bail!("cannot use {}: expected the schema `burndown.ledger/1`", source.name);
        }
        ledger.record
    };
    let mut cases = Vec::new();
    for record in records {
        let beside = folder.join(&record.plan);
        let what = if beside.exists() { beside.display().to_string() } else { record.plan.clone() };
        let plan = saved_plan(&what, None, overlay)?;
        let month = match &record.month {
            None => plan.bill.month,
            Some(month) => {
                let at = plan.months.iter().position(|known| known == month).with_context(|| {
                    format!(
                        "{what} plans {} to {}, and the ledger asks for {month}",
                        plan.months[0],
                        plan.months[plan.months.len() - 1]
                    )
                })?;
                plan.bill.by_month[at]
            }
        };
        let name = format!("{} {}", record.plan, record.month.as_deref().unwrap_or("mean month"));
        cases.push(Case::of_plan(name, month, record.actual_usd));
    }
    Ok(cases)
}
