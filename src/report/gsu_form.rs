//! Google's GSU form for a workload: what to enter in every field, what it will answer, what that leaves.

use rust_decimal::{Decimal, prelude::FromPrimitive};
use serde::Serialize;

use super::{
    Block, Piece, Report, Section,
    format::{decimal_grouped, figure, grouped, money_whole, percent},
    words,
};
use crate::{
    model::{Endpoint, Grade, ModelId, Tier},
    projection::{Blended, FormEntry, FormLoad, GsuPool, LoadKind, PlacementPlan, Plan, RoutePlan, SizeRule},
    warning::Warning,
};

/// The forms of a workload, one per pool.
#[derive(Clone, Debug, Serialize)]
pub struct GsuForms {
    /// `burndown.gsu_form/1`.
    pub schema: &'static str,
    /// The workload.
    pub workload: String,
    /// One per model and location that could take GSUs, in the order of `/gsu/pools` of the plan.
    pub pools: Vec<PoolForm>,
    /// Routes that are in no form, and why.
    pub left_out: Vec<LeftOut>,
    /// What the reader should know: of the forms first, then of the plan.
    pub warnings: Vec<Warning>,
}

/// The form of one pool.
#[derive(Clone, Debug, Serialize)]
pub struct PoolForm {
    /// The model to choose.
    pub model: ModelId,
    /// Its location.
    pub endpoint: Endpoint,
    /// The busiest month, whose mean load is entered.
    pub month: String,
    /// The fields in the order of the form.
    pub fields: Vec<FieldEntry>,
    /// Queries a second that could be entered instead.
    pub loads: Vec<FormLoad>,
    /// The routes and their shares of the blended query.
    pub routes: Vec<Blended>,
    /// Routes that wait for idle hours and are not entered.
    pub waiting: Vec<String>,
    /// What the form will answer.
    pub answer: FormAnswer,
    /// The smallest count that leaves at most 1 % of the tokens; `None` when none of the curve does.
    pub one_percent_gsu: Option<u64>,
    /// What costs least in the mean month; `None` without terms.
    pub cheapest: Option<Cheapest>,
    /// What saves most against priority PayGo, which is bought for assurance as well; `None` where nothing does.
    pub against_priority: Option<AgainstPriority>,
}

/// A field and what to type into it.
#[derive(Clone, Debug, Serialize)]
pub struct FieldEntry {
    /// What is known of it.
    #[serde(flatten)]
    pub known: FormEntry,
    /// The value as typed: a decimal point, no grouping, no unit.
    pub entry: String,
}

/// What the form will answer, and what that leaves.
#[derive(Clone, Debug, Serialize)]
pub struct FormAnswer {
    /// GSUs.
    pub gsu: u64,
    /// Share of the month's tokens that they leave to PayGo; `None` beyond the curve.
    pub left_share: Option<f64>,
    /// The lowest and the highest share that rules which no page tells could make of it; `None` where they were
    /// not valued.
    pub left_range: Option<[f64; 2]>,
    /// Seconds over which their quota is enforced.
    pub window_seconds: Option<u64>,
    /// Burn tokens that a window admits.
    pub quota_per_window: Option<Decimal>,
    /// Whole requests of mean size that fit a window.
    pub whole_requests_per_window: Option<u64>,
    /// Requests that a window brings on average.
    pub requests_per_window: Option<f64>,
}

/// The count and term that cost least, fees and PayGo together.
#[derive(Clone, Debug, Serialize)]
pub struct Cheapest {
    /// GSUs; 0 = PayGo alone.
    pub gsu: u64,
    /// The term's name; of no meaning at 0 GSUs.
    pub term: String,
    /// Fees and PayGo, US dollars in the mean month.
    pub usd_per_month: f64,
    /// PayGo alone, US dollars in the mean month.
    pub paygo_usd_per_month: f64,
    /// What cannot be cancelled, US dollars.
    pub bound_usd: f64,
    /// Whether an order still is cheapest on average when demand may halve or double.
    pub holds_if_demand_varies: bool,
}

/// The best purchase if all PayGo were of the priority tier.
#[derive(Clone, Debug, Serialize)]
pub struct AgainstPriority {
    /// GSUs.
    pub gsu: u64,
    /// The term's name.
    pub term: String,
    /// What it saves, US dollars a month.
    pub saving_usd_per_month: f64,
    /// Priority alone, US dollars in the mean month.
    pub priority_usd_per_month: f64,
}

/// A route that is in no form.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    /// The route.
    pub route: String,
    /// Why.
    pub why: String,
}

/// A form was asked for that rests on the emulator.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error(
    "`{field}` of {model} on {endpoint} comes from a rehearsal against the emulator: no evidence for an order\n\nhint: leave the rehearsed profiles out, or learn them from real answers with `burndown fit`"
)]
pub struct RehearsedForm {
    /// The field.
    pub field: String,
    /// The model.
    pub model: ModelId,
    /// Where.
    pub endpoint: Endpoint,
}

/// The forms of a plan.
///
/// # Errors
///
/// When a field rests on rehearsed evidence: an order binds real money.
pub fn gsu_forms(plan: &Plan) -> Result<GsuForms, RehearsedForm> {
    let mut warnings = Vec::new();
    let mut pools = Vec::new();
    for pool in &plan.gsu.pools {
        if let Some(field) = pool.form.fields.iter().find(|field| field.grade == Some(Grade::Rehearsed)) {
            let (model, endpoint) = (pool.model.clone(), pool.endpoint.clone());
            return Err(RehearsedForm { field: field.name.clone(), model, endpoint });
        }
        let form = pool_form(pool);
        warnings.extend(form_warnings(pool, &form));
        pools.push(form);
    }
    warnings.extend(plan.warnings.iter().cloned());
    Ok(GsuForms {
        schema: "burndown.gsu_form/1",
        workload: plan.workload.name.clone(),
        pools,
        left_out: left_out(plan),
        warnings,
    })
}

fn pool_form(pool: &GsuPool) -> PoolForm {
    let size = |rule: SizeRule| pool.sizes.iter().find(|size| size.rule == rule);
    let window_seconds = pool.sizing.window.map(|window| window.seconds);
    let cheapest = pool.terms.iter().min_by(|a, b| a.usd_per_month.total_cmp(&b.usd_per_month));
    let orders = pool.ladder.as_ref().is_some_and(|ladder| !ladder.purchases.is_empty());
    PoolForm {
        model: pool.model.clone(),
        endpoint: pool.endpoint.clone(),
        month: pool.month.clone(),
        fields: pool
            .form
            .fields
            .iter()
            .map(|known| FieldEntry { known: known.clone(), entry: entry(&known.unit, known.value) })
            .collect(),
        loads: pool.form.loads.clone(),
        routes: pool.form.blend.clone(),
        waiting: pool.waiting.clone(),
        answer: FormAnswer {
            gsu: pool.sizing.gsu,
            left_share: size(SizeRule::GoogleForm).and_then(|size| size.left_share),
            left_range: open_rules(pool, pool.sizing.gsu),
            window_seconds,
            quota_per_window: pool.sizing.quota_per_window,
            whole_requests_per_window: pool.sizing.whole_requests_per_window,
            requests_per_window: window_seconds.map(|seconds| pool.load.requests_per_second * seconds as f64),
        },
        one_percent_gsu: size(SizeRule::OnePercent).and_then(|size| size.gsu),
        cheapest: cheapest.map(|term| Cheapest {
            gsu: term.gsu,
            term: term.name.clone(),
            usd_per_month: term.usd_per_month,
            paygo_usd_per_month: pool.paygo_usd_per_month,
            bound_usd: term.bound_usd,
            holds_if_demand_varies: orders,
        }),
        against_priority: against_priority(pool),
    }
}

/// GSUs are bought for assurance, and so is priority.
fn against_priority(pool: &GsuPool) -> Option<AgainstPriority> {
    let tier = pool.spill_tiers.iter().find(|tier| tier.tier == Tier::Priority)?;
    let terms = tier.terms.iter().filter(|term| term.gsu > 0);
    let best = terms.max_by(|a, b| a.saving_usd_per_month.total_cmp(&b.saving_usd_per_month))?;
    Some(AgainstPriority {
        gsu: best.gsu,
        term: best.name.clone(),
        saving_usd_per_month: best.saving_usd_per_month,
        priority_usd_per_month: tier.paygo_usd_per_month,
    })
}

/// What a count could leave if rules that no page tells were others.
pub(super) fn open_rules(pool: &GsuPool, gsu: u64) -> Option<[f64; 2]> {
    pool.rules.iter().find(|envelope| envelope.gsu == gsu).map(|envelope| envelope.envelope)
}

/// As typed: shares in percent; queries a second with six significant digits; tokens with two decimals.
fn entry(unit: &str, value: f64) -> String {
    let value = Decimal::from_f64(value).unwrap_or_default();
    let rounded = match unit {
        "%" => (value * Decimal::ONE_HUNDRED).round_dp(2),
        "1/s" => value.round_sf(6).unwrap_or(value),
        _ => value.round_dp(2),
    };
    rounded.normalize().to_string()
}

/// A bound of a range: three significant digits are more than is known of a volume.
fn bound_text(unit: &str, value: f64) -> String {
    let decimal = Decimal::from_f64(value).unwrap_or_default();
    let short = decimal.round_sf(3).filter(|_| unit == "1/s");
    short.map_or_else(|| entry(unit, value), |short| short.normalize().to_string())
}

fn form_warnings(pool: &GsuPool, form: &PoolForm) -> Vec<Warning> {
    let model = &pool.model;
    if form.fields.is_empty() {
        return vec![Warning::FormUnknown { model: model.clone() }];
    }
    let load = |kind: LoadKind| form.loads.iter().find(|load| load.kind == kind);
    let mean = load(LoadKind::MeanOfMonth).zip(load(LoadKind::WholeNumber));
    let whole = mean.filter(|(mean, whole)| mean.gsu != whole.gsu).map(|(mean, whole)| {
        let times = whole.queries_per_second / mean.queries_per_second;
        Warning::WholeQueries {
            model: model.clone(),
            entered: entry("1/s", mean.queries_per_second),
            whole: whole.queries_per_second as u64,
            times: figure(times),
            gsu_whole: whole.gsu,
            gsu: mean.gsu,
        }
    });
    let without = pool.form.without_field.iter().map(|(class, tokens)| Warning::NoFormField {
        model: model.clone(),
        class: *class,
        tokens: figure(*tokens),
    });
    whole.into_iter().chain(without).collect()
}

fn left_out(plan: &Plan) -> Vec<LeftOut> {
    let entered = |name: &String| plan.gsu.pools.iter().any(|pool| pool.routes.contains(name));
    let fills = |name: &String| plan.gsu.pools.iter().any(|pool| pool.waiting.contains(name));
    let why = |route: &RoutePlan| {
        let tier = route.chosen().placement.tier;
        let on_vertex = |plan: &PlacementPlan| {
            plan.placement.endpoint != Endpoint::Developer
                && plan.placement.model == route.chosen().placement.model
                && plan.status.serves()
        };
        match tier {
            Tier::Batch | Tier::Flex if fills(&route.name) => {
                format!("may wait: it fills idle GSUs and is else paid by {tier}")
            }
            Tier::Batch => "may wait and is paid by batch, which takes no provisioned throughput".to_string(),
            Tier::Flex => "may wait and is paid by flex, at half price: no GSU is cheaper".to_string(),
            _ if !route.placements.iter().any(on_vertex) => {
                "has no Vertex placement that serves its model".to_string()
            }
            _ => "cannot be sized: see the warnings".to_string(),
        }
    };
    let routes = plan.routes.iter().filter(|route| !entered(&route.name));
    routes.map(|route| LeftOut { route: route.name.clone(), why: why(route) }).collect()
}

impl GsuForms {
    /// One number a row: the pool, what it belongs to, its name, what to enter or what comes of it, its 90 % range,
    /// how it is known and from how many answers.
    ///
    /// # Panics
    ///
    /// Never: writing to memory cannot fail.
    pub fn csv(&self) -> String {
        let header = ["model", "location", "month", "part", "what", "value", "p05", "p95", "known", "n"];
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(header).expect("memory takes any record");
        for pool in &self.pools {
            let lead = [pool.model.to_string(), pool.endpoint.to_string(), pool.month.clone()];
            for row in pool.csv_rows() {
                writer.write_record(lead.iter().chain(&row)).expect("memory takes any record");
            }
        }
        String::from_utf8(writer.into_inner().expect("memory flushes")).expect("text in, text out")
    }

    /// One page per pool, or one that says why there is none; what is in no form stands on the last.
    pub fn pages(&self) -> Vec<Report> {
        let mut pages: Vec<Report> = self.pools.iter().map(PoolForm::page).collect();
        if pages.is_empty() {
            let none = "Nothing to enter: no route of this workload takes provisioned throughput.";
            let sections = vec![Section { heading: "FORM", blocks: vec![Block::Text(vec![words(none)])] }];
            pages.push(page(self.workload.clone(), sections));
        }
        let left: Vec<Block> = self
            .left_out
            .iter()
            .map(|left| Block::Text(vec![words(format!("{} {}", left.route, left.why))]))
            .collect();
        if let (Some(last), false) = (pages.last_mut(), left.is_empty()) {
            last.sections.push(Section { heading: "NOT IN IT", blocks: left });
        }
        pages
    }
}

fn page(title: String, sections: Vec<Section>) -> Report {
    Report { title, sections, ..Report::default() }
}

impl PoolForm {
    /// Part, name, value, range, grade, answers.
    fn csv_rows(&self) -> Vec<[String; 7]> {
        let field = |field: &FieldEntry| {
            let known = &field.known;
            let [low, high] = known.range.map_or_else(Default::default, |range| range.map(|b| b.to_string()));
            let grade = known.grade.map_or_else(|| "workload".to_string(), |grade| grade.to_string());
            let n = known.n.map_or_else(String::new, |n| n.to_string());
            ["field".into(), known.name.clone(), field.entry.clone(), low, high, grade, n]
        };
        let plain = |part: &str, what: &str, value: Option<String>| {
            let none = String::new;
            [part.into(), what.into(), value.unwrap_or_default(), none(), none(), none(), none()]
        };
        let mut rows: Vec<[String; 7]> = self.fields.iter().map(field).collect();
        for load in &self.loads {
            let what = self.load_label(load.kind);
            rows.push(plain("queries per second", &what, Some(load.queries_per_second.to_string())));
            rows.push(plain("GSU at these queries", &what, Some(load.gsu.to_string())));
        }
        let answer = &self.answer;
        let text = |value: Option<f64>| value.map(|value| value.to_string());
        rows.extend([
            plain("answer", "GSU", Some(answer.gsu.to_string())),
            plain("answer", "share left to PayGo", text(answer.left_share)),
            plain("answer", "window, seconds", answer.window_seconds.map(|seconds| seconds.to_string())),
            plain("answer", "burn tokens per window", answer.quota_per_window.map(|quota| quota.to_string())),
            plain("answer", "GSU for 1 % left", self.one_percent_gsu.map(|gsu| gsu.to_string())),
        ]);
        if let Some(cheapest) = &self.cheapest {
            rows.extend([
                plain("cheapest", "GSU", Some(cheapest.gsu.to_string())),
                plain("cheapest", "term", Some(cheapest.term.clone()).filter(|_| cheapest.gsu > 0)),
                plain("cheapest", "USD per month", Some(cheapest.usd_per_month.to_string())),
                plain(
                    "cheapest",
                    "USD per month by PayGo alone",
                    Some(cheapest.paygo_usd_per_month.to_string()),
                ),
                plain("cheapest", "USD bound", Some(cheapest.bound_usd.to_string())),
            ]);
        }
        rows
    }

    fn page(&self) -> Report {
        let mut sections = vec![
            Section { heading: "FORM", blocks: self.field_blocks() },
            Section { heading: "QUERIES", blocks: vec![self.load_rows()] },
        ];
        if self.routes.len() > 1 {
            sections.push(Section { heading: "BLEND", blocks: vec![self.route_rows()] });
        }
        sections
            .push(Section { heading: "ANSWER", blocks: vec![Block::Text(vec![words(self.sentences())])] });
        page(format!("{} · {} · {}, the busiest month", self.model, self.endpoint, self.month), sections)
    }

    fn field_blocks(&self) -> Vec<Block> {
        let inferred = |field: &FieldEntry| field.known.caption_grade != Grade::Documented;
        let legend = "? = no document lists this model's fields; inferred from its burndown rates";
        let legend = self.fields.iter().any(inferred).then(|| Block::Text(vec![words(legend)]));
        [self.field_rows()].into_iter().chain(legend).collect()
    }

    fn field_rows(&self) -> Block {
        let dash = || "–".to_string();
        let row = |field: &FieldEntry| {
            let known = &field.known;
            let range = known.range.map(|range| range.map(|bound| bound_text(&known.unit, bound)));
            let range = range.map(|[low, high]| if low == high { low } else { format!("{low}–{high}") });
            let used = known.value > 0.0;
            let grade = known.grade.map(|grade| grade.to_string());
            let grade = grade.unwrap_or_else(|| if used { "workload" } else { "not used" }.into());
            let caption = if known.caption_grade == Grade::Documented { "" } else { " ?" };
            cells([
                format!("{}{caption}", known.name),
                field.entry.clone() + if known.unit == "%" { " %" } else { "" },
                range.unwrap_or_else(dash),
                grade,
                known.n.map_or_else(dash, grouped),
            ])
        };
        let header = vec!["field", "enter", "5 to 95 %", "known", "n"];
        Block::Rows { header, rows: self.fields.iter().map(row).collect() }
    }

    fn load_label(&self, kind: LoadKind) -> String {
        match kind {
            LoadKind::MeanOfMonth => format!("mean of {}, entered above", self.month),
            LoadKind::BusiestHour => "busiest hour of its week".into(),
            LoadKind::StatedPeak => "peak, as stated".into(),
            LoadKind::WholeNumber => "the mean as a whole number".into(),
        }
    }

    fn load_rows(&self) -> Block {
        let row = |load: &FormLoad| {
            cells([self.load_label(load.kind), entry("1/s", load.queries_per_second), grouped(load.gsu)])
        };
        let mut rows: Vec<Vec<Piece>> = self.loads.iter().map(row).collect();
        if self.loads.iter().all(|load| load.kind != LoadKind::StatedPeak) {
            rows.push(cells(["peak: none is stated".to_string(), "–".into(), "–".into()]));
        }
        Block::Rows { header: vec!["queries per second", "enter", "GSU"], rows }
    }

    fn route_rows(&self) -> Block {
        let row = |route: &Blended| {
            cells([
                route.route.clone(),
                percent(route.share_of_requests),
                percent(route.share_of_burn),
                figure(route.burn_per_request),
            ])
        };
        let header = vec!["route", "of requests", "of burn", "burn a request"];
        Block::Rows { header, rows: self.routes.iter().map(row).collect() }
    }

    /// What the form will answer, what that leaves and why, what 1 % needs, what is cheapest.
    fn sentences(&self) -> String {
        let answer = &self.answer;
        let mut text = format!("The form will answer {} GSU", grouped(answer.gsu));
        if let Some(left) = answer.left_share {
            text += &format!(", leaving {} of the month's tokens to PayGo", percent(left));
            if let Some([low, high]) = answer.left_range {
                text += &format!(" ({} to {} under other rules of admission)", percent(low), percent(high));
            }
        }
        if let (Some(seconds), Some(quota), Some(brought)) =
            (answer.window_seconds, answer.quota_per_window, answer.requests_per_window)
        {
            let whole = answer.whole_requests_per_window.unwrap_or(0);
            text += &format!(
                ": {} burn tokens in {} s hold {} whole requests of mean size; {} come on average, at times more",
                decimal_grouped(quota),
                grouped(seconds),
                grouped(whole),
                figure(brought),
            );
        }
        text += &match self.one_percent_gsu {
            Some(gsu) => format!("; to leave 1 % takes {} GSU", grouped(gsu)),
            None => "; no count of the curve leaves 1 %".into(),
        };
        text += &self.cheapest.as_ref().map(Cheapest::words).unwrap_or_default();
        text + &self.against_priority.as_ref().map(AgainstPriority::words).unwrap_or_default() + "."
    }
}

impl Cheapest {
    fn words(&self) -> String {
        let paygo = money_whole(self.paygo_usd_per_month);
        if self.gsu == 0 {
            return format!("; cheapest is none, {paygo} a month by PayGo alone");
        }
        let if_varies = match self.holds_if_demand_varies {
            true => "",
            false => ", and loses on average if demand may halve or double",
        };
        format!(
            "; cheapest as planned is {} GSU for {}, {} a month with PayGo against {paygo} without, which binds {}{if_varies}",
            grouped(self.gsu),
            self.term,
            money_whole(self.usd_per_month),
            money_whole(self.bound_usd),
        )
    }
}

impl AgainstPriority {
    fn words(&self) -> String {
        format!(
            "; against priority PayGo, {} a month, {} GSU for {} save {}",
            money_whole(self.priority_usd_per_month),
            grouped(self.gsu),
            self.term,
            money_whole(self.saving_usd_per_month),
        )
    }
}

fn cells<const N: usize>(texts: [String; N]) -> Vec<Piece> {
    texts.into_iter().map(words).collect()
}
