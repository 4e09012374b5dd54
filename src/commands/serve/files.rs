//! Saving: into the workload's folder, under a plain name, and over nothing that was not looked at.

use std::{fs, io::Write, path::Path};

use serde::{Deserialize, Serialize};

use super::Desk;
use crate::{
    commands::files::write_whole,
    diagnostics::SourceText,
    serve::{difference, file_name, resolve},
    workload::WorkloadFile,
};

/// A name, and what would stand under it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    name: String,
    text: String,
}

/// What a save would do.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Target {
    path: String,
    /// The text that is there; `None` for a new file.
    replaces: Option<String>,
    /// To the text that is there, or to that of the file that was opened.
    difference: String,
}

/// A save, with what its writer saw of the file before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Save {
    name: String,
    text: String,
    replaces: Option<String>,
}

/// Where it went.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Saved {
    path: String,
    name: String,
}

/// Looks at what a save would do, and does nothing.
pub(super) fn target(desk: &Desk, wanted: &Wanted) -> Result<Target, String> {
    let name = file_name(&wanted.name).map_err(|error| error.to_string())?;
    let path = desk.folder.join(name);
    let replaces = what_is_there(&path)?;
    let old = match &replaces {
        Some(text) => text.clone(),
        None => desk.text().map_err(|error| error.to_string())?,
    };
    Ok(Target { path: path.display().to_string(), difference: difference(&old, &wanted.text), replaces })
}

/// Writes the file.
pub(super) fn save(desk: &Desk, save: &Save) -> Result<Saved, String> {
    let name = file_name(&save.name).map_err(|error| error.to_string())?;
    desk.with_books(|books| resolve(books, &save.text))?;
    let path = desk.folder.join(name);
    let there = what_is_there(&path)?;
    if there != save.replaces {
        return Err(format!("`{}` changed meanwhile; look at it again", path.display()));
    }
    let written = match there {
        Some(_) => write_whole(&path, save.text.as_bytes()),
        None => write_new(&path, save.text.as_bytes()),
    };
    written.map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
    Ok(Saved { path: path.display().to_string(), name: name.to_string() })
}

/// The text under a name; a name that holds anything but a workload is refused.
fn what_is_there(path: &Path) -> Result<Option<String>, String> {
    let shown = path.display();
    let kind = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot look at `{shown}`: {error}")),
    };
    if !kind.is_file() {
        return Err(format!("`{shown}` is not a plain file; choose another name"));
    }
    let source = SourceText::read(path).map_err(|error| error.to_string())?;
    let is_workload = WorkloadFile::parse(&source).is_ok();
    // A workload that is being mended is one, too.
    if !is_workload && !source.text.contains("[[route]]") {
        return Err(format!("`{shown}` exists and is no workload; choose another name"));
    }
    Ok(Some(source.text))
}

/// A new file; never over one that came meanwhile.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}
