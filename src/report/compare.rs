//! Every placement that can serve a route, side by side, with what is known of each.

use serde::Serialize;

use super::{
    format::{figure, money_small, money_whole, percent},
    screen::{evidence, label},
};
use crate::{
    model::{Backend, ByClass, Placement, Tier, TokenClass},
    projection::{PerRequest, PlacementPlan, Plan, RoutePlan, Seen, Status},
    stats::{LogNormal, standard_normal_quantile},
};

/// The comparison of a whole workload.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// `burndown.compare/1`.
    pub schema: &'static str,
    /// The workload.
    pub workload: String,
    /// Each route.
    pub routes: Vec<RouteComparison>,
    /// What every reader must know of such a table.
    pub remarks: Vec<String>,
}

/// The comparison of one route.
#[derive(Clone, Debug, Serialize)]
pub struct RouteComparison {
    /// The route.
    pub route: String,
    /// What the others are compared with: the placement in the bill.
    pub today: Placement,
    /// All placements, cheapest first, those that cannot serve last.
    pub rows: Vec<Row>,
}

/// One placement.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The placement.
    pub placement: Placement,
    /// Why it cannot serve, or until when it does.
    pub remark: Option<String>,
    /// Mean tokens by class; `None` when it cannot be priced.
    pub tokens: Option<ByClass<f64>>,
    /// US dollars per request: mean, 5 % and 95 %, from tokens alone.
    pub usd_per_request: Option<Interval>,
    /// US dollars per accepted image, where the workload says how many tries one takes.
    pub usd_per_accepted: Option<f64>,
    /// US dollars a month while it serves.
    pub usd_per_month: Option<f64>,
    /// Cost over today's, with its 90 % range.
    pub ratio: Option<Interval>,
    /// Whether the range of the ratio contains 1: then the two cannot be told apart.
    pub undecided: bool,
    /// Part of the difference per request that each class makes, US dollars.
    pub difference_by_class: Option<ByClass<f64>>,
    /// How the costly classes are known.
    pub evidence: String,
    /// What answers of this kind were seen.
    pub seen: Option<Seen>,
    /// What is refused or differs there.
    pub behaviours: Vec<String>,
}

/// Mean and 90 % range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Expected value.
    pub mean: f64,
    /// 5 % lie below.
    pub p05: f64,
    /// 5 % lie above.
    pub p95: f64,
}

/// Compares all placements of a plan.
pub fn compare(plan: &Plan) -> Comparison {
    let routes: Vec<RouteComparison> = plan
        .routes
        .iter()
        .zip(&plan.workload.routes)
        .map(|(route, workload)| RouteComparison {
            route: route.name.clone(),
            today: route.chosen().placement.clone(),
            rows: rows(route, workload.tries_per_accepted.map(|tries| tries.mean())),
        })
        .collect();
    let mut remarks = vec![
        "ranges come from tokens alone, at the same prices and volume".to_string(),
        "a profile of the Developer API does not predict Vertex: the backends count differently".to_string(),
    ];
    if routes.iter().flat_map(|route| &route.rows).any(|row| row.undecided) {
        remarks.push("~ = the 90 % range of the ratio contains 1: the two cannot be told apart yet".into());
    }
    Comparison { schema: "burndown.compare/1", workload: plan.workload.name.clone(), routes, remarks }
}

fn rows(route: &RoutePlan, tries: Option<f64>) -> Vec<Row> {
    let today = route.chosen();
    let mut rows: Vec<(f64, Row)> = route
        .placements
        .iter()
        .map(|plan| {
            let row = row(plan, today, tries);
            let cost =
                row.usd_per_request.filter(|_| plan.status.serves()).map_or(f64::INFINITY, |cost| cost.mean);
            (cost, row)
        })
        .collect();
    rows.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    rows.into_iter().map(|(_, row)| row).collect()
}

fn row(plan: &PlacementPlan, today: &PlacementPlan, tries: Option<f64>) -> Row {
    let request = plan.per_request.as_ref();
    let cost = request.map(|request| interval(request.usd_total, request.usd_standard_error));
    let ratio =
        request.zip(today.per_request.as_ref()).and_then(|(here, there)| ratio(plan, today, here, there));
    let is_today = plan.placement == today.placement;
    Row {
        remark: match &plan.status {
            Status::Served => is_today.then(|| "in the bill".to_string()),
            Status::EndsInside { end, .. } => Some(format!("ends {end}")),
            Status::Gone { end, .. } => Some(format!("gone since {end}")),
            Status::NotYet { launch } => Some(format!("not before {launch}")),
            Status::Impossible { reason } => Some(reason.clone()),
        },
        tokens: request.map(|request| {
            ByClass::from_fn(|class| request.tokens[class].as_ref().map_or(0.0, |tokens| tokens.mean))
        }),
        usd_per_accepted: tries.zip(cost).map(|(tries, cost)| tries * cost.mean),
        usd_per_request: cost,
        usd_per_month: plan.status.serves().then_some(plan.usd_per_served_month),
        undecided: !is_today && ratio.is_some_and(|ratio| ratio.p05 < 1.0 && 1.0 < ratio.p95),
        difference_by_class: request
            .zip(today.per_request.as_ref())
            .map(|(here, there)| ByClass::from_fn(|class| here.usd[class] - there.usd[class])),
        ratio,
        evidence: request.map(evidence).unwrap_or_else(|| "–".into()),
        seen: request.and_then(|request| request.seen.clone()),
        behaviours: request
            .map(|request| request.behaviours.iter().map(|behaviour| behaviour.text.clone()).collect())
            .unwrap_or_default(),
        placement: plan.placement.clone(),
    }
}

fn interval(mean: f64, standard_error: f64) -> Interval {
    let law = LogNormal::new(mean, standard_error);
    Interval { mean, p05: law.quantile(0.05), p95: law.quantile(0.95) }
}

/// Ratio of two costs. The same model on the same backend takes the same tokens whatever it is paid by, so
/// that ratio is exact; otherwise the two means err independently.
fn ratio(
    plan: &PlacementPlan,
    today: &PlacementPlan,
    here: &PerRequest,
    there: &PerRequest,
) -> Option<Interval> {
    if there.usd_total <= 0.0 || here.usd_total <= 0.0 {
        return None;
    }
    let mean = here.usd_total / there.usd_total;
    let backend = |plan: &PlacementPlan| plan.placement.endpoint.backend();
    if plan.placement.model == today.placement.model && backend(plan) == backend(today) {
        return Some(Interval { mean, p05: mean, p95: mean });
    }
    let log_variance =
        |request: &PerRequest| (1.0 + (request.usd_standard_error / request.usd_total).powi(2)).ln();
    let width = standard_normal_quantile(0.95) * (log_variance(here) + log_variance(there)).sqrt();
    Some(Interval { mean, p05: mean * (-width).exp(), p95: mean * width.exp() })
}

impl Comparison {
    /// The comparison as text.
    pub fn text(&self, plan: &Plan) -> String {
        let mut text = String::new();
        for (compared, route) in self.routes.iter().zip(&plan.routes) {
            text += &format!("{}: compared with {}\n\n", compared.route, compared.today);
            text += &cost_rows(compared, route);
            text.push('\n');
            text += &token_rows(compared, route);
            text += &differences(compared);
            text.push('\n');
        }
        for remark in &self.remarks {
            text += &format!("  {remark}\n");
        }
        text
    }
}

fn name(row: &Row, route: &RoutePlan) -> String {
    let plan = route.placements.iter().find(|plan| plan.placement == row.placement);
    plan.map(label).unwrap_or_default()
}

fn cost_rows(compared: &RouteComparison, route: &RoutePlan) -> String {
    let accepted = compared.rows.iter().any(|row| row.usd_per_accepted.is_some());
    let mut header =
        vec!["placement", "$/request", "90 % range", "$/month", "ratio", "90 % range", "evidence"];
    if accepted {
        header.insert(3, "$/accepted");
    }
    let mut table = vec![header.into_iter().map(String::from).collect::<Vec<_>>()];
    for row in &compared.rows {
        let dash = || "–".to_string();
        let range = |of: Option<Interval>, show: fn(f64) -> String| {
            of.map_or_else(dash, |of| format!("{}–{}", show(of.p05), show(of.p95)))
        };
        let ratio = |value: f64| format!("{value:.2}");
        let mut cells = vec![
            name(row, route) + &row.remark.as_ref().map(|remark| format!(" ({remark})")).unwrap_or_default(),
            row.usd_per_request.map_or_else(dash, |cost| money_small(cost.mean)),
            range(row.usd_per_request, money_small),
        ];
        if accepted {
            cells.push(row.usd_per_accepted.map_or_else(dash, money_small));
        }
        cells.extend([
            row.usd_per_month.map_or_else(dash, money_whole),
            row.ratio.map_or_else(dash, |of| {
                format!("{}{}", if row.undecided { "~" } else { "" }, ratio(of.mean))
            }),
            range(row.ratio, ratio),
            row.evidence.clone(),
        ]);
        table.push(cells);
    }
    super::terminal::plain_table(&table)
}

/// Tokens by class of one row per model and backend: tiers share them.
fn token_rows(compared: &RouteComparison, route: &RoutePlan) -> String {
    let shown: Vec<&Row> = compared.rows.iter().filter(|row| first_of_its_tokens(row, compared)).collect();
    let classes: Vec<TokenClass> = TokenClass::ALL
        .iter()
        .copied()
        .filter(|class| {
            shown.iter().any(|row| row.tokens.as_ref().is_some_and(|tokens| tokens[*class] > 0.0))
        })
        .collect();
    let mut header: Vec<String> = vec!["tokens per request".into()];
    header.extend(classes.iter().map(|class| class.label().to_string()));
    header.extend(["images seen", "s p50/p95", "MB"].map(String::from));
    let mut table = vec![header];
    for row in shown {
        let Some(tokens) = &row.tokens else { continue };
        let mut cells = vec![name(row, route)];
        cells.extend(classes.iter().map(|class| figure(tokens[*class])));
        let seen = row.seen.as_ref();
        cells.push(seen.map_or_else(|| "none seen".into(), |seen| seen.images.clone()));
        let latency = seen.and_then(|seen| seen.latency_seconds);
        cells.push(latency.map_or_else(|| "–".into(), |[p50, p95]| format!("{p50:.0}/{p95:.0}")));
        cells.push(seen.map_or_else(|| "–".into(), picture_files));
        table.push(cells);
    }
    super::terminal::plain_table(&table)
}

/// `1.4 png`: megabytes of an answer's pictures and the kind of file most of them are.
fn picture_files(seen: &Seen) -> String {
    let size = seen.image_megabytes.map(|size| format!("{size:.1}"));
    let most = seen.image_mime.iter().max_by_key(|(_, answers)| **answers);
    let kind = most.map(|(mime, _)| mime.trim_start_matches("image/").to_string());
    let told: Vec<String> = size.into_iter().chain(kind).collect();
    if told.is_empty() { "–".into() } else { told.join(" ") }
}

fn first_of_its_tokens(row: &Row, compared: &RouteComparison) -> bool {
    let key = |row: &Row| (row.placement.model.clone(), row.placement.endpoint.backend());
    let same = compared.rows.iter().filter(|other| key(other) == key(row) && other.tokens.is_some());
    same.min_by_key(|other| other.placement.tier != Tier::Standard)
        .is_some_and(|first| first.placement == row.placement)
}

/// What makes the difference to today's placement, and what is refused there.
fn differences(compared: &RouteComparison) -> String {
    let mut text = String::new();
    for row in &compared.rows {
        let other = row.placement != compared.today && row.placement.tier == compared.today.tier;
        let (Some(by_class), true) = (&row.difference_by_class, other) else { continue };
        let total: f64 = by_class.total();
        let mut parts: Vec<(TokenClass, f64)> =
            by_class.iter().filter(|(_, usd)| usd.abs() > 0.0).map(|(class, usd)| (class, *usd)).collect();
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        let words: Vec<String> =
            parts.iter().take(3).map(|(class, usd)| format!("{} {}", class.label(), signed(*usd))).collect();
        if !words.is_empty() {
            text += &format!("\n  {}: {} a request: {}", row.placement, signed(total), words.join(", "));
        }
    }
    let mut told: Vec<(Backend, &str)> = Vec::new();
    for row in &compared.rows {
        for behaviour in &row.behaviours {
            let entry = (row.placement.endpoint.backend(), behaviour.as_str());
            if !told.contains(&entry) {
                told.push(entry);
                text += &format!("\n  {}, {}: {behaviour}", entry.0, row.placement.model);
            }
        }
    }
    for row in &compared.rows {
        if let (Some(seen), Tier::Standard) = (&row.seen, row.placement.tier)
            && seen.blocked > 0
        {
            let [low, high] = seen.blocked_share;
            text += &format!(
                "\n  {}: {} of {} answers blocked (90 % between {} and {})",
                row.placement,
                seen.blocked,
                seen.blocked + seen.answers,
                percent(low),
                percent(high)
            );
        }
    }
    text + "\n"
}

fn signed(usd: f64) -> String {
    if usd > 0.0 { format!("+{}", money_small(usd)) } else { money_small(usd) }
}
