//! What a search test does: one or more searches, and the result that each must have.

use std::sync::Arc;

use faultlab::System;
use faultlab::hosting::pure::PureSteps;
use faultlab::search::{Explorer, ExplorerError, LeadsTo, RandomWalks, Search, State};

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
///
/// # Stages
///
/// A search sees few events of a long run. So a plan can go from state to state: [`SearchPlan::of`] says what all its
/// stages search, [`reach`](Self::reach) looks for a state in which a goal holds, and the searches after it start
/// there. [`changing`](Self::changing) changes that state first: messages are lost, nodes crash or start, links are
/// cut, clients get commands. What one stage restricts (goals, prunes, links, timers), it restricts for itself only.
/// [`from`](Self::from) goes back to an earlier state. If a stage fails, its run is that of all stages which led to it,
/// with the title of each where it begins.
///
/// ```
/// # use faultlab::{Address, System};
/// # use faultlab::property::{Property, clients_done, results_ok, violated};
/// # use faultlab::search::Search;
/// # use faultlab::workload::Workload;
/// # use faultlab_suites::SearchPlan;
/// # let (server, client) = (Address::new("server"), Address::new("client1"));
/// # let work = Workload::<u64, u64>::of([1, 1]).expecting([1, 2]);
/// # let system = System::new().node("server", server, &()).client("client", client, &server, work);
/// # let one_answer = move || Property::new("client1 has an answer", move |view| {
/// #     let answered = view.operations(client).iter().filter(|it| it.result.is_some()).count();
/// #     if answered > 0 { Ok(()) } else { Err(violated("an answer", "none")) }
/// # });
/// let plan = SearchPlan::of(Search::new(system).invariant(results_ok()))
///     .reach("one answer", move |search| search.goal(one_answer()))
///     .changing(|run| run.drop_messages(|_, _, _| true))
///     .reach("the other answer, although all messages are lost", |search| search.goal(clients_done()))
///     .from("one answer")
///     .exhaust("all runs from one answer on", |search| search.prune(clients_done()));
/// assert_eq!(plan.stages().count(), 3);
/// ```
#[derive(Default)]
pub struct SearchPlan {
    pub(crate) stages: Vec<Stage>,
    /// What all stages search that start where another ended.
    base: Option<Search>,
    /// The stage whose state the next one starts from; `None` for the start of the nodes.
    from: Option<usize>,
    /// The changes to that state.
    changes: Vec<Change>,
}

/// A change to the state that a stage starts from.
type Change = Arc<dyn Fn(&mut Explorer<'_>) -> Result<bool, ExplorerError> + Send + Sync>;

/// One search of a plan.
pub(crate) struct Stage {
    pub(crate) title: String,
    pub(crate) needs: RequiredResult,
    pub(crate) search: StageSearch,
    /// Random walks instead of a breadth-first search.
    pub(crate) random_walks: Option<RandomWalks>,
    /// What every fair run must reach, instead of a search for what can happen.
    pub(crate) leads_to: Option<LeadsTo>,
}

/// What is searched.
pub(crate) enum StageSearch {
    /// This search.
    Given(Box<Search>),
    /// A search that starts from the state which an earlier stage found.
    From(Box<StageFrom>),
}

impl StageSearch {
    /// The system that is searched.
    pub(crate) fn system(&self) -> &System {
        match self {
            Self::Given(search) => search.system(),
            Self::From(stage) => stage.base.system(),
        }
    }

    /// The search of the stage with this title. `found` are the states that the stages before it reached. `None` if it
    /// starts from one that was not reached.
    ///
    /// # Errors
    /// When a change to the state is not possible, or a handler fails in it.
    pub(crate) fn start(
        self,
        title: &str,
        found: &[Option<State>],
        steps: &dyn PureSteps,
    ) -> Option<Result<Search, Box<NotChanged>>> {
        match self {
            Self::Given(search) => Some(Ok(*search)),
            Self::From(stage) => {
                let from = match stage.from {
                    Some(earlier) => Some(found[earlier].clone()?),
                    None => None,
                };
                Some(stage.search(title, from, steps))
            }
        }
    }
}

/// A search that starts from the state which an earlier stage found, with changes.
pub(crate) struct StageFrom {
    base: Search,
    /// The earlier stage; `None` for the start of the nodes.
    from: Option<usize>,
    changes: Vec<Change>,
    make: Box<dyn FnOnce(Search) -> Search + Send>,
}

impl StageFrom {
    /// The search of the stage with this title, from the state that the earlier stage found. `steps` computes the
    /// nodes' steps.
    ///
    /// # Errors
    /// When a change is not possible, or a handler fails in it.
    fn search(
        self,
        title: &str,
        found: Option<State>,
        steps: &dyn PureSteps,
    ) -> Result<Search, Box<NotChanged>> {
        let Self { base, changes, make, .. } = self;
        let unchanged = match found {
            Some(found) => base.clone().start_from(found).stage(title),
            None => base.clone().stage(title),
        };
        if changes.is_empty() {
            return Ok(make(unchanged));
        }
        match changed(&unchanged, &changes, steps) {
            Ok(state) => Ok(make(base.start_from(state))),
            Err(error) => Err(Box::new(NotChanged { search: unchanged, error })),
        }
    }
}

/// The state that a search starts from, after these changes.
fn changed(
    search: &Search,
    changes: &[Change],
    steps: &dyn PureSteps,
) -> Result<State, ExplorerError> {
    let mut run = Explorer::new(search, steps)?;
    for change in changes {
        change(&mut run)?;
    }
    Ok(run.state())
}

/// A stage whose start state could not be changed as it should be.
pub(crate) struct NotChanged {
    /// A search from the unchanged state.
    pub(crate) search: Search,
    /// Why it could not be changed.
    pub(crate) error: ExplorerError,
}

/// The result that a search must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredResult {
    /// Every reachable state was seen, and no property was violated. A limit is inconclusive.
    Exhaustion,
    /// A goal was found. A limit is inconclusive.
    Goal,
    /// No violation was found. If no goal was found either, the stages that start there are left out.
    GoalIfPossible,
    /// No violation was found within the search's own limits of depth, states or random walks; the
    /// test states them.
    NoViolationWithinBounds,
}

impl RequiredResult {
    /// Whether a search with this result may end at a goal.
    pub(crate) fn is_goal(self) -> bool {
        matches!(self, Self::Goal | Self::GoalIfPossible)
    }
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

    /// Adds a check of progress: every fair run must get where `leads_to` says. What a fair run is, and what is checked on
    /// the way, is said at [`Search::progress_with`]. A limit is inconclusive.
    ///
    /// ```
    /// # use faultlab::{Address, System};
    /// # use faultlab::property::clients_done;
    /// # use faultlab::search::{LeadsTo, Search};
    /// # use faultlab::workload::Workload;
    /// # use faultlab_suites::SearchPlan;
    /// let (server, client) = (Address::new("server"), Address::new("client1"));
    /// let work = Workload::<u64, u64>::of([1]);
    /// let system = System::new().node("server", server, &()).client("client", client, &server, work);
    /// let plan = SearchPlan::new()
    ///     .progressing("an answer", Search::new(system), LeadsTo::always(clients_done()));
    /// ```
    #[must_use]
    pub fn progressing(self, title: &str, search: Search, leads_to: LeadsTo) -> Self {
        let mut plan = self.exhausting(title, search);
        if let Some(stage) = plan.stages.last_mut() {
            stage.leads_to = Some(leads_to);
        }
        plan
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

    /// A plan whose stages search this system, with these properties, limits and restrictions, each from where another
    /// ended.
    #[must_use]
    pub fn of(search: Search) -> Self {
        Self { base: Some(search), ..Self::default() }
    }

    /// Adds a stage that must reach a goal. The stages after it start there. `search` adds the goal, or several, one of
    /// which is enough.
    ///
    /// # Panics
    /// If the plan is not [of](Self::of) a search. This holds for all stages.
    #[must_use]
    pub fn reach(
        self,
        title: &str,
        search: impl FnOnce(Search) -> Search + Send + 'static,
    ) -> Self {
        self.then_from_there(title, RequiredResult::Goal, search)
    }

    /// Adds a stage that may reach a goal. If no state has it, the stages that start there are left out.
    #[must_use]
    pub fn seek(self, title: &str, search: impl FnOnce(Search) -> Search + Send + 'static) -> Self {
        self.then_from_there(title, RequiredResult::GoalIfPossible, search)
    }

    /// Adds a stage that must see every state which is reachable from the present one, without a violation. The next
    /// stage starts where this one started, and without its [changes](Self::changing).
    #[must_use]
    pub fn exhaust(
        self,
        title: &str,
        search: impl FnOnce(Search) -> Search + Send + 'static,
    ) -> Self {
        self.staged(title, RequiredResult::Exhaustion, search)
    }

    /// Adds a stage that must find no violation within its limits. The next stage starts where this one started, and
    /// without its changes.
    #[must_use]
    pub fn explore(
        self,
        title: &str,
        search: impl FnOnce(Search) -> Search + Send + 'static,
    ) -> Self {
        let search = |from: Search| search(from).allow_divergence();
        self.staged(title, RequiredResult::NoViolationWithinBounds, search)
    }

    /// Adds random walks from the present state, which must find no violation. The next stage starts where this one
    /// started, and without its changes.
    #[must_use]
    pub fn walk(
        self,
        title: &str,
        walks: RandomWalks,
        search: impl FnOnce(Search) -> Search + Send + 'static,
    ) -> Self {
        let mut plan = self.staged(title, RequiredResult::NoViolationWithinBounds, search);
        if let Some(stage) = plan.stages.last_mut() {
            stage.random_walks = Some(walks);
        }
        plan
    }

    /// Starts the next stage from the state that an earlier one reached.
    ///
    /// # Panics
    /// If no stage before it that reaches a goal has this title.
    #[must_use]
    pub fn from(mut self, title: &str) -> Self {
        let mut stages = self.stages.iter();
        let reached = stages.position(|stage| stage.title == title && stage.needs.is_goal());
        let reached = reached.unwrap_or_else(|| panic!("no stage before it reaches {title:?}"));
        (self.from, self.changes) = (Some(reached), Vec::new());
        self
    }

    /// Changes the present state before the next stage: `change` performs events and [actions][1], which are part of
    /// the run. That it changes nothing is no error.
    ///
    /// [1]: faultlab::search::Action
    #[must_use]
    pub fn changing(
        mut self,
        change: impl Fn(&mut Explorer<'_>) -> Result<bool, ExplorerError> + Send + Sync + 'static,
    ) -> Self {
        self.changes.push(Arc::new(change));
        self
    }

    /// For each stage, the title of the one that it starts from.
    pub(crate) fn origins(&self) -> Vec<Option<String>> {
        let origin = |stage: &Stage| match &stage.search {
            StageSearch::From(stage) => Some(self.stages[stage.from?].title.clone()),
            StageSearch::Given(_) => None,
        };
        self.stages.iter().map(origin).collect()
    }

    /// For each stage, whether another one starts from the state that it reaches.
    pub(crate) fn starts_another(&self) -> Vec<bool> {
        let mut starts = vec![false; self.stages.len()];
        for stage in &self.stages {
            if let StageSearch::From(stage) = &stage.search
                && let Some(earlier) = stage.from
            {
                starts[earlier] = true;
            }
        }
        starts
    }

    /// Adds a stage that starts from the present state.
    fn staged(
        mut self,
        title: &str,
        needs: RequiredResult,
        search: impl FnOnce(Search) -> Search + Send + 'static,
    ) -> Self {
        let base = self.base.clone().expect("a plan with stages is of a search");
        let (from, changes) = (self.from, std::mem::take(&mut self.changes));
        let stage = StageFrom { base, from, changes, make: Box::new(search) };
        self.stage(title, needs, StageSearch::From(Box::new(stage)))
    }

    /// Adds a stage that starts from the present state, and whose goal is the present state from now on.
    fn then_from_there(
        self,
        title: &str,
        needs: RequiredResult,
        search: impl FnOnce(Search) -> Search + Send + 'static,
    ) -> Self {
        let mut plan = self.staged(title, needs, search);
        plan.from = Some(plan.stages.len() - 1);
        plan
    }

    /// The titles and required results of the searches, in order.
    pub fn stages(&self) -> impl Iterator<Item = (&str, RequiredResult)> {
        self.stages.iter().map(|stage| (stage.title.as_str(), stage.needs))
    }

    fn stage(mut self, title: &str, needs: RequiredResult, search: StageSearch) -> Self {
        let title = title.to_owned();
        self.stages.push(Stage { title, needs, search, random_walks: None, leads_to: None });
        self
    }
}
