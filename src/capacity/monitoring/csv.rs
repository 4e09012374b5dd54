//! The table that Metrics Explorer saves: rows of labels above, then a time and one number for each series.

use std::collections::BTreeMap;

use super::{MetricsError, PtMetric, PtPoint, Traffic};
use crate::calendar::browser_moment;

/// What a table's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Amounts of a period.
    Amount,
    /// Amounts a second.
    Rate,
    Level,
}

/// Reads a table of Metrics Explorer.
///
/// The table does not name its metric; its file does (`Token_Throughput_[RATE].csv`), and it tells the unit, too.
/// Rows above the first time hold labels; the numbers of a period stand beside its end.
///
/// # Errors
///
/// When neither table nor name tell the metric and the unit, or a row cannot be read.
pub fn read_explorer_csv(name: &str, text: &str) -> Result<Vec<PtPoint>, MetricsError> {
    let unreadable = |line: u64, problem: String| MetricsError::Unreadable(format!("line {line}: {problem}"));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut labels: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut rows: Vec<(i64, Vec<Option<f64>>)> = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let line = at as u64 + 1;
        let record = record.map_err(|error| unreadable(line, error.to_string()))?;
        let first = record.get(0).unwrap_or_default().trim().to_string();
        let Some(time) = browser_moment(&first) else {
            if !rows.is_empty() {
                return Err(unreadable(line, format!("expected a time, found `{first}`")));
            }
            labels.insert(first, record.iter().skip(1).map(|cell| cell.trim().to_string()).collect());
            continue;
        };
        let number = |cell: &str| match cell.trim() {
            "" | "undefined" | "null" => Ok(None),
            text => match text.replace(',', "").parse::<f64>() {
                Ok(value) if value.is_finite() && value >= 0.0 => Ok(Some(value)),
                _ => Err(unreadable(line, format!("expected a number, found `{text}`"))),
            },
        };
        rows.push((time, record.iter().skip(1).map(number).collect::<Result<_, _>>()?));
    }
    let (metric, unit) = metric_and_unit(name, &labels)?;
    points(metric, unit, &labels, rows)
}

fn metric_and_unit(
    name: &str,
    labels: &BTreeMap<String, Vec<String>>,
) -> Result<(PtMetric, Unit), MetricsError> {
    let flat = |text: &str| {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        text.chars().map(letter).collect::<String>().trim_matches('_').to_string()
    };
    let heads = labels.iter().flat_map(|(key, values)| std::iter::once(key).chain(values));
    let told: Vec<String> = std::iter::once(flat(name)).chain(heads.map(|text| flat(text))).collect();
    let says = |word: &str| told.iter().any(|text| text.contains(word));
    let found = PtMetric::ALL.into_iter().find(|(_, last, shown)| says(last) || says(&flat(shown)));
    let Some((metric, ..)) = found else {
        return Err(MetricsError::Unit(format!(
            "neither {name} nor its first rows name the metric\n\nhint: keep the name that Metrics Explorer gives, such as `Token_Throughput_[RATE].csv`"
        )));
    };
    let unit = match () {
        () if metric.is_level() => Unit::Level,
        () if says("rate") => Unit::Rate,
        () if says("sum") || says("delta") || says("count_true") => Unit::Amount,
        () => {
            return Err(MetricsError::Unit(format!(
                "{name} does not say whether its numbers are rates or sums\n\nhint: keep the name that Metrics Explorer gives: it ends in `[RATE]` or `[SUM]`"
            )));
        }
    };
    Ok((metric, unit))
}

fn points(
    metric: PtMetric,
    unit: Unit,
    labels: &BTreeMap<String, Vec<String>>,
    mut rows: Vec<(i64, Vec<Option<f64>>)>,
) -> Result<Vec<PtPoint>, MetricsError> {
    rows.sort_by_key(|(time, _)| *time);
    let apart = rows.windows(2).map(|pair| pair[1].0 - pair[0].0).filter(|apart| *apart > 0).min();
    let step = match (apart, unit) {
        (Some(step), _) => step,
        (None, Unit::Level) => 0,
        (None, _) => return Err(MetricsError::Periods { found: "unknown: fewer than two rows,".into() }),
    };
    let label = |name: &str, series: usize| {
        let row = labels.iter().find(|(key, _)| key.rsplit('.').next() == Some(name))?.1;
        row.get(series).filter(|value| !value.is_empty()).cloned()
    };
    let mut found = Vec::new();
    for (time, values) in rows {
        for (series, value) in values.into_iter().enumerate() {
            let Some(value) = value else { continue };
            let traffic = label("request_type", series);
            let traffic = traffic
                .map(|label| Traffic::of_label(&label).ok_or(MetricsError::RequestType(label)))
                .transpose()?;
            if traffic.is_none() && unit != Unit::Level {
                let problem = "no row `request_type` above the numbers: group by it in Metrics Explorer";
                return Err(MetricsError::Unit(problem.into()));
            }
            found.push(PtPoint {
                metric,
                traffic,
                model: label("model_user_id", series),
                location: label("location", series),
                from_micros: if unit == Unit::Level { time } else { time - step },
                to_micros: time,
                value: if unit == Unit::Rate { value * step as f64 / 1e6 } else { value },
            });
        }
    }
    Ok(found)
}
