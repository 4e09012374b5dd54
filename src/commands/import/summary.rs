//! What an import says: rows, coverage, what came when, what was learned.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    commands::fit,
    import::{ArrivalProfile, Collected, Coverage, LeftOut},
    report::{format::figure, plain_table},
    tokens::Fitted,
    warning::Warning,
};

/// Everything that is said of an import.
pub(super) struct Summary<'a> {
    pub collected: &'a Collected,
    pub coverage: &'a Coverage,
    pub arrivals: &'a [ArrivalProfile],
    pub fitted: &'a Fitted,
    pub warnings: &'a [Warning],
}

/// The JSON form.
#[derive(Serialize, JsonSchema)]
pub(in crate::commands) struct ImportAnswer<'a> {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.import/1"))]
    schema: &'static str,
    /// Rows of the logs.
    rows: u64,
    /// Attempts in them.
    attempts: u64,
    /// Rows that say nothing, by reason.
    left_out: Vec<LeftOutRows<'a>>,
    /// Share of the control total that the log holds; `null` without one.
    coverage: Option<f64>,
    /// Requests that one row stands for.
    requests_per_row: f64,
    /// Attempts by who served them.
    traffic: Vec<TrafficRows>,
    /// When requests came, by route.
    arrivals: &'a [ArrivalProfile],
    /// What was learned of tokens.
    fit: &'a Fitted,
    warnings: &'a [Warning],
}

#[derive(Serialize, JsonSchema)]
struct LeftOutRows<'a> {
    reason: &'a str,
    /// How many.
    n: u64,
    /// Whether they are broken, not only of no use.
    broken: bool,
    /// Places of the first ones.
    first: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct TrafficRows {
    route: String,
    model: String,
    /// Traffic type as reported; `null` where it is not told.
    traffic: Option<String>,
    attempts: u64,
}

/// `3 × not JSON (log.jsonl byte 0, …)`.
pub(super) fn reason(reason: &str, left: &LeftOut) -> String {
    let places: Vec<String> = left.first.iter().map(ToString::to_string).collect();
    let more = if left.n > places.len() as u64 { ", …" } else { "" };
    format!("{} × {reason} ({}{more})", left.n, places.join(", "))
}

impl Summary<'_> {
    pub fn answer(&self) -> ImportAnswer<'_> {
        let left_out = self.collected.left_out.iter().map(|(reason, left)| LeftOutRows {
            reason,
            n: left.n,
            broken: left.broken,
            first: left.first.iter().map(ToString::to_string).collect(),
        });
        let traffic = self.collected.aggregates.by_traffic().into_iter();
        let traffic = traffic.map(|((route, model, traffic), attempts)| TrafficRows {
            route,
            model,
            traffic,
            attempts,
        });
        ImportAnswer {
            schema: "burndown.import/1",
            rows: self.collected.rows,
            attempts: self.collected.aggregates.attempts(),
            left_out: left_out.collect(),
            coverage: self.coverage.share,
            requests_per_row: self.coverage.factor,
            traffic: traffic.collect(),
            arrivals: self.arrivals,
            fit: self.fitted,
            warnings: self.warnings,
        }
    }

    pub fn text(&self) -> String {
        let collected = self.collected;
        let mut text = format!("{} rows, {} attempts", collected.rows, collected.aggregates.attempts());
        text += match &collected.observations {
            Some(_) => ", kept one by one\n",
            None => ", kept as sums\n",
        };
        if let Some(share) = self.coverage.share {
            text += &format!("the log holds {:.1} % of the control total\n", share * 100.0);
        }
        for (name, left) in &collected.left_out {
            text += &format!("left out: {}\n", reason(name, left));
        }
        text += "\nwho served it\n";
        text += &plain_table(&self.traffic_rows());
        if !self.arrivals.is_empty() {
            text += "\nwhen it came\n";
            text += &plain_table(&self.arrival_rows());
        }
        text + "\nwhat was learned of tokens\n\n" + &fit::text(self.fitted)
    }

    /// Attempts by traffic type: what provisioned throughput admitted, and what went to pay-as-you-go.
    fn traffic_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![["route", "model", "traffic", "attempts"].map(String::from).to_vec()];
        for ((route, model, traffic), n) in self.collected.aggregates.by_traffic() {
            let model = if model.is_empty() { "–".into() } else { model };
            rows.push(vec![route, model, traffic.unwrap_or_else(|| "not told".into()), n.to_string()]);
        }
        rows
    }

    fn arrival_rows(&self) -> Vec<Vec<String>> {
        let header = ["route", "attempts", "from", "to", "a month", "growth", "dispersion"];
        let mut rows = vec![header.map(String::from).to_vec()];
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "–".into());
        for arrival in self.arrivals {
            rows.push(vec![
                arrival.route.clone(),
                arrival.attempts.to_string(),
                arrival.first.clone(),
                arrival.last.clone(),
                or_dash(arrival.per_month.map(|month| figure(month * self.coverage.factor))),
                or_dash(arrival.growth_per_month.map(|growth| format!("{:+.1} %", growth * 100.0))),
                or_dash(arrival.dispersion.map(|dispersion| format!("{dispersion:.2}"))),
            ]);
        }
        rows
    }
}
