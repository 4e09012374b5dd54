//! Keys of the account rather than of the traffic: zone, tier, credits, orders that exist already.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    file::{RawCredit, WorkloadFile},
    resolve::Resolver,
};
use crate::{
    calendar::{Day, is_time_zone},
    diagnostics::{BadFile, Spanned},
    model::{Location, ModelId, or_list},
};

/// Most GSUs of one order, far beyond what a plan can be about.
const ORDER_GSU_MAX: u64 = 1_000_000;

/// A credit on the bill.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Credit {
    /// US dollars.
    pub usd: f64,
    /// First day; `None` = already.
    pub from: Option<Day>,
    /// Last day; `None` = until it is used up.
    pub until: Option<Day>,
    /// Remark.
    pub note: Option<String>,
}

/// An order of provisioned throughput that exists already.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct GsuOrder {
    /// The model.
    pub model: ModelId,
    /// Where.
    pub location: Location,
    /// GSUs.
    pub count: u64,
    /// The term's id.
    pub term: String,
    /// First day of its first term.
    pub start: Day,
    /// Whether it renews itself.
    pub auto_renew: bool,
}

impl Resolver<'_> {
    /// Keys of the account rather than of the traffic.
    pub(super) fn account_keys(&mut self, file: &WorkloadFile) -> Result<(), BadFile> {
        if let Some(currency) = &file.currency
            && currency.as_ref() != "USD"
        {
            return Err(
                self.fail(currency.span(), "the books are in USD; other currencies are not converted")
            );
        }
        if let Some(zone) = &file.time_zone {
            if !is_time_zone(zone.as_ref()) {
                let found = "unknown time zone, expected a name such as `UTC` or `Europe/Berlin`";
                return Err(self.fail(zone.span(), found));
            }
        } else {
            self.assume(None, "time_zone", "UTC");
        }
        if let Some(tier) = &file.developer_tier
            && !(1..=3).contains(tier.as_ref())
        {
            return Err(self.fail(tier.span(), "the Developer API has spend tiers 1, 2 and 3"));
        }
        Ok(())
    }

    /// Credits on the bill; one of nothing is left out.
    pub(super) fn credits(&self, file: &WorkloadFile) -> Result<Vec<Credit>, BadFile> {
        let Some(credits) = &file.credits else { return Ok(Vec::new()) };
        let backwards = credits
            .as_ref()
            .iter()
            .any(|credit| matches!((credit.from, credit.until), (Some(from), Some(until)) if until < from));
        if backwards {
            return Err(self.fail(credits.span(), "a credit ends before it starts"));
        }
        let credit = |raw: &RawCredit| Credit {
            usd: raw.usd.to_f64(),
            from: raw.from,
            until: raw.until,
            note: raw.note.clone(),
        };
        Ok(credits.as_ref().iter().map(credit).filter(|credit| credit.usd > 0.0).collect())
    }

    /// Orders that exist already, at the global location unless they say otherwise.
    pub(super) fn gsu_orders(&self, file: &WorkloadFile) -> Result<Vec<GsuOrder>, BadFile> {
        let mut found = Vec::new();
        for order in file.gsu_orders.iter().flat_map(|orders| orders.as_ref()) {
            let model = match self.book.resolve(order.model.as_ref()) {
                Ok(resolved) => resolved.id,
                Err(error) => return Err(self.fail(order.model.span(), &error.to_string())),
            };
            let location = match order.location.as_ref().map(|location| location.as_ref().parse::<Location>())
            {
                None => "global".parse().expect("global is a location"),
                Some(Ok(location)) => location,
                Some(Err(error)) => {
                    let span = order.location.as_ref().map_or(order.model.span(), Spanned::span);
                    return Err(self.fail(span, &error.to_string()));
                }
            };
            if !(1..=ORDER_GSU_MAX).contains(order.count.as_ref()) {
                let found =
                    format!("an order holds 1 to {ORDER_GSU_MAX} GSUs, found {}", order.count.as_ref());
                return Err(self.fail(order.count.span(), &found));
            }
            let terms = ["1-week", "1-month", "3-months", "1-year"];
            if !terms.contains(&order.term.as_ref().as_str()) {
                let found = format!("unknown term `{}`, expected {}", order.term.as_ref(), or_list(&terms));
                return Err(self.fail(order.term.span(), &found));
            }
            found.push(GsuOrder {
                model,
                location,
                count: *order.count.as_ref(),
                term: order.term.as_ref().clone(),
                start: order.start,
                auto_renew: order.auto_renew,
            });
        }
        Ok(found)
    }
}
