//! The charts of requests: ratios between placements, and how tokens spread.

use super::{
    charts::{
        Chart, ChartError, RatioForest, RatioGroup, RatioRow, SpreadBin, SpreadPanel, SpreadRow, TokenSpread,
        draw_ratio_forest, draw_token_spread,
    },
    format::{figure, percent},
    screen::short,
};
use crate::{
    model::{Grade, Placement, Tier, TokenClass},
    projection::{
        Basis, Compared, Distribution, PlacementDistributions, PlacementRatios, Plan, Ratio, RouteRatios,
    },
};

/// Rows of the forest plot; the table has all.
const RATIOS_MAX: usize = 34;

/// Rows of the distributions.
const SPREADS_MAX: usize = 24;

/// Lines of what does not vary.
const CONSTANTS_MAX: usize = 10;

/// Both charts, those that have something to show.
pub(super) fn token_pictures(plan: &Plan) -> Result<Vec<Chart>, ChartError> {
    let mut charts = Vec::new();
    let forest = ratio_forest(plan);
    if forest.groups.iter().any(|group| !group.rows.is_empty()) {
        charts.push(draw_ratio_forest(&forest)?);
    }
    let spread = token_spread(plan);
    if spread.panels.iter().any(|panel| !panel.rows.is_empty()) {
        charts.push(draw_token_spread(&spread)?);
    }
    Ok(charts)
}

/// `measured, n = 12`, `documented`.
pub(super) fn evidence(grade: Grade, answers: Option<u64>) -> String {
    match answers {
        Some(n) => format!("{grade}, n = {n}"),
        None => grade.to_string(),
    }
}

fn name(placement: &Placement) -> String {
    let tier = if placement.tier == Tier::Standard { String::new() } else { format!(" {}", placement.tier) };
    format!("{} {}{tier}", short(&placement.model.0), placement.endpoint)
}

/// The placements that serve at the reference's tier; the same model elsewhere first.
fn shown<'a>(plan: &'a Plan, ratios: &'a RouteRatios) -> Vec<&'a PlacementRatios> {
    let route = plan.routes.iter().find(|route| route.name == ratios.route);
    let serves = |placement: &Placement| {
        let mut placements = route.iter().flat_map(|route| &route.placements);
        placements.any(|plan| plan.placement == *placement && plan.status.serves())
    };
    let of_tier =
        |row: &&PlacementRatios| row.placement.tier == ratios.reference.tier && serves(&row.placement);
    let mut rows: Vec<&PlacementRatios> = ratios.placements.iter().filter(of_tier).collect();
    rows.sort_by_key(|row| row.placement.model != ratios.reference.model);
    rows
}

fn ratio_row(label: String, total: bool, money: bool, compared: &Compared) -> RatioRow {
    RatioRow {
        label,
        total,
        money,
        ratio: compared.ratio.map(|ratio| [ratio.mean, ratio.p05, ratio.p95]),
        note: match compared.missing {
            Some(missing) => missing.label().into(),
            None => evidence(compared.grade, compared.answers),
        },
    }
}

fn ratio_forest(plan: &Plan) -> RatioForest {
    let mut left = RATIOS_MAX;
    let mut total = 0;
    let mut groups: Vec<(RatioGroup, Vec<&PlacementRatios>)> = Vec::new();
    for ratios in &plan.ratios {
        let rows = shown(plan, ratios);
        total += rows.iter().map(|row| 2 + row.classes.len()).sum::<usize>();
        let route = if plan.ratios.len() > 1 { format!("{}: ", ratios.route) } else { String::new() };
        let heading = format!("{route}compared with {}", name(&ratios.reference));
        let totals = rows.iter().flat_map(|row| {
            let label = name(&row.placement);
            [
                ratio_row(format!("{label} · dollars"), true, true, &row.usd),
                ratio_row(format!("{label} · tokens"), true, false, &row.tokens),
            ]
        });
        let totals: Vec<RatioRow> = totals.take(left).collect();
        left -= totals.len();
        groups.push((RatioGroup { heading, rows: totals }, rows));
    }
    // Classes of the same model elsewhere, where there is room for all of a placement's.
    for ((group, rows), ratios) in groups.iter_mut().zip(&plan.ratios) {
        for row in rows.iter().filter(|row| row.placement.model == ratios.reference.model) {
            let label = name(&row.placement);
            let at = group.rows.iter().position(|other| other.label == format!("{label} · tokens"));
            let Some(at) = at.filter(|_| row.classes.len() <= left) else { continue };
            left -= row.classes.len();
            let classes = row.classes.iter().map(|class| {
                ratio_row(format!("{} tokens", class.class.label()), false, false, &class.tokens)
            });
            group.rows.splice(at + 1..at + 1, classes);
        }
    }
    let groups: Vec<RatioGroup> =
        groups.into_iter().map(|(group, _)| group).filter(|group| !group.rows.is_empty()).collect();
    let drawn: usize = groups.iter().map(|group| group.rows.len()).sum();
    let rest = match total - drawn {
        0 => String::new(),
        rest => format!(" · {rest} more in the table"),
    };
    RatioForest {
        title: ratio_title(plan),
        subtitle: format!(
            "{}: one request here over one request there, mean and 90 % range · hollow: the range contains 1{rest}",
            plan.workload.name
        ),
        one: "the placement in the bill".into(),
        groups,
    }
}

/// The same model on the other backend, where it differs most; another model where there is none.
fn ratio_title(plan: &Plan) -> String {
    let mut found: Vec<(bool, f64, &RouteRatios, &PlacementRatios, Ratio)> = Vec::new();
    for ratios in &plan.ratios {
        for row in shown(plan, ratios) {
            let Some(ratio) = row.usd.ratio else { continue };
            let other_model = row.placement.model != ratios.reference.model;
            found.push((other_model, -ratio.mean.ln().abs(), ratios, row, ratio));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let Some((other_model, _, ratios, row, ratio)) = found.first() else {
        return "No placement can be compared with the one in the bill".into();
    };
    let here = name(&row.placement);
    let there = match other_model {
        true => name(&ratios.reference),
        false => ratios.reference.endpoint.to_string(),
    };
    let change = |ratio: f64| percent((ratio - 1.0).abs());
    match ratio {
        ratio if ratio.undecided() => {
            format!("{here} and {there} cannot be told apart by cost yet")
        }
        ratio if (ratio.mean - 1.0).abs() < 0.0005 => format!("{here} costs the same as {there}"),
        ratio if ratio.mean > 2.0 => format!("{here} costs {:.1} times {there}", ratio.mean),
        ratio if ratio.mean > 1.0 => format!("{here} costs {} more than {there}", change(ratio.mean)),
        ratio => format!("{here} costs {} less than {there}", change(ratio.mean)),
    }
}

/// Order of the panels: what a request is mostly paid for last seen as whole answers.
const PANELS: [Option<TokenClass>; 8] = [
    None,
    Some(TokenClass::OutputImage),
    Some(TokenClass::OutputThinking),
    Some(TokenClass::OutputText),
    Some(TokenClass::InputImage),
    Some(TokenClass::InputText),
    Some(TokenClass::CachedInputText),
    Some(TokenClass::CachedInputImage),
];

fn part_name(class: Option<TokenClass>) -> &'static str {
    class.map_or("whole answers: images, text and thinking", TokenClass::label)
}

fn token_spread(plan: &Plan) -> TokenSpread {
    let several = plan.distributions.len() > 1;
    let mut rows: Vec<(Option<TokenClass>, String, &Distribution)> = Vec::new();
    for route in &plan.distributions {
        let chosen = route.placements.first().map(|first| &first.placement.model);
        // Of several routes the chosen model alone; of one also what it is compared with.
        let of_route = |shown: &&PlacementDistributions| !several || Some(&shown.placement.model) == chosen;
        for shown in route.placements.iter().filter(of_route) {
            let prefix = if several { format!("{}: ", route.route) } else { String::new() };
            let label =
                format!("{prefix}{} {}", short(&shown.placement.model.0), shown.placement.endpoint.backend());
            let own = shown.parts.iter().filter(|part| !stated(part.class));
            rows.extend(own.map(|part| (part.class, label.clone(), part)));
        }
    }
    let order =
        |class: Option<TokenClass>| PANELS.iter().position(|panel| *panel == class).unwrap_or(PANELS.len());
    rows.sort_by_key(|(class, _, _)| order(*class));
    let (varying, constant): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|(_, _, part)| part.basis != Basis::Constant);
    let beyond = varying.len().saturating_sub(SPREADS_MAX);
    let mut panels: Vec<SpreadPanel> = Vec::new();
    for (class, label, part) in varying.iter().take(SPREADS_MAX) {
        let heading = format!("{}, tokens of a request", part_name(*class));
        if panels.last().is_none_or(|panel| panel.heading != heading) {
            panels.push(SpreadPanel { heading, rows: Vec::new() });
        }
        let bins = part.bins.iter().map(|bin| SpreadBin { from: bin.from, to: bin.to, answers: bin.answers });
        if let Some(panel) = panels.last_mut() {
            panel.rows.push(SpreadRow {
                label: label.clone(),
                bins: bins.collect(),
                p05: part.p05,
                p50: part.p50,
                p95: part.p95,
                note: evidence(part.grade, part.answers),
            });
        }
    }
    let rest = if beyond > 0 { format!(" · {beyond} more in the table") } else { String::new() };
    TokenSpread {
        title: spread_title(plan),
        subtitle: format!("{}: how the tokens of single requests spread{rest}", plan.workload.name),
        panels,
        constants: [constants(&constant), stated_lines(plan)].concat(),
    }
}

/// Whether the workload states the class: then it is the same wherever the request goes.
fn stated(class: Option<TokenClass>) -> bool {
    matches!(class, Some(TokenClass::InputText | TokenClass::CachedInputText))
}

/// What the workload states, a line for each route.
fn stated_lines(plan: &Plan) -> Vec<String> {
    let lines = plan.workload.routes.iter().take(CONSTANTS_MAX).map(|route| {
        let prefix = if plan.workload.routes.len() > 1 { format!("{}: ", route.name) } else { String::new() };
        let prompt = route.shape.prompt_text;
        let spread = match prompt.is_exact() {
            true => figure(prompt.likely),
            false => {
                let ends = [prompt.p05, prompt.p95].map(figure);
                format!("{} ({} to {})", figure(prompt.likely), ends[0], ends[1])
            }
        };
        format!("{prefix}text input: {spread}, as the workload states")
    });
    lines.collect()
}

/// What is the same in every request, class by class; placements that agree stand together.
fn constants(rows: &[(Option<TokenClass>, String, &Distribution)]) -> Vec<String> {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for (class, label, part) in rows {
        let once = if class.is_none() { "a single answer" } else { part_name(*class) };
        let text = format!("{once}: {} ({})", figure(part.p50), evidence(part.grade, part.answers));
        match lines.iter_mut().find(|(other, _)| *other == text) {
            Some((_, labels)) => labels.push(label),
            None => lines.push((text, vec![label])),
        }
    }
    let beyond = lines.len().saturating_sub(CONSTANTS_MAX);
    let mut shown: Vec<String> = lines
        .into_iter()
        .take(CONSTANTS_MAX)
        .map(|(text, labels)| format!("{text} on {}", labels.join(", ")))
        .collect();
    if beyond > 0 {
        shown.push(format!("{beyond} more in the table"));
    }
    shown
}

/// The class of a chosen placement whose spread is worth most.
fn spread_title(plan: &Plan) -> String {
    let mut most: Option<(f64, TokenClass, &Distribution, String)> = None;
    for (route, shown) in plan.routes.iter().zip(&plan.distributions) {
        let Some(request) = route.chosen().per_request.as_ref() else { continue };
        let Some(own) = shown.placements.first() else { continue };
        for part in own.parts.iter().filter(|part| part.basis != Basis::Constant) {
            let Some((class, tokens)) =
                part.class.zip(part.class.and_then(|class| request.tokens[class].as_ref()))
            else {
                continue;
            };
            let per_token = if tokens.mean > 0.0 { request.usd[class] / tokens.mean } else { 0.0 };
            let worth = per_token * (part.p95 - part.p50) * route.requests_total;
            if most.as_ref().is_none_or(|(other, ..)| worth > *other) {
                most = Some((worth, class, part, name(&own.placement)));
            }
        }
    }
    match most {
        Some((_, class, part, name)) => format!(
            "{} varies most in dollars: half of the requests take over {} tokens, 5 % over {} ({name})",
            super::pictures::capitalised(class.label()),
            figure(part.p50),
            figure(part.p95)
        ),
        None => "Requests of the placement in the bill all take the same tokens, as far as known".into(),
    }
}
