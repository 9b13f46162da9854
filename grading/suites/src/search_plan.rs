//! What a search test does: one or more searches, and the result that each must have.

use faultlab::search::{RandomWalks, Search, State};

/// The searches of a test, in order. The first that does not give the required result ends the
/// test.
///
/// ```
/// use faultlab::{Address, System};
/// use faultlab::property::{clients_done, results_ok};
/// use faultlab::search::Search;
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
    pub(crate) needs: RequiredResult,
    pub(crate) search: StageSearch,
    /// Random walks instead of a breadth-first search.
    pub(crate) random_walks: Option<RandomWalks>,
}

/// What is searched.
pub(crate) enum StageSearch {
    /// This search.
    Given(Box<Search>),
    /// A search built from the state that the previous search found.
    From(Box<dyn FnOnce(State) -> Search + Send>),
}

/// The result that a search must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredResult {
    /// Every reachable state was seen, and no property was violated. A limit is inconclusive.
    Exhaustion,
    /// A goal was found. A limit is inconclusive.
    Goal,
    /// No violation was found within the search's own limits of depth, states or random walks; the
    /// test states them.
    NoViolationWithinBounds,
}

impl SearchPlan {
    /// A plan without searches yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a search that must see every reachable state without a violation.
    #[must_use]
    pub fn exhausting(self, title: &str, search: Search) -> Self {
        self.stage(title, RequiredResult::Exhaustion, StageSearch::Given(Box::new(search)))
    }

    /// Adds a search that must find its goal.
    #[must_use]
    pub fn reaching(self, title: &str, search: Search) -> Self {
        self.stage(title, RequiredResult::Goal, StageSearch::Given(Box::new(search)))
    }

    /// Adds a search that must find no violation within its limits. It says nothing about the runs
    /// beyond them.
    #[must_use]
    pub fn bounded(self, title: &str, search: Search) -> Self {
        let search = StageSearch::Given(Box::new(search.allow_divergence()));
        self.stage(title, RequiredResult::NoViolationWithinBounds, search)
    }

    /// Adds random walks, deeper than breadth-first search can go, which must find no violation.
    /// They prove nothing.
    #[must_use]
    pub fn random_walks(self, title: &str, search: Search, walks: RandomWalks) -> Self {
        let needs = RequiredResult::NoViolationWithinBounds;
        let mut plan = self.stage(title, needs, StageSearch::Given(Box::new(search)));
        if let Some(stage) = plan.stages.last_mut() {
            stage.random_walks = Some(walks);
        }
        plan
    }

    /// Adds a search that starts from the state found by the previous search, which must have a
    /// goal. It must have this result.
    #[must_use]
    pub fn then(
        self,
        title: &str,
        needs: RequiredResult,
        search: impl FnOnce(State) -> Search + Send + 'static,
    ) -> Self {
        self.stage(title, needs, StageSearch::From(Box::new(search)))
    }

    /// The titles and required results of the searches, in order.
    pub fn stages(&self) -> impl Iterator<Item = (&str, RequiredResult)> {
        self.stages.iter().map(|stage| (stage.title.as_str(), stage.needs))
    }

    fn stage(mut self, title: &str, needs: RequiredResult, search: StageSearch) -> Self {
        self.stages.push(Stage { title: title.to_owned(), needs, search, random_walks: None });
        self
    }
}
