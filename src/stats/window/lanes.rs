//! Four complex numbers at once: exponentials, and powers of products.

use realfft::num_complex::Complex64;
use wide::f64x4;

/// Complex numbers that are worked on together.
pub(super) const LANES: usize = 4;

/// Four complex numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes {
    re: f64x4,
    im: f64x4,
}

impl Lanes {
    pub const ZERO: Lanes = Lanes { re: f64x4::ZERO, im: f64x4::ZERO };

    /// Up to four numbers; what is missing is zero.
    pub fn gather(numbers: impl Iterator<Item = Complex64>) -> Lanes {
        let (mut re, mut im) = ([0.0; LANES], [0.0; LANES]);
        for ((re, im), number) in re.iter_mut().zip(&mut im).zip(numbers) {
            (*re, *im) = (number.re, number.im);
        }
        Lanes { re: f64x4::new(re), im: f64x4::new(im) }
    }

    pub fn scatter(self) -> [Complex64; LANES] {
        let (re, im) = (self.re.to_array(), self.im.to_array());
        std::array::from_fn(|lane| Complex64::new(re[lane], im[lane]))
    }

    /// Adds `factor` times another.
    pub fn add(&mut self, factor: f64, other: Lanes) {
        self.re += other.re * factor;
        self.im += other.im * factor;
    }

    pub fn times(self, other: Lanes) -> Lanes {
        Lanes { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }

    /// 1 less `factor` times these.
    pub fn short_of_one(self, factor: f64) -> Lanes {
        Lanes { re: 1.0 - self.re * factor, im: self.im * -factor }
    }

    pub fn exp(self) -> Lanes {
        Lanes::polar(self.re, self.im)
    }

    /// e^`log` at an angle.
    fn polar(log: f64x4, angle: f64x4) -> Lanes {
        let (size, (sin, cos)) = (log.exp(), angle.sin_cos());
        Lanes { re: size * cos, im: size * sin }
    }

    /// Logarithms of their sizes.
    pub fn log_sizes(self) -> f64x4 {
        self.squares().ln() * 0.5
    }

    /// Whether all real parts are below a number.
    pub fn is_below(self, number: f64) -> bool {
        self.re.simd_lt(f64x4::splat(number)).all()
    }

    /// Real parts.
    pub fn re(self) -> f64x4 {
        self.re
    }

    fn squares(self) -> f64x4 {
        self.re * self.re + self.im * self.im
    }
}

/// Squared size above which a product is scaled down: far below what a number holds.
const SQUARE_MAX: f64 = 1e100;

/// Products of numbers on the right of the imaginary axis that keep their whole angle, so that they have powers.
///
/// Streams that waver alike then take one power together instead of one each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    /// But for the scale.
    value: Lanes,
    /// Whole turns beyond the angle of `value`.
    turns: f64x4,
    /// Logarithm of what was scaled down.
    log_scale: f64x4,
}

impl Product {
    pub const ONE: Product = Product {
        value: Lanes { re: f64x4::ONE, im: f64x4::ZERO },
        turns: f64x4::ZERO,
        log_scale: f64x4::ZERO,
    };

    /// Another factor, Re w > 0: it turns by less than a right angle, so crossing the negative axis is seen.
    pub fn times(&mut self, w: Lanes) {
        let mut next = self.value.times(w);
        // A zero of either sign is on the upper side, as for the arctangent.
        next.im += f64x4::ZERO;
        let (above, still) = (self.value.im.simd_ge(f64x4::ZERO), next.im.simd_ge(f64x4::ZERO));
        let over = above & !still & w.im.simd_gt(f64x4::ZERO);
        let under = still & !above & w.im.simd_lt(f64x4::ZERO);
        self.turns += (over & f64x4::ONE) - (under & f64x4::ONE);
        let squares = next.squares();
        let large = squares.simd_gt(f64x4::splat(SQUARE_MAX));
        if large.any() {
            let squares = large.select(squares, f64x4::ONE);
            self.log_scale += squares.ln() * 0.5;
            let size = squares.sqrt();
            next = Lanes { re: next.re / size, im: next.im / size };
        }
        self.value = next;
    }

    /// Whether the squared sizes of all are above a number; those that were scaled down may be without it being seen.
    pub fn is_beyond(&self, square: f64) -> bool {
        self.value.squares().simd_gt(f64x4::splat(square)).all()
    }

    /// product^(−shape).
    pub fn inverse_power(self, shape: f64) -> Lanes {
        let log = self.value.log_sizes() + self.log_scale;
        let angle = self.value.im.atan2(self.value.re) + self.turns * std::f64::consts::TAU;
        Lanes::polar(log * -shape, angle * -shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(number: Complex64) -> Lanes {
        Lanes::gather([number; LANES].into_iter())
    }

    #[test]
    fn powers_and_exponentials_are_those_of_one_number() {
        let numbers = [(1.7, -2.3), (1.0, 0.0), (0.02, 4e3), (3e5, 1e-9)].map(|(a, b)| Complex64::new(a, b));
        for shape in [8.0, 2.5, 0.3] {
            let mut product = Product::ONE;
            product.times(Lanes::gather(numbers.into_iter()));
            for (found, w) in product.inverse_power(shape).scatter().into_iter().zip(numbers) {
                let expected = w.powf(-shape);
                assert!((found - expected).norm() <= 1e-14 * expected.norm(), "{w}^-{shape}: {found}");
            }
        }
        let numbers =
            [(-3.2, 40.0), (0.0, 0.0), (-800.0, 3.0), (-1.0, -9e5)].map(|(a, b)| Complex64::new(a, b));
        let found = Lanes::gather(numbers.into_iter()).exp().scatter();
        for (found, z) in found.into_iter().zip(numbers) {
            assert!((found - z.exp()).norm() <= 1e-12 * z.exp().norm(), "e^{z}: {found}");
        }
    }

    #[test]
    fn fewer_numbers_than_lanes_are_filled_up() {
        let mut two = Lanes::gather([Complex64::I, Complex64::ONE].into_iter());
        two.add(2.0, all(Complex64::ONE));
        let expected = [Complex64::new(2.0, 1.0), Complex64::new(3.0, 0.0), Complex64::new(2.0, 0.0)];
        assert_eq!(two.scatter()[..3], expected);
        assert_eq!(all(Complex64::I).short_of_one(3.0).scatter()[1], Complex64::new(1.0, -3.0));
        assert_eq!(all(Complex64::I).times(all(Complex64::I)).scatter()[3], Complex64::new(-1.0, 0.0));
    }

    /// Forty factors that turn by 60 degrees each go around more than six times; as many the other way, too, and
    /// large ones fit no number.
    #[test]
    fn a_power_of_a_product_is_the_product_of_the_powers() {
        for (factor, count) in [
            (Complex64::from_polar(1.1, 1.0), 40),
            (Complex64::from_polar(1.1, -1.0), 40),
            (Complex64::new(3e9, 1e9), 45),
            (Complex64::new(0.4, -0.01), 3),
        ] {
            for shape in [8.163, 2.0, 0.3] {
                let mut product = Product::ONE;
                let (mut log, mut angle) = (0.0, 0.0);
                for step in 0..count {
                    let w = factor * (1.0 + 0.01 * f64::from(step));
                    product.times(all(w));
                    log -= shape * w.norm().ln();
                    angle -= shape * w.arg();
                }
                let (found, expected) =
                    (product.inverse_power(shape).scatter()[0], Complex64::from_polar(log.exp(), angle));
                let error = (found - expected).norm();
                assert!(error <= 1e-11 * expected.norm(), "{factor} {shape}: {found}, expected {expected}");
            }
        }
    }
}
