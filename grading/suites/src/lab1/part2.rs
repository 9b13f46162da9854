//! Part 2: at-least-once requests over an unreliable network.

use std::time::Duration;

use faultlab::property::{
    Property, Subject, clients_done, max_message_bytes, max_messages_per_command, observe,
    results_ok, silent_for, too_long, violated,
};
use faultlab::simulate::{Intervention, Latency, LinkConditions, Network, Rate, Scenario};
use faultlab::{FaultModel, codec};
use lab1_api::{KvCommand, KvResult};

use super::setup::{
    Keys, KvWorkload, append, asking, client, clients, get, ms, put, puts_and_appends, seconds,
    server, server_and_clients, sometimes_slow, to_the_end, value,
};
use crate::key_value::{self, at_least_once};
use crate::{Part, SeedContext, Test};

pub(super) fn part() -> Part {
    Part::new(2, "At-least-once requests")
        .test(
            Test::run("2.1", "A client is answered")
                .asserts("one client's puts and gets have the right results, one after another")
                .points(2)
                .scenario(|_| {
                    let commands = (0..20).map(|index| match index % 4 {
                        0 => get(format!("key{index}")),
                        1 => put("key", value(client(1), index)),
                        2 => get("key"),
                        _ => put(format!("key{index}"), value(client(1), index)),
                    });
                    // Equal commands are different requests: the last put of "a" takes effect too.
                    let again = [put("key", "a"), put("key", "b"), put("key", "a"), get("key")];
                    let commands = commands.chain(again);
                    let work = KvWorkload::scripted(commands, key_value::results);
                    server_and_clients([(client(1), work)])
                        .fault_model(FaultModel::RELIABLE_IN_ORDER_FAIL_STOP)
                        .until_done(seconds(30))
                        .check(results_ok())
                        .check(clients_done())
                }),
        )
        .test(
            Test::run("2.2", "Clients with keys of their own")
                .asserts("five concurrent clients each get the results of their own commands")
                .points(3)
                .scenario(|seed| answered(five_clients(seed, Keys::Own))),
        )
        .test(
            Test::run("2.3", "Clients that share their keys")
                .asserts("five concurrent clients see each other's values")
                .points(3)
                .scenario(|seed| answered(five_clients(seed, Keys::Shared))),
        )
        .test(
            Test::run("2.4", "Messages get lost")
                .asserts(
                    "every command is eventually answered, though two messages in five are lost",
                )
                .points(4)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|seed| {
                    let conditions =
                        LinkConditions { drop: Rate::percent(40), ..LinkConditions::reliable() };
                    // Even a client with long retry intervals must survive many losses in a row.
                    answered(five_clients(seed, Keys::Shared).link_conditions(conditions))
                        .until_stalled(seconds(120))
                }),
        )
        .test(
            Test::run("2.5", "Messages come twice and out of order")
                .asserts("a duplicated or overtaken message is not taken for a new one")
                .points(3)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|seed| {
                    let conditions = LinkConditions {
                        duplicate: Rate::percent(60),
                        ..sometimes_slow(20, ms(300))
                    };
                    answered(five_clients(seed, Keys::Own).link_conditions(conditions))
                }),
        )
        .test(
            Test::run("2.6", "A reply comes very late")
                .asserts("a reply that is delayed by seconds is not taken for a newer one")
                .points(3)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|seed| {
                    let network =
                        Network::reliable().sender(server(), sometimes_slow(50, seconds(4)));
                    let work = |client| {
                        KvWorkload::of(puts_and_appends(seed.random(), client, 60, client.as_str()))
                    };
                    answered(server_and_clients(clients(2, work)).network(network))
                }),
        )
        .test(
            Test::run("2.7", "The network is slow")
                .asserts(
                    "a reply is accepted even if its request has been repeated in the meantime",
                )
                .points(3)
                .by_share_of_seeds()
                .scenario(|seed| {
                    let latency = Latency::between(ms(200), ms(400));
                    let conditions = LinkConditions { latency, ..LinkConditions::reliable() };
                    answered(five_clients(seed, Keys::Own).link_conditions(conditions))
                }),
        )
        .test(
            Test::run("2.8", "Links are cut for a while, one way or both")
                .asserts("every waiting client gets its result within a second of the repair")
                .points(3)
                .by_share_of_seeds()
                .scenario(|_| {
                    let repair = seconds(5);
                    clients_for_ever(5)
                        .at(ms(300), Intervention::Cut { from: server(), to: client(1) })
                        .at(ms(400), Intervention::Cut { from: client(2), to: server() })
                        .at(ms(500), Intervention::Isolate(client(3)))
                        .at(repair, Intervention::Heal)
                        .until(repair + seconds(2))
                        .check(at_least_once::<KvCommand>())
                        .check(answered_after(repair))
                }),
        )
        .test(
            Test::run("2.9", "The network is split for a minute")
                .asserts("no client gives up: all are served again once the partition is healed")
                .points(3)
                .by_share_of_seeds()
                .scenario(|seed| {
                    let groups =
                        [&[client(1), client(2)][..], &[server(), client(3), client(4), client(5)]];
                    let scenario = five_clients(seed, Keys::Shared)
                        .at(ms(30), Intervention::partition(groups))
                        .at(seconds(60), Intervention::Heal);
                    answered(scenario).until_stalled(seconds(120))
                }),
        )
        .test(
            Test::run("2.10", "The server crashes")
                .asserts("no client gets a result after the crash, and no node panics")
                .points(3)
                .by_share_of_seeds()
                .scenario(|_| {
                    let crash = ms(250);
                    let newcomer = KvWorkload::of([get("key"), append("key", "late]")]);
                    clients_for_ever(2)
                        .at(crash, Intervention::Crash(server()))
                        .at(seconds(1), Intervention::Start(asking(client(3), newcomer)))
                        .until(seconds(75))
                        .check(no_result_after(crash))
                        .check(at_least_once::<KvCommand>())
                }),
        )
        .test(
            Test::run("2.11", "A client that was answered is silent")
                .asserts("no node sends anything while no command is pending")
                .points(3)
                .by_share_of_seeds()
                .scenario(|seed| {
                    let slow = sometimes_slow(20, ms(500));
                    answered(five_clients(seed, Keys::Own).link_conditions(slow))
                        .observe_for(seconds(5))
                        .check(silent_for(seconds(3)))
                }),
        )
        .test(
            Test::run("2.12", "Few messages")
                .asserts("a command takes six messages at most on a network that loses none")
                .points(3)
                .scenario(|seed| {
                    answered(five_clients(seed, Keys::Own)).check(max_messages_per_command(6))
                }),
        )
        .test(
            Test::run("2.13", "Small messages")
                .asserts("a message is about as large as the command or result that it carries")
                .points(2)
                .scenario(|_| {
                    let commands = |client| {
                        (0..40).map(move |index| {
                            let key = format!("{client}-{}", index % 8);
                            let padding = ".".repeat(500);
                            let value = format!("{padding}{}", value(client, index));
                            if index % 3 == 2 { get(key) } else { put(key, value) }
                        })
                    };
                    answered(server_and_clients(clients(3, |client| {
                        KvWorkload::of(commands(client))
                    })))
                    .check(max_message_bytes(1_000))
                }),
        )
        .test(
            Test::run("2.14", "A result stays until the next command")
                .asserts("a client returns its last result at any time, any number of times")
                .points(2)
                .by_share_of_seeds()
                .scenario(|_| {
                    // Only puts: executed again, they have the same result.
                    let puts = |client| (0..8).map(move |index| put("key", value(client, index)));
                    let conditions = LinkConditions {
                        duplicate: Rate::percent(100),
                        ..LinkConditions::reliable()
                    };
                    answered(server_and_clients(clients(3, |client| KvWorkload::of(puts(client)))))
                        .link_conditions(conditions)
                        .observe_for(seconds(1))
                        .check(results_stay())
                }),
        )
}

/// Five clients with a dozen commands each, on a network that loses nothing.
fn five_clients(seed: &mut SeedContext, keys: Keys) -> Scenario {
    server_and_clients(clients(5, |client| {
        let keys = if keys == Keys::Own { client.as_str() } else { "all" };
        KvWorkload::of(puts_and_appends(seed.random(), client, 12, keys))
    }))
}

/// `count` clients that each append to their own key, ten times a second, forever.
fn clients_for_ever(count: usize) -> Scenario {
    server_and_clients(clients(count, |client| {
        KvWorkload::infinite(move |turn| {
            append(client.as_str(), value(client, turn.index as usize))
        })
        .every(ms(100))
    }))
}

/// Checks that every command is answered, and correctly.
fn answered(scenario: Scenario) -> Scenario {
    to_the_end(scenario).check(at_least_once::<KvCommand>()).check(clients_done())
}

/// How long a reply may take on a repaired network.
const SOON: Duration = Duration::from_secs(1);

/// Every command is answered soon after it was given, or soon after `repair` if it was given
/// before.
fn answered_after(repair: Duration) -> Property {
    let soon_ns = SOON.as_nanos() as u64;
    let repair_ns = repair.as_nanos() as u64;
    Property::new("a repaired network is used at once", move |view| {
        let now_ns = view.now_ns().unwrap_or(0);
        for client in view.clients() {
            for (index, operation) in view.operations(client).iter().enumerate() {
                let due_ns = operation.call_ns.max(repair_ns) + soon_ns;
                if operation.return_ns.unwrap_or(now_ns) > due_ns {
                    let command = view.show_command(&operation.command);
                    let after = |at_ns: u64| too_long(at_ns.saturating_sub(repair_ns));
                    let seen = match operation.return_ns {
                        Some(return_ns) => {
                            format!("got it {:?} after the repair", after(return_ns))
                        }
                        None => format!("still has none {:?} after the repair", after(now_ns)),
                    };
                    return Err(violated(
                        format!("a result within {SOON:?} of the repair"),
                        format!("{client}, which waited for {command}, {seen}"),
                    )
                    .about(Subject::wait(client, index)));
                }
            }
        }
        Ok(())
    })
}

/// No client has a result after the server has crashed and its last messages have arrived.
fn no_result_after(crash: Duration) -> Property {
    // The slowest message of a reliable network takes 10 ms.
    let last_ns = (crash + ms(10)).as_nanos() as u64;
    Property::new("no client has a result that no server can have given", move |view| {
        for client in view.clients() {
            for (index, operation) in view.operations(client).iter().enumerate() {
                let Some(result) = &operation.result else { continue };
                if operation.return_ns > Some(last_ns) {
                    let command = view.show_command(&operation.command);
                    let result = view.show_result(result);
                    return Err(violated(
                        "no result after the only server has crashed",
                        format!("{client} got {result} for {command}"),
                    )
                    .about(Subject::operation(client, index)));
                }
            }
        }
        Ok(())
    })
    .depends_on_interventions()
}

/// Each client still returns its last result, even when asked twice.
fn results_stay() -> Property {
    Property::new("a client shows its result until the next command", |view| {
        for client in view.clients() {
            let last =
                view.operations(client).last().and_then(|operation| operation.result.clone());
            let last: Option<KvResult> =
                last.map(|result| codec::decode(&result).expect("the engine has read this result"));
            for _ in 0..2 {
                let shown: Option<KvResult> = observe(view, client, &())?;
                if shown != last {
                    return Err(violated(
                        format!("{client} to show {last:?}, the result of its last command"),
                        format!("it shows {shown:?}"),
                    )
                    .about(Subject::node(client)));
                }
            }
        }
        Ok(())
    })
}
