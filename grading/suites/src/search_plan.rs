//! What a search test does: one or more searches, and the outcome that each of them needs.

use faultlab::search::{Probes, Search, State};

/// The searches of a test, one after the other. The first that does not end as it needs to ends the test.
///
/// ```
/// use faultlab::Address;
/// use faultlab::property::{clients_done, results_ok};
/// use faultlab::search::{Search, System};
/// use faultlab::workload::Workload;
/// use faultlab_suites::SearchPlan;
///
/// let (server, client) = (Address::new("server"), Address::new("client1"));
/// let system = || {
///     let work = Workload::<u64, u64>::of([1, 1]).expecting([1, 2]);
///     System::new().node("server", server, &()).client("client", client, &server, work)
/// };
/// let plan = SearchPlan::new()
///     .reaching("both answers", Search::new(system()).goal(clients_done()))
///     .exhausting("all runs", Search::new(system()).invariant(results_ok()).prune(clients_done()));
/// assert_eq!(plan.stages().count(), 2);
/// ```
#[derive(Default)]
pub struct SearchPlan {
    pub(crate) stages: Vec<Stage>,
}

/// One search of a plan.
pub(crate) struct Stage {
    pub(crate) title: String,
    pub(crate) needs: Needs,
    pub(crate) search: StageSearch,
    /// Random probes in place of a breadth-first search.
    pub(crate) probes: Option<Probes>,
}

/// What is searched.
pub(crate) enum StageSearch {
    /// This.
    Given(Box<Search>),
    /// What is made of the state that the search before found.
    From(Box<dyn FnOnce(State) -> Search + Send>),
}

/// The outcome that a search needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Every reachable state was seen, and is good. A limit is inconclusive.
    Exhaustion,
    /// A goal was found. A limit is inconclusive.
    Goal,
    /// Nothing bad was found within the search's own bounds of depth, states or probes. The test says so.
    NothingBadWithinBounds,
}

impl SearchPlan {
    /// A plan without searches yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a search that must see every reachable state, and find all of them good.
    #[must_use]
    pub fn exhausting(self, title: &str, search: Search) -> Self {
        self.stage(title, Needs::Exhaustion, StageSearch::Given(Box::new(search)))
    }

    /// Adds a search that must find its goal.
    #[must_use]
    pub fn reaching(self, title: &str, search: Search) -> Self {
        self.stage(title, Needs::Goal, StageSearch::Given(Box::new(search)))
    }

    /// Adds a search that must find nothing bad within its bounds. What lies beyond them it does not see.
    #[must_use]
    pub fn bounded(self, title: &str, search: Search) -> Self {
        let search = StageSearch::Given(Box::new(search.endless_too()));
        self.stage(title, Needs::NothingBadWithinBounds, search)
    }

    /// Adds random runs, deeper than breadth can reach, which must find nothing bad. They prove nothing.
    #[must_use]
    pub fn probing(self, title: &str, search: Search, probes: Probes) -> Self {
        let needs = Needs::NothingBadWithinBounds;
        let mut plan = self.stage(title, needs, StageSearch::Given(Box::new(search)));
        if let Some(stage) = plan.stages.last_mut() {
            stage.probes = Some(probes);
        }
        plan
    }

    /// Adds a search that starts from the state that the search before, one for a goal, has found, and
    /// needs this outcome.
    #[must_use]
    pub fn then(
        self,
        title: &str,
        needs: Needs,
        search: impl FnOnce(State) -> Search + Send + 'static,
    ) -> Self {
        self.stage(title, needs, StageSearch::From(Box::new(search)))
    }

    /// The titles and needs of the searches, in order.
    pub fn stages(&self) -> impl Iterator<Item = (&str, Needs)> {
        self.stages.iter().map(|stage| (stage.title.as_str(), stage.needs))
    }

    fn stage(mut self, title: &str, needs: Needs, search: StageSearch) -> Self {
        self.stages.push(Stage { title: title.to_owned(), needs, search, probes: None });
        self
    }
}
