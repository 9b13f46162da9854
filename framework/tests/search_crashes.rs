//! Searches that may choose crashes, within a bound.

mod common;

use common::{Fault, client, client_node, server, server_node, submission};
use faultlab::hosting::pure::LocalSteps;
use faultlab::property::{Property, clients_done, observe, violated};
use faultlab::search::{Action, RandomWalks, Report, Search, SearchResult};
use faultlab::trace::replay::{ReplayStatus, replay};
use faultlab::trace::{EventKind, Origin};
use faultlab::{Address, System};

fn search(clients: usize) -> Search {
    let system = System::new().with(server_node(Fault::None));
    let clients = (1..=clients).map(|number| client_node(number, 1));
    Search::new(clients.fold(system, System::with))
}

fn run(search: &Search) -> Report {
    search.run(&submission())
}

/// This many nodes have crashed.
fn crashed(count: usize) -> Property {
    Property::new(format!("{count} nodes have crashed"), move |view| {
        let all = [server(), client(1), client(2)];
        let crashed = all.into_iter().filter(|&node| view.is_crashed(node)).count();
        let gone = all.into_iter().filter(|node| !view.nodes().contains(node)).count();
        assert_eq!(crashed, gone);
        if crashed >= count { Ok(()) } else { Err(violated("more", crashed.to_string())) }
    })
}

fn crashes(report: &Report) -> Vec<Address> {
    let path = report.result.path().expect("a path");
    let crash = |action: &Action| match action {
        Action::Crash { node } => Some(*node),
        _ => None,
    };
    path.actions().filter_map(crash).collect()
}

#[test]
fn no_more_nodes_crash_than_the_bound_allows() {
    let all = [server(), client(1), client(2)];
    for bound in 0..=3 {
        let search = search(2).may_crash(all, bound);
        let reached = |count| run(&search.clone().goal(crashed(count)));
        assert_eq!(crashes(&reached(bound)).len(), bound);
        if bound < 3 {
            assert_eq!(reached(bound + 1).result, SearchResult::Exhausted);
        }
        let words = format!("at most {bound} of server1, client1, client2 crashed at any moment");
        assert_eq!(run(&search).faults, [words]);
    }
    // A node that has crashed before counts, and each group has its own bound.
    let one = search(2).crash(server()).may_crash(all, 1).goal(crashed(2));
    assert_eq!(run(&one).result, SearchResult::Exhausted);
    let two = search(2).may_crash([client(1)], 1).may_crash([client(2)], 1);
    assert_eq!(crashes(&run(&two.clone().goal(crashed(2)))).len(), 2);
    assert_eq!(run(&two.goal(crashed(3))).result, SearchResult::Exhausted);
    assert_eq!(run(&search(2)).faults, Vec::<String>::new());
}

#[test]
fn a_crashed_node_keeps_what_it_last_showed() {
    let last_sum = |sum: u64| {
        Property::new(format!("the server has crashed at {sum}"), move |view| {
            let shown: u64 = observe(view, server(), &())?;
            if view.is_crashed(server()) && shown == sum {
                Ok(())
            } else {
                Err(violated(sum.to_string(), shown.to_string()))
            }
        })
    };
    let base = search(1).may_crash([server()], 1);
    for sum in [0, 1] {
        assert_eq!(crashes(&run(&base.clone().goal(last_sum(sum)))), [server()]);
    }
    // Its messages are still in the network: the client may get its answer after the crash.
    let answered_later = Property::new("an answer after the crash", |view| {
        let done = view.is_done(client(1));
        if done && view.is_crashed(server()) { Ok(()) } else { Err(violated("", "")) }
    });
    assert_eq!(crashes(&run(&base.goal(answered_later))), [server()]);
}

#[test]
fn walks_choose_crashes_and_traces_show_them() {
    let base = search(2).may_crash([server(), client(1)], 1).invariant(Property::new(
        "client1 stays while client2 has no result",
        |view| {
            if !view.is_crashed(client(1)) || !view.is_done(client(2)) {
                Ok(())
            } else {
                Err(violated("it to stay", "it crashed"))
            }
        },
    ));
    let submission = submission();
    let walks = RandomWalks { seed: 7, count: 300, depth_max: 20 };
    let steps = LocalSteps::new(&submission, base.system().descriptors()).expect("nodes");
    for report in [run(&base), base.random_walks(&submission, walks)] {
        assert_eq!(crashes(&report), [client(1)]);
        let trace = base.trace(&steps, &Origin::default(), &report.result).expect("a trace");
        let shown = trace.events.iter().filter(|it| matches!(it.what, EventKind::Crash { .. }));
        assert_eq!(shown.count(), 1);
        let mut run = base.traced_run(&steps);
        let replayed = replay(&trace, &mut run);
        let status = replayed.status;
        assert!(matches!(status, ReplayStatus::Reproduced { same: true, .. }), "{status}");
    }
}

#[test]
fn crashes_add_only_the_knowledge_of_who_has_crashed() {
    let done = |search: Search| run(&search.goal(clients_done())).result.path().map(|it| it.len());
    assert_eq!(done(search(2)), done(search(2).may_crash([server()], 1)));
    // A bound of zero is no choice.
    let none = run(&search(2).may_crash([server()], 0));
    assert_eq!(none.statistics.states, run(&search(2)).statistics.states);
}
