//! What is sent: addresses, headers and bodies of both backends.
//!
//! Sources: the REST references of the Gemini API and of Vertex AI; the requests of google-genai 3.4.0.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::model::{Backend, Endpoint, ImageSize, Location, MediaResolution, ModelId, ThinkingLevel, Tier};

/// The Developer API's version. Thinking and part-level resolution were refused at `v1` in 2026.
pub const DEVELOPER_VERSION: &str = "v1beta";

/// Vertex AI's version.
pub const VERTEX_VERSION: &str = "v1beta1";

/// A method of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// One whole answer.
    Generate,
    /// An answer in chunks, as server-sent events.
    Stream,
    /// Tokens of a prompt; free.
    Count,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Method::Generate => ":generateContent",
            Method::Stream => ":streamGenerateContent?alt=sse",
            Method::Count => ":countTokens",
        }
    }
}

/// Where the requests of one endpoint go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Scheme and host, a path before the version allowed, no slash at the end.
    pub base: String,
    /// `v1beta`, `v1beta1`.
    pub version: String,
    /// Vertex project and location; `None` on the Developer API and in express mode.
    pub project: Option<(String, Location)>,
    /// Vertex AI with an API key and no project.
    pub express: bool,
}

impl Address {
    /// The Developer API, at `base` instead of Google's own host when given.
    pub fn developer(base: Option<&str>) -> Address {
        let base = base.unwrap_or("https://generativelanguage.googleapis.com");
        Address { base: trimmed(base), version: DEVELOPER_VERSION.into(), project: None, express: false }
    }

    /// Vertex AI in a project.
    ///
    /// The global endpoint has no location in its host, the multi-regions `us` and `eu` have hosts of their own.
    pub fn vertex(base: Option<&str>, project: &str, location: &Location) -> Address {
        let host = match location {
            Location::Global => "https://aiplatform.googleapis.com".to_string(),
            Location::Us | Location::Eu => format!("https://aiplatform.{location}.rep.googleapis.com"),
            Location::Region(region) => format!("https://{region}-aiplatform.googleapis.com"),
        };
        Address {
            base: trimmed(base.unwrap_or(&host)),
            version: VERTEX_VERSION.into(),
            project: Some((project.to_string(), location.clone())),
            express: false,
        }
    }

    /// Vertex AI in express mode: an API key, no project; the global endpoint.
    pub fn express(base: Option<&str>) -> Address {
        let base = base.unwrap_or("https://aiplatform.googleapis.com");
        Address { base: trimmed(base), version: VERTEX_VERSION.into(), project: None, express: true }
    }

    /// The address of a method of a model.
    ///
    /// ```
    /// # use burndown::{calibrate::{Address, Method}, model::Location};
    /// let address = Address::vertex(None, "shop", &Location::Eu);
    /// assert_eq!(
    ///     address.of(&"gemini-3-pro-image".into(), Method::Count),
    ///     "https://aiplatform.eu.rep.googleapis.com/v1beta1/projects/shop/locations/eu/publishers/google/models/gemini-3-pro-image:countTokens"
    /// );
    /// ```
    pub fn of(&self, model: &ModelId, method: Method) -> String {
        let folder = match &self.project {
            Some((project, location)) => {
                format!("projects/{project}/locations/{location}/publishers/google/models")
            }
            None if self.express => "publishers/google/models".into(),
            None => "models".into(),
        };
        format!("{}/{}/{folder}/{model}{}", self.base, self.version, method.as_str())
    }
}

fn trimmed(base: &str) -> String {
    base.trim_end_matches('/').to_string()
}

/// A picture of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// `image/png`.
    pub mime: String,
    /// Its bytes in base64.
    pub data: String,
}

impl Picture {
    /// From the bytes of a file.
    pub fn of(mime: &str, bytes: &[u8]) -> Picture {
        Picture { mime: mime.into(), data: STANDARD.encode(bytes) }
    }
}

/// Everything that decides the body of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask {
    /// The prompt.
    pub prompt: String,
    /// Its pictures.
    pub pictures: Vec<Picture>,
    /// Modalities of the answer, `None` = the model's own.
    pub modalities: Option<Vec<&'static str>>,
    /// Size of the picture asked for, `None` = the API's own.
    pub output_size: Option<ImageSize>,
    /// Aspect ratio such as `16:9`, `None` = the API's own.
    pub aspect_ratio: Option<String>,
    /// Thinking level, `None` = the API's own.
    pub thinking_level: Option<ThinkingLevel>,
    /// Whether thoughts come with the answer, `None` = the API's own.
    pub include_thoughts: Option<bool>,
    /// How finely pictures are read, `None` = the API's own.
    pub resolution: Option<Resolution>,
}

/// Where a media resolution stands in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// In the configuration, for all media; refused on the Developer API's image models.
    Whole(MediaResolution),
    /// On each picture, as an object with a level; `ultra_high` exists here alone.
    EachPart(MediaResolution),
}

impl Ask {
    /// The body of generateContent or streamGenerateContent.
    ///
    /// The role is always sent: Vertex AI refuses contents without one. The tier stands in the body on the
    /// Developer API alone; Vertex AI takes it from headers ([`tier_headers`]).
    pub fn body(&self, backend: Backend, tier: Tier) -> Value {
        let mut body = json!({ "contents": [self.content()] });
        let config = self.config();
        if !config.is_empty() {
            body["generationConfig"] = Value::Object(config);
        }
        if backend == Backend::Developer && tier != Tier::Standard {
            body["serviceTier"] = tier.as_str().into();
        }
        body
    }

    /// The body of countTokens.
    pub fn count_body(&self) -> Value {
        json!({ "contents": [self.content()] })
    }

    fn content(&self) -> Value {
        let mut parts = vec![json!({ "text": self.prompt })];
        for picture in &self.pictures {
            let mut part = json!({ "inlineData": { "data": picture.data, "mimeType": picture.mime } });
            if let Some(Resolution::EachPart(level)) = self.resolution {
                part["mediaResolution"] = json!({ "level": resolution_word(level) });
            }
            parts.push(part);
        }
        json!({ "parts": parts, "role": "user" })
    }

    fn config(&self) -> serde_json::Map<String, Value> {
        let mut config = serde_json::Map::new();
        if let Some(modalities) = &self.modalities {
            config.insert("responseModalities".into(), json!(modalities));
        }
        let mut image = serde_json::Map::new();
        if let Some(ratio) = &self.aspect_ratio {
            image.insert("aspectRatio".into(), ratio.as_str().into());
        }
        if let Some(size) = self.output_size {
            image.insert("imageSize".into(), size.as_str().into());
        }
        if !image.is_empty() {
            config.insert("imageConfig".into(), Value::Object(image));
        }
        let mut thinking = serde_json::Map::new();
        if let Some(include) = self.include_thoughts {
            thinking.insert("includeThoughts".into(), include.into());
        }
        if let Some(level) = self.thinking_level {
            thinking.insert("thinkingLevel".into(), level.as_str().to_uppercase().into());
        }
        if !thinking.is_empty() {
            config.insert("thinkingConfig".into(), Value::Object(thinking));
        }
        if let Some(Resolution::Whole(level)) = self.resolution {
            config.insert("mediaResolution".into(), resolution_word(level).into());
        }
        config
    }
}

fn resolution_word(level: MediaResolution) -> String {
    format!("MEDIA_RESOLUTION_{}", level.as_str().to_uppercase())
}

/// Headers that ask for a tier; only Vertex AI takes it there.
///
/// `shared` keeps the request off provisioned throughput: unset, it would be served by GSUs that production
/// has bought. The second header is accepted and ignored at regional endpoints.
pub fn tier_headers(endpoint: &Endpoint, tier: Tier) -> Vec<(&'static str, &'static str)> {
    if endpoint.backend() == Backend::Developer {
        return Vec::new();
    }
    let kind = "x-vertex-ai-llm-request-type";
    let shared = "x-vertex-ai-llm-shared-request-type";
    match tier {
        Tier::Provisioned => vec![(kind, "dedicated")],
        Tier::Flex => vec![(kind, "shared"), (shared, "flex")],
        Tier::Priority => vec![(kind, "shared"), (shared, "priority")],
        Tier::Standard | Tier::Batch => vec![(kind, "shared")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_location_has_its_host() {
        let url = |location: &str| {
            Address::vertex(None, "p", &location.parse().unwrap()).of(&"m".into(), Method::Generate)
        };
        let tail = |location: &str| {
            format!("/v1beta1/projects/p/locations/{location}/publishers/google/models/m:generateContent")
        };
        for (location, host) in [
            ("global", "https://aiplatform.googleapis.com"),
            ("us", "https://aiplatform.us.rep.googleapis.com"),
            ("us-central1", "https://us-central1-aiplatform.googleapis.com"),
        ] {
            assert_eq!(url(location), format!("{host}{}", tail(location)));
        }
        assert_eq!(
            Address::developer(Some("http://127.0.0.1:1/")).of(&"m".into(), Method::Stream),
            "http://127.0.0.1:1/v1beta/models/m:streamGenerateContent?alt=sse"
        );
        assert_eq!(
            Address::express(None).of(&"m".into(), Method::Count),
            "https://aiplatform.googleapis.com/v1beta1/publishers/google/models/m:countTokens"
        );
    }

    #[test]
    fn production_keeps_its_gsus_unless_they_are_asked_for() {
        let vertex: Endpoint = "vertex:global".parse().unwrap();
        for tier in [Tier::Standard, Tier::Batch, Tier::Flex, Tier::Priority] {
            assert!(tier_headers(&vertex, tier).contains(&("x-vertex-ai-llm-request-type", "shared")));
        }
        assert_eq!(tier_headers(&vertex, Tier::Provisioned), [("x-vertex-ai-llm-request-type", "dedicated")]);
        assert_eq!(tier_headers(&Endpoint::Developer, Tier::Flex), []);
    }

    #[test]
    fn a_body_holds_what_was_asked_and_nothing_else() {
        let plain = Ask { prompt: "A cat".into(), ..Ask::default() };
        assert_eq!(
            plain.body(Backend::Vertex, Tier::Flex).to_string(),
            r#"{"contents":[{"parts":[{"text":"A cat"}],"role":"user"}]}"#
        );
        let full = Ask {
            prompt: "A cat".into(),
            pictures: vec![Picture::of("image/png", b"png")],
            output_size: Some(ImageSize::TwoK),
            thinking_level: Some(ThinkingLevel::High),
            resolution: Some(Resolution::EachPart(MediaResolution::UltraHigh)),
            ..Ask::default()
        };
        assert_eq!(
            full.body(Backend::Developer, Tier::Flex).to_string(),
            concat!(
                r#"{"contents":[{"parts":[{"text":"A cat"},{"inlineData":{"data":"cG5n","mimeType":"image/png"},"#,
                r#""mediaResolution":{"level":"MEDIA_RESOLUTION_ULTRA_HIGH"}}],"role":"user"}],"#,
                r#""generationConfig":{"imageConfig":{"imageSize":"2K"},"thinkingConfig":{"thinkingLevel":"HIGH"}},"#,
                r#""serviceTier":"flex"}"#
            )
        );
    }
}
