//! The dearest that one request can be: what a budget sets aside before it is sent.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::{
    model::{ByClass, Shape, TokenClass},
    units::{Rate, Usd},
};

/// Share of its worst price by which a reservation exceeds it: an answer beyond the contract's cap by up to a
/// quarter is still paid for.
const MARGIN: Decimal = Decimal::from_parts(125, 0, 0, false, 2);

/// Tokens that a picture of the prompt may take at most; the finest tiling seen is 8,514.
const PICTURE_TOKENS_MAX: u64 = 20_000;

/// Most tokens of a prompt of this shape, by its text and pictures and the model's contract.
pub fn prompt_tokens_max(shape: &Shape, contract: Option<u64>) -> u64 {
    let text = (2.0 * shape.prompt_text.p95) as u64 + 64;
    let tokens = text + PICTURE_TOKENS_MAX * shape.input_images.len() as u64;
    contract.map_or(tokens, |most| tokens.min(most))
}

/// The dearest request that the contract allows, and a quarter: every token of the prompt and of the answer at
/// the dearest price of its side.
///
/// # Errors
///
/// When an output class, the input or the answers have no price, in words.
pub fn worst_usd(
    rates: &ByClass<Option<Rate>>,
    outputs: &[TokenClass],
    prompt_max: u64,
    answer_max: u64,
) -> Result<Usd, String> {
    let dearest = |input: bool| {
        rates.iter().filter(|(class, _)| class.is_input() == input).filter_map(|(_, rate)| *rate).max()
    };
    if let Some(class) = outputs.iter().find(|class| rates[**class].is_none()) {
        return Err(format!("no price for {}", class.label()));
    }
    let input = dearest(true).ok_or("no price for its input")?;
    let output = dearest(false).ok_or("no price for its answers")?;
    let sum = input.cost_of_tokens(prompt_max).0 + output.cost_of_tokens(answer_max).0;
    Ok(Usd((sum * MARGIN).round_dp_with_strategy(6, RoundingStrategy::AwayFromZero)))
}
