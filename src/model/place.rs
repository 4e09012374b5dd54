//! Where a request is served: location, endpoint, model, placement.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Backend, Tier, words::UnknownWord};
use crate::schema::described;

/// Where on Vertex AI a model is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// The global endpoint.
    Global,
    /// The multi-region `us`.
    Us,
    /// The multi-region `eu`.
    Eu,
    /// A region such as `us-central1`.
    Region(String),
}

impl Location {
    /// Whether a list names it; `us-*` stands for all regions that begin so.
    pub fn is_among(&self, patterns: &[String]) -> bool {
        let name = self.to_string();
        patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => *pattern == name,
        })
    }

    /// Whether it is the global endpoint; all others may cost 10 % more.
    pub fn is_global(&self) -> bool {
        *self == Location::Global
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Location::Global => "global",
            Location::Us => "us",
            Location::Eu => "eu",
            Location::Region(name) => name,
        })
    }
}

impl FromStr for Location {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Location, UnknownWord> {
        match text {
            "global" => Ok(Location::Global),
            "us" => Ok(Location::Us),
            "eu" => Ok(Location::Eu),
            _ if looks_like_region(text) => Ok(Location::Region(text.to_string())),
            _ => Err(UnknownWord {
                what: "location",
                found: text.to_string(),
                expected: vec!["global", "us", "eu", "us-central1", "europe-west4"],
            }),
        }
    }
}

/// `continent-place` and a digit: `us-central1`, `northamerica-northeast2`.
fn looks_like_region(text: &str) -> bool {
    let mut parts = text.split('-');
    let lower = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    match (parts.next(), parts.next(), parts.next()) {
        (Some(continent), Some(place), None) => {
            let name = place.trim_end_matches(|c: char| c.is_ascii_digit());
            lower(continent) && lower(name) && name.len() < place.len()
        }
        _ => false,
    }
}

/// Backend and, on Vertex AI, location: `developer`, `vertex:global`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// The Gemini Developer API; it has no location.
    Developer,
    /// Vertex AI at a location.
    Vertex(Location),
}

impl Endpoint {
    /// The backend alone.
    pub fn backend(&self) -> Backend {
        match self {
            Endpoint::Developer => Backend::Developer,
            Endpoint::Vertex(_) => Backend::Vertex,
        }
    }

    /// The Vertex location, `None` on the Developer API.
    pub fn location(&self) -> Option<&Location> {
        match self {
            Endpoint::Developer => None,
            Endpoint::Vertex(location) => Some(location),
        }
    }

    /// Whether it is on Vertex AI, which alone sells GSUs.
    pub fn is_vertex(&self) -> bool {
        self.backend() == Backend::Vertex
    }

    /// The endpoint of a backend, at the global location where it has one.
    pub fn of(backend: Backend) -> Endpoint {
        match backend {
            Backend::Developer => Endpoint::Developer,
            Backend::Vertex => Endpoint::Vertex(Location::Global),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Developer => f.pad("developer"),
            Endpoint::Vertex(location) => f.pad(&format!("vertex:{location}")),
        }
    }
}

impl FromStr for Endpoint {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Endpoint, UnknownWord> {
        match text.split_once(':') {
            None if text == "developer" => Ok(Endpoint::Developer),
            None if text == "vertex" => Ok(Endpoint::Vertex(Location::Global)),
            Some(("vertex", location)) => Ok(Endpoint::Vertex(location.parse()?)),
            _ => Err(UnknownWord {
                what: "placement",
                found: text.to_string(),
                expected: vec!["developer", "vertex:global", "vertex:us", "vertex:eu", "vertex:REGION"],
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Endpoint, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

described!(Location, "Location", {
    "description": "Where Vertex AI answers: `global`, `us`, `eu`, or a region.",
    "type": "string",
    "pattern": "^(global|us|eu|[a-z]+-[a-z]+[0-9]+)$"
});
described!(Endpoint, "Endpoint", {
    "description": "Who answers and where: `developer`, `vertex` (its global endpoint), or `vertex:LOCATION`.",
    "type": "string",
    "pattern": "^(developer|vertex(:(global|us|eu|[a-z]+-[a-z]+[0-9]+))?)$"
});

/// The id a backend knows a model by, e.g. `gemini-3-pro-image`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ModelId(pub String);

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for ModelId {
    fn from(id: &str) -> ModelId {
        ModelId(id.to_string())
    }
}

/// Model, endpoint and tier that could serve a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct Placement {
    /// The model.
    pub model: ModelId,
    /// Where it is called.
    pub endpoint: Endpoint,
    /// How it is paid.
    pub tier: Tier,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} · {}", self.model, self.endpoint)?;
        match self.tier {
            Tier::Standard => Ok(()),
            tier => write!(f, " · {tier}"),
        }
    }
}
