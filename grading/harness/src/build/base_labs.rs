//! Base labs: the labs that a lab builds on, and whose version of them a submission is linked with.

use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::source::{BaseLabSources, SourceError, Sources};
use super::{CompileError, Source};

/// Whose version of a base lab is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum BaseLabOrigin {
    /// The student's own.
    #[default]
    Own,
    /// The reference solution.
    Reference,
}

impl BaseLabOrigin {
    /// The word for it, on the command line and in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Reference => "reference",
        }
    }
}

/// How the base labs of a submission are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseLabRule {
    /// Whose are wanted.
    pub wanted: BaseLabOrigin,
    /// In grading, own base labs are only those in the submission, and the reference solution
    /// replaces one that is absent or does not compile. At home, the workspace has those that a
    /// submission does not contain, and one that does not compile is an error.
    pub in_grading: bool,
}

impl BaseLabRule {
    /// The rule for tests at home. Unless it is said otherwise, a student's base labs are the student's
    /// own; a patch changes a reference solution, so its base labs are reference solutions too.
    #[must_use]
    pub fn at_home(wanted: Option<BaseLabOrigin>, source: &Source) -> Self {
        let usual = match source {
            Source::Lab | Source::Folder(_) | Source::Archive(_) => BaseLabOrigin::Own,
            Source::Patch(_) => BaseLabOrigin::Reference,
        };
        Self { wanted: wanted.unwrap_or(usual), in_grading: false }
    }

    /// The rule for grading.
    #[must_use]
    pub fn in_grading(wanted: BaseLabOrigin) -> Self {
        Self { wanted, in_grading: true }
    }
}

/// A base lab that a submission was linked with, as reports tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseLab {
    /// The lab: `lab1`.
    pub lab: String,
    /// Whose version was used.
    pub used: BaseLabOrigin,
    /// Why the reference solution was used, if that is not simply what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The compiler's output for the student's own version, if it does not compile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile_error: Option<String>,
}

impl BaseLab {
    /// What was used, and why: `the submission's own lab1`.
    #[must_use]
    pub fn describe(&self) -> String {
        let lab = &self.lab;
        match (self.used, &self.reason) {
            (BaseLabOrigin::Own, _) => format!("the submission's own {lab}"),
            (BaseLabOrigin::Reference, None) => format!("the reference solution of {lab}"),
            (BaseLabOrigin::Reference, Some(reason)) => {
                format!("the reference solution of {lab}, because {reason}")
            }
        }
    }
}

/// Which version of each base lab is used.
pub(super) struct Selection<'s> {
    available: &'s [BaseLabSources],
    /// In the same order.
    used: Vec<BaseLab>,
}

impl<'s> Selection<'s> {
    /// The selection before anything is compiled.
    pub(super) fn new(available: &'s [BaseLabSources], rule: BaseLabRule) -> Result<Self> {
        let own = |base: &BaseLabSources| BaseLab {
            lab: base.lab.name.clone(),
            used: BaseLabOrigin::Own,
            reason: None,
            compile_error: None,
        };
        let mut this = Self { available, used: available.iter().map(own).collect() };
        for (index, base) in available.iter().enumerate() {
            let reason = match (rule.wanted, &base.own) {
                (BaseLabOrigin::Own, Some(_)) => continue,
                (BaseLabOrigin::Own, None) => {
                    Some(format!("the submission contains no {}", base.lab.folder_name()))
                }
                // Students do not know what the grader was asked for.
                (BaseLabOrigin::Reference, _) => {
                    rule.in_grading.then(|| "all submissions are graded with it".to_owned())
                }
            };
            this.use_reference(index, reason.as_deref())?;
        }
        Ok(this)
    }

    /// The source files of a base lab.
    pub(super) fn sources(&self, index: usize) -> Result<&'s Sources> {
        let base = &self.available[index];
        let sources = match self.used[index].used {
            BaseLabOrigin::Own => base.own.as_ref(),
            BaseLabOrigin::Reference => base.reference.as_ref(),
        };
        sources.ok_or_else(|| no_reference(&base.lab.name).into())
    }

    /// Replaces a student's own base lab that does not compile.
    pub(super) fn replace(&mut self, index: usize, error: &CompileError) -> Result<()> {
        let lab = &self.available[index].lab.name;
        let reason = format!("the submission's {lab} does not compile");
        self.use_reference(index, Some(&reason))?;
        self.used[index].compile_error = Some(error.plain.clone());
        Ok(())
    }

    /// Uses the reference solution of a base lab, and of those that it builds on: a reference solution
    /// may need more of these than a student's version offers.
    fn use_reference(&mut self, index: usize, reason: Option<&str>) -> Result<()> {
        let lab = &self.available[index].lab;
        if self.used[index].used == BaseLabOrigin::Reference {
            return Ok(());
        }
        if self.available[index].reference.is_none() {
            return Err(no_reference(&lab.name).into());
        }
        self.used[index].used = BaseLabOrigin::Reference;
        self.used[index].reason = reason.map(str::to_owned);
        let below = format!("the reference solution of {} builds on it", lab.name);
        for other in 0..self.available.len() {
            if lab.builds_on.contains(&self.available[other].lab.name) {
                self.use_reference(other, reason.is_some().then_some(below.as_str()))?;
            }
        }
        Ok(())
    }

    /// Whether the reference solution of a base lab is used.
    pub(super) fn is_reference(&self, index: usize) -> bool {
        self.used[index].used == BaseLabOrigin::Reference
    }

    /// What is used.
    pub(super) fn into_used(self) -> Vec<BaseLab> {
        self.used
    }
}

fn no_reference(lab: &str) -> SourceError {
    SourceError::new(format!(
        "there is no reference solution of {lab} here (grading/staff/solutions/{lab}); without `--base-lab reference`, \
         your own {lab} is used"
    ))
}
