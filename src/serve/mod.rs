//! The report as a live page: edits of a workload file → its new text → a plan → what the page shows.
//!
//! Nothing here opens a socket or a file. The page holds the text it started from and the edits made since;
//! each question carries both, so the answer is a function of the question and of the books, and nobody keeps
//! a state. `commands` puts this on loopback.

mod difference;
mod edit;
mod fields;
mod file_name;
mod form;
mod page;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml_edit::DocumentMut;

use crate::{
    calendar::Day,
    capacity::CapacityBook,
    diagnostics::SourceText,
    model::{Backend, ModelId},
    prices::PriceBook,
    projection::{Inputs, Plan, project},
    report::{Report, main_part, pictures},
    tokens::TokenProfile,
    workload::{OutsideFiles, Workload, WorkloadFile},
};

pub use difference::difference;
pub use edit::{Edit, EditError};
pub use file_name::{BadName, file_name, suggestion};
pub use form::{Control, Form, Group, Input};
pub use page::{PAGE_SCRIPT, PAGE_STYLE, page};

/// Most edits of one question.
pub const EDITS_MAX: usize = 1_000;

/// What is known before a workload is read.
#[derive(Clone, Copy)]
pub struct Books<'a> {
    /// Prices and model life.
    pub prices: &'a PriceBook,
    /// Throughput and terms.
    pub capacity: &'a CapacityBook,
    /// Token profiles.
    pub tokens: &'a BTreeMap<(Backend, ModelId), TokenProfile>,
    /// The day that stands in for a missing `as_of`.
    pub today: Day,
    /// The name that complaints call the file by.
    pub name: &'a str,
    /// Reads what a workload refers to.
    pub outside: &'a dyn Fn(&WorkloadFile) -> OutsideFiles,
}

/// What the page asks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Text of a workload file.
    pub base: String,
    /// Edits made since, oldest first.
    pub edits: Vec<Edit>,
}

/// What the page shows next.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The text with the edits.
    pub text: String,
    /// Its form.
    pub form: Form,
    /// The plan of it; `None` while something is wrong.
    pub shown: Option<Shown>,
    /// What is wrong, in the words of `plan`.
    pub problems: Vec<Problem>,
}

/// A plan, drawn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// One line that names workload, volume and horizon.
    pub title: String,
    /// The `<main>` element of the report.
    pub report: String,
    /// Mean dollars of a month.
    pub month_usd: f64,
    /// False when something has no price: the dollars are then a lower bound.
    pub complete: bool,
}

/// Something wrong, and the input that did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `field` of the edit; `None` when the text was wrong before any edit.
    pub field: Option<String>,
    /// File, line, what was found and what would be right.
    pub message: String,
}

/// Plans the text with its edits; whatever is wrong with them is part of the answer.
pub fn answer(books: &Books<'_>, asked: &Asked) -> Answer {
    let Ok(base) = asked.base.parse::<DocumentMut>() else {
        let message =
            resolve(books, &asked.base).err().unwrap_or_else(|| "this text is not TOML".to_string());
        let problems = vec![Problem { field: None, message }];
        return Answer { text: asked.base.clone(), form: Form::default(), shown: None, problems };
    };
    let first_day = books.today.first_of_next_month();
    let mut problems = Vec::new();
    if asked.edits.len() > EDITS_MAX {
        problems.push(Problem { field: None, message: format!("more than {EDITS_MAX} edits at once") });
    }
    let mut draft = Draft { base: &base, text: &asked.base, first_day, edits: Vec::new() };
    let mut edited = base.clone();
    for edit in asked.edits.iter().take(EDITS_MAX) {
        match edit::apply(&mut edited, edit, first_day) {
            Ok(()) => draft.edits.push(edit),
            Err(error) => {
                problems.push(Problem { field: Some(edit.field.clone()), message: error.to_string() })
            }
        }
    }
    let text = edit::text_of_document(&edited, &asked.base);
    let workload = resolve(books, &text);
    let form = form::form(&edited, workload.as_ref().ok(), books);
    let shown = workload.map_err(|message| draft.blame(books, message)).and_then(|workload| {
        shown(books, &workload).map_err(|message| vec![draft.unplannable(books, message)])
    });
    match shown {
        Ok(shown) if problems.is_empty() => Answer { text, form, shown: Some(shown), problems },
        Ok(_) => Answer { text, form, shown: None, problems },
        Err(found) => {
            problems.extend(found);
            Answer { text, form, shown: None, problems }
        }
    }
}

/// A text and edits of it that can be made.
struct Draft<'a> {
    base: &'a DocumentMut,
    text: &'a str,
    first_day: Day,
    edits: Vec<&'a Edit>,
}

impl Draft<'_> {
    fn text_with(&self, edits: &[&Edit]) -> String {
        let mut document = self.base.clone();
        for edit in edits {
            // Those that cannot be made are not among these, unless one they rest on was left out.
            let _ = edit::apply(&mut document, edit, self.first_day);
        }
        edit::text_of_document(&document, self.text)
    }

    /// Each edit that breaks the text, with its complaint; one that no edit brought about comes alone.
    fn blame(&self, books: &Books<'_>, first: String) -> Vec<Problem> {
        let complaint = |edits: &[&Edit]| resolve(books, &self.text_with(edits)).err();
        let mut edits = self.edits.clone();
        let mut problems = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            let Some(at) = culprit(&edits, |edits| complaint(edits).is_some()) else {
                problems.push(Problem { field: None, message });
                break;
            };
            // With those before it alone: the whole text may complain of a later edit first.
            let message = complaint(&edits[..=at]).unwrap_or(message);
            problems.push(Problem { field: Some(edits[at].field.clone()), message });
            edits.remove(at);
            next = complaint(&edits);
        }
        problems
    }

    /// The edit after which a sound text has no plan.
    fn unplannable(&self, books: &Books<'_>, message: String) -> Problem {
        let fails = |edits: &[&Edit]| {
            resolve(books, &self.text_with(edits)).is_ok_and(|workload| plan(books, &workload).is_err())
        };
        let field = culprit(&self.edits, fails).map(|at| self.edits[at].field.clone());
        Problem { field, message }
    }
}

/// An edit that turns a good text into a bad one, by halving: `None` when the text was bad before.
fn culprit(edits: &[&Edit], fails: impl Fn(&[&Edit]) -> bool) -> Option<usize> {
    if edits.is_empty() || fails(&[]) {
        return None;
    }
    let (mut good, mut bad) = (0, edits.len());
    while bad - good > 1 {
        let middle = good.midpoint(bad);
        match fails(&edits[..middle]) {
            true => bad = middle,
            false => good = middle,
        }
    }
    Some(bad - 1)
}

/// The workload of a text, or the complaint about it.
pub fn resolve(books: &Books<'_>, text: &str) -> Result<Workload, String> {
    let source = SourceText { name: books.name.to_string(), text: text.to_string() };
    let file = WorkloadFile::parse(&source).map_err(|error| error.to_string())?;
    let outside = (books.outside)(&file);
    Workload::resolve(file, &source, books.prices, books.today, &outside).map_err(|error| error.to_string())
}

fn plan(books: &Books<'_>, workload: &Workload) -> Result<Plan, String> {
    let Books { prices, capacity, tokens, .. } = *books;
    project(&Inputs { workload, prices, capacity, tokens }).map_err(|error| error.to_string())
}

fn shown(books: &Books<'_>, workload: &Workload) -> Result<Shown, String> {
    let plan = plan(books, workload)?;
    let report = Report::of(&plan);
    let charts = pictures(&plan).map_err(|error| format!("cannot draw the charts: {error}"))?;
    let html = main_part(&report, &charts).map_err(|error| error.to_string())?;
    Ok(Shown {
        title: report.title,
        report: html,
        month_usd: plan.bill.month.mean,
        complete: plan.bill.complete,
    })
}
