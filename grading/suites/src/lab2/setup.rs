//! Shared setup: the view server, servers, clients, and what the view server shows.

use faultlab::property::{CheckError, Property, View as RunView, observe, violated};
use faultlab::simulate::{LinkConditions, Network, Rate, Scenario};
use faultlab::{Address, NodeSpec, System};
use lab2_api::{Shown, View};

use crate::lab1::setup::{KvWorkload, ms, seconds, sometimes_slow};

/// The view server.
#[must_use]
pub fn view_server() -> Address {
    Address::new("viewserver")
}

/// A server, numbered from 1.
#[must_use]
pub fn server(number: usize) -> Address {
    Address::numbered("server", number)
}

/// A server that pings the view server.
#[must_use]
pub fn serving(number: usize) -> NodeSpec {
    NodeSpec::node("server", server(number), &view_server())
}

/// A client that learns from the view server whom to ask.
#[must_use]
pub fn asking(address: Address, work: KvWorkload) -> NodeSpec {
    NodeSpec::client("client", address, &view_server(), work)
}

/// The view server, so many servers, and clients with work: for runs and for searches.
#[must_use]
pub fn system(servers: usize, clients: impl IntoIterator<Item = (Address, KvWorkload)>) -> System {
    let system = System::new().node("view-server", view_server(), &());
    let system = (1..=servers).map(serving).fold(system, System::with);
    clients.into_iter().map(|(address, work)| asking(address, work)).fold(system, System::with)
}

/// The same for a run, until every client has all its results, but at most for two minutes, and at most for twenty
/// seconds in which no client gets a result.
#[must_use]
pub fn run_of(
    servers: usize,
    clients: impl IntoIterator<Item = (Address, KvWorkload)>,
) -> Scenario {
    to_the_end(Scenario::new().system(system(servers, clients)))
}

/// Until every client has all its results, but at most for two minutes, and at most for twenty seconds in which no
/// client gets a result. Servers notice within 200 ms who has crashed, and clients ask again after 100.
#[must_use]
pub fn to_the_end(scenario: Scenario) -> Scenario {
    scenario.until_done(seconds(120)).until_stalled(seconds(20))
}

/// A network that loses, duplicates and delays, but not to and from the view server: so a server is believed dead
/// only when it is. Otherwise a right system may be stuck for ever when one crashes: see the chapter.
#[must_use]
pub fn unreliable_but_views(servers: usize) -> Network {
    (1..=servers).map(server).fold(Network::unreliable(), |network, server| {
        network.link(server, view_server(), late_by_less_than_a_check()).link(
            view_server(),
            server,
            late_by_less_than_a_check(),
        )
    })
}

/// A link that loses nothing, and delays nothing for so long that a server seems dead which pings every 25 ms.
#[must_use]
pub fn late_by_less_than_a_check() -> LinkConditions {
    LinkConditions { duplicate: Rate::percent(20), ..sometimes_slow(15, ms(60)) }
}

/// A link that loses less than is usual: servers seem dead now and then, but are not all the time.
#[must_use]
pub fn lossy() -> LinkConditions {
    LinkConditions {
        drop: Rate::percent(10),
        duplicate: Rate::percent(20),
        ..sometimes_slow(15, ms(300))
    }
}

/// What the view server shows.
///
/// # Errors
/// When its code fails.
pub fn shown(view: &mut dyn RunView) -> Result<Shown, CheckError> {
    observe::<(), Shown>(view, view_server(), &())
}

/// Holds while the view server shows a view with a primary and a backup that is acknowledged: the backup has the state.
#[must_use]
pub fn in_place() -> Property {
    Property::new("a primary and a backup are in place", |view| match shown(view)? {
        Shown { view: View { backup: Some(_), .. }, is_acknowledged: true } => Ok(()),
        other => Err(violated("an acknowledged view with a backup", describe(other))),
    })
}

/// Holds while the view server shows this primary and this backup, in an acknowledged view.
#[must_use]
pub fn serve(primary: Address, backup: Option<Address>) -> Property {
    let wanted = format!("({primary}, {})", backup.map_or("-".to_owned(), |it| it.to_string()));
    Property::new(format!("{wanted} serve"), move |view| {
        let now = shown(view)?;
        if now.is_acknowledged && now.view.primary == Some(primary) && now.view.backup == backup {
            Ok(())
        } else {
            Err(violated(format!("an acknowledged view {wanted}"), describe(now)))
        }
    })
}

/// Holds while the view's number is at least this one.
#[must_use]
pub fn view_from(number: u64) -> Property {
    Property::new(format!("the view is at least {number}"), move |view| match shown(view)? {
        now if now.view.number >= number => Ok(()),
        now => Err(violated(format!("at least view {number}"), describe(now))),
    })
}

/// What the view server shows, in words.
pub(super) fn describe(shown: Shown) -> String {
    let acknowledged = if shown.is_acknowledged { "acknowledged" } else { "not acknowledged" };
    format!("{}, {acknowledged}", shown.view)
}

/// Holds once a client has had so many results.
#[must_use]
pub fn answered(client: Address, results: usize) -> Property {
    Property::new(format!("{client} has {results} results"), move |view| {
        let had = view.operations(client).iter().filter(|it| it.result.is_some()).count();
        if had >= results {
            Ok(())
        } else {
            Err(violated(format!("{results} results"), format!("{client} has {had}")))
        }
    })
}

/// Both hold.
#[must_use]
pub fn both(first: Property, second: Property) -> Property {
    let name = format!("{}, and {}", first.name(), second.name());
    Property::new(name, move |view| {
        first.check(view)?;
        second.check(view)
    })
}
