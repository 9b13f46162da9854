//! GNU parallel: prints and runs one command line.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use faultlab_harness::shell::quoted;

use super::{BatchObserver, Executor, WorkList, list};
use crate::store::{Key, write};

/// How often the results folder is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// GNU parallel, on this machine or on those that its `--sshlogin` names.
#[derive(Clone, Debug, Default)]
pub struct Parallel {
    /// More arguments for GNU parallel, such as `--sshlogin nodes.txt`.
    pub extra_args: Vec<String>,
}

impl Executor for Parallel {
    fn run(&self, work: &WorkList, observer: &mut dyn BatchObserver) -> anyhow::Result<()> {
        let keys = work.store.work().join("keys");
        write(&keys, list(&work.keys).as_bytes())?;
        let log = work.store.work().join("parallel.log");
        let mut words: Vec<String> = ["parallel", "--jobs"].map(str::to_owned).to_vec();
        words.push(work.jobs.to_string());
        words.extend(["--joblog".to_owned(), log.display().to_string()]);
        words.extend(["--timeout".to_owned(), work.submission_timeout.as_secs().to_string()]);
        words.extend(["--retries".to_owned(), "2".to_owned()]);
        words.extend(self.extra_args.iter().cloned());
        words.extend(["--arg-file".to_owned(), keys.display().to_string()]);
        // This is one argument: a command line for a shell on each machine.
        let program = work.program.display().to_string();
        let out = work.store.root().display().to_string();
        words.push(format!("{} --judge {{}} --out {}", quoted(&program), quoted(&out)));
        let line: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        observer.on_message(&line.join(" "));

        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot run GNU parallel")?;
        let mut known: BTreeSet<&Key> = BTreeSet::new();
        loop {
            let ended = child.try_wait()?;
            for key in &work.keys {
                if !known.contains(key) && work.store.outcome(key).is_some() {
                    known.insert(key);
                    observer.on_result(key);
                }
            }
            observer.on_tick();
            if let Some(status) = ended {
                // Its exit code is the number of failed jobs; those are reported one by one.
                if known.is_empty() && !status.success() {
                    bail!("GNU parallel failed ({status}); see {}", log.display());
                }
                break;
            }
            thread::sleep(POLL_INTERVAL);
        }
        for key in work.keys.iter().filter(|key| !known.contains(key)) {
            super::give_up(work, key, "GNU parallel did not finish it".to_owned(), observer);
        }
        Ok(())
    }
}
