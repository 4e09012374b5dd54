//! What `calibrate` says.

use std::{fmt, path::Path};

use schemars::JsonSchema;
use serde::Serialize;

use super::Job;
use crate::{
    calibrate::{
        Campaign, CampaignError, Ending, Enough, Estimate, Limits, PlacementSummary, Rules, Skipped, Summary,
        forecast,
    },
    cli::CalibrateArgs,
    report::{
        format::{figure, grouped, money_small, money_whole, percent},
        plain_table,
    },
    units::Usd,
};

/// Budgets whose precision a dry run shows.
const LADDER_USD: [u32; 8] = [5, 10, 20, 50, 100, 200, 500, 1000];

/// What a dry run answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::commands) struct DryRun {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.dry-run/1"))]
    schema: &'static str,
    cells: Vec<CellLine>,
    skipped: Vec<Skipped>,
    /// Until the precision asked for, within the limits.
    requests: u64,
    usd: f64,
    usd_at_worst: f64,
    minutes: f64,
    ending: Ending,
    precision: f64,
    ladder: Vec<Rung>,
    drafts_assumed: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CellLine {
    cell: String,
    requests_per_month: f64,
    usd_expected: f64,
    usd_at_worst: Usd,
    by_rule: bool,
}

/// What one budget buys: half width of the widest placement's total over it.
#[derive(Debug, Serialize, JsonSchema)]
struct Rung {
    budget_usd: u32,
    spent_usd: f64,
    requests: u64,
    half_width: Option<f64>,
}

/// Plays the calibration through for the limits, and for a ladder of budgets.
pub(super) fn dry_run(job: &Job, limits: Limits, rules: Rules, seed: u64) -> Result<DryRun, CampaignError> {
    let whole = forecast(&job.cells, limits, rules, seed)?;
    let mut ladder = Vec::new();
    // The ladder asks how far each budget goes, not when the volume makes more pointless.
    let exact = Rules { precision: 0.02, volume_counts: false, ..rules };
    for budget in LADDER_USD {
        let limits = Limits { budget: Usd(budget.into()), ..limits };
        let Ok(found) = forecast(&job.cells, limits, exact, seed) else { continue };
        let everybody = found.precision.len() == whole.precision.len();
        // An interval wider than the number itself says no more than that too little was seen.
        let half_width = Some(found.widest()).filter(|width| *width <= 1.0 && everybody);
        ladder.push(Rung { budget_usd: budget, spent_usd: found.usd, requests: found.requests, half_width });
    }
    let cells = job.cells.iter().map(|cell| CellLine {
        cell: cell.key.clone(),
        requests_per_month: cell.weight,
        usd_expected: cell.expected.usd,
        usd_at_worst: cell.worst,
        by_rule: cell.expected.by_rule,
    });
    let worst = job.cells.iter().map(|cell| cell.worst.to_f64()).fold(0.0, f64::max);
    Ok(DryRun {
        schema: "burndown.dry-run/1",
        cells: cells.collect(),
        skipped: job.skipped.clone(),
        requests: whole.requests,
        usd: whole.usd,
        usd_at_worst: (worst * whole.requests as f64).min(limits.budget.to_f64()),
        minutes: whole.minutes,
        ending: whole.ending,
        precision: whole.widest(),
        ladder,
        drafts_assumed: job.cells.iter().any(|cell| cell.expected.drafts_open),
    })
}

impl fmt::Display for DryRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows =
            vec![["cell", "requests/month", "expected", "at worst", ""].map(String::from).to_vec()];
        for cell in &self.cells {
            rows.push(vec![
                cell.cell.clone(),
                grouped(cell.requests_per_month.round() as u64),
                money_small(cell.usd_expected),
                money_small(cell.usd_at_worst.to_f64()),
                if cell.by_rule { "by rule".into() } else { String::new() },
            ]);
        }
        writeln!(f, "{}", plain_table(&rows))?;
        writeln!(
            f,
            "expected: {} requests, {}, {:.0} minutes, until {} (widest ±{:.1} %); at worst {}",
            grouped(self.requests),
            money_whole(self.usd),
            self.minutes,
            ending(self.ending),
            self.precision * 100.0,
            money_whole(self.usd_at_worst),
        )?;
        writeln!(f, "\nwhat a budget buys (widest placement, 95 %)")?;
        for rung in &self.ladder {
            let width = rung.half_width.map_or("too few answers for every placement".into(), |width| {
                format!("±{:.1} %", width * 100.0)
            });
            writeln!(
                f,
                "  ${:<5} → {width}, {} requests for {}",
                rung.budget_usd,
                grouped(rung.requests),
                money_whole(rung.spent_usd)
            )?;
        }
        if self.drafts_assumed {
            writeln!(
                f,
                "\nassumed: one answer in ten holds a second picture where that is an open question"
            )?;
        }
        for skipped in &self.skipped {
            writeln!(f, "left out: {}, {}", skipped.placement, skipped.why)?;
        }
        Ok(())
    }
}

/// Why it ended.
pub(super) fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Enough(Enough::Precise) => "every total is precise enough",
        Ending::Enough(Enough::VolumeDominates) => "the volume is less certain than the cost",
        Ending::Enough(Enough::NobodyLeft) => "no cell is left to ask",
        Ending::Budget => "the budget covers no further request at its worst price",
        Ending::Requests => "the limit of requests",
        Ending::Time => "the limit of time",
        Ending::Interrupted => "interrupted",
    }
}

/// What a resumed journal held.
pub(super) fn resumed(campaign: &Campaign, path: &Path) -> String {
    let (spent, _) = campaign.money();
    format!(
        "resumed `{}`: {} answers, ${spent} spent, {} lost in flight (counted as spent)",
        path.display(),
        campaign.counts.answers,
        campaign.counts.lost_in_flight
    )
}

/// The final tables.
pub(super) fn summary(found: &Summary, skipped: &[Skipped], why: Ending, rehearsal: bool) -> String {
    let mut text = String::new();
    if rehearsal {
        text += "REHEARSAL: play answers of the emulator, no real ones; good for nothing but trying out\n\n";
    }
    let counts = &found.counts;
    text += &format!(
        "ended: {}; {} requests, {} answers, ${} spent\n\n",
        ending(why),
        grouped(counts.sent),
        grouped(counts.answers),
        found.spent_usd.0.round_dp(4).normalize()
    );
    text += &costs(found);
    for placement in &found.placements {
        text += &tokens(placement);
    }
    for ratio in &found.ratios {
        text += &format!(
            "\n{}: a request on {} costs {} times one on {}\n",
            ratio.model,
            ratio.of,
            with_interval(&ratio.ratio, figure),
            ratio.to
        );
    }
    text + &remarks(found, skipped)
}

fn costs(found: &Summary) -> String {
    let header =
        ["placement", "answers", "$/request", "95 %", "before", "$/month", "±", "s p50/p95", "MB", "blocked"];
    let mut rows = vec![header.map(String::from).to_vec()];
    for placement in &found.placements {
        let blocked = placement.blocked_share;
        rows.push(vec![
            format!("{} {}", placement.model, placement.endpoint),
            placement.answers.to_string(),
            money_small(placement.usd_per_request.mean),
            interval(&placement.usd_per_request, money_small),
            money_small(placement.usd_per_request_before),
            money_whole(placement.usd_per_month.mean),
            placement.precision.map_or("–".into(), percent),
            placement.seconds.map_or("–".into(), |[middle, high]| format!("{middle:.1}/{high:.1}")),
            placement.megabytes.map_or("–".into(), |bytes| format!("{bytes:.2}")),
            format!("{}–{}", percent(blocked[1]), percent(blocked[2])),
        ]);
    }
    plain_table(&rows)
}

fn tokens(placement: &PlacementSummary) -> String {
    let mut rows = vec![["tokens a request", "mean", "95 %", "profile before"].map(String::from).to_vec()];
    for class in &placement.classes {
        rows.push(vec![
            class.class.label().into(),
            figure(class.tokens.mean),
            interval(&class.tokens, figure),
            class.before.map_or("–".into(), figure),
        ]);
    }
    let pictures: Vec<String> =
        placement.pictures.iter().map(|(count, times)| format!("{count} × {times}")).collect();
    let mut text = format!("\n{} · {}\n{}", placement.model, placement.endpoint, plain_table(&rows));
    text += &format!("  pictures per answer: {}\n", pictures.join(", "));
    if placement.untold > 0 {
        text += &format!("  {} answers do not tell their tokens; paid for, not counted\n", placement.untold);
    }
    for why in &placement.stopped {
        text += &format!("  left: {why}\n");
    }
    text
}

fn remarks(found: &Summary, skipped: &[Skipped]) -> String {
    let mut text = String::new();
    let [agree, differ] = found.picture_rule;
    match found.picture_rule_mismatch_below {
        Some(below) => {
            text += &format!(
                "\npicture rules: {agree} of {agree} prompts agree; mismatches below {}\n",
                percent(below)
            );
        }
        None if differ > 0 => {
            text += &format!("\npicture rules: {differ} of {} prompts differ\n", agree + differ);
        }
        None => {}
    }
    for finding in &found.findings {
        text += &format!("\nfinding: {}: {}\n", finding.cell, finding.text);
    }
    for (code, times) in &found.anomalies {
        text += &format!("anomaly: {code} × {times}\n");
    }
    for (fault, times) in &found.faults {
        text += &format!("failed attempts: {} × {times}\n", fault.label());
    }
    for skipped in skipped {
        text += &format!("left out: {}, {}\n", skipped.placement, skipped.why);
    }
    text
}

fn interval(estimate: &Estimate, spell: fn(f64) -> String) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{}–{}", spell(low), spell(high)),
        _ => "–".into(),
    }
}

fn with_interval(estimate: &Estimate, spell: fn(f64) -> String) -> String {
    format!("{} ({})", spell(estimate.mean), interval(estimate, spell))
}

/// After a stop before the goal: how precise it is, and what the rest would take.
pub(super) fn what_the_rest_costs(
    campaign: &Campaign,
    job: &Job,
    args: &CalibrateArgs,
    why: Ending,
) -> String {
    if matches!(why, Ending::Enough(_)) {
        let next = args.out.as_ref().map(|folder| folder.display().to_string());
        return match next {
            Some(folder) => format!("next: burndown --profiles {folder} plan {}", args.workload),
            None => {
                "next: --out DIR writes the profiles for --profiles DIR (--resume buys nothing again)".into()
            }
        };
    }
    let sampler = &campaign.sampler;
    let widest =
        sampler.groups().iter().map(|group| sampler.known(group).total.relative()).fold(0.0, f64::max);
    let reached = if widest.is_finite() {
        format!("reached ±{:.1} % for the widest placement", widest * 100.0)
    } else {
        "some placements have too few answers for an interval".into()
    };
    let unlimited = Limits {
        budget: Usd(1_000_000.into()),
        requests: u64::MAX,
        seconds: 1e6,
        concurrency: args.concurrency as usize,
        developer_usd_per_10_minutes: None,
    };
    let cells: Vec<_> = job
        .cells
        .iter()
        .zip(&sampler.tallies)
        .filter(|(_, tally)| tally.stopped.as_ref().is_none_or(|why| why.contains("budget")))
        .map(|(cell, _)| cell.clone())
        .collect();
    match forecast(&cells, unlimited, sampler.rules, args.seed) {
        Ok(whole) => {
            let rest = (whole.usd - campaign.money().0.to_f64()).max(0.0);
            format!(
                "{reached}; the rest to ±{:.1} % would cost about {} more (--resume with a larger --budget-usd)",
                sampler.rules.precision * 100.0,
                money_whole(rest)
            )
        }
        Err(_) => reached,
    }
}
