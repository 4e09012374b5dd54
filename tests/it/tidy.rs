//! Rules of the house, enforced on the source text.

use std::{fs, path::Path};

use syn::visit::Visit;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Who may import whom: a module names those of the rows above its own. `prices` stands above the other books,
/// since they share its sources and check models against it.
const ROWS: &[&[&str]] = &[
    &["schema"],
    &["units", "calendar", "stats"],
    &["model"],
    &["warning", "diagnostics"],
    &["usage"],
    &["prices"],
    &["capacity", "workload"],
    &["tokens"],
    &["projection", "replay", "calibrate", "emulator", "import"],
    &["report"],
    &["serve"],
    &["cli"],
    &["commands"],
    &["main"],
];

/// Who alone may name these, whatever the rows say.
const KEPT_FOR: &[(&str, &[&str])] = &[("cli", &["commands", "main"]), ("commands", &["main"])];

/// Whether a module may name another.
fn may_import(module: &str, other: &str) -> bool {
    let row = |name: &str| ROWS.iter().position(|row| row.contains(&name));
    let kept = KEPT_FOR.iter().find(|(kept, _)| *kept == other);
    row(other) < row(module) && kept.is_none_or(|(_, who)| who.contains(&module))
}

/// Effects and where they may stand: reading files, the clock, printing.
const FENCED: &[(&str, &[&str])] = &[
    ("std::fs", &["commands", "diagnostics"]),
    ("std::io::stdin", &["commands"]),
    ("std::env", &["commands", "main"]),
    ("println!", &[]),
    ("eprintln!", &[]),
    ("Timestamp::now", &["calendar"]),
    ("Day::today_utc", &["commands", "calendar"]),
    ("SystemTime", &[]),
    // Latency is measured where answers arrive; the emulator's GSUs refill.
    ("Instant::now", &["calibrate", "commands", "emulator"]),
    ("tokio::net", &["commands", "emulator"]),
    ("reqwest", &["calibrate", "commands"]),
];

/// Source files with the top module they belong to.
fn sources() -> Vec<(String, String, String)> {
    fn walk(folder: &Path, found: &mut Vec<(String, String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(Path::new(ROOT).join("src")).unwrap().display().to_string();
                let module = name.split(['/', '.']).next().unwrap().to_string();
                found.push((module, name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(ROOT).join("src"), &mut found);
    found.sort();
    assert!(found.len() > 30, "{} files", found.len());
    found
}

#[test]
fn modules_import_only_what_the_map_allows() {
    let modules: Vec<&str> = ROWS.concat();
    let mut wrong = Vec::new();
    for (module, name, text) in sources() {
        if module == "lib" {
            continue;
        }
        assert!(modules.contains(&module.as_str()), "{name} is not on the map");
        let mut used = Used::default();
        used.visit_file(&syn::parse_file(&text).unwrap());
        for other in used.modules {
            if modules.contains(&other.as_str()) && other != module && !may_import(&module, &other) {
                wrong.push(format!("{name} imports {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The first names after `crate::` (or `burndown::`) anywhere in a file.
#[derive(Default)]
struct Used {
    modules: Vec<String>,
}

impl<'ast> Visit<'ast> for Used {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        fn below(tree: &syn::UseTree, names: &mut Vec<String>) {
            match tree {
                syn::UseTree::Path(path) => names.push(path.ident.to_string()),
                syn::UseTree::Name(name) => names.push(name.ident.to_string()),
                syn::UseTree::Group(group) => group.items.iter().for_each(|tree| below(tree, names)),
                _ => {}
            }
        }
        if let syn::UseTree::Path(path) = &item.tree
            && (path.ident == "crate" || path.ident == "burndown")
        {
            below(&path.tree, &mut self.modules);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter();
        if segments.next().is_some_and(|first| first.ident == "crate" || first.ident == "burndown")
            && let Some(module) = segments.next()
        {
            self.modules.push(module.ident.to_string());
        }
        syn::visit::visit_path(self, path);
    }
}

#[test]
fn effects_stand_behind_their_fence() {
    let mut wrong = Vec::new();
    for (module, name, text) in sources() {
        if only_for_tests(&name) {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (effect, allowed) in FENCED {
            let uses = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| line.contains(effect));
            if uses && !allowed.contains(&module.as_str()) {
                wrong.push(format!("{name} uses {effect}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the module above declares the file under `#[cfg(test)]`.
fn only_for_tests(name: &str) -> bool {
    let path = Path::new(ROOT).join("src").join(name);
    let (Some(folder), Some(stem)) = (path.parent(), path.file_stem()) else { return false };
    let above = fs::read_to_string(folder.join("mod.rs")).unwrap_or_default();
    above.contains(&format!("#[cfg(test)]\nmod {};", stem.to_string_lossy()))
}

#[test]
fn nothing_is_left_for_later_in_silence() {
    let marks = ["todo!(", "unimplemented!(", "dbg!(", concat!("FIX", "ME"), concat!("XX", "X")];
    for (_, name, text) in sources() {
        for mark in marks {
            assert!(!text.contains(mark), "{name} contains {mark}");
        }
    }
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    for (_, name, text) in sources() {
        assert!(text.starts_with("//!"), "{name} has no module doc");
    }
}

#[test]
fn no_function_is_a_house_of_its_own() {
    struct Lengths(Vec<(String, usize)>);
    impl<'ast> Visit<'ast> for Lengths {
        fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
            self.note(&item.sig, &item.block);
            syn::visit::visit_item_fn(self, item);
        }
        fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
            self.note(&item.sig, &item.block);
            syn::visit::visit_impl_item_fn(self, item);
        }
    }
    impl Lengths {
        fn note(&mut self, signature: &syn::Signature, block: &syn::Block) {
            let lines = block.brace_token.span.close().end().line - signature.fn_token.span.start().line + 1;
            self.0.push((signature.ident.to_string(), lines));
        }
    }
    let mut all = Vec::new();
    for (_, name, text) in sources() {
        let mut lengths = Lengths(Vec::new());
        lengths.visit_file(&syn::parse_file(&text).unwrap());
        all.extend(lengths.0.into_iter().map(|(function, lines)| (lines, format!("{name} {function}"))));
    }
    let long: Vec<&(usize, String)> = all.iter().filter(|(lines, _)| *lines > 80).collect();
    assert!(long.is_empty(), "over 80 lines: {long:?}");
    let over_40 = all.iter().filter(|(lines, _)| *lines > 40).count();
    assert!(over_40 * 20 <= all.len(), "{over_40} of {} functions are over 40 lines", all.len());
}

/// A file that is longer has a second subject. A long enum or struct is a table, and one of them is not counted.
#[test]
fn no_file_is_longer_than_five_hundred_lines() {
    let table = |item: &syn::Item| {
        let braces = match item {
            syn::Item::Enum(item) => item.brace_token.span,
            _ => return 0,
        };
        braces.close().end().line - braces.open().start().line
    };
    let mut long = Vec::new();
    for (_, name, text) in sources() {
        let lines = text.lines().count();
        if lines > 500 {
            let longest = syn::parse_file(&text).unwrap().items.iter().map(table).max().unwrap_or(0);
            if lines - longest > 500 {
                long.push((name, lines));
            }
        }
    }
    assert!(long.is_empty(), "over 500 lines: {long:?}");
}
