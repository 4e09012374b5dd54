//! What a log teaches: sums that merge, token profiles, arrivals, a workload; and the verb as a user meets it.

use burndown::{
    calendar::{LocalClock, moment},
    import::{Control, Settings, arrival_profile, coverage, workload_text},
    tokens::{ANSWERS_MAX, fit, fit_aggregates},
    usage::{Aggregates, Attempt, aggregate_rows},
};

use crate::{
    cli::burndown,
    import::{collect, read, settings},
    import_log::synthetic_log,
    shipped,
};

/// However a log is cut into files, in whatever order they come: the same sums, byte for byte.
#[test]
fn shards_merge_to_the_same_sums_in_any_order() {
    let log = synthetic_log(3_000, 7);
    let lines: Vec<&str> = log.lines().collect();
    let found = read(&log);
    let whole = aggregate_rows(&found.aggregates);
    // Added one by one, nothing was merged.
    let mut single = Aggregates::default();
    for observation in found.observations.as_ref().unwrap() {
        let minute = moment(observation.at.as_ref().unwrap()).unwrap().div_euclid(60_000_000);
        single.add(&Attempt::of(observation, "all", Some(minute)).unwrap()).unwrap();
    }
    assert_eq!(aggregate_rows(&single), whole);
    for (turn, size) in [1_000, 37, 1_501].into_iter().enumerate() {
        let mut shards: Vec<String> = lines.chunks(size).map(|lines| lines.join("\n")).collect();
        shards.reverse();
        shards.rotate_left(turn);
        let parts: Vec<(&str, &[u8])> = shards.iter().map(|text| ("log", text.as_bytes())).collect();
        assert_eq!(aggregate_rows(&collect(&parts, &settings()).unwrap().aggregates), whole);
        // Sums of shards, merged again from their files.
        let sums: Vec<String> = shards.iter().map(|shard| aggregate_rows(&read(shard).aggregates)).collect();
        let parts: Vec<(&str, &[u8])> = sums.iter().map(|text| ("sums", text.as_bytes())).collect();
        let merged = collect(&parts, &settings()).unwrap();
        assert_eq!(aggregate_rows(&merged.aggregates), whole);
        assert_eq!((merged.rows, merged.observations), (3_000, None));
    }
}

/// Observations written and read again count as the rows that they came from.
#[test]
fn observations_read_again_give_the_same_sums() {
    let first = read(&synthetic_log(500, 9));
    let lines: Vec<String> =
        first.observations.as_ref().unwrap().iter().map(|o| serde_json::to_string(o).unwrap()).collect();
    assert_eq!(read(&lines.join("\n")).aggregates, first.aggregates);
}

/// The same log learned from single answers and from sums: means agree, and the list stays short.
#[test]
fn learning_from_sums_agrees_with_learning_from_answers() {
    let library = shipped();
    let found = read(&synthetic_log(4_900, 11));
    let single = fit(found.observations.as_ref().unwrap(), &library.prices, &library.tokens, "LOG");
    let sums = fit_aggregates(&found.aggregates, &library.prices, &library.tokens, "LOG");
    assert_eq!(single.left_out, sums.left_out);
    assert_eq!(single.cells.len(), sums.cells.len());
    assert!(sums.cells.len() >= 6, "{}", sums.cells.len());
    for (single, sums) in single.cells.iter().zip(&sums.cells) {
        assert_eq!((single.rows, single.cell.blocked), (sums.rows, sums.cell.blocked));
        assert!(sums.cell.answers.len() as u64 <= ANSWERS_MAX);
        let means = |cell: &burndown::tokens::Cell| {
            let n = cell.answers.len() as f64;
            let mean = |of: &dyn Fn(&burndown::tokens::Answer) -> u64| {
                cell.answers.iter().map(|answer| of(answer) as f64).sum::<f64>() / n
            };
            [
                mean(&|a| a.images),
                mean(&|a| a.text),
                mean(&|a| a.thinking),
                mean(&|a| a.text * a.thinking).sqrt(),
            ]
        };
        let (a, b) = (means(&single.cell), means(&sums.cell));
        for (a, b) in a.iter().zip(b) {
            assert!((a / b - 1.0).abs() < 0.06, "{:?}: {a} for {b}", sums.cell.kind);
        }
    }
}

/// Details that add up to more than the count beside them are read alike: 4,757 image tokens are no pictures of
/// 1,120, 2,240 are two.
#[test]
fn details_that_exceed_their_count_teach_the_same_from_answers_and_from_sums() {
    let library = shipped();
    let row = |image: u64| {
        format!(
            r#"{{"schema":"burndown.observation/1","model":"gemini-3.1-flash-image","backend":"developer","shape":{{"input_images":1,"output_size":"1K"}},"status":200,"usage":{{"candidatesTokenCount":1120,"thoughtsTokenCount":177,"totalTokenCount":1317,"candidatesTokensDetails":[{{"modality":"IMAGE","tokenCount":{image}}}]}},"kind":"measured"}}"#
        )
    };
    let found = read(&[row(4757), row(2240), row(1120)].join("\n"));
    let single = fit(found.observations.as_ref().unwrap(), &library.prices, &library.tokens, "LOG");
    let sums = fit_aggregates(&found.aggregates, &library.prices, &library.tokens, "LOG");
    let left = [("image tokens are no multiple of any size's".to_string(), 1)];
    assert_eq!((&single.left_out, &sums.left_out), (&left.clone().into(), &left.into()));
    let images = |fitted: &burndown::tokens::Fitted| -> Vec<u64> {
        fitted.cells[0].cell.answers.iter().map(|answer| answer.images).collect()
    };
    assert_eq!((images(&single), images(&sums)), (vec![1, 2], vec![1, 2]));
}

/// A day of long answers and a day of short ones are worth far fewer answers than they hold.
#[test]
fn answers_that_resemble_their_neighbours_count_less() {
    let library = shipped();
    let line = |hour: u64, at: u64, thinking: u64| {
        format!(
            r#"{{"schema":"burndown.observation/1","at":"2026-11-{:02}T{:02}:{:02}:00Z","model":"gemini-3-pro-image","backend":"vertex","shape":{{"input_images":0}},"usage":{{"promptTokenCount":9,"candidatesTokenCount":1120,"thoughtsTokenCount":{thinking},"candidatesTokensDetails":[{{"modality":"IMAGE","tokenCount":1120}}]}},"image_parts":1,"kind":"measured"}}"#,
            1 + hour / 24,
            hour % 24,
            at
        )
    };
    let log = |thinking: &dyn Fn(u64, u64) -> u64| -> String {
        (0..48)
            .flat_map(|hour| (0..20).map(move |at| (hour, at)))
            .map(|(hour, at)| line(hour, at, thinking(hour, at)) + "\n")
            .collect()
    };
    let answers = |text: &str| {
        let found = read(text);
        let fitted = fit(found.observations.as_ref().unwrap(), &library.prices, &library.tokens, "LOG");
        (fitted.cells[0].rows, fitted.cells[0].cell.answers.len())
    };
    let (rows, alike) = answers(&log(&|hour, _| if hour < 24 { 100 } else { 500 }));
    let (_, mixed) = answers(&log(&|hour, at| 100 + (hour * 7 + at * 13) % 20 * 20));
    assert_eq!(rows, 960);
    // 48 blocks that never vary within: at most one answer each.
    assert!((30..=48).contains(&alike), "{alike}");
    assert!(mixed > 500, "{mixed}");
}

#[test]
fn the_control_total_says_what_the_log_holds() {
    let found = read(&synthetic_log(930, 3));
    let control = Control { invocations: Some(10_000), sampling_rate: Some(0.1), ..Control::default() };
    let (held, warnings) = coverage(&found.aggregates, &control);
    assert!((held.share.unwrap() - 0.93).abs() < 1e-12 && warnings.is_empty(), "{held:?} {warnings:?}");
    assert!((held.factor - 10.0 / 0.93).abs() < 1e-9);
    let code = |control: Control| coverage(&found.aggregates, &control).1[0].code();
    assert_eq!(code(Control::default()), "no-control-total");
    assert_eq!(code(Control { invocations: Some(500), ..Control::default() }), "log-coverage");
    let tokens = u64::try_from(found.aggregates.total_tokens()).unwrap();
    let (held, _) =
        coverage(&found.aggregates, &Control { billed_tokens: Some(tokens * 2), ..Control::default() });
    assert!((held.share.unwrap() - 0.5).abs() < 1e-6);
}

/// The written workload is planned by the same program, and a million requests stay a million.
#[test]
fn the_workload_that_is_written_can_be_planned() {
    let library = shipped();
    let found = collect(
        &[("log", synthetic_log(6_000, 13).as_bytes())],
        &Settings { route_by: "labels.feature".parse().unwrap(), ..settings() },
    )
    .unwrap();
    let zone = LocalClock::of_zone("Europe/Berlin").unwrap();
    let arrivals = arrival_profile(&found.aggregates, &zone);
    let (held, _) = coverage(&found.aggregates, &Control { invocations: Some(6_000), ..Control::default() });
    let text = workload_text(&found.aggregates, &library.prices, &arrivals, "Europe/Berlin", &held).unwrap();
    assert!(text.contains("day_shape = [") && text.contains("cached_share"), "{text}");
    let source = burndown::diagnostics::SourceText { name: "imported.toml".into(), text };
    let file = burndown::workload::WorkloadFile::parse(&source).unwrap();
    let today = "2026-11-21".parse().unwrap();
    let outside = burndown::workload::OutsideFiles::default();
    let workload =
        burndown::workload::Workload::resolve(file, &source, &library.prices, today, &outside).unwrap();
    assert!(workload.routes.len() >= 20, "{}", workload.routes.len());
    burndown::projection::project(&library.inputs(&workload)).unwrap();
}

#[test]
fn an_import_writes_what_fit_and_plan_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(path("logs")).unwrap();
    let log = synthetic_log(6_000, 17);
    let (first, second) = log.split_at(log.len() / 2 + log[log.len() / 2..].find('\n').unwrap() + 1);
    std::fs::write(path("logs/b.jsonl"), first).unwrap();
    std::fs::write(path("logs/a.jsonl.zst"), zstd::encode_all(second.as_bytes(), 1).unwrap()).unwrap();
    let run = burndown(&[
        "import",
        &path("logs"),
        "--out",
        &path("out"),
        "--invocations",
        "6100",
        "--on",
        "2026-11-21",
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stdout
            .contains("6000 rows, 6000 attempts, kept as sums\nthe log holds 98.4 % of the control total"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("PROVISIONED_THROUGHPUT"), "{}", run.stdout);
    for name in [
        "aggregates.jsonl",
        "arrivals.csv",
        "workloads/imported.toml",
        "tokens/vertex/gemini-3-pro-image.toml",
    ] {
        assert!(std::fs::metadata(path(&format!("out/{name}"))).unwrap().len() > 0, "{name}");
    }
    let again = burndown(&[
        "fit",
        &path("out/aggregates.jsonl"),
        "--out",
        &path("fit"),
        "--source",
        "IMPORTED",
        "--on",
        "2026-11-21",
    ]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let cells = |name: &str| {
        let text =
            std::fs::read_to_string(path(&format!("{name}/tokens/vertex/gemini-3-pro-image.toml"))).unwrap();
        text.split_once("[[cell]]").unwrap().1.to_string()
    };
    assert_eq!(cells("out"), cells("fit"));
    let plan = burndown(&[
        "--profiles",
        &path("out"),
        "plan",
        &path("out/workloads/imported.toml"),
        "--on",
        "2026-11-21",
    ]);
    assert_eq!(plan.code, 0, "{}", plan.stderr);
}

#[test]
fn the_shipped_observations_imported_again_change_no_profile() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display().to_string();
    let run = burndown(&[
        "import",
        "profiles/observations/public.csv",
        "--out",
        &out,
        "--source",
        "PUBLISHED-USAGE",
        "--on",
        "2026-11-21",
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let cells = |text: &str| text.split("[[cell]]").skip(1).map(String::from).collect::<Vec<_>>();
    let mut seen = 0;
    for backend in ["developer", "vertex"] {
        let Ok(entries) = std::fs::read_dir(folder.path().join("tokens").join(backend)) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let shipped = format!(
                "{}/profiles/tokens/{backend}/{}",
                env!("CARGO_MANIFEST_DIR"),
                path.file_name().unwrap().display()
            );
            let (found, shipped) =
                (std::fs::read_to_string(&path).unwrap(), std::fs::read_to_string(shipped).unwrap());
            assert_eq!(cells(&found), cells(&shipped), "{}", path.display());
            seen += 1;
        }
    }
    assert_eq!(seen, 5);
}

#[test]
fn wrong_flags_say_what_would_be_right() {
    let check = |args: &[&str], expected: &str| {
        let run = burndown(args);
        assert_eq!(run.code, 2, "{args:?}");
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    };
    check(&["import", "no-such-file"], "no file matches `no-such-file`");
    check(&["import", "README.md", "--format", "litelm"], "did you mean `litellm`?");
    check(
        &["import", "README.md", "--sampling-rate", "0"],
        "expected a share above 0 and at most 1, found 0",
    );
    check(
        &["import", "README.md", "--route-by", "a b"],
        "expected `model`, `size` or a path such as `labels.feature`",
    );
    check(&["import", "README.md", "--time-zone", "Mars"], "unknown time zone `Mars`");
    check(&["sql", "--engine", "oracle", "--table", "t"], "unknown engine `oracle`");
    check(&["sql", "--engine", "bigquery", "--table", "t`; DROP"], "is no name of a table");
}
