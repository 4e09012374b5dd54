//! What a plan proposes to measure next.

use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::{
    diagnostics::{SourceText, from_json},
    model::{Endpoint, ModelId},
};

/// The placement to ask, and how often.
pub(super) struct Proposal {
    pub model: ModelId,
    pub endpoint: Endpoint,
    pub requests: u64,
}

/// The part of a plan that is read.
#[derive(Deserialize)]
struct Proposing {
    schema: String,
    #[serde(default)]
    measure_next: Vec<Proposed>,
}

#[derive(Deserialize)]
struct Proposed {
    requests: u64,
    placement: Option<Placed>,
}

#[derive(Deserialize)]
struct Placed {
    model: String,
    endpoint: String,
}

/// The first calibration that the plan lists.
pub(super) fn proposal(path: &Path) -> anyhow::Result<Proposal> {
    let source = SourceText::read(path)?;
    let plan: Proposing =
        from_json(&source.text).with_context(|| format!("{} is no plan.json", path.display()))?;
    if plan.schema != "burndown.plan/1" {
        bail!("{}: expected the schema `burndown.plan/1`, found `{}`", path.display(), plan.schema);
    }
    let first = plan.measure_next.into_iter().find_map(|next| Some((next.requests, next.placement?)));
    let Some((requests, placed)) = first else {
        bail!(
            "{} proposes no calibration: nothing that requests could tell moves its range\n\nhint: leave --from-plan away to measure all the same",
            path.display()
        );
    };
    let endpoint = placed.endpoint.parse().map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    Ok(Proposal { model: ModelId(placed.model), endpoint, requests })
}
