//! Describes how two runs of one handler differ.

use super::Step;
use crate::hosting::{EncodedEffect, Event, Payload};

/// The parts of two steps that differ, as text. `show` renders encoded bytes of their node as text.
pub(super) fn differing_parts(
    [first, second]: [Step<'_>; 2],
    show: &mut impl FnMut(Payload, &[u8]) -> String,
) -> [String; 2] {
    let mut differing = [Vec::new(), Vec::new()];
    for (first, second) in parts(first, show).into_iter().zip(parts(second, show)) {
        if first != second {
            differing[0].push(first);
            differing[1].push(second);
        }
    }
    differing.map(|parts| parts.join(", "))
}

/// Names the handler that an event calls, with its argument.
pub(super) fn handler(event: Event<'_>, show: &mut impl FnMut(Payload, &[u8]) -> String) -> String {
    match event {
        Event::Init => "init".to_owned(),
        Event::Message { from, message } => {
            format!("on_message with {} from {from}", show(Payload::Message, message))
        }
        Event::Timer { timer } => format!("on_timer with {}", show(Payload::Timer, timer)),
        Event::Command { command } => {
            format!("send_command with {}", show(Payload::Command, command))
        }
        Event::Restore { .. } => "restore".to_owned(),
    }
}

/// Renders each part of a step: the state and the effects.
fn parts(step: Step<'_>, show: &mut impl FnMut(Payload, &[u8]) -> String) -> [String; 6] {
    let (mut sent, mut set, mut logged) = (Vec::new(), Vec::new(), Vec::new());
    let mut written = Vec::new();
    for effect in step.output.effects() {
        match *effect {
            EncodedEffect::Send { to, message } => {
                let message = show(Payload::Message, step.output.get(message));
                sent.push(format!("{message} to {to}"));
            }
            EncodedEffect::SetTimer { timer, min_ns, max_ns } => {
                let timer = show(Payload::Timer, step.output.get(timer));
                set.push(format!("{timer} after {min_ns} to {max_ns} ns"));
            }
            EncodedEffect::Log { line } => logged.push(format!("{:?}", step.output.text(line))),
            EncodedEffect::Save { record } => {
                let record = show(Payload::Record, step.output.get(record));
                written.push(format!("save of {record}"));
            }
            EncodedEffect::Append { entry } => {
                let entry = show(Payload::Entry, step.output.get(entry));
                written.push(format!("append of {entry}"));
            }
            EncodedEffect::Sync => written.push("sync".to_owned()),
        }
    }
    let list = |what: &str, items: Vec<String>| match items.is_empty() {
        true => format!("no {what}"),
        false => format!("the {what} {}", items.join(" and ")),
    };
    let result = match step.output.result() {
        Some(result) => format!("the result {}", show(Payload::Result, result)),
        None => "no result".to_owned(),
    };
    [
        format!("the state {}", show(Payload::State, step.state)),
        list("messages", sent),
        list("timers", set),
        list("log lines", logged),
        list("writes", written),
        result,
    ]
}
