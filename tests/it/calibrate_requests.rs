//! Requests of a calibration, held against those that the SDK sends.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpListener,
    time::Duration,
};

use burndown::{
    calibrate::{
        Address, ApiKey, Ask, Identity, Method, Picture, Post, Resolution, client, post, tier_headers,
    },
    model::{Backend, Endpoint, ImageSize, MediaResolution, ThinkingLevel, Tier},
};
use serde_json::{Value, json};

/// A request as it arrived: request line, headers in lower case, body.
struct Arrived {
    path: String,
    headers: BTreeMap<String, String>,
    body: Value,
}

/// Takes one request on loopback and answers `{}`.
fn one_request(send: impl FnOnce(&str)) -> Arrived {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut bytes, mut buffer) = (Vec::new(), [0; 65536]);
        loop {
            let count = stream.read(&mut buffer).unwrap();
            bytes.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let headers: BTreeMap<String, String> = head
                .lines()
                .skip(1)
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_string()))
                .collect();
            if body.len() < headers["content-length"].parse().unwrap() {
                continue;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
            let path = head.split(' ').nth(1).unwrap().to_string();
            return Arrived { path, headers, body: serde_json::from_str(body).unwrap() };
        }
    });
    send(&base);
    server.join().unwrap()
}

/// Keys in camelCase, empty objects left away: the SDK mixes spellings and sends an empty configuration.
fn normalised(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| (camel(key), normalised(value)));
            Value::Object(entries.filter(|(_, value)| *value != json!({})).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(normalised).collect()),
        other => other.clone(),
    }
}

fn camel(key: &str) -> String {
    let mut parts = key.split('_');
    let first = parts.next().unwrap().to_string();
    first + &parts.map(|part| part[..1].to_uppercase() + &part[1..]).collect::<String>()
}

/// What the recorded call asks, in our words; `None` for what is not offered.
fn ask_of(call: &str, body: &Value) -> Option<(Ask, Tier)> {
    let parts = body["contents"][0]["parts"].as_array().unwrap();
    let prompt = parts[0]["text"].as_str().unwrap().to_string();
    let picture = |part: &Value| Picture {
        mime: "image/png".into(),
        data: part["inlineData"]["data"].as_str().unwrap().into(),
    };
    let plain = Ask { prompt, pictures: parts[1..].iter().map(picture).collect(), ..Ask::default() };
    let both = Some(vec!["TEXT", "IMAGE"]);
    let ask = match call {
        "count_tokens" | "stream" | "timeout" | "vertex_headers" | "service_tier" => plain,
        "text_to_image" | "edit" => Ask { modalities: both, ..plain },
        "image_config" => Ask {
            modalities: Some(vec!["IMAGE"]),
            output_size: Some(ImageSize::TwoK),
            aspect_ratio: Some("16:9".into()),
            ..plain
        },
        "media_resolution_config" => {
            Ask { resolution: Some(Resolution::Whole(MediaResolution::High)), ..plain }
        }
        "media_resolution_part" => {
            Ask { resolution: Some(Resolution::EachPart(MediaResolution::High)), ..plain }
        }
        "thinking_level" => {
            Ask { thinking_level: Some(ThinkingLevel::High), include_thoughts: Some(true), ..plain }
        }
        "thinking_hidden" => Ask { include_thoughts: Some(false), ..plain },
        // Labels are not sent; a part's bare resolution is the SDK's own fault, which loses the level.
        "labels" | "media_resolution_part_bare" => return None,
        other => panic!("a new recorded call: {other}"),
    };
    let flex = matches!(call, "service_tier" | "vertex_headers");
    Some((ask, if flex { Tier::Flex } else { Tier::Standard }))
}

/// Every recorded call of the SDK, sent by us: same address, same kind of proof, same body.
#[test]
fn our_requests_agree_with_those_of_the_sdk() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sdk_requests");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = client(true).unwrap();
    let mut compared = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let row: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let text = |key: &str| row[key].as_str().unwrap();
        let (backend, call) = (text("backend"), text("call"));
        let Some((ask, tier)) = ask_of(call, &row["body"]) else { continue };
        // In the body the tier is the Developer API's; Vertex AI takes it from headers alone.
        if (backend, call) == ("vertex", "service_tier") {
            continue;
        }
        let recorded_version = text("path").split('/').nth(1).unwrap().to_string();
        let arrived = one_request(|base| {
            let (address, endpoint, identity) = match backend {
                "developer" => (Address::developer(Some(base)), Endpoint::Developer, key()),
                "express" => (Address::express(Some(base)), Endpoint::of(Backend::Vertex), key()),
                _ => {
                    let global = "global".parse().unwrap();
                    let address = Address::vertex(Some(base), "p1", &global);
                    (address, Endpoint::Vertex(global), Identity::Nobody)
                }
            };
            let address = Address { version: recorded_version, ..address };
            let method = match call {
                "count_tokens" => Method::Count,
                "stream" => Method::Stream,
                _ => Method::Generate,
            };
            let body = match method {
                Method::Count => ask.count_body(),
                _ => ask.body(endpoint.backend(), tier),
            };
            let request = Post {
                answer_bytes_max: 1 << 20,
                url: address.of(&"gemini-3-pro-image".into(), method),
                headers: tier_headers(&endpoint, tier),
                body: body.to_string().into(),
                timeout: Duration::from_secs(
                    row["headers"]["x-server-timeout"].as_str().map_or(30, |text| text.parse().unwrap()),
                ),
            };
            runtime.block_on(post(&client, &identity, &request)).unwrap();
        });
        let query = text("query");
        let whole = if query.is_empty() { text("path").into() } else { format!("{}?{query}", text("path")) };
        assert_eq!(arrived.path, whole, "{path:?}");
        assert_eq!(normalised(&arrived.body), normalised(&row["body"]), "{path:?}");
        for (name, value) in row["headers"].as_object().unwrap() {
            let (ours, theirs) = (arrived.headers.get(name), value.as_str().unwrap());
            let ours = ours.unwrap_or_else(|| panic!("{path:?}: no {name}"));
            match name.as_str() {
                // A made-up token is as good as another.
                "authorization" => assert!(ours.starts_with("Bearer ")),
                _ => assert_eq!(ours, theirs, "{path:?}: {name}"),
            }
        }
        compared += 1;
    }
    assert!(compared >= 20, "{compared} compared");
}

fn key() -> Identity {
    Identity::Key(ApiKey::new("made-up-key").unwrap())
}
