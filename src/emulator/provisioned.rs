//! Bought GSUs: which requests they serve, by the same admission that plans reckon with.

use std::time::Duration;

use rust_decimal::{Decimal, prelude::ToPrimitive};

use crate::{
    calendar::Day,
    capacity::{
        Admission, AdmissionError, AdmissionRules, CapacityBook, Outcome, Overrun, Refund, RequestType,
        Throughput, Ticket, WindowClock,
    },
    model::{ByClass, Location, ModelId},
};

/// Parts of a burn token that are counted; burndown rates have at most three decimals.
const UNITS_PER_BURN: u64 = 1000;

/// GSUs of one model at one location.
#[derive(Clone, Debug)]
pub struct Purchase {
    /// The model.
    pub model: ModelId,
    /// Where they were bought.
    pub location: Location,
    /// How many.
    pub gsu: u64,
    /// What a request is admitted with.
    pub estimate: PtEstimate,
    throughput: Throughput,
    rules: AdmissionRules,
}

/// What a request is admitted with; Google documents that the output is estimated, not how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PtEstimate {
    /// Its input, and the output that such a request has on average.
    Mean,
    /// Exactly what it will burn.
    Actual,
}

/// Why GSUs cannot be had.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PurchaseError {
    /// No provisioned throughput for the model.
    #[error("the capacity book has no provisioned throughput for {model} on {day}")]
    NotSold {
        /// The model.
        model: ModelId,
        /// The day.
        day: Day,
    },
    /// A count that no window is known for.
    #[error("no enforcement window is known for {gsu} GSU of {model}, expected 1 or more")]
    NoWindow {
        /// The model.
        model: ModelId,
        /// The count.
        gsu: u64,
    },
    /// A quota that admission cannot work with.
    #[error(transparent)]
    Quota(#[from] AdmissionError),
}

impl Purchase {
    /// GSUs by the capacity book: a fixed window, late refunds given back, overrun forgotten.
    ///
    /// # Errors
    ///
    /// When the book does not know the model on that day, or the count cannot be.
    pub fn of(
        book: &CapacityBook,
        model: ModelId,
        location: Location,
        gsu: u64,
        day: Day,
    ) -> Result<Purchase, PurchaseError> {
        let sold = book.throughput(&model, day, 0.0).cloned();
        let throughput = sold.ok_or_else(|| PurchaseError::NotSold { model: model.clone(), day })?;
        let window = throughput.window(gsu).filter(|_| gsu > 0);
        let window = window.ok_or_else(|| PurchaseError::NoWindow { model: model.clone(), gsu })?;
        let burn = Decimal::from(gsu) * throughput.tokens_per_second_per_gsu * Decimal::from(window.seconds);
        let quota = (burn * Decimal::from(UNITS_PER_BURN)).floor().to_u64().unwrap_or(u64::MAX);
        let rules = AdmissionRules {
            quota,
            window_micros: window.seconds.saturating_mul(1_000_000),
            clock: WindowClock::Fixed { phase_micros: 0 },
            refund: Refund::Any,
            overrun: Overrun::Forget,
        };
        Admission::new(rules)?;
        Ok(Purchase { model, location, gsu, estimate: PtEstimate::Mean, throughput, rules })
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: WindowClock) -> Purchase {
        self.rules.clock = clock;
        self
    }

    /// Units of burn; `None` when a class of it is not sold, so that no GSU can serve the request.
    fn units(&self, tokens: &ByClass<f64>) -> Option<u64> {
        let burnt = tokens.iter().filter(|(_, tokens)| **tokens > 0.0).map(|(class, tokens)| {
            let rate = self.throughput.burndown[class]?.to_f64()?;
            Some(tokens * rate)
        });
        let burn: f64 = burnt.sum::<Option<f64>>()?;
        Some((burn * UNITS_PER_BURN as f64).ceil() as u64)
    }
}

/// A purchase in use.
#[derive(Debug)]
pub(super) struct InUse {
    purchase: Purchase,
    admission: Admission,
    /// Answers on their way: when they complete, and what they will have burnt.
    open: Vec<(u64, Ticket, u64)>,
}

impl InUse {
    pub(super) fn new(purchase: &Purchase) -> InUse {
        let admission = Admission::new(purchase.rules);
        InUse {
            purchase: purchase.clone(),
            admission: admission.expect("the rules were checked with the purchase"),
            open: Vec::new(),
        }
    }

    pub(super) fn is_for(&self, model: &ModelId, location: Option<&Location>) -> bool {
        self.purchase.model == *model && Some(&self.purchase.location) == location
    }

    /// Whether a GSU serves a request that arrives now and completes later.
    pub(super) fn arrive(
        &mut self,
        now: Duration,
        header: RequestType,
        expected: &ByClass<f64>,
        actual: &ByClass<u64>,
        latency: Duration,
    ) -> Served {
        let now = now.as_micros() as u64;
        self.complete_until(now);
        let mut real = ByClass::default();
        actual.iter().for_each(|(class, tokens)| real[class] = *tokens as f64);
        let estimated = match self.purchase.estimate {
            PtEstimate::Mean => expected,
            PtEstimate::Actual => &real,
        };
        let units = self.purchase.units(estimated).zip(self.purchase.units(&real));
        let Some((estimate, burn)) = units else {
            return if header == RequestType::Dedicated { Served::Refused } else { Served::PayGo };
        };
        match self.admission.arrive(now, estimate, header) {
            Outcome::Provisioned(ticket) => {
                self.open.push((now + latency.as_micros() as u64, ticket, burn));
                if latency.is_zero() {
                    self.complete_until(now);
                }
                Served::Provisioned
            }
            Outcome::PayGo => Served::PayGo,
            Outcome::Refused => Served::Refused,
        }
    }

    fn complete_until(&mut self, now: u64) {
        self.open.sort_by_key(|(at, ..)| *at);
        let ready = self.open.iter().take_while(|(at, ..)| *at <= now).count();
        for (at, ticket, burn) in self.open.drain(..ready) {
            self.admission.complete(ticket, at, burn);
        }
    }
}

/// Who serves a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    Provisioned,
    PayGo,
    Refused,
}
