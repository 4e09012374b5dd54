//! `sql`: the query that sums up a log where it lies.

use anyhow::Context;

use super::{Done, output};
use crate::{
    cli::SqlArgs,
    import::{Engine, Query, RouteBy, query},
};

pub(super) fn run(args: &SqlArgs) -> anyhow::Result<Done> {
    let engine: Engine = args.engine.parse()?;
    let route_by = args.route_by.as_deref().map(|field| field.parse().map_err(anyhow::Error::msg));
    let route_by = route_by.transpose().context("--route-by")?.unwrap_or(RouteBy::All);
    let text = query(&Query { engine, table: &args.table, since: args.since, until: args.until, route_by })?;
    output::print(&text)?;
    Ok(Done::Fine)
}
