//! Budget and capacity gates on a plan: held, broken, or impossible to tell.

mod actual;
mod metrics;
mod policy;

use schemars::JsonSchema;
use serde::Serialize;

pub use actual::{ActualError, DailyRow, DailySpend, MonthToDate, month_to_date, read_daily};
pub use metrics::{Measured, PtCheck, PtCheckError, pt_check};
pub use policy::{MoneyOf, Percentage, Policy};

use super::{
    saved::{SavedLaw, SavedPlan, SavedPool, SavedSpread},
    simulate::share_above,
};
use crate::{model::Endpoint, stats::LogNormal};

/// All gates of a policy on one plan.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Check {
    /// `burndown.check/1`.
    #[schemars(extend("const" = "burndown.check/1"))]
    pub schema: &'static str,
    /// The plan, as the user named it.
    pub plan: String,
    /// The worst of all gates.
    pub verdict: Verdict,
    /// The gates, in the order of the policy's keys.
    pub gates: Vec<Gate>,
    /// The month to date against the plan, where an actual spend was given.
    pub actual: Option<MonthToDate>,
    /// Measured provisioned throughput against the plan's pool, where metrics were given.
    pub provisioned: Option<PtCheck>,
}

impl Check {
    /// The same with measured provisioned throughput; broken when more is left to PayGo than the plan allows for.
    #[must_use]
    pub fn with_provisioned(self, found: PtCheck) -> Check {
        let verdict = if found.above { self.verdict.max(Verdict::Broken) } else { self.verdict };
        Check { verdict, provisioned: Some(found), ..self }
    }
}

/// How a gate stands, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The limit holds.
    Held,
    /// The limit is broken.
    Broken,
    /// The plan does not hold what the gate needs.
    CannotTell,
}

/// One limit and how the plan stands to it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Gate {
    /// The policy's key: `max_monthly_usd`.
    pub gate: &'static str,
    /// What it was looked at for: a month, a pool; `None` for the whole plan.
    pub of: Option<String>,
    /// How it stands.
    pub verdict: Verdict,
    /// The plan's number; `None` when the plan does not hold it.
    pub value: Option<f64>,
    /// The limit, in the same unit.
    pub limit: f64,
    /// What both are counted in.
    pub unit: Unit,
    /// Limit less value: what is left, negative when it is broken.
    pub margin: Option<f64>,
    /// Which dollars are counted where the workload has credits; `None` where it has none, and for limits that
    /// credits do not touch.
    pub money: Option<MoneyOf>,
    /// P(above the limit): of the bill from the log-normal through the plan's mean and 95 % point, of what is owed
    /// from its draws; `None` where the plan states no range.
    pub probability_above: Option<f64>,
    /// The 90 % range of the value, where the plan states one.
    pub range: Option<[f64; 2]>,
    /// Why it cannot be told, or what the reader should know.
    pub note: Option<String>,
}

/// What a gate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// US dollars a month.
    UsdPerMonth,
    /// US dollars a request.
    UsdPerRequest,
    /// A share.
    Share,
    /// GSUs.
    Gsu,
}

/// Holds a plan against a policy; `baseline` is what `max_increase` compares with.
pub fn check(
    name: &str,
    plan: &SavedPlan,
    policy: &Policy,
    baseline: Option<&SavedPlan>,
    actual: Option<MonthToDate>,
) -> Check {
    let gates: Vec<Gate> = [
        policy.max_monthly_usd.map(|limit| vec![monthly(plan, policy, limit)]),
        policy.max_worst_month_usd.map(|limit| vec![worst_month(plan, policy, limit)]),
        policy.max_increase.map(|limit| vec![increase(plan, policy, baseline, limit)]),
        policy.max_cost_per_request_usd.map(|limit| vec![per_request(plan, policy, limit)]),
        policy.max_spill.map(|limit| spill(plan, policy.gsu, limit)),
        policy.max_gsu.map(|limit| gsu(plan, limit)),
    ]
    .into_iter()
    .flatten()
    .flatten()
    .collect();
    let of_gates = gates.iter().map(|gate| gate.verdict).max().unwrap_or(Verdict::Held);
    // A gate that is broken is named even where another cannot be told; the exit code says the latter.
    let verdict = match &actual {
        Some(actual) if actual.above => of_gates.max(Verdict::Broken),
        _ => of_gates,
    };
    Check { schema: "burndown.check/1", plan: name.to_string(), verdict, gates, actual, provisioned: None }
}

/// An amount of dollars and how likely it is.
#[derive(Clone, Copy)]
struct Amount<'a> {
    spread: SavedSpread,
    /// Draws of what is owed; `None` where the plan has not kept them.
    owed: Option<&'a SavedLaw>,
    money: Option<MoneyOf>,
}

impl<'a> Amount<'a> {
    /// Before credits; it is said where the workload has some.
    fn of_bill(plan: &SavedPlan, spread: SavedSpread) -> Amount<'a> {
        Amount { spread, owed: None, money: plan.bill.net.as_ref().map(|_| MoneyOf::Bill) }
    }

    /// What credits have no part in.
    fn untouched(spread: SavedSpread) -> Amount<'a> {
        Amount { spread, owed: None, money: None }
    }

    /// After credits, whose draws lie around another mean than the tables'.
    fn owed(mean: f64, spread: Option<SavedSpread>, owed: Option<&'a SavedLaw>) -> Amount<'a> {
        let drawn = owed.map(|law| SavedSpread { mean, p05: law.p05, p50: law.p50, p95: law.p95 });
        let known = SavedSpread { mean, p05: mean, p50: mean, p95: mean };
        Amount { spread: spread.or(drawn).unwrap_or(known), owed, money: Some(MoneyOf::Owed) }
    }

    fn above(&self, limit: f64) -> Option<f64> {
        match (self.money, self.owed) {
            (Some(MoneyOf::Owed), owed) => owed.map(|law| share_above(&law.quantiles, limit)),
            _ => self.spread.law().map(|law| law.probability_above(limit)),
        }
    }
}

fn monthly(plan: &SavedPlan, policy: &Policy, limit: f64) -> Gate {
    let amount = match &plan.bill.net {
        Some(net) if policy.money != Some(MoneyOf::Bill) => {
            Amount::owed(net.month.mean, Some(net.month), net.draws.as_ref().map(|draws| &draws.month))
        }
        _ => Amount::of_bill(plan, plan.bill.month),
    };
    money(plan, policy, ("max_monthly_usd", None), amount, limit, Unit::UsdPerMonth)
}

fn worst_month(plan: &SavedPlan, policy: &Policy, limit: f64) -> Gate {
    // Of equal months the first.
    let months: Vec<Amount<'_>> = match &plan.bill.net {
        Some(net) if policy.money != Some(MoneyOf::Bill) => {
            let drawn = |at: usize| net.draws.as_ref().map(|draws| &draws.by_month[at]);
            net.by_month.iter().enumerate().map(|(at, mean)| Amount::owed(*mean, None, drawn(at))).collect()
        }
        _ => plan.bill.by_month.iter().map(|spread| Amount::of_bill(plan, *spread)).collect(),
    };
    let months = plan.months.iter().zip(&months).rev();
    let (month, amount) = months
        .max_by(|a, b| a.1.spread.mean.total_cmp(&b.1.spread.mean))
        .expect("a plan has at least one month");
    let name = ("max_worst_month_usd", Some(month.clone()));
    money(plan, policy, name, *amount, limit, Unit::UsdPerMonth)
}

fn increase(plan: &SavedPlan, policy: &Policy, baseline: Option<&SavedPlan>, share: f64) -> Gate {
    let base = baseline.map(|baseline| (baseline, baseline.bill.month.mean));
    let untold = |why: &str| Gate {
        note: Some(why.to_string()),
        ..gate("max_increase", None, None, share, Unit::Share)
    };
    let Some((baseline, mean)) = base else { return untold("no baseline: name one with --baseline PLAN") };
    if !baseline.bill.complete {
        return untold("the baseline lacks a price, so that its bill is only a lower bound");
    }
    if mean <= 0.0 {
        return untold("the baseline costs nothing, so that no share of it can be taken");
    }
    // A credit that runs out is no growth: both bills are taken before credits.
    let amount = Amount::untouched(plan.bill.month);
    let in_dollars =
        money(plan, policy, ("max_increase", None), amount, mean * (1.0 + share), Unit::UsdPerMonth);
    let of_base = |usd: f64| usd / mean - 1.0;
    Gate {
        value: in_dollars.value.map(of_base),
        limit: share,
        margin: in_dollars.value.map(|usd| share - of_base(usd)),
        range: in_dollars.range.map(|range| range.map(of_base)),
        unit: Unit::Share,
        ..in_dollars
    }
}

fn per_request(plan: &SavedPlan, policy: &Policy, limit: f64) -> Gate {
    let (mean, requests) = (plan.bill.usd_per_request, plan.bill.requests_total);
    if requests <= 0.0 {
        let note = Some("no request is served inside the horizon".to_string());
        return Gate { note, ..gate("max_cost_per_request_usd", None, None, limit, Unit::UsdPerRequest) };
    }
    // Of what makes the bill uncertain, tokens alone make a request's cost uncertain.
    let per_month = requests / f64::from(plan.workload.horizon_months);
    let law = plan.bill.parts.map(|parts| LogNormal::new(mean.max(0.0), parts.tokens.max(0.0) / per_month));
    let spread = law.map_or(SavedSpread { mean, p05: mean, p50: mean, p95: mean }, |law| SavedSpread {
        mean,
        p05: law.quantile(0.05),
        p50: law.quantile(0.5),
        p95: law.quantile(0.95),
    });
    let amount = Amount::untouched(spread);
    money(plan, policy, ("max_cost_per_request_usd", None), amount, limit, Unit::UsdPerRequest)
}

/// A limit on dollars: the expected value must hold, or the whole with the confidence that is asked for.
fn money(
    plan: &SavedPlan,
    policy: &Policy,
    (name, of): (&'static str, Option<String>),
    amount: Amount<'_>,
    limit: f64,
    unit: Unit,
) -> Gate {
    let (spread, above) = (amount.spread, amount.above(limit));
    let broken = match (policy.confidence, above) {
        (Some(confidence), Some(above)) => Some(above > 1.0 - confidence),
        (Some(_), None) => None,
        (None, _) => Some(spread.mean > limit),
    };
    let (verdict, note) = match broken {
        Some(true) => (Verdict::Broken, None),
        // A lower bound above the limit breaks it; below, it says nothing.
        Some(false) if !plan.bill.complete => {
            (Verdict::CannotTell, Some("the plan lacks a price, so that its bill is only a lower bound"))
        }
        Some(false) => (Verdict::Held, None),
        None if amount.money == Some(MoneyOf::Owed) => {
            (Verdict::CannotTell, Some("the plan does not say how likely which amount is owed after credits"))
        }
        None => (Verdict::CannotTell, Some("the plan's range is not one of a log-normal law")),
    };
    Gate {
        verdict,
        money: amount.money,
        probability_above: above,
        range: Some([spread.p05, spread.p95]),
        note: note.map(str::to_string),
        ..gate(name, of, Some(spread.mean), limit, unit)
    }
}

fn gate(name: &'static str, of: Option<String>, value: Option<f64>, limit: f64, unit: Unit) -> Gate {
    Gate {
        gate: name,
        of,
        verdict: match value {
            Some(value) if value > limit => Verdict::Broken,
            Some(_) => Verdict::Held,
            None => Verdict::CannotTell,
        },
        value,
        limit,
        unit,
        margin: value.map(|value| limit - value),
        money: None,
        probability_above: None,
        range: None,
        note: None,
    }
}

/// Each pool by itself: GSUs of one model do not serve another.
fn each_pool(
    plan: &SavedPlan,
    name: &'static str,
    limit: f64,
    unit: Unit,
    value: impl Fn(&SavedPool) -> Result<f64, String>,
) -> Vec<Gate> {
    let untold = |note: String| vec![Gate { note: Some(note), ..gate(name, None, None, limit, unit) }];
    let Some(plan_gsu) = &plan.gsu else { return untold("the plan says nothing of GSUs".into()) };
    if plan_gsu.pools.is_empty() {
        return untold("the plan has no pool that GSUs could serve".into());
    }
    let of = |pool: &SavedPool| Some(format!("{} {}", pool.model, place(&pool.endpoint)));
    plan_gsu
        .pools
        .iter()
        .map(|pool| match value(pool) {
            Ok(value) => gate(name, of(pool), Some(value), limit, unit),
            Err(why) => Gate { note: Some(why), ..gate(name, of(pool), None, limit, unit) },
        })
        .collect()
}

fn place(endpoint: &Endpoint) -> String {
    endpoint.to_string()
}

fn gsu(plan: &SavedPlan, limit: u64) -> Vec<Gate> {
    each_pool(plan, "max_gsu", limit as f64, Unit::Gsu, |pool| {
        let sizing = pool.sizing.ok_or("the plan holds no answer of Google's form for it")?;
        Ok(sizing.gsu as f64)
    })
}

fn spill(plan: &SavedPlan, bought: Option<u64>, limit: f64) -> Vec<Gate> {
    each_pool(plan, "max_spill", limit, Unit::Share, |pool| {
        let Some(bought) = bought else {
            return Err("how many GSUs are bought? say it with --gsu N".into());
        };
        let known: Vec<(u64, f64)> =
            pool.sizes.iter().filter_map(|size| Some((size.gsu?, size.left_share?))).collect();
        let curve = || pool.curve.iter().map(|point| (point.gsu, point.left.tokens));
        if bought == 0 {
            return Ok(1.0);
        }
        if let Some((_, left)) = known.iter().copied().chain(curve()).find(|(gsu, _)| *gsu == bought) {
            return Ok(left);
        }
        if known.is_empty() {
            return Err("the plan does not say what GSUs leave to pay-as-you-go".into());
        }
        let counts: Vec<String> = known.iter().map(|(gsu, _)| gsu.to_string()).collect();
        Err(format!("the plan says it for {} GSUs, not for {bought}", counts.join(", ")))
    })
}
