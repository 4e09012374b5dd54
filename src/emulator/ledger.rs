//! What the emulator billed, whether the client saw it or not.

use serde::Serialize;

use super::law::Expected;
use crate::{
    model::{Backend, ByClass, Endpoint, ModelId, Tier, TokenClass},
    units::Usd,
};

/// One request that reached a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Counted from 1 in the order of arrival.
    pub number: u64,
    /// `generateContent` or `streamGenerateContent`.
    pub method: &'static str,
    /// Who served it.
    pub endpoint: Endpoint,
    /// The model.
    pub model: ModelId,
    /// How it was paid, not how it was asked for.
    pub tier: Tier,
    /// HTTP status that was sent.
    pub status: u16,
    /// What ended the answer: a finish reason, a block reason, or Google's status word.
    pub outcome: String,
    /// The scripted fault, when one struck.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// Tokens that were billed, by class; none when nothing was.
    pub tokens: ByClass<u64>,
    /// Images of the answer.
    pub images: u64,
    /// Dollars that were billed, exact.
    pub usd: Usd,
    /// False when the price book lacked a price of it: `usd` is then a lower bound.
    pub complete: bool,
    /// What a request like this takes on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
    /// Dollars of that average, at the same prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_usd: Option<f64>,
    /// Whether the answer was handed to the connection to its last byte.
    pub delivered: bool,
}

/// All of them, and their sums.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ledger {
    /// Sum over all entries.
    pub usd: Usd,
    /// Sum over answers that did not reach the client to their last byte.
    pub usd_undelivered: Usd,
    /// Requests that reached a model.
    pub requests: u64,
    /// Of these, billed ones.
    pub billed: u64,
    /// Calls of countTokens, which are free.
    pub counted: u64,
    /// Calls that were refused at the door: no key, unknown path or model, a bad body.
    pub refused: u64,
    /// Calls that followed a redirect with a key or token in hand.
    pub leaked: u64,
    /// False when a price was missing.
    pub complete: bool,
    /// Tokens by backend.
    pub tokens: Vec<BackendTokens>,
    /// The requests, oldest first.
    pub entries: Vec<Entry>,
}

/// Tokens billed on one backend.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BackendTokens {
    /// The backend.
    pub backend: Backend,
    /// By class.
    pub tokens: ByClass<u64>,
    /// Their dollars.
    pub usd: Usd,
}

impl Ledger {
    pub(super) fn new() -> Ledger {
        Ledger { complete: true, ..Ledger::default() }
    }

    /// The same with its sums made from its entries.
    pub(super) fn summed(mut self) -> Ledger {
        self.usd = self.entries.iter().map(|entry| entry.usd).sum();
        self.usd_undelivered =
            self.entries.iter().filter(|entry| !entry.delivered).map(|entry| entry.usd).sum();
        self.requests = self.entries.len() as u64;
        self.billed = self.entries.iter().filter(|entry| entry.tokens.total() > 0).count() as u64;
        self.complete = self.entries.iter().all(|entry| entry.complete);
        self.tokens = Backend::ALL.iter().filter_map(|backend| self.of_backend(*backend)).collect();
        self
    }

    fn of_backend(&self, backend: Backend) -> Option<BackendTokens> {
        let entries: Vec<&Entry> =
            self.entries.iter().filter(|entry| entry.endpoint.backend() == backend).collect();
        let tokens =
            ByClass::from_fn(|class: TokenClass| entries.iter().map(|entry| entry.tokens[class]).sum());
        let usd = entries.iter().map(|entry| entry.usd).sum();
        (!entries.is_empty()).then_some(BackendTokens { backend, tokens, usd })
    }
}
