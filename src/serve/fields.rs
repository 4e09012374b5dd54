//! The inputs that the page offers: key of the file, name for people, how its text becomes a value.

/// How what is typed becomes a value of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number or a list of numbers, as TOML writes them; anything else is left to the parser's complaint.
    Number,
    /// A text.
    Text,
    /// Texts parted by commas.
    Texts,
    /// `true` or `false`.
    Switch,
    /// A name, or a list of numbers.
    NameOrNumbers,
}

/// One input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// Key in the file; `table.key` for a key inside a table.
    pub key: &'static str,
    /// For people, with the unit.
    pub label: &'static str,
    pub kind: Kind,
    /// What counts when the key is absent and the workload lists no assumption; "" for nothing.
    pub default: &'static str,
    /// Whether it stands behind "more".
    pub more: bool,
}

const fn field(key: &'static str, label: &'static str, kind: Kind, default: &'static str) -> Field {
    Field { key, label, kind, default, more: false }
}

const fn rare(key: &'static str, label: &'static str, kind: Kind, default: &'static str) -> Field {
    Field { key, label, kind, default, more: true }
}

/// Inputs of the whole workload.
pub(super) const WORKLOAD: &[Field] = &[
    field("start", "First day", Kind::Text, ""),
    field("horizon_months", "Months", Kind::Number, ""),
    field("budget_usd_per_month", "Budget, USD a month", Kind::Number, "none"),
    rare("price_factor.tokens", "Factor on token prices (0.9 is 10 % off)", Kind::Number, ""),
    rare("price_factor.gsu_hours", "Factor on GSU prices", Kind::Number, ""),
    rare("time_zone", "Time zone of the hours", Kind::Text, ""),
    rare("developer_tier", "Spend tier on the Developer API", Kind::Number, "not stated"),
];

/// The keys that say how many requests, and how people say it.
pub(super) const COUNTED_BY: &[(&str, &str)] = &[
    ("requests_per_month", "Requests a month"),
    ("requests_per_day", "Requests a day"),
    ("requests_total", "Requests in all"),
    ("accepted_images_per_month", "Accepted images a month"),
];

/// Inputs of a route; which of the first four, and which of the prompts, depends on the file.
pub(super) const ROUTE: &[Field] = &[
    field("requests_per_month", "Requests a month", Kind::Number, ""),
    field("requests_per_day", "Requests a day", Kind::Number, ""),
    field("requests_total", "Requests in all", Kind::Number, ""),
    field("accepted_images_per_month", "Accepted images a month", Kind::Number, ""),
    field("between", "First and last day", Kind::Texts, ""),
    field("tries_per_accepted", "Requests for one accepted image", Kind::Number, ""),
    field("growth_per_month", "Growth a month (0.05 is 5 %)", Kind::Number, "0"),
    field("model", "Model", Kind::Text, ""),
    field("placements", "Placements", Kind::Texts, ""),
    field("tier", "Tier", Kind::Text, "standard"),
    field("output_size", "Output size", Kind::Text, ""),
    field("output_text_tokens", "Output text, tokens", Kind::Number, ""),
    field("thinking_level", "Thinking level", Kind::Text, ""),
    rare("models", "Other models to compare", Kind::Texts, "none"),
    rare("prompt", "Prompt", Kind::Text, ""),
    rare("prompt_file", "Prompt file", Kind::Text, ""),
    rare("prompt_tokens", "Prompt, tokens", Kind::Number, ""),
    rare("input_images", "Input images (sizes or files)", Kind::Texts, "none"),
    rare("media_resolution", "Media resolution", Kind::Text, ""),
    rare("cached_share", "Cached share of the input", Kind::Number, "0"),
    rare("max_wait_hours", "May wait, hours (0.5 flex, 72 batch)", Kind::Number, "0"),
    rare("day_shape", "Shape of the day", Kind::NameOrNumbers, ""),
    rare("peak_requests_per_minute", "Peak, requests a minute", Kind::Number, "not stated"),
    rare("launch", "Starts on", Kind::Text, "first day"),
    rare("end", "Last day", Kind::Text, "last day"),
];

/// Inputs of an order of GSUs that exists or is tried.
pub(super) const ORDER: &[Field] = &[
    field("count", "GSUs", Kind::Number, ""),
    field("term", "Term", Kind::Text, ""),
    field("start", "First day", Kind::Text, ""),
    field("auto_renew", "Renews itself", Kind::Switch, ""),
    field("model", "Model", Kind::Text, ""),
    field("location", "Location", Kind::Text, "global"),
];
