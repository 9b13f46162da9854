//! The states of a search's monitor, interned.

use super::client_drivers::{CALL, RETURN};
use super::handlers::Handlers;
use super::intern::Blobs;
use super::pairs::PairMap;
use super::shown::SHOWN;
use crate::property::{CheckError, Monitor};

/// A monitor's state, or how its property was violated. A violated property stays violated.
pub(super) type MonitorState = Result<Vec<u8>, CheckError>;

/// A monitor and all states it has reached so far.
pub(super) struct MonitorMemo<'m> {
    monitor: &'m dyn Monitor,
    states: Blobs,
    error: Vec<CheckError>,
    known: PairMap,
}

/// Ids from here on are violations.
const BROKEN: u32 = 1 << 31;

impl<'m> MonitorMemo<'m> {
    /// A memo for this monitor. Its first state has the id 0.
    pub(super) fn new(monitor: &'m dyn Monitor) -> Self {
        let mut states = Blobs::default();
        states.intern(0, &monitor.start());
        Self { monitor, states, error: Vec::new(), known: PairMap::new() }
    }

    pub(super) fn name(&self) -> &str {
        self.monitor.name()
    }

    /// Interns a state of another instance of the same monitor and returns its id.
    pub(super) fn intern(&mut self, monitor_state: MonitorState) -> u32 {
        match monitor_state {
            Ok(state) => self.states.intern(0, &state),
            Err(broken) => self.intern_broken(broken),
        }
    }

    fn intern_broken(&mut self, broken: CheckError) -> u32 {
        let known = self.error.iter().position(|other| *other == broken);
        let index = known.unwrap_or_else(|| {
            self.error.push(broken);
            self.error.len() - 1
        });
        BROKEN + index as u32
    }

    /// Returns the state with this id, or how the property was violated.
    pub(super) fn monitor_state(&self, id: u32) -> MonitorState {
        match self.broken(id) {
            Some(broken) => Err(broken.clone()),
            None => Ok(self.states.bytes(id).to_vec()),
        }
    }

    /// The number of states that are not violations.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// How the property was violated, if this state is a violation.
    #[inline]
    pub(super) fn broken(&self, id: u32) -> Option<&CheckError> {
        if id < BROKEN { None } else { self.error.get((id - BROKEN) as usize) }
    }

    /// The state after these calls, if it is known.
    #[inline]
    pub(super) fn after(&self, state: u32, calls: u32) -> Option<u32> {
        self.known.get(state, calls)
    }

    /// Computes the state after these calls. A violated property stays violated.
    pub(super) fn resolve(&mut self, state: u32, calls: u32, handlers: &Handlers<'_>) -> u32 {
        if self.broken(state).is_some() {
            return state;
        }
        if let Some(known) = self.after(state, calls) {
            return known;
        }
        let list = handlers.lists.get(calls);
        let client = handlers.address(list[0] as usize);
        let mut bytes = self.states.bytes(state).to_vec();
        let mut outcome = Ok(());
        for &entry in &list[1..] {
            let next = if entry & SHOWN != 0 {
                let answer = handlers.shown.answer(entry & !SHOWN);
                let answer = answer.map_err(|failure| CheckError::Node(client, failure.clone()));
                answer.and_then(|answer| self.monitor.on_shown(&bytes, client, answer))
            } else if entry & 1 == CALL {
                self.monitor.on_call(&bytes, client, handlers.commands.bytes(entry >> 1))
            } else {
                debug_assert_eq!(entry & 1, RETURN);
                self.monitor.on_return(&bytes, client, handlers.results.bytes(entry >> 1))
            };
            match next {
                Ok(next) => bytes = next,
                Err(broken) => {
                    outcome = Err(broken);
                    break;
                }
            }
        }
        let after = match outcome {
            Ok(()) => self.states.intern(0, &bytes),
            Err(broken) => self.intern_broken(broken),
        };
        self.known.insert(state, calls, after);
        after
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.states.memory_bytes() + self.known.memory_bytes()
    }
}
