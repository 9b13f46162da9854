//! Checking a lab's runs for linearizability, without knowing the types of its commands.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use faultlab::linearizability::formats::ModelName;
use faultlab::linearizability::{
    CheckResult, Checker, Explanation, History, Model, Report, SequentialCheckResult, Violation,
    explain, history_of, page,
};
use faultlab::trace::Trace;

/// How a lab's runs are checked for linearizability.
#[derive(Clone)]
pub struct HistoryModel {
    name: ModelName,
    property: &'static str,
    read: Arc<ReadHistory>,
}

type ReadHistory = dyn Fn(&Trace) -> Result<Box<dyn CheckableHistory>, String> + Send + Sync;

impl HistoryModel {
    /// Checks runs against the model that `model` makes. `property` is the name of the property in the lab's tests
    /// that is violated when results are not linearizable.
    #[must_use]
    pub fn new<M: Model + 'static>(
        name: ModelName,
        property: &'static str,
        model: impl Fn() -> M + Send + Sync + 'static,
    ) -> Self
    where
        M::Command: faultlab::Value,
        M::Result: faultlab::Value,
    {
        let read = move |trace: &Trace| -> Result<Box<dyn CheckableHistory>, String> {
            Ok(Box::new(ModelledHistory { model: model(), history: history_of(trace)? }))
        };
        Self { name, property, read: Arc::new(read) }
    }

    /// The model's name.
    #[must_use]
    pub fn name(&self) -> ModelName {
        self.name
    }

    /// The name of the property that is violated when results are not linearizable.
    #[must_use]
    pub fn property(&self) -> &'static str {
        self.property
    }

    /// Reads a trace of the lab.
    ///
    /// # Errors
    /// A message that names the event whose command or result is not the lab's, or that says that no
    /// client was given a command.
    pub fn read(&self, trace: &Trace) -> Result<Box<dyn CheckableHistory>, String> {
        (self.read)(trace)
    }
}

impl fmt::Debug for HistoryModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HistoryModel({}, {:?})", self.name, self.property)
    }
}

/// The limits of a check. The default has none but the checker's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckLimits {
    /// The longest time.
    pub time: Option<Duration>,
    /// The most memory, in bytes.
    pub memory_bytes: Option<usize>,
    /// The most configurations. Unlike the other limits, this one gives the same result on every machine.
    pub configurations: Option<u64>,
    /// The most threads.
    pub threads: Option<usize>,
    /// Whether to check the history as a whole, even if its keys could be checked separately.
    pub whole: bool,
}

/// A history and the model of its commands.
pub trait CheckableHistory {
    /// How many operations it has.
    fn operations(&self) -> usize;

    /// Decides whether it is linearizable.
    fn check(&self, limits: CheckLimits) -> Report;

    /// Decides whether it is sequentially consistent.
    fn check_sequential(&self, limits: CheckLimits) -> SequentialCheckResult;

    /// Reduces a violation to the operations that show it.
    fn explain(&self, violation: &Violation) -> Explanation;

    /// An HTML page with the history and the results of the checks.
    fn page(
        &self,
        verdict: &CheckResult,
        sequential: Option<&SequentialCheckResult>,
        title: &str,
    ) -> String;
}

/// A history and the model of its commands, with their types.
pub struct ModelledHistory<M: Model> {
    /// The model.
    pub model: M,
    /// The history.
    pub history: History<M::Command, M::Result>,
}

impl<M: Model> ModelledHistory<M> {
    fn checker(&self, limits: CheckLimits) -> Checker<'_, M> {
        let mut checker = Checker::new(&self.model).partition(!limits.whole);
        if let Some(time) = limits.time {
            checker = checker.time_limit(time);
        }
        if let Some(bytes) = limits.memory_bytes {
            checker = checker.memory_limit(bytes);
        }
        if let Some(configurations) = limits.configurations {
            checker = checker.configuration_limit(configurations);
        }
        if let Some(threads) = limits.threads {
            checker = checker.threads(threads);
        }
        checker
    }
}

impl<M: Model> CheckableHistory for ModelledHistory<M> {
    fn operations(&self) -> usize {
        self.history.operations().len()
    }

    fn check(&self, limits: CheckLimits) -> Report {
        self.checker(limits).check(&self.history)
    }

    fn check_sequential(&self, limits: CheckLimits) -> SequentialCheckResult {
        self.checker(limits).check_sequential(&self.history).0
    }

    fn explain(&self, violation: &Violation) -> Explanation {
        explain(&self.model, &self.history, violation)
    }

    fn page(
        &self,
        verdict: &CheckResult,
        sequential: Option<&SequentialCheckResult>,
        title: &str,
    ) -> String {
        page(&self.model, &self.history, verdict, sequential, title)
    }
}
