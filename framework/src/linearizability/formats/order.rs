//! The order of events: by their numbers or times, where the file gives them.

use super::events::Event;

/// Sorts the events by `:index`, or else by `:time`, if all have one. Says so if that changes their order.
pub(super) fn sort(events: &mut [Event]) -> Option<String> {
    type Of = fn(&Event) -> Option<i64>;
    let orders: [(&str, Of); 2] = [("index", |event| event.index), ("time", |event| event.time)];
    let has_all = |&(_, of): &(&str, Of)| events.iter().all(|event| of(event).is_some());
    let (name, of) = orders.into_iter().find(has_all)?;
    let mut late = events.windows(2).filter(|pair| of(&pair[1]) < of(&pair[0]));
    let first = late.next()?[1].line;
    let count = 1 + late.count();
    // Events at one time stay in the order of their lines.
    events.sort_by_key(of);
    let lines = if count == 1 { "line is" } else { "lines are" };
    Some(format!(
        "{count} {lines} out of order, the first of them line {first}: events are ordered by their :{name}"
    ))
}
