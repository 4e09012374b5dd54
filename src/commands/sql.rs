//! `sql`: the query that sums up a log where it lies.

use anyhow::Context;

use super::{Done, output};
use crate::{
    cli::SqlArgs,
    import::{Engine, LogSize, Query, RouteBy, query},
};

pub(super) fn run(args: &SqlArgs) -> anyhow::Result<Done> {
    let engine: Engine = args.engine.parse()?;
    let route_by = args.route_by.as_deref().map(|field| field.parse().map_err(anyhow::Error::msg));
    let route_by = route_by.transpose().context("--route-by")?.unwrap_or(RouteBy::All);
    let size = args.rows.zip(args.row_bytes).map(|(rows, row_bytes)| LogSize { rows, row_bytes });
    let (since, until) = (args.since, args.until);
    let text = query(&Query { engine, table: &args.table, since, until, route_by, size })?;
    output::print(&text)?;
    Ok(Done::Fine)
}
