//! One report, five ways to read it: what terminal, Markdown, CSV, JSON and the page say is the same.

use std::collections::BTreeSet;

use burndown::{
    commands::SHIPPED_WORKLOADS,
    projection::Plan,
    report::{
        Cell, Report, Table, compare, csv, explain, main_part, markdown, pictures, plan_file, terminal,
    },
};
use roxmltree::{Document, Node};
use serde_json::Value;

use crate::{
    cli::plan_of,
    plan::{figures, precision_of, read_back},
};

/// The page's `<main>` as a tree; it is well-formed XML.
fn main_of(plan: &Plan, report: &Report) -> String {
    main_part(report, &pictures(plan).unwrap()).unwrap()
}

fn text_of(node: Node<'_, '_>) -> String {
    let texts = node.descendants().filter(|inner| inner.is_text());
    texts.filter_map(|inner| inner.text()).collect::<String>().trim().to_string()
}

/// The rows of a table of the page.
fn html_rows(page: &Document<'_>, name: &str) -> Vec<Vec<String>> {
    let of_name = |node: &Node<'_, '_>| node.attribute("data-table") == Some(name);
    let tables: Vec<Node<'_, '_>> = page.descendants().filter(of_name).collect();
    let rows = tables.iter().flat_map(|table| table.descendants().filter(|node| node.has_tag_name("tbody")));
    let rows = rows.flat_map(|body| body.children().filter(|node| node.has_tag_name("tr")));
    let cells = |row: Node<'_, '_>| row.children().filter(|cell| cell.is_element()).map(text_of).collect();
    assert!(tables.len() <= 1, "{name} stands {} times on the page", tables.len());
    rows.map(cells).collect()
}

/// The rows of the table under a title of the Markdown.
fn markdown_rows(text: &str, title: &str) -> Vec<Vec<String>> {
    let (_, rest) =
        text.split_once(&format!("<summary>{title}</summary>")).unwrap_or_else(|| panic!("{title}"));
    let (table, _) = rest.split_once("</details>").unwrap();
    let lines = table.lines().filter(|line| line.starts_with('|')).skip(2);
    lines.map(markdown_cells).collect()
}

/// `| a | b \| c |` as `a` and `b | c`.
fn markdown_cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut letters = line.trim().trim_start_matches('|').chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => cells.last_mut().unwrap().extend(letters.next()),
            '|' => cells.push(String::new()),
            letter => cells.last_mut().unwrap().push(letter),
        }
    }
    cells.pop();
    cells.iter().map(|cell| cell.replace("&lt;", "<").replace("&amp;", "&").trim().to_string()).collect()
}

/// The records of a CSV without its head.
fn csv_rows(table: &Table) -> Vec<Vec<String>> {
    let text = csv(table);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let records = reader.records().map(|record| record.unwrap());
    records.map(|record| record.iter().map(str::to_string).collect()).collect()
}

/// All numbers of a JSON value, decimal texts among them.
fn numbers_in(value: &Value, found: &mut Vec<f64>) {
    match value {
        Value::Number(number) => found.extend(number.as_f64()),
        Value::String(text) => found.extend(text.parse::<f64>().ok()),
        Value::Array(values) => values.iter().for_each(|value| numbers_in(value, found)),
        Value::Object(values) => values.values().for_each(|value| numbers_in(value, found)),
        _ => {}
    }
}

fn stands_in(sorted: &[f64], number: f64) -> bool {
    let near = 1e-9 * number.abs().max(1e-9);
    let at = sorted.partition_point(|other| *other < number - near);
    sorted.get(at).is_some_and(|other| *other <= number + near)
}

/// Columns that sum or divide numbers of plan.json; what they are made of is tested where it is made.
fn is_derived(table: &Table, column: usize) -> bool {
    match table.name {
        "months" => column > 4,
        "gsu_form" => true,
        _ => false,
    }
}

#[test]
fn table_markdown_csv_json_and_page_hold_the_same_numbers() {
    for workload in SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        let report = Report::of(&plan);
        let page = main_of(&plan, &report);
        let page = Document::parse(&page).unwrap_or_else(|error| panic!("{workload}: {error}"));
        let text = markdown(&report);
        let mut numbers = Vec::new();
        numbers_in(&serde_json::to_value(plan_file(&plan, &report)).unwrap(), &mut numbers);
        numbers.sort_by(f64::total_cmp);
        let mut compared = 0;
        for table in &report.tables {
            let name = format!("{workload} {}", table.name);
            let trimmed = |cell: &Cell| cell.text.trim().to_string();
            let shown: Vec<Vec<String>> =
                table.rows.iter().map(|row| row.iter().map(trimmed).collect()).collect();
            assert_eq!(html_rows(&page, table.name), shown, "{name} on the page");
            assert_eq!(markdown_rows(&text, table.title), shown, "{name} in Markdown");
            let records = csv_rows(table);
            assert_eq!(records.len(), table.rows.len(), "{name} in CSV");
            for (row, record) in table.rows.iter().zip(records) {
                for (column, (cell, field)) in row.iter().zip(record).enumerate() {
                    let Some(number) = cell.number else {
                        assert_eq!(field.strip_prefix('\'').unwrap_or(&field), cell.text, "{name}");
                        continue;
                    };
                    assert_eq!(field.parse::<f64>().unwrap(), number, "{name} in CSV");
                    let place = format!("{name}, {}: {} for {number}", table.columns[column], cell.text);
                    let (shown, _) = cell.text.split_once(" (").unwrap_or((&cell.text, ""));
                    let (shown, _) = shown.split_once(" s").unwrap_or((shown, ""));
                    assert!((read_back(shown) - number).abs() <= precision_of(shown), "{place}");
                    assert!(
                        is_derived(table, column) || stands_in(&numbers, number),
                        "{place} is not in JSON"
                    );
                    compared += 1;
                }
            }
        }
        assert!(compared > 100, "{workload}: {compared} numbers");
    }
}

/// A number of plan.json; decimals are texts there.
fn number_at(plan: &Value, pointer: &str) -> Option<f64> {
    match plan.pointer(pointer)? {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64(),
    }
}

/// Columns whose numbers are sums or differences, which stand nowhere.
fn is_a_sum(table: &Table, column: usize, routes: usize) -> bool {
    match (table.name, table.columns[column]) {
        ("months", "USD of credits") => true,
        ("months", caption) => routes > 1 && column > 4 && caption != "USD after credits",
        ("gsu_spill_tiers" | "gsu_window_ends", caption) => caption == "PayGo alone, USD per month",
        ("scenarios", caption) => {
            matches!(caption, "cheapest USD a month" | "GSUs to buy" | "GSUs by Google's form")
                || table
                    .rows
                    .iter()
                    .all(|row| row[column].pointer.as_ref().is_none_or(|place| place.contains("/causes/")))
        }
        _ => false,
    }
}

#[test]
fn every_number_of_the_tables_can_be_followed_home() {
    for workload in SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        let report = Report::of(&plan);
        let json = serde_json::to_value(plan_file(&plan, &report)).unwrap();
        let page = main_of(&plan, &report);
        let page = Document::parse(&page).unwrap();
        let mut on_page: Vec<(String, String)> = page
            .descendants()
            .filter_map(|node| Some((node.attribute("data-at")?.to_string(), text_of(node))))
            .collect();
        let mut in_tables = Vec::new();
        for table in &report.tables {
            for row in &table.rows {
                for (column, cell) in row.iter().enumerate() {
                    let place = format!("{workload} {}, {}", table.name, table.columns[column]);
                    match (&cell.pointer, cell.number) {
                        (Some(pointer), Some(number)) => {
                            let home =
                                number_at(&json, pointer).unwrap_or_else(|| panic!("{place}: {pointer}"));
                            // What scatters around nothing is shown as nothing.
                            let home = if number == 0.0 { home.max(0.0) } else { home };
                            let near = 1e-9 * number.abs().max(1e-9);
                            assert!((home - number).abs() <= near, "{place}: {number}, at {pointer} {home}");
                            in_tables.push((pointer.clone(), cell.text.trim().to_string()));
                        }
                        (None, Some(number)) => {
                            assert!(
                                is_a_sum(table, column, plan.routes.len()),
                                "{place}: {number} has no place"
                            );
                        }
                        (pointer, None) => assert_eq!(*pointer, None, "{place}: words stand nowhere"),
                    }
                }
            }
        }
        assert!(in_tables.len() > 100, "{workload}: {} numbers", in_tables.len());
        on_page.sort();
        in_tables.sort();
        assert_eq!(on_page, in_tables, "{workload}: the page names the same places");
        // Every kind of place has a way home: one of each, whatever its indices.
        let kind = |pointer: &str| pointer.replace(|c: char| c.is_ascii_digit(), "");
        let mut kinds = BTreeSet::new();
        for (pointer, text) in in_tables.iter().filter(|(pointer, _)| kinds.insert(kind(pointer))) {
            explain(&json, pointer).unwrap_or_else(|error| panic!("{workload} {text} {pointer}: {error}"));
        }
    }
}

#[test]
fn a_comparison_says_the_same_as_json_csv_markdown_and_text() {
    for workload in SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        let compared = compare(&plan);
        let mut numbers = Vec::new();
        numbers_in(&serde_json::to_value(&compared).unwrap(), &mut numbers);
        numbers.sort_by(f64::total_cmp);
        let table = compared.table();
        let placements: usize = compared.routes.iter().map(|route| route.rows.len()).sum();
        assert_eq!(table.rows.len(), placements, "{workload}");
        let lines: Vec<String> = compared
            .markdown()
            .lines()
            .filter(|line| line.starts_with('|'))
            .skip(2)
            .map(String::from)
            .collect();
        let shown: Vec<Vec<String>> = lines.iter().map(|line| markdown_cells(line)).collect();
        let sheet = compared.csv();
        let mut reader = csv::Reader::from_reader(sheet.as_bytes());
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!((shown.len(), records.len()), (placements, placements), "{workload}");
        let text = compared.text(&plan);
        for ((row, markdown), record) in table.rows.iter().zip(&shown).zip(&records) {
            for ((column, cell), (shown, field)) in
                table.columns.iter().zip(row).zip(markdown.iter().zip(record))
            {
                assert_eq!(shown, cell.text.trim(), "{workload}, {column}");
                let Some(number) = cell.number else { continue };
                assert_eq!(field.parse::<f64>().unwrap(), number, "{workload}, {column}");
                assert!((read_back(shown) - number).abs() <= precision_of(shown), "{workload}, {column}");
                let derived = *column == "blocked";
                assert!(
                    derived || stands_in(&numbers, number),
                    "{workload}, {column}: {number} is not in JSON"
                );
                if *column == "USD per month" {
                    let dollars = shown.trim_start_matches('$');
                    assert!(text.contains(dollars), "{workload}: {dollars} is not in the text");
                }
            }
        }
    }
}

#[test]
fn every_number_of_the_first_screen_stands_in_the_page_the_markdown_and_the_terminal() {
    for workload in SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        let report = Report::of(&plan);
        let page = main_of(&plan, &report);
        let page = Document::parse(&page).unwrap();
        let on_page: BTreeSet<(String, String)> = page
            .descendants()
            .filter_map(|node| Some((node.attribute("data-pointer")?.to_string(), text_of(node))))
            .collect();
        let text = markdown(&report);
        let screen: String = terminal(&report).split_whitespace().collect::<Vec<_>>().join(" ");
        for figure in figures(&report) {
            assert!(
                on_page.contains(&(figure.pointer.clone(), figure.text.clone())),
                "{workload}: {figure:?}"
            );
            assert!(text.contains(&figure.text.replace('<', "&lt;")), "{workload}: {figure:?}");
            assert!(screen.contains(&figure.text), "{workload}: {figure:?}");
        }
        let warnings: Vec<String> = page
            .descendants()
            .filter(|node| node.attribute("id").is_some_and(|id| id.starts_with("warning-")))
            .map(text_of)
            .collect();
        assert_eq!(warnings, report.warnings, "{workload}");
    }
}

/// The three sentences name numbers of the plan, too, rounded for people.
#[test]
fn the_summary_is_three_sentences_of_the_plans_numbers() {
    for workload in SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        let json = serde_json::to_value(&plan).unwrap();
        let summary = Report::of(&plan).summary;
        assert_eq!(summary.len(), 3, "{workload}");
        for sentence in &summary {
            let text: String = sentence.iter().map(|piece| piece.text()).collect();
            assert!(text.ends_with('.') && !text.contains("  "), "{workload}: {text}");
            for piece in sentence {
                let burndown::report::Piece::Figure(figure) = piece else { continue };
                let value = json.pointer(&figure.pointer).unwrap_or_else(|| panic!("{}", figure.pointer));
                let number = value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap();
                let off = (read_back(&figure.text) - number).abs();
                assert!(off <= precision_of(&figure.text), "{workload}: {figure:?} for {number}");
            }
        }
    }
}

#[test]
fn the_sliders_numbers_are_the_plans_curve() {
    for workload in SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        let report = Report::of(&plan);
        let page = main_of(&plan, &report);
        let page = Document::parse(&page).unwrap();
        let pools: Vec<Node<'_, '_>> =
            page.descendants().filter(|node| node.attribute("data-pool").is_some()).collect();
        assert_eq!(pools.len(), plan.gsu.pools.len(), "{workload}");
        for (section, pool) in pools.iter().zip(&plan.gsu.pools) {
            let script = section.descendants().find(|node| node.has_tag_name("script")).unwrap();
            let data: Value = serde_json::from_str(script.text().unwrap()).unwrap();
            let costed: Vec<_> = pool.curve.iter().filter(|row| row.paygo_usd_per_month.is_some()).collect();
            assert!(costed.len() > 1, "{workload}");
            let column = |key: &str| data[key].as_array().unwrap().clone();
            let expected: Vec<Value> = costed.iter().map(|row| row.gsu.into()).collect();
            assert_eq!(column("gsu"), expected, "{workload}");
            let close = |found: &[Value], expected: Vec<f64>| {
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(expected) {
                    let found = found.as_f64().unwrap();
                    assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{found} {expected}");
                }
            };
            close(&column("usd"), costed.iter().filter_map(|row| row.paygo_usd_per_month).collect());
            close(&column("left"), costed.iter().map(|row| row.left.tokens).collect());
            for (term, verdict) in column("terms").iter().zip(&pool.terms) {
                let gsu = verdict.gsu as f64;
                let fee = term["usd_per_gsu_month"].as_f64().unwrap();
                let left = costed.iter().find(|row| row.gsu == verdict.gsu).unwrap();
                let total = left.paygo_usd_per_month.unwrap() + gsu * fee;
                assert!((total / verdict.usd_per_month - 1.0).abs() < 1e-9, "{workload} {}", verdict.name);
                let bound = gsu * term["bound_usd_per_gsu"].as_f64().unwrap();
                assert!((bound - verdict.bound_usd).abs() <= 1e-6 * verdict.bound_usd, "{workload} {bound}");
            }
        }
    }
}

#[test]
fn names_that_look_like_a_page_stay_text() {
    let hostile = "</script><script>alert('x')</script>&\"'<b>";
    let plan = plan_of("company");
    let mut report = Report::of(&plan);
    let scripts = main_of(&plan, &report).matches("<script").count();
    report.title = hostile.into();
    report.warnings.push(hostile.into());
    report.tables[0].rows[0][0].text = hostile.into();
    report.pools[0].routes = hostile.into();
    report.pools[0].terms[0].name = hostile.into();
    report.pools[0].form.as_mut().unwrap().fields[0].entry = hostile.into();
    let sources = report.tables.iter_mut().find(|table| table.name == "sources").unwrap();
    let address = sources.rows[0].len() - 1;
    sources.rows[0][address].text = "javascript:alert('x')".into();
    let main = main_of(&plan, &report);
    let page = Document::parse(&main).unwrap();
    assert_eq!(main.matches("<script").count(), scripts);
    let heading = page.descendants().find(|node| node.has_tag_name("h1")).unwrap();
    assert_eq!(text_of(heading), hostile);
    let links = page.descendants().filter_map(|node| node.attribute("href"));
    for link in links {
        assert!(
            link.starts_with('#') || link.starts_with("https://") || link.starts_with("http://"),
            "{link}"
        );
    }
    let script = page.descendants().find(|node| node.has_tag_name("script")).unwrap();
    let data: Value = serde_json::from_str(script.text().unwrap()).unwrap();
    assert_eq!(data["terms"][0]["name"], hostile);
}

/// Every link inside the page has a place to go to, and no place has two names or the same as another.
#[test]
fn links_inside_the_page_arrive() {
    for workload in SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        let main = main_of(&plan, &Report::of(&plan));
        let page = Document::parse(&main).unwrap();
        let ids: Vec<&str> = page.descendants().filter_map(|node| node.attribute("id")).collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{workload}");
        let links = page.descendants().filter_map(|node| node.attribute("href")?.strip_prefix('#'));
        let mut followed = 0;
        for link in links {
            assert!(unique.contains(link), "{workload}: #{link}");
            followed += 1;
        }
        assert!(followed > 20, "{workload}: {followed} links");
    }
}
