//! The wire: one client for both backends. The only file of the library that opens connections to them.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Client, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use tokio::time::Instant;

use super::{
    answer::Received,
    credentials::Credentials,
    fault::{Failure, Fault},
    key::ApiKey,
};

/// Longest answer that any request may wish to read: twenty pictures of 4K in base64 are below it.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Seconds to reach a server.
const CONNECT_SECONDS: u64 = 20;

/// Seconds until credentials give a token; a machine without a metadata server waits for it in vain.
const CREDENTIALS_SECONDS: u64 = 20;

/// How a request proves who sends it.
#[derive(Clone, Debug)]
pub enum Identity {
    /// An API key: the Developer API, or Vertex AI in express mode.
    Key(ApiKey),
    /// Google credentials: Vertex AI.
    Google(Credentials),
    /// None: the emulator.
    Nobody,
}

/// A client that follows no redirects: a key never goes to a place it was not meant for.
///
/// `direct` leaves the system's proxies aside: the emulator is on this machine.
///
/// # Errors
///
/// When TLS cannot be set up, e.g. without the system's certificates.
pub fn client(direct: bool) -> Result<Client, String> {
    // A provider that is installed already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder();
    let builder = if direct { builder.no_proxy() } else { builder };
    builder
        .redirect(Policy::none())
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS))
        .user_agent(concat!("burndown/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| format!("cannot set up HTTPS: {error}"))
}

/// One POST.
#[derive(Clone, Debug)]
pub struct Post {
    /// Address.
    pub url: String,
    /// Headers beside those of the identity.
    pub headers: Vec<(&'static str, &'static str)>,
    /// JSON.
    pub body: Bytes,
    /// Longest time for the whole answer.
    pub timeout: Duration,
    /// Longest answer that is read, unpacked; what is longer is given up. At most [`ANSWER_BYTES_MAX`].
    pub answer_bytes_max: usize,
}

/// Sends, and reads the answer to its end; a stream too.
///
/// # Errors
///
/// A failure without an HTTP answer: not reached, out of time, broken off, credentials that cannot be used.
/// No text in it holds the key.
pub async fn post(client: &Client, identity: &Identity, post: &Post) -> Result<Received, Failure> {
    let proof = tokio::time::timeout(Duration::from_secs(CREDENTIALS_SECONDS), identity_headers(identity));
    let mut headers = proof.await.map_err(|_| {
        let text = format!("no token from the credentials within {CREDENTIALS_SECONDS} s");
        Failure::of(Fault::Denied, &text)
    })??;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &post.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    // The server gives up when we do, instead of working on for nobody.
    let seconds = HeaderValue::from(post.timeout.as_secs().max(1));
    headers.insert(HeaderName::from_static("x-server-timeout"), seconds);
    let start = Instant::now();
    let sending = client.post(&post.url).headers(headers).body(post.body.clone()).send();
    let whole = async {
        let response = sending.await.map_err(|error| failure(&error, identity))?;
        read(response, identity, post.answer_bytes_max.min(ANSWER_BYTES_MAX)).await
    };
    match tokio::time::timeout(post.timeout, whole).await {
        Ok(Ok(received)) => Ok(Received { seconds: start.elapsed().as_secs_f64(), ..received }),
        Ok(Err(failure)) => Err(failure),
        Err(_) => {
            let text = format!("no whole answer in {} s", post.timeout.as_secs());
            Err(Failure::of(Fault::Timeout, &text))
        }
    }
}

async fn read(mut response: Response, identity: &Identity, bytes_max: usize) -> Result<Received, Failure> {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = retry_after.map(str::to_string);
    let mut body: Vec<u8> = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= bytes_max => body.extend_from_slice(&chunk),
            Ok(Some(_)) => {
                let text = format!("the answer is longer than {} MB", bytes_max / 1024 / 1024);
                return Err(Failure { status: Some(status), ..Failure::of(Fault::Malformed, &text) });
            }
            Ok(None) => break,
            Err(error) => {
                let failure = failure(&error, identity);
                // What broke after the status line was being answered.
                return Err(Failure { fault: Fault::Dropped, status: Some(status), ..failure });
            }
        }
    }
    let body = String::from_utf8(body)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok(Received { status, retry_after, body: hidden(identity, body), seconds: 0.0 })
}

fn failure(error: &reqwest::Error, identity: &Identity) -> Failure {
    let fault = if error.is_connect() || error.is_builder() {
        Fault::Unreachable
    } else if error.is_timeout() {
        Fault::Timeout
    } else {
        Fault::Dropped
    };
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text += &format!(": {inner}");
        cause = inner.source();
    }
    Failure::of(fault, &hidden(identity, text))
}

fn hidden(identity: &Identity, text: String) -> String {
    match identity {
        Identity::Key(key) => key.hidden_in(text),
        Identity::Google(_) | Identity::Nobody => text,
    }
}

async fn identity_headers(identity: &Identity) -> Result<HeaderMap, Failure> {
    let mut headers = match identity {
        Identity::Key(key) => {
            let value = HeaderValue::from_str(key.reveal());
            let value =
                value.map_err(|_| Failure::of(Fault::Denied, "the key holds characters no header may"))?;
            HeaderMap::from_iter([(HeaderName::from_static("x-goog-api-key"), value)])
        }
        Identity::Google(credentials) => {
            credentials.headers().await.map_err(|text| Failure::of(Fault::Denied, &text))?
        }
        Identity::Nobody => {
            HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer nobody"))])
        }
    };
    headers.values_mut().for_each(|value| value.set_sensitive(true));
    Ok(headers)
}
