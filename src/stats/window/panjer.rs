//! Panjer's recursion, an oracle for the laws that the transforms give.

use super::{CountLaw, LoadLaw, Mark, Marks, Stream, Traffic};

/// Probabilities of loads 0 … points − 1 for whole sizes.
fn panjer(counts: CountLaw, mean: f64, sizes: &[(usize, f64)], points: usize) -> Vec<f64> {
    let (a, b, start) = match counts {
        CountLaw::Poisson | CountLaw::Modulated(_) => (0.0, mean, (-mean).exp()),
        CountLaw::NegativeBinomial { shape } => {
            let q = mean / (mean + shape);
            (q, (shape - 1.0) * q, (1.0 - q).powf(shape))
        }
        CountLaw::ConstantDispersion { dispersion } => {
            let shape = mean / (dispersion - 1.0);
            return panjer(CountLaw::NegativeBinomial { shape }, mean, sizes, points);
        }
    };
    let mut law = vec![start];
    for n in 1..points {
        let term = |(size, p): &(usize, f64)| (a + b * *size as f64 / n as f64) * p * law[n - size];
        law.push(sizes.iter().filter(|(size, _)| *size <= n).map(term).sum());
    }
    law
}

#[track_caller]
fn check(counts: CountLaw, mean: f64) {
    let sizes = [(1, 0.5), (2, 0.3), (4, 0.2)];
    let mark = |(value, probability): (usize, f64)| Mark { value: value as f64, probability, second: 0.0 };
    let marks = Marks::new(sizes.map(mark)).unwrap();
    let traffic = Traffic::new(&[1.0], vec![Stream { marks, counts, rates: vec![mean] }]).unwrap();
    for reach in [f64::INFINITY, mean] {
        let law = LoadLaw::new(&traffic, 1.0, reach);
        let tail = law.tail();
        let expected = panjer(counts, mean, &sizes, tail.len());
        let mut above = 1.0;
        for (point, (found, probability)) in tail.iter().zip(&expected).enumerate() {
            above -= probability;
            assert!(
                (found - above).abs() < 2e-11,
                "{counts:?} {mean}, above {point}: {found}, Panjer {above}"
            );
        }
        let mut excess = law.mean();
        let mut above = 1.0;
        for (point, probability) in expected.iter().enumerate() {
            let found = law.excess(point as f64);
            assert!(
                (found - excess).abs() < 1e-9 * law.mean(),
                "{counts:?} {mean} at {point}: {found}, {excess}"
            );
            above -= probability;
            excess -= above;
        }
    }
}

#[test]
fn transforms_and_panjers_recursion_give_the_same_law() {
    for mean in [0.2, 3.0, 12.0, 150.0] {
        check(CountLaw::Poisson, mean);
        check(CountLaw::NegativeBinomial { shape: 3.0 }, mean);
        check(CountLaw::NegativeBinomial { shape: 0.4 }, mean);
        check(CountLaw::ConstantDispersion { dispersion: 6.5 }, mean);
    }
}
