//! What is odd about each backend and model, and the GSUs of the emulator.

use std::time::Duration;

use burndown::{
    capacity::WindowClock,
    diagnostics::SourceText,
    emulator::{Behaviour, Call, Emulator, Fault, FaultKind, Purchase, PurchaseError, Setup},
    model::{Location, Tier, TokenClass},
};
use serde_json::{Value, json};

use crate::{
    emulator::{DEVELOPER, VERTEX, call, check_refused, edit, json_of, prompt, reading, setup, with_config},
    shipped,
};

const PRO: &str = "gemini-3-pro-image";
const NB2: &str = "gemini-3.1-flash-image";
const NB1: &str = "gemini-2.5-flash-image";

/// A day on which every model of the family lived on both backends.
fn at_their_best() -> Emulator {
    Emulator::new(setup("2026-09-30"))
}

fn behaving(text: &str) -> Setup {
    let text = format!("schema = \"burndown.behaviour/1\"\n{text}");
    let behaviour = Behaviour::parse(&SourceText { name: "b.toml".into(), text }).unwrap();
    Setup { behaviour, ..setup("2026-11-21") }
}

fn parts(body: &Value) -> Vec<Value> {
    body["candidates"][0]["content"]["parts"].as_array().cloned().unwrap_or_default()
}

fn is_picture(part: &&Value) -> bool {
    part["inlineData"].is_object()
}

#[test]
fn nano_banana_2_on_vertex_shows_its_thoughts_whatever_is_asked() {
    let emulator = at_their_best();
    let path = VERTEX.replace(PRO, NB2);
    let hidden = with_config(json!({"thinkingConfig": {"includeThoughts": false}}));
    for _ in 0..20 {
        let reply = emulator.handle(&call(&path, &hidden));
        let parts = parts(&json_of(&reply));
        assert!((18..=20).contains(&parts.len()), "{} parts", parts.len());
        let flagged = |part: &&Value| part["thought"] == true;
        let drafts = parts.iter().filter(is_picture).filter(flagged).count();
        assert!((1..=2).contains(&drafts));
        assert!(is_picture(&parts.last().unwrap()) && !flagged(&parts.last().unwrap()));
        assert_eq!(reading(&reply).tokens[TokenClass::OutputImage], 1120, "drafts are not counted");
    }
    let developer = emulator.handle(&call(&DEVELOPER.replace(PRO, NB2), &prompt("A cup.")));
    let body = json_of(&developer);
    assert_eq!(parts(&body).len(), 1);
    assert_eq!(body["usageMetadata"]["thoughtsTokenCount"], Value::Null);
    assert!(body["usageMetadata"]["candidatesTokenCount"].as_u64() > Some(1120 + 100));
}

/// Sides of the answer's picture, and its tokens.
fn picture_of(emulator: &Emulator, path: &str, config: Value) -> (String, u64) {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let reply = emulator.handle(&call(path, &with_config(config)));
    let parts = parts(&json_of(&reply));
    let data = parts.iter().rfind(is_picture).unwrap()["inlineData"]["data"].as_str().unwrap().to_string();
    let size = imagesize::blob_size(&BASE64_STANDARD.decode(data).unwrap()).unwrap();
    let tokens = reading(&reply).tokens[TokenClass::OutputImage];
    (format!("{}x{}", size.width, size.height), tokens)
}

#[test]
fn a_size_counts_where_the_model_listens() {
    let emulator = at_their_best();
    let size = |word: &str| json!({"imageConfig": {"imageSize": word, "aspectRatio": "16:9"}});
    let case = |path: &str, model: &str, config: Value, pixels: &str, tokens: u64| {
        let found = picture_of(&emulator, &path.replace(PRO, model), config);
        assert_eq!(found, (pixels.to_string(), tokens), "{model}");
    };
    case(DEVELOPER, PRO, size("2K"), "2752x1536", 1120);
    case(VERTEX, PRO, size("4K"), "5504x3072", 2000);
    case(DEVELOPER, NB2, size("512"), "688x384", 747);
    case(DEVELOPER, NB2, size("4K"), "5504x3072", 2520);
    // js-genai 1682: the stable model on Vertex AI makes 1K whatever is asked for.
    case(VERTEX, NB2, size("2K"), "1376x768", 1120);
    // python-genai 2110: `512px` is taken and ignored. Models with one size ignore every size.
    case(DEVELOPER, NB2, size("512px"), "1376x768", 1120);
    case(DEVELOPER, NB1, size("4K"), "1344x768", 1290);
    // js-genai 1461: outside imageConfig both are ignored on Vertex AI …
    case(VERTEX, PRO, json!({"imageSize": "4K", "aspectRatio": "16:9"}), "1024x1024", 1120);
    // … and the newer spelling is heard.
    case(VERTEX, PRO, json!({"responseFormat": {"image": {"imageSize": "4K"}}}), "4096x4096", 2000);
    let heard =
        behaving(&format!("[[model]]\nmodel = \"{NB2}\"\nbackend = \"vertex\"\nhonours_image_size = true\n"));
    let found = picture_of(&Emulator::new(heard), &VERTEX.replace(PRO, NB2), size("2K"));
    assert_eq!(found, ("2752x1536".into(), 1680));
}

#[test]
fn input_pictures_count_by_their_pixels_where_the_model_looks_at_them() {
    let emulator = at_their_best();
    // 64 × 48 is one small tile; 700 × 1003 was reported as 1806 (python-genai 1907).
    let path = VERTEX.replace(PRO, "gemini-2.5-flash");
    let tokens = |body: &Value| reading(&emulator.handle(&call(&path, body))).tokens[TokenClass::InputImage];
    assert_eq!(tokens(&edit()), 258);
    let mut larger = edit();
    let data = "iVBORw0KGgoAAAANSUhEUgAAArwAAAPrCAAAAAA=";
    larger["contents"][0]["parts"][1]["inlineData"]["data"] = json!(data);
    assert_eq!(tokens(&larger), 1806);
    larger["contents"][0]["parts"][1]["inlineData"]["data"] = json!("bm8gcGljdHVyZQ==");
    check_refused(&emulator, &call(&path, &larger), 400, "Unable to process input image");
}

#[test]
fn an_empty_part_resolution_loses_the_prompts_count_on_the_developer_api() {
    let emulator = at_their_best();
    let mut body = edit();
    body["contents"][0]["parts"][1]["mediaResolution"] = json!({});
    let usage =
        |path: &str, body: &Value| json_of(&emulator.handle(&call(path, body)))["usageMetadata"].clone();
    let lost = usage(DEVELOPER, &body);
    assert_eq!(lost["promptTokenCount"], Value::Null);
    assert!(lost["totalTokenCount"].as_u64() > Some(1120 + 258));
    assert!(usage(VERTEX, &body)["promptTokenCount"].is_u64());
    body["contents"][0]["parts"][1]["mediaResolution"] = json!({"level": "MEDIA_RESOLUTION_HIGH"});
    assert!(usage(DEVELOPER, &body)["promptTokenCount"].is_u64());
    let v1 = call(&DEVELOPER.replace("v1beta", "v1"), &body);
    check_refused(&emulator, &v1, 400, "Unknown name \"mediaResolution\" at 'contents[0].parts[1]'");
    let nb1 = call(&VERTEX.replace(PRO, NB1), &body);
    check_refused(&emulator, &nb1, 400, "Per part media resolution is not supported for this Model.");
    let thinking = with_config(json!({"thinkingConfig": {"thinkingLevel": "high"}}));
    let strict = Emulator::new(behaving("v1_refuses_thinking = true\n"));
    let v1 = call(&DEVELOPER.replace("v1beta", "v1"), &thinking);
    check_refused(&strict, &v1, 400, "Thinking is not enabled for api version v1");
}

/// The tier that an answer says, and the one in the ledger.
fn tiers(emulator: &Emulator, call: &Call) -> (Option<Tier>, Tier) {
    let told = reading(&emulator.handle(call)).tier.map(|told| told.value);
    (told, emulator.ledger().entries.last().unwrap().tier)
}

#[test]
fn tiers_are_asked_for_and_told_in_each_backends_way() {
    let emulator = at_their_best();
    let with = |path: &str, header: Option<&str>, tier: Option<&str>| {
        let mut body = prompt("A cup.");
        body["serviceTier"] = json!(tier);
        if tier.is_none() {
            body.as_object_mut().unwrap().remove("serviceTier");
        }
        let mut call = call(path, &body);
        let header =
            header.map(|value| ("x-vertex-ai-llm-shared-request-type".to_string(), value.to_string()));
        call.headers.extend(header);
        call
    };
    let check = |call: &Call, expected: Tier| {
        let (told, billed) = tiers(&emulator, call);
        assert_eq!((told, billed), (Some(expected), expected), "{}", call.path);
    };
    check(&with(DEVELOPER, None, None), Tier::Standard);
    check(&with(DEVELOPER, None, Some("flex")), Tier::Flex);
    check(&with(DEVELOPER, None, Some("priority")), Tier::Priority);
    check(&with(VERTEX, Some("flex"), None), Tier::Flex);
    check(&with(VERTEX, Some("priority"), None), Tier::Priority);
    let region = VERTEX.replace("/global/", "/us-central1/").replace(PRO, NB1);
    check(&with(&region, Some("flex"), None), Tier::Standard);
    let wrong = with(DEVELOPER, None, Some("fast"));
    check_refused(&emulator, &wrong, 400, "Invalid value at 'service_tier'");
    let faults = vec![Fault::at(&[1], FaultKind::Downgraded)];
    let downgrading = Emulator::new(Setup { faults, ..setup("2026-09-30") });
    let priority = with(DEVELOPER, None, Some("priority"));
    assert_eq!(tiers(&downgrading, &priority), (Some(Tier::Standard), Tier::Standard));
    assert_eq!(tiers(&downgrading, &priority), (Some(Tier::Priority), Tier::Priority));
}

#[test]
fn an_answer_keeps_to_the_requests_own_limit() {
    let emulator = at_their_best();
    let limited = |most: u64| with_config(json!({"maxOutputTokens": most}));
    let short = emulator.handle(&call(DEVELOPER, &limited(50)));
    let body = json_of(&short);
    assert_eq!(body["candidates"][0]["finishReason"], "MAX_TOKENS");
    assert_eq!(body["usageMetadata"]["candidatesTokenCount"], Value::Null, "nothing but thoughts");
    assert_eq!(body["usageMetadata"]["thoughtsTokenCount"], 50);
    for _ in 0..50 {
        let tokens = reading(&emulator.handle(&call(DEVELOPER, &limited(1500)))).tokens;
        let output: u64 = tokens.iter().filter(|(class, _)| !class.is_input()).map(|(_, n)| n).sum();
        assert!(output <= 1500, "{output}");
    }
}

#[test]
fn a_behaviour_file_decides_counts_and_blocks_and_who_pays_for_them() {
    let text = |bill: bool| {
        format!(
            "bill_blocked = {bill}\n[[model]]\nmodel = \"{PRO}\"\nbackend = \"developer\"\nimages = {{ 2 = 1, 4 = 3 }}\ntext = 10\nthinking = 20\nblocked_share = 0.25\n"
        )
    };
    let call = call(DEVELOPER, &edit());
    let emulator = Emulator::new(behaving(&text(true)));
    let expected = emulator.expected(&call).unwrap();
    assert_eq!(expected.answered[TokenClass::OutputImage], 3.5 * 1120.0);
    assert_eq!(expected.tokens[TokenClass::OutputImage], 0.75 * 3.5 * 1120.0);
    assert_eq!(expected.tokens[TokenClass::OutputThinking], 20.0);
    let free = Emulator::new(behaving(&text(false)));
    for _ in 0..2000 {
        emulator.handle(&call);
        free.handle(&call);
    }
    let [ledger, freed] = [emulator.ledger(), free.ledger()];
    let blocked = ledger.entries.iter().filter(|entry| entry.outcome == "IMAGE_SAFETY").count() as f64;
    // Five standard errors of a share of 0.25 over 2,000.
    assert!((blocked / 2000.0 - 0.25).abs() < 5.0 * (0.25_f64 * 0.75 / 2000.0).sqrt(), "{blocked}");
    assert_eq!((ledger.billed, freed.billed), (2000, 2000 - blocked as u64));
    let mean = |ledger: &burndown::emulator::Ledger| ledger.usd.to_f64() / 2000.0;
    let dearer = ledger.entries[0].expected_usd.unwrap() - freed.entries[0].expected_usd.unwrap();
    assert!((mean(&ledger) - mean(&freed) - dearer).abs() < 1e-4);
}

fn with_gsus(gsu: u64, clock: Option<WindowClock>) -> Emulator {
    let day = "2026-11-21".parse().unwrap();
    let purchase = Purchase::of(&shipped().capacity, PRO.into(), Location::Global, gsu, day).unwrap();
    let purchase = match clock {
        Some(clock) => purchase.with_clock(clock),
        None => purchase,
    };
    Emulator::new(Setup { purchases: vec![purchase], ..setup("2026-11-21") })
}

fn typed(request_type: &str) -> Call {
    let mut call = call(VERTEX, &prompt("A cup."));
    call.headers.push(("x-vertex-ai-llm-request-type".into(), request_type.into()));
    call
}

/// 20 GSU of the Pro image model carry 500 burn tokens a second each over the window of the book: some whole
/// requests of about 70,000 burn tokens, then the window is full, and the next window is empty again.
#[test]
fn gsus_serve_until_their_window_is_full() {
    let emulator = with_gsus(20, None);
    let library = shipped();
    let row = library.capacity.throughput(&PRO.into(), "2026-11-21".parse().unwrap(), 0.0).unwrap();
    let window = row.window(20).unwrap().seconds;
    let quota = 20 * 500 * window;
    let at = |second: u64, call: &Call| emulator.handle_at(call, Duration::from_secs(second));
    let unset = call(VERTEX, &prompt("A cup."));
    let mut served = 0;
    while reading(&at(0, &unset)).tier.unwrap().value == Tier::Provisioned {
        served += 1;
    }
    // An answer burns 1120 × 60 for its picture, and thinking and prompt beside it.
    assert!((quota / 75_000..=quota / 67_200).contains(&served), "{served} of {quota}");
    let refused = at(1, &typed("dedicated"));
    assert_eq!(
        (refused.status, json_of(&refused)["error"]["status"].as_str()),
        (429, Some("RESOURCE_EXHAUSTED"))
    );
    assert_eq!(reading(&at(window, &typed("shared"))).tier.unwrap().value, Tier::Standard);
    assert_eq!(reading(&at(window, &typed("dedicated"))).tier.unwrap().value, Tier::Provisioned);
    let ledger = emulator.ledger();
    let by_token: Vec<Tier> =
        ledger.entries.iter().filter(|entry| entry.usd.to_f64() > 0.0).map(|entry| entry.tier).collect();
    assert_eq!(by_token, [Tier::Standard; 2], "what a GSU serves is not paid by the token");
    assert!(ledger.complete);
}

#[test]
fn a_bucket_fills_between_requests_where_a_fixed_window_does_not() {
    let library = shipped();
    let row = library.capacity.throughput(&PRO.into(), "2026-11-21".parse().unwrap(), 0.0).unwrap();
    let late = Duration::from_secs(row.window(20).unwrap().seconds - 1);
    let last = |clock: Option<WindowClock>| {
        let emulator = with_gsus(20, clock);
        let call = call(VERTEX, &prompt("A cup."));
        (0..40).for_each(|_| drop(emulator.handle_at(&call, Duration::ZERO)));
        let reply = emulator.handle_at(&call, late);
        reading(&reply).tier.unwrap().value
    };
    assert_eq!(last(None), Tier::Standard);
    assert_eq!(last(Some(WindowClock::Bucket)), Tier::Provisioned);
}

#[test]
fn dedicated_without_a_purchase_is_refused_and_what_is_not_sold_cannot_be_bought() {
    let reply = Emulator::new(setup("2026-11-21")).handle(&typed("dedicated"));
    assert_eq!(reply.status, 429);
    let day = "2026-11-21".parse().unwrap();
    let book = shipped().capacity;
    let none = Purchase::of(&book, PRO.into(), Location::Global, 0, day).unwrap_err();
    assert_eq!(
        none.to_string(),
        "no enforcement window is known for 0 GSU of gemini-3-pro-image, expected 1 or more"
    );
    let unknown = Purchase::of(&book, "gemini-9".into(), Location::Global, 1, day);
    assert!(matches!(unknown, Err(PurchaseError::NotSold { .. })));
}

/// A text model's answer, and the tokens of a second turn that sends it back.
fn second_turn(emulator: &Emulator, path: &str) -> (Value, u64) {
    let path = path.replace(PRO, "gemini-3-flash-preview");
    let first = json_of(&emulator.handle(&call(&path, &prompt("Hello, how are you?"))));
    let mut body = prompt("Hello, how are you?");
    let turns = body["contents"].as_array_mut().unwrap();
    turns.push(first["candidates"][0]["content"].clone());
    turns.push(json!({"role": "user", "parts": [{"text": "Why?"}]}));
    let prompt = reading(&emulator.handle(&call(&path, &body))).tokens.prompt();
    (first["usageMetadata"].clone(), prompt)
}

#[test]
fn replayed_thoughts_count_in_the_prompt_on_the_developer_api_alone() {
    let emulator = at_their_best();
    let (usage, prompt) = second_turn(&emulator, DEVELOPER);
    let thoughts = usage["thoughtsTokenCount"].as_u64().unwrap();
    let candidates = usage["candidatesTokenCount"].as_u64().unwrap();
    // 6 tokens of the first turn, the answer's words, 2 of the second turn and the backend's own one.
    assert_eq!(prompt, 6 + candidates + 2 + 1 + thoughts);
    let (usage, prompt) = second_turn(&emulator, VERTEX);
    assert!(usage["thoughtsTokenCount"].as_u64() > Some(0));
    assert_eq!(prompt, 6 + usage["candidatesTokenCount"].as_u64().unwrap() + 2);
}

#[test]
fn refusals_of_the_developer_api_repeat_their_thoughts_and_the_reader_counts_them_once() {
    let faults = vec![Fault::at(&[1], FaultKind::Blocked { reason: "SAFETY".into() })];
    let emulator = Emulator::new(Setup { faults, ..setup("2026-11-21") });
    let reply = emulator.handle(&call(DEVELOPER, &prompt("A cup.")));
    let usage = &json_of(&reply)["usageMetadata"];
    assert_eq!(usage["candidatesTokenCount"], usage["thoughtsTokenCount"]);
    assert_eq!(reading(&reply).tokens, emulator.ledger().entries[0].tokens);
}

#[test]
fn a_key_without_billing_counts_for_free_and_makes_no_pictures() {
    let emulator = at_their_best();
    let unpaid =
        |path: &str| Call::post(path, &[("x-goog-api-key", "no-billing-key")], &prompt("A cup.").to_string());
    assert_eq!(emulator.handle(&unpaid(&DEVELOPER.replace("generateContent", "countTokens"))).status, 200);
    assert_eq!(emulator.handle(&unpaid(&DEVELOPER.replace(PRO, "gemini-3-flash-preview"))).status, 200);
    check_refused(&emulator, &unpaid(DEVELOPER), 429, "free_tier_requests, limit: 0");
    let long = prompt(&"word ".repeat(70_000));
    check_refused(
        &emulator,
        &call(DEVELOPER, &long),
        400,
        "exceeds the maximum number of tokens allowed (65536)",
    );
}

#[test]
fn a_share_of_the_real_latency_is_waited() {
    let slow = Emulator::new(Setup { latency: 0.5, ..setup("2026-11-21") });
    let reply = slow.handle(&call(DEVELOPER, &prompt("A cup.")));
    let told = reply.headers.iter().find(|(name, _)| name == "server-timing").unwrap().1.clone();
    let milliseconds: f64 = told.strip_prefix("gfet4t7; dur=").unwrap().parse().unwrap();
    assert!((16_000.0..=29_000.0).contains(&milliseconds), "{told}");
    assert!((reply.before.as_secs_f64() - milliseconds / 2000.0).abs() < 0.001);
    let path = DEVELOPER.replace("generateContent", "streamGenerateContent");
    assert_eq!(
        slow.handle(&call(&path, &prompt("A cup."))).before,
        Duration::ZERO,
        "a stream waits between chunks"
    );
}
