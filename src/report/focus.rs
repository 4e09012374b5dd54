//! Projected charges in the columns of FOCUS, the FinOps Open Cost and Usage Specification 1.2, so that a plan goes
//! where bills go.
//!
//! One row a month, route and token class. What FOCUS wants from an invoice and a projection cannot know
//! (account, invoice, the provider's SKU) is empty or says so; `SkuId` is this program's own.
//!
//! Source: <https://focus.finops.org/focus-specification/v1-2/>.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    calendar::{Day, Month, horizon},
    capacity::Ladder,
    model::{Endpoint, Placement, TokenClass},
    projection::{GsuPool, PlacementPlan, Plan},
    units::TOKENS_PER_MTOK,
};

/// Which charges are projected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FocusOf {
    /// The plan's bill: everything by pay-as-you-go, nothing bought.
    Bill,
    /// The same with the orders of provisioned throughput that the plan advises.
    WithOrders,
}

/// Columns in the order of the file: those of FOCUS by name, then our own with its prefix `x_`.
const COLUMNS: [&str; 45] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceId",
    "Tags",
    "x_Projected",
    "x_SkuIdOrigin",
    "x_PlannedOn",
    "x_Evidence",
];

/// A charge by column; what a row does not name is empty.
type Row = BTreeMap<&'static str, String>;

/// The plan's charges as a CSV file in the columns of FOCUS.
///
/// `BilledCost` adds up to the plan's bill over the horizon less its credits, or with orders to that less what they
/// save; the same holds of `EffectiveCost`. What orders take off pay-as-you-go is spread over the months in
/// proportion to their spend, as far as GSUs are held.
///
/// # Panics
///
/// Never: writing to memory cannot fail.
pub fn focus(plan: &Plan, of: FocusOf) -> String {
    let months = horizon(plan.workload.start, plan.workload.horizon_months);
    let mut rows = Vec::new();
    let orders: Vec<Order<'_>> = match of {
        FocusOf::Bill => Vec::new(),
        FocusOf::WithOrders => plan.gsu.pools.iter().filter_map(|pool| order(plan, pool, &months)).collect(),
    };
    for (at, month) in months.iter().enumerate() {
        rows.extend(usage(plan, &orders, at, *month));
        rows.extend(orders.iter().filter_map(|order| purchase(plan, order, at, *month)));
        rows.extend(credit(plan, at, *month));
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).expect("memory takes any record");
    for row in &rows {
        debug_assert!(row.keys().all(|column| COLUMNS.contains(column)));
        let cells = COLUMNS.iter().map(|column| row.get(column).map_or("", String::as_str));
        writer.write_record(cells).expect("memory takes any record");
    }
    String::from_utf8(writer.into_inner().expect("memory flushes")).expect("text in, text out")
}

/// Whether the plan advises to buy anything.
pub fn advises_orders(plan: &Plan) -> bool {
    plan.gsu.pools.iter().any(|pool| advised(pool).is_some())
}

/// The list of orders of a pool that saves money as planned, and how much over the horizon.
fn advised(pool: &GsuPool) -> Option<(&Ladder, f64)> {
    const AS_PLANNED: usize = 1;
    let saving = pool.regret.as_ref()?.saving_usd[AS_PLANNED];
    let ladder = pool.ladder.as_ref().filter(|ladder| !ladder.purchases.is_empty())?;
    (saving > 0.0).then_some((ladder, saving))
}

/// A pool's orders, month by month.
struct Order<'a> {
    pool: &'a GsuPool,
    /// US dollars of fees.
    fees: Vec<f64>,
    /// GSU-hours held.
    gsu_hours: Vec<f64>,
    /// Share of the pool's spend that the GSUs take over.
    covered: Vec<f64>,
}

fn order<'a>(plan: &Plan, pool: &'a GsuPool, months: &[Month]) -> Option<Order<'a>> {
    let (ladder, saving) = advised(pool)?;
    let held = |month: &Month| -> f64 {
        let levels = ladder.levels.iter();
        let days = levels.map(|level| {
            let (first, next) = (level.first.max(month.first), level.next.min(month.next));
            if first < next { first.days_until(next) as f64 * level.gsu as f64 } else { 0.0 }
        });
        days.sum::<f64>() * 24.0
    };
    let gsu_hours: Vec<f64> = months.iter().map(held).collect();
    let fee = |at: usize| ladder.periods.get(at).map_or(0.0, |period| period.committed_usd);
    let mut fees: Vec<f64> = (0..months.len()).map(fee).collect();
    // Fees after the horizon that the list counts as spent belong to its last month.
    *fees.last_mut()? += ladder.charged_beyond_usd;
    let spend = |at: usize| -> f64 { of_pool(plan, pool).map(|place| place.months[at].usd_total).sum() };
    let weights: Vec<f64> =
        (0..months.len()).map(|at| if gsu_hours[at] > 0.0 { spend(at) } else { 0.0 }).collect();
    let taken_off = saving + fees.iter().sum::<f64>();
    let weight: f64 = weights.iter().sum();
    let covered = |at: usize| if weights[at] > 0.0 { (taken_off / weight).min(1.0) } else { 0.0 };
    Some(Order { pool, fees, covered: (0..months.len()).map(covered).collect(), gsu_hours })
}

/// The placements in the bill whose spend a pool's GSUs would replace.
fn of_pool<'a>(plan: &'a Plan, pool: &'a GsuPool) -> impl Iterator<Item = &'a PlacementPlan> {
    let mine = |name: &String| pool.routes.contains(name) || pool.waiting.contains(name);
    plan.routes.iter().filter(move |route| mine(&route.name)).map(|route| route.chosen())
}

fn usage(plan: &Plan, orders: &[Order<'_>], at: usize, month: Month) -> Vec<Row> {
    let mut rows = Vec::new();
    for route in &plan.routes {
        let chosen = route.chosen();
        let Some(request) = &chosen.per_request else { continue };
        let spend = &chosen.months[at];
        let order = orders.iter().find(|order| {
            order.pool.routes.contains(&route.name) || order.pool.waiting.contains(&route.name)
        });
        let covered = order.map_or(0.0, |order| order.covered[at]);
        for (class, usd) in spend.usd.iter().filter(|(_, usd)| **usd > 0.0) {
            let tokens = request.tokens[class].as_ref().map_or(0.0, |tokens| tokens.mean * spend.requests);
            let charge = Charge { plan, route: &route.name, chosen, class, usd: *usd, tokens };
            if covered < 1.0 {
                rows.push(charge.row(month, 1.0 - covered));
            }
            if let Some(order) = order.filter(|_| covered > 0.0) {
                let all: f64 = of_pool(plan, order.pool).map(|place| place.months[at].usd_total).sum();
                rows.push(charge.covered(month, covered, order, at, usd / all));
            }
        }
    }
    rows
}

/// A month's use of one class on one route.
struct Charge<'a> {
    plan: &'a Plan,
    route: &'a str,
    chosen: &'a PlacementPlan,
    class: TokenClass,
    usd: f64,
    tokens: f64,
}

impl Charge<'_> {
    /// The part that is paid as it goes.
    fn row(&self, month: Month, share: f64) -> Row {
        let Charge { plan, chosen, class, .. } = self;
        let (usd, tokens) = (self.usd * share, self.tokens * share);
        let list = usd / plan.workload.price_factors.tokens;
        let millions = tokens / TOKENS_PER_MTOK as f64;
        let placement = &chosen.placement;
        let mut row = common(plan, month, &placement.endpoint);
        let label = class.label();
        put(
            &mut row,
            [
                ("BilledCost", number(usd)),
                ("EffectiveCost", number(usd)),
                ("ContractedCost", number(usd)),
                ("ListCost", number(list)),
                ("ContractedUnitPrice", number(usd / millions)),
                ("ListUnitPrice", number(list / millions)),
                ("ChargeCategory", "Usage".into()),
                ("ChargeFrequency", "Usage-Based".into()),
                ("ChargeDescription", format!("{label} of {} on {placement}, projected", self.route)),
                ("ConsumedQuantity", number(tokens)),
                ("ConsumedUnit", "Tokens".into()),
                ("PricingCategory", "Standard".into()),
                ("PricingQuantity", number(millions)),
                ("PricingUnit", "1000000 Tokens".into()),
                ("SkuId", sku(placement, class.as_str())),
                ("SkuMeter", label.into()),
                ("Tags", tags(self.route, placement)),
            ],
        );
        let grade = chosen.per_request.as_ref().and_then(|request| request.tokens[*class].as_ref());
        put(&mut row, [("x_Evidence", grade.map(|of| of.evidence.grade.to_string()).unwrap_or_default())]);
        row
    }

    /// The part that GSUs serve: paid by their fee, of which it bears its share.
    fn covered(&self, month: Month, covered: f64, order: &Order<'_>, at: usize, share: f64) -> Row {
        let mut row = self.row(month, covered);
        put(&mut row, commitment(order.pool));
        put(
            &mut row,
            [
                ("BilledCost", number(0.0)),
                ("EffectiveCost", number(order.fees[at] * share)),
                ("PricingCategory", "Committed".into()),
                ("CommitmentDiscountStatus", "Used".into()),
                ("CommitmentDiscountQuantity", number(order.gsu_hours[at] * share)),
            ],
        );
        row
    }
}

/// A month's fee.
fn purchase(plan: &Plan, order: &Order<'_>, at: usize, month: Month) -> Option<Row> {
    let (fee, hours) = (order.fees[at], order.gsu_hours[at]);
    if fee <= 0.0 {
        return None;
    }
    let pool = order.pool;
    let list = fee / plan.workload.price_factors.gsu_hours;
    let mut row = common(plan, month, &pool.endpoint);
    put(&mut row, commitment(pool));
    put(
        &mut row,
        [
            ("BilledCost", number(fee)),
            ("EffectiveCost", number(0.0)),
            ("ContractedCost", number(fee)),
            ("ListCost", number(list)),
            ("ChargeCategory", "Purchase".into()),
            ("ChargeFrequency", "Recurring".into()),
            (
                "ChargeDescription",
                format!("provisioned throughput of {} on {}, advised", pool.model, pool.endpoint),
            ),
            ("CommitmentDiscountQuantity", number(hours)),
            ("PricingCategory", "Standard".into()),
            ("PricingQuantity", number(hours)),
            ("PricingUnit", "GSU-Hours".into()),
            ("SkuId", format!("burndown/{}/{}/gsu", pool.endpoint, pool.model)),
            ("SkuMeter", "provisioned throughput".into()),
            ("Tags", json!({ "model": pool.model.0, "routes": pool.routes.join(" ") }).to_string()),
        ],
    );
    if hours > 0.0 {
        put(
            &mut row,
            [("ContractedUnitPrice", number(fee / hours)), ("ListUnitPrice", number(list / hours))],
        );
    }
    Some(row)
}

fn commitment(pool: &GsuPool) -> [(&'static str, String); 5] {
    [
        ("CommitmentDiscountCategory", "Usage".into()),
        ("CommitmentDiscountId", format!("burndown/{}/{}", pool.endpoint, pool.model)),
        ("CommitmentDiscountName", format!("GSUs of {} on {}", pool.model, pool.endpoint)),
        ("CommitmentDiscountType", "Provisioned Throughput".into()),
        ("CommitmentDiscountUnit", "GSU-Hours".into()),
    ]
}

/// A month's credits.
fn credit(plan: &Plan, at: usize, month: Month) -> Option<Row> {
    let net = plan.bill.net.as_ref()?;
    let usd: f64 = net.credits.iter().map(|of| of.by_month[at]).sum();
    if usd <= 0.0 {
        return None;
    }
    let endpoint = plan.routes.first().map(|route| &route.chosen().placement.endpoint)?;
    let mut row = common(plan, month, endpoint);
    put(
        &mut row,
        ["BilledCost", "EffectiveCost", "ContractedCost", "ListCost"].map(|column| (column, number(-usd))),
    );
    put(
        &mut row,
        [
            ("ChargeCategory", "Credit".into()),
            ("ChargeFrequency", "One-Time".into()),
            ("ChargeDescription", "credits of the workload, projected".into()),
            ("RegionId", String::new()),
            ("RegionName", String::new()),
        ],
    );
    Some(row)
}

/// What every row has.
fn common(plan: &Plan, month: Month, endpoint: &Endpoint) -> Row {
    let mut row = Row::new();
    let at = |day: Day| format!("{day}T00:00:00Z");
    let billed = month.first.first_of_month();
    let region = match endpoint {
        Endpoint::Developer => "global".to_string(),
        Endpoint::Vertex(location) => location.to_string(),
    };
    let service = match endpoint {
        Endpoint::Developer => "Gemini API",
        Endpoint::Vertex(_) => "Vertex AI",
    };
    put(
        &mut row,
        [
            ("BillingAccountId", "projected".into()),
            ("BillingAccountName", "projected".into()),
            ("BillingCurrency", "USD".into()),
            ("BillingPeriodStart", at(billed)),
            ("BillingPeriodEnd", at(billed.plus_months(1))),
            ("ChargePeriodStart", at(month.first)),
            ("ChargePeriodEnd", at(month.next)),
            ("InvoiceIssuerName", "Google Cloud".into()),
            ("ProviderName", "Google Cloud".into()),
            ("PublisherName", "Google".into()),
            ("RegionId", region.clone()),
            ("RegionName", region),
            ("ServiceCategory", "AI and Machine Learning".into()),
            ("ServiceName", service.into()),
            ("ServiceSubcategory", "Generative AI".into()),
            ("x_Projected", "true".into()),
            ("x_SkuIdOrigin", "burndown; the provider's SKU is not known".into()),
            ("x_PlannedOn", plan.workload.as_of.to_string()),
        ],
    );
    row
}

fn put<const N: usize>(row: &mut Row, cells: [(&'static str, String); N]) {
    row.extend(cells);
}

fn sku(placement: &Placement, class: &str) -> String {
    format!("burndown/{}/{}/{}/{class}", placement.endpoint, placement.model, placement.tier)
}

fn tags(route: &str, placement: &Placement) -> String {
    json!({ "route": route, "model": placement.model.0, "tier": placement.tier.to_string() }).to_string()
}

/// A decimal without exponent, as FOCUS wants it: ten places, no zeros at the end.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return String::new();
    }
    let text = format!("{value:.10}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.to_string() }
}
