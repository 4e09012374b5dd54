//! One HTTP request, and which method of which backend its path names.

use crate::model::{Backend, Endpoint, Location};

/// One HTTP request as it arrives.
///
/// Printed for debugging, it shows no header, query or body: keys and prompts stand there.
#[derive(Clone, Default, PartialEq)]
pub struct Call {
    /// `POST`, `GET`.
    pub verb: String,
    /// Path without the query, e.g. `/v1beta/models/gemini-3-pro-image:generateContent`.
    pub path: String,
    /// What stands behind the question mark.
    pub query: String,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body as sent.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Call { verb, path, headers, body, .. } = self;
        write!(f, "Call({verb} {path}, {} headers, {} bytes)", headers.len(), body.len())
    }
}

impl Call {
    /// A POST of a JSON text.
    pub fn post(path: &str, headers: &[(&str, &str)], body: &str) -> Call {
        Call {
            verb: "POST".into(),
            path: path.into(),
            headers: headers.iter().map(|(name, value)| (name.to_lowercase(), value.to_string())).collect(),
            body: body.as_bytes().to_vec(),
            ..Call::default()
        }
    }

    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// What a model is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Generate,
    Stream,
    Count,
}

impl Verb {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Verb::Generate => "generateContent",
            Verb::Stream => "streamGenerateContent",
            Verb::Count => "countTokens",
        }
    }
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Route {
    pub endpoint: Endpoint,
    /// Vertex project; `None` on the Developer API and in express mode.
    pub project: Option<String>,
    /// `v1`, `v1beta`, `v1beta1`.
    pub version: String,
    /// As written in the path.
    pub model: String,
    pub verb: Verb,
}

impl Route {
    /// The route of a path; `None` when neither backend knows it.
    pub(super) fn of(path: &str) -> Option<Route> {
        let path = path.replace("%3A", ":").replace("%3a", ":");
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let route = |endpoint: Endpoint, project: Option<&str>, version: &str, last: &str| {
            let (model, verb) = last.rsplit_once(':')?;
            let verb =
                [Verb::Generate, Verb::Stream, Verb::Count].into_iter().find(|v| v.as_str() == verb)?;
            let known: &[&str] = match endpoint.backend() {
                Backend::Developer => &["v1", "v1beta", "v1alpha"],
                Backend::Vertex => &["v1", "v1beta1"],
            };
            known.contains(&version).then(|| Route {
                endpoint,
                project: project.map(str::to_string),
                version: version.to_string(),
                model: model.to_string(),
                verb,
            })
        };
        match parts.as_slice() {
            [version, "models", last] => route(Endpoint::Developer, None, version, last),
            [version, "publishers", "google", "models", last] => {
                route(Endpoint::Vertex(Location::Global), None, version, last)
            }
            [version, "projects", project, "locations", location, "publishers", "google", "models", last] => {
                route(Endpoint::Vertex(location.parse().ok()?), Some(project), version, last)
            }
            _ => None,
        }
    }

    pub(super) fn backend(&self) -> Backend {
        self.endpoint.backend()
    }

    /// The name of the model as the backend's messages write it.
    pub(super) fn resource(&self) -> String {
        match (&self.endpoint, &self.project) {
            (Endpoint::Developer, _) => format!("models/{}", self.model),
            (Endpoint::Vertex(location), Some(project)) => {
                format!("projects/{project}/locations/{location}/publishers/google/models/{}", self.model)
            }
            (Endpoint::Vertex(_), None) => format!("publishers/google/models/{}", self.model),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_path_leads_to_its_backend() {
        let cases = [
            ("/v1/models/m:generateContent", Some("developer")),
            ("/v1beta/models/m:streamGenerateContent", Some("developer")),
            ("/v1beta1/models/m:generateContent", None),
            ("/v1beta1/publishers/google/models/m:countTokens", Some("vertex:global")),
            (
                "/v1/projects/p/locations/us-central1/publishers/google/models/m:generateContent",
                Some("vertex:us-central1"),
            ),
            ("/v1/projects/p/locations/mars/publishers/google/models/m:generateContent", None),
            ("/v1beta/models/m:predict", None),
            ("/", None),
        ];
        for (path, expected) in cases {
            let found = Route::of(path).map(|route| route.endpoint.to_string());
            assert_eq!(found.as_deref(), expected, "{path}");
        }
    }
}
