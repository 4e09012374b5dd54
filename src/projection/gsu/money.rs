//! What GSUs cost and save: PayGo left over by count and month, the best count of each term, the ladder, regret.

use rayon::prelude::*;
use rust_decimal::prelude::ToPrimitive;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Member, demand::MonthlyCurves};
use crate::{
    calendar::{Day, Month, Stretch},
    capacity::{
        CostPeriod, Deferrable, DemandScenario, LadderError, LadderInput, LadderRegret, Offer, OrderRules,
        Outlook, RunningOrder, StandingCost, Tail, Term, Throughput, WaitOrBuy, best_single, break_even_use,
        ladder_regret, standing, wait_or_buy, with_deferrable,
    },
    model::Location,
    projection::{placement::PlacementPlan, plan::Inputs},
    warning::Warning,
    workload::{GsuOrder, Workload},
};

/// Demand as planned, at half of it and at twice: what a commitment has to live with.
const SCENARIOS: [(&str, f64, f64); 3] = [("half", 0.5, 1.0), ("as planned", 1.0, 2.0), ("twice", 2.0, 1.0)];

/// Most counts of a cost table.
const COUNTS_MAX: u64 = 10_000;

/// Counts that are worked out one by one; above them steps of this ratio, the rest between them.
const DENSE: u64 = 400;
const STEP: f64 = 1.01;

/// What one term comes to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TermVerdict {
    /// The term's id.
    pub term: String,
    /// Its name.
    pub name: String,
    /// US dollars per GSU and hour, location and negotiated factor counted.
    pub usd_per_gsu_hour: f64,
    /// US dollars per GSU in the mean month of the horizon.
    pub usd_per_gsu_month: f64,
    /// Share of all hours one GSU must be busy to pay for itself.
    pub break_even: f64,
    /// The cheapest count, held over the whole horizon; 0 when none pays.
    pub gsu: u64,
    /// Fees and PayGo of the mean month at that count, US dollars.
    pub usd_per_month: f64,
    /// What it saves against PayGo alone, US dollars a month.
    pub saving_usd_per_month: f64,
    /// What an order of that count binds for the whole term, US dollars.
    pub bound_usd: f64,
    /// Least loss a month of the smallest purchase that is not nothing, US dollars: below zero it pays.
    pub first_gsu_usd_per_month: f64,
    /// Fees of the form's answer, US dollars a month.
    pub form_usd_per_month: f64,
    /// Fees of the form's answer and what it leaves to PayGo, US dollars a month.
    pub form_total_usd_per_month: f64,
}

/// The best count of one term where something is other than in the plan: the tier of the overflow, the windows.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct BestOfTerm {
    /// The term's id.
    pub term: String,
    /// Its name.
    pub name: String,
    /// Share of all hours one GSU must be busy to pay for itself.
    pub break_even: f64,
    /// The cheapest count, held over the whole horizon; 0 when none pays.
    pub gsu: u64,
    /// What that count leaves to PayGo, US dollars in the mean month.
    pub left_usd_per_month: f64,
    /// Fees and PayGo of the mean month at that count, US dollars.
    pub usd_per_month: f64,
    /// What it saves against PayGo alone, US dollars a month.
    pub saving_usd_per_month: f64,
}

/// What the money of a pool comes to.
pub(super) struct Money {
    /// PayGo left over in the mean month by count from 0, US dollars.
    pub paygo_usd: Vec<f64>,
    /// Share of burn tokens left by month and by count from 0.
    pub left: Vec<Vec<f64>>,
    /// PayGo of each month by count from 0, US dollars.
    pub planned: Vec<CostPeriod>,
    /// The orders that run already, by month; empty where there are none.
    pub standing: Vec<StandingCost>,
    pub terms: Vec<TermVerdict>,
    pub ladder: Option<LadderRegret>,
    pub wait: Option<Waiting>,
    pub warnings: Vec<Warning>,
}

/// Buying now against waiting a month, on the term that saves most.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Waiting {
    /// The term's name.
    pub term: String,
    /// What the two come to.
    #[serde(flatten)]
    pub outcome: WaitOrBuy,
}

/// What the traffic of each month is paid by PayGo, US dollars.
pub(super) struct PayGo {
    /// All of it, when nothing is bought.
    pub alone_usd: Vec<f64>,
    /// All of it at the price of what GSUs do not take.
    pub spilled_usd: Vec<f64>,
}

impl PayGo {
    /// Both at the same placements.
    pub fn at<'a>(plans: impl Iterator<Item = &'a PlacementPlan> + Clone, months: usize) -> PayGo {
        let sum = |at: usize| plans.clone().map(|plan| plan.months[at].usd_total).sum::<f64>();
        let alone_usd: Vec<f64> = (0..months).map(sum).collect();
        PayGo { spilled_usd: alone_usd.clone(), alone_usd }
    }
}

/// All that the money of a pool is worked out from.
#[derive(Clone, Copy)]
pub(super) struct Costs<'a> {
    pub inputs: &'a Inputs<'a>,
    pub members: &'a [Member<'a>],
    /// Routes of the same model that may wait for days.
    pub waiting: &'a [Member<'a>],
    pub row: &'a Throughput,
    pub curves: &'a MonthlyCurves,
    pub months: &'a [Month],
    pub global: bool,
    pub location: Option<&'a Location>,
    pub form_gsu: u64,
    pub usd_per_burn: f64,
    pub model_end: Option<Day>,
}

impl Costs<'_> {
    pub fn money(&self) -> Money {
        let mut warnings = Vec::new();
        let last = self.last_count(&mut warnings);
        let paygo = PayGo {
            spilled_usd: PayGo::at(self.members.iter().map(|member| member.spill), self.months.len())
                .spilled_usd,
            ..PayGo::at(self.members.iter().map(|member| member.instead_of), self.months.len())
        };
        let left = self.left(last, 1.0);
        let planned = self.tables(&left, 1.0, &paygo);
        let paygo_usd = mean(&planned);
        let terms: Vec<TermVerdict> =
            self.inputs.capacity.terms.iter().filter_map(|term| self.verdict(term, &paygo_usd)).collect();
        let scenarios: Vec<DemandScenario> = SCENARIOS
            .iter()
            .map(|(name, factor, weight)| DemandScenario {
                name: (*name).to_string(),
                weight: *weight,
                periods: self.periods(if *factor == 1.0 {
                    planned.clone()
                } else {
                    self.tables(&self.left(last, *factor), *factor, &paygo)
                }),
            })
            .collect();
        let mut doubt = |error: LadderError| {
            warnings.push(Warning::NotSized { model: self.row.model.clone(), why: error.to_string() });
        };
        let ladder = self.with_ladder_input(&[], |input| ladder_regret(input, &scenarios));
        let ladder = ladder.map_err(&mut doubt).ok();
        let wait = self.wait(&scenarios, &terms);
        let planned = self.periods(planned);
        let standing = self.with_ladder_input(&planned, |input| match input.running {
            [] => Ok(Vec::new()),
            _ => standing(input),
        });
        let standing = standing.map_err(&mut doubt).unwrap_or_default();
        Money { paygo_usd, left, planned, standing, terms, ladder, wait, warnings }
    }

    /// The largest count that is costed.
    fn last_count(&self, warnings: &mut Vec<Warning>) -> u64 {
        let largest = self.curves.largest_count().max(self.form_gsu);
        if largest > COUNTS_MAX {
            let model = self.row.model.clone();
            warnings.push(Warning::CountsCapped { model, counted: COUNTS_MAX, wanted: largest });
        }
        largest.min(COUNTS_MAX)
    }

    /// PayGo left over in the mean month by count from 0, US dollars.
    pub fn mean_paygo(&self, paygo: &PayGo) -> Vec<f64> {
        let left = self.left(self.last_count(&mut Vec::new()), 1.0);
        self.mean_paygo_of(&left, paygo)
    }

    /// The same where the shares left are known already.
    pub fn mean_paygo_of(&self, left: &[Vec<f64>], paygo: &PayGo) -> Vec<f64> {
        mean(&self.tables(left, 1.0, paygo))
    }

    /// Share of burn tokens left by month and by count from 0; nothing in a month without traffic.
    pub fn left(&self, last: u64, factor: f64) -> Vec<Vec<f64>> {
        let counts = sparse_counts(self.row, last);
        let of_month = |at: usize| {
            let left = self.curves.left(at, &counts, factor);
            left.map_or_else(|| vec![0.0; last as usize + 1], |left| spread_out(&counts, &left, last))
        };
        (0..self.months.len()).into_par_iter().map(of_month).collect()
    }

    fn tables(&self, left: &[Vec<f64>], factor: f64, paygo: &PayGo) -> Vec<Vec<f64>> {
        (0..self.months.len()).map(|at| self.table(at, &left[at], factor, paygo)).collect()
    }

    /// Counts that may be bought, 0 first, thinned where they are many; those that are named stay.
    pub fn counts(&self, named: impl Iterator<Item = u64>) -> Vec<u64> {
        let last = self.curves.largest_count().max(self.form_gsu).min(COUNTS_MAX);
        let mut counts = sparse_counts(self.row, last);
        counts.extend(named.filter(|gsu| *gsu <= last));
        let sold = |gsu: &u64| {
            *gsu == 0 || (*gsu >= self.row.minimum_gsu && gsu.is_multiple_of(self.row.increment_gsu))
        };
        counts.retain(sold);
        counts.sort();
        counts.dedup();
        counts
    }

    /// US dollars left to PayGo in a month by count from 0, waiting traffic included.
    fn table(&self, at: usize, left: &[f64], factor: f64, paygo: &PayGo) -> Vec<f64> {
        let usd = |gsu: usize| if gsu == 0 { paygo.alone_usd[at] } else { paygo.spilled_usd[at] };
        let paygo: Vec<f64> = left.iter().enumerate().map(|(gsu, share)| share * usd(gsu) * factor).collect();
        let burn = |member: &Member<'_>| {
            member.plan.months[at].requests * super::demand::mean_burn(member, self.row) * factor
        };
        let waiting: f64 = self.waiting.iter().map(burn).sum();
        if waiting <= 0.0 {
            return paygo;
        }
        let waiting_usd: f64 =
            self.waiting.iter().map(|member| member.instead_of.months[at].usd_total * factor).sum();
        let offered: f64 = self.members.iter().map(burn).sum();
        let per_gsu = self.row.tokens_per_second_per_gsu.to_f64().unwrap_or(0.0);
        let quota = per_gsu * f64::from(self.months[at].days()) * 86_400.0;
        let idle = |(gsu, left): (usize, &f64)| (gsu as f64 * quota - (1.0 - left) * offered).max(0.0);
        let idle_burn: Vec<f64> = left.iter().enumerate().map(idle).collect();
        let waiting =
            Deferrable { burn: waiting, usd_per_burn: waiting_usd / waiting, idle_burn: &idle_burn };
        with_deferrable(&paygo, &waiting).unwrap_or(paygo)
    }

    /// The best count of every term on a table of the mean month.
    pub fn best_of_terms(&self, paygo_usd: &[f64], usd_per_burn: f64) -> Vec<BestOfTerm> {
        let best = |term: &Term| {
            let price = self.usd_per_gsu_hour(term);
            let per_gsu = self.row.tokens_per_second_per_gsu.to_f64()?;
            let single = best_single(paygo_usd, &self.offer(term)).ok()?;
            Some(BestOfTerm {
                term: term.id.clone(),
                name: term.name.clone(),
                break_even: break_even_use(price, per_gsu, usd_per_burn).ok()?,
                gsu: single.best.gsu,
                left_usd_per_month: paygo_usd[single.best.gsu as usize],
                usd_per_month: single.best.total_usd,
                saving_usd_per_month: single.saving_usd,
            })
        };
        self.inputs.capacity.terms.iter().filter_map(best).collect()
    }

    /// One GSU of a term in the mean month.
    fn offer(&self, term: &Term) -> Offer {
        let price = self.usd_per_gsu_hour(term);
        let hours = self.months.iter().map(|month| f64::from(month.days()) * 24.0).sum::<f64>()
            / self.months.len() as f64;
        Offer {
            usd_per_gsu: price * hours,
            bound_usd_per_gsu: price * term.hours() as f64,
            minimum_gsu: self.row.minimum_gsu,
            increment_gsu: self.row.increment_gsu,
        }
    }

    fn usd_per_gsu_hour(&self, term: &Term) -> f64 {
        let factor = if self.global { 1.0 } else { term.non_global_factor.value().to_f64().unwrap_or(1.0) };
        term.usd_per_gsu_hour.to_f64() * factor * self.inputs.workload.price_factors.gsu_hours
    }

    fn verdict(&self, term: &Term, paygo_usd: &[f64]) -> Option<TermVerdict> {
        let price = self.usd_per_gsu_hour(term);
        let offer = self.offer(term);
        let per_gsu = self.row.tokens_per_second_per_gsu.to_f64()?;
        let single = best_single(paygo_usd, &offer).ok()?;
        let form = self.form_gsu as f64 * offer.usd_per_gsu;
        let left = paygo_usd[(self.form_gsu as usize).min(paygo_usd.len() - 1)];
        let something = single.counts.iter().skip(1).map(|count| count.total_usd - single.paygo_only_usd);
        Some(TermVerdict {
            term: term.id.clone(),
            name: term.name.clone(),
            usd_per_gsu_hour: price,
            usd_per_gsu_month: offer.usd_per_gsu,
            break_even: break_even_use(price, per_gsu, self.usd_per_burn).ok()?,
            gsu: single.best.gsu,
            usd_per_month: single.best.total_usd,
            saving_usd_per_month: single.saving_usd,
            bound_usd: single.bound_usd,
            first_gsu_usd_per_month: something.fold(f64::INFINITY, f64::min),
            form_usd_per_month: form,
            form_total_usd_per_month: form + left,
        })
    }

    fn periods(&self, tables: Vec<Vec<f64>>) -> Vec<CostPeriod> {
        let period = |(month, paygo_usd): (&Month, Vec<f64>)| CostPeriod {
            first: month.first,
            next: month.next,
            paygo_usd,
        };
        self.months.iter().zip(tables).map(period).collect()
    }

    /// Hands over what a ladder of this pool is made from, its running orders among it.
    fn with_ladder_input<T>(&self, periods: &[CostPeriod], make: impl FnOnce(&LadderInput<'_>) -> T) -> T {
        let workload: &Workload = self.inputs.workload;
        let terms = negotiated(self.inputs);
        let on_sale: Vec<&str> = terms.iter().map(|term| term.id.as_str()).collect();
        let rules = OrderRules {
            minimum_gsu: self.row.minimum_gsu,
            increment_gsu: self.row.increment_gsu,
            ..self.inputs.capacity.rules.clone()
        };
        let mine = workload
            .gsu_orders
            .iter()
            .filter(|order| order.model == self.row.model && Some(&order.location) == self.location);
        let running: Vec<RunningOrder> = mine.map(running_order).collect();
        make(&LadderInput {
            model: &self.row.model,
            global: self.global,
            today: workload.as_of,
            periods,
            terms: &terms,
            terms_on_sale: &on_sale,
            rules: &rules,
            credits: &self.inputs.capacity.credits,
            running: &running,
            model_end: self.model_end,
            tail: Tail::ProRata,
        })
    }

    /// What a month of waiting costs and keeps free, on the term that saves most.
    fn wait(&self, scenarios: &[DemandScenario], terms: &[TermVerdict]) -> Option<Waiting> {
        let best = terms.iter().filter(|term| term.gsu > 0);
        let best = best.max_by(|a, b| a.saving_usd_per_month.total_cmp(&b.saving_usd_per_month))?;
        let term = self.inputs.capacity.terms.iter().find(|term| term.id == best.term)?;
        let bound = best.usd_per_gsu_hour * term.hours() as f64;
        let hours =
            |period: &CostPeriod| f64::from(Stretch { first: period.first, next: period.next }.days()) * 24.0;
        let total = |periods: &[CostPeriod]| -> Vec<f64> {
            let counts = periods.first().map_or(0, |period| period.paygo_usd.len());
            let fees: f64 = periods.iter().map(hours).sum::<f64>() * best.usd_per_gsu_hour;
            let left = |gsu: usize| periods.iter().map(|period| period.paygo_usd[gsu]).sum::<f64>();
            (0..counts).map(|gsu| left(gsu) + fees * gsu as f64).collect()
        };
        if self.months.len() < 2 {
            return None;
        }
        let outlook = |scenario: &DemandScenario| Outlook {
            weight: scenario.weight,
            during_usd: total(&scenario.periods[..1]),
            after_usd: total(&scenario.periods[1..]),
        };
        let outlooks: Vec<Outlook> = scenarios.iter().map(outlook).collect();
        let outcome = wait_or_buy(&outlooks, bound).ok()?;
        Some(Waiting { term: best.name.clone(), outcome })
    }
}

/// The book's terms at the negotiated price.
pub(super) fn negotiated(inputs: &Inputs<'_>) -> Vec<Term> {
    let factor = rust_decimal::Decimal::try_from(inputs.workload.price_factors.gsu_hours);
    let factor = factor.unwrap_or(rust_decimal::Decimal::ONE);
    let lowered =
        |term: &Term| Term { usd_per_gsu_hour: term.usd_per_gsu_hour.times(factor), ..term.clone() };
    inputs.capacity.terms.iter().map(lowered).collect()
}

/// An order of the workload as the ladder takes it.
pub(super) fn running_order(order: &GsuOrder) -> RunningOrder {
    RunningOrder {
        gsu: order.count,
        term: order.term.clone(),
        start: order.start,
        auto_renew: order.auto_renew,
        usd_per_gsu_hour: None,
    }
}

/// The mean of tables of equal length.
fn mean(tables: &[Vec<f64>]) -> Vec<f64> {
    let counts = tables.first().map_or(0, Vec::len);
    let at = |gsu: usize| tables.iter().map(|table| table[gsu]).sum::<f64>() / tables.len() as f64;
    (0..counts).map(at).collect()
}

/// Counts at which the curve is worked out: all of the small ones and the edges of windows, then ever fewer.
fn sparse_counts(row: &Throughput, last: u64) -> Vec<u64> {
    let mut counts: Vec<u64> = (0..=last.min(DENSE)).collect();
    let mut at = DENSE as f64;
    while (at as u64) < last {
        at = (at * STEP).max(at + 1.0);
        counts.push((at as u64).min(last));
    }
    for window in &row.windows {
        counts.extend([window.from_gsu, window.from_gsu.saturating_sub(1)]);
    }
    counts.retain(|count| *count <= last);
    counts.sort();
    counts.dedup();
    counts
}

/// Values at some counts as values at every count, straight between them.
fn spread_out(counts: &[u64], values: &[f64], last: u64) -> Vec<f64> {
    let mut all = Vec::with_capacity(last as usize + 1);
    for pair in counts.windows(2).zip(values.windows(2)) {
        let ([low, high], [from, to]) = (pair.0, pair.1) else { continue };
        let step = (to - from) / (high - low) as f64;
        all.extend((0..high - low).map(|at| from + step * at as f64));
    }
    all.extend(values.last());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_between_counts_is_straight() {
        assert_eq!(spread_out(&[0, 2, 3], &[1.0, 0.5, 0.0], 3), [1.0, 0.75, 0.5, 0.0]);
        assert_eq!(spread_out(&[0], &[1.0], 0), [1.0]);
    }
}
