//! The peer's tests 2.17 to 2.19, each from a state that is staged by what the view server shows.

use faultlab::linearizability::Sequential;
use faultlab::property::{Property, clients_done, observe, violated};
use faultlab::search::{Explorer, ExplorerError, Linearizable, Measure, Search};
use faultlab::workload::Workload;
use faultlab::{Address, System};
use faultlab_suites::{SearchPlan, Test, TestBuilder};

use crate::primary_backup::{OneCopy, View, view_server};
use crate::{client, server, without};

fn titled(number: &str, title: &str) -> TestBuilder {
    Test::search(number, title).asserts("appends are those of one copy").points(15)
}

/// Servers, and clients that each append these texts.
fn system(servers: usize, texts: &[&[&str]]) -> Search {
    let mut system = System::new().node("view-server", view_server(), &());
    for number in 1..=servers {
        system = system.node("server", server(number), &());
    }
    for (number, texts) in (1..).zip(texts) {
        let work = Workload::<String, String>::of(texts.iter().map(ToString::to_string));
        system = system.client("client", client(number), &(), work);
    }
    let one_copy =
        Linearizable::new("appends are linearizable", Sequential::new(OneCopy::default()));
    Search::new(system)
        .monitor(one_copy)
        .states_max(300_000)
        .measure(Measure::new("the view", |view| {
            observe::<(), View>(view, view_server(), &()).map(|view| view.number)
        }))
}

/// The view server shows this view, and its servers show that they serve in it.
fn view_is(number: u64, primary: usize, backup: Option<usize>) -> Property {
    let wanted = View { number, primary: Some(server(primary)), backup: backup.map(server) };
    Property::new(format!("servers serve in view {number}"), move |view| {
        let now: View = observe(view, view_server(), &())?;
        if now != wanted {
            return Err(violated(format!("{wanted:?}"), format!("{now:?}")));
        }
        for member in wanted.primary.into_iter().chain(wanted.backup) {
            match observe::<(), u64>(view, member, &())? {
                serving if serving == number => {}
                serving => {
                    let expected = format!("{member} to serve in view {number}");
                    return Err(violated(expected, format!("it serves in view {serving}")));
                }
            }
        }
        Ok(())
    })
}

/// A view from this number on.
fn view_from(number: u64) -> Property {
    Property::new(format!("the view is at least {number}"), move |view| match observe::<(), View>(
        view,
        view_server(),
        &(),
    )?
    .number
    {
        now if now >= number => Ok(()),
        now => Err(violated(format!("at least {number}"), now.to_string())),
    })
}

fn result_is(client: Address, result: &'static str) -> Property {
    Property::new(format!("{client} gets {result}"), move |view| {
        let shown = view.operations(client).first().and_then(|it| it.result.clone());
        let shown = shown.map(|shown| view.show_result(&shown)).unwrap_or_default();
        if shown == format!("{result:?}") { Ok(()) } else { Err(violated(result, shown)) }
    })
}

const VIEW_2: &str = "view 2 is (server1, server2)";

/// The most states of a search that only looks whether something goes wrong.
const SOME: u64 = 10_000;

/// Both clients learn the view, and send their requests to its primary.
fn send_both(run: &mut Explorer<'_>) -> Result<bool, ExplorerError> {
    for client in [client(1), client(2)] {
        run.deliver(client, view_server(), |_| true)?;
        run.deliver(view_server(), client, |_| true)?;
    }
    Ok(true)
}

pub fn test_2_17() -> Test {
    titled("2.17", "Search: a backup, and one more server").searches(|_| {
        let two = |search| without(search, &[server(3)]);
        SearchPlan::of(system(3, &[&["x", "y"]]))
            .reach(VIEW_2, move |search| {
                without(two(search), &[client(1)]).goal(view_is(2, 1, Some(2)))
            })
            .reach("every answer", move |search| {
                two(search).prune(view_from(3)).goal(clients_done())
            })
            .from(VIEW_2)
            .explore("any order until view 4", move |search| {
                two(search).prune(clients_done()).prune(view_from(4)).states_max(SOME)
            })
            .explore("any order", move |search| two(search).prune(clients_done()).states_max(SOME))
            .explore("any order, with server3", |search| {
                search.prune(clients_done()).states_max(SOME)
            })
    })
}

pub fn test_2_18() -> Test {
    titled("2.18", "Search: two requests at the primary").searches(|_| {
        let alone = |search| without(search, &[client(1), client(2)]);
        SearchPlan::of(system(2, &[&["x"], &["y"]]))
            .reach(VIEW_2, move |search| alone(search).goal(view_is(2, 1, Some(2))))
            .changing(send_both)
            .reach("both answers", |search| search.prune(view_from(3)).goal(clients_done()))
            .from(VIEW_2)
            .changing(send_both)
            .explore("any order", |search| search.prune(clients_done()).states_max(SOME))
            .reach("client1 gets x", |search| {
                without(search, &[client(2)]).prune(view_from(3)).goal(result_is(client(1), "x"))
            })
            .reach("view 3 is (server2)", move |search| {
                alone(search).prune(view_from(4)).goal(view_is(3, 2, None))
            })
            .reach("client2 gets xy", |search| {
                search.prune(view_from(4)).goal(result_is(client(2), "xy"))
            })
    })
}

pub fn test_2_19() -> Test {
    titled("2.19", "Search: a server that was away is alone").searches(|_| {
        let alone = |search| without(search, &[client(1), client(2)]);
        SearchPlan::of(system(2, &[&["x"], &["y"]]))
            .reach(VIEW_2, move |search| alone(search).goal(view_is(2, 1, Some(2))))
            .reach("view 3 is (server1)", move |search| {
                alone(search).prune(view_from(4)).goal(view_is(3, 1, None))
            })
            .reach("client1 gets x from server1 alone", |search| {
                without(search, &[server(2), client(2)]).goal(result_is(client(1), "x"))
            })
            .reach("view 4 is (server1, server2)", move |search| {
                alone(search).prune(view_from(5)).goal(view_is(4, 1, Some(2)))
            })
            .reach("view 5 is (server2)", move |search| {
                alone(search).prune(view_from(6)).goal(view_is(5, 2, None))
            })
            .changing(|run| run.partition(&[&[server(1)], &[client(2)]]))
            .reach("client2 gets xy", |search| search.goal(result_is(client(2), "xy")))
            .from("view 5 is (server2)")
            .explore("any order from there", |search| search.states_max(SOME))
    })
}
