//! Names that a workload may be saved under: plain ones, in the workload's own folder.

/// Longest name, in bytes; file systems take 255.
const BYTES_MAX: usize = 200;

/// Why a name is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// A way out of the folder.
    #[error("`{0}` is not a plain file name; the page writes into the workload's folder only")]
    NotPlain(String),
    /// Another kind of file.
    #[error("`{0}` does not end in .toml")]
    NotToml(String),
    /// Too long for a file system.
    #[error("the name is longer than {BYTES_MAX} bytes")]
    TooLong,
}

/// A name that stands for a file of the folder itself, whatever the system: letters and digits of any script,
/// blanks, `-`, `_` and dots within.
///
/// # Errors
///
/// When it holds anything else, such as a separator, does not begin with a letter, a digit or `_`, or does not
/// end in `.toml`.
pub fn file_name(name: &str) -> Result<&str, BadName> {
    let name = name.trim();
    if name.len() > BYTES_MAX {
        return Err(BadName::TooLong);
    }
    let is_plain = |letter: char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_' | '.');
    let first = name.chars().next();
    let starts_well = first.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    if !starts_well || !name.chars().all(is_plain) || is_device(name) {
        return Err(BadName::NotPlain(name.to_string()));
    }
    match name.strip_suffix(".toml") {
        Some(stem) if !stem.is_empty() => Ok(name),
        _ => Err(BadName::NotToml(name.to_string())),
    }
}

/// Names that Windows takes for devices, whatever follows the dot.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_lowercase();
    let numbered = |prefix: &str| stem.strip_prefix(prefix).is_some_and(|rest| rest.parse::<u8>().is_ok());
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

/// A name beside the file's own: `company-what-if.toml`.
pub fn suggestion(name: &str) -> String {
    let stem = name.strip_suffix(".toml").unwrap_or(name);
    let stem: String = stem
        .chars()
        .map(|letter| if letter.is_alphanumeric() || matches!(letter, '-' | '_') { letter } else { '-' })
        .collect();
    let stem = stem.trim_matches('-');
    format!("{}-what-if.toml", if stem.is_empty() { "workload" } else { stem })
}
