//! `init`: a small commented workload file.

use std::path::Path;

use anyhow::{Context, bail};

use super::{Done, files::write_whole, library::Library, output};
use crate::{
    calendar::Day,
    cli::InitArgs,
    diagnostics::SourceText,
    prices::{ModelFacts, ModelKind},
    projection::project,
    workload::{OutsideFiles, SCHEMA_LINE, Workload, WorkloadFile},
};

pub(super) fn run(args: &InitArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let library = Library::load(overlay)?;
    let book = &library.prices;
    let id = book.resolve(&args.model)?.id;
    let facts = book.facts(&id).context("a resolved model is in the book")?;
    if !matches!(facts.kind, ModelKind::Image | ModelKind::Text) {
        bail!("a workload prices image and text models by token; {id} is neither");
    }
    let text = file_text(args, facts);
    check(&text, &library)?;
    let Some(path) = &args.out else {
        output::print(&text)?;
        return Ok(Done::Fine);
    };
    if path.exists() {
        bail!("`{}` exists already and is not overwritten", path.display());
    }
    write_whole(path, text.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))?;
    let schema = path.with_file_name("schema");
    output::say(&format!(
        "wrote {0}\nnext: burndown plan {0}\nfor an editor that completes its keys: burndown schema workload --out {1}",
        path.display(),
        schema.display()
    ));
    Ok(Done::Fine)
}

/// What is written can be planned: the same checks, before anything is printed.
fn check(text: &str, library: &Library) -> anyhow::Result<()> {
    let source = SourceText { name: "the workload to be written".into(), text: text.to_string() };
    let file = WorkloadFile::parse(&source)?;
    let today = Day::today_utc();
    let workload = Workload::resolve(file, &source, &library.prices, today, &OutsideFiles::default())?;
    project(&library.inputs(&workload))?;
    Ok(())
}

fn file_text(args: &InitArgs, facts: &ModelFacts) -> String {
    let makes_images = facts.kind == ModelKind::Image;
    let prompt = args.prompt.clone().unwrap_or_else(|| {
        if makes_images {
            "A photo of the product on a kitchen table, soft light."
        } else {
            "Describe this photo."
        }
        .to_string()
    });
    let images: Vec<String> = args.input_image.iter().map(|size| format!("\"{size}\"")).collect();
    let images = match images.as_slice() {
        [] => "# input_images = [\"1408x768\"]          # pixel sizes, files or patterns: [\"photos/*.jpg\"]"
            .to_string(),
        sizes => format!("input_images = [{}]          # pixel sizes, files or patterns", sizes.join(", ")),
    };
    let sizes: Vec<&str> = facts.sizes.iter().map(|size| size.as_str()).collect();
    let output = if makes_images {
        format!("# output_size = \"1K\"                  # {}", sizes.join(", "))
    } else {
        "output_text_tokens = [50, 150, 400]   # a range [p5, likely, p95] says how sure you are of the mean"
            .to_string()
    };
    format!(
        r#"{SCHEMA_LINE}
# A workload for `burndown plan`: what will be sent, and how often.
# Any number may be a range [p5, likely, p95]. What is left away has a default that the report lists.

# start = "2027-01-01"                 # default: first of next month
# horizon_months = 12
# budget_usd_per_month = 10_000

[[route]]
name = {name}
model = {model}{nickname}
# models = ["nano-banana-2.1"]         # others to compare with
# placements = ["developer", "vertex:global"]
prompt = {prompt}     # or prompt_file = "…", or prompt_tokens = 300
{images}
{output}
requests_per_month = {requests}        # or requests_per_day, or accepted_images_per_month with tries_per_accepted
# growth_per_month = 0.05              # 5 % a month
# max_wait_hours = 0.5                 # 0.5 allows flex, 72 batch: half price
# day_shape = "office"                 # flat, office, evening or 24 numbers
"#,
        name = quoted(&args.name),
        model = quoted(&args.model),
        nickname = if args.model == facts.id.0 { String::new() } else { format!("     # {}", facts.id) },
        prompt = quoted(&prompt),
        requests = args.requests_per_month,
    )
}

/// A TOML string, whatever it holds.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_string()).to_string()
}
