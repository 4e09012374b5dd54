//! `schema`: the JSON Schemas of files and answers.

use clap::ValueEnum;
use schemars::Schema;

use super::{
    Done,
    backtest::Ledger,
    calibrate::{CheckLine, DryRun},
    explain::Figures,
    files::write_files,
    import::ImportAnswer,
    output, prices,
    quote::Quote,
    replay::{LearnedAnswer, ReplayAnswer},
};
use crate::{
    calibrate::{Entry, Summary},
    capacity::{CapacityBook, LearnedRule},
    cli::{SchemaArgs, SchemaKind},
    emulator::{Behaviour, FaultsFile},
    prices::PriceBook,
    projection::{
        backtest::{Backtest, ObservedBacktest},
        check::{Check, DailyRow, Policy},
        diff::Diff,
        reconcile::Reconciliation,
    },
    report::{Comparison, Explanation, GsuAnswer, GsuForms, PlanFile, plain_table},
    schema::{of_json_read, of_json_written, of_toml},
    tokens::{Drift, Fitted, TokenProfile},
    usage::{AggregateRow, Observation},
    workload::WorkloadFile,
};

pub(super) fn run(args: &SchemaArgs) -> anyhow::Result<Done> {
    let Some(folder) = &args.out else {
        match args.kind {
            Some(kind) => output::print(&text_of(kind)?)?,
            None => output::print(&list())?,
        }
        return Ok(Done::Fine);
    };
    let kinds = args.kind.as_ref().map_or(SchemaKind::value_variants(), std::slice::from_ref);
    let file = |kind: &SchemaKind| Ok((format!("{}.json", name_of(*kind)), text_of(*kind)?));
    write_files(folder, &kinds.iter().map(file).collect::<anyhow::Result<Vec<(String, String)>>>()?)?;
    output::say(&format!("{} schemas in {}", kinds.len(), folder.display()));
    Ok(Done::Fine)
}

fn text_of(kind: SchemaKind) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&of(kind))? + "\n")
}

fn name_of(kind: SchemaKind) -> String {
    kind.to_possible_value().map(|value| value.get_name().to_string()).unwrap_or_default()
}

/// What it is, in the words of the help.
fn title_of(kind: SchemaKind) -> String {
    let help = kind.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string));
    help.unwrap_or_default()
}

fn list() -> String {
    let mut rows = vec![vec!["kind".to_string(), "what".to_string()]];
    rows.extend(SchemaKind::value_variants().iter().map(|kind| vec![name_of(*kind), title_of(*kind)]));
    plain_table(&rows)
}

/// The schema of a kind, from the type that reads or writes it.
fn of(kind: SchemaKind) -> Schema {
    let title = &title_of(kind);
    match kind {
        SchemaKind::Workload => of_toml::<WorkloadFile>(title),
        SchemaKind::Prices => of_toml::<PriceBook>(title),
        SchemaKind::Capacity => of_toml::<CapacityBook>(title),
        SchemaKind::Tokens => of_toml::<TokenProfile>(title),
        SchemaKind::Policy => of_toml::<Policy>(title),
        SchemaKind::Ledger => of_toml::<Ledger>(title),
        SchemaKind::Behaviour => of_toml::<Behaviour>(title),
        SchemaKind::Faults => of_toml::<FaultsFile>(title),
        SchemaKind::Actual => of_json_read::<DailyRow>(title),
        SchemaKind::PtRule => of_toml::<LearnedRule>(title),
        SchemaKind::Observation => of_json_read::<Observation>(title),
        SchemaKind::Aggregate => of_json_written::<AggregateRow>(title),
        SchemaKind::Journal => of_json_read::<Entry>(title),
        SchemaKind::Plan => of_json_written::<PlanFile>(title),
        SchemaKind::Quote => of_json_written::<Quote<'_>>(title),
        SchemaKind::Gsu => of_json_written::<GsuAnswer>(title),
        SchemaKind::GsuForm => of_json_written::<GsuForms>(title),
        SchemaKind::Calibration => of_json_written::<Summary>(title),
        SchemaKind::DryRun => of_json_written::<DryRun>(title),
        SchemaKind::Contacts => of_json_written::<Vec<CheckLine>>(title),
        SchemaKind::Fit => of_json_written::<Fitted>(title),
        SchemaKind::Drift => of_json_written::<Drift>(title),
        SchemaKind::Import => of_json_written::<ImportAnswer>(title),
        SchemaKind::Compare => of_json_written::<Comparison>(title),
        SchemaKind::Explanation => of_json_written::<Explanation>(title),
        SchemaKind::Figures => of_json_written::<Figures>(title),
        SchemaKind::Replay => of_json_written::<ReplayAnswer>(title),
        SchemaKind::Learned => of_json_written::<LearnedAnswer<'_>>(title),
        SchemaKind::Diff => of_json_written::<Diff>(title),
        SchemaKind::Check => of_json_written::<Check>(title),
        SchemaKind::Reconcile => of_json_written::<Reconciliation>(title),
        SchemaKind::Backtest => of_json_written::<Backtest>(title),
        SchemaKind::BacktestObserved => of_json_written::<ObservedBacktest>(title),
        SchemaKind::PriceList => of_json_written::<Vec<prices::ListedRow>>(title),
        SchemaKind::PricesCheck => of_json_written::<prices::Checked>(title),
    }
}
