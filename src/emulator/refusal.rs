//! Error answers, word for word as the backends give them where the words are known.

use serde_json::{Value, json};

use crate::model::Backend;

/// An error answer: HTTP status and body.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Google's envelope: `{"error": {"code", "message", "status", "details"}}`.
    pub body: Value,
}

const RPC: &str = "type.googleapis.com/google.rpc";

/// Google's word for an HTTP status.
fn word(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        501 => "UNIMPLEMENTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}

impl Refusal {
    fn new(status: u16, message: impl Into<String>) -> Refusal {
        let error = json!({"code": status, "message": message.into(), "status": word(status)});
        Refusal { status, body: json!({ "error": error }) }
    }

    fn with(mut self, detail: Value) -> Refusal {
        let error = self.body["error"].as_object_mut().expect("an error is an object");
        let details = error.entry("details").or_insert_with(|| json!([]));
        details.as_array_mut().expect("details are a list").push(detail);
        self
    }

    /// What the body says, in one line.
    pub fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }

    /// 400 with a message.
    pub(super) fn argument(message: impl Into<String>) -> Refusal {
        Refusal::new(400, message)
    }

    /// 400: a field that the message type does not have. Source: answers to `generationConfig.thinkingLevel`.
    pub(super) fn unknown_name(name: &str, at: &str) -> Refusal {
        let place = if at.is_empty() { String::new() } else { format!(" at '{at}'") };
        let found =
            format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field.");
        let violation = if at.is_empty() {
            json!({ "description": found })
        } else {
            json!({ "field": at, "description": found })
        };
        Refusal::argument(found).with(json!({
            "@type": format!("{RPC}.BadRequest"), "fieldViolations": [violation]
        }))
    }

    /// 400: a value of a field.
    pub(super) fn invalid_value(at: &str, kind: &str, value: &str) -> Refusal {
        let found = format!("Invalid value at '{at}' ({kind}), \"{value}\"");
        Refusal::argument(found.clone()).with(json!({
            "@type": format!("{RPC}.BadRequest"), "fieldViolations": [{"field": at, "description": found}]
        }))
    }

    /// 400: the body is not JSON.
    pub(super) fn not_json(why: &str) -> Refusal {
        Refusal::argument(format!("Invalid JSON payload received. {why}"))
    }

    /// 400 of Vertex AI: a content without a role.
    pub(super) fn role() -> Refusal {
        Refusal::argument("Please use a valid role: user, model.")
    }

    /// 404: nobody serves this path.
    pub(super) fn no_route(path: &str) -> Refusal {
        Refusal::new(404, format!("The requested URL {path} was not found on this server."))
    }

    /// 404: a model that never was, is over, or is not served there.
    pub(super) fn model(
        backend: Backend,
        resource: &str,
        version: &str,
        verb: &str,
        retired: bool,
    ) -> Refusal {
        Refusal::new(
            404,
            match (backend, retired) {
                (Backend::Developer, true) => format!(
                    "This model {resource} is no longer available to new users. Please update your code to use a newer model for the latest features and improvements."
                ),
                (Backend::Developer, false) => format!(
                    "{resource} is not found for API version {version}, or is not supported for {verb}. Call ListModels to see the list of available models and their supported methods."
                ),
                (Backend::Vertex, _) => format!(
                    "Publisher Model `{resource}` was not found or your project does not have access to it. Please ensure you are using a valid model version. For more information, see: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions"
                ),
            },
        )
    }

    /// 403 of the Developer API: no key at all.
    pub(super) fn no_key() -> Refusal {
        Refusal::new(
            403,
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
        )
    }

    /// 400: a key that is none.
    pub(super) fn bad_key() -> Refusal {
        Refusal::argument("API key not valid. Please pass a valid API key.")
            .with(error_info("API_KEY_INVALID", json!({"service": "generativelanguage.googleapis.com"})))
    }

    /// 401 of Vertex AI: no token, or one that is over.
    pub(super) fn no_token(expired: bool) -> Refusal {
        let (message, reason) = if expired {
            (
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
                "ACCESS_TOKEN_EXPIRED",
            )
        } else {
            (
                "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
                "CREDENTIALS_MISSING",
            )
        };
        let metadata = json!({"service": "aiplatform.googleapis.com"});
        Refusal::new(401, message).with(error_info(reason, metadata))
    }

    /// 403: the project has not switched the API on.
    pub(super) fn api_disabled(backend: Backend, project: &str) -> Refusal {
        let (service, name) = match backend {
            Backend::Developer => ("generativelanguage.googleapis.com", "Generative Language API"),
            Backend::Vertex => ("aiplatform.googleapis.com", "Vertex AI API"),
        };
        let url =
            format!("https://console.developers.google.com/apis/api/{service}/overview?project={project}");
        Refusal::new(
            403,
            format!(
                "{name} has not been used in project {project} before or it is disabled. Enable it by visiting {url} then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry."
            ),
        )
        .with(error_info(
            "SERVICE_DISABLED",
            json!({
                "activationUrl": url, "consumer": format!("projects/{project}"), "service": service,
                "serviceTitle": name
            }),
        ))
    }

    /// 403 of Vertex AI: the caller may not call the model.
    pub(super) fn no_permission(resource: &str) -> Refusal {
        Refusal::new(
            403,
            format!(
                "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/{resource}' (or it may not exist)."
            ),
        )
        .with(error_info(
            "IAM_PERMISSION_DENIED",
            json!({"permission": "aiplatform.endpoints.predict", "resource": resource}),
        ))
    }

    /// 403 of Vertex AI: nobody pays for the project.
    pub(super) fn no_billing(project: &str) -> Refusal {
        Refusal::new(
            403,
            format!(
                "This API method requires billing to be enabled. Please enable billing on project #{project} by visiting https://console.developers.google.com/billing/enable?project={project} then retry. If you enabled billing for this project recently, wait a few minutes for the action to propagate to our systems and retry."
            ),
        )
        .with(error_info("BILLING_DISABLED", json!({"consumer": format!("projects/{project}")})))
    }

    /// 429 without a hint when to come back.
    pub(super) fn busy(backend: Backend) -> Refusal {
        Refusal::new(
            429,
            match backend {
                Backend::Developer => "Resource has been exhausted (e.g. check quota).",
                Backend::Vertex => {
                    "Resource exhausted. Please try again later. Please refer to https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details."
                }
            },
        )
    }

    /// 429 of a quota of the Developer API, with `QuotaFailure` and, where given, `RetryInfo`.
    pub(super) fn quota(model: &str, quota: &Quota) -> Refusal {
        let metric = format!("generativelanguage.googleapis.com/{}", quota.metric);
        let retry =
            quota.retry_seconds.map(|seconds| format!("\nPlease retry in {seconds}s.")).unwrap_or_default();
        let message = format!(
            "You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.\n* Quota exceeded for metric: {metric}, limit: {}, model: {model}{retry}",
            quota.limit
        );
        let refusal = Refusal::new(429, message)
            .with(json!({
                "@type": format!("{RPC}.Help"),
                "links": [{
                    "description": "Learn more about Gemini API quotas",
                    "url": "https://ai.google.dev/gemini-api/docs/rate-limits"
                }]
            }))
            .with(json!({
                "@type": format!("{RPC}.QuotaFailure"),
                "violations": [{
                    "quotaMetric": metric, "quotaId": quota.id,
                    "quotaDimensions": {"location": "global", "model": model},
                    "quotaValue": quota.limit.to_string()
                }]
            }));
        match quota.retry_seconds {
            Some(seconds) => refusal
                .with(json!({"@type": format!("{RPC}.RetryInfo"), "retryDelay": format!("{seconds}s")})),
            None => refusal,
        }
    }

    /// 500.
    pub(super) fn internal() -> Refusal {
        Refusal::new(
            500,
            "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
        )
    }

    /// 503.
    pub(super) fn overloaded() -> Refusal {
        Refusal::new(503, "The model is overloaded. Please try again later.")
    }

    /// 504.
    pub(super) fn deadline() -> Refusal {
        Refusal::new(504, "Deadline expired before operation could complete.")
    }
}

fn error_info(reason: &str, metadata: Value) -> Value {
    json!({
        "@type": format!("{RPC}.ErrorInfo"), "reason": reason, "domain": "googleapis.com", "metadata": metadata
    })
}

/// A quota that was run into.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quota {
    /// Name of the metric, without the service.
    pub metric: &'static str,
    pub id: &'static str,
    pub limit: u64,
    /// When to come back.
    pub retry_seconds: Option<f64>,
}

/// The quota of a key without billing: image models have no free tier.
pub(super) const FREE_TIER: Quota = Quota {
    metric: "generate_content_free_tier_requests",
    id: "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
    limit: 0,
    retry_seconds: Some(34.4),
};

/// A minute's input tokens of a paying project.
pub(super) const PAID_TIER: Quota = Quota {
    metric: "generate_content_paid_tier_input_token_count",
    id: "GenerateContentPaidTierInputTokensPerModelPerMinute",
    limit: 1_000_000,
    retry_seconds: None,
};
