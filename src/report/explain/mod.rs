//! One number of a plan back to its arithmetic, samples and sources.
//!
//! Works on the parsed `plan.json` alone: every covered number is computed again from other numbers of the
//! same plan, and both are shown. What the plan does not hold (the profile behind a known unknown, the caps
//! of a spend tier) is said, not guessed.

mod bill;
mod cases;
mod counts;
mod doubt;
mod drivers;
mod figures;
mod find;
mod gsu;
mod limits;
mod placement;
mod rules;
mod sheet;
mod text;
mod what_if;
mod working;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

pub use figures::{PlanFile, ShownFigure, plan_file, shown_figures};
pub use find::{Found, find};
pub use text::{explanation_text, figures_text};

use find::near_pointers;
use working::{Working, exact, value_text};

/// The only schema that can be explained.
const SCHEMA: &str = "burndown.plan/1";

/// A number computed again that lies further off than this share of it is called different.
const AGREEMENT: f64 = 1e-6;

/// Fields of the surrounding object that are shown for a number without recorded arithmetic.
const FIELDS_SHOWN: usize = 12;

/// One number and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Explanation {
    /// `burndown.explanation/1`.
    #[schemars(extend("const" = "burndown.explanation/1"))]
    pub schema: &'static str,
    /// Where it stands in the plan (RFC 6901).
    pub pointer: String,
    /// As the plan has it.
    pub value: Value,
    /// Definition and unit.
    pub what: String,
    /// The same number computed again from other numbers of the plan; `None` where the plan does not hold
    /// what it takes.
    pub recomputed: Option<f64>,
    /// Whether both agree within a millionth.
    pub agrees: Option<bool>,
    /// The computation line by line, numbers filled in.
    pub arithmetic: Vec<String>,
    /// The numbers it was computed from.
    pub inputs: Vec<Input>,
    /// Grades, samples, rows and remarks behind it.
    pub evidence: Vec<String>,
    /// Where that was read: key, title, date, address.
    pub sources: Vec<String>,
}

/// A number that another one is computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Input {
    /// Where it stands in the plan; `*` stands for all months.
    pub pointer: String,
    /// As text, rounded to ten digits.
    pub value: String,
}

/// Why there is nothing to explain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// Not a `plan.json`.
    #[error(
        "not a plan: expected `\"schema\": \"{SCHEMA}\"`, found {found}\n\nhint: `burndown plan WORKLOAD --json` prints a plan"
    )]
    NotAPlan {
        /// Its schema, in words.
        found: String,
    },
    /// No such place in the plan, and no such figure on the first screen.
    #[error("the plan has nothing at `{what}`{}", near_in_words(near))]
    NothingThere {
        /// What was asked for.
        what: String,
        /// Places that exist and look alike.
        near: Vec<String>,
    },
}

fn near_in_words(near: &[String]) -> String {
    if near.is_empty() {
        return "\n\nhint: without WHAT, every figure of the first screen is listed".into();
    }
    let places: Vec<String> = near.iter().map(|pointer| format!("  {pointer}")).collect();
    format!("\n\nhint: near it are\n{}", places.join("\n"))
}

/// Follows the number at a JSON pointer (`/bill/month/mean`) back home.
///
/// # Errors
///
/// When `plan` is not a plan or has nothing at `pointer`; existing places near it are offered.
///
/// ```
/// # use burndown::report::explain;
/// let plan = serde_json::json!({
///     "schema": "burndown.plan/1",
///     "workload": { "horizon_months": 12 },
///     "bill": { "total": { "mean": 1200.0 }, "month": { "mean": 100.0 } },
/// });
/// let explanation = explain(&plan, "/bill/month/mean").unwrap();
/// assert_eq!(explanation.recomputed, Some(100.0));
/// assert_eq!(explanation.agrees, Some(true));
/// ```
pub fn explain(plan: &Value, pointer: &str) -> Result<Explanation, ExplainError> {
    check_schema(plan)?;
    let value = plan.pointer(pointer).filter(|_| !pointer.is_empty()).ok_or_else(|| {
        ExplainError::NothingThere { what: pointer.to_string(), near: near_pointers(plan, pointer) }
    })?;
    let path: Vec<&str> = pointer.split('/').skip(1).collect();
    let mut working = Working::new(plan);
    let recomputed = match path.as_slice() {
        ["bill", "net", rest @ ..] => what_if::net(&mut working, rest),
        ["scenarios", at, rest @ ..] => what_if::explain(&mut working, at, rest),
        ["bill", rest @ ..] => bill::explain(&mut working, rest),
        ["shares", at, "share"] => bill::share(&mut working, at),
        ["routes", route, "placements", placement, rest @ ..] => {
            let base = format!("/routes/{route}/placements/{placement}");
            placement::explain(&mut working, &base, rest)
        }
        ["gsu", "commitments", rest @ ..] => cases::commitments(&mut working, rest),
        ["gsu", "pools", pool, rest @ ..] => gsu::explain(&mut working, pool, rest),
        ["drivers", at, end @ ("low_usd" | "high_usd")] => drivers::explain(&mut working, at, end),
        ["drivers", at, "sobol", result, index] => doubt::index(&mut working, at, result, index),
        ["variance", rest @ ..] => doubt::variance(&mut working, rest),
        ["outlook", rest @ ..] => doubt::outlook(&mut working, rest),
        ["measure_next", at, field] => doubt::measurement(&mut working, at, field),
        ["limits", rest @ ..] => limits::explain(&mut working, rest),
        ["workload", ..] => {
            working.define("Stated in the workload, or a default of it (listed under /workload/assumed).");
            None
        }
        _ => None,
    };
    if working.arithmetic.is_empty() {
        without_arithmetic(&mut working, pointer);
    }
    Ok(finish(working, pointer, value, recomputed))
}

fn check_schema(plan: &Value) -> Result<(), ExplainError> {
    let found = match plan.get("schema") {
        Some(Value::String(schema)) if schema == SCHEMA => return Ok(()),
        Some(schema) => format!("`{schema}`"),
        None => "no `schema`".into(),
    };
    Err(ExplainError::NotAPlan { found })
}

/// The fields beside the number, since nothing says how it came about.
fn without_arithmetic(working: &mut Working<'_>, pointer: &str) {
    let (parent, own) = pointer.rsplit_once('/').unwrap_or(("", ""));
    working.line("no arithmetic is recorded for this number");
    let Some(Value::Object(fields)) = working.plan.pointer(parent) else { return };
    for (key, value) in fields.iter().filter(|(key, _)| *key != own).take(FIELDS_SHOWN) {
        let pointer = format!("{parent}/{}", find::escaped(key));
        working.inputs.push(Input { pointer, value: value_text(value) });
    }
}

fn finish(mut working: Working<'_>, pointer: &str, value: &Value, recomputed: Option<f64>) -> Explanation {
    // A plan that was changed by hand can make a division by nothing.
    let recomputed = recomputed.filter(|again| again.is_finite());
    let own = working::number_of(value);
    let agrees =
        recomputed.zip(own).map(|(again, own)| (again - own).abs() <= AGREEMENT * again.abs().max(own.abs()));
    if let (Some(again), Some(own), Some(agrees)) = (recomputed, own, agrees) {
        working.line(match agrees {
            true => format!("= {}, as in the plan", exact(again)),
            false => format!("= {}; the plan's own number differs: {}", exact(again), exact(own)),
        });
    }
    let sources = working.sources();
    let what = if working.what.is_empty() { "A value of the plan.".into() } else { working.what };
    Explanation {
        schema: "burndown.explanation/1",
        pointer: pointer.to_string(),
        value: value.clone(),
        what,
        recomputed,
        agrees,
        arithmetic: working.arithmetic,
        inputs: working.inputs,
        evidence: working.evidence,
        sources,
    }
}
