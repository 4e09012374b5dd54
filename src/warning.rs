//! What is doubtful but usable: typed, returned beside the result, shown by the shell.

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    calendar::Day,
    model::{
        Endpoint, Grade, ImageSize, MediaResolution, ModelId, Placement, ThinkingLevel, Tier, TokenClass,
    },
    schema::described,
};

/// Something the reader should know before trusting a number.
///
/// Each has a stable code for machines; `Display` says what was seen and what it means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Warning {
    /// A token class was used that the row has no price for: the total is a lower bound.
    #[error("no price for {} on {placement}: {tokens} tokens are left out, the total is at least what is shown", class.label())]
    NoPrice {
        /// Who would have served it.
        placement: Placement,
        /// The class without a price.
        class: TokenClass,
        /// Tokens left out.
        tokens: u64,
    },
    /// Something other than tokens was used that the row has no price for.
    #[error(
        "no price for {item} on {placement}: {quantity} are left out, the total is at least what is shown"
    )]
    NoUnitPrice {
        /// Who would have served it.
        placement: Placement,
        /// What has no price.
        item: &'static str,
        /// How many are left out.
        quantity: u64,
    },
    /// The book has rows for the placement, but none for some days of the horizon.
    #[error(
        "{placement} has no price from {from} on (or for some days after): they are left out, the bill is at least what is shown"
    )]
    PriceGap {
        /// The placement.
        placement: Placement,
        /// First day without a price.
        from: Day,
    },
    /// The book names no rate of burn for a class the request uses.
    #[error("no burndown rate for {} on {model}: its tokens are left out, GSUs are at least what is shown", class.label())]
    NoBurndown {
        /// The model.
        model: ModelId,
        /// The class without a rate.
        class: TokenClass,
    },
    /// A placement is past its end.
    #[error("{model} on {endpoint} is gone since {end}{}", successor_text(successor))]
    Gone {
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
        /// First day without service.
        end: Day,
        /// What the book names to follow it.
        successor: Option<ModelId>,
    },
    /// A placement ends inside the horizon.
    #[error(
        "{model} on {endpoint} ends on {end}, inside the horizon; no spend is counted from that day{}",
        successor_text(successor)
    )]
    EndsInside {
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
        /// First day without service.
        end: Day,
        /// What the book names to follow it.
        successor: Option<ModelId>,
    },
    /// A placement may end inside the horizon: "not before", or only a price database says so.
    #[error("{model} on {endpoint} may end from {end} on ({}); the plan assumes that it stays", if *confirmed { "not earlier, says Google" } else { "unconfirmed" })]
    MayEnd {
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
        /// Earliest first day without service.
        end: Day,
        /// Whether Google names the day.
        confirmed: bool,
    },
    /// A placement is not launched yet on the day in question.
    #[error("{model} on {endpoint} was launched on {launch}, after the day asked for")]
    NotYetLaunched {
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
        /// First day with service.
        launch: Day,
    },
    /// The book does not know the model to be served at this location.
    #[error("{model} is not known to be served at {endpoint} (known: {known}); priced as if it were")]
    LocationUnknown {
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
        /// Locations in the book.
        known: String,
    },
    /// The book is old on the day in question.
    #[error(
        "the price book was last checked on {checked}, {days} days before {on}; look at the price page before you sign"
    )]
    StaleBook {
        /// Day of the last check.
        checked: Day,
        /// Day asked for.
        on: Day,
        /// Days between.
        days: i64,
    },
    /// A price comes from a derivation, not from a page.
    #[error("a price on {placement} is derived from another tier or row, not printed anywhere")]
    DerivedPrice {
        /// Who would serve it.
        placement: Placement,
    },
    /// Tokens rest on few answers or none.
    #[error("tokens of {} for {model} on {} rest on {}", class.label(), endpoint, evidence_text(*grade, *n))]
    WeakEvidence {
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
        /// The class.
        class: TokenClass,
        /// What the number is.
        grade: Grade,
        /// Answers it rests on, when it was measured.
        n: Option<u64>,
    },
    /// No answer to this kind of request was seen on this backend.
    #[error(
        "no answer of {model} on {endpoint} to {kind} requests was seen: its tokens rest on documents and on other kinds of request"
    )]
    NoneSeen {
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
        /// Kind of request.
        kind: &'static str,
    },
    /// Answers reported other tokens for input images than the rule says.
    #[error(
        "input images of {model} on {endpoint}: an answer contradicts the rule, so what {answers} answer(s) reported counts instead"
    )]
    RuleContradicted {
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
        /// Answers that count.
        answers: u64,
    },
    /// What was learned comes from the emulator.
    #[error(
        "tokens of {model} on {endpoint} were rehearsed against the emulator: no real answer stands behind them"
    )]
    Rehearsed {
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
    },
    /// Answers did not all hold the one image that the documentation speaks of.
    #[error(
        "answers of {model} on {endpoint} to {kind} requests held {seen}; every image counts in the usage"
    )]
    ImagesVary {
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
        /// Kind of request.
        kind: &'static str,
        /// Counts of images and how often.
        seen: String,
    },
    /// No token profile for this model on this backend; another one stands in.
    #[error("no token profile for {model} on {endpoint}; the one of {stand_in} stands in")]
    ProfileStandsIn {
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
        /// Backend whose profile is used.
        stand_in: Endpoint,
    },
    /// A parameter that this backend refuses.
    #[error(
        "{endpoint} answers 400 to a media resolution ({asked}) for {model}; its default tokens are used"
    )]
    ResolutionRefused {
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
        /// What the workload asks for.
        asked: MediaResolution,
    },
    /// The profile has no rule for the asked resolution.
    #[error("no rule for media resolution {asked} of {model} on {endpoint}; its default tokens are used")]
    ResolutionUnknown {
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
        /// What the workload asks for.
        asked: MediaResolution,
    },
    /// The profile has no thinking tokens for the asked level.
    #[error("no thinking tokens known for level {asked} of {model} on {endpoint}; its default is used")]
    ThinkingLevelUnknown {
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
        /// What the workload asks for.
        asked: ThinkingLevel,
    },
    /// A cached share was stated, but the placement prices no cached input.
    #[error("{placement} has no price for cached {}; the cached share is billed as uncached", class.label())]
    NoCachePrice {
        /// Who would serve it.
        placement: Placement,
        /// The class.
        class: TokenClass,
    },
    /// A model of the comparison cannot make the asked size.
    #[error("{model} makes no {size} images; it is left out")]
    SizeNotMade {
        /// The model.
        model: ModelId,
        /// The size.
        size: ImageSize,
    },
    /// The model takes fewer input images than the request has.
    #[error("{model} takes at most {max} input images, the request has {found}; it is left out")]
    TooManyImages {
        /// The model.
        model: ModelId,
        /// Its limit.
        max: u32,
        /// Images in the request.
        found: u32,
    },
    /// The usage of a response is odd; the text says how.
    #[error("{0}")]
    Usage(String),
    /// Provisioned throughput serves this request; its price is the GSU's, not per token.
    #[error(
        "this request was served by provisioned throughput: it costs the GSU's hours, not tokens; what it would cost on PayGo is shown"
    )]
    Provisioned,
    /// The load of a pool cannot be sized.
    #[error("GSUs of {model} cannot be sized: {why}")]
    NotSized {
        /// The model.
        model: ModelId,
        /// Why.
        why: String,
    },
    /// The tier that a route's overflow is to be paid at is not sold for its model there.
    #[error(
        "{model} on {endpoint} has no tier {tier} that serves route `{route}`: what its GSUs leave is priced at the route's own tier"
    )]
    SpillTierNotOffered {
        /// The route.
        route: String,
        /// The model.
        model: ModelId,
        /// Where.
        endpoint: Endpoint,
        /// The tier that was asked for.
        tier: Tier,
    },
    /// An order runs that no route of the workload uses.
    #[error(
        "the order of {gsu} GSU of {model} at {location} takes none of this workload's traffic; its dollars count all the same"
    )]
    OrderUnused {
        /// The model.
        model: ModelId,
        /// Where.
        location: String,
        /// GSUs.
        gsu: u64,
    },
    /// No provisioned throughput for the model in the book.
    #[error("the capacity book has no throughput for {model}: GSUs cannot be sized")]
    NoThroughput {
        /// The model.
        model: ModelId,
    },
    /// The window of a GSU count is a default, not a documented figure.
    #[error("the enforcement window of {model} at {gsu} GSU is assumed, not documented")]
    WindowAssumed {
        /// The model.
        model: ModelId,
        /// The count.
        gsu: u64,
    },
    /// The windows of several GSU counts are defaults, not documented figures.
    #[error("the enforcement windows of {model} at {gsus} GSU are assumed, not documented")]
    WindowsAssumed {
        /// The model.
        model: ModelId,
        /// The counts, as `4 to 49`.
        gsus: String,
    },
    /// Rows of a trace could not be read and are left out.
    #[error("{trace}: {rows} row(s) cannot be read and are left out; the first: line {line}: {problem}")]
    RowsUnreadable {
        /// The trace.
        trace: String,
        /// How many.
        rows: u64,
        /// Line of the first.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// Requests of a trace that tell no tokens are left out.
    #[error("{trace}: {rows} request(s) failed, their tokens are not known: they are left out")]
    RowsFailed {
        /// The trace.
        trace: String,
        /// How many.
        rows: u64,
    },
    /// Observations of other models are left out.
    #[error("{trace}: {rows} observation(s) of other models than {model} are left out")]
    RowsOfOtherModels {
        /// The trace.
        trace: String,
        /// The model that is replayed.
        model: String,
        /// How many.
        rows: u64,
    },
    /// A trace was not in order of time.
    #[error("{trace}: {rows} request(s) stood behind a later one and were put in order of time")]
    RowsOutOfOrder {
        /// The trace.
        trace: String,
        /// How many.
        rows: u64,
    },
    /// A trace that comes from the emulator.
    #[error("{trace}: {rows} request(s) come from the emulator: a rehearsal, not evidence")]
    Rehearsal {
        /// The trace.
        trace: String,
        /// How many.
        rows: u64,
    },
    /// Requests whose latency is not known.
    #[error("{trace}: {rows} request(s) without a latency are taken as answered at once")]
    LatencyUnknown {
        /// The trace.
        trace: String,
        /// How many.
        rows: u64,
    },
    /// A rule of admission that was learned from the emulator.
    #[error("the rule of admission of {model} was learned from the emulator: a rehearsal, not evidence")]
    RuleRehearsed {
        /// The model.
        model: ModelId,
    },
    /// A trace is too short to learn a pattern from.
    #[error("{trace} covers {covered}, too little for {what}")]
    TraceTooShort {
        /// The trace.
        trace: String,
        /// How long it is.
        covered: String,
        /// What cannot be learnt from it.
        what: String,
    },
    /// A commitment would outlive its model.
    #[error("a term of {term} from {start} ends after {model} may end ({end}); the fee is due all the same")]
    TermOutlivesModel {
        /// The model.
        model: ModelId,
        /// The term's name.
        term: String,
        /// First day of the term.
        start: Day,
        /// Earliest end of the model.
        end: Day,
    },
    /// A running order has no part in the horizon.
    #[error("the order of {term} from {start} {why}: it is not counted")]
    OrderOutside {
        /// The term's name.
        term: String,
        /// Its first day.
        start: Day,
        /// Why.
        why: &'static str,
    },
    /// More orders at a time than the rules allow.
    #[error(
        "the cheapest ladder runs {needed} orders at a time, {max} are allowed for one model and location; with fewer start dates it runs {kept}"
    )]
    OrderLimit {
        /// Orders at a time without the rule.
        needed: u64,
        /// The rule.
        max: u64,
        /// Orders at a time of the ladder shown.
        kept: u64,
    },
    /// The horizon starts before an order can.
    #[error(
        "an order takes up to {business_days} business days: none that is placed now runs before {first}"
    )]
    LateStart {
        /// Business days of processing.
        business_days: u64,
        /// First day on which an order can start.
        first: Day,
    },
    /// A load so large that not every count was costed.
    #[error("{model} would take up to {wanted} GSUs; costs were worked out up to {counted}")]
    CountsCapped {
        /// The model.
        model: ModelId,
        /// The largest count that was costed.
        counted: u64,
        /// Three times the busiest hour.
        wanted: u64,
    },
    /// A purchase reaches the end of the cost table.
    #[error("the ladder reaches {gsu} GSUs, where its cost table ends; more may be cheaper")]
    CountTableEnds {
        /// The last count of the table.
        gsu: u64,
    },
    /// Provisioned throughput is not sold at this location, as far as the book knows.
    #[error("provisioned throughput for {model} is not known to be sold at {location} (known: {known})")]
    ThroughputLocationUnknown {
        /// The model.
        model: ModelId,
        /// Where.
        location: String,
        /// Locations in the book.
        known: String,
    },
    /// A form that takes whole queries per second alone would ask for other GSUs.
    #[error(
        "{model}: where the form takes whole queries per second alone, {entered} becomes {whole}, {times} times the load, and {gsu_whole} GSU instead of {gsu}; enter 1 and every token field × {entered} instead"
    )]
    WholeQueries {
        /// The model.
        model: ModelId,
        /// Queries a second, as entered.
        entered: String,
        /// The next whole number.
        whole: u64,
        /// How many times as much that is.
        times: String,
        /// GSUs by the form for it.
        gsu_whole: u64,
        /// GSUs by the form for the mean.
        gsu: u64,
    },
    /// A class that is burnt and that the form does not ask for.
    #[error(
        "the form of {model} has no field for {}: {tokens} tokens per query cannot be entered, so it answers with too few GSUs", class.label()
    )]
    NoFormField {
        /// The model.
        model: ModelId,
        /// The class.
        class: TokenClass,
        /// Mean tokens per query.
        tokens: String,
    },
    /// The book does not list the fields of a model's form.
    #[error("the capacity book does not list the form fields of {model}")]
    FormUnknown {
        /// The model.
        model: ModelId,
    },
    /// A credit that ends, or outlasts the horizon, before the bill has used it up.
    #[error("${unused} of the credit of ${usd} are not used up {when}")]
    CreditUnused {
        /// US dollars that are left.
        unused: i64,
        /// US dollars of the credit.
        usd: i64,
        /// `by its end on 2026-12-31`, or `within the horizon`.
        when: String,
    },
    /// The simulated range of the bill and the one by formula differ.
    #[error(
        "the simulated range of a month is ${} to ${}, the closed form says ${} to ${}: inputs are far from log-normal; the simulation counts", .simulated[0], .simulated[1], .formula[0], .formula[1]
    )]
    RangesDisagree {
        /// US dollars, 5 % and 95 %.
        simulated: [i64; 2],
        /// The same by formula.
        formula: [i64; 2],
    },
    /// Part of a dated job lies outside the horizon.
    #[error(
        "route {route} runs from {first} to {last}, partly outside the horizon; only the days inside count"
    )]
    OutsideHorizon {
        /// The route.
        route: String,
        /// First day.
        first: Day,
        /// Last day.
        last: Day,
    },
    /// A route has no requests inside the horizon.
    #[error("route {route} has no requests between {first} and {last}: it adds nothing to the bill")]
    NoTraffic {
        /// The route.
        route: String,
        /// First day of the horizon.
        first: Day,
        /// Last day of the horizon.
        last: Day,
    },
    /// A log was read without a total to hold it against.
    #[error(
        "how much of the traffic the log holds is not known; hint: give --invocations (Google's count of requests in the same time) or --billed-tokens"
    )]
    NoControlTotal,
    /// A log holds much less, or more, than Google counted.
    #[error("the log holds {percent} % of the control total")]
    LogCoverage {
        /// Share of the control total, in percent, rounded.
        percent: u64,
    },
    /// Rows of a log could not be read.
    #[error("{n} of {rows} rows could not be read and are left out; {reasons}")]
    RowsLeftOut {
        /// How many.
        n: u64,
        /// Of how many.
        rows: u64,
        /// Why, most frequent first, with the first places.
        reasons: String,
    },
    /// More responses than ids are remembered: rows that two exports share may count twice.
    #[error(
        "{n} responses came after {remembered} different ones, and whether they stand in the logs twice was not looked for"
    )]
    DuplicatesNotLookedFor {
        /// Responses that were not looked for.
        n: u64,
        /// Ids that are remembered.
        remembered: u64,
    },
    /// Attempts whose backend the log does not tell.
    #[error(
        "{n} attempts do not tell who answered; hint: --backend developer or --backend vertex, where all are of one"
    )]
    BackendNotTold {
        /// How many.
        n: u64,
    },
    /// A tier that this route could use has no price row on this placement.
    #[error("{placement} is not offered")]
    NotOffered {
        /// The placement without a row.
        placement: Placement,
    },
}

fn successor_text(successor: &Option<ModelId>) -> String {
    successor.as_ref().map(|model| format!("; successor {model}")).unwrap_or_default()
}

fn evidence_text(grade: Grade, n: Option<u64>) -> String {
    match (grade, n) {
        (Grade::Measured, Some(1)) => "1 answer: weak".into(),
        (Grade::Measured, Some(n)) => format!("{n} answers: weak"),
        (Grade::Measured, None) => "an unknown number of answers: weak".into(),
        (Grade::Documented, _) => "documentation alone, no answer was seen".into(),
        (Grade::Assumed, _) => "an assumption, no answer was seen".into(),
        (Grade::Rehearsed, _) => "a rehearsal against the emulator".into(),
    }
}

impl Warning {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Warning::NoPrice { .. } => "no-price",
            Warning::NoUnitPrice { .. } => "no-price",
            Warning::PriceGap { .. } => "price-gap",
            Warning::NoBurndown { .. } => "no-burndown",
            Warning::Gone { .. } => "model-gone",
            Warning::EndsInside { .. } => "model-ends-inside",
            Warning::MayEnd { .. } => "model-may-end",
            Warning::NotYetLaunched { .. } => "not-yet-launched",
            Warning::LocationUnknown { .. } => "location-unknown",
            Warning::StaleBook { .. } => "stale-book",
            Warning::DerivedPrice { .. } => "derived-price",
            Warning::WeakEvidence { .. } => "weak-evidence",
            Warning::NoneSeen { .. } => "none-seen",
            Warning::RuleContradicted { .. } => "rule-contradicted",
            Warning::Rehearsed { .. } => "rehearsed",
            Warning::ImagesVary { .. } => "images-vary",
            Warning::ProfileStandsIn { .. } => "profile-stands-in",
            Warning::ResolutionRefused { .. } => "resolution-refused",
            Warning::ResolutionUnknown { .. } => "resolution-unknown",
            Warning::ThinkingLevelUnknown { .. } => "thinking-level-unknown",
            Warning::NoCachePrice { .. } => "no-cache-price",
            Warning::SizeNotMade { .. } => "size-not-made",
            Warning::TooManyImages { .. } => "too-many-images",
            Warning::Usage(_) => "usage-anomaly",
            Warning::Provisioned => "provisioned",
            Warning::NotSized { .. } => "not-sized",
            Warning::NoThroughput { .. } => "no-throughput",
            Warning::WindowAssumed { .. } => "window-assumed",
            Warning::SpillTierNotOffered { .. } => "spill-tier-not-offered",
            Warning::OrderUnused { .. } => "order-unused",
            Warning::WindowsAssumed { .. } => "window-assumed",
            Warning::RowsUnreadable { .. } => "rows-unreadable",
            Warning::RowsFailed { .. } => "rows-failed",
            Warning::RowsOfOtherModels { .. } => "rows-of-other-models",
            Warning::RowsOutOfOrder { .. } => "rows-out-of-order",
            Warning::Rehearsal { .. } => "rehearsal",
            Warning::LatencyUnknown { .. } => "latency-unknown",
            Warning::RuleRehearsed { .. } => "rehearsed",
            Warning::TraceTooShort { .. } => "trace-too-short",
            Warning::TermOutlivesModel { .. } => "term-outlives-model",
            Warning::OrderOutside { .. } => "order-outside-horizon",
            Warning::OrderLimit { .. } => "order-limit",
            Warning::LateStart { .. } => "late-start",
            Warning::CountTableEnds { .. } => "count-table-ends",
            Warning::CountsCapped { .. } => "counts-capped",
            Warning::ThroughputLocationUnknown { .. } => "throughput-location-unknown",
            Warning::WholeQueries { .. } => "whole-queries",
            Warning::NoFormField { .. } => "no-form-field",
            Warning::FormUnknown { .. } => "form-unknown",
            Warning::CreditUnused { .. } => "credit-unused",
            Warning::RangesDisagree { .. } => "ranges-disagree",
            Warning::NoTraffic { .. } => "no-traffic",
            Warning::OutsideHorizon { .. } => "outside-horizon",
            Warning::NoControlTotal => "no-control-total",
            Warning::LogCoverage { .. } => "log-coverage",
            Warning::RowsLeftOut { .. } => "rows-left-out",
            Warning::DuplicatesNotLookedFor { .. } => "duplicates-not-looked-for",
            Warning::BackendNotTold { .. } => "backend-not-told",
            Warning::NotOffered { .. } => "not-offered",
        }
    }
}

impl Serialize for Warning {
    /// `{"code": …, "message": …}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("code", self.code())?;
        map.serialize_entry("message", &self.to_string())?;
        map.end()
    }
}

described!(Warning, "Warning", {
    "description": "Something doubtful but usable.",
    "type": "object",
    "properties": {
        "code": { "description": "Its kind, which stays the same.", "type": "string", "pattern": "^[a-z]+(-[a-z]+)*$" },
        "message": { "description": "Its sentence, which may change.", "type": "string" }
    },
    "required": ["code", "message"],
    "additionalProperties": false
});
