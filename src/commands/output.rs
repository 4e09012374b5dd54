//! Printing: data to standard output, talk to standard error.

use std::io::{BufWriter, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::{cli::Answer, warning::Warning};

/// Bytes that are written together.
const BUFFER: usize = 1 << 16;

/// Prints text to standard output.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

/// Prints a value as indented JSON.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    // Escapes of a terminal are escaped in JSON, so none have to be taken out.
    let mut out = BufWriter::with_capacity(BUFFER, std::io::stdout().lock());
    serde_json::to_writer_pretty(&mut out, value).map_err(std::io::Error::from)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(())
}

/// Says something on standard error; a closed one is no reason to stop.
pub(super) fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Shows warnings on standard error, the same text once.
pub(super) fn warn(warnings: &[Warning]) {
    let style = Style::new().fg_color(Some(AnsiColor::Yellow.into())).bold();
    let mut shown: Vec<String> = Vec::new();
    for warning in warnings {
        let text = warning.to_string();
        if !shown.contains(&text) {
            say(&format!("{style}warning{style:#}: {text}"));
            shown.push(text);
        }
    }
}

/// Warnings on the terminal; JSON and the report have all.
const WARNINGS_SHOWN: usize = 8;

/// Shows the first warnings on standard error and says how many more there are.
pub(super) fn warn_first(warnings: &[Warning]) {
    warn(&warnings[..warnings.len().min(WARNINGS_SHOWN)]);
    if warnings.len() > WARNINGS_SHOWN {
        say(&format!("{} more warnings with --json or in the report", warnings.len() - WARNINGS_SHOWN));
    }
}

/// Fails when warnings are not tolerated.
pub(super) fn strict(answer: &Answer, warnings: &[Warning]) -> anyhow::Result<()> {
    if answer.strict && !warnings.is_empty() {
        warn(warnings);
        anyhow::bail!("{} warning(s), and --strict allows none", warnings.len());
    }
    Ok(())
}

/// Shows an error and its causes on standard error.
pub(super) fn complain(error: &anyhow::Error) {
    let style = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
    say(&format!("{style}error{style:#}: {error:#}"));
}

/// Whether the reader of our output went away, which is no error.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
