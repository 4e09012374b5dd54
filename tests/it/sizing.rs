//! Google's worked examples of GSU sizing, and the oracle of the mission's main model.

use std::process::Command;

use burndown::{
    capacity::{Query, SizingError, size},
    model::{ByClass, ModelId, TokenClass},
};
use rust_decimal::{Decimal, dec};
use serde_json::{Value, json};

use crate::shipped;

/// Tokens by class.
fn tokens(given: &[(TokenClass, Decimal)]) -> ByClass<Decimal> {
    let mut tokens = ByClass::default();
    for (class, count) in given {
        tokens[*class] = *count;
    }
    tokens
}

#[track_caller]
fn check(model: &str, qps: Decimal, given: &[(TokenClass, Decimal)], burn: Decimal, gsu: u64) {
    let query = Query {
        model: ModelId::from(model),
        queries_per_second: qps,
        tokens: tokens(given),
        cached_share: Decimal::ZERO,
    };
    let day = "2026-10-07".parse().unwrap();
    let sizing = size(&shipped().capacity, &query, day, true).unwrap();
    assert_eq!((sizing.burn_per_request, sizing.gsu), (burn, gsu), "{model}");
}

use TokenClass::*;

#[test]
fn worked_example_1_audio_and_text_of_3_6_flash_takes_45_gsu() {
    let given = [(InputText, dec!(1000)), (InputAudio, dec!(500)), (OutputText, dec!(300))];
    check("gemini-3.6-flash", dec!(10), &given, dec!(3000), 45);
}

#[test]
fn worked_example_3_video_of_omni_takes_434_gsu() {
    // Ten requests in 30 seconds, their tokens together: one "query" every 30 seconds.
    let given = [
        (InputText, dec!(200)),
        (InputImage, dec!(11_200)),
        (OutputThinking, dec!(1000)),
        (OutputVideo, dec!(724_000)),
    ];
    let qps = Decimal::ONE / dec!(30);
    check("gemini-omni-1.1-flash", qps, &given, dec!(8_705_400), 434);
}

#[test]
fn worked_example_5_session_memory_of_3_8_live_burns_at_its_own_modality() {
    let given = [
        (InputAudio, dec!(250)),
        (InputVideo, dec!(2580)),
        (CachedInputAudio, dec!(1550)),
        (CachedInputVideo, dec!(2580)),
        (OutputVideo, dec!(61_920)),
        (OutputAudio, dec!(250)),
    ];
    check("gemini-3.8-live", dec!(1), &given, dec!(105_112), 78);
}

#[test]
fn worked_example_6_session_memory_of_2_5_live() {
    let given = [
        (InputAudio, dec!(1000)),
        (CachedInputAudio, dec!(350)),
        (CachedInputVideo, dec!(2580)),
        (OutputAudio, dec!(200)),
    ];
    check("gemini-live-2.5-flash-native-audio", dec!(1), &given, dec!(28_380), 18);
}

#[test]
fn worked_example_7_a_cached_token_of_2_5_pro_burns_a_tenth() {
    check("gemini-2.5-pro", dec!(1), &[(InputText, dec!(1000))], dec!(1000), 2);
    check("gemini-2.5-pro", dec!(1), &[(CachedInputText, dec!(1000))], dec!(100), 1);
}

/// Oracle 1: 70 GSU enforced over 20 seconds, ten whole images a window.
#[test]
fn half_a_3_pro_image_a_second_takes_70_gsu() {
    let given = [(InputText, dec!(300)), (OutputThinking, dec!(400)), (OutputImage, dec!(1120))];
    check("gemini-3-pro-image", dec!(0.5), &given, dec!(69_900), 70);
    let answer = gsu(&[
        "--model=gemini-3-pro-image",
        "--qps=0.5",
        "--input-text=300",
        "--output-thinking=400",
        "--output-image=1120",
    ]);
    let found: Vec<&Value> =
        ["gsu", "window_seconds", "whole_requests_per_window"].map(|key| &answer[key]).to_vec();
    assert_eq!(found, [&json!(70), &json!(20), &json!(10)]);
    assert_eq!(answer["burn_per_request"], json!("69900"));
    assert_eq!(answer["quota_per_window"], json!("700000"));
    assert_eq!(answer["throughput_per_second"], json!("34950"));
}

/// Worked examples 8a to 8c: quota of a window of 2.5 Flash at 1, 25 and 250 GSU.
#[test]
fn the_window_products_of_2_5_flash_are_those_printed() {
    for (gsu_count, seconds, quota) in [(1, 120, "322800"), (25, 30, "2017500"), (250, 5, "3362500")] {
        // So many text tokens a second that exactly this many GSUs are needed.
        let tokens = format!("--input-text={}", 2690 * gsu_count);
        let answer = gsu(&["--model=gemini-2.5-flash", "--qps=1", &tokens]);
        assert_eq!(answer["gsu"], json!(gsu_count));
        assert_eq!(answer["window_seconds"], json!(seconds));
        assert_eq!(answer["quota_per_window"], json!(quota));
    }
}

/// 1,200 a week and 2,700 a month are what the page prints (worked example 12).
#[test]
fn one_gsu_costs_what_the_page_prints() {
    let answer = gsu(&["--model=gemini-3-pro-image", "--qps=0.001", "--output-image=1120"]);
    let prices: Vec<(&str, &str)> = answer["terms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|term| (term["term"].as_str().unwrap(), term["usd_per_term"].as_str().unwrap()))
        .collect();
    let expected =
        [("1-week", "1199.52"), ("1-month", "2699.978"), ("3-months", "7200.063"), ("1-year", "23999.772")];
    assert_eq!(prices, expected);
}

#[test]
fn pixels_and_sizes_stand_in_for_tokens() {
    let by_size =
        gsu(&["--model=nano-banana-pro", "--qps=1", "--input-image-px=1408x768", "--output-size=2K"]);
    let by_tokens = gsu(&["--model=nano-banana-pro", "--qps=1", "--input-image=560", "--output-image=1120"]);
    assert_eq!(by_size["burn_per_request"], by_tokens["burn_per_request"]);
}

#[test]
fn numbers_out_of_bounds_are_refused() {
    let library = shipped();
    let size_of = |qps, cached_share, given: &[(TokenClass, Decimal)]| {
        let query = Query {
            model: ModelId::from("gemini-3-pro-image"),
            queries_per_second: qps,
            tokens: tokens(given),
            cached_share,
        };
        size(&library.capacity, &query, "2026-11-21".parse().unwrap(), true).unwrap_err()
    };
    let some = [(InputText, dec!(1))];
    for (error, expected) in [
        (size_of(dec!(0), dec!(0), &some), "queries per second must be above 0 and at most 1e12, found 0"),
        (size_of(dec!(-1), dec!(0), &some), "queries per second must be above 0 and at most 1e12, found -1"),
        (size_of(dec!(1), dec!(1.5), &some), "the cached share must be between 0 and 1, found 1.5"),
        (
            size_of(dec!(1), dec!(0), &[(InputText, dec!(-3))]),
            "tokens of text input must be between 0 and 1e12, found -3",
        ),
        (size_of(dec!(1), dec!(0), &[]), "no tokens given: a query burns at least its prompt"),
    ] {
        assert_eq!(error.to_string(), expected);
    }
    let query = Query {
        model: ModelId::from("gemini-4-argon"),
        queries_per_second: dec!(1),
        tokens: tokens(&some),
        cached_share: dec!(0),
    };
    let error = size(&library.capacity, &query, "2026-11-21".parse().unwrap(), true).unwrap_err();
    assert!(matches!(error, SizingError::NoThroughput { .. }), "{error}");
}

/// The `--json` answer of the binary, as of the day the books were put together.
fn gsu(args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_burndown"))
        .arg("gsu")
        .args(args)
        .args(["--json", "--on=2026-10-07"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
