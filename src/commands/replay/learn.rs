//! `replay --learn-rule`: which rule of admission explains who served each request of a log.

use anyhow::{Context, bail};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use schemars::JsonSchema;
use serde::Serialize;

use super::{answer::duration, model, names};
use crate::{
    calendar::{Day, moment_text},
    capacity::{ExcludedRule, LearnedRule, PossibleRule, PtMetrics},
    cli::{LoggedTimeKind, ReplayArgs},
    commands::{Done, files::write_whole, import::logs, library::Library, metrics::pt_metrics, output},
    import::Settings,
    model::{ModelId, TokenClass},
    replay::{
        AdmissionLog, BurnRates, LearnOptions, Learning, LoggedTime, Misfit, Purchase, QuotaSource, Score,
        Verdict, assumed_windows, learn, purchases,
    },
    report::{
        format::{decimal_grouped, grouped, percent},
        plain_table,
    },
    warning::Warning,
};

/// Requests that are held in memory at most.
const REQUESTS_MAX: u64 = 1_000_000;

/// The longest answer of a model whose own is not in the book: that of Gemini's text models.
const OUTPUT_TOKENS_MAX: u64 = 65_536;

/// Level at which rules are excluded, all together.
const CONFIDENCE: f64 = 0.95;

/// Seed of the bootstrap.
const SEED: u64 = 1;

/// Share of the requests that may have asked for shared traffic: as many as may be missing.
const SHARED_MAX: f64 = 0.01;

/// Rules that the table shows beside those that are possible.
const SHOWN: usize = 8;

/// What was learned and from what.
struct Lesson {
    trace: String,
    model: ModelId,
    resolved: Vec<String>,
    rates: BurnRates,
    purchase: Purchase,
    invocations: u64,
    log: AdmissionLog,
    learning: Learning,
}

/// The same for readers of JSON.
#[derive(Serialize, JsonSchema)]
pub(in crate::commands) struct LearnedAnswer<'a> {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.learned/1"))]
    schema: &'static str,
    trace: &'a str,
    model: &'a ModelId,
    resolved: &'a [String],
    gsu: u64,
    window_seconds: u64,
    /// Quota of a window, burn tokens.
    quota_per_window: f64,
    /// Mean of the output of requests, burn tokens.
    mean_output_burn: f64,
    /// Requests that Google counted in the time of the log.
    invocations: u64,
    attempts: u64,
    rows_of_others: u64,
    refused: u64,
    failed: u64,
    learning: &'a Learning,
    /// What a plan can take; `null` when no rule explains the log.
    learned: Option<&'a LearnedRule>,
    warnings: &'a [Warning],
}

pub(super) fn run(args: &ReplayArgs, library: &Library, day: Day) -> anyhow::Result<Done> {
    if let Some(path) = args.learn.rule_file.as_ref().filter(|path| path.exists()) {
        bail!("`{}` exists already and is not overwritten", path.display());
    }
    let lesson = Lesson::new(args, library, day)?;
    let warnings = lesson.warnings();
    output::strict(&args.answer, &warnings)?;
    let learned = lesson.learned();
    if args.answer.json {
        output::print_json(&lesson.answer(learned.as_ref(), &warnings))?;
    } else {
        output::print(&lesson.text())?;
        output::warn(&warnings);
    }
    let Some(path) = &args.learn.rule_file else { return Ok(Done::Fine) };
    let Some(learned) = learned else {
        bail!("no rule explains the log: nothing is written to `{}`", path.display());
    };
    write_whole(path, learned.to_toml().as_bytes())
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    output::say(&format!("wrote {}", path.display()));
    Ok(Done::Fine)
}

impl Lesson {
    fn new(args: &ReplayArgs, library: &Library, day: Day) -> anyhow::Result<Lesson> {
        let mut resolved = Vec::new();
        let name = args.model.as_deref().context("clap asks for --model with --learn-rule")?;
        let model = model(name, library, &mut resolved)?;
        let rates = match (args.burn_input, args.burn_output) {
            (Some(input), Some(output)) => BurnRates::of_weights(input, output)?,
            _ => BurnRates::of_model(&library.capacity, &model, day)?,
        };
        let metrics = match &args.learn.pt_metrics[..] {
            [] => None,
            paths => Some(pt_metrics(paths)?),
        };
        let gsu = gsu_count(&args.gsu.0, metrics.as_ref())?;
        let source = QuotaSource {
            throughput: library.capacity.throughput(&model, day, 0.0),
            burn_per_second: args.burn_per_second_per_gsu,
            window_seconds: args.window,
            units_per_burn: rates.units_per_burn(),
        };
        let purchase = purchases(&source, &[gsu])?[0];
        let trace = args.trace.display().to_string();
        let settings = Settings { keep: REQUESTS_MAX, strict: args.answer.strict, ..Settings::default() };
        let collected = logs::read(std::slice::from_ref(&trace), &settings)?;
        let Some(observations) = collected.observations else {
            bail!(
                "{trace} holds more than {} requests, or sums of them instead of requests\n\nhint: some days of single requests are enough",
                grouped(REQUESTS_MAX)
            );
        };
        let times = match args.learn.logged_time {
            LoggedTimeKind::Answer => LoggedTime::Answer,
            LoggedTimeKind::Arrival => LoggedTime::Arrival,
        };
        let log = AdmissionLog::of(&observations, &rates, times, |name| names(name, &model, library));
        let invocations = match &metrics {
            Some(metrics) => Some(counted(metrics, &log, |name| names(name, &model, library))?),
            None => args.learn.invocations,
        };
        let tokens = library.prices.facts(&model).and_then(|facts| facts.max_output_tokens);
        let options = LearnOptions {
            quota_units: purchase.quota_units,
            window_seconds: purchase.window_seconds,
            cap_units: tokens.unwrap_or(OUTPUT_TOKENS_MAX).saturating_mul(dearest_output(&rates)),
            invocations,
            confidence: CONFIDENCE,
            seed: SEED,
        };
        let learning = learn(&log, &options).with_context(|| format!("cannot learn from {trace}"))?;
        let invocations = invocations.unwrap_or_default();
        Ok(Lesson { trace, model, resolved, rates, purchase, invocations, log, learning })
    }

    fn warnings(&self) -> Vec<Warning> {
        let notes = &self.log.notes;
        let trace = || self.trace.clone();
        let mut warnings = Vec::new();
        if notes.failed > 0 {
            warnings.push(Warning::RowsFailed { trace: trace(), rows: notes.failed });
        }
        if notes.without_latency > 0 {
            warnings.push(Warning::LatencyUnknown { trace: trace(), rows: notes.without_latency });
        }
        if notes.rehearsed > 0 {
            warnings.push(Warning::Rehearsal { trace: trace(), rows: notes.rehearsed });
        }
        let without_rate = notes.without_rate.iter().filter(|(_, tokens)| **tokens > 0);
        warnings
            .extend(without_rate.map(|(class, _)| Warning::NoBurndown { model: self.model.clone(), class }));
        warnings.extend(assumed_windows(&self.model, &[self.purchase]));
        warnings
    }

    /// What a plan can take; `None` when no rule explains the log.
    fn learned(&self) -> Option<LearnedRule> {
        let learning = &self.learning;
        if matches!(learning.verdict, Verdict::NoneFits { .. }) {
            return None;
        }
        let possible = learning.scores.iter().filter(|score| score.possible).map(|score| PossibleRule {
            rule: score.rule,
            disagreement: score.disagreement,
            phase_seconds: score.phase_seconds,
            mean_factor: score.mean_factor,
        });
        let excluded = learning.scores.iter().find(|score| !score.possible).map(|score| ExcludedRule {
            rule: score.rule,
            disagreement: score.disagreement,
            more_at_least: score.more[0],
        });
        Some(LearnedRule {
            schema: LearnedRule::SCHEMA.into(),
            model: self.model.clone(),
            gsu: self.purchase.gsu,
            window_seconds: self.purchase.window_seconds,
            first: moment_text(learning.first_micros)?,
            last: moment_text(learning.last_micros)?,
            requests: learning.requests,
            spilled: learning.spilled,
            invocations: self.invocations,
            blocks: learning.blocks,
            confidence: CONFIDENCE.try_into().ok()?,
            rehearsed: self.log.notes.rehearsed > 0,
            possible: possible.collect(),
            excluded,
        })
    }

    fn answer<'a>(&'a self, learned: Option<&'a LearnedRule>, warnings: &'a [Warning]) -> LearnedAnswer<'a> {
        let notes = &self.log.notes;
        let burn = |units: f64| units / self.rates.units_per_burn() as f64;
        LearnedAnswer {
            schema: "burndown.learned/1",
            trace: &self.trace,
            model: &self.model,
            resolved: &self.resolved,
            gsu: self.purchase.gsu,
            window_seconds: self.purchase.window_seconds,
            quota_per_window: burn(self.purchase.quota_units as f64),
            mean_output_burn: burn(self.learning.mean_output_units),
            invocations: self.invocations,
            attempts: notes.attempts,
            rows_of_others: notes.others,
            refused: notes.refused,
            failed: notes.failed,
            learning: &self.learning,
            learned,
            warnings,
        }
    }

    fn text(&self) -> String {
        let learning = &self.learning;
        let quota = self.rates.burn_tokens(u128::from(self.purchase.quota_units));
        let mut text = format!("{} · {} · {} GSU\n", self.trace, self.model, grouped(self.purchase.gsu));
        for line in &self.resolved {
            text += &format!("  {line}\n");
        }
        let seconds = (learning.last_micros - learning.first_micros) as f64 / 1e6;
        let first = moment_text(learning.first_micros).unwrap_or_default();
        text += &format!(
            "  window {} s, quota {} burn tokens\n  {} of {} counted requests in {} from {}\n  {} of {} after the first windows spilled ({})\n\n  {} rules, asked request by request what they would have done:\n",
            self.purchase.window_seconds,
            decimal_grouped(quota.round_dp(0)),
            grouped(self.log.notes.attempts),
            grouped(self.invocations),
            duration(seconds),
            first.get(..19).unwrap_or(&first),
            grouped(learning.spilled),
            grouped(learning.requests),
            percent(learning.spilled as f64 / learning.requests.max(1) as f64),
            learning.scores.len(),
        );
        text += &plain_table(&rows(learning));
        text + &self.verdict()
    }

    fn verdict(&self) -> String {
        let best = &self.learning.scores[0];
        let mut text = String::from("\n");
        match self.learning.verdict {
            Verdict::Found => {
                text += &format!(
                    "  Found: {}; every other rule is excluded at {:.0} %.\n",
                    best.rule.label(),
                    CONFIDENCE * 100.0
                );
            }
            Verdict::CannotTell { possible } => {
                text += &format!(
                    "  Cannot tell: {possible} rules explain this log alike. A log with more spill, or a longer one, tells\n  more; what is excluded stays excluded.\n"
                );
            }
            Verdict::NoneFits { mostly } => {
                let why = match mostly {
                    Misfit::SpilledWithRoom => {
                        "Mostly requests spilled although there was room: requests are missing from the log, some\n  asked for shared traffic, or fewer GSUs were bought"
                    }
                    Misfit::ServedWithoutRoom => {
                        "Mostly requests were served although there was no room: more GSUs were bought, or the window\n  is longer"
                    }
                };
                text += &format!(
                    "  No rule explains the log: the best is wrong about {} of the requests, knowing nothing about {}.\n  {why}; or times are those of arrivals (--logged-time).\n",
                    percent(best.disagreement),
                    percent(self.learning.wrong_without_rule)
                );
            }
        }
        if let Some(phase) = best.phase_seconds {
            text += &format!(
                "  Windows of the best rule start {phase:.2} s after a whole number of windows since 1970.\n"
            );
        }
        if let Some(factor) = best.mean_factor {
            let mean = self.learning.mean_output_units * factor / self.rates.units_per_burn() as f64;
            text += &format!(
                "  It admits with {} burn tokens of output on average, {factor:.3} times the log's mean.\n",
                decimal_grouped(Decimal::from_f64_retain(mean).unwrap_or_default().round_dp(0))
            );
        }
        text
    }
}

/// The one count that was in force: as said, or as Cloud Monitoring measured it.
fn gsu_count(said: &[u64], metrics: Option<&PtMetrics>) -> anyhow::Result<u64> {
    let measured = metrics.map_or(&[][..], |metrics| &metrics.gsu_counts[..]);
    match (said, measured) {
        (_, [_, _, ..]) => bail!(
            "the count of GSUs changed in the time of the metrics ({})\n\nhint: learn from a time with one count",
            measured.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
        ),
        ([said], [measured]) if said != measured => {
            bail!("--gsu says {said}, and dedicated_gsu_limit measured {measured}")
        }
        ([one], _) | (_, [one]) => Ok(*one),
        _ => bail!(
            "--learn-rule asks for the one GSU count that was bought while the log was written: --gsu N"
        ),
    }
}

/// Requests that Cloud Monitoring counted in the time of the log.
fn counted(metrics: &PtMetrics, log: &AdmissionLog, wanted: impl Fn(&str) -> bool) -> anyhow::Result<u64> {
    if let Some(model) = metrics.model.as_ref().filter(|model| !wanted(model)) {
        bail!("the metrics are of {model}");
    }
    let (Some(first), Some(last)) = (log.sightings.first(), log.sightings.last()) else {
        // The log itself is refused, with its own reason.
        return Ok(log.notes.attempts);
    };
    let text = |micros: i64| moment_text(micros).unwrap_or_default();
    let found = metrics.invocations(first.at_micros, last.at_micros + 1).with_context(|| {
        format!(
            "no model_invocation_count for the time of the log: the metrics tell of {} to {}, the log of {} to {}\n\nhint: export that metric too, for the same time, or say --invocations N",
            text(metrics.first_micros),
            text(metrics.end_micros()),
            text(first.at_micros),
            text(last.at_micros)
        )
    })?;
    if found.shared > SHARED_MAX * found.requests {
        bail!(
            "{:.0} of {:.0} requests asked for shared traffic and never met the purchase: a log does not tell them from spill\n\nhint: take a time, or a log, without them",
            found.shared,
            found.requests
        );
    }
    Ok(found.requests.round() as u64)
}

/// Units of burn of a token of the dearest output.
fn dearest_output(rates: &BurnRates) -> u64 {
    let output = TokenClass::ALL.iter().filter(|class| !class.is_input());
    let dearest = output.filter_map(|class| rates.rate(*class)).max().unwrap_or_default();
    (dearest * Decimal::from(rates.units_per_burn())).to_u64().unwrap_or(u64::MAX)
}

/// The rules that are possible, and the next ones.
fn rows(learning: &Learning) -> Vec<Vec<String>> {
    let head = ["rule", "wrong", "spilled, room", "served, full", "more than the best", ""];
    let mut rows = vec![head.map(String::from).to_vec()];
    let shown = |(at, score): &(usize, &Score)| score.possible || *at < SHOWN;
    for (at, score) in learning.scores.iter().enumerate().filter(shown) {
        let more = match at {
            0 => "–".into(),
            _ => format!("{:.2} to {:.2} %", score.more[0] * 100.0, score.more[1] * 100.0),
        };
        let share = |share: f64| format!("{:.2} %", share * 100.0);
        rows.push(vec![
            score.rule.label(),
            share(score.disagreement),
            share(score.spilled_with_room),
            share(score.served_without_room),
            more,
            if score.possible { "possible" } else { "excluded" }.into(),
        ]);
    }
    rows
}
