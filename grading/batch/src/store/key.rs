//! Keys: hashes of everything that a result depends on.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What a result depends on. Two gradings with equal hashes have the same result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// The submission's files.
    pub sources: String,
    /// The suite, the hidden tests, and the engines that run them.
    pub suite: String,
    /// The compiler.
    pub toolchain: String,
    /// The suite's seed, and the number of seeds per run test.
    pub seeds: String,
    /// For a lab that builds on others: whose versions of these are wanted, and their reference
    /// solutions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub base_labs: String,
}

/// Identifies the result of a submission: the hash of everything that it depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key(String);

impl Key {
    /// The key of these hashes.
    #[must_use]
    pub fn of(hashes: &Hashes) -> Self {
        let Hashes { sources, suite, toolchain, seeds, base_labs } = hashes;
        let mut text = format!("{sources}\n{suite}\n{toolchain}\n{seeds}");
        if !base_labs.is_empty() {
            let _ = write!(text, "\n{base_labs}");
        }
        Self(hash(&[("", &text)])[..32].to_owned())
    }

    /// The key as a text, 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| Self(text.to_owned()))
    }
}

/// The hash of a submission's files.
#[must_use]
pub fn sources(files: &BTreeMap<String, String>) -> String {
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    hash(&files)
}

/// The SHA-256 of named texts. Lengths are hashed too, so that no two lists collide.
#[must_use]
pub fn hash(texts: &[(&str, &str)]) -> String {
    let mut hasher = Sha256::new();
    for (name, text) in texts {
        for part in [name, text] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    }
    let mut digits = String::new();
    for byte in hasher.finalize() {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_lists_have_different_hashes() {
        let texts = [&[("a", "bc")][..], &[("ab", "c")], &[("a", "b"), ("", "c")], &[]];
        let hashes: std::collections::BTreeSet<String> =
            texts.iter().map(|texts| hash(texts)).collect();
        assert_eq!(hashes.len(), texts.len());
    }

    #[test]
    fn keys_are_parsed_strictly() {
        let hashes = Hashes {
            sources: "a".to_owned(),
            suite: "b".to_owned(),
            toolchain: "c".to_owned(),
            seeds: "1/20".to_owned(),
            base_labs: String::new(),
        };
        let other = Hashes { base_labs: "own".to_owned(), ..hashes.clone() };
        assert_ne!(Key::of(&hashes), Key::of(&other));
        let key = Key::of(&hashes);
        assert_eq!(Key::parse(key.as_str()), Some(key));
        assert_eq!(Key::parse("../../../etc/passwd"), None);
    }
}
