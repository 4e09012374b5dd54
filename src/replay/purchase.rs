//! The purchases that a trace is replayed against: GSUs, window, quota.

use rust_decimal::{Decimal, prelude::ToPrimitive};

use crate::{
    capacity::Throughput,
    model::{Grade, ModelId},
    warning::Warning,
};

/// Most GSUs of a purchase.
pub const GSU_MAX: u64 = 100_000;

/// Longest window, seconds.
pub const WINDOW_SECONDS_MAX: u64 = 86_400;

/// Largest throughput of one GSU, burn tokens a second.
const RATE_MAX: u64 = 1_000_000_000;

/// Largest quota, units.
const QUOTA_MAX: u64 = 1_000_000_000_000_000_000;

/// One purchase, ready to admit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// GSUs.
    pub gsu: u64,
    /// Enforcement window, seconds.
    pub window_seconds: u64,
    /// Documented or assumed; a window given by hand is what it is.
    pub window_grade: Option<Grade>,
    /// Units of burn that one window admits.
    pub quota_units: u64,
}

/// Where quota and window come from.
#[derive(Clone, Copy, Debug)]
pub struct QuotaSource<'a> {
    /// The book's row for the model.
    pub throughput: Option<&'a Throughput>,
    /// Burn tokens a second of one GSU, instead of the row's.
    pub burn_per_second: Option<Decimal>,
    /// Window of every count, seconds, instead of the row's.
    pub window_seconds: Option<u64>,
    /// Units in one burn token.
    pub units_per_burn: u64,
}

/// Why a purchase cannot be made up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PurchaseError {
    /// No GSU at all, or more than anyone buys.
    #[error("a purchase has 1 to {GSU_MAX} GSU, found {0}")]
    Gsu(u64),
    /// A rate that makes no sense.
    #[error("one GSU carries above 0 and at most {RATE_MAX} burn tokens a second, found {0}")]
    Rate(Decimal),
    /// A window that makes no sense.
    #[error("a window is 1 to {WINDOW_SECONDS_MAX} seconds long, found {0}")]
    Window(u64),
    /// A quota beyond the arithmetic, or one without a single unit.
    #[error("a window of {0} GSU would admit less than the smallest burn, or more than 1e18 of it")]
    Quota(u64),
    /// Nothing tells the throughput.
    #[error("what one GSU carries is not known: name a --model, or give --burn-per-second-per-gsu")]
    NoRate,
    /// Nothing tells the window.
    #[error("no enforcement window is known at {0} GSU: give one with --window")]
    NoWindow(u64),
}

/// The purchases of these GSU counts, ascending and each once.
///
/// # Errors
///
/// When a count, a rate or a window is out of bounds or not known.
pub fn purchases(source: &QuotaSource<'_>, counts: &[u64]) -> Result<Vec<Purchase>, PurchaseError> {
    let rate = source.burn_per_second.or_else(|| Some(source.throughput?.tokens_per_second_per_gsu));
    let rate = rate.ok_or(PurchaseError::NoRate)?;
    if rate <= Decimal::ZERO || rate > Decimal::from(RATE_MAX) {
        return Err(PurchaseError::Rate(rate));
    }
    if let Some(seconds) = source.window_seconds
        && !(1..=WINDOW_SECONDS_MAX).contains(&seconds)
    {
        return Err(PurchaseError::Window(seconds));
    }
    let mut counts = counts.to_vec();
    counts.sort_unstable();
    counts.dedup();
    counts.into_iter().map(|gsu| purchase(source, rate, gsu)).collect()
}

fn purchase(source: &QuotaSource<'_>, rate: Decimal, gsu: u64) -> Result<Purchase, PurchaseError> {
    if !(1..=GSU_MAX).contains(&gsu) {
        return Err(PurchaseError::Gsu(gsu));
    }
    let (window_seconds, window_grade) = match source.window_seconds {
        Some(seconds) => (seconds, None),
        None => {
            let window =
                source.throughput.and_then(|row| row.window(gsu)).ok_or(PurchaseError::NoWindow(gsu))?;
            (window.seconds, Some(window.grade))
        }
    };
    // A fraction of a unit admits nothing: requests are whole units.
    let units =
        Decimal::from(gsu) * rate * Decimal::from(window_seconds) * Decimal::from(source.units_per_burn);
    let quota_units = units.floor().to_u64().filter(|units| (1..=QUOTA_MAX).contains(units));
    let quota_units = quota_units.ok_or(PurchaseError::Quota(gsu))?;
    Ok(Purchase { gsu, window_seconds, window_grade, quota_units })
}

/// Says at which counts the window is assumed.
pub fn assumed_windows(model: &ModelId, purchases: &[Purchase]) -> Option<Warning> {
    let assumed = purchases.iter().filter(|one| one.window_grade == Some(Grade::Assumed));
    let mut stretches: Vec<(u64, u64)> = Vec::new();
    for purchase in assumed {
        match stretches.last_mut() {
            Some((_, last)) if *last + 1 == purchase.gsu => *last = purchase.gsu,
            _ => stretches.push((purchase.gsu, purchase.gsu)),
        }
    }
    let words = |(first, last): &(u64, u64)| {
        if first == last { first.to_string() } else { format!("{first} to {last}") }
    };
    let gsus = stretches.iter().map(words).collect::<Vec<_>>().join(", ");
    (!gsus.is_empty()).then(|| Warning::WindowsAssumed { model: model.clone(), gsus })
}
