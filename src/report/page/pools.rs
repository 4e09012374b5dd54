//! What every GSU count of a pool comes to at every term: the numbers behind the slider.

use serde::Serialize;

use crate::{
    model::Grade,
    projection::{GsuPool, Plan, SizeRule, TermVerdict},
    report::{FieldEntry, PoolForm, format::percent, gsu_forms, screen::short},
};

/// The GSUs of one model at one location: what each count leaves and costs.
#[derive(Clone, Debug)]
pub struct PoolView {
    /// The model.
    pub model: String,
    /// Its location.
    pub endpoint: String,
    /// Routes that it serves, those that fill idle hours last.
    pub routes: String,
    /// The busiest month, which shares left are of.
    pub month: String,
    /// JSON pointer of the pool in `plan.json`.
    pub pointer: String,
    /// Spend of its routes in the mean month without GSUs, US dollars.
    pub paygo_usd_per_month: f64,
    /// Terms, in the order of the plan.
    pub terms: Vec<TermView>,
    /// Counts that were costed, ascending, from 0.
    pub counts: Vec<CountView>,
    /// Counts that rules ask for.
    pub marks: Vec<MarkView>,
    /// Term and count that are shown first: the cheapest.
    pub start: (usize, u64),
    /// What to enter in Google's form; `None` where it rests on a rehearsal, which is no evidence for an order.
    pub form: Option<PoolForm>,
}

/// A term.
#[derive(Clone, Debug, Serialize)]
pub struct TermView {
    /// Its name.
    pub name: String,
    /// US dollars per GSU in the mean month.
    pub usd_per_gsu_month: f64,
    /// US dollars that one GSU binds until the term ends.
    pub bound_usd_per_gsu: f64,
    /// Its cheapest count.
    pub gsu: u64,
}

/// A count.
#[derive(Clone, Copy, Debug)]
pub struct CountView {
    /// GSUs.
    pub gsu: u64,
    /// Seconds over which their quota is enforced; `None` at 0.
    pub window_seconds: Option<u64>,
    /// Share of the busiest month's tokens left to PayGo.
    pub left_share: f64,
    /// PayGo left over in the mean month, US dollars.
    pub paygo_usd_per_month: f64,
}

/// A count that something asks for.
#[derive(Clone, Debug, Serialize)]
pub struct MarkView {
    /// GSUs.
    pub gsu: u64,
    /// What asks for it.
    pub label: &'static str,
}

/// The same in columns, which are read by the page's script: a third of the size.
#[derive(Serialize)]
struct Data<'a> {
    paygo: f64,
    terms: &'a [TermView],
    gsu: Vec<u64>,
    window: Vec<Option<u64>>,
    left: Vec<f64>,
    usd: Vec<f64>,
    start: (usize, u64),
}

impl PoolView {
    /// The numbers as JSON that can stand inside a page: no `<`, `>` or `&`.
    pub(super) fn data(&self) -> String {
        let data = Data {
            paygo: self.paygo_usd_per_month,
            terms: &self.terms,
            gsu: self.counts.iter().map(|count| count.gsu).collect(),
            window: self.counts.iter().map(|count| count.window_seconds).collect(),
            left: self.counts.iter().map(|count| count.left_share).collect(),
            usd: self.counts.iter().map(|count| count.paygo_usd_per_month).collect(),
            start: self.start,
        };
        let text = serde_json::to_string(&data).expect("numbers and names are JSON");
        text.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
    }

    /// Where the slider stands first, as a place in the list of counts.
    pub(super) fn start_place(&self) -> usize {
        self.counts.partition_point(|count| count.gsu < self.start.1).min(self.last_place())
    }

    /// The last place of the slider.
    pub(super) fn last_place(&self) -> usize {
        self.counts.len().saturating_sub(1)
    }

    /// `3-pro-image vertex:global`.
    pub(super) fn name(&self) -> String {
        format!("{} {}", short(&self.model), self.endpoint)
    }

    /// All fields of the form, one a line, caption and entry apart by a tabulator.
    pub(super) fn all_fields(&self) -> String {
        let fields = self.form.iter().flat_map(|form| &form.fields);
        fields.map(|field| format!("{}\t{}\n", field.known.name, field.entry)).collect()
    }

    /// What the form will answer, in words.
    pub(super) fn answer(&self) -> Option<String> {
        let answer = &self.form.as_ref()?.answer;
        let left = answer.left_share.map(|share| format!(", which leave {} to PayGo", percent(share)));
        Some(format!("The form will answer {} GSU{}.", answer.gsu, left.unwrap_or_default()))
    }
}

/// The pools of a plan that can be moved over: those with terms and costed counts.
pub(in crate::report) fn pools(plan: &Plan) -> Vec<PoolView> {
    let forms = gsu_forms(plan).ok();
    let pools = plan.gsu.pools.iter().enumerate();
    pools
        .map(|(at, pool)| {
            let form = forms.as_ref().and_then(|forms| forms.pools.get(at));
            pool_view(pool, at, form.cloned())
        })
        .collect()
}

fn pool_view(pool: &GsuPool, at: usize, form: Option<PoolForm>) -> PoolView {
    let costed = pool.curve.iter().filter_map(|row| {
        Some(CountView {
            gsu: row.gsu,
            window_seconds: row.window_seconds,
            left_share: row.left.tokens,
            paygo_usd_per_month: row.paygo_usd_per_month?,
        })
    });
    let fill = |name: &String| format!("{name} in idle hours");
    let routes: Vec<String> = pool.routes.iter().cloned().chain(pool.waiting.iter().map(fill)).collect();
    // Where none pays, the term whose GSUs cost least.
    let cost = |term: &TermVerdict| [term.usd_per_month, term.usd_per_gsu_month];
    let terms = pool.terms.iter().enumerate();
    let best = terms.min_by(|a, b| {
        let ([total, fee], [other, others_fee]) = (cost(a.1), cost(b.1));
        total.total_cmp(&other).then(fee.total_cmp(&others_fee))
    });
    let counts: Vec<CountView> = costed.collect();
    PoolView {
        model: pool.model.to_string(),
        endpoint: pool.endpoint.to_string(),
        routes: routes.join(", "),
        month: pool.month.clone(),
        pointer: format!("/gsu/pools/{at}"),
        paygo_usd_per_month: pool.paygo_usd_per_month,
        terms: pool.terms.iter().map(|term| term_view(pool, term)).collect(),
        marks: marks(pool, &counts),
        counts,
        start: best.map_or((0, 0), |(at, term)| (at, term.gsu)),
        form,
    }
}

fn term_view(pool: &GsuPool, term: &TermVerdict) -> TermView {
    // The book's term has the hours that it lasts in its two prices.
    let listed = pool.sizing.terms.iter().find(|listed| listed.term == term.term);
    let hours = listed.map_or(f64::NAN, |listed| {
        let gsu = pool.sizing.gsu.max(1) as f64;
        listed.usd_per_term.to_f64() / (listed.usd_per_gsu_hour.to_f64() * gsu)
    });
    TermView {
        name: term.name.clone(),
        usd_per_gsu_month: term.usd_per_gsu_month,
        bound_usd_per_gsu: term.usd_per_gsu_hour * hours,
        gsu: term.gsu,
    }
}

fn marks(pool: &GsuPool, counts: &[CountView]) -> Vec<MarkView> {
    let wanted = [SizeRule::GoogleForm, SizeRule::FivePercent, SizeRule::OnePercent];
    let sizes = pool.sizes.iter().filter(|size| wanted.contains(&size.rule));
    let marks = sizes.filter_map(|size| Some(MarkView { gsu: size.gsu?, label: size.rule.label() }));
    let none = MarkView { gsu: 0, label: "PayGo alone" };
    [none].into_iter().chain(marks).filter(|mark| counts.iter().any(|count| count.gsu == mark.gsu)).collect()
}

/// How a field of the form is known.
pub(super) fn known(field: &FieldEntry) -> String {
    let grade = field.known.grade.map(|grade| grade.to_string());
    let used = if field.known.value > 0.0 { "from the workload" } else { "not used" };
    let value = grade.unwrap_or_else(|| used.into());
    match field.known.caption_grade {
        Grade::Documented => value,
        grade => format!("{value}; caption {grade}"),
    }
}
