//! `backtest`: would the ranges have held?

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Done, check::spend_by_day, library::Library, output, saved::saved_plan};
use crate::{
    cli::BacktestArgs,
    diagnostics::{SourceText, csv_problem, read_limited},
    projection::{
        SavedPlan,
        backtest::{Backtest, Case, judge, observed, rolling},
        check::DailySpend,
    },
    report::{backtest_text, observed_text},
    usage::{Observation, read_observations},
};

/// Longest file of observations or of spend.
const BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Past plans and what came.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ledger {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.ledger/1"))]
    schema: Option<String>,
    #[serde(default)]
    /// Past plans.
    record: Vec<Record>,
}

/// One past plan.
#[derive(Deserialize, JsonSchema)]
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
    if let Some(ledger) = &args.ledger {
        if args.currency_rate.is_some() {
            bail!("--currency-rate: a ledger's amounts are US dollars");
        }
        return say(args, &judge(of_ledger(ledger, overlay)?)?);
    }
    if !args.plans.is_empty() {
        let (cases, notes) = of_bills(args, overlay)?;
        notes.iter().for_each(|note| output::say(note));
        let found = judge(cases).context(
            "no plan covers a month that the bills hold whole\n\nhint: bills are read by day, from the first day of a month to its last",
        )?;
        return say(args, &found);
    }
    if args.past.is_empty() {
        bail!("expected observations or a file of spend by day, --plans with --bills, or --ledger FILE");
    }
    if let Some(observations) = observations(&args.past)? {
        if args.currency_rate.is_some() {
            bail!("--currency-rate: observations are priced by the book, in US dollars");
        }
        let book = Library::prices(overlay)?;
        let found = observed(&observations, &book, args.train_days, args.horizon_days)
            .with_context(|| format!("cannot test on {}", names(&args.past)))?;
        if args.answer.json {
            output::print_json(&found)?;
        } else {
            output::print(&observed_text(&found))?;
        }
        return Ok(Done::Fine);
    }
    let spend = spend(&args.past, args.currency_rate)?;
    let found = rolling(&spend, args.train_days, args.horizon_days);
    say(args, &found.with_context(|| format!("cannot test on {}", names(&args.past)))?)
}

fn say(args: &BacktestArgs, found: &Backtest) -> anyhow::Result<Done> {
    if args.answer.json {
        output::print_json(found)?;
    } else {
        output::print(&backtest_text(found))?;
    }
    Ok(Done::Fine)
}

fn names(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<String>>().join(", ")
}

/// The observations of the files; `None` where the first holds something else.
fn observations(paths: &[PathBuf]) -> anyhow::Result<Option<Vec<Observation>>> {
    let mut all = Vec::new();
    for (at, path) in paths.iter().enumerate() {
        let name = path.display().to_string();
        let text = SourceText::from_bytes(&name, read_limited(path, BYTES_MAX)?)?.text;
        let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let is_one = line.contains("burndown.observation/") || line.starts_with("repo,path_or_url,");
        if at == 0 && !is_one {
            return Ok(None);
        }
        all.extend(read_observations(&text).with_context(|| format!("cannot use {name}"))?);
    }
    Ok(Some(all))
}

/// Spend by day of several files together.
fn spend(paths: &[PathBuf], rate: Option<Decimal>) -> anyhow::Result<DailySpend> {
    let mut all = DailySpend::new();
    for path in paths {
        for (day, usd) in spend_by_day(path, rate)? {
            *all.entry(day).or_default() += usd;
        }
    }
    Ok(all)
}

/// Each plan's months that the bills hold whole, and what is left out.
fn of_bills(args: &BacktestArgs, overlay: Option<&Path>) -> anyhow::Result<(Vec<Case>, Vec<String>)> {
    let spend = spend(&args.bills, args.currency_rate)?;
    let (Some((first, _)), Some((last, _))) = (spend.first_key_value(), spend.last_key_value()) else {
        bail!("there is no spend of any day in {}", names(&args.bills));
    };
    let (mut cases, mut notes) = (Vec::new(), Vec::new());
    for name in &args.plans {
        let plan: SavedPlan = saved_plan(name, None, overlay)?;
        let mut counted = 0;
        for (at, month) in plan.calendar().iter().enumerate() {
            if month.first < *first || month.next.minus_day() > *last {
                continue;
            }
            if plan.workload.as_of >= month.next {
                notes.push(format!("{name} {}: the plan was made after that month", plan.months[at]));
                continue;
            }
            let actual = spend.range(month.first..month.next).map(|(_, usd)| *usd).sum();
            let name = format!("{name} {}", plan.months[at]);
            cases.push(Case::of_plan(name, plan.bill.by_month[at], actual));
            counted += 1;
        }
        if counted == 0 {
            notes.push(format!("{name}: no month of it is held whole by the bills ({first} to {last})"));
        }
    }
    Ok((cases, notes))
}

/// The records of a ledger, CSV or TOML.
fn records_of(path: &Path, source: &SourceText) -> anyhow::Result<Vec<Record>> {
    if path.extension().is_some_and(|extension| extension == "csv") {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(source.text.as_bytes());
        let nothing = csv::StringRecord::new();
        let bad = |line: u64, problem: String| {
            anyhow::anyhow!(
                "cannot use {}: line {line}: {problem}\n\nhint: the columns are `plan`, `month` and `actual_usd`",
                source.name
            )
        };
        let header = reader.headers().map_err(|error| bad(1, csv_problem(&error, &nothing, None)))?.clone();
        let mut records: Vec<Record> = Vec::new();
        for row in reader.records() {
            let line = |position: Option<&csv::Position>| position.map_or(1, csv::Position::line);
            let row = row.map_err(|error| bad(line(error.position()), csv_problem(&error, &header, None)))?;
            let read = row.deserialize(Some(&header));
            records.push(
                read.map_err(|error| bad(line(row.position()), csv_problem(&error, &header, Some(&row))))?,
            );
        }
        Ok(records)
    } else {
        let ledger: Ledger = toml::from_str(&source.text)
            .map_err(|error| source.toml_complaint("cannot use this ledger", &error))?;
        if ledger.schema.is_some_and(|schema| schema != "burndown.ledger/1") {
            bail!("cannot use {}: expected the schema `burndown.ledger/1`", source.name);
        }
        Ok(ledger.record)
    }
}

/// The cases of a ledger.
fn of_ledger(path: &Path, overlay: Option<&Path>) -> anyhow::Result<Vec<Case>> {
    let source = SourceText::read(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let records = records_of(path, &source)?;
    if records.is_empty() {
        bail!(
            "cannot use {}: there is no record in it\n\nhint: a record is [[record]] with `plan`, `month` and `actual_usd`",
            source.name
        );
    }
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

#[cfg(test)]
mod schema_tests {
    use super::*;
    use crate::schema::keys::check;

    #[test]
    fn the_schema_knows_the_keys_of_the_parser_and_no_others() {
        check::<Ledger>();
        check::<Record>();
    }
}
