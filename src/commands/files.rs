//! Files that appear whole or not at all.

use std::path::Path;

use anyhow::Context;

/// Writes files by their path below a folder, which is made where it is missing, and gives their paths.
pub(super) fn write_files(
    folder: &Path,
    files: &[(String, impl AsRef<[u8]>)],
) -> anyhow::Result<Vec<String>> {
    let write = |(name, bytes): &(String, _)| {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("cannot make `{}`", parent.display()))?;
        }
        let bytes: &[u8] = AsRef::as_ref(bytes);
        write_whole(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(path.display().to_string())
    };
    files.iter().map(write).collect()
}

/// Under a temporary name first, so that a reader never sees half a file.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut name = path.as_os_str().to_os_string();
    // The process id keeps two runs, and a user's own files, apart.
    name.push(format!(".{}.part", std::process::id()));
    let part = std::path::PathBuf::from(name);
    let new = std::fs::OpenOptions::new().write(true).create_new(true).open(&part);
    new.and_then(|mut file| file.write_all(bytes)).and_then(|()| std::fs::rename(&part, path)).inspect_err(
        |_| {
            let _ = std::fs::remove_file(&part);
        },
    )
}
