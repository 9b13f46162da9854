//! Simulated messages per second: Faultlab, turmoil and AnySystem.
//!
//! Each delivered message counts once, and handling it sends one message. `ping-pong` is one pair
//! of nodes; in `many-to-one`, 50 nodes talk to the same one. One thread, no faults.

use std::time::Duration;

use anysystem::{Message as AnyMessage, Process, System};
use faultlab::hosting::{Kind, LocalHost, Submission};
use faultlab::simulate::{Latency, Limits, LinkConditions, Options, Scenario, Simulation};
use faultlab::{Address, Context, Node, NodeSpec};
use faultlab_peers::{Row, median, print_table};
use serde::{Deserialize, Serialize};

const MESSAGES: u64 = 200_000;
const REPEATS: usize = 5;

/// The message, which is the same for all tools: a number and a short text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Ping {
    number: u64,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Player {
    opponent: Option<Address>,
    count: u64,
}

impl Node for Player {
    type Message = Ping;
    type Timer = ();

    fn init(&mut self, ctx: &mut Context<Self>) {
        if let Some(opponent) = self.opponent {
            ctx.send(opponent, Ping { number: 0, text: "ping".to_owned() });
        }
    }

    fn on_message(&mut self, from: Address, ping: Ping, ctx: &mut Context<Self>) {
        self.count += 1;
        ctx.send(from, Ping { number: ping.number + 1, text: ping.text });
    }
}

fn faultlab(senders: usize) {
    let submission =
        Submission::new().with(Kind::node("player", |_, opponent| Player { opponent, count: 0 }));
    let server = Address::new("server");
    let sender = |n| NodeSpec::node("player", Address::numbered("sender", n), &Some(server));
    let scenario = Scenario::new()
        .node(NodeSpec::node("player", server, &None::<Address>))
        .nodes((0..senders).map(sender))
        .link_conditions(LinkConditions {
            latency: Latency::between(Duration::from_millis(1), Duration::from_millis(2)),
            ..LinkConditions::reliable()
        })
        .until(Duration::from_secs(1 << 20))
        .limits(Limits { steps_max: MESSAGES + senders as u64 + 1, ..Limits::default() });
    let outcome =
        Simulation::new(scenario, 1).run(&mut LocalHost::new(&submission), Options::default());
    assert_eq!(outcome.delivered, MESSAGES);
}

/// turmoil moves messages once per tick of all hosts (a millisecond of virtual time). Without latency, a
/// message arrives in the next tick. A window of messages is in flight at a time, so that many messages
/// share the cost of a tick. This is the fastest way to use it.
fn turmoil(senders: usize, window: u64) {
    use turmoil::net::UdpSocket;
    let mut simulation = turmoil::Builder::new()
        .simulation_duration(Duration::from_secs(1 << 20))
        .min_message_latency(Duration::ZERO)
        .max_message_latency(Duration::ZERO)
        .udp_capacity(1 << 16)
        .rng_seed(1)
        .build();
    simulation.host("server", || async {
        let socket = UdpSocket::bind(("0.0.0.0", 9000)).await?;
        let mut buffer = [0; 64];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await?;
            socket.send_to(&buffer[..length], from).await?;
        }
    });
    let each = MESSAGES / 2 / senders as u64;
    for sender in 0..senders {
        simulation.client(format!("sender{sender}"), async move {
            let socket = UdpSocket::bind(("0.0.0.0", 9000)).await?;
            let mut buffer = [0; 64];
            for _ in 0..window {
                socket.send_to(b"\x00ping", ("server", 9000)).await?;
            }
            for _ in 0..each - window {
                let (length, from) = socket.recv_from(&mut buffer).await?;
                socket.send_to(&buffer[..length], from).await?;
            }
            for _ in 0..window {
                socket.recv_from(&mut buffer).await?;
            }
            Ok(())
        });
    }
    simulation.run().expect("the simulation ends");
}

#[derive(Clone)]
struct AnyPlayer {
    opponent: Option<String>,
}

impl Process for AnyPlayer {
    fn on_message(
        &mut self,
        message: AnyMessage,
        from: String,
        ctx: &mut anysystem::Context,
    ) -> Result<(), String> {
        ctx.send(message, from);
        Ok(())
    }

    fn on_local_message(
        &mut self,
        message: AnyMessage,
        ctx: &mut anysystem::Context,
    ) -> Result<(), String> {
        if let Some(opponent) = &self.opponent {
            ctx.send(message, opponent.clone());
        }
        Ok(())
    }

    fn on_timer(&mut self, _timer: String, _ctx: &mut anysystem::Context) -> Result<(), String> {
        Ok(())
    }
}

fn anysystem(senders: usize) {
    let mut system = System::new(1);
    system.network().set_delays(1.0, 2.0);
    system.add_node("server-node");
    system.add_process("server", Box::new(AnyPlayer { opponent: None }), "server-node");
    for sender in 0..senders {
        let (node, name) = (format!("sender-node{sender}"), format!("sender{sender}"));
        system.add_node(&node);
        let player = AnyPlayer { opponent: Some("server".to_owned()) };
        system.add_process(&name, Box::new(player), &node);
        system.send_local_message(&name, AnyMessage::new("PING", "0"));
    }
    system.steps(MESSAGES);
}

fn main() {
    for (title, senders) in [("ping-pong", 1), ("many-to-one, 50 senders", 50)] {
        let row =
            |name, run: &mut dyn FnMut()| Row { name, units: MESSAGES, time: median(REPEATS, run) };
        let rows = [
            row("faultlab", &mut || faultlab(senders)),
            row("turmoil, one message in flight", &mut || turmoil(senders, 1)),
            row("turmoil, 100 messages in flight", &mut || turmoil(senders, 100)),
            row("anysystem", &mut || anysystem(senders)),
        ];
        print_table(title, "messages", &rows);
    }
}
