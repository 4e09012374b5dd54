//! `calibrate`: real requests until a workload's cost is known, under a hard budget.

mod check;
mod contact;
mod convergence;
mod drive;
mod from_plan;
mod journal_file;
mod learned;
mod material;
mod progress;
mod signals;
mod text;

use std::{collections::BTreeMap, path::Path, path::PathBuf};

use anyhow::{Context, bail};

use super::{Done, library::Library, output, plan::read_outside};
use crate::{
    calendar::{Day, timestamp_utc},
    calibrate::{
        Campaign, Cell, Ending, Entry, JOURNAL_SCHEMA, Limits, Rules, Skipped, Sources, cells, client,
        observations_of, summary,
    },
    cli::CalibrateArgs,
    emulator::{Setup, start},
    model::{Endpoint, ModelId},
    units::Usd,
    usage::RecordKind,
    workload::{Materials, Workload, WorkloadFile},
};
pub(super) use check::CheckLine;
pub(super) use text::DryRun;

use contact::{Contact, Environment};
use journal_file::JournalFile;

/// Play money of a rehearsal without a budget.
const REHEARSAL_USD: u32 = 60;

/// Spend tier of a Developer account of which nothing is said.
const DEVELOPER_TIER: u32 = 1;

/// Everything that is known before anything is sent.
struct Job {
    library: Library,
    workload: Workload,
    materials: Vec<Materials>,
    folder: PathBuf,
    cells: Vec<Cell>,
    skipped: Vec<Skipped>,
    day: Day,
    /// Most requests that a plan proposes.
    proposed: Option<u64>,
}

pub(super) fn run(args: &CalibrateArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let job = prepare(args, overlay)?;
    if args.dry_run {
        return dry_run(args, &job);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let emulator = if args.emulator {
            let setup = Setup {
                seed: args.seed,
                ..Setup::new(job.library.prices.clone(), job.library.tokens.clone(), job.day)
            };
            Some(start(setup, 0).await?)
        } else {
            None
        };
        let environment = match &emulator {
            Some(running) => Environment::rehearsal(&running.url()),
            None => Environment::of_process(args)?,
        };
        if args.check {
            return check::run(args, &job, &environment).await;
        }
        live(args, overlay, job, &environment).await
    })
}

fn prepare(args: &CalibrateArgs, overlay: Option<&Path>) -> anyhow::Result<Job> {
    let library = Library::load(overlay)?;
    let (source, folder) = Library::workload(&args.workload, overlay)?;
    let file = WorkloadFile::parse(&source)?;
    let outside = read_outside(&file, &folder);
    let materials = file.materials();
    let day = args.answer.on.unwrap_or_else(Day::today_utc);
    let workload = Workload::resolve(file, &source, &library.prices, day, &outside)?;
    let mut models: Vec<ModelId> = Vec::new();
    for name in &args.model {
        models.push(library.prices.resolve(name)?.id);
    }
    let proposal = args.from_plan.as_deref().map(from_plan::proposal).transpose()?;
    let wanted = |endpoint: &Endpoint, model: &ModelId| {
        if let Some(proposal) = &proposal {
            return proposal.endpoint == *endpoint && proposal.model == *model;
        }
        (args.placement.is_empty() || args.placement.contains(endpoint))
            && (models.is_empty() || models.contains(model))
    };
    let sources = Sources { workload: &workload, prices: &library.prices, tokens: &library.tokens, day };
    let (cells, skipped) = cells(&sources, wanted);
    if let (Some(proposal), true) = (&proposal, cells.is_empty()) {
        bail!(
            "the plan proposes {} on {}, which this workload does not send to\n\nhint: is it the plan of this workload?",
            proposal.model,
            proposal.endpoint
        );
    }
    let proposed = proposal.map(|proposal| proposal.requests);
    Ok(Job { library, workload, materials, folder, cells, skipped, day, proposed })
}

fn rules(args: &CalibrateArgs) -> Rules {
    Rules {
        precision: args.precision.unwrap_or(Rules::default().precision),
        pooled: args.pooled,
        guarantee: args.guarantee,
        // Who names a precision means it; who names none wants the bill, where the volume counts too.
        volume_counts: args.precision.is_none() && !args.guarantee,
        ..Rules::default()
    }
}

fn limits(args: &CalibrateArgs, job: &Job, budget: Usd) -> anyhow::Result<Limits> {
    let tier = args.developer_tier.or(job.workload.developer_tier).unwrap_or(DEVELOPER_TIER);
    let tiers = &job.library.capacity.developer_tiers;
    let cap = tiers.iter().find(|row| row.tier == tier).map(|row| row.usd_per_10_minutes_max);
    let cap = cap.with_context(|| format!("--developer-tier: no tier {tier} in the capacity book"))?;
    Ok(Limits {
        budget,
        requests: job.proposed.map_or(args.max_requests, |proposed| proposed.min(args.max_requests)),
        seconds: args.max_minutes * 60.0,
        concurrency: args.concurrency as usize,
        // Play money has no spend tier.
        developer_usd_per_10_minutes: (!args.emulator).then_some(cap),
    })
}

fn budget(args: &CalibrateArgs) -> anyhow::Result<Usd> {
    match args.budget_usd {
        Some(budget) => Ok(budget),
        None if args.emulator => Ok(Usd(REHEARSAL_USD.into())),
        None => bail!(
            "calibrate spends money: it needs --budget-usd\n\nhint: `burndown calibrate {} --dry-run` shows what each budget would buy, --emulator rehearses for free",
            args.workload
        ),
    }
}

fn dry_run(args: &CalibrateArgs, job: &Job) -> anyhow::Result<Done> {
    let limits = limits(args, job, args.budget_usd.unwrap_or(Usd(1_000_000.into())))?;
    let forecast = text::dry_run(job, limits, rules(args), args.seed)?;
    if args.answer.json {
        output::print_json(&forecast)?;
    } else {
        output::print(&forecast.to_string())?;
    }
    Ok(Done::Fine)
}

async fn live(
    args: &CalibrateArgs,
    overlay: Option<&Path>,
    mut job: Job,
    environment: &Environment,
) -> anyhow::Result<Done> {
    let budget = budget(args)?;
    let kind = if args.emulator { RecordKind::Rehearsed } else { RecordKind::Measured };
    let client = client(args.emulator).map_err(anyhow::Error::msg)?;
    let contacts = reachable(args, &mut job, environment, &client).await?;
    let mut campaign = Campaign::new(job.cells.clone(), limits(args, &job, budget)?, rules(args), args.seed)?;
    let path = journal_path(args, &job);
    let (mut journal, entries) = JournalFile::open(&path, args.resume)?;
    same_kind(&entries, kind, &path)?;
    campaign.resume(&entries);
    if args.resume {
        output::say(&text::resumed(&campaign, &path));
    }
    journal.append(&Entry::Start {
        schema: JOURNAL_SCHEMA.into(),
        workload: job.workload.name.clone(),
        at: timestamp_utc(),
        budget_usd: budget,
        kind,
        seed: args.seed,
    })?;
    let material = material::Store::new(&job.materials, &job.folder);
    let drive = drive::Drive { args, client: &client, contacts: &contacts, material: &material, kind };
    let (campaign, ending) = drive.run(campaign, &mut journal).await?;
    journal.append(&Entry::Stop { why: text::ending(ending).into(), at: timestamp_utc() })?;
    let observations = observations_of(journal.entries());
    let found = summary(&campaign, &observations);
    let mut written = learned::write(args, overlay, &job, &observations)?;
    if let Some(folder) = &args.out {
        written.extend(convergence::write(folder, &campaign, budget, journal.entries())?);
    }
    if args.answer.json {
        output::print_json(&found)?;
    } else {
        output::print(&text::summary(&found, &job.skipped, ending, args.emulator))?;
    }
    for path in written {
        output::say(&format!("wrote {path}"));
    }
    output::say(&text::what_the_rest_costs(&campaign, &job, args, ending));
    if campaign.counts.answers == 0 && ending != Ending::Interrupted {
        bail!("no request was answered, so nothing was learned; it ended: {}", text::ending(ending));
    }
    let incomplete = args.answer.strict && !matches!(ending, Ending::Enough(_));
    Ok(if incomplete { Done::CheckFailed } else { Done::Fine })
}

/// Leaves away what cannot be reached, by free calls.
async fn reachable(
    args: &CalibrateArgs,
    job: &mut Job,
    environment: &Environment,
    client: &reqwest::Client,
) -> anyhow::Result<BTreeMap<Endpoint, Contact>> {
    let mut contacts = BTreeMap::new();
    let checks = check::placements(args, job, environment, client).await;
    for check in checks {
        match (check.problem, check.contact) {
            (None, Some(contact)) => {
                contacts.insert(check.endpoint, contact);
            }
            (problem, _) => {
                let why = problem.unwrap_or_else(|| "no credentials".into());
                job.cells.retain(|cell| cell.alternative() != (check.model.clone(), check.endpoint.clone()));
                job.skipped
                    .push(Skipped { placement: format!("{} · {}", check.model, check.endpoint), why });
            }
        }
    }
    if job.cells.is_empty() {
        let reasons: Vec<String> =
            job.skipped.iter().map(|skipped| format!("  {}: {}", skipped.placement, skipped.why)).collect();
        bail!(
            "no placement can be reached\n{}\n\nhint: `burndown calibrate {} --check` says what is missing, --emulator needs nothing",
            reasons.join("\n"),
            args.workload
        );
    }
    Ok(contacts)
}

fn journal_path(args: &CalibrateArgs, job: &Job) -> PathBuf {
    match (&args.journal, &args.out) {
        (Some(path), _) => path.clone(),
        (None, Some(folder)) => folder.join("calibration.jsonl"),
        (None, None) => PathBuf::from(format!("{}.calibration.jsonl", job.workload.name)),
    }
}

/// A rehearsal's journal holds play money and play answers; the two are never mixed.
fn same_kind(entries: &[Entry], kind: RecordKind, path: &Path) -> anyhow::Result<()> {
    let other =
        entries.iter().any(|entry| matches!(entry, Entry::Start { kind: found, .. } if *found != kind));
    if other {
        bail!(
            "`{}` is the journal of {}; expected another --journal",
            path.display(),
            if kind == RecordKind::Rehearsed { "real requests" } else { "a rehearsal" }
        );
    }
    Ok(())
}
