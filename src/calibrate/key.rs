//! A key that does not show itself.

use std::fmt;

use zeroize::Zeroizing;

/// An API key: printed as `ApiKey(…)`, wiped from memory when dropped, never written to a file.
#[derive(Clone)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// From an environment variable or a flag; `None` when it is blank or holds what no header may.
    pub fn new(text: &str) -> Option<ApiKey> {
        let text = text.trim();
        let fits = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
        fits.then(|| ApiKey(Zeroizing::new(text.to_string())))
    }

    /// The key itself, for the one header that carries it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// A text without the key in it: servers repeat keys in their complaints.
    pub(super) fn hidden_in(&self, text: String) -> String {
        if text.contains(self.reveal()) { text.replace(self.reveal(), "…") } else { text }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What holds the key is wiped when it goes; a plain `String` would not compile here.
    #[test]
    fn a_key_is_wiped_when_it_is_dropped() {
        fn wiped(_: &impl zeroize::ZeroizeOnDrop) {}
        wiped(&ApiKey::new("AIza-secret").unwrap().0);
    }

    #[test]
    fn a_key_never_shows_itself() {
        let key = ApiKey::new(" AIza-secret \n").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
        assert_eq!(key.reveal(), "AIza-secret");
        assert_eq!(key.hidden_in("key AIza-secret is bad".into()), "key … is bad");
        assert!(ApiKey::new("  ").is_none() && ApiKey::new("two words").is_none());
    }
}
