//! Help, manual page and completions: all from the same definitions, and their examples hold.

use burndown::cli::Cli;
use clap::{CommandFactory, Parser};

use crate::cli::{burndown, burndown_with};

/// Every verb with its help, and that of the program, before a terminal's width wraps it.
fn helps() -> Vec<(String, String)> {
    let program = Cli::command();
    let of = |command: &clap::Command| {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        (command.get_name().to_string(), help)
    };
    std::iter::once(&program).chain(program.get_subcommands()).map(of).collect()
}

/// The command lines of a help's examples: up to a pipe or a redirection, without the remark that spaces part.
fn examples(help: &str) -> Vec<String> {
    let Some((_, examples)) = help.split_once("Examples:").or_else(|| help.split_once("Example:")) else {
        return Vec::new();
    };
    let joined = examples.replace("\\\n", "");
    let lines = joined.lines().flat_map(|line| line.trim().split(" | ")).map(str::trim);
    let lines = lines.filter(|line| line.starts_with("burndown "));
    let bare =
        |line: &str| line.split(" > ").next().and_then(|line| line.split("  ").next()).unwrap().to_string();
    lines.map(bare).collect()
}

/// Words as a shell parts them, single quotes only.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_example_of_the_help_is_a_command_that_the_program_takes() {
    let mut seen = 0;
    for (verb, help) in helps() {
        for example in examples(&help) {
            if let Err(error) = Cli::try_parse_from(words(&example)) {
                panic!("{verb}: {example}\n{error}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 40, "{seen} examples");
}

#[test]
fn every_verb_has_an_example() {
    for (verb, help) in helps() {
        assert!(!examples(&help).is_empty(), "{verb}");
    }
}

/// Those that need no file of the reader's own.
#[test]
fn the_examples_on_shipped_data_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut ran = 0;
    for (_, help) in helps() {
        for example in examples(&help) {
            let shipped =
                ["plan product-photos", "gsu product-photos", "gsu --model", "compare product-photos"];
            let own = ["explain product-photos", "init --model", "quote --backend", "schema"];
            let line = example.trim_start_matches("burndown ");
            if shipped.iter().chain(&own).any(|start| line.starts_with(start)) {
                let words = words(&example);
                let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
                // The models of the examples are served on that day.
                if !["init", "schema"].contains(&words[1]) {
                    words.push("--on=2026-11-21");
                }
                let run = burndown_with(&words[1..], b"", folder.path().to_str().unwrap());
                assert_eq!(run.code, 0, "{example}\n{}", run.stderr);
                ran += 1;
            }
        }
    }
    assert!(ran >= 12, "{ran} examples ran");
}

#[test]
fn completions_of_every_shell_and_the_manual_know_every_verb() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = burndown(&["completions", shell]);
        assert_eq!(script.code, 0, "{shell}");
        for verb in Cli::command().get_subcommands() {
            assert!(script.stdout.contains(verb.get_name()), "{shell} does not know {}", verb.get_name());
        }
    }
    let manual = burndown(&["man"]).stdout;
    assert!(manual.contains(".TH burndown 1"), "{manual}");
    for verb in Cli::command().get_subcommands() {
        assert!(manual.contains(&format!("burndown\\-{}(1)", verb.get_name())), "{}", verb.get_name());
    }
}

/// The binary alone is enough: an empty folder, no home, no search path.
#[test]
fn the_binary_needs_no_file_but_itself() {
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("burndown");
    std::fs::copy(env!("CARGO_BIN_EXE_burndown"), &alone).unwrap();
    let empty = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let run =
            std::process::Command::new(&alone).args(words).current_dir(empty.path()).env_clear().output();
        run.unwrap()
    };
    let report = run(&["plan", "product-photos", "--on=2026-11-21", "--out", "report"]);
    assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stderr));
    assert!(empty.path().join("report/report.html").exists());
    assert!(run(&["schema", "workload"]).status.success());
    assert!(run(&["prices", "list", "--on=2026-11-21"]).status.success());
}
