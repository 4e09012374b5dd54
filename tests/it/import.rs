//! Logs of every kind, broken ones too: what is read, what is left out and why.

use std::io::{Cursor, Read, Write};

use burndown::{
    import::{Collected, Collector, LogFormat, Progress, Settings, Stop, read_log},
    model::{Backend, ImageSize},
    usage::{Observation, read_response},
};

use crate::{cli::burndown, data, import_log::synthetic_log};

/// Every row kept one by one.
pub fn settings() -> Settings {
    Settings { keep: 1_000_000, ..Settings::default() }
}

/// Reads texts under their names.
pub fn collect(parts: &[(&str, &[u8])], settings: &Settings) -> Result<Collected, Stop> {
    let mut collector = Collector::default();
    for (name, text) in parts {
        read_log(*text, name, settings, &Progress::default(), &mut collector)?;
    }
    Ok(collector.finish())
}

/// Reads one text.
pub fn read(text: &str) -> Collected {
    collect(&[("log", text.as_bytes())], &settings()).unwrap()
}

#[track_caller]
fn one(text: &str) -> Observation {
    let found = read(text);
    assert!(found.left_out.is_empty(), "{:?}", found.left_out);
    let observations = found.observations.unwrap();
    assert_eq!(observations.len(), 1, "{observations:?}");
    observations.into_iter().next().unwrap()
}

/// `reason × n` of what was left out.
fn reasons(found: &Collected) -> Vec<String> {
    found.left_out.iter().map(|(reason, left)| format!("{reason} × {}", left.n)).collect()
}

/// Every recorded body: an import takes the same tokens from it as a quote.
#[test]
fn recorded_bodies_are_imported_as_they_are_quoted() {
    let file: toml::Table = data("responses.toml").parse().unwrap();
    let mut seen = 0;
    for case in file["response"].as_array().unwrap() {
        let name = case["file"].as_str().unwrap();
        let text = data(name);
        let found = one(&text);
        match read_response(&text) {
            Ok(reading) => {
                assert_eq!(found.classes().0, reading.tokens, "{name}");
                assert_eq!(found.image_parts, Some(reading.image_parts), "{name}");
                assert_eq!(found.backend, reading.backend.map(|told| told.value), "{name}");
                assert_eq!(found.finish_reason, reading.finish_reason, "{name}");
            }
            Err(_) => assert!(found.usage.is_none() && found.status.unwrap() >= 400, "{name}"),
        }
        seen += 1;
    }
    assert!(seen >= 45, "{seen}");
}

#[test]
fn a_batch_output_line_has_its_request_beside_it() {
    let found = one(
        r#"{"request":{"contents":[{"parts":[{"fileData":{"mimeType":"image/png","fileUri":"gs://x"}}]}],"generationConfig":{"imageConfig":{"imageSize":"2K"}}},"status":"","response":{"usageMetadata":{"promptTokenCount":570,"candidatesTokenCount":1120,"totalTokenCount":1690,"trafficType":"ON_DEMAND"},"candidates":[],"modelVersion":"gemini-3-pro-image"},"processed_time":"2026-11-01T00:00:00Z"}"#,
    );
    assert_eq!((found.shape.input_images, found.shape.output_size), (Some(1), Some(ImageSize::TwoK)));
    assert_eq!(found.backend, Some(Backend::Vertex));
}

#[test]
fn a_row_of_the_vertex_log_tells_place_time_and_latency_in_each_form() {
    let response = r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":29,"thoughtsTokenCount":901,"totalTokenCount":933,"trafficType":"PROVISIONED_THROUGHPUT","billablePromptUsage":{"textCount":11}},"modelVersion":"gemini-2.5-pro"}"#;
    let request = r#"{"contents":[{"parts":[{"text":"x"}]}],"labels":{"feature":"a"}}"#;
    let rest = r#""logging_time":"2026-11-20 12:34:56.789 UTC","endpoint":"projects/p/locations/europe-west4/publishers/google/models/gemini-2.5-pro","model":"publishers/google/models/gemini-2.5-pro","api_method":"GenerateContent","metadata":{"request_latency":11225.994}"#;
    let text = |json: &str| serde_json::to_string(json).unwrap();
    let forms = [
        format!(r#"{{{rest},"full_request":{request},"full_response":{response}}}"#),
        format!(r#"{{{rest},"full_request":{},"full_response":{}}}"#, text(request), text(response)),
        format!(
            r#"{{{rest},"request_payload":[{}],"response_payload":[{}]}}"#,
            text(request),
            text(response)
        ),
    ];
    let csv = format!(
        "logging_time,endpoint,model,metadata,full_request,full_response\n2026-11-20 12:34:56.789 UTC,projects/p/locations/europe-west4/x,publishers/google/models/gemini-2.5-pro,\"{}\",\"{}\",\"{}\"\n",
        r#"{"request_latency":11225.994}"#.replace('"', "\"\""),
        request.replace('"', "\"\""),
        response.replace('"', "\"\"")
    );
    for form in forms.iter().chain([&csv]) {
        let found = one(form);
        assert_eq!(found.location.as_deref(), Some("europe-west4"), "{form}");
        assert_eq!(found.at.as_deref(), Some("2026-11-20T12:34:56.789Z"));
        assert_eq!(found.latency_seconds, Some(11.225994));
        assert_eq!(
            (found.backend, found.traffic().as_deref()),
            (Some(Backend::Vertex), Some("PROVISIONED_THROUGHPUT"))
        );
        assert_eq!(found.counts().0.thoughts, Some(901));
        assert_eq!(found.shape.input_images, Some(0));
        let by_label = Settings { route_by: "labels.feature".parse().unwrap(), ..settings() };
        let routed = collect(&[("log", form.as_bytes())], &by_label).unwrap();
        assert_eq!(routed.aggregates.cells.keys().next().unwrap().route, "a");
    }
}

#[test]
fn a_spend_log_of_litellm_counts_thinking_apart() {
    let found = one(
        r#"{"request_id":"1","call_type":"acompletion","api_key":"sk-secret","spend":0.1,"total_tokens":1355,"prompt_tokens":10,"completion_tokens":1345,"startTime":"2026-11-20 10:00:00.000","endTime":"2026-11-20 10:00:20.500","model":"gemini/gemini-3-pro-image-preview","custom_llm_provider":"gemini","metadata":"{\"usage_object\":{\"completion_tokens\":1345,\"prompt_tokens\":10,\"total_tokens\":1355,\"completion_tokens_details\":{\"image_tokens\":1120,\"reasoning_tokens\":225,\"text_tokens\":0},\"prompt_tokens_details\":{\"text_tokens\":10}}}","status":"success","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}"#,
    );
    let (counts, _) = found.counts();
    assert_eq!((counts.candidates, counts.thoughts, counts.total), (Some(1120), Some(225), Some(1355)));
    assert_eq!((found.backend, found.latency_seconds), (Some(Backend::Developer), Some(20.5)));
    assert_eq!(found.shape.input_images, Some(1));
    assert!(!serde_json::to_string(&found).unwrap().contains("secret"));
}

#[test]
fn langfuse_generations_are_read_and_other_observations_are_not() {
    let generation = r#"{"id":"a","traceId":"t","type":"GENERATION","startTime":"2026-11-20T10:00:00Z","endTime":"2026-11-20T10:00:02Z","model":"gemini-2.5-flash","usageDetails":{"input":15,"output":359,"output_reasoning_tokens":661,"total":1035},"level":"DEFAULT"}"#;
    let found = one(generation);
    let (counts, _) = found.counts();
    assert_eq!((counts.prompt, counts.candidates, counts.thoughts), (Some(15), Some(359), Some(661)));
    assert_eq!(found.latency_seconds, Some(2.0));
    // ClickHouse's and the blob export's spelling, thinking within the output.
    let found = one(
        r#"{"id":"a","trace_id":"t","type":"GENERATION","start_time":"2026-11-20 10:00:00.000000","provided_model_name":"gemini-2.5-flash","usage_details":{"input":361,"output":414,"output_reasoning":53,"total":775}}"#,
    );
    assert_eq!(found.counts().0.candidates, Some(361));
    let span = read(r#"{"id":"b","traceId":"t","type":"SPAN","startTime":"2026-11-20T10:00:00Z"}"#);
    assert_eq!(reasons(&span), ["not a call to a Gemini model: an observation that is no generation × 1"]);
    let list = read(&format!(r#"{{"data":[{generation},{generation}],"meta":{{"page":1}}}}"#));
    assert_eq!(list.rows, 2);
}

#[test]
fn a_request_of_helicone_is_read_with_its_body_and_without() {
    let whole = r#"{"request_id":"1","request_created_at":"2026-11-20T10:00:00Z","request_path":"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent","request_model":"gemini-2.5-flash","provider":"GOOGLE","response_status":200,"delay_ms":1500,"request_body":{"contents":[{"parts":[{"text":"x"}]}]},"response_body":{"candidates":[{"content":{"parts":[{"text":"y"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":15,"candidatesTokenCount":359,"thoughtsTokenCount":661,"totalTokenCount":1035}}}"#;
    let bare = r#"{"request_id":"1","request_created_at":"2026-11-20T10:00:00Z","request_path":"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent","request_model":"gemini-2.5-flash","provider":"GOOGLE","response_status":200,"delay_ms":1500,"prompt_tokens":15,"completion_tokens":359,"reasoning_tokens":661,"total_tokens":1035}"#;
    for text in [whole, bare] {
        let found = one(text);
        let (counts, _) = found.counts();
        assert_eq!(
            (counts.prompt, counts.candidates, counts.thoughts),
            (Some(15), Some(359), Some(661)),
            "{text}"
        );
        assert_eq!((found.backend, found.latency_seconds), (Some(Backend::Developer), Some(1.5)));
        assert_eq!(found.model, "gemini-2.5-flash");
    }
}

#[test]
fn a_genai_span_is_an_attempt_and_a_tool_span_is_none() {
    let attribute = |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{value}}}"#);
    let attributes = [
        attribute("gen_ai.operation.name", r#"{"stringValue":"generate_content"}"#),
        attribute("gen_ai.provider.name", r#"{"stringValue":"gcp.vertex_ai"}"#),
        attribute("gen_ai.request.model", r#"{"stringValue":"gemini-2.5-flash"}"#),
        attribute("gen_ai.usage.input_tokens", r#"{"intValue":"361"}"#),
        attribute("gen_ai.usage.output_tokens", r#"{"intValue":414}"#),
        attribute("gen_ai.usage.reasoning.output_tokens", r#"{"intValue":"53"}"#),
        attribute("server.address", r#"{"stringValue":"us-central1-aiplatform.googleapis.com"}"#),
        attribute("gen_ai.response.finish_reasons", r#"{"arrayValue":{"values":[{"stringValue":"stop"}]}}"#),
        attribute("app.feature", r#"{"stringValue":"search"}"#),
    ]
    .join(",");
    let tool = attribute("gen_ai.operation.name", r#"{"stringValue":"execute_tool"}"#);
    let text = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[]}},"scopeSpans":[{{"spans":[{{"traceId":"1","startTimeUnixNano":"1795176000000000000","endTimeUnixNano":"1795176001500000000","attributes":[{attributes}]}},{{"traceId":"1","startTimeUnixNano":"1795176000000000000","attributes":[{tool}]}}]}}]}}]}}"#
    );
    let by_attribute = Settings { route_by: "app.feature".parse().unwrap(), ..settings() };
    let found = collect(&[("log", text.as_bytes())], &by_attribute).unwrap();
    assert_eq!(
        reasons(&found),
        ["not a call to a Gemini model: a span of an embedding, a tool or an agent × 1"]
    );
    assert_eq!(found.aggregates.cells.keys().next().unwrap().route, "search");
    let span = &found.observations.unwrap()[0];
    assert_eq!((span.backend, span.location.as_deref()), (Some(Backend::Vertex), Some("us-central1")));
    assert_eq!((span.counts().0.candidates, span.counts().0.thoughts), (Some(361), Some(53)));
    assert_eq!((span.latency_seconds, span.at.as_deref()), (Some(1.5), Some("2026-11-20T12:00:00Z")));
    assert_eq!(span.finish_reason.as_deref(), Some("STOP"));
}

const BODY: &str = r#"{"candidates":[{"content":{"parts":[{"text":"y"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":7,"totalTokenCount":12},"modelVersion":"gemini-2.5-flash"}"#;

#[test]
fn a_cassette_is_read_in_yaml_and_in_json() {
    let uri = "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash:generateContent";
    let yaml = format!(
        "interactions:\n- request:\n    body: '{{\"contents\": [{{\"parts\": [{{\"text\": \"x\"}}]}}]}}'\n    method: POST\n    uri: {uri}\n  response:\n    body:\n      string: '{BODY}'\n    headers:\n      server-timing:\n      - gfet4t7; dur=5634\n    status:\n      code: 200\n      message: OK\n- request:\n    method: POST\n    uri: https://oauth2.googleapis.com/token\n  response:\n    status: {{code: 200}}\nversion: 1\n"
    );
    let json = serde_json::json!({"http_interactions": [{"request": {"uri": uri, "method": "post"}, "response": {"status": {"code": 200}, "body": {"string": BODY}}, "recorded_at": "2026-11-20T12:00:00Z"}]});
    let pretty = serde_json::to_string_pretty(&json).unwrap();
    for (text, left, seconds) in
        [(yaml.as_str(), 1, Some(5.634)), (&json.to_string(), 0, None), (&pretty, 0, None)]
    {
        let found = read(text);
        assert_eq!(found.left_out.values().map(|left| left.n).sum::<u64>(), left, "{:?}", found.left_out);
        let observation = &found.observations.unwrap()[0];
        assert_eq!(
            (observation.backend, observation.location.as_deref()),
            (Some(Backend::Vertex), Some("us-central1"))
        );
        assert_eq!((observation.counts().0.total, observation.latency_seconds), (Some(12), seconds));
    }
    let alias = read("interactions:\n- &a [x]\n- *a\n");
    assert_eq!(reasons(&alias), ["broken row × 1"]);
}

#[test]
fn an_export_of_ai_studio_is_searched_for_its_response_and_taken_as_the_developer_apis() {
    let text =
        format!(r#"{{"anything":{{"at":"2026-11-20"}},"answer":{}}}"#, serde_json::to_string(BODY).unwrap());
    let forced = Settings { format: Some(LogFormat::AiStudio), ..settings() };
    let found = collect(&[("log", text.as_bytes())], &forced).unwrap();
    let observation = &found.observations.unwrap()[0];
    assert_eq!((observation.backend, observation.counts().0.total), (Some(Backend::Developer), Some(12)));
}

/// Python's dump of a response: `model_dump()` writes snake_case and nulls.
#[test]
fn a_dump_of_the_python_sdk_is_read() {
    let text = r#"{"sdk_http_response":null,"candidates":[{"content":{"parts":[{"inline_data":{"data":"iVBORw0KGgoAAAANSUhEUgAABYAAAAMACAIAAAA","mime_type":"image/png"}}],"role":"model"},"finish_reason":"FinishReason.STOP"}],"model_version":"gemini-3-pro-image","usage_metadata":{"candidates_token_count":1120,"candidates_tokens_details":[{"modality":"MediaModality.IMAGE","token_count":1120}],"prompt_token_count":8,"thoughts_token_count":155,"total_token_count":1283,"traffic_type":"TrafficType.ON_DEMAND","cache_tokens_details":null}}"#;
    let found = one(text);
    assert_eq!(
        (found.received_pixels.as_deref(), found.traffic().as_deref()),
        (Some("1408x768"), Some("ON_DEMAND"))
    );
    assert_eq!((found.backend, found.finish_reason.as_deref()), (Some(Backend::Vertex), Some("STOP")));
}

#[test]
fn separate_answers_in_a_list_are_rows_and_chunks_of_one_stream_are_one() {
    assert_eq!(read(&format!("[{BODY},{BODY},{BODY}]")).rows, 3);
    let chunk = |tokens: u64, id: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"y"}}]}}}}],"usageMetadata":{{"promptTokenCount":5,"candidatesTokenCount":{tokens},"totalTokenCount":{}}},"responseId":"{id}"}}"#,
            tokens + 5
        )
    };
    let sse = format!(
        "data: {}\r\n\r\ndata: {}\r\n\r\ndata: {}\r\n\r\n",
        chunk(1, "a"),
        chunk(9, "a"),
        chunk(4, "b")
    );
    let totals: Vec<_> = read(&sse).observations.unwrap().iter().map(|o| o.counts().0.total).collect();
    assert_eq!(totals, [Some(14), Some(9)]);
}

/// What cannot be read is counted by reason, with its place, and stops a strict import.
#[test]
fn hostile_lines_are_counted_and_the_rest_is_read() {
    let nested = "[".repeat(100_000);
    let lines = [
        BODY,
        r#"{"usageMetadata":{"promptTokenCount":1},"usageMetadata":{"promptTokenCount":2}}"#,
        r#"{"usageMetadata":{"promptTokenCount":"17","totalTokenCount":"17"}}"#,
        &nested,
        "{\"truncated\": \"no end",
        r#"{"weather":"fine"}"#,
        "not json",
        "",
        BODY,
    ];
    let mut bytes = lines.join("\n").into_bytes();
    bytes.extend(b"\n{\"usageMetadata\":{\"promptTokenCount\":1},\"modelVersion\":\"\xff\xfe\"}\n");
    let found = collect(&[("log", &bytes)], &settings()).unwrap();
    assert_eq!((found.rows, found.aggregates.attempts()), (9, 3));
    let expected = [
        "a key stands twice × 1",
        "no known format: neither a response nor a row of a known log × 1",
        "not JSON: a letter that is not UTF-8 × 1",
        "not JSON: ends inside a string × 1",
        "not JSON: expected `true`, `false` or `null` × 1",
        "not JSON: nested more than 127 deep × 1",
    ];
    assert_eq!(reasons(&found), expected);
    let twice = &found.left_out["a key stands twice"].first[0];
    assert_eq!(twice.to_string(), format!("log byte {}", BODY.len() + 1));
    let strict = Settings { strict: true, ..settings() };
    let stop = collect(&[("log", &bytes)], &strict).unwrap_err().to_string();
    assert!(
        stop.contains("key stands twice: `usageMetadata`") && stop.contains(&twice.to_string()),
        "{stop}"
    );
}

/// A picture of 30 MB on one line is one row; its bytes are counted, not kept.
#[test]
fn a_line_of_thirty_megabytes_is_one_row() {
    let picture = "A".repeat(30_000_000);
    let long = BODY.replace(
        r#"{"text":"y"}"#,
        &format!(r#"{{"inlineData":{{"mimeType":"image/png","data":"{picture}"}}}}"#),
    );
    let found = read(&format!("{BODY}\n{long}\n{BODY}\n"));
    let observations = found.observations.unwrap();
    let bytes: Vec<_> = observations.iter().map(|observation| observation.image_bytes).collect();
    assert_eq!(bytes, [None, Some(22_500_000), None]);
    assert!(serde_json::to_string(&observations).unwrap().len() < 3_000);
}

/// A line that never ends is passed over in blocks: nothing of it is held.
#[test]
fn an_endless_line_is_left_out_and_the_next_is_read() {
    let input = Cursor::new(format!("{BODY}\n{{\"a\":\"")).chain(std::io::repeat(b'x').take(300_000_000));
    let input = input.chain(Cursor::new(format!("\n{BODY}\n")));
    let mut collector = Collector::default();
    read_log(input, "log", &settings(), &Progress::default(), &mut collector).unwrap();
    let found = collector.finish();
    assert_eq!(
        (reasons(&found), found.aggregates.attempts()),
        (vec!["line longer than 256 MB × 1".into()], 2)
    );
}

#[test]
fn a_truncated_gzip_gives_what_came_before_its_end() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let log = synthetic_log(2_000, 5);
    encoder.write_all(log.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl.gz");
    std::fs::write(&path, &packed[..packed.len() / 2]).unwrap();
    let run = burndown(&["import", path.to_str().unwrap(), "--json", "--invocations", "2000"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let attempts = json["attempts"].as_u64().unwrap();
    assert!((500..1_999).contains(&attempts), "{attempts}");
    assert_eq!(json["left_out"][0]["reason"], "broken row");
    std::fs::write(&path, &packed).unwrap();
    let run = burndown(&["import", path.to_str().unwrap(), "--json", "--invocations", "2000"]);
    assert!(run.stdout.contains("\"attempts\": 2000"), "{}", run.stderr);
}
