//! The emulator itself: a call in, a reply out, and what it cost in the ledger. No sockets, no clock.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    asked::{Asked, read},
    behaviour::Behaviour,
    call::{Call, Route, Verb},
    door,
    fault::Fault,
    law::{Expected, Law},
    ledger::Ledger,
    picture,
    provisioned::{InUse, Purchase},
    refusal::Refusal,
};
use crate::{
    calendar::Day,
    capacity::RequestType,
    model::{Backend, Endpoint, Location, ModelId, Pixels, Tier},
    prices::{EndKind, ModelFacts, ModelKind, PriceBook},
    tokens::TokenProfile,
};

/// What an emulator is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Models, their life and what they cost.
    pub prices: PriceBook,
    /// What answers take, by backend and model.
    pub tokens: BTreeMap<(Backend, ModelId), TokenProfile>,
    /// The day it plays: decides prices and which models live.
    pub day: Day,
    /// Seed of everything drawn.
    pub seed: u64,
    /// Where answers differ from the profiles.
    pub behaviour: Behaviour,
    /// What goes wrong; the first rule that strikes counts.
    pub faults: Vec<Fault>,
    /// Share of the real latency that is waited: 0 answers at once, 1 as slowly as the backends do.
    pub latency: f64,
    /// GSUs that were bought; none by default.
    pub purchases: Vec<Purchase>,
}

impl Setup {
    /// Books and profiles as given; seed 1, no faults, no waiting.
    pub fn new(prices: PriceBook, tokens: BTreeMap<(Backend, ModelId), TokenProfile>, day: Day) -> Setup {
        Setup {
            prices,
            tokens,
            day,
            seed: 1,
            behaviour: Behaviour::default(),
            faults: Vec::new(),
            latency: 0.0,
            purchases: Vec::new(),
        }
    }
}

/// What goes back over the connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body, piece by piece.
    pub pieces: Vec<Piece>,
    /// Length of the body, where it is announced.
    pub length: Option<u64>,
    /// Number of the ledger's entry.
    pub number: Option<u64>,
    /// How long the client waits for the first byte.
    pub before: Duration,
}

/// A piece of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Bytes.
    Bytes(Vec<u8>),
    /// So many blanks.
    Blank(u64),
    /// Nothing for a while.
    Wait(Duration),
    /// The connection breaks.
    Cut,
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Reply {
        Reply::bytes(status, "application/json; charset=UTF-8", body.to_string().into_bytes())
    }

    pub(super) fn bytes(status: u16, kind: &str, bytes: Vec<u8>) -> Reply {
        Reply {
            status,
            headers: vec![("content-type".into(), kind.into())],
            length: Some(bytes.len() as u64),
            pieces: vec![Piece::Bytes(bytes)],
            number: None,
            before: Duration::ZERO,
        }
    }

    /// The whole body; `None` when the connection breaks within it.
    pub fn body(&self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => body.extend(bytes),
                Piece::Blank(count) => body.extend(vec![b' '; *count as usize]),
                Piece::Wait(_) => {}
                Piece::Cut => return None,
            }
        }
        Some(body)
    }
}

impl From<&Refusal> for Reply {
    fn from(refusal: &Refusal) -> Reply {
        Reply::json(refusal.status, &refusal.body)
    }
}

/// Both backends, without a socket.
#[derive(Debug)]
pub struct Emulator {
    pub(super) setup: Setup,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub ledger: Ledger,
    /// How often each request came: equal requests get different answers, in the same order every time.
    pub seen: HashMap<u64, u64>,
    /// How often each fault struck.
    pub struck: Vec<u64>,
    /// GSUs and what they are busy with.
    pub purchases: Vec<InUse>,
    /// Time of the latest call since the start.
    pub now: Duration,
    pub pictures: HashMap<(Pixels, picture::Format), Arc<str>>,
}

/// A call that is understood and allowed.
pub(super) struct Understood<'a> {
    pub route: Route,
    pub facts: &'a ModelFacts,
    pub asked: Asked,
    pub law: Law,
    /// How it is paid unless a GSU serves it.
    pub tier: Tier,
    /// Whether a GSU may or must serve it.
    pub request_type: RequestType,
}

impl Emulator {
    /// An emulator at its start: empty ledger, nothing seen.
    pub fn new(setup: Setup) -> Emulator {
        let state = State {
            ledger: Ledger::new(),
            seen: HashMap::new(),
            struck: vec![0; setup.faults.len()],
            purchases: setup.purchases.iter().map(InUse::new).collect(),
            now: Duration::ZERO,
            pictures: HashMap::new(),
        };
        Emulator { setup, state: Mutex::new(state) }
    }

    /// What was billed so far.
    pub fn ledger(&self) -> Ledger {
        self.state().ledger.clone().summed()
    }

    /// What a call to a model takes on average, without making it.
    ///
    /// `maxOutputTokens` and scripted faults are left out of account.
    ///
    /// # Errors
    ///
    /// When the backend would refuse the call.
    pub fn expected(&self, call: &Call) -> Result<Expected, Refusal> {
        Ok(self.understand(call)?.law.expected())
    }

    /// Notes that an answer went out to its last byte; the server does this.
    pub fn delivered(&self, number: u64) {
        if let Some(entry) = self.state().ledger.entries.get_mut(number as usize - 1) {
            entry.delivered = true;
        }
    }

    /// Answers a call as of the time of the latest one, and bills it; see [`Emulator::handle_at`].
    pub fn handle(&self, call: &Call) -> Reply {
        let now = self.state().now;
        self.handle_at(call, now)
    }

    /// Answers a call, and bills it. `since_start` is the time of its arrival; it matters for GSUs alone, and
    /// one before the latest counts as the latest.
    ///
    /// The same calls in the same order give the same bytes; calls that differ draw from generators of their
    /// own, so that their order does not matter.
    pub fn handle_at(&self, call: &Call, since_start: Duration) -> Reply {
        {
            let mut state = self.state();
            state.now = state.now.max(since_start);
        }
        if let Some(reply) = self.side_door(call) {
            return reply;
        }
        let understood = match self.understand(call) {
            Ok(understood) => understood,
            Err(refusal) => {
                self.state().ledger.refused += 1;
                return Reply::from(&refusal);
            }
        };
        if understood.route.verb == Verb::Count {
            return self.serve_count(call, &understood, &count(&understood));
        }
        self.serve(call, &understood)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Endpoints beside the models.
    fn side_door(&self, call: &Call) -> Option<Reply> {
        if let Some(handed) = door::hand_out(call) {
            let kind = if handed.body.starts_with('{') { "application/json" } else { "application/text" };
            let mut reply = Reply::bytes(handed.status, kind, handed.body.into_bytes());
            if handed.is_metadata {
                reply.headers.push(("metadata-flavor".into(), "Google".into()));
            }
            return Some(reply);
        }
        match call.path.strip_prefix("/_burndown/")? {
            "ledger" => Some(Reply::json(200, &json!(self.ledger()))),
            "elsewhere" => {
                let key = ["x-goog-api-key", "authorization"].iter().any(|name| call.header(name).is_some());
                self.state().ledger.leaked += u64::from(key || call.parameter("key").is_some());
                Some(Reply::json(200, &json!({"elsewhere": true})))
            }
            rest => {
                let path = rest.strip_prefix("truth")?.to_string();
                Some(match self.expected(&Call { path, ..call.clone() }) {
                    Ok(expected) => Reply::json(200, &json!(expected)),
                    Err(refusal) => Reply::from(&refusal),
                })
            }
        }
    }

    fn understand(&self, call: &Call) -> Result<Understood<'_>, Refusal> {
        let route = Route::of(&call.path).filter(|_| call.verb == "POST");
        let route = route.ok_or_else(|| Refusal::no_route(&call.path))?;
        door::admit(&route, call)?;
        let facts = self.model(&route)?;
        door::admit_unpaid(&route, facts, call)?;
        let asked = read(&route, facts, &call.body)?;
        self.switches(&route, facts, &asked)?;
        let key = (route.backend(), facts.id.clone());
        let (profile, own) = (self.setup.tokens.get(&key), self.setup.behaviour.models.get(&key));
        let law = Law::of(&route, facts, profile, own, &asked);
        let law = law.ok_or_else(|| Refusal::argument("image generation is not available for this model"))?;
        let prompt = law.prompt_text + law.prompt_images;
        if let Some(most) = facts.max_input_tokens.filter(|most| prompt > *most) {
            return Err(Refusal::argument(format!(
                "The input token count ({prompt}) exceeds the maximum number of tokens allowed ({most})."
            )));
        }
        let tier = self.tier(&route, facts, &asked, call)?;
        let request_type = match call.header("x-vertex-ai-llm-request-type") {
            Some("dedicated") => RequestType::Dedicated,
            Some("shared") => RequestType::Shared,
            _ => RequestType::Unset,
        };
        Ok(Understood { route, facts, asked, law, tier, request_type })
    }

    /// The tier that serves a call. What a model does not offer is served as standard, silently.
    fn tier(&self, route: &Route, facts: &ModelFacts, asked: &Asked, call: &Call) -> Result<Tier, Refusal> {
        let tier = match &route.endpoint {
            Endpoint::Developer => match asked.service_tier.as_deref() {
                None | Some("standard" | "unspecified" | "service_tier_unspecified") => Tier::Standard,
                Some("flex") => Tier::Flex,
                Some("priority") => Tier::Priority,
                Some(other) => {
                    let kind = "type.googleapis.com/google.ai.generativelanguage.v1beta.ServiceTier";
                    return Err(Refusal::invalid_value("service_tier", kind, other));
                }
            },
            // Regional endpoints ignore the header.
            Endpoint::Vertex(Location::Region(_)) => Tier::Standard,
            Endpoint::Vertex(_) => match call.header("x-vertex-ai-llm-shared-request-type") {
                Some("flex") => Tier::Flex,
                Some("priority") => Tier::Priority,
                _ => Tier::Standard,
            },
        };
        let offered = self.setup.prices.tiers(&facts.id, route.backend());
        Ok(if offered.contains(&tier) { tier } else { Tier::Standard })
    }

    /// The model of a route, when it lives there on the emulator's day.
    fn model(&self, route: &Route) -> Result<&ModelFacts, Refusal> {
        let setup = &self.setup;
        let gone = |retired: bool| {
            let verb = route.verb.as_str();
            Refusal::model(route.backend(), &route.resource(), &route.version, verb, retired)
        };
        let named = |facts: &&ModelFacts| facts.names().any(|name| name == route.model);
        let facts = setup.prices.models.iter().find(named).ok_or_else(|| gone(false))?;
        let makes = matches!(facts.kind, ModelKind::Image | ModelKind::Text);
        let life =
            setup.prices.life(&facts.id, route.backend()).filter(|_| makes).ok_or_else(|| gone(false))?;
        // Nicknames are for people; of the other names all but the stable id are retired preview ids.
        let is_stable = facts.id.0 == route.model;
        if !is_stable && !route.model.starts_with("gemini-") {
            return Err(gone(false));
        }
        let ended = life.end.is_some_and(|(end, kind)| kind == EndKind::Announced && end <= setup.day);
        if (ended || !is_stable) && !setup.behaviour.serve_retired {
            return Err(gone(true));
        }
        let begun = life.launch.is_none_or(|launch| launch <= setup.day);
        if !begun || !life.serves(&route.endpoint) {
            return Err(gone(false));
        }
        Ok(facts)
    }

    /// Refusals that depend on profile and behaviour.
    fn switches(&self, route: &Route, facts: &ModelFacts, asked: &Asked) -> Result<(), Refusal> {
        let profile = self.setup.tokens.get(&(route.backend(), facts.id.clone()));
        let table = profile.and_then(|profile| profile.input_image.as_ref());
        if asked.resolution.is_some() && table.is_some_and(|table| table.refuses_resolution) {
            return Err(Refusal::argument("Media resolution is not enabled for this model"));
        }
        let thinks = asked.level.is_some() || asked.include_thoughts.is_some();
        let v1 = route.backend() == Backend::Developer && route.version == "v1";
        if thinks && v1 && self.setup.behaviour.v1_refuses_thinking {
            return Err(Refusal::argument("Thinking is not enabled for api version v1"));
        }
        Ok(())
    }
}

/// `countTokens`: free, and the characters on Vertex AI alone.
fn count(understood: &Understood<'_>) -> Value {
    let law = &understood.law;
    let mut details = vec![json!({"modality": "TEXT", "tokenCount": law.prompt_text})];
    if law.prompt_images > 0 {
        details.push(json!({"modality": "IMAGE", "tokenCount": law.prompt_images}));
    }
    let mut body =
        json!({"totalTokens": law.prompt_text + law.prompt_images, "promptTokensDetails": details});
    if understood.route.backend() == Backend::Vertex {
        body["totalBillableCharacters"] = json!(understood.asked.characters);
    }
    body
}
