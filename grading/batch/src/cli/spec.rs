//! The specification of a batch, as the command line gives it.

use anyhow::Context as _;
use faultlab_harness::build::Workspace;
use faultlab_suites::{LoadError, SEED};

use super::args::Args;
use crate::batch_results::SubmissionEntry;
use crate::intake::{Contents, Intake, LeftOut};
use crate::judge;
use crate::judge::hidden::Hidden;
use crate::policy::Policy;
use crate::spec::{self, Spec};
use crate::store::{self, Key, Store};
use crate::usage::Usage;

/// Stores the submissions and lists them.
pub(super) fn take_in(
    args: &Args,
    lab: &str,
    store: &Store,
    intake: Intake,
    policy: &Policy,
) -> anyhow::Result<Spec> {
    let Intake { submissions, missing, left_out } = intake;
    let mut spec = Spec { missing, left_out, ..new_spec(args, lab, policy)? };
    for mut submission in submissions {
        let mut key = None;
        if let Contents::Files(files) = &mut submission.contents {
            let this = Key::of(&spec.hashes(store::sources(files)));
            store.put_sources(&this, files).context("cannot store the submission's files")?;
            files.clear();
            key = Some(this);
        }
        spec.submissions.push(SubmissionEntry { submission, key });
    }
    Ok(spec)
}

/// The specification of a batch without submissions.
pub(super) fn new_spec(args: &Args, lab: &str, policy: &Policy) -> anyhow::Result<Spec> {
    let suite = judge::suite(lab).map_err(|error| match error.downcast_ref() {
        Some(LoadError::NoSuite { .. }) => Usage(error.to_string()).into(),
        _ => error,
    })?;
    let read = args.hidden.as_deref().map(Hidden::read).transpose();
    let read = read.map_err(|error| Usage(format!("{error:#}")))?;
    let hidden = read.map(|hidden| (hidden.seed, hidden.hash)).or_else(judge::hidden::compiled);
    let mut suite_hash = spec::suite_hash().to_owned();
    let mut hidden_seed = None;
    if let Some((seed, hash)) = &hidden {
        suite_hash = store::hash(&[("public", &suite_hash), ("hidden", hash)]);
        hidden_seed = seed.filter(|_| args.seed.is_none());
    }
    Ok(Spec {
        schema: spec::SCHEMA.to_owned(),
        lab: lab.to_owned(),
        title: suite.title().to_owned(),
        seed: args.seed.or(hidden_seed).unwrap_or(SEED),
        seed_is_hidden: hidden_seed.is_some(),
        seeds: args.seeds,
        test_seeds: policy.seeds(),
        cpu_s: args.cpu_limit,
        base_lab: args.base_lab,
        base_labs: spec::base_labs_hash(&Workspace::of_this_program()?, lab, args.base_lab)?,
        require_sandbox: args.require_sandbox,
        suite: suite_hash,
        toolchain: spec::toolchain()?,
        submissions: Vec::new(),
        missing: Vec::new(),
        left_out: LeftOut::default(),
    })
}
