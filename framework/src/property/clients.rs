//! Properties of clients' results and waiting times.

use std::time::Duration;

use super::{CheckError, Property, Subject, View, too_long, violated};
use crate::{Address, Value, codec};

/// Every result is the one that the workload expects.
#[must_use]
pub fn results_ok() -> Property {
    Property::new("results are right", |view| {
        for client in view.clients() {
            for (index, operation) in view.operations(client).iter().enumerate() {
                let (Some(expected), Some(result)) = (&operation.expected, &operation.result)
                else {
                    continue;
                };
                if expected != result {
                    let expected = view.show_result(expected);
                    let result = view.show_result(result);
                    let command = view.show_command(&operation.command);
                    return Err(violated(
                        format!(
                            "{client}'s command {}, {command}, to return {expected}",
                            index + 1
                        ),
                        format!("it returned {result}"),
                    )
                    .about(Subject::operation(client, index)));
                }
            }
        }
        Ok(())
    })
    .of_each_client()
}

/// Every client has all its results.
#[must_use]
pub fn clients_done() -> Property {
    Property::new("every client gets all its results", |view| {
        let waiting: Vec<Address> =
            view.clients().into_iter().filter(|&client| !view.is_done(client)).collect();
        match waiting.first() {
            None => Ok(()),
            Some(&client) => {
                let last = view.operations(client).len().saturating_sub(1);
                Err(violated("every command to be answered", waits(view, client))
                    .about(Subject::wait(client, last)))
            }
        }
    })
    .of_each_client()
}

/// No client has any result.
#[must_use]
pub fn none_decided() -> Property {
    Property::new("no client gets a result", |view| {
        for client in view.clients() {
            for (index, operation) in view.operations(client).iter().enumerate() {
                if let Some(result) = &operation.result {
                    let command = view.show_command(&operation.command);
                    let result = view.show_result(result);
                    return Err(violated(
                        "no result, as no server can have answered",
                        format!("{client} got {result} for {command}"),
                    )
                    .about(Subject::operation(client, index)));
                }
            }
        }
        Ok(())
    })
    .of_each_client()
    .depends_on_interventions()
}

/// No client has waited longer than `longest` for a result, or is waiting that long now.
#[must_use]
pub fn max_wait(longest: Duration) -> Property {
    let longest_ns = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
    Property::new(format!("no client waits longer than {longest:?}"), move |view| {
        let now_ns = view.now_ns().unwrap_or(0);
        let mut worst: Option<(u64, Address, usize)> = None;
        for client in view.clients() {
            for (index, operation) in view.operations(client).iter().enumerate() {
                let wait_ns =
                    operation.return_ns.unwrap_or(now_ns).saturating_sub(operation.call_ns);
                if wait_ns > longest_ns && worst.is_none_or(|(worst_ns, ..)| wait_ns > worst_ns) {
                    worst = Some((wait_ns, client, index));
                }
            }
        }
        let Some((wait_ns, client, index)) = worst else { return Ok(()) };
        let operation = &view.operations(client)[index];
        let verb = if operation.result.is_some() { "waited" } else { "had waited" };
        Err(violated(
            format!("every result within {longest:?}"),
            format!(
                "{client} {verb} {:?} for the result of command {}, {}",
                too_long(wait_ns),
                index + 1,
                view.show_command(&operation.command),
            ),
        )
        .about(Subject::wait(client, index)))
    })
}

/// The results of all clients satisfy `check`, which gets each client's answered commands in order.
/// `C` and `R` are the lab's command and result types.
pub fn results_satisfy<C: Value, R: Value>(
    name: impl Into<String>,
    check: impl Fn(&[(Address, Vec<(C, R)>)]) -> Result<(), CheckError> + Send + Sync + 'static,
) -> Property {
    Property::new(name, move |view| {
        let mut answered = Vec::new();
        for client in view.clients() {
            let mut pairs = Vec::new();
            for operation in view.operations(client) {
                let Some(result) = &operation.result else { continue };
                match (codec::decode(&operation.command), codec::decode(result)) {
                    (Ok(command), Ok(result)) => pairs.push((command, result)),
                    (Err(error), _) | (_, Err(error)) => {
                        return Err(violated(
                            "results of the lab's types",
                            format!("{client} has one that cannot be read: {error}"),
                        ));
                    }
                }
            }
            answered.push((client, pairs));
        }
        check(&answered)
    })
}

/// Describes what a client that is not done is waiting for.
fn waits(view: &dyn View, client: Address) -> String {
    let operations = view.operations(client);
    let answered = operations.iter().filter(|operation| operation.result.is_some()).count();
    match operations.last().filter(|operation| operation.result.is_none()) {
        Some(operation) => {
            let command = view.show_command(&operation.command);
            let since = match view.now_ns() {
                // Golden traces contain this text, to the nanosecond.
                Some(now_ns) => format!(
                    " after {:?}",
                    Duration::from_nanos(now_ns.saturating_sub(operation.call_ns))
                ),
                None => String::new(),
            };
            format!("{client} has no result for command {}, {command}{since}", answered + 1)
        }
        None => format!("{client} has had {answered} results and is not done"),
    }
}
