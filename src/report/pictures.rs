//! The charts of a plan: which numbers go into which picture.

use super::{
    charts::{
        Bar, Chart, ChartError, CostByClass, DriverBar, Drivers, Line, MonthlySpend, draw_cost_by_class,
        draw_drivers, draw_monthly_spend,
    },
    format::{money_whole, percent},
    screen::label,
};
use crate::{
    model::{Tier, TokenClass},
    projection::{Driver, PlacementPlan, Plan, RoutePlan, Status},
};

/// Classes in the order of the stack, so that a class keeps its place from chart to chart.
const CLASS_ORDER: [TokenClass; 16] = [
    TokenClass::OutputImage,
    TokenClass::OutputThinking,
    TokenClass::OutputText,
    TokenClass::InputImage,
    TokenClass::InputText,
    TokenClass::CachedInputText,
    TokenClass::CachedInputImage,
    TokenClass::InputToolUse,
    TokenClass::OutputAudio,
    TokenClass::OutputVideo,
    TokenClass::InputVideo,
    TokenClass::InputAudio,
    TokenClass::InputDocument,
    TokenClass::CachedInputVideo,
    TokenClass::CachedInputAudio,
    TokenClass::CachedInputDocument,
];

/// Colours that can be told apart; a workload has no more classes than these.
const CLASSES_MAX: usize = 8;

/// Bars of the cost chart at most; the table has all.
const BARS_MAX: usize = 10;

/// All charts of a plan.
///
/// # Errors
///
/// When a number cannot be drawn (not finite, negative).
pub fn pictures(plan: &Plan) -> Result<Vec<Chart>, ChartError> {
    let mut charts = vec![draw_monthly_spend(&monthly_spend(plan))?];
    let costs = cost_by_class(plan);
    // Nothing to stack when nothing is spent.
    if !costs.classes.is_empty() {
        charts.push(draw_cost_by_class(&costs)?);
    }
    charts.extend(super::token_pictures::token_pictures(plan)?);
    let drivers = drivers(plan);
    if !drivers.bars.is_empty() {
        charts.push(draw_drivers(&drivers)?);
    }
    charts.extend(super::gsu_pictures::gsu_pictures(plan)?);
    Ok(charts)
}

fn monthly_spend(plan: &Plan) -> MonthlySpend {
    let bill = &plan.bill;
    let chosen = match plan.routes.as_slice() {
        [only] => label(only.chosen()),
        routes => format!("{} routes, chosen placements", routes.len()),
    };
    let others = match plan.routes.as_slice() {
        [only] => others_of(only),
        routes => lines_of(routes),
    };
    let over = match (plan.workload.budget_usd_per_month, bill.probability_over_budget) {
        (Some(_), Some(over)) => {
            let owed = bill.net.as_ref().and_then(|net| net.probability_over_budget);
            let owed = owed.map(|over| format!(", after credits {}", percent(over))).unwrap_or_default();
            format!("; over budget with probability {}{owed}", percent(over))
        }
        _ => String::new(),
    };
    MonthlySpend {
        title: format!("{} to {} a month{over}", money_whole(bill.month.p05), money_whole(bill.month.p95),),
        subtitle: format!("{}: mean and 90 % range of the bill in US dollars by month", plan.workload.name),
        months: plan.months.clone(),
        chosen: Line { label: chosen, usd: bill.by_month.iter().map(|month| Some(month.mean)).collect() },
        low: bill.by_month.iter().map(|month| month.p05).collect(),
        high: bill.by_month.iter().map(|month| month.p95).collect(),
        others,
        budget_usd: plan.workload.budget_usd_per_month,
    }
}

/// Routes that get a line of their own; the rest are summed up.
const ROUTES_MAX: usize = 6;

/// A line for each route; of many the largest, and the others together.
fn lines_of(routes: &[RoutePlan]) -> Vec<Line> {
    let mut order: Vec<&RoutePlan> = routes.iter().collect();
    let own = if routes.len() <= ROUTES_MAX { routes.len() } else { ROUTES_MAX - 1 };
    if own < routes.len() {
        order.sort_by(|a, b| b.chosen().usd_total.total_cmp(&a.chosen().usd_total));
    }
    let (large, small) = order.split_at(own);
    let mut lines: Vec<Line> =
        large.iter().map(|route| Line { label: route.name.clone(), usd: spends(route.chosen()) }).collect();
    if !small.is_empty() {
        let months = small.iter().map(|route| route.chosen().months.len()).max().unwrap_or(0);
        let spent = |at: usize| {
            let spends = small.iter().filter_map(|route| route.chosen().months.get(at));
            let of: Vec<f64> =
                spends.filter(|spend| spend.requests > 0.0).map(|spend| spend.usd_total).collect();
            (!of.is_empty()).then(|| of.iter().sum())
        };
        lines.push(Line {
            label: format!("{} smaller routes", small.len()),
            usd: (0..months).map(spent).collect(),
        });
    }
    lines
}

/// Bars of the drivers at most; the table has all.
const DRIVERS_MAX: usize = 12;

fn drivers(plan: &Plan) -> Drivers {
    let bar = |driver: &Driver| {
        let index = driver.sobol.and_then(|sobol| sobol.cost);
        DriverBar {
            label: driver.name.replace(" gemini-", " "),
            low_usd: driver.low_usd,
            high_usd: driver.high_usd,
            variance_share: index.map(|index| index.total),
            below: index
                .filter(|index| !index.total_told)
                .map(|index| index.total + index.total_half_width()),
        }
    };
    Drivers {
        title: String::new(),
        subtitle: format!(
            "{}: change of the mean month when one input stands at its 10 % or 90 % point; open questions in grey",
            plan.workload.name
        ),
        bars: plan.drivers.iter().take(DRIVERS_MAX).map(bar).collect(),
    }
}

/// The other placements of one route at the standard tier, those that serve.
fn others_of(route: &RoutePlan) -> Vec<Line> {
    let others = route.placements.iter().enumerate().filter(|(at, plan)| {
        *at != route.chosen && plan.status.serves() && plan.placement.tier == route.chosen().placement.tier
    });
    others.map(|(_, plan)| Line { label: label(plan), usd: spends(plan) }).collect()
}

/// Spend by month; nothing where the placement serves no more.
fn spends(plan: &PlacementPlan) -> Vec<Option<f64>> {
    plan.months.iter().map(|spend| (spend.requests > 0.0).then_some(spend.usd_total)).collect()
}

fn cost_by_class(plan: &Plan) -> CostByClass {
    let mut bars: Vec<(String, &PlacementPlan)> = Vec::new();
    for route in &plan.routes {
        let prefix = if plan.routes.len() > 1 { format!("{}: ", route.name) } else { String::new() };
        for placement in shown_placements(route, plan.routes.len()) {
            bars.push((format!("{prefix}{}", label(placement)), placement));
        }
    }
    bars.truncate(BARS_MAX);
    let dollars = |placement: &PlacementPlan, class: TokenClass| {
        placement.per_request.as_ref().map_or(0.0, |request| 1000.0 * request.usd[class])
    };
    let sum = |class: TokenClass| bars.iter().map(|(_, plan)| dollars(plan, class)).sum::<f64>();
    let classes: Vec<TokenClass> =
        CLASS_ORDER.iter().copied().filter(|class| sum(*class) > 0.0).take(CLASSES_MAX).collect();
    let title = match plan.shares.first() {
        Some(share) => {
            format!("{} is {} of the bill", capitalised(share.class.label()), percent(share.share))
        }
        None => "No spend inside the horizon".into(),
    };
    CostByClass {
        title,
        subtitle: format!("{}: cost of 1,000 requests by token class and placement", plan.workload.name),
        unit: "USD per 1,000 requests".into(),
        bars: bars
            .iter()
            .map(|(label, placement)| Bar {
                label: label.clone(),
                values: classes.iter().map(|class| dollars(placement, *class)).collect(),
                remark: remark(placement),
            })
            .collect(),
        classes: classes.iter().map(|class| class.label().to_string()).collect(),
    }
}

/// For one route every placement at its own tier and the half-price ones of its model; for several the
/// chosen and the cheapest of each other model.
fn shown_placements(route: &RoutePlan, routes: usize) -> Vec<&PlacementPlan> {
    let chosen = route.chosen();
    let priced = route.placements.iter().filter(|plan| plan.per_request.is_some());
    let mut shown: Vec<&PlacementPlan> = vec![chosen];
    for plan in priced {
        let own_tier = plan.placement.tier == chosen.placement.tier;
        let half = plan.placement.model == chosen.placement.model
            && matches!(plan.placement.tier, Tier::Flex | Tier::Batch)
            && plan.placement.endpoint == chosen.placement.endpoint;
        if routes == 1 && (own_tier || half) && plan.placement != chosen.placement {
            shown.push(plan);
        }
        let new_model = shown.iter().all(|other| other.placement.model != plan.placement.model);
        if routes > 1 && new_model && own_tier && plan.status.serves() {
            shown.push(plan);
        }
    }
    shown
}

fn remark(placement: &PlacementPlan) -> Option<String> {
    match &placement.status {
        Status::Gone { end, .. } => Some(format!("gone since {end}")),
        Status::EndsInside { end, .. } => Some(format!("ends {end}")),
        Status::NotYet { launch } => Some(format!("not before {launch}")),
        _ => None,
    }
}

pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}
