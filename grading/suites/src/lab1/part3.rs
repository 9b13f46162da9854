//! Part 3: exactly-once semantics, through a wrapper that executes each command at most once.

use std::collections::BTreeMap;
use std::time::Duration;

use faultlab::property::{
    Property, Subject, View, clients_done, max_state_bytes, max_wait, obsolete_not_retained,
    results_ok, violated,
};
use faultlab::simulate::{Intervention, Latency, LinkConditions, Network, Rate, Scenario};
use faultlab::workload::Workload;
use faultlab::{Address, NodeSpec, codec};
use lab1_api::{AmoCommand, Entry, KvCommand, Receipt};

use super::oracle::at_most_once;
use super::setup::{
    KvWorkload, append, client, clients, everything, get, ms, often_same, put, seconds, server,
    server_and_clients, sometimes_slow, to_the_end, value,
};
use crate::key_value::{self, appended_once, exactly_once};
use crate::{Part, Test};

pub(super) fn part() -> Part {
    Part::new(3, "Exactly-once semantics")
        .test(
            Test::unit("3.1", "The wrapper: a command that is repeated")
                .asserts("it is executed once, and returns the same result every time")
                .points(4)
                .scenario(|_| {
                    wrapper([
                        (1, 1, "a"),
                        (1, 1, "a"),
                        (1, 2, "b"),
                        (1, 2, "b"),
                        (1, 2, "b"),
                        (1, 2, "b"),
                        (1, 3, "c"),
                        (1, 4, "d"),
                        (1, 4, "d"),
                    ])
                }),
        )
        .test(
            Test::unit("3.2", "The wrapper: clients are told apart")
                .asserts(
                    "no client gets another's result, though all use the same numbers and entries",
                )
                .points(4)
                .scenario(|_| {
                    wrapper([
                        (1, 1, "same"),
                        (2, 1, "same"),
                        (11, 1, "same"),
                        (1, 1, "same"),
                        (2, 1, "same"),
                        (11, 1, "same"),
                        (11, 2, "same"),
                        (2, 2, "other"),
                        (2, 3, "same"),
                        (11, 2, "same"),
                        (1, 2, "same"),
                        (2, 3, "same"),
                    ])
                }),
        )
        .test(
            Test::unit("3.3", "The wrapper: a late command")
                .asserts(
                    "a command that arrives after a newer one of the same client is not executed",
                )
                .points(4)
                .scenario(|_| {
                    let recent = [
                        (1, 1, "a"),
                        (1, 2, "b"),
                        (1, 1, "a"),
                        (1, 2, "b"),
                        (2, 1, "x"),
                        (1, 3, "c"),
                        (1, 1, "a"),
                        (1, 2, "b"),
                        (2, 2, "y"),
                        (2, 1, "x"),
                        (1, 4, "d"),
                    ];
                    // A copy may be late by any number of commands.
                    let late = (1..=160_u64).flat_map(|newest| {
                        let copies = [0, 5, 20, 150].map(|late| newest.saturating_sub(late));
                        copies.into_iter().filter(|&copy| copy > 0).map(|copy| (3, copy, "z"))
                    });
                    wrapper(recent.into_iter().chain(late))
                }),
        )
        .test(
            Test::unit("3.4", "The wrapper: any numbers")
                .asserts(
                    "a client's numbers may start anywhere and have gaps, as long as they rise",
                )
                .points(3)
                .scenario(|_| {
                    wrapper([
                        (1, 0, "a"),
                        (1, 0, "a"),
                        (2, 7, "b"),
                        (2, 7, "b"),
                        (1, 1, "c"),
                        (2, 70, "d"),
                        (2, 70, "d"),
                        (3, 1_000_000_000_000, "e"),
                        (3, 1_000_000_000_001, "f"),
                        (3, 1_000_000_000_001, "f"),
                        (2, 71, "g"),
                        (1, 900, "h"),
                    ])
                }),
        )
        .test(
            Test::unit("3.5", "The wrapper forgets")
                .asserts(
                    "it drops what its client no longer needs, and a thousand commands take no more memory \
                     than one",
                )
                .points(4)
                .scenario(|_| {
                    let text = |index: u64| format!("entry {index:04} of client1");
                    let script = (0..1_000).flat_map(move |index| {
                        let numbered = AmoCommand {
                            client: client(1),
                            sequence: index,
                            command: Entry { text: text(index) },
                        };
                        [numbered.clone(), numbered]
                    });
                    given(script)
                        .check(obsolete_not_retained(entries_but_the_last_two))
                        .check(max_state_bytes(STATE_BYTES))
                }),
        )
        .test(
            Test::run("3.6", "Clients with keys of their own, unreliable network")
                .asserts("each client's results are as if it were alone on a reliable network")
                .points(8)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|seed| {
                    let work = |client: Address| {
                        let keys = [format!("{client}-a"), format!("{client}-b")];
                        let commands = everything(seed.random(), client, 40, &keys);
                        KvWorkload::scripted(commands, key_value::results)
                    };
                    to_the_end(server_and_clients(clients(3, work)).network(Network::unreliable()))
                        .check(results_ok())
                        .check(clients_done())
                }),
        )
        .test(
            Test::run("3.7", "Clients that share their keys, unreliable network")
                .asserts("all results are those of one store that executed each command once")
                .points(8)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|seed| {
                    let work = |client| {
                        let random = seed.random();
                        KvWorkload::of((0..25).map(|index| match random.below(4) {
                            0 => get("all"),
                            1 => put("all", often_same(random, client, index)),
                            _ => append("all", often_same(random, client, index)),
                        }))
                    };
                    once(server_and_clients(clients(4, work)).network(Network::unreliable()))
                }),
        )
        .test(
            Test::run("3.8", "A crowd, on an unreliable network")
                .asserts("a dozen clients are served as well as two")
                .points(4)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|_| {
                    let work = |client: Address| {
                        KvWorkload::of((0..6).map(|index| append("all", value(client, index))))
                    };
                    appended(server_and_clients(clients(12, work)).network(Network::unreliable()))
                }),
        )
        .test(
            Test::run("3.9", "A request comes very late")
                .asserts("a request that is delayed by seconds has no effect on newer ones")
                .points(4)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|_| {
                    let late = sometimes_slow(30, seconds(5));
                    let network = Network::reliable().receiver(server(), late);
                    // A late put undoes a newer one; a late append shows twice.
                    let work = |client: Address| {
                        KvWorkload::of((0..60).map(|index| match index % 4 {
                            0 => put("all", value(client, index)),
                            1 | 3 => get("all"),
                            _ => append("all", value(client, index)),
                        }))
                    };
                    once(server_and_clients(clients(2, work)).network(network))
                }),
        )
        .test(
            Test::run("3.10", "Thirty seconds")
                .asserts("no client waits longer than a second, and timers do not pile up")
                .points(4)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|_| {
                    let work = |client: Address| {
                        // Long rows of equal commands: a timer must know which request it is for.
                        KvWorkload::infinite(move |turn| {
                            put(format!("{client}"), value(client, turn.index as usize / 50))
                        })
                    };
                    let conditions = LinkConditions {
                        drop: Rate::percent(2),
                        duplicate: Rate::percent(2),
                        latency: Latency::between(ms(30), ms(50))
                            .with_slow(Rate::percent(2), ms(300)),
                        ..LinkConditions::reliable()
                    };
                    let count = 2;
                    (1..6)
                        .fold(server_and_clients(clients(count, work)), |scenario, times| {
                            let check = Intervention::Check(few_timers(count));
                            scenario.at(seconds(5 * times), check)
                        })
                        .link_conditions(conditions)
                        .until(seconds(30))
                        .check(few_timers(count))
                        .check(max_wait(seconds(1)))
                }),
        )
        .test(
            Test::run("3.11", "Overwritten values are dropped")
                .asserts(
                    "no node keeps a value that was overwritten long ago, or anything of every command",
                )
                .points(3)
                .scenario(|_| {
                    let overwriting = clients(2, |client| KvWorkload::of(overwriting(client)));
                    // Long enough that a few bytes for each command show.
                    let tireless = (0..1_000).map(|index| put("short", value(client(3), index)));
                    let clients = overwriting.into_iter().chain([(client(3), KvWorkload::of(tireless))]);
                    once(server_and_clients(clients))
                        .check(obsolete_not_retained(overwritten_values))
                        .check(max_state_bytes(STATE_BYTES))
                }),
        )
}

/// The most encoded bytes of a node's state, where a right solution keeps a few values of sixty bytes. A list with
/// the numbers of a thousand commands is larger.
const STATE_BYTES: usize = 1_000;

/// The wrapper around a journal, given these entries, each with its client and sequence number.
fn wrapper<'t>(script: impl IntoIterator<Item = (usize, u64, &'t str)>) -> Scenario {
    given(script.into_iter().map(|(number, sequence, text)| AmoCommand {
        client: client(number),
        sequence,
        command: Entry { text: text.to_owned() },
    }))
}

/// The wrapper around a journal, given these commands.
fn given(commands: impl IntoIterator<Item = AmoCommand<Entry>>) -> Scenario {
    let work = Workload::<AmoCommand<Entry>, Option<Receipt>>::of(commands);
    Scenario::new()
        .node(NodeSpec::client("at-most-once", Address::new("wrapper"), &(), work))
        .check(at_most_once())
        .check(clients_done())
}

/// Checks that every command is answered, and was executed exactly once.
fn once(scenario: Scenario) -> Scenario {
    to_the_end(scenario).check(exactly_once::<KvCommand>()).check(clients_done())
}

/// Checks that every append is answered, and was executed exactly once.
fn appended(scenario: Scenario) -> Scenario {
    to_the_end(scenario).check(appended_once::<KvCommand>()).check(clients_done())
}

/// A client's puts to two keys of its own, with large values, and a get of each.
fn overwriting(client: Address) -> Vec<KvCommand> {
    let key = |index: usize| format!("{client}-{}", index % 2);
    let commands = |index| [put(key(index), large_value(client, index)), get(key(index))];
    (0..34).flat_map(commands).collect()
}

/// The size of the smallest large value, in bytes.
const LARGE: usize = 60;

/// A large value that no other command uses.
fn large_value(client: Address, index: usize) -> String {
    format!("{}{}", "-".repeat(LARGE), value(client, index))
}

/// The large values that at least two later puts of the same client have overwritten, all of them answered.
fn overwritten_values(view: &dyn View) -> Vec<String> {
    let mut overwritten = Vec::new();
    for client in view.clients() {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for operation in view.operations(client).iter().filter(|it| it.result.is_some()) {
            if let Ok(KvCommand::Put { key, value }) = codec::decode(&operation.command)
                && value.len() >= LARGE
            {
                values.entry(key).or_default().push(value);
            }
        }
        overwritten.extend(values.into_values().flat_map(all_but_the_last_two));
    }
    overwritten
}

/// The texts of the entries that the wrapper was given, but for the last two: it may keep the last entry, whose receipt
/// contains the one before.
fn entries_but_the_last_two(view: &dyn View) -> Vec<String> {
    let wrapper = view.clients().into_iter();
    let operations = wrapper.flat_map(|wrapper| view.operations(wrapper));
    let numbered = operations.filter_map(|it| codec::decode(&it.command).ok());
    let mut texts: Vec<String> = numbered.map(|it: AmoCommand<Entry>| it.command.text).collect();
    texts.dedup();
    all_but_the_last_two(texts)
}

fn all_but_the_last_two(mut values: Vec<String>) -> Vec<String> {
    values.truncate(values.len().saturating_sub(2));
    values
}

/// At most four timers have fired per command, plus a hundred per second for each of so many clients. This
/// allows one fast periodic timer per client, but not one for every past command. A shrunk run may have fewer
/// clients; the limit stays, as the server may have timers too.
fn few_timers(clients: usize) -> Property {
    Property::new("timers do not pile up", move |view| {
        let (Some(traffic), Some(now_ns)) = (view.traffic(), view.now_ns()) else { return Ok(()) };
        let fired = traffic.timers_fired;
        let commands: usize =
            view.clients().into_iter().map(|client| view.operations(client).len()).sum();
        let ticks = now_ns / Duration::from_millis(10).as_nanos() as u64;
        let limit = 4 * commands as u64 + ticks * clients as u64;
        if fired > limit {
            return Err(violated(
                format!("at most {limit} timers to fire for {commands} commands by now"),
                format!("{fired} fired"),
            )
            .about(Subject::Timers));
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_obsolete_follows_from_the_commands() {
        let texts = |count: usize| (0..count).map(|index| index.to_string()).collect::<Vec<_>>();
        assert_eq!(all_but_the_last_two(texts(5)), texts(3));
        assert!(all_but_the_last_two(texts(2)).is_empty());
        assert!(all_but_the_last_two(texts(0)).is_empty());
    }
}
