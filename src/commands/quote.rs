//! `quote`: the exact cost of known usage.

use std::path::Path;

use anyhow::{Context, bail};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Done, library::Library, output};
use crate::report::plain_table;
use crate::{
    calendar::Day,
    cli::{COUNT_MAX, QuoteArgs, TokenFlags},
    diagnostics::read_limited,
    model::{Backend, ByClass, Endpoint, Location, Placement, Tier},
    prices::{BilledUsage, Invoice, InvoiceLine, PriceBook, invoice},
    units::Usd,
    usage::{Outcome, Reading, read_response},
    warning::Warning,
};

/// Longest response that is read; a 4K picture in base64 is about 30 MB.
const RESPONSE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What `quote` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Quote<'a> {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.quote/1"))]
    schema: &'static str,
    model: String,
    backend: Backend,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    tier: Tier,
    on: Day,
    inferred: Vec<String>,
    total_usd: Usd,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    paygo_usd: Option<Usd>,
    lines: Vec<InvoiceLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_parts: Option<u64>,
    warnings: Vec<Warning>,
}

pub(super) fn run(args: &QuoteArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let book = Library::prices(overlay)?;
    let quote = match &args.response {
        Some(path) if args.tokens.given.is_empty() => {
            let reading = read_file(path)?;
            of_response(args, &book, &reading)?
        }
        Some(_) => bail!("give a response or token counts, not both"),
        None => of_counts(args, &book)?,
    };
    output::strict(&args.answer, &quote.warnings)?;
    if args.answer.json {
        output::print_json(&quote)?;
    } else {
        output::print(&text(&quote))?;
        output::warn(&quote.warnings);
    }
    Ok(Done::Fine)
}

fn read_file(path: &Path) -> anyhow::Result<Reading> {
    let (name, bytes) = if path == Path::new("-") {
        use std::io::Read;
        let mut bytes = Vec::new();
        std::io::stdin().take(RESPONSE_BYTES_MAX).read_to_end(&mut bytes)?;
        ("standard input".to_string(), bytes)
    } else {
        (path.display().to_string(), read_limited(path, RESPONSE_BYTES_MAX)?)
    };
    let body = crate::diagnostics::SourceText::from_bytes(&name, bytes)?;
    read_response(&body.text).with_context(|| format!("cannot quote {name}"))
}

/// From the response, flags first.
fn of_response<'a>(args: &QuoteArgs, book: &'a PriceBook, reading: &Reading) -> anyhow::Result<Quote<'a>> {
    let mut inferred = Vec::new();
    let model = match (&args.model, &reading.model) {
        (Some(model), _) => model.clone(),
        (None, Some(model)) => {
            inferred.push(format!("model {model} from modelVersion"));
            model.clone()
        }
        (None, None) => bail!("the response does not name its model\n\nhint: say which with --model"),
    };
    let backend = match (args.backend, &reading.backend) {
        (Some(backend), _) => backend,
        (None, Some(told)) => {
            inferred.push(format!("backend {} from {}", told.value, told.by));
            told.value
        }
        (None, None) => bail!(
            "the response does not tell who answered\n\nhint: say which with --backend developer or --backend vertex"
        ),
    };
    let tier = match (args.tier, &reading.tier) {
        (Some(tier), _) => tier,
        (None, Some(told)) => {
            inferred.push(format!("tier {} from {}", told.value, told.by));
            told.value
        }
        (None, None) => {
            inferred.push("tier standard, since the response names none".into());
            Tier::Standard
        }
    };
    let day = match (args.answer.on, reading.day) {
        (Some(day), _) => day,
        (None, Some(day)) => {
            inferred.push(format!("prices of {day} from createTime"));
            day
        }
        (None, None) => Day::today_utc(),
    };
    let usage = BilledUsage { tokens: reading.tokens, ..extras(args) };
    let mut quote = priced(book, args, &model, backend, tier, day, &usage, inferred)?;
    quote.outcome = Some(reading.outcome);
    quote.image_parts = Some(reading.image_parts);
    for anomaly in &reading.anomalies {
        quote.complete &= !anomaly.hides_cost();
        quote.warnings.push(Warning::Usage(anomaly.to_string()));
    }
    if reading.outcome == Outcome::Blocked {
        let reason = reading.finish_reason.as_deref().unwrap_or("no content");
        let text = format!(
            "the answer was blocked ({reason}); whether its prompt and thoughts are billed is not documented, they are counted as reported"
        );
        quote.warnings.push(Warning::Usage(text));
    }
    Ok(quote)
}

/// From flags alone.
fn of_counts<'a>(args: &QuoteArgs, book: &'a PriceBook) -> anyhow::Result<Quote<'a>> {
    let usage = BilledUsage { tokens: whole_counts(&args.tokens)?, ..extras(args) };
    if usage == BilledUsage::default() {
        bail!(
            "nothing to quote\n\nhint: give a response file, - for standard input, or counts such as --input-text 300 --output-image 1120"
        );
    }
    let model = args.model.clone().context("--model is missing: which model took these tokens?")?;
    let backend = args.backend.context("--backend is missing: developer or vertex?")?;
    let day = args.answer.on.unwrap_or_else(Day::today_utc);
    let tier = args.tier.unwrap_or(Tier::Standard);
    priced(book, args, &model, backend, tier, day, &usage, Vec::new())
}

fn extras(args: &QuoteArgs) -> BilledUsage {
    BilledUsage {
        images: args.images.unwrap_or(0),
        searches: args.searches.unwrap_or(0),
        cache_token_hours: args.cache_token_hours.unwrap_or(0),
        ..BilledUsage::default()
    }
}

/// A bill counts whole tokens.
fn whole_counts(flags: &TokenFlags) -> anyhow::Result<ByClass<u64>> {
    let mut tokens = ByClass::default();
    for (class, value) in &flags.given {
        let whole = value.is_integer().then(|| value.to_u64()).flatten().filter(|whole| *whole <= COUNT_MAX);
        let flag = class.as_str().replace('_', "-");
        tokens[*class] = whole
            .with_context(|| format!("--{flag}: expected a whole number of tokens from 0, found {value}"))?;
    }
    Ok(tokens)
}

#[expect(clippy::too_many_arguments, reason = "what a quote is made of, each named")]
fn priced<'a>(
    book: &'a PriceBook,
    args: &QuoteArgs,
    model: &str,
    backend: Backend,
    tier: Tier,
    day: Day,
    usage: &BilledUsage,
    mut inferred: Vec<String>,
) -> anyhow::Result<Quote<'a>> {
    let resolved = book.resolve(model)?;
    if let Some(alias) = &resolved.alias {
        inferred.push(format!("{alias} = {}", resolved.id));
    }
    let endpoint = match (backend, &args.location) {
        (Backend::Developer, Some(location)) => {
            bail!("the Developer API has no locations, found --location {location}")
        }
        (Backend::Developer, None) => Endpoint::Developer,
        (Backend::Vertex, location) => Endpoint::Vertex(location.clone().unwrap_or(Location::Global)),
    };
    // What a GSU served has no token price; PayGo shows what it would have cost.
    let billed_tier = if tier == Tier::Provisioned { Tier::Standard } else { tier };
    let placement = Placement { model: resolved.id, endpoint, tier: billed_tier };
    let Invoice { lines, total_usd, complete, mut warnings, .. } = invoice(book, &placement, day, usage)?;
    warnings.extend(book.life_warnings(&placement.model, &placement.endpoint, day, day.plus_days(1)));
    warnings.extend(book.stale(day));
    let provisioned = tier == Tier::Provisioned;
    if provisioned {
        warnings.push(Warning::Provisioned);
    }
    Ok(Quote {
        schema: "burndown.quote/1",
        model: placement.model.0,
        backend,
        location: placement.endpoint.location().map(|location| location.to_string()),
        tier,
        on: day,
        inferred,
        total_usd: if provisioned { Usd(Decimal::ZERO) } else { total_usd },
        complete,
        paygo_usd: provisioned.then_some(total_usd),
        lines,
        outcome: None,
        image_parts: None,
        warnings,
    })
}

fn text(quote: &Quote<'_>) -> String {
    let place = match &quote.location {
        Some(location) => format!("{}:{location}", quote.backend),
        None => quote.backend.to_string(),
    };
    let mut text = format!("{} · {place} · {} · prices of {}\n", quote.model, quote.tier, quote.on);
    for line in &quote.inferred {
        text += &format!("  {line}\n");
    }
    text.push('\n');
    let mut rows: Vec<Vec<String>> =
        vec![["class", "quantity", "price", "per", "USD"].map(String::from).to_vec()];
    for line in &quote.lines {
        rows.push(vec![
            line.item.label().to_string(),
            crate::report::format::grouped(line.quantity),
            line.price.to_string(),
            line.unit.trim_start_matches("USD per ").to_string(),
            line.cost_usd.to_string(),
        ]);
    }
    let total = quote.paygo_usd.unwrap_or(quote.total_usd);
    let label = match (quote.paygo_usd, quote.complete) {
        (Some(_), _) => "would be on PayGo",
        (None, true) => "total",
        (None, false) => "total, at least",
    };
    rows.push(vec![label.into(), String::new(), String::new(), String::new(), total.to_string()]);
    text + &plain_table(&rows)
}
