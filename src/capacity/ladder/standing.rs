//! What orders that run already come to by period when nothing is done about them.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    LadderError, LadderInput,
    schedule::{Problem, Starts},
};
use crate::calendar::Day;

/// A period under the orders that run already.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StandingCost {
    /// First day.
    pub first: Day,
    /// First day after it.
    pub next: Day,
    /// GSUs held, averaged over its days.
    pub gsu_mean: f64,
    /// US dollars of terms that can no longer be changed, credits taken off.
    pub bound_usd: f64,
    /// US dollars of renewals that come unless they are switched off.
    pub renewing_usd: f64,
    /// US dollars left to PayGo.
    pub paygo_usd: f64,
}

/// One term of a running order.
struct RunningTerm {
    gsu: u64,
    usd_per_gsu_hour: f64,
    start: Day,
    end: Day,
    bound: bool,
}

/// What the running orders of an input cost by period when nothing is bought and nothing is switched off.
///
/// An order that renews itself does so to the end of the horizon. Its current term, and a renewal that it is too
/// late to stop, are bound; later renewals come apart.
///
/// # Errors
///
/// As [`super::ladder`].
pub fn standing(input: &LadderInput<'_>) -> Result<Vec<StandingCost>, LadderError> {
    input.check()?;
    let nothing_new = LadderInput { terms_on_sale: &[], ..*input };
    let problem = Problem::new(&nothing_new, Starts::All);
    let terms = running_terms(&problem)?;
    let mut costs = Vec::new();
    for period in input.periods {
        let fees = |bound: bool| -> f64 {
            let of_kind = terms.iter().filter(|term| term.bound == bound);
            of_kind.fold(0.0, |sum, term| {
                let (first, next) = (term.start.max(period.first), term.end.min(period.next));
                sum + term.gsu as f64 * problem.fees.fee(term.usd_per_gsu_hour, first, next)
            })
        };
        let inside = |day: &Day| period.first < *day && *day < period.next;
        let mut edges: BTreeSet<Day> =
            terms.iter().flat_map(|term| [term.start, term.end]).filter(inside).collect();
        edges.extend([period.first, period.next]);
        let edges: Vec<Day> = edges.into_iter().collect();
        let (mut gsu_mean, mut paygo_usd) = (0.0, 0.0);
        for pair in edges.windows(2) {
            let on = terms.iter().filter(|term| term.start <= pair[0] && pair[0] < term.end);
            let gsu = on.map(|term| term.gsu).fold(0, u64::saturating_add);
            let share = period.share(pair[0], pair[1]);
            gsu_mean += share * gsu as f64;
            paygo_usd += share * period.at(gsu);
        }
        costs.push(StandingCost {
            first: period.first,
            next: period.next,
            gsu_mean,
            bound_usd: fees(true),
            renewing_usd: fees(false),
            paygo_usd,
        });
    }
    Ok(costs)
}

/// Every term of every running order up to the end of the horizon.
fn running_terms(problem: &Problem<'_>) -> Result<Vec<RunningTerm>, LadderError> {
    let mut terms = Vec::new();
    for (order, running) in problem.input.running.iter().enumerate() {
        let term = problem.input.term(&running.term)?;
        let usd_per_gsu_hour = running.usd_per_gsu_hour.unwrap_or(problem.input.usd_per_gsu_hour(term));
        let renews = running.auto_renew && term.auto_renews;
        let mut start = running.start;
        while start < problem.fees.end {
            let end = term.end(start);
            // Beyond the calendar there is no later day.
            if end <= start {
                break;
            }
            let is_held = problem.held.iter().any(|part| part.order == order && part.start == start);
            // What has begun by today cannot be changed, either.
            let bound = is_held || start <= problem.input.today || !renews;
            terms.push(RunningTerm { gsu: running.gsu, usd_per_gsu_hour, start, end, bound });
            if !renews {
                break;
            }
            start = end;
        }
    }
    Ok(terms)
}
