//! What a request burns, in whole numbers.

use rust_decimal::{Decimal, prelude::ToPrimitive};

use crate::{
    calendar::Day,
    capacity::{CapacityBook, Throughput},
    model::{ByClass, ModelId, TokenClass},
};

/// Most decimals of a rate; burn is counted in units of that size.
const DECIMALS_MAX: u32 = 6;

/// Largest rate, burn tokens per token.
const RATE_MAX: u64 = 1_000_000;

/// Most burn of one request, in units: sums of one batch stay inside 63 bits.
pub const UNITS_MAX: u64 = 50_000_000_000_000;

/// Burndown rates as whole units: a unit is one burn token, or the fraction of one that the finest rate needs
/// (a tenth where cached input burns 0.1).
#[derive(Clone, Debug, PartialEq)]
pub struct BurnRates {
    units_per_burn: u64,
    /// Ascending; the last row whose floor the prompt exceeds counts.
    rows: Vec<RateRow>,
}

#[derive(Clone, Debug, PartialEq)]
struct RateRow {
    above_prompt_tokens: Option<u64>,
    units: ByClass<Option<u64>>,
}

/// Burn of one request, in units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Burn {
    /// Of its input.
    pub input: u64,
    /// Of all of it.
    pub total: u64,
}

/// Why a model or a weight gives no burn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BurnError {
    /// No throughput in the book.
    #[error(
        "the capacity book has no provisioned throughput for {model} on {day}; give its rates by hand: --burn-input, --burn-output and --burn-per-second-per-gsu"
    )]
    NoThroughput {
        /// The model.
        model: ModelId,
        /// The day.
        day: Day,
    },
    /// A weight that makes no sense.
    #[error("a burndown rate is 0 to {RATE_MAX} with at most {DECIMALS_MAX} decimals, found {0}")]
    Rate(Decimal),
    /// Weights that burn nothing.
    #[error("input and output both burn 0: at least one rate is above 0")]
    Nothing,
}

impl BurnRates {
    /// The rates of a model on a day, long prompts included.
    ///
    /// # Errors
    ///
    /// When the book has no throughput for it, or rates beyond what the arithmetic takes.
    pub fn of_model(book: &CapacityBook, model: &ModelId, day: Day) -> Result<BurnRates, BurnError> {
        let mut floors: Vec<Option<u64>> = book
            .throughput
            .iter()
            .filter(|row| row.model == *model)
            .map(|row| row.above_prompt_tokens)
            .collect();
        floors.sort();
        floors.dedup();
        let mut rows: Vec<&Throughput> = Vec::new();
        for floor in floors {
            let found = book.throughput(model, day, floor.map_or(0.0, |floor| floor as f64 + 1.0));
            if let Some(row) = found.filter(|row| row.above_prompt_tokens == floor) {
                rows.push(row);
            }
        }
        if rows.is_empty() {
            return Err(BurnError::NoThroughput { model: model.clone(), day });
        }
        let rates: Vec<_> = rows
            .iter()
            .map(|row| (row.above_prompt_tokens, ByClass::from_fn(|class| row.rate(class))))
            .collect();
        BurnRates::of_rates(&rates)
    }

    /// One rate for every class of input and one for every class of output.
    ///
    /// # Errors
    ///
    /// When a rate is negative, huge or too fine, or both are zero.
    pub fn of_weights(input: Decimal, output: Decimal) -> Result<BurnRates, BurnError> {
        if input.is_zero() && output.is_zero() {
            return Err(BurnError::Nothing);
        }
        let rates = ByClass::from_fn(|class| Some(if class.is_input() { input } else { output }));
        BurnRates::of_rates(&[(None, rates)])
    }

    fn of_rates(rows: &[(Option<u64>, ByClass<Option<Decimal>>)]) -> Result<BurnRates, BurnError> {
        let given = || rows.iter().flat_map(|(_, rates)| rates.iter()).filter_map(|(_, rate)| *rate);
        let sensible = |rate: &Decimal| {
            (Decimal::ZERO..=Decimal::from(RATE_MAX)).contains(rate)
                && rate.normalize().scale() <= DECIMALS_MAX
        };
        if let Some(wrong) = given().find(|rate| !sensible(rate)) {
            return Err(BurnError::Rate(wrong));
        }
        let decimals = given().map(|rate| rate.normalize().scale()).max().unwrap_or(0);
        let units_per_burn = 10_u64.pow(decimals);
        let whole = |rate: Decimal| (rate * Decimal::from(units_per_burn)).to_u64();
        let rows = rows
            .iter()
            .map(|(above_prompt_tokens, rates)| RateRow {
                above_prompt_tokens: *above_prompt_tokens,
                units: ByClass::from_fn(|class| rates[class].and_then(whole)),
            })
            .collect();
        Ok(BurnRates { units_per_burn, rows })
    }

    /// Units in one burn token.
    pub fn units_per_burn(&self) -> u64 {
        self.units_per_burn
    }

    /// Units as burn tokens.
    pub fn burn_tokens(&self, units: u128) -> Decimal {
        let units =
            i128::try_from(units).ok().and_then(|units| Decimal::try_from_i128_with_scale(units, 0).ok());
        units.map_or(Decimal::MAX, |units| (units / Decimal::from(self.units_per_burn)).normalize())
    }

    /// The rate of a class for short prompts, burn tokens per token.
    pub fn rate(&self, class: TokenClass) -> Option<Decimal> {
        let units = self.rows.first()?.units[class]?;
        Some((Decimal::from(units) / Decimal::from(self.units_per_burn)).normalize())
    }

    /// What a request of these tokens burns; `None` beyond [`UNITS_MAX`].
    ///
    /// Tokens of a class without a rate burn nothing here and are pushed to `without_rate`.
    pub fn burn(&self, tokens: &ByClass<u64>, without_rate: &mut ByClass<u64>) -> Option<Burn> {
        let row = self.row(tokens.prompt())?;
        let mut burn = Burn::default();
        for (class, count) in tokens.iter().filter(|(_, count)| **count > 0) {
            let Some(rate) = row.units[class] else {
                without_rate[class] = without_rate[class].saturating_add(*count);
                continue;
            };
            let units = count.checked_mul(rate)?;
            burn.total = burn.total.checked_add(units)?;
            if class.is_input() {
                burn.input += units;
            }
        }
        (burn.total <= UNITS_MAX).then_some(burn)
    }

    fn row(&self, prompt_tokens: u64) -> Option<&RateRow> {
        let holds = |row: &&RateRow| row.above_prompt_tokens.is_none_or(|floor| prompt_tokens > floor);
        self.rows.iter().rev().find(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn text(input: u64, output: u64) -> ByClass<u64> {
        let mut tokens = ByClass::default();
        tokens[TokenClass::InputText] = input;
        tokens[TokenClass::OutputText] = output;
        tokens
    }

    #[test]
    fn burn_is_counted_in_the_unit_of_the_finest_rate() {
        let rates = BurnRates::of_weights(decimal("0.25"), decimal("9")).unwrap();
        assert_eq!(rates.units_per_burn(), 100);
        let burn = rates.burn(&text(3, 2), &mut ByClass::default()).unwrap();
        assert_eq!(burn, Burn { input: 75, total: 1_875 });
        assert_eq!(rates.burn_tokens(1_875), decimal("18.75"));
    }

    #[test]
    fn weights_out_of_bounds_are_refused() {
        let refused = |input: &str, output: &str| {
            BurnRates::of_weights(decimal(input), decimal(output)).unwrap_err().to_string()
        };
        assert_eq!(refused("0", "0"), "input and output both burn 0: at least one rate is above 0");
        let expected = "a burndown rate is 0 to 1000000 with at most 6 decimals, found ";
        for wrong in ["-1", "0.0000001", "1000001"] {
            assert_eq!(refused("1", wrong), format!("{expected}{wrong}"));
        }
    }

    #[test]
    fn a_request_beyond_reason_has_no_burn() {
        let rates = BurnRates::of_weights(decimal("1"), decimal("1000000")).unwrap();
        assert!(rates.burn(&text(0, 50_000_000), &mut ByClass::default()).is_some());
        assert!(rates.burn(&text(1, 50_000_000), &mut ByClass::default()).is_none());
        assert!(rates.burn(&text(u64::MAX, u64::MAX), &mut ByClass::default()).is_none());
    }
}
