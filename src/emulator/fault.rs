//! Scripted faults: which requests go wrong, and how.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    diagnostics::{BadFile, SourceText, Spanned},
    model::{Backend, nearest, or_list},
    units::Share,
};

const SCHEMA: &str = "burndown.faults/1";
const TITLE: &str = "cannot use this faults file";

/// One rule: which requests it strikes, and what happens then. The first rule that strikes counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Which requests.
    pub when: When,
    /// Answers of models, or free counts of tokens.
    pub calls: Calls,
    /// Only on this backend.
    pub backend: Option<Backend>,
    /// At most so many times.
    pub limit: Option<u64>,
    /// What happens.
    pub kind: FaultKind,
}

impl Fault {
    /// A fault of single requests, counted from 1 in the order of arrival.
    pub fn at(requests: &[u64], kind: FaultKind) -> Fault {
        Fault {
            when: When::Requests(requests.to_vec()),
            calls: Calls::Generate,
            backend: None,
            limit: None,
            kind,
        }
    }

    /// A fault that strikes at random, from the emulator's seed.
    pub fn randomly(probability: Share, kind: FaultKind) -> Fault {
        Fault {
            when: When::Probability(probability),
            calls: Calls::Generate,
            backend: None,
            limit: None,
            kind,
        }
    }
}

/// Which kind of call a fault strikes; each kind is counted for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Calls {
    /// Answers of models, whole or as streams.
    #[default]
    Generate,
    /// Counts of tokens, which are free.
    Count,
}

/// Which requests a fault strikes.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// These, counted from 1.
    Requests(Vec<u64>),
    /// Every so many: 10 strikes the 10th, the 20th, …
    Every(u64),
    /// Each with this probability.
    Probability(Share),
    /// All.
    Always,
}

/// What happens to a request. Where `billed` is a field, it says whether the work was done and is charged.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// 429 without a hint when to come back.
    Busy,
    /// 429 of a quota with `QuotaFailure` and `RetryInfo`; on Vertex AI, which sends none, as [`FaultKind::Busy`].
    Quota {
        /// When to come back.
        retry_seconds: f64,
    },
    /// 429 with the header `retry-after` and nothing in the body.
    RetryAfter {
        /// When to come back.
        retry_seconds: f64,
    },
    /// 429 of a key without billing: free tier, limit 0. Coming back does not help.
    FreeTier,
    /// 500.
    Internal,
    /// 503.
    Overloaded,
    /// 504.
    Deadline {
        /// Whether the work is charged.
        billed: bool,
    },
    /// 401: the token is over.
    TokenExpired,
    /// 403: the API is not enabled.
    ApiDisabled,
    /// 403: the role is missing.
    Forbidden,
    /// 400: an argument that will never be accepted.
    Rejected,
    /// 404: no such model here.
    NotFound,
    /// The answer comes late.
    Delay {
        /// So many milliseconds.
        milliseconds: u64,
    },
    /// The connection breaks within the answer, which is billed.
    Dropped {
        /// After this share of the answer's bytes.
        after: Share,
    },
    /// The connection breaks before the answer.
    Reset {
        /// Whether the work is charged.
        billed: bool,
    },
    /// The body ends early, and the connection says it is whole. Billed.
    Truncated,
    /// The body is not JSON. Billed.
    Malformed,
    /// A stream ends after a whole event, before its last one; a whole body as [`FaultKind::Truncated`]. Billed.
    CutStream,
    /// 200 without a body. Billed.
    Empty,
    /// A body of few bytes that unpacks to many megabytes of blank space. Billed.
    GzipBomb {
        /// So many.
        megabytes: u64,
    },
    /// The right answer, called `text/plain`. Billed.
    Mislabelled,
    /// The answer names another model. Billed as if it were the right one.
    WrongModel,
    /// Many megabytes of blank space around the answer. Billed.
    Huge {
        /// So many.
        megabytes: u64,
    },
    /// The answer comes in drops. Billed.
    SlowLoris {
        /// Between two drops.
        milliseconds: u64,
    },
    /// 307 to another path of the emulator, which notes whether a key came along.
    Redirect,
    /// A page of HTML with status 200, as a proxy sends it. Billed.
    Html,
    /// 200 without `usageMetadata`. Billed.
    NoUsage,
    /// So many images in the answer, all counted.
    Images {
        /// So many.
        images: u64,
    },
    /// More output tokens than the request (or else the model) allows.
    OverCap {
        /// So many times the limit.
        times: f64,
    },
    /// 200 without a picture.
    Blocked {
        /// A finish reason (`IMAGE_SAFETY`) or, with `PROMPT:` before it, a block reason.
        reason: String,
    },
    /// A priority request is served as standard, silently.
    Downgraded,
}

/// Words of the file, with what each needs.
const KINDS: &[&str] = &[
    "429",
    "429_retry_info",
    "429_retry_after",
    "429_free_tier",
    "500",
    "503",
    "504",
    "401",
    "403_api_disabled",
    "403",
    "400",
    "404",
    "delay",
    "dropped",
    "reset",
    "truncated",
    "malformed",
    "cut_stream",
    "empty",
    "gzip_bomb",
    "mislabelled",
    "wrong_model",
    "huge",
    "slow_loris",
    "redirect",
    "html",
    "no_usage",
    "images",
    "over_cap",
    "blocked",
    "downgraded",
];

impl FaultKind {
    /// Its word in files and in the ledger.
    pub fn as_str(&self) -> &'static str {
        match self {
            FaultKind::Busy => "429",
            FaultKind::Quota { .. } => "429_retry_info",
            FaultKind::RetryAfter { .. } => "429_retry_after",
            FaultKind::FreeTier => "429_free_tier",
            FaultKind::Internal => "500",
            FaultKind::Overloaded => "503",
            FaultKind::Deadline { .. } => "504",
            FaultKind::TokenExpired => "401",
            FaultKind::ApiDisabled => "403_api_disabled",
            FaultKind::Forbidden => "403",
            FaultKind::Rejected => "400",
            FaultKind::NotFound => "404",
            FaultKind::Delay { .. } => "delay",
            FaultKind::Dropped { .. } => "dropped",
            FaultKind::Reset { .. } => "reset",
            FaultKind::Truncated => "truncated",
            FaultKind::Malformed => "malformed",
            FaultKind::CutStream => "cut_stream",
            FaultKind::Empty => "empty",
            FaultKind::GzipBomb { .. } => "gzip_bomb",
            FaultKind::Mislabelled => "mislabelled",
            FaultKind::WrongModel => "wrong_model",
            FaultKind::Huge { .. } => "huge",
            FaultKind::SlowLoris { .. } => "slow_loris",
            FaultKind::Redirect => "redirect",
            FaultKind::Html => "html",
            FaultKind::NoUsage => "no_usage",
            FaultKind::Images { .. } => "images",
            FaultKind::OverCap { .. } => "over_cap",
            FaultKind::Blocked { .. } => "blocked",
            FaultKind::Downgraded => "downgraded",
        }
    }
}

/// A faults file as written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultsFile {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.faults/1"))]
    schema: Spanned<String>,
    /// Rules; the first that strikes counts.
    #[serde(default, rename = "fault")]
    faults: Vec<Spanned<RawFault>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawFault {
    /// What happens.
    #[schemars(extend("enum" = KINDS))]
    kind: Spanned<String>,
    /// Strikes these requests, counted from 1.
    requests: Option<Vec<u64>>,
    /// Strikes every so many requests.
    every: Option<u64>,
    /// Strikes each request with this probability.
    probability: Option<Share>,
    /// Which calls it strikes; default: those that generate.
    #[serde(default)]
    calls: Calls,
    /// Only on this backend.
    backend: Option<Backend>,
    /// At most so many times.
    limit: Option<u64>,
    /// When to come back (`quota`), seconds.
    retry_seconds: Option<f64>,
    /// Delay, milliseconds.
    milliseconds: Option<u64>,
    /// After this share of the answer's bytes.
    after: Option<Share>,
    /// Whether the work is charged.
    billed: Option<bool>,
    /// Blank space around the answer, megabytes.
    megabytes: Option<u64>,
    /// Images counted in the answer.
    images: Option<u64>,
    /// Factor on the answer's cap.
    times: Option<f64>,
    /// Finish reason of a blocked answer.
    reason: Option<String>,
}

/// Reads a faults file.
///
/// ```toml
/// schema = "burndown.faults/1"
///
/// [[fault]]
/// kind = "429_retry_info"     # see `FaultKind` for all of them
/// requests = [3, 4]           # or every = 10, or probability = 0.05; none of them = all
/// retry_seconds = 2
///
/// [[fault]]
/// kind = "dropped"
/// backend = "vertex"          # only there
/// probability = 0.02
/// limit = 5                   # at most five times
/// after = 0.5
///
/// [[fault]]
/// kind = "503"
/// calls = "count"             # countTokens instead of generateContent
/// requests = [1]
/// ```
///
/// # Errors
///
/// When the text is no such file, a word is unknown, or a number cannot be; the message shows the place.
pub fn parse_faults(source: &SourceText) -> Result<Vec<Fault>, BadFile> {
    let raw: FaultsFile =
        toml::from_str(&source.text).map_err(|error| source.toml_complaint(TITLE, &error))?;
    if raw.schema.as_ref() != SCHEMA {
        let found = format!("expected `{SCHEMA}`");
        return Err(source.complaint(raw.schema.span(), TITLE, &found, None));
    }
    let mut faults = Vec::new();
    for row in raw.faults {
        let span = row.span();
        let row = row.into_inner();
        let when = match (&row.requests, row.every, row.probability) {
            (Some(list), None, None) if !list.contains(&0) => When::Requests(list.clone()),
            (None, Some(every), None) if every > 0 => When::Every(every),
            (None, None, Some(share)) => When::Probability(share),
            (None, None, None) => When::Always,
            _ => {
                let found = "one of `requests` (from 1), `every` (from 1) and `probability`, or none";
                return Err(source.complaint(span, TITLE, found, None));
            }
        };
        let kind = kind_of(source, &row, span)?;
        faults.push(Fault { when, calls: row.calls, backend: row.backend, limit: row.limit, kind });
    }
    Ok(faults)
}

/// Longest wait of a fault.
const MILLISECONDS_MAX: u64 = 3_600_000;

fn kind_of(source: &SourceText, row: &RawFault, span: std::ops::Range<usize>) -> Result<FaultKind, BadFile> {
    let word = row.kind.as_ref().as_str();
    let half = Share::try_from(0.5).expect("a half is a share");
    let milliseconds = row.milliseconds.unwrap_or(1000);
    let (megabytes, images) = (row.megabytes.unwrap_or(64), row.images.unwrap_or(10));
    let (times, retry_seconds) = (row.times.unwrap_or(1.5), row.retry_seconds.unwrap_or(34.4));
    let billed = row.billed.unwrap_or(false);
    let fits = milliseconds <= MILLISECONDS_MAX
        && (1..=1024).contains(&megabytes)
        && (1..=100).contains(&images)
        && (1.0..=100.0).contains(&times)
        && (0.0..=86_400.0).contains(&retry_seconds);
    if !fits {
        let found = "milliseconds are at most an hour, megabytes 1 to 1024, images 1 to 100, times 1 to 100, retry_seconds at most a day";
        return Err(source.complaint(span, TITLE, found, None));
    }
    Ok(match word {
        "429" => FaultKind::Busy,
        "429_retry_info" => FaultKind::Quota { retry_seconds },
        "429_retry_after" => FaultKind::RetryAfter { retry_seconds },
        "429_free_tier" => FaultKind::FreeTier,
        "500" => FaultKind::Internal,
        "503" => FaultKind::Overloaded,
        "504" => FaultKind::Deadline { billed },
        "401" => FaultKind::TokenExpired,
        "403_api_disabled" => FaultKind::ApiDisabled,
        "403" => FaultKind::Forbidden,
        "400" => FaultKind::Rejected,
        "404" => FaultKind::NotFound,
        "delay" => FaultKind::Delay { milliseconds },
        "dropped" => FaultKind::Dropped { after: row.after.unwrap_or(half) },
        "reset" => FaultKind::Reset { billed },
        "truncated" => FaultKind::Truncated,
        "malformed" => FaultKind::Malformed,
        "cut_stream" => FaultKind::CutStream,
        "empty" => FaultKind::Empty,
        "gzip_bomb" => FaultKind::GzipBomb { megabytes },
        "mislabelled" => FaultKind::Mislabelled,
        "wrong_model" => FaultKind::WrongModel,
        "huge" => FaultKind::Huge { megabytes },
        "slow_loris" => FaultKind::SlowLoris { milliseconds },
        "redirect" => FaultKind::Redirect,
        "html" => FaultKind::Html,
        "no_usage" => FaultKind::NoUsage,
        "images" => FaultKind::Images { images },
        "over_cap" => FaultKind::OverCap { times },
        "blocked" => {
            FaultKind::Blocked { reason: row.reason.clone().unwrap_or_else(|| "IMAGE_SAFETY".into()) }
        }
        "downgraded" => FaultKind::Downgraded,
        _ => {
            let found = format!("unknown kind, expected {}", or_list(KINDS));
            let near = nearest(word, KINDS.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            return Err(source.complaint(row.kind.span(), TITLE, &found, near.as_deref()));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Fault>, BadFile> {
        parse_faults(&SourceText {
            name: "f.toml".into(),
            text: format!("schema = \"burndown.faults/1\"\n{text}"),
        })
    }

    #[test]
    fn every_word_makes_the_kind_that_has_it() {
        for word in KINDS {
            let read = parse(&format!("[[fault]]\nkind = \"{word}\"\n")).unwrap();
            assert_eq!(read[0].kind.as_str(), *word);
            assert_eq!(read[0].when, When::Always);
        }
    }

    #[test]
    fn a_faults_file_that_cannot_be_is_refused_with_the_reason() {
        for (text, expected) in [
            ("[[fault]]\nkind = \"droped\"\n", "did you mean `dropped`?"),
            ("[[fault]]\nkind = \"503\"\nevery = 0\n", "one of `requests`"),
            ("[[fault]]\nkind = \"503\"\nevery = 2\nrequests = [1]\n", "one of `requests`"),
            ("[[fault]]\nkind = \"huge\"\nmegabytes = 9999\n", "megabytes 1 to 1024"),
            ("[[fault]]\nkind = \"503\"\nprobability = 3\n", "for 3 % write 0.03"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

#[cfg(test)]
mod schema_tests {
    use super::*;
    use crate::schema::keys::check;

    #[test]
    fn the_schema_knows_the_keys_of_the_parser_and_no_others() {
        check::<FaultsFile>();
        check::<RawFault>();
    }
}
