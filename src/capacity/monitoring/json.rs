//! Answers of `projects.timeSeries.list`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{MetricsError, PtMetric, PtPoint, Traffic};
use crate::calendar::epoch_micros;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    time_series: Vec<Series>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    metric: Labelled,
    #[serde(default)]
    resource: Labelled,
    #[serde(default)]
    metric_kind: String,
    #[serde(default)]
    points: Vec<Point>,
}

#[derive(Default, Deserialize)]
struct Labelled {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Point {
    interval: Interval,
    value: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interval {
    start_time: Option<String>,
    end_time: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Value {
    /// Whole numbers are texts in JSON.
    int64_value: Option<String>,
    double_value: Option<f64>,
}

/// Reads pages of `projects.timeSeries.list`, one after the other, or a list of series.
///
/// A series that was aligned to a rate (its kind is then GAUGE) is turned into amounts again.
///
/// # Errors
///
/// When the text is no such answer, holds another metric, or more pages follow.
pub fn read_time_series(text: &str) -> Result<Vec<PtPoint>, MetricsError> {
    let unreadable = |error: serde_json::Error| MetricsError::Unreadable(format!("no time series: {error}"));
    let mut series: Vec<Series> = Vec::new();
    if text.trim_start().starts_with('[') {
        series = serde_json::from_str(text).map_err(unreadable)?;
    } else {
        let mut more = false;
        for page in serde_json::Deserializer::from_str(text).into_iter::<Page>() {
            let page = page.map_err(unreadable)?;
            more = !page.next_page_token.is_empty();
            series.extend(page.time_series);
        }
        if more {
            return Err(MetricsError::MorePages);
        }
    }
    if series.is_empty() {
        return Err(MetricsError::Unreadable("no time series in it".into()));
    }
    let mut points = Vec::new();
    for one in &series {
        read_series(one, &mut points)?;
    }
    Ok(points)
}

fn read_series(series: &Series, points: &mut Vec<PtPoint>) -> Result<(), MetricsError> {
    let metric = PtMetric::of_type(&series.metric.r#type)
        .ok_or_else(|| MetricsError::WrongMetric { found: series.metric.r#type.clone() })?;
    let label = |name: &str| {
        let of = series.resource.labels.get(name).or_else(|| series.metric.labels.get(name));
        of.filter(|value| !value.is_empty()).cloned()
    };
    let traffic = series.metric.labels.get("request_type");
    let traffic = traffic
        .map(|label| Traffic::of_label(label).ok_or_else(|| MetricsError::RequestType(label.clone())))
        .transpose()?;
    if traffic.is_none() && !metric.is_level() {
        return Err(MetricsError::Unit(
            "a series without the label request_type: group by it, or do not group at all".into(),
        ));
    }
    let is_rate = series.metric_kind == "GAUGE" && !metric.is_level();
    for point in &series.points {
        let time = |text: &str| {
            epoch_micros(text)
                .ok_or_else(|| MetricsError::Unreadable(format!("no time of a point: `{text}`")))
        };
        let to_micros = time(&point.interval.end_time)?;
        let from_micros = point.interval.start_time.as_deref().map_or(Ok(to_micros), time)?;
        let whole = point.value.int64_value.as_deref().and_then(|text| text.parse::<f64>().ok());
        let value = whole.or(point.value.double_value).filter(|value| value.is_finite() && *value >= 0.0);
        let value = value.ok_or_else(|| {
            MetricsError::Unreadable(format!("a point at {} without a number", point.interval.end_time))
        })?;
        if is_rate && from_micros == to_micros {
            let unit = "a rate whose points have no period: ask with the aligner ALIGN_DELTA, or without one";
            return Err(MetricsError::Unit(unit.into()));
        }
        let seconds = (to_micros - from_micros) as f64 / 1e6;
        points.push(PtPoint {
            metric,
            traffic,
            model: label("model_user_id"),
            location: label("location"),
            from_micros,
            to_micros,
            value: if is_rate { value * seconds } else { value },
        });
    }
    Ok(())
}
