//! Google's estimation form for a pool, field by field: what to enter, and how it is known.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Member, decimal,
    demand::{WEEK_HOURS, hourly_rates, mean_burn},
    to_f64,
};
use crate::{
    calendar::{Day, Month},
    capacity::{CapacityBook, FormField, Query, Throughput, size},
    model::{Grade, TokenClass},
    projection::plan::Inputs,
    units::Range,
    workload::Volume,
};

/// What the form is to be filled in with.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Form {
    /// Its fields, in its order.
    pub fields: Vec<FormEntry>,
    /// Queries a second that could be entered, and what the form makes of each.
    pub loads: Vec<FormLoad>,
    /// How the routes were blended into one query.
    pub blend: Vec<Blended>,
    /// Classes that a request burns and the form does not ask for, with mean tokens per query.
    pub without_field: Vec<(TokenClass, f64)>,
}

/// One field.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FormEntry {
    /// Its caption.
    pub name: String,
    /// Its unit: `1/s`, `tokens` per query, `%`.
    pub unit: String,
    /// The classes that are entered in it; of a cached share, all input that may be read from a cache. Empty for
    /// queries a second.
    pub classes: Vec<TokenClass>,
    /// Whether the caption was read in a document or inferred from the burndown table.
    pub caption_grade: Grade,
    /// The mean to enter; a share, where the unit is `%`.
    pub value: f64,
    /// 5 % and 95 %: of requests for tokens, of the stated volume and growth for queries a second. Over several
    /// routes the lowest 5 % and the highest 95 %, so that at least 90 % lie between. `None` where nothing is
    /// known of it.
    pub range: Option<[f64; 2]>,
    /// The weakest evidence among what the value is made of; `None` when the workload alone says it.
    pub grade: Option<Grade>,
    /// Fewest answers that a part of it rests on, where any were counted.
    pub n: Option<u64>,
}

/// Which load a number of queries a second stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadKind {
    /// The mean of the busiest month: what is entered by default.
    MeanOfMonth,
    /// The busiest hour of the week of that month.
    BusiestHour,
    /// The peak that the workload states; routes without one count with their busiest hour.
    StatedPeak,
    /// The mean rounded up, for a form that takes whole numbers alone.
    WholeNumber,
}

/// Queries a second and the form's answer to them.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FormLoad {
    /// What it stands for.
    pub kind: LoadKind,
    /// Queries a second.
    pub queries_per_second: f64,
    /// GSUs that the form answers.
    pub gsu: u64,
}

/// A route's part of the blended query.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Blended {
    /// The route.
    pub route: String,
    /// Share of the requests of the busiest month.
    pub share_of_requests: f64,
    /// Share of their burn tokens.
    pub share_of_burn: f64,
    /// Mean burn tokens of one of its requests.
    pub burn_per_request: f64,
}

/// The busiest month, which is entered.
pub(super) struct Busiest<'a> {
    pub members: &'a [Member<'a>],
    /// Its place in the horizon.
    pub at: usize,
    pub row: &'a Throughput,
    pub query: &'a Query,
    pub month: Month,
    pub capacity: &'a CapacityBook,
    /// The day of the books.
    pub day: Day,
}

impl<'a> Busiest<'a> {
    pub fn of(
        inputs: &Inputs<'a>,
        members: &'a [Member<'a>],
        row: &'a Throughput,
        query: &'a Query,
        at: usize,
        months: &[Month],
    ) -> Busiest<'a> {
        let (capacity, day) = (inputs.capacity, inputs.workload.start);
        Busiest { members, at, row, query, month: months[at], capacity, day }
    }

    pub fn form(&self) -> Form {
        let has = |class: TokenClass| self.row.form_fields.iter().any(|f| f.class == class.as_str());
        let burnt = self.query.tokens.iter().filter(|(_, tokens)| !tokens.is_zero());
        let without = burnt.filter(|(class, _)| field_of(*class, &has).is_none());
        Form {
            fields: self.row.form_fields.iter().map(|field| self.entry(field, &has)).collect(),
            loads: self.loads(),
            blend: self.blend(),
            without_field: without.map(|(class, tokens)| (class, to_f64(*tokens))).collect(),
        }
    }

    fn requests(&self, member: &Member<'_>) -> f64 {
        member.plan.months[self.at].requests
    }

    fn entry(&self, field: &FormField, has: &impl Fn(TokenClass) -> bool) -> FormEntry {
        let all = || TokenClass::ALL.iter().copied();
        let (known, classes) = match field.class.parse::<TokenClass>() {
            Ok(class) => {
                let entered = |found: TokenClass| field_of(found, has) == Some(class);
                (self.tokens(&entered), all().filter(|class| entered(*class)).collect())
            }
            Err(_) if field.class == "cached_share" => {
                let counts = |class: &TokenClass| class.is_input() && !has_own_cache_field(*class, has);
                (self.cached_share(has), all().filter(counts).collect())
            }
            Err(_) => (self.queries(), Vec::new()),
        };
        FormEntry {
            name: field.name.clone(),
            unit: field.unit.clone(),
            classes,
            caption_grade: field.grade,
            value: known.value,
            range: known.range,
            grade: known.grade,
            n: known.n,
        }
    }

    fn queries(&self) -> Known {
        let value = to_f64(self.query.queries_per_second);
        let total: f64 = self.members.iter().map(|member| self.requests(member)).sum();
        let scaled = |point: fn(Range) -> f64| {
            let sum: f64 =
                self.members.iter().map(|m| self.requests(m) * volume_factor(m, self.at, point)).sum();
            value * sum / total
        };
        let (low, high) = (scaled(|range| range.p05), scaled(|range| range.p95));
        Known { value, range: (low < high).then_some([low, high]), grade: None, n: None }
    }

    fn cached_share(&self, has: &impl Fn(TokenClass) -> bool) -> Known {
        let sum = |cached: bool| {
            let input = self.query.tokens.iter().filter(|(class, _)| {
                class.is_input()
                    && !has_own_cache_field(*class, has)
                    && (!cached || uncached(*class).is_some())
            });
            input.map(|(_, tokens)| to_f64(*tokens)).sum::<f64>()
        };
        let all = sum(false);
        let value = if all > 0.0 { sum(true) / all } else { 0.0 };
        Known { value, range: None, grade: None, n: None }
    }

    /// Mean tokens per query of all classes that are entered in one field.
    fn tokens(&self, entered: &impl Fn(TokenClass) -> bool) -> Known {
        let mean = self.query.tokens.iter().filter(|(class, _)| entered(*class));
        let mut known =
            Known { value: mean.map(|(_, t)| to_f64(*t)).sum(), range: None, grade: None, n: None };
        for member in self.members.iter().filter(|member| self.requests(member) > 0.0) {
            let Some(request) = &member.plan.per_request else { continue };
            let mut of_member = [0.0, 0.0];
            for (_, tokens) in request.tokens.iter().filter(|(class, _)| entered(*class)) {
                let Some(tokens) = tokens else { continue };
                of_member[0] += tokens.p05;
                of_member[1] += tokens.p95;
                known.grade = known.grade.max(Some(tokens.evidence.grade));
                known.n = known.n.into_iter().chain(tokens.evidence.n).min();
            }
            let [low, high] = known.range.unwrap_or(of_member);
            known.range = Some([low.min(of_member[0]), high.max(of_member[1])]);
        }
        if known.grade.is_none() {
            known.range = None;
        }
        known
    }

    fn loads(&self) -> Vec<FormLoad> {
        let mean = to_f64(self.query.queries_per_second);
        let hours: Vec<Vec<f64>> =
            self.members.iter().map(|member| hourly_rates(member, self.at, self.month)).collect();
        let busiest = (0..WEEK_HOURS).map(|hour| hours.iter().map(|rates| rates[hour]).sum::<f64>());
        let largest = |rates: &[f64]| rates.iter().copied().fold(0.0, f64::max);
        let stated = |member: &Member<'_>| member.route.peak_requests_per_minute.map(|rate| rate / 60.0);
        let peak = self.members.iter().any(|member| stated(member).is_some()).then(|| {
            let pairs = self.members.iter().zip(&hours);
            pairs.map(|(member, rates)| stated(member).unwrap_or(0.0).max(largest(rates))).sum()
        });
        let loads = [
            (LoadKind::MeanOfMonth, Some(mean)),
            (LoadKind::BusiestHour, Some(busiest.fold(0.0, f64::max))),
            (LoadKind::StatedPeak, peak),
            (LoadKind::WholeNumber, Some(mean.ceil())),
        ];
        let answered = loads.into_iter().filter_map(|(kind, rate)| {
            let queries_per_second = rate?;
            let query = Query { queries_per_second: decimal(queries_per_second), ..self.query.clone() };
            let sizing = size(self.capacity, &query, self.day, true).ok()?;
            Some(FormLoad { kind, queries_per_second, gsu: sizing.gsu })
        });
        answered.collect()
    }

    fn blend(&self) -> Vec<Blended> {
        let burn = |member: &Member<'_>| mean_burn(member, self.row);
        let requests: f64 = self.members.iter().map(|member| self.requests(member)).sum();
        let burnt: f64 = self.members.iter().map(|member| self.requests(member) * burn(member)).sum();
        let part = |member: &Member<'_>| Blended {
            route: member.route.name.clone(),
            share_of_requests: self.requests(member) / requests,
            share_of_burn: self.requests(member) * burn(member) / burnt,
            burn_per_request: burn(member),
        };
        self.members.iter().map(part).collect()
    }
}

/// A value, how far it spreads and how it is known.
struct Known {
    value: f64,
    range: Option<[f64; 2]>,
    grade: Option<Grade>,
    n: Option<u64>,
}

/// The field that a class is entered in: its own, else that of the class it burns as; cached input counts with
/// its modality, whose share read from the cache is asked for apart.
fn field_of(class: TokenClass, has: &impl Fn(TokenClass) -> bool) -> Option<TokenClass> {
    let mut at = class;
    while !has(at) {
        at = uncached(at).or(match at {
            TokenClass::InputToolUse => Some(TokenClass::InputText),
            TokenClass::InputDocument => Some(TokenClass::InputImage),
            TokenClass::OutputThinking => Some(TokenClass::OutputText),
            _ => None,
        })?;
    }
    Some(at)
}

/// A live model asks for its session memory in a field of its own.
fn has_own_cache_field(class: TokenClass, has: &impl Fn(TokenClass) -> bool) -> bool {
    uncached(class).is_some() && has(class)
}

/// The class that a cached class is the cache of.
fn uncached(class: TokenClass) -> Option<TokenClass> {
    TokenClass::ALL.iter().copied().find(|other| other.cached() == Some(class))
}

/// A point of a route's stated volume and growth over their mean.
fn volume_factor(member: &Member<'_>, at: usize, point: fn(Range) -> f64) -> f64 {
    let volume = member.route.volume.range();
    let factor = if volume.mean() > 0.0 { point(volume) / volume.mean() } else { 1.0 };
    let growth = member.route.growth_per_month;
    match member.route.volume {
        Volume::Total { .. } => factor,
        _ => factor * ((1.0 + point(growth)) / (1.0 + growth.mean())).powi(at as i32),
    }
}
