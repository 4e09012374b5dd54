//! Prompts and pictures of the requests: the user's own files, or made-up ones of the right size.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Mutex,
};

use anyhow::Context;

use crate::{
    calibrate::{Ask, Cell, Picture, Resolution, synthetic_png, synthetic_prompt},
    diagnostics::{FILE_BYTES_MAX, read_limited},
    model::{MediaResolution, Pixels},
    workload::{Materials, sizes_in_words},
};

/// Largest picture that is sent; Vertex AI takes 7 MB inline.
const PICTURE_BYTES_MAX: u64 = 20 * 1024 * 1024;

/// Materials by route, and pictures that were made or read already.
pub(super) struct Store<'a> {
    materials: &'a [Materials],
    folder: &'a Path,
    pictures: Mutex<BTreeMap<String, Picture>>,
}

impl<'a> Store<'a> {
    pub fn new(materials: &'a [Materials], folder: &'a Path) -> Store<'a> {
        Store { materials, folder, pictures: Mutex::default() }
    }

    /// What one request of a cell asks.
    pub fn ask(&self, cell: &Cell, request: u64) -> anyhow::Result<Ask> {
        let route = self.materials.iter().find(|materials| materials.route == cell.route);
        let route = route.with_context(|| format!("route {} has no materials", cell.route))?;
        let at = request as usize % cell.pictures.len().max(1);
        let sizes = cell.pictures.get(at).map(Vec::as_slice).unwrap_or_default();
        let mut pictures = Vec::new();
        for (entry, size) in route.input_images.iter().zip(sizes) {
            pictures.push(self.picture(entry, *size, at)?);
        }
        let one_size = matches!(cell.shape.output_size, crate::model::ImageSize::OneK);
        Ok(Ask {
            prompt: self.prompt(route, cell)?,
            pictures,
            // The API's own size is 1K; asking for it is refused by models that make no other.
            output_size: (cell.makes_images && !one_size).then_some(cell.shape.output_size),
            thinking_level: cell.shape.thinking_level,
            resolution: cell.shape.media_resolution.map(|level| resolution(cell, level)),
            ..Ask::default()
        })
    }

    fn prompt(&self, route: &Materials, cell: &Cell) -> anyhow::Result<String> {
        match (&route.prompt, &route.prompt_file) {
            (Some(prompt), _) => Ok(prompt.clone()),
            (None, Some(file)) => {
                let path = self.folder.join(file);
                let bytes = read_limited(&path, FILE_BYTES_MAX)?;
                String::from_utf8(bytes).with_context(|| format!("`{}` is not UTF-8", path.display()))
            }
            (None, None) => Ok(synthetic_prompt(cell.shape.prompt_text.likely.round() as u64)),
        }
    }

    fn picture(&self, entry: &str, size: Pixels, at: usize) -> anyhow::Result<Picture> {
        let path = if sizes_in_words(entry).is_some() { None } else { Some(self.file(entry, size, at)?) };
        let name = path.as_ref().map_or_else(|| size.to_string(), |path| path.display().to_string());
        let mut known = self.pictures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(picture) = known.get(&name) {
            return Ok(picture.clone());
        }
        let picture = match &path {
            Some(path) => {
                let bytes = read_limited(path, PICTURE_BYTES_MAX)?;
                Picture::of(mime_of(path), &bytes)
            }
            None => {
                let png = synthetic_png(size).with_context(|| format!("cannot draw a picture of {size}"))?;
                Picture::of("image/png", &png)
            }
        };
        known.insert(name, picture.clone());
        Ok(picture)
    }

    /// The file of a pattern whose turn it is, or the first of that size.
    fn file(&self, pattern: &str, size: Pixels, at: usize) -> anyhow::Result<PathBuf> {
        let paths: Vec<PathBuf> =
            glob::glob(&self.folder.join(pattern).to_string_lossy())?.filter_map(Result::ok).collect();
        let has_size = |path: &PathBuf| {
            imagesize::size(path)
                .is_ok_and(|found| (found.width, found.height) == (size.width as usize, size.height as usize))
        };
        let in_turn = paths.get(at % paths.len().max(1)).filter(|path| has_size(path));
        let found = in_turn.or_else(|| paths.iter().find(|path| has_size(path)));
        found.cloned().with_context(|| format!("no file of `{pattern}` is {size} any more"))
    }
}

/// Image models refuse the configuration's field on one backend; a part's own is taken by both. Text models
/// before the third generation know the configuration's alone.
fn resolution(cell: &Cell, level: MediaResolution) -> Resolution {
    if cell.makes_images || level == MediaResolution::UltraHigh {
        Resolution::EachPart(level)
    } else {
        Resolution::Whole(level)
    }
}

fn mime_of(path: &Path) -> &'static str {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("heic") => "image/heic",
        Some("heif") => "image/heif",
        Some("gif") => "image/gif",
        _ => "image/png",
    }
}
