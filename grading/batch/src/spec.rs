//! The batch specification: what is graded, and how. Every process of a batch reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};
use faultlab_harness::build::{self, BaseLabOrigin, Lab, Workspace, student_files};
use faultlab_sandbox::Tier;
use faultlab_suites::TestNumber;
use serde::{Deserialize, Serialize};

use crate::batch_results::SubmissionEntry;
use crate::intake::{LabFiles, LeftOut, Student};
use crate::store::{self, Hashes, Store};

/// The name and version of the document's format.
pub const SCHEMA: &str = "faultlab-batch/1";

/// What is graded, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// [`SCHEMA`].
    pub schema: String,
    /// The lab.
    pub lab: String,
    /// The lab's title.
    pub title: String,
    /// The suite's seed.
    pub seed: u64,
    /// Whether the seed is hidden from students.
    #[serde(default)]
    pub seed_is_hidden: bool,
    /// How many seeds to run per run test.
    pub seeds: u64,
    /// The tests that run with a number of seeds of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub test_seeds: BTreeMap<TestNumber, u64>,
    /// The most processor time that a submission's tests may use, in seconds.
    #[serde(default = "usual_cpu_s")]
    pub cpu_s: u64,
    /// Whose versions of the labs that this one builds on are wanted.
    #[serde(default)]
    pub base_lab: BaseLabOrigin,
    /// The hash of this choice and of these labs' reference solutions; empty if there are no such labs.
    #[serde(default)]
    pub base_labs: String,
    /// The lowest acceptable sandbox tier.
    pub require_sandbox: Option<Tier>,
    /// The hash of the suite, the hidden tests and the engines.
    pub suite: String,
    /// The compiler's version.
    pub toolchain: String,
    /// The submissions.
    pub submissions: Vec<SubmissionEntry>,
    /// Students who submitted nothing.
    pub missing: Vec<Student>,
    /// What the intake left out.
    #[serde(default)]
    pub left_out: LeftOut,
}

impl Spec {
    /// Reads the specification of a folder of results.
    ///
    /// # Errors
    /// If the folder contains no results.
    pub fn read(store: &Store) -> anyhow::Result<Self> {
        let spec: Self = store::read_json(&path(store))
            .with_context(|| format!("{} contains no results", store.root().display()))?;
        if spec.schema != SCHEMA {
            bail!("{} was written by another version ({})", store.root().display(), spec.schema);
        }
        Ok(spec)
    }

    /// Stores the specification.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, store: &Store) -> anyhow::Result<()> {
        std::fs::create_dir_all(store.work())
            .and_then(|()| store::write_changed(&path(store), &store::to_json(self)))
            .with_context(|| path(store).display().to_string())
    }

    /// The limit on processor time, if it is not the usual one.
    fn other_limit(&self) -> String {
        if self.cpu_s == CPU_S { String::new() } else { format!(", {} s", self.cpu_s) }
    }

    /// The numbers of seeds that some tests have of their own: ` 2.4=50`.
    fn seeds_of_tests(&self) -> String {
        self.test_seeds.iter().map(|(test, seeds)| format!(" {test}={seeds}")).collect()
    }

    /// The inputs that the result for these files depends on.
    #[must_use]
    pub fn hashes(&self, sources: String) -> Hashes {
        Hashes {
            sources,
            suite: self.suite.clone(),
            toolchain: store::hash(&[("toolchain", &self.toolchain)]),
            seeds: format!(
                "{} {}/{}{}{}",
                self.lab,
                self.seed,
                self.seeds,
                self.other_limit(),
                self.seeds_of_tests()
            ),
            base_labs: self.base_labs.clone(),
        }
    }
}

/// The most processor time that a submission's tests may use, in seconds, if nobody says otherwise: far above what
/// solutions of labs use.
pub const CPU_S: u64 = 60;

fn usual_cpu_s() -> u64 {
    CPU_S
}

fn path(store: &Store) -> PathBuf {
    store.work().join("batch.json")
}

/// The hash of everything that influences results except the submission, the compiler and the
/// seeds.
#[must_use]
pub fn suite_hash() -> &'static str {
    env!("FAULTLAB_SUITE_HASH")
}

/// The compiler's version.
///
/// # Errors
/// When it cannot be run.
pub fn toolchain() -> anyhow::Result<String> {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).arg("-vV").output().context("cannot run rustc")?;
    if !output.status.success() {
        bail!("rustc does not say its version: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A lab, and those that it builds on, for each of which there is a reference solution.
///
/// # Errors
/// When there is no such lab, or no such solution.
pub fn lab(workspace: &Workspace, lab: &str) -> anyhow::Result<(Lab, Vec<Lab>)> {
    let labs = workspace.labs()?;
    let Some(lab) = labs.iter().find(|known| known.name == lab) else {
        let known: Vec<String> = labs.into_iter().map(|lab| lab.name).collect();
        bail!("there is no lab `{lab}`; there are {}", known.join(", "));
    };
    let base_labs = workspace.base_labs(lab)?;
    for base in base_labs.iter().map(|base| &base.name) {
        let solution = workspace.reference_solution(base);
        if !solution.join("lib.rs").is_file() {
            bail!(
                "{} builds on {base}, so grading needs the reference solution of {base} in {}, for submissions \
                 whose own {base} is absent or does not compile",
                lab.name,
                solution.display()
            );
        }
    }
    Ok((lab.clone(), base_labs))
}

/// The files that students of a lab submit.
///
/// # Errors
/// When there is no such lab.
pub fn lab_files(workspace: &Workspace, name: &str) -> anyhow::Result<LabFiles> {
    let (lab, _) = lab(workspace, name)?;
    build::lab_files(workspace, &lab)
}

/// The hash of everything about the labs that a lab builds on that influences results, except the
/// submissions; empty if there are none.
///
/// # Errors
/// When there is no such lab, or a reference solution cannot be read.
pub fn base_labs_hash(
    workspace: &Workspace,
    name: &str,
    wanted: BaseLabOrigin,
) -> anyhow::Result<String> {
    let (_, base_labs) = lab(workspace, name)?;
    if base_labs.is_empty() {
        return Ok(String::new());
    }
    let mut texts = vec![("wanted".to_owned(), wanted.as_str().to_owned())];
    for base in base_labs {
        let solution = workspace.reference_solution(&base.name);
        for file in student_files(&solution)? {
            let text = std::fs::read_to_string(solution.join(&file))?;
            texts.push((format!("{}/{}", base.name, file.display()), text));
        }
    }
    let texts: Vec<(&str, &str)> =
        texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Ok(store::hash(&texts))
}
