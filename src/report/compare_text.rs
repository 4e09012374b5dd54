//! `compare` as text of at most 80 columns: money, tokens, what was seen, what differs.

use super::{
    Comparison, Interval, RouteComparison, Row,
    format::{figure, money_small, money_whole, percent},
    screen::label,
    terminal::{COLUMNS, narrow_table, wrap},
};
use crate::{
    model::{Backend, Tier, TokenClass},
    projection::{Plan, RoutePlan, Seen},
};

/// Least width that is left for the names of placements.
const NAME_MIN: usize = 24;

impl Comparison {
    /// The comparison as text, at most 80 columns wide.
    pub fn text(&self, plan: &Plan) -> String {
        let mut text = String::new();
        for (compared, route) in self.routes.iter().zip(&plan.routes) {
            let heading = format!("{}: compared with {}", compared.route, compared.today);
            text += &hanging(&heading, 0);
            text += &format!("\n{}\n", cost_rows(compared, route));
            text += &token_rows(compared, route);
            text += &what_was_seen(compared, route);
            text += &differences(compared);
            text.push('\n');
        }
        for remark in &self.remarks {
            text += &hanging(remark, 2);
        }
        text
    }
}

/// Lines of at most 80 columns, `indent` blanks before the first and two more before the others.
fn hanging(text: &str, indent: usize) -> String {
    let lines = wrap(text, COLUMNS - indent - 2);
    let line = |(at, line): (usize, &String)| {
        let blanks = if at == 0 { indent } else { indent + 2 };
        format!("{}{line}\n", " ".repeat(blanks))
    };
    lines.iter().enumerate().map(line).collect()
}

fn name(row: &Row, route: &RoutePlan) -> String {
    let plan = route.placements.iter().find(|plan| plan.placement == row.placement);
    plan.map(label).unwrap_or_default()
}

/// Amounts of a column in one unit: its caption, and what an amount is divided by.
fn unit(amounts: impl Iterator<Item = f64>) -> (&'static str, f64) {
    match amounts.fold(0.0, f64::max) {
        1e9.. => ("$M", 1e6),
        1e6.. => ("$k", 1e3),
        _ => ("$", 1.0),
    }
}

fn cost_rows(compared: &RouteComparison, route: &RoutePlan) -> String {
    let rows = &compared.rows;
    let accepted = rows.iter().any(|row| row.usd_per_accepted.is_some());
    // A thousand requests have amounts that people can read.
    let (unit_1000, per_1000) =
        unit(rows.iter().filter_map(|row| row.usd_per_request).map(|cost| cost.p95 * 1000.0));
    let (unit_month, per_month) = unit(rows.iter().filter_map(|row| row.usd_per_month));
    let (unit_accepted, per_accepted) =
        unit(rows.iter().filter_map(|row| row.usd_per_accepted).map(|usd| usd * 1000.0));
    let mut header = vec![
        "placement".to_string(),
        format!("{unit_1000} per 1,000"),
        "90 % range".into(),
        format!("{unit_month} a month"),
        "ratio".into(),
        "90 % range".into(),
    ];
    if accepted {
        header.insert(3, format!("{unit_accepted} per 1,000 accepted"));
    }
    let dash = || "–".to_string();
    let range = |of: Option<Interval>, show: &dyn Fn(f64) -> String| {
        of.map_or_else(dash, |of| format!("{}–{}", show(of.p05), show(of.p95)))
    };
    let ratio = |value: f64| format!("{value:.2}");
    let mut table = vec![header];
    for row in rows {
        let remark = row.remark.as_ref().map(|remark| format!(" ({remark})")).unwrap_or_default();
        let thousand = |usd: f64| figure(usd * 1000.0 / per_1000);
        let mut cells = vec![
            name(row, route) + &remark,
            row.usd_per_request.map_or_else(dash, |cost| thousand(cost.mean)),
            range(row.usd_per_request, &thousand),
        ];
        if accepted {
            let cell = row.usd_per_accepted.map(|usd| figure(usd * 1000.0 / per_accepted));
            cells.push(cell.unwrap_or_else(dash));
        }
        cells.extend([
            row.usd_per_month
                .map_or_else(dash, |usd| money_whole(usd / per_month).trim_start_matches('$').to_string()),
            row.ratio.map_or_else(dash, |of| {
                format!("{}{}", if row.undecided { "~" } else { "" }, ratio(of.mean))
            }),
            range(row.ratio, &ratio),
        ]);
        table.push(cells);
    }
    narrow_table(&table)
}

/// One row for each model and backend: tiers share their tokens.
fn own_tokens(compared: &RouteComparison) -> Vec<&Row> {
    compared.rows.iter().filter(|row| first_of_its_tokens(row, compared)).collect()
}

/// Tokens by class, in as many tables as the width asks for.
fn token_rows(compared: &RouteComparison, route: &RoutePlan) -> String {
    let shown: Vec<(&Row, _)> =
        own_tokens(compared).into_iter().filter_map(|row| Some((row, row.tokens.as_ref()?))).collect();
    let taken = |class: &TokenClass| shown.iter().any(|(_, tokens)| tokens[*class] > 0.0);
    let classes: Vec<TokenClass> = TokenClass::ALL.iter().copied().filter(taken).collect();
    let width = |class: &TokenClass| {
        let words = class.label().split(' ').map(|word| word.chars().count());
        let cells = shown.iter().map(|(_, tokens)| figure(tokens[*class]).chars().count());
        words.chain(cells).max().unwrap_or(0) + 2
    };
    let mut tables: Vec<(usize, Vec<TokenClass>)> = Vec::new();
    for class in classes {
        match tables.last_mut() {
            Some((used, table)) if *used + width(&class) + NAME_MIN + 2 <= COLUMNS => {
                *used += width(&class);
                table.push(class);
            }
            _ => tables.push((width(&class), vec![class])),
        }
    }
    let mut text = String::new();
    for (_, classes) in tables {
        let mut header: Vec<String> = vec!["tokens per request".into()];
        header.extend(classes.iter().map(|class| class.label().to_string()));
        let rows = shown.iter().map(|(row, tokens)| {
            let cells = classes.iter().map(|class| figure(tokens[*class]));
            std::iter::once(name(row, route)).chain(cells).collect()
        });
        let table: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
        text += &narrow_table(&table);
        text.push('\n');
    }
    text
}

/// How each model and backend is known, a paragraph each.
fn what_was_seen(compared: &RouteComparison, route: &RoutePlan) -> String {
    let mut text = String::from("  how they are known\n");
    for row in own_tokens(compared) {
        let mut parts = vec![row.evidence.clone()];
        if let Some(seen) = &row.seen {
            parts.push(seen.images.clone());
            parts.extend(seen.latency_seconds.map(|[p50, p95]| format!("{p50:.0} s (95 %: {p95:.0} s)")));
            parts.extend(picture_files(seen));
        }
        text += &hanging(&format!("{}: {}", name(row, route), parts.join("; ")), 2);
    }
    text
}

/// `1.4 MB png`: size of an answer's pictures and the kind of file most of them are.
fn picture_files(seen: &Seen) -> Option<String> {
    let size = seen.image_megabytes.map(|size| format!("{size:.1} MB"));
    let most = seen.image_mime.iter().max_by_key(|(_, answers)| **answers);
    let kind = most.map(|(mime, _)| mime.trim_start_matches("image/").to_string());
    let told: Vec<String> = size.into_iter().chain(kind).collect();
    (!told.is_empty()).then(|| told.join(" "))
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
        if let Some(missing) = row.no_ratio.filter(|_| other && row.usd_per_request.is_some()) {
            text += &hanging(&format!("{}: no ratio: {}", row.placement, missing.label()), 2);
        }
        let (Some(by_class), true) = (&row.difference_by_class, other) else { continue };
        let total: f64 = by_class.total();
        let mut parts: Vec<(TokenClass, f64)> =
            by_class.iter().filter(|(_, usd)| usd.abs() > 0.0).map(|(class, usd)| (class, *usd)).collect();
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        let words: Vec<String> =
            parts.iter().take(3).map(|(class, usd)| format!("{} {}", class.label(), signed(*usd))).collect();
        if !words.is_empty() {
            let line = format!("{}: {} a request: {}", row.placement, signed(total), words.join(", "));
            text += &hanging(&line, 2);
        }
    }
    let mut told: Vec<(Backend, &str)> = Vec::new();
    for row in &compared.rows {
        for behaviour in &row.behaviours {
            let entry = (row.placement.endpoint.backend(), behaviour.as_str());
            if !told.contains(&entry) {
                told.push(entry);
                text += &hanging(&format!("{}, {}: {behaviour}", entry.0, row.placement.model), 2);
            }
        }
    }
    for row in &compared.rows {
        if let (Some(seen), Tier::Standard) = (&row.seen, row.placement.tier)
            && seen.blocked > 0
        {
            let [low, high] = seen.blocked_share;
            let line = format!(
                "{}: {} of {} answers blocked (90 % between {} and {})",
                row.placement,
                seen.blocked,
                seen.blocked + seen.answers,
                percent(low),
                percent(high)
            );
            text += &hanging(&line, 2);
        }
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn signed(usd: f64) -> String {
    if usd > 0.0 { format!("+{}", money_small(usd)) } else { money_small(usd) }
}
