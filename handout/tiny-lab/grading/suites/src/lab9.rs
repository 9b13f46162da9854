//! The suite of lab 9.

use std::collections::BTreeMap;
use std::time::Duration;

use faultlab::{Address, NodeSpec};
use faultlab::property::{Property, clients_done, results_satisfy, violated};
use faultlab::simulate::{Network, Scenario};
use faultlab::workload::Workload;
use lab9_api::Draw;

use crate::{Part, Suite, Test};

/// The suite of lab 9.
#[must_use]
pub fn suite() -> Suite {
    Suite::new("lab9", "Tickets").interface(lab9_api::interface()).part(
        Part::new(1, "Tickets").test(
            Test::run("1.1", "Three clients on an unreliable network")
                .asserts("everybody gets tickets, and no ticket is given twice")
                .points(10)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|_| drawing(3).network(Network::unreliable())),
        ),
    )
}

fn drawing(clients: usize) -> Scenario {
    let server = Address::new("server");
    let client = |number| {
        let work = Workload::<Draw, u64>::of([Draw, Draw, Draw, Draw]);
        NodeSpec::client("client", Address::numbered("client", number), &server, work)
    };
    Scenario::new()
        .node(NodeSpec::node("server", server, &()))
        .nodes((1..=clients).map(client))
        .until_done(Duration::from_secs(60))
        .check(no_ticket_twice())
        .check(clients_done())
}

fn no_ticket_twice() -> Property {
    results_satisfy::<Draw, u64>("no ticket is given twice", |answered| {
        let mut owner = BTreeMap::new();
        for (client, pairs) in answered {
            for (_, ticket) in pairs {
                if let Some(other) = owner.insert(*ticket, *client) {
                    let seen = format!("{other} and {client} both have ticket {ticket}");
                    return Err(violated("a ticket of one's own for every draw", seen));
                }
            }
        }
        Ok(())
    })
}
