//! From the file to a workload that cannot be wrong, its defaults listed.

use schemars::JsonSchema;
use serde::Serialize;

use super::account::{Credit, GsuOrder};
use super::file::{OutsideFiles, RawPriceFactors, RawRoute, TITLE, WorkloadFile};
use super::scenario::{Scenario, planned};
use super::volume::{Burst, Volume};
use crate::{
    calendar::{Day, Stretch},
    diagnostics::{BadFile, SourceText, Spanned},
    model::{Endpoint, Location, ModelId, Shape, Tier},
    prices::{ModelKind, PriceBook},
    units::{Range, Share},
    warning::Warning,
};

/// What will be sent, complete and checked.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// Day as of which books are read.
    pub as_of: Day,
    /// First day of the horizon.
    pub start: Day,
    /// Months of the horizon.
    pub horizon_months: u32,
    /// What may be spent a month.
    pub budget_usd_per_month: Option<f64>,
    /// Negotiated factors on list prices.
    pub price_factors: PriceFactors,
    /// Spend tier of the Developer API account.
    pub developer_tier: Option<u32>,
    /// Zone of the hours of the day.
    pub time_zone: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Provisioned throughput that is bought already.
    pub gsu_orders: Vec<GsuOrder>,
    /// Credits on the bill.
    pub credits: Vec<Credit>,
    /// Kinds of request.
    pub routes: Vec<Route>,
    /// What-ifs; a plan says what came of them.
    #[serde(skip)]
    pub scenarios: Vec<Scenario>,
    /// Defaults that were filled in.
    pub assumed: Vec<Assumption>,
    /// How names were resolved, in words.
    pub resolutions: Vec<String>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// Factors on list prices, 1 where nothing was negotiated.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct PriceFactors {
    /// On prices per million tokens.
    pub tokens: f64,
    /// On prices per GSU-hour.
    pub gsu_hours: f64,
}

/// A default that was filled in.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Assumption {
    /// The route, `None` for the whole workload.
    pub route: Option<String>,
    /// The key that would say otherwise.
    pub key: &'static str,
    /// What was taken.
    pub value: String,
}

/// One kind of request.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Models: today's first, the rest compared.
    pub models: Vec<ModelId>,
    /// Endpoints that could serve it.
    pub endpoints: Vec<Endpoint>,
    /// How it is paid today.
    pub tier: Tier,
    /// How what its GSUs do not take would be paid; `None` = as `tier`.
    pub spill_tier: Option<Tier>,
    /// Cheaper tiers it could wait for.
    pub waiting_tiers: Vec<Tier>,
    /// What decides its tokens.
    pub shape: Shape,
    /// How many requests.
    pub volume: Volume,
    /// Relative change of the volume per month.
    pub growth_per_month: Range,
    /// First day with requests, `None` = from the start.
    pub launch: Option<Day>,
    /// Last day with requests, `None` = to the end.
    pub end: Option<Day>,
    /// Weights of the 24 hours, mean 1.
    pub hour_weights: Vec<f64>,
    /// Weights of the 7 days from Monday, mean 1.
    pub day_weights: Vec<f64>,
    /// Stated peak, requests a minute.
    pub peak_requests_per_minute: Option<f64>,
    /// How much the rate swings around its hours.
    pub burst: Burst,
    /// Requests per accepted image, where the volume was given as accepted images.
    pub tries_per_accepted: Option<Range>,
    /// Seconds after which the caller gives an attempt up.
    pub timeout_seconds: Option<f64>,
    /// Attempts that a request takes at most.
    pub max_attempts: Option<u32>,
    /// Share of requests that may be throttled, where throttling matters.
    pub throttled_share_max: Option<Share>,
}

/// Months of a plan without a horizon.
const HORIZON_MONTHS: u32 = 12;

/// Longest horizon.
const HORIZON_MONTHS_MAX: u32 = 60;

/// Seed of a plan without one.
const SEED: u64 = 20_261_121;

impl Workload {
    /// Checks a workload file against the book and fills in its defaults.
    ///
    /// `today` stands in for a missing `as_of`; `outside` holds what the files it refers to contain.
    ///
    /// # Errors
    ///
    /// When a key contradicts another, names an unknown model or a size it cannot make, or a number is out
    /// of bounds; the message shows the place and what would be right.
    pub fn resolve(
        mut file: WorkloadFile,
        source: &SourceText,
        book: &PriceBook,
        today: Day,
        outside: &OutsideFiles,
    ) -> Result<Workload, BadFile> {
        let scenarios = std::mem::take(&mut file.scenarios);
        let mut resolver = Resolver {
            source,
            book,
            outside,
            assumed: Vec::new(),
            resolutions: Vec::new(),
            warnings: Vec::new(),
        };
        let base = resolver.workload(file, today)?;
        let whole = |file| Workload::resolve(file, source, book, today, outside);
        let scenarios = planned(scenarios, base.seed, whole)?;
        Ok(Workload { scenarios, ..base })
    }
}

/// What the checks of a file need and gather.
pub(super) struct Resolver<'a> {
    pub source: &'a SourceText,
    pub book: &'a PriceBook,
    pub outside: &'a OutsideFiles,
    assumed: Vec<Assumption>,
    resolutions: Vec<String>,
    pub warnings: Vec<Warning>,
}

impl Resolver<'_> {
    pub(super) fn fail(&self, span: std::ops::Range<usize>, found: &str) -> BadFile {
        self.source.complaint(span, TITLE, found, None)
    }

    pub(super) fn assume(&mut self, route: Option<&str>, key: &'static str, value: impl Into<String>) {
        self.assumed.push(Assumption { route: route.map(str::to_string), key, value: value.into() });
    }

    fn workload(&mut self, file: WorkloadFile, today: Day) -> Result<Workload, BadFile> {
        let as_of = file.as_of.unwrap_or(today);
        let start = match &file.start {
            Some(start) => *start.as_ref(),
            None => {
                let start = as_of.first_of_next_month();
                self.assume(None, "start", format!("{start} (first of next month)"));
                start
            }
        };
        let horizon_months = self.horizon(file.horizon_months.as_ref())?;
        self.account_keys(&file)?;
        let name = match &file.name {
            Some(name) => self.printable(name, "a workload's name")?,
            None => stem(&self.source.name),
        };
        let budget_usd_per_month = file.budget_usd_per_month.as_ref().map(|budget| budget.as_ref().to_f64());
        if let (Some(budget), Some(given)) = (budget_usd_per_month, &file.budget_usd_per_month)
            && budget <= 0.0
        {
            return Err(self.fail(given.span(), "a budget is above 0; leave the key away for none"));
        }
        let gsu_orders = self.gsu_orders(&file)?;
        let credits = self.credits(&file)?;
        let price_factors = self.price_factors(file.price_factor.unwrap_or_default())?;
        let horizon = Stretch { first: start, next: start.plus_months(horizon_months) };
        let routes = self.routes(file.route, horizon)?;
        Ok(Workload {
            name,
            as_of,
            start,
            horizon_months,
            budget_usd_per_month,
            price_factors,
            developer_tier: file.developer_tier.map(Spanned::into_inner),
            time_zone: file.time_zone.map_or_else(|| "UTC".to_string(), Spanned::into_inner),
            seed: file.seed.unwrap_or(SEED),
            gsu_orders,
            credits,
            routes,
            scenarios: Vec::new(),
            assumed: std::mem::take(&mut self.assumed),
            resolutions: std::mem::take(&mut self.resolutions),
            warnings: std::mem::take(&mut self.warnings),
        })
    }

    fn price_factors(&mut self, given: RawPriceFactors) -> Result<PriceFactors, BadFile> {
        let mut factor = |given: Option<Spanned<f64>>, key| match given {
            Some(value) => self.positive(&value, "a factor on list prices (0.9 is 10 % off)", 10.0),
            None => {
                self.assume(None, key, "1 (list price)");
                Ok(1.0)
            }
        };
        Ok(PriceFactors {
            tokens: factor(given.tokens, "price_factor.tokens")?,
            gsu_hours: factor(given.gsu_hours, "price_factor.gsu_hours")?,
        })
    }

    fn routes(&mut self, raw: Vec<Spanned<RawRoute>>, horizon: Stretch) -> Result<Vec<Route>, BadFile> {
        let mut routes: Vec<Route> = Vec::new();
        for route in raw {
            let span = route.as_ref().name.span();
            let route = self.route(route, horizon)?;
            if routes.iter().any(|other| other.name == route.name) {
                return Err(self.fail(span, &format!("a second route named `{}`", route.name)));
            }
            routes.push(route);
        }
        Ok(routes)
    }

    fn horizon(&mut self, months: Option<&Spanned<u32>>) -> Result<u32, BadFile> {
        let Some(months) = months else {
            self.assume(None, "horizon_months", HORIZON_MONTHS.to_string());
            return Ok(HORIZON_MONTHS);
        };
        if (1..=HORIZON_MONTHS_MAX).contains(months.as_ref()) {
            return Ok(*months.as_ref());
        }
        let found = format!("expected 1 to {HORIZON_MONTHS_MAX} months, found {}", months.as_ref());
        Err(self.fail(months.span(), &found))
    }

    /// A number above 0, up to a limit.
    pub(super) fn positive(&self, value: &Spanned<f64>, what: &str, max: f64) -> Result<f64, BadFile> {
        let number = *value.as_ref();
        if number > 0.0 && number <= max {
            return Ok(number);
        }
        Err(self.fail(value.span(), &format!("expected {what}, above 0 and at most {max}, found {number}")))
    }

    /// A name of 1 to 64 characters that can be seen.
    fn printable(&self, name: &Spanned<String>, what: &str) -> Result<String, BadFile> {
        let text = name.as_ref().trim();
        if text.is_empty() || text.chars().count() > 64 || text.chars().any(is_invisible) {
            return Err(self.fail(name.span(), &format!("{what} has 1 to 64 printable characters")));
        }
        Ok(text.to_string())
    }

    fn route(&mut self, raw: Spanned<RawRoute>, horizon: Stretch) -> Result<Route, BadFile> {
        let span = raw.span();
        let raw = raw.into_inner();
        let name = self.printable(&raw.name, "a route's name")?;
        let models = self.models(&raw, &span, &name)?;
        let makes_images = self.book.facts(&models[0]).is_some_and(|facts| facts.kind == ModelKind::Image);
        let endpoints = self.endpoints(&raw, &name)?;
        let tier = self.tier(&raw)?;
        let spill_tier = self.spill_tier(&raw, &name)?;
        let shape = self.shape(&raw, &span, &name, &models[0], makes_images)?;
        let (volume, tries_per_accepted) = self.volume(&raw, &span, &name, makes_images, horizon)?;
        if let (Some(launch), Some(end)) = (raw.launch, &raw.end)
            && end.as_ref() < &launch
        {
            return Err(self.fail(end.span(), &format!("ends before its launch on {launch}")));
        }
        let growth = match raw.growth_per_month {
            Some(growth) => growth.0,
            None => {
                self.assume(Some(&name), "growth_per_month", "0");
                Range::exact(0.0)
            }
        };
        let hour_weights = self.hour_weights(raw.day_shape.as_ref(), &name)?;
        let day_weights = self.day_weights(raw.week_shape.as_ref(), raw.day_shape.as_ref())?;
        let peak_requests_per_minute = match &raw.peak_requests_per_minute {
            Some(peak) => Some(self.positive(peak, "requests a minute", 1e9)?),
            None => None,
        };
        self.failure_keys(&raw)?;
        let burst = self.burst(raw.burstiness.as_ref(), &name)?;
        self.same_kind(&raw, &models)?;
        Ok(Route {
            waiting_tiers: self.waiting_tiers(raw.max_wait_hours.as_ref(), tier)?,
            name,
            models,
            endpoints,
            tier,
            spill_tier,
            shape,
            volume,
            growth_per_month: growth,
            launch: raw.launch,
            end: raw.end.map(Spanned::into_inner),
            hour_weights,
            day_weights,
            peak_requests_per_minute,
            burst,
            tries_per_accepted,
            timeout_seconds: raw.timeout_seconds.map(Spanned::into_inner),
            max_attempts: raw.max_attempts.map(Spanned::into_inner),
            throttled_share_max: raw.throttled_share_max,
        })
    }

    /// What a request does when it fails: its time-out, its attempts, how much throttling it bears.
    fn failure_keys(&mut self, raw: &RawRoute) -> Result<(), BadFile> {
        if let Some(timeout) = &raw.timeout_seconds {
            self.positive(timeout, "seconds", 86_400.0)?;
        }
        if let Some(attempts) = &raw.max_attempts
            && *attempts.as_ref() == 0
        {
            return Err(self.fail(attempts.span(), "a request takes at least 1 attempt"));
        }
        Ok(())
    }

    /// Models that are compared make the same thing.
    fn same_kind(&self, raw: &RawRoute, models: &[ModelId]) -> Result<(), BadFile> {
        let kind = |model: &ModelId| self.book.facts(model).map(|facts| facts.kind);
        let first = kind(&models[0]);
        let Some(other) = models.iter().find(|model| kind(model) != first) else { return Ok(()) };
        let place = raw.models.as_ref().map_or(raw.name.span(), Spanned::span);
        let found = format!("{other} and {} do not make the same kind of answer", models[0]);
        Err(self.fail(place, &found))
    }

    fn models(
        &mut self,
        raw: &RawRoute,
        span: &std::ops::Range<usize>,
        route: &str,
    ) -> Result<Vec<ModelId>, BadFile> {
        let listed = raw.models.as_ref().map(|list| list.as_ref().iter().collect::<Vec<_>>());
        let names: Vec<&Spanned<String>> = raw.model.iter().chain(listed.into_iter().flatten()).collect();
        if names.is_empty() {
            return Err(self.fail(span.clone(), "this route has no `model`"));
        }
        let mut ids: Vec<ModelId> = Vec::new();
        for name in names {
            let resolved = self
                .book
                .resolve(name.as_ref())
                .map_err(|error| self.fail(name.span(), &error.to_string()))?;
            if let Some(alias) = resolved.alias {
                let line = format!("{alias} = {}", resolved.id);
                if !self.resolutions.contains(&line) {
                    self.resolutions.push(line);
                }
            }
            let kind = self.book.facts(&resolved.id).map(|facts| facts.kind);
            if !matches!(kind, Some(ModelKind::Image | ModelKind::Text)) {
                let found = format!(
                    "{} is neither an image nor a text model billed by token; `burndown quote` prices its answers",
                    resolved.id
                );
                return Err(self.fail(name.span(), &found));
            }
            if !ids.contains(&resolved.id) {
                ids.push(resolved.id);
            }
        }
        if ids.len() == 1 {
            self.assume(Some(route), "models", "no other model is compared");
        }
        Ok(ids)
    }

    fn endpoints(&mut self, raw: &RawRoute, route: &str) -> Result<Vec<Endpoint>, BadFile> {
        match &raw.placements {
            Some(list) if list.as_ref().is_empty() => {
                Err(self.fail(list.span(), "no placement is left; leave the key away for every one"))
            }
            Some(list) => {
                let mut endpoints: Vec<Endpoint> = Vec::new();
                for endpoint in list.as_ref() {
                    if !endpoints.contains(endpoint) {
                        endpoints.push(endpoint.clone());
                    }
                }
                Ok(endpoints)
            }
            None => {
                self.assume(Some(route), "placements", "developer and vertex:global");
                Ok(vec![Endpoint::Developer, Endpoint::Vertex(Location::Global)])
            }
        }
    }

    fn tier(&self, raw: &RawRoute) -> Result<Tier, BadFile> {
        match &raw.tier {
            None => Ok(Tier::Standard),
            Some(tier) if *tier.as_ref() == Tier::Provisioned => {
                let found = "a route is paid as you go; GSUs are what the plan finds out";
                Err(self.fail(tier.span(), found))
            }
            Some(tier) => Ok(*tier.as_ref()),
        }
    }

    /// Where requests go that provisioned throughput does not take; batch is no such place.
    fn spill_tier(&mut self, raw: &RawRoute, route: &str) -> Result<Option<Tier>, BadFile> {
        let Some(tier) = &raw.spill_tier else {
            self.assume(Some(route), "spill_tier", "the route's own tier");
            return Ok(None);
        };
        let why = match tier.as_ref() {
            Tier::Batch => "batch takes no provisioned throughput, so nothing overflows into it",
            Tier::Provisioned => "the overflow is what provisioned throughput does not take",
            other => return Ok(Some(*other)),
        };
        Err(self.fail(tier.span(), &format!("{why}; expected `standard`, `priority` or `flex`")))
    }

    /// Half an hour allows flex, three days allow batch.
    fn waiting_tiers(&self, hours: Option<&Spanned<f64>>, tier: Tier) -> Result<Vec<Tier>, BadFile> {
        let Some(hours) = hours else { return Ok(Vec::new()) };
        let value = *hours.as_ref();
        if !(0.0..=10_000.0).contains(&value) {
            let found = format!("expected hours from 0 (0.5 allows flex, 72 batch), found {value}");
            return Err(self.fail(hours.span(), &found));
        }
        let allowed = [(Tier::Flex, 0.5), (Tier::Batch, 72.0)];
        Ok(allowed
            .iter()
            .filter(|(other, least)| value >= *least && *other != tier)
            .map(|(t, _)| *t)
            .collect())
    }
}

/// `product-photos` of `somewhere/product-photos.toml`.
fn stem(path: &str) -> String {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    file.split_once(".toml").map_or(file, |(stem, _)| stem).to_string()
}

/// Characters that a terminal obeys or does not show: controls, zero-width and direction marks.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
