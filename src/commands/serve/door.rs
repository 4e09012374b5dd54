//! Who may come in: this machine's own browser, on the page it was given.
//!
//! A page of any other site can make a browser send requests to loopback, and can make its own name point there
//! (DNS rebinding). Such requests carry the stranger's name as `Host` or as `Origin`, and are refused by it.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// Whether a request is let in; else what it is told.
pub(super) fn admit(
    method: &Method,
    headers: &HeaderMap,
    port: u16,
) -> Result<(), (StatusCode, &'static str)> {
    let one = |name: header::HeaderName| {
        let mut all = headers.get_all(name).iter();
        match (all.next(), all.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    };
    let hosts = ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}"));
    let Some(host) = one(header::HOST).filter(|host| hosts.iter().any(|own| own == host)) else {
        return Err((
            StatusCode::MISDIRECTED_REQUEST,
            "this page has another address: the one that was printed",
        ));
    };
    let is_own = |origin: &str| origin.strip_prefix("http://") == Some(host);
    let stranger = (StatusCode::FORBIDDEN, "only the page itself may ask this");
    match (headers.contains_key(header::ORIGIN), one(header::ORIGIN)) {
        (true, Some(origin)) if is_own(origin) => Ok(()),
        (true, _) => Err(stranger),
        (false, _) if *method == Method::GET || *method == Method::HEAD => Ok(()),
        // Browsers name the origin of every POST.
        (false, _) => Err(stranger),
    }
}

/// Headers of every answer: nothing from elsewhere runs, is shown, or shows this.
pub(super) const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// Adds [`HEADERS`].
pub(super) fn harden(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(*name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(method: Method, headers: &[(&'static str, &'static str)]) -> Option<u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        admit(&method, &map, 8765).err().map(|(status, _)| status.as_u16())
    }

    #[test]
    fn the_own_names_are_let_in_and_no_other() {
        for host in ["127.0.0.1:8765", "localhost:8765", "[::1]:8765"] {
            assert_eq!(admitted(Method::GET, &[("host", host)]), None, "{host}");
        }
        for host in
            ["127.0.0.1", "127.0.0.1:80", "evil.example:8765", "localhost.evil.example:8765", "0.0.0.0:8765"]
        {
            assert_eq!(admitted(Method::GET, &[("host", host)]), Some(421), "{host}");
        }
        assert_eq!(admitted(Method::GET, &[]), Some(421));
        assert_eq!(admitted(Method::GET, &[("host", "localhost:8765"), ("host", "a:1")]), Some(421));
    }

    #[test]
    fn a_post_names_the_page_it_comes_from() {
        let own = ("host", "localhost:8765");
        let post = |origin| admitted(Method::POST, &[own, ("origin", origin)]);
        assert_eq!(post("http://localhost:8765"), None);
        for origin in ["null", "http://evil.example", "https://localhost:8765", "http://127.0.0.1:8765"] {
            assert_eq!(post(origin), Some(403), "{origin}");
        }
        assert_eq!(admitted(Method::POST, &[own]), Some(403));
        assert_eq!(admitted(Method::DELETE, &[own]), Some(403));
        // A page of another site that reads ours names itself, too.
        assert_eq!(admitted(Method::GET, &[own, ("origin", "http://evil.example")]), Some(403));
    }
}
