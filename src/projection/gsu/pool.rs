//! One pool: its query, its curves, its money, its sizes.

use rust_decimal::Decimal;

use super::{
    Group, GsuPool, Load, Member,
    choice::{choice, held},
    commitments::Sized,
    decimal,
    demand::{self, Loads, MonthlyCurves, WEEK_HOURS, hourly_load, traffic},
    form::Busiest,
    lookup::PoolLookup,
    money::{Costs, Money, TermVerdict},
    rules,
    sizes::{self, RuleSize, SizeRule},
    spill, to_f64, window_ends,
};
use crate::{
    calendar::{Day, Month},
    capacity::{CurveError, Ladder, LearnedRule, Query, Sizing, SizingError, Throughput, size},
    model::{ByClass, ModelId, TokenClass},
    prices::Life,
    projection::plan::Inputs,
    warning::Warning,
};

/// The pool of a group in its busiest month; `None` without traffic, or with a warning when it cannot be sized.
pub(super) fn pool(
    inputs: &Inputs<'_>,
    group: &Group<'_>,
    months: &[Month],
    warnings: &mut Vec<Warning>,
) -> Option<Sized> {
    let members = &group.online;
    let model = group.model.clone();
    let per_second = |at: usize| requests(members, at) / (f64::from(months[at].days()) * 86_400.0);
    let busiest = (0..months.len()).max_by(|a, b| per_second(*a).total_cmp(&per_second(*b)))?;
    if requests(members, busiest) <= 0.0 {
        return None;
    }
    let global = group.endpoint.location().is_some_and(|location| location.is_global());
    let query = query(&model, members, busiest, per_second(busiest));
    let sizing = sized(inputs, &query, global, warnings)?;
    let row = inputs.capacity.throughput(&model, inputs.workload.start, prompt_tokens(&query))?;
    let curves = MonthlyCurves::new(members, row, months, Loads::Any)
        .map_err(|error| warnings.push(Warning::NotSized { model: model.clone(), why: error.to_string() }))
        .ok()?;
    let life = inputs.prices.life(&model, group.endpoint.backend());
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
        usd_per_burn: paygo_usd(members) / burn_tokens(members, months, &sizing),
        model_end: life.and_then(Life::announced_end),
    };
    sized_pool(group, &costs, busiest, &query, sizing, warnings)
}

/// The pool in its busiest month, once its costs can be told.
fn sized_pool(
    group: &Group<'_>,
    costs: &Costs<'_>,
    busiest: usize,
    query: &Query,
    sizing: Sizing,
    warnings: &mut Vec<Warning>,
) -> Option<Sized> {
    let Costs { inputs, members, months, row, curves, .. } = *costs;
    let model = group.model.clone();
    let window = sizing.window.map_or(60.0, |window| window.seconds as f64);
    let money = costs.money();
    warnings.extend(money.warnings.clone());
    let life = inputs.prices.life(&model, group.endpoint.backend());
    let end = life.and_then(|life| life.end).map(|(end, _)| end);
    warnings.extend(outlived(inputs, &model, end, &money.terms));
    let loads = load(members, row, busiest, months[busiest]);
    let whole = traffic(members, row, busiest, months[busiest]).ok()?;
    let curve = curves.busiest().centre();
    let sizes = sizes::by_rule(curve, &money, sizing.gsu);
    let ladder = money.ladder.as_ref().map(|found| found.ladders[found.regret.cheapest].clone());
    let asked = rules_asked(&sizes, ladder.as_ref(), &money.terms);
    let ends = window_ends::at_ends(costs, sizing.gsu);
    let lookup = look_up(costs, &money, &sizes, warnings);
    let pool = GsuPool {
        admission: rules::answers(inputs.capacity.learned(&model)),
        learned: learned(inputs, &model, warnings),
        rules: rules::envelopes(inputs, members, (busiest, months[busiest]), (curve, &ends), row, &asked),
        spill_tiers: spill::tiers(costs, &money, burn_tokens(members, months, &sizing)),
        window_ends: ends.iter().map(|end| end.case(costs)).collect(),
        routes: members.iter().map(|member| member.route.name.clone()).collect(),
        waiting: group.waiting.iter().map(|member| member.route.name.clone()).collect(),
        month: months[busiest].label(),
        curve: sizes::rows(curve, &money, &sizes),
        rises: curve.rises(),
        sweet_spots: curve.sweet_spots(),
        sizes,
        assurance: sizes::assurance(members, curve, &money, requests(members, busiest)),
        heat_map: sizes::heat_map(&loads.hours_gsu, &whole.in_windows(window), curve, sizing.gsu, window),
        load: loads,
        form: Busiest::of(inputs, members, row, query, busiest, months).form(),
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

/// Requests of a month.
fn requests(members: &[Member<'_>], at: usize) -> f64 {
    members.iter().map(|member| member.plan.months[at].requests).sum()
}

/// Burn tokens over the horizon.
fn burn_tokens(members: &[Member<'_>], months: &[Month], sizing: &Sizing) -> f64 {
    (0..months.len()).map(|at| requests(members, at)).sum::<f64>() * to_f64(sizing.burn_per_request)
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
    let total = requests(members, month);
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
