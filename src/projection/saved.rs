//! A plan read back from `plan.json`: only what `diff`, `check`, `reconcile` and `backtest` look at.
//!
//! Fields that are not needed are ignored, so that a plan with more in it still reads.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    calendar::{Day, Month, horizon},
    diagnostics::from_json_value,
    model::{Endpoint, Grade, ModelId, Placement, Tier, TokenClass},
    stats::LogNormal,
};

/// The only schema that can be read.
const SCHEMA: &str = "burndown.plan/1";

/// Why a JSON text is not a plan that can be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SavedPlanError {
    /// Another schema, or none.
    #[error(
        "not a plan: expected `\"schema\": \"{SCHEMA}\"`, found {found}\n\nhint: `burndown plan WORKLOAD --json` prints a plan"
    )]
    NotAPlan {
        /// Its schema, in words.
        found: String,
    },
    /// A field is missing or of the wrong kind.
    #[error("the plan cannot be read: {problem}\n\nhint: was it changed by hand, or cut off?")]
    Malformed {
        /// What the parser says.
        problem: String,
    },
    /// Its parts contradict each other.
    #[error("the plan contradicts itself: {problem}\n\nhint: was it changed by hand?")]
    Contradiction {
        /// What was found.
        problem: String,
    },
}

/// A plan, as far as it is read.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedPlan {
    /// What will be sent.
    pub workload: SavedWorkload,
    /// Day of the price book.
    pub prices_checked: Day,
    /// The bill of the chosen placements.
    pub bill: SavedBill,
    /// The months of the horizon, `2026-12`.
    pub months: Vec<String>,
    /// Each route on each placement.
    pub routes: Vec<SavedRoute>,
    /// Provisioned throughput; `None` when the plan does not hold it.
    pub gsu: Option<SavedGsu>,
    /// What the reader should know.
    #[serde(default)]
    pub warnings: Vec<SavedWarning>,
}

/// The resolved workload.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedWorkload {
    /// Its name.
    pub name: String,
    /// Day as of which the books were read.
    pub as_of: Day,
    /// First day of the horizon.
    pub start: Day,
    /// Months of the horizon.
    pub horizon_months: u32,
    /// Budget, US dollars a month.
    pub budget_usd_per_month: Option<f64>,
    /// Factors on list prices.
    pub price_factors: SavedFactors,
    /// Credits on the bill, as written; a plan of before they were counted has none.
    #[serde(default)]
    pub credits: Vec<Value>,
    /// One object per route: name, shape, volume, growth and the rest, as written.
    pub routes: Vec<Map<String, Value>>,
    /// Defaults that were filled in.
    #[serde(default)]
    pub assumed: Vec<SavedAssumption>,
}

/// Factors on list prices.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct SavedFactors {
    /// On prices of tokens.
    pub tokens: f64,
}

/// A default that was filled in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct SavedAssumption {
    /// The route it belongs to, `None` for the whole workload.
    pub route: Option<String>,
    /// The key.
    pub key: String,
    /// Its value, in words.
    pub value: String,
}

/// The bill.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedBill {
    /// The mean month.
    pub month: SavedSpread,
    /// Each month of the horizon.
    pub by_month: Vec<SavedSpread>,
    /// Mean cost of a request, US dollars.
    pub usd_per_request: f64,
    /// Requests over the horizon.
    pub requests_total: f64,
    /// False when something has no price: all of it is then a lower bound.
    pub complete: bool,
    /// Standard deviations of the mean month, US dollars.
    pub parts: Option<SavedParts>,
    /// What is left to pay after the workload's credits; `None` without any.
    #[serde(default)]
    pub net: Option<SavedNet>,
}

/// The bill after credits.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SavedNet {
    /// The mean month.
    pub month: SavedSpread,
    /// Expected US dollars of each month.
    pub by_month: Vec<f64>,
    /// How likely which is; a plan of before this was kept has none.
    pub draws: Option<SavedNetDraws>,
}

/// What is left to pay over the draws.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SavedNetDraws {
    /// The mean month.
    pub month: SavedLaw,
    /// Each month.
    pub by_month: Vec<SavedLaw>,
}

/// An amount of US dollars by its draws.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SavedLaw {
    /// 5 % lie below.
    pub p05: f64,
    /// Half lie below.
    pub p50: f64,
    /// 5 % lie above.
    pub p95: f64,
    /// Quantiles at 0, 1, … 100 %.
    pub quantiles: Vec<f64>,
}

/// Mean and range, US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SavedSpread {
    /// Expected value.
    pub mean: f64,
    /// 5 % lie below.
    pub p05: f64,
    /// Half lie below.
    pub p50: f64,
    /// 5 % lie above.
    pub p95: f64,
}

impl SavedSpread {
    /// The log-normal through mean and 95 % point; `None` when there is none.
    pub fn law(&self) -> Option<LogNormal> {
        LogNormal::through(self.mean, self.p95)
    }
}

/// Where the range of the mean month comes from, US dollars.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct SavedParts {
    /// Tokens per request.
    pub tokens: f64,
}

/// One route.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedRoute {
    /// Its name.
    pub name: String,
    /// Index of the placement whose spend is in the bill.
    pub chosen: usize,
    /// All placements.
    pub placements: Vec<SavedPlacement>,
}

impl SavedRoute {
    /// The placement whose spend is in the bill.
    pub fn chosen(&self) -> &SavedPlacement {
        &self.placements[self.chosen]
    }

    /// What the plan knows of a placement of this route, where it could be priced.
    pub fn on(&self, placement: &Placement) -> Option<&SavedPlacement> {
        self.placements.iter().find(|plan| plan.placement.get() == *placement && plan.per_request.is_some())
    }
}

/// One route on one placement.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedPlacement {
    /// Model, endpoint, tier.
    pub placement: SavedPlace,
    /// One request; `None` when it cannot be priced.
    pub per_request: Option<SavedRequest>,
    /// Spend by month; empty when it serves nothing.
    pub months: Vec<SavedMonth>,
    /// Mean US dollars a month over the horizon.
    pub usd_per_month: f64,
    /// Price rows that were used.
    #[serde(default)]
    pub rows: Vec<SavedRow>,
}

/// Model, endpoint, tier.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedPlace {
    model: ModelId,
    endpoint: Endpoint,
    tier: Tier,
}

impl SavedPlace {
    /// As the rest of the program writes it.
    pub fn get(&self) -> Placement {
        Placement { model: self.model.clone(), endpoint: self.endpoint.clone(), tier: self.tier }
    }
}

/// One request.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedRequest {
    /// Tokens by class.
    pub tokens: BTreeMap<TokenClass, SavedTokens>,
    /// US dollars by class.
    pub usd: BTreeMap<TokenClass, f64>,
    /// One standard error of its cost, US dollars, from tokens alone.
    pub usd_standard_error: f64,
    /// Sum over classes.
    pub usd_total: f64,
    /// False when a class has no price.
    pub complete: bool,
}

/// Tokens of one class.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedTokens {
    /// Mean per request.
    pub mean: f64,
    /// One standard error of it.
    pub standard_error: f64,
    /// How it is known.
    pub evidence: SavedEvidence,
}

/// How a number is known.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SavedEvidence {
    /// Measured, documented, assumed, rehearsed.
    pub grade: Grade,
    /// Answers, where it was measured.
    pub n: Option<u64>,
}

/// Requests and spend of one month.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedMonth {
    /// Expected requests.
    pub requests: f64,
    /// US dollars by class.
    pub usd: BTreeMap<TokenClass, f64>,
    /// Their sum.
    pub usd_total: f64,
}

/// A price row that was used.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedRow {
    /// Factor of a non-global location, a decimal.
    pub non_global_factor: Option<String>,
    /// US dollars per million tokens by class, decimals.
    pub usd_per_mtok: BTreeMap<TokenClass, String>,
}

/// Provisioned throughput.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedGsu {
    /// One per model and location.
    #[serde(default)]
    pub pools: Vec<SavedPool>,
}

/// One pool of GSUs.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedPool {
    /// The model.
    pub model: ModelId,
    /// The location.
    pub endpoint: Endpoint,
    /// The form's answer.
    pub sizing: Option<SavedSizing>,
    /// Counts that were looked at, with the share of traffic each leaves to pay-as-you-go.
    #[serde(default)]
    pub sizes: Vec<SavedSize>,
    /// Every count of the curve.
    #[serde(default)]
    pub curve: Vec<SavedPoint>,
    /// Load of the sized month.
    pub load: Option<SavedLoad>,
    /// What some counts leave under rules of admission that are not documented.
    #[serde(default)]
    pub rules: Vec<SavedRules>,
}

/// Load of the sized month.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct SavedLoad {
    /// Mean, in GSUs before rounding.
    pub mean_gsu: f64,
}

/// What a count leaves under rules of admission that are not documented.
#[derive(Clone, Debug, Deserialize)]
pub struct SavedRules {
    /// GSUs.
    pub gsu: u64,
    /// Lowest and highest share of burn tokens left.
    pub envelope: [f64; 2],
    /// What the rules leave that production does not exclude, the best first.
    #[serde(default)]
    pub learned: Vec<SavedLearned>,
}

/// What a rule leaves that production does not exclude.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct SavedLearned {
    /// Share of burn tokens.
    pub left_share: f64,
}

/// The answer of Google's form.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct SavedSizing {
    /// GSUs.
    pub gsu: u64,
    /// Burn tokens a second of one GSU.
    pub throughput_per_gsu: Option<Decimal>,
}

/// A count of GSUs and what it leaves.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct SavedSize {
    /// GSUs; `None` where no count meets the rule.
    pub gsu: Option<u64>,
    /// Share of the traffic left to pay-as-you-go; `None` when the plan does not say.
    pub left_share: Option<f64>,
}

/// A count of the curve and what it leaves.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct SavedPoint {
    /// GSUs.
    pub gsu: u64,
    /// What is left.
    pub left: SavedLeft,
}

/// What a count leaves to pay-as-you-go.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct SavedLeft {
    /// Share of burn tokens.
    pub tokens: f64,
}

/// A warning as written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct SavedWarning {
    /// Stable code.
    pub code: String,
    /// Its sentence.
    pub message: String,
}

impl SavedPlan {
    /// Reads a plan from its JSON value.
    ///
    /// # Errors
    ///
    /// When it is no plan, lacks a field that is needed, or contradicts itself.
    pub fn read(value: &Value) -> Result<SavedPlan, SavedPlanError> {
        let found = match value.get("schema") {
            Some(Value::String(schema)) if schema == SCHEMA => None,
            Some(schema) => Some(format!("`{schema}`")),
            None => Some("no `schema`".into()),
        };
        if let Some(found) = found {
            return Err(SavedPlanError::NotAPlan { found });
        }
        let plan: SavedPlan = from_json_value(value)
            .map_err(|error| SavedPlanError::Malformed { problem: error.to_string() })?;
        match plan.contradiction() {
            Some(problem) => Err(SavedPlanError::Contradiction { problem }),
            None => Ok(plan),
        }
    }

    /// The months of the horizon as days.
    pub fn calendar(&self) -> Vec<Month> {
        horizon(self.workload.start, self.workload.horizon_months)
    }

    /// A route by name.
    pub fn route(&self, name: &str) -> Option<&SavedRoute> {
        self.routes.iter().find(|route| route.name == name)
    }

    /// What the workload says of a route.
    pub fn request(&self, name: &str) -> Option<&Map<String, Value>> {
        let named = |route: &&Map<String, Value>| route.get("name").and_then(Value::as_str) == Some(name);
        self.workload.routes.iter().find(named)
    }

    fn contradiction(&self) -> Option<String> {
        let months = self.workload.horizon_months as usize;
        if months == 0 || self.months.len() != months || self.bill.by_month.len() != months {
            let (named, billed) = (self.months.len(), self.bill.by_month.len());
            return Some(format!(
                "a horizon of {months} months, {named} months and {billed} bills of a month"
            ));
        }
        if let Some(net) = &self.bill.net {
            let drawn = net.draws.as_ref().map_or(months, |draws| draws.by_month.len());
            if net.by_month.len() != months || drawn != months {
                let told = net.by_month.len();
                return Some(format!("credits on {told} months, drawn for {drawn}, of {months} months"));
            }
        }
        let amount = |usd: f64| usd.is_finite() && usd >= 0.0;
        let spreads = self.bill.by_month.iter().chain([&self.bill.month]);
        let numbers = spreads.flat_map(|spread| [spread.mean, spread.p05, spread.p95]);
        if let Some(wrong) = numbers.clone().find(|usd| !amount(*usd)) {
            return Some(format!("a bill of {wrong} dollars"));
        }
        for route in &self.routes {
            let Some(chosen) = route.placements.get(route.chosen) else {
                let (at, count) = (route.chosen, route.placements.len());
                return Some(format!(
                    "route `{}` is served by placement {at} of {count} (counted from 0)",
                    route.name
                ));
            };
            if chosen.months.len() != months {
                return Some(format!(
                    "route `{}` has spend for {} of {months} months",
                    route.name,
                    chosen.months.len()
                ));
            }
        }
        let factor = self.workload.price_factors.tokens;
        (!factor.is_finite() || factor <= 0.0).then(|| format!("a price factor of {factor}"))
    }
}
