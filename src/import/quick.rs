//! Rows that need no tree: Google's own bodies, batch output and rows of Vertex AI's request log, in one walk.
//!
//! Everything here mirrors what `rows` and `google` do with a parsed row, for the spelling that backends write
//! today, and gives up (`None`) on all else; a test holds both against each other on generated and on broken
//! lines.

use super::{
    pipeline::Settings,
    rows::{LogFormat, RouteBy, UNLABELLED, identity, last_part, location_in},
    skim::Skim,
    strip::{STRIPPED_MAX, unescape_into},
    wire::{Body, Shape},
};
use crate::{
    calendar::moment,
    model::{Backend, Grade},
    usage::{KeyRef, Metrics},
};

/// An attempt that borrows from its line.
#[derive(Debug, PartialEq)]
pub(super) struct QuickRow<'a> {
    pub key: KeyRef<'a>,
    pub minute: Option<i64>,
    pub metrics: Metrics,
    pub id: Option<u128>,
    pub finished: bool,
}

/// JSON that stood in strings.
#[derive(Default)]
pub(super) struct Scratch {
    request: Vec<u8>,
    response: Vec<u8>,
    metadata: Vec<u8>,
}

/// What names the route: the value of `first` at the key of that name, or the one at the whole path.
pub(super) struct Wanted<'s> {
    path: &'s [String],
    joined: String,
}

/// Values that may name a route, as written.
#[derive(Default)]
pub(super) struct Spans<'t> {
    nested: Option<&'t [u8]>,
    joined: Option<&'t [u8]>,
}

impl<'t> Spans<'t> {
    /// Keeps a value that was just read.
    pub fn note(&mut self, wanted: &Wanted<'_>, key: &[u8], value: &'t [u8]) {
        if wanted.path.first().is_some_and(|first| first.as_bytes() == key) {
            self.nested = Some(value);
        }
        if !wanted.path.is_empty() && wanted.joined.as_bytes() == key {
            self.joined = Some(value);
        }
    }

    /// The name that they give: nothing, or a word.
    fn name(&self, wanted: &Wanted<'_>) -> Option<Option<&'t str>> {
        let below = wanted.path.get(1..).unwrap_or_default();
        let nested = match self.nested {
            Some(value) => find(&mut Skim::new(value, b""), below)?,
            None => Place::Absent,
        };
        match (nested, self.joined) {
            (Place::Word(word), _) => Some(Some(word)),
            (Place::NoWord, _) | (Place::Absent, None) => Some(None),
            (Place::Absent, Some(value)) => match find(&mut Skim::new(value, b""), &[])? {
                Place::Word(word) => Some(Some(word)),
                _ => Some(None),
            },
        }
    }
}

enum Place<'t> {
    Absent,
    NoWord,
    Word(&'t str),
}

/// The value at a path.
fn find<'t>(skim: &mut Skim<'t>, path: &[String]) -> Option<Place<'t>> {
    let first = skim.peek()?;
    match (path.split_first(), first) {
        (None, b'"') => skim.word().map(Place::Word),
        (None, b'{' | b'[' | b'n') => Some(Place::NoWord),
        // A number or a truth value, or JSON within a string: the parser knows how they are written.
        (None, _) | (Some(_), b'"') => None,
        (Some((name, rest)), b'{') => {
            let mut found = Place::Absent;
            skim.object(|skim, key| {
                if key == name.as_bytes() {
                    let from = skim.at();
                    skim.skip(key)?;
                    found = find(&mut Skim::new(skim.since(from), b""), rest)?;
                    return Some(());
                }
                skim.skip(key)
            })?;
            Some(found)
        }
        (Some(_), _) => Some(Place::Absent),
    }
}

/// Reads rows without a tree.
pub(super) struct Quick<'s> {
    settings: &'s Settings,
    wanted: Wanted<'s>,
}

/// How a row is laid out, by its first key.
enum Layout {
    Body,
    Batch,
    Vertex,
}

/// Columns that make a row of the request log something else.
const OTHERS: [&[u8]; 9] = [
    b"schema",
    b"interactions",
    b"http_interactions",
    b"data",
    b"observations",
    b"logs",
    b"resourceSpans",
    b"resource_spans",
    b"response",
];

impl<'s> Quick<'s> {
    /// `None` where another format is expected.
    pub fn of(settings: &'s Settings) -> Option<Quick<'s>> {
        let path: &[String] = match &settings.route_by {
            RouteBy::Path(path) => path,
            _ => &[],
        };
        let known = [None, Some(LogFormat::Response), Some(LogFormat::Vertex)];
        let wanted = Wanted { path, joined: path.join(".") };
        known.contains(&settings.format).then_some(Quick { settings, wanted })
    }

    /// The attempt of a line; `None` where the parser is to decide.
    pub fn row<'a>(&self, line: &'a [u8], scratch: &'a mut Scratch) -> Option<QuickRow<'a>> {
        let layout = layout(line)?;
        let of_vertex = matches!(layout, Layout::Vertex);
        if self.settings.format.is_some_and(|format| of_vertex != (format == LogFormat::Vertex)) {
            return None;
        }
        match layout {
            Layout::Body => self.bare(line),
            Layout::Batch => self.batch(line),
            Layout::Vertex => self.vertex(line, scratch),
        }
    }

    fn bare<'a>(&self, line: &'a [u8]) -> Option<QuickRow<'a>> {
        let (mut skim, mut body, mut spans) =
            (Skim::new(line, b"contents"), Body::default(), Spans::default());
        skim.object(|skim, key| {
            if !Body::KEYS.contains(&key) {
                return None;
            }
            let from = skim.start()?;
            body.field(skim, key)?;
            spans.note(&self.wanted, key, skim.since(from));
            Some(())
        })?;
        whole(&mut skim, line)?;
        let shape = Shape::default();
        self.answer(&body, &shape, &spans)
    }

    fn batch<'a>(&self, line: &'a [u8]) -> Option<QuickRow<'a>> {
        let (mut skim, mut body, mut spans) =
            (Skim::new(line, b"contents"), Body::default(), Spans::default());
        let mut shape = Shape::default();
        let mut seen = false;
        skim.object(|skim, key| {
            let from = skim.start()?;
            match key {
                b"request" => {
                    skim.stop_at = b"";
                    skim.object(|skim, key| shape.field(skim, key, &self.wanted))?;
                    skim.stop_at = b"contents";
                }
                b"response" => {
                    seen = true;
                    skim.object(|skim, key| body.field(skim, key))?;
                }
                b"key" | b"status" | b"processed_time" | b"custom_id" => skim.skip(key)?,
                _ => return None,
            }
            spans.note(&self.wanted, key, skim.since(from));
            Some(())
        })?;
        whole(&mut skim, line)?;
        // A request without contents is looked for deeper down.
        (seen && shape.input_images.is_some()).then_some(())?;
        self.answer(&body, &shape, &spans)
    }

    /// A row that tells its origin by the answer alone.
    fn answer<'a>(&self, body: &Body<'a>, shape: &Shape<'a>, spans: &Spans<'a>) -> Option<QuickRow<'a>> {
        let backend = self.settings.backend.or(body.backend());
        let time = body.create_time.filter(|time| !time.is_empty());
        let model = body.model.or(shape.model).unwrap_or("");
        let row = Told { backend, model, location: None, time, id: body.id, id_kind: "response" };
        self.finish(row, body, shape, spans)
    }

    fn vertex<'a>(&self, line: &'a [u8], scratch: &'a mut Scratch) -> Option<QuickRow<'a>> {
        let mut skim = Skim::new(line, b"");
        let (mut body, mut shape, mut spans) = (Body::default(), Shape::default(), Spans::default());
        let (mut response, mut request, mut metadata) = (None, None, None);
        let (mut latency, mut row, mut answered, mut payload) = (None, Columns::default(), false, false);
        skim.object(|skim, key| {
            let from = skim.start()?;
            match (key, skim.peek()?) {
                (b"full_response", b'{') => {
                    answered = true;
                    skim.object(|skim, key| body.field(skim, key))?;
                }
                (b"full_response", b'"') => {
                    answered = true;
                    response = Some(skim.string()?);
                }
                (b"full_request", b'{') => skim.object(|skim, key| shape.field(skim, key, &self.wanted))?,
                (b"full_request", b'"') => request = Some(skim.string()?),
                (b"metadata", b'{') => skim.object(|skim, key| request_latency(skim, key, &mut latency))?,
                (b"metadata", b'"') => metadata = Some(skim.string()?),
                (b"full_response" | b"full_request", _) => return None,
                (b"request_payload", _) => {
                    skim.skip(key)?;
                    payload |= !matches!(skim.since(from), b"[]" | b"null");
                }
                (other, _) if OTHERS.contains(&other) => return None,
                _ => row.field(skim, key)?,
            }
            spans.note(&self.wanted, key, skim.since(from));
            Some(())
        })?;
        whole(&mut skim, line)?;
        let requested = request.is_some() || shape.seen;
        (answered && (requested || !payload)).then_some(())?;
        let Scratch { request: of_request, response: of_response, metadata: of_metadata } = scratch;
        if let Some(text) = response {
            within(text, of_response, &mut |skim, key| body.field(skim, key))?;
        }
        if let Some(text) = request {
            within(text, of_request, &mut |skim, key| shape.field(skim, key, &self.wanted))?;
        }
        if let Some(text) = metadata {
            within(text, of_metadata, &mut |skim, key| request_latency(skim, key, &mut latency))?;
        }
        body.figures.latency_seconds = latency.map(|milliseconds| milliseconds / 1000.0);
        let names = [row.endpoint, row.model];
        let told = Told {
            backend: self.settings.backend.or(Some(Backend::Vertex)),
            model: row.model.or(body.model).or(shape.model).unwrap_or(""),
            location: names.iter().flatten().find_map(|name| location_in(name)),
            time: row.time,
            id: body.id.or(row.id),
            id_kind: if body.id.is_some() { "response" } else { "vertex" },
        };
        self.finish(told, &body, &shape, &spans)
    }

    fn finish<'a>(
        &self,
        told: Told<'a>,
        body: &Body<'a>,
        shape: &Shape<'a>,
        row: &Spans<'a>,
    ) -> Option<QuickRow<'a>> {
        body.is_known().then_some(())?;
        let model = last_part(told.model);
        let size = shape.size.map(|size| size.as_str());
        let name = match &self.settings.route_by {
            RouteBy::All => "all",
            RouteBy::Model => model,
            RouteBy::Size => size.unwrap_or(""),
            RouteBy::Path(_) => match shape.spans.name(&self.wanted)? {
                Some(name) => name,
                None => row.name(&self.wanted)?.unwrap_or(""),
            },
        };
        // Words are ASCII without control characters, so letters are bytes.
        let name = name.trim();
        let name = &name[..name.len().min(super::rows::ROUTE_MAX)];
        let key = KeyRef {
            route: if name.is_empty() { UNLABELLED } else { name },
            grade: Grade::Measured,
            backend: told.backend,
            location: told.location,
            model,
            traffic: body.traffic(),
            size,
            input_images: shape.input_images.map(u64::from),
            outcome: body.finish.or(body.block).unwrap_or("none"),
            images: Some(body.images),
            image_tokens: body.image_tokens,
        };
        Some(QuickRow {
            key,
            minute: told.time.and_then(moment).map(|micros| micros.div_euclid(60_000_000)),
            metrics: body.figures.metrics(),
            id: told.id.filter(|id| !id.is_empty()).map(|id| identity(told.id_kind, id)),
            finished: body.finish.or(body.block).is_some(),
        })
    }
}

/// What a row tells beside its answer.
struct Told<'a> {
    backend: Option<Backend>,
    model: &'a str,
    location: Option<&'a str>,
    time: Option<&'a str>,
    id: Option<&'a str>,
    id_kind: &'static str,
}

/// Columns of the request log; an empty text is none.
#[derive(Default)]
struct Columns<'t> {
    endpoint: Option<&'t str>,
    model: Option<&'t str>,
    time: Option<&'t str>,
    id: Option<&'t str>,
}

impl<'t> Columns<'t> {
    fn field(&mut self, skim: &mut Skim<'t>, key: &[u8]) -> Option<()> {
        let place = match key {
            b"endpoint" => &mut self.endpoint,
            b"model" => &mut self.model,
            b"logging_time" => &mut self.time,
            b"request_id" if skim.peek()? != b'"' => {
                let digits = std::str::from_utf8(skim.number()?).ok()?;
                self.id = Some(digits);
                let whole = digits.len() <= 18 && digits.bytes().all(|digit| digit.is_ascii_digit());
                return whole.then_some(());
            }
            b"request_id" => &mut self.id,
            _ => return skim.skip(key),
        };
        *place = Some(skim.word()?).filter(|word| !word.is_empty());
        Some(())
    }
}

fn request_latency(skim: &mut Skim<'_>, key: &[u8], latency: &mut Option<f64>) -> Option<()> {
    if key != b"request_latency" {
        return skim.skip(key);
    }
    let number: f64 = match skim.peek()? {
        b'"' => skim.word()?.trim().parse().ok()?,
        _ => serde_json::from_slice::<serde_json::Value>(skim.number()?).ok()?.as_f64()?,
    };
    *latency = Some(number).filter(|number| number.is_finite());
    Some(())
}

/// Walks an object that stands in a string.
fn within<'t>(
    text: &[u8],
    scratch: &'t mut Vec<u8>,
    each: &mut dyn FnMut(&mut Skim<'t>, &'t [u8]) -> Option<()>,
) -> Option<()> {
    scratch.clear();
    if scratch.capacity() > STRIPPED_MAX / 8 {
        scratch.shrink_to(0);
    }
    unescape_into(text, scratch).then_some(())?;
    let mut skim = Skim::new(scratch, b"");
    skim.object(each)?;
    skim.ends()
}

/// The first key tells the layout; each layout refuses the keys of the others.
fn layout(line: &[u8]) -> Option<Layout> {
    let first = memchr::memchr(b'"', line)?;
    let key = line.get(first + 1..)?;
    let key = &key[..memchr::memchr(b'"', &key[..key.len().min(64)])?];
    match key {
        key if Body::KEYS.contains(&key) => Some(Layout::Body),
        b"request" | b"response" | b"key" | b"status" | b"processed_time" | b"custom_id" => {
            Some(Layout::Batch)
        }
        _ => Some(Layout::Vertex),
    }
}

/// One value and no more, and not more of it than the parser would take.
fn whole(skim: &mut Skim<'_>, line: &[u8]) -> Option<()> {
    skim.ends()?;
    (line.len() - skim.passed_over <= STRIPPED_MAX).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The row of a line, its line kept alive for as long as the test runs.
    fn row(line: &str, route_by: &str) -> Option<QuickRow<'static>> {
        let route_by = if route_by == "all" { RouteBy::All } else { route_by.parse().unwrap() };
        let settings = Settings { route_by, ..Settings::default() };
        let scratch = Box::leak(Box::new(Scratch::default()));
        Quick::of(&settings).unwrap().row(line.to_string().leak().as_bytes(), scratch)
    }

    const BODY: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"a \"b\" é"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":"1120","totalTokenCount":1125,"trafficType":"ON_DEMAND","candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1120}]},"modelVersion":"gemini-2.5-flash-image","createTime":"2026-11-20T10:00:00Z","responseId":"x"}"#;

    #[test]
    fn what_backends_write_today_needs_no_tree() {
        let found = row(BODY, "model").unwrap();
        assert_eq!((found.key.route, found.key.images), ("gemini-2.5-flash-image", Some(1)));
        assert_eq!((found.key.image_tokens, found.key.outcome), (Some(1120), "STOP"));
        assert_eq!(found.metrics[..1], [Some(5)]);
        assert!(found.finished && found.id.is_some() && found.minute.is_some());
        let request = r#"{"contents":[{"parts":[{"fileData":{"mimeType":"image/png","fileUri":"gs://x"}}]}],"generationConfig":{"imageConfig":{"imageSize":"2K"}},"labels":{"team":"a"}}"#;
        let batch = format!(r#"{{"request":{request},"response":{BODY},"status":""}}"#);
        let text = |json: &str| serde_json::to_string(json).unwrap();
        let rest = r#""logging_time":"2026-11-20 12:34:56.789 UTC","endpoint":"projects/p/locations/europe-west4/x","model":"publishers/google/models/m","request_id":7,"request_payload":[],"metadata":{"request_latency":"11225.994"}"#;
        let objects = format!(r#"{{{rest},"full_request":{request},"full_response":{BODY}}}"#);
        let texts = format!(r#"{{{rest},"full_request":{},"full_response":{}}}"#, text(request), text(BODY));
        for line in [&batch, &objects, &texts] {
            let found = row(line, "labels.team").unwrap();
            assert_eq!((found.key.route, found.key.input_images, found.key.size), ("a", Some(1), Some("2K")));
        }
        assert_eq!(row(&objects, "all"), row(&texts, "all"));
        let found = row(&texts, "all").unwrap();
        assert_eq!((found.key.model, found.key.location), ("m", Some("europe-west4")));
        assert_eq!(found.metrics[9], Some(11_225));
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_parser() {
        let odd = [
            BODY.replace("promptTokenCount", "prompt_token_count"),
            BODY.replace(":5,", ":5.0,"),
            BODY.replace(r#""modelVersion""#, r#""responseId":"y","modelVersion""#),
            BODY.replace(r#""modelVersion""#, r#""error":{"code":429},"modelVersion""#),
            BODY.replace("STOP", "ST\\u004fP"),
            BODY.replace("image/png", "image\\/png"),
            format!("{BODY} {BODY}"),
            format!("{BODY},"),
            BODY[..BODY.len() - 1].to_string(),
            BODY.replace(r#""parts":["#, r#""parts":[,"#),
            r#"{"weather":"fine"}"#.into(),
            "[]".into(),
        ];
        for line in odd {
            assert_eq!(row(&line, "all"), None, "{line}");
        }
    }
}
