//! Google's GSU form for a workload: what to enter in every field, what it will answer, what that leaves.

use rust_decimal::{Decimal, prelude::FromPrimitive};
use schemars::JsonSchema;
use serde::Serialize;

mod drawn;

use super::{
    Block, Piece, Report, Section, captions,
    format::{decimal_grouped, figure, grouped, money_whole, percent},
    words,
};
use crate::{
    capacity::LearnedRule,
    model::{Endpoint, Grade, ModelId, Tier},
    projection::{
        Blended, FormEntry, FormLoad, GsuPool, LoadKind, PlacementPlan, Plan, RoutePlan, RuleEnvelope,
        SizeRule,
    },
    warning::Warning,
};

/// The forms of a workload, one per pool.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GsuForms {
    /// `burndown.gsu_form/1`.
    #[schemars(extend("const" = "burndown.gsu_form/1"))]
    pub schema: &'static str,
    /// The workload.
    pub workload: String,
    /// One per model and location that could take GSUs, in the order of `/gsu/pools` of the plan.
    pub pools: Vec<PoolForm>,
    /// Routes that are in no form, and why.
    pub left_out: Vec<LeftOut>,
    /// What the reader should know: of the forms first, then of the plan.
    pub warnings: Vec<Warning>,
}

/// The form of one pool.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PoolForm {
    /// The model to choose.
    pub model: ModelId,
    /// Its location.
    pub endpoint: Endpoint,
    /// The busiest month, whose mean load is entered.
    pub month: String,
    /// The fields in the order of the form.
    pub fields: Vec<FieldEntry>,
    /// Queries a second that could be entered instead.
    pub loads: Vec<FormLoad>,
    /// The routes and their shares of the blended query.
    pub routes: Vec<Blended>,
    /// Routes that wait for idle hours and are not entered.
    pub waiting: Vec<String>,
    /// What the form will answer.
    pub answer: FormAnswer,
    /// The smallest count that leaves at most 1 % of the tokens; `None` when none of the curve does.
    pub one_percent_gsu: Option<u64>,
    /// What costs least in the mean month; `None` without terms.
    pub cheapest: Option<Cheapest>,
    /// What saves most against priority PayGo, which is bought for assurance as well; `None` where nothing does.
    pub against_priority: Option<AgainstPriority>,
}

/// A field and what to type into it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FieldEntry {
    /// What is known of it.
    #[serde(flatten)]
    pub known: FormEntry,
    /// The value as typed: a decimal point, no grouping, no unit.
    pub entry: String,
}

/// What the form will answer, and what that leaves.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FormAnswer {
    /// GSUs.
    pub gsu: u64,
    /// Share of the month's tokens that they leave to PayGo; `None` beyond the curve.
    pub left_share: Option<f64>,
    /// The lowest and the highest share that rules which no page tells could make of it; `None` where they were
    /// not valued.
    pub left_range: Option<[f64; 2]>,
    /// Which rule of admission production shows, where that was learned; the share and the range are then its.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned: Option<String>,
    /// Seconds over which their quota is enforced.
    pub window_seconds: Option<u64>,
    /// Burn tokens that a window admits.
    pub quota_per_window: Option<Decimal>,
    /// Whole requests of mean size that fit a window.
    pub whole_requests_per_window: Option<u64>,
    /// Requests that a window brings on average.
    pub requests_per_window: Option<f64>,
}

/// The count and term that cost least, fees and PayGo together.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Cheapest {
    /// GSUs; 0 = PayGo alone.
    pub gsu: u64,
    /// The term's name; of no meaning at 0 GSUs.
    pub term: String,
    /// Fees and PayGo, US dollars in the mean month.
    pub usd_per_month: f64,
    /// PayGo alone, US dollars in the mean month.
    pub paygo_usd_per_month: f64,
    /// What cannot be cancelled, US dollars.
    pub bound_usd: f64,
    /// Whether an order still is cheapest on average when demand may halve or double.
    pub holds_if_demand_varies: bool,
}

/// The best purchase if all PayGo were of the priority tier.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AgainstPriority {
    /// GSUs.
    pub gsu: u64,
    /// The term's name.
    pub term: String,
    /// What it saves, US dollars a month.
    pub saving_usd_per_month: f64,
    /// Priority alone, US dollars in the mean month.
    pub priority_usd_per_month: f64,
}

/// A route that is in no form.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LeftOut {
    /// The route.
    pub route: String,
    /// Why.
    pub why: String,
}

/// A form was asked for that rests on the emulator.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error(
    "`{field}` of {model} on {endpoint} comes from a rehearsal against the emulator: no evidence for an order\n\nhint: leave the rehearsed profiles out, or learn them from real answers with `burndown fit`"
)]
pub struct RehearsedForm {
    /// The field.
    pub field: String,
    /// The model.
    pub model: ModelId,
    /// Where.
    pub endpoint: Endpoint,
}

/// The forms of a plan.
///
/// # Errors
///
/// When a field rests on rehearsed evidence: an order binds real money.
pub fn gsu_forms(plan: &Plan) -> Result<GsuForms, RehearsedForm> {
    let mut warnings = Vec::new();
    let mut pools = Vec::new();
    for pool in &plan.gsu.pools {
        if let Some(field) = pool.form.fields.iter().find(|field| field.grade == Some(Grade::Rehearsed)) {
            let (model, endpoint) = (pool.model.clone(), pool.endpoint.clone());
            return Err(RehearsedForm { field: field.name.clone(), model, endpoint });
        }
        let form = pool_form(pool);
        warnings.extend(form_warnings(pool, &form));
        pools.push(form);
    }
    warnings.extend(plan.warnings.iter().cloned());
    Ok(GsuForms {
        schema: "burndown.gsu_form/1",
        workload: plan.workload.name.clone(),
        pools,
        left_out: left_out(plan),
        warnings,
    })
}

fn pool_form(pool: &GsuPool) -> PoolForm {
    let size = |rule: SizeRule| pool.sizes.iter().find(|size| size.rule == rule);
    let window_seconds = pool.sizing.window.map(|window| window.seconds);
    let envelope = pool.rules.iter().find(|envelope| envelope.gsu == pool.sizing.gsu);
    let learned_share = envelope.and_then(RuleEnvelope::learned_share);
    let cheapest = pool.terms.iter().min_by(|a, b| a.usd_per_month.total_cmp(&b.usd_per_month));
    let orders = pool.ladder.as_ref().is_some_and(|ladder| !ladder.purchases.is_empty());
    PoolForm {
        model: pool.model.clone(),
        endpoint: pool.endpoint.clone(),
        month: pool.month.clone(),
        fields: pool
            .form
            .fields
            .iter()
            .map(|known| FieldEntry { known: known.clone(), entry: entry(&known.unit, known.value) })
            .collect(),
        loads: pool.form.loads.clone(),
        routes: pool.form.blend.clone(),
        waiting: pool.waiting.clone(),
        answer: FormAnswer {
            gsu: pool.sizing.gsu,
            left_share: learned_share.or(size(SizeRule::GoogleForm).and_then(|size| size.left_share)),
            left_range: open_rules(pool, pool.sizing.gsu),
            learned: learned_share.and(pool.learned.as_ref()).map(LearnedRule::words),
            window_seconds,
            quota_per_window: pool.sizing.quota_per_window,
            whole_requests_per_window: pool.sizing.whole_requests_per_window,
            requests_per_window: window_seconds.map(|seconds| pool.load.requests_per_second * seconds as f64),
        },
        one_percent_gsu: size(SizeRule::OnePercent).and_then(|size| size.gsu),
        cheapest: cheapest.map(|term| Cheapest {
            gsu: term.gsu,
            term: term.name.clone(),
            usd_per_month: term.usd_per_month,
            paygo_usd_per_month: pool.paygo_usd_per_month,
            bound_usd: term.bound_usd,
            holds_if_demand_varies: orders,
        }),
        against_priority: against_priority(pool),
    }
}

/// GSUs are bought for assurance, and so is priority.
fn against_priority(pool: &GsuPool) -> Option<AgainstPriority> {
    let tier = pool.spill_tiers.iter().find(|tier| tier.tier == Tier::Priority)?;
    let terms = tier.terms.iter().filter(|term| term.gsu > 0);
    let best = terms.max_by(|a, b| a.saving_usd_per_month.total_cmp(&b.saving_usd_per_month))?;
    Some(AgainstPriority {
        gsu: best.gsu,
        term: best.name.clone(),
        saving_usd_per_month: best.saving_usd_per_month,
        priority_usd_per_month: tier.paygo_usd_per_month,
    })
}

/// What a count could leave if rules that no page tells were others.
pub(super) fn open_rules(pool: &GsuPool, gsu: u64) -> Option<[f64; 2]> {
    pool.rules.iter().find(|envelope| envelope.gsu == gsu).map(|envelope| envelope.envelope)
}

/// As typed: shares in percent; queries a second with six significant digits; tokens with two decimals.
fn entry(unit: &str, value: f64) -> String {
    let value = Decimal::from_f64(value).unwrap_or_default();
    let rounded = match unit {
        "%" => (value * Decimal::ONE_HUNDRED).round_dp(2),
        "1/s" => value.round_sf(6).unwrap_or(value),
        _ => value.round_dp(2),
    };
    rounded.normalize().to_string()
}

/// A bound of a range: three significant digits are more than is known of a volume.
fn bound_text(unit: &str, value: f64) -> String {
    let decimal = Decimal::from_f64(value).unwrap_or_default();
    let short = decimal.round_sf(3).filter(|_| unit == "1/s");
    short.map_or_else(|| entry(unit, value), |short| short.normalize().to_string())
}

fn form_warnings(pool: &GsuPool, form: &PoolForm) -> Vec<Warning> {
    let model = &pool.model;
    if form.fields.is_empty() {
        return vec![Warning::FormUnknown { model: model.clone() }];
    }
    let load = |kind: LoadKind| form.loads.iter().find(|load| load.kind == kind);
    let mean = load(LoadKind::MeanOfMonth).zip(load(LoadKind::WholeNumber));
    let whole = mean.filter(|(mean, whole)| mean.gsu != whole.gsu).map(|(mean, whole)| {
        let times = whole.queries_per_second / mean.queries_per_second;
        Warning::WholeQueries {
            model: model.clone(),
            entered: entry("1/s", mean.queries_per_second),
            whole: whole.queries_per_second as u64,
            times: figure(times),
            gsu_whole: whole.gsu,
            gsu: mean.gsu,
        }
    });
    let without = pool.form.without_field.iter().map(|(class, tokens)| Warning::NoFormField {
        model: model.clone(),
        class: *class,
        tokens: figure(*tokens),
    });
    whole.into_iter().chain(without).collect()
}

fn left_out(plan: &Plan) -> Vec<LeftOut> {
    let entered = |name: &String| plan.gsu.pools.iter().any(|pool| pool.routes.contains(name));
    let fills = |name: &String| plan.gsu.pools.iter().any(|pool| pool.waiting.contains(name));
    let why = |route: &RoutePlan| {
        let tier = route.chosen().placement.tier;
        let on_vertex = |plan: &PlacementPlan| {
            plan.placement.endpoint.is_vertex()
                && plan.placement.model == route.chosen().placement.model
                && plan.status.serves()
        };
        match tier {
            Tier::Batch | Tier::Flex if fills(&route.name) => {
                format!("may wait: it fills idle GSUs and is else paid by {tier}")
            }
            Tier::Batch => "may wait and is paid by batch, which takes no provisioned throughput".to_string(),
            Tier::Flex => "may wait and is paid by flex, at half price: no GSU is cheaper".to_string(),
            _ if !route.placements.iter().any(on_vertex) => {
                "has no Vertex placement that serves its model".to_string()
            }
            _ => "cannot be sized: see the warnings".to_string(),
        }
    };
    let routes = plan.routes.iter().filter(|route| !entered(&route.name));
    routes.map(|route| LeftOut { route: route.name.clone(), why: why(route) }).collect()
}
