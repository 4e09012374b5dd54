//! What a SKU's description stands for: model, backend, tier, token class.

use crate::{
    model::{Backend, ModelId, Tier, TokenClass},
    prices::{ModelKind, PriceBook},
};

/// What a SKU stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sku {
    /// Tokens of one class.
    Tokens {
        /// The model.
        model: ModelId,
        /// Who served it.
        backend: Backend,
        /// How it was paid.
        tier: Tier,
        /// The class; thinking is billed with the answer's text and stands under it.
        class: TokenClass,
        /// Whether prompts above the threshold were billed (`long`).
        long: bool,
    },
    /// Known, but not tokens of a model in the price book.
    Other(&'static str),
    /// Not known.
    Unknown,
}

/// Products of the two services that are no tokens of a text or image model.
const OTHERS: &[(&str, &str)] = &[
    ("grounding", "grounding"),
    ("search query", "grounding"),
    ("storage token hours", "cache storage"),
    ("cache storage", "cache storage"),
    ("provisioned throughput", "provisioned throughput"),
    ("imagen", "Imagen"),
    ("veo", "Veo"),
    ("videos generated", "Veo"),
    ("lyria", "Lyria"),
    ("agent platform", "agent platform"),
    ("embedding", "embeddings"),
];

/// Spellings of bills that are no name of a model in the book.
///
/// Source: bills published in 2026; Vertex AI writes `Gemini 3.0 Pro Image Output` for the image model at 120
/// dollars a million, the Developer API `Gemini 2.5 Flash Native Image Generation`.
const SPELLINGS: &[(&str, &str)] = &[
    ("gemini 2.5 flash native image generation", "gemini 2.5 flash image"),
    ("gemini 3.0 / 3.1 pro image output", "gemini 3 pro image image output"),
    ("gemini 3.0 pro image output", "gemini 3 pro image image output"),
    ("gemini 3.0 pro image input", "gemini 3 pro image image input"),
    ("gemini 3.0 pro", "gemini 3 pro"),
];

/// Reads a SKU's description.
///
/// Two families are known: `Generate_content image output token count for Gemini 3 Pro Image` (Gemini API) and
/// `Gemini 3.1 Flash Image Text Input - Predictions` (Vertex AI). The model is the longest name of the book that
/// the text holds; a text with none, or without a direction, is unknown.
///
/// ```
/// # use burndown::{commands::Library, projection::reconcile::{Sku, sku}, model::TokenClass};
/// let book = Library::prices(None).unwrap();
/// let found = sku("Generate_content image output token count for Gemini 3 Pro Image", &book);
/// assert!(matches!(found, Sku::Tokens { class: TokenClass::OutputImage, .. }));
/// ```
pub fn sku(description: &str, book: &PriceBook) -> Sku {
    let mut text = description.to_lowercase().replace(['_', '-'], " ");
    text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((_, product)) = OTHERS.iter().find(|(words, _)| text.contains(words)) {
        return Sku::Other(product);
    }
    for (spelling, name) in SPELLINGS {
        text = text.replace(spelling, name);
    }
    let backend = match () {
        () if text.contains("generate content") => Backend::Developer,
        () if text.ends_with("predictions") => Backend::Vertex,
        () => return Sku::Unknown,
    };
    let Some((model, name)) = longest_name(&text, book) else { return Sku::Unknown };
    let rest = text.replacen(&name, " ", 1);
    let is_input = match (direction(&rest, "input"), direction(&rest, "output")) {
        (true, false) => true,
        (false, true) => false,
        _ => return Sku::Unknown,
    };
    let has = |word: &str| rest.split(' ').any(|other| other == word);
    let cached = has("cached") || has("caching");
    let Some(class) = class_of(&rest, is_input, cached, is_image_alone(&rest, is_input, &model, book)) else {
        return Sku::Unknown;
    };
    let tier = Tier::ALL.iter().copied().find(|tier| has(tier.as_str())).unwrap_or(Tier::Standard);
    Sku::Tokens { model, backend, tier, class, long: has("long") }
}

/// `input token count`, or `Input - Predictions` with a tier or a cache in between.
fn direction(rest: &str, word: &str) -> bool {
    let words: Vec<&str> = rest.split_whitespace().collect();
    if rest.contains("token count") {
        return words.windows(3).any(|window| window == [word, "token", "count"]);
    }
    words.contains(&word)
}

fn longest_name(text: &str, book: &PriceBook) -> Option<(ModelId, String)> {
    let plain = |name: &str| name.to_lowercase().replace('-', " ");
    let names = book.models.iter().flat_map(|model| {
        [plain(&model.id.0), plain(&model.name)].into_iter().map(move |name| (model.id.clone(), name))
    });
    let found = names.filter(|(_, name)| format!(" {text} ").contains(&format!(" {name} ")));
    found.max_by_key(|(_, name)| name.len())
}

/// The rest of an image model's SKU may say nothing of the kind; then text is meant.
fn is_image_alone(rest: &str, is_input: bool, model: &ModelId, book: &PriceBook) -> bool {
    let kind = book.facts(model).map(|facts| facts.kind);
    !is_input && kind == Some(ModelKind::Image) && rest.contains("image")
}

fn class_of(rest: &str, is_input: bool, cached: bool, image: bool) -> Option<TokenClass> {
    let has = |word: &str| rest.split(' ').any(|other| other == word);
    let class = match (is_input, has("image") || image, has("video"), has("audio")) {
        (true, true, _, _) => TokenClass::InputImage,
        (true, _, true, _) => TokenClass::InputVideo,
        (true, _, _, true) => TokenClass::InputAudio,
        (true, ..) => TokenClass::InputText,
        (false, true, _, _) => TokenClass::OutputImage,
        (false, _, true, _) => TokenClass::OutputVideo,
        (false, _, _, true) => TokenClass::OutputAudio,
        (false, ..) => TokenClass::OutputText,
    };
    if cached { class.cached() } else { Some(class) }
}
