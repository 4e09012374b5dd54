//! The published usage passes through the usage law, and the shipped profiles are what it teaches.

use std::collections::BTreeMap;

use burndown::{
    model::{Backend, ModelId},
    tokens::{Cell, TokenProfile, fit},
    usage::{Anomaly, Observation, RecordKind, read_observations},
};

use crate::shipped;

fn published() -> Vec<Observation> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/observations/public.csv");
    read_observations(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Every one of the 374 rows is in exactly one of these, and nothing else remains.
#[test]
fn every_published_row_passes_through_the_usage_law() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for observation in published() {
        let (tokens, anomalies) = observation.classes();
        let (reported, _) = observation.counts();
        let parts = [reported.prompt, reported.candidates, reported.thoughts];
        let sum: u64 = parts.iter().map(|part| part.unwrap_or(0)).sum();
        let missing = anomalies.iter().any(|anomaly| {
            matches!(anomaly, Anomaly::PromptMissing { .. } | Anomaly::AnswerCountMissing { .. })
        });
        let mismatch = anomalies.iter().any(|anomaly| matches!(anomaly, Anomaly::TotalMismatch { .. }));
        let class = match reported.total {
            Some(total) if total == sum => "the total holds",
            Some(total) if total == sum + reported.tool_use.unwrap_or(0) => "holds with tool-use tokens",
            Some(_) if observation.kind == RecordKind::Approximate => "stated as approximate",
            None if missing => "no total, a count missing by name",
            None if observation.kind == RecordKind::Approximate => "stated as approximate",
            None => "no total reported, parts complete",
            Some(_) => "not explained",
        };
        // Where the total holds the classes add up to it, and nothing is called a mismatch.
        if class.contains("holds") {
            assert_eq!(Some(tokens.total()), reported.total, "{observation:?}");
            assert!(!mismatch, "{observation:?}");
        }
        *counts.entry(class).or_default() += 1;
    }
    let expected = BTreeMap::from([
        ("the total holds", 326),
        ("holds with tool-use tokens", 19),
        ("no total, a count missing by name", NO_TOTAL_NAMED),
        ("no total reported, parts complete", NO_TOTAL_COMPLETE),
        ("stated as approximate", 4),
    ]);
    assert_eq!(counts, expected);
    assert_eq!(counts.values().sum::<usize>(), 374);
}

const NO_TOTAL_NAMED: usize = 22;
const NO_TOTAL_COMPLETE: usize = 3;

/// 10 of 10 grid, tiles, and 258 a picture: all sized samples come out exactly, pooled over models.
#[test]
fn every_sized_sample_is_what_its_rule_says() {
    let library = shipped();
    let fitted = fit(&published(), &library.prices, &library.tokens, "PUBLISHED-USAGE");
    let agree: u64 = fitted.rules.iter().map(|rule| rule.agree).sum();
    let differ: Vec<_> = fitted.rules.iter().filter(|rule| !rule.differ.is_empty()).collect();
    assert!(differ.is_empty(), "{differ:?}");
    assert_eq!(agree, 32);
}

/// Importing the shipped observations again changes no profile, in whatever order.
#[test]
fn the_shipped_cells_are_those_the_published_rows_teach() {
    let library = shipped();
    let mut observations = published();
    for turn in 0..3 {
        let fitted = fit(&observations, &library.prices, &library.tokens, "PUBLISHED-USAGE");
        let mut learned: BTreeMap<(Backend, ModelId), Vec<Cell>> = BTreeMap::new();
        for found in fitted.cells {
            learned.entry((found.backend, found.model)).or_default().push(found.cell);
        }
        for (key, profile) in &library.tokens {
            let expected = learned.remove(key).unwrap_or_default();
            assert_eq!(profile.cells, expected, "turn {turn}: {key:?}");
        }
        assert!(learned.is_empty(), "{learned:?}");
        let middle = observations.len() / 2 + turn;
        observations.rotate_left(middle);
    }
}

#[test]
fn fixtures_and_approximate_figures_teach_nothing() {
    let library = shipped();
    let mut invented = published();
    invented.retain(|observation| observation.kind != RecordKind::Measured);
    assert_eq!(invented.len(), 19);
    let fitted = fit(&invented, &library.prices, &library.tokens, "X");
    assert!(fitted.cells.is_empty());
    assert_eq!(fitted.left_out.values().sum::<u64>(), 19);
}

#[test]
fn an_observation_survives_its_own_file() {
    for observation in published().into_iter().take(50) {
        let line = serde_json::to_string(&observation).unwrap();
        assert_eq!(read_observations(&line).unwrap(), [observation]);
    }
    let error = read_observations("{\"schema\": 1}").unwrap_err();
    assert_eq!(error.line, 1);
    let error = read_observations(
        "\n{\"schema\": \"burndown.observation/9\", \"model\": \"m\", \"kind\": \"measured\"}",
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 2: schema `burndown.observation/9`, expected `burndown.observation/1`"
    );
}

/// A rule that a response contradicts is reported with what it said.
#[test]
fn a_contradicted_rule_is_named() {
    let library = shipped();
    let mut observations = published();
    observations.retain(|observation| observation.shape.input_pixels.len() == 1);
    let usage = observations[0].usage.as_mut().unwrap();
    usage["promptTokensDetails"] = serde_json::json!([{ "modality": "IMAGE", "tokenCount": 999 }]);
    usage["promptTokenCount"] = 999.into();
    usage.remove("cachedContentTokenCount");
    let fitted = fit(&observations, &library.prices, &library.tokens, "X");
    let differ: Vec<_> = fitted.rules.iter().flat_map(|rule| &rule.differ).collect();
    assert_eq!(differ.len(), 1);
    assert_eq!(differ[0].1, 999);
}

/// js-genai issue 1682: 2K asked for, 512×2064 came back.
#[test]
fn a_size_that_was_not_honoured_is_an_anomaly() {
    let mut observation = published().remove(0);
    observation.shape.output_size = Some(burndown::model::ImageSize::TwoK);
    let differs = |observation: &Observation| {
        observation.classes().1.iter().any(|anomaly| matches!(anomaly, Anomaly::SizeDiffers { .. }))
    };
    observation.received_pixels = Some("512x2064".into());
    assert!(differs(&observation));
    observation.received_pixels = Some("1024x4128".into());
    assert!(!differs(&observation));
    observation.received_pixels = None;
    assert!(!differs(&observation));
}

/// One contradicting answer takes the model's images off the rule: they are sampled, loudly.
#[test]
fn a_contradicted_rule_gives_way_to_what_answers_reported() {
    let library = shipped();
    let key = (Backend::Developer, ModelId::from("gemini-3-pro-image"));
    let mut observations = published();
    observations.retain(|observation| observation.model.starts_with("gemini-3-pro-image"));
    let odd = observations.iter_mut().find(|observation| observation.shape.input_images == Some(2)).unwrap();
    odd.usage.as_mut().unwrap()["promptTokensDetails"] = serde_json::json!([{ "modality": "TEXT", "tokenCount": 99 }, { "modality": "IMAGE", "tokenCount": 1120 }]);
    odd.usage.as_mut().unwrap()["promptTokenCount"] = 1219.into();
    let fitted = fit(&observations, &library.prices, &library.tokens, "PUBLISHED-USAGE");
    let rule = fitted.rules.iter().find(|rule| rule.backend == Backend::Developer).unwrap();
    assert_eq!(rule.per_image, [258.0, 258.0, 258.0, 560.0]);
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/profiles/tokens/developer/gemini-3-pro-image.toml"
    ))
    .unwrap();
    let source = ("PUBLISHED-USAGE", "t", "2026-11-21");
    let written = burndown::tokens::with_cells(&text, &[], Some(rule), source).unwrap();
    let written = burndown::diagnostics::SourceText { name: "w".into(), text: written };
    let profile = TokenProfile::parse(&written).unwrap();
    let shape = burndown::model::Shape {
        prompt_text: burndown::units::Range::exact(10.0),
        input_images: vec![vec!["1024x1024".parse().unwrap()]],
        output_size: burndown::model::ImageSize::OneK,
        output_text: burndown::units::Range::exact(0.0),
        thinking_level: None,
        media_resolution: None,
        cached_share: burndown::units::Share::NONE,
    };
    let endpoint = burndown::model::Endpoint::of(key.0);
    let expected =
        burndown::tokens::expect(&profile, &shape, burndown::prices::ModelKind::Image, &endpoint).unwrap();
    let image = expected.classes[burndown::model::TokenClass::InputImage].as_ref().unwrap();
    assert!((image.mean - (3.0 * 258.0 + 560.0) / 4.0).abs() < 1e-9);
    assert!(image.standard_error > 0.0);
    assert!(expected.warnings.iter().any(|warning| warning.code() == "rule-contradicted"));
}

/// Where answers were seen, a known unknown was valued at what they showed instead of at its other reading.
#[test]
fn a_switch_counts_under_its_own_reading_whatever_answers_showed() {
    use burndown::{
        model::{Endpoint, ImageSize, Shape},
        prices::ModelKind,
        tokens::expect,
        units::{Range, Share},
    };
    let library = shipped();
    let profile = &library.tokens[&(Backend::Developer, ModelId::from("gemini-3-pro-image"))];
    let (_, _, drafts) =
        profile.alternatives().into_iter().find(|(switch, ..)| switch == "draft-images").unwrap();
    for (input_images, expected) in [(0, 1.0), (1, 2.0), (3, 2.0)] {
        let shape = Shape {
            prompt_text: Range::exact(10.0),
            input_images: vec![vec!["1024x1024".parse().unwrap()]; input_images],
            output_size: ImageSize::OneK,
            output_text: Range::exact(0.0),
            thinking_level: None,
            media_resolution: None,
            cached_share: Share::NONE,
        };
        let found = expect(&drafts, &shape, ModelKind::Image, &Endpoint::Developer).unwrap();
        assert_eq!(found.images_per_answer, expected, "{input_images} images in");
    }
}

/// The fallback order: own cell, the profile's pooled range, the other backend; never a zero in silence.
#[test]
fn what_is_not_known_is_said() {
    use burndown::{
        model::{Endpoint, Grade, ImageSize, Shape, TokenClass},
        prices::ModelKind,
        tokens::expect,
        units::{Range, Share},
        warning::Warning,
    };
    let library = shipped();
    let shape = |input_images: usize| Shape {
        prompt_text: Range::exact(10.0),
        input_images: vec![vec!["1024x1024".parse().unwrap()]; input_images],
        output_size: ImageSize::OneK,
        output_text: Range::exact(0.0),
        thinking_level: None,
        media_resolution: None,
        cached_share: Share::NONE,
    };
    let of = |backend: Backend, input_images: usize| {
        let profile: &TokenProfile = &library.tokens[&(backend, ModelId::from("gemini-3-pro-image"))];
        expect(profile, &shape(input_images), ModelKind::Image, &Endpoint::of(backend)).unwrap()
    };
    // n = 4: the cell's own answers.
    let own = of(Backend::Developer, 0);
    let text = own.classes[TokenClass::OutputText].as_ref().unwrap();
    assert_eq!((text.evidence.grade, text.evidence.n), (Grade::Measured, Some(4)));
    // Their mean, drawn toward the two answers to several pictures.
    let profile = &library.tokens[&(Backend::Developer, ModelId::from("gemini-3-pro-image"))];
    let cell = profile.cell(burndown::tokens::RequestKind::TextToImage).unwrap();
    let factor = burndown::tokens::borrowed(profile, cell, &|answer| answer.text as f64);
    assert!((text.mean - factor * (96.0 + 163.0 + 340.0 + 652.0) / 4.0).abs() < 1e-9);
    assert_ne!(factor, 1.0);
    // n = 0: the pooled range of the same backend.
    let pooled = of(Backend::Developer, 1);
    assert_eq!(pooled.classes[TokenClass::OutputText].as_ref().unwrap().evidence.n, Some(8));
    // n = 2 with one and two pictures: the rule of one picture is off, and that is said.
    let several = of(Backend::Developer, 3);
    assert!((several.images_per_answer - 1.5).abs() < 1e-9);
    assert!(several.warnings.iter().any(|warning| warning.code() == "images-vary"));
    assert!(several.classes[TokenClass::OutputImage].as_ref().unwrap().standard_error > 0.0);
    // n = 1 on Vertex: an assumption with a width, and a warning.
    let vertex = of(Backend::Vertex, 0);
    let thinking = vertex.classes[TokenClass::OutputThinking].as_ref().unwrap();
    assert_eq!(thinking.evidence.grade, Grade::Assumed);
    assert!(thinking.mean > 0.0 && thinking.standard_error > 0.0);
    let weak = |warning: &Warning| {
        matches!(warning, Warning::WeakEvidence { class: TokenClass::OutputThinking, .. })
    };
    assert!(vertex.warnings.iter().any(weak));
}

/// Twelve answers of one kind and four of another: the four lean toward the twelve, no further than they are
/// unsure, and a kind with thirty answers is left alone.
#[test]
fn a_small_cell_leans_toward_the_other_kinds_of_request() {
    use burndown::tokens::{Answer, RequestKind, borrowed};

    let library = shipped();
    let key = (Backend::Developer, ModelId::from("gemini-3-pro-image"));
    let mut profile = library.tokens[&key].clone();
    let cell = |kind: RequestKind, thinking: &[u64]| Cell {
        kind,
        answers: thinking.iter().map(|thinking| Answer { images: 1, text: 0, thinking: *thinking }).collect(),
        ..profile.cells[0].clone()
    };
    let many: Vec<u64> = (0..12).map(|at| 150 + 20 * (at % 5)).collect();
    let large = cell(RequestKind::TextToImage, &many);
    let small = cell(RequestKind::Edit, &[220, 180, 260, 210]);
    let thirty = cell(RequestKind::SeveralReferences, &[400; 30]);
    profile.cells = vec![large.clone(), small.clone()];
    let of = |answer: &Answer| answer.thinking as f64;
    let factor = borrowed(&profile, &small, &of);
    // 217.5 in the small cell, 188.3 in the large one.
    assert!((188.3 / 217.5..1.0).contains(&factor), "{factor}");
    assert!(borrowed(&profile, &large, &of) - 1.0 < 1.0 - factor, "the large cell moves less");
    profile.cells.push(thirty.clone());
    assert_eq!(borrowed(&profile, &thirty, &of), 1.0);
    profile.cells = vec![small.clone()];
    assert_eq!(borrowed(&profile, &small, &of), 1.0, "a kind alone has nobody to lean on");
}

#[test]
fn the_kind_of_picture_file_is_learned() {
    let library = shipped();
    let line = |mime: &str| {
        format!(
            r#"{{"schema":"burndown.observation/1","model":"gemini-3-pro-image","backend":"vertex","shape":{{"input_images":1}},"usage":{{"promptTokenCount":570,"candidatesTokenCount":1120,"thoughtsTokenCount":100,"totalTokenCount":1790,"candidatesTokensDetails":[{{"modality":"IMAGE","tokenCount":1120}}]}},"image_parts":1,"image_mime":"{mime}","kind":"measured"}}"#
        )
    };
    let lines = [line("image/png"), line("image/jpeg"), line("image/png")].join("\n");
    let fitted = fit(&read_observations(&lines).unwrap(), &library.prices, &library.tokens, "TEST");
    let expected = BTreeMap::from([("image/jpeg".to_string(), 1), ("image/png".to_string(), 2)]);
    assert_eq!(fitted.cells[0].cell.image_mime, expected);
}
