//! The tables of provisioned throughput.

use super::{
    Cell, Table,
    format::{decimal_grouped, percent},
    located,
    screen::short,
    tables::{usd, usd_small},
};
use crate::{
    capacity::PurchaseKind,
    projection::{GsuPool, Plan},
};

pub(super) fn form(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    for (at, pool) in plan.gsu.pools.iter().enumerate() {
        let base = format!("/gsu/pools/{at}");
        let row = |field: &str, value: Cell, place: &str| {
            let row = vec![
                Cell::words(pool.model.to_string()),
                Cell::words(pool.endpoint.to_string()),
                Cell::words(field),
                value,
            ];
            located(row, &base, &["", "", "", place])
        };
        let exact =
            |value: rust_decimal::Decimal| Cell::number(to_f64(value), decimal_grouped(value.round_dp(3)));
        let queries = "queries per second (mean of the busiest month)";
        rows.push(row(queries, qps(pool), "form/loads/0/queries_per_second"));
        for (line_at, line) in pool.sizing.lines.iter().enumerate() {
            let field = format!("{} tokens per query, burnt × {}", line.class.label(), line.rate.normalize());
            rows.push(row(&field, exact(line.tokens), &format!("sizing/lines/{line_at}/tokens")));
        }
        let burn = exact(pool.sizing.burn_per_request);
        rows.push(row("burn tokens per query", burn, "sizing/burn_per_request"));
        let per_second = exact(pool.sizing.throughput_per_second);
        rows.push(row("burn tokens per second", per_second, "sizing/throughput_per_second"));
        let per_gsu = exact(pool.sizing.throughput_per_gsu);
        rows.push(row("burn tokens per second of one GSU", per_gsu, "sizing/throughput_per_gsu"));
        rows.push(row(
            "GSUs, the form's answer",
            Cell::number(pool.sizing.gsu as f64, pool.sizing.gsu.to_string()),
            "sizing/gsu",
        ));
        if let Some(window) = pool.sizing.window {
            let text = format!("{} ({})", window.seconds, window.grade);
            rows.push(row(
                "enforcement window at that count, seconds",
                Cell::number(window.seconds as f64, text),
                "sizing/window/seconds",
            ));
        }
    }
    Table {
        name: "gsu_form",
        title: "Google's GSU form, field by field",
        columns: vec!["model", "endpoint", "field", "value"],
        rows,
    }
}

fn qps(pool: &GsuPool) -> Cell {
    let burn = to_f64(pool.sizing.burn_per_request);
    let per_second = to_f64(pool.sizing.throughput_per_second) / burn;
    Cell::number(per_second, format!("{per_second:.4}"))
}

fn to_f64(value: rust_decimal::Decimal) -> f64 {
    use rust_decimal::prelude::ToPrimitive;
    value.to_f64().unwrap_or(f64::NAN)
}

pub(super) fn terms(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    for (at, pool) in plan.gsu.pools.iter().enumerate() {
        let base = format!("/gsu/pools/{at}");
        for (term_at, term) in pool.terms.iter().enumerate() {
            let row = vec![
                Cell::words(pool.model.to_string()),
                Cell::words(&term.name),
                usd_small(term.usd_per_gsu_hour),
                Cell::number(term.break_even, percent(term.break_even)),
                Cell::number(term.gsu as f64, term.gsu.to_string()),
                usd(term.usd_per_month),
                usd(pool.paygo_usd_per_month),
                usd(term.saving_usd_per_month),
                usd(term.bound_usd),
                Cell::number(pool.sizing.gsu as f64, pool.sizing.gsu.to_string()),
                usd(term.form_total_usd_per_month),
            ];
            let (paygo, form) = (format!("{base}/paygo_usd_per_month"), format!("{base}/sizing/gsu"));
            let fields = [
                "",
                "",
                "usd_per_gsu_hour",
                "break_even",
                "gsu",
                "usd_per_month",
                paygo.as_str(),
                "saving_usd_per_month",
                "bound_usd",
                form.as_str(),
                "form_total_usd_per_month",
            ];
            rows.push(located(row, &format!("{base}/terms/{term_at}"), &fields));
        }
    }
    Table {
        name: "gsu_terms",
        title: "The cheapest GSU count of each term, held over the horizon, against PayGo alone and the form's count",
        columns: vec![
            "model",
            "term",
            "USD per GSU-hour",
            "break-even use",
            "cheapest GSUs",
            "fees and PayGo, USD per month",
            "PayGo alone, USD per month",
            "saving, USD per month",
            "USD bound per term",
            "GSUs by the form",
            "that many: fees and PayGo, USD per month",
        ],
        rows,
    }
}

pub(super) fn sizes(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    let none = || Cell::words("none on the curve");
    for (at, pool) in plan.gsu.pools.iter().enumerate() {
        let base = format!("/gsu/pools/{at}");
        for (size_at, size) in pool.sizes.iter().enumerate() {
            let mut fields: Vec<String> =
                ["", "", "gsu", "window_seconds", "left_share"].map(String::from).to_vec();
            let mut row = vec![
                Cell::words(pool.model.to_string()),
                Cell::words(size.rule.label()),
                size.gsu.map_or_else(none, |gsu| Cell::number(gsu as f64, gsu.to_string())),
                size.window_seconds.map_or_else(none, |s| Cell::number(s as f64, format!("{s} s"))),
                size.left_share.map_or_else(none, |share| Cell::number(share, percent(share))),
            ];
            for term in ["1-month", "3-months", "1-year"] {
                let at = pool.terms.iter().position(|other| other.term == term);
                let total = at.and_then(|at| size.usd_per_month.get(at).copied().flatten());
                row.push(total.map_or_else(none, usd));
                fields.push(at.map_or_else(String::new, |at| format!("usd_per_month/{at}")));
            }
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            rows.push(located(row, &format!("{base}/sizes/{size_at}"), &fields));
        }
    }
    Table {
        name: "gsu_sizes",
        title: "GSU counts by rule in the busiest month: what each leaves to PayGo, fees and PayGo per term",
        columns: vec![
            "model",
            "rule",
            "GSUs",
            "window",
            "left to PayGo",
            "1 month, USD per month",
            "3 months, USD per month",
            "1 year, USD per month",
        ],
        rows,
    }
}

pub(super) fn together(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    for (at, shared) in plan.gsu.together.iter().enumerate() {
        let models: Vec<&str> = shared.models.iter().map(|model| short(&model.0)).collect();
        for (term_at, term) in shared.terms.iter().enumerate() {
            let split: Vec<String> = term.split.iter().map(ToString::to_string).collect();
            let row = vec![
                Cell::words(shared.endpoint.to_string()),
                Cell::words(models.join(" + ")),
                Cell::words(&term.name),
                Cell::number(term.gsu as f64, term.gsu.to_string()),
                Cell::words(split.join(" + ")),
                usd(term.usd_per_month),
                usd(term.saving_usd_per_month),
                usd(term.apart_saving_usd_per_month),
            ];
            let fields = [
                "",
                "",
                "",
                "gsu",
                "",
                "usd_per_month",
                "saving_usd_per_month",
                "apart_saving_usd_per_month",
            ];
            rows.push(located(row, &format!("/gsu/together/{at}/terms/{term_at}"), &fields));
        }
    }
    Table {
        name: "gsu_together",
        title: "One purchase for all models of a location: GSUs have one price, and an order may change its model",
        columns: vec![
            "location",
            "models",
            "term",
            "cheapest GSUs",
            "split",
            "fees and PayGo, USD per month",
            "saving, USD per month",
            "saving when bought apart",
        ],
        rows,
    }
}

pub(super) fn wait(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    for (at, pool) in plan.gsu.pools.iter().enumerate() {
        let base = format!("/gsu/pools/{at}");
        let Some(wait) = &pool.wait else { continue };
        let outcome = &wait.outcome;
        let row = vec![
            Cell::words(pool.model.to_string()),
            Cell::words(&wait.term),
            Cell::number(outcome.gsu as f64, outcome.gsu.to_string()),
            usd(outcome.buy_usd),
            usd(outcome.wait_usd),
            usd(outcome.delay_usd),
            usd(outcome.knowing_usd),
            usd(outcome.kept_free_usd),
            Cell::words(if outcome.should_wait() { "wait" } else { "buy now" }),
        ];
        let fields = ["", "", "gsu", "buy_usd", "wait_usd", "delay_usd", "knowing_usd", "kept_free_usd"];
        rows.push(located(row, &format!("{base}/wait"), &fields));
    }
    Table {
        name: "gsu_wait",
        title: "Buy now, or wait a month until demand shows itself (half, as planned or twice)",
        columns: vec![
            "model",
            "term",
            "GSUs",
            "buy now, USD over the horizon",
            "wait a month, USD",
            "the delay costs",
            "knowing gains",
            "not bound meanwhile",
            "cheaper",
        ],
        rows,
    }
}

pub(super) fn curve(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    for (at, pool) in plan.gsu.pools.iter().enumerate() {
        let base = format!("/gsu/pools/{at}");
        for (row_at, row) in pool.curve.iter().enumerate() {
            let share = |value: f64| Cell::number(value, percent(value));
            let cells = vec![
                Cell::words(pool.model.to_string()),
                Cell::number(row.gsu as f64, row.gsu.to_string()),
                row.window_seconds
                    .map_or_else(|| Cell::words("–"), |s| Cell::number(s as f64, s.to_string())),
                Cell::number(row.quota, format!("{:.0}", row.quota)),
                share(row.left.tokens),
                share(row.left.requests),
                share(row.left.windows),
                row.paygo_usd_per_month.map_or_else(|| Cell::words("not costed"), usd),
            ];
            let fields = [
                "",
                "gsu",
                "window_seconds",
                "quota",
                "left/tokens",
                "left/requests",
                "left/windows",
                "paygo_usd_per_month",
            ];
            rows.push(located(cells, &format!("{base}/curve/{row_at}"), &fields));
        }
    }
    Table {
        name: "gsu_curve",
        title: "What every GSU count leaves to PayGo in the busiest month",
        columns: vec![
            "model",
            "GSUs",
            "window, seconds",
            "burn tokens per window",
            "tokens left",
            "requests left",
            "windows short",
            "PayGo left, USD per month",
        ],
        rows,
    }
}

pub(super) fn orders(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    let day = |day: &Option<crate::calendar::Day>| {
        Cell::words(day.as_ref().map_or_else(|| "–".to_string(), ToString::to_string))
    };
    for (at, pool) in plan.gsu.pools.iter().enumerate() {
        let base = format!("/gsu/pools/{at}");
        for (order_at, order) in pool.ladder.iter().flat_map(|ladder| &ladder.purchases).enumerate() {
            let kind = match order.kind {
                PurchaseKind::Order => "order",
                PurchaseKind::Renewal => "renewal",
                PurchaseKind::Increase => "increase",
            };
            let row = vec![
                Cell::words(pool.model.to_string()),
                Cell::words(pool.endpoint.to_string()),
                Cell::words(kind),
                Cell::words(&order.term),
                Cell::number(order.gsu as f64, order.gsu.to_string()),
                day(&order.order_by),
                Cell::words(order.start.to_string()),
                Cell::words(order.end.to_string()),
                day(&order.renewal_off_by),
                usd(order.usd),
                usd(order.beyond_usd),
            ];
            let fields = ["", "", "", "", "gsu", "", "", "", "", "usd", "beyond_usd"];
            rows.push(located(row, &format!("{base}/ladder/purchases/{order_at}"), &fields));
        }
    }
    Table {
        name: "gsu_orders",
        title: "What to order, when: the cheapest ladder of terms for the demand as planned (empty: nothing)",
        columns: vec![
            "model",
            "location",
            "what",
            "term",
            "GSUs",
            "enter by",
            "first day",
            "first day after",
            "renewal off by",
            "USD bound",
            "of it after the horizon",
        ],
        rows,
    }
}

pub(super) fn regret(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    for (at, pool) in plan.gsu.pools.iter().enumerate() {
        let base = format!("/gsu/pools/{at}");
        let Some(choice) = &pool.regret else { continue };
        let regret = &choice.regret;
        for (at, candidate) in regret.candidates.iter().enumerate() {
            let mark = match (at == regret.cheapest, at == regret.minimax) {
                (true, true) => "cheapest on average, least worst regret",
                (true, false) => "cheapest on average",
                (false, true) => "least worst regret",
                (false, false) => "",
            };
            let mut row = vec![
                Cell::words(pool.model.to_string()),
                Cell::words(&choice.names[at]),
                Cell::number(choice.gsu[at] as f64, choice.gsu[at].to_string()),
                usd(candidate.expected_usd),
            ];
            row.extend(candidate.regret_usd.iter().map(|amount| usd(*amount)));
            row.push(Cell::words(mark));
            let count = format!("{base}/regret/gsu/{at}");
            let fields =
                ["", "", count.as_str(), "expected_usd", "regret_usd/0", "regret_usd/1", "regret_usd/2"];
            rows.push(located(row, &format!("{base}/regret/regret/candidates/{at}"), &fields));
        }
    }
    Table {
        name: "gsu_regret",
        title: "What each purchase costs too much if demand comes at half, as planned, or at twice",
        columns: vec![
            "model",
            "bought for demand",
            "most GSUs",
            "expected USD over the horizon",
            "too much at half",
            "too much as planned",
            "too much at twice",
            "remark",
        ],
        rows,
    }
}
