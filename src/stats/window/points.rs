//! Where the transform of a window is evaluated: in every cell, or on a grid of rates.
//!
//! The law of a window changes smoothly with its mean count. In the coordinate y(λ) = ∫ dλ/√variance(λ) it
//! changes at a scale of 1, whatever the rate, so few nodes carry any number of cells: those of Gauss's quadrature,
//! one for each unit of y that the cells span and a few more; or, where a transform at equal distances is a
//! recurrence, a grid of nodes 0.3 apart with weights of Lagrange's polynomial through 8 of them. The error is below
//! 10⁻⁶ of the mean load (tested).

use super::{CountLaw, gauss, traffic::Cell};

/// Nodes of a quadrature beyond one for each unit of the coordinate.
const NODES_MORE: usize = 3;

/// Distance of a grid's nodes in the coordinate where the standard deviation of a count is 1.
const SPACING: f64 = 0.3;

/// Nodes of the interpolating polynomial.
const STENCIL: usize = 8;

/// A transform by the recurrence for squares costs this part of one by an exponential.
const RECURRENCE_GAIN: usize = 6;

/// Mean counts and weights over which transforms are averaged.
#[derive(Clone, Debug)]
pub(super) enum Points {
    /// Any mean counts.
    Listed(Vec<Cell>),
    /// Mean counts (first + k·spacing)² of the whole, split over the streams by `fractions`.
    Squares { weights: Vec<f64>, first: f64, spacing: f64, fractions: Vec<f64> },
}

/// The cheapest of all cells, a quadrature and a grid. Cells of different mixes of streams are taken one by one.
pub(super) fn points(cells: &[Cell], laws: &[CountLaw]) -> Points {
    let fewer = || {
        let fractions = common_fractions(cells)?;
        let scale = Coordinate::new(laws, &fractions);
        let places: Vec<f64> = cells.iter().map(|cell| scale.forward(cell.rates.iter().sum())).collect();
        if laws.iter().all(|law| law.is_exponential()) {
            grid(cells, &places, fractions)
        } else {
            quadrature(cells, &places, &scale, &fractions)
        }
    };
    fewer().unwrap_or_else(|| Points::Listed(cells.to_vec()))
}

/// Nodes at equal distances in 2√λ; `None` where all cells cost less.
fn grid(cells: &[Cell], places: &[f64], fractions: Vec<f64>) -> Option<Points> {
    let (low, high) = ends(places);
    let nodes = (((high - low) / SPACING).ceil() as usize + 1).max(STENCIL);
    if nodes >= cells.len() * RECURRENCE_GAIN {
        return None;
    }
    let spacing = (high - low) / (nodes - 1) as f64;
    let mut weights = vec![0.0; nodes];
    for (cell, place) in cells.iter().zip(places) {
        spread(&mut weights, (place - low) / spacing, cell.weight);
    }
    // y = 2√λ, so that λ = (y/2)².
    Some(Points::Squares { weights, first: low / 2.0, spacing: spacing / 2.0, fractions })
}

/// Nodes of Gauss's quadrature; `None` where there are no more cells.
fn quadrature(cells: &[Cell], places: &[f64], scale: &Coordinate, fractions: &[f64]) -> Option<Points> {
    let (low, high) = ends(places);
    // Skewed laws of small shapes change a little faster.
    let nodes = ((high - low) * (1.0 + 0.5 / scale.shape)).ceil() as usize + NODES_MORE;
    if nodes >= cells.len() || low == high {
        return None;
    }
    let listed: Vec<(f64, f64)> =
        cells.iter().zip(places).map(|(cell, place)| (*place, cell.weight)).collect();
    let node = |(place, weight): (f64, f64)| {
        let total = scale.back(place);
        Cell { weight, rates: fractions.iter().map(|fraction| fraction * total).collect() }
    };
    Some(Points::Listed(gauss::few(&listed, nodes).into_iter().map(node).collect()))
}

fn ends(places: &[f64]) -> (f64, f64) {
    let both = |(low, high): (f64, f64), place: &f64| (low.min(*place), high.max(*place));
    places.iter().fold((f64::INFINITY, 0.0), both)
}

/// Each stream's share of the requests when it is the same in all cells.
fn common_fractions(cells: &[Cell]) -> Option<Vec<f64>> {
    let busiest = cells.last()?;
    let total: f64 = busiest.rates.iter().sum();
    let fractions: Vec<f64> = busiest.rates.iter().map(|rate| rate / total).collect();
    let same = |cell: &Cell| {
        let whole: f64 = cell.rates.iter().sum();
        cell.rates.iter().zip(&fractions).all(|(rate, part)| (rate - part * whole).abs() <= 1e-12 * whole)
    };
    (total > 0.0 && cells.iter().all(same)).then_some(fractions)
}

/// y(λ) = 2√λ for Poisson counts, 2√r·asinh√(λ/r) for negative binomial ones of pooled shape r.
struct Coordinate {
    shape: f64,
}

impl Coordinate {
    fn new(laws: &[CountLaw], fractions: &[f64]) -> Coordinate {
        let wavering = |(law, fraction): (&CountLaw, &f64)| match law {
            CountLaw::NegativeBinomial { shape } => fraction * fraction / shape,
            _ => 0.0,
        };
        Coordinate { shape: 1.0 / laws.iter().zip(fractions).map(wavering).sum::<f64>() }
    }

    fn forward(&self, mean: f64) -> f64 {
        if self.shape.is_infinite() {
            return 2.0 * mean.sqrt();
        }
        2.0 * self.shape.sqrt() * (mean / self.shape).sqrt().asinh()
    }

    fn back(&self, y: f64) -> f64 {
        self.shape * (y / (2.0 * self.shape.sqrt())).sinh().powi(2)
    }
}

/// Adds `weight` at `position` (in node steps) through Lagrange's polynomial on the nearest nodes.
fn spread(weights: &mut [f64], position: f64, weight: f64) {
    let start = (position.floor() as usize).saturating_sub(STENCIL / 2 - 1).min(weights.len() - STENCIL);
    for node in 0..STENCIL {
        let mut factor = 1.0;
        for other in (0..STENCIL).filter(|other| *other != node) {
            factor *= (position - (start + other) as f64) / (node as f64 - other as f64);
        }
        weights[start + node] += weight * factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_and_quadrature_keep_weight_and_mean() {
        let cells: Vec<Cell> =
            (0..720).map(|k| Cell { weight: 1.0 / 720.0, rates: vec![3.0 + f64::from(k) * 0.05] }).collect();
        let mean: f64 = cells.iter().map(|cell| cell.weight * cell.rates[0]).sum();
        let Points::Squares { weights, first, spacing, .. } = points(&cells, &[CountLaw::Poisson]) else {
            panic!("720 Poisson cells are worth a grid")
        };
        assert!(weights.len() < 100, "{}", weights.len());
        let at = |k: usize| (first + spacing * k as f64).powi(2);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let found: f64 = weights.iter().enumerate().map(|(k, weight)| weight * at(k)).sum();
        assert!((found - mean).abs() < 1e-9, "{found} against {mean}");
        let Points::Listed(nodes) = points(&cells, &[CountLaw::NegativeBinomial { shape: 8.0 }]) else {
            panic!("negative binomial cells have listed nodes")
        };
        assert!(nodes.len() < 12, "{}", nodes.len());
        let found: f64 = nodes.iter().map(|node| node.weight * node.rates[0]).sum();
        assert!((found / mean - 1.0).abs() < 1e-6, "{found} against {mean}");
    }

    #[test]
    fn few_cells_and_changing_mixes_are_taken_one_by_one() {
        let cell = |a: f64, b: f64| Cell { weight: 0.5, rates: vec![a, b] };
        let laws = [CountLaw::Poisson, CountLaw::Poisson];
        assert!(matches!(points(&[cell(1.0, 2.0), cell(2.0, 1.0)], &laws), Points::Listed(_)));
        assert!(matches!(points(&[cell(1.0, 2.0)], &laws), Points::Listed(_)));
    }
}
