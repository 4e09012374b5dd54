//! Token profiles: what one request of a model really takes on one backend, and how that is known.
//!
//! A profile holds structural rules (tokens of an input image, of an output size) and ranges (thinking,
//! text that comes along), each with grade, number of answers and source. Where sources disagree on what
//! is billed, the other rule stands beside as a named switch.

mod aggregated;
mod doubt;
mod drift;
mod expect;
mod fit;
mod profile;
mod rule;
mod sample;

pub use aggregated::{ANSWERS_MAX, design_effect, fit_aggregates};
pub use doubt::TokenDoubt;
pub use drift::{CellDrift, Drift, Signal, drift};
pub use expect::{ClassTokens, ExpectedTokens, borrowed, counts_in_words, expect, own_cell};
pub use fit::{Fitted, FittedCell, RuleCheck, fit, with_cells};
pub use profile::{Answer, Behaviour, Cell, Evidence, RequestKind, TokenProfile};
pub use rule::ImageRule;
pub use sample::{sampled_tokens, whole_answers};
