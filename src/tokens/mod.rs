//! Token profiles: what one request of a model really takes on one backend, and how that is known.
//!
//! A profile holds structural rules (tokens of an input image, of an output size) and ranges (thinking,
//! text that comes along), each with grade, number of answers and source. Where sources disagree on what
//! is billed, the other rule stands beside as a named switch.

mod expect;
mod profile;
mod rule;

pub use expect::{ClassTokens, ExpectedTokens, expect};
pub use profile::{Evidence, TokenProfile};
pub use rule::ImageRule;
