//! Streams of requests whose rates differ by cell, for example by hour of the week.

use std::borrow::Cow;

use super::{super::Modulation, CountLaw, Mark, Marks, WindowError, gauss, within};

/// Requests of one kind: their sizes, the law of their counts, their rate in every cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Sizes of its requests.
    pub marks: Marks,
    /// How its counts scatter around their mean.
    pub counts: CountLaw,
    /// Requests per unit of time, one for each cell.
    pub rates: Vec<f64>,
}

/// Streams that share one quota. Given the cell they are independent of each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    pub(super) sources: Vec<Source>,
    /// Cells that differ, ascending by their rates; weights add up to 1.
    pub(super) cells: Vec<Cell>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    pub marks: Marks,
    pub counts: CountLaw,
}

/// A share of the time, with one number for each stream: a rate, or the mean count of a window.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub weight: f64,
    pub rates: Vec<f64>,
}

impl Traffic {
    /// Streams over cells, whose weights are scaled to add up to 1. Cells of equal rates become one, and a
    /// stream that never sends is left out.
    ///
    /// # Errors
    ///
    /// When a weight, rate or parameter is negative or not finite, a stream lacks rates, or no request comes.
    pub fn new(weights: &[f64], streams: Vec<Stream>) -> Result<Traffic, WindowError> {
        for weight in weights {
            within("a cell's weight", "at least zero and finite", *weight, *weight >= 0.0)?;
        }
        for stream in &streams {
            stream.counts.checked()?;
            if stream.rates.len() != weights.len() {
                return Err(WindowError::RatesPerCell { expected: weights.len(), found: stream.rates.len() });
            }
            for rate in &stream.rates {
                within("a rate", "at least zero and finite", *rate, *rate >= 0.0)?;
            }
        }
        let sends = |stream: &Stream| weights.iter().zip(&stream.rates).any(|(w, rate)| w * rate > 0.0);
        let streams: Vec<Stream> = streams.into_iter().filter(sends).collect();
        if streams.is_empty() {
            return Err(WindowError::NoTraffic);
        }
        let cell = |(index, weight): (usize, &f64)| Cell {
            weight: *weight,
            rates: streams.iter().map(|stream| stream.rates[index]).collect(),
        };
        let cells = distinct(weights.iter().enumerate().map(cell).collect());
        let source = |stream: Stream| Source { marks: stream.marks, counts: stream.counts };
        Ok(Traffic { sources: streams.into_iter().map(source).collect(), cells })
    }

    /// The same traffic with every rate times `factor`.
    ///
    /// # Errors
    ///
    /// When the factor is not above zero and finite.
    pub fn scaled(&self, factor: f64) -> Result<Traffic, WindowError> {
        within("a load factor", "above zero and finite", factor, factor > 0.0)?;
        let mut scaled = self.clone();
        scaled.cells.iter_mut().flat_map(|cell| &mut cell.rates).for_each(|rate| *rate *= factor);
        Ok(scaled)
    }

    /// The same traffic with another law of counts for all streams.
    ///
    /// # Errors
    ///
    /// When the law's parameter makes no sense.
    pub fn with_counts(&self, counts: CountLaw) -> Result<Traffic, WindowError> {
        counts.checked()?;
        let mut other = self.clone();
        other.sources.iter_mut().for_each(|source| source.counts = counts);
        Ok(other)
    }

    /// The same traffic as windows of so many seconds see it: a modulation that ends has the shape of counts that
    /// it has there. Borrowed where nothing depends on the window.
    pub fn in_windows(&self, seconds: f64) -> Cow<'_, Traffic> {
        if !self.depends_on_windows() {
            return Cow::Borrowed(self);
        }
        let mut seen = self.clone();
        seen.sources.iter_mut().for_each(|source| source.counts = source.counts.in_windows(seconds));
        Cow::Owned(seen)
    }

    /// Whether windows of other lengths see other laws of counts.
    pub fn depends_on_windows(&self) -> bool {
        self.sources.iter().any(|source| matches!(source.counts, CountLaw::Modulated(_)))
    }

    /// The same traffic with every stream's negative binomial shape times `factor` (below 1: more bursts), in
    /// every window where a modulation gives it; other laws of counts stay.
    ///
    /// # Errors
    ///
    /// When the factor is not above zero and finite.
    pub fn with_shapes_scaled(&self, factor: f64) -> Result<Traffic, WindowError> {
        within("a factor of shapes", "above zero and finite", factor, factor > 0.0)?;
        let mut other = self.clone();
        for source in &mut other.sources {
            source.counts = match source.counts {
                CountLaw::NegativeBinomial { shape } => CountLaw::NegativeBinomial { shape: shape * factor },
                CountLaw::Modulated(of) => {
                    CountLaw::Modulated(Modulation { cv: of.cv / factor.sqrt(), ..of })
                }
                other => other,
            };
        }
        Ok(other)
    }

    /// The same requests, each `factor` times as big.
    ///
    /// # Errors
    ///
    /// When the factor is not above zero and finite.
    pub fn with_sizes_scaled(&self, factor: f64) -> Result<Traffic, WindowError> {
        within("a factor of sizes", "above zero and finite", factor, factor > 0.0)?;
        let mut other = self.clone();
        for source in &mut other.sources {
            let bigger = source.marks.iter().map(|mark| Mark { value: mark.value * factor, ..*mark });
            source.marks = Marks::new(bigger.collect::<Vec<Mark>>())?;
        }
        Ok(other)
    }

    /// Requests per unit of time, averaged over the cells.
    pub fn mean_rate(&self) -> f64 {
        self.average(|_| 1.0)
    }

    /// Load per unit of time, averaged over the cells.
    pub fn mean_load(&self) -> f64 {
        self.average(Marks::mean)
    }

    /// Load per unit of time in the busiest cell.
    pub fn busiest_load(&self) -> f64 {
        self.cells.iter().map(|cell| self.load_of(cell)).fold(0.0, f64::max)
    }

    /// Size of a request drawn from the whole time: every stream by its share of requests.
    pub fn pooled_marks(&self) -> Marks {
        let share = |index: usize| self.cells.iter().map(|c| c.weight * c.rates[index]).sum::<f64>();
        let laws = self.sources.iter().enumerate().map(|(index, source)| (share(index), &source.marks));
        Marks::pooled(laws).expect("checked traffic has a size of positive weight")
    }

    /// The same traffic with every law of sizes compressed, see [`Marks::compressed`].
    ///
    /// # Panics
    ///
    /// When `limit` is below 4.
    pub fn compressed(&self, limit: usize) -> Traffic {
        let mut small = self.clone();
        small.sources.iter_mut().for_each(|source| source.marks = source.marks.compressed(limit));
        small
    }

    /// Load per unit of time as a law over the time that has any, of at most `limit` values: more are replaced by the
    /// nodes of their Gauss quadrature.
    pub(crate) fn loads(&self, limit: usize) -> Marks {
        let busy: Vec<(f64, f64)> = self
            .cells
            .iter()
            .map(|cell| (self.load_of(cell), cell.weight))
            .filter(|(load, _)| *load > 0.0)
            .collect();
        let few = if busy.len() > limit { gauss::few(&busy, limit) } else { busy };
        let mark = |(value, probability)| Mark { value, probability, second: 0.0 };
        Marks::new(few.into_iter().map(mark)).expect("checked traffic has a busy cell")
    }

    /// Shape of negative binomial counts that would waver as much as the streams together: 1/r is
    /// Σ excess variance ÷ Σ squared load over the cells; infinity when all is Poisson.
    pub(crate) fn pooled_shape(&self) -> f64 {
        let (mut excess, mut squares) = (0.0, 0.0);
        for cell in &self.cells {
            squares += cell.weight * self.load_of(cell).powi(2);
            for (source, rate) in self.sources.iter().zip(&cell.rates) {
                let load = rate * source.marks.mean();
                excess += match source.counts.lasting() {
                    CountLaw::Poisson | CountLaw::Modulated(_) => 0.0,
                    CountLaw::NegativeBinomial { shape } => cell.weight * load * load / shape,
                    CountLaw::ConstantDispersion { dispersion } => {
                        cell.weight * load * source.marks.mean() * (dispersion - 1.0)
                    }
                };
            }
        }
        if excess > 0.0 { squares / excess } else { f64::INFINITY }
    }

    /// The same requests, each counted as one unit.
    pub(super) fn unit_marks(&self) -> Traffic {
        let mut counted = self.clone();
        let one = Marks::identical(1.0, 0.0).expect("one is a size");
        counted.sources.iter_mut().for_each(|source| source.marks = one.clone());
        counted
    }

    /// The same counts, every stream with the pooled law of sizes (of at most `limit` sizes).
    ///
    /// # Panics
    ///
    /// When `limit` is below 4.
    pub fn pooled(&self, limit: usize) -> Traffic {
        let pooled = self.pooled_marks().compressed(limit);
        let mut other = self.clone();
        other.sources.iter_mut().for_each(|source| source.marks = pooled.clone());
        other
    }

    /// Whether all streams have the same sizes.
    pub fn has_one_law_of_sizes(&self) -> bool {
        self.sources.iter().all(|source| source.marks == self.sources[0].marks)
    }

    fn load_of(&self, cell: &Cell) -> f64 {
        self.sources.iter().zip(&cell.rates).map(|(source, rate)| rate * source.marks.mean()).sum()
    }

    fn average(&self, of: impl Fn(&Marks) -> f64) -> f64 {
        let each: Vec<f64> = self.sources.iter().map(|source| of(&source.marks)).collect();
        let cell = |c: &Cell| c.weight * c.rates.iter().zip(&each).map(|(rate, one)| rate * one).sum::<f64>();
        self.cells.iter().map(cell).sum()
    }
}

/// Cells of positive weight, ascending by their rates, equal ones joined, weights scaled to 1.
fn distinct(mut cells: Vec<Cell>) -> Vec<Cell> {
    cells.retain(|cell| cell.weight > 0.0);
    let order = |a: &Cell, b: &Cell| {
        let rates = a.rates.iter().zip(&b.rates).map(|(x, y)| x.total_cmp(y));
        rates.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then).then(a.weight.total_cmp(&b.weight))
    };
    cells.sort_by(order);
    let total: f64 = cells.iter().map(|cell| cell.weight).sum();
    let mut joined: Vec<Cell> = Vec::new();
    for cell in cells {
        match joined.last_mut() {
            Some(last) if last.rates == cell.rates => last.weight += cell.weight / total,
            _ => joined.push(Cell { weight: cell.weight / total, ..cell }),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(rates: &[f64], value: f64) -> Stream {
        let marks = Marks::identical(value, 0.0).unwrap();
        Stream { marks, counts: CountLaw::Poisson, rates: rates.to_vec() }
    }

    #[test]
    fn equal_hours_are_one_cell() {
        let traffic = Traffic::new(&[1.0, 2.0, 1.0], vec![stream(&[3.0, 5.0, 3.0], 2.0)]).unwrap();
        assert_eq!(traffic.cells.len(), 2);
        assert_eq!((traffic.mean_rate(), traffic.mean_load(), traffic.busiest_load()), (4.0, 8.0, 10.0));
        let doubled = traffic.scaled(2.0).unwrap();
        assert_eq!((doubled.mean_rate(), doubled.busiest_load()), (8.0, 20.0));
    }

    #[test]
    fn streams_pool_by_their_requests() {
        let weights = [0.5, 0.5];
        let traffic =
            Traffic::new(&weights, vec![stream(&[3.0, 0.0], 1.0), stream(&[0.0, 1.0], 5.0)]).unwrap();
        assert_eq!(traffic.pooled_marks().mean(), 2.0);
        assert_eq!((traffic.mean_load(), traffic.busiest_load()), (4.0, 5.0));
        assert!(!traffic.has_one_law_of_sizes());
    }

    /// Two equal independent streams of shape 4 waver like one of shape 8.
    #[test]
    fn independent_streams_smooth_each_other() {
        let counts = CountLaw::NegativeBinomial { shape: 4.0 };
        let one = Stream { counts, ..stream(&[1.0], 3.0) };
        let traffic = Traffic::new(&[1.0], vec![one.clone(), one]).unwrap();
        assert_eq!(traffic.pooled_shape(), 8.0);
        assert_eq!(traffic.with_counts(CountLaw::Poisson).unwrap().pooled_shape(), f64::INFINITY);
    }

    #[test]
    fn bigger_requests_and_more_bursts_are_other_traffic() {
        let counts = CountLaw::NegativeBinomial { shape: 8.0 };
        let traffic = Traffic::new(&[1.0], vec![Stream { counts, ..stream(&[2.0], 3.0) }]).unwrap();
        let bigger = traffic.with_sizes_scaled(1.5).unwrap();
        assert_eq!((bigger.mean_rate(), bigger.mean_load()), (2.0, 9.0));
        assert_eq!(traffic.with_shapes_scaled(0.5).unwrap().pooled_shape(), 4.0);
        let swings = CountLaw::Modulated(Modulation { cv: 0.5, correlation_seconds: Some(60.0) });
        let ends = traffic.with_counts(swings).unwrap();
        for seconds in [5.0, 300.0] {
            let scaled = ends.with_shapes_scaled(0.5).unwrap();
            let ratio = scaled.in_windows(seconds).pooled_shape() / ends.in_windows(seconds).pooled_shape();
            assert!((ratio - 0.5).abs() < 1e-12, "{ratio}");
        }
        assert!(traffic.with_shapes_scaled(0.0).is_err() && traffic.with_sizes_scaled(f64::NAN).is_err());
    }

    #[test]
    fn nonsense_is_refused_at_the_door() {
        let check = |weights: &[f64], rates: &[f64], expected: &str| {
            let error = Traffic::new(weights, vec![stream(rates, 1.0)]).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(&[1.0], &[-1.0], "a rate must be at least zero and finite, found -1");
        check(&[1.0], &[f64::NAN], "a rate must be at least zero and finite, found NaN");
        check(&[-1.0], &[1.0], "a cell's weight must be at least zero and finite, found -1");
        check(&[1.0, 1.0], &[1.0], "a stream has 1 rates, expected one for each of the 2 cells");
        check(&[1.0, 0.0], &[0.0, 2.0], "no traffic: every rate is zero, so there is no load to size for");
        assert_eq!(Traffic::new(&[1.0], vec![]), Err(WindowError::NoTraffic));
    }
}
