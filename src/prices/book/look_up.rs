//! Looking things up in the book.

use super::*;

impl PriceBook {
    /// The definite model of a name: an id, a nickname, a retired id, or a resource path ending in one.
    ///
    /// # Errors
    ///
    /// When no model has that name; the nearest one is offered.
    pub fn resolve(&self, name: &str) -> Result<Resolved, PriceError> {
        let short = name.rsplit('/').next().unwrap_or(name);
        if let Some(model) = self.models.iter().find(|model| model.id.0 == short) {
            return Ok(Resolved { id: model.id.clone(), alias: (short != name).then(|| name.to_string()) });
        }
        let by_alias = self.models.iter().find(|model| model.aliases.iter().any(|alias| alias == short));
        if let Some(model) = by_alias {
            return Ok(Resolved { id: model.id.clone(), alias: Some(name.to_string()) });
        }
        let names = self.models.iter().flat_map(ModelFacts::names);
        let near = nearest(short, names).map(str::to_string);
        Err(PriceError::UnknownModel { found: name.to_string(), near })
    }

    /// What is known of a model.
    pub fn facts(&self, id: &ModelId) -> Option<&ModelFacts> {
        self.models.iter().find(|model| model.id == *id)
    }

    /// Its life on a backend; `None` when the book does not know it there.
    pub fn life(&self, id: &ModelId, backend: Backend) -> Option<&Life> {
        self.life.iter().find(|life| life.model == *id && life.backend == backend)
    }

    /// What a placement costs on a day.
    ///
    /// # Errors
    ///
    /// When the backend or the tier has no row.
    pub fn tariff(&self, placement: &Placement, day: Day) -> Result<Tariff<'_>, PriceError> {
        let backend = placement.endpoint.backend();
        // The cheap comparisons first: some look up the price of every line of a log.
        let mine = |row: &&PriceRow| {
            row.tier == placement.tier && row.backend == backend && row.model == placement.model
        };
        let known = self.rows.iter().filter(mine);
        if known.clone().next().is_none() {
            return Err(self.why_no_rows(placement));
        }
        let mut rows: Vec<&PriceRow> = known.clone().filter(|row| row.holds_on(day)).collect();
        rows.sort_by_key(|row| (row.layer, row.above_prompt_tokens));
        let facts = self.facts(&placement.model);
        let family = facts.and_then(|facts| facts.grounding.as_ref());
        Ok(Tariff {
            placement: placement.clone(),
            day,
            rows,
            first: known.filter_map(|row| row.from).min().unwrap_or(day),
            factor: facts.and_then(|facts| facts.location_factor(&placement.endpoint, day)),
            searches: family.and_then(|family| self.search_price(family)),
        })
    }

    /// The prices of a request of so many prompt tokens on a day.
    ///
    /// # Errors
    ///
    /// When the backend, the tier or the day has no row.
    pub fn prices(
        &self,
        placement: &Placement,
        day: Day,
        prompt_tokens: u64,
    ) -> Result<Prices<'_>, PriceError> {
        self.tariff(placement, day)?.prices(prompt_tokens)
    }

    /// A thousand searches of a family, beyond the free ones.
    fn search_price(&self, family: &str) -> Option<Rate> {
        self.grounding.iter().find(|row| row.family == family).map(|row| row.usd_per_thousand)
    }

    fn why_no_rows(&self, placement: &Placement) -> PriceError {
        let backend = placement.endpoint.backend();
        let of_model = self.rows.iter().filter(|row| row.model == placement.model);
        let mut tiers: Vec<Tier> =
            of_model.clone().filter(|row| row.backend == backend).map(|row| row.tier).collect();
        tiers.sort();
        tiers.dedup();
        if tiers.is_empty() {
            let mut backends: Vec<Backend> = of_model.map(|row| row.backend).collect();
            backends.sort();
            backends.dedup();
            let offered = backends.iter().map(|backend| backend.to_string()).collect();
            return PriceError::NotServed { model: placement.model.clone(), backend, offered };
        }
        PriceError::NotOffered {
            model: placement.model.clone(),
            backend,
            tier: placement.tier,
            offered: tiers.iter().map(|tier| tier.to_string()).collect(),
        }
    }

    /// Tiers with at least one price row for a model on a backend.
    pub fn tiers(&self, model: &ModelId, backend: Backend) -> Vec<Tier> {
        let offered = |tier: &Tier| {
            self.rows.iter().any(|row| row.model == *model && row.backend == backend && row.tier == *tier)
        };
        Tier::ALL.iter().copied().filter(offered).collect()
    }

    /// Days on which the price of a placement may change: starts and ends of its rows, the location's factor.
    pub fn change_days(&self, placement: &Placement) -> Vec<Day> {
        let backend = placement.endpoint.backend();
        let rows = self.rows.iter().filter(|row| {
            row.model == placement.model && row.backend == backend && row.tier == placement.tier
        });
        let mut days: Vec<Day> =
            rows.flat_map(|row| row.from.into_iter().chain(row.until.map(|day| day.plus_days(1)))).collect();
        days.extend(self.facts(&placement.model).and_then(|facts| facts.non_global_from));
        days
    }

    /// What to say about a model's life on an endpoint between two days (the last one excluded).
    pub fn life_warnings(&self, model: &ModelId, endpoint: &Endpoint, first: Day, next: Day) -> Vec<Warning> {
        let Some(life) = self.life(model, endpoint.backend()) else { return Vec::new() };
        let mut warnings = Vec::new();
        let (model, endpoint) = (model.clone(), endpoint.clone());
        if let (false, Some(known)) = (life.serves(&endpoint), &life.locations) {
            let known = known.join(", ");
            warnings.push(Warning::LocationUnknown {
                model: model.clone(),
                endpoint: endpoint.clone(),
                known,
            });
        }
        if let Some(launch) = life.launch.filter(|launch| first < *launch) {
            let (model, endpoint) = (model.clone(), endpoint.clone());
            warnings.push(Warning::NotYetLaunched { model, endpoint, launch });
        }
        let successor = life.successor.clone();
        match life.end {
            Some((end, EndKind::Announced)) if end <= first => {
                warnings.push(Warning::Gone { model, endpoint, end, successor });
            }
            Some((end, EndKind::Announced)) if end < next => {
                warnings.push(Warning::EndsInside { model, endpoint, end, successor });
            }
            Some((end, kind)) if kind != EndKind::Announced && end < next => {
                let confirmed = kind == EndKind::Earliest;
                warnings.push(Warning::MayEnd { model, endpoint, end, confirmed });
            }
            _ => {}
        }
        warnings
    }

    /// A warning when the book is old on a day.
    pub fn stale(&self, on: Day) -> Option<Warning> {
        let days = self.checked.days_until(on);
        (days > STALE_AFTER_DAYS).then_some(Warning::StaleBook { checked: self.checked, on, days })
    }

    /// Lays a user's book over this one: its models and lives replace those of the same name, its rows
    /// win over rows of the same placement and day.
    pub fn overlay(&mut self, over: PriceBook) {
        let layer = self.rows.iter().map(|row| row.layer).max().unwrap_or(0) + 1;
        self.checked = self.checked.max(over.checked);
        self.sources.extend(over.sources);
        self.models.retain(|model| over.models.iter().all(|new| new.id != model.id));
        self.models.extend(over.models);
        self.life.retain(|life| {
            over.life.iter().all(|new| (&new.model, new.backend) != (&life.model, life.backend))
        });
        self.life.extend(over.life);
        self.grounding.retain(|old| over.grounding.iter().all(|new| new.family != old.family));
        self.grounding.extend(over.grounding);
        self.rows.extend(over.rows.into_iter().map(|row| PriceRow { layer, ..row }));
    }
}
