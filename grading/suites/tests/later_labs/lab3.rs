//! The peer's tests 22 and 23, staged by what servers show about the first slot of their logs.

use faultlab::property::{Property, clients_done, observe, results_ok, violated, watching};
use faultlab::search::Search;
use faultlab::workload::Workload;
use faultlab::{Address, System};
use faultlab_suites::{SearchPlan, Test, TestBuilder};

use crate::paxos::Slot;
use crate::{client, only, server};

fn titled(number: &str, title: &str) -> TestBuilder {
    Test::search(number, title).asserts("a chosen command stays chosen").points(20)
}

/// Servers, and two clients: one appends X and gets X, the other, which starts later, appends Y and gets XY. Once a
/// command is chosen for slot 1, no other ever is.
fn system(servers: usize) -> Search {
    let all: Vec<Address> = (1..=servers).map(server).collect();
    let mut system = System::new();
    for &server in &all {
        system = system.node("server", server, &all);
    }
    for (number, (text, result)) in (1..).zip([("X", "X"), ("Y", "XY")]) {
        let work = Workload::of([text.to_owned()]).expecting([result.to_owned()]);
        system = system.client("client", client(number), &all, work);
    }
    let fold = |first: &mut Option<String>, node: Address, slot| match (&*first, slot) {
        (Some(first), Slot::Chosen(text)) if *first != text => {
            Err(violated(format!("{first}, as before"), format!("{node} chose {text}")))
        }
        (None, Slot::Chosen(text)) => {
            *first = Some(text);
            Ok(())
        }
        _ => Ok(()),
    };
    let once = watching("once chosen, never another", all, &1_u64, fold);
    Search::new(system).monitor(once).invariant(results_ok()).starts_later(client(2))
}

/// A server has accepted this for slot 1.
fn accepts(number: usize, text: &'static str) -> Property {
    Property::new(format!("server{number} has accepted {text}"), move |view| {
        match observe::<u64, Slot>(view, server(number), &1)? {
            Slot::Accepted(shown) if shown == text => Ok(()),
            shown => Err(violated(text, format!("{shown:?}"))),
        }
    })
}

/// What is chosen for slot 1 somewhere is accepted or chosen at a majority of the servers.
fn majority_accepted(servers: usize) -> Property {
    Property::new("a majority has accepted what is chosen", move |view| {
        let (mut chosen, mut shown) = (None, Vec::new());
        for number in 1..=servers {
            match observe::<u64, Slot>(view, server(number), &1)? {
                Slot::Chosen(text) => {
                    shown.push(text.clone());
                    chosen = Some(text);
                }
                Slot::Accepted(text) => shown.push(text),
                Slot::Empty => {}
            }
        }
        let Some(chosen) = chosen else { return Ok(()) };
        let count = shown.iter().filter(|&text| *text == chosen).count();
        if 2 * count > servers {
            Ok(())
        } else {
            Err(violated("a majority", format!("{count} of {servers} have {chosen}")))
        }
    })
}

/// Only these servers and this client are there, and only one of the servers hears the client.
fn led(search: Search, group: &[usize], leader: usize, asking: usize) -> Search {
    let nodes: Vec<Address> =
        group.iter().map(|&number| server(number)).chain([client(asking)]).collect();
    let others = group.iter().filter(|&&number| number != leader);
    others.fold(only(search, &nodes), |search, &other| {
        search.block_link(client(asking), server(other)).stop_timers(server(other))
    })
}

const X: &str = "X with servers 1 and 2";

pub fn test_22() -> Test {
    titled("3.22", "Search: a second majority learns what the first chose").searches(|_| {
        let base = SearchPlan::of(system(3).states_max(200_000)).reach(X, |search| {
            led(search, &[1, 2], 1, 1).stop_timers(server(1)).goal(clients_done())
        });
        [1, 2].into_iter().fold(base, |plan, other| {
            let group = move |search| led(search, &[other, 3], 3, 2);
            plan.from(X)
                .changing(|run| run.start(client(2)))
                .reach(&format!("XY with servers {other} and 3"), move |search| {
                    group(search).stop_timers(server(3)).goal(clients_done())
                })
                .from(X)
                .changing(|run| run.start(client(2)))
                .explore("any order, without timers", move |search| {
                    group(search).stop_timers(server(3)).prune(clients_done())
                })
                .from(X)
                .changing(|run| run.start(client(2)))
                .explore("any order", move |search| {
                    group(search).prune(clients_done()).states_max(5_000)
                })
        })
    })
}

pub fn test_23() -> Test {
    titled("3.23", "Search: an accept of an old ballot comes late").searches(|_| {
        let base = system(5).invariant(majority_accepted(5)).states_max(200_000);
        let first = |search| led(search, &[2, 3, 4], 4, 1);
        let second = |search| led(search, &[1, 2, 3, 5], 5, 2);
        SearchPlan::of(base)
            .reach("server4 accepts X", move |search| first(search).goal(accepts(4, "X")))
            .reach("server3 accepts X", move |search| first(search).goal(accepts(3, "X")))
            .changing(|run| run.start(client(2)))
            .reach("server5 accepts Y", move |search| second(search).goal(accepts(5, "Y")))
            .reach("server3 accepts Y", move |search| second(search).goal(accepts(3, "Y")))
            .changing(|run| run.drop_messages(|from, to, _| (from, to) != (server(3), server(4))))
            .reach("server1 accepts X", |search| {
                led(search, &[1, 2, 4], 4, 1).goal(accepts(1, "X"))
            })
            .explore("the accept of server3 comes", |search| {
                let search = only(search, &[server(1), server(3), server(4)]);
                search.block_receives(server(3)).stop_timers(server(4))
            })
    })
}
