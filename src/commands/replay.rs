//! `replay`: a trace through the admission of many GSU counts.

mod answer;
mod learn;

use std::{fs::File, io::Read, path::Path};

use anyhow::{Context, bail};
use rust_decimal::prelude::ToPrimitive;

pub(super) use self::{answer::ReplayAnswer, learn::LearnedAnswer};

use self::answer::{answer, text};
use super::{Done, files::write_whole, library::Library, output};
use crate::{
    calendar::{Day, LocalClock},
    capacity::{Estimate, EstimateRule, Overrun, Refund},
    cli::{ClockKind, EstimateFlag, LatencyFlag, OverrunKind, RefundKind, ReplayArgs, TraceKind},
    diagnostics::{SourceText, no_device},
    model::{Endpoint, Location, ModelId},
    prices::ModelKind,
    replay::{
        ArrivalPattern, Arrivals, BurnRates, Clock, Demand, Latency, Outcome, QuotaSource, Replay,
        ReplayOptions, Request, SnippetFacts, TraceFormat, TraceNotes, TraceReader, assumed_windows,
        purchases, workload_snippet,
    },
    warning::Warning,
    workload::{OutsideFiles, Workload, WorkloadFile},
};

/// Latency of a request whose trace does not tell it, microseconds.
const UNKNOWN_LATENCY: u64 = 0;

pub(super) fn run(args: &ReplayArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let library = Library::load(overlay)?;
    let day = args.answer.on.unwrap_or_else(Day::today_utc);
    if args.learn.learn_rule {
        return learn::run(args, &library, day);
    }
    let job = Job::new(args, &library, day)?;
    if let Some(path) = &args.fit
        && path.exists()
    {
        bail!("`{}` exists already and is not overwritten", path.display());
    }
    let seen = job.replay()?;
    let warnings = job.warnings(&seen);
    output::strict(&args.answer, &warnings)?;
    if let (Some(path), Some(pattern)) = (&args.fit, &seen.pattern) {
        job.write_workload(path, pattern, &seen)?;
    }
    if args.answer.json {
        output::print_json(&answer(&job, &seen, &warnings))?;
    } else {
        output::print(&text(&job, &seen))?;
        output::warn(&warnings);
    }
    Ok(Done::Fine)
}

/// Everything that is settled before the trace is read.
struct Job<'a> {
    args: &'a ReplayArgs,
    library: &'a Library,
    day: Day,
    /// Name of the trace for people: its file, without folders.
    name: String,
    model: Option<ModelId>,
    resolved: Vec<String>,
    rates: BurnRates,
    options: ReplayOptions,
    rule: EstimateRule,
}

/// What came out.
struct Seen {
    format: TraceFormat,
    notes: TraceNotes,
    demand: Demand,
    outcomes: Vec<Outcome>,
    /// What requests were admitted with.
    estimate: Estimate,
    pattern: Option<ArrivalPattern>,
}

impl<'a> Job<'a> {
    fn new(args: &'a ReplayArgs, library: &'a Library, day: Day) -> anyhow::Result<Job<'a>> {
        let mut resolved = Vec::new();
        let model = args.model.as_deref().map(|name| model(name, library, &mut resolved)).transpose()?;
        let rates = match (&model, args.burn_input, args.burn_output) {
            (_, Some(input), Some(output)) => BurnRates::of_weights(input, output)?,
            (Some(model), ..) => BurnRates::of_model(&library.capacity, model, day)?,
            (None, ..) => bail!(
                "what a token burns is not known: name a --model, or give --burn-input and --burn-output"
            ),
        };
        let source = QuotaSource {
            throughput: model.as_ref().and_then(|model| library.capacity.throughput(model, day, 0.0)),
            burn_per_second: args.burn_per_second_per_gsu,
            window_seconds: args.window,
            units_per_burn: rates.units_per_burn(),
        };
        let hours = LocalClock::of_zone(&args.time_zone).with_context(|| {
            format!(
                "unknown time zone `{}`, expected a name such as `UTC` or `Europe/Berlin`",
                args.time_zone
            )
        })?;
        let options = ReplayOptions {
            purchases: purchases(&source, &args.gsu.0)?,
            clock: clock(args)?,
            estimate: Estimate::Actual,
            latency: match args.latency {
                LatencyFlag::Seconds(seconds) => Latency::Same((seconds * 1e6).round() as u64),
                LatencyFlag::Trace => Latency::OfTrace(UNKNOWN_LATENCY),
            },
            refund: match args.refund {
                RefundKind::Any => Refund::Any,
                RefundKind::SameWindow => Refund::SameWindow,
                RefundKind::Never => Refund::Never,
            },
            overrun: match args.overrun {
                OverrunKind::Forget => Overrun::Forget,
                OverrunKind::Debt => Overrun::Debt,
            },
            hours,
            state_machine: false,
        };
        let rule = estimate_rule(args.estimate, &rates)?;
        let name = args.trace.file_name().map_or("-".into(), |name| name.to_string_lossy().into_owned());
        let name = if name == "-" { "standard input".into() } else { name };
        if rule.needs_traffic() && is_stdin(&args.trace) {
            bail!(
                "this estimate needs the mean or the largest output of the whole trace, and standard input can be read once: give a file, or --estimate burn:N"
            );
        }
        Ok(Job { args, library, day, name, model, resolved, rates, options, rule })
    }

    /// Reads the trace once, or twice where the estimate needs its mean.
    fn replay(&self) -> anyhow::Result<Seen> {
        let estimate =
            if self.rule.needs_traffic() { self.estimate_of_traffic()? } else { self.rule.resolve(0.0, 0) };
        let mut replay = Replay::new(ReplayOptions { estimate, ..self.options.clone() })?;
        let mut arrivals = Arrivals::default();
        let (format, notes) = self.each_batch(|batch| {
            replay.push(batch);
            if self.args.fit.is_some() {
                arrivals.push(batch)?;
            }
            Ok(())
        })?;
        let (demand, outcomes) = replay.finish();
        let pattern = arrivals.pattern(&self.options.hours);
        Ok(Seen { format, notes, demand, outcomes, estimate, pattern })
    }

    /// The first of two readings: mean and largest output burn.
    fn estimate_of_traffic(&self) -> anyhow::Result<Estimate> {
        let (mut requests, mut output, mut largest) = (0_u64, 0_u128, 0);
        self.each_batch(|batch| {
            for request in batch {
                let burn = request.units - request.input_units;
                requests += 1;
                output += u128::from(burn);
                largest = largest.max(burn);
            }
            Ok(())
        })?;
        Ok(self.rule.resolve(output as f64 / requests.max(1) as f64, largest))
    }

    fn each_batch(
        &self,
        mut take: impl FnMut(&[Request]) -> anyhow::Result<()>,
    ) -> anyhow::Result<(TraceFormat, TraceNotes)> {
        let path = &self.args.trace;
        let source: Box<dyn Read> = if is_stdin(path) {
            Box::new(std::io::stdin())
        } else {
            no_device(path)?;
            Box::new(File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?)
        };
        let asked = self.args.format.map(format_of);
        let mut reader =
            TraceReader::open(&path.display().to_string(), source, asked, &self.rates, |name| {
                self.is_wanted(name)
            })?;
        let mut batch = Vec::new();
        while reader.next_batch(&mut batch)? {
            take(&batch)?;
        }
        Ok((reader.format(), reader.notes().clone()))
    }

    /// Whether an observation's model is the one that is replayed; every one is when none was named.
    fn is_wanted(&self, name: &str) -> bool {
        self.model.as_ref().is_none_or(|model| names(name, model, self.library))
    }

    fn warnings(&self, seen: &Seen) -> Vec<Warning> {
        let TraceNotes { unreadable, failed, other_models, out_of_order, rehearsed, .. } = seen.notes;
        let trace = || self.name.clone();
        let mut warnings = Vec::new();
        if let Some((line, problem)) = &seen.notes.first_unreadable {
            let (line, problem) = (*line, problem.clone());
            warnings.push(Warning::RowsUnreadable { trace: trace(), rows: unreadable, line, problem });
        }
        if failed > 0 {
            warnings.push(Warning::RowsFailed { trace: trace(), rows: failed });
        }
        if other_models > 0 {
            let model = self.model.as_ref().map(|model| model.0.clone()).unwrap_or_default();
            warnings.push(Warning::RowsOfOtherModels { trace: trace(), model, rows: other_models });
        }
        if out_of_order > 0 {
            warnings.push(Warning::RowsOutOfOrder { trace: trace(), rows: out_of_order });
        }
        if rehearsed > 0 {
            warnings.push(Warning::Rehearsal { trace: trace(), rows: rehearsed });
        }
        if let Some(model) = &self.model {
            let without_rate = seen.notes.without_rate.iter().filter(|(_, tokens)| **tokens > 0);
            warnings
                .extend(without_rate.map(|(class, _)| Warning::NoBurndown { model: model.clone(), class }));
            warnings.extend(assumed_windows(model, &self.options.purchases));
            let endpoint = Endpoint::Vertex(Location::Global);
            warnings.extend(self.library.prices.life_warnings(
                model,
                &endpoint,
                self.day,
                self.day.plus_days(1),
            ));
        }
        if self.args.fit.is_some() && seen.pattern.as_ref().is_none_or(|pattern| pattern.whole_days == 0) {
            warnings.push(Warning::TraceTooShort {
                trace: trace(),
                covered: answer::duration(seen.demand.seconds()),
                what: "hours of the day and days of the week".into(),
            });
        }
        warnings
    }

    /// Writes the workload that the trace teaches, once it has been read back.
    fn write_workload(&self, path: &Path, pattern: &ArrivalPattern, seen: &Seen) -> anyhow::Result<()> {
        let model = self.model.as_ref().context("clap asks for --model with --fit")?;
        let book = &self.library.prices;
        let facts =
            book.facts(model).with_context(|| format!("{model} has no price: no workload can name it"))?;
        let origin =
            format!("{} ({} requests in {})", self.name, pattern.requests, answer::duration(pattern.seconds));
        let route = self.name.split('.').next().unwrap_or("trace");
        let text = workload_snippet(
            &SnippetFacts {
                route: if route.is_empty() { "trace" } else { route },
                model: &model.0,
                answers_in_text: facts.kind == ModelKind::Text,
                origin: &origin,
                time_zone: seen.format.has_calendar_time().then_some(self.args.time_zone.as_str()),
            },
            pattern,
            &seen.notes,
        );
        let source = SourceText { name: path.display().to_string(), text };
        let file = WorkloadFile::parse(&source)?;
        Workload::resolve(file, &source, book, self.day, &OutsideFiles::default())?;
        write_whole(path, source.text.as_bytes())
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        output::say(&format!("wrote {}", path.display()));
        Ok(())
    }
}

/// Whether a log's name of a model is this one's.
fn names(name: &str, model: &ModelId, library: &Library) -> bool {
    let name = name.trim_start_matches("models/");
    name == model.0 || library.prices.resolve(name).is_ok_and(|found| found.id == *model)
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn model(name: &str, library: &Library, resolved: &mut Vec<String>) -> anyhow::Result<ModelId> {
    match library.prices.resolve(name) {
        Ok(found) => {
            if let Some(alias) = found.alias {
                resolved.push(format!("{alias} = {}", found.id));
            }
            Ok(found.id)
        }
        // A model may have throughput and no price.
        Err(_) if library.capacity.throughput.iter().any(|row| row.model.0 == name) => {
            Ok(ModelId(name.into()))
        }
        Err(error) => Err(error.into()),
    }
}

fn clock(args: &ReplayArgs) -> anyhow::Result<Clock> {
    match args.clock {
        ClockKind::Fixed => Ok(Clock::Fixed { phases: args.phases }),
        _ if args.phases > 1 => bail!("--phases goes with the fixed clock: the others have none"),
        ClockKind::Sliding => Ok(Clock::Sliding),
        ClockKind::Bucket => Ok(Clock::Bucket),
    }
}

fn estimate_rule(flag: EstimateFlag, rates: &BurnRates) -> anyhow::Result<EstimateRule> {
    Ok(match flag {
        EstimateFlag::Actual => EstimateRule::Actual,
        EstimateFlag::Mean => EstimateRule::Mean,
        EstimateFlag::Maximum => EstimateRule::Maximum,
        EstimateFlag::Input => EstimateRule::InputOnly,
        EstimateFlag::Factor(factor) => EstimateRule::MeanTimes(factor),
        EstimateFlag::Burn(burn) => {
            let units = (burn * rust_decimal::Decimal::from(rates.units_per_burn())).ceil().to_u64();
            EstimateRule::Output(units.context("--estimate burn:N is beyond any request")?)
        }
    })
}

fn format_of(kind: TraceKind) -> TraceFormat {
    match kind {
        TraceKind::Azure => TraceFormat::Azure,
        TraceKind::Burstgpt => TraceFormat::BurstGpt,
        TraceKind::Vidur => TraceFormat::Vidur,
        TraceKind::Mooncake => TraceFormat::Mooncake,
        TraceKind::Aiperf => TraceFormat::Aiperf,
        TraceKind::Observations => TraceFormat::Observations,
    }
}
