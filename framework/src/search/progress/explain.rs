//! What was waiting for what in a fair run that goes on for ever.

use std::collections::BTreeSet;

use super::LeadsTo;
use super::fair::Rules;
use super::graph::Graph;
use super::lasso::Round;
use super::report::Lasso;
use crate::hosting::Payload;
use crate::hosting::pure::legible;
use crate::property::Subject;
use crate::search::client_drivers::ClientDrivers;
use crate::search::effects::Effect;
use crate::search::handlers::NodeEvent;
use crate::search::state_space::StateSpace;

/// The most messages of a kind that are named.
const NAMED_MAX: usize = 3;

/// The lasso of a round, explained.
pub(super) fn lasso(
    space: &mut StateSpace<'_>,
    graph: &Graph,
    round: &Round,
    leads_to: &LeadsTo,
) -> Lasso {
    let row = graph.row(round.entry).to_vec();
    let events: Vec<(usize, NodeEvent)> =
        round.edges.iter().map(|(_, edge)| (edge.node as usize, edge.event)).collect();
    let before = graph.path_to(space, round.entry);
    let mut events_of_round = space.path_of(&events);
    let given = space.path_of(&[]).len();
    let events_of_round = events_of_round.events.split_off(given);
    let (mut explanation, about) = waits(space, &row);
    explanation.extend(fate_of_messages(space, &row, round));
    explanation.extend(timers(space, &row, round));
    Lasso {
        property: leads_to.name(),
        before,
        round: crate::search::path::Path { events: events_of_round },
        explanation,
        about,
    }
}

/// Which clients wait for which results, and what the first of these waits is.
fn waits(space: &StateSpace<'_>, row: &[u32]) -> (Vec<String>, Option<Subject>) {
    let (handlers, drivers) = (&space.table.handlers, &space.table.drivers);
    let (mut sentences, mut first) = (Vec::new(), None);
    for (node, &interned) in space.nodes(row).iter().enumerate() {
        let interned = space.table.get(interned);
        let driver = interned.driver;
        if !drivers.is_client(node) || interned.is_down() || !ClientDrivers::is_waiting(driver) {
            continue;
        }
        let client = handlers.address(node);
        let answered = drivers.count(driver);
        let command = drivers.given(node, driver, answered);
        let text = command
            .zip(drivers.of(node))
            .map(|(command, work)| work.show_command(handlers.commands.bytes(command)).text);
        let text = text.map_or_else(String::new, |text| format!(", {text}"));
        sentences.push(format!("{client} waits for the result of command {}{text}", answered + 1));
        first.get_or_insert_with(|| Subject::wait(client, answered));
    }
    (sentences, first)
}

/// What becomes of the messages that matter: those that are sent in vain, and those whose arrival would change something.
fn fate_of_messages(space: &mut StateSpace<'_>, row: &[u32], round: &Round) -> Vec<String> {
    let (sent, delivered) = (round.sent(space), round.delivered());
    let mut sentences = Vec::new();
    let in_vain: BTreeSet<u32> =
        sent.iter().copied().filter(|message| !delivered.contains(message)).collect();
    let blocked = in_vain
        .into_iter()
        .filter(|&message| !Rules::of(space).gets_through(space.nodes(row), message));
    let blocked: Vec<u32> = blocked.collect();
    sentences.extend(named(space, &blocked, |space, message| {
        let to = space.table.handlers.ends(message).1;
        let receiver = space.table.handlers.address(to);
        let is_down = space.table.get(space.nodes(row)[to]).is_down();
        let why = if is_down || space.restrictions.is_crashed(to) {
            format!("{receiver} has crashed")
        } else if space.restrictions.is_absent(to) {
            format!("{receiver} has not started")
        } else {
            "its link is blocked".to_owned()
        };
        format!("is sent again and again, but {why}")
    }));
    let lost: Vec<u32> = useful(space, row)
        .into_iter()
        .filter(|message| !sent.contains(message) && !delivered.contains(message))
        .collect();
    sentences.extend(named(space, &lost, |_, _| "may be lost, and is not sent again".to_owned()));
    let repeated: Vec<u32> = sent.intersection(&delivered).copied().collect();
    sentences
        .extend(named(space, &repeated, |_, _| "is sent and delivered in each round".to_owned()));
    sentences
}

/// The messages in the network of a state whose arrival would change their receiver.
fn useful(space: &mut StateSpace<'_>, row: &[u32]) -> Vec<u32> {
    let nodes = space.nodes(row).to_vec();
    let mut found = Vec::new();
    for interned in nodes {
        let mut events = Vec::new();
        space.table.events(interned, &mut events);
        for event in events {
            let NodeEvent::Deliver(message) = event else { continue };
            if matches!(space.table.effect(interned, event), Effect::Change(_)) {
                found.push(message);
            }
        }
    }
    found
}

/// A sentence for each of some messages, and how many there are more.
fn named(
    space: &StateSpace<'_>,
    messages: &[u32],
    fate: impl Fn(&StateSpace<'_>, u32) -> String,
) -> Vec<String> {
    let handlers = &space.table.handlers;
    let sentence = |&message: &u32| {
        let (from, to) = handlers.ends(message);
        let bytes = handlers.messages.bytes(message);
        let text = legible(handlers.steps.show(from, Payload::Message, bytes, false));
        let (from, to) = (handlers.address(from), handlers.address(to));
        format!("{text} from {from} to {to} {}", fate(space, message))
    };
    let mut sentences: Vec<String> = messages.iter().take(NAMED_MAX).map(sentence).collect();
    if messages.len() > NAMED_MAX {
        sentences.push(format!("the same is true of {} more messages", messages.len() - NAMED_MAX));
    }
    sentences
}

/// Which timers fire in the round, or that none is set.
fn timers(space: &StateSpace<'_>, row: &[u32], round: &Round) -> Vec<String> {
    let handlers = &space.table.handlers;
    let fired: BTreeSet<String> = round
        .edges
        .iter()
        .filter_map(|(_, edge)| {
            let NodeEvent::Fire(pending) = edge.event else { return None };
            let timer = handlers.timers.bytes(handlers.pending.get(pending).id);
            let node = edge.node as usize;
            let text = legible(handlers.steps.show(node, Payload::Timer, timer, false));
            Some(format!("{}'s {text}", handlers.address(node)))
        })
        .collect();
    if !fired.is_empty() {
        let fired: Vec<String> = fired.into_iter().collect();
        return vec![format!("in each round fires: {}", fired.join(", "))];
    }
    let is_set = |(node, &interned): (usize, &u32)| {
        space.restrictions.fires(node)
            && !handlers.lists.get(space.table.get(interned).timers).is_empty()
    };
    match space.nodes(row).iter().enumerate().any(is_set) {
        true => Vec::new(),
        false => vec!["no timer is set".to_owned()],
    }
}
