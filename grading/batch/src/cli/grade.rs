//! Grades a folder of submissions, or goes on with a batch that was interrupted.

use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;
use std::time::Duration;

use faultlab_harness::build::Workspace;

use super::args::{Args, ExecutorName};
use super::check_suite;
use super::corrections::{self, beside_results};
use super::spec::take_in;
use super::{ALL_GRADED, SOME_NOT_GRADED, regrade_diff};
use crate::anonymous::Pseudonyms;
use crate::batch::Batch;
use crate::executor::{BatchObserver as _, Executor, Local, Parallel, Slurm, WorkList};
use crate::intake::{self, Fixes, Limits};
use crate::judge;
use crate::judge::Machine;
use crate::space;
use crate::spec;
use crate::store::Store;
use crate::usage::Usage;

/// Grades everyone, or those named by `--only`.
pub(super) fn run(args: &Args, lab: &str, submissions: &Path) -> anyhow::Result<u8> {
    let workspace = Workspace::of_this_program()?;
    let files = spec::lab_files(&workspace, lab).map_err(|error| Usage(error.to_string()))?;
    let policy = check_suite::policy(args, lab)?;
    let store = Store::new(&args.out);
    let _lock = store.lock()?;

    let fixes = beside_results(args.fixes.as_ref(), &store, "fixes.toml");
    let fixes = fixes.as_deref().map(Fixes::read).transpose();
    let fixes = fixes.map_err(|error| Usage(format!("{error:#}")))?.unwrap_or_default();
    let limits = Limits::default();
    let roster = args.roster.as_deref();
    let intake = intake::read_fixed(submissions, roster, &files, &limits, &fixes);
    let intake = intake.map_err(|error| Usage(format!("{error:#}")))?;
    let spec = take_in(args, lab, &store, intake, &policy)?;
    let corrections = corrections::read(args, &store, &spec, policy)
        .map_err(|error| Usage(format!("{error:#}")))?;
    spec.write(&store)?;
    let names = if args.anonymous { Some(Pseudonyms::of(&spec, &store)?) } else { None };
    // Builds them once, before many processes need them at the same time.
    judge::libraries(&workspace)?;

    let host = Machine::probe(&store, args.require_sandbox)?;
    let mut batch = Batch::new(store, spec, corrections, names);
    let shard = args.shard.map(|shard| (shard.index, shard.count));
    batch.choose(&args.only, shard)?;
    for folder in &args.merge {
        let taken = batch.take_over(&Store::new(folder))?;
        batch.on_message(&format!("{}: {taken} grading records taken over", folder.display()));
    }
    let keys = batch.to_do();
    // Before anything is built, but only if there is something to do.
    let program = match keys.is_empty() {
        true => None,
        false => Some(check_suite::judge_program(args, lab, &workspace)?),
    };
    batch.say_start(&keys);
    if !keys.is_empty() {
        let tier = host.sandbox.tier();
        batch.on_message(&format!("confinement: {tier}: {}", tier.description()));
        for finding in host.sandbox.findings() {
            batch.on_message(&format!("not stronger because: {finding}"));
        }
    }
    batch.start(keys.len(), args.quiet)?;
    if let Some(program) = program {
        let jobs = args.jobs.or_else(|| thread::available_parallelism().ok());
        let jobs = jobs.map_or(1, NonZeroUsize::get);
        if let Some(remark) = space::remark(batch.store().root(), keys.len(), jobs) {
            batch.on_message(&remark);
        }
        for key in &keys {
            // An earlier infrastructure error no longer applies.
            batch.store().clear_infra_error(key)?;
            batch.store().clear_cancelled(key);
            batch.store().clear_running(key);
        }
        let work = WorkList {
            // Processes on other machines have other working directories.
            store: Store::new(&batch.store().root().canonicalize()?),
            program,
            keys,
            jobs,
            submission_timeout: Duration::from_secs(args.submission_timeout * 60),
        };
        executor(args)?.run(&work, &mut batch)?;
    }
    let all_graded = batch.finish()?;
    if let Some(folder) = &args.release {
        batch.release(folder)?;
    }
    batch.fill_in(args.canvas.as_deref().zip(args.column.as_deref()), args.moodle.as_deref())?;
    if let Some(old) = &args.regrade_diff {
        regrade_diff::run(old, &args.out)?;
    }
    Ok(if all_graded { ALL_GRADED } else { SOME_NOT_GRADED })
}

/// What spreads the judges.
fn executor(args: &Args) -> anyhow::Result<Box<dyn Executor>> {
    let words = args.executor_args.as_deref().unwrap_or_default();
    let extra_args = shlex::split(words)
        .ok_or_else(|| Usage(format!("--executor-args has an open quote: {words}")))?;
    Ok(match args.executor {
        ExecutorName::Local => Box::new(Local),
        ExecutorName::Parallel => Box::new(Parallel { extra_args }),
        ExecutorName::Slurm => Box::new(Slurm { extra_args }),
    })
}
