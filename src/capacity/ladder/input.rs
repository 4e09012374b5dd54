//! What a ladder is made from, checked once.

use crate::{
    calendar::{Day, Stretch},
    capacity::{
        book::{Credit, OrderRules, Term},
        commitment::{CommitmentError, check_table},
    },
    model::ModelId,
    stats::FlowError,
};

/// Most periods of a horizon.
const PERIODS_MAX: usize = 1_000;

/// Highest price of a GSU-hour that is taken for one, US dollars.
const PRICE_MAX: f64 = 1e9;

/// Most GSUs of a cost table.
const GSU_MAX: usize = 10_000;

/// A stretch of days and what is left to PayGo in it.
#[derive(Clone, Debug, PartialEq)]
pub struct CostPeriod {
    /// First day.
    pub first: Day,
    /// First day after it.
    pub next: Day,
    /// Expected US dollars left to PayGo over the whole period with 0, 1, 2, … GSUs; goes on with its last
    /// entry.
    pub paygo_usd: Vec<f64>,
}

impl CostPeriod {
    /// The share of the period that lies in a stretch of its days.
    pub(super) fn share(&self, first: Day, next: Day) -> f64 {
        let days = |first, next| f64::from(Stretch { first, next }.days());
        days(first, next) / days(self.first, self.next)
    }

    /// US dollars at a count.
    pub(super) fn at(&self, gsu: u64) -> f64 {
        let last = self.paygo_usd.len() - 1;
        self.paygo_usd[usize::try_from(gsu).map_or(last, |gsu| gsu.min(last))]
    }
}

/// An order that exists already.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningOrder {
    /// GSUs.
    pub gsu: u64,
    /// The term's id.
    pub term: String,
    /// First day of its first term.
    pub start: Day,
    /// Whether it renews itself.
    pub auto_renew: bool,
    /// US dollars per GSU and hour as negotiated; `None` = the book's price.
    pub usd_per_gsu_hour: Option<f64>,
}

/// How fees after the horizon count in the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Only the days inside the horizon are charged: demand goes on after it as it ended. The rest is listed
    /// as liability. Days after the model's end are charged all the same.
    ProRata,
    /// The whole fee is charged: nothing is of use after the horizon.
    Full,
}

/// What a ladder is made from.
#[derive(Clone, Copy, Debug)]
pub struct LadderInput<'a> {
    /// The model.
    pub model: &'a ModelId,
    /// Whether the location is `global`; elsewhere the terms' factor is on top.
    pub global: bool,
    /// The day on which orders can be placed at the earliest.
    pub today: Day,
    /// The horizon: periods without gaps, in order.
    pub periods: &'a [CostPeriod],
    /// Every term of the book: running orders are looked up here.
    pub terms: &'a [Term],
    /// The terms that may be bought, by their ids.
    pub terms_on_sale: &'a [&'a str],
    /// Order rules; minimum and increment are those of the model.
    pub rules: &'a OrderRules,
    /// Dated credits; those of other models are passed over.
    pub credits: &'a [Credit],
    /// Orders that exist already.
    pub running: &'a [RunningOrder],
    /// First day on which the model is no longer served, when known.
    pub model_end: Option<Day>,
    /// How fees after the horizon count.
    pub tail: Tail,
}

/// One way demand may turn out.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandScenario {
    /// Its name.
    pub name: String,
    /// Its probability, or any number in proportion to it; 0 or more.
    pub weight: f64,
    /// The periods with its costs.
    pub periods: Vec<CostPeriod>,
}

/// An input that no ladder can be made from.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LadderError {
    /// No horizon.
    #[error("the horizon has {found} periods, expected 1 to {PERIODS_MAX}")]
    Periods {
        /// Their number.
        found: usize,
    },
    /// A period that is empty or does not follow the one before.
    #[error(
        "period {period} runs from {first} to {next}, expected at least a day, from the end of the period before"
    )]
    Gap {
        /// Its place, counted from 0.
        period: usize,
        /// First day.
        first: Day,
        /// First day after it.
        next: Day,
    },
    /// A cost table that cannot be used.
    #[error("period {period}: {source}")]
    Table {
        /// Its place, counted from 0.
        period: usize,
        /// Why.
        source: CommitmentError,
    },
    /// A table with more counts than a ladder takes.
    #[error("period {period} has costs up to {found} GSUs, expected at most {GSU_MAX}")]
    TooManyGsus {
        /// Its place, counted from 0.
        period: usize,
        /// Its largest count.
        found: usize,
    },
    /// A term that the book does not have.
    #[error("unknown term `{found}`, expected one of: {known}")]
    UnknownTerm {
        /// What was found.
        found: String,
        /// Ids of the book.
        known: String,
    },
    /// A price that is none.
    #[error(
        "the price of term `{term}` is {found} US dollars per GSU-hour, expected a number above 0, at most {PRICE_MAX:e}"
    )]
    Price {
        /// The term's id.
        term: String,
        /// What was found.
        found: f64,
    },
    /// A credit that is no share.
    #[error("a credit of {found}, expected a share between 0 and 1")]
    Credit {
        /// What was found.
        found: f64,
    },
    /// An order of nothing.
    #[error("the running order of {term} from {start} has 0 GSUs, expected 1 or more")]
    EmptyOrder {
        /// The term's id.
        term: String,
        /// Its first day.
        start: Day,
    },
    /// Purchases that cannot grow.
    #[error("the increment is 0, expected 1 GSU or more")]
    ZeroIncrement,
    /// Costs for another horizon.
    #[error(
        "the scenario has other periods than the ladder; hint: keep first and last days, change the costs"
    )]
    OtherPeriods,
    /// Numbers that no purchase can be worked out from.
    #[error("no cheapest ladder: {0}")]
    Flow(#[from] FlowError),
    /// Scenarios that cannot be compared.
    #[error("scenarios: {0}")]
    Scenarios(#[from] CommitmentError),
}

impl<'a> LadderInput<'a> {
    /// A term of the book.
    pub(super) fn term(&self, id: &str) -> Result<&'a Term, LadderError> {
        self.terms.iter().find(|term| term.id == id).ok_or_else(|| LadderError::UnknownTerm {
            found: id.to_string(),
            known: self.terms.iter().map(|term| term.id.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// US dollars per GSU and hour of a term at this location.
    pub(super) fn usd_per_gsu_hour(&self, term: &Term) -> f64 {
        let price = term.usd_per_gsu_hour;
        if self.global { price.to_f64() } else { price.times(term.non_global_factor.value()).to_f64() }
    }

    /// Refuses what no ladder can be made from.
    pub(super) fn check(&self) -> Result<(), LadderError> {
        if self.periods.is_empty() || self.periods.len() > PERIODS_MAX {
            return Err(LadderError::Periods { found: self.periods.len() });
        }
        for (period, CostPeriod { first, next, paygo_usd }) in self.periods.iter().enumerate() {
            let follows = period == 0 || self.periods[period - 1].next == *first;
            if first >= next || !follows {
                return Err(LadderError::Gap { period, first: *first, next: *next });
            }
            check_table(paygo_usd).map_err(|source| LadderError::Table { period, source })?;
            if paygo_usd.len() - 1 > GSU_MAX {
                return Err(LadderError::TooManyGsus { period, found: paygo_usd.len() - 1 });
            }
        }
        for id in self.terms_on_sale {
            let term = self.term(id)?;
            priced(id, self.usd_per_gsu_hour(term))?;
        }
        for order in self.running {
            let term = self.term(&order.term)?;
            priced(&order.term, order.usd_per_gsu_hour.unwrap_or(self.usd_per_gsu_hour(term)))?;
            if order.gsu == 0 {
                return Err(LadderError::EmptyOrder { term: order.term.clone(), start: order.start });
            }
        }
        if let Some(credit) = self.credits.iter().find(|credit| !(0.0..=1.0).contains(&credit.share)) {
            return Err(LadderError::Credit { found: credit.share });
        }
        if self.rules.increment_gsu == 0 { Err(LadderError::ZeroIncrement) } else { Ok(()) }
    }
}

fn priced(term: &str, found: f64) -> Result<(), LadderError> {
    if found > 0.0 && found <= PRICE_MAX {
        return Ok(());
    }
    Err(LadderError::Price { term: term.to_string(), found })
}

/// The periods with their mean costs; a table that is shorter goes on with its last entry.
pub(super) fn mean(scenarios: &[DemandScenario]) -> Result<Vec<CostPeriod>, LadderError> {
    let first = scenarios.first().ok_or(CommitmentError::NoScenario)?;
    let weights = crate::capacity::regret::shares(scenarios.iter().map(|scenario| scenario.weight))?;
    let days = |period: &CostPeriod| (period.first, period.next);
    for scenario in scenarios {
        if !scenario.periods.iter().map(days).eq(first.periods.iter().map(days)) {
            return Err(LadderError::OtherPeriods);
        }
        for (period, CostPeriod { paygo_usd, .. }) in scenario.periods.iter().enumerate() {
            check_table(paygo_usd).map_err(|source| LadderError::Table { period, source })?;
        }
    }
    let mean_at = |period: usize, gsu: usize| {
        let cost = |scenario: &DemandScenario| scenario.periods[period].at(gsu as u64);
        scenarios.iter().zip(&weights).map(|(scenario, weight)| weight * cost(scenario)).sum()
    };
    let table = |period: usize| {
        let longest = scenarios.iter().map(|scenario| scenario.periods[period].paygo_usd.len()).max();
        (0..longest.unwrap_or(0)).map(|gsu| mean_at(period, gsu)).collect()
    };
    let period = |(at, period): (usize, &CostPeriod)| CostPeriod {
        first: period.first,
        next: period.next,
        paygo_usd: table(at),
    };
    Ok(first.periods.iter().enumerate().map(period).collect())
}
