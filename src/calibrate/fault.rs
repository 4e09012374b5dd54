//! Attempts that brought no answer: what went wrong, whether it may be billed, whether to try again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Backend;

/// What went wrong with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 429: too many requests or no capacity.
    Throttled,
    /// 429 of a free-tier metric with limit 0: this key has no billing, waiting does not help.
    NoBilling,
    /// 400: a parameter or a prompt that will never be accepted.
    Rejected,
    /// 401: the token is over; the next attempt gets a new one.
    TokenRefused,
    /// 403, or a key that is not valid.
    Denied,
    /// 404: no such model here.
    NotFound,
    /// 500, 502 and other server errors.
    ServerError,
    /// 503.
    Overloaded,
    /// 504.
    Deadline,
    /// No answer within our own limit.
    Timeout,
    /// The connection broke after the request was sent.
    Dropped,
    /// Status 200 with a body that is not a response.
    Malformed,
    /// Status 200 with the answer of another model than the one that was asked.
    WrongModel,
    /// Nothing was sent: no connection.
    Unreachable,
    /// A redirect; a key is never sent to another place.
    Redirected,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 15] = [
        Fault::Throttled,
        Fault::NoBilling,
        Fault::Rejected,
        Fault::TokenRefused,
        Fault::Denied,
        Fault::NotFound,
        Fault::ServerError,
        Fault::Overloaded,
        Fault::Deadline,
        Fault::Timeout,
        Fault::Dropped,
        Fault::Malformed,
        Fault::WrongModel,
        Fault::Unreachable,
        Fault::Redirected,
    ];

    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Fault::Throttled => "throttled (429)",
            Fault::NoBilling => "no billing on this key (429, free tier with limit 0)",
            Fault::Rejected => "rejected (400)",
            Fault::TokenRefused => "token refused (401)",
            Fault::Denied => "denied (403)",
            Fault::NotFound => "not found (404)",
            Fault::ServerError => "server error (500)",
            Fault::Overloaded => "overloaded (503)",
            Fault::Deadline => "deadline exceeded (504)",
            Fault::Timeout => "no answer in time",
            Fault::Dropped => "connection broken",
            Fault::Malformed => "answer is not a response",
            Fault::WrongModel => "answered by another model",
            Fault::Unreachable => "not reached",
            Fault::Redirected => "redirected",
        }
    }

    /// Whether the attempt may appear on the bill.
    ///
    /// Vertex AI says that it charges requests that return 200 alone; the Developer API says that 400 and 500 are
    /// free, and nothing of 504. A request whose work may have been done counts as billed on both: the budget
    /// holds whatever the pages mean.
    pub fn may_be_billed(self) -> bool {
        matches!(
            self,
            Fault::Timeout | Fault::Dropped | Fault::Malformed | Fault::Deadline | Fault::WrongModel
        )
    }

    /// What to do after it.
    pub fn response(self) -> Response {
        match self {
            Fault::Throttled
            | Fault::TokenRefused
            | Fault::ServerError
            | Fault::Overloaded
            | Fault::Deadline
            | Fault::Timeout
            | Fault::Dropped
            | Fault::Malformed
            | Fault::Unreachable => Response::TryAgain,
            Fault::Rejected => Response::StopCell,
            Fault::NoBilling | Fault::Denied | Fault::NotFound | Fault::Redirected | Fault::WrongModel => {
                Response::StopPlacement
            }
        }
    }
}

/// What to do after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// The same request later.
    TryAgain,
    /// No more requests of this cell: the refusal is a finding.
    StopCell,
    /// No more requests to this placement.
    StopPlacement,
}

/// An attempt without an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What went wrong.
    pub fault: Fault,
    /// HTTP status, where there was one.
    pub status: Option<u16>,
    /// The server's message, shortened.
    pub message: String,
    /// Seconds that the server asks to wait.
    pub wait_seconds: Option<f64>,
    /// Reason word of the error's details, e.g. `SERVICE_DISABLED`.
    pub reason: Option<String>,
}

/// Longest message that is kept.
const MESSAGE_CHARACTERS: usize = 400;

/// Longest wait that a server is believed to mean.
const WAIT_SECONDS_MAX: f64 = 3600.0;

impl Failure {
    /// A failure without an HTTP answer.
    pub fn of(fault: Fault, message: &str) -> Failure {
        Failure { fault, status: None, message: shortened(message), wait_seconds: None, reason: None }
    }

    /// Reads an error answer: Google's envelope, or whatever stands there.
    pub fn read(status: u16, retry_after: Option<&str>, body: &str) -> Failure {
        let json: Value = serde_json::from_str(body).unwrap_or_default();
        let json = json.as_array().and_then(|list| list.first()).unwrap_or(&json);
        let error = &json["error"];
        let message = error["message"].as_str().unwrap_or(body.trim());
        let details = error["details"].as_array().map(Vec::as_slice).unwrap_or_default();
        let wait = retry_info(details).or_else(|| wait_in_words(message));
        let header = || retry_after.and_then(|text| text.trim().parse().ok());
        Failure {
            fault: fault_of(status, message, details),
            status: Some(status),
            message: shortened(message),
            wait_seconds: wait.or_else(header).filter(|wait: &f64| (0.0..=WAIT_SECONDS_MAX).contains(wait)),
            reason: details.iter().find_map(|detail| Some(detail["reason"].as_str()?.to_string())),
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(MESSAGE_CHARACTERS).collect()
}

fn fault_of(status: u16, message: &str, details: &[Value]) -> Fault {
    match status {
        429 if without_billing(message, details) => Fault::NoBilling,
        429 => Fault::Throttled,
        400 if message.contains("API key not valid") || message.contains("API Key not found") => {
            Fault::Denied
        }
        400 if message.contains("location is not supported") => Fault::Denied,
        401 => Fault::TokenRefused,
        403 => Fault::Denied,
        404 => Fault::NotFound,
        300..=399 => Fault::Redirected,
        408 => Fault::Deadline,
        400..=499 => Fault::Rejected,
        503 => Fault::Overloaded,
        504 => Fault::Deadline,
        _ => Fault::ServerError,
    }
}

/// A quota of the free tier whose limit is 0: the account behind the key pays nothing and gets nothing.
fn without_billing(message: &str, details: &[Value]) -> bool {
    let in_words = message.contains("free_tier") && message.contains("limit: 0");
    let violations = details.iter().filter_map(|detail| detail["violations"].as_array()).flatten();
    let is_free = |violation: &&Value| {
        ["quotaMetric", "quotaId"].iter().any(|key| {
            let text = violation[*key].as_str().unwrap_or("");
            text.contains("free_tier") || text.contains("FreeTier")
        })
    };
    let mut free = violations.filter(is_free);
    in_words || free.any(|violation| violation["quotaValue"].as_str() == Some("0"))
}

/// `google.rpc.RetryInfo`: `"retryDelay": "34.4s"`.
fn retry_info(details: &[Value]) -> Option<f64> {
    let delay = details.iter().find_map(|detail| detail["retryDelay"].as_str())?;
    delay.strip_suffix('s')?.parse().ok()
}

/// "Please retry in 11.769242877s."
fn wait_in_words(message: &str) -> Option<f64> {
    let rest = message.split_once("retry in ")?.1;
    let number: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    rest[number.len()..].starts_with('s').then(|| number.parse().ok()).flatten()
}

/// What a person can do about a refusal: a sentence with the command, where one is known.
pub fn remedy(backend: Backend, failure: &Failure, project: Option<&str>) -> Option<String> {
    let project = project.unwrap_or("PROJECT");
    let service = match backend {
        Backend::Developer => "generativelanguage.googleapis.com",
        Backend::Vertex => "aiplatform.googleapis.com",
    };
    let says = |text: &str| failure.message.contains(text) || failure.reason.as_deref() == Some(text);
    let advice = if says("SERVICE_DISABLED") || says("has not been used in project") {
        format!("switch the API on: gcloud services enable {service} --project {project}")
    } else if says("BILLING_DISABLED") || says("requires billing to be enabled") {
        format!("link billing: gcloud billing projects link {project} --billing-account ACCOUNT")
    } else if says("quota project") || says("USER_PROJECT_DENIED") {
        format!("set a quota project: gcloud auth application-default set-quota-project {project}")
    } else if failure.fault == Fault::NoBilling {
        "this key's project has no billing: link a billing account in AI Studio (Dashboard, Set up billing)"
            .into()
    } else if failure.fault == Fault::Denied && backend == Backend::Vertex {
        format!(
            "grant the role: gcloud projects add-iam-policy-binding {project} --member ACCOUNT --role roles/aiplatform.user"
        )
    } else if failure.fault == Fault::Denied {
        "make a key in AI Studio (https://aistudio.google.com/apikey) and set GEMINI_API_KEY".into()
    } else if failure.fault == Fault::NotFound {
        "the model is not served here: choose another location, or leave the placement away".into()
    } else {
        return None;
    };
    Some(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, fault: Fault, wait: Option<f64>) {
        let found = Failure::read(status, None, body);
        assert_eq!((found.fault, found.wait_seconds), (fault, wait), "{body}");
    }

    const QUOTA: &str = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"You exceeded your current quota\n* Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_paid_tier_requests, limit: 20\nPlease retry in 11.769242877s.","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.4s"}]}}"#;

    #[test]
    fn faults_are_told_by_status_and_details() {
        check(429, QUOTA, Fault::Throttled, Some(34.4));
        check(
            429,
            r#"{"error":{"message":"Please retry in 11.769242877s."}}"#,
            Fault::Throttled,
            Some(11.769242877),
        );
        let vertex = r#"[{"error":{"code":429,"message":"Resource exhausted. Please try again later."}}]"#;
        check(429, vertex, Fault::Throttled, None);
        let free = r#"{"error":{"message":"Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 0, model: gemini-3-pro-image"}}"#;
        check(429, free, Fault::NoBilling, None);
        let free = r#"{"error":{"message":"quota","details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier","quotaValue":"0"}]}]}}"#;
        check(429, free, Fault::NoBilling, None);
        let refused = r#"{"error":{"code":400,"message":"Media resolution is not enabled for this model"}}"#;
        check(400, refused, Fault::Rejected, None);
        check(400, r#"{"error":{"message":"API key not valid."}}"#, Fault::Denied, None);
        check(503, "<html>", Fault::Overloaded, None);
        check(504, "", Fault::Deadline, None);
        check(302, "", Fault::Redirected, None);
        check(418, "", Fault::Rejected, None);
        assert_eq!(Failure::read(429, Some("7"), "").wait_seconds, Some(7.0));
        assert_eq!(Failure::read(429, Some("-7"), "").wait_seconds, None);
    }

    #[test]
    fn only_what_may_have_been_answered_may_be_billed() {
        for fault in [Fault::Timeout, Fault::Dropped, Fault::Malformed, Fault::Deadline, Fault::WrongModel] {
            assert!(fault.may_be_billed(), "{fault:?}");
        }
        for fault in [Fault::Throttled, Fault::Rejected, Fault::Overloaded, Fault::Unreachable] {
            assert!(!fault.may_be_billed(), "{fault:?}");
        }
    }

    #[test]
    fn refusals_name_the_command_that_helps() {
        let failure = |body: &str| Failure::read(403, None, body);
        let advice = |body: &str| remedy(Backend::Vertex, &failure(body), Some("shop")).unwrap();
        let disabled = r#"{"error":{"message":"x","details":[{"reason":"SERVICE_DISABLED"}]}}"#;
        assert_eq!(
            advice(disabled),
            "switch the API on: gcloud services enable aiplatform.googleapis.com --project shop"
        );
        assert!(advice(r#"{"error":{"message":"no"}}"#).contains("roles/aiplatform.user"));
    }
}
