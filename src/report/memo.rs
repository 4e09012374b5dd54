//! One page for whoever signs: what it costs, what is bound, what would change the decision. In plain words.

use super::{
    format::{grouped, money_small, money_whole, percent},
    scenarios::label,
    sheet::Sheet,
};
use crate::{
    capacity::{Ladder, Purchase},
    model::Grade,
    projection::{Driver, GsuPool, Plan},
};

/// Inputs that are named.
const DRIVERS_SHOWN: usize = 4;

/// Longest name of an input.
const LABEL_LETTERS: usize = 48;

/// Orders that are listed.
const ORDERS_SHOWN: usize = 6;

/// Scenarios of demand in the order of the plan: half, as planned, twice.
const HALF: usize = 0;
const AS_PLANNED: usize = 1;
const TWICE: usize = 2;

/// The memo for a terminal.
pub fn memo_text(plan: &Plan) -> String {
    sheet(plan).terminal()
}

/// The memo as Markdown.
pub fn memo_markdown(plan: &Plan) -> String {
    sheet(plan).markdown()
}

fn sheet(plan: &Plan) -> Sheet {
    let (first, last) = (&plan.months[0], &plan.months[plan.months.len() - 1]);
    let title =
        format!("{}: cost from {first} to {last} (as of {})", plan.workload.name, plan.workload.as_of);
    let mut sheet = Sheet { title, ..Sheet::default() };
    if plan.warnings.iter().any(|warning| warning.code() == "rehearsed") {
        sheet.text("NOT A FORECAST: these figures come from play answers of a rehearsal.");
    }
    sheet.text(cost(plan));
    sheet.text(budget(plan));
    sheet.table(committed_and_variable(plan));
    sheet.text(bound(plan));
    sheet.table(orders(plan));
    sheet.text("What would change the decision:");
    sheet.table(changes(plan));
    sheet.text(alternatives(plan));
    sheet.table(what_ifs(plan));
    sheet.text(how_sure(plan));
    sheet
}

fn cost(plan: &Plan) -> String {
    let bill = &plan.bill;
    let at_least = if bill.complete { "" } else { "at least " };
    let mut text = format!(
        "Cost. We expect {at_least}{} a month, {} in {} months, for {} requests a month at {} each. Nine months in ten lie between {} and {}.",
        money_whole(bill.month.mean),
        money_whole(bill.total.mean),
        plan.months.len(),
        grouped((bill.requests_total / plan.months.len() as f64).round() as u64),
        money_small(bill.usd_per_request),
        money_whole(bill.month.p05),
        money_whole(bill.month.p95),
    );
    let (start, end) = (bill.by_month[0].mean, bill.by_month[bill.by_month.len() - 1].mean);
    if (end - start).abs() > 0.2 * bill.month.mean {
        text += &format!(" The months go from {} to {}.", money_whole(start), money_whole(end));
    }
    if let Some(net) = &bill.net {
        let used: f64 = net.credits.iter().map(|of| of.used_usd).sum();
        text += &format!(
            " Credits pay {} of it, which leaves {} a month.",
            money_whole(used),
            money_whole(net.month.mean)
        );
    }
    text
}

fn budget(plan: &Plan) -> String {
    let Some(budget) = plan.workload.budget_usd_per_month else {
        return format!(
            "Budget. None is set. {} a month would hold in 19 months of 20.",
            money_whole(plan.bill.month.p95)
        );
    };
    let over = plan.bill.probability_over_budget.unwrap_or(0.0);
    let net = plan.bill.net.as_ref().and_then(|net| net.probability_over_budget);
    let net = net.map(|over| format!(" ({} after credits)", percent(over))).unwrap_or_default();
    format!(
        "Budget. {} a month: the chance that a typical month costs more is {}{net}.",
        money_whole(budget),
        percent(over),
    )
}

/// The list of orders of a pool that is advised, with what it saves as planned.
fn advised(pool: &GsuPool) -> Option<(&Ladder, &[f64])> {
    let (ladder, choice) = (pool.ladder.as_ref()?, pool.regret.as_ref()?);
    let pays = !ladder.purchases.is_empty() && choice.saving_usd[AS_PLANNED] > 0.0;
    pays.then_some((ladder, choice.saving_usd.as_slice()))
}

/// What is paid whatever happens and what goes with the traffic, with and without the orders that are advised.
fn committed_and_variable(plan: &Plan) -> Vec<Vec<String>> {
    let months = plan.months.len() as f64;
    let total = plan.bill.total.mean;
    let header = ["US dollars a month", "committed", "variable", "together"].map(String::from).to_vec();
    let row = |name: &str, committed: f64, together: f64| {
        let amounts = [committed, together - committed, together].map(|usd| money_whole(usd / months));
        [vec![name.to_string()], amounts.to_vec()].concat()
    };
    let mut rows = vec![header, row("pay as you go, nothing reserved", 0.0, total)];
    let lists: Vec<(&Ladder, &[f64])> = plan.gsu.pools.iter().filter_map(advised).collect();
    if !lists.is_empty() {
        let committed =
            lists.iter().map(|(ladder, _)| ladder.committed_usd + ladder.charged_beyond_usd).sum();
        let saved: f64 = lists.iter().map(|(_, saving)| saving[AS_PLANNED]).sum();
        rows.push(row("with the reserved capacity below", committed, total - saved));
    }
    rows
}

fn bound(plan: &Plan) -> String {
    let lists: Vec<(&GsuPool, &[f64])> =
        plan.gsu.pools.iter().filter_map(|pool| Some((pool, advised(pool)?.1))).collect();
    let running = plan.workload.gsu_orders.len();
    let mut text = match running {
        0 => String::new(),
        1 => "One order of reserved capacity runs already, and is not in the bill above. ".to_string(),
        count => format!("{count} orders of reserved capacity run already, and are not in the bill above. "),
    };
    if lists.is_empty() {
        return format!(
            "Commitment. {text}None is advised: no reserved capacity pays for itself at this volume. What is spent stops when the traffic does, and nothing has to be cancelled."
        );
    }
    let of = |scenario: usize| lists.iter().map(|(_, saving)| saving[scenario]).sum::<f64>();
    let in_words = |usd: f64| match usd {
        usd if usd < 0.0 => format!("loses {}", money_whole(-usd)),
        usd => format!("saves {}", money_whole(usd)),
    };
    text += &format!(
        "Reserved capacity is advised: it {} in {} months as planned, {} at half the demand and {} at twice. It cannot be cancelled before its end, even where the model is retired:",
        in_words(of(AS_PLANNED)),
        plan.months.len(),
        in_words(of(HALF)),
        in_words(of(TWICE)),
    );
    format!("Commitment. {text}")
}

fn orders(plan: &Plan) -> Vec<Vec<String>> {
    let header = ["cannot be cancelled", "units", "from", "until", "order by", "US dollars"];
    let mut rows = vec![header.map(String::from).to_vec()];
    let all = plan.gsu.pools.iter().filter_map(|pool| Some((pool, advised(pool)?.0)));
    let all: Vec<(&GsuPool, &Purchase)> =
        all.flat_map(|(pool, ladder)| ladder.purchases.iter().map(move |order| (pool, order))).collect();
    for (pool, order) in all.iter().take(ORDERS_SHOWN) {
        rows.push(vec![
            pool.model.to_string(),
            grouped(order.gsu),
            order.start.to_string(),
            order.end.minus_day().to_string(),
            order.order_by.map_or_else(|| "–".into(), |day| day.to_string()),
            money_whole(order.usd),
        ]);
    }
    let rest: f64 = all.iter().skip(ORDERS_SHOWN).map(|(_, order)| order.usd).sum();
    if rest > 0.0 {
        let dash = || "–".to_string();
        rows.push(vec!["later orders".into(), dash(), dash(), dash(), dash(), money_whole(rest)]);
    }
    rows
}

fn signed(usd: f64) -> String {
    let text = money_whole(usd);
    if usd > 0.0 { format!("+{text}") } else { text }
}

fn changes(plan: &Plan) -> Vec<Vec<String>> {
    let header = ["if this turns out otherwise, a month", "at best", "at worst"];
    let mut rows = vec![header.map(String::from).to_vec()];
    for driver in plan.drivers.iter().take(DRIVERS_SHOWN) {
        rows.push(vec![in_plain_words(driver), signed(driver.low_usd), signed(driver.high_usd)]);
    }
    rows
}

/// A driver's name without the words of the trade.
fn in_plain_words(driver: &Driver) -> String {
    let name = driver.name.replace("gemini-", "");
    let name = name.replace("draft images?", "are drafts billed, too?").replace("billed? ", "paid? ");
    let plain = match name.as_str() {
        "volume of requests" => "the number of requests".into(),
        "growth per month" => "how fast they grow".into(),
        name => match name.split_once(" tokens, ") {
            Some((what, place)) => format!("{what} of a request? {place}"),
            None => name.replace("tokens", "units").replace("_usd_per_mtok", ""),
        },
    };
    // A long question says less of where.
    let question = plain.split_once('?').map(|(question, _)| format!("{question}?"));
    question.filter(|_| plain.chars().count() > LABEL_LETTERS).unwrap_or(plain)
}

/// The cheapest other way to serve the same requests, and ends of models.
fn alternatives(plan: &Plan) -> String {
    let facts = plan.facts();
    let moved: Vec<_> =
        facts.in_the_bill.iter().zip(&facts.cheapest).filter(|(now, best)| now.at != best.at).collect();
    let mut text = String::new();
    for (now, best) in moved.iter().take(2) {
        text += &format!(
            "{} would cost {} a month on {} instead of {}, if that does the job. ",
            now.route,
            money_whole(best.usd_per_month),
            label(&best.placement),
            money_whole(now.usd_per_month),
        );
    }
    if moved.len() > 2 {
        text += &format!("{} more routes would be cheaper elsewhere. ", moved.len() - 2);
    }
    let mut ends: Vec<String> = Vec::new();
    for end in &plan.limits.ends {
        let line = format!("{} on {} may end on {}", end.model, end.endpoint, end.end);
        if !ends.contains(&line) {
            ends.push(line);
        }
    }
    if !ends.is_empty() {
        text += &format!("{}. ", ends.join("; "));
    }
    if text.is_empty() {
        text =
            "No other model or place that was compared is cheaper, and no end of a model is known. ".into();
    }
    format!("Alternatives. {}", text.trim_end())
}

fn what_ifs(plan: &Plan) -> Vec<Vec<String>> {
    let header = ["what if", "a month", "difference", "from", "to"];
    let mut rows = vec![header.map(String::from).to_vec()];
    for scenario in &plan.scenarios {
        let Some(result) = &scenario.result else { continue };
        let change = &result.change;
        let [mean, from, to] = [change.mean, change.p05, change.p95].map(signed);
        rows.push(vec![scenario.name.clone(), money_whole(result.month.mean), mean, from, to]);
    }
    rows
}

fn how_sure(plan: &Plan) -> String {
    let chosen = || plan.routes.iter().filter_map(|route| route.chosen().per_request.as_ref());
    let measured = chosen().filter(|request| request.grade == Grade::Measured).count();
    let all = plan.routes.len();
    let rests = match measured {
        0 => "What a request takes rests on the provider's documents and on assumptions; none of it was measured here.".to_string(),
        count if count == all => "What a request takes was measured.".to_string(),
        count => format!("What a request takes was measured for {count} of {all} kinds of request."),
    };
    format!(
        "How sure. {rests} Prices were last checked on {}; taxes are not in them. {} assumptions and {} warnings stand in the full report.",
        plan.prices_checked,
        plan.workload.assumed.len(),
        plan.warnings.len(),
    )
}
