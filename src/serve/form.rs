//! The form beside the report: what the file says, key by key, and what counts where it says nothing.

use serde::Serialize;
use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::{
    Books,
    edit::tables,
    fields::{COUNTED_BY, Field, Kind, ORDER, ROUTE, WORKLOAD},
};
use crate::{
    model::{ImageSize, MediaResolution, ThinkingLevel, Tier},
    prices::{ModelFacts, ModelKind},
    workload::Workload,
};

/// The form of a workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Form {
    /// The workload itself, its orders of GSUs, then its routes.
    pub groups: Vec<Group>,
}

/// Inputs that belong together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// `workload`, `gsu_orders`, `gsu_orders.0`, `route.0`.
    pub id: String,
    /// For people.
    pub title: String,
    /// Its inputs.
    pub inputs: Vec<Input>,
    /// The edit that a button of this group makes, with its caption.
    pub button: Option<(String, &'static str)>,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Input {
    /// The `field` of an [`super::Edit`].
    pub id: String,
    /// For people, with the unit.
    pub label: &'static str,
    /// How it is shown.
    pub control: Control,
    /// As the file has it; empty where it has not.
    pub value: String,
    /// What counts while it is empty.
    pub default: String,
    /// What may be chosen, for [`Control::Choice`] and [`Control::Ticks`].
    pub options: Vec<String>,
    /// Whether it stands behind "more".
    pub more: bool,
}

/// How an input is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Control {
    /// A line.
    Line,
    /// One of some; the empty one is the default.
    Choice,
    /// Any of some, as a list with commas.
    Ticks,
}

/// The form of a document; `workload` is what the file came to, where it came to something.
pub(super) fn form(document: &DocumentMut, workload: Option<&Workload>, books: &Books<'_>) -> Form {
    let filler = Filler { workload, books };
    let mut groups = vec![Group {
        id: "workload".into(),
        title: "The whole workload".into(),
        inputs: filler.inputs(document.as_table(), "", WORKLOAD, None),
        button: None,
    }];
    for (at, route) in tables(document, "route").into_iter().enumerate() {
        let name = text(route, "name");
        let facts = books.prices.resolve(&model_of(route)).ok();
        let facts = facts.and_then(|resolved| books.prices.facts(&resolved.id));
        let shown = ROUTE.iter().filter(|field| is_offered(field.key, route, facts)).copied();
        let fields: Vec<Field> = shown.collect();
        let mut inputs = filler.inputs(route, &format!("route.{at}."), &fields, Some(&name));
        if let Some((key, _)) = COUNTED_BY.iter().find(|(key, _)| route.contains_key(key)) {
            let counted_by = Input {
                id: format!("route.{at}.counted_by"),
                label: "Counted by",
                control: Control::Choice,
                value: (*key).to_string(),
                default: String::new(),
                options: COUNTED_BY.iter().map(|(key, _)| (*key).to_string()).collect(),
                more: true,
            };
            inputs.push(counted_by);
        }
        groups.push(Group { id: format!("route.{at}"), title: name, inputs, button: None });
    }
    let orders = tables(document, "gsu_orders");
    for (at, order) in orders.iter().enumerate() {
        let prefix = format!("gsu_orders.{at}");
        groups.push(Group {
            title: format!("Order {} of GSUs", at + 1),
            inputs: filler.inputs(*order, &format!("{prefix}."), ORDER, None),
            button: Some((format!("{prefix}.remove"), "Take this order away")),
            id: prefix,
        });
    }
    groups.push(Group {
        id: "gsu_orders".into(),
        title: "GSUs that are bought, or tried".into(),
        inputs: Vec::new(),
        button: Some(("gsu_orders.add".into(), "Add an order of GSUs")),
    });
    Form { groups }
}

fn model_of(route: &dyn TableLike) -> String {
    let first = route.get("models").and_then(Item::as_array).and_then(|list| list.get(0)?.as_str());
    route.get("model").and_then(Item::as_str).or(first).unwrap_or_default().to_string()
}

/// Whether a route's form has a key: those that contradict one that is there are left out.
fn is_offered(key: &str, route: &dyn TableLike, facts: Option<&ModelFacts>) -> bool {
    let has = |key: &str| route.contains_key(key);
    let makes_images = facts.is_none_or(|facts| facts.kind == ModelKind::Image);
    match key {
        "requests_per_month" => has(key) || !COUNTED_BY.iter().any(|(other, _)| has(other)),
        "between" => has(key) || has("requests_total"),
        "tries_per_accepted" => has(key) || has("accepted_images_per_month"),
        "model" => has(key) || !has("models"),
        "output_size" => has(key) || makes_images,
        "output_text_tokens" => has(key) || !makes_images,
        "prompt_tokens" => has(key) || !(has("prompt") || has("prompt_file")),
        "requests_per_day" | "requests_total" | "accepted_images_per_month" | "prompt" | "prompt_file" => {
            has(key)
        }
        _ => true,
    }
}

struct Filler<'a> {
    workload: Option<&'a Workload>,
    books: &'a Books<'a>,
}

impl Filler<'_> {
    fn inputs(
        &self,
        table: &dyn TableLike,
        prefix: &str,
        fields: &[Field],
        route: Option<&str>,
    ) -> Vec<Input> {
        let inputs = fields.iter().map(|field| {
            let value = text(table, field.key);
            let (control, options) = self.control(field, table, &value);
            Input {
                id: format!("{prefix}{}", field.key),
                label: field.label,
                control,
                default: self.default_of(field, route),
                options,
                more: field.more,
                value,
            }
        });
        inputs.collect()
    }

    /// What the workload took where the file says nothing.
    fn default_of(&self, field: &Field, route: Option<&str>) -> String {
        let assumed = self.workload.into_iter().flat_map(|workload| &workload.assumed);
        let mut own = assumed.filter(|one| one.key == field.key && one.route.as_deref() == route);
        own.next().map_or_else(|| field.default.to_string(), |one| one.value.clone())
    }

    fn control(&self, field: &Field, table: &dyn TableLike, value: &str) -> (Control, Vec<String>) {
        let words = |names: Vec<&str>| names.into_iter().map(str::to_string).collect::<Vec<_>>();
        let mut options: Vec<String> = match field.key {
            "tier" => words(
                Tier::ALL
                    .iter()
                    .filter(|tier| **tier != Tier::Provisioned)
                    .map(|tier| tier.as_str())
                    .collect(),
            ),
            "thinking_level" => words(ThinkingLevel::ALL.iter().map(|level| level.as_str()).collect()),
            "media_resolution" => words(MediaResolution::ALL.iter().map(|word| word.as_str()).collect()),
            "day_shape" => words(vec!["flat", "office", "evening"]),
            "placements" => words(vec!["developer", "vertex:global", "vertex:us", "vertex:eu"]),
            "developer_tier" => words(vec!["1", "2", "3"]),
            "term" => self.books.capacity.terms.iter().map(|term| term.id.clone()).collect(),
            "output_size" => self.sizes(&model_of(table)),
            "model" => self.models(),
            _ if field.kind == Kind::Switch => words(vec!["true", "false"]),
            _ => return (Control::Line, Vec::new()),
        };
        if field.key == "placements" {
            for written in value.split(',').map(str::trim).filter(|text| !text.is_empty()) {
                if !options.iter().any(|option| option == written) {
                    options.push(written.to_string());
                }
            }
            return (Control::Ticks, options);
        }
        // What the file says can be seen, whether or not the list knows it: a nickname, 24 numbers, a slip.
        if !value.is_empty() && !options.iter().any(|option| option == value) {
            options.insert(0, value.to_string());
        }
        (Control::Choice, options)
    }

    fn sizes(&self, model: &str) -> Vec<String> {
        let resolved = self.books.prices.resolve(model).ok();
        let facts = resolved.and_then(|resolved| self.books.prices.facts(&resolved.id));
        let sizes = facts.map_or(ImageSize::ALL, |facts| facts.sizes.as_slice());
        sizes.iter().map(|size| size.as_str().to_string()).collect()
    }

    fn models(&self) -> Vec<String> {
        let can_be_planned = |facts: &&ModelFacts| matches!(facts.kind, ModelKind::Image | ModelKind::Text);
        let models = self.books.prices.models.iter().filter(can_be_planned);
        models.map(|facts| facts.id.to_string()).collect()
    }
}

/// What stands behind a key (`table.key` inside a table), as a person would type it.
fn text(table: &dyn TableLike, key: &str) -> String {
    let item = match key.split_once('.') {
        Some((outer, inner)) => {
            table.get(outer).and_then(Item::as_table_like).and_then(|table| table.get(inner))
        }
        None => table.get(key),
    };
    item.and_then(Item::as_value).map(typed).unwrap_or_default()
}

fn typed(value: &Value) -> String {
    match value {
        Value::String(text) => text.value().clone(),
        Value::Array(list) if list.iter().any(Value::is_str) => {
            list.iter().map(typed).collect::<Vec<_>>().join(", ")
        }
        value => {
            let text = value.clone().decorated("", "").to_string();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        }
    }
}
