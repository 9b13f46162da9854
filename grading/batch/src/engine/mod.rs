//! Engines: how the submissions of a batch are spread over processes and machines.
//!
//! The unit of work is one submission: a process `grade --unit KEY --out DIR` that reads the
//! specification and the files from the folder of results and writes the outcome there. An engine
//! starts these processes somewhere, and tells when an outcome is there.

mod local;
mod parallel;
mod processor;
mod slurm;

use std::path::PathBuf;
use std::time::Duration;

pub use local::Local;
pub use parallel::Parallel;
pub use slurm::Slurm;

use crate::outcome::Infrastructure;
use crate::store::{Key, Store};

/// What an engine needs to know.
#[derive(Clone, Debug)]
pub struct Work {
    /// The folder of results.
    pub store: Store,
    /// This program.
    pub program: PathBuf,
    /// What is to be graded.
    pub keys: Vec<Key>,
    /// How many at a time.
    pub jobs: usize,
    /// How long one may take. What takes longer is an error on our side.
    pub unit_max: Duration,
}

/// Told as a batch goes on.
pub trait Follower {
    /// Something is known of this key: an outcome, or an error on our side.
    fn known(&mut self, key: &Key);

    /// Something to be said to the user.
    fn say(&mut self, what: &str);

    /// Called every now and then.
    fn tick(&mut self) {}
}

/// Spreads work.
pub trait Engine {
    /// Grades everything. Returns when there is an outcome or an error on our side for each key.
    ///
    /// # Errors
    /// When the engine itself cannot be used.
    fn run(&self, work: &Work, follower: &mut dyn Follower) -> anyhow::Result<()>;
}

/// Notes that a submission cannot be graded now.
fn give_up(work: &Work, key: &Key, what: String, follower: &mut dyn Follower) {
    // The process itself may have said more. Where nothing can be written, the submission is simply still to
    // be graded.
    if work.store.infrastructure(key).is_none() {
        let _ = work.store.put_infrastructure(key, &Infrastructure::now(what));
    }
    follower.known(key);
}

/// Keys, one a line.
fn list(keys: &[Key]) -> String {
    keys.iter().map(|key| format!("{}\n", key.as_str())).collect()
}

/// A word for a shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+=:,@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("/a/b-1.txt"), "/a/b-1.txt");
        assert_eq!(quoted("it's {} $HOME"), "'it'\\''s {} $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
