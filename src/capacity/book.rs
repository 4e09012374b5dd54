//! The capacity book: throughput, burndown rates, windows, terms, order rules.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    LearnedRule,
    window::{Window, WindowRange, check_windows},
};
use crate::{
    calendar::{Day, share_a_day},
    diagnostics::{BadFile, SourceText, Spanned},
    model::{ByClass, Grade, ModelId, TokenClass, nearest},
    prices::Source,
    schema::described_as,
    units::{Factor, Rate},
};

const SCHEMA: &str = "burndown.capacity/1";
const TITLE: &str = "cannot use this capacity book";

/// Throughput, windows, terms and rules as of the day they were checked.
#[derive(Clone, Debug)]
pub struct CapacityBook {
    /// Day the book was put together.
    pub checked: Day,
    /// Where facts were read, by key.
    pub sources: BTreeMap<String, Source>,
    /// How long one may commit, and at what price.
    pub terms: Vec<Term>,
    /// Order rules.
    pub rules: OrderRules,
    /// Dated credits on the price of provisioned throughput.
    pub credits: Vec<Credit>,
    /// Throughput per GSU of each model.
    pub throughput: Vec<Throughput>,
    /// Spend caps of the Developer API.
    pub developer_tiers: Vec<DeveloperTier>,
    /// What production taught about admission, a model's later file first; none is shipped.
    pub learned: Vec<LearnedRule>,
}

/// A commitment term.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// `1-week`, `1-month`, `3-months`, `1-year`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// First day or "unknown".
    pub from: String,
    /// Day of the last check.
    pub checked: Day,
    /// US dollars per GSU and hour at the global location.
    pub usd_per_gsu_hour: Rate,
    /// Factor at other locations.
    pub non_global_factor: Factor,
    /// Whether the order renews itself.
    pub auto_renews: bool,
    /// The round price that is printed or that the hourly one comes from.
    pub round_usd: Option<Decimal>,
    /// What the round price is for.
    pub round_per: Option<Period>,
    /// Keys of the book's sources.
    pub source: Vec<String>,
    /// Remark.
    pub note: Option<String>,
}

/// A week or a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// 168 hours.
    Week,
    /// 730 hours.
    Month,
}

/// Order rules of provisioned throughput.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderRules {
    /// Smallest purchase.
    pub minimum_gsu: u64,
    /// Purchases grow by this.
    pub increment_gsu: u64,
    /// Whether an order can be cancelled before its end.
    pub cancel_mid_term: bool,
    /// Most orders for one model and location.
    pub orders_per_model_and_location_max: u64,
    /// How far ahead a start may lie.
    pub start_ahead_days_max: u64,
    /// Latest change before expiry.
    pub change_days_before_expiry_min: u64,
    /// Usual upper bound of processing.
    pub lead_time_business_days: u64,
    /// Above this a higher quota must be asked for.
    pub online_queries_per_minute_quota: u64,
    /// Hours of a month in the price list.
    pub hours_per_month: u64,
    /// Keys of the book's sources.
    pub source: Vec<String>,
    /// Remark.
    pub note: Option<String>,
}

/// A dated credit on provisioned throughput.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credit {
    /// For these models.
    pub models: Vec<ModelId>,
    /// Share of the charge that comes back.
    pub share: f64,
    /// First day.
    pub from: Day,
    /// Last day.
    pub until: Day,
    /// Keys of the book's sources.
    pub source: Vec<String>,
    /// Remark.
    pub note: Option<String>,
}

/// A spend tier of the Developer API.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeveloperTier {
    /// 1, 2, 3.
    pub tier: u32,
    /// How an account gets there.
    pub reached_by: String,
    /// Most US dollars a month.
    pub usd_per_month_max: f64,
    /// Most US dollars in ten minutes.
    pub usd_per_10_minutes_max: f64,
    /// Day of the last check.
    pub checked: Day,
    /// Keys of the book's sources.
    pub source: Vec<String>,
    /// Remark.
    pub note: Option<String>,
}

/// What one GSU gives for a model.
#[derive(Clone, Debug)]
pub struct Throughput {
    /// The model.
    pub model: ModelId,
    /// First day; `None` = back to launch.
    pub from: Option<Day>,
    /// Last day; `None` = open.
    pub until: Option<Day>,
    /// Holds for prompts longer than this.
    pub above_prompt_tokens: Option<u64>,
    /// Burn tokens a second.
    pub tokens_per_second_per_gsu: Decimal,
    /// Smallest purchase.
    pub minimum_gsu: u64,
    /// Purchases grow by this.
    pub increment_gsu: u64,
    /// Burn tokens per token of each class; `None` where the table has no rate.
    pub burndown: ByClass<Option<Decimal>>,
    /// Enforcement windows by GSU count, ascending.
    pub windows: Vec<Window>,
    /// Where the documents give a range of seconds instead, by GSU count, ascending.
    pub window_ranges: Vec<WindowRange>,
    /// The fields of Google's form.
    pub form_fields: Vec<FormField>,
    /// Locations where it is known to be sold.
    pub locations: Option<Vec<String>>,
    /// Day of the last check.
    pub checked: Day,
    /// Keys of the book's sources.
    pub source: Vec<String>,
    /// Remark.
    pub note: Option<String>,
}

/// A field of Google's estimation form.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormField {
    /// Its caption.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// `queries`, `cached_share`, or a token class.
    pub class: String,
    /// Documented or inferred.
    #[serde(default = "documented")]
    pub grade: Grade,
}

pub(super) fn documented() -> Grade {
    Grade::Documented
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawBook {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.capacity/1"))]
    schema: Spanned<String>,
    /// Day the book was put together.
    checked: Day,
    /// Where facts were read, by key.
    #[serde(default)]
    sources: BTreeMap<String, Source>,
    /// How long one may commit, and at what price.
    #[serde(default)]
    term: Vec<Spanned<Term>>,
    /// Order rules.
    rules: OrderRules,
    /// Dated credits on the price of provisioned throughput.
    #[serde(default)]
    credit: Vec<Credit>,
    /// What one GSU gives for a model.
    #[serde(default)]
    throughput: Vec<Spanned<RawThroughput>>,
    /// Spend caps of the Developer API.
    #[serde(default)]
    developer_tier: Vec<DeveloperTier>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawThroughput {
    /// The model.
    model: ModelId,
    /// First day, or `unknown`: back to launch.
    #[schemars(extend("pattern" = "^(unknown|(20[0-9][0-9]|2100)-[0-9]{2}-[0-9]{2})$"))]
    from: String,
    /// Last day; default: open.
    until: Option<Day>,
    /// Holds for prompts longer than this, tokens.
    above_prompt_tokens: Option<u64>,
    /// Day of the last check.
    checked: Day,
    /// Keys of the book's sources.
    source: Vec<String>,
    /// Burn tokens a second of one GSU.
    tokens_per_second_per_gsu: Rate,
    /// Smallest purchase, GSUs.
    #[schemars(range(min = 1))]
    minimum_gsu: u64,
    /// Purchases grow by this, GSUs.
    #[schemars(range(min = 1))]
    increment_gsu: u64,
    /// Where the documents give a range of seconds instead of a window, by GSU count, ascending.
    #[serde(default)]
    window_range: Vec<WindowRange>,
    /// Locations where it is known to be sold.
    locations: Option<Vec<String>>,
    /// A remark.
    note: Option<String>,
    /// Burn tokens per token of each class.
    #[schemars(with = "BTreeMap<TokenClass, Rate>")]
    burndown: BTreeMap<Spanned<String>, Rate>,
    /// Enforcement windows by GSU count, ascending.
    #[serde(default)]
    window: Vec<Window>,
    /// The fields of Google's form.
    #[serde(default)]
    form_field: Vec<FormField>,
}

described_as!(CapacityBook, RawBook);

impl CapacityBook {
    /// Reads a capacity book.
    ///
    /// # Errors
    ///
    /// When the text is no such book, names an unknown source or class, has windows that do not start
    /// at 1 GSU, do not ascend or lie outside the range given for them, or two rows for one model and day; the message shows the place.
    pub fn parse(source: &SourceText) -> Result<CapacityBook, BadFile> {
        let raw: RawBook =
            toml::from_str(&source.text).map_err(|error| source.toml_complaint(TITLE, &error))?;
        if raw.schema.as_ref() != SCHEMA {
            let found = format!("expected `{SCHEMA}`");
            return Err(source.complaint(raw.schema.span(), TITLE, &found, None));
        }
        let fail = |span: std::ops::Range<usize>, found: String| source.complaint(span, TITLE, &found, None);
        let mut terms = Vec::new();
        for term in raw.term {
            if let Some(problem) = unknown_source(&raw.sources, &term.as_ref().source) {
                return Err(fail(term.span(), problem));
            }
            if term.as_ref().months().is_none() && term.as_ref().id != "1-week" {
                let found = format!(
                    "unknown term `{}`, expected `1-week`, `1-month`, `3-months` or `1-year`",
                    term.as_ref().id
                );
                return Err(fail(term.span(), found));
            }
            terms.push(term.into_inner());
        }
        let mut throughput: Vec<Throughput> = Vec::new();
        for row in raw.throughput {
            let span = row.span();
            let row =
                checked_throughput(row.into_inner(), &raw.sources).map_err(|p| fail(span.clone(), p))?;
            if throughput.iter().any(|other| other.contradicts(&row)) {
                return Err(fail(span, format!("{} has two throughputs on the same day", row.model)));
            }
            throughput.push(row);
        }
        Ok(CapacityBook {
            checked: raw.checked,
            sources: raw.sources,
            terms,
            rules: raw.rules,
            credits: raw.credit,
            throughput,
            developer_tiers: raw.developer_tier,
            learned: Vec::new(),
        })
    }

    /// What one GSU gives for a model on a day and for prompts of a length; `None` when the book has no row.
    pub fn throughput(&self, model: &ModelId, day: Day, prompt_tokens: f64) -> Option<&Throughput> {
        let rows = self.throughput.iter().filter(|row| {
            row.model == *model
                && row.from.is_none_or(|from| from <= day)
                && row.until.is_none_or(|until| day <= until)
                && row.above_prompt_tokens.is_none_or(|floor| prompt_tokens > floor as f64)
        });
        rows.max_by_key(|row| row.above_prompt_tokens)
    }

    /// What production taught about the admission of a model's requests.
    pub fn learned(&self, model: &ModelId) -> Option<&LearnedRule> {
        self.learned.iter().find(|learned| learned.model == *model)
    }

    /// Lays a user's book over this one: terms and throughputs of the same name are replaced.
    pub fn overlay(&mut self, over: CapacityBook) {
        self.checked = self.checked.max(over.checked);
        self.sources.extend(over.sources);
        self.terms.retain(|old| over.terms.iter().all(|new| new.id != old.id));
        self.terms.extend(over.terms);
        self.throughput.retain(|old| over.throughput.iter().all(|new| new.model != old.model));
        self.throughput.extend(over.throughput);
        self.rules = over.rules;
        self.credits.extend(over.credits);
        if !over.developer_tiers.is_empty() {
            self.developer_tiers = over.developer_tiers;
        }
    }
}

impl Throughput {
    fn contradicts(&self, other: &Throughput) -> bool {
        self.model == other.model
            && self.above_prompt_tokens == other.above_prompt_tokens
            && share_a_day((self.from, self.until), (other.from, other.until))
    }
}

fn unknown_source(sources: &BTreeMap<String, Source>, keys: &[String]) -> Option<String> {
    if keys.is_empty() {
        return Some("this row has no source".into());
    }
    let key = keys.iter().find(|key| !sources.contains_key(*key))?;
    let near = nearest(key, sources.keys().map(String::as_str));
    let near = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
    Some(format!("source `{key}` is not in [sources]{near}"))
}

fn checked_throughput(raw: RawThroughput, sources: &BTreeMap<String, Source>) -> Result<Throughput, String> {
    if let Some(problem) = unknown_source(sources, &raw.source) {
        return Err(problem);
    }
    if raw.tokens_per_second_per_gsu.value().is_zero() || raw.increment_gsu == 0 || raw.minimum_gsu == 0 {
        return Err("throughput, minimum and increment are above zero".into());
    }
    let from = match raw.from.as_str() {
        "unknown" => None,
        text => Some(text.parse::<Day>().map_err(|error| error.to_string())?),
    };
    let mut burndown = ByClass::default();
    for (class, rate) in &raw.burndown {
        let class: TokenClass = class.as_ref().parse().map_err(|error| format!("{error}"))?;
        burndown[class] = Some(rate.value());
    }
    if burndown[TokenClass::InputText].is_none_or(|rate| rate.is_zero()) {
        return Err("a burndown of text input above zero is what all others are measured by".into());
    }
    check_windows(&raw.window, &raw.window_range)?;
    if let Some(problem) = raw.window_range.iter().find_map(|range| unknown_source(sources, &range.source)) {
        return Err(problem);
    }
    Ok(Throughput {
        model: raw.model,
        from,
        until: raw.until,
        above_prompt_tokens: raw.above_prompt_tokens,
        tokens_per_second_per_gsu: raw.tokens_per_second_per_gsu.value(),
        minimum_gsu: raw.minimum_gsu,
        increment_gsu: raw.increment_gsu,
        burndown,
        windows: raw.window,
        window_ranges: raw.window_range,
        form_fields: raw.form_field,
        locations: raw.locations,
        checked: raw.checked,
        source: raw.source,
        note: raw.note,
    })
}

#[cfg(test)]
mod schema_tests {
    use super::*;
    use crate::schema::keys::check;

    #[test]
    fn the_schema_knows_the_keys_of_the_parser_and_no_others() {
        check::<RawBook>();
        check::<RawThroughput>();
        check::<Term>();
        check::<OrderRules>();
        check::<Credit>();
        check::<DeveloperTier>();
        check::<FormField>();
        check::<Window>();
        check::<WindowRange>();
    }
}
