//! Hundreds of small random protocols: skipping commuting orders changes no result, count or path,
//! and neither does comparing fingerprints instead of states.

use std::time::Duration;

use faultlab::hosting::{Kind, Submission};
use faultlab::property::{CheckError, Property, violated, watching};
use faultlab::random::mix;
use faultlab::search::{Monitor, Report, Search, SearchResult};
use faultlab::workload::Workload;
use faultlab::{Address, Client, Context, Node, System};
use serde::{Deserialize, Serialize};

/// A node with random handlers from a seed: each (state, event) has its own reaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Drawn {
    seed: u64,
    nodes: u64,
    state: u64,
    result: Option<u64>,
}

impl Drawn {
    fn react(&mut self, event: u64, ctx: &mut Context<Self>) {
        let drawn = mix(self.seed ^ mix(event ^ mix(self.state)));
        // Most events change nothing, so that state spaces stay small.
        if !drawn.is_multiple_of(3) {
            return;
        }
        self.state = (self.state + (drawn >> 8) % 2) % 4;
        for part in 0..(drawn >> 16) % 3 {
            let to = Address::numbered("node", ((drawn >> (20 + 4 * part)) % self.nodes) as usize);
            ctx.send(to, (drawn >> (32 + part)) % 3);
        }
        match (drawn >> 40) % 6 {
            0 => ctx.set_timer(self.state % 2, Duration::from_millis(1 + (drawn >> 48) % 3)),
            1 => ctx.set_timer(9, Duration::from_millis(1)..=Duration::from_millis(3)),
            _ => {}
        }
        if (drawn >> 52).is_multiple_of(4) {
            self.result = Some(self.state % 2);
        }
    }
}

impl Node for Drawn {
    type Message = u64;
    type Timer = u64;

    fn init(&mut self, ctx: &mut Context<Self>) {
        ctx.send(Address::new("node0"), self.seed % 3);
        ctx.set_timer(7, Duration::from_millis(2));
    }

    fn on_message(&mut self, from: Address, message: u64, ctx: &mut Context<Self>) {
        self.react(message ^ u64::from(from.as_str().as_bytes()[4]) << 8, ctx);
    }

    fn on_timer(&mut self, timer: u64, ctx: &mut Context<Self>) {
        self.react(timer ^ 1 << 20, ctx);
    }
}

impl Client for Drawn {
    type Command = u64;
    type Result = u64;

    fn send_command(&mut self, command: u64, ctx: &mut Context<Self>) {
        self.result = None;
        self.react(command ^ 1 << 21, ctx);
        ctx.send(Address::new("node0"), command % 3);
    }

    fn result(&self) -> Option<u64> {
        self.result
    }
}

fn submission(nodes: u64) -> Submission {
    let make = move |_: Address, seed: u64| Drawn { seed, nodes, state: 0, result: None };
    Submission::new().with(Kind::node("node", make)).with(Kind::client("client", make))
}

/// A monitor that stores the order of the last calls and returns, and rejects one order.
struct LastThree {
    rejected: Option<[u8; 3]>,
}

impl LastThree {
    fn after(&self, state: &[u8], entry: u8) -> Result<Vec<u8>, CheckError> {
        let mut last = [state[1], state[2], entry];
        if self.rejected == Some(last) {
            return Err(violated("another order", format!("{last:?}")));
        }
        last[0] %= 2;
        Ok(last.to_vec())
    }
}

impl Monitor for LastThree {
    fn name(&self) -> &str {
        "clients are served in a good order"
    }

    fn start(&self) -> Vec<u8> {
        vec![0; 3]
    }

    fn on_call(&self, state: &[u8], client: Address, _: &[u8]) -> Result<Vec<u8>, CheckError> {
        self.after(state, client.as_str().as_bytes()[4] - b'0')
    }

    fn on_return(
        &self,
        state: &[u8],
        client: Address,
        result: &[u8],
    ) -> Result<Vec<u8>, CheckError> {
        self.after(state, 10 + client.as_str().as_bytes()[4] - b'0' + result[0])
    }
}

/// Holds if two nodes have these states.
fn states_are(name: &str, nodes: [u64; 2], states: [u64; 2]) -> Property {
    let addresses = nodes.map(|node| Address::numbered("node", node as usize));
    Property::new(name, move |view| {
        for (address, state) in addresses.into_iter().zip(states) {
            let bytes =
                view.state(address).map_err(|failure| CheckError::Node(address, failure))?;
            let node: Drawn = faultlab::codec::decode(&bytes).expect("a state");
            if node.state != state {
                return Err(violated(format!("{state}"), format!("{}", node.state)));
            }
        }
        Ok(())
    })
}

/// Holds if all clients have a result.
fn all_have_one() -> Property {
    Property::new("every client has a result", |view| {
        for client in view.clients() {
            if view.operations(client).first().is_none_or(|first| first.result.is_none()) {
                return Err(violated("a result", "none"));
            }
        }
        Ok(())
    })
    .of_each_client()
}

/// The random search of this seed.
fn drawn(seed: u64) -> (Submission, Search) {
    let draw = |what: u64, below: u64| mix(seed ^ mix(what)) % below;
    let nodes = 2 + draw(1, 3);
    let mut system = System::new();
    for node in 0..nodes {
        let address = Address::numbered("node", node as usize);
        let arguments = mix(seed ^ mix(100 + node));
        system = if draw(10 + node, 2) == 0 {
            let commands = draw(20 + node, 3);
            let work = Workload::<u64, u64>::template(commands, |turn| turn.index);
            system.client("client", address, &arguments, work)
        } else {
            system.node("node", address, &arguments)
        };
    }
    let mut search = Search::new(system).states_max(2_000).depth_max(12);
    if draw(2, 2) == 0 {
        let (nodes, states) = ([0, draw(3, nodes)], [1 + draw(4, 3), 1 + draw(5, 3)]);
        search = search.goal(states_are("two nodes are where they should be", nodes, states));
    }
    match draw(6, 3) {
        0 => search = search.prune(all_have_one()),
        1 => search = search.prune(states_are("two are far", [0, nodes - 1], [2, 2])),
        _ => {}
    }
    match draw(7, 3) {
        0 => search = search.monitor(LastThree { rejected: None }),
        1 => {
            let rejected = [draw(8, 2), 10 + draw(9, 2), draw(30, 5)].map(|entry| entry as u8);
            search = search.monitor(LastThree { rejected: Some(rejected) });
        }
        _ => {}
    }
    (submission(nodes), search)
}

/// The parts of a report that must be the same.
fn comparable(report: &Report) -> (&SearchResult, u64, usize) {
    (&report.result, report.statistics.states, report.statistics.depth)
}

/// The order in which nodes showed their last states.
fn last_shown(nodes: u64) -> impl Monitor + 'static {
    let nodes = (0..nodes).map(|node| Address::numbered("node", node as usize));
    watching("anything", nodes, &(), |last: &mut [Option<Address>; 2], node, _: u64| {
        *last = [last[1], Some(node)];
        Ok(())
    })
}

#[test]
fn sleep_sets_keep_the_orders_that_a_monitor_sees() {
    let (mut states, mut plain) = (0, 0);
    for seed in 0..150 {
        let nodes = drawn(seed).1.system().nodes().len() as u64;
        let make = move |_: Address, seed: u64| Drawn { seed, nodes, state: 0, result: None };
        let shows = |node: &Drawn, ()| node.state;
        let submission = Submission::new()
            .with(Kind::node("node", make).observing(shows))
            .with(Kind::client("client", make).observing(shows));
        let search =
            || drawn(seed).1.monitor(last_shown(nodes)).may_crash([Address::new("node0")], 1);
        let reduced = search().run(&submission);
        for other in [search().all_orders(), search().exact(), search().exact().all_orders()] {
            assert_eq!(comparable(&reduced), comparable(&other.run(&submission)), "seed {seed}");
        }
        states += reduced.statistics.states;
        plain += drawn(seed).1.run(&submission).statistics.states;
    }
    assert!(states > plain, "the order matters: {states} {plain}");
}

#[test]
fn sleep_sets_change_only_the_number_of_events() {
    let (mut exhausted, mut found, mut states, mut tried, mut all) = (0, 0, 0, 0, 0);
    for seed in 0..300 {
        let (submission, search) = drawn(seed);
        let reduced = search.run(&submission);
        let full = drawn(seed).1.all_orders().run(&submission);
        let exact = drawn(seed).1.all_orders().exact().run(&submission);
        let exact_reduced = drawn(seed).1.exact().run(&submission);
        assert_eq!(comparable(&reduced), comparable(&full), "seed {seed}");
        assert_eq!(comparable(&exact), comparable(&full), "seed {seed}");
        assert_eq!(comparable(&exact_reduced), comparable(&full), "seed {seed}");
        assert!(reduced.statistics.tried <= full.statistics.tried, "seed {seed}");
        match reduced.result {
            SearchResult::Exhausted => exhausted += 1,
            SearchResult::GoalFound(_) | SearchResult::Violated(_) => found += 1,
            SearchResult::LimitReached(_)
            | SearchResult::Failed(_)
            | SearchResult::InvalidStart(_) => {}
        }
        states += reduced.statistics.states;
        tried += reduced.statistics.tried;
        all += full.statistics.tried;
    }
    // Check that the protocols are varied enough to be a good test.
    println!("{exhausted} exhausted, {found} found, {states} states, {tried} of {all} tried");
    assert!(exhausted > 80 && found > 20 && states > 100_000, "{exhausted} {found} {states}");
    assert!(tried * 4 < all * 3, "{tried} of {all}");
}
