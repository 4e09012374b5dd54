//! What generative-AI requests cost, and how much capacity to buy.
//!
//! `burndown` prices requests to Google's models on their two backends, the Gemini Developer API and Vertex
//! AI. Price sheets say what a token costs; this program says how many tokens a request takes, carries that
//! through a year of traffic, and sizes Generative AI Scale Units (GSUs).
//!
//! # Bird's-eye view
//!
//! ```text
//! workload file ─┐
//! price book ────┤                     ┌─ terminal, Markdown
//! capacity book ─┼─ projection ─ Plan ─┼─ plan.json, CSV
//! token profiles ┘                     └─ report.html, charts
//! response body ── usage ── classes ── prices ── invoice
//! observations ─── usage ── fit ── token profiles
//! trace ── replay ── what each GSU count leaves to PayGo, arrival pattern
//! requests ── calibrate ── observations
//! logs ── import ── observations or aggregates ── fit ── token profiles
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | [`schema`] | JSON Schemas from the types that read and write |
//! | [`units`], [`calendar`], [`stats`] | money, shares, ranges; days and months; numbers only |
//! | [`model`] | backend, location, tier, token class, size, placement, grade |
//! | [`warning`], [`diagnostics`] | what is doubtful but usable; "this file, this line, this would be right" |
//! | [`usage`] | a response body → exclusive token classes and named anomalies |
//! | [`prices`], [`capacity`] | the two books and their arithmetic |
//! | [`workload`], [`tokens`] | what is sent; what one request of it takes |
//! | [`projection`] | joins all of these into a [`projection::Plan`] |
//! | [`replay`] | a trace, request by request, through the admission of many purchases; its arrival pattern |
//! | [`calibrate`] | real requests under a hard budget: cells, sampler, money, journal, both backends' wire |
//! | [`emulator`] | both backends on loopback, quirks included |
//! | [`import`] | logs of ten kinds → observations, mergeable aggregates, arrivals, a workload |
//! | [`report`] | one [`report::Report`] value, drawn many ways |
//! | [`serve`] | the report as a live page: edits of a workload file, its form, its plan |
//! | [`cli`], [`commands`] | arguments as types; one file per verb, the only place with effects |
//!
//! A test holds the map: a module imports only rows above it. `capacity` and `workload` may name `prices`
//! (they share its sources and check models against it); no domain module imports `report`, and nobody
//! imports `commands` or `cli`.
//!
//! # What never happens
//!
//! - A missing price, profile or count is never zero: it is a typed [`warning::Warning`] or an error, and a
//!   total that lacks something says "at least".
//! - Nothing below `commands` reads a file, a clock or the network: the day is an input, so the same input
//!   gives the same bytes. Two edges stand beside it: [`calibrate::post`], the wire to the backends, and
//!   `emulator::start`, a socket on loopback and the time since it was opened.
//! - A calibration never spends more than its budget: a request's worst price is on disk before it is sent.
//! - A price never becomes a float and comes back: [`units::Rate`] and [`units::Usd`] are decimal, the
//!   projection is `f64`, and the way between them is one-way.
//!
//! # Where to add
//!
//! `docs/adding.md` walks through a price, a model, a log format, a chart and a backend, file by file. In short:
//!
//! - **a price**: a `[[price]]` row in `profiles/prices/google.toml`; end the older row with `until`;
//! - **a model**: a `[[model]]` and `[[life]]` entry there, a `[[throughput]]` in
//!   `profiles/capacity/google.toml`, a profile in `profiles/tokens/<backend>/`;
//! - **what answers take**: observations and `burndown fit`; what a backend refuses: a `[[behaviour]]` in the
//!   profile;
//! - **a log format**: a variant of [`import::LogFormat`] and a function from its row to an observation;
//! - **a chart**: a file in `report/charts/` that turns numbers into a chart, called from `report/pictures.rs`;
//! - **a backend**: a variant of [`model::Backend`]; the guide names what the compiler does not;
//! - **a warning**: a variant of [`warning::Warning`] with its sentence and its code.

pub mod calendar;
pub mod calibrate;
pub mod capacity;
pub mod cli;
pub mod commands;
pub mod diagnostics;
pub mod emulator;
pub mod import;
pub mod model;
pub mod prices;
pub mod projection;
pub mod replay;
pub mod report;
pub mod schema;
pub mod serve;
pub mod stats;
pub mod tokens;
pub mod units;
pub mod usage;
pub mod warning;
pub mod workload;
