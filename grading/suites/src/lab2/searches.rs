//! Lab 2's search tests: every order of deliveries, losses, duplicates, timers and crashes, within bounds.

use faultlab::linearizability::Sequential;
use faultlab::property::{Property, clients_done, results_ok, violated};
use faultlab::search::{Linearizable, Measure, Search};
use faultlab::workload::Workload;
use faultlab::{Address, System};
use lab1_api::KvCommand;
use lab2_api::{PingWith, Shown, View};

use super::oracle::views_follow;
use super::setup::{self, answered, both, serve, server, shown, view_from, view_server};
use crate::key_value::{self, EXACTLY_ONCE, Specification};
use crate::lab1::setup::{KvWorkload, append, client, get, put};
use crate::{SearchPlan, Test};

/// The state limit of a search that must see every state.
const STATES_MAX: u64 = 2_000_000;

/// The search tests of part 1: the view server by itself.
pub(super) fn part1() -> Vec<Test> {
    vec![
        Test::search("1.20", "Search: the view server by itself")
            .asserts(
                "views follow each other by the rules in every order of pings, copies and checks",
            )
            .points(4)
            .searches(|_| {
                use PingWith::{Known, Zero};
                let pings = || pinged([&[Zero, Known, Known], &[Zero, Known]]);
                SearchPlan::new()
                    .reaching("a backup is promoted", pings().goal(serves_alone(server(2))))
                    .exhausting(
                        "every order of the pings of two servers",
                        pings().sometimes(setup::in_place()),
                    )
                    .exhausting(
                        "every order of the pings of three servers",
                        pinged([&[Zero, Known], &[Zero], &[Zero]]).sometimes(view_from(2)),
                    )
            }),
    ]
}

/// The search tests of part 2.
pub(super) fn part2() -> Vec<Test> {
    vec![
        Test::search("2.30", "Search: from the start")
            .asserts("a server by itself answers rightly, whatever is lost, late or doubled")
            .points(3)
            .searches(|_| {
                let works = || vec![(client(1), vec![append("x", "a"), get("x")])];
                SearchPlan::new()
                    .reaching("every answer", searched(1, works()).goal(clients_done()))
                    .exhausting(
                        "all runs of one server",
                        searched(1, works()).invariant(results_ok()).sometimes(clients_done()),
                    )
            }),
        Test::search("2.31", "Search: a backup gets the state")
            .asserts("in every order of events up to view 2, results are right, and both servers can take their places")
            .points(3)
            .searches(|_| {
                let works = vec![(client(1), vec![append("x", "a"), append("x", "b")])];
                // A server by itself answers once; then the second one comes.
                SearchPlan::of(searched(2, works).starts_later(server(2)))
                    .reach("a first answer", |search| {
                        search.prune(view_from(2)).goal(answered(client(1), 1))
                    })
                    .changing(|run| run.start(server(2)))
                    .reach(IN_PLACE, |search| {
                        search.prune(view_from(3)).goal(serve(server(1), Some(server(2))))
                    })
                    .reach("the backup alone", |search| {
                        search.prune(answered(client(1), 2)).prune(view_from(4)).goal(serves_alone(server(2)))
                    })
                    .reach("every answer", |search| search.prune(view_from(4)).goal(clients_done()))
            }),
        Test::search("2.32", "Search: one client, a primary and a backup")
            .asserts("as long as the view stays, every result is right in every order of events")
            .points(4)
            .searches(|_| {
                let works = vec![(client(1), vec![append("x", "a"), get("x")])];
                staged(works)
                    .reach("every answer", |search| search.prune(view_from(3)).goal(clients_done()))
                    .from(IN_PLACE)
                    .exhaust("all runs in view 2", |search| {
                        search.stop_timers(view_server()).sometimes(clients_done())
                    })
            }),
        Test::search("2.33", "Search: two clients on one key")
            .asserts("results are linearizable in every order of events, as long as the view stays")
            .points(4)
            .searches(|_| {
                staged(two_appends()).exhaust("all runs in view 2", |search| {
                    search.stop_timers(view_server()).sometimes(clients_done())
                })
            }),
        Test::search("2.34", "Search: the primary crashes")
            .asserts("whenever the primary crashes, the backup answers, and every result is right")
            .points(5)
            .searches(|_| {
                let works = vec![(client(1), vec![append("x", "a"), get("x")])];
                staged(works)
                    .changing(|run| run.drop_messages(|_, _, _| true))
                    .exhaust("all runs with a crash, until view 4", |search| {
                        search
                            .may_crash([server(1)], 1)
                            .prune(view_from(4))
                            .prune(other_than(&[(server(1), Some(server(2))), (server(2), None)]))
                            .sometimes(both(clients_done(), serves_alone(server(2))))
                    })
            }),
        Test::search("2.35", "Search: the view changes while requests are under way")
            .asserts("results of two clients are linearizable, whatever is on its way when the backup is promoted")
            .points(5)
            .searches(|_| {
                staged(two_mixed())
                    .reach("client1 has an answer", |search| {
                        search.stop_timers(view_server()).block_sends(client(2)).goal(answered(client(1), 1))
                    })
                    .explore("what may happen until view 4", |search| {
                        search.prune(view_from(4)).states_max(SOME)
                    })
                    .reach("the backup serves alone", |search| {
                        search.block_sends(client(2)).prune(view_from(4)).goal(serves_alone(server(2)))
                    })
                    .reach("every answer", |search| search.prune(view_from(4)).goal(clients_done()))
                    .from("the backup serves alone")
                    .explore("what may happen then, old messages included", |search| {
                        search.prune(view_from(4)).states_max(SOME)
                    })
            }),
        Test::search("2.36", "Search: a server that was away is alone")
            .asserts("a server that lost its place and got it back has what was answered meanwhile")
            .points(5)
            .searches(|_| {
                staged(two_appends())
                    .reach("the primary is alone", |search| {
                        without(search, &[client(1), client(2)])
                            .prune(view_from(4))
                            .goal(serve(server(1), None))
                    })
                    .reach("client1 has an answer of the primary alone", |search| {
                        without(search, &[server(2), client(2)]).goal(answered(client(1), 1))
                    })
                    .reach("both are in place again", |search| {
                        without(search, &[client(1), client(2)])
                            .prune(view_from(5))
                            .goal(serve(server(1), Some(server(2))))
                    })
                    .reach("the backup is alone", |search| {
                        without(search, &[client(1), client(2)])
                            .prune(view_from(6))
                            .goal(serves_alone(server(2)))
                    })
                    .changing(|run| run.partition(&[&[server(1)], &[client(2)]]))
                    .reach("client2 is answered as well", |search| {
                        search.prune(view_from(6)).goal(answered(client(2), 1))
                    })
                    .from("the backup is alone")
                    .explore("what may happen then", |search| search.states_max(SOME))
            }),
        Test::search("2.37", "Search: the view server is out of reach")
            .asserts("the primary and the backup answer without it, and rightly")
            .points(3)
            .searches(|_| {
                staged(vec![(client(1), vec![append("x", "a"), get("x")])])
                    .reach("a first answer", |search| {
                        search.stop_timers(view_server()).goal(answered(client(1), 1))
                    })
                    .reach("every answer", |search| {
                        without(search, &[view_server()]).goal(clients_done())
                    })
            }),
        Test::search("2.38", "Search: the backup crashes")
            .asserts("whenever the backup crashes, the primary can answer by itself, and every result is right")
            .points(4)
            .searches(|_| {
                let works = vec![(client(1), vec![append("x", "a"), get("x")])];
                staged(works)
                    .changing(|run| run.drop_messages(|_, _, _| true))
                    .exhaust("all runs with a crash, until view 4", |search| {
                        search
                            .may_crash([server(2)], 1)
                            .prune(view_from(4))
                            .prune(other_than(&[
                                (server(1), Some(server(2))),
                                (server(1), None),
                            ]))
                            .sometimes(both(clients_done(), serves_alone(server(1))))
                    })
            }),
    ]
}

const IN_PLACE: &str = "server1 and server2 are in place";

/// The most states of a search that looks only whether something goes wrong.
const SOME: u64 = 20_000;

/// The view server, and servers that each ping by a script.
fn pinged<const N: usize>(scripts: [&[PingWith]; N]) -> Search {
    let system = System::new().node("view-server", view_server(), &());
    let system = (1..).zip(scripts).fold(system, |system, (number, script)| {
        let work = Workload::<PingWith, View>::of(script.iter().copied());
        system.client("scripted-pinger", server(number), &view_server(), work)
    });
    Search::new(system).monitor(views_follow()).states_max(STATES_MAX)
}

/// A client, and its commands in order.
type Asked = (Address, Vec<KvCommand>);

fn two_appends() -> Vec<Asked> {
    vec![(client(1), vec![append("x", "a")]), (client(2), vec![append("x", "b")])]
}

fn two_mixed() -> Vec<Asked> {
    vec![(client(1), vec![put("x", "a"), get("x")]), (client(2), vec![append("x", "b")])]
}

/// A search of so many servers and these clients, pruned where every client has all its results. It monitors whether
/// results are those of one store that executes each command once.
fn searched(servers: usize, works: Vec<Asked>) -> Search {
    let alone = works.len() == 1;
    let works = works.into_iter().map(|(address, commands)| {
        let results = key_value::results(&commands);
        let work = KvWorkload::of(commands);
        (address, if alone { work.expecting(results) } else { work })
    });
    let model = Sequential::new(Specification::<KvCommand>::default());
    Search::new(setup::system(servers, works))
        .monitor(Linearizable::new(EXACTLY_ONCE, model))
        .prune(clients_done())
        .states_max(STATES_MAX)
        .measure(Measure::new("answers, then the view", |view| {
            let mut answers = 0;
            for client in view.clients() {
                answers += view.operations(client).iter().filter(|it| it.result.is_some()).count();
            }
            let Shown { view, is_acknowledged } = shown(view)?;
            Ok(100 * answers as u64 + 2 * view.number + u64::from(is_acknowledged))
        }))
}

/// A plan that starts where server1 and server2 are in place, in view 2.
fn staged(works: Vec<Asked>) -> SearchPlan {
    let clients: Vec<Address> = works.iter().map(|&(client, _)| client).collect();
    SearchPlan::of(searched(2, works)).reach(IN_PLACE, move |search| {
        without(search, &clients)
            .prune(view_from(3))
            .goal(both(serve(server(1), Some(server(2))), in_view(2)))
    })
}

/// The search without these nodes: nothing reaches or leaves them, and their timers do not fire.
fn without(search: Search, nodes: &[Address]) -> Search {
    nodes.iter().fold(search, |search, &node| {
        search.block_sends(node).block_receives(node).stop_timers(node)
    })
}

/// This server is the primary, without a backup, and has acknowledged that.
fn serves_alone(primary: Address) -> Property {
    serve(primary, None)
}

/// The view has this number.
fn in_view(number: u64) -> Property {
    Property::new(format!("the view is {number}"), move |view| match shown(view)?.view {
        now if now.number == number => Ok(()),
        now => Err(violated(format!("view {number}"), now.to_string())),
    })
}

/// Other servers serve than any of these.
fn other_than(these: &[(Address, Option<Address>)]) -> Property {
    let these = these.to_vec();
    Property::new("others serve", move |view| {
        let now = shown(view)?.view;
        if these
            .iter()
            .any(|&(primary, backup)| (now.primary, now.backup) == (Some(primary), backup))
        {
            Err(violated("other servers", now.to_string()))
        } else {
            Ok(())
        }
    })
}
