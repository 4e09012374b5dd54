//! Exact cost of known usage, line by line.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::book::{PriceBook, PriceError, PriceRow, Tariff};
use crate::{
    calendar::Day,
    model::{ByClass, Grade, Placement, TokenClass},
    schema::described,
    units::{Rate, Usd},
    warning::Warning,
};

/// What one request (or a heap of equal ones) used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BilledUsage {
    /// Tokens by class.
    pub tokens: ByClass<u64>,
    /// Images, where the model is billed by image.
    pub images: u64,
    /// Search queries (or grounded prompts) beyond the free ones.
    pub searches: u64,
    /// Tokens × hours of cache storage.
    pub cache_token_hours: u64,
}

/// What a line of an invoice is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// Tokens of a class, per million.
    Tokens(TokenClass),
    /// Images, each.
    Images,
    /// Searches, per thousand.
    Searches,
    /// Cache storage, per million token-hours.
    CacheStorage,
}

impl Item {
    /// Its name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Item::Tokens(class) => class.as_str(),
            Item::Images => "images",
            Item::Searches => "searches",
            Item::CacheStorage => "cache_storage",
        }
    }

    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Item::Tokens(class) => class.label(),
            Item::Images => "images",
            Item::Searches => "searches",
            Item::CacheStorage => "cache storage",
        }
    }

    /// What its price is for.
    pub fn unit(self) -> &'static str {
        match self {
            Item::Tokens(_) => "USD per million tokens",
            Item::Images => "USD per image",
            Item::Searches => "USD per thousand",
            Item::CacheStorage => "USD per million token-hours",
        }
    }

    /// Its price is for ten to this power of what is counted.
    fn digits(self) -> u32 {
        match self {
            Item::Tokens(_) | Item::CacheStorage => 6,
            Item::Images => 0,
            Item::Searches => 3,
        }
    }
}

/// An amount over ten to a power: exact, by moving the point as far as a decimal has room for it.
fn over_power_of_ten(mut amount: Decimal, digits: u32) -> Decimal {
    match amount.set_scale(amount.scale() + digits) {
        Ok(()) => amount.normalize(),
        Err(_) => amount / Decimal::from(10_u64.pow(digits)),
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

described!(Item, "Item", {
    "description": "A token class, `images`, `searches` or `cache_storage`.",
    "type": "string"
});

/// One line: quantity × price.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct InvoiceLine<'a> {
    /// What for.
    #[serde(rename = "class")]
    pub item: Item,
    /// How many.
    pub quantity: u64,
    /// Price, in the item's unit.
    pub price: Rate,
    /// What the price is for.
    pub unit: &'static str,
    /// Quantity × price, exact.
    pub cost_usd: Usd,
    /// Printed somewhere, or derived.
    pub grade: Grade,
    /// Keys of the book's sources.
    pub source: &'a [String],
}

/// The exact cost of one request's usage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Invoice<'a> {
    /// Lines with a quantity.
    pub lines: Vec<InvoiceLine<'a>>,
    /// Their sum.
    pub total_usd: Usd,
    /// False when something has no price: the total is then a lower bound.
    pub complete: bool,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// Prices known usage at the book's rates of a day; who prices many answers keeps the [`Tariff`].
///
/// # Errors
///
/// When the placement has no price row on that day.
pub fn invoice<'a>(
    book: &'a PriceBook,
    placement: &Placement,
    day: Day,
    usage: &BilledUsage,
) -> Result<Invoice<'a>, PriceError> {
    book.tariff(placement, day)?.invoice(usage)
}

impl<'a> Tariff<'a> {
    /// Prices known usage.
    ///
    /// # Errors
    ///
    /// When no row of that day holds for a prompt of this length.
    ///
    /// ```
    /// # use burndown::{commands::Library, model::{ByClass, Endpoint, Placement, Tier, TokenClass}};
    /// # use burndown::prices::BilledUsage;
    /// let book = Library::prices(None).unwrap();
    /// let model = "gemini-2.5-flash-image".into();
    /// let placement = Placement { model, endpoint: Endpoint::Developer, tier: Tier::Standard };
    /// let tariff = book.tariff(&placement, "2026-11-21".parse().unwrap()).unwrap();
    /// let mut tokens = ByClass::default();
    /// tokens[TokenClass::OutputImage] = 1290;
    /// let invoice = tariff.invoice(&BilledUsage { tokens, ..BilledUsage::default() }).unwrap();
    /// assert_eq!(invoice.total_usd.to_string(), "0.0387");
    /// ```
    pub fn invoice(&self, usage: &BilledUsage) -> Result<Invoice<'a>, PriceError> {
        let prices = self.prices(usage.tokens.prompt())?;
        let mut invoice =
            Invoice { lines: Vec::new(), total_usd: Usd::ZERO, complete: true, warnings: Vec::new() };
        for (class, tokens) in usage.tokens.iter().filter(|(_, tokens)| **tokens > 0) {
            self.add(&mut invoice, Item::Tokens(class), *tokens, prices.rate(class), prices.row);
        }
        let others = [
            (Item::Images, usage.images, prices.row.per_image.map(|rate| prices.located(rate))),
            (Item::Searches, usage.searches, self.searches),
            (
                Item::CacheStorage,
                usage.cache_token_hours,
                prices.row.cache_storage.map(|rate| prices.located(rate)),
            ),
        ];
        for (item, quantity, price) in others.into_iter().filter(|(_, quantity, _)| *quantity > 0) {
            self.add(&mut invoice, item, quantity, price, prices.row);
        }
        Ok(invoice)
    }

    fn add(
        &self,
        invoice: &mut Invoice<'a>,
        item: Item,
        quantity: u64,
        price: Option<Rate>,
        row: &'a PriceRow,
    ) {
        let Some(price) = price else {
            invoice.complete = false;
            let placement = self.placement.clone();
            invoice.warnings.push(match item {
                Item::Tokens(class) => Warning::NoPrice { placement, class, tokens: quantity },
                other => Warning::NoUnitPrice { placement, item: other.label(), quantity },
            });
            return;
        };
        if row.grade == Grade::Assumed {
            let derived = Warning::DerivedPrice { placement: self.placement.clone() };
            if !invoice.warnings.contains(&derived) {
                invoice.warnings.push(derived);
            }
        }
        let cost = Usd(over_power_of_ten(Decimal::from(quantity) * price.value(), item.digits()));
        invoice.total_usd += cost;
        invoice.lines.push(InvoiceLine {
            item,
            quantity,
            price,
            unit: item.unit(),
            cost_usd: cost,
            grade: row.grade,
            source: &row.source,
        });
    }
}
