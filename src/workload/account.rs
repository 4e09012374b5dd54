//! Keys of the account rather than of the traffic: zone, tier, credits, orders that exist already.

use serde::Serialize;
use toml::Spanned;

use super::{file::WorkloadFile, resolve::Resolver};
use crate::{
    calendar::{Day, is_time_zone},
    diagnostics::BadFile,
    model::{Location, ModelId, or_list},
    warning::Warning,
};

/// An order of provisioned throughput that exists already.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
        self.credits_and_orders(file)?;
        Ok(())
    }

    /// Checked now, counted by a later version; the report says so.
    fn credits_and_orders(&mut self, file: &WorkloadFile) -> Result<(), BadFile> {
        if let Some(credits) = &file.credits {
            let backwards = credits.as_ref().iter().any(
                |credit| matches!((credit.from, credit.until), (Some(from), Some(until)) if until < from),
            );
            if backwards {
                return Err(self.fail(credits.span(), "a credit ends before it starts"));
            }
            self.warnings.push(Warning::NotCounted { key: "credits" });
        }
        Ok(())
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
            if *order.count.as_ref() == 0 {
                return Err(self.fail(order.count.span(), "an order holds at least 1 GSU"));
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
