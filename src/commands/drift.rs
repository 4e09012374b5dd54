//! `drift`: new observations against the token profiles.

use std::path::Path;

use crate::cli::DriftArgs;

use super::Done;

pub(super) fn run(_args: &DriftArgs, _overlay: Option<&Path>) -> anyhow::Result<Done> {
    anyhow::bail!("not yet")
}
