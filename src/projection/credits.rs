//! Dated credits: what they take off the bill, month by month, until they are used up or end.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    bill::Spread,
    simulate::{Drawn, Law},
};
use crate::{
    calendar::{Day, Month, Stretch},
    warning::Warning,
    workload::Credit,
};

/// The bill after credits. Orders of provisioned throughput are not in it, as they are not in the bill.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NetBill {
    /// The mean month.
    pub month: Spread,
    /// The whole horizon.
    pub total: Spread,
    /// Expected US dollars of each month.
    pub by_month: Vec<f64>,
    /// P(mean month after credits > budget), where a budget is set.
    pub probability_over_budget: Option<f64>,
    /// Each credit, in the order of the workload.
    pub credits: Vec<CreditUse>,
    /// The draws behind the ranges, each after its own credits.
    pub draws: NetDraws,
}

/// What is left to pay over the draws, US dollars.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct NetDraws {
    /// The mean month.
    pub month: Law,
    /// Each month.
    pub by_month: Vec<Law>,
}

/// What becomes of a credit.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CreditUse {
    /// The credit.
    pub credit: Credit,
    /// What it is expected to take off each month, US dollars.
    pub by_month: Vec<f64>,
    /// Its sum.
    pub used_usd: f64,
    /// What is expected to be left when it ends or the horizon does, US dollars.
    pub unused_usd: f64,
}

impl NetBill {
    /// Credits of which something is left; `next` is the first day after the horizon.
    pub(super) fn warnings(&self, next: Day) -> impl Iterator<Item = Warning> {
        let left = self.credits.iter().filter(|of| of.unused_usd >= 1.0);
        left.map(move |of| Warning::CreditUnused {
            unused: of.unused_usd.round() as i64,
            usd: of.credit.usd.round() as i64,
            when: match of.credit.until.filter(|until| *until < next) {
                Some(until) => format!("by its end on {until}"),
                None => "within the horizon".into(),
            },
        })
    }
}

/// The gross bill that credits are taken off, and its draws.
pub(super) struct Gross<'a> {
    pub months: &'a [Month],
    /// Expected US dollars of each month.
    pub by_month: &'a [f64],
    pub drawn: &'a [Drawn],
    pub budget: Option<f64>,
}

/// Takes the credits off every draw; the expected bill loses what the draws lose on average. `None` without
/// credits.
pub(super) fn net_bill(credits: &[Credit], gross: &Gross<'_>) -> Option<NetBill> {
    if credits.is_empty() {
        return None;
    }
    let count = gross.months.len();
    let draws = gross.drawn.len() as f64;
    let mut used = vec![vec![0.0; count]; credits.len()];
    let (mut months, mut totals) = (Vec::new(), Vec::new());
    let mut left = vec![Vec::with_capacity(gross.drawn.len()); count];
    for drawn in gross.drawn {
        let taken = taken(credits, gross.months, &drawn.by_month);
        let sum: f64 = taken.iter().flatten().sum();
        months.push((drawn.month - sum / count as f64).max(0.0));
        totals.push(drawn.total - sum);
        for (at, left) in left.iter_mut().enumerate() {
            left.push(drawn.by_month[at] - taken.iter().map(|of| of[at]).sum::<f64>());
        }
        for (all, one) in used.iter_mut().flatten().zip(taken.iter().flatten()) {
            *all += one / draws;
        }
    }
    let by_month: Vec<f64> = gross
        .by_month
        .iter()
        .enumerate()
        .map(|(at, usd)| (usd - used.iter().map(|of| of[at]).sum::<f64>()).max(0.0))
        .collect();
    let total: f64 = by_month.iter().sum();
    let month = Law::of(months);
    Some(NetBill {
        probability_over_budget: gross.budget.map(|budget| month.share_above(budget)),
        month: month.spread(total / count as f64),
        total: Law::of(totals).spread(total),
        by_month,
        draws: NetDraws { month, by_month: left.into_iter().map(Law::of).collect() },
        credits: credits
            .iter()
            .zip(used)
            .map(|(credit, by_month)| {
                let used_usd: f64 = by_month.iter().sum();
                let unused_usd = (credit.usd - used_usd).max(0.0);
                CreditUse { credit: credit.clone(), by_month, used_usd, unused_usd }
            })
            .collect(),
    })
}

/// What each credit takes off each month: those that end first are used first, and of a month only the days on
/// which the credit holds.
fn taken(credits: &[Credit], months: &[Month], by_month: &[f64]) -> Vec<Vec<f64>> {
    let mut order: Vec<usize> = (0..credits.len()).collect();
    // `None` outlasts every day.
    order.sort_by_key(|at| (credits[*at].until.is_none(), credits[*at].until, credits[*at].from, *at));
    let mut left: Vec<f64> = credits.iter().map(|credit| credit.usd).collect();
    let mut taken = vec![vec![0.0; months.len()]; credits.len()];
    for (at, month) in months.iter().enumerate() {
        let mut bill = by_month[at];
        for of in &order {
            let credit = &credits[*of];
            let whole = Stretch { first: month.first, next: month.next };
            let next = credit.until.map_or(month.next, |until| until.plus_days(1));
            let held = whole.overlap(Stretch { first: credit.from.unwrap_or(month.first), next });
            let share = f64::from(held.days()) / f64::from(whole.days());
            let off = left[*of].min(bill).min(by_month[at] * share);
            taken[*of][at] = off;
            left[*of] -= off;
            bill -= off;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::horizon;

    fn credit(usd: f64, from: Option<&str>, until: Option<&str>) -> Credit {
        let day = |text: &str| text.parse().unwrap();
        Credit { usd, from: from.map(day), until: until.map(day), note: None }
    }

    #[track_caller]
    fn check(credits: &[Credit], by_month: &[f64], expected: &[&[f64]]) {
        let months = horizon("2026-12-01".parse().unwrap(), by_month.len() as u32);
        let found = taken(credits, &months, by_month);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().flatten().zip(expected.iter().copied().flatten()) {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
    }

    #[test]
    fn a_credit_takes_the_whole_bill_until_it_is_used_up() {
        check(&[credit(250.0, None, None)], &[100.0, 100.0, 100.0], &[&[100.0, 100.0, 50.0]]);
    }

    #[test]
    fn a_credit_counts_on_its_days_alone() {
        // 16 of December's 31 days; January whole; nothing after its end.
        let dated = credit(1e6, Some("2026-12-16"), Some("2027-01-31"));
        check(&[dated], &[310.0, 310.0, 280.0], &[&[160.0, 310.0, 0.0]]);
    }

    #[test]
    fn of_two_credits_the_one_that_ends_first_is_used_first() {
        let credits = [credit(150.0, None, None), credit(120.0, None, Some("2027-01-31"))];
        check(&credits, &[100.0, 100.0, 100.0], &[&[0.0, 80.0, 70.0], &[100.0, 20.0, 0.0]]);
    }
}
