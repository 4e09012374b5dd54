//! Google credentials as the official libraries resolve them.

use ::http::{Extensions, HeaderMap};
use google_cloud_auth::credentials::{
    Builder, CacheableResource, Credentials as GoogleCredentials, external_account, impersonated,
    service_account, user_account,
};
use serde_json::Value;

use super::http;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Credentials for Vertex AI; tokens are cached and renewed, and print as nothing.
#[derive(Clone)]
pub struct Credentials {
    inner: GoogleCredentials,
    /// Where they come from, for people.
    pub origin: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.origin)
    }
}

impl Credentials {
    /// The application default credentials: `GOOGLE_APPLICATION_CREDENTIALS`, gcloud's file, the metadata server.
    ///
    /// # Errors
    ///
    /// When the file that is named is missing or of no known kind.
    pub fn application_default(quota_project: Option<&str>) -> Result<Credentials, String> {
        http::install_tls();
        let mut builder = Builder::default().with_scopes([SCOPE]);
        if let Some(project) = quota_project {
            builder = builder.with_quota_project_id(project);
        }
        let inner = builder.build().map_err(|error| error.to_string())?;
        Ok(Credentials { inner, origin: "application default credentials".into() })
    }

    /// Credentials whose JSON was given itself, as build servers keep it in a variable.
    ///
    /// # Errors
    ///
    /// When the text is no JSON, or of a kind that is not known; the text is never repeated.
    pub fn from_json(text: &str, quota_project: Option<&str>) -> Result<Credentials, String> {
        http::install_tls();
        let json: Value =
            serde_json::from_str(text).map_err(|_| "the credentials are not JSON".to_string())?;
        let kind = json["type"].as_str().unwrap_or("").to_string();
        macro_rules! built {
            ($module:ident) => {{
                let mut builder = $module::Builder::new(json);
                if let Some(project) = quota_project {
                    builder = builder.with_quota_project_id(project);
                }
                builder.build()
            }};
        }
        let built = match kind.as_str() {
            "service_account" => built!(service_account),
            "authorized_user" => built!(user_account),
            "external_account" => built!(external_account),
            "impersonated_service_account" => built!(impersonated),
            other => {
                return Err(format!(
                    "credentials of type `{other}`, expected service_account, authorized_user, external_account or impersonated_service_account"
                ));
            }
        };
        let inner = built.map_err(|error| error.to_string())?;
        Ok(Credentials { inner, origin: format!("{kind} from the environment") })
    }

    /// The headers of a request.
    pub(super) async fn headers(&self) -> Result<HeaderMap, String> {
        match self.inner.headers(Extensions::new()).await {
            Ok(CacheableResource::New { data, .. }) => Ok(data),
            Ok(CacheableResource::NotModified) => Err("the credentials gave no token".into()),
            Err(error) => Err(format!("{} cannot be used: {error}", self.origin)),
        }
    }
}
