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

fn told() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn metadata() -> Vec<Value> {
    let packages = told()["packages"].as_array().unwrap().clone();
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

/// Everything that the program embeds is in the package, and nothing that is large or private.
#[test]
fn the_package_holds_what_the_program_needs_and_nothing_large() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--offline"])
        .current_dir(root)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    // A checkout without git, or without the registry's index, cannot list; CI can.
    if !output.status.success() {
        println!("!!! LEFT OUT: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let files: Vec<&str> = told.lines().collect();
    let mut bytes = 0;
    for file in &files {
        let size = root.join(file).metadata().map_or(0, |metadata| metadata.len());
        assert!(size < 512 * 1024, "{file} has {size} bytes");
        bytes += size;
        assert!(!["target/", ".git/", ".env", "out/"].iter().any(|start| file.starts_with(start)), "{file}");
        assert!(!file.ends_with(".pem") && !file.ends_with(".key"), "{file}");
    }
    assert!(bytes < 9 * 1024 * 1024, "{bytes} bytes; a registry takes ten megabytes packed");
    for folder in ["profiles", "src/report"] {
        let mut folders = vec![root.join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                    assert!(files.contains(&name.as_str()), "{name} is not in the package");
                }
            }
        }
    }
    for file in ["LICENSE-MIT", "LICENSE-APACHE", "README.md", "Cargo.lock", "build.rs"] {
        assert!(files.contains(&file), "{file} is not in the package");
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

/// What goes into the program: the packages that the lock file's graph reaches without tests, by name and version.
fn shipped_packages(told: &Value) -> BTreeSet<(String, String)> {
    let nodes = told["resolve"]["nodes"].as_array().unwrap();
    let root = told["resolve"]["root"].as_str().unwrap();
    let (mut reached, mut open) = (BTreeSet::from([root]), vec![root]);
    while let Some(id) = open.pop() {
        let node = nodes.iter().find(|node| node["id"] == id).unwrap();
        for dependency in node["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            let id = dependency["pkg"].as_str().unwrap();
            if kinds.iter().any(|kind| kind["kind"] != "dev") && reached.insert(id) {
                open.push(id);
            }
        }
    }
    let packages = told["packages"].as_array().unwrap().iter();
    let named = |package: &Value| {
        (package["name"].as_str().unwrap().to_string(), package["version"].as_str().unwrap().to_string())
    };
    packages
        .filter(|package| package["id"] != root && reached.contains(package["id"].as_str().unwrap()))
        .map(named)
        .collect()
}

/// `cargo cyclonedx` writes beside the manifest: it gets one of its own.
fn bill_of_materials() -> Option<Value> {
    let (root, copy) = (env!("CARGO_MANIFEST_DIR"), tempfile::tempdir().unwrap());
    for file in ["Cargo.toml", "Cargo.lock", "build.rs"] {
        std::fs::copy(format!("{root}/{file}"), copy.path().join(file)).unwrap();
    }
    let manifest: toml::Table =
        std::fs::read_to_string(format!("{root}/Cargo.toml")).unwrap().parse().unwrap();
    let benches = manifest["bench"].as_array().unwrap().iter();
    let benches: Vec<String> =
        benches.map(|bench| format!("benches/{}.rs", bench["name"].as_str().unwrap())).collect();
    for file in ["src/lib.rs", "src/main.rs", "tests/it/main.rs"].map(String::from).iter().chain(&benches) {
        let path = copy.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    let run = Command::new(env!("CARGO"))
        .args(["cyclonedx", "--format", "json", "--spec-version", "1.5", "--target", "all", "--quiet"])
        .args(["--override-filename", "bill"])
        .current_dir(copy.path())
        .output()
        .unwrap();
    if String::from_utf8_lossy(&run.stderr).contains("no such command") {
        return None;
    }
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = std::fs::read_to_string(copy.path().join("bill.json")).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// The bill of materials that cargo-cyclonedx writes names what the lock file does, with its checksums.
#[test]
fn the_bill_of_materials_agrees_with_the_lock_file() {
    let Some(bill) = bill_of_materials() else {
        eprintln!("skipped: cargo-cyclonedx is not installed");
        return;
    };
    let lock: toml::Table =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap().parse().unwrap();
    let locked = lock["package"].as_array().unwrap();
    let mut named = BTreeSet::new();
    for component in bill["components"].as_array().unwrap() {
        let (name, version) = (component["name"].as_str().unwrap(), component["version"].as_str().unwrap());
        let is_it = |row: &&toml::Value| {
            row["name"].as_str() == Some(name) && row["version"].as_str() == Some(version)
        };
        let row = locked.iter().find(is_it).unwrap_or_else(|| panic!("{name} {version} is not locked"));
        let sum = component["hashes"][0]["content"].as_str();
        assert_eq!(sum, row.get("checksum").and_then(toml::Value::as_str), "{name} {version}");
        named.insert((name.to_string(), version.to_string()));
    }
    assert!(named.len() > 200, "{} components", named.len());
    let missing: Vec<_> = shipped_packages(&told()).difference(&named).cloned().collect();
    assert_eq!(missing, [], "shipped and not on the bill");
}
