//! The plan in three sentences, for who reads no further and knows neither tokens nor GSUs.

use crate::{
    projection::{DriverKind, LadderChoice, Plan},
    report::{
        Piece,
        format::{figure, grouped, money_whole, percent},
        gsu_lines::{self, AS_PLANNED},
        screen::short,
        shown, words,
    },
};

/// What it will cost, whether to reserve capacity, what could make both wrong.
pub(in crate::report) fn summary(plan: &Plan) -> Vec<Vec<Piece>> {
    vec![cost(plan), reserve(plan), doubt(plan)]
}

fn cost(plan: &Plan) -> Vec<Piece> {
    let bill = &plan.bill;
    let months = plan.months.len();
    let requests = figure(bill.requests_total / months as f64);
    let (first, last) = (&plan.months[0], &plan.months[months - 1]);
    let at_least = if bill.complete { "" } else { "at least " };
    let mut pieces = vec![
        words(format!("From {first} to {last}, {requests} requests a month will cost {at_least}")),
        shown(money_whole(bill.month.mean), "/bill/month/mean"),
        words(" a month on average, nine times in ten between "),
        shown(money_whole(bill.month.p05), "/bill/month/p05"),
        words(" and "),
        shown(money_whole(bill.month.p95), "/bill/month/p95"),
    ];
    if let (Some(budget), Some(over)) = (plan.workload.budget_usd_per_month, bill.probability_over_budget) {
        pieces.extend([
            words("; the chance to exceed the budget of "),
            shown(money_whole(budget), "/workload/budget_usd_per_month"),
            words(" is "),
            shown(percent(over), "/bill/probability_over_budget"),
        ]);
        if let Some(over) = bill.net.as_ref().and_then(|net| net.probability_over_budget) {
            pieces.extend([
                words(", after credits "),
                shown(percent(over), "/bill/net/probability_over_budget"),
            ]);
        }
    }
    pieces.push(words("."));
    pieces
}

/// What to reserve, or that nothing should be.
fn reserve(plan: &Plan) -> Vec<Piece> {
    let pools = plan.gsu.pools.iter().enumerate();
    let paying = pools.filter_map(|(at, pool)| Some((at, pool, gsu_lines::purchase(pool)?)));
    let saving = |choice: &LadderChoice| choice.saving_usd[AS_PLANNED];
    let Some((at, pool, (ladder, choice))) = paying.max_by(|a, b| saving(a.2.1).total_cmp(&saving(b.2.1)))
    else {
        return vec![words("Reserve no throughput (GSUs) at Google: to pay per token is cheaper.")];
    };
    let first = &ladder.purchases[0];
    let term = pool.terms.iter().find(|term| term.term == first.term).map_or("?", |term| &term.name);
    let base = format!("/gsu/pools/{at}");
    vec![
        words("Reserve throughput at Google: "),
        shown(grouped(first.gsu), format!("{base}/ladder/purchases/0/gsu")),
        words(format!(" GSU of {} for {term} bind ", short(&pool.model.0))),
        shown(money_whole(first.usd), format!("{base}/ladder/purchases/0/usd")),
        words(match ladder.purchases.len() {
            1 => ", and save ".to_string(),
            count => format!(", and with {} later ", orders(count - 1)) + "save ",
        }),
        shown(money_whole(saving(choice)), format!("{base}/regret/saving_usd/{AS_PLANNED}")),
        words(format!(" in {} months if demand comes as planned.", plan.months.len())),
    ]
}

fn orders(count: usize) -> String {
    if count == 1 { "one order".into() } else { format!("{count} orders") }
}

/// The widest uncertain input or open question.
fn doubt(plan: &Plan) -> Vec<Piece> {
    let Some(widest) = plan.drivers.first() else {
        return vec![words("No input was found that would move the bill.")];
    };
    let name = widest.name.replace(" gemini-", " ");
    let kind = match widest.kind {
        DriverKind::Range => "an uncertain input",
        DriverKind::Switch => "a question that no document answers",
    };
    let signed = |usd: f64| format!("{}{}", if usd > 0.0 { "+" } else { "" }, money_whole(usd));
    let low = shown(signed(widest.low_usd), "/drivers/0/low_usd");
    let high = shown(signed(widest.high_usd), "/drivers/0/high_usd");
    let mut pieces = vec![words(format!("What moves the bill most is {kind}, “{name}”: "))];
    match (widest.low_usd < 0.0, widest.high_usd > 0.0) {
        (true, true) => pieces.extend([low, words(" to "), high]),
        (true, false) => pieces.extend([words("up to "), low]),
        _ => pieces.extend([words("up to "), high]),
    }
    pieces.push(words(" a month."));
    pieces
}
