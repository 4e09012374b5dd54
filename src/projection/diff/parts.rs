//! The factors of a route's cost, and each cause's part of the difference.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Cause, Part, RouteDiff};
use crate::{
    model::{Placement, TokenClass},
    projection::saved::{SavedPlacement, SavedPlan, SavedRoute},
    stats::shapley,
    units::TOKENS_PER_MTOK,
};

/// The causes that are swapped one by one.
const SWAPPED: [Cause; 6] = [
    Cause::Requests,
    Cause::PlacementTokens,
    Cause::PlacementPrices,
    Cause::Tokens,
    Cause::Prices,
    Cause::Assumptions,
];

/// The difference of every route that differs by more than `least` dollars in any cause, largest first.
pub(super) fn route_diffs(a: &SavedPlan, b: &SavedPlan, least: f64) -> Vec<RouteDiff> {
    let mut diffs = Vec::new();
    for route in &b.routes {
        diffs.push(match a.route(&route.name) {
            Some(was) => both(Pair::new((a, was), (b, route))),
            None => one_sided(route, Cause::Added),
        });
    }
    let gone = a.routes.iter().filter(|route| b.route(&route.name).is_none());
    diffs.extend(gone.map(|route| one_sided(route, Cause::Removed)));
    for diff in &mut diffs {
        diff.causes.retain(|part| part.usd_per_month.abs() > least);
    }
    diffs.retain(|diff| !diff.causes.is_empty() || diff.before != diff.after);
    diffs.sort_by(|a, b| b.change_usd_per_month.abs().total_cmp(&a.change_usd_per_month.abs()));
    diffs
}

fn one_sided(route: &SavedRoute, cause: Cause) -> RouteDiff {
    let (usd, placement) = (route.chosen().usd_per_month, Some(route.chosen().placement.get()));
    let added = cause == Cause::Added;
    let change = if added { usd } else { -usd };
    RouteDiff {
        route: route.name.clone(),
        before: placement.clone().filter(|_| !added),
        after: placement.filter(|_| added),
        usd_before: if added { 0.0 } else { usd },
        usd_after: if added { usd } else { 0.0 },
        change_usd_per_month: change,
        causes: vec![Part { cause, usd_per_month: change }],
    }
}

fn both(pair: Pair<'_>) -> RouteDiff {
    let (before, after) = (pair.sides[0].route.chosen(), pair.sides[1].route.chosen());
    let parts = shapley(SWAPPED.len(), |set| pair.cost(set));
    RouteDiff {
        route: pair.sides[1].route.name.clone(),
        before: Some(before.placement.get()),
        after: Some(after.placement.get()),
        usd_before: before.usd_per_month,
        usd_after: after.usd_per_month,
        change_usd_per_month: after.usd_per_month - before.usd_per_month,
        causes: SWAPPED
            .iter()
            .zip(parts)
            .map(|(cause, usd_per_month)| Part { cause: *cause, usd_per_month })
            .collect(),
    }
}

/// One plan's view of a route.
struct Side<'a> {
    plan: &'a SavedPlan,
    route: &'a SavedRoute,
    place: Placement,
}

/// The same route in both plans; side 0 is the first.
pub(super) struct Pair<'a> {
    sides: [Side<'a>; 2],
    classes: BTreeSet<TokenClass>,
}

impl<'a> Pair<'a> {
    pub(super) fn new(a: (&'a SavedPlan, &'a SavedRoute), b: (&'a SavedPlan, &'a SavedRoute)) -> Pair<'a> {
        let side = |(plan, route): (&'a SavedPlan, &'a SavedRoute)| Side {
            plan,
            route,
            place: route.chosen().placement.get(),
        };
        let sides = [side(a), side(b)];
        let mut classes = BTreeSet::new();
        for knows in &sides {
            for place in &sides {
                let request = knows.route.on(&place.place).and_then(|plan| plan.per_request.as_ref());
                classes.extend(request.iter().flat_map(|request| request.tokens.keys().copied()));
            }
        }
        Pair { sides, classes }
    }

    /// US dollars a month when the causes in `set` are the second plan's and the others the first's.
    fn cost(&self, set: u32) -> f64 {
        let side = |cause: Cause| {
            let at = SWAPPED.iter().position(|swapped| *swapped == cause).expect("a cause that is swapped");
            usize::from(set & (1 << at) != 0)
        };
        let per_request: f64 = self
            .classes
            .iter()
            .map(|class| {
                let knows = side(self.cause_of_tokens(*class));
                let tokens = self.tokens(knows, side(Cause::PlacementTokens), *class);
                tokens * self.price(side(Cause::Prices), side(Cause::PlacementPrices), *class)
            })
            .sum();
        let factor = self.sides[side(Cause::Assumptions)].plan.workload.price_factors.tokens;
        self.requests(side(Cause::Requests)) * per_request * factor
    }

    /// Served requests of the mean month.
    fn requests(&self, side: usize) -> f64 {
        let months = &self.sides[side].route.chosen().months;
        months.iter().map(|month| month.requests).sum::<f64>() / months.len() as f64
    }

    /// Whether a class's tokens differ because the workload asks for something else, or because the token
    /// profile changed.
    pub(super) fn cause_of_tokens(&self, class: TokenClass) -> Cause {
        let shape = |side: &Side<'a>| {
            let request = side.plan.request(&side.route.name);
            request.and_then(|request| request.get("shape")).and_then(Value::as_object)
        };
        let (Some(a), Some(b)) = (shape(&self.sides[0]), shape(&self.sides[1])) else { return Cause::Tokens };
        if asks_the_same(a, b, class) { Cause::Tokens } else { Cause::Assumptions }
    }

    /// Mean tokens of a class at one side's placement, as `knows` has it. Where that plan does not price the
    /// placement, the other's number stands in: no change can be seen there.
    pub(super) fn tokens(&self, knows: usize, place: usize, class: TokenClass) -> f64 {
        let place = &self.sides[place].place;
        let known = [knows, 1 - knows].into_iter().find_map(|side| self.sides[side].route.on(place));
        let request = known.and_then(|plan| plan.per_request.as_ref());
        request.and_then(|request| request.tokens.get(&class)).map_or(0.0, |tokens| tokens.mean)
    }

    /// US dollars per token, negotiated factor left out. A class that a plan has no price for at a placement
    /// takes the other plan's there, then the price at the other placement: a price that nobody names cannot
    /// have changed.
    fn price(&self, knows: usize, place: usize, class: TokenClass) -> f64 {
        let order = [(knows, place), (1 - knows, place), (knows, 1 - place), (1 - knows, 1 - place)];
        order.into_iter().find_map(|(knows, place)| self.own_price(knows, place, class)).unwrap_or(0.0)
    }

    fn own_price(&self, knows: usize, place: usize, class: TokenClass) -> Option<f64> {
        let plan = self.sides[knows].plan;
        price_per_token(plan, self.sides[knows].route.on(&self.sides[place].place)?, class)
    }
}

/// The keys of a request's shape that decide a class's tokens; none stands for all of them.
fn keys_that_decide(class: TokenClass) -> &'static [&'static str] {
    match class {
        TokenClass::InputText | TokenClass::CachedInputText => &["prompt_text", "cached_share"],
        TokenClass::InputImage | TokenClass::CachedInputImage => {
            &["input_images", "media_resolution", "cached_share"]
        }
        TokenClass::OutputImage => &["output_size", "input_images"],
        TokenClass::OutputText | TokenClass::OutputThinking => {
            &["output_text", "thinking_level", "output_size", "input_images"]
        }
        _ => &[],
    }
}

fn asks_the_same(a: &Map<String, Value>, b: &Map<String, Value>, class: TokenClass) -> bool {
    let keys = keys_that_decide(class);
    if keys.is_empty() { a == b } else { keys.iter().all(|key| a.get(*key) == b.get(*key)) }
}

/// Mean US dollars per token of a class over the horizon, negotiated factor left out; where a placement has no
/// traffic, that of one request, and for a class it does not use, that of the price row. `None` when the plan
/// names no price.
pub(super) fn price_per_token(plan: &SavedPlan, on: &SavedPlacement, class: TokenClass) -> Option<f64> {
    let request = on.per_request.as_ref()?;
    let factor = plan.workload.price_factors.tokens;
    let mean = request.tokens.get(&class).map_or(0.0, |tokens| tokens.mean);
    if mean > 0.0 {
        let requests: f64 = on.months.iter().map(|month| month.requests).sum();
        let usd: f64 = on.months.iter().filter_map(|month| month.usd.get(&class)).sum();
        let one = request.usd.get(&class).copied().unwrap_or(0.0);
        let (usd, tokens) = if requests > 0.0 { (usd, requests * mean) } else { (one, mean) };
        return Some(usd / tokens / factor);
    }
    let row = on.rows.iter().find_map(|row| Some((row, row.usd_per_mtok.get(&class)?)));
    let (row, rate) = row?;
    let location: f64 = row.non_global_factor.as_ref().map_or(Some(1.0), |factor| factor.parse().ok())?;
    let rate: f64 = rate.parse().ok()?;
    Some(rate * location / TOKENS_PER_MTOK as f64)
}
