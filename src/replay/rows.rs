//! One line of a trace, in each format that is read.
//!
//! Column and field names are those of the published files: Azure's LLM inference traces of 2023 and 2024
//! (`AzureLLMInferenceDataset2023.md`, `…2024.md` in Azure/AzurePublicDataset), BurstGPT releases 1 and 2
//! (HPMLL/BurstGPT), Vidur's processed traces (microsoft/vidur, `data/processed_traces`), Mooncake
//! (kvcache-ai/Mooncake, FAST 2025; AIPerf's `mooncake_trace` input is the same), and the per-request records
//! of AIPerf (`profile_export.jsonl`).

use serde::{Deserialize, de::IgnoredAny};

use crate::{
    calendar::epoch_micros,
    diagnostics::from_json,
    model::{ByClass, TokenClass, or_list},
    usage::{OBSERVATION_SCHEMA, Observation, RecordKind},
};

/// Most tokens of one count in a row.
const TOKENS_MAX: f64 = 1e12;

/// Longest time from the origin, and longest latency, seconds.
const SECONDS_MAX: f64 = 1e10;

/// A format of traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceFormat {
    /// CSV: TIMESTAMP, ContextTokens, GeneratedTokens.
    Azure,
    /// CSV: Timestamp (seconds), Request tokens, Response tokens, in later releases Elapsed time.
    BurstGpt,
    /// CSV: arrived_at (seconds), num_prefill_tokens, num_decode_tokens.
    Vidur,
    /// JSON lines: timestamp (milliseconds), input_length, output_length.
    Mooncake,
    /// JSON lines: metadata.request_start_ns, metrics.input_sequence_length, metrics.output_sequence_length.
    Aiperf,
    /// JSON lines of this program's own observations.
    Observations,
}

impl TraceFormat {
    /// All of them.
    pub const ALL: [TraceFormat; 6] = [
        TraceFormat::Azure,
        TraceFormat::BurstGpt,
        TraceFormat::Vidur,
        TraceFormat::Mooncake,
        TraceFormat::Aiperf,
        TraceFormat::Observations,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            TraceFormat::Azure => "azure",
            TraceFormat::BurstGpt => "burstgpt",
            TraceFormat::Vidur => "vidur",
            TraceFormat::Mooncake => "mooncake",
            TraceFormat::Aiperf => "aiperf",
            TraceFormat::Observations => "observations",
        }
    }

    /// Whether its times are those of a calendar, not seconds since the trace began.
    pub fn has_calendar_time(self) -> bool {
        matches!(self, TraceFormat::Azure | TraceFormat::Aiperf | TraceFormat::Observations)
    }

    /// The columns of a CSV format: time, input tokens, output tokens; empty for JSON lines.
    fn columns(self) -> &'static [&'static str] {
        match self {
            TraceFormat::Azure => &["TIMESTAMP", "ContextTokens", "GeneratedTokens"],
            TraceFormat::BurstGpt => &["Timestamp", "Request tokens", "Response tokens"],
            TraceFormat::Vidur => &["arrived_at", "num_prefill_tokens", "num_decode_tokens"],
            TraceFormat::Mooncake | TraceFormat::Aiperf | TraceFormat::Observations => &[],
        }
    }
}

/// The format and, for CSV, where its columns stand.
#[derive(Clone, Debug)]
pub(super) struct RowReader {
    pub format: TraceFormat,
    /// Time, input, output.
    columns: [usize; 3],
    /// Latency in seconds, where the file has it.
    elapsed: Option<usize>,
}

/// One request as the trace tells it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Microseconds since 1970, or since the trace's own zero.
    pub at_micros: i64,
    pub tokens: ByClass<u64>,
    pub latency_micros: Option<u64>,
    /// From the emulator.
    pub rehearsed: bool,
}

/// A line that was understood.
pub(super) enum Line {
    Request(Row),
    /// No request to replay, for this reason.
    LeftOut(LeftOut),
}

/// Why a row that can be read is not replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// The request failed: no tokens are known.
    Failed,
    /// An observation of another model.
    OtherModel,
}

impl RowReader {
    /// Finds the format by the first line, or the columns of the format that was asked for.
    ///
    /// `Err` says what was found instead.
    pub fn of_first_line(line: &str, asked: Option<TraceFormat>) -> Result<RowReader, String> {
        let line = line.trim_start_matches('\u{feff}').trim();
        let format = match asked {
            Some(format) => format,
            None => detect(line)
                .ok_or_else(|| format!("unknown kind of trace: it begins `{}`", shortened(line)))?,
        };
        let names: Vec<&str> = line.split(',').map(unquoted).collect();
        let mut columns = [0; 3];
        for (place, name) in columns.iter_mut().zip(format.columns()) {
            let found = names.iter().position(|column| column.eq_ignore_ascii_case(name));
            *place = found.ok_or_else(|| {
                format!(
                    "no column `{name}`, which {} traces have; found {}",
                    format.as_str(),
                    or_list(&names)
                )
            })?;
        }
        let elapsed = match format {
            TraceFormat::BurstGpt => names.iter().position(|column| *column == "Elapsed time"),
            _ => None,
        };
        Ok(RowReader { format, columns, elapsed })
    }

    /// Whether the first line is a header rather than a row.
    pub fn has_header(&self) -> bool {
        !self.format.columns().is_empty()
    }

    /// Reads one line; `wanted` tells whether an observation's model is the one to replay.
    pub fn read(&self, line: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Line, String> {
        match self.format {
            TraceFormat::Azure | TraceFormat::BurstGpt | TraceFormat::Vidur => self.read_csv(line),
            TraceFormat::Mooncake => read_mooncake(line),
            TraceFormat::Aiperf => read_aiperf(line),
            TraceFormat::Observations => read_observation(line, wanted),
        }
    }

    fn read_csv(&self, line: &str) -> Result<Line, String> {
        let field = |at: usize| {
            let text = line.split(',').nth(at).map(unquoted);
            text.filter(|text| !text.is_empty()).ok_or_else(|| {
                let named = self.columns.iter().position(|column| *column == at);
                let name =
                    named.and_then(|named| self.format.columns().get(named)).unwrap_or(&"Elapsed time");
                format!("it has no `{name}`, expected in cell {}", at + 1)
            })
        };
        let [time, input, output] = self.columns;
        let time = field(time)?;
        let at_micros = match self.format {
            TraceFormat::Azure => epoch_micros(time).ok_or_else(|| {
                format!("expected a time such as `2023-11-16 18:15:46.68`, found `{}`", shortened(time))
            })?,
            _ => micros_of_seconds(number(time)?)?,
        };
        let input = count(number(field(input)?)?)?;
        let output = count(number(field(output)?)?)?;
        // BurstGPT writes 0 response tokens for a request that failed.
        if self.format == TraceFormat::BurstGpt && output == 0 {
            return Ok(Line::LeftOut(LeftOut::Failed));
        }
        let latency_micros = match self.elapsed {
            Some(at) => Some(latency(number(field(at)?)?)?),
            None => None,
        };
        Ok(Line::Request(Row {
            at_micros,
            tokens: text_tokens(input, output),
            latency_micros,
            rehearsed: false,
        }))
    }
}

#[derive(Deserialize)]
struct MooncakeRow {
    timestamp: Option<f64>,
    input_length: Option<f64>,
    output_length: Option<f64>,
}

fn read_mooncake(line: &str) -> Result<Line, String> {
    let row: MooncakeRow = json(line)?;
    let time =
        row.timestamp.ok_or("it has no `timestamp`: a turn that follows another has no time of its own")?;
    let input = row.input_length.ok_or("it has no `input_length`")?;
    let output = row.output_length.ok_or("it has no `output_length`")?;
    let at_micros = micros_of_seconds(time / 1_000.0)?;
    let tokens = text_tokens(count(input)?, count(output)?);
    Ok(Line::Request(Row { at_micros, tokens, latency_micros: None, rehearsed: false }))
}

#[derive(Deserialize)]
struct AiperfRecord {
    metadata: AiperfMetadata,
    metrics: Option<AiperfMetrics>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct AiperfMetadata {
    request_start_ns: i64,
    request_end_ns: Option<i64>,
}

#[derive(Deserialize)]
struct AiperfMetrics {
    input_sequence_length: Option<AiperfMetric>,
    output_sequence_length: Option<AiperfMetric>,
}

#[derive(Deserialize)]
struct AiperfMetric {
    value: f64,
}

fn read_aiperf(line: &str) -> Result<Line, String> {
    let record: AiperfRecord = json(line)?;
    if record.error.is_some() {
        return Ok(Line::LeftOut(LeftOut::Failed));
    }
    let metrics = record.metrics.ok_or("it has no `metrics`")?;
    let input = metrics.input_sequence_length.ok_or("it has no `input_sequence_length`")?;
    // AIPerf leaves the output length away when an answer had no token.
    let output = metrics.output_sequence_length.map_or(0.0, |metric| metric.value);
    let AiperfMetadata { request_start_ns: start, request_end_ns: end } = record.metadata;
    let seconds = |end: i64| end.saturating_sub(start) as f64 / 1e9;
    Ok(Line::Request(Row {
        at_micros: start.div_euclid(1_000),
        tokens: text_tokens(count(input.value)?, count(output)?),
        latency_micros: end.map(|end| latency(seconds(end))).transpose()?,
        rehearsed: false,
    }))
}

/// The time of an observation is that of the answer: it arrived its latency earlier.
fn read_observation(line: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Line, String> {
    let observation: Observation = json(line)?;
    if observation.schema != OBSERVATION_SCHEMA {
        return Err(format!("schema `{}`, expected `{OBSERVATION_SCHEMA}`", shortened(&observation.schema)));
    }
    if !observation.model.is_empty() && !wanted(&observation.model) {
        return Ok(Line::LeftOut(LeftOut::OtherModel));
    }
    if observation.usage.is_none() {
        return Ok(Line::LeftOut(LeftOut::Failed));
    }
    let at = observation.at.as_deref().ok_or("it has no time (`at`)")?;
    let answered = epoch_micros(at).ok_or_else(|| {
        format!("expected a time such as `2026-11-21T18:15:46Z` in `at`, found `{}`", shortened(at))
    })?;
    let latency_micros = observation.latency_seconds.map(latency).transpose()?;
    let (tokens, _) = observation.classes();
    let before = latency_micros.and_then(|latency| i64::try_from(latency).ok()).unwrap_or(0);
    Ok(Line::Request(Row {
        at_micros: answered - before,
        tokens,
        latency_micros,
        rehearsed: observation.kind == RecordKind::Rehearsed,
    }))
}

fn json<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, String> {
    from_json(line).map_err(|error| error.to_string())
}

/// The format that a first line shows.
fn detect(line: &str) -> Option<TraceFormat> {
    if line.starts_with('{') {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).ok()?;
        let has = |key: &str| object.contains_key(key);
        return match () {
            () if object.get("schema").and_then(|schema| schema.as_str()) == Some(OBSERVATION_SCHEMA) => {
                Some(TraceFormat::Observations)
            }
            () if has("metadata") && (has("metrics") || has("error")) => Some(TraceFormat::Aiperf),
            () if has("input_length") => Some(TraceFormat::Mooncake),
            () => None,
        };
    }
    let names: Vec<&str> = line.split(',').map(unquoted).collect();
    TraceFormat::ALL.into_iter().find(|format| {
        let columns = format.columns();
        !columns.is_empty() && columns.iter().all(|column| names.contains(column))
    })
}

fn text_tokens(input: u64, output: u64) -> ByClass<u64> {
    let mut tokens = ByClass::default();
    tokens[TokenClass::InputText] = input;
    tokens[TokenClass::OutputText] = output;
    tokens
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches('"')
}

/// The first 40 characters, without what a terminal would obey.
fn shortened(text: &str) -> String {
    let shown: String = text.chars().take(40).map(|c| if c.is_control() { '?' } else { c }).collect();
    if text.chars().count() > 40 { format!("{shown}…") } else { shown }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("expected a number, found `{}`", shortened(text)))
}

/// A number of tokens; files that went through a data frame write `44.0`.
fn count(number: f64) -> Result<u64, String> {
    if (0.0..=TOKENS_MAX).contains(&number) && number.fract() == 0.0 {
        return Ok(number as u64);
    }
    Err(format!("expected a whole number of tokens from 0 to {TOKENS_MAX:e}, found {number}"))
}

fn micros_of_seconds(seconds: f64) -> Result<i64, String> {
    if (0.0..=SECONDS_MAX).contains(&seconds) {
        return Ok((seconds * 1e6).round() as i64);
    }
    Err(format!("expected a time from 0 to {SECONDS_MAX:e} seconds, found {seconds}"))
}

fn latency(seconds: f64) -> Result<u64, String> {
    if (0.0..=SECONDS_MAX).contains(&seconds) {
        return Ok((seconds * 1e6).round() as u64);
    }
    Err(format!("expected a latency from 0 to {SECONDS_MAX:e} seconds, found {seconds}"))
}
