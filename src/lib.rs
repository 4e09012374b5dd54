//! What generative-AI requests cost, and how much capacity to buy.

pub mod calendar;
pub mod capacity;
pub mod cli;
pub mod commands;
pub mod diagnostics;
pub mod model;
pub mod prices;
pub mod projection;
pub mod report;
pub mod stats;
pub mod tokens;
pub mod units;
pub mod usage;
pub mod warning;
pub mod workload;
