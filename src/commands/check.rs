//! `check`: budget and capacity gates on a plan, and the month to date against it.

use std::path::Path;

use anyhow::{Context, bail};
use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::{Done, metrics::pt_metrics, output, saved::saved_plan};
use crate::{
    calendar::LocalClock,
    cli::{CheckArgs, Format},
    diagnostics::{SourceText, read_limited},
    projection::{
        SavedPlan,
        check::{
            DailySpend, MonthToDate, Policy, PtCheck, Verdict, check, month_to_date, pt_check, read_daily,
        },
        reconcile::{daily_spend, read_bill},
    },
    report::{check_markdown, check_text},
};

/// Longest file of spend by day.
const ACTUAL_BYTES_MAX: u64 = 256 * 1024 * 1024;

pub(super) fn run(args: &CheckArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let (policy, baseline) = policy(args)?;
    if policy.limits_nothing() && args.actual.is_none() && args.pt_metrics.is_empty() {
        bail!(
            "nothing to check\n\nhint: --max-monthly-usd N, --policy FILE, --actual FILE or --pt-metrics FILE"
        );
    }
    let plan = saved_plan(&args.plan, args.answer.on, overlay)?;
    if args.answer.strict && !plan.warnings.is_empty() {
        bail!("{} warning(s) in the plan, and --strict allows none", plan.warnings.len());
    }
    let baseline = match baseline.filter(|_| policy.max_increase.is_some()) {
        Some(baseline) => Some(saved_plan(&baseline, args.answer.on, overlay).context("the baseline")?),
        None => None,
    };
    let rate = args.currency_rate;
    let actual = args.actual.as_ref().map(|path| actual(&plan, path, rate)).transpose()?;
    let mut found = check(&args.plan, &plan, &policy, baseline.as_ref(), actual);
    if !args.pt_metrics.is_empty() {
        found = found.with_provisioned(provisioned(args, &plan)?);
    }
    if args.answer.json {
        output::print_json(&found)?;
    } else {
        match args.format {
            Format::Text => output::print(&check_text(&found))?,
            Format::Markdown => output::print(&check_markdown(&found))?,
        }
    }
    match found.verdict {
        Verdict::Held => Ok(Done::Fine),
        Verdict::Broken => Ok(Done::CheckFailed),
        Verdict::CannotTell => {
            let gates = found.gates.iter().filter(|gate| gate.verdict == Verdict::CannotTell);
            let mut names: Vec<&str> = gates.map(|gate| gate.gate).collect();
            names.dedup();
            bail!("cannot tell whether {} holds", names.join(", "))
        }
    }
}

/// The file's limits with the flags over them, and where the baseline stands.
fn policy(args: &CheckArgs) -> anyhow::Result<(Policy, Option<String>)> {
    let flags = Policy {
        max_monthly_usd: args.max_monthly_usd,
        max_worst_month_usd: args.max_worst_month_usd,
        max_increase: args.max_increase.map(|share| share.0),
        max_spill: args.max_spill.map(|share| share.0),
        gsu: args.gsu,
        max_cost_per_request_usd: args.max_cost_per_request,
        max_gsu: args.max_gsu,
        confidence: args.confidence.map(|share| share.0),
        money: args.money,
        baseline: args.baseline.clone(),
    };
    if let Some(share) = flags.confidence.filter(|share| !(0.0 < *share && *share < 1.0)) {
        bail!("--confidence: a probability lies strictly between 0 and 1, found {share}");
    }
    if let Some(share) = flags.max_spill.filter(|share| *share > 1.0) {
        bail!("--max-spill: a share of traffic lies between 0 and 1, found {share}");
    }
    let Some(path) = &args.policy else {
        let baseline = flags.baseline.clone();
        return Ok((flags, baseline));
    };
    let file = Policy::parse(&SourceText::read(path)?)?;
    let beside = |name: &String| match path.parent() {
        Some(folder) if name != "-" && folder.join(name).exists() => folder.join(name).display().to_string(),
        _ => name.clone(),
    };
    let baseline = flags.baseline.clone().or_else(|| file.baseline.as_ref().map(beside));
    Ok((file.overridden_by(flags), baseline))
}

fn actual(plan: &SavedPlan, path: &Path, rate: Option<Decimal>) -> anyhow::Result<MonthToDate> {
    let spend = spend_by_day(path, rate)?;
    month_to_date(plan, &spend).with_context(|| format!("cannot hold {} against the plan", path.display()))
}

/// The metrics of all files together, held against the plan's pool.
fn provisioned(args: &CheckArgs, plan: &SavedPlan) -> anyhow::Result<PtCheck> {
    let clock = LocalClock::of_zone(&args.time_zone).with_context(|| {
        format!("unknown time zone `{}`, expected a name such as `UTC` or `Europe/Berlin`", args.time_zone)
    })?;
    let metrics = pt_metrics(&args.pt_metrics)?;
    Ok(pt_check(plan, &metrics, args.gsu, &clock)?)
}

/// Columns `day` and `usd`, or a bill of Google Cloud by day; `rate` is what a US dollar costs in its currency.
pub(super) fn spend_by_day(path: &Path, rate: Option<Decimal>) -> anyhow::Result<DailySpend> {
    let name = path.display().to_string();
    let text = SourceText::from_bytes(&name, read_limited(path, ACTUAL_BYTES_MAX)?)?.text;
    let is_bill = ["SKU description", "sku.", "sku_", "\"sku\""].iter().any(|mark| text.contains(mark));
    let spend = if is_bill {
        let bill = read_bill(&text, rate).with_context(|| format!("cannot use {name}"))?;
        daily_spend(&bill).with_context(|| format!("{name} is not grouped by day"))?
    } else {
        read_daily(&text, rate.and_then(|rate| rate.to_f64()))
            .with_context(|| format!("cannot use {name}"))?
    };
    Ok(spend)
}
