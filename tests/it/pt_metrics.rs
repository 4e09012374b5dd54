//! Cloud Monitoring's metrics of a purchase: read from JSON and CSV, held against a plan.

use burndown::capacity::{MetricsError, PtMetrics, PtStep, read_explorer_csv, read_time_series};
use serde_json::{Value, json};

use crate::cli::{Run, burndown};

const TYPE: &str = "aiplatform.googleapis.com/publisher/online_serving/";
const MODEL: &str = "gemini-3-pro-image";

/// One series of `(start, end, value)`, times of a day in November.
fn series(metric: &str, kind: &str, request_type: &str, points: &[(&str, &str, Value)]) -> Value {
    let points: Vec<Value> = points
        .iter()
        .map(|(start, end, value)| {
            let time = |time: &str| format!("2026-11-03T{time}Z");
            let value = match value.as_f64() {
                Some(number) if value.is_f64() => json!({"doubleValue": number}),
                _ => json!({"int64Value": value.to_string()}),
            };
            json!({"interval": {"startTime": time(start), "endTime": time(end)}, "value": value})
        })
        .collect();
    let labels = if request_type.is_empty() { json!({}) } else { json!({"request_type": request_type}) };
    json!({
        "metric": {"type": format!("{TYPE}{metric}"), "labels": labels},
        "resource": {"type": "aiplatform.googleapis.com/PublisherModel",
                     "labels": {"model_user_id": MODEL, "location": "global"}},
        "metricKind": kind, "valueType": "INT64", "points": points,
    })
}

fn page(series: &[Value]) -> String {
    json!({ "timeSeries": series }).to_string()
}

fn metrics(text: &str) -> Result<PtMetrics, MetricsError> {
    PtMetrics::of(&read_time_series(text)?)
}

#[test]
fn series_of_one_grid_become_periods() {
    let burn = |kind, points: &[_]| series("consumed_token_throughput", "DELTA", kind, points);
    let text = page(&[
        burn("dedicated", &[("00:00:00", "00:01:00", json!(600)), ("00:02:00", "00:03:00", json!(900))]),
        burn("spillover", &[("00:02:00", "00:03:00", json!(300))]),
        // What asked for shared traffic never met the purchase.
        burn("shared", &[("00:02:00", "00:03:00", json!(7_000))]),
        series("model_invocation_count", "DELTA", "dedicated", &[("00:00:00", "00:01:00", json!(3))]),
        series("dedicated_token_limit", "GAUGE", "", &[("00:01:00", "00:01:00", json!(10))]),
        series("dedicated_gsu_limit", "GAUGE", "", &[("00:01:00", "00:01:00", json!(2))]),
    ]);
    let found = metrics(&text).unwrap();
    let limit_tokens_per_second = Some(10.0);
    let nothing = PtStep { limit_tokens_per_second, ..PtStep::default() };
    let first = PtStep {
        dedicated_burn: Some(600.0),
        left_burn: Some(0.0),
        requests: Some(3.0),
        left_requests: Some(0.0),
        shared_requests: None,
        limit_tokens_per_second,
    };
    let third = PtStep { dedicated_burn: Some(900.0), left_burn: Some(300.0), ..nothing };
    assert_eq!(found.steps, [first, nothing, third]);
    assert_eq!((found.step_seconds, found.gaps(), found.gsu), (60, 1, Some(2)));
    assert_eq!((found.model.as_deref(), found.location.as_deref()), (Some(MODEL), Some("global")));
}

#[test]
fn a_rate_becomes_an_amount_again() {
    let points = [("00:00:00", "00:05:00", json!(2.5))];
    let text = page(&[series("consumed_token_throughput", "GAUGE", "dedicated", &points)]);
    assert_eq!(metrics(&text).unwrap().steps[0].dedicated_burn, Some(750.0));
}

#[test]
fn what_cannot_be_one_series_is_refused_with_the_reason() {
    let points = [("00:00:00", "00:01:00", json!(600))];
    let burn = |kind| series("consumed_token_throughput", "DELTA", kind, &points);
    let refused = |text: &str| metrics(text).unwrap_err().to_string();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut other = burn("dedicated");
        change(&mut other);
        refused(&page(&[burn("dedicated"), other]))
    };
    let mixed = with(&|other| other["resource"]["labels"]["model_user_id"] = json!("gemini-2.5-flash"));
    assert!(mixed.contains("found gemini-2.5-flash, gemini-3-pro-image"), "{mixed}");
    let place = with(&|other| other["resource"]["labels"]["location"] = json!("us-central1"));
    assert!(place.contains("hint: filter by location"), "{place}");
    let length = with(&|other| other["points"][0]["interval"]["endTime"] = json!("2026-11-03T00:05:00Z"));
    assert!(length.contains("60 and 300 s long"), "{length}");
    let label = with(&|other| other["metric"]["labels"]["request_type"] = json!("express"));
    assert!(label.contains("unknown request_type `express`"), "{label}");
    let wrong = refused(&page(&[series("token_count", "DELTA", "dedicated", &points)]));
    assert!(wrong.contains("are not weighted by burndown rates"), "{wrong}");
    let unlabelled = refused(&page(&[burn("")]));
    assert!(unlabelled.contains("without the label request_type"), "{unlabelled}");
    let page_two = json!({"timeSeries": [burn("dedicated")], "nextPageToken": "x"}).to_string();
    assert_eq!(metrics(&page_two).unwrap_err(), MetricsError::MorePages);
    // The last page has no token; pages stand one after the other.
    assert!(metrics(&format!("{page_two}\n{}", page(&[burn("spillover")]))).is_ok());
    let count = series("model_invocation_count", "DELTA", "dedicated", &points);
    assert_eq!(metrics(&page(&[count])).unwrap_err(), MetricsError::NoBurn);
    for text in ["{}", "[]", "{\"timeSeries\": 3}", "{\"timeSeries\": [{}]}"] {
        assert!(matches!(
            metrics(text).unwrap_err(),
            MetricsError::Unreadable(_) | MetricsError::WrongMetric { .. }
        ));
    }
}

const TABLE: &str = "\
TimeSeries ID,a,b
request_type,dedicated,spillover
model_user_id,gemini-3-pro-image,gemini-3-pro-image
Tue Nov 03 2026 01:01:00 GMT+0100 (Central European Standard Time),10,undefined
Tue Nov 03 2026 01:02:00 GMT+0100 (Central European Standard Time),15,5
";

#[test]
fn a_table_of_metrics_explorer_is_read_by_its_name() {
    let read = |name: &str, text: &str| PtMetrics::of(&read_explorer_csv(name, text)?);
    let found = read("Token_Throughput_[RATE].csv", TABLE).unwrap();
    let step = |dedicated, left| PtStep {
        dedicated_burn: Some(dedicated),
        left_burn: Some(left),
        ..PtStep::default()
    };
    assert_eq!(found.steps, [step(600.0, 0.0), step(900.0, 300.0)]);
    assert_eq!(found.first_micros, burndown::calendar::epoch_micros("2026-11-03T00:00:00Z").unwrap());
    let summed = read("Token Throughput [SUM].csv", TABLE).unwrap();
    assert_eq!(summed.steps[1], step(15.0, 5.0));
    let refused = |name: &str, text: &str| read(name, text).unwrap_err().to_string();
    assert!(refused("chart.csv", TABLE).contains("name the metric"));
    assert!(refused("Token_Throughput.csv", TABLE).contains("rates or sums"));
    let name = "Token_Throughput_[SUM].csv";
    assert!(refused(name, &TABLE.replace("request_type", "x")).contains("no row `request_type`"));
    assert!(
        refused(name, &TABLE.replace("15,5", "15,five")).contains("line 5: expected a number, found `five`")
    );
    assert!(refused(name, &TABLE.replace("15,5", "15,-5")).contains("found `-5`"));
}

/// Three days of minutes: `dedicated` and `left` burn a second.
fn file(folder: &std::path::Path, dedicated: u64, left: u64) -> String {
    let points = |per_second: u64| -> Vec<Value> {
        let minutes = 3 * 24 * 60;
        let at = |minute: i64| burndown::calendar::moment_text(1_793_664_000_000_000 + minute * 60_000_000);
        (0..minutes)
            .map(|minute| {
                // A quiet hour in four.
                let value = if minute / 60 % 4 == 0 { per_second * 30 } else { per_second * 60 };
                json!({"interval": {"startTime": at(minute), "endTime": at(minute + 1)},
                       "value": {"int64Value": value.to_string()}})
            })
            .collect()
    };
    let mut all = Vec::new();
    for (kind, per_second) in [("dedicated", dedicated), ("spillover", left)] {
        let mut one = series("consumed_token_throughput", "DELTA", kind, &[]);
        one["points"] = json!(points(per_second));
        all.push(one);
    }
    let path = folder.join(format!("metrics-{dedicated}-{left}.json"));
    std::fs::write(&path, page(&all)).unwrap();
    path.display().to_string()
}

#[test]
fn measured_throughput_is_held_against_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.json");
    let printed = burndown(&["plan", "product-photos", "--json", "--on=2026-11-21"]).stdout;
    std::fs::write(&plan, &printed).unwrap();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let pool = &printed["gsu"]["pools"][0];
    assert_eq!((&pool["model"], &pool["endpoint"]), (&json!(MODEL), &json!("vertex:global")));
    let check = |extra: &[&str]| -> Run {
        burndown(&[&["check", plan.to_str().unwrap(), "--pt-metrics"], extra].concat())
    };
    let json_of = |run: &Run| -> Value { serde_json::from_str(&run.stdout).unwrap() };
    // 5 GSU carry 2,500 burn tokens a second.
    let much = file(folder.path(), 500, 4_500);
    let found = check(&[&much, "--gsu=5", "--json"]);
    assert_eq!(found.code, 1, "{}", found.stderr);
    let seen = &json_of(&found)["provisioned"];
    assert_eq!((&seen["above"], &seen["gsu"], &seen["gaps"]), (&json!(true), &json!(5), &json!(0)));
    assert_eq!(seen["left_share"]["value"], 0.9);
    // An eighth less than 10 GSU, since one hour in four is half as busy.
    assert_eq!(seen["load_gsu"]["value"], 8.75);
    assert_eq!(seen["periods_above_limit"], 0.75);
    assert_eq!(seen["planned_left_share"], pool["curve"][5]["left"]["tokens"]);
    let day = seen["day_shape"].as_array().unwrap();
    assert!((day[0].as_f64().unwrap() - 0.5 / 0.875).abs() < 1e-4, "{day:?}");
    assert!(seen["week_shape"].is_null(), "three days tell nothing of a week");
    let text = check(&[&much, "--gsu=5"]).stdout;
    assert!(
        text.contains("more is left to PayGo than planned") && text.contains("day_shape = [0.5714"),
        "{text}"
    );
    let little = check(&[&file(folder.path(), 400, 0), "--gsu=5", "--json"]);
    assert_eq!(little.code, 0, "{}", little.stderr);
    let seen = &json_of(&little)["provisioned"];
    assert_eq!((&seen["above"], &seen["below"]), (&json!(false), &json!(true)));
    let untold = check(&[&much]);
    assert!(untold.code == 2 && untold.stderr.contains("dedicated_gsu_limit"), "{}", untold.stderr);
}
