//! What the program is built from: licences, sources, banned crates, build scripts.
//!
//! `deny.toml` holds the rules, so that `cargo deny check licenses bans sources` and this test say the same.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

/// Crates whose build scripts were read: none opens a connection. They look at the compiler and the target,
/// unpack bindings, or compile C that stands in the crate (`ring`, `zstd-sys`).
const BUILD_SCRIPTS: [&str; 59] = [
    "ahash",
    "anyhow",
    "assert_cmd",
    "borsh",
    "crc32fast",
    "crossbeam-deque",
    "crossbeam-epoch",
    "crossbeam-utils",
    "crunchy",
    "getrandom",
    "google-cloud-auth",
    "httparse",
    "iana-time-zone-haiku",
    "icu_normalizer_data",
    "icu_properties_data",
    "indexmap",
    "jni",
    "jni-macros",
    "libc",
    "libm",
    "matrixmultiply",
    "num-traits",
    "parking_lot_core",
    "portable-atomic",
    "portable-atomic-util",
    "proc-macro2",
    "quote",
    "rayon-core",
    "ref-cast",
    "ring",
    "rust_decimal",
    "rustix",
    "rustls",
    "rustversion",
    "serde",
    "serde_core",
    "serde_json",
    "slotmap",
    "snap",
    "sobol_burley",
    "system-configuration-sys",
    "thiserror",
    "tiny-keccak",
    "unicode-general-category",
    "wasm-bindgen",
    "wasm-bindgen-shared",
    "windows_aarch64_gnullvm",
    "windows_aarch64_msvc",
    "windows_i686_gnu",
    "windows_i686_gnullvm",
    "windows_i686_msvc",
    "windows_x86_64_gnu",
    "windows_x86_64_gnullvm",
    "windows_x86_64_msvc",
    "wit-bindgen",
    "zerocopy",
    "zmij",
    "zstd-safe",
    "zstd-sys",
];

fn metadata() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = told["packages"].as_array().unwrap().clone();
    assert!(packages.len() > 200, "{} packages", packages.len());
    packages.into_iter().filter(|package| package["name"] != "burndown").collect()
}

fn rules() -> toml::Table {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed() {
    let rules = rules();
    let allowed: BTreeSet<&str> =
        rules["licenses"]["allow"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let mut refused = Vec::new();
    for package in metadata() {
        let licence = package["license"].as_str().unwrap_or("none");
        let read = spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX);
        let fits = read.is_ok_and(|expression| {
            expression.evaluate(|one| one.license.id().is_some_and(|id| allowed.contains(id.name)))
        });
        if !fits {
            refused.push(format!("{} {}: {licence}", package["name"], package["version"]));
        }
    }
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn every_dependency_comes_from_the_public_registry_and_none_is_banned() {
    let rules = rules();
    let banned: Vec<&str> =
        rules["bans"]["deny"].as_array().unwrap().iter().map(|row| row["crate"].as_str().unwrap()).collect();
    assert!(banned.contains(&"openssl-sys"));
    for package in metadata() {
        let source = package["source"].as_str().unwrap_or("none");
        assert_eq!(source, "registry+https://github.com/rust-lang/crates.io-index", "{}", package["name"]);
        assert!(!banned.contains(&package["name"].as_str().unwrap()), "{}", package["name"]);
    }
}

/// A new crate with a build script is read before it is let in.
#[test]
fn every_build_script_was_read() {
    let runs_at_build = |package: &&Value| {
        let targets = package["targets"].as_array().unwrap();
        targets.iter().any(|target| target["kind"].as_array().unwrap().contains(&"custom-build".into()))
    };
    let packages = metadata();
    let found: BTreeSet<&str> =
        packages.iter().filter(runs_at_build).map(|package| package["name"].as_str().unwrap()).collect();
    let read: BTreeSet<&str> = BUILD_SCRIPTS.into_iter().collect();
    assert_eq!(found.difference(&read).collect::<Vec<_>>(), [&""; 0], "not read yet");
    assert_eq!(read.difference(&found).collect::<Vec<_>>(), [&""; 0], "no longer built with");
}
