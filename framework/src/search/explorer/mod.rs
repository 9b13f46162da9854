//! The explorer: one run of a system, event by event, with a way back.
//!
//! An [`Explorer`] stands at one state. It says what can happen there, performs an event that the caller picks,
//! and returns to states where it has been. All of this has the semantics of a [`Search`], whose tables it uses.
//! Tests use it to stage a state from which a search starts; saved runs are replayed with it; a debugger drives it.

mod description;
mod error;
mod obstacle;

pub use description::{
    ClientDescription, Description, MessageDescription, NodeDescription, OperationDescription,
    TimerDescription,
};
pub use error::ExplorerError;
pub use obstacle::Obstacle;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

use super::checks::{Role, StateStatus};
use super::disk::DiskOutcome;
use super::handlers::NodeEvent;
use super::path::{Action, Path, PathEvent};
use super::position::{Followed, Position};
use super::report::HandlerFailure;
use super::settings::Restrictions;
use super::state::{PendingTimer, Sent, State};
use super::state_space::{Setup, StartError, StateSpace};
use super::view::{StateView, broken_run};
use super::{Search, settings};
use crate::hosting::Payload;
use crate::hosting::pure::{PureSteps, legible};
use crate::property::{CheckError, Property, Violation};
use crate::trace::{Ending, Origin, Trace};
use crate::{Address, codec};

/// Distinguishes the snapshots of different explorers.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// One run of a search's system, whose events the caller picks, one by one.
///
/// It starts where the search starts, under the search's restrictions, and knows the search's properties and
/// monitor. Besides the events of a search it performs [actions](Action) from outside. An explorer calls handlers
/// only when it performs an event.
///
/// ```
/// use faultlab::Explorer;
/// use faultlab::hosting::pure::LocalSteps;
/// use faultlab::hosting::{Kind, Submission};
/// use faultlab::search::{Action, Search};
/// use faultlab::{Address, Context, Node, System};
/// # use serde::{Deserialize, Serialize};
/// #
/// // Adds up the numbers that it receives.
/// # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
/// struct Counter {
///     count: u64,
/// }
///
/// impl Node for Counter {
///     // ...
/// #   type Message = u64;
/// #   type Timer = ();
/// #   fn init(&mut self, ctx: &mut Context<Self>) {
/// #       ctx.send(ctx.address(), 1);
/// #   }
/// #   fn on_message(&mut self, _: Address, more: u64, _: &mut Context<Self>) {
/// #       self.count += more;
/// #   }
/// }
///
/// let submission = Submission::new().with(Kind::node("counter", |_, ()| Counter { count: 0 }));
/// let counter = Address::new("counter");
/// let search = Search::new(System::new().node("counter", counter, &()));
/// let steps = LocalSteps::new(&submission, search.system().descriptors())?;
/// let mut explorer = Explorer::new(&search, &steps)?;
///
/// // At its start, the counter sent itself a message.
/// let events = explorer.enabled();
/// assert_eq!(explorer.text(&events[0]), "counter gets 1 from counter");
///
/// // The network is a set: a message can be delivered twice.
/// let start = explorer.snapshot();
/// explorer.perform(&events[0])?;
/// explorer.perform(&events[0])?;
/// assert_eq!(explorer.describe().nodes[0].state, "Counter {\n    count: 2,\n}");
///
/// // Another branch: the counter crashes. Then nothing can happen.
/// explorer.return_to(&start);
/// explorer.act(Action::Crash { node: counter })?;
/// assert!(explorer.enabled().is_empty());
///
/// // A search of everything that can still happen.
/// let report = search.clone().start_from(explorer.state()).run(&submission);
/// assert_eq!(report.statistics.states, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Explorer<'s> {
    id: u64,
    search: &'s Search,
    steps: &'s dyn PureSteps,
    /// The search's properties in the order in which they are checked.
    properties: Vec<(Role, Property)>,
    space: StateSpace<'s>,
    place: Place,
    /// All events performed so far, on all branches.
    history: Vec<PastEvent>,
}

/// Where an explorer stands.
#[derive(Clone)]
struct Place {
    position: Position,
    /// The last event of the path, as an index in the history; `None` at the start.
    last: Option<usize>,
    /// The handler that failed. Nothing more can happen then.
    failure: Option<Arc<HandlerFailure>>,
}

/// An event of the history.
struct PastEvent {
    /// The event before it on its branch.
    before: Option<usize>,
    event: PathEvent,
}

/// A state to which its [`Explorer`] can return: one number per node, and the restrictions there.
#[derive(Clone)]
pub struct Snapshot {
    explorer: u64,
    place: Place,
}

/// A property's answer in a state.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertyCheck {
    /// The property's name.
    pub property: String,
    /// Its role in the search; that of a monitor is [`Role::Invariant`].
    pub role: Role,
    /// Whether it holds.
    pub result: Result<(), CheckError>,
}

/// What a search would report about a state.
pub(super) enum Finding {
    /// A property does not hold.
    Violation(Violation),
    /// The goal of this name holds.
    Goal(String),
}

impl<'s> Explorer<'s> {
    /// An explorer at the start of this search, with the nodes that `steps` computes.
    ///
    /// # Errors
    /// When a node fails as it starts, or the search has a monitor and starts from a state whose path does not lead
    /// to it.
    ///
    /// # Panics
    /// When `steps` are of other nodes.
    pub fn new(search: &'s Search, steps: &'s dyn PureSteps) -> Result<Self, ExplorerError> {
        let setup = Self::setup(search, steps);
        let space = StateSpace::new(Setup { start: search.start.as_ref(), ..setup });
        let space = space.map_err(|error| match error {
            StartError::Failed(failed) => ExplorerError::Failed(failed),
            error => ExplorerError::InvalidStart(error.to_string()),
        })?;
        let mut explorer = Self::at_first_row(search, steps, space);
        explorer.restrict(search.restrictions.clone());
        Ok(explorer)
    }

    /// An explorer at the start of the nodes, without the search's restrictions. If a node fails, the explorer has
    /// that failure and no state.
    pub(super) fn of_started_nodes(search: &'s Search, steps: &'s dyn PureSteps) -> Self {
        let mut space = StateSpace::without_first_row(Self::setup(search, steps));
        let failed = space.start().err();
        let mut explorer = Self::at_first_row(search, steps, space);
        explorer.place.failure = failed.map(|failed| Arc::new(*failed));
        explorer
    }

    /// The inputs for the tables. Restrictions change while one explores, so the tables do not know them; and
    /// properties are checked only where someone asks.
    fn setup(search: &'s Search, steps: &'s dyn PureSteps) -> Setup<'s> {
        Setup {
            properties: Vec::new(),
            restrictions: search.restrictions.at_beginning(),
            start: None,
            with_calls: true,
            restarts_from_outside: true,
            ..search.setup(steps)
        }
    }

    fn at_first_row(search: &'s Search, steps: &'s dyn PureSteps, space: StateSpace<'s>) -> Self {
        let mut properties = search.properties.clone();
        properties.sort_by_key(|&(role, _)| role);
        let position = Position::first(&space);
        Self {
            id: NEXT_ID.fetch_add(1, Relaxed),
            search,
            steps,
            properties,
            space,
            place: Place { position, last: None, failure: None },
            history: Vec::new(),
        }
    }

    /// The search that is explored.
    #[must_use]
    pub fn search(&self) -> &'s Search {
        self.search
    }

    /// The events that are possible now, in the order in which a search explores them, including those that would
    /// change nothing. There are none after a failure.
    #[must_use]
    pub fn enabled(&self) -> Vec<PathEvent> {
        let handlers = &self.space.table.handlers;
        let events = self.node_events().into_iter();
        events.map(|(node, event)| handlers.path_event(node, event)).collect()
    }

    /// Performs an event or action. Returns whether it changed anything. It becomes part of the [path](Self::path)
    /// in any case, except if it is not possible.
    ///
    /// # Errors
    /// [`ExplorerError::NotPossible`] if there is an [obstacle](Self::obstacle); then nothing happens.
    /// [`ExplorerError::Failed`] when the handler fails; the event then ends the path, and the explorer can only
    /// return to a snapshot.
    pub fn perform(&mut self, event: &PathEvent) -> Result<bool, ExplorerError> {
        let not_possible = |obstacle, text| ExplorerError::NotPossible { event: text, obstacle };
        if let Some(obstacle) = self.obstacle(event) {
            return Err(not_possible(obstacle, self.text(event)));
        }
        let before = self.place.position.clone();
        let followed = self.follow(event);
        debug_assert!(followed.is_some(), "an event without an obstacle is possible");
        match &self.place.failure {
            Some(failed) => Err(ExplorerError::Failed(Box::new(HandlerFailure::clone(failed)))),
            None => Ok(self.place.position != before),
        }
    }

    /// Performs an action. See [`Self::perform`].
    ///
    /// # Errors
    /// As [`Self::perform`].
    pub fn act(&mut self, action: Action) -> Result<bool, ExplorerError> {
        self.perform(&PathEvent::Outside(action))
    }

    /// Starts a node that [starts later](Search::starts_later) than the others. Returns whether that changed anything.
    ///
    /// # Errors
    /// As [`Self::perform`].
    pub fn start(&mut self, node: Address) -> Result<bool, ExplorerError> {
        self.act(Action::Start { node })
    }

    /// Starts a node again that has crashed. Nothing in its stable storage is lost or changed; for other outcomes, perform
    /// an [`Action::Restart`]. Returns whether that changed anything.
    ///
    /// # Errors
    /// As [`Self::perform`].
    pub fn restart(&mut self, node: Address) -> Result<bool, ExplorerError> {
        self.act(Action::Restart { node, outcome: DiskOutcome::Kept { unsynced: u32::MAX } })
    }

    /// Performs an event of a node that may come back, and crashes the node within the handler, after so many of its
    /// effects. Returns whether that changed anything.
    ///
    /// # Errors
    /// As [`Self::perform`].
    pub fn crash_within(&mut self, event: PathEvent, after: u32) -> Result<bool, ExplorerError> {
        self.perform(&PathEvent::Interrupted { event: Box::new(event), after })
    }

    /// Gives a client that has all results of its workload one more command. Returns whether that changed anything.
    ///
    /// # Errors
    /// As [`Self::perform`].
    ///
    /// # Panics
    /// If the command cannot be encoded.
    pub fn command(
        &mut self,
        client: Address,
        command: &impl Serialize,
    ) -> Result<bool, ExplorerError> {
        let command = codec::encode(command).expect("a command encodes");
        self.act(Action::Command { client, command })
    }

    /// Removes the messages from the network that `chosen` matches: they are lost. It gets the sender, the receiver
    /// and the encoded message. Returns whether there were any.
    ///
    /// # Errors
    /// As [`Self::perform`].
    pub fn drop_messages(
        &mut self,
        chosen: impl Fn(Address, Address, &[u8]) -> bool,
    ) -> Result<bool, ExplorerError> {
        let mut changed = false;
        for node in self.state().nodes {
            let to = node.address;
            for Sent { from, message } in node.inbox {
                if chosen(from, to, &message) {
                    changed |= self.act(Action::Drop { from, to, message })?;
                }
            }
        }
        Ok(changed)
    }

    /// Partitions the network: cuts the links between nodes of different groups, in both directions. Links of nodes
    /// in no group stay as they are. Returns whether that changed anything.
    ///
    /// # Errors
    /// As [`Self::perform`].
    pub fn partition(&mut self, groups: &[&[Address]]) -> Result<bool, ExplorerError> {
        let mut changed = false;
        for (index, group) in groups.iter().enumerate() {
            let others = groups.iter().enumerate().filter(|&(other, _)| other != index);
            for &to in others.flat_map(|(_, other)| other.iter()) {
                for &from in *group {
                    changed |= self.act(Action::Cut { from, to })?;
                }
            }
        }
        Ok(changed)
    }

    /// Restores all links on which nothing is delivered. Returns whether there were any.
    ///
    /// # Errors
    /// As [`Self::perform`].
    pub fn heal(&mut self) -> Result<bool, ExplorerError> {
        let cut = self.cut_links();
        for &(from, to) in &cut {
            self.act(Action::Restore { from, to })?;
        }
        Ok(!cut.is_empty())
    }

    /// Delivers the first message from `from` to `to` that matches `chosen` and whose delivery changes something.
    /// Returns whether there was one; if not, nothing happens.
    ///
    /// # Errors
    /// [`ExplorerError::Failed`] when the handler fails.
    ///
    /// # Panics
    /// If the system has no such node. This holds for all methods with addresses of nodes.
    pub fn deliver(
        &mut self,
        from: Address,
        to: Address,
        chosen: impl Fn(&[u8]) -> bool,
    ) -> Result<bool, ExplorerError> {
        self.search.node_index(from);
        self.perform_first(to, |event| match event {
            PathEvent::Deliver { from: by, message, .. } => *by == from && chosen(message),
            _ => false,
        })
    }

    /// Fires the first timer of a node that may fire and changes something. Returns whether there was one.
    ///
    /// # Errors
    /// [`ExplorerError::Failed`] when the handler fails.
    pub fn fire(&mut self, node: Address) -> Result<bool, ExplorerError> {
        self.fire_timer(node, |_| true)
    }

    /// Fires the first timer of a node that `chosen` matches, may fire and changes something. Returns whether there
    /// was one. If two timers of equal value are pending with different durations, `chosen` sees both.
    ///
    /// # Errors
    /// [`ExplorerError::Failed`] when the handler fails.
    pub fn fire_timer(
        &mut self,
        node: Address,
        chosen: impl Fn(&PendingTimer) -> bool,
    ) -> Result<bool, ExplorerError> {
        self.perform_first(node, |event| match event {
            PathEvent::Fire { timer, min_ns, max_ns, .. } => {
                chosen(&PendingTimer { timer: timer.clone(), min_ns: *min_ns, max_ns: *max_ns })
            }
            _ => false,
        })
    }

    /// Performs the first event of a node that is chosen and changes something.
    fn perform_first(
        &mut self,
        node: Address,
        is_chosen: impl Fn(&PathEvent) -> bool,
    ) -> Result<bool, ExplorerError> {
        let node = self.search.node_index(node);
        for (_, event) in self.node_events().into_iter().filter(|&(at, _)| at == node) {
            let event = self.space.table.handlers.path_event(node, event);
            if is_chosen(&event) {
                let before = self.snapshot();
                if self.perform(&event)? {
                    return Ok(true);
                }
                self.history.pop();
                self.place = before.place;
            }
        }
        Ok(false)
    }

    /// The current state, to return to.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { explorer: self.id, place: self.place.clone() }
    }

    /// Returns to a state where this explorer has been. The path is again the one that led there.
    ///
    /// # Panics
    /// If the snapshot is of another explorer.
    pub fn return_to(&mut self, snapshot: &Snapshot) {
        assert_eq!(snapshot.explorer, self.id, "the snapshot is of another explorer");
        self.place = snapshot.place.clone();
    }

    /// The events from the start of the nodes to the current state, including those before the search's start
    /// state.
    #[must_use]
    pub fn path(&self) -> Path {
        let mut events = Vec::new();
        let mut last = self.place.last;
        while let Some(index) = last {
            events.push(self.history[index].event.clone());
            last = self.history[index].before;
        }
        let mut path = self.search.before();
        path.events.extend(events.into_iter().rev());
        path
    }

    /// The current state, from which a search can [start](Search::start_from). After a failure, it is the state
    /// before the event that failed.
    #[must_use]
    pub fn state(&self) -> State {
        self.space.state_of(&self.place.position.row, self.path())
    }

    /// The handler that failed, if the path ends with a failure.
    #[must_use]
    pub fn failure(&self) -> Option<&HandlerFailure> {
        self.place.failure.as_deref()
    }

    /// Checks the monitor and then the search's properties in the current state, in the order of
    /// their [roles](Role).
    #[must_use]
    pub fn check(&self) -> Vec<PropertyCheck> {
        let monitor = self.broken_run().map(|(name, broken)| PropertyCheck {
            property: name.to_owned(),
            role: Role::Invariant,
            result: broken.map_or(Ok(()), |broken| Err(broken.clone())),
        });
        let properties = self.properties.iter().map(|(role, property)| PropertyCheck {
            property: property.name().to_owned(),
            role: *role,
            result: self.checked(property),
        });
        monitor.into_iter().chain(properties).collect()
    }

    /// The run so far, as a trace. It ends with a failure, a violation or a goal if the current state has one.
    /// Output of the nodes is not captured.
    #[must_use]
    pub fn trace(&self, origin: &Origin) -> Trace {
        let ending = match (self.failure(), self.finding()) {
            (Some(failed), _) => {
                Ending::Failed { reason: format!("{} {}", failed.node, failed.failure) }
            }
            (None, Some(Finding::Violation(violation))) => Ending::Violated(violation),
            (None, Some(Finding::Goal(goal))) => Ending::GoalReached { goal },
            (None, None) => Ending::Held,
        };
        let events = self.search.traced_run(self.steps).events_of(&self.path());
        Trace { header: self.search.header(origin), events, ending: Some(ending) }
    }

    /// Describes an event in words: `server gets Add(1) from client1`.
    #[must_use]
    pub fn text(&self, event: &PathEvent) -> String {
        let show = |node, what, bytes: &[u8]| self.show(node, what, bytes);
        match event {
            PathEvent::Deliver { node, from, message } => {
                format!("{node} gets {} from {from}", show(*from, Payload::Message, message))
            }
            PathEvent::Fire { node, timer, .. } => {
                format!("{node}'s timer {} fires", show(*node, Payload::Timer, timer))
            }
            PathEvent::Outside(Action::Command { client, command }) => {
                format!("{client} is given {}", show(*client, Payload::Command, command))
            }
            PathEvent::Outside(Action::Crash { node }) => format!("{node} crashes"),
            PathEvent::Outside(Action::Start { node }) => format!("{node} starts"),
            PathEvent::Outside(Action::Restart { node, outcome }) => {
                format!("{node} restarts and finds {outcome}")
            }
            PathEvent::Interrupted { event, after } => {
                let effects = if *after == 1 { "effect" } else { "effects" };
                format!("{}, and it crashes after {after} {effects}", self.text(event))
            }
            PathEvent::Outside(Action::Stage { title }) => format!("stage: {title}"),
            PathEvent::Outside(Action::Drop { from, to, message }) => {
                let message = show(*from, Payload::Message, message);
                format!("{message} from {from} to {to} is dropped")
            }
            PathEvent::Outside(Action::Cut { from, to }) => settings::link_is_cut(*from, *to),
            PathEvent::Outside(Action::Restore { from, to }) => {
                settings::link_is_restored(*from, *to)
            }
        }
    }

    /// Renders bytes by the types of a node.
    fn show(&self, node: Address, what: Payload, bytes: &[u8]) -> String {
        match self.space.table.handlers.node_at(node) {
            Some(node) => legible(self.steps.show(node, what, bytes, false)),
            None => format!("<not readable: there is no node {node}>"),
        }
    }

    /// Whether the search's own restrictions block a link.
    pub(super) fn is_blocked(&self, from: Address, to: Address) -> bool {
        let index = |address| self.space.table.handlers.node_at(address);
        let (Some(from), Some(to)) = (index(from), index(to)) else { return false };
        self.search.restrictions.blocked_links().any(|link| link == (from, to))
    }

    /// The current state, and what can happen in it.
    pub(super) fn position(&self) -> &Position {
        &self.place.position
    }

    pub(super) fn space_mut(&mut self) -> &mut StateSpace<'s> {
        &mut self.space
    }

    pub(super) fn space(&self) -> &StateSpace<'s> {
        &self.space
    }

    /// The events that are possible now, with their nodes.
    pub(super) fn node_events(&self) -> Vec<(usize, NodeEvent)> {
        let mut all = Vec::new();
        let mut events = Vec::new();
        if self.failure().is_some() {
            return all;
        }
        let Position { row, restrictions } = &self.place.position;
        for (node, &interned) in self.space.nodes(row).iter().enumerate() {
            self.space.table.events_under(restrictions, interned, &mut events);
            // Here, crashes and restarts are from outside.
            events.retain(|event| !event.is_crash());
            all.extend(events.iter().map(|&event| (node, event)));
        }
        all
    }

    /// Performs an event at a node, which must be possible.
    pub(super) fn happen(&mut self, node: usize, event: NodeEvent) -> (PathEvent, Followed) {
        let path_event = self.space.table.handlers.path_event(node, event);
        let followed = self.place.position.perform(&mut self.space, node, event);
        self.note(path_event.clone(), &followed);
        (path_event, followed)
    }

    /// Performs an event of a path even if the restrictions do not allow it. Returns `None` if it is not possible.
    pub(super) fn follow(&mut self, event: &PathEvent) -> Option<Followed> {
        if self.failure().is_some() {
            return None;
        }
        let followed = self.place.position.follow(&mut self.space, event)?;
        self.note(event.clone(), &followed);
        Some(followed)
    }

    /// Adds an event to the path.
    fn note(&mut self, event: PathEvent, followed: &Followed) {
        let node = event.node();
        self.history.push(PastEvent { before: self.place.last, event });
        self.place.last = Some(self.history.len() - 1);
        if let (Some(node), Some(failure)) = (node, followed.failure.clone()) {
            let path = self.path();
            self.place.failure = Some(Arc::new(HandlerFailure { node, failure, path }));
        }
    }

    /// Replaces the restrictions, and returns the previous ones.
    pub(super) fn restrict(&mut self, restrictions: Restrictions) -> Arc<Restrictions> {
        std::mem::replace(&mut self.place.position.restrictions, Arc::new(restrictions))
    }

    /// What a search would report about the current state.
    pub(super) fn finding(&self) -> Option<Finding> {
        let violation = |name: &str, broken: &CheckError| {
            Some(Finding::Violation(Violation::of(name.to_owned(), broken.clone())))
        };
        if let Some((name, Some(broken))) = self.broken_run() {
            return violation(name, broken);
        }
        let mut properties = self.properties.iter().enumerate();
        let status = properties.find_map(|(index, (role, property))| {
            StateStatus::of(*role, index, self.checked(property))
        });
        let name = |index: usize| self.properties[index].1.name();
        match status? {
            StateStatus::Expand | StateStatus::Pruned => None,
            StateStatus::Goal(index) => Some(Finding::Goal(name(index).to_owned())),
            StateStatus::Broken(index, broken) => violation(name(index), &broken),
        }
    }

    pub(super) fn checked(&self, property: &Property) -> Result<(), CheckError> {
        let Position { row, restrictions } = &self.place.position;
        let nodes = self.space.nodes(row);
        property.check(&mut StateView::new(&self.space.table, restrictions, nodes))
    }

    /// The monitor's name, and how its property is violated, if it is.
    fn broken_run(&self) -> Option<(&str, Option<&CheckError>)> {
        let memo = self.space.monitor_memo.as_ref()?;
        Some((memo.name(), broken_run(Some(memo), &self.place.position.row)))
    }

    /// The links on which nothing is delivered, as sender and receiver.
    fn cut_links(&self) -> Vec<(Address, Address)> {
        let address = |node: usize| self.space.table.handlers.address(node);
        let blocked = self.place.position.restrictions.blocked_links();
        blocked.map(|(from, to)| (address(from), address(to))).collect()
    }
}
