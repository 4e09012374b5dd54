//! What the first screen says of provisioned throughput: a verdict, and the counts that people ask for.

use super::{
    Block, Piece, captions,
    format::{grouped, money_whole, percent},
    gsu_form::open_rules,
    screen::short,
    shown, words,
};
use crate::{
    capacity::{Ladder, LearnedRule},
    projection::{GsuPool, LadderChoice, Plan, SizeRule, TermVerdict},
};

/// Scenarios of demand in the order of the plan: half, as planned, twice.
const HALF: usize = 0;
pub(super) const AS_PLANNED: usize = 1;

/// Two sentences: what to do, and what it saves or binds.
pub(super) fn verdict(plan: &Plan) -> Vec<Piece> {
    if plan.gsu.pools.is_empty() {
        return vec![words(
            "Buy none: no route that cannot wait has a Vertex placement with provisioned throughput. Nothing is bound.",
        )];
    }
    let pools = plan.gsu.pools.iter().enumerate();
    let paying = pools.filter_map(|(at, pool)| Some((at, pool, purchase(pool)?)));
    match paying.max_by(|a, b| a.2.1.saving_usd[AS_PLANNED].total_cmp(&b.2.1.saving_usd[AS_PLANNED])) {
        Some((at, pool, (ladder, choice))) => buy(plan, pool, ladder, choice, at),
        None => buy_none(plan),
    }
}

/// The advised ladder, when it buys something that saves money as planned.
pub(super) fn purchase(pool: &GsuPool) -> Option<(&Ladder, &LadderChoice)> {
    let (ladder, choice) = (pool.ladder.as_ref()?, pool.regret.as_ref()?);
    (!ladder.purchases.is_empty() && choice.saving_usd[AS_PLANNED] > 0.0).then_some((ladder, choice))
}

fn buy(plan: &Plan, pool: &GsuPool, ladder: &Ladder, choice: &LadderChoice, at: usize) -> Vec<Piece> {
    let first = &ladder.purchases[0];
    let base = format!("/gsu/pools/{at}");
    let term = pool.terms.iter().find(|term| term.term == first.term).map_or("?", |term| &term.name);
    let mut pieces = vec![
        words("Buy "),
        shown(grouped(first.gsu), format!("{base}/ladder/purchases/0/gsu")),
        words(" GSU"),
    ];
    // What is cheapest as planned may be another count: the advice also looks at half and at twice the demand.
    if let Some((term_at, best)) = cheapest_as_planned(pool).filter(|(_, best)| best.gsu != first.gsu) {
        pieces.push(words(" ("));
        pieces.push(shown(grouped(best.gsu), format!("{base}/terms/{term_at}/gsu")));
        pieces.push(words(" if demand were sure)"));
    }
    pieces.extend([
        words(format!(" of {} for {term}", short(&pool.model.0))),
        words(first.order_by.map_or_else(String::new, |day| format!(", order by {day}"))),
        words(match ladder.purchases.len() - 1 {
            0 => String::new(),
            more => format!(" ({more} more later)"),
        }),
        words(": saves "),
        shown(money_whole(choice.saving_usd[AS_PLANNED]), format!("{base}/regret/saving_usd/{AS_PLANNED}")),
        words(format!(" in {} months", plan.months.len())),
    ]);
    let half = choice.saving_usd[HALF];
    if half >= 0.0 {
        pieces.push(words(", and loses nothing at half the demand"));
    } else {
        pieces.push(words("; at half the demand "));
        pieces.push(shown(money_whole(half), format!("{base}/regret/saving_usd/{HALF}")));
    }
    pieces.push(words(". It binds "));
    pieces.push(shown(money_whole(first.usd), format!("{base}/ladder/purchases/0/usd")));
    let end = plan.limits.ends.iter().find(|end| end.model == pool.model && end.end < first.end);
    pieces.push(words(end.map_or_else(String::new, |end| format!("; the model may end {}", end.end))));
    pieces.push(words("."));
    pieces
}

/// The pool with the most PayGo to replace, and what the least bad purchase would lose.
fn buy_none(plan: &Plan) -> Vec<Piece> {
    let Some((at, pool)) = largest(plan) else { return Vec::new() };
    let Some((term_at, term)) = least_loss(pool) else { return Vec::new() };
    let base = format!("/gsu/pools/{at}/terms/{term_at}");
    let best = format!("Buy none: the best purchase, {} of {},", term.name, short(&pool.model.0));
    let mut pieces = if term.saving_usd_per_month > 0.0 {
        vec![
            words(format!("{best} saves ")),
            shown(money_whole(term.saving_usd_per_month), format!("{base}/saving_usd_per_month")),
            words(" a month as planned, and loses on average if demand may halve or double"),
        ]
    } else {
        vec![
            words(format!("{best} would cost ")),
            shown(money_whole(term.first_gsu_usd_per_month), format!("{base}/first_gsu_usd_per_month")),
            words(" a month more than PayGo"),
        ]
    };
    pieces.push(words("; a GSU pays above "));
    pieces.push(shown(percent(term.break_even), format!("{base}/break_even")));
    pieces.push(words(if term.break_even > 1.0 { " use, so never." } else { " use." }));
    pieces
}

/// The term whose best purchase loses least.
fn least_loss(pool: &GsuPool) -> Option<(usize, &TermVerdict)> {
    let terms = pool.terms.iter().enumerate().filter(|(_, term)| term.first_gsu_usd_per_month.is_finite());
    terms.min_by(|a, b| a.1.first_gsu_usd_per_month.total_cmp(&b.1.first_gsu_usd_per_month))
}

/// The pool that GSUs could take most dollars from.
fn largest(plan: &Plan) -> Option<(usize, &GsuPool)> {
    let pools = plan.gsu.pools.iter().enumerate();
    pools.max_by(|a, b| a.1.paygo_usd_per_month.total_cmp(&b.1.paygo_usd_per_month))
}

/// Terms shown beside each other: the longest and the shortest that renews itself.
const TERMS_SHOWN: [&str; 2] = ["1-year", "1-month"];

/// GSUs by rule, what each leaves to PayGo, what it costs.
pub(super) fn check(plan: &Plan) -> Vec<Block> {
    let Some((at, pool)) = largest(plan) else {
        return vec![Block::Text(vec![words("no pool: nothing to enter in Google's form")])];
    };
    let base = format!("/gsu/pools/{at}");
    let mut rows = vec![cheapest_row(pool, &base)];
    for rule in [SizeRule::GoogleForm, SizeRule::OnePercent] {
        rows.extend(size_row(pool, &base, rule));
    }
    // Which pool this is, where there are several; the tables have all.
    if plan.gsu.pools.len() > 1
        && let Some(label) = rows.first_mut().and_then(|row| row.first_mut())
    {
        *label = words(format!("cheapest ({})", short(&pool.model.0)));
    }
    let left = if pool.learned.is_some() { "left (rule learned)" } else { "left (open rules)" };
    let header = captions(["fees and PayGo a month", "GSU", left, "for 1 year", "1 month"]);
    let learned = pool.learned.as_ref().map(|learned| Block::Text(learned_line(learned, &base)));
    [Block::Rows { header, rows }].into_iter().chain(learned).collect()
}

/// What the rule of admission rests on.
fn learned_line(learned: &LearnedRule, base: &str) -> Vec<Piece> {
    let pointer = |key: &str| format!("{base}/learned/{key}");
    vec![
        words(format!("admission {} on n ", learned.grade())),
        shown(grouped(learned.requests), pointer("requests")),
        words(format!(", {}; rules still possible: {}", learned.days(), learned.possible.len())),
    ]
}

/// The term and count with the least cost of the mean month, when it buys something.
fn cheapest_as_planned(pool: &GsuPool) -> Option<(usize, &TermVerdict)> {
    let terms = pool.terms.iter().enumerate();
    let best = terms.min_by(|a, b| a.1.usd_per_month.total_cmp(&b.1.usd_per_month));
    best.filter(|(_, term)| term.gsu > 0)
}

fn cheapest_row(pool: &GsuPool, base: &str) -> Vec<Piece> {
    let label = words("cheapest as planned");
    let Some((term_at, term)) = cheapest_as_planned(pool) else {
        return vec![
            label,
            shown("0".into(), format!("{base}/curve/0/gsu")),
            shown("100 %".into(), format!("{base}/curve/0/left/tokens")),
            shown(money_whole(pool.paygo_usd_per_month), format!("{base}/paygo_usd_per_month")),
            shown(money_whole(pool.paygo_usd_per_month), format!("{base}/paygo_usd_per_month")),
        ];
    };
    let row = pool.curve.iter().position(|row| row.gsu == term.gsu);
    let left = row.map(|row| {
        let curve = (pool.curve[row].left.tokens, format!("{base}/curve/{row}/left/tokens"));
        left_share(pool, base, term.gsu, curve)
    });
    let mut pieces = vec![
        label,
        shown(grouped(term.gsu), format!("{base}/terms/{term_at}/gsu")),
        left.unwrap_or_else(|| words("–")),
    ];
    for shown_term in TERMS_SHOWN {
        pieces.push(if term.term == shown_term {
            shown(money_whole(term.usd_per_month), format!("{base}/terms/{term_at}/usd_per_month"))
        } else {
            words("–")
        });
    }
    pieces
}

/// `22 % (18–48 %)`: the curve's share, and where it could lie if undocumented rules were others; the share under
/// the rule that production shows, where it does.
fn left_share(pool: &GsuPool, base: &str, gsu: u64, curve: (f64, String)) -> Piece {
    let at = pool.rules.iter().position(|envelope| envelope.gsu == gsu);
    let learned = at.and_then(|at| {
        Some((pool.rules[at].learned_share()?, format!("{base}/rules/{at}/learned/0/left_share")))
    });
    let (left, pointer) = learned.unwrap_or(curve);
    let [low, high] =
        open_rules(pool, gsu).unwrap_or([left, left]).map(|share| format!("{:.0}", share * 100.0));
    let text = if low == high { percent(left) } else { format!("{} ({low}–{high} %)", percent(left)) };
    shown(text, pointer)
}

fn size_row(pool: &GsuPool, base: &str, rule: SizeRule) -> Option<Vec<Piece>> {
    let at = pool.sizes.iter().position(|size| size.rule == rule)?;
    let size = &pool.sizes[at];
    let (Some(gsu), Some(left)) = (size.gsu, size.left_share) else {
        return Some(vec![words(rule.label()), words("none"), words("–"), words("–"), words("–")]);
    };
    let mut pieces = vec![
        words(rule.label()),
        shown(grouped(gsu), format!("{base}/sizes/{at}/gsu")),
        left_share(pool, base, gsu, (left, format!("{base}/sizes/{at}/left_share"))),
    ];
    for term in TERMS_SHOWN {
        let term_at = pool.terms.iter().position(|other| other.term == term);
        let usd = term_at.and_then(|term| Some((term, size.usd_per_month.get(term).copied()??)));
        pieces.push(usd.map_or_else(
            || words("–"),
            |(term, usd)| shown(money_whole(usd), format!("{base}/sizes/{at}/usd_per_month/{term}")),
        ));
    }
    Some(pieces)
}
