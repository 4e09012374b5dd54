//! From counts of offers to a list that a person can enter in the console, with its costs by date.

use std::collections::BTreeSet;

use super::{
    Bound, Ladder, Level, PeriodCost, Purchase, PurchaseKind, RunningPart,
    schedule::{Kind, Offer, Problem},
    search,
};
use crate::{calendar::Day, warning::Warning};

/// Days and business days beyond this are not counted.
const DAYS_MAX: u64 = 1_000;

/// A gap below this share of the total is rounding.
const ROUNDING: f64 = 1e-9;

/// The plan of these counts.
pub(super) fn draw(
    problem: &Problem<'_>,
    units: &[usize],
    lower_bound_usd: f64,
    mut warnings: Vec<Warning>,
) -> Ladder {
    let mut book = OrderBook::new(problem);
    let mut bought: Vec<(&Offer<'_>, u64)> = problem
        .offers
        .iter()
        .zip(units)
        .filter(|(_, count)| **count > 0)
        .map(|(offer, count)| (offer, *count as u64 * problem.increment()))
        .collect();
    bought.sort_by_key(|(offer, _)| (offer.start, offer.kind, offer.end));
    bought.iter().for_each(|(offer, gsu)| book.enter(problem, offer, *gsu));
    let fees = Fees::new(problem, &bought);
    let levels = levels(problem, units);
    let periods = periods(problem, &fees, &levels);
    let total = Total::new(problem, &fees, &periods);
    // The same sums with nothing bought, so that the saving of nothing is nothing to the last digit.
    let (no_fees, no_levels) = (Fees::new(problem, &[]), self::levels(problem, &vec![0; units.len()]));
    let nothing = Total::new(problem, &no_fees, &self::periods(problem, &no_fees, &no_levels));
    let gap_usd = total.usd - lower_bound_usd;
    warnings.extend(doubts(problem, &book.purchases, &levels));
    Ladder {
        purchases: book.purchases,
        running: book.running,
        bound: bound(problem, &fees),
        committed_usd: total.committed_usd,
        paygo_usd: total.paygo_usd,
        charged_beyond_usd: total.charged_beyond_usd,
        total_usd: total.usd,
        beyond_usd: fees.sum(|price, first, next| problem.fees.beyond(price, first, next)),
        paygo_only_usd: nothing.usd,
        saving_usd: nothing.usd - total.usd,
        best_single: search::best_single(problem).0,
        lower_bound_usd,
        gap_usd: if gap_usd > ROUNDING * total.usd { gap_usd } else { 0.0 },
        orders_at_once: problem.orders_at_once(units),
        periods,
        levels,
        warnings,
    }
}

/// Fees that are due: GSUs, price, first day, first day after.
struct Fees {
    lines: Vec<(f64, f64, Day, Day)>,
}

impl Fees {
    fn new(problem: &Problem<'_>, bought: &[(&Offer<'_>, u64)]) -> Fees {
        let first = problem.input.periods[0].first;
        let held = problem
            .held
            .iter()
            .map(|part| (part.gsu as f64, part.usd_per_gsu_hour, part.start.max(first), part.end.max(first)));
        let bought =
            bought.iter().map(|(offer, gsu)| (*gsu as f64, offer.usd_per_gsu_hour, offer.start, offer.end));
        Fees { lines: held.chain(bought).collect() }
    }

    /// A part of every fee, summed, US dollars.
    fn sum(&self, part: impl Fn(f64, Day, Day) -> f64) -> f64 {
        // Not `sum`, whose empty sum is −0.
        self.lines.iter().fold(0.0, |sum, (gsu, price, first, next)| sum + gsu * part(*price, *first, *next))
    }
}

/// What a plan costs.
struct Total {
    committed_usd: f64,
    paygo_usd: f64,
    charged_beyond_usd: f64,
    usd: f64,
}

impl Total {
    fn new(problem: &Problem<'_>, fees: &Fees, periods: &[PeriodCost]) -> Total {
        let committed_usd: f64 = periods.iter().map(|period| period.committed_usd).sum();
        let paygo_usd: f64 = periods.iter().map(|period| period.paygo_usd).sum();
        let charged_beyond_usd =
            fees.sum(|price, first, next| problem.fees.charged_beyond(price, first, next));
        let usd = committed_usd + paygo_usd + charged_beyond_usd;
        Total { committed_usd, paygo_usd, charged_beyond_usd, usd }
    }
}

/// Orders as the console knows them: a purchase that follows an order of its term on the day that one ends
/// renews it.
struct OrderBook {
    open: Vec<OpenOrder>,
    purchases: Vec<Purchase>,
    running: Vec<RunningPart>,
    orders: usize,
}

struct OpenOrder {
    order: usize,
    term: String,
    end: Day,
    gsu: u64,
    /// Whether it renews itself unless told otherwise.
    renews: bool,
    at: Place,
}

/// Where an order stands in the lists.
enum Place {
    Running(usize),
    Purchase(usize),
}

impl OrderBook {
    fn new(problem: &Problem<'_>) -> OrderBook {
        let first = problem.input.periods[0].first;
        let mut book = OrderBook {
            open: Vec::new(),
            purchases: Vec::new(),
            running: Vec::new(),
            orders: problem.input.running.len(),
        };
        for part in &problem.held {
            let days = (part.start.max(first), part.end.max(first));
            let usd = |fee: f64| part.gsu as f64 * fee;
            book.open.retain(|open| open.order != part.order + 1);
            if part.too_late
                && let Some(before) = book.running.last_mut()
            {
                before.renewal_off_by = None;
            }
            book.open.push(OpenOrder {
                order: part.order + 1,
                term: part.term.id.clone(),
                end: part.end,
                gsu: part.gsu,
                renews: part.auto_renew,
                at: Place::Running(book.running.len()),
            });
            book.running.push(RunningPart {
                order: part.order + 1,
                term: part.term.id.clone(),
                gsu: part.gsu,
                start: part.start,
                end: part.end,
                renewal_too_late: part.too_late,
                renewal_off_by: part.auto_renew.then(|| off_by(problem, part.end)),
                usd: usd(problem.fees.inside(part.usd_per_gsu_hour, days.0, days.1)),
                beyond_usd: usd(problem.fees.beyond(part.usd_per_gsu_hour, days.0, days.1)),
            });
        }
        book
    }

    fn enter(&mut self, problem: &Problem<'_>, offer: &Offer<'_>, gsu: u64) {
        let rules = problem.input.rules;
        let lead = rules.lead_time_business_days.min(DAYS_MAX) as u32;
        let ahead = rules.start_ahead_days_max.min(DAYS_MAX) as u32;
        // Counted back from a start that was counted forward from a weekend, a day can lie before today.
        let not_past = |day: Day| day.max(problem.input.today);
        let opens = not_past(offer.start.minus_days(ahead));
        let processed = not_past(offer.start.minus_business_days(lead));
        let fee = problem.fees.fee(offer.usd_per_gsu_hour, offer.start, offer.end);
        let mut purchase = Purchase {
            order: 0,
            kind: PurchaseKind::Order,
            term: offer.term.id.clone(),
            gsu,
            change_gsu: signed(gsu),
            start: offer.start,
            end: offer.end,
            order_from: None,
            order_by: Some(processed),
            renewal_off_by: offer.term.auto_renews.then(|| off_by(problem, offer.end)),
            usd_per_gsu_hour: offer.usd_per_gsu_hour,
            usd: gsu as f64 * fee,
            beyond_usd: gsu as f64 * problem.fees.beyond(offer.usd_per_gsu_hour, offer.start, offer.end),
        };
        if let Kind::Increase(running) = offer.kind {
            purchase.kind = PurchaseKind::Increase;
            purchase.order = running + 1;
            purchase.renewal_off_by = None;
            let grows = self.open.iter_mut().find(|open| open.order == running + 1 && open.end == offer.end);
            if let Some(open) = grows {
                open.gsu += gsu;
            }
        } else if let Some(before) = self.predecessor(offer) {
            purchase.kind = PurchaseKind::Renewal;
            purchase.order = before.order;
            purchase.change_gsu = signed(gsu) - signed(before.gsu);
            purchase.order_by = (purchase.change_gsu != 0 || !before.renews).then_some(processed);
            self.goes_on(&before, offer, gsu);
        } else {
            self.orders += 1;
            purchase.order = self.orders;
            purchase.order_from = Some(opens);
            purchase.order_by = Some(processed.max(opens));
            self.opens(self.orders, offer, gsu);
        }
        self.purchases.push(purchase);
    }

    /// The order that an offer renews, taken off the list.
    fn predecessor(&mut self, offer: &Offer<'_>) -> Option<OpenOrder> {
        let renews = |open: &OpenOrder| open.term == offer.term.id && open.end == offer.start;
        let at = self.open.iter().position(renews).filter(|_| offer.term.auto_renews)?;
        Some(self.open.remove(at))
    }

    fn goes_on(&mut self, before: &OpenOrder, offer: &Offer<'_>, gsu: u64) {
        match before.at {
            Place::Running(at) => self.running[at].renewal_off_by = None,
            Place::Purchase(at) => self.purchases[at].renewal_off_by = None,
        }
        self.opens(before.order, offer, gsu);
    }

    fn opens(&mut self, order: usize, offer: &Offer<'_>, gsu: u64) {
        let at = Place::Purchase(self.purchases.len());
        let (term, renews) = (offer.term.id.clone(), offer.term.auto_renews);
        self.open.push(OpenOrder { order, term, end: offer.end, gsu, renews, at });
    }
}

/// Last day for a change of an order that ends on a day.
fn off_by(problem: &Problem<'_>, end: Day) -> Day {
    end.minus_days(problem.input.rules.change_days_before_expiry_min.min(DAYS_MAX) as u32)
}

fn signed(gsu: u64) -> i64 {
    i64::try_from(gsu).unwrap_or(i64::MAX)
}

/// GSUs over time; steps of one period with the same count are joined.
fn levels(problem: &Problem<'_>, units: &[usize]) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::new();
    for (step, bought) in problem.steps.iter().zip(problem.levels(units)) {
        let gsu = step.held.saturating_add(bought as u64 * problem.increment());
        match levels.last_mut() {
            Some(last) if last.gsu == gsu && last.period == step.period => last.next = step.next,
            _ => levels.push(Level { first: step.first, next: step.next, gsu, period: step.period }),
        }
    }
    levels
}

fn periods(problem: &Problem<'_>, fees: &Fees, levels: &[Level]) -> Vec<PeriodCost> {
    let cost = |at: usize| {
        let period = &problem.input.periods[at];
        let mine = || levels.iter().filter(|level| level.period == at);
        let mean = |value: &dyn Fn(u64) -> f64| {
            mine().map(|level| period.share(level.first, level.next) * value(level.gsu)).sum::<f64>()
        };
        let committed_usd = fees.sum(|price, first, next| {
            problem.fees.fee(price, first.max(period.first), next.min(period.next))
        });
        let paygo_usd = mean(&|gsu| period.at(gsu));
        PeriodCost {
            first: period.first,
            next: period.next,
            gsu_mean: mean(&|gsu| gsu as f64),
            committed_usd,
            paygo_usd,
            total_usd: committed_usd + paygo_usd,
        }
    };
    (0..problem.input.periods.len()).map(cost).collect()
}

/// Dollars bound at the start of every period and of every purchase.
fn bound(problem: &Problem<'_>, fees: &Fees) -> Vec<Bound> {
    let starts = fees.lines.iter().map(|line| line.2);
    let days: BTreeSet<Day> = problem.input.periods.iter().map(|period| period.first).chain(starts).collect();
    let on = |day: Day| {
        fees.sum(|price, first, next| if first <= day { problem.fees.fee(price, day, next) } else { 0.0 })
    };
    days.into_iter().map(|day| Bound { day, usd: on(day) }).collect()
}

/// What the reader should know about the plan.
fn doubts(problem: &Problem<'_>, purchases: &[Purchase], levels: &[Level]) -> Vec<Warning> {
    let input = problem.input;
    let mut warnings = Vec::new();
    if let Some(end) = input.model_end {
        let name = |id: &str| input.term(id).map_or(id.to_string(), |term| term.name.clone());
        let late = purchases.iter().filter(|purchase| purchase.end > end);
        warnings.extend(late.map(|purchase| Warning::TermOutlivesModel {
            model: input.model.clone(),
            term: name(&purchase.term),
            start: purchase.start,
            end,
        }));
    }
    let table_end = |level: &&Level| {
        let table = &input.periods[level.period].paygo_usd;
        level.gsu > 0 && level.gsu + 1 >= table.len() as u64 && table[table.len() - 1] > 0.0
    };
    let bought = !purchases.is_empty();
    if let Some(level) = levels.iter().filter(|_| bought).find(table_end) {
        warnings.push(Warning::CountTableEnds { gsu: level.gsu });
    }
    warnings
}
