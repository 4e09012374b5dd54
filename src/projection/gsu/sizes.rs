//! GSU counts by rule, the curve as rows, what is left by hour, what assurance costs.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Member,
    money::{Money, TermVerdict},
};
use crate::{
    capacity::{Curve, CurvePoint, LeftShares, ShareOf, usd_per_avoided_throttle},
    stats::{CountLaw, Traffic, TranslatedGamma},
};

/// Rows of a curve that are kept for reading; longer curves are thinned where counts are large.
const ROWS_MAX: usize = 600;

/// One GSU count.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CurveRow {
    /// The count.
    pub gsu: u64,
    /// Seconds over which its quota is enforced; `None` at 0.
    pub window_seconds: Option<u64>,
    /// Burn tokens that a window admits.
    pub quota: f64,
    /// What is left to PayGo in the sized month.
    pub left: LeftShares,
    /// Share of requests bigger than the quota: they are always left.
    pub too_large: f64,
    /// How far the share of tokens may be off, upper less lower bound; 0 where it is exact.
    pub bracket: f64,
    /// US dollars left to PayGo in the mean month of the horizon; `None` beyond the counts that were costed.
    pub paygo_usd_per_month: Option<f64>,
}

/// A rule that asks for a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SizeRule {
    /// Google's form: mean load, rounded up.
    GoogleForm,
    /// At most 5 % of tokens left.
    FivePercent,
    /// At most 1 % of tokens left.
    OnePercent,
    /// At most 1 % of requests left.
    OnePercentOfRequests,
    /// At most 1 % of windows with anything left.
    OnePercentOfWindows,
    /// Less than one window a month with anything left.
    PeakWindow,
}

impl SizeRule {
    /// Every rule, smallest first as a rule.
    pub const ALL: &'static [SizeRule] = &[
        SizeRule::GoogleForm,
        SizeRule::FivePercent,
        SizeRule::OnePercent,
        SizeRule::OnePercentOfRequests,
        SizeRule::OnePercentOfWindows,
        SizeRule::PeakWindow,
    ];

    /// What it asks for, in words.
    pub fn label(self) -> &'static str {
        match self {
            SizeRule::GoogleForm => "Google's form",
            SizeRule::FivePercent => "5 % of tokens left",
            SizeRule::OnePercent => "1 % of tokens left",
            SizeRule::OnePercentOfRequests => "1 % of requests left",
            SizeRule::OnePercentOfWindows => "1 % of windows short",
            SizeRule::PeakWindow => "no window short in a month",
        }
    }
}

/// The size that a rule asks for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RuleSize {
    /// The rule.
    pub rule: SizeRule,
    /// Its size; `None` when no count of the curve meets it.
    pub gsu: Option<u64>,
    /// Share of tokens that it leaves to PayGo.
    pub left_share: Option<f64>,
    /// Seconds of its enforcement window.
    pub window_seconds: Option<u64>,
    /// Fees and PayGo of the mean month by term, US dollars, in the order of `terms`.
    pub usd_per_month: Vec<Option<f64>>,
}

/// What it takes to keep throttling below what the routes bear.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Assurance {
    /// Share of requests that may be throttled, the strictest of the routes.
    pub throttled_share_max: f64,
    /// The smallest count that holds it; `None` when none of the curve does.
    pub gsu: Option<u64>,
    /// The term that is cheapest at that count.
    pub term: Option<String>,
    /// Fees and PayGo of the mean month at that count, US dollars.
    pub usd_per_month: Option<f64>,
    /// What each request that is not throttled costs more than on PayGo alone, where every request may be
    /// throttled; US dollars.
    pub usd_per_avoided_throttle: Option<f64>,
}

/// Share left by hour of the week at one count.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HeatMap {
    /// The count.
    pub gsu: u64,
    /// Every hour of the week from Monday midnight, share of its tokens; `None` for an hour without traffic.
    pub left: Vec<Option<f64>>,
}

/// The curve as rows, thinned evenly above the first hundreds; counts that other parts of the plan name stay.
pub(super) fn rows(curve: &Curve, money: &Money, sizes: &[RuleSize]) -> Vec<CurveRow> {
    let paygo_usd = &money.paygo_usd;
    let named: Vec<u64> = sizes
        .iter()
        .filter_map(|size| size.gsu)
        .chain(money.terms.iter().map(|term| term.gsu))
        .chain([curve.google_gsu])
        .collect();
    let stride = curve.points.len().div_ceil(ROWS_MAX).max(1);
    let kept = |(at, point): &(usize, &CurvePoint)| {
        *at < ROWS_MAX / 2 || at % stride == 0 || named.contains(&point.gsu) || *at + 1 == curve.points.len()
    };
    let row = |(_, point): (usize, &CurvePoint)| CurveRow {
        gsu: point.gsu,
        window_seconds: point.window.map(|window| window.seconds),
        quota: point.quota,
        left: point.left,
        too_large: point.too_large,
        bracket: point.method.width(),
        paygo_usd_per_month: usize::try_from(point.gsu).ok().and_then(|at| paygo_usd.get(at)).copied(),
    };
    curve.points.iter().enumerate().filter(kept).map(row).collect()
}

/// The size of every rule.
pub(super) fn by_rule(curve: &Curve, money: &Money, form_gsu: u64) -> Vec<RuleSize> {
    let point = |rule: SizeRule| match rule {
        SizeRule::GoogleForm => curve.point(form_gsu),
        SizeRule::FivePercent => curve.smallest(ShareOf::Tokens, 0.05),
        SizeRule::OnePercent => curve.smallest(ShareOf::Tokens, 0.01),
        SizeRule::OnePercentOfRequests => curve.smallest(ShareOf::Requests, 0.01),
        SizeRule::OnePercentOfWindows => curve.smallest(ShareOf::Windows, 0.01),
        SizeRule::PeakWindow => curve.peak_window_gsu.and_then(|gsu| curve.point(gsu)),
    };
    let size = |rule: &SizeRule| {
        let point = point(*rule);
        // The peak window may lie beyond the curve.
        let beyond = curve.peak_window_gsu.filter(|_| *rule == SizeRule::PeakWindow);
        RuleSize {
            rule: *rule,
            gsu: point.map(|point| point.gsu).or(beyond),
            left_share: point.map(|point| point.left.tokens),
            window_seconds: point.and_then(|point| point.window).map(|window| window.seconds),
            usd_per_month: money
                .terms
                .iter()
                .map(|term| total(term, &money.paygo_usd, point.map(|point| point.gsu)?))
                .collect(),
        }
    };
    SizeRule::ALL.iter().map(size).collect()
}

/// Fees and PayGo of the mean month at a count.
fn total(term: &TermVerdict, paygo_usd: &[f64], gsu: u64) -> Option<f64> {
    let left = paygo_usd.get(usize::try_from(gsu).ok()?)?;
    Some(left + gsu as f64 * term.usd_per_gsu_month)
}

/// Share left in each hour: the window law of that hour's load by a translated gamma, scaled so that the hours
/// together leave what the curve says.
pub(super) fn heat_map(
    hours_gsu: &[f64],
    traffic: &Traffic,
    curve: &Curve,
    gsu: u64,
    window_seconds: f64,
) -> HeatMap {
    let marks = traffic.pooled_marks();
    let moments = [marks.mean(), marks.second_moment(), marks.third_moment()];
    let shape = traffic.pooled_shape();
    let counts = if shape.is_finite() { CountLaw::NegativeBinomial { shape } } else { CountLaw::Poisson };
    let quota = gsu as f64 * curve.tokens_per_second_per_gsu * window_seconds;
    let left = |load: &f64| {
        let offered = load * curve.tokens_per_second_per_gsu * window_seconds;
        let law = TranslatedGamma::of_load(counts, offered / moments[0], moments);
        law.excess(quota).mean / offered
    };
    let raw: Vec<Option<f64>> = hours_gsu.iter().map(|load| (*load > 0.0).then(|| left(load))).collect();
    let together: f64 =
        raw.iter().zip(hours_gsu).map(|(share, load)| share.unwrap_or(0.0) * load).sum::<f64>()
            / hours_gsu.iter().sum::<f64>();
    let target = curve.point(gsu).map_or(together, |point| point.left.tokens);
    let scale = if together > 0.0 { target / together } else { 1.0 };
    HeatMap { gsu, left: raw.iter().map(|share| share.map(|share| (share * scale).min(1.0))).collect() }
}

/// What assurance costs, where a route says how much throttling it bears.
pub(super) fn assurance(
    members: &[Member<'_>],
    curve: &Curve,
    money: &Money,
    requests: f64,
) -> Option<Assurance> {
    let shares = members.iter().filter_map(|member| member.route.throttled_share_max);
    let max = shares.map(|share| share.value()).min_by(f64::total_cmp)?;
    let point = curve.smallest(ShareOf::Requests, max);
    let cheapest = point.and_then(|point| {
        let totals =
            money.terms.iter().filter_map(|term| Some((term, total(term, &money.paygo_usd, point.gsu)?)));
        totals.min_by(|a, b| a.1.total_cmp(&b.1))
    });
    let each = point.zip(cheapest).and_then(|(point, (_, usd))| {
        let throttled = [requests, requests * point.left.requests];
        let usd = [money.paygo_usd[0], usd];
        usd_per_avoided_throttle(&usd, &throttled, 0).ok()?.pop()?
    });
    Some(Assurance {
        throttled_share_max: max,
        gsu: point.map(|point| point.gsu),
        term: cheapest.map(|(term, _)| term.name.clone()),
        usd_per_month: cheapest.map(|(_, usd)| usd),
        usd_per_avoided_throttle: each,
    })
}
