//! Compares two runs: finds the first event in which they differ, and how.
//!
//! Two runs of one scenario and seed must be equal; a [`Divergence`] describes where they are not. A saved run
//! may differ from the same run with changed code ([`Difference`](super::replay::Difference)). Both compare the
//! same aspects of an event, in the same order.

use std::fmt;

use super::show::phrases::duration;
use super::show::text::safe;
use super::{
    EventKind, Fate, Provenance, SentMessage, SetTimer, StorageOperation, StorageWrite, StoredItem,
    Trace, TraceEvent,
};
use crate::Address;
use crate::abridge::{around_difference, in_the_middle};

/// The longest text of a message, command or result that is not shortened, in characters.
const CHARACTERS_MAX: usize = 100;

/// An aspect of an event that can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::trace) enum Aspect {
    /// When it happens.
    Time,
    /// What happens, and whether the node crashes within the handler. The ids of messages, timers and
    /// writes are ignored.
    What,
    /// The sent messages with their receivers, in order.
    Sent,
    /// The fates of the sent messages.
    Fates,
    /// The timers that are set, with their durations, in order.
    Timers,
    /// The writes to stable storage, in order.
    Stored,
    /// The node's failure.
    Failure,
    /// The lines that the node logs.
    Logged,
    /// The node's printed output.
    Printed,
    /// The node's state afterwards. The order of its lines is ignored: it may be that of a map or a set, and
    /// matters only if it shows in another aspect.
    State,
}

impl Aspect {
    /// All aspects, the most informative first.
    const ALL: [Self; 10] = [
        Self::Time,
        Self::What,
        Self::Sent,
        Self::Timers,
        Self::Stored,
        Self::Failure,
        Self::State,
        Self::Logged,
        Self::Printed,
        Self::Fates,
    ];

    fn differs(self, first: &TraceEvent, second: &TraceEvent) -> bool {
        let message = |sent: &SentMessage| (sent.to, sent.message.clone());
        let timer = |set: &SetTimer| (set.timer.clone(), set.min_ns, set.max_ns);
        match self {
            Self::Time => first.time_ns != second.time_ns,
            Self::What => {
                without_ids(&first.what) != without_ids(&second.what)
                    || first.interrupted_after != second.interrupted_after
            }
            Self::Sent => !first.sent.iter().map(message).eq(second.sent.iter().map(message)),
            Self::Fates => {
                let fate = |sent: &SentMessage| sent.fate;
                !first.sent.iter().map(fate).eq(second.sent.iter().map(fate))
            }
            Self::Timers => !first.timers.iter().map(timer).eq(second.timers.iter().map(timer)),
            Self::Stored => {
                let write = |write: &StorageWrite| StorageWrite { id: 0, ..write.clone() };
                !first.stored.iter().map(write).eq(second.stored.iter().map(write))
            }
            Self::Failure => first.failure != second.failure,
            Self::Logged => first.logged != second.logged,
            Self::Printed => first.printed != second.printed,
            Self::State => {
                first.state != second.state && sorted_lines(first) != sorted_lines(second)
            }
        }
    }
}

/// The first event in which two runs differ, and the first of these aspects in which it differs. The aspect
/// is `None` if one of the runs has ended there.
pub(in crate::trace) fn first_difference(
    first: &Trace,
    second: &Trace,
    aspects: &[Aspect],
) -> Option<(usize, Option<Aspect>)> {
    let count = first.events.len().max(second.events.len());
    (0..count).find_map(|index| match (first.events.get(index), second.events.get(index)) {
        (Some(first), Some(second)) => {
            let aspect = aspects.iter().find(|aspect| aspect.differs(first, second))?;
            Some((index, Some(*aspect)))
        }
        _ => Some((index, None)),
    })
}

/// Where two runs that should be equal first differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The index of the event, the same in both traces.
    pub event: usize,
    /// When it happens, in nanoseconds; `None` in a search.
    pub time_ns: Option<u64>,
    /// The event's node, if it is the same event in both runs and happens at a node.
    pub node: Option<Address>,
    /// The handler that it calls: `on_message`.
    pub handler: Option<&'static str>,
    /// A description of what happens in both runs: `server1's on_message, given Ping from client1`.
    pub what: String,
    /// How the runs differ.
    pub how: Divergent,
}

/// How two runs that should be equal first differ. Texts are `Debug` texts of the nodes' types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Divergent {
    /// Different things happen, or one of the runs has ended.
    Event {
        /// What happens in the first run.
        first: String,
        /// What happens in the second.
        second: String,
    },
    /// A handler sends different messages.
    Sent {
        /// Its messages in the first run, from the first difference on.
        first: Vec<String>,
        /// Its messages in the second run.
        second: Vec<String>,
    },
    /// A handler sends the same messages in a different order.
    SendOrder {
        /// The order in the first run.
        first: Vec<String>,
        /// The order in the second.
        second: Vec<String>,
    },
    /// A handler sets different timers.
    Timers {
        /// Its timers in the first run, from the first difference on.
        first: Vec<String>,
        /// Its timers in the second run.
        second: Vec<String>,
    },
    /// A handler sets the same timers in a different order.
    TimerOrder {
        /// The order in the first run.
        first: Vec<String>,
        /// The order in the second.
        second: Vec<String>,
    },
    /// A handler sets a timer with a different duration.
    TimerDuration {
        /// The timer.
        timer: String,
        /// Its duration in the first run.
        first: String,
        /// Its duration in the second.
        second: String,
    },
    /// A handler writes something different to stable storage.
    Stored {
        /// Its writes in the first run, from the first difference on.
        first: Vec<String>,
        /// Its writes in the second run.
        second: Vec<String>,
    },
    /// A handler fails in one run only, or fails differently.
    Failure {
        /// The failure in the first run.
        first: Option<String>,
        /// The failure in the second.
        second: Option<String>,
    },
    /// A handler leaves a different state.
    State {
        /// The field, from the outermost to the innermost; empty for the state as a whole.
        field: Vec<String>,
        /// Its content in the first run.
        first: String,
        /// Its content in the second.
        second: String,
    },
    /// A handler logs different lines.
    Logged {
        /// The first differing line of the first run.
        first: String,
        /// That of the second.
        second: String,
    },
    /// A handler prints something different.
    Printed {
        /// The first differing line of the first run.
        first: String,
        /// That of the second.
        second: String,
    },
    /// A message has a different fate.
    Fate {
        /// The message.
        message: String,
        /// Its fate in the first run.
        first: Fate,
        /// Its fate in the second.
        second: Fate,
    },
}

impl Divergence {
    /// Where these two recordings first differ; `None` if they are equal.
    #[must_use]
    pub fn between(first: &Trace, second: &Trace) -> Option<Self> {
        let (event, aspect) = first_difference(first, second, &Aspect::ALL)?;
        let (left, right) = (first.events.get(event), second.events.get(event));
        let time_ns = left.or(right).and_then(|event| event.time_ns);
        let name = |event: Option<&TraceEvent>| match event {
            Some(event) => match event.interrupted_after {
                Some(effects) => format!("{}, {}", name(&event.what), interrupted(effects)),
                None => name(&event.what),
            },
            None => "nothing more".to_owned(),
        };
        let (Some(one), Some(other), Some(aspect)) = (left, right, aspect) else {
            let how = Divergent::Event { first: name(left), second: name(right) };
            return Some(Self::of_events(event, time_ns, how));
        };
        let how = match aspect {
            Aspect::Time | Aspect::What => {
                let timed = |event: &TraceEvent| match event.time_ns {
                    Some(time_ns) if aspect == Aspect::Time => {
                        format!("{} at {}", name(Some(event)), seconds(time_ns))
                    }
                    _ => name(Some(event)),
                };
                let how = Divergent::Event { first: timed(one), second: timed(other) };
                return Some(Self::of_events(event, time_ns, how));
            }
            Aspect::Sent => sent(one, other),
            Aspect::Fates => fate(one, other),
            Aspect::Timers => timers(one, other),
            Aspect::Stored => {
                let texts =
                    |event: &TraceEvent| event.stored.iter().map(write_text).collect::<Vec<_>>();
                let (first, second) = from_first_other(texts(one), texts(other));
                Divergent::Stored { first, second }
            }
            Aspect::Failure => {
                let text = |event: &TraceEvent| event.failure.as_ref().map(ToString::to_string);
                Divergent::Failure { first: text(one), second: text(other) }
            }
            Aspect::Logged => {
                let lines = |event: &TraceEvent| event.logged.clone();
                let (first, second) = first_other_line(&lines(one), &lines(other));
                Divergent::Logged { first, second }
            }
            Aspect::Printed => {
                let lines = |event: &TraceEvent| -> Vec<String> {
                    event.printed.lines().map(str::to_owned).collect()
                };
                let (first, second) = first_other_line(&lines(one), &lines(other));
                Divergent::Printed { first, second }
            }
            Aspect::State => state(one, other),
        };
        let what = match handler(&one.what) {
            Some(_) => describe_handler(&one.what),
            None => name(Some(one)),
        };
        let node = one.what.node();
        Some(Self { event, time_ns, node, handler: handler(&one.what), what, how })
    }

    /// A difference in what happens, so that there is no handler to name.
    fn of_events(event: usize, time_ns: Option<u64>, how: Divergent) -> Self {
        Self { event, time_ns, node: None, handler: None, what: String::new(), how }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at event {}", self.event + 1)?;
        if let Some(time_ns) = self.time_ns {
            write!(f, " ({})", seconds(time_ns))?;
        }
        if !self.what.is_empty() {
            write!(f, ", in {}", self.what)?;
        }
        write!(f, ": {}", self.how)
    }
}

impl fmt::Display for Divergent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |texts: &[String]| match texts {
            [] => "nothing".to_owned(),
            texts => texts.join(", "),
        };
        match self {
            Self::Event { first, second } => {
                write!(f, "one run continues with {first}, the other with {second}")
            }
            Self::Sent { first, second } => {
                write!(f, "one run sends {}, the other {}", list(first), list(second))
            }
            Self::SendOrder { first, second } => write!(
                f,
                "both runs send the same messages, but in different orders, for example of a hash map or set: one {}, the other {}",
                list(first),
                list(second)
            ),
            Self::Timers { first, second } => {
                write!(f, "one run sets {}, the other {}", list(first), list(second))
            }
            Self::TimerOrder { first, second } => write!(
                f,
                "both runs set the same timers, but in different orders, for example of a hash map or set: one {}, the other {}",
                list(first),
                list(second)
            ),
            Self::TimerDuration { timer, first, second } => {
                write!(f, "one run sets the timer {timer} for {first}, the other for {second}")
            }
            Self::Stored { first, second } => {
                write!(f, "one run {}, the other {}", list(first), list(second))
            }
            Self::Failure { first, second } => {
                let text = |failure: &Option<String>| match failure {
                    Some(failure) => format!("fails: it {failure}"),
                    None => "does not fail".to_owned(),
                };
                write!(f, "one run {}, the other {}", text(first), text(second))
            }
            Self::State { field, first, second } => {
                let of = match &field[..] {
                    [] => "the state".to_owned(),
                    field => format!("the field {}", field.join(".")),
                };
                write!(f, "one run leaves {of} with {first}, the other with {second}")
            }
            Self::Logged { first, second } => {
                write!(f, "one run logs {first}, the other {second}")
            }
            Self::Printed { first, second } => {
                write!(f, "one run prints {first}, the other {second}")
            }
            Self::Fate { message, first, second } => {
                write!(f, "in one run {message} is {first:?}, in the other {second:?}")
            }
        }
    }
}

/// How two handlers' messages differ.
fn sent(first: &TraceEvent, second: &TraceEvent) -> Divergent {
    let texts = |event: &TraceEvent| event.sent.iter().map(sent_text).collect::<Vec<_>>();
    let (first, second) = (texts(first), texts(second));
    if same_in_another_order(&first, &second) {
        return Divergent::SendOrder { first, second };
    }
    let (first, second) = from_first_other(first, second);
    Divergent::Sent { first, second }
}

/// How two handlers' timers differ.
fn timers(first: &TraceEvent, second: &TraceEvent) -> Divergent {
    let mut pairs = first.timers.iter().zip(&second.timers);
    let other = pairs.find(|(one, other)| {
        (&one.timer, one.min_ns, one.max_ns) != (&other.timer, other.min_ns, other.max_ns)
    });
    let texts = |event: &TraceEvent| event.timers.iter().map(timer_text).collect::<Vec<_>>();
    let (first, second) = (texts(first), texts(second));
    if same_in_another_order(&first, &second) {
        return Divergent::TimerOrder { first, second };
    }
    if let Some((one, other)) = other
        && one.timer == other.timer
    {
        let timer = short(&one.timer);
        let (mut first, mut second) = (timer_time(one), timer_time(other));
        if first == second {
            // The durations are equal when rounded.
            let exact = |set: &SetTimer| format!("{} to {} ns", set.min_ns, set.max_ns);
            (first, second) = (exact(one), exact(other));
        }
        return Divergent::TimerDuration { timer, first, second };
    }
    let (first, second) = from_first_other(first, second);
    Divergent::Timers { first, second }
}

/// How the fates of two handlers' messages differ.
fn fate(first: &TraceEvent, second: &TraceEvent) -> Divergent {
    let mut pairs = first.sent.iter().zip(&second.sent);
    match pairs.find(|(one, other)| one.fate != other.fate) {
        Some((one, other)) => {
            Divergent::Fate { message: sent_text(one), first: one.fate, second: other.fate }
        }
        None => sent(first, second),
    }
}

/// How the states that two handlers leave differ: the first line that only one has, with the fields that it is
/// in.
fn state(first: &TraceEvent, second: &TraceEvent) -> Divergent {
    let lines = |event: &TraceEvent| -> Vec<String> {
        event.state.iter().flat_map(|state| state.lines()).map(str::to_owned).collect()
    };
    let (first, second) = (lines(first), lines(second));
    let place = (0..first.len().max(second.len())).find(|&at| first.get(at) != second.get(at));
    let place = place.unwrap_or(0);
    let longer = if place < first.len() { &first } else { &second };
    let mut field = enclosing(longer, place);
    let value = |lines: &[String]| match lines.get(place) {
        Some(line) => line.trim().trim_end_matches(',').to_owned(),
        None if lines.is_empty() => "nothing new".to_owned(),
        None => "nothing more".to_owned(),
    };
    let (mut first, mut second) = short_together(&value(&first), &value(&second));
    // Both lines contain the same field's name.
    if let (Some((name, one)), Some((other_name, other))) =
        (first.split_once(": "), second.split_once(": "))
        && name == other_name
    {
        field.push(name.to_owned());
        (first, second) = (one.to_owned(), other.to_owned());
    }
    Divergent::State { field, first, second }
}

/// The fields that contain a line of an indented text, the outermost first, without the outermost type.
fn enclosing(lines: &[String], place: usize) -> Vec<String> {
    let indent = |line: &String| line.len() - line.trim_start().len();
    let mut fields = Vec::new();
    let Some(mut depth) = lines.get(place).map(indent) else { return fields };
    for line in lines[..place].iter().rev() {
        if indent(line) < depth {
            depth = indent(line);
            let name = line.trim().trim_end_matches(['{', '(', '[', ' ']);
            // `clients: BTreeMap {` names the field before its type.
            let name = name.split_once(": ").map_or(name, |(name, _)| name);
            let name = name.trim_end_matches(':');
            if depth > 0 && !name.is_empty() {
                fields.push(short(name));
            }
        }
    }
    fields.reverse();
    fields
}

/// The lines of a state, sorted so that their order is ignored.
fn sorted_lines(event: &TraceEvent) -> Option<Vec<&str>> {
    let state = event.state.as_ref()?;
    let mut lines: Vec<&str> =
        state.lines().map(|line| line.trim().trim_end_matches(',')).collect();
    lines.sort_unstable();
    Some(lines)
}

fn same_in_another_order(first: &[String], second: &[String]) -> bool {
    let sorted = |texts: &[String]| {
        let mut texts = texts.to_vec();
        texts.sort_unstable();
        texts
    };
    first.len() == second.len() && sorted(first) == sorted(second)
}

/// The rest of two lists from the first difference on.
fn from_first_other(mut first: Vec<String>, mut second: Vec<String>) -> (Vec<String>, Vec<String>) {
    let same = first.iter().zip(&second).take_while(|(one, other)| one == other).count();
    (first.split_off(same), second.split_off(same))
}

fn first_other_line(first: &[String], second: &[String]) -> (String, String) {
    let place = (0..).find(|&at| first.get(at) != second.get(at) || at >= first.len());
    let line = |lines: &[String]| place.and_then(|at| lines.get(at)).cloned();
    let quoted = |line: &str| format!("\"{line}\"");
    let or_nothing = |line: Option<String>| match line {
        Some(line) => quoted(&short(&line)),
        None => "nothing more".to_owned(),
    };
    match (line(first), line(second)) {
        (Some(first), Some(second)) => {
            let (first, second) = short_together(&first, &second);
            (quoted(&first), quoted(&second))
        }
        (first, second) => (or_nothing(first), or_nothing(second)),
    }
}

/// The handler that an event calls.
fn handler(what: &EventKind) -> Option<&'static str> {
    match what {
        EventKind::Start { .. } => Some("init"),
        EventKind::Deliver { .. } => Some("on_message"),
        EventKind::Fire { .. } => Some("on_timer"),
        EventKind::Command { .. } => Some("send_command"),
        EventKind::Restart { .. } => Some("restore"),
        EventKind::Lose { .. }
        | EventKind::Return { .. }
        | EventKind::Crash { .. }
        | EventKind::Inject { .. }
        | EventKind::Reconnect { .. }
        | EventKind::Network { .. }
        | EventKind::Stage { .. }
        | EventKind::Check { .. } => None,
    }
}

/// Describes a handler and its argument: `server1's on_message, given Ping from client1`.
fn describe_handler(what: &EventKind) -> String {
    match what {
        EventKind::Start { node, .. } => format!("{node}'s init"),
        EventKind::Deliver { node, from, message, provenance, .. } => {
            let provenance = describe_provenance(provenance);
            format!("{node}'s on_message, given {}{provenance} from {from}", short(message))
        }
        EventKind::Fire { node, timer, .. } => format!("{node}'s on_timer, given {}", short(timer)),
        EventKind::Command { node, command, .. } => {
            format!("{node}'s send_command, given {}", short(command))
        }
        EventKind::Restart { node, .. } => format!("{node}'s restore"),
        other => name(other),
    }
}

/// Names an event as something that a run can continue with.
fn name(what: &EventKind) -> String {
    match what {
        EventKind::Start { node, .. } => format!("the start of {node}"),
        EventKind::Deliver { node, message, provenance, .. } => {
            let provenance = describe_provenance(provenance);
            format!("{}{provenance} arriving at {node}", short(message))
        }
        EventKind::Lose { node, message, .. } => format!("{} to {node} being lost", short(message)),
        EventKind::Fire { node, timer, .. } => format!("{node}'s timer {}", short(timer)),
        EventKind::Command { node, command, .. } => {
            format!("{node} being given {}", short(command))
        }
        EventKind::Return { node, result, .. } => format!("{node} having {}", short(result)),
        EventKind::Crash { node, .. } => format!("the crash of {node}"),
        EventKind::Restart { node, incarnation, storage, .. } => {
            let item = |item: &StoredItem| {
                let fate = format!("{:?}", item.fate).to_lowercase();
                format!("{} {fate}", short(&item.value))
            };
            let items: Vec<String> = storage.iter().map(item).collect();
            let storage = match items.len() {
                0 => "an empty storage".to_owned(),
                _ => short(&items.join(", ")),
            };
            format!("the restart of {node} as incarnation {incarnation} with {storage}")
        }
        EventKind::Inject { by, from, to, message, replays, .. } => {
            let verb = if replays.is_some() { "repeating" } else { "forging" };
            format!("{by} {verb} {} from {from} to {to}", short(message))
        }
        EventKind::Reconnect { node, peer } => format!("{node} being connected to {peer} again"),
        EventKind::Network { change } => change.clone(),
        EventKind::Stage { title } => format!("the stage \"{title}\""),
        EventKind::Check { property } => format!("the check of \"{property}\""),
    }
}

/// A message with its receiver.
pub(in crate::trace) fn sent_text(sent: &SentMessage) -> String {
    format!("{} to {}", short(&sent.message), sent.to)
}

/// A timer with its duration.
pub(in crate::trace) fn timer_text(set: &SetTimer) -> String {
    format!("{} in {}", short(&set.timer), timer_time(set))
}

fn timer_time(set: &SetTimer) -> String {
    let (min, max) = (duration(set.min_ns), duration(set.max_ns));
    if min == max { min } else { format!("{min} to {max}") }
}

/// A write to stable storage.
pub(in crate::trace) fn write_text(write: &StorageWrite) -> String {
    let key = safe(&write.key);
    let of_key = if key.is_empty() { String::new() } else { format!(" {key}") };
    match write.operation {
        StorageOperation::Save => format!("saves{of_key} {}", short(&write.value)),
        StorageOperation::Append if key.is_empty() => format!("appends {}", short(&write.value)),
        StorageOperation::Append => format!("appends {} to {key}", short(&write.value)),
        StorageOperation::Sync => format!("syncs{of_key}"),
    }
}

/// Where a handler was interrupted.
pub(in crate::trace) fn interrupted(effects: u32) -> String {
    let noun = if effects == 1 { "effect" } else { "effects" };
    format!("interrupted by a crash after {effects} {noun}")
}

/// What is not plain about a message, in brackets after a space; empty if everything is.
pub(in crate::trace) fn describe_provenance(provenance: &Provenance) -> String {
    let Provenance { incarnation, sent_as, encoding: _, forged_by } = provenance;
    let mut words = Vec::new();
    words.extend(forged_by.map(|forger| format!("forged by {forger}")));
    words.extend(sent_as.as_ref().map(|sent_as| format!("sent as {}", short(sent_as))));
    if !incarnation.is_first() {
        words.push(format!("of incarnation {incarnation}"));
    }
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

/// A virtual time.
fn seconds(time_ns: u64) -> String {
    format!("{}.{:06} s", time_ns / 1_000_000_000, time_ns % 1_000_000_000 / 1_000)
}

/// An event without the ids of messages, timers and writes.
fn without_ids(what: &EventKind) -> EventKind {
    let mut what = what.clone();
    match &mut what {
        EventKind::Deliver { id, .. } | EventKind::Lose { id, .. } | EventKind::Fire { id, .. } => {
            *id = 0;
        }
        EventKind::Inject { id, replays, .. } => {
            *id = 0;
            *replays = replays.map(|_| 0);
        }
        EventKind::Restart { storage, .. } => storage.iter_mut().for_each(|item| item.id = 0),
        _ => {}
    }
    what
}

/// A node's text for a message. Of a long text, only the start and the end are shown, where long values differ.
pub(in crate::trace) fn short(text: &str) -> String {
    in_the_middle(&safe(text), CHARACTERS_MAX)
}

/// Two texts of nodes that differ. Of long ones, what differs is shown.
fn short_together(first: &str, second: &str) -> (String, String) {
    let (first, second) = (safe(first), safe(second));
    let short = |text: &str, other: &str| around_difference(text, other, CHARACTERS_MAX);
    (short(&first, &second), short(&second, &first))
}
