//! Part 2: servers that are primary and backup, and their clients.

use faultlab::Address;
use faultlab::property::{Property, Subject, clients_done, max_wait, results_ok, violated};
use faultlab::simulate::{Intervention, LinkConditions, Network, Rate, Scenario};
use lab1_api::KvCommand;

use super::oracle::views_follow;
use super::setup::{
    answered, both, describe, in_place, late_by_less_than_a_check, lossy, run_of, serve, server,
    serving, shown, to_the_end, unreliable_but_views, view_server,
};
use crate::key_value::{self, exactly_once};
use crate::lab1::setup::{
    KvWorkload, append, client, clients, everything, get, ms, often_same, put, seconds,
    sometimes_slow, value,
};
use crate::{Part, SeedContext, Test};

pub(super) fn part() -> Part {
    Part::new(2, "Primary and backup")
        .test(
            Test::run("2.1", "A server by itself")
                .asserts("a server without a backup answers every command of a client")
                .points(3)
                .scenario(|_| right(run_of(1, [(client(1), script(basics()))]))),
        )
        .test(
            Test::run("2.2", "A primary and a backup")
                .asserts("two servers get their places within a second, and answer every command")
                .points(3)
                .scenario(|_| {
                    right(run_of(2, [(client(1), script(basics()))]))
                        .at(seconds(1), Intervention::Check(in_place()))
                        .observe_for(seconds(1))
                }),
        )
        .test(
            Test::run("2.3", "The primary crashes")
                .asserts("what was answered before the crash is there after it")
                .points(4)
                .scenario(|_| {
                    let commands = [put("x", "a"), append("x", "b"), put("y", "c")];
                    let after = [get("x"), append("x", "d"), get("y"), get("z")];
                    let work = script(commands.into_iter().chain(after).collect());
                    let crash = both(answered(client(1), 3), in_place());
                    right(run_of(2, [(client(1), slowly(work))]))
                        .when(crash, crash_the_primary())
                        .check(crashed(1, 2))
                }),
        )
        .test(
            Test::run("2.4", "A backup gets the state")
                .asserts("a backup that joins late has what was answered before it came")
                .points(4)
                .scenario(|_| {
                    let before = (0..20).map(|index| put(format!("key{index}"), format!("v{index}")));
                    let after = (0..20).map(|index| get(format!("key{index}")));
                    let work = script(before.chain(after).collect());
                    right(run_of(1, [(client(1), slowly(work))]))
                        .when_answered(client(1), 20, Intervention::Start(serving(2)))
                        .when(first_two_serve(), Intervention::Crash(server(1)))
                        .check(crashed(1, 1))
                }),
        )
        .test(
            Test::run("2.5", "A backup gets what is remembered of clients")
                .asserts("a command that was executed before the backup came is not executed again after a crash")
                .points(4)
                .scenario(|_| {
                    // The client does not learn that its second append was executed.
                    let work = script(vec![append("x", "a"), append("x", "b"), append("x", "c")]);
                    right(run_of(1, [(client(1), work)]))
                        .when_answered(client(1), 1, cut(server(1), client(1)))
                        .at(seconds(2), Intervention::Start(serving(2)))
                        .when(first_two_serve(), Intervention::Crash(server(1)))
                        .check(crashed(1, 1))
                }),
        )
        .test(
            Test::run("2.6", "A reply is lost, and its primary crashes")
                .asserts("the backup does not execute again what the client asks for again")
                .points(4)
                .scenario(|_| {
                    let work = script(vec![append("x", "a"), append("x", "b"), append("x", "c"), get("x")]);
                    let crash = both(answered(client(1), 1), in_place());
                    right(run_of(2, [(client(1), slowly(work))]))
                        .when(crash, Intervention::decide("the primary's replies are lost", |view| {
                            let primary = shown(view)?.view.primary;
                            Ok(primary.map(|primary| cut(primary, client(1))).into_iter().collect())
                        }))
                        .at(seconds(3), crash_the_primary())
                }),
        )
        .test(
            Test::run("2.7", "Three servers, two crashes")
                .asserts("an idle server gets the state when it becomes the backup")
                .points(4)
                .scenario(|_| {
                    let appends = (0..30).map(|index| append("x", value(client(1), index)));
                    right(run_of(3, [(client(1), slowly(script(appends.chain([get("x")]).collect())))]))
                        .when(both(answered(client(1), 8), in_place()), crash_the_primary())
                        .when(both(answered(client(1), 20), view_of_others()), crash_the_primary())
                        .check(crashed(2, 3))
                }),
        )
        .test(
            Test::run("2.8", "Nobody has the state")
                .asserts("when primary and backup have crashed, a server that comes then does not answer")
                .points(3)
                .scenario(|_| {
                    let work = || script(vec![put("x", "a"), get("x")]);
                    let first = [(client(1), work())];
                    run_of(2, first)
                        .until(seconds(10))
                        .at(seconds(2), Intervention::Check(answered(client(1), 2)))
                        .at(seconds(2), Intervention::Check(in_place()))
                        .at(seconds(2), Intervention::Crash(server(1)))
                        .at(seconds(2), Intervention::Crash(server(2)))
                        .at(seconds(3), Intervention::Start(serving(3)))
                        .at(seconds(3), Intervention::Start(super::setup::asking(client(2), work())))
                        .check(no_result_of(client(2)))
                        .check(results_ok())
                }),
        )
        .test(
            Test::run("2.9", "A large state over a bad link")
                .asserts("the state arrives whole, though its messages are lost, late and repeated")
                .points(5)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|seed| {
                    let large = |index: usize| format!("{}{index}", "-".repeat(200));
                    let before = (0..40).map(|index| put(format!("key{index}"), large(index)));
                    // Newer than what is transferred: a late copy of the transfer must not undo them.
                    let during = (0..20).map(|index| append(format!("key{index}"), format!("+{index}")));
                    let after = (0..40).map(|index| get(format!("key{index}")));
                    let work = script(before.chain(during).chain(after).collect());
                    let bad = LinkConditions {
                        drop: Rate::percent(30),
                        duplicate: Rate::percent(40),
                        ..sometimes_slow(40, ms(400))
                    };
                    let network = Network::reliable()
                        .link(server(1), server(2), bad)
                        .link(server(2), server(1), bad);
                    let crash_after = 61 + seed.random().below(5) as usize;
                    right(run_of(1, [(client(1), work)]))
                        .network(network)
                        .when_answered(client(1), 40, Intervention::Start(serving(2)))
                        .when(
                            both(answered(client(1), crash_after), first_two_serve()),
                            Intervention::Crash(server(1)),
                        )
                        .check(crashed(1, 1))
                }),
        )
        .test(
            Test::run("2.10", "Clients that share their keys")
                .asserts("all results are those of one store, before and after the primary crashes")
                .points(5)
                .by_share_of_seeds()
                .scenario(|seed| {
                    let crash = both(answered(client(1), 10), in_place());
                    once(run_of(2, slow_first(sharing(seed, 3, 20))))
                        .when(crash, crash_the_primary())
                        .check(crashed(1, 2))
                }),
        )
        .test(
            Test::run("2.11", "An unreliable network")
                .asserts("all results are those of one store, whatever is lost, late or doubled, even when servers seem dead")
                .points(6)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|seed| {
                    once(run_of(2, sharing(seed, 3, 15)))
                        .link_conditions(lossy())
                        .monitor(views_follow())
                }),
        )
        .test(
            Test::run("2.12", "Crash after crash on an unreliable network")
                .asserts("as long as one server has the state, service goes on, and results are those of one store")
                .points(6)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|seed| {
                    let first = if seed.random().below(3) == 0 { crash_the_backup() } else { crash_the_primary() };
                    once(run_of(4, slow_first(sharing(seed, 2, 24))))
                        .network(unreliable_but_views(4))
                        .monitor(views_follow())
                        .when(both(answered(client(1), 5), in_place()), first)
                        .when(both(answered(client(1), 11), view_of_others()), crash_the_primary())
                        .when(both(answered(client(1), 17), view_of_others()), crash_the_primary())
                        .check(crashed(2, 4))
                }),
        )
        .test(
            Test::run("2.13", "The primary is cut off from the view server")
                .asserts("the backup takes over, and the old primary, which runs on, answers nobody wrongly")
                .points(5)
                .by_share_of_seeds()
                .scenario(|seed| {
                    let hear = seed.random().below(3);
                    let isolate = Intervention::decide("the primary loses the view server", move |view| {
                        let Some(primary) = shown(view)?.view.primary else { return Ok(Vec::new()) };
                        let away = cut(primary, view_server());
                        let back = cut(view_server(), primary);
                        Ok(match hear {
                            0 => vec![away],
                            1 => vec![back],
                            _ => vec![away, back],
                        })
                    });
                    once(run_of(2, slow_first(sharing(seed, 3, 20))))
                        .when(both(answered(client(1), 5), in_place()), isolate)
                        .at(seconds(8), Intervention::Heal)
                }),
        )
        .test(
            Test::run("2.14", "Two primaries, each with a client")
                .asserts("the old primary, cut off with a client of its own, answers nothing that is no longer true")
                .points(5)
                .scenario(|_| {
                    let reading = KvWorkload::of((0..60).map(|_| get("x"))).every(ms(100));
                    let writing = KvWorkload::of(
                        (0..40).map(|index| put("x", value(client(2), index))),
                    )
                    .every(ms(150));
                    let split = Intervention::decide("the primary is cut off with client1", |view| {
                        let Some(primary) = shown(view)?.view.primary else { return Ok(Vec::new()) };
                        let backup = if primary == server(1) { server(2) } else { server(1) };
                        let old: &[Address] = &[primary, client(1)];
                        let new: &[Address] = &[view_server(), backup, client(2)];
                        Ok(vec![Intervention::partition([old, new])])
                    });
                    let works = [(client(1), reading), (client(2), writing)];
                    once(run_of(2, works))
                        .when(both(answered(client(2), 3), in_place()), split)
                        .at(seconds(5), Intervention::Check(answered(client(2), 20)))
                        .at(seconds(8), Intervention::Heal)
                }),
        )
        .test(
            Test::run("2.15", "The primary is cut off from the backup, or from its clients")
                .asserts("no result is wrong meanwhile, and service goes on when the network is repaired")
                .points(4)
                .by_share_of_seeds()
                .scenario(|seed| {
                    let ways = seed.random().below(5);
                    let split = Intervention::decide("a link of the primary is cut", move |view| {
                        let Some(primary) = shown(view)?.view.primary else { return Ok(Vec::new()) };
                        let backup = if primary == server(1) { server(2) } else { server(1) };
                        Ok(match ways {
                            0 => vec![cut(primary, backup)],
                            1 => vec![cut(backup, primary)],
                            2 => vec![cut(primary, backup), cut(backup, primary)],
                            3 => (1..=3).map(|it| cut(client(it), primary)).collect(),
                            _ => (1..=3).map(|it| cut(primary, client(it))).collect(),
                        })
                    });
                    once(run_of(2, slow_first(sharing(seed, 3, 20))))
                        .when(both(answered(client(1), 5), in_place()), split)
                        .at(seconds(6), Intervention::Heal)
                }),
        )
        .test(
            Test::run("2.16", "Links fail one way, again and again")
                .asserts("results are those of one store, and come soon when the network is quiet again")
                .points(5)
                .by_share_of_seeds()
                .scenario(|seed| {
                    let nodes = [view_server(), server(1), server(2), server(3), client(1)];
                    let random = seed.random();
                    let mut links = Vec::new();
                    for second in 1..=6 {
                        for _ in 0..3 {
                            let (from, to) = (*random.pick(&nodes), *random.pick(&nodes));
                            if from != to && !links.contains(&(second, from, to)) {
                                links.push((second, from, to));
                            }
                        }
                    }
                    let scenario = once(run_of(3, sharing(seed, 2, 40).into_iter().map(|(it, work)| {
                        (it, work.every(ms(200)))
                    })));
                    let scenario = links.into_iter().fold(scenario, |scenario, (second, from, to)| {
                        scenario
                            .at(seconds(second), cut(from, to))
                            .at(seconds(second) + ms(900), Intervention::Repair { from, to })
                    });
                    // Everything is repaired at 6.9 s: whoever waits then has its result before 11 s.
                    scenario.check(max_wait(seconds(11)))
                }),
        )
        .test(
            Test::run("2.17", "The view server is out of reach")
                .asserts("servers and clients that know the view go on without the view server")
                .points(3)
                .scenario(|_| {
                    let appends = (0..40).map(|index| append("x", value(client(1), index)));
                    right(run_of(2, [(client(1), script(appends.collect()).every(ms(50)))]))
                        .when(both(answered(client(1), 5), in_place()), Intervention::Isolate(view_server()))
                        .at(seconds(6), Intervention::Check(answered(client(1), 40)))
                }),
        )
        .test(
            Test::run("2.18", "A busy service")
                .asserts("four clients are all served, and none waits longer than eight seconds, even when the primary crashes")
                .points(4)
                .by_share_of_seeds()
                .scenario(|seed| {
                    let crash = both(answered(client(1), 6), in_place());
                    once(run_of(2, slow_first(sharing(seed, 4, 12))))
                        .network(Network::with(late_by_less_than_a_check()))
                        .when(crash, crash_the_primary())
                        .check(max_wait(seconds(8)))
                        .check(crashed(1, 2))
                }),
        )
        .test(
            Test::run("2.19", "Few messages")
                .asserts("servers ping no more than twice as often as every 25 ms, and a command takes at most 20 messages")
                .points(3)
                .scenario(|_| {
                    let appends = (0..40).map(|index| append("x", value(client(1), index)));
                    let work = script(appends.collect()).every(ms(50));
                    right(run_of(2, [(client(1), work)])).check(few_messages(2))
                }),
        )
        .test(
            Test::run("2.20", "The backup crashes")
                .asserts("the primary goes on by itself, and what waited for the backup is answered")
                .points(4)
                .by_share_of_seeds()
                .scenario(|seed| {
                    let crash = both(answered(client(1), 5), in_place());
                    once(run_of(2, slow_first(sharing(seed, 3, 20))))
                        .when(crash, crash_the_backup())
                        .check(crashed(1, 2))
                }),
        )
}

/// The commands of one client: each kind, on keys that are there and on keys that are not.
fn basics() -> Vec<KvCommand> {
    vec![
        get("x"),
        put("x", "a"),
        get("x"),
        append("x", "b"),
        get("x"),
        put("x", "c"),
        append("y", "d"),
        append("y", ""),
        get("y"),
        get("z"),
        put("z", ""),
        get("z"),
        append("z", "e"),
        get("x"),
    ]
}

/// The commands of a client that is alone, with the results that they must have.
fn script(commands: Vec<KvCommand>) -> KvWorkload {
    KvWorkload::scripted(commands, key_value::results)
}

/// A command every 100 ms, so that the run goes on while servers take their places.
fn slowly(work: KvWorkload) -> KvWorkload {
    work.every(ms(100))
}

/// Clients whose commands of all kinds are on two keys that they share.
fn sharing(seed: &mut SeedContext, count: usize, commands: usize) -> Vec<(Address, KvWorkload)> {
    let keys = ["x".to_owned(), "y".to_owned()];
    let random = seed.random();
    clients(count, |client| {
        let mut commands = everything(random, client, commands, &keys);
        // Equal appends and puts of several clients: their content does not say whose they are.
        commands[0] = append("x", often_same(random, client, 1_000));
        KvWorkload::of(commands)
    })
}

/// The same, with a command of the first client every 100 ms only, so that the run goes on while servers take their
/// places.
fn slow_first(mut works: Vec<(Address, KvWorkload)>) -> Vec<(Address, KvWorkload)> {
    let (first, work) = works.remove(0);
    works.insert(0, (first, slowly(work)));
    works
}

/// Checks that every command is answered, and rightly.
fn right(scenario: Scenario) -> Scenario {
    scenario.check(results_ok()).check(clients_done())
}

/// Checks that every command is answered, and that it took effect exactly once.
fn once(scenario: Scenario) -> Scenario {
    to_the_end(scenario).check(exactly_once::<KvCommand>()).check(clients_done())
}

fn cut(from: Address, to: Address) -> Intervention {
    Intervention::Cut { from, to }
}

/// Whoever is the primary crashes.
fn crash_the_primary() -> Intervention {
    Intervention::decide("the primary crashes", |view| {
        Ok(shown(view)?.view.primary.map(Intervention::Crash).into_iter().collect())
    })
}

/// Whoever is the backup crashes.
fn crash_the_backup() -> Intervention {
    Intervention::decide("the backup crashes", |view| {
        Ok(shown(view)?.view.backup.map(Intervention::Crash).into_iter().collect())
    })
}

fn first_two_serve() -> Property {
    serve(server(1), Some(server(2)))
}

/// Two servers that have not crashed are in place.
fn view_of_others() -> Property {
    let in_place = in_place();
    Property::new("two servers that run are in place", move |view| {
        in_place.check(view)?;
        let now = shown(view)?.view;
        match now.primary.into_iter().chain(now.backup).find(|&it| view.is_crashed(it)) {
            None => Ok(()),
            Some(dead) => {
                Err(violated("a view of servers that run", format!("{dead} has crashed")))
            }
        }
    })
}

/// At least `count` of the first servers have crashed. They crash only when a backup is in place; so a backup was.
fn crashed(count: usize, servers: usize) -> Property {
    Property::new(format!("a backup comes into place before crash {count}"), move |view| {
        let crashed = (1..=servers).map(server).filter(|&it| view.is_crashed(it)).count();
        if crashed >= count {
            return Ok(());
        }
        let now = describe(shown(view)?);
        Err(violated("a primary and a backup to be in place, so that the primary can crash", now))
    })
}

/// So many servers and the clients together send no more messages than twice the pings with their answers, and 20 a
/// command.
fn few_messages(servers: u64) -> Property {
    Property::new("servers and clients send few messages", move |view| {
        let Some(sent) = view.traffic().map(|traffic| traffic.sent) else { return Ok(()) };
        let Some(now_ns) = view.now_ns() else { return Ok(()) };
        let clients = view.clients().into_iter();
        let commands: usize = clients.map(|client| view.operations(client).len()).sum();
        let pings = servers * (now_ns / 25_000_000 + 1);
        let limit = 2 * 2 * pings + 20 * commands as u64;
        if sent <= limit {
            return Ok(());
        }
        Err(violated(
            format!("at most {limit} messages for {pings} pings and {commands} commands"),
            format!("{sent} messages were sent"),
        )
        .about(Subject::Messages))
    })
}

/// This client has no result.
fn no_result_of(client: Address) -> Property {
    let name = format!("{client} gets no result, since nobody has the state");
    Property::new(name, move |view| {
        match view.operations(client).iter().find(|it| it.result.is_some()) {
            None => Ok(()),
            Some(_) => Err(violated(
                format!("{client} to wait, since no server has the state"),
                "it has a result",
            )),
        }
    })
}
