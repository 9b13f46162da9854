//! Ping-pong for AnySystem's model checker: clients ping a server until they have all answers.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anysystem::mc::strategies::Bfs;
use anysystem::mc::{ModelChecker, StrategyConfig};
use anysystem::{Context, Message, Process, ProcessState, System};

#[derive(Clone)]
struct Server;

impl Process for Server {
    fn on_message(&mut self, ping: Message, from: String, ctx: &mut Context) -> Result<(), String> {
        ctx.send(Message::new("PONG", &ping.data), from);
        Ok(())
    }

    fn on_local_message(&mut self, _: Message, _: &mut Context) -> Result<(), String> {
        Ok(())
    }

    fn on_timer(&mut self, _: String, _: &mut Context) -> Result<(), String> {
        Ok(())
    }
}

#[derive(Clone)]
struct Client {
    answered: u64,
    all: u64,
}

impl Client {
    fn ping(&self, ctx: &mut Context) {
        ctx.send(Message::new("PING", &self.answered.to_string()), "server".to_owned());
        ctx.set_timer("retry", 10.0);
    }
}

impl Process for Client {
    fn on_message(&mut self, pong: Message, _: String, ctx: &mut Context) -> Result<(), String> {
        if pong.data == self.answered.to_string() {
            self.answered += 1;
            ctx.cancel_timer("retry");
            if self.answered < self.all {
                self.ping(ctx);
            } else {
                ctx.send_local(pong);
            }
        }
        Ok(())
    }

    fn on_local_message(&mut self, _: Message, ctx: &mut Context) -> Result<(), String> {
        self.ping(ctx);
        Ok(())
    }

    fn on_timer(&mut self, _: String, ctx: &mut Context) -> Result<(), String> {
        if self.answered < self.all {
            self.ping(ctx);
        }
        Ok(())
    }

    fn state(&self) -> Result<Rc<dyn ProcessState>, String> {
        Ok(Rc::new(self.answered.to_string()))
    }

    fn set_state(&mut self, state: Rc<dyn ProcessState>) -> Result<(), String> {
        let text = state.downcast_rc::<String>().map_err(|_| "not a text".to_owned())?;
        self.answered = text.parse().map_err(|_| "not a number".to_owned())?;
        Ok(())
    }
}

/// Searches breadth-first for this time. Returns the number of states.
#[must_use]
pub fn states(clients: usize, pings: u64, time: Duration) -> u64 {
    let mut system = System::new(1);
    system.add_node("server");
    system.add_process("server", Box::new(Server), "server");
    for client in 0..clients {
        let name = format!("client{client}");
        system.add_node(&name);
        system.add_process(&name, Box::new(Client { answered: 0, all: pings }), &name);
        system.send_local_message(&name, Message::new("START", ""));
    }
    system.network().set_drop_rate(0.1);
    system.network().set_dupl_rate(0.1);
    let started = Instant::now();
    let seen = Rc::new(Cell::new(0));
    let counter = Rc::clone(&seen);
    let config = StrategyConfig::default().invariant(Box::new(move |_| {
        counter.set(counter.get() + 1);
        if started.elapsed() < time { Ok(()) } else { Err("time is up".to_owned()) }
    }));
    // The only possible error is that the time is up.
    let _ = ModelChecker::new(&system).run::<Bfs>(config);
    seen.get()
}
