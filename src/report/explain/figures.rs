//! The figures of the first screen as an index in `plan.json`, so that they are found by what is shown.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{ExplainError, check_schema};
use crate::{
    projection::Plan,
    report::{Block, Piece, Report},
};

/// What is written as `plan.json`: the plan, and what the first screen shows of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanFile<'a> {
    /// The plan.
    #[serde(flatten)]
    pub plan: &'a Plan,
    /// The figures of the first screen, in order.
    pub first_screen: Vec<ShownFigure>,
}

/// A figure of the first screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShownFigure {
    /// Heading of its section.
    pub section: String,
    /// As shown.
    pub text: String,
    /// Where the number stands in the plan.
    pub pointer: String,
}

/// The plan with the index of its first screen.
pub fn plan_file<'a>(plan: &'a Plan, report: &Report) -> PlanFile<'a> {
    let mut first_screen = Vec::new();
    for section in &report.sections {
        let pieces = section.blocks.iter().flat_map(|block| match block {
            Block::Text(pieces) => pieces.iter().collect::<Vec<&Piece>>(),
            Block::Rows { rows, .. } => rows.iter().flatten().collect(),
        });
        for piece in pieces {
            if let Piece::Figure(figure) = piece {
                let section = section.heading.to_string();
                first_screen.push(ShownFigure {
                    section,
                    text: figure.text.clone(),
                    pointer: figure.pointer.clone(),
                });
            }
        }
    }
    PlanFile { plan, first_screen }
}

/// The figures of the first screen that a `plan.json` lists.
///
/// # Errors
///
/// When it is not a plan.
pub fn shown_figures(plan: &Value) -> Result<Vec<ShownFigure>, ExplainError> {
    check_schema(plan)?;
    let listed = plan.get("first_screen").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let figure = |value: &Value| {
        let field = |key: &str| Some(value.get(key)?.as_str()?.to_string());
        Some(ShownFigure { section: field("section")?, text: field("text")?, pointer: field("pointer")? })
    };
    Ok(listed.iter().filter_map(figure).collect())
}
