//! Many runs side by side, of a submission that is in other processes: one exchange carries a step of
//! each.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use faultlab::simulate::{Ended, Scenario, lockstep};
use faultlab::worker::remote::{self, Death, Fleet};
use faultlab_suites::{Suite, TestNumber};

use super::protocol::{RunEnd, RunName};
use crate::session::hangs_max;
use crate::supervisor::Loss;

/// How long an exchange may take: real time. A run that hits it is repeated, alone and with more patience,
/// before it counts, so it can be far shorter than what counts.
const EXCHANGE_MAX: Duration = Duration::from_secs(1);

/// When so many tests have a run that hangs, no more runs are tried here: each costs seconds.
const HUNG_TESTS_MAX: usize = 3;

/// Runs these. They are all of tests that simulate.
pub(super) fn run(
    suite: &Suite,
    fleet: &mut Fleet<'_>,
    names: &[RunName],
) -> Result<Vec<Option<RunEnd>>, String> {
    let scenarios = names.iter().map(|name| {
        let test =
            suite.test(name.test).ok_or_else(|| format!("there is no test {}", name.test))?;
        faultlab_suites::scenario_of(test, name.seed)
            .ok_or_else(|| format!("test {} simulates nothing", name.test))
    });
    let scenarios: Vec<Scenario> = scenarios.collect::<Result<_, _>>()?;
    let runs: Vec<(&Scenario, u64)> =
        scenarios.iter().zip(names).map(|(scenario, name)| (scenario, name.seed)).collect();
    let mut hangs = Hangs { suite, names, counts: BTreeMap::new() };
    let limited = fleet.limit_exchanges(EXCHANGE_MAX);
    let ended =
        limited.and_then(|()| lockstep(&runs, fleet, &mut |index, loss| hangs.note(index, loss)));
    let freed = fleet.limit_exchanges(Duration::MAX);
    if fleet.last_loss().is_some() {
        fleet.restart();
    }
    let ended = freed.and(ended);
    let ended = ended.map_err(|error| format!("the submission could not be started: {error}"))?;
    Ok(ended.into_iter().map(|ended| ended.map(end)).collect())
}

/// The runs that hang, by test.
struct Hangs<'a> {
    suite: &'a Suite,
    names: &'a [RunName],
    counts: BTreeMap<TestNumber, usize>,
}

impl Hangs<'_> {
    /// Notes the loss of a run, and says which runs need not be tried: a test's report needs none behind
    /// those that hang.
    fn note(&mut self, index: usize, loss: &remote::Loss) -> Range<usize> {
        if !matches!(loss, remote::Loss::TooSlow(_)) {
            return 0..0;
        }
        let number = self.names[index].test;
        let count = self.counts.entry(number).or_default();
        *count += 1;
        let credit = self.suite.test(number).map(faultlab_suites::Test::credit).unwrap_or_default();
        if *count < hangs_max(credit) {
            return 0..0;
        }
        if self.counts.len() >= HUNG_TESTS_MAX {
            return index + 1..self.names.len();
        }
        let behind = self.names[index..].iter().take_while(|name| name.test == number);
        index + 1..index + behind.count()
    }
}

/// What became of a run, in this protocol's terms.
fn end(ended: Ended) -> RunEnd {
    match ended {
        Ended::Over(outcome) => RunEnd::Over(outcome),
        Ended::Lost(loss) => RunEnd::Lost(match loss {
            remote::Loss::TooSlow(_) => Loss::Hung,
            remote::Loss::Ended(Death::Exited(code)) => Loss::Exited(code),
            remote::Loss::Ended(Death::Signalled(signal)) => Loss::Signalled(signal),
            remote::Loss::Ended(death @ Death::Otherwise(_)) => Loss::Nonsense(death.to_string()),
            remote::Loss::Nonsense(what) => Loss::Nonsense(what),
        }),
    }
}
