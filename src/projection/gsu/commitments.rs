//! What GSUs bind by month: orders that run already, and apart from them the purchases that the plan advises.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    GsuPool, PoolLookup,
    money::{negotiated, running_order},
};
use crate::{
    calendar::Month,
    capacity::{CostPeriod, LadderInput, RunningOrder, StandingCost, Tail, standing},
    projection::plan::{Inputs, RoutePlan},
    warning::Warning,
    workload::GsuOrder,
};

/// A pool with what its money was worked out from.
pub(super) struct Sized {
    pub pool: GsuPool,
    /// PayGo left over in the mean month by count from 0, US dollars.
    pub paygo_usd: Vec<f64>,
    /// The same of each month.
    pub planned: Vec<CostPeriod>,
    /// The orders that run already, by month; empty where there are none.
    pub standing: Vec<StandingCost>,
    /// What the advised ladder leaves to PayGo by month, demand as planned.
    pub advised_paygo_usd: Option<Vec<f64>>,
    /// Its look-up over worlds; `None` when its model has no term.
    pub lookup: Option<PoolLookup>,
}

/// Dollars that are bound and dollars that follow demand, as expected; the range of the bill is of PayGo alone.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Commitments {
    /// Whether orders run already.
    pub orders_run: bool,
    /// The mean month.
    pub month: CommitmentMonth,
    /// Each month of the horizon.
    pub by_month: Vec<CommitmentMonth>,
}

/// One month, or the mean of all, US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct CommitmentMonth {
    /// GSUs of orders that run already, renewals included, mean over the days.
    pub running_gsu: f64,
    /// Fees of orders that run already and of terms of them that can no longer be changed.
    pub committed_usd: f64,
    /// Fees of their renewals, which come unless they are switched off.
    pub renewing_usd: f64,
    /// All routes' PayGo with these orders and renewals.
    pub variable_usd: f64,
    /// The three together: the bill with the orders that run.
    pub total_usd: f64,
    /// Fees of the purchases that the plan advises; they come on top of `committed_usd`, and take the place of
    /// `renewing_usd`.
    pub advised_usd: f64,
    /// All routes' PayGo with running orders and advised purchases.
    pub advised_variable_usd: f64,
}

/// The months of the whole workload.
pub(super) fn commitments(
    inputs: &Inputs<'_>,
    routes: &[RoutePlan],
    months: &[Month],
    sized: &[Sized],
    warnings: &mut Vec<Warning>,
) -> Commitments {
    let unused = unused(inputs, months, sized, warnings);
    let of_month = |at: usize| {
        let mut month = CommitmentMonth::default();
        let alone: f64 = routes.iter().map(|route| route.chosen().months[at].usd_total).sum();
        (month.variable_usd, month.advised_variable_usd) = (alone, alone);
        for pool in sized {
            let nothing = pool.planned[at].paygo_usd[0];
            if let Some(standing) = pool.standing.get(at) {
                month.add(standing);
                month.variable_usd += standing.paygo_usd - nothing;
            }
            if let (Some(ladder), Some(paygo)) = (&pool.pool.ladder, &pool.advised_paygo_usd) {
                let bound = pool.standing.get(at).map_or(0.0, |standing| standing.bound_usd);
                month.advised_usd += (ladder.periods[at].committed_usd - bound).max(0.0);
                month.advised_variable_usd += paygo[at] - nothing;
            }
        }
        unused.iter().for_each(|standing| month.add(&standing[at]));
        month.total_usd = month.committed_usd + month.renewing_usd + month.variable_usd;
        month
    };
    let by_month: Vec<CommitmentMonth> = (0..months.len()).map(of_month).collect();
    Commitments { orders_run: !inputs.workload.gsu_orders.is_empty(), month: mean(&by_month), by_month }
}

impl CommitmentMonth {
    fn add(&mut self, standing: &StandingCost) {
        self.running_gsu += standing.gsu_mean;
        self.committed_usd += standing.bound_usd;
        self.renewing_usd += standing.renewing_usd;
    }
}

fn mean(months: &[CommitmentMonth]) -> CommitmentMonth {
    let of =
        |part: fn(&CommitmentMonth) -> f64| months.iter().map(part).sum::<f64>() / months.len().max(1) as f64;
    CommitmentMonth {
        running_gsu: of(|month| month.running_gsu),
        committed_usd: of(|month| month.committed_usd),
        renewing_usd: of(|month| month.renewing_usd),
        variable_usd: of(|month| month.variable_usd),
        total_usd: of(|month| month.total_usd),
        advised_usd: of(|month| month.advised_usd),
        advised_variable_usd: of(|month| month.advised_variable_usd),
    }
}

/// Orders that take no traffic of this workload, by model and location: their fees are due all the same.
fn unused(
    inputs: &Inputs<'_>,
    months: &[Month],
    sized: &[Sized],
    warnings: &mut Vec<Warning>,
) -> Vec<Vec<StandingCost>> {
    let used = |order: &&GsuOrder| {
        sized.iter().any(|sized| {
            sized.pool.model == order.model && sized.pool.endpoint.location() == Some(&order.location)
        })
    };
    let mut found = Vec::new();
    for order in inputs.workload.gsu_orders.iter().filter(|order| !used(order)) {
        warnings.push(Warning::OrderUnused {
            model: order.model.clone(),
            location: order.location.to_string(),
            gsu: order.count,
        });
        match alone(inputs, months, order) {
            Ok(standing) => found.push(standing),
            Err(error) => {
                let why = error.to_string();
                warnings.push(Warning::NotSized { model: order.model.clone(), why });
            }
        }
    }
    found
}

/// What one order costs by month that replaces no PayGo.
fn alone(
    inputs: &Inputs<'_>,
    months: &[Month],
    order: &GsuOrder,
) -> Result<Vec<StandingCost>, crate::capacity::LadderError> {
    let terms = negotiated(inputs);
    let periods: Vec<CostPeriod> = months
        .iter()
        .map(|month| CostPeriod { first: month.first, next: month.next, paygo_usd: vec![0.0] })
        .collect();
    let running: [RunningOrder; 1] = [running_order(order)];
    standing(&LadderInput {
        model: &order.model,
        global: order.location.is_global(),
        today: inputs.workload.as_of,
        periods: &periods,
        terms: &terms,
        terms_on_sale: &[],
        rules: &inputs.capacity.rules,
        credits: &inputs.capacity.credits,
        running: &running,
        model_end: None,
        tail: Tail::ProRata,
    })
}
