//! One parser under libFuzzer: `FUZZ_TARGET=workload cargo run --release -- corpus/workload`.
//!
//! `bash fuzz/run SECONDS [TARGET…]` builds with coverage, makes the corpora and runs the targets in turn.
#![no_main]

mod targets;

use std::sync::LazyLock;

use targets::{TARGETS, Target};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a parser");
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target {name}"))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));
