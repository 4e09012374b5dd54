//! What is gathered while a number is computed again, and how numbers are read and written.

use serde_json::Value;

use super::Input;
use crate::report::format::grouped;

/// Significant digits of a number in a line of arithmetic.
const DIGITS: i32 = 10;

/// The plan, and what has been found out about one of its numbers.
pub(super) struct Working<'a> {
    /// The whole plan.
    pub(super) plan: &'a Value,
    /// Definition and unit; empty until something is known of the number.
    pub(super) what: String,
    /// Lines with the numbers filled in.
    pub(super) arithmetic: Vec<String>,
    /// Numbers that were read.
    pub(super) inputs: Vec<Input>,
    /// Grades, samples, rows.
    pub(super) evidence: Vec<String>,
    keys: Vec<&'a str>,
}

/// The placement that a route's spend in the bill comes from.
pub(super) struct Chosen<'a> {
    /// Index of the route.
    pub(super) route: usize,
    /// Its name.
    pub(super) name: &'a str,
    /// Pointer of the placement.
    pub(super) base: String,
}

impl<'a> Working<'a> {
    pub(super) fn new(plan: &'a Value) -> Working<'a> {
        Working {
            plan,
            what: String::new(),
            arithmetic: Vec::new(),
            inputs: Vec::new(),
            evidence: Vec::new(),
            keys: Vec::new(),
        }
    }

    pub(super) fn define(&mut self, what: impl Into<String>) {
        self.what = what.into();
    }

    pub(super) fn line(&mut self, line: impl Into<String>) {
        self.arithmetic.push(line.into());
    }

    /// A number of the plan, noted as an input.
    pub(super) fn read(&mut self, pointer: &str) -> Option<f64> {
        let number = self.number(pointer)?;
        self.note(pointer, exact(number));
        Some(number)
    }

    /// A number of the plan.
    pub(super) fn number(&self, pointer: &str) -> Option<f64> {
        self.plan.pointer(pointer).and_then(number_of)
    }

    /// A text of the plan.
    pub(super) fn text(&self, pointer: &str) -> Option<&'a str> {
        self.plan.pointer(pointer)?.as_str()
    }

    /// The elements of an array; none where there is no such array.
    pub(super) fn list(&self, pointer: &str) -> &'a [Value] {
        self.plan.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The fields of an object that are numbers; none where there is no such object.
    pub(super) fn numbers(&self, pointer: &str) -> Vec<(&'a str, f64)> {
        let fields = self.plan.pointer(pointer).and_then(Value::as_object);
        fields
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), number_of(value)?)))
            .collect()
    }

    /// One field of each month of a placement (`usd_total`, `usd/output_image`, `requests`), noted as one
    /// input; a class without spend has no entry and counts as nothing.
    pub(super) fn months(&mut self, base: &str, field: &str) -> Option<Vec<f64>> {
        let months = self.months_of(base, field)?;
        let (first, last) = (months.first()?, months.last()?);
        let sum: f64 = months.iter().sum();
        let value = format!("first {}, last {}, sum {}", exact(*first), exact(*last), exact(sum));
        self.note(&format!("{base}/months/*/{field}"), value);
        Some(months)
    }

    /// The same without noting it.
    pub(super) fn months_of(&self, base: &str, field: &str) -> Option<Vec<f64>> {
        let is_by_class = field.starts_with("usd/");
        let of_month = |month: &Value| match month.pointer(&format!("/{field}")) {
            Some(value) => number_of(value),
            None => is_by_class.then_some(0.0),
        };
        let months: Option<Vec<f64>> = self.list(&format!("{base}/months")).iter().map(of_month).collect();
        months.filter(|months| !months.is_empty())
    }

    pub(super) fn note(&mut self, pointer: &str, value: String) {
        if !self.inputs.iter().any(|input| input.pointer == pointer) {
            self.inputs.push(Input { pointer: pointer.to_string(), value });
        }
    }

    /// Months of the horizon, noted as an input.
    pub(super) fn horizon_months(&mut self) -> Option<f64> {
        self.read("/workload/horizon_months").filter(|months| *months >= 1.0)
    }

    /// The chosen placement of each route.
    pub(super) fn chosen(&self) -> Vec<Chosen<'a>> {
        let routes = self.list("/routes").iter().enumerate();
        let of_route = |(route, value): (usize, &'a Value)| {
            let at = value.get("chosen")?.as_u64()?;
            let name = value.get("name")?.as_str()?;
            Some(Chosen { route, name, base: format!("/routes/{route}/placements/{at}") })
        };
        routes.filter_map(of_route).collect()
    }

    /// `gemini-3-pro-image vertex:global standard`.
    pub(super) fn placement_name(&self, base: &str) -> String {
        let part = |key: &str| self.text(&format!("{base}/placement/{key}")).unwrap_or("?");
        format!("{} {} {}", part("model"), part("endpoint"), part("tier"))
    }

    /// Notes the sources that a `source` array names, and gives its keys as ` [A, B]`.
    pub(super) fn cite(&mut self, pointer: &str) -> String {
        let keys: Vec<&'a str> = self.list(pointer).iter().filter_map(Value::as_str).collect();
        for key in &keys {
            if !self.keys.contains(key) {
                self.keys.push(key);
            }
        }
        if keys.is_empty() { String::new() } else { format!(" [{}]", keys.join(", ")) }
    }

    /// Key, title, date and address of every source that was cited and is in the plan.
    pub(super) fn sources(&self) -> Vec<String> {
        let line = |key: &&str| {
            let source = self.plan.get("sources")?.get(*key)?;
            let field = |name: &str| source.get(name).and_then(Value::as_str);
            let parts: Vec<&str> =
                [field("title"), field("date"), field("url")].into_iter().flatten().collect();
            Some(format!("{key}: {}", parts.join(", ")))
        };
        self.keys.iter().filter_map(line).collect()
    }
}

/// A number, or a decimal written as a text.
pub(super) fn number_of(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|number: &f64| number.is_finite())
}

/// Ten significant digits, thousands grouped: `100,093.2192`, `0.13901836`.
pub(super) fn exact(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return if number == 0.0 { "0".into() } else { number.to_string() };
    }
    let size = number.abs();
    let decimals = (DIGITS - 1 - size.log10().floor() as i32).clamp(0, 18) as usize;
    let text = format!("{size:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = whole.parse().map_or(whole.to_string(), grouped);
    let fraction = fraction.trim_end_matches('0');
    let sign = if number < 0.0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A value in few words.
pub(super) fn value_text(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(number) => exact(number),
            None => number.to_string(),
        },
        Value::String(text) => text.clone(),
        Value::Array(values) => format!("a list of {}", values.len()),
        Value::Object(fields) => format!("an object of {} fields", fields.len()),
        Value::Bool(_) | Value::Null => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_digits_are_shown_and_no_zeros_behind() {
        assert_eq!(exact(100_093.219_199_999_95), "100,093.2192");
        assert_eq!(exact(0.139_018_359_999_999_92), "0.13901836");
        assert_eq!(exact(-3e-5), "-0.00003");
        assert_eq!(exact(12_345_678_901.0), "12,345,678,901");
        assert_eq!(exact(0.0), "0");
    }
}
