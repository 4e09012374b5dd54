//! From what a person writes to a place in the plan, and the places near a wrong one.

use serde_json::Value;

use super::{ExplainError, figures::ShownFigure, shown_figures};

/// Most places that are offered for a wrong one.
const NEAR_MAX: usize = 5;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// One place.
    Pointer(String),
    /// Figures of the first screen: a section, or a text that is shown at several places.
    Figures(Vec<ShownFigure>),
}

/// Finds a JSON pointer (`/bill/month/mean`), the same with dots (`bill.month.mean`), a section of the first
/// screen (`BILL`), or a figure as it is shown (`$8,341`, `BILL $8,341`).
///
/// # Errors
///
/// When `plan` is not a plan or holds nothing of the kind; existing places near it are offered.
pub fn find(plan: &Value, what: &str) -> Result<Found, ExplainError> {
    let figures = shown_figures(plan)?;
    let what = what.trim();
    let pointer = if what.starts_with('/') { what.to_string() } else { dotted(what) };
    if plan.pointer(&pointer).is_some() && !what.is_empty() {
        return Ok(Found::Pointer(pointer));
    }
    let wanted = what.to_lowercase();
    let section = of(&figures, |figure| figure.section.to_lowercase() == wanted);
    if !section.is_empty() {
        return Ok(Found::Figures(section));
    }
    let mut shown = of(&figures, |figure| {
        let text = figure.text.to_lowercase();
        text == wanted || format!("{} {text}", figure.section.to_lowercase()) == wanted
    });
    shown.dedup_by(|a, b| a.pointer == b.pointer);
    match shown.as_slice() {
        [] => Err(ExplainError::NothingThere { what: what.into(), near: near_pointers(plan, &pointer) }),
        [only] => Ok(Found::Pointer(only.pointer.clone())),
        _ => Ok(Found::Figures(shown)),
    }
}

fn of(figures: &[ShownFigure], wanted: impl Fn(&ShownFigure) -> bool) -> Vec<ShownFigure> {
    figures.iter().filter(|figure| wanted(figure)).cloned().collect()
}

/// `bill.month.mean` as a pointer.
fn dotted(what: &str) -> String {
    format!("/{}", what.replace('.', "/"))
}

/// A key inside a pointer (RFC 6901).
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Places that exist and look like one that does not: those beside its first wrong step, then those that
/// end like it.
pub(super) fn near_pointers(plan: &Value, wrong: &str) -> Vec<String> {
    let mut near = beside(plan, wrong);
    let last = wrong.rsplit('/').next().unwrap_or(wrong);
    if !last.is_empty() {
        let mut same_end = Vec::new();
        below(plan, String::new(), &mut |pointer| {
            if pointer.rsplit('/').next() == Some(last) {
                same_end.push(pointer.to_string());
            }
        });
        same_end.sort_by_key(|pointer| (pointer.matches('/').count(), distance(pointer, wrong)));
        near.extend(same_end);
    }
    let mut seen: Vec<String> = Vec::new();
    for pointer in near {
        if !seen.contains(&pointer) && seen.len() < NEAR_MAX {
            seen.push(pointer);
        }
    }
    seen
}

/// The places at the first step that does not exist, the most alike first. Far ones only where the wrong
/// step stands below the first level, for there the list is short and of one kind.
fn beside(plan: &Value, wrong: &str) -> Vec<String> {
    let mut here = plan;
    let mut path = String::new();
    for step in wrong.split('/').skip(1) {
        let next = format!("{path}/{step}");
        if let Some(value) = plan.pointer(&next) {
            (here, path) = (value, next);
            continue;
        }
        let mut children = children(here);
        let lower = step.to_lowercase();
        children.sort_by_key(|child| distance(&child.to_lowercase(), &lower));
        let close = |child: &String| distance(&child.to_lowercase(), &lower) <= (child.len() / 3).max(1);
        let is_top = path.is_empty();
        let taken = children.into_iter().filter(|child| !is_top || close(child)).take(3);
        let rest = wrong.strip_prefix(&next).unwrap_or_default();
        // The rest of the path may be right: `/bil/month/mean`.
        let whole = |child: String| match format!("{path}/{child}{rest}") {
            longer if plan.pointer(&longer).is_some() => longer,
            _ => format!("{path}/{child}"),
        };
        return taken.map(whole).collect();
    }
    Vec::new()
}

fn children(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields.keys().map(|key| escaped(key)).collect(),
        Value::Array(values) => (0..values.len()).map(|at| at.to_string()).collect(),
        _ => Vec::new(),
    }
}

fn distance(a: &str, b: &str) -> usize {
    strsim::damerau_levenshtein(a, b)
}

/// Calls `visit` with the pointer of every number and text below a value.
fn below(value: &Value, path: String, visit: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| below(value, format!("{path}/{}", escaped(key)), visit));
        }
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(at, value)| below(value, format!("{path}/{at}"), visit));
        }
        _ => visit(&path),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(wrong: &str, expected: &[&str]) {
        let plan =
            json!({ "bill": { "month": { "mean": 1, "p05": 2 } }, "limits": { "mean": 3 }, "a/b": [4] });
        assert_eq!(near_pointers(&plan, wrong), expected);
    }

    #[test]
    fn a_wrong_place_is_answered_with_the_near_ones() {
        check("/bil/month/mean", &["/bill/month/mean", "/limits/mean"]);
        check("/bill/month/p5", &["/bill/month/p05", "/bill/month/mean"]);
        check("/mean", &["/limits/mean", "/bill/month/mean"]);
        check("/a~1b/7", &["/a~1b/0"]);
        check("/nothing", &[]);
    }
}
