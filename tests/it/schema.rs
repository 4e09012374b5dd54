//! The schemas that `schema` prints, held against what is shipped, refused and answered.

use std::{collections::BTreeMap, fs, path::Path};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::cli::{burndown, burndown_with};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn schema(kind: &str) -> Value {
    let run = burndown(&["schema", kind]);
    assert_eq!(run.code, 0, "{kind}: {}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

fn validator(kind: &str) -> Validator {
    jsonschema::validator_for(&schema(kind)).unwrap_or_else(|error| panic!("{kind}: {error}"))
}

/// What a schema complains of.
fn complaints(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// A TOML file as the JSON that its schema speaks of: dates are texts; `None` when it is not TOML.
fn as_json(text: &str) -> Option<Value> {
    fn of(value: toml::Value) -> Value {
        match value {
            toml::Value::Datetime(date) => json!(date.to_string()),
            toml::Value::Array(list) => list.into_iter().map(of).collect(),
            toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, of(value))).collect(),
            other => serde_json::to_value(other).unwrap(),
        }
    }
    Some(of(toml::Value::Table(text.parse().ok()?)))
}

fn kinds() -> Vec<String> {
    let run = burndown(&["schema"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.stdout.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(str::to_string).collect()
}

#[test]
fn every_kind_has_a_schema_of_the_draft_it_names_with_a_title() {
    let kinds = kinds();
    assert!(kinds.len() >= 30, "{kinds:?}");
    for kind in kinds {
        let schema = schema(&kind);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{kind}");
        assert!(schema["title"].as_str().is_some_and(|title| !title.is_empty()), "{kind}");
        assert!(jsonschema::meta::is_valid(&schema), "{kind}");
    }
}

/// Whoever completes a key in an editor reads what it means. Kinds of a choice are described as a whole, and sizes of
/// images speak for themselves.
#[test]
fn every_key_of_a_file_that_people_write_is_described() {
    fn undescribed(value: &Value, at: &str, found: &mut Vec<String>) {
        let Some(object) = value.as_object() else {
            value.as_array().into_iter().flatten().for_each(|value| undescribed(value, at, found));
            return;
        };
        for (key, value) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let named = at.ends_with("/oneOf") || ["512", "1K", "2K", "4K"].contains(&key.as_str());
            if value.get("description").is_none() && value.get("$ref").is_none() && !named {
                found.push(format!("{at}.{key}"));
            }
        }
        object.iter().for_each(|(key, value)| undescribed(value, &format!("{at}/{key}"), found));
    }
    for kind in
        ["workload", "prices", "capacity", "tokens", "policy", "ledger", "behaviour", "faults", "pt-rule"]
    {
        let mut found = Vec::new();
        undescribed(&schema(kind), kind, &mut found);
        assert!(found.is_empty(), "{found:#?}");
    }
}

#[test]
fn every_shipped_file_fits_its_schema() {
    fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                found.push(path);
            }
        }
    }
    let mut seen = 0;
    for (kind, folder) in
        [("workload", "workloads"), ("prices", "prices"), ("capacity", "capacity"), ("tokens", "tokens")]
    {
        let validator = validator(kind);
        let mut paths = Vec::new();
        files(&Path::new(ROOT).join("profiles").join(folder), &mut paths);
        for path in paths {
            let value = as_json(&fs::read_to_string(&path).unwrap()).unwrap();
            let wrong = complaints(&validator, &value);
            assert!(wrong.is_empty(), "{}: {wrong:#?}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen} files");
}

/// What the parser refuses for its form, the schema refuses too.
#[test]
fn what_is_wrong_in_its_form_does_not_fit_the_schema() {
    let form = [
        "unknown field `",
        "unknown key `",
        "missing field `",
        "invalid type: ",
        "invalid value: ",
        "unknown tier",
        "unknown placement",
        "unknown image size",
        "unknown thinking level",
        "unknown media resolution",
        "unknown term",
        "unknown day shape",
        "the Developer API has spend tiers",
        "growth per month lies between",
        "it has no [[route]]",
    ];
    for (kind, folder, least) in [("workload", "bad_workloads", 60), ("policy", "bad_policies", 5)] {
        let validator = validator(kind);
        let folder = format!("{ROOT}/tests/data/{folder}");
        let mut refused = 0;
        for name in crate::bad_files(&folder, 10) {
            let message = fs::read_to_string(format!("{folder}/{}.stderr", name.trim_end_matches(".toml")));
            let message = message.unwrap();
            let text = fs::read(format!("{folder}/{name}")).unwrap();
            let Some(value) = String::from_utf8(text).ok().and_then(|text| as_json(&text)) else { continue };
            if form.iter().any(|words| message.contains(words)) {
                assert!(!validator.is_valid(&value), "{name} fits, but\n{message}");
                refused += 1;
            }
        }
        assert!(refused >= least, "{kind}: {refused} refused");
    }
}

/// Written once, so that an editor finds it without a network; `BLESS=1` writes it anew.
#[test]
fn the_schema_beside_the_shipped_workloads_is_what_the_verb_prints() {
    let path = Path::new(ROOT).join("profiles/workloads/schema/workload.json");
    let printed = burndown(&["schema", "workload"]).stdout;
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &printed).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), printed);
}

/// Follows the first line of a workload, as an editor does.
#[test]
fn a_workload_that_is_written_names_its_schema_and_fits_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    let workload = burndown_with(&["init"], b"", place).stdout;
    let made = burndown_with(&["schema", "workload", "--out", "schema"], b"", place);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let (first, _) = workload.split_once('\n').unwrap();
    let named = folder.path().join(first.strip_prefix("#:schema ").unwrap());
    let schema: Value = serde_json::from_str(&fs::read_to_string(named).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert_eq!(complaints(&validator, &as_json(&workload).unwrap()), Vec::<String>::new());
    for name in burndown::commands::SHIPPED_WORKLOADS {
        let text = fs::read_to_string(format!("{ROOT}/profiles/workloads/{name}.toml")).unwrap();
        assert_eq!(text.lines().next(), Some(first), "{name}");
    }
}

#[test]
fn without_a_kind_the_folder_gets_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let run = burndown(&["schema", "--out", folder.path().to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let mut files: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().trim_end_matches(".json").to_string())
        .collect();
    let mut kinds = kinds();
    files.sort();
    kinds.sort();
    assert_eq!(files, kinds);
}

#[test]
fn what_a_verb_answers_fits_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.json");
    let captions = burndown(&["plan", "captions", "--json", "--on=2026-11-21"]).stdout;
    fs::write(&plan, &captions).unwrap();
    let plan = plan.to_str().unwrap();
    let on = "--on=2026-11-21";
    let rows: &[(&str, &[&str])] = &[
        ("plan", &["plan", "product-photos", "--scenario", "2k: output_size=2K", "--json", on]),
        ("quote", &["quote", "tests/data/responses/developer-pro-4k.json", "--json", on]),
        ("gsu", &["gsu", "--model=nano-banana-pro", "--qps=0.5", "--output-size=1K", "--json", on]),
        ("gsu-form", &["gsu", "product-photos", "--json", on]),
        ("compare", &["compare", "captions", "--json", on]),
        ("explanation", &["explain", plan, "/bill/month/mean", "--json"]),
        ("figures", &["explain", plan, "--json"]),
        ("diff", &["diff", plan, plan, "--json"]),
        ("check", &["check", plan, "--max-monthly-usd=1000000", "--json"]),
        ("price-list", &["prices", "list", "--json", on]),
        ("prices-check", &["prices", "check", "--json", on]),
    ];
    let answers: BTreeMap<&str, Value> = rows
        .iter()
        .map(|(kind, arguments)| {
            let run = burndown(arguments);
            let value = serde_json::from_str(&run.stdout);
            (*kind, value.unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{}", run.stderr)))
        })
        .collect();
    for (kind, answer) in &answers {
        let wrong = complaints(&validator(kind), answer);
        assert!(wrong.is_empty(), "{kind}: {:#?}", &wrong[..wrong.len().min(5)]);
    }
    // A value of another type, and a key that is gone, are seen.
    let mut changed = answers["plan"].clone();
    changed["routes"] = json!("a text");
    assert!(!validator("plan").is_valid(&changed));
    changed = answers["plan"].clone();
    changed.as_object_mut().unwrap().remove("bill");
    assert!(!validator("plan").is_valid(&changed));
}
