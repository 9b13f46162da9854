//! `--judge` and `--worker`: what executors and judges start. Each grades a single submission.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use super::args::Args;
use super::{ALL_GRADED, EXIT_FAILURE};
use crate::grading_record::InfraError;
use crate::judge;
use crate::store::{Key, Store};
use crate::usage::Usage;

/// How often a judge looks whether staff cancelled it.
const CANCELLED_POLL: Duration = Duration::from_millis(500);

/// The infrastructure error of a submission that staff cancelled.
const CANCELLED: &str = "cancelled by hand";

/// Runs a judge's worker.
pub(super) fn work(instructions: &str) -> ExitCode {
    judge::serve(instructions).unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {error:#}");
        ExitCode::from(EXIT_FAILURE)
    })
}

/// Grades one submission.
pub(super) fn run(args: &Args, key: &str) -> anyhow::Result<u8> {
    let key = Key::parse(key).ok_or_else(|| Usage(format!("`{key}` is not a key")))?;
    if args.attached {
        thread::spawn(|| {
            let _ = io::stdin().read(&mut [0]);
            std::process::exit(i32::from(EXIT_FAILURE));
        });
    }
    let store = Store::new(&args.out);
    {
        let (store, key) = (store.clone(), key.clone());
        thread::spawn(move || {
            while !store.is_cancelled(&key) {
                thread::sleep(CANCELLED_POLL);
            }
            let _ = store.put_infra_error(&key, &InfraError::now(CANCELLED.to_owned()));
            store.clear_running(&key);
            std::process::exit(i32::from(EXIT_FAILURE));
        });
    }
    store.put_running(&key);
    let judged = judge::judge(&store, &key, None);
    store.clear_running(&key);
    if let Err(error) = &judged {
        // For the executor, which may run on another machine. If the file cannot be written, the
        // executor reports how this process exited.
        let _ = store.put_infra_error(&key, &InfraError::now(format!("{error:#}")));
    }
    judged.map(|()| ALL_GRADED)
}
