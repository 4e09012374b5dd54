//! The calendar of a ladder: what can start when, until when it runs, what it is charged.

use std::collections::{BTreeMap, BTreeSet};

use super::{LadderInput, RunningOrder, Tail};
use crate::{
    calendar::{Day, Stretch},
    capacity::book::{Credit, Term},
    warning::Warning,
};

/// Longest processing time that is taken for one.
const LEAD_DAYS_MAX: u64 = 1_000;

/// Days on which new orders may start.
#[derive(Clone, Copy)]
pub(super) enum Starts<'a> {
    /// Every start of a period, the end of a running order, and the first possible day.
    All,
    /// These alone.
    Only(&'a [Day]),
}

/// What an offer is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// More GSUs for a running order (its place in the list), until its end. Before terms: where both cost the
    /// same, no new order is needed.
    Increase(usize),
    /// A term of an order: new or renewed.
    Term,
}

/// Something that can be bought.
pub(super) struct Offer<'a> {
    pub(super) kind: Kind,
    pub(super) term: &'a Term,
    pub(super) start: Day,
    pub(super) end: Day,
    pub(super) usd_per_gsu_hour: f64,
    /// US dollars per GSU that count in the choice.
    pub(super) charged_usd: f64,
    /// Steps that it covers.
    pub(super) from: usize,
    pub(super) to: usize,
    /// Most increments of it.
    pub(super) most: usize,
}

/// Days of a running order that cannot be changed any more.
pub(super) struct Held<'a> {
    /// Its place in the list of running orders.
    pub(super) order: usize,
    pub(super) term: &'a Term,
    pub(super) gsu: u64,
    pub(super) start: Day,
    pub(super) end: Day,
    pub(super) usd_per_gsu_hour: f64,
    /// A renewal that can no longer be switched off.
    pub(super) too_late: bool,
    pub(super) auto_renew: bool,
}

/// Days within one period over which nothing changes.
pub(super) struct Step {
    pub(super) first: Day,
    pub(super) next: Day,
    pub(super) period: usize,
    pub(super) share: f64,
    /// GSUs of running orders.
    pub(super) held: u64,
}

/// A ladder as offers over steps.
pub(super) struct Problem<'a> {
    pub(super) input: &'a LadderInput<'a>,
    pub(super) fees: Fees<'a>,
    pub(super) offers: Vec<Offer<'a>>,
    pub(super) held: Vec<Held<'a>>,
    pub(super) steps: Vec<Step>,
    /// First day on which something that is bought now can start.
    pub(super) earliest: Day,
    /// US dollars of running orders: they are due whatever is bought.
    pub(super) fixed_usd: f64,
    pub(super) warnings: Vec<Warning>,
}

/// Fees with their credits.
pub(super) struct Fees<'a> {
    credits: Vec<&'a Credit>,
    /// First day after the horizon.
    pub(super) end: Day,
    tail: Tail,
    model_end: Option<Day>,
}

impl<'a> Fees<'a> {
    fn new(input: &'a LadderInput<'a>) -> Fees<'a> {
        let credits = input.credits.iter().filter(|credit| credit.models.contains(input.model));
        let end = input.periods[input.periods.len() - 1].next;
        Fees { credits: credits.collect(), end, tail: input.tail, model_end: input.model_end }
    }

    /// US dollars of one GSU from a day to another (excluded): price times hours, less the largest credit of
    /// each day. 0 when the days are in the wrong order.
    pub(super) fn fee(&self, usd_per_gsu_hour: f64, first: Day, next: Day) -> f64 {
        let stretch = |first: Day, next: Day| f64::from(Stretch { first, next }.days());
        if first >= next {
            return 0.0;
        }
        let edges = self.credits.iter().flat_map(|credit| [credit.from, credit.until.plus_days(1)]);
        let mut edges: BTreeSet<Day> = edges.filter(|day| first < *day && *day < next).collect();
        edges.extend([first, next]);
        let edges: Vec<Day> = edges.into_iter().collect();
        let paid_days = edges.windows(2).map(|pair| {
            let on = |credit: &&&Credit| credit.from <= pair[0] && pair[0] <= credit.until;
            let back = self.credits.iter().filter(on).map(|credit| credit.share).fold(0.0, f64::max);
            stretch(pair[0], pair[1]) * (1.0 - back)
        });
        usd_per_gsu_hour * 24.0 * paid_days.sum::<f64>()
    }

    /// The part of [`Fees::fee`] inside the horizon.
    pub(super) fn inside(&self, usd_per_gsu_hour: f64, first: Day, next: Day) -> f64 {
        self.fee(usd_per_gsu_hour, first, next.min(self.end))
    }

    /// The part of it after the horizon.
    pub(super) fn beyond(&self, usd_per_gsu_hour: f64, first: Day, next: Day) -> f64 {
        self.fee(usd_per_gsu_hour, first.max(self.end), next)
    }

    /// What of the part after the horizon counts in the choice: see [`Tail`].
    pub(super) fn charged_beyond(&self, usd_per_gsu_hour: f64, first: Day, next: Day) -> f64 {
        match (self.tail, self.model_end) {
            (Tail::Full, _) => self.beyond(usd_per_gsu_hour, first, next),
            (Tail::ProRata, Some(end)) => self.beyond(usd_per_gsu_hour, first.max(end), next),
            (Tail::ProRata, None) => 0.0,
        }
    }

    fn charged(&self, usd_per_gsu_hour: f64, first: Day, next: Day) -> f64 {
        self.inside(usd_per_gsu_hour, first, next) + self.charged_beyond(usd_per_gsu_hour, first, next)
    }
}

impl<'a> Problem<'a> {
    /// Lays out what can be bought. The input has been checked.
    pub(super) fn new(input: &'a LadderInput<'a>, starts: Starts<'_>) -> Problem<'a> {
        let fees = Fees::new(input);
        let first = input.periods[0].first;
        let lead = input.rules.lead_time_business_days.min(LEAD_DAYS_MAX);
        let earliest = input.today.plus_business_days(lead as u32).max(first);
        let mut warnings = Vec::new();
        if earliest > first {
            warnings.push(Warning::LateStart { business_days: lead, first: earliest });
        }
        let held = held(input, &fees, &mut warnings);
        let mut offers = Offers { input, fees: &fees, held: &held, earliest, found: BTreeMap::new() };
        offers.renewals();
        offers.orders(starts);
        offers.increases();
        let offers = offers.found.into_values();
        let mut offers: Vec<Offer<'a>> = offers.collect();
        let steps = steps(input, &held, &offers);
        for offer in &mut offers {
            offer.from = steps.partition_point(|step| step.first < offer.start);
            offer.to = steps.partition_point(|step| step.first < offer.end);
        }
        let fixed = held.iter().map(|part| {
            part.gsu as f64 * fees.charged(part.usd_per_gsu_hour, part.start.max(first), part.end)
        });
        let fixed_usd = fixed.sum();
        Problem { input, fees, offers, held, steps, earliest, fixed_usd, warnings }
    }

    /// GSUs of one increment.
    pub(super) fn increment(&self) -> u64 {
        self.input.rules.increment_gsu
    }

    /// US dollars left to PayGo in a step with so many GSUs more than running orders hold.
    pub(super) fn paygo(&self, step: usize, more_gsu: u64) -> f64 {
        let step = &self.steps[step];
        step.share * self.input.periods[step.period].at(step.held.saturating_add(more_gsu))
    }

    /// Increments bought in each step.
    pub(super) fn levels(&self, units: &[usize]) -> Vec<usize> {
        let mut levels = vec![0; self.steps.len()];
        for (offer, count) in self.offers.iter().zip(units).filter(|(_, count)| **count > 0) {
            levels[offer.from..offer.to].iter_mut().for_each(|level| *level += count);
        }
        levels
    }

    /// Most orders that run at a time; an increase belongs to its order.
    pub(super) fn orders_at_once(&self, units: &[usize]) -> u64 {
        let bought = |step: usize| {
            let on = |(offer, count): &(&Offer<'_>, &usize)| {
                **count > 0 && offer.kind == Kind::Term && (offer.from..offer.to).contains(&step)
            };
            self.offers.iter().zip(units).filter(on).count()
        };
        let running = |step: usize| {
            let day = self.steps[step].first;
            self.held.iter().filter(|part| part.start <= day && day < part.end).count()
        };
        (0..self.steps.len()).map(|step| bought(step) + running(step)).max().unwrap_or(0) as u64
    }

    /// Days on which an order of a term starts, renewed from a first day to the end of the horizon.
    pub(super) fn chain(&self, term: &Term, first: Day) -> Vec<Day> {
        let next = |day: &Day| Some(term.end(*day)).filter(|next| next > day);
        std::iter::successors(Some(first), next).take_while(|day| *day < self.fees.end).collect()
    }

    /// US dollars per GSU of a term from a day on that count in the choice.
    pub(super) fn charged(&self, term: &Term, start: Day) -> f64 {
        self.fees.charged(self.input.usd_per_gsu_hour(term), start, term.end(start))
    }
}

/// What running orders hold for certain: their current term, and a renewal when it is too late to stop it.
fn held<'a>(input: &'a LadderInput<'a>, fees: &Fees<'_>, warnings: &mut Vec<Warning>) -> Vec<Held<'a>> {
    let change_days = input.rules.change_days_before_expiry_min.min(LEAD_DAYS_MAX) as u32;
    let mut all = Vec::new();
    for (order, running) in input.running.iter().enumerate() {
        let Ok(term) = input.term(&running.term) else { continue };
        let auto_renew = running.auto_renew && term.auto_renews;
        let RunningOrder { gsu, mut start, .. } = *running;
        let mut end = term.end(start);
        while auto_renew && end <= input.today && start < end {
            (start, end) = (end, term.end(end));
        }
        let outside = |why| Warning::OrderOutside { term: term.name.clone(), start: running.start, why };
        if start >= fees.end {
            warnings.push(outside("starts after the horizon"));
            continue;
        }
        let usd_per_gsu_hour = running.usd_per_gsu_hour.unwrap_or(input.usd_per_gsu_hour(term));
        let part = |start, end, too_late| Held {
            order,
            term,
            gsu,
            start,
            end,
            usd_per_gsu_hour,
            too_late,
            auto_renew,
        };
        let too_late = auto_renew && input.today > end.minus_days(change_days);
        let last = if too_late { term.end(end) } else { end };
        // One that ends on the horizon's first day can still renew there.
        let horizon = input.periods[0].first;
        if last < horizon || (last == horizon && !auto_renew) {
            warnings.push(outside(if auto_renew {
                "ends before the horizon if its renewal is switched off"
            } else {
                "ends before the horizon"
            }));
            continue;
        }
        all.push(part(start, end, false));
        if too_late {
            all.push(part(end, last, true));
        }
    }
    all
}

/// Offers under construction, by kind, term and start.
struct Offers<'a, 'b> {
    input: &'a LadderInput<'a>,
    fees: &'b Fees<'a>,
    held: &'b [Held<'a>],
    earliest: Day,
    found: BTreeMap<(Day, Kind, usize), Offer<'a>>,
}

impl<'a> Offers<'a, '_> {
    /// Where the last certain term of each running order ends.
    fn ends(&self) -> Vec<&Held<'a>> {
        let last = |part: &&Held<'a>| {
            self.held.iter().all(|other| other.order != part.order || other.end <= part.end)
        };
        self.held.iter().filter(last).collect()
    }

    fn on_sale(&self) -> Vec<(usize, &'a Term)> {
        let on_sale = |(_, term): &(usize, &Term)| self.input.terms_on_sale.contains(&term.id.as_str());
        self.input.terms.iter().enumerate().filter(on_sale).collect()
    }

    /// A term from a day; a second offer of the same term and day only raises how many there may be.
    fn term(&mut self, at: usize, term: &'a Term, start: Day, most: usize) {
        let usd_per_gsu_hour = self.input.usd_per_gsu_hour(term);
        let end = term.end(start);
        let charged_usd = self.fees.charged(usd_per_gsu_hour, start, end);
        let new = Offer {
            kind: Kind::Term,
            term,
            start,
            end,
            usd_per_gsu_hour,
            charged_usd,
            from: 0,
            to: 0,
            most: 0,
        };
        let offer = self.found.entry((start, Kind::Term, at)).or_insert(new);
        offer.most = offer.most.saturating_add(most);
    }

    /// A term and its renewals until `last`.
    fn chain(&mut self, at: usize, term: &'a Term, first: Day, last: Day) {
        let mut day = first;
        while day < last.min(self.fees.end) && term.end(day) > day {
            self.term(at, term, day, usize::MAX);
            day = term.end(day);
        }
    }

    /// Running orders may go on with their term. Before processing allows anything new, with no more GSUs.
    fn renewals(&mut self) {
        let increment = self.input.rules.increment_gsu;
        let parts = self.ends().into_iter().map(|part| (part.end, part.term, part.gsu, part.auto_renew));
        for (end, term, gsu, auto_renew) in parts.collect::<Vec<_>>() {
            let on_sale = self.on_sale();
            let Some((at, _)) = on_sale.iter().find(|(_, other)| other.id == term.id) else { continue };
            if end >= self.fees.end || !term.auto_renews {
                continue;
            }
            if end >= self.earliest {
                self.chain(*at, term, end, self.fees.end);
            } else if auto_renew {
                self.term(*at, term, end, (gsu / increment) as usize);
                self.chain(*at, term, term.end(end), self.fees.end);
            }
        }
    }

    /// New orders and their renewals. Weeks are ordered one by one, up to the next start.
    fn orders(&mut self, starts: Starts<'_>) {
        let days: BTreeSet<Day> = match starts {
            Starts::Only(days) => days.iter().copied().collect(),
            Starts::All => {
                let periods = self.input.periods.iter().map(|period| period.first);
                periods.chain(self.ends().iter().map(|part| part.end)).chain([self.earliest]).collect()
            }
        };
        let possible = days.into_iter().filter(|day| *day >= self.earliest && *day < self.fees.end);
        let days: Vec<Day> = possible.collect();
        for (at, term) in self.on_sale() {
            for (which, day) in days.iter().enumerate() {
                let next = days.get(which + 1).copied().unwrap_or(self.fees.end);
                self.chain(at, term, *day, if term.auto_renews { self.fees.end } else { next });
            }
        }
    }

    /// A running order may grow; what is added ends with it.
    fn increases(&mut self) {
        let mut days: Vec<Day> = self.input.periods.iter().map(|period| period.first).collect();
        days.push(self.earliest);
        let parts = self
            .ends()
            .into_iter()
            .map(|part| (part.order, part.term, part.start, part.end, part.usd_per_gsu_hour));
        for (order, term, start, end, usd_per_gsu_hour) in parts.collect::<Vec<_>>() {
            for day in days.iter().copied() {
                if day < self.earliest.max(start) || day >= end.min(self.fees.end) {
                    continue;
                }
                let charged_usd = self.fees.charged(usd_per_gsu_hour, day, end);
                let kind = Kind::Increase(order);
                let most = usize::MAX;
                let offer = Offer {
                    kind,
                    term,
                    start: day,
                    end,
                    usd_per_gsu_hour,
                    charged_usd,
                    from: 0,
                    to: 0,
                    most,
                };
                self.found.insert((day, kind, 0), offer);
            }
        }
    }
}

/// Cuts the horizon wherever an offer or a running order starts or ends.
fn steps(input: &LadderInput<'_>, held: &[Held<'_>], offers: &[Offer<'_>]) -> Vec<Step> {
    let mut cuts: BTreeSet<Day> = offers.iter().flat_map(|offer| [offer.start, offer.end]).collect();
    cuts.extend(held.iter().flat_map(|part| [part.start, part.end]));
    let mut steps = Vec::new();
    for (at, period) in input.periods.iter().enumerate() {
        let inside = cuts.range(period.first..period.next).copied().filter(|day| *day > period.first);
        let edges: Vec<Day> = [period.first].into_iter().chain(inside).chain([period.next]).collect();
        for pair in edges.windows(2) {
            let (first, next) = (pair[0], pair[1]);
            let on = held.iter().filter(|part| part.start <= first && first < part.end);
            let held = on.map(|part| part.gsu).fold(0, u64::saturating_add);
            steps.push(Step { first, next, period: at, share: period.share(first, next), held });
        }
    }
    steps
}
