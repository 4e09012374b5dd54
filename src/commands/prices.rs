//! `prices list` and `prices check`: the book as of a day, its age and its conflicts.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Done, library::Library, output};
use crate::report::plain_table;
use crate::{
    calendar::Day,
    cli::{Answer, PricesAction},
    model::{Backend, Endpoint, Grade, ModelId, Placement, Tier, TokenClass},
    prices::{EndKind, PriceBook, PriceRow},
    units::Rate,
};

/// One row of the book as of a day.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ListedRow {
    model: ModelId,
    backend: Backend,
    tier: Tier,
    above_prompt_tokens: Option<u64>,
    from: Option<Day>,
    until: Option<Day>,
    usd_per_mtok: std::collections::BTreeMap<&'static str, Rate>,
    usd_per_image: Option<Rate>,
    cache_storage_usd_per_mtok_hour: Option<Rate>,
    grade: Grade,
    checked: Day,
    age_days: i64,
    gone_since: Option<Day>,
    source: Vec<String>,
    alternatives: usize,
    line: usize,
}

/// What `prices check` finds.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Checked {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.prices-check/1"))]
    schema: &'static str,
    on: Day,
    book_checked: Day,
    rows: usize,
    oldest_days: i64,
    too_old: Vec<String>,
    derived: Vec<String>,
    conflicts: Vec<String>,
    gone: Vec<String>,
    ending: Vec<String>,
    changing: Vec<String>,
}

/// A model's end, or a price change, is worth a line this many days ahead.
const AHEAD_DAYS: u32 = 180;

pub(super) fn run(action: &PricesAction, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let book = Library::prices(overlay)?;
    match action {
        PricesAction::List { model, backend, tier, answer } => {
            let model = model.as_ref().map(|name| book.resolve(name)).transpose()?.map(|found| found.id);
            let on = answer.on.unwrap_or_else(Day::today_utc);
            list(&book, model.as_ref(), *backend, *tier, on, answer)
        }
        PricesAction::Check { max_age_days, answer } => {
            let on = answer.on.unwrap_or_else(Day::today_utc);
            check(&book, on, *max_age_days, answer)
        }
    }
}

fn list(
    book: &PriceBook,
    model: Option<&ModelId>,
    backend: Option<Backend>,
    tier: Option<Tier>,
    on: Day,
    answer: &Answer,
) -> anyhow::Result<Done> {
    let wanted = |row: &&PriceRow| {
        model.is_none_or(|model| row.model == *model)
            && backend.is_none_or(|backend| row.backend == backend)
            && tier.is_none_or(|tier| row.tier == tier)
    };
    let rows: Vec<ListedRow> = book
        .rows
        .iter()
        .filter(wanted)
        .filter(|row| is_current(book, row, on))
        .map(|row| listed(book, row, on))
        .collect();
    if rows.is_empty() {
        anyhow::bail!("no price row matches on {on}");
    }
    if answer.json {
        output::print_json(&rows)?;
        return Ok(Done::Fine);
    }
    output::print(&format!("prices of {on}, USD per million tokens; book of {}\n", book.checked))?;
    output::print(&plain_table(&text_rows(&rows)))?;
    Ok(Done::Fine)
}

/// The row that a request of that day and length would be priced by.
fn is_current(book: &PriceBook, row: &PriceRow, on: Day) -> bool {
    let endpoint = Endpoint::of(row.backend);
    let placement = Placement { model: row.model.clone(), endpoint, tier: row.tier };
    let prompt = row.above_prompt_tokens.map_or(0, |floor| floor + 1);
    let found = book.prices(&placement, on, prompt);
    found.is_ok_and(|prices| std::ptr::eq(prices.row, row))
}

fn listed(book: &PriceBook, row: &PriceRow, on: Day) -> ListedRow {
    let rates = row.rates.iter().filter_map(|(class, rate)| Some((class.as_str(), (*rate)?)));
    let end = book.life(&row.model, row.backend).and_then(|life| life.announced_end());
    ListedRow {
        model: row.model.clone(),
        backend: row.backend,
        tier: row.tier,
        above_prompt_tokens: row.above_prompt_tokens,
        from: row.from,
        until: row.until,
        usd_per_mtok: rates.collect(),
        usd_per_image: row.per_image,
        cache_storage_usd_per_mtok_hour: row.cache_storage,
        grade: row.grade,
        checked: row.checked,
        age_days: row.checked.days_until(on),
        gone_since: end.filter(|end| *end <= on),
        source: row.source.clone(),
        alternatives: row.alternatives.len(),
        line: row.line,
    }
}

fn text_rows(rows: &[ListedRow]) -> Vec<Vec<String>> {
    let header =
        ["model", "backend", "tier", "input", "cached", "text out", "image out", "checked", "remark"];
    let mut table = vec![header.map(String::from).to_vec()];
    for row in rows {
        let rate = |class: TokenClass| {
            row.usd_per_mtok.get(class.as_str()).map_or("–".to_string(), ToString::to_string)
        };
        let mut remarks = Vec::new();
        if let Some(floor) = row.above_prompt_tokens {
            remarks.push(format!("prompts above {floor}"));
        }
        if let Some(image) = row.usd_per_image {
            remarks.push(format!("{image} per image"));
        }
        if let Some(end) = row.gone_since {
            remarks.push(format!("gone since {end}"));
        } else if let Some(until) = row.until {
            remarks.push(format!("until {until}"));
        }
        if row.grade != Grade::Documented {
            remarks.push("derived".into());
        }
        if row.alternatives > 0 {
            remarks.push("sources disagree".into());
        }
        table.push(vec![
            row.model.to_string(),
            row.backend.to_string(),
            row.tier.to_string(),
            rate(TokenClass::InputText),
            rate(TokenClass::CachedInputText),
            rate(TokenClass::OutputText),
            rate(TokenClass::OutputImage),
            row.checked.to_string(),
            remarks.join(", "),
        ]);
    }
    table
}

fn check(book: &PriceBook, on: Day, max_age_days: Option<u32>, answer: &Answer) -> anyhow::Result<Done> {
    let current: Vec<&PriceRow> = book.rows.iter().filter(|row| is_current(book, row, on)).collect();
    let name = |row: &PriceRow| format!("{} {} {} (line {})", row.model, row.backend, row.tier, row.line);
    let age = |row: &PriceRow| row.checked.days_until(on);
    let limit = max_age_days.map(i64::from);
    let mut conflicts = Vec::new();
    for row in &current {
        for other in &row.alternatives {
            let who = other.source.clone().unwrap_or_else(|| "another source".into());
            let why = other.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
            conflicts.push(format!("{}: {} says {} = {}{why}", name(row), who, other.field, other.value));
        }
    }
    let ahead = on.plus_days(AHEAD_DAYS);
    let (mut gone, mut ending) = (Vec::new(), Vec::new());
    for life in &book.life {
        let Some((end, kind)) = life.end else { continue };
        let next = life.successor.as_ref().map(|model| format!(", next {model}")).unwrap_or_default();
        let who = format!("{} {}", life.model, life.backend);
        let how = match kind {
            EndKind::Announced => "",
            EndKind::Earliest => " or later",
            EndKind::Unconfirmed => " (unconfirmed)",
        };
        match end <= on {
            true if kind == EndKind::Announced => gone.push(format!("{who} since {end}{next}")),
            _ if end <= ahead => ending.push(format!("{who} on {end}{how}{next}")),
            _ => {}
        }
    }
    let changing = book.rows.iter().filter(|row| row.from.is_some_and(|from| on < from && from <= ahead));
    let changing =
        changing.map(|row| format!("{} from {}", name(row), row.from.expect("filtered"))).collect();
    let result = Checked {
        schema: "burndown.prices-check/1",
        on,
        book_checked: book.checked,
        rows: current.len(),
        oldest_days: current.iter().map(|row| age(row)).max().unwrap_or(0),
        too_old: current
            .iter()
            .filter(|row| limit.is_some_and(|limit| age(row) > limit))
            .map(|row| format!("{}: checked {}, {} days before", name(row), row.checked, age(row)))
            .collect(),
        derived: current.iter().filter(|row| row.grade != Grade::Documented).map(|row| name(row)).collect(),
        conflicts,
        gone,
        ending,
        changing,
    };
    if answer.json {
        output::print_json(&result)?;
    } else {
        output::print(&check_text(&result))?;
    }
    if answer.strict && !(result.conflicts.is_empty() && result.derived.is_empty()) {
        anyhow::bail!("the book has conflicts or derived prices, and --strict allows none");
    }
    Ok(if result.too_old.is_empty() { Done::Fine } else { Done::CheckFailed })
}

fn check_text(result: &Checked) -> String {
    let mut text = format!(
        "{} rows hold on {}; the book was put together on {}, its oldest row was checked {} days before\n",
        result.rows, result.on, result.book_checked, result.oldest_days
    );
    for (title, lines) in [
        ("older than allowed", &result.too_old),
        ("price changes within half a year", &result.changing),
        ("gone", &result.gone),
        ("ending within half a year", &result.ending),
        ("sources disagree", &result.conflicts),
        ("derived, not printed anywhere", &result.derived),
    ] {
        if !lines.is_empty() {
            text += &format!("\n{title} ({})\n", lines.len());
            for line in lines {
                text += &format!("  {line}\n");
            }
        }
    }
    text
}
