//! Runs a search test, wherever the nodes' steps are computed.

use faultlab::hosting::NodeProvider;
use faultlab::hosting::pure::{PureSteps, StepFailure};
use faultlab::property::{Subject, Violation};
use faultlab::random::mix;
use faultlab::search::{
    ExplorerError, HandlerFailure, Hint, Limit, NearMiss, Report, Search, SearchResult as Ended,
    State, Statistics,
};
use faultlab::simulate::{Outcome, RunFailure, ScenarioError, Verdict};
use faultlab::trace::{Ending, Origin, Trace};
use serde::{Deserialize, Serialize};

use crate::SearchPlan;
use crate::run_progress::check_progress;
use crate::search_plan::RequiredResult;

/// The result and statistics of one search of a test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchSummary {
    /// The search's title.
    pub title: String,
    /// How it ended.
    pub outcome: EndCondition,
    /// A description of the limit that it reached.
    pub limit: Option<String>,
    /// Distinct states, including the first.
    pub states: u64,
    /// The greatest length of a shortest path from the start to a state, in events.
    pub depth: usize,
    /// Events tried in all states.
    pub transitions: u64,
    /// Handlers run, each distinct (state, event) once.
    pub handler_calls: u64,
    /// An upper bound for the probability that two distinct states were taken for the same one.
    pub collision_bound: f64,
    /// The faults that the search chose from, each with its bound, in words.
    #[serde(default)]
    pub faults: Vec<String>,
    /// Hints at behaviour that may be unintended but is not wrong.
    pub hints: Vec<String>,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndCondition {
    /// Every reachable state was seen, and is good.
    SpaceExhausted,
    /// A goal was found.
    GoalFound,
    /// A property does not hold.
    InvariantViolated,
    /// A node's code failed.
    HandlerFailed,
    /// A limit was reached, and nothing bad was found until then.
    LimitReached,
    /// Nothing was searched because of an error in the test.
    CouldNotStart,
}

/// The results of a test's searches.
pub(crate) struct SearchRun {
    /// As for a simulated run; time and message counts are zero.
    pub(crate) outcome: Outcome,
    /// A summary of each search that was run.
    pub(crate) searches: Vec<SearchSummary>,
    /// The run behind the verdict, if it has one and it was asked for.
    pub(crate) trace: Option<Trace>,
}

/// Runs the searches of a plan. With an origin, a violation comes with the run that leads to it.
pub(crate) fn run_searches(
    plan: SearchPlan,
    seed: u64,
    nodes: &dyn NodeProvider,
    traced: Option<&Origin>,
) -> SearchRun {
    let mut run = Running { searches: Vec::new(), trace: None, digest: seed, steps: 0 };
    let mut found: Vec<Option<State>> = Vec::new();
    let mut verdict = Verdict::Held;
    let mut also_violated = Vec::new();
    let origins = plan.origins();
    for stage in plan.stages {
        found.push(None);
        let system = stage.search.system();
        let steps = match nodes.steps(&system.descriptors()) {
            Ok(steps) => steps,
            Err(failure) => {
                let node = system.nodes()[0].address();
                let handler = "constructor".to_owned();
                verdict = Verdict::Failed(RunFailure::Node { node, handler, failure });
                break;
            }
        };
        let steps = steps.as_ref();
        let Some(search) = stage.search.start(&stage.title, &found, steps) else { continue };
        let mut is_changed = true;
        let mut avoided = None;
        let (search, report) = match search {
            Ok(search) => {
                let report = match (&stage.leads_to, stage.random_walks) {
                    (Some(leads_to), _) => {
                        let checked = check_progress(&search, steps, leads_to);
                        avoided = checked.avoided;
                        checked.report
                    }
                    (None, Some(walks)) => search.random_walks_with(steps, walks),
                    (None, None) => search.run_with(steps),
                };
                (search, report)
            }
            Err(not_changed) => {
                is_changed = !matches!(not_changed.error, ExplorerError::NotPossible { .. });
                let report = report_of_change(&not_changed.error);
                (not_changed.search, report)
            }
        };
        if let Some(origin) = traced {
            run.trace = search.trace(steps, origin, &report.result);
        }
        run.note(&stage.title, &report, avoided.is_some());
        if let Some(lasso) = avoided {
            run.trace = traced.map(|origin| search.lasso_trace(steps, origin, &lasso));
            verdict = Verdict::Violated(lasso.violation());
            break;
        }
        let near_miss = match stage.needs {
            RequiredResult::Goal => near_miss(&search, &report, steps),
            _ => None,
        };
        let stage_before = origins[found.len() - 1].as_deref().filter(|_| is_changed);
        verdict = judge((&stage.title, stage_before), stage.needs, &report, near_miss.as_ref());
        if let (Some(origin), Some(near), Verdict::Violated(violation)) =
            (traced, &near_miss, &verdict)
        {
            let ending = Ending::Violated(violation.clone());
            run.trace = Some(search.traced_run(steps).trace_to(origin, &near.state.path, ending));
        }
        if verdict.held() {
            (verdict, also_violated) = judge_never_held(&stage.title, &report);
        }
        if !verdict.held() {
            if let Ended::Violated(found) = report.result {
                also_violated = found.also_violated;
            }
            break;
        }
        // The path to a goal is not a counterexample.
        run.trace = None;
        if let (Ended::GoalFound(goal), Some(last)) = (report.result, found.last_mut()) {
            *last = Some(goal.state);
        }
    }
    let outcome = Outcome {
        verdict,
        also_violated,
        digest: run.digest,
        steps: run.steps,
        time_ns: 0,
        sent: 0,
        delivered: 0,
        late: 0,
    };
    SearchRun { outcome, searches: run.searches, trace: run.trace }
}

/// The report of a search whose start state could not be changed.
fn report_of_change(error: &ExplorerError) -> Report {
    let result = match error {
        ExplorerError::Failed(failed) => Ended::Failed(failed.clone()),
        ExplorerError::InvalidStart(_) | ExplorerError::NotPossible { .. } => {
            Ended::InvalidStart(error.to_string())
        }
    };
    let statistics = Statistics::default();
    let (never_held, faults, hints) = Default::default();
    Report { result, never_held, faults, statistics, hints }
}

/// The results so far.
struct Running {
    searches: Vec<SearchSummary>,
    trace: Option<Trace>,
    digest: u64,
    steps: u64,
}

impl Running {
    /// Notes how a search ended. `is_avoided` says that a fair run does not get where it must.
    fn note(&mut self, title: &str, report: &Report, is_avoided: bool) {
        let statistics = &report.statistics;
        let (outcome, limit) = match &report.result {
            _ if is_avoided => (EndCondition::InvariantViolated, None),
            Ended::Exhausted => (EndCondition::SpaceExhausted, None),
            Ended::GoalFound(_) => (EndCondition::GoalFound, None),
            Ended::Violated(_) => (EndCondition::InvariantViolated, None),
            Ended::Failed(_) => (EndCondition::HandlerFailed, None),
            Ended::LimitReached(limit) => (EndCondition::LimitReached, Some(limit.to_string())),
            Ended::InvalidStart(_) => (EndCondition::CouldNotStart, None),
        };
        for number in
            [statistics.states, statistics.depth as u64, statistics.transitions, outcome as u64]
        {
            self.digest = mix(self.digest ^ number);
        }
        self.steps += statistics.handler_calls;
        self.searches.push(SearchSummary {
            title: title.to_owned(),
            outcome,
            limit,
            states: statistics.states,
            depth: statistics.depth,
            transitions: statistics.transitions,
            handler_calls: statistics.handler_calls,
            collision_bound: statistics.collision_bound,
            faults: report.faults.clone(),
            hints: report.hints.iter().map(describe).collect(),
        });
    }
}

/// Describes a hint.
fn describe(hint: &Hint) -> String {
    match hint {
        Hint::NotIdempotent { node, message, .. } => format!(
            "{node} changes again when {message} is delivered twice in a row; is that intended?"
        ),
        Hint::Diverges { node, message, times, first, last, timers } => {
            let event = match message {
                Some(message) => format!("{} was delivered to {node}", shortened(message)),
                None => format!("{node}'s timer fired"),
            };
            let change = if first == last {
                format!("it has {timers} timers pending now")
            } else {
                let (first, last) = where_they_differ(first, last);
                format!("{first} became {last}")
            };
            format!(
                "{event} {times} times in a row, and each time {node} reached a state that it had not been in \
                 before ({change})"
            )
        }
    }
}

/// The most characters of a message or a state in a sentence.
const SHOWN_MAX: usize = 100;

/// The ends of two texts, starting shortly before the first difference.
fn where_they_differ(first: &str, last: &str) -> (String, String) {
    let same = first.chars().zip(last.chars()).take_while(|(one, other)| one == other);
    let same: usize = same.map(|(character, _)| character.len_utf8()).sum();
    // From the start of the field or element.
    let start = first[..same].rfind(", ").map_or(0, |comma| comma + 2);
    let from = |text: &str| {
        let before = if start > 0 { "... " } else { "" };
        format!("{before}{}", shortened(&text[start..]))
    };
    (from(first), from(last))
}

/// Shortens a text so that it fits into a sentence.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// How near a search came to its goal, if it has not reached it.
pub(crate) fn near_miss(
    search: &Search,
    report: &Report,
    steps: &dyn PureSteps,
) -> Option<NearMiss> {
    match report.result {
        Ended::Exhausted
        | Ended::LimitReached(Limit::Depth(_) | Limit::States(_) | Limit::Diverges(_)) => {
            search.near_miss_with(steps)
        }
        _ => None,
    }
}

/// The name of the property that a stage's goal can be reached.
pub(crate) fn can_be_reached(title: &str) -> String {
    format!("{title} can be reached")
}

/// The violation of a stage whose goal no state has. `stage_before` is the title of the stage from which it starts.
pub(crate) fn missed(
    (title, stage_before): (&str, Option<&str>),
    states: u64,
    near_miss: Option<&NearMiss>,
) -> Violation {
    let from = stage_before.map_or_else(String::new, |from| format!(" from \"{from}\""));
    let mut seen = format!("none does: all {states} reachable states were seen");
    if let Some(near_miss) = near_miss {
        seen += &format!("; {near_miss}");
    }
    let waiting = |near_miss: &NearMiss| {
        let waiting = near_miss.state.nodes.iter().find(|node| node.is_waiting)?;
        Some(Box::new(Subject::wait(waiting.address, waiting.results.len())))
    };
    let about = near_miss.and_then(|near_miss| {
        let of_goal = near_miss.missing.first().and_then(|missing| missing.about.clone());
        of_goal.or_else(|| waiting(near_miss))
    });
    let expected = format!("some run to get there{from}");
    Violation { property: can_be_reached(title), expected, seen, about }
}

/// Compares how a search ended with the result that it must have.
fn judge(
    (title, stage_before): (&str, Option<&str>),
    needs: RequiredResult,
    report: &Report,
    near_miss: Option<&NearMiss>,
) -> Verdict {
    let statistics = &report.statistics;
    let nearest = near_miss.map_or_else(String::new, |near_miss| format!("; {near_miss}"));
    match (&report.result, needs) {
        (Ended::Violated(found), _) => match found.violation() {
            Some(violation) => Verdict::Violated(violation),
            None => Verdict::Held,
        },
        (Ended::Failed(failed), _) => failure(failed),
        (Ended::Exhausted, RequiredResult::Goal) => {
            Verdict::Violated(missed((title, stage_before), statistics.states, near_miss))
        }
        (Ended::GoalFound(_), needs) if needs.is_goal() => Verdict::Held,
        (Ended::Exhausted, _) => Verdict::Held,
        (Ended::GoalFound(_), _) => Verdict::Undecided {
            property: title.to_owned(),
            reason: "the search ended at a goal".to_owned(),
        },
        (
            Ended::LimitReached(Limit::Depth(_) | Limit::States(_) | Limit::RandomWalks(_)),
            RequiredResult::NoViolationWithinBounds | RequiredResult::GoalIfPossible,
        ) => Verdict::Held,
        // The same plan has found the state that this stage starts from, so these nodes have reached it once.
        (Ended::InvalidStart(reason), _) if stage_before.is_some() => {
            Verdict::Violated(Violation {
                property: IS_DETERMINISTIC.to_owned(),
                expected: "the nodes to keep it".to_owned(),
                seen: format!(
                    "the run to \"{}\", made again, went another way: {reason}",
                    stage_before.unwrap_or_default()
                ),
                about: None,
            })
        }
        (Ended::InvalidStart(reason), _) => {
            Verdict::Failed(RunFailure::Scenario(ScenarioError::Search { reason: reason.clone() }))
        }
        (Ended::LimitReached(Limit::CommandsPerEvent { client, commands }), _) => {
            Verdict::Undecided {
                property: title.to_owned(),
                reason: format!(
                    "{client} answered {commands} commands in one event, without waiting for a message from a \
                     server. The search has not seen what comes after that"
                ),
            }
        }
        (Ended::LimitReached(Limit::Diverges(_)), _) => Verdict::Undecided {
            property: title.to_owned(),
            reason: format!(
                "the search stopped after {} states because the state space seems infinite. {}. Counting copies or \
                 retransmissions has this effect, for example; nodes should keep only what they need{nearest}",
                statistics.states,
                report
                    .hints
                    .iter()
                    .find(|hint| matches!(hint, Hint::Diverges { .. }))
                    .map_or_else(String::new, describe),
            ),
        },
        (Ended::LimitReached(limit), _) => Verdict::Undecided {
            property: title.to_owned(),
            reason: format!(
                "the search reached {limit} after {} states, {} events deep, without exhausting the state space. \
                 The nodes had {} different states, and sent {} different messages{nearest}",
                statistics.states, statistics.depth, statistics.node_states, statistics.messages,
            ),
        },
    }
}

/// The verdict on the properties that must hold in at least one state, of a search that ended as it must, and the
/// other violations.
fn judge_never_held(title: &str, report: &Report) -> (Verdict, Vec<Violation>) {
    let states = report.statistics.states;
    if !report.never_held.is_empty() && report.result != Ended::Exhausted {
        let reason = format!(
            "the search ended after {states} states, {} events deep. In none of them does it hold that {}. That is \
             required in some reachable state, and the search has not seen all of them",
            report.statistics.depth,
            report.never_held.join(", or that "),
        );
        return (Verdict::Undecided { property: title.to_owned(), reason }, Vec::new());
    }
    let mut violations = report.never_held.iter().map(|name| Violation {
        property: format!("it is possible that {name}"),
        expected: "some reachable state in which that holds".to_owned(),
        seen: format!("no reachable state is like that: all {states} states were seen"),
        about: None,
    });
    let first = violations.next().map_or(Verdict::Held, Verdict::Violated);
    (first, violations.collect())
}

/// The property that two runs of a handler from one state agree.
const IS_DETERMINISTIC: &str = "the same state and the same event give the same outcome";

/// The verdict for a failed handler, as in a simulated run.
fn failure(failed: &HandlerFailure) -> Verdict {
    let property = |property: &str, seen: String| {
        Verdict::Violated(Violation {
            property: property.to_owned(),
            expected: format!("{} to keep it", failed.node),
            seen,
            about: Some(Box::new(Subject::node(failed.node))),
        })
    };
    match &failed.failure {
        StepFailure::Node(failure) => Verdict::Failed(RunFailure::Node {
            node: failed.node,
            handler: "handler".to_owned(),
            failure: failure.clone(),
        }),
        StepFailure::NotDeterministic { handler, first, second } => property(
            IS_DETERMINISTIC,
            format!("{handler}, run twice, first gave {first}, then {second}"),
        ),
        StepFailure::ContractViolation(broken) => {
            property("a state is what its encoding says", broken.clone())
        }
        StepFailure::UnknownAddress(unknown) => Verdict::Failed(RunFailure::UnknownAddress {
            from: failed.node,
            unknown: unknown.clone(),
        }),
    }
}
