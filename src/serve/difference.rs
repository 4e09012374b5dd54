//! What an edit changed, as lines.

use similar::TextDiff;

/// Unified difference of two texts with three lines around each change; empty when they are equal.
pub fn difference(old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new).unified_diff().context_radius(3).to_string()
}
