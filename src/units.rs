//! Quantities with their unit in the type: money, prices, shares, ranges.
//!
//! Money that is quoted or invoiced is a [`Decimal`]; simulated money is `f64`. The way from the
//! first to the second is one-way ([`Usd::to_f64`]), so that a float never becomes a price.

mod schema;

use std::{fmt, ops::AddAssign, str::FromStr};

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Deserializer, Serialize, de};

/// Hours of the month that Google's and other clouds' price sheets use (365 × 24 / 12).
///
/// Source: a GSU at 3.6986 USD an hour and 2,700 USD a month, as printed on the Vertex price page.
pub const HOURS_PER_MONTH: f64 = 730.0;

/// Tokens of one "M" in a price per million tokens.
pub const TOKENS_PER_MTOK: u64 = 1_000_000;

/// No price, count or factor read from a file may exceed this; it keeps `Decimal` far from its
/// own limit (7.9·10²⁸), where `*` and `+` panic.
pub const LARGEST_SENSIBLE: u64 = 1_000_000_000_000_000;

/// No price is higher, in US dollars per million tokens or whatever it is for.
const LARGEST_PRICE: u64 = 1_000_000_000;

/// Most decimals a price may carry. List prices have six; thirteen or more betray a float that
/// went through a calculation (`0.08333333333333334`).
const PRICE_DECIMALS_MAX: u32 = 12;

/// An amount of US dollars, exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(pub Decimal);

impl Usd {
    /// No dollars.
    pub const ZERO: Usd = Usd(Decimal::ZERO);

    /// The amount as a float, for simulation and drawing.
    pub fn to_f64(self) -> f64 {
        self.0.to_f64().unwrap_or(f64::NAN)
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Usd) {
        self.0 += other.0;
    }
}

impl std::iter::Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(amounts: I) -> Usd {
        Usd(amounts.map(|amount| amount.0).sum())
    }
}

impl fmt::Display for Usd {
    /// All significant decimals and no trailing zeros: `0.248776`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.normalize())
    }
}

impl FromStr for Usd {
    type Err = String;

    /// An amount of a file or a flag: not negative, at most [`LARGEST_SENSIBLE`].
    fn from_str(text: &str) -> Result<Usd, String> {
        let amount: Decimal =
            text.trim().parse().map_err(|_| format!("expected an amount of US dollars, found `{text}`"))?;
        if amount.is_sign_negative() || amount > Decimal::from(LARGEST_SENSIBLE) {
            return Err(format!("expected US dollars from 0 to {LARGEST_SENSIBLE}, found {text}"));
        }
        Ok(Usd(amount))
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Usd, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Usd {
    /// A decimal string, since a JSON number would be read as a float.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A list price: US dollars per million tokens, per image, per hour; the key in the file says which.
///
/// Never negative, at most twelve decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(Decimal);

/// Why a number cannot be a price.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum RateError {
    /// Below zero.
    #[error("a price, rate or amount cannot be negative, found {0}")]
    Negative(Decimal),
    /// More decimals than any price list prints.
    #[error(
        "a price has at most {PRICE_DECIMALS_MAX} decimals, found {0}; is it the result of a calculation?"
    )]
    TooManyDecimals(Decimal),
    /// Beyond a billion.
    #[error("a price cannot be as large as {0}")]
    TooLarge(Decimal),
}

impl TryFrom<Decimal> for Rate {
    type Error = RateError;

    fn try_from(value: Decimal) -> Result<Rate, RateError> {
        if value.is_sign_negative() && !value.is_zero() {
            return Err(RateError::Negative(value));
        }
        if value.normalize().scale() > PRICE_DECIMALS_MAX {
            return Err(RateError::TooManyDecimals(value));
        }
        if value > Decimal::from(LARGEST_PRICE) {
            return Err(RateError::TooLarge(value));
        }
        Ok(Rate(value.normalize()))
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
        let value = <Decimal as Deserialize>::deserialize(deserializer)?;
        Rate::try_from(value).map_err(de::Error::custom)
    }
}

impl Rate {
    /// The price as a decimal number of dollars.
    pub fn value(self) -> Decimal {
        self.0
    }

    /// The price as a float, for simulation and drawing.
    pub fn to_f64(self) -> f64 {
        self.0.to_f64().unwrap_or(f64::NAN)
    }

    /// The price times a factor (a discount, the +10 % of non-global endpoints), still exact.
    pub fn times(self, factor: Decimal) -> Rate {
        Rate((self.0 * factor).normalize())
    }

    /// Cost of a number of tokens at this price per million: multiplied first, divided last.
    ///
    /// ```
    /// # use burndown::units::Rate;
    /// # use rust_decimal::dec;
    /// let per_mtok = Rate::try_from(dec!(120)).unwrap();
    /// assert_eq!(per_mtok.cost_of_tokens(2000).to_string(), "0.24");
    /// ```
    pub fn cost_of_tokens(self, tokens: u64) -> Usd {
        Usd(Decimal::from(tokens) * self.0 / Decimal::from(TOKENS_PER_MTOK))
    }

    /// Cost of a number of units at this price per unit (images, hours).
    pub fn cost_of_units(self, units: Decimal) -> Usd {
        Usd(units * self.0)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.normalize())
    }
}

impl Serialize for Rate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A factor on prices, 0.1 to 10.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factor(Decimal);

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Factor, D::Error> {
        let value = <Decimal as Deserialize>::deserialize(deserializer)?;
        let (low, high) = (Decimal::new(1, 1), Decimal::TEN);
        if low <= value && value <= high {
            return Ok(Factor(value));
        }
        Err(de::Error::custom(format!("a factor on prices lies between 0.1 and 10, found {value}")))
    }
}

impl Serialize for Factor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Factor {
    /// The factor as a decimal number.
    pub fn value(self) -> Decimal {
        self.0
    }
}

/// A part of a whole: a number in `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub struct Share(f64);

/// A number outside `[0, 1]` where a share was wanted.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("a share lies between 0 and 1, found {found}{}", percent_hint(*found))]
pub struct ShareError {
    found: f64,
}

fn percent_hint(value: f64) -> String {
    if value > 1.0 && value <= 100.0 {
        format!(" (for {value} % write {})", value / 100.0)
    } else {
        String::new()
    }
}

impl TryFrom<f64> for Share {
    type Error = ShareError;

    fn try_from(value: f64) -> Result<Share, ShareError> {
        if (0.0..=1.0).contains(&value) { Ok(Share(value)) } else { Err(ShareError { found: value }) }
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Share, D::Error> {
        Share::try_from(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Share {
    /// Nothing of it.
    pub const NONE: Share = Share(0.0);

    /// The number in `[0, 1]`.
    pub fn value(self) -> f64 {
        self.0
    }
}

/// A number that may be known as a range: `[p5, likely, p95]`, or one value.
///
/// `likely` is read as the median. Mean and variance follow the extended Pearson–Tukey rule
/// (weights 0.185, 0.63, 0.185), which needs no family of distributions.
///
/// Source: Keefer & Bodily (1983), "Three-Point Approximations for Continuous Random Variables".
///
/// ```
/// # use burndown::units::Range;
/// let thinking = Range::try_from([106.0, 230.0, 748.0]).unwrap();
/// assert!((thinking.mean() - 302.89).abs() < 1e-9);
/// assert_eq!(Range::exact(60_000.0).standard_deviation(), 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// 5 % of cases are below.
    pub p05: f64,
    /// The median.
    pub likely: f64,
    /// 5 % of cases are above.
    pub p95: f64,
}

/// Standard normal score that 5 % lie above.
const SCORE_OF_P95: f64 = 1.644_853_626_951_472_2;

/// Weight of each tail point in the extended Pearson–Tukey rule.
const TAIL_WEIGHT: f64 = 0.185;

/// Why three numbers are not a range, or one number not a quantity.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum RangeError {
    /// A value below zero, not a number, or beyond [`LARGEST_SENSIBLE`].
    #[error("expected a number from 0 to {LARGEST_SENSIBLE}, found {0}")]
    OutOfBounds(f64),
    /// The three are not ascending.
    #[error("a range is [p5, likely, p95] in ascending order, found [{0}, {1}, {2}]")]
    NotAscending(f64, f64, f64),
}

impl TryFrom<[f64; 3]> for Range {
    type Error = RangeError;

    fn try_from([p05, likely, p95]: [f64; 3]) -> Result<Range, RangeError> {
        for value in [p05, likely, p95] {
            if !(0.0..=LARGEST_SENSIBLE as f64).contains(&value) {
                return Err(RangeError::OutOfBounds(value));
            }
        }
        if p05 > likely || likely > p95 {
            return Err(RangeError::NotAscending(p05, likely, p95));
        }
        Ok(Range { p05, likely, p95 })
    }
}

impl Range {
    /// A number known exactly.
    pub fn exact(value: f64) -> Range {
        Range { p05: value, likely: value, p95: value }
    }

    /// `likely` ± a share of it.
    pub fn around(likely: f64, share: f64) -> Range {
        Range { p05: likely * (1.0 - share), likely, p95: likely * (1.0 + share) }
    }

    /// Whether it is one value.
    pub fn is_exact(self) -> bool {
        self.p05 == self.p95
    }

    /// Expected value.
    pub fn mean(self) -> f64 {
        if self.is_exact() {
            return self.likely;
        }
        TAIL_WEIGHT * (self.p05 + self.p95) + (1.0 - 2.0 * TAIL_WEIGHT) * self.likely
    }

    /// Standard deviation.
    pub fn standard_deviation(self) -> f64 {
        let mean = self.mean();
        let square = |value: f64| (value - mean) * (value - mean);
        (TAIL_WEIGHT * (square(self.p05) + square(self.p95))
            + (1.0 - 2.0 * TAIL_WEIGHT) * square(self.likely))
        .sqrt()
    }

    /// The value at a standard normal score: the three points at −1.645, 0 and 1.645, log-linear between
    /// positive points and beyond them, straight where an end is zero; never below zero.
    ///
    /// ```
    /// # use burndown::units::Range;
    /// let range = Range::try_from([50.0, 100.0, 400.0]).unwrap();
    /// assert_eq!(range.at_score(0.0), 100.0);
    /// assert!((range.at_score(1.6448536269514722) - 400.0).abs() < 1e-9);
    /// ```
    pub fn at_score(self, z: f64) -> f64 {
        let (end, way) = if z < 0.0 { (self.p05, -z / SCORE_OF_P95) } else { (self.p95, z / SCORE_OF_P95) };
        if self.likely > 0.0 && end > 0.0 {
            self.likely * (end / self.likely).powf(way)
        } else {
            (self.likely + (end - self.likely) * way).max(0.0)
        }
    }

    /// The product with an independent range: relative half widths add in quadrature, then both ends move together
    /// until the mean is the product of the means, as it is for independent numbers.
    ///
    /// ```
    /// # use burndown::units::Range;
    /// let images = Range::try_from([17_000.0, 20_000.0, 23_000.0]).unwrap();
    /// let tries = Range::try_from([1.1, 1.4, 2.2]).unwrap();
    /// assert!((images.product(tries).mean() - 20_000.0 * 1.4925).abs() < 1e-6);
    /// ```
    pub fn product(self, other: Range) -> Range {
        if self.likely == 0.0 || other.likely == 0.0 {
            // No relative width around nothing: the ends multiply.
            return Range { p05: self.p05 * other.p05, likely: 0.0, p95: self.p95 * other.p95 };
        }
        let likely = self.likely * other.likely;
        let both = |a: f64, b: f64| (a / self.likely - 1.0).hypot(b / other.likely - 1.0);
        let (low, high) = (both(self.p05, other.p05), both(self.p95, other.p95));
        let product = Range { p05: likely * (1.0 - low).max(0.0), likely, p95: likely * (1.0 + high) };
        if product.is_exact() {
            return product;
        }
        // Skewed ranges have a mean above their median, and quadrature alone would lose some of it.
        let missing = (self.mean() * other.mean() - product.mean()) / TAIL_WEIGHT;
        let p05 = (product.p05 + missing / 2.0).clamp(0.0, likely);
        Range { p05, likely, p95: (product.p95 + missing - (p05 - product.p05)).max(likely) }
    }

    /// Every point times a factor.
    pub fn times(self, factor: f64) -> Range {
        Range { p05: self.p05 * factor, likely: self.likely * factor, p95: self.p95 * factor }
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Range, D::Error> {
        Range::try_from(ThreePoints::deserialize(deserializer)?.0).map_err(de::Error::custom)
    }
}

/// A relative change per month, as one value or a range; may be negative, above −1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Growth(pub Range);

/// Growth beyond this per month is a slip (5 for 5 %).
const GROWTH_MAX: f64 = 3.0;

impl<'de> Deserialize<'de> for Growth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Growth, D::Error> {
        let [p05, likely, p95] = ThreePoints::deserialize(deserializer)?.0;
        for value in [p05, likely, p95] {
            if !(-0.9..=GROWTH_MAX).contains(&value) {
                let text = format!(
                    "growth per month lies between -0.9 and {GROWTH_MAX} (0.05 is 5 % a month), found {value}"
                );
                return Err(de::Error::custom(text));
            }
        }
        if p05 > likely || likely > p95 {
            return Err(de::Error::custom(RangeError::NotAscending(p05, likely, p95)));
        }
        Ok(Growth(Range { p05, likely, p95 }))
    }
}

/// `60_000`, `0.5` or `[p5, likely, p95]`, unchecked.
struct ThreePoints([f64; 3]);

impl<'de> Deserialize<'de> for ThreePoints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ThreePoints, D::Error> {
        deserializer.deserialize_any(ThreePointsVisitor)
    }
}

/// By hand, because an untagged enum would only say "no variant matched".
struct ThreePointsVisitor;

impl<'de> de::Visitor<'de> for ThreePointsVisitor {
    type Value = ThreePoints;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a range [p5, likely, p95]")
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<ThreePoints, E> {
        Ok(ThreePoints([value; 3]))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<ThreePoints, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<ThreePoints, E> {
        self.visit_f64(value as f64)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<ThreePoints, A::Error> {
        let mut points = Vec::new();
        while let Some(point) = seq.next_element::<f64>()? {
            points.push(point);
        }
        points.try_into().map(ThreePoints).map_err(|found: Vec<f64>| {
            de::Error::custom(format!("a range has three numbers [p5, likely, p95], found {}", found.len()))
        })
    }
}

#[cfg(test)]
mod tests;
