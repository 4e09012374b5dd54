//! A bill of Google Cloud as lines: the console's CSV, or the BigQuery export as CSV or JSON.
//!
//! Columns of the export: <https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/standard-usage>;
//! of the console: a downloaded report grouped by day and SKU.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::{
    calendar::Day,
    diagnostics::{csv_problem, from_json, json_words},
};

/// A bill.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bill {
    /// Its lines.
    pub lines: Vec<BillLine>,
    /// The total that a row of its own states, US dollars.
    pub declared_total_usd: Option<Decimal>,
}

/// A line of a bill, in US dollars.
#[derive(Clone, Debug, PartialEq)]
pub struct BillLine {
    /// Day of use; `None` when the report is not by day.
    pub day: Option<Day>,
    /// What the SKU is called.
    pub sku: String,
    /// The service it belongs to.
    pub service: String,
    /// What kind of line.
    pub kind: LineKind,
    /// How many were used; for token SKUs tokens.
    pub amount: Option<Decimal>,
    /// Cost before savings and credits.
    pub usd_before: Decimal,
    /// Savings and credits, negative.
    pub usd_savings: Decimal,
    /// What is to be paid, as printed.
    pub usd_billed: Decimal,
}

/// What a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Use of a SKU.
    Usage,
    /// Tax.
    Tax,
    /// An adjustment of the account.
    Adjustment,
    /// What rounding the invoice took or gave.
    Rounding,
}

/// A bill that cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct BadBill {
    /// Line (or record) counted from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// Reads a bill. `per_usd` is what a US dollar costs in the bill's currency where the bill does not say itself.
///
/// # Errors
///
/// When it is neither of the known forms, an amount is no number, or a rate of exchange is missing.
pub fn read_bill(text: &str, per_usd: Option<Decimal>) -> Result<Bill, BadBill> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with(['{', '[']) {
        return Ok(Bill { lines: json_lines(text, per_usd)?, declared_total_usd: None });
    }
    let records = rows(text)?;
    let is_header = |cells: &[String]| {
        cells
            .iter()
            .any(|cell| matches!(cell.as_str(), "SKU description" | "sku.description" | "sku_description"))
    };
    let Some(header_at) = records.iter().position(|(_, cells)| is_header(cells)) else {
        return Err(BadBill {
            line: 1,
            problem: "no column `SKU description` (console) or `sku.description` (BigQuery export)\n\nhint: group the console's report by SKU, or export sku, usage and cost".into(),
        });
    };
    let header = records[header_at].1.clone();
    let console = header.iter().any(|cell| cell == "SKU description");
    let is_amount = |cell: &String| AMOUNTS.iter().any(|name| cell.starts_with(&format!("{name} (")));
    if console && !header.iter().any(is_amount) {
        let found = header.join("`, `");
        return Err(BadBill {
            line: records[header_at].0,
            problem: format!(
                "no column `Subtotal ($)` or `Cost ($)` among `{found}`\n\nhint: download the report with its cost columns"
            ),
        });
    }
    let mut bill = Bill::default();
    for (line, cells) in &records[header_at + 1..] {
        if cells.iter().all(String::is_empty) {
            continue;
        }
        let row = Row { line: *line, cells: header.iter().cloned().zip(cells.iter().cloned()).collect() };
        if !console {
            bill.lines.push(export_line(&row, per_usd)?);
            continue;
        }
        let read = console_line(&row, cells, per_usd)?;
        let no_sku = row.text(&["SKU description"]).is_none();
        if no_sku && cells.iter().any(|cell| cell.eq_ignore_ascii_case("total")) {
            bill.declared_total_usd = Some(read.usd_billed);
        } else if !(no_sku && cells.iter().any(|cell| cell.to_lowercase().ends_with("total"))) {
            bill.lines.push(read);
        }
    }
    Ok(bill)
}

/// The cells of a CSV with the lines they stand on, whatever their number.
fn rows(text: &str) -> Result<Vec<(usize, Vec<String>)>, BadBill> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut records = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| BadBill {
            line: error.position().map_or(0, |position| position.line() as usize),
            problem: csv_problem(&error, &csv::StringRecord::new(), None),
        })?;
        let line = record.position().map_or(0, |position| position.line() as usize);
        records.push((line, record.iter().map(str::to_string).collect::<Vec<String>>()));
    }
    Ok(records)
}

/// Spend by day on the two services that sell these models, US dollars; `None` where a line of theirs has no day.
pub fn daily_spend(bill: &Bill) -> Option<BTreeMap<Day, f64>> {
    use rust_decimal::prelude::ToPrimitive;
    let mut spend: BTreeMap<Day, f64> = BTreeMap::new();
    let ours = |line: &&BillLine| matches!(line.service.as_str(), "Gemini API" | "Vertex AI");
    for line in bill.lines.iter().filter(ours).filter(|line| line.kind == LineKind::Usage) {
        *spend.entry(line.day?).or_default() += line.usd_billed.to_f64()?;
    }
    Some(spend)
}

/// Cells by the name of their column.
struct Row {
    line: usize,
    cells: BTreeMap<String, String>,
}

impl Row {
    fn bad(&self, problem: impl Into<String>) -> BadBill {
        BadBill { line: self.line, problem: problem.into() }
    }

    /// The first of these columns that has something in it.
    fn text(&self, names: &[&str]) -> Option<&str> {
        let cells = names.iter().filter_map(|name| self.cells.get(*name));
        cells.map(String::as_str).find(|cell| !cell.is_empty())
    }

    fn number(&self, names: &[&str]) -> Result<Option<Decimal>, BadBill> {
        let Some(text) = self.text(names) else { return Ok(None) };
        number(text)
            .map(Some)
            .ok_or_else(|| self.bad(format!("expected a number in `{}`, found `{text}`", names[0])))
    }

    /// Money columns of the console carry their currency: `Subtotal ($)`.
    fn money(&self, names: &[&str]) -> Result<Option<(Decimal, String)>, BadBill> {
        for (column, cell) in &self.cells {
            let Some((name, sign)) = column.split_once(" (") else { continue };
            if names.contains(&name) && !cell.is_empty() {
                let amount = number(cell).ok_or_else(|| {
                    self.bad(format!("expected an amount such as `1,234.56` in `{column}`, found `{cell}`"))
                })?;
                return Ok(Some((amount, sign.trim_end_matches(')').to_string())));
            }
        }
        Ok(None)
    }

    fn day(&self, names: &[&str]) -> Result<Option<Day>, BadBill> {
        let Some(text) = self.text(names) else { return Ok(None) };
        let day = text.get(..10).unwrap_or(text).parse();
        day.map(Some).map_err(|error| self.bad(format!("`{}`: {error}", names[0])))
    }
}

/// `1,234.5`, `-$3.20`, `1e-06`; the largest that a bill can hold is far below what overflows.
fn number(text: &str) -> Option<Decimal> {
    let plain: String = text.chars().filter(|letter| !matches!(letter, ',' | '$' | ' ')).collect();
    let value = plain.parse().ok().or_else(|| Decimal::from_scientific(&plain).ok())?;
    let most = Decimal::from(crate::units::LARGEST_SENSIBLE);
    (-most <= value && value <= most).then_some(value)
}

/// Columns of the console that hold what is to be paid, with their currency behind.
const AMOUNTS: [&str; 3] = ["Subtotal", "Unrounded subtotal", "Cost"];

const SAVINGS: [&str; 5] =
    ["Negotiated savings", "Savings programs", "Other savings", "Discounts", "Promotions and others"];

/// A row of the console's report, totals included.
fn console_line(row: &Row, cells: &[String], per_usd: Option<Decimal>) -> Result<BillLine, BadBill> {
    let sku = row.text(&["SKU description"]).unwrap_or_default().to_string();
    let words = cells.join(" ").to_lowercase();
    let kind = match row.text(&["Cost type"]).map(str::to_lowercase) {
        Some(kind) => kind_of(&kind),
        None if !sku.is_empty() => LineKind::Usage,
        None if words.contains("tax") => LineKind::Tax,
        None if words.contains("rounding") => LineKind::Rounding,
        None => LineKind::Adjustment,
    };
    let billed = row.money(&AMOUNTS)?;
    let (billed, sign) = match row.money(&["Subtotal"])? {
        Some(found) => found,
        None => billed.ok_or_else(|| row.bad("no amount: expected one in `Subtotal ($)` or `Cost ($)`"))?,
    };
    let per_usd = match (sign.as_str(), per_usd) {
        ("$" | "USD", _) => Decimal::ONE,
        (_, Some(rate)) => rate,
        (sign, None) => {
            return Err(row.bad(format!(
                "the bill is in {sign}, and prices are in US dollars\n\nhint: --currency-rate N says what a US dollar costs in {sign}"
            )));
        }
    };
    let mut savings = Decimal::ZERO;
    for name in SAVINGS {
        savings += row.money(&[name])?.map_or(Decimal::ZERO, |(amount, _)| amount);
    }
    let before = match row.money(&["List cost"])? {
        Some((list, _)) => list,
        None => row.money(&["Cost"])?.map_or(billed - savings, |(cost, _)| cost),
    };
    // Savings are printed below zero in some reports, above in others: what agrees with the subtotal counts.
    let off = |savings: Decimal| (before + savings - billed).abs();
    let savings = if off(-savings) < off(savings) { -savings } else { savings };
    Ok(BillLine {
        day: row.day(&["Date", "Usage date", "Day"])?,
        service: row.text(&["Service description"]).unwrap_or_default().to_string(),
        sku,
        kind,
        amount: row.number(&["Usage amount"])?,
        usd_before: before / per_usd,
        usd_savings: savings / per_usd,
        usd_billed: billed / per_usd,
    })
}

fn kind_of(text: &str) -> LineKind {
    match text {
        "tax" => LineKind::Tax,
        "adjustment" => LineKind::Adjustment,
        "rounding_error" | "rounding error" => LineKind::Rounding,
        _ => LineKind::Usage,
    }
}

/// A row of the BigQuery export; nested fields may be written with a dot or an underscore.
fn export_line(row: &Row, per_usd: Option<Decimal>) -> Result<BillLine, BadBill> {
    let cost = row.number(&["cost"])?.ok_or_else(|| {
        row.bad("no `cost`\n\nhint: export sku, service, usage_start_time, usage, cost, currency and credits")
    })?;
    let currency = row.text(&["currency"]).unwrap_or("USD");
    let rate = match (row.number(&["currency_conversion_rate"])?.or(per_usd), currency) {
        (_, "USD") => Decimal::ONE,
        (Some(rate), _) => rate,
        (None, currency) => {
            return Err(row.bad(format!(
                "the bill is in {currency} without `currency_conversion_rate`\n\nhint: export that column, or --currency-rate N"
            )));
        }
    };
    if rate <= Decimal::ZERO {
        return Err(row.bad(format!("a US dollar cannot cost {rate} {currency}, expected a rate above 0")));
    }
    let credits = credits(row)?;
    let kind = kind_of(row.text(&["cost_type"]).unwrap_or("regular"));
    Ok(BillLine {
        day: row.day(&["usage_start_time", "usage_date", "day"])?,
        sku: row.text(&["sku.description", "sku_description"]).unwrap_or_default().to_string(),
        service: row.text(&["service.description", "service_description"]).unwrap_or_default().to_string(),
        kind,
        amount: row.number(&["usage.amount", "usage_amount"])?,
        usd_before: cost / rate,
        usd_savings: credits / rate,
        usd_billed: (cost + credits) / rate,
    })
}

/// The sum of `credits[].amount`, or a column that holds it.
fn credits(row: &Row) -> Result<Decimal, BadBill> {
    let Some(text) = row.text(&["credits", "credits_amount", "credits_total"]) else {
        return Ok(Decimal::ZERO);
    };
    if !text.starts_with('[') {
        return number(text).ok_or_else(|| row.bad(format!("expected credits, found `{text}`")));
    }
    let list: Vec<Value> =
        from_json(text).map_err(|error| row.bad(format!("expected a list of credits: {error}")))?;
    let mut sum = Decimal::ZERO;
    for credit in &list {
        let amount = credit.get("amount").and_then(as_text).and_then(|text| number(&text));
        sum += amount.ok_or_else(|| {
            row.bad(format!("a credit without an `amount` that is a number: `{}`", begun(credit)))
        })?;
    }
    Ok(sum)
}

/// The first letters of a value.
fn begun(value: &Value) -> String {
    value.to_string().chars().take(40).collect()
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The export as JSON: one object a line, or one list of objects.
fn json_lines(text: &str, per_usd: Option<Decimal>) -> Result<Vec<BillLine>, BadBill> {
    let mut lines = Vec::new();
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let (mut line, mut counted) = (1, 0);
    loop {
        let from = values.byte_offset();
        let from = from + text[from..].len() - text[from..].trim_start().len();
        line += text[counted..from].matches('\n').count();
        counted = from;
        let Some(value) = values.next() else { break };
        // A text that breaks off is told by the place where it begins to be wrong.
        let value = value.map_err(|error| BadBill {
            line: error.line(),
            problem: json_words(error.to_string().split(" at line ").next().unwrap_or_default()),
        })?;
        let rows = match value {
            Value::Array(rows) => rows,
            row => vec![row],
        };
        for row in &rows {
            if !row.is_object() {
                let problem = format!("expected a row {{\"sku\": …, \"cost\": …}}, found `{}`", begun(row));
                return Err(BadBill { line, problem });
            }
            let mut cells = BTreeMap::new();
            flatten("", row, &mut cells);
            lines.push(export_line(&Row { line, cells }, per_usd)?);
        }
    }
    if !lines.is_empty() && lines.iter().all(|line| line.sku.is_empty()) {
        let problem = "no row has `sku.description`\n\nhint: export sku, usage and cost";
        return Err(BadBill { line: 1, problem: problem.into() });
    }
    Ok(lines)
}

fn flatten(path: &str, value: &Value, cells: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, cells);
            }
        }
        Value::Array(_) => {
            cells.insert(path.to_string(), value.to_string());
        }
        value => {
            cells.extend(as_text(value).map(|text| (path.to_string(), text)));
        }
    }
}
