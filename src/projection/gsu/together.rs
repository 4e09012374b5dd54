//! One purchase for several models: GSUs have one price, and an order may change its model.

use schemars::JsonSchema;
use serde::Serialize;

use super::commitments::Sized;
use crate::{
    capacity::{CapacityBook, Offer, best_single, pooled},
    model::{Endpoint, ModelId},
};

/// Several models at one location that share a purchase.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Together {
    /// The location.
    pub endpoint: Endpoint,
    /// The models, in the order of the pools.
    pub models: Vec<ModelId>,
    /// PayGo alone, US dollars in the mean month.
    pub paygo_usd_per_month: f64,
    /// The best count of each term.
    pub terms: Vec<TogetherTerm>,
}

/// The best shared count of a term.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TogetherTerm {
    /// The term's id.
    pub term: String,
    /// Its name.
    pub name: String,
    /// The cheapest count of all models together; 0 when none pays.
    pub gsu: u64,
    /// How many of them each model gets, in the order of `models`.
    pub split: Vec<u64>,
    /// Fees and PayGo of the mean month, US dollars.
    pub usd_per_month: f64,
    /// What it saves against PayGo alone, US dollars a month.
    pub saving_usd_per_month: f64,
    /// What the models' own best counts save, each bought apart, US dollars a month.
    pub apart_saving_usd_per_month: f64,
}

/// Shared purchases of every location that has more than one pool.
///
/// The GSUs of a count go where each takes most from PayGo in the mean month. A change of an order's model
/// takes up to 10 business days, so the split is that of the mean month, not of the hour.
pub(super) fn together(book: &CapacityBook, sized: &[Sized]) -> Vec<Together> {
    let mut places: Vec<&Endpoint> = sized.iter().map(|sized| &sized.pool.endpoint).collect();
    places.sort();
    places.dedup();
    places.into_iter().filter_map(|place| at_place(book, place, sized)).collect()
}

fn at_place(book: &CapacityBook, place: &Endpoint, sized: &[Sized]) -> Option<Together> {
    let here: Vec<&Sized> = sized.iter().filter(|sized| sized.pool.endpoint == *place).collect();
    if here.len() < 2 {
        return None;
    }
    let tables: Vec<Vec<f64>> = here.iter().map(|sized| sized.paygo_usd.clone()).collect();
    let shared = pooled(&tables).ok()?;
    let term = |at: usize| {
        let first = here[0].pool.terms.get(at)?;
        let term = book.terms.iter().find(|term| term.id == first.term)?;
        let offer = Offer {
            usd_per_gsu: first.usd_per_gsu_month,
            bound_usd_per_gsu: first.usd_per_gsu_hour * term.hours() as f64,
            minimum_gsu: book.rules.minimum_gsu,
            increment_gsu: book.rules.increment_gsu,
        };
        let best = best_single(&shared.paygo_usd, &offer).ok()?;
        let apart = here.iter().filter_map(|sized| sized.pool.terms.get(at));
        Some(TogetherTerm {
            term: first.term.clone(),
            name: first.name.clone(),
            gsu: best.best.gsu,
            split: shared.split(best.best.gsu as usize),
            usd_per_month: best.best.total_usd,
            saving_usd_per_month: best.saving_usd,
            apart_saving_usd_per_month: apart.map(|term| term.saving_usd_per_month).sum(),
        })
    };
    Some(Together {
        endpoint: place.clone(),
        models: here.iter().map(|sized| sized.pool.model.clone()).collect(),
        paygo_usd_per_month: shared.paygo_usd[0],
        terms: (0..here[0].pool.terms.len()).filter_map(term).collect(),
    })
}
