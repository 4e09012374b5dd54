//! Google's request and answer as the walk without a tree meets them, key by key.

use super::{
    quick::{Spans, Wanted},
    skim::Skim,
};
use crate::{
    model::{Backend, ImageSize},
    usage::Figures,
};

/// Entries of a list of token details beyond which the parser decides.
const DETAILS_MAX: usize = 1_000;

/// What an answer tells.
#[derive(Default)]
pub(super) struct Body<'t> {
    pub figures: Figures,
    pub image_tokens: Option<u64>,
    pub finish: Option<&'t str>,
    pub block: Option<&'t str>,
    pub model: Option<&'t str>,
    pub create_time: Option<&'t str>,
    pub id: Option<&'t str>,
    pub images: u64,
    traffic: Option<&'t str>,
    service_tier: Option<&'t str>,
    has_usage: bool,
    /// Candidates or feedback.
    has_content: bool,
}

impl<'t> Body<'t> {
    /// Keys of an answer that stands alone; any other is for the parser.
    pub const KEYS: [&'static [u8]; 6] =
        [b"candidates", b"usageMetadata", b"modelVersion", b"responseId", b"createTime", b"promptFeedback"];

    pub fn field(&mut self, skim: &mut Skim<'t>, key: &'t [u8]) -> Option<()> {
        match key {
            b"candidates" => {
                self.has_content = true;
                skim.list(|skim| skim.object(|skim, key| self.candidate(skim, key)))
            }
            b"usageMetadata" => {
                self.has_usage = true;
                skim.object(|skim, key| self.usage(skim, key))
            }
            b"promptFeedback" => {
                self.has_content = true;
                skim.object(|skim, key| match key {
                    b"blockReason" => set(&mut self.block, last_word(skim.word()?)),
                    _ => camel(skim, key),
                })
            }
            b"modelVersion" => set(&mut self.model, skim.word()?),
            b"createTime" => set(&mut self.create_time, skim.word()?),
            b"responseId" => {
                self.id = Some(skim.word()?).filter(|id| !id.is_empty());
                Some(())
            }
            b"error" | b"usage" | b"response" | b"sdkHttpResponse" | b"serviceTier" | b"model"
            | b"promptTokenCount" | b"totalTokenCount" => None,
            _ => camel(skim, key),
        }
    }

    fn candidate(&mut self, skim: &mut Skim<'t>, key: &'t [u8]) -> Option<()> {
        match key {
            b"finishReason" => set(&mut self.finish, last_word(skim.word()?)),
            b"content" => skim.object(|skim, key| match key {
                b"parts" => skim.list(|skim| {
                    let mut seen = false;
                    skim.object(|skim, key| self.part(skim, key, &mut seen))
                }),
                _ => camel(skim, key),
            }),
            _ => camel(skim, key),
        }
    }

    fn part(&mut self, skim: &mut Skim<'t>, key: &'t [u8], seen: &mut bool) -> Option<()> {
        match key {
            b"inlineData" | b"fileData" => {
                if std::mem::replace(seen, true) {
                    return None;
                }
                skim.object(|skim, key| match key {
                    b"mimeType" => {
                        self.images += u64::from(skim.word()?.starts_with("image/"));
                        Some(())
                    }
                    _ => camel(skim, key),
                })
            }
            _ => camel(skim, key),
        }
    }

    fn usage(&mut self, skim: &mut Skim<'t>, key: &'t [u8]) -> Option<()> {
        let figures = &mut self.figures;
        let place = match key {
            b"promptTokenCount" => &mut figures.prompt,
            b"candidatesTokenCount" => &mut figures.candidates,
            b"totalTokenCount" => &mut figures.total,
            b"thoughtsTokenCount" => &mut figures.thoughts,
            b"cachedContentTokenCount" => &mut figures.cached,
            b"toolUsePromptTokenCount" => &mut figures.tool_use,
            b"promptTokensDetails" => {
                figures.prompt_image = details(skim)?.map(|sums| sums.image);
                return Some(());
            }
            b"candidatesTokensDetails" => {
                let sums = details(skim)?;
                self.image_tokens = sums.map(|sums| sums.image);
                figures.itemised = sums.map_or(0, |sums| sums.itemised);
                return Some(());
            }
            b"trafficType" => return set(&mut self.traffic, skim.word()?),
            b"serviceTier" => return set(&mut self.service_tier, skim.word()?),
            b"totalInputTokens" => return None,
            _ => return camel(skim, key),
        };
        *place = skim.count()?;
        Some(())
    }

    /// Whether anything of an answer stood there.
    pub fn is_known(&self) -> bool {
        self.has_usage || self.has_content
    }

    /// `trafficType` or `serviceTier`, without an enum's prefix.
    pub fn traffic(&self) -> Option<&'t str> {
        self.traffic.or(self.service_tier).map(last_word)
    }

    /// Who answered, as far as the answer tells.
    pub fn backend(&self) -> Option<Backend> {
        if self.traffic.is_some() || self.create_time.is_some() {
            return Some(Backend::Vertex);
        }
        let whole = self.has_content || self.model.is_some();
        (self.service_tier.is_some() || (whole && self.has_usage)).then_some(Backend::Developer)
    }
}

/// What a request asks for.
#[derive(Default)]
pub(super) struct Shape<'t> {
    pub seen: bool,
    pub input_images: Option<u32>,
    pub size: Option<ImageSize>,
    pub model: Option<&'t str>,
    pub spans: Spans<'t>,
}

impl<'t> Shape<'t> {
    pub fn field(&mut self, skim: &mut Skim<'t>, key: &'t [u8], wanted: &Wanted<'_>) -> Option<()> {
        self.seen = true;
        let from = skim.start()?;
        match key {
            b"contents" => self.input_images = Some(pictures(skim, key)?),
            b"generationConfig" => skim.object(|skim, key| match key {
                b"imageConfig" => skim.object(|skim, key| match key {
                    b"imageSize" => {
                        self.size = skim.word()?.parse().ok();
                        Some(())
                    }
                    _ => camel(skim, key),
                }),
                _ => camel(skim, key),
            })?,
            b"model" => self.model = Some(skim.word()?).filter(|model| !model.is_empty()),
            b"config" | b"uri" => return None,
            _ => camel(skim, key)?,
        }
        self.spans.note(wanted, key, skim.since(from));
        Some(())
    }
}

/// Pictures below a value: objects that have an image's MIME type, what is in them not counted again.
fn pictures(skim: &mut Skim<'_>, key: &[u8]) -> Option<u32> {
    let mut below = 0;
    match skim.peek()? {
        b'{' => {
            let mut own = false;
            skim.object(|skim, key| {
                match key {
                    b"mimeType" => own |= skim.word()?.starts_with("image/"),
                    b"mime_type" => return None,
                    _ => below += pictures(skim, key)?,
                }
                Some(())
            })?;
            Some(if own { 1 } else { below })
        }
        b'[' => {
            skim.list(|skim| {
                if skim.peek()? == b'"' {
                    return skim.skip_element();
                }
                below += pictures(skim, b"")?;
                Some(())
            })?;
            Some(below)
        }
        b'n' if key == b"contents" => None,
        _ => skim.skip(key).map(|()| 0),
    }
}

/// Sums over a list of token details.
#[derive(Clone, Copy, Default)]
struct Sums {
    image: u64,
    itemised: u64,
}

/// `None` within where no entry counts.
fn details(skim: &mut Skim<'_>) -> Option<Option<Sums>> {
    if skim.peek()? == b'n' {
        return skim.skip(b"").map(|()| None);
    }
    let (mut sums, mut entries, mut seen) = (Sums::default(), 0, 0);
    skim.list(|skim| {
        let (mut modality, mut tokens) = ("", None);
        skim.object(|skim, key| match key {
            b"modality" => {
                modality = last_word(skim.word()?);
                Some(())
            }
            b"tokenCount" => {
                tokens = skim.count()?;
                Some(())
            }
            b"tokens" => None,
            _ => camel(skim, key),
        })?;
        let is = |word: &str| modality.eq_ignore_ascii_case(word);
        if let Some(tokens) = tokens {
            entries += 1;
            sums.image += if is("IMAGE") { tokens } else { 0 };
            sums.itemised += if is("IMAGE") || is("AUDIO") || is("VIDEO") { tokens } else { 0 };
        }
        seen += 1;
        (seen <= DETAILS_MAX).then_some(())
    })?;
    Some((entries > 0).then_some(sums))
}

fn set<'t>(place: &mut Option<&'t str>, word: &'t str) -> Option<()> {
    *place = Some(word);
    Some(())
}

/// `STOP` of `FinishReason.STOP`.
fn last_word(word: &str) -> &str {
    word.rsplit('.').next().unwrap_or(word)
}

/// Passes over a value whose key is no snake_case spelling of one that counts.
fn camel<'t>(skim: &mut Skim<'t>, key: &'t [u8]) -> Option<()> {
    if key.contains(&b'_') { None } else { skim.skip(key) }
}
