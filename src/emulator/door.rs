//! Who may come in: keys, tokens, and the endpoints that hand tokens out.
//!
//! Some names of keys, tokens and projects open no door, so that a rehearsal can meet every refusal:
//!
//! | name | answer |
//! | --- | --- |
//! | key beginning with `invalid` | 400, the key is not valid |
//! | key beginning with `no-billing` | 429 of the free tier, limit 0, for pictures; counting is free |
//! | key or project beginning with `api-disabled` | 403, the API is not enabled |
//! | token beginning with `expired` | 401 |
//! | project beginning with `no-permission` | 403, the role is missing |
//! | project beginning with `no-billing` | 403, billing is off |

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    call::{Call, Route, Verb},
    refusal::{FREE_TIER, Refusal},
};
use crate::{
    model::Backend,
    prices::{ModelFacts, ModelKind},
};

/// Refuses a call without the right to make it.
pub(super) fn admit(route: &Route, call: &Call) -> Result<(), Refusal> {
    let key = key_of(call);
    let token = call.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let token = token.map(str::trim).filter(|token| !token.is_empty());
    match (route.backend(), &route.project, key, token) {
        (Backend::Developer, _, Some(key), _) | (Backend::Vertex, None, Some(key), _) => {
            admit_key(route, key)
        }
        (Backend::Developer, _, None, Some(token)) => admit_token(token),
        (Backend::Developer, _, None, None) => Err(Refusal::no_key()),
        (Backend::Vertex, Some(project), _, Some(token)) => {
            admit_token(token)?;
            admit_project(route, project)
        }
        (Backend::Vertex, _, _, _) => Err(Refusal::no_token(false)),
    }
}

fn admit_key(route: &Route, key: &str) -> Result<(), Refusal> {
    match key {
        _ if key.starts_with("invalid") => Err(Refusal::bad_key()),
        _ if key.starts_with("api-disabled") => Err(Refusal::api_disabled(route.backend(), "123456789")),
        _ => Ok(()),
    }
}

/// Refuses to make pictures for a key that nobody pays for: image models have no free tier. Counting is free.
pub(super) fn admit_unpaid(route: &Route, facts: &ModelFacts, call: &Call) -> Result<(), Refusal> {
    let unpaid = key_of(call).is_some_and(|key| key.starts_with("no-billing"));
    if unpaid && facts.kind == ModelKind::Image && route.verb != Verb::Count {
        return Err(Refusal::quota(&route.model, &FREE_TIER));
    }
    Ok(())
}

fn key_of(call: &Call) -> Option<&str> {
    call.header("x-goog-api-key").or_else(|| call.parameter("key")).filter(|key| !key.is_empty())
}

fn admit_token(token: &str) -> Result<(), Refusal> {
    if token.starts_with("expired") { Err(Refusal::no_token(true)) } else { Ok(()) }
}

fn admit_project(route: &Route, project: &str) -> Result<(), Refusal> {
    match project {
        _ if project.starts_with("api-disabled") => Err(Refusal::api_disabled(Backend::Vertex, project)),
        _ if project.starts_with("no-permission") => Err(Refusal::no_permission(&route.resource())),
        _ if project.starts_with("no-billing") => Err(Refusal::no_billing(project)),
        _ => Ok(()),
    }
}

/// An answer of an endpoint that hands out tokens.
pub(super) struct Handed {
    pub status: u16,
    pub body: String,
    /// The metadata server signs its answers with a header.
    pub is_metadata: bool,
}

/// Seconds a token lasts.
const TOKEN_SECONDS: u64 = 3599;
const TOKEN: &str = "emulated-token";
const PROJECT: &str = "emulated-project";
const ACCOUNT: &str = "emulator@emulated-project.iam.gserviceaccount.com";

/// Answers the token endpoints; `None` when the path is none of them.
///
/// `/token`: a signed JWT or a refresh token for an access token (the signature is not checked, there is nobody
/// to check it against). `/v1/token`: workload identity. `…:generateAccessToken`: impersonation.
/// `/computeMetadata/…`: the metadata server.
pub(super) fn hand_out(call: &Call) -> Option<Handed> {
    let json = |status: u16, body: Value| Handed { status, body: body.to_string(), is_metadata: false };
    let token = json!({"access_token": TOKEN, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"});
    let path = call.path.trim_end_matches('/');
    if let Some(rest) = path.strip_prefix("/computeMetadata") {
        return Some(metadata(call, rest, token));
    }
    if call.verb != "POST" {
        return None;
    }
    match path {
        "/token" => Some(match grant(call) {
            Ok(()) => json(200, token),
            Err(why) => json(400, json!({"error": "invalid_grant", "error_description": why})),
        }),
        "/v1/token" => {
            let mut token = token;
            token["issued_token_type"] = json!("urn:ietf:params:oauth:token-type:access_token");
            Some(json(200, token))
        }
        _ if path.ends_with(":generateAccessToken") => Some(match call.header("authorization") {
            Some(_) => json(200, json!({"accessToken": TOKEN, "expireTime": "2099-01-01T00:00:00Z"})),
            None => {
                let refusal = Refusal::no_token(false);
                json(refusal.status, refusal.body)
            }
        }),
        _ => None,
    }
}

/// Whether a body (form or JSON) asks for a token in one of the two known ways.
fn grant(call: &Call) -> Result<(), &'static str> {
    let body = String::from_utf8_lossy(&call.body);
    let field = |name: &str| -> Option<String> {
        if let Ok(Value::Object(object)) = serde_json::from_str(&body) {
            return object.get(name).and_then(Value::as_str).map(str::to_string);
        }
        let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.replace("%3A", ":"))
    };
    match field("grant_type").as_deref() {
        Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => {
            jwt(&field("assertion").ok_or("the assertion is missing")?)
        }
        Some("refresh_token") => field("refresh_token").map(|_| ()).ok_or("the refresh token is missing"),
        _ => Err("expected the grant type jwt-bearer or refresh_token"),
    }
}

/// Whether a JWT has the claims of a service account.
fn jwt(assertion: &str) -> Result<(), &'static str> {
    let parts: Vec<&str> = assertion.split('.').collect();
    let [_, claims, signature] = parts.as_slice() else { return Err("a JWT has three parts") };
    let claims = BASE64_URL_SAFE_NO_PAD
        .decode(claims.trim_end_matches('='))
        .map_err(|_| "the claims are not base64")?;
    let claims: Value = serde_json::from_slice(&claims).map_err(|_| "the claims are not JSON")?;
    let has = |name: &str| claims.get(name).is_some_and(|value| !value.is_null());
    let times = claims["exp"].as_i64().zip(claims["iat"].as_i64());
    match times {
        _ if signature.is_empty() => Err("the JWT is not signed"),
        _ if !has("iss") || !has("scope") => Err("the JWT lacks iss or scope"),
        Some((end, begin)) if end > begin && end - begin <= 3600 => Ok(()),
        _ => Err("the JWT must last an hour at most"),
    }
}

fn metadata(call: &Call, path: &str, token: Value) -> Handed {
    let answer = |status: u16, body: String| Handed { status, body, is_metadata: true };
    // Libraries look for the server itself before they ask it anything.
    if path.is_empty() {
        return answer(200, "v1/\n".into());
    }
    if call.header("metadata-flavor") != Some("Google") {
        return answer(403, "Missing Metadata-Flavor:Google header.".into());
    }
    let account = "/v1/instance/service-accounts/default";
    match path {
        "/v1" | "/v1/instance" => answer(200, "instance/\nproject/\n".into()),
        "/v1/project/project-id" => answer(200, PROJECT.into()),
        "/v1/project/numeric-project-id" => answer(200, "123456789".into()),
        "/v1/universe/universe-domain" | "/v1/universe/universe_domain" => {
            answer(200, "googleapis.com".into())
        }
        _ if path == account => answer(
            200,
            json!({
                "aliases": ["default"], "email": ACCOUNT,
                "scopes": ["https://www.googleapis.com/auth/cloud-platform"]
            })
            .to_string(),
        ),
        _ if path == format!("{account}/token") => answer(200, token.to_string()),
        _ if path == format!("{account}/email") => answer(200, ACCOUNT.into()),
        _ if path == format!("{account}/scopes") => {
            answer(200, "https://www.googleapis.com/auth/cloud-platform\n".into())
        }
        _ => answer(404, "Not Found".into()),
    }
}
