//! Who we are to each placement: addresses, keys, credentials, from the environment and the flags.

use std::env;

use anyhow::bail;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    calibrate::{Address, ApiKey, Credentials, Identity},
    cli::CalibrateArgs,
    diagnostics::{FILE_BYTES_MAX, read_limited},
    model::Endpoint,
};

/// What the environment says.
pub(super) struct Environment {
    key: Option<ApiKey>,
    developer_base: Option<String>,
    vertex_base: Option<String>,
    project: Option<String>,
    credentials: Result<Credentials, String>,
    express: bool,
    rehearsal: bool,
}

/// Where and as whom a placement is called.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub address: Address,
    pub identity: Identity,
    /// For people.
    pub who: String,
}

impl Environment {
    /// Reads the variables that Google's own libraries read.
    pub fn of_process(args: &CalibrateArgs) -> anyhow::Result<Environment> {
        let variable = |name: &str| env::var(name).ok().filter(|text| !text.trim().is_empty());
        // GOOGLE_API_KEY wins, as in the official libraries.
        let key = ["GOOGLE_API_KEY", "GEMINI_API_KEY"].iter().find_map(|name| variable(name));
        let key = key.map(Zeroizing::new);
        let base = |name: &str| variable(name).map(|base| safe_base(name, base)).transpose();
        let quota = variable("GOOGLE_CLOUD_QUOTA_PROJECT");
        let named = variable("GOOGLE_APPLICATION_CREDENTIALS");
        let json = variable("GOOGLE_APPLICATION_CREDENTIALS_JSON")
            .or_else(|| named.clone().filter(|text| text.trim_start().starts_with('{')))
            .map(Zeroizing::new);
        let credentials = match &json {
            Some(json) => Credentials::from_json(json, quota.as_deref()),
            None => Credentials::application_default(quota.as_deref()),
        };
        let gcloud = || {
            let folder =
                variable("CLOUDSDK_CONFIG").or_else(|| Some(variable("HOME")? + "/.config/gcloud"))?;
            Some(folder + "/application_default_credentials.json")
        };
        let in_file = || {
            let file = named.clone().filter(|_| json.is_none()).or_else(gcloud)?;
            let text = read_limited(file.as_ref(), FILE_BYTES_MAX).ok()?;
            project_of(&serde_json::from_slice(&text).ok()?)
        };
        let in_json = || project_of(&serde_json::from_str(json.as_ref()?).ok()?);
        Ok(Environment {
            key: key.as_deref().map(String::as_str).and_then(ApiKey::new),
            developer_base: base("GOOGLE_GEMINI_BASE_URL")?,
            vertex_base: base("GOOGLE_VERTEX_BASE_URL")?,
            project: args.project.clone().or(quota).or_else(in_json).or_else(in_file),
            credentials,
            express: args.express,
            rehearsal: false,
        })
    }

    /// Both backends at the emulator.
    pub fn rehearsal(base: &str) -> Environment {
        Environment {
            key: ApiKey::new("rehearsal"),
            developer_base: Some(base.into()),
            vertex_base: Some(base.into()),
            project: Some("rehearsal".into()),
            credentials: Err("a rehearsal needs none".into()),
            express: false,
            rehearsal: true,
        }
    }

    /// The project, where one is known.
    pub fn project(&self) -> Option<&str> {
        self.project.as_deref()
    }

    /// How an endpoint is called, or why it cannot be.
    pub fn contact(&self, endpoint: &Endpoint) -> Result<Contact, String> {
        match endpoint {
            Endpoint::Developer => {
                let key = self.key.clone().ok_or("no API key: set GEMINI_API_KEY or GOOGLE_API_KEY")?;
                let address = Address::developer(self.developer_base.as_deref());
                Ok(Contact { address, identity: Identity::Key(key), who: "API key".into() })
            }
            Endpoint::Vertex(location) if self.express => {
                if !location.is_global() {
                    return Err("express mode has the global endpoint alone".into());
                }
                let key = self.key.clone().ok_or("express mode needs GOOGLE_API_KEY")?;
                let address = Address::express(self.vertex_base.as_deref());
                Ok(Contact { address, identity: Identity::Key(key), who: "API key, express mode".into() })
            }
            Endpoint::Vertex(location) => {
                let project =
                    self.project.as_deref().ok_or("no project: set GOOGLE_CLOUD_PROJECT or --project")?;
                let address = Address::vertex(self.vertex_base.as_deref(), project, location);
                if self.rehearsal {
                    return Ok(Contact { address, identity: Identity::Nobody, who: "rehearsal".into() });
                }
                let credentials = self.credentials.clone()?;
                let who = format!("{}, project {project}", credentials.origin);
                Ok(Contact { address, identity: Identity::Google(credentials), who })
            }
        }
    }
}

fn project_of(json: &Value) -> Option<String> {
    ["project_id", "quota_project_id"].iter().find_map(|key| Some(json[*key].as_str()?.to_string()))
}

/// A base that a key may be sent to: encrypted, or this machine.
fn safe_base(name: &str, base: String) -> anyhow::Result<String> {
    let rest = base.strip_prefix("http://").map(|rest| rest.split(['/', ':']).next().unwrap_or(""));
    let here = matches!(rest, Some("127.0.0.1" | "localhost" | "[")) || base.starts_with("http://[::1]");
    if base.starts_with("https://") || here {
        return Ok(base);
    }
    bail!(
        "{name} is `{base}`, expected https://…, or http:// on this machine: a key would go out unencrypted"
    )
}
