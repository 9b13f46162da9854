//! Part 1: the view service.

use faultlab::property::{Property, clients_done, observe, violated};
use faultlab::simulate::{Intervention, Network, Scenario};
use faultlab::workload::Workload;
use faultlab::{Address, NodeSpec};
use lab2_api::{Script, Shown, View, ViewEvent};

use super::oracle::{rules_kept, views_follow};
use super::setup::{late_by_less_than_a_check, lossy, server, shown, view_server};
use crate::lab1::setup::{ms, seconds};
use crate::{Part, Test};

pub(super) fn part() -> Part {
    Part::new(1, "The view service")
        .test(
            Test::unit("1.1", "The first view")
                .asserts("nobody serves at first; the first server that pings is the primary")
                .points(2)
                .scenario(|_| told([vec![CHECK, CHECK, ping(2, 0), ping(2, 0)], vec![ping(1, 0), CHECK]])),
        )
        .test(
            Test::unit("1.2", "A backup joins")
                .asserts(
                    "an idle server becomes the backup as soon as the primary has acknowledged the first view",
                )
                .points(2)
                .scenario(|_| {
                    told([
                        vec![ping(1, 0), ping(1, 1), ping(2, 0)],
                        vec![ping(1, 0), ping(2, 0), ping(2, 0), ping(1, 0), ping(1, 1), ping(1, 2)],
                    ])
                }),
        )
        .test(
            Test::unit("1.3", "The primary dies")
                .asserts("after two checks without a ping of the primary, the backup is promoted")
                .points(2)
                .scenario(|_| {
                    let dies = [ping(2, 2), CHECK, ping(2, 2), CHECK, ping(2, 2)];
                    // It pings before each second check, so it is not dead.
                    let lives = [CHECK, ping(1, 2), CHECK, CHECK].into_iter();
                    let lives = lives.map(|event| vec![event, ping(2, 2)]).collect::<Vec<_>>().concat();
                    told([in_place(dies), in_place(lives)])
                }),
        )
        .test(
            Test::unit("1.4", "The backup dies")
                .asserts("after two checks without a ping of the backup, the primary is alone")
                .points(2)
                .scenario(|_| {
                    told([
                        in_place([CHECK, ping(1, 2), CHECK, ping(1, 2)]),
                        in_place([ping(1, 2), CHECK, ping(1, 2), CHECK, ping(1, 3), CHECK, ping(1, 3)]),
                    ])
                }),
        )
        .test(
            Test::unit("1.5", "An idle server takes the free place at once")
                .asserts("one new view promotes the backup and gives its place to an idle server")
                .points(2)
                .scenario(|_| {
                    let primary = [ping(3, 0), CHECK, ping(2, 2), ping(3, 0), CHECK];
                    let backup = [ping(3, 0), CHECK, ping(1, 2), ping(3, 0), CHECK];
                    told([in_place(primary), in_place(backup)])
                }),
        )
        .test(
            Test::unit("1.6", "A server comes back")
                .asserts("a server that was dead and pings again is idle: it may become the backup, no more")
                .points(2)
                .scenario(|_| {
                    let dead = [ping(2, 2), CHECK, ping(2, 2), CHECK];
                    let back = [ping(1, 2), ping(2, 3), ping(2, 4), CHECK, ping(1, 0), CHECK];
                    told([in_place(dead.into_iter().chain(back)), {
                        let late = [ping(2, 3), ping(1, 2), ping(1, 2), ping(2, 4)];
                        in_place(dead.into_iter().chain(late))
                    }])
                }),
        )
        .test(
            Test::unit("1.7", "No view before the old one is acknowledged")
                .asserts("whoever dies or comes meanwhile, the view stays until its primary has acknowledged it")
                .points(3)
                .scenario(|_| {
                    let first = [ping(1, 0), ping(2, 0), CHECK, ping(2, 0), CHECK, ping(2, 0), CHECK, ping(2, 0)];
                    let second = |alive: usize| {
                        let mut events = vec![ping(1, 0), ping(1, 1), ping(2, 0)];
                        for _ in 0..3 {
                            events.extend([CHECK, ping(alive, 1), ping(3, 0)]);
                        }
                        // At last the primary acknowledges.
                        events.extend([ping(1, 2), CHECK, ping(3, 0), CHECK]);
                        events
                    };
                    told([first.to_vec(), second(1), second(2), second(3)])
                }),
        )
        .test(
            Test::unit("1.8", "Only the primary acknowledges, and only this view")
                .asserts("a ping with another number, or of another server, acknowledges nothing")
                .points(3)
                .scenario(|_| {
                    let wait = [ping(1, 0), ping(2, 0), ping(2, 1), ping(1, 2), ping(1, 0), CHECK, ping(2, 0)];
                    let second = [ping(1, 0), ping(1, 1), ping(2, 0), ping(1, 1), ping(2, 2), ping(3, 2), CHECK];
                    let then = [ping(3, 0), ping(1, 1), ping(2, 2), CHECK, ping(1, 2)];
                    // A late ping of the primary does not undo that it has acknowledged the view.
                    let late = [ping(1, 1), ping(1, 0), ping(3, 0), CHECK, ping(2, 0), ping(3, 0), CHECK];
                    told([
                        wait.to_vec(),
                        second.into_iter().chain(then).collect(),
                        in_place(late),
                    ])
                }),
        )
        .test(
            Test::unit("1.9", "A backup is known to have the state only in an acknowledged view")
                .asserts("the backup of a view that is not acknowledged is never promoted")
                .points(2)
                .scenario(|_| {
                    let replaced = [ping(3, 0), CHECK, ping(2, 2), ping(3, 0), CHECK];
                    let second_dies = [ping(3, 3), CHECK, ping(3, 3), CHECK, ping(3, 3), ping(1, 0), CHECK];
                    told([in_place(replaced.into_iter().chain(second_dies))])
                }),
        )
        .test(
            Test::unit("1.10", "The dead do not serve")
                .asserts("an idle server that died before there was a place for it does not get it")
                .points(2)
                .scenario(|_| {
                    told([
                        vec![
                            ping(1, 0), ping(2, 0), CHECK, ping(1, 0), CHECK, ping(1, 0), ping(1, 1),
                        ],
                        in_place([
                            ping(3, 0), CHECK, ping(1, 2), ping(2, 2), CHECK, ping(1, 2), CHECK,
                            ping(1, 2), CHECK, ping(1, 3),
                        ]),
                    ])
                }),
        )
        .test(
            Test::unit("1.11", "Nothing to change")
                .asserts("the number stays while the members do, and while nobody may take over")
                .points(2)
                .scenario(|_| {
                    let alone = [ping(1, 0), ping(1, 1), CHECK, CHECK, CHECK, ping(1, 1), ping(1, 1)];
                    let lost = [ping(1, 0), ping(1, 1), CHECK, CHECK, ping(2, 0), ping(3, 0), CHECK, ping(2, 0)];
                    let both = [CHECK, CHECK, CHECK, ping(3, 0), CHECK, ping(3, 0), ping(2, 2), ping(2, 3)];
                    let calm = (0..8).flat_map(|_| [ping(1, 2), ping(2, 2), CHECK]);
                    told([alone.to_vec(), lost.to_vec(), in_place(both), in_place(calm)])
                }),
        )
        .test(
            Test::unit("1.12", "Every short script")
                .asserts(
                    "the rules are kept in every order of five events from the start, and of four from where a primary \
                     and a backup are in place",
                )
                .points(4)
                .scenario(|_| {
                    let later = every_script(4).into_iter().map(in_place);
                    told(every_script(5).into_iter().chain(later))
                }),
        )
        .test(
            Test::unit("1.13", "Long scripts")
                .asserts("the rules are kept in random scripts of forty events")
                .points(3)
                .over_seeds()
                .scenario(|seed| {
                    let random = seed.random();
                    let mut script = || {
                        let mut event = || match random.below(4) {
                            0 => CHECK,
                            _ => ping(1 + random.below(3) as usize, random.below(9)),
                        };
                        (0..40).map(|_| event()).collect::<Vec<_>>()
                    };
                    let scripts: Vec<_> = (0..30).map(|_| script()).collect();
                    told(scripts)
                }),
        )
        .test(
            Test::run("1.14", "Pings over a network")
                .asserts(
                    "servers get their places, and lose them when they crash, though pings are late, repeated or lost",
                )
                .points(3)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|seed| {
                    let crash_at = ms(5_000 + seed.random().below(100));
                    Scenario::new()
                        .node(NodeSpec::node("view-server", view_server(), &()))
                        .nodes((1..=3).map(pinging))
                        .link_conditions(lossy())
                        .monitor(views_follow())
                        // From here on nobody seems dead who is not.
                        .at(seconds(3), Intervention::LinkConditions(Network::with(late_by_less_than_a_check())))
                        .at(seconds(5), Intervention::Check(a_backup_serves()))
                        .at(crash_at, crash_the_primary())
                        .until(seconds(7))
                        .check(a_backup_serves())
                        .check(views_are_known())
                }),
        )
}

const CHECK: ViewEvent = ViewEvent::Check;

fn ping(number: usize, view: u64) -> ViewEvent {
    ViewEvent::Ping { server: server(number), number: view }
}

/// These events, once server1 and server2 are primary and backup of view 2.
fn in_place(events: impl IntoIterator<Item = ViewEvent>) -> Vec<ViewEvent> {
    [ping(1, 0), ping(1, 1), ping(2, 0), ping(1, 2)].into_iter().chain(events).collect()
}

/// A view service that is told these scripts.
fn told(scripts: impl IntoIterator<Item = Vec<ViewEvent>>) -> Scenario {
    let work = Workload::<Script, Vec<Shown>>::of(scripts.into_iter().map(Script));
    Scenario::new()
        .node(NodeSpec::client("view-service", Address::new("service"), &(), work))
        .check(rules_kept())
        .check(clients_done())
}

/// Every script of so many events of three servers. The first is a ping of server1, as it does not matter which server is
/// which.
fn every_script(length: u32) -> Vec<Vec<ViewEvent>> {
    let events =
        [CHECK, ping(1, 1), ping(1, 2), ping(2, 0), ping(2, 2), ping(3, 0), ping(1, 0), ping(2, 3)];
    let count = events.len();
    let script = |mut number: usize| {
        let mut script = vec![ping(1, 0)];
        for _ in 1..length {
            script.push(events[number % count]);
            number /= count;
        }
        script
    };
    (0..count.pow(length - 1)).map(script).collect()
}

/// A stand-in for a server.
fn pinging(number: usize) -> NodeSpec {
    NodeSpec::node("pinger", server(number), &view_server())
}

/// A primary and a backup, neither of them crashed, are in place.
fn a_backup_serves() -> Property {
    Property::new("two servers that run are primary and backup", |view| {
        let Shown { view: now, .. } = shown(view)?;
        let runs = |it: Option<Address>| it.is_some_and(|it| !view.is_crashed(it));
        if runs(now.primary) && runs(now.backup) {
            Ok(())
        } else {
            Err(violated("a view of two servers that run", now.to_string()))
        }
    })
}

/// The primary crashes.
fn crash_the_primary() -> Intervention {
    Intervention::decide("the primary crashes", |view| {
        Ok(shown(view)?.view.primary.map(Intervention::Crash).into_iter().collect())
    })
}

/// The servers that run have been sent the view, or the one before: a new one may be on its way.
fn views_are_known() -> Property {
    Property::new("servers are told the view", |view| {
        let Shown { view: now, .. } = shown(view)?;
        for node in view.servers().into_iter().filter(|&node| node != view_server()) {
            let known: View = observe(view, node, &())?;
            if known.number + 1 < now.number {
                return Err(violated(format!("{node} to know {now}"), format!("it knows {known}")));
            }
        }
        Ok(())
    })
}
