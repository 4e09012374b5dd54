//! The price book and the exact arithmetic of invoices.
//!
//! A row holds for one model, backend and tier from a day on. Lookup is by the day of the request and
//! the length of its prompt; the location decides whether the non-global factor applies. A price that
//! is not in the book is a typed gap, never zero. Who prices many answers of one placement and day keeps its
//! [`Tariff`].

mod book;
mod file;
mod invoice;
mod worst;

pub use book::{
    Alternative, EndKind, Grounding, Life, ModelFacts, ModelKind, PriceBook, PriceError, PriceRow, Prices,
    Resolved, Source, SourceKind, Tariff,
};
pub use invoice::{BilledUsage, Invoice, InvoiceLine, Item, invoice};
pub use worst::{prompt_tokens_max, worst_usd};
