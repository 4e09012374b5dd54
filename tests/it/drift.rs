//! New observations against profiles: silence where nothing changed, a word where something did.

use std::collections::BTreeMap;

use burndown::{
    calibrate::{Campaign, Chaos, Limits, Rules, observations_of, rehearse},
    commands::Library,
    diagnostics::SourceText,
    model::{Backend, ModelId},
    tokens::{Drift, Signal, TokenProfile, drift, fit, with_cells},
    usage::Observation,
};
use serde_json::json;

use crate::{calibration::cells_of, shipped};

/// Answers by the shipped profiles of the two placements of one model.
fn answers(seed: u64) -> Vec<Observation> {
    let cells: Vec<_> = cells_of("product-photos")
        .into_iter()
        .filter(|cell| cell.key.contains("3-pro-image"))
        .map(|mut cell| {
            cell.expected.drafts_open = false;
            cell
        })
        .collect();
    let limits = Limits {
        budget: "100".parse().unwrap(),
        requests: 200,
        seconds: 1e6,
        concurrency: 4,
        developer_usd_per_10_minutes: None,
    };
    let rules = Rules { precision: 0.001, volume_counts: false, ..Rules::default() };
    let campaign = Campaign::new(cells, limits, rules, seed).unwrap();
    observations_of(&rehearse(campaign, &Chaos::default(), seed, 0.0, None).entries)
}

/// Shipped profiles whose cells rest on these observations.
fn profiles_of(observations: &[Observation]) -> BTreeMap<(Backend, ModelId), TokenProfile> {
    let library = shipped();
    let fitted = fit(observations, &library.prices, &library.tokens, "KNOWN");
    let mut profiles = library.tokens;
    for found in &fitted.cells {
        let base = Library::token_profile_text(None, found.backend, &found.model).unwrap();
        let text = with_cells(&base.text, &[&found.cell], None, ("KNOWN", "known", "2026-11-21")).unwrap();
        let source = SourceText::from_bytes("profile", text.into_bytes()).unwrap();
        profiles.insert((found.backend, found.model.clone()), TokenProfile::parse(&source).unwrap());
    }
    profiles
}

fn found(known: &[Observation], new: &[Observation]) -> Drift {
    drift(new, &shipped().prices, &profiles_of(known), "2026-11-21".parse().unwrap())
}

/// Changes a count of the usage and the total with it.
fn changed(observation: &Observation, field: &str, change: impl Fn(u64) -> u64) -> Observation {
    let mut observation = observation.clone();
    let usage = observation.usage.as_mut().unwrap();
    let (before, total) = (usage[field].as_u64().unwrap(), usage["totalTokenCount"].as_u64().unwrap());
    usage.insert(field.into(), change(before).into());
    usage.insert("totalTokenCount".into(), (total + change(before) - before).into());
    observation
}

/// Of 40 pairs of samples of one law no more than a tenth of the cells are called drifted.
#[test]
fn the_same_law_is_rarely_called_drifted() {
    let (mut cells, mut drifted) = (0, 0);
    for seed in 0..20 {
        let drift = found(&answers(2 * seed + 1), &answers(2 * seed + 2));
        assert!(drift.unknown_cells.is_empty());
        cells += drift.cells.len();
        drifted += drift.cells.iter().filter(|cell| !cell.signals.is_empty()).count();
    }
    assert!(cells == 40 && drifted <= 4, "{drifted} of {cells}");
}

#[test]
fn more_thinking_is_noticed_where_it_happens_and_nowhere_else() {
    let known = answers(1);
    let more = |observation: &Observation| match observation.backend {
        Some(Backend::Vertex) => changed(observation, "thoughtsTokenCount", |tokens| 2 * tokens),
        _ => observation.clone(),
    };
    let new: Vec<Observation> = answers(2).iter().map(more).collect();
    let drift = found(&known, &new);
    for cell in &drift.cells {
        assert_eq!(cell.signals.is_empty(), cell.backend == Backend::Developer, "{cell:?}");
        assert_eq!(cell.recalibration_usd.is_some(), cell.backend == Backend::Vertex);
    }
    let vertex = drift.cells.iter().find(|cell| cell.backend == Backend::Vertex).unwrap();
    assert!(
        vertex.signals.iter().any(
            |signal| matches!(signal, Signal::Shift { what: "thinking tokens", after, .. } if *after < 40)
        )
    );
    assert!(
        vertex.signals.iter().any(|signal| matches!(signal, Signal::NewLaw { what: "thinking tokens", .. }))
    );
    // 8 requests of about 14 cents at least.
    assert!((0.5..60.0).contains(&vertex.recalibration_usd.unwrap()));
}

#[test]
fn a_second_picture_that_was_never_counted_is_noticed_at_once() {
    let known = answers(1);
    let mut new = answers(2);
    let draft = new.iter().position(|observation| observation.backend == Some(Backend::Vertex)).unwrap();
    let mut two = changed(&new[draft], "candidatesTokenCount", |tokens| tokens + 1120);
    two.usage
        .as_mut()
        .unwrap()
        .insert("candidatesTokensDetails".into(), json!([{"modality": "IMAGE", "tokenCount": 2240}]));
    new[draft] = two;
    let drift = found(&known, &new);
    let vertex = drift.cells.iter().find(|cell| cell.backend == Backend::Vertex).unwrap();
    let expected = Signal::UnknownAtom { what: "pictures per answer", value: 2, times: 1 };
    assert!(vertex.signals.contains(&expected), "{:?}", vertex.signals);
}

#[test]
fn picture_tokens_off_the_rule_are_noticed() {
    let known = answers(1);
    let more = |observation: &Observation| {
        let mut changed = changed(observation, "promptTokenCount", |tokens| tokens + 100);
        let details = &mut changed.usage.as_mut().unwrap()["promptTokensDetails"];
        details[1]["tokenCount"] = json!(details[1]["tokenCount"].as_u64().unwrap() + 100);
        changed
    };
    let new: Vec<Observation> = answers(2).iter().map(more).collect();
    for cell in &found(&known, &new).cells {
        let off = |signal: &Signal| {
            matches!(signal, Signal::UnknownAtom { what: "picture tokens of a prompt", .. })
        };
        assert!(cell.signals.iter().any(off), "{cell:?}");
    }
}

#[test]
fn a_verb_says_so_and_fails_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let lines = |observations: &[Observation]| -> String {
        observations.iter().map(|observation| serde_json::to_string(observation).unwrap() + "\n").collect()
    };
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("known.jsonl", &lines(&answers(1)));
    write("same.jsonl", &lines(&answers(2)));
    let more: Vec<Observation> =
        answers(2).iter().map(|one| changed(one, "thoughtsTokenCount", |tokens| 3 * tokens)).collect();
    write("more.jsonl", &lines(&more));
    let place = folder.path().to_str().unwrap();
    let run = |args: &[&str]| crate::cli::burndown_with(args, b"", place);
    assert_eq!(run(&["fit", "known.jsonl", "--out", "mine"]).code, 0);
    let same = run(&["--profiles", "mine", "drift", "same.jsonl", "--on", "2026-11-21"]);
    assert_eq!((same.code, same.stdout.contains("holds")), (0, true), "{}{}", same.stdout, same.stderr);
    let more = run(&["--profiles", "mine", "drift", "more.jsonl", "--on", "2026-11-21"]);
    assert_eq!(more.code, 1);
    assert!(
        more.stdout.contains("thinking tokens: the mean moved from")
            && more.stdout.contains("next: burndown calibrate")
    );
}
