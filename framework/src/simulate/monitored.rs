//! Monitors of a run: each is told after every event what clients called and got, and what nodes show.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Address;
use crate::property::{CheckError, Monitor, Property, View};

/// The property that a monitor accepts one run so far. It must be checked after every event, and only in that run.
pub(super) fn accepts(monitor: Arc<dyn Monitor>) -> Property {
    let told = Told { state: monitor.start(), operations: BTreeMap::new(), shown: BTreeMap::new() };
    let told = Mutex::new(told);
    Property::new(monitor.name().to_owned(), move |view| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        // If a node cannot be asked now, the monitor is told everything the next time.
        *told = told.clone().after_an_event(monitor.as_ref(), view)?;
        Ok(())
    })
}

/// What a monitor has been told, and its state.
#[derive(Clone)]
struct Told {
    state: Vec<u8>,
    /// For each client, its number of calls and returns.
    operations: BTreeMap<Address, (usize, usize)>,
    /// What each node shows.
    shown: BTreeMap<Address, Vec<u8>>,
}

impl Told {
    fn after_an_event(
        mut self,
        monitor: &dyn Monitor,
        view: &mut dyn View,
    ) -> Result<Self, CheckError> {
        for client in view.clients() {
            let (calls, returns) = self.operations.entry(client).or_default();
            for (index, operation) in view.operations(client).iter().enumerate().skip(*returns) {
                if index >= *calls {
                    self.state = monitor.on_call(&self.state, client, &operation.command)?;
                    *calls += 1;
                }
                if let Some(result) = &operation.result {
                    self.state = monitor.on_return(&self.state, client, result)?;
                    *returns += 1;
                }
            }
        }
        for node in view.nodes() {
            let Some(question) = monitor.question(node) else { continue };
            let answer = view.observe(node, &question);
            let answer = answer.map_err(|failure| CheckError::Node(node, failure))?;
            if self.shown.get(&node) != Some(&answer) {
                self.state = monitor.on_shown(&self.state, node, &answer)?;
                self.shown.insert(node, answer);
            }
        }
        Ok(self)
    }
}
