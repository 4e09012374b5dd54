//! One parser under libFuzzer: `FUZZ_TARGET=workload burndown-fuzz corpus/workload`; `FUZZ_LIST=1` prints each
//! target and where its seeds lie.
//!
//! `bash fuzz/run SECONDS [TARGET…]` builds with coverage, makes the corpora and runs the targets in turn.
#![no_main]

#[expect(dead_code, reason = "the corpora are made of the seeds by `run`")]
mod targets;

use std::sync::LazyLock;

use targets::{TARGETS, Target};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a parser");
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target {name}"))
});

fn list_if_asked() {
    if std::env::var_os("FUZZ_LIST").is_some() {
        for target in &TARGETS {
            println!("{} {}", target.name, target.seeds.join(" "));
        }
        std::process::exit(0);
    }
}

libfuzzer_sys::fuzz_target!(init: list_if_asked(), |data: &[u8]| (TARGET.run)(data));
