//! The books and profiles: those in the binary, and a folder laid over them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context;
use include_dir::{Dir, include_dir};

use crate::{
    capacity::{CapacityBook, LearnedRule},
    diagnostics::{BadFile, SourceText},
    model::{Backend, ModelId},
    prices::PriceBook,
    projection::Inputs,
    tokens::TokenProfile,
    workload::Workload,
};

static SHIPPED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/profiles");

/// Names of the shipped workloads.
pub const SHIPPED_WORKLOADS: &[&str] = &["product-photos", "text-to-image", "captions", "company"];

/// Everything that is known before a workload is read.
#[derive(Debug)]
pub struct Library {
    /// Prices and model life.
    pub prices: PriceBook,
    /// Throughput and terms.
    pub capacity: CapacityBook,
    /// Token profiles by backend and model.
    pub tokens: BTreeMap<(Backend, ModelId), TokenProfile>,
}

impl Library {
    /// The shipped price book alone, with the folder's laid over: what `quote` needs.
    pub fn prices(overlay: Option<&Path>) -> anyhow::Result<PriceBook> {
        let mut book = PriceBook::parse(&shipped("prices/google.toml")?)?;
        for source in overlay_files(overlay, "prices")? {
            book.overlay(PriceBook::parse(&source)?);
        }
        Ok(book)
    }

    /// All books and profiles, with the folder's laid over.
    pub fn load(overlay: Option<&Path>) -> anyhow::Result<Library> {
        let mut capacity = CapacityBook::parse(&shipped("capacity/google.toml")?)?;
        for source in overlay_files(overlay, "capacity")? {
            capacity.overlay(CapacityBook::parse(&source)?);
        }
        for source in overlay_files(overlay, "provisioned")? {
            capacity.learned.insert(0, LearnedRule::parse(&source)?);
        }
        let mut tokens = BTreeMap::new();
        for backend in Backend::ALL {
            let folder = format!("tokens/{backend}");
            let files = SHIPPED.get_dir(&folder).into_iter().flat_map(Dir::files);
            let mut sources = Vec::new();
            for file in files {
                sources.push(shipped(&file.path().to_string_lossy())?);
            }
            sources.extend(overlay_files(overlay, &folder)?);
            for source in sources {
                let profile = TokenProfile::parse(&source)?;
                if profile.backend != *backend {
                    anyhow::bail!(
                        "{}: a profile of {} stands in the folder of {backend}",
                        source.name,
                        profile.backend
                    );
                }
                tokens.insert((profile.backend, profile.model.clone()), profile);
            }
        }
        Ok(Library { prices: Library::prices(overlay)?, capacity, tokens })
    }

    /// The inputs of a plan for a workload.
    pub fn inputs<'a>(&'a self, workload: &'a Workload) -> Inputs<'a> {
        Inputs { workload, prices: &self.prices, capacity: &self.capacity, tokens: &self.tokens }
    }

    /// The text of a token profile as it counts: the folder's own, else the shipped one.
    pub fn token_profile_text(
        overlay: Option<&Path>,
        backend: Backend,
        model: &ModelId,
    ) -> anyhow::Result<SourceText> {
        let folder = format!("tokens/{backend}");
        for source in overlay_files(overlay, &folder)? {
            if TokenProfile::parse(&source)?.model == *model {
                return Ok(source);
            }
        }
        Ok(shipped(&format!("{folder}/{model}.toml"))?)
    }

    /// The text of a workload: a file, a shipped name, or standard input.
    ///
    /// Gives the folder that its own paths are relative to, too.
    pub fn workload(name: &str, overlay: Option<&Path>) -> anyhow::Result<(SourceText, PathBuf)> {
        if name == "-" {
            return Ok((read_stdin("standard input")?, PathBuf::from(".")));
        }
        let path = Path::new(name);
        let is_plain_name = !name.contains(['/', '\\', '.']);
        if is_plain_name && !path.exists() {
            let in_overlay = overlay.map(|folder| folder.join("workloads").join(format!("{name}.toml")));
            if let Some(path) = in_overlay.filter(|path| path.exists()) {
                return Ok((SourceText::read(&path)?, folder_of(&path)));
            }
            if let Ok(source) = shipped(&format!("workloads/{name}.toml")) {
                return Ok((source, PathBuf::from(".")));
            }
            let near = crate::model::nearest(name, SHIPPED_WORKLOADS.iter().copied());
            let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            anyhow::bail!(
                "no workload `{name}`: neither a file nor a shipped one\n\nhint: {near}shipped are {}",
                SHIPPED_WORKLOADS.join(", ")
            );
        }
        Ok((SourceText::read(path)?, folder_of(path)))
    }
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf()
}

/// Standard input as a text, limited like a file.
pub(super) fn read_stdin(name: &str) -> anyhow::Result<SourceText> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let limit = crate::diagnostics::FILE_BYTES_MAX;
    std::io::stdin().take(limit + 1).read_to_end(&mut bytes).context("cannot read standard input")?;
    if bytes.len() as u64 > limit {
        anyhow::bail!("standard input is longer than {} MB, which no such file needs", limit / 1024 / 1024);
    }
    Ok(SourceText::from_bytes(name, bytes)?)
}

fn shipped(path: &str) -> Result<SourceText, BadFile> {
    let file = SHIPPED.get_file(path).ok_or_else(|| BadFile(format!("no shipped file `{path}`")))?;
    SourceText::from_bytes(&format!("profiles/{path} (built in)"), file.contents().to_vec())
}

/// The TOML files of one kind in the user's folder, in the order of their names.
fn overlay_files(overlay: Option<&Path>, kind: &str) -> anyhow::Result<Vec<SourceText>> {
    let Some(root) = overlay else { return Ok(Vec::new()) };
    if !root.is_dir() {
        anyhow::bail!("--profiles: `{}` is not a folder", root.display());
    }
    let folder = root.join(kind);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| Ok(SourceText::read(path)?)).collect()
}
