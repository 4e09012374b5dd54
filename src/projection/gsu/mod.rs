//! Provisioned throughput for the workload: what every GSU count leaves to PayGo, what it costs, what to buy.

mod cheapest;
mod choice;
mod commitments;
mod demand;
mod form;
mod lookup;
mod money;
mod rules;
mod sizes;
mod spill;
mod together;
mod window_ends;

use rayon::prelude::*;
use rust_decimal::{Decimal, prelude::FromPrimitive};
use schemars::JsonSchema;
use serde::Serialize;

pub(in crate::projection) use self::lookup::{PoolLookup, PoolOutcome};
pub use self::{
    choice::LadderChoice,
    commitments::{CommitmentMonth, Commitments},
    form::{Blended, Form, FormEntry, FormLoad, LoadKind},
    money::{BestOfTerm, TermVerdict, Waiting},
    rules::{
        AdmissionAnswer, AdmissionQuestion, DrawnRequests, LearnedValue, OpenRule, RuleEnvelope, RuleValue,
    },
    sizes::{Assurance, CurveRow, HeatMap, RuleSize, SizeRule},
    spill::SpillTier,
    together::{Together, TogetherTerm},
    window_ends::{EndSize, WindowCase},
};
use self::{
    choice::{choice, held},
    commitments::Sized,
    demand::{Loads, MonthlyCurves, WEEK_HOURS, hourly_load, traffic},
    form::Busiest,
    money::{Costs, Money},
};
use super::{
    placement::PlacementPlan,
    plan::{Inputs, RoutePlan},
};
use crate::{
    calendar::{Day, Month},
    capacity::{CurveError, Ladder, LearnedRule, Query, Rise, Sizing, SizingError, Throughput, size},
    model::{ByClass, Endpoint, ModelId, Tier, TokenClass},
    prices::EndKind,
    warning::Warning,
    workload::Route,
};

/// Provisioned throughput for the workload.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GsuPlan {
    /// One pool per model and location that could take GSUs.
    pub pools: Vec<GsuPool>,
    /// One purchase for all models of a location.
    pub together: Vec<Together>,
    /// What orders that run and the advised purchases bind, by month.
    pub commitments: Commitments,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// Routes that share GSUs: one model at one Vertex location.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GsuPool {
    /// The model.
    pub model: ModelId,
    /// The location.
    pub endpoint: Endpoint,
    /// Routes in it.
    pub routes: Vec<String>,
    /// Routes of the same model that may wait for days: they fill idle GSUs and are else paid at half price.
    pub waiting: Vec<String>,
    /// The busiest month, which is sized.
    pub month: String,
    /// The form's answer for that month's mean load.
    pub sizing: Sizing,
    /// That form, field by field.
    pub form: Form,
    /// Load of that month.
    pub load: Load,
    /// What every GSU count leaves in that month, and what it costs in the mean month.
    pub curve: Vec<CurveRow>,
    /// Where one GSU more leaves more: the window got shorter.
    pub rises: Vec<Rise>,
    /// Last counts of a window that gain room for another whole request.
    pub sweet_spots: Vec<u64>,
    /// Sizes by rule.
    pub sizes: Vec<RuleSize>,
    /// US dollars of the pool's chosen placements in the mean month: what GSUs would replace, waiting routes
    /// included.
    pub paygo_usd_per_month: f64,
    /// US dollars of PayGo per burn token.
    pub paygo_usd_per_burn: f64,
    /// The best count of each term.
    pub terms: Vec<TermVerdict>,
    /// What to order when: the ladder that is cheapest on average if demand comes at half, as planned or at
    /// twice.
    pub ladder: Option<Ladder>,
    /// How that and other ladders do at half and at twice the demand.
    pub regret: Option<LadderChoice>,
    /// Buying now against waiting a month.
    pub wait: Option<Waiting>,
    /// The least that keeps throttling below what the routes bear, where they say so.
    pub assurance: Option<Assurance>,
    /// Share left to PayGo by hour of the week at Google's count.
    pub heat_map: HeatMap,
    /// What the counts of the form, of 1 % left and of the ladder leave under rules of admission that are not
    /// documented; empty where the load is too heavy to be drawn request by request.
    pub rules: Vec<RuleEnvelope>,
    /// What production taught about the rules of admission, where it did: those that it excludes are open no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedRule>,
    /// How requests are admitted, question by question, and how that is known.
    pub admission: Vec<AdmissionAnswer>,
    /// The same money where what GSUs do not take is paid at another tier.
    pub spill_tiers: Vec<SpillTier>,
    /// The same at the shortest and the longest windows, where the documents give ranges; else empty.
    pub window_ends: Vec<WindowCase>,
    /// Where its throughput and the terms were read, by key.
    pub source: Vec<String>,
}

/// Load of the sized month.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Load {
    /// Requests a second.
    pub requests_per_second: f64,
    /// Requests a second in the busiest hour of the week.
    pub busiest_requests_per_second: f64,
    /// Mean, in GSUs before rounding.
    pub mean_gsu: f64,
    /// The busiest hour of the week, in GSUs.
    pub busiest_gsu: f64,
    /// Every hour of the week from Monday midnight, in GSUs.
    pub hours_gsu: Vec<f64>,
}

/// A route in a pool.
struct Member<'a> {
    route: &'a Route,
    /// Where GSUs would serve it.
    plan: &'a PlacementPlan,
    /// What it would cost otherwise.
    instead_of: &'a PlacementPlan,
    /// Where what GSUs do not take is paid: the same place, at the tier that the workload names.
    spill: &'a PlacementPlan,
    /// All placements of the route.
    placements: &'a [PlacementPlan],
}

/// A model at a location with its routes: those that cannot wait, those that may.
struct Group<'a> {
    model: ModelId,
    endpoint: Endpoint,
    online: Vec<Member<'a>>,
    waiting: Vec<Member<'a>>,
}

/// Sizes every pool of the workload.
///
/// Routes that are paid at half price make no pool of their own: batch takes no provisioned throughput, and no
/// GSU is cheaper than flex. They may fill what a pool of their model leaves idle.
///
/// Each pool comes with its look-up; a pool whose model has no term has none.
pub(super) fn gsu_plan(
    inputs: &Inputs<'_>,
    routes: &[RoutePlan],
    months: &[Month],
) -> (GsuPlan, Vec<Option<PoolLookup>>) {
    let mut warnings = Vec::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    let pairs = || inputs.workload.routes.iter().zip(routes);
    let waits = |plan: &RoutePlan| matches!(plan.chosen().placement.tier, Tier::Batch | Tier::Flex);
    for (route, plan) in pairs().filter(|(_, plan)| !waits(plan)) {
        let Some(there) = vertex_placement(plan, plan.chosen().placement.tier) else { continue };
        let spill = spill::landing(route, plan, there, &mut warnings);
        let (instead_of, placements) = (plan.chosen(), &plan.placements[..]);
        let member = Member { route, plan: there, instead_of, spill, placements };
        let (model, endpoint) = (&there.placement.model, &there.placement.endpoint);
        match groups.iter_mut().find(|group| group.model == *model && group.endpoint == *endpoint) {
            Some(group) => group.online.push(member),
            None => groups.push(Group {
                model: model.clone(),
                endpoint: endpoint.clone(),
                online: vec![member],
                waiting: Vec::new(),
            }),
        }
    }
    // Only what may wait for a day or more finds idle hours; flex alone waits minutes.
    for (route, plan) in
        pairs().filter(|(route, plan)| waits(plan) && route.waiting_tiers.contains(&Tier::Batch))
    {
        let Some(there) = vertex_placement(plan, Tier::Standard) else { continue };
        let (model, endpoint) = (&there.placement.model, &there.placement.endpoint);
        if let Some(group) = groups.iter_mut().find(|g| g.model == *model && g.endpoint == *endpoint) {
            let (instead_of, placements) = (plan.chosen(), &plan.placements[..]);
            group.waiting.push(Member { route, plan: there, instead_of, spill: there, placements });
        }
    }
    let alone = |group: &Group<'_>| {
        let mut warnings = Vec::new();
        (pool(inputs, group, months, &mut warnings), warnings)
    };
    let found: Vec<(Option<Sized>, Vec<Warning>)> = groups.par_iter().map(alone).collect();
    let mut sized: Vec<Sized> = Vec::new();
    for (pool, of_pool) in found {
        sized.extend(pool);
        warnings.extend(of_pool);
    }
    let together = together::together(inputs.capacity, &sized);
    let commitments = commitments::commitments(inputs, routes, months, &sized, &mut warnings);
    let lookups = sized.iter_mut().map(|sized| sized.lookup.take()).collect();
    let pools = sized.into_iter().map(|sized| sized.pool).collect();
    (GsuPlan { pools, together, commitments, warnings }, lookups)
}

/// The placement whose traffic GSUs could take: the chosen one's location if it is on Vertex, else the chosen
/// model's cheapest there.
fn vertex_placement(route: &RoutePlan, tier: Tier) -> Option<&PlacementPlan> {
    let chosen = route.chosen();
    let online = |plan: &&PlacementPlan| {
        plan.placement.endpoint != Endpoint::Developer
            && plan.placement.model == chosen.placement.model
            && plan.placement.tier == tier
            && plan.status.serves()
    };
    let candidates = route.placements.iter().filter(online);
    let same = candidates.clone().find(|plan| plan.placement.endpoint == chosen.placement.endpoint);
    same.or_else(|| candidates.min_by(|a, b| a.usd_total.total_cmp(&b.usd_total)))
}

fn pool(
    inputs: &Inputs<'_>,
    group: &Group<'_>,
    months: &[Month],
    warnings: &mut Vec<Warning>,
) -> Option<Sized> {
    let members = &group.online;
    let model = group.model.clone();
    let requests = |at: usize| members.iter().map(|member| member.plan.months[at].requests).sum::<f64>();
    let per_second = |at: usize| requests(at) / (f64::from(months[at].days()) * 86_400.0);
    let busiest = (0..months.len()).max_by(|a, b| per_second(*a).total_cmp(&per_second(*b)))?;
    if requests(busiest) <= 0.0 {
        return None;
    }
    let global = group.endpoint.location().is_some_and(|location| location.is_global());
    let query = query(&model, members, busiest, per_second(busiest));
    let sizing = sized(inputs, &query, global, warnings)?;
    let row = inputs.capacity.throughput(&model, inputs.workload.start, prompt_tokens(&query))?;
    let window = sizing.window.map_or(60.0, |window| window.seconds as f64);
    let curves = MonthlyCurves::new(members, row, months, Loads::Any)
        .map_err(|error| warnings.push(Warning::NotSized { model: model.clone(), why: error.to_string() }))
        .ok()?;
    let burn_total: f64 = (0..months.len()).map(requests).sum::<f64>() * to_f64(sizing.burn_per_request);
    let life = inputs.prices.life(&model, group.endpoint.backend()).and_then(|life| life.end);
    let costs = Costs {
        inputs,
        members,
        waiting: &group.waiting,
        row,
        curves: &curves,
        months,
        global,
        location: group.endpoint.location(),
        form_gsu: sizing.gsu,
        usd_per_burn: paygo_usd(members) / burn_total,
        model_end: life.filter(|(_, kind)| *kind == EndKind::Announced).map(|(end, _)| end),
    };
    let money = costs.money();
    warnings.extend(money.warnings.clone());
    warnings.extend(outlived(inputs, &model, life.map(|(end, _)| end), &money.terms));
    let loads = load(members, row, busiest, months[busiest]);
    let whole = traffic(members, row, busiest, months[busiest]).ok()?;
    let curve = curves.busiest().centre();
    let sizes = sizes::by_rule(curve, &money, sizing.gsu);
    let ladder = money.ladder.as_ref().map(|found| found.ladders[found.regret.cheapest].clone());
    let asked = rules_asked(&sizes, ladder.as_ref(), &money.terms);
    let ends = window_ends::at_ends(&costs, sizing.gsu);
    let lookup = look_up(&costs, &money, &sizes, warnings);
    let pool = GsuPool {
        admission: rules::answers(inputs.capacity.learned(&model)),
        learned: learned(inputs, &model, warnings),
        rules: rules::envelopes(inputs, members, (busiest, months[busiest]), (curve, &ends), row, &asked),
        spill_tiers: spill::tiers(&costs, &money, burn_total),
        window_ends: ends.iter().map(|end| end.case(&costs)).collect(),
        routes: members.iter().map(|member| member.route.name.clone()).collect(),
        waiting: group.waiting.iter().map(|member| member.route.name.clone()).collect(),
        month: months[busiest].label(),
        curve: sizes::rows(curve, &money, &sizes),
        rises: curve.rises(),
        sweet_spots: curve.sweet_spots(),
        sizes,
        assurance: sizes::assurance(members, curve, &money, requests(busiest)),
        heat_map: sizes::heat_map(&loads.hours_gsu, &whole.in_windows(window), curve, sizing.gsu, window),
        load: loads,
        form: Busiest::of(inputs, members, row, &query, busiest, months).form(),
        paygo_usd_per_month: money.paygo_usd[0],
        paygo_usd_per_burn: costs.usd_per_burn,
        source: sources(inputs, &model),
        regret: money.ladder.as_ref().map(choice),
        ladder,
        terms: money.terms,
        wait: money.wait,
        sizing,
        endpoint: group.endpoint.clone(),
        model,
    };
    let advised_paygo_usd = pool.ladder.as_ref().and_then(|ladder| ladder.paygo_under(&money.planned).ok());
    let (paygo_usd, planned, standing) = (money.paygo_usd, money.planned, money.standing);
    Some(Sized { pool, paygo_usd, planned, standing, advised_paygo_usd, lookup })
}

/// The pool's look-up on its cheapest term; `None` when no term is on sale, or with a warning when it cannot be
/// held against exact curves.
fn look_up(
    costs: &Costs<'_>,
    money: &Money,
    sizes: &[RuleSize],
    warnings: &mut Vec<Warning>,
) -> Option<PoolLookup> {
    let prices = money.terms.iter().map(|term| term.usd_per_gsu_month);
    let named: Vec<u64> =
        sizes.iter().filter_map(|size| size.gsu).chain(money.terms.iter().map(|term| term.gsu)).collect();
    let price = prices.min_by(f64::total_cmp)?;
    let made = PoolLookup::new(costs, money.ladder.as_ref(), price, &named);
    let not_sized =
        |error: CurveError| Warning::NotSized { model: costs.row.model.clone(), why: error.to_string() };
    made.map_err(|error| warnings.push(not_sized(error))).ok()
}

/// What production taught about the model; a warning where it was the emulator.
fn learned(inputs: &Inputs<'_>, model: &ModelId, warnings: &mut Vec<Warning>) -> Option<LearnedRule> {
    let learned = inputs.capacity.learned(model).cloned();
    if learned.as_ref().is_some_and(|learned| learned.rehearsed) {
        warnings.push(Warning::RuleRehearsed { model: model.clone() });
    }
    learned
}

/// The form's answer; a warning where there is none.
fn sized(inputs: &Inputs<'_>, query: &Query, global: bool, warnings: &mut Vec<Warning>) -> Option<Sizing> {
    match size(inputs.capacity, query, inputs.workload.start, global) {
        Ok(sizing) => {
            warnings.extend(sizing.warnings.clone());
            Some(sizing)
        }
        Err(error) => {
            warnings.push(not_sized(query.model.clone(), error));
            None
        }
    }
}

/// US dollars of the routes over the horizon without GSUs.
fn paygo_usd(members: &[Member<'_>]) -> f64 {
    members.iter().map(|member| member.instead_of.usd_total).sum()
}

fn prompt_tokens(query: &Query) -> f64 {
    query.tokens.iter().filter(|(class, _)| class.is_input()).map(|(_, tokens)| to_f64(*tokens)).sum()
}

fn not_sized(model: ModelId, error: SizingError) -> Warning {
    match error {
        SizingError::NoThroughput { model, .. } => Warning::NoThroughput { model },
        error => Warning::NotSized { model, why: error.to_string() },
    }
}

fn load(members: &[Member<'_>], row: &Throughput, at: usize, month: Month) -> Load {
    let hours_gsu = hourly_load(members, row, at, month);
    let mut rates = vec![0.0; WEEK_HOURS];
    for member in members {
        for (sum, rate) in rates.iter_mut().zip(demand::hourly_rates(member, at, month)) {
            *sum += rate;
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let largest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    Load {
        requests_per_second: mean(&rates),
        busiest_requests_per_second: largest(&rates),
        mean_gsu: mean(&hours_gsu),
        busiest_gsu: largest(&hours_gsu),
        hours_gsu,
    }
}

/// The counts whose open rules are valued, with what asks for them.
fn rules_asked(
    sizes: &[RuleSize],
    ladder: Option<&Ladder>,
    terms: &[TermVerdict],
) -> Vec<(&'static str, Option<u64>)> {
    let cheapest = terms.iter().min_by(|a, b| a.usd_per_month.total_cmp(&b.usd_per_month));
    let by_rule = |rule: SizeRule| {
        let size = sizes.iter().find(|size| size.rule == rule);
        (rule.label(), size.and_then(|size| size.gsu))
    };
    vec![
        by_rule(SizeRule::GoogleForm),
        by_rule(SizeRule::OnePercent),
        ("the ladder", ladder.map(held).filter(|gsu| *gsu > 0)),
        ("cheapest", cheapest.map(|term| term.gsu).filter(|gsu| *gsu > 0)),
    ]
}

/// The form's query: mean tokens of the pool's routes, weighted by requests.
fn query(model: &ModelId, members: &[Member<'_>], month: usize, per_second: f64) -> Query {
    Query {
        model: model.clone(),
        queries_per_second: decimal(per_second),
        tokens: blended(members, month),
        cached_share: Decimal::ZERO,
    }
}

/// Keys of the sources of a model's throughput and of all terms, each once.
fn sources(inputs: &Inputs<'_>, model: &ModelId) -> Vec<String> {
    let throughput = inputs.capacity.throughput.iter().filter(|row| row.model == *model);
    let keys = throughput.flat_map(|row| &row.source);
    let mut found: Vec<String> = Vec::new();
    for key in keys.chain(inputs.capacity.terms.iter().flat_map(|term| &term.source)) {
        if !found.contains(key) {
            found.push(key.clone());
        }
    }
    found
}

/// Terms that pay but end after their model may.
fn outlived(inputs: &Inputs<'_>, model: &ModelId, end: Option<Day>, terms: &[TermVerdict]) -> Vec<Warning> {
    let Some(end) = end else { return Vec::new() };
    let start = inputs.workload.start;
    let last = |verdict: &TermVerdict| {
        let term = inputs.capacity.terms.iter().find(|term| term.id == verdict.term);
        term.map_or(start, |term| term.end(start))
    };
    let paying = terms.iter().filter(|term| term.gsu > 0 && last(term) > end);
    paying
        .map(|term| Warning::TermOutlivesModel { model: model.clone(), term: term.name.clone(), start, end })
        .collect()
}

/// Mean tokens per query over the pool's routes, weighted by requests.
fn blended(members: &[Member<'_>], month: usize) -> ByClass<Decimal> {
    let total: f64 = members.iter().map(|member| member.plan.months[month].requests).sum();
    ByClass::from_fn(|class: TokenClass| {
        let sum: f64 = members
            .iter()
            .map(|member| {
                let request = member.plan.per_request.as_ref();
                let tokens = request.and_then(|request| request.tokens[class].as_ref());
                member.plan.months[month].requests * tokens.map_or(0.0, |tokens| tokens.mean)
            })
            .sum();
        decimal(sum / total)
    })
}

/// Twelve decimals are far beyond what a mean of tokens knows.
fn decimal(value: f64) -> Decimal {
    Decimal::from_f64(value).unwrap_or_default().round_dp(12)
}

fn to_f64(value: Decimal) -> f64 {
    use rust_decimal::prelude::ToPrimitive;
    value.to_f64().unwrap_or(f64::NAN)
}
