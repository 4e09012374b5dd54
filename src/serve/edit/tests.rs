//! Edits keep what a person wrote.

use super::*;

const FILE: &str = "\
# Our traffic; ask Mia before you change it.

start = \"2027-01-01\"   # with the new year

# --- the feature ---
[[route]]
name = \"photos\"
model = \"nano-banana-pro\"
# from the dashboard
requests_per_month = [150_000, 180_000, 230_000]   # mean of June
growth_per_month = 0.03
placements = [\"vertex:global\", \"developer\"]

[[route]]
# a second one
name = \"chat\"
model = \"gemini-3.8-flash\"
prompt_tokens = 60
requests_total = 900_000
between = [\"2027-02-01\", \"2027-03-31\"]
max_wait_hours = 72       # batch
";

fn edited(text: &str, edits: &[(&str, &str)]) -> Result<String, EditError> {
    let mut document: DocumentMut = text.parse().unwrap();
    for (field, value) in edits {
        let edit = Edit { field: (*field).into(), value: (*value).into() };
        apply(&mut document, &edit, "2026-12-01".parse().unwrap())?;
    }
    Ok(document.to_string())
}

/// The lines that go, and those that come.
#[track_caller]
fn check(edits: &[(&str, &str)], lines: &[&str]) {
    check_in(FILE, edits, lines);
}

#[track_caller]
fn check_in(text: &str, edits: &[(&str, &str)], lines: &[&str]) {
    let new = edited(text, edits).unwrap();
    let changes = crate::serve::difference(text, &new);
    let is_change =
        |line: &&str| line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---");
    let found: Vec<&str> = changes.lines().filter(is_change).collect();
    assert_eq!(found, lines, "{new}");
}

#[test]
fn a_value_changes_and_the_remark_behind_it_stays() {
    check(
        &[("route.0.requests_per_month", "200_000")],
        &[
            "-requests_per_month = [150_000, 180_000, 230_000]   # mean of June",
            "+requests_per_month = 200_000   # mean of June",
        ],
    );
    check(
        &[("start", "2027-02-01")],
        &["-start = \"2027-01-01\"   # with the new year", "+start = \"2027-02-01\"   # with the new year"],
    );
    check(
        &[("route.1.max_wait_hours", "0.5")],
        &["-max_wait_hours = 72       # batch", "+max_wait_hours = 0.5       # batch"],
    );
}

#[test]
fn every_kind_of_input_becomes_its_kind_of_value() {
    for (field, typed, written) in [
        ("route.0.growth_per_month", "[0, 0.03, 0.06]", "growth_per_month = [0, 0.03, 0.06]"),
        ("route.0.growth_per_month", " -0.01 ", "growth_per_month = -0.01"),
        ("route.0.output_size", "2K", "output_size = \"2K\""),
        ("route.0.thinking_level", "high", "thinking_level = \"high\""),
        ("route.0.tier", "flex", "tier = \"flex\""),
        ("route.0.placements", "developer", "placements = [\"developer\"]"),
        ("route.0.models", "a, b,", "models = [\"a\", \"b\"]"),
        ("route.0.prompt", "He said \"no\"", "prompt = 'He said \"no\"'"),
        ("route.0.day_shape", "office", "day_shape = \"office\""),
        ("route.0.day_shape", "[1, 2]", "day_shape = [1, 2]"),
        ("budget_usd_per_month", "1e4", "budget_usd_per_month = 1e4"),
        ("horizon_months", "24", "horizon_months = 24"),
        ("price_factor.tokens", "0.9", "price_factor = { tokens = 0.9 }"),
    ] {
        let new = edited(FILE, &[(field, typed)]).unwrap();
        assert!(new.lines().any(|line| line == written), "{field} = {typed}:\n{new}");
    }
}

#[test]
fn what_is_no_value_of_its_kind_is_written_as_text_for_the_parser_to_refuse() {
    for typed in
        ["60,000", "5 %", "abc", "true", "2027-01-01", "{ a = 1 }", "1\n[[route]]\nname = \"x\"", "\"x\""]
    {
        let new = edited(FILE, &[("route.0.growth_per_month", typed)]).unwrap();
        let document: DocumentMut = new.parse().unwrap();
        let value = document["route"][0]["growth_per_month"].as_str();
        assert_eq!(value, Some(typed), "{new}");
        assert_eq!(tables(&document, "route").len(), 2);
    }
}

#[test]
fn an_empty_input_takes_the_key_out_and_leaves_the_remark_above_it() {
    check(&[("route.0.growth_per_month", "")], &["-growth_per_month = 0.03"]);
    let new = edited(FILE, &[("route.0.requests_per_month", "")]).unwrap();
    assert!(new.contains("# from the dashboard\ngrowth_per_month = 0.03\n"), "{new}");
    let last = "[[route]]\nname = \"a\"\n# why\ntier = \"flex\"\n\n# the next\n[[route]]\nname = \"b\"\n";
    check_in(last, &[("route.0.tier", "")], &["-tier = \"flex\""]);
    check(&[("start", "")], &["-start = \"2027-01-01\"   # with the new year"]);
    check(&[("route.1.tier", "")], &[]);
}

#[test]
fn a_new_key_of_the_workload_stands_below_the_remark_that_opens_the_file() {
    let file = "#:schema x.json\n# One photo in.\n# One out.\n\n# the route\n[[route]]\nname = \"a\"\n";
    let expected = "#:schema x.json\n# One photo in.\n# One out.\n\nstart = \"2027-01-01\"\n\n# the route\n[[route]]\nname = \"a\"\n";
    assert_eq!(edited(file, &[("start", "2027-01-01")]).unwrap(), expected);
    let bare = "[[route]]\nname = \"a\"\n";
    assert_eq!(edited(bare, &[("horizon_months", "6")]).unwrap(), format!("horizon_months = 6\n\n{bare}"));
    let schema = "#:schema x.json\n[[route]]\nname = \"a\"\n";
    let expected = "#:schema x.json\nhorizon_months = 6\n\n[[route]]\nname = \"a\"\n";
    assert_eq!(edited(schema, &[("horizon_months", "6")]).unwrap(), expected);
}

#[test]
fn a_factor_on_prices_lives_in_its_table_and_takes_it_along() {
    for file in ["price_factor = { tokens = 0.9 } # deal\n", "[price_factor]\ntokens = 0.9 # deal\n"] {
        let new = edited(file, &[("price_factor.gsu_hours", "0.8")]).unwrap();
        let document: DocumentMut = new.parse().unwrap();
        assert_eq!(document["price_factor"]["tokens"].as_float(), Some(0.9), "{new}");
        assert_eq!(document["price_factor"]["gsu_hours"].as_float(), Some(0.8), "{new}");
        assert_eq!(edited(file, &[("price_factor.tokens", "")]).unwrap().trim(), "");
    }
}

#[test]
fn requests_are_counted_another_way_in_the_same_line() {
    check(
        &[("route.0.counted_by", "requests_per_day")],
        &[
            "-requests_per_month = [150_000, 180_000, 230_000]   # mean of June",
            "+requests_per_day = [150_000, 180_000, 230_000]   # mean of June",
        ],
    );
    check(
        &[("route.1.counted_by", "requests_per_month")],
        &[
            "-requests_total = 900_000",
            "-between = [\"2027-02-01\", \"2027-03-31\"]",
            "+requests_per_month = 900_000",
        ],
    );
    check(&[("route.0.counted_by", "requests_per_month")], &[]);
}

#[test]
fn orders_of_gsus_come_and_go() {
    let add = ("gsu_orders.add", "");
    let order = [
        "+",
        "+[[gsu_orders]]",
        "+model = \"nano-banana-pro\"",
        "+location = \"global\"",
        "+count = 7",
        "+term = \"1-month\"",
        "+start = \"2026-12-01\"",
    ];
    check(&[add, ("gsu_orders.0.count", "7")], &order);
    check(&[add, ("gsu_orders.0.remove", "")], &[]);
    let inline = "gsu_orders = [{ model = \"a\", count = 1, term = \"1-week\", start = 2026-01-01 }]\n[[route]]\nmodel = \"b\"\n";
    let new = edited(inline, &[add, ("gsu_orders.1.auto_renew", "true")]).unwrap();
    let document: DocumentMut = new.parse().unwrap();
    assert_eq!(document["gsu_orders"][1]["model"].as_str(), Some("b"), "{new}");
    assert_eq!(document["gsu_orders"][1]["auto_renew"].as_bool(), Some(true), "{new}");
}

#[test]
fn routes_in_a_list_are_edited_like_any() {
    let file = "route = [\n  { name = \"a\", tier = \"flex\" }, # one\n  { name = \"b\" },\n]\n";
    let new = edited(file, &[("route.1.tier", "batch"), ("route.0.tier", "")]).unwrap();
    assert_eq!(new, "route = [\n  { name = \"a\"}, # one\n  { name = \"b\" , tier = \"batch\" },\n]\n");
}

#[test]
fn a_place_that_is_not_there_is_refused() {
    for field in [
        "nmae",
        "route.2.tier",
        "route.x.tier",
        "route.0.name",
        "route.0.tier.x",
        "gsu_orders.0.count",
        "gsu_orders.0.remove",
        "route.0",
        "",
        "gsu_orders.add.x",
    ] {
        let found = edited(FILE, &[(field, "x")]);
        assert_eq!(found, Err(EditError::NoSuchPlace(field.into())), "{field}");
    }
    assert_eq!(
        edited(FILE, &[("route.0.counted_by", "name")]),
        Err(EditError::NoSuchPlace("route.0.counted_by".into()))
    );
    assert_eq!(edited(FILE, &[("start", &"x".repeat(VALUE_BYTES_MAX + 1))]), Err(EditError::TooLong));
}

#[test]
fn lines_end_as_they_do_in_the_file() {
    let windows = FILE.replace('\n', "\r\n");
    let document: DocumentMut = windows.parse().unwrap();
    assert_eq!(text_of_document(&document, &windows), windows);
    let mut document = document;
    let edit = Edit { field: "route.0.tier".into(), value: "flex".into() };
    apply(&mut document, &edit, "2026-12-01".parse().unwrap()).unwrap();
    let expected = edited(FILE, &[("route.0.tier", "flex")]).unwrap().replace('\n', "\r\n");
    assert_eq!(text_of_document(&document, &windows), expected);
}
