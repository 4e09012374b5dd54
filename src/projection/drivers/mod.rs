//! What moves the bill: one input at a time, known unknowns among them, and each input's part in the variance.

mod inputs;
mod study;

use schemars::JsonSchema;
use serde::Serialize;

pub(super) use self::inputs::{Input, Source, inputs};
pub use self::study::{OutputSpread, VarianceStudy};
use super::{
    gsu::PoolLookup,
    measure::Measured,
    plan::{Inputs, RoutePlan},
    switches::switches,
};
use crate::{calendar::Month, stats::SobolIndex, workload::Route};

/// One input and what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Driver {
    /// What it is, in words.
    pub name: String,
    /// Its low and high end, in words: the 10 % and 90 % points of an uncertain number.
    pub from_to: String,
    /// Change of the mean month at its low end, US dollars.
    pub low_usd: f64,
    /// Change of the mean month at its high end, US dollars.
    pub high_usd: f64,
    /// `range` (an uncertain number) or `switch` (a known unknown: which reading is right).
    pub kind: DriverKind,
    /// Its part in the variance; `None` for a switch, since nobody knows how probable its other answer is.
    pub sobol: Option<DriverIndices>,
    /// Where real answers settle an open question; `None` where they do not.
    pub settled_at: Option<Measured>,
}

/// What an input has to do with the variance of three results; `None` where a result does not vary.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DriverIndices {
    /// Of the mean month, US dollars.
    pub cost: Option<SobolIndex>,
    /// Of the cheapest GSU count.
    pub gsu: Option<SobolIndex>,
    /// Of what the advised purchase costs more than the best one.
    pub regret: Option<SobolIndex>,
}

/// What kind of doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DriverKind {
    /// An uncertain number.
    Range,
    /// A known unknown: which reading is right.
    Switch,
}

impl Driver {
    /// The larger of the two changes, in size.
    pub fn size(&self) -> f64 {
        self.low_usd.abs().max(self.high_usd.abs())
    }
}

/// Changes below this share of the bill are not listed.
const SHARE_LISTED: f64 = 0.000_1;

/// An input without dollars is listed when it makes at least this part of the variance of the count or of the
/// regret.
const INDEX_LISTED: f64 = 0.01;

/// What the drivers come to.
pub(super) struct Drivers {
    /// Widest first.
    pub drivers: Vec<Driver>,
    pub study: VarianceStudy,
    /// The uncertain inputs behind the study, with their indices.
    pub inputs: Vec<(Input, DriverIndices)>,
}

/// All drivers, widest first.
pub(super) fn drivers(
    inputs: &Inputs<'_>,
    routes: &[RoutePlan],
    months: &[Month],
    lookups: &[Option<PoolLookup>],
) -> Drivers {
    let pairs: Vec<(&Route, &RoutePlan)> = inputs.workload.routes.iter().zip(routes).collect();
    let total: f64 = routes.iter().map(|route| route.chosen().usd_per_month).sum();
    let seen = |size: f64| size > SHARE_LISTED * total && size > 0.0;
    let mut uncertain = self::inputs(inputs, &pairs, months.len());
    uncertain.retain(|input| seen(input.size()) || input.source == Source::Bursts);
    let (study, indices) = study::study(inputs, &pairs, months.len(), lookups, &uncertain);
    let inputs_with: Vec<(Input, DriverIndices)> = uncertain.into_iter().zip(indices).collect();
    let counts = |index: Option<SobolIndex>| index.is_some_and(|index| index.total >= INDEX_LISTED);
    let listed = inputs_with
        .iter()
        .filter(|(input, sobol)| seen(input.size()) || counts(sobol.gsu) || counts(sobol.regret));
    let mut drivers: Vec<Driver> = listed
        .map(|(input, sobol)| Driver {
            name: input.name.clone(),
            from_to: input.from_to.clone(),
            low_usd: input.low_usd,
            high_usd: input.high_usd,
            kind: DriverKind::Range,
            sobol: Some(*sobol),
            settled_at: None,
        })
        .collect();
    drivers.extend(switches(inputs, &pairs, months).into_iter().filter(|driver| seen(driver.size())));
    drivers.sort_by(|a, b| b.size().total_cmp(&a.size()).then_with(|| a.name.cmp(&b.name)));
    Drivers { drivers, study, inputs: inputs_with }
}
