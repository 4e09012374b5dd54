//! `docs/benchmarks.md`: one section for each bench, written anew by its run.

use std::fs;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/benchmarks.md");

const HEAD: &str = "# Benchmarks

Written by `cargo bench`: each bench replaces its own section. Every row stands beside its target, and beside what one
would take instead where there is something. How to read a ratio stands in the table's head.
";

/// Prints a section and puts it into the document, in the place of its predecessor or at the end. Nothing is written
/// unless `cargo bench` started the program.
pub fn put(title: &str, table: &str) {
    let section = format!("## {title}\n\n{}\n\n{}\n", machine(), table.trim_end());
    println!("\n{section}");
    if std::env::args().any(|arg| arg == "--bench") {
        let old = fs::read_to_string(PATH).unwrap_or_else(|_| HEAD.into());
        fs::write(PATH, with_section(&old, title, &section)).expect("docs/benchmarks.md can be written");
    }
}

/// The document with this section in the place of the one of the same title.
pub fn with_section(document: &str, title: &str, section: &str) -> String {
    let mut parts = document.split("\n## ");
    let mut text = parts.next().unwrap_or_default().trim_end().to_string() + "\n";
    let mut placed = false;
    for part in parts {
        text += "\n";
        if part.lines().next() == Some(title) {
            text += section;
            placed = true;
        } else {
            text += &format!("## {}\n", part.trim_end());
        }
    }
    if !placed {
        text += &format!("\n{section}");
    }
    text
}

/// Processor, cores and system of this machine.
fn machine() -> String {
    let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = told.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let name = name.map_or("an unknown processor", |(_, name)| name);
    format!("{cores} cores of {name}, {} {}.", std::env::consts::OS, std::env::consts::ARCH)
}
