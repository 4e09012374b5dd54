//! All integration tests in one binary, one module per subject.
#![allow(missing_docs)]

mod admission;
mod arrivals;
mod backtest;
mod bad_inputs;
mod browser;
mod calibrate_requests;
mod calibrate_wire;
mod calibration;
mod check;
mod cli;
mod compare;
mod coverage;
mod curve;
mod diff;
mod doubt;
mod drift;
mod emulator;
mod emulator_quirks;
mod emulator_socket;
mod explain;
mod faults;
mod fuzz;
mod growth;
mod gsu_cases;
mod gsu_form;
mod help;
mod import;
mod import_engines;
mod import_learning;
mod import_log;
mod import_overlap;
mod import_skim;
mod invoices;
mod learned;
mod limits;
mod observations;
mod paper;
mod peers;
mod plan;
mod power_loss;
mod profiles;
mod properties;
mod pt_metrics;
mod python;
mod ratios;
mod readme;
mod reconcile;
mod regressions;
mod replay;
mod replay_law;
mod responses;
mod same_numbers;
mod scenarios;
mod schema;
mod sdk;
mod secrets;
mod serve;
mod sizing;
mod statistics;
mod supply;
mod switches;
mod tidy;
mod traces;
mod window;

use burndown::{
    commands::Library,
    model::{ByClass, TokenClass},
};

/// The shipped books and profiles.
pub fn shipped() -> Library {
    Library::load(None).expect("the shipped profiles load")
}

/// A test data file.
pub fn data(name: &str) -> String {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `{ input_text = 300 }` as counts by class.
pub fn counts(table: &toml::Table) -> ByClass<u64> {
    let mut counts = ByClass::default();
    for (class, count) in table {
        let class: TokenClass = class.parse().unwrap_or_else(|error| panic!("{error}"));
        counts[class] = u64::try_from(count.as_integer().expect("a whole number")).expect("not negative");
    }
    counts
}

/// The TOML files of a folder of bad inputs, by name; at least so many.
pub fn bad_files(folder: &str, least: usize) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    assert!(names.len() >= least, "{} bad files in {folder}", names.len());
    names
}

/// A text field of a test case.
#[track_caller]
pub fn text<'a>(case: &'a toml::Table, key: &str) -> &'a str {
    case.get(key).unwrap_or_else(|| panic!("{key} is missing in {case:?}")).as_str().expect("a string")
}
