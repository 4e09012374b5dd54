//! What-ifs beside a plan: the same as the plan of the changed workload, held against the base by the same draws.

use burndown::{
    diagnostics::{BadFile, SourceText},
    projection::{Plan, ScenarioResult, Spread, diff::Cause, project},
    report::{Report, csv, explain, html, markdown, plan_file, short_markdown, terminal},
    workload::{OutsideFiles, Workload, WorkloadFile, scenario_text},
};

use crate::cli::{burndown, burndown_with};

const PHOTOS: &str = "
start = 2026-12-01
[[route]]
name = \"photos\"
model = \"nano-banana-2\"
models = [\"nano-banana-pro\", \"nano-banana-2.1\"]
prompt_tokens = 20
input_images = [\"1408x768\"]
requests_per_month = 60_000
growth_per_month = [0, 0.02, 0.05]
";

fn resolve(text: &str) -> Result<Workload, BadFile> {
    let source = SourceText { name: "workload.toml".into(), text: text.into() };
    let file = WorkloadFile::parse(&source)?;
    let today = "2026-11-21".parse().unwrap();
    Workload::resolve(file, &source, &crate::shipped().prices, today, &OutsideFiles::default())
}

fn plan(text: &str) -> Plan {
    let workload = resolve(text).unwrap();
    project(&crate::shipped().inputs(&workload)).unwrap()
}

/// The plan with scenarios of the command line.
fn with(scenarios: &[&str]) -> Plan {
    let tables: String = scenarios.iter().map(|text| scenario_text(text).unwrap()).collect();
    plan(&format!("{PHOTOS}{tables}"))
}

#[track_caller]
fn only(plan: &Plan) -> &ScenarioResult {
    assert_eq!(plan.scenarios.len(), 1);
    plan.scenarios[0].result.as_ref().unwrap()
}

#[track_caller]
fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0), "{a} is not {b}");
}

#[track_caller]
fn same(found: Spread, expected: Spread) {
    for (a, b) in [(found.mean, expected.mean), (found.p05, expected.p05), (found.p95, expected.p95)] {
        close(a, b);
    }
}

/// Each what-if is the plan of the file that has its change written in.
#[test]
fn a_scenario_is_the_plan_of_the_changed_workload() {
    for (scenario, before, after) in [
        ("a: output_size=4K", "requests_per_month", "output_size = \"4K\"\nrequests_per_month"),
        ("b: model=nano-banana-pro", "model = \"nano-banana-2\"", "model = \"nano-banana-pro\""),
        ("c: volume_factor=2.5", "60_000", "150_000"),
        (
            "d: backend=developer, thinking_level=high",
            "prompt_tokens",
            "placements = [\"developer\"]\nthinking_level = \"high\"\nprompt_tokens",
        ),
        (
            "e: growth_per_month=0.1, tier=batch",
            "growth_per_month = [0, 0.02, 0.05]",
            "tier = \"batch\"\ngrowth_per_month = 0.1",
        ),
        ("f: requests_per_day=5000, prompt=hello there", "prompt_tokens = 20", "prompt = \"hello there\""),
        ("g: price_factor.tokens=0.8, route=photos", "start", "price_factor = { tokens = 0.8 }\nstart"),
    ] {
        let changed = PHOTOS.replace(before, after);
        let changed = match scenario.starts_with('f') {
            true => changed.replace("requests_per_month = 60_000", "requests_per_day = 5000"),
            false => changed,
        };
        if scenario.starts_with('d') && resolve(&changed).is_ok() {
            // Gone on the Developer API: there is nothing to plan with, there as here.
            let planned = project(&crate::shipped().inputs(&resolve(&changed).unwrap()));
            let beside = with(&[scenario]);
            let refused = beside.scenarios[0].refused.clone();
            assert_eq!(planned.err().map(|error| error.to_string()), refused, "{scenario}");
            continue;
        }
        let (beside, alone) = (with(&[scenario]), plan(&changed));
        let found = only(&beside);
        same(found.month, alone.bill.month);
        close(found.usd_per_request, alone.bill.usd_per_request);
        assert_eq!(found.facts, alone.facts(), "{scenario}");
        close(found.change.mean, alone.bill.month.mean - beside.bill.month.mean);
        close(found.causes.iter().map(|part| part.usd_per_month).sum(), found.change.mean);
        same(beside.bill.month, plan(PHOTOS).bill.month);
    }
}

/// The draws of both are the same: what does not differ cancels to nothing, and twice the volume differs by each
/// draw of the base itself. Draws of their own would leave a wide range around both.
#[test]
fn the_difference_has_the_range_of_what_differs() {
    let beside = with(&["same: volume_factor=1"]);
    let found = only(&beside);
    same(found.change, Spread { mean: 0.0, p05: 0.0, p50: 0.0, p95: 0.0 });
    assert_eq!((found.probability_dearer, found.causes.len()), (0.0, 0));
    let beside = with(&["twice: volume_factor=2"]);
    same(only(&beside).change, beside.bill.month);
    assert_eq!(only(&beside).probability_dearer, 1.0);
    let beside = with(&["less: price_factor.tokens=0.9"]);
    let (change, base) = (only(&beside).change, beside.bill.month);
    close(change.p05, -0.1 * base.p95);
    close(change.p95, -0.1 * base.p05);
}

#[test]
fn a_model_swap_names_tokens_and_prices_apart() {
    let beside = with(&["pro: model=nano-banana-pro"]);
    let causes: Vec<Cause> = only(&beside).causes.iter().map(|part| part.cause).collect();
    assert_eq!(causes, [Cause::PlacementTokens, Cause::PlacementPrices]);
}

#[test]
fn a_scenario_of_one_route_leaves_the_others_alone() {
    let more = PHOTOS.replace("start = 2026-12-01", "").replace("\"photos\"", "\"more\"");
    let scenario = scenario_text("x: route=more, volume_factor=3").unwrap();
    let beside = plan(&format!("{PHOTOS}{more}{scenario}"));
    let found = only(&beside);
    let per_route: f64 = beside.routes[1].chosen().usd_per_month;
    close(found.change.mean, 2.0 * per_route);
    assert_eq!(found.facts.in_the_bill[0].usd_per_month, beside.routes[0].chosen().usd_per_served_month);
}

#[test]
fn a_scenario_that_cannot_be_planned_says_why_and_spares_the_others() {
    let beside = with(&["gone: backend=developer, models=[nano-banana-2]", "2k: output_size=2K"]);
    assert!(beside.scenarios[0].result.is_none());
    let why = beside.scenarios[0].refused.as_ref().unwrap();
    assert!(why.starts_with("route `photos` has no placement left"), "{why}");
    assert!(beside.scenarios[1].result.is_some());
    let text = terminal(&Report::of(&beside)).split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(text.contains("gone: backend = developer"), "{text}");
    assert!(text.contains("cannot be planned: route `photos` has no placement left"), "{text}");
}

#[test]
fn a_file_holds_the_same_scenarios_as_the_command_line() {
    let written = "
[[scenario]]
name = \"big\"
route = \"photos\"
output_size = \"4K\"
volume_factor = 1.5

[[scenario]]
name = \"cheap\"
price_factor = { tokens = 0.9 }
";
    let in_file = plan(&format!("{PHOTOS}{written}"));
    let on_line =
        with(&["big: route=photos, output_size=4K, volume_factor=1.5", "cheap: price_factor.tokens=0.9"]);
    for (a, b) in in_file.scenarios.iter().zip(&on_line.scenarios) {
        same(a.result.as_ref().unwrap().change, b.result.as_ref().unwrap().change);
    }
    assert_eq!(in_file.scenarios[0].changes, ["output_size = 4K", "volume_factor = 1.5"]);
    assert_eq!(in_file.scenarios[1].changes, ["price_factor = { tokens = 0.9 }"]);
    assert_eq!(on_line.scenarios[1].changes, ["price_factor.tokens = 0.9"]);
}

#[track_caller]
fn refused(scenario: &str, expected: &str) {
    let bad = resolve(&format!("{PHOTOS}{scenario}")).unwrap_err().to_string();
    assert_eq!(bad, expected.trim_start_matches('\n'), "{bad}");
}

#[test]
fn a_bad_scenario_shows_its_place() {
    refused(
        "[[scenario]]\nname = \"x\"\nvolume_facter = 2\n",
        "
cannot use this workload
  --> workload.toml:13:1
   |
13 | volume_facter = 2
   | ^^^^^^^^^^^^^ unknown key `volume_facter` of a scenario
   |
   = hint: did you mean `volume_factor`?",
    );
    refused(
        "[[scenario]]\nname = \"x\"\nroute = \"fotos\"\noutput_size = \"2K\"\n",
        "
cannot use this workload
  --> workload.toml:13:9
   |
13 | route = \"fotos\"
   |         ^^^^^^^ no route `fotos`, expected `photos`
   |
   = hint: did you mean `photos`?",
    );
    refused(
        "[[scenario]]\nname = \"x\"\n",
        "
cannot use this workload
  --> workload.toml:11:1
   |
11 | [[scenario]]
   | ^^^^^^^^^^^^ this scenario changes nothing; add a key of a route, e.g. `output_size`",
    );
    refused(
        "[[scenario]]\noutput_size = \"2K\"\n",
        "
cannot use this workload
  --> workload.toml:11:1
   |
11 | [[scenario]]
   | ^^^^^^^^^^^^ a scenario has a `name`",
    );
    refused(
        "[[scenario]]\nname = \"x\"\nmodel = \"nano-bananas\"\n",
        "
cannot use this workload
  --> workload.toml:13:9
   |
13 | model = \"nano-bananas\"
   |         ^^^^^^^^^^^^^^ unknown model `nano-bananas` (did you mean `nano-banana`?)

note: with the changes of the scenario `x`",
    );
    for (scenario, expected) in [
        ("[scenario]\nname = \"x\"\n", "a scenario is written with two brackets: [[scenario]]"),
        ("[[scenario]]\nname = \"base\"\nlaunch = 2027-01-01\n", "and is not `base`"),
        ("[[scenario]]\nname = \"x\"\nvolume_factor = 0\n", "above 0 and at most 1000, found 0"),
        ("[[scenario]]\nname = \"x\"\nbackend = \"azure\"\n", "unknown backend `azure`"),
        ("[[scenario]]\nname = \"x\"\nseed = 4\n", "unknown field `seed`"),
        (
            "[[scenario]]\nname = \"x\"\ntier = \"flex\"\n[[scenario]]\nname = \"x\"\ntier = \"batch\"\n",
            "a second scenario named `x`",
        ),
        (
            "[[scenario]]\nname = \"x\"\nrequests_per_day = 5\nrequests_per_month = 5\n",
            "expected one number of requests",
        ),
    ] {
        let bad = resolve(&format!("{PHOTOS}{scenario}")).unwrap_err().to_string();
        assert!(bad.contains(expected), "{scenario}\n{bad}");
    }
    for (text, problem) in [
        ("x", "it has no `:` between its name and its keys"),
        ("x: output_size", "`output_size` is no KEY=VALUE"),
        ("x: output_size=", "`output_size` has no value"),
        ("x: out put=1", "`out put` is no key"),
    ] {
        assert_eq!(scenario_text(text).unwrap_err().problem, problem);
    }
}

/// What is shown stands in every output: the numbers are read back from the text, the Markdown, the CSV, the JSON
/// and the page.
#[test]
fn every_output_shows_the_same_scenarios() {
    let plan = plan(&format!(
        "budget_usd_per_month = 6000{PHOTOS}{}{}",
        scenario_text("2k: output_size=2K, volume_factor=2").unwrap(),
        scenario_text("pro: model=nano-banana-pro").unwrap(),
    ));
    let report = Report::of(&plan);
    let value = serde_json::to_value(plan_file(&plan, &report)).unwrap();
    let shown: Vec<(String, String)> = value["first_screen"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|figure| figure["section"] == "WHAT IF")
        .map(|figure| (figure["text"].as_str().unwrap().into(), figure["pointer"].as_str().unwrap().into()))
        .collect();
    assert!(shown.len() > 25, "{shown:?}");
    let (text, short) = (terminal(&report), short_markdown(&report));
    let (long, page) = (markdown(&report), html(&report, &[]).unwrap());
    let table = report.tables.iter().find(|table| table.name == "scenarios").unwrap();
    assert_eq!(table.rows.iter().map(Vec::len).collect::<Vec<_>>(), [table.columns.len(); 3]);
    let rows = csv(table);
    for (figure, pointer) in &shown {
        let number = value.pointer(pointer).unwrap().as_f64().unwrap();
        for output in [&text, &short, &long, &page] {
            assert!(output.contains(figure.as_str()), "{figure} of {pointer}");
        }
        if pointer.starts_with("/scenarios") && !pointer.ends_with("over_budget") {
            assert!(rows.contains(&number.to_string()), "{number} of {pointer} in\n{rows}");
        }
        let explained = explain(&value, pointer).unwrap();
        assert_ne!(explained.agrees, Some(false), "{pointer}");
    }
    assert_eq!(explain(&value, "/scenarios/0/result/change/mean").unwrap().agrees, Some(true));
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(short.contains("| case | base | 2k | pro |"), "{short}");
}

#[test]
fn the_command_line_adds_and_selects_scenarios() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.toml");
    let scenarios = "[[scenario]]\nname = \"big\"\noutput_size = \"4K\"\n[[scenario]]\nname = \"more\"\nvolume_factor = 2\n";
    std::fs::write(&file, format!("{PHOTOS}{scenarios}")).unwrap();
    let path = file.display().to_string();
    let names = |args: &[&str]| -> Vec<String> {
        let run = burndown(&[&["plan", &path, "--on", "2026-11-21", "--json"], args].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let value: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let list = value["scenarios"].as_array().unwrap();
        list.iter().map(|scenario| scenario["name"].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(names(&[]), ["big", "more"]);
    assert_eq!(names(&["--scenario", "more"]), ["more"]);
    assert_eq!(names(&["--scenario", "2k: output_size=2K"]), ["big", "more", "2k"]);
    assert_eq!(names(&["--scenario", "big", "--scenario", "2k: output_size=2K"]), ["big", "2k"]);
    let run = burndown(&["plan", &path, "--scenario", "bigg"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (
            2,
            "error: no scenario `bigg` in the workload\n\nhint: did you mean `big`? one is written out as `NAME: KEY=VALUE`\n"
        )
    );
    let run = burndown_with(
        &["plan", "product-photos", "--scenario", "x: ouput_size=2K"],
        b"",
        env!("CARGO_MANIFEST_DIR"),
    );
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("(built in) with --scenario:15:1"), "{}", run.stderr);
    assert!(run.stderr.contains("did you mean `output_size`?"), "{}", run.stderr);
}
