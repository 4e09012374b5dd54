//! The law of one request's size, with a second value (money) riding along.

use super::{WindowError, within};

/// One possible size of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// Size, above zero.
    pub value: f64,
    /// Probability within its law.
    pub probability: f64,
    /// What rides along, at least zero: for example dollars of such a request.
    pub second: f64,
}

/// A discrete law of sizes: ascending values, probabilities that add up to 1.
///
/// ```
/// # use burndown::stats::{Mark, Marks};
/// let marks = Marks::new([(1.0, 2.0), (2.0, 1.0), (4.0, 1.0)].map(|(value, weight)| Mark {
///     value,
///     probability: weight,
///     second: 0.0,
/// }))?;
/// assert_eq!((marks.mean(), marks.second_moment()), (2.0, 5.5));
/// # Ok::<(), burndown::stats::WindowError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Marks {
    marks: Vec<Mark>,
}

impl Marks {
    /// From sizes with weights. Weights are scaled to add up to 1; equal sizes become one, whose second
    /// value is their mean; sizes of weight zero are left out.
    ///
    /// # Errors
    ///
    /// When nothing has weight, a size is not above zero, or a weight or second value is negative or not
    /// finite.
    pub fn new(marks: impl IntoIterator<Item = Mark>) -> Result<Marks, WindowError> {
        let mut given = Vec::new();
        for mark in marks {
            within("a request's size", "above zero and finite", mark.value, mark.value > 0.0)?;
            within("a size's weight", "at least zero and finite", mark.probability, mark.probability >= 0.0)?;
            within("a second value", "at least zero and finite", mark.second, mark.second >= 0.0)?;
            if mark.probability > 0.0 {
                given.push(mark);
            }
        }
        if given.is_empty() {
            return Err(WindowError::NoMarks);
        }
        Ok(Marks { marks: merged(given) })
    }

    /// One size for all requests.
    ///
    /// # Errors
    ///
    /// As [`Marks::new`].
    pub fn identical(value: f64, second: f64) -> Result<Marks, WindowError> {
        Marks::new([Mark { value, probability: 1.0, second }])
    }

    /// The law of a request drawn from several laws with weights.
    ///
    /// # Errors
    ///
    /// As [`Marks::new`].
    pub fn pooled<'a>(laws: impl IntoIterator<Item = (f64, &'a Marks)>) -> Result<Marks, WindowError> {
        let marks = laws.into_iter().flat_map(|(weight, law)| {
            law.marks.iter().map(move |mark| Mark { probability: mark.probability * weight, ..*mark })
        });
        Marks::new(marks.collect::<Vec<Mark>>())
    }

    /// The sizes, ascending.
    pub fn iter(&self) -> std::slice::Iter<'_, Mark> {
        self.marks.iter()
    }

    /// `E[size]`.
    pub fn mean(&self) -> f64 {
        self.expect(|mark| mark.value)
    }

    /// `E[size²]`.
    pub fn second_moment(&self) -> f64 {
        self.expect(|mark| mark.value * mark.value)
    }

    /// `E[size³]`.
    pub fn third_moment(&self) -> f64 {
        self.expect(|mark| mark.value.powi(3))
    }

    /// `E[second value]`.
    pub fn mean_second(&self) -> f64 {
        self.expect(|mark| mark.second)
    }

    /// The largest size.
    pub fn largest(&self) -> f64 {
        self.marks[self.marks.len() - 1].value
    }

    /// The likeliest size; the smallest of several.
    pub fn likeliest(&self) -> &Mark {
        let mut best = &self.marks[0];
        for mark in &self.marks {
            if mark.probability > best.probability {
                best = mark;
            }
        }
        best
    }

    /// P(size > `level`).
    pub fn probability_above(&self, level: f64) -> f64 {
        self.marks.iter().filter(|mark| mark.value > level).map(|mark| mark.probability).sum()
    }

    /// `E[f(size, second value)]`.
    pub fn expect(&self, f: impl Fn(&Mark) -> f64) -> f64 {
        self.marks.iter().map(|mark| mark.probability * f(mark)).sum()
    }

    /// A law of at most `limit` sizes (at least 4) with the same mean, second and third moment, the same
    /// mean of the second value and of size × second value; the likeliest and the largest size stay.
    ///
    /// The other sizes are cut into groups of equal weight (half by probability, half by load), and each
    /// group becomes the two nodes of its Gaussian quadrature, which lie inside the group.
    /// A law that is small enough stays as it is.
    ///
    /// # Panics
    ///
    /// When `limit` is below 4.
    pub fn compressed(&self, limit: usize) -> Marks {
        assert!(limit >= 4, "limit {limit}");
        if self.marks.len() <= limit {
            return self.clone();
        }
        let (likeliest, last) = (*self.likeliest(), self.marks[self.marks.len() - 1]);
        let kept: Vec<Mark> = if likeliest.value == last.value { vec![last] } else { vec![likeliest, last] };
        let rest: Vec<Mark> =
            self.marks.iter().filter(|mark| kept.iter().all(|k| k.value != mark.value)).copied().collect();
        let groups = (limit - kept.len()) / 2;
        let mean = self.mean();
        let weight = |mark: &Mark| mark.probability * (1.0 + mark.value / mean);
        let total: f64 = rest.iter().map(weight).sum();
        let mut parts: Vec<Vec<Mark>> = vec![Vec::new(); groups];
        let mut before = 0.0;
        for mark in rest {
            let middle = before + weight(&mark) / 2.0;
            before += weight(&mark);
            let group = (middle / total * groups as f64) as usize;
            parts[group.min(groups - 1)].push(mark);
        }
        let two = parts.iter().flat_map(|group| gauss_pair(group));
        Marks { marks: merged(two.chain(kept).collect()) }
    }
}

/// Sorted by value, equal values joined, probabilities scaled to 1.
fn merged(mut marks: Vec<Mark>) -> Vec<Mark> {
    marks.sort_by(|a, b| {
        a.value
            .total_cmp(&b.value)
            .then(a.probability.total_cmp(&b.probability))
            .then(a.second.total_cmp(&b.second))
    });
    let total: f64 = marks.iter().map(|mark| mark.probability).sum();
    let mut joined: Vec<Mark> = Vec::with_capacity(marks.len());
    for mark in marks {
        let mark = Mark { probability: mark.probability / total, ..mark };
        match joined.last_mut() {
            Some(last) if last.value == mark.value => {
                let both = last.probability + mark.probability;
                last.second += (mark.second - last.second) * mark.probability / both;
                last.probability = both;
            }
            _ => joined.push(mark),
        }
    }
    joined
}

/// Two sizes for a group: its moments 0 to 3, its mean second value and their mean product are kept.
fn gauss_pair(group: &[Mark]) -> Vec<Mark> {
    if group.len() <= 2 {
        return group.to_vec();
    }
    let probability: f64 = group.iter().map(|mark| mark.probability).sum();
    let expect =
        |f: &dyn Fn(&Mark) -> f64| group.iter().map(|m| m.probability * f(m)).sum::<f64>() / probability;
    let mean = expect(&|m| m.value);
    let variance = expect(&|m| (m.value - mean).powi(2));
    let second = expect(&|m| m.second);
    if variance <= (mean * 1e-9).powi(2) {
        return vec![Mark { value: mean, probability, second }];
    }
    // Nodes are the roots of x² − a·x − variance, x = size − mean, a = third central moment ÷ variance.
    let skew = expect(&|m| (m.value - mean).powi(3)) / variance;
    let slope = expect(&|m| (m.value - mean) * (m.second - second)) / variance;
    let root = (skew * skew / 4.0 + variance).sqrt();
    let (low, high) = (skew / 2.0 - root, skew / 2.0 + root);
    let second_at = |x: f64| second + slope * x;
    let flat = second_at(low).min(second_at(high)) < 0.0;
    let pair = [(low, high / (high - low)), (high, -low / (high - low))];
    pair.map(|(x, share)| Mark {
        value: mean + x,
        probability: probability * share,
        second: if flat { second } else { second_at(x) },
    })
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::generator;
    use rand_distr::{Distribution, LogNormal};

    fn check_close(left: f64, right: f64) {
        assert!((left / right - 1.0).abs() < 1e-10, "{left} against {right}");
    }

    #[test]
    fn thousands_of_samples_become_64_sizes_of_the_same_moments() {
        let (mut random, law) = (generator(5, 0), LogNormal::new(8.0, 0.9).unwrap());
        let mut given: Vec<Mark> = (0..5000)
            .map(|_| {
                let value: f64 = law.sample(&mut random);
                Mark { value, probability: 1.0, second: 1e-6 * value + 0.01 }
            })
            .collect();
        given.extend((0..800).map(|_| Mark { value: 4096.0, probability: 1.0, second: 0.5 }));
        let all = Marks::new(given).unwrap();
        let few = all.compressed(64);
        assert!(few.iter().len() <= 64, "{}", few.iter().len());
        check_close(few.mean(), all.mean());
        check_close(few.second_moment(), all.second_moment());
        check_close(few.third_moment(), all.third_moment());
        check_close(few.mean_second(), all.mean_second());
        check_close(few.expect(|m| m.value * m.second), all.expect(|m| m.value * m.second));
        assert_eq!((few.likeliest().value, few.likeliest().second), (4096.0, 0.5));
        check_close(few.likeliest().probability, 800.0 / 5800.0);
        assert_eq!(few.largest(), all.largest());
        assert!(few.iter().all(|mark| mark.value >= all.marks[0].value && mark.second >= 0.0));
    }

    #[test]
    fn a_small_law_stays_as_it_is() {
        let marks = Marks::identical(7.0, 2.0).unwrap();
        assert_eq!(marks.compressed(64), marks);
    }

    #[test]
    fn equal_sizes_are_one_and_weights_add_up_to_one() {
        let mark = |value, probability, second| Mark { value, probability, second };
        let marks = Marks::new([mark(3.0, 1.0, 9.0), mark(1.0, 2.0, 0.0), mark(3.0, 1.0, 5.0)]).unwrap();
        assert_eq!(marks.marks, [mark(1.0, 0.5, 0.0), mark(3.0, 0.5, 7.0)]);
        assert_eq!(marks.probability_above(1.0), 0.5);
    }

    #[test]
    fn nonsense_is_refused_at_the_door() {
        let mark = |value, probability, second| Mark { value, probability, second };
        assert_eq!(Marks::new([]), Err(WindowError::NoMarks));
        assert_eq!(Marks::new([mark(1.0, 0.0, 0.0)]), Err(WindowError::NoMarks));
        for bad in [
            mark(0.0, 1.0, 0.0),
            mark(f64::NAN, 1.0, 0.0),
            mark(1.0, -1.0, 0.0),
            mark(1.0, 1.0, f64::INFINITY),
        ] {
            let error = Marks::new([bad]).unwrap_err();
            assert!(matches!(error, WindowError::OutOfBounds { .. }), "{error}");
        }
        let text = Marks::new([mark(-3.0, 1.0, 0.0)]).unwrap_err().to_string();
        assert_eq!(text, "a request's size must be above zero and finite, found -3");
    }
}
