//! The components of a bill.

use schemars::JsonSchema;
use serde::Serialize;

/// What a part of a bill is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// What was expected: the plan's dollars for these days, or the observations at the book's prices.
    Expected,
    /// The expected tokens at the book's prices less those dollars: negotiated factors, an older book.
    ExpectedPrices,
    /// More or fewer requests, seen in the input tokens.
    Requests,
    /// Image tokens beyond the requests' share: drafts that are billed, several images an answer, other sizes.
    ImagesPerRequest,
    /// Other tokens beyond the requests' share.
    TokensPerRequest,
    /// Known use at the book's prices, where nothing was expected to compare it with.
    AtBook,
    /// Models that were not expected on that backend.
    NotExpected,
    /// Use on another tier than expected.
    Tier,
    /// Prices a tenth above the book's: a non-global location.
    Location,
    /// Other differences from the book's prices.
    Prices,
    /// Token SKUs that the book has no price for.
    NoPrice,
    /// SKUs that are not known.
    UnknownSkus,
    /// Grounding, storage, provisioned throughput, video and the like.
    OtherProducts,
    /// Savings and credits.
    Savings,
    /// Adjustments of the account.
    Adjustments,
    /// Tax.
    Tax,
    /// Rounding of lines and of the invoice.
    Rounding,
}

impl Component {
    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Component::Expected => "expected",
            Component::ExpectedPrices => "expected use at the book's prices",
            Component::Requests => "number of requests",
            Component::ImagesPerRequest => "image tokens per request (drafts?)",
            Component::TokensPerRequest => "other tokens per request",
            Component::AtBook => "known use at the book's prices",
            Component::NotExpected => "models not expected",
            Component::Tier => "other tier",
            Component::Location => "non-global location",
            Component::Prices => "prices unlike the book's",
            Component::NoPrice => "no price in the book",
            Component::UnknownSkus => "unknown SKUs",
            Component::OtherProducts => "other products",
            Component::Savings => "savings and credits",
            Component::Adjustments => "adjustments",
            Component::Tax => "tax",
            Component::Rounding => "rounding",
        }
    }
}
