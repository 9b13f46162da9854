//! The content of a diagram, event by event, before it is drawn on a terminal or a page.

use std::collections::BTreeMap;

use super::super::causality::Causality;
use super::super::culprit::Analysis;
use super::super::repetition::folded_at;
use super::super::{Ending, Engine, EventKind, Trace};
use super::event_formatter::EventFormatter;
use super::excerpt::Excerpt;
use super::phrases::{checked, ending, heading, hidden, omitted, pointer, repeated};
use super::text::Text;
use crate::{Address, Characters};

/// A diagram's content: the part of a trace that is shown.
#[derive(Debug)]
pub(in crate::trace) struct Diagram {
    /// What ran, in one line.
    pub(in crate::trace) heading: Text,
    /// The nodes, in the order of their columns.
    pub(in crate::trace) nodes: Vec<Address>,
    /// Whether events have times.
    pub(in crate::trace) timed: bool,
    /// What happened.
    pub(in crate::trace) items: Vec<DiagramItem>,
    /// Nodes without a column, because none of their events is shown.
    pub(in crate::trace) hidden: Option<Text>,
    /// Where it went wrong, if that is known.
    pub(in crate::trace) pointer: Option<Text>,
    /// How it ended, in one sentence, and where it went wrong.
    pub(in crate::trace) ending: Text,
}

impl Diagram {
    /// Replaces characters that are not shown.
    pub(in crate::trace) fn show_in(&mut self, characters: Characters) {
        let mut change = |text: &mut Text| text.show_in(characters);
        change(&mut self.heading);
        change(&mut self.ending);
        self.hidden.iter_mut().chain(&mut self.pointer).for_each(&mut change);
        for item in &mut self.items {
            match item {
                DiagramItem::Omitted { .. } => {}
                DiagramItem::Checked { words, .. } => change(words),
                DiagramItem::Moment(moment) => {
                    change(&mut moment.head);
                    if let Some((_, label)) = &mut moment.arrow {
                        *label = characters.show(label).into_owned();
                    }
                    let texts = moment.notes.iter_mut().flat_map(Note::texts_mut);
                    texts.for_each(&mut change);
                }
            }
        }
    }
}

/// One event, or a gap where some were omitted.
#[derive(Debug)]
pub(in crate::trace) enum DiagramItem {
    /// Events that are not shown.
    Omitted {
        /// How many, or which ones they repeat.
        words: Text,
        /// Which nodes are up at the end of the gap.
        up: Vec<bool>,
    },
    /// An event.
    Moment(DiagramEvent),
    /// The check that ended a search, which is no event of its own.
    Checked {
        /// What was checked.
        words: Text,
        /// Which nodes are up.
        up: Vec<bool>,
    },
}

/// An event.
#[derive(Debug)]
pub(in crate::trace) struct DiagramEvent {
    /// Its number, from 1.
    pub(in crate::trace) number: usize,
    /// When.
    pub(in crate::trace) time_ns: Option<u64>,
    /// Its node's column.
    pub(in crate::trace) lane: Option<usize>,
    /// The kind of event.
    pub(in crate::trace) mark: EventMark,
    /// For a message: the sender's column and the name of the message's kind.
    pub(in crate::trace) arrow: Option<(usize, String)>,
    /// Whether this message is a copy, late, corrupted, forged or from an earlier incarnation.
    pub(in crate::trace) odd: bool,
    /// What happened.
    pub(in crate::trace) head: Text,
    /// The most lines of it that are shown.
    pub(in crate::trace) lines_max: usize,
    /// Whether it is the one at fault, which is marked.
    pub(in crate::trace) is_culprit: bool,
    /// Whether its changes explain how the run went wrong, so that they are shown even where there is little room.
    pub(in crate::trace) is_decisive: bool,
    /// The event's effects.
    pub(in crate::trace) notes: Vec<Note>,
    /// Which nodes are up when it happens, including a node that starts, restarts or crashes in it.
    pub(in crate::trace) up: Vec<bool>,
    /// Whether its node is down afterwards.
    pub(in crate::trace) ends_lane: bool,
}

/// An effect of an event.
#[derive(Debug)]
pub(in crate::trace) struct Note {
    /// The columns of a sent message's receivers.
    pub(in crate::trace) stubs: Vec<usize>,
    /// Whether that message never arrives.
    pub(in crate::trace) lost: bool,
    /// Its description.
    pub(in crate::trace) text: Text,
    /// A text on a line of its own below: the new value, if `text` has the old one. The two stay together.
    pub(in crate::trace) below: Option<Text>,
    /// What it is about.
    pub(in crate::trace) topic: Topic,
    /// The most lines of it that are shown.
    pub(in crate::trace) lines_max: usize,
}

/// What an effect is, where there is room for only some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::trace) enum Topic {
    /// How the node failed.
    Failure,
    /// A change of the node's state.
    Change,
    /// Anything else.
    Other,
}

/// The mark of an event in a diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::trace) enum EventMark {
    Start,
    Message,
    Lost,
    Timer,
    Call,
    Return,
    Crash,
    Restart,
    /// A Byzantine node forged a message.
    Injection,
    /// A node is connected to another one again.
    Reconnection,
    /// The network changed, or forged a message.
    NetworkChange,
    /// A stage of a search began.
    Stage,
    /// A property was checked.
    Check,
    /// The node failed in handling the event.
    Failure,
}

impl EventMark {
    /// Whether the words of such an event name its node.
    pub(in crate::trace) fn names_its_node(self) -> bool {
        matches!(
            self,
            Self::Start | Self::Crash | Self::Restart | Self::Injection | Self::Reconnection
        )
    }
}

impl Diagram {
    /// The diagram of a trace, with at most `events_max` events.
    pub(in crate::trace) fn new(trace: &Trace, events_max: usize) -> Self {
        let causality = Causality::new(&trace.events);
        let analysis = Analysis::new(trace, &causality);
        Self::analysed(trace, &causality, &analysis, events_max)
    }

    /// The diagram of a trace whose culprit is known.
    pub(in crate::trace) fn analysed(
        trace: &Trace,
        causality: &Causality,
        analysis: &Analysis,
        events_max: usize,
    ) -> Self {
        let Excerpt { mut chosen, past, nodes, folded } =
            Excerpt::new(trace, causality, analysis, events_max.max(4));
        // What comes after the event that broke the property is beside the point.
        chosen.retain(|index| *index < analysis.end);
        let formatter = EventFormatter::new(trace, causality, &chosen, &nodes);
        let mut items = Vec::new();
        let mut states: BTreeMap<Address, &str> = BTreeMap::new();
        let mut up = formatter.up_at_first();
        let mut chosen = chosen.into_iter().peekable();
        let mut gap = (0, 0);
        for (index, event) in trace.events.iter().enumerate().take(analysis.end) {
            let lane = event.what.node().and_then(|node| formatter.lanes.get(&node).copied());
            if let (EventKind::Start { .. } | EventKind::Restart { .. }, Some(lane)) =
                (&event.what, lane)
            {
                up[lane] = true;
            }
            if chosen.next_if_eq(&index).is_some() {
                if gap.0 > 0 {
                    items.push(DiagramItem::Omitted { words: omitted(gap), up: up.clone() });
                    gap = (0, 0);
                }
                let before = event.what.node().and_then(|node| states.get(&node).copied());
                let next = chosen.peek().copied().filter(|&next| next == index + 1);
                let mut moment = formatter.moment(index, before, next, up.clone());
                // The sign of a failure marks it already.
                moment.is_culprit = analysis.culprit == Some(index) && event.failure.is_none();
                moment.is_decisive = analysis.decisive.contains(&index);
                items.push(DiagramItem::Moment(moment));
            } else if let Some(folded) = folded_at(&folded, index) {
                if folded.folded().start == index {
                    let words = repeated(trace, folded);
                    items.push(DiagramItem::Omitted { words, up: up.clone() });
                }
            } else {
                gap = (gap.0 + 1, gap.1 + usize::from(!past[index]));
            }
            if let (Some(node), Some(state)) = (event.what.node(), &event.state) {
                states.insert(node, state);
            }
            if let (EventKind::Crash { .. }, Some(lane)) = (&event.what, lane) {
                up[lane] = false;
            }
        }
        if gap.0 > 0 {
            items.push(DiagramItem::Omitted { words: omitted(gap), up: up.clone() });
        }
        // In a simulation, checks are events.
        if let (Engine::Search, Some(Ending::Violated(violation))) =
            (trace.header.engine, &trace.ending)
        {
            items.push(DiagramItem::Checked { words: checked(&violation.property), up });
        }
        Self {
            heading: heading(trace),
            hidden: hidden(&formatter.hidden),
            nodes: formatter.nodes,
            timed: trace.events.iter().any(|event| event.time_ns.is_some()),
            items,
            pointer: pointer(trace, analysis),
            ending: ending(trace, analysis),
        }
    }
}

impl Note {
    pub(super) fn plain(text: Text, lines_max: usize) -> Self {
        let (stubs, below) = (Vec::new(), None);
        Self { stubs, lost: false, text, below, topic: Topic::Other, lines_max }
    }

    /// Its texts, each on lines of its own.
    pub(in crate::trace) fn texts(&self) -> impl Iterator<Item = &Text> {
        std::iter::once(&self.text).chain(&self.below)
    }

    fn texts_mut(&mut self) -> impl Iterator<Item = &mut Text> {
        std::iter::once(&mut self.text).chain(&mut self.below)
    }
}
