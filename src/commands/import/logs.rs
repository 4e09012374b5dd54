//! The files of an import: found, opened, decompressed, with progress on a terminal.

use std::{
    fs::File,
    io::{BufReader, Cursor, Read},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use anyhow::{Context, bail};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use crate::{
    diagnostics::no_device,
    import::{Collected, Collector, Progress, Settings, read_log, read_parquet},
};

/// Most files of one import.
const FILES_MAX: usize = 1_000_000;

/// Reads all logs; files in the order of their names.
pub(in crate::commands) fn read(patterns: &[String], settings: &Settings) -> anyhow::Result<Collected> {
    let paths = find(patterns)?;
    let sizes = paths.iter().filter_map(|path| Some(std::fs::metadata(path.as_ref()?).ok()?.len()));
    let watch = Watch::default();
    let bar = bar(sizes.sum());
    let mut collector = Collector::default();
    std::thread::scope(|scope| {
        scope.spawn(|| watch.show(&bar));
        let result =
            paths.iter().try_for_each(|path| read_one(path.as_deref(), settings, &watch, &mut collector));
        watch.done.store(true, Ordering::Relaxed);
        result
    })?;
    Ok(collector.finish())
}

/// The files that are meant; `None` stands for standard input.
fn find(patterns: &[String]) -> anyhow::Result<Vec<Option<PathBuf>>> {
    let mut paths: Vec<Option<PathBuf>> = Vec::new();
    for pattern in patterns {
        let path = Path::new(pattern);
        if pattern == "-" {
            paths.push(None);
        } else if path.is_dir() {
            let mut found = Vec::new();
            walk(path, &mut found)?;
            if found.is_empty() {
                bail!("the folder `{pattern}` holds no file");
            }
            paths.extend(found.into_iter().map(Some));
        } else if path.exists() {
            paths.push(Some(path.to_path_buf()));
        } else {
            let found = glob::glob(pattern).with_context(|| format!("`{pattern}` is not a pattern"))?;
            let found: Vec<PathBuf> = found.collect::<Result<_, _>>()?;
            if found.is_empty() {
                bail!("no file matches `{pattern}`");
            }
            let files: Vec<PathBuf> = found.into_iter().filter(|path| path.is_file()).collect();
            if files.is_empty() {
                bail!("no file matches `{pattern}`: what does is a folder, or a link that leads nowhere");
            }
            paths.extend(files.into_iter().map(Some));
        }
    }
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// The files of a folder and of those below it; names that begin with a dot are no logs.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), found)?;
        } else if kind.is_file() {
            found.push(entry.path());
        }
        if found.len() > FILES_MAX {
            bail!("more than {FILES_MAX} files in `{}`", folder.display());
        }
    }
    Ok(())
}

fn read_one(
    path: Option<&Path>,
    settings: &Settings,
    watch: &Watch,
    into: &mut Collector,
) -> anyhow::Result<()> {
    let Some(path) = path else {
        return stream(std::io::stdin(), "standard input", settings, watch, into);
    };
    let name = path.display().to_string();
    no_device(path)?;
    let mut file = File::open(path).with_context(|| format!("cannot read `{name}`"))?;
    let mut magic = [0; 4];
    let length = file.read(&mut magic).with_context(|| format!("cannot read `{name}`"))?;
    if &magic == b"PAR1" {
        let bytes = file.metadata()?.len();
        read_parquet(file, &name, settings, into)?;
        watch.read.fetch_add(bytes, Ordering::Relaxed);
        return Ok(());
    }
    // What was looked at is put in front again, so that pipes and devices work, too.
    let whole = Cursor::new(magic[..length].to_vec()).chain(file);
    stream(whole, &name, settings, watch, into)
}

/// Decompresses what is compressed.
fn stream(
    input: impl Read + Send,
    name: &str,
    settings: &Settings,
    watch: &Watch,
    into: &mut Collector,
) -> anyhow::Result<()> {
    let mut input = BufReader::with_capacity(1024 * 1024, Counted { input, count: &watch.read });
    let head = std::io::BufRead::fill_buf(&mut input).map(<[u8]>::to_vec).unwrap_or_default();
    if head.starts_with(&[0x1f, 0x8b]) {
        let decoder = flate2::bufread::MultiGzDecoder::new(input);
        return Ok(read_log(decoder, name, settings, &watch.progress, into)?);
    }
    if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = zstd::stream::read::Decoder::with_buffer(input).context("cannot start zstd")?;
        return Ok(read_log(decoder, name, settings, &watch.progress, into)?);
    }
    Ok(read_log(input, name, settings, &watch.progress, into)?)
}

/// A reader that tells how far it is.
struct Counted<'a, R> {
    input: R,
    count: &'a AtomicU64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// What the progress bar looks at.
#[derive(Default)]
struct Watch {
    /// Bytes of files, compressed as they are.
    read: AtomicU64,
    progress: Progress,
    done: AtomicBool,
}

impl Watch {
    fn show(&self, bar: &ProgressBar) {
        while !self.done.load(Ordering::Relaxed) && !bar.is_hidden() {
            bar.set_position(self.read.load(Ordering::Relaxed));
            let rows = HumanCount(self.progress.rows.load(Ordering::Relaxed));
            let text = HumanBytes(self.progress.bytes.load(Ordering::Relaxed));
            bar.set_message(format!("{rows} rows, {text} of text"));
            std::thread::sleep(Duration::from_millis(100));
        }
        bar.finish_and_clear();
    }
}

/// Bytes, rate, rows, time left; silent when standard error is no terminal.
fn bar(bytes: u64) -> ProgressBar {
    let bar = if bytes > 0 { ProgressBar::new(bytes) } else { ProgressBar::no_length() };
    let style = "{bar:24} {bytes}/{total_bytes} {bytes_per_sec} {msg} {eta} left";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}
