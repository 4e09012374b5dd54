//! GSUs from numbers, as text, Markdown and CSV.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    format::{decimal_grouped, grouped, money_whole},
    sheet::Sheet,
    terminal::plain_table,
};
use crate::{
    calendar::Day,
    capacity::{BurnLine, TermPrice},
    model::ModelId,
    warning::Warning,
};

/// What the answer is, and what it is not.
const NOTE: &str = "This is the form's own answer: mean load, nothing kept for peaks. A month has 730 hours; \"bound\" cannot be cancelled.";

/// What `gsu` answers to numbers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GsuAnswer {
    /// `burndown.gsu/1`.
    #[schemars(extend("const" = "burndown.gsu/1"))]
    pub schema: &'static str,
    /// The model.
    pub model: ModelId,
    /// Where GSUs would be bought.
    pub location: String,
    /// Day of the books.
    pub on: Day,
    /// How names, pixels and sizes were resolved, in words.
    pub resolved: Vec<String>,
    /// Queries a second, as entered.
    pub queries_per_second: Decimal,
    /// Each class: tokens a query, burndown rate, burn.
    pub burn_lines: Vec<BurnLine>,
    /// Burn tokens of one query.
    pub burn_per_request: Decimal,
    /// Burn tokens a second.
    pub throughput_per_second: Decimal,
    /// Burn tokens a second of one GSU.
    pub throughput_per_gsu: Decimal,
    /// GSUs before rounding.
    pub gsu_exact: Decimal,
    /// GSUs, the form's answer.
    pub gsu: u64,
    /// Seconds over which their quota is enforced.
    pub window_seconds: Option<u64>,
    /// Burn tokens that a window admits.
    pub quota_per_window: Option<Decimal>,
    /// Whole requests of this size that fit a window.
    pub whole_requests_per_window: Option<u64>,
    /// What the count costs, term by term.
    pub terms: Vec<TermPrice>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

impl GsuAnswer {
    /// For a terminal.
    pub fn text(&self) -> String {
        let answer = self;
        let mut text = format!("{} · vertex:{} · {}\n", answer.model, answer.location, answer.on);
        for line in &answer.resolved {
            text += &format!("  {line}\n");
        }
        text.push('\n');
        text += &plain_table(&answer.burn_rows());
        text += &format!(
            "\n  × {} queries/s = {} burn tokens/s\n  ÷ {} per GSU = {} → {} GSU\n",
            answer.queries_per_second.normalize(),
            decimal_grouped(answer.throughput_per_second),
            decimal_grouped(answer.throughput_per_gsu),
            answer.gsu_exact.round_dp(2).normalize(),
            grouped(answer.gsu),
        );
        if let (Some(seconds), Some(quota)) = (answer.window_seconds, answer.quota_per_window) {
            let whole = answer.whole_requests_per_window.unwrap_or(0);
            text += &format!(
                "  enforced over {seconds} s: {} burn tokens, {} whole requests of this size\n",
                decimal_grouped(quota),
                grouped(whole)
            );
        }
        text += "\n";
        text += &plain_table(&answer.term_rows());
        text + "\n  This is the form's own answer: mean load, nothing kept for peaks. A month has 730 hours;\n  \"bound\" cannot be cancelled.\n"
    }

    /// For a ticket or a pull request.
    pub fn markdown(&self) -> String {
        let mut sheet = Sheet {
            title: format!(
                "{} GSU of {} · vertex:{} · {}",
                grouped(self.gsu),
                self.model,
                self.location,
                self.on
            ),
            ..Sheet::default()
        };
        for line in &self.resolved {
            sheet.text(line.clone());
        }
        sheet.table(self.burn_rows());
        sheet.text(format!(
            "× {} queries/s = {} burn tokens/s ÷ {} per GSU = {} → {} GSU",
            self.queries_per_second.normalize(),
            decimal_grouped(self.throughput_per_second),
            decimal_grouped(self.throughput_per_gsu),
            self.gsu_exact.round_dp(2).normalize(),
            grouped(self.gsu),
        ));
        if let (Some(seconds), Some(quota)) = (self.window_seconds, self.quota_per_window) {
            let whole = grouped(self.whole_requests_per_window.unwrap_or(0));
            let quota = decimal_grouped(quota);
            sheet.text(format!(
                "Enforced over {seconds} s: {quota} burn tokens, {whole} whole requests of this size."
            ));
        }
        sheet.table(self.term_rows());
        sheet.text(NOTE);
        sheet.markdown()
    }

    /// One number a row, unrounded: what it belongs to, what it is, its value, its unit.
    pub fn csv(&self) -> String {
        let mut rows: Vec<[String; 4]> = Vec::new();
        let mut row = |of: &str, what: &str, value: String, unit: &str| {
            rows.push([of.to_string(), what.to_string(), value, unit.to_string()]);
        };
        row("query", "model", self.model.to_string(), "");
        row("query", "location", format!("vertex:{}", self.location), "");
        row("query", "queries per second", self.queries_per_second.normalize().to_string(), "1/s");
        for line in &self.burn_lines {
            let label = line.class.label();
            row(label, "tokens per query", line.tokens.normalize().to_string(), "tokens");
            row(label, "burndown rate", line.rate.normalize().to_string(), "");
            row(label, "burn per query", line.burn.normalize().to_string(), "burn tokens");
        }
        let decimal = |value: Decimal| value.normalize().to_string();
        row("answer", "burn per request", decimal(self.burn_per_request), "burn tokens");
        row("answer", "throughput", decimal(self.throughput_per_second), "burn tokens/s");
        row("answer", "throughput of one GSU", decimal(self.throughput_per_gsu), "burn tokens/s");
        row("answer", "GSU before rounding", decimal(self.gsu_exact), "GSU");
        row("answer", "GSU", self.gsu.to_string(), "GSU");
        if let (Some(seconds), Some(quota)) = (self.window_seconds, self.quota_per_window) {
            row("answer", "window", seconds.to_string(), "s");
            row("answer", "quota per window", decimal(quota), "burn tokens");
        }
        if let Some(whole) = self.whole_requests_per_window {
            row("answer", "whole requests per window", whole.to_string(), "requests");
        }
        for term in &self.terms {
            row(&term.name, "price", term.usd_per_gsu_hour.to_string(), "USD/GSU-hour");
            row(&term.name, "fee", term.usd_per_month.to_string(), "USD/month");
            row(&term.name, "bound", term.usd_per_term.to_string(), "USD");
        }
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["of", "what", "value", "unit"]).expect("memory takes any record");
        rows.iter().for_each(|row| writer.write_record(row).expect("memory takes any record"));
        String::from_utf8(writer.into_inner().expect("memory flushes")).expect("text in, text out")
    }

    fn burn_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![["class", "tokens/query", "burndown", "burn"].map(String::from).to_vec()];
        for line in &self.burn_lines {
            rows.push(vec![
                line.class.label().into(),
                decimal_grouped(line.tokens),
                format!("× {}", line.rate.normalize()),
                decimal_grouped(line.burn),
            ]);
        }
        let total = decimal_grouped(self.burn_per_request);
        rows.push(vec!["burn per request".into(), String::new(), String::new(), total]);
        rows
    }

    fn term_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![["term", "USD/GSU-hour", "USD/month", "USD bound"].map(String::from).to_vec()];
        for term in &self.terms {
            rows.push(vec![
                term.name.clone(),
                term.usd_per_gsu_hour.to_string(),
                money_whole(term.usd_per_month.to_f64()),
                money_whole(term.usd_per_term.to_f64()),
            ]);
        }
        rows
    }
}
