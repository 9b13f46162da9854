//! A lasso as a trace, and a saved one followed: the loop stands between two marks.

use super::fair::{Due, Rules, delivered};
use super::graph::Edge;
use super::report::EXPECTED;
use super::{Lasso, LeadsTo};
use crate::hosting::pure::PureSteps;
use crate::property::{CheckError, Violation};
use crate::search::Search;
use crate::search::effects::Effect;
use crate::search::intern::Lists;
use crate::search::path::Path;
use crate::search::state_space::{Performed, StateSpace};
use crate::search::traced_run::TracedRun;
use crate::trace::{Ending, EventKind, Origin, Trace, TraceEvent};

/// The mark at the beginning of a loop of so many events.
fn begins(round: usize) -> String {
    match round {
        0 => "nothing more needs to happen: the run may stay like this for ever".to_owned(),
        1 => "a loop begins: the next event repeats for ever".to_owned(),
        round => format!("a loop begins: the next {round} events repeat for ever"),
    }
}

/// The mark at the end of a loop.
const CLOSES: &str = "the loop closes: everything is as it was where it began";

/// What a saved mark says.
pub(in crate::search) enum Mark {
    /// A loop begins.
    Begins,
    /// A loop closes, or nothing more happens.
    Closes,
}

impl Mark {
    /// The mark that a saved event is, if it is one.
    pub(in crate::search) fn of(what: &EventKind) -> Option<Self> {
        let EventKind::Network { change } = what else { return None };
        match change.as_str() {
            CLOSES => Some(Self::Closes),
            nothing if *nothing == begins(0) => Some(Self::Closes),
            begun if begun.starts_with("a loop begins: ") => Some(Self::Begins),
            _ => None,
        }
    }
}

impl Search {
    /// The run of a lasso: the way to the loop, and the loop once, between two marks.
    ///
    /// # Panics
    /// When `steps` are of other nodes.
    #[must_use]
    pub fn lasso_trace(&self, steps: &dyn PureSteps, origin: &Origin, lasso: &Lasso) -> Trace {
        let before = self.traced_run(steps).events_of(&lasso.before).len();
        let whole = lasso.before.events.iter().chain(&lasso.round.events).cloned();
        let mut events = self.traced_run(steps).events_of(&Path { events: whole.collect() });
        let mark = |change: String| TraceEvent::new(None, EventKind::Network { change });
        events.insert(before, mark(begins(lasso.round.len())));
        if !lasso.round.is_empty() {
            events.push(mark(CLOSES.to_owned()));
        }
        let ending = Some(Ending::Violated(lasso.violation()));
        Trace { header: self.header(origin), events, ending }
    }
}

/// A loop of a run that is followed, as far as it has gone.
pub(in crate::search) struct RoundSoFar {
    began: Vec<u32>,
    /// Its events, each with the state after it.
    events: Vec<(Edge, Vec<u32>)>,
}

impl RoundSoFar {
    /// What keeps a fair run from repeating it for ever, if anything does.
    fn unfair(&self, space: &StateSpace<'_>, rules: Rules<'_, '_>) -> Option<&'static str> {
        let edges = || self.events.iter().map(|(edge, _)| edge);
        let happens = |due: &Due| {
            let is_over = |row: &Vec<u32>| !rules.due(space.nodes(row)).contains(due);
            edges().any(|edge| rules.does(edge, *due))
                || self.events.iter().any(|(_, row)| is_over(row))
        };
        let nodes = space.nodes(&self.began);
        if !rules.due(nodes).iter().all(happens) {
            return Some(
                "something that is due all the time does not happen in it, such as a timer that is set",
            );
        }
        let arrives = |message| edges().any(|edge| delivered(edge) == Some(message));
        let mut sent = edges().flat_map(|edge| rules.sent(edge));
        let is_lost = rules.may_lose()
            && sent.any(|message| rules.gets_through(nodes, message) && !arrives(message));
        is_lost.then_some("it sends a message each time, and never delivers it")
    }
}

impl<'s> TracedRun<'s> {
    /// The run must get where this says: a saved lasso can be followed.
    #[must_use]
    pub fn owing(mut self, leads_to: &'s LeadsTo) -> Self {
        self.leads_to = Some(leads_to);
        self
    }

    /// Takes in an event that was performed, if a loop has begun.
    pub(in crate::search) fn note_in_round(&mut self, performed: &Performed) {
        let (Some(explorer), Some(round)) = (&mut self.explorer, &mut self.round) else { return };
        let Performed { node, before, event, .. } = *performed;
        let sends = match explorer.space_mut().table.effect(before, event) {
            Effect::Change(step) if step.failure().is_none() => step.sends,
            _ => Lists::EMPTY,
        };
        let edge = Edge { to: 0, node: node as u32, event, sends };
        round.events.push((edge, explorer.position().row.clone()));
    }

    /// Takes in a mark of a saved run. When a fair loop has closed without getting where the run must, the run has ended.
    ///
    /// # Errors
    /// Says why this run has no such loop.
    pub(in crate::search) fn mark(&mut self, mark: &Mark) -> Result<(), String> {
        let (Some(explorer), Some(leads_to)) = (&self.explorer, self.leads_to) else {
            return Err("this search does not look for loops".to_owned());
        };
        let row = &explorer.position().row;
        if matches!(mark, Mark::Begins) {
            self.round = Some(RoundSoFar { began: row.clone(), events: Vec::new() });
            return Ok(());
        }
        let nothing = RoundSoFar { began: row.clone(), events: Vec::new() };
        let round = self.round.as_ref().unwrap_or(&nothing);
        // Here, a crash is an action from outside: then messages to the node still wait in the network, and nothing else
        // changes there.
        let space = explorer.space();
        let restrictions = &explorer.position().restrictions;
        let count = space.nodes(row).len();
        let mut parts = round.began.iter().zip(row).enumerate();
        let is_same = parts.all(|(part, (began, now))| {
            began == now || (part < count && restrictions.is_crashed(part))
        });
        if !is_same {
            return Err(
                "the loop does not close: something is not as it was where it began".to_owned()
            );
        }
        let rules = Rules { table: &space.table, restrictions };
        if let Some(why) = round.unfair(space, rules) {
            return Err(format!("the loop is not fair: {why}"));
        }
        if let Err(CheckError::Violated { seen, .. }) = explorer.checked(leads_to.to()) {
            let expected = EXPECTED.to_owned();
            let property = leads_to.name();
            self.ending =
                Some(Ending::Violated(Violation { property, expected, seen, about: None }));
        }
        Ok(())
    }
}
