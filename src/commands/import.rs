//! `import`: logs that exist already to observations or sums, token profiles, arrivals and a workload.

pub(super) mod logs;
mod summary;

pub(super) use summary::ImportAnswer;

use std::path::Path;

use anyhow::{Context, bail};

use super::{Done, files::write_files, fit, library::Library, output};
use crate::{
    calendar::{Day, LocalClock},
    cli::ImportArgs,
    import::{
        Collected, Control, Coverage, IDS_MAX, LogFormat, RouteBy, Settings, arrival_profile,
        counts_per_minute, coverage, workload_text,
    },
    tokens::{Fitted, fit as fit_observations, fit_aggregates},
    usage::{Observation, aggregate_rows},
    warning::Warning,
};

pub(super) fn run(args: &ImportArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let settings = settings(args)?;
    let zone = LocalClock::of_zone(&args.time_zone).with_context(|| {
        format!("unknown time zone `{}`, expected a name such as `UTC` or `Europe/Berlin`", args.time_zone)
    })?;
    let control = control(args)?;
    let library = Library::load(overlay)?;
    let collected = logs::read(&args.logs, &settings)?;
    if settings.strict {
        some_attempt(&collected)?;
    }
    let fitted = learn(&collected, &library, &args.source);
    let (coverage, mut warnings) = coverage(&collected.aggregates, &control);
    warnings.extend(doubts(&collected));
    output::strict(&args.answer, &warnings)?;
    let arrivals = arrival_profile(&collected.aggregates, &zone);
    let workload =
        workload_text(&collected.aggregates, &library.prices, &arrivals, &args.time_zone, &coverage);
    let summary = summary::Summary {
        collected: &collected,
        coverage: &coverage,
        arrivals: &arrivals,
        fitted: &fitted,
        warnings: &warnings,
    };
    let written = match &args.out {
        Some(folder) => write(folder, args, overlay, &collected, &fitted, workload.as_deref(), &coverage)?,
        None => Vec::new(),
    };
    if args.answer.json {
        output::print_json(&summary.answer())?;
    } else {
        output::print(&summary.text())?;
    }
    output::warn(&warnings);
    for path in &written {
        output::say(&format!("wrote {path}"));
    }
    Ok(Done::Fine)
}

fn settings(args: &ImportArgs) -> anyhow::Result<Settings> {
    let route_by = args.route_by.as_deref().map(|field| field.parse().map_err(anyhow::Error::msg));
    Ok(Settings {
        format: args.format.as_deref().map(str::parse::<LogFormat>).transpose()?,
        route_by: route_by.transpose().context("--route-by")?.unwrap_or(RouteBy::All),
        backend: args.backend,
        keep: args.observations_up_to,
        strict: args.answer.strict,
        ids_max: IDS_MAX,
    })
}

fn control(args: &ImportArgs) -> anyhow::Result<Control> {
    if let Some(rate) = args.sampling_rate
        && !(rate > 0.0 && rate <= 1.0)
    {
        bail!("--sampling-rate: expected a share above 0 and at most 1, found {rate}");
    }
    let (invocations, billed_tokens) = (args.invocations, args.billed_tokens);
    Ok(Control { sampling_rate: args.sampling_rate, invocations, billed_tokens })
}

/// A log without a single call has nothing to tell, and why that is should be.
fn some_attempt(collected: &Collected) -> anyhow::Result<()> {
    if collected.aggregates.attempts() > 0 {
        return Ok(());
    }
    if collected.rows == 0 {
        bail!("there is no row in what was given");
    }
    let why: Vec<String> =
        collected.left_out.iter().map(|(reason, left)| summary::reason(reason, left)).collect();
    bail!(
        "{} rows, and none is a call to a Gemini model{}{}\n\nhint: --format names the kind of log where it is told wrongly",
        collected.rows,
        if why.is_empty() { "" } else { "; left out: " },
        why.join("; ")
    )
}

/// From single observations where there are few, from sums where there are many or nothing else was read.
fn learn(collected: &Collected, library: &Library, source: &str) -> Fitted {
    match &collected.observations {
        Some(observations) if observations.len() as u64 <= crate::usage::AGGREGATE_ABOVE => {
            fit_observations(observations, &library.prices, &library.tokens, source)
        }
        _ => fit_aggregates(&collected.aggregates, &library.prices, &library.tokens, source),
    }
}

/// What the rows leave in doubt.
fn doubts(collected: &Collected) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let broken = || collected.left_out.iter().filter(|(_, left)| left.broken);
    let n: u64 = broken().map(|(_, left)| left.n).sum();
    if n > 0 {
        let mut reasons: Vec<_> = broken().collect();
        reasons.sort_by_key(|(reason, left)| (std::cmp::Reverse(left.n), *reason));
        let words: Vec<String> =
            reasons.iter().take(3).map(|(reason, left)| summary::reason(reason, left)).collect();
        warnings.push(Warning::RowsLeftOut { n, rows: collected.rows, reasons: words.join("; ") });
    }
    if collected.not_looked_for > 0 {
        let (n, remembered) = (collected.not_looked_for, IDS_MAX as u64);
        warnings.push(Warning::DuplicatesNotLookedFor { n, remembered });
    }
    let untold = collected
        .aggregates
        .cells
        .iter()
        .filter(|(key, _)| key.backend.is_none() && !key.outcome.starts_with("error "));
    let untold: u64 = untold.map(|(_, cell)| cell.n).sum();
    if untold > 0 {
        warnings.push(Warning::BackendNotTold { n: untold });
    }
    warnings
}

fn write(
    folder: &Path,
    args: &ImportArgs,
    overlay: Option<&Path>,
    collected: &Collected,
    fitted: &Fitted,
    workload: Option<&str>,
    coverage: &Coverage,
) -> anyhow::Result<Vec<String>> {
    let mut files: Vec<(String, String)> = Vec::new();
    match &collected.observations {
        Some(observations) => files.push(("observations.jsonl".into(), lines(observations)?)),
        None => files.push(("aggregates.jsonl".into(), aggregate_rows(&collected.aggregates))),
    }
    if !collected.aggregates.minutes.is_empty() {
        files.push(("arrivals.csv".into(), counts_per_minute(&collected.aggregates)));
    }
    files.extend(workload.map(|text| ("workloads/imported.toml".to_string(), text.to_string())));
    let day = args.answer.on.unwrap_or_else(Day::today_utc).to_string();
    let share = coverage.share.map_or("an unknown share".into(), |share| format!("{:.0} %", share * 100.0));
    let title = format!("an imported log of {} rows, {share} of the traffic", collected.rows);
    for (path, text) in fit::profile_texts(fitted, overlay, None, (&args.source, &title, &day))? {
        files.push((path, text));
    }
    write_files(folder, &files)
}

fn lines(observations: &[Observation]) -> anyhow::Result<String> {
    let mut text = String::new();
    for observation in observations {
        text += &serde_json::to_string(observation)?;
        text.push('\n');
    }
    Ok(text)
}
