//! Random small protocols: a seed determines each handler's reaction.

mod call_order;
mod case;

pub use call_order::{CallOrder, REMAINDERS};
pub use case::{Case, Size};

use std::time::Duration;

use faultlab::random::mix;
use faultlab::{Address, Client, Context, Durable, Node, Stored};
use serde::{Deserialize, Serialize};

use crate::world::Plain;

/// The constructor arguments of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Nature {
    /// Determines all reactions.
    pub seed: u64,
    /// The number of nodes to send to.
    pub nodes: u64,
    /// One of this many events changes something.
    pub one_in: u64,
    /// One of this many reactions sets a timer; zero for none.
    pub timer_one_in: u64,
    /// The number of timer values. With fewer values, more timers are equal.
    pub timer_values: u64,
    /// The maximum number of messages that a reaction sends.
    pub sends: u64,
    /// One of this many reactions has a result.
    pub result_one_in: u64,
    /// Whether it sometimes sends to an address without a node.
    pub strangers: bool,
    /// It answers commands immediately, except for one of this many; zero for never.
    pub prompt: u64,
    /// The most entries that it has in its log. If zero, it writes nothing at all.
    pub entries: u64,
}

/// A node of a protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Drawn {
    nature: Nature,
    state: u64,
    result: Option<u64>,
    /// How many entries it has appended or found.
    appended: u64,
}

/// The durations of timers, in milliseconds. Some are equal, and some pairs must fire in order.
const DURATIONS: [(u64, u64); 8] = [(1, 1), (2, 2), (1, 3), (2, 4), (3, 3), (3, 5), (1, 1), (5, 8)];

/// The number of states that a node can be in.
const STATES: u64 = 4;

impl Drawn {
    /// A node that has not started.
    #[must_use]
    pub fn new(nature: Nature) -> Self {
        Self { nature, state: 0, result: None, appended: 0 }
    }

    fn react(&mut self, event: u64, ctx: &mut Context<Self>) {
        let Nature { seed, nodes, one_in, timer_one_in, timer_values, sends, strangers, .. } =
            self.nature;
        let drawn = mix(seed ^ mix(event ^ mix(self.state)));
        if !drawn.is_multiple_of(one_in) {
            return;
        }
        self.state = (self.state + (drawn >> 8) % 2) % STATES;
        self.write(drawn >> 10, ctx);
        for part in 0..(drawn >> 16) % (sends + 1) {
            if part > 0 {
                self.write(drawn >> 13, ctx);
            }
            let to = (drawn >> (20 + 4 * part)) % (8 * nodes + 1);
            let to = match to == 8 * nodes {
                false => to % nodes,
                // No node has this number.
                true if strangers => nodes,
                true => continue,
            };
            ctx.send(Address::numbered("node", to as usize), (drawn >> (32 + part)) % 3);
        }
        if timer_one_in > 0 && (drawn >> 40).is_multiple_of(timer_one_in) {
            set_timer((drawn >> 44) % timer_values, drawn >> 48, ctx);
        }
        if timer_one_in == 1 && (drawn >> 41).is_multiple_of(3) {
            set_timer((drawn >> 45) % timer_values, drawn >> 53, ctx);
        }
        if (drawn >> 52).is_multiple_of(self.nature.result_one_in) {
            self.result = Some(self.state % 2);
        }
    }

    /// Writes to its storage, or does not.
    fn write(&mut self, drawn: u64, ctx: &mut Context<Self>) {
        if self.nature.entries == 0 {
            return;
        }
        match drawn % 8 {
            0 | 1 => ctx.save(&self.state),
            2 | 3 if self.appended < self.nature.entries => {
                self.appended += 1;
                ctx.append(&(100 * (drawn >> 3 & 3) + self.state));
            }
            4 => ctx.sync(),
            _ => {}
        }
    }
}

fn set_timer(value: u64, drawn: u64, ctx: &mut Context<Drawn>) {
    let (min, max) = DURATIONS[drawn as usize % DURATIONS.len()];
    ctx.set_timer(value, Duration::from_millis(min)..=Duration::from_millis(max));
}

impl Node for Drawn {
    type Message = u64;
    type Timer = u64;

    fn init(&mut self, ctx: &mut Context<Self>) {
        let Nature { seed, nodes, timer_one_in, timer_values, .. } = self.nature;
        ctx.send(Address::numbered("node", (seed % nodes) as usize), seed % 3);
        if timer_one_in > 0 {
            for part in 0..1 + (seed >> 8) % 3 {
                set_timer((seed >> (12 + part)) % timer_values, seed >> (16 + 4 * part), ctx);
            }
        }
    }

    fn on_message(&mut self, from: Address, message: u64, ctx: &mut Context<Self>) {
        self.react(message ^ (number_of(from) << 8), ctx);
    }

    fn on_timer(&mut self, timer: u64, ctx: &mut Context<Self>) {
        self.react(timer ^ (1 << 20), ctx);
    }
}

impl Client for Drawn {
    type Command = u64;
    type Result = u64;

    fn send_command(&mut self, command: u64, ctx: &mut Context<Self>) {
        self.result = None;
        let prompt = self.nature.prompt;
        if prompt > 0 && command % prompt != prompt - 1 {
            self.result = Some(command % 2);
            return;
        }
        self.react((command % 3) ^ (1 << 21), ctx);
        ctx.send(Address::new("node0"), command % 3);
    }

    fn result(&self) -> Option<u64> {
        self.result
    }
}

impl Durable for Drawn {
    type Record = u64;
    type Entry = u64;

    fn restore(&mut self, stored: Stored<u64, u64>, ctx: &mut Context<Self>) {
        self.appended = stored.log.len() as u64;
        let log = stored.log.iter().fold(0_u64, |sum, &entry| mix(sum ^ entry));
        let found = mix(stored.record.unwrap_or(7) ^ log ^ u64::from(stored.is_damaged) << 60);
        self.state = found % STATES;
        self.react((found % 3) ^ (1 << 22), ctx);
    }
}

impl Plain for Drawn {
    fn observed(&self) -> u64 {
        self.state
    }

    fn come_back(&mut self, stored: Stored<u64, u64>, ctx: &mut Context<Self>) {
        self.restore(stored, ctx);
    }
}

/// The number at the end of a node's address.
pub(crate) fn number_of(address: Address) -> u64 {
    address.as_str().trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0)
}
