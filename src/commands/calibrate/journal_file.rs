//! The journal on disk: one writer, each line synced before anything relies on it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
};

use anyhow::{Context, bail};

use crate::{
    calibrate::{Entry, read_journal},
    commands::output,
};

/// A journal that is open for appending and locked against a second writer.
pub(super) struct JournalFile {
    file: File,
    bytes: u64,
    entries: Vec<Entry>,
}

/// Longest journal that is read back.
const JOURNAL_BYTES_MAX: u64 = 1024 * 1024 * 1024;

impl JournalFile {
    /// Opens a new journal, or an old one to go on with; an unfinished last line is cut off.
    pub fn open(path: &Path, resume: bool) -> anyhow::Result<(JournalFile, Vec<Entry>)> {
        let shown = path.display();
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        }
        // A device or a pipe has no end to go back to, and reading it back may never end.
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            bail!("the journal `{shown}` is no regular file; expected one that can be read back and cut");
        }
        let mut file = options().open(path).with_context(|| format!("cannot open the journal `{shown}`"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another calibration is writing `{shown}`"),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock `{shown}`"));
            }
        }
        let mut bytes = Vec::new();
        (&mut file).take(JOURNAL_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > JOURNAL_BYTES_MAX {
            bail!("`{shown}` is longer than {} MB; expected a journal", JOURNAL_BYTES_MAX / 1024 / 1024);
        }
        if !bytes.is_empty() && !resume {
            bail!(
                "`{shown}` exists already; what it holds was paid for\n\nhint: --resume goes on with it, --journal FILE names another"
            );
        }
        let read = read_journal(&bytes).with_context(|| format!("cannot use the journal `{shown}`"))?;
        if read.whole_bytes < bytes.len() {
            file.set_len(read.whole_bytes as u64)?;
            file.sync_all()?;
            output::say(&format!("`{shown}`: its last line was never finished and is cut off"));
        }
        file.seek(SeekFrom::End(0))?;
        sync_folder(path);
        Ok((
            JournalFile { file, bytes: read.whole_bytes as u64, entries: read.entries.clone() },
            read.entries,
        ))
    }

    /// Appends a line with one write, and returns when it is on disk; a line that does not fit is taken back.
    pub fn append(&mut self, entry: &Entry) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // What stays of it would be cut off at the next start; that may be impossible, too.
            let _ = self.file.set_len(self.bytes);
            return Err(error).context("cannot write the journal");
        }
        self.bytes += line.len() as u64;
        self.file.sync_data().context("cannot sync the journal")?;
        self.entries.push(entry.clone());
        Ok(())
    }

    /// Everything in it.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// For appending; a new file is its owner's alone: it holds what servers said.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The name of a new file is on disk only when its folder is; not every system lets a folder be synced.
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}
