//! Slurm: a job array over a shared folder, one task per submission.
//!
//! The grader submits the array, watches for records in the folder, and asks Slurm only whether the
//! array still exists. A task, a machine or the grader itself may crash; running the grader again
//! submits every submission that has no record.

use std::collections::BTreeSet;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use faultlab_harness::shell::quoted;

use super::{BatchObserver, Executor, WorkList, list};
use crate::store::{Key, write};

/// How often the results folder is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// How often Slurm is queried.
const ASK: Duration = Duration::from_secs(3);

/// The most tasks per array: below the usual cluster limit (`MaxArraySize`, 1001).
const ARRAY_MAX: usize = 1_000;

/// How long records may take to appear after their array has ended, over a network file system.
const GRACE: Duration = Duration::from_secs(10);

/// A cluster with Slurm.
#[derive(Clone, Debug, Default)]
pub struct Slurm {
    /// More arguments for `sbatch`, such as `--partition=teaching`.
    pub extra_args: Vec<String>,
}

impl Executor for Slurm {
    fn run(&self, work: &WorkList, observer: &mut dyn BatchObserver) -> anyhow::Result<()> {
        let mut known: BTreeSet<Key> = BTreeSet::new();
        for (number, keys) in work.keys.chunks(ARRAY_MAX).enumerate() {
            let job = self.submit(work, keys, number)?;
            observer.on_message(&format!("Slurm job {job}: {} tasks", keys.len()));
            follow(work, keys, &job, &mut known, observer)?;
        }
        Ok(())
    }
}

impl Slurm {
    /// Submits an array, and returns its number.
    fn submit(&self, work: &WorkList, keys: &[Key], number: usize) -> anyhow::Result<String> {
        let name = format!("keys-{}-{number}", std::process::id());
        let file = work.store.work().join(&name);
        write(&file, list(keys).as_bytes())?;
        let script = work.store.work().join(format!("{name}.sh"));
        let text = format!(
            "#!/bin/sh\n\
             # One task: the submission in line SLURM_ARRAY_TASK_ID of the list.\n\
             key=$(sed -n \"${{SLURM_ARRAY_TASK_ID}}p\" {})\n\
             exec {} --judge \"$key\" --out {}\n",
            quoted(&file.display().to_string()),
            quoted(&work.program.display().to_string()),
            quoted(&work.store.root().display().to_string()),
        );
        write(&script, text.as_bytes())?;
        let minutes = work.submission_timeout.as_secs().div_ceil(60).max(1);
        let output = Command::new("sbatch")
            .arg("--parsable")
            .arg("--job-name=faultlab")
            .arg(format!("--array=1-{}%{}", keys.len(), work.jobs.max(1)))
            .arg(format!("--time={minutes}"))
            .args(["--ntasks=1", "--cpus-per-task=1", "--requeue"])
            .arg(format!("--output={}/slurm-%A_%a.log", work.store.work().display()))
            .args(&self.extra_args)
            .arg(&script)
            .output()
            .context("cannot run sbatch")?;
        if !output.status.success() {
            bail!("sbatch failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let said = String::from_utf8_lossy(&output.stdout);
        let job = said.trim().split(';').next().unwrap_or_default().to_owned();
        if job.is_empty() || !job.bytes().all(|byte| byte.is_ascii_digit()) {
            bail!("sbatch printed `{}` instead of a job number", said.trim());
        }
        Ok(job)
    }
}

/// Follows an array until every key has a record or the array has ended.
fn follow(
    work: &WorkList,
    keys: &[Key],
    job: &str,
    known: &mut BTreeSet<Key>,
    observer: &mut dyn BatchObserver,
) -> anyhow::Result<()> {
    let mut asked = Instant::now();
    let mut gone: Option<Instant> = None;
    loop {
        for key in keys {
            if !known.contains(key) && work.store.outcome(key).is_some() {
                known.insert(key.clone());
                observer.on_result(key);
            }
        }
        observer.on_tick();
        if keys.iter().all(|key| known.contains(key)) {
            return Ok(());
        }
        if gone.is_some_and(|gone| gone.elapsed() >= GRACE) {
            break;
        }
        if gone.is_none() && asked.elapsed() >= ASK {
            asked = Instant::now();
            if !is_queued(job)? {
                gone = Some(Instant::now());
            }
        }
        thread::sleep(POLL_INTERVAL);
    }
    for key in keys.iter().filter(|key| !known.contains(*key)) {
        let what = format!("Slurm job {job} ended without a result for it");
        super::give_up(work, key, what, observer);
    }
    Ok(())
}

/// Whether Slurm still has tasks of this job. If the controller does not answer, it is asked again
/// later.
fn is_queued(job: &str) -> anyhow::Result<bool> {
    let output = Command::new("squeue")
        .args(["--noheader", "--format=%i", "--jobs", job])
        .output()
        .context("cannot run squeue")?;
    if output.status.success() {
        return Ok(!output.stdout.trim_ascii().is_empty());
    }
    // Slurm no longer knows a job that ended some time ago.
    Ok(!String::from_utf8_lossy(&output.stderr).contains("Invalid job id"))
}
