//! The suite of lab 10.

use std::collections::BTreeMap;
use std::time::Duration;

use faultlab::property::{Property, clients_done, results_satisfy, violated};
use faultlab::simulate::{Network, Scenario};
use faultlab::workload::Workload;
use faultlab::{Address, NodeSpec};
use lab10_api::Visit;

use crate::{Part, Suite, Test};

const DESKS: usize = 2;

/// The suite of lab 10.
#[must_use]
pub fn suite() -> Suite {
    Suite::new("lab10", "An office").interface(lab10_api::interface()).part(
        Part::new(1, "Desks").test(
            Test::run("1.1", "Three clients at two desks on an unreliable network")
                .asserts("everybody gets tickets, and no desk gives a ticket twice")
                .points(10)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|_| visits(3).network(Network::unreliable())),
        ),
    )
}

fn visits(clients: usize) -> Scenario {
    let office = Address::new("office");
    let client = |number| {
        let work = Workload::<Visit, u64>::of([Visit(0), Visit(1), Visit(1), Visit(0)]);
        NodeSpec::client("client", Address::numbered("client", number), &(office, DESKS), work)
    };
    Scenario::new()
        .node(NodeSpec::node("office", office, &DESKS))
        .nodes((1..=clients).map(client))
        .until_done(Duration::from_secs(60))
        .check(no_ticket_twice())
        .check(clients_done())
}

fn no_ticket_twice() -> Property {
    results_satisfy::<Visit, u64>("no desk gives a ticket twice", |answered| {
        let mut owner = BTreeMap::new();
        for (client, pairs) in answered {
            for (Visit(desk), ticket) in pairs {
                if let Some(other) = owner.insert((*desk, *ticket), *client) {
                    let seen = format!("{other} and {client} have ticket {ticket} of desk {desk}");
                    return Err(violated("a ticket of one's own for every visit", seen));
                }
            }
        }
        Ok(())
    })
}
