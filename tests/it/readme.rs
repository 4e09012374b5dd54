//! Every command in README runs, and shows the output it really gives.

use std::fs;

use crate::cli::burndown;

/// `$ burndown …` lines with the output printed below each, up to the next command or the end of the block.
fn commands() -> Vec<(String, String)> {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let mut found: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            line if inside => match line.strip_prefix("$ burndown ") {
                Some(command) => found.push((command.to_string(), String::new())),
                None => {
                    let output = &mut found.last_mut().expect("a command comes first").1;
                    *output += line;
                    output.push('\n');
                }
            },
            _ => {}
        }
    }
    found
}

#[test]
fn every_command_runs_and_prints_what_the_readme_shows() {
    let commands = commands();
    assert!(commands.len() >= 8, "{} commands", commands.len());
    for (command, shown) in commands {
        let args: Vec<&str> = command.split(' ').collect();
        let run = burndown(&args);
        assert_eq!(run.code, 0, "{command}\n{}", run.stderr);
        if !shown.is_empty() {
            assert_eq!(run.stdout, shown, "{command}");
        }
    }
}

/// The two commands at the top are those that continuous integration runs.
#[test]
fn the_two_commands_stand_at_the_top() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let top: String = readme.lines().take(24).collect::<Vec<_>>().join("\n");
    assert!(top.contains("cargo run --release -- plan product-photos --out report"));
    assert!(top.contains("cargo test --locked"));
}

#[test]
fn the_picture_is_the_one_the_program_draws() {
    let plan = crate::cli::plan_of("product-photos");
    let charts = burndown::report::pictures(&plan).unwrap();
    let shown = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/monthly-spend.svg")).unwrap();
    assert!(charts[0].svg == shown, "docs/monthly-spend.svg is not what `plan product-photos` draws now");
}
