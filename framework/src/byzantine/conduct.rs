//! A Byzantine node in a run: turns what its own code sends into what is sent.

use super::script::{Act, Scene};
use super::{Behaviour, equivocate, mutate, replay, silent, spoof, twin};
use crate::Address;
use crate::hosting::{EncodedEffect, Event, Output};
use crate::random::{Random, Rate};

/// A Byzantine node in a run.
pub(crate) struct Conduct {
    behaviour: Behaviour,
    node: Address,
    seed: u64,
    /// Of a twin: whether it is the second copy.
    is_second: bool,
    /// How many chances to misbehave it has had.
    chances: u64,
    /// The messages that its own code has sent, without equal ones, for a behaviour that needs them.
    earlier: Vec<Vec<u8>>,
    script: Option<Box<Act>>,
    output: Output,
    deeds: Vec<Option<Deed>>,
}

/// The most earlier messages that are kept.
const EARLIER_MAX: usize = 64;

/// What a behaviour did to a message that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deed {
    /// The behaviour's name.
    pub(crate) behaviour: &'static str,
    /// Which of the node's chances to misbehave it was.
    pub(crate) chance: u64,
    /// Whether it is kept from the network.
    pub(crate) is_withheld: bool,
    /// The sender that it names, if that is another node.
    pub(crate) claims: Option<Address>,
    /// The message that the node's own code sent in its place.
    pub(crate) instead_of: Option<Vec<u8>>,
}

/// Decides whether a node takes a chance to misbehave, given its number.
pub(crate) type Chance<'c> = dyn FnMut(u64) -> bool + 'c;

/// A message that a node's own code sends.
pub(super) struct Own<'a> {
    pub(super) seed: u64,
    pub(super) node: Address,
    pub(super) to: Address,
    pub(super) message: &'a [u8],
    /// The other nodes.
    pub(super) others: &'a [Address],
    pub(super) earlier: &'a [Vec<u8>],
}

/// What a behaviour does to a message.
pub(super) enum Treatment {
    /// It is not sent.
    Withhold,
    /// Another one is sent.
    Instead(Vec<u8>),
    /// It is sent in this node's name.
    Claim(Address),
    /// Another one is sent as well.
    Also { to: Address, message: Vec<u8> },
}

impl Conduct {
    /// A node of this name in a run with this seed. `is_second` says whether it is a twin's second copy.
    pub(crate) fn new(behaviour: Behaviour, node: Address, seed: u64, is_second: bool) -> Self {
        let script = match &behaviour {
            Behaviour::Script(script) => Some(script.start()),
            _ => None,
        };
        Self {
            behaviour,
            node,
            seed,
            is_second,
            chances: 0,
            earlier: Vec::new(),
            script,
            output: Output::new(),
            deeds: Vec::new(),
        }
    }

    /// The output of the last step, as it is.
    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    /// For each message of that output, what the behaviour did, if anything.
    pub(crate) fn deeds(&self) -> &[Option<Deed>] {
        &self.deeds
    }

    /// Takes in what the node's own code did at an event. `others` are the other nodes.
    pub(crate) fn take(
        &mut self,
        event: Event<'_>,
        own: &Output,
        others: &[Address],
        chance: &mut Chance<'_>,
    ) {
        self.output.clear();
        self.deeds.clear();
        for effect in own.effects() {
            match *effect {
                EncodedEffect::Send { to, message } => {
                    self.take_message(to, own.get(message), others, chance);
                }
                EncodedEffect::SetTimer { timer, min_ns, max_ns } => {
                    self.output.push_timer(own.get(timer), min_ns, max_ns);
                }
                EncodedEffect::Log { line } => self.output.push_log(&own.text(line)),
                EncodedEffect::Save { record } => self.output.push_save(own.get(record)),
                EncodedEffect::Append { entry } => self.output.push_append(own.get(entry)),
                EncodedEffect::Sync => self.output.push_sync(),
            }
        }
        self.output.set_result(own.result());
        self.act(event, own, others);
    }

    /// Adds what is sent in place of a message of the node's own code.
    fn take_message(
        &mut self,
        to: Address,
        message: &[u8],
        others: &[Address],
        chance: &mut Chance<'_>,
    ) {
        let behaviour = self.behaviour.name();
        let number = self.chances;
        // Two copies under one name are no chance to misbehave: they are there or not.
        let is_twin = matches!(self.behaviour, Behaviour::Twin(_));
        let treatment = self.treat(to, message, others).filter(|_| is_twin || chance(number));
        self.chances += 1;
        if matches!(self.behaviour, Behaviour::Replay(_))
            && !self.earlier.iter().any(|it| it == message)
        {
            self.earlier.truncate(EARLIER_MAX - 1);
            self.earlier.push(message.to_vec());
        }
        let deed =
            Deed { behaviour, chance: number, is_withheld: false, claims: None, instead_of: None };
        match treatment {
            None if self.script.is_some() => {}
            None => self.send(to, message, None),
            Some(Treatment::Withhold) => {
                self.send(to, message, Some(Deed { is_withheld: true, ..deed }));
            }
            Some(Treatment::Instead(other)) => {
                let instead_of = Some(message.to_vec());
                self.send(to, &other, Some(Deed { instead_of, ..deed }));
            }
            Some(Treatment::Claim(claims)) => {
                self.send(to, message, Some(Deed { claims: Some(claims), ..deed }));
            }
            Some(Treatment::Also { to: also, message: other }) => {
                self.send(to, message, None);
                self.send(also, &other, Some(deed));
            }
        }
    }

    fn send(&mut self, to: Address, message: &[u8], deed: Option<Deed>) {
        self.output.push_send(to, message);
        self.deeds.push(deed);
    }

    fn treat(&self, to: Address, message: &[u8], others: &[Address]) -> Option<Treatment> {
        let Self { seed, node, earlier, .. } = self;
        let own = Own { seed: *seed, node: *node, to, message, others, earlier };
        let mut random = Random::for_misbehaviour(self.seed, self.node, self.chances);
        match &self.behaviour {
            Behaviour::Silent => Some(silent::treat()),
            Behaviour::Equivocate(change) => equivocate::treat(&own, change),
            Behaviour::Replay(rate) => replay::treat(&own, *rate, &mut random),
            Behaviour::Mutate(rate, change) => mutate::treat(&own, *rate, change, &mut random),
            Behaviour::Spoof(rate) => spoof::treat(&own, *rate, &mut random),
            Behaviour::Twin(_) => twin::treat(&own, self.is_second),
            Behaviour::Amnesia(_) | Behaviour::Script(_) => None,
        }
    }

    /// Adds what the script sends, if there is one.
    fn act(&mut self, event: Event<'_>, own: &Output, others: &[Address]) {
        let Some(script) = &mut self.script else { return };
        let scene = Scene { node: self.node, event, output: own, others };
        for sent in script(&scene).unwrap_or_default() {
            let is_own = own.effects().iter().any(|effect| match *effect {
                EncodedEffect::Send { to, message } => {
                    to == sent.to && own.get(message) == sent.message && sent.claims.is_none()
                }
                _ => false,
            });
            let deed = (!is_own).then(|| Deed {
                behaviour: self.behaviour.name(),
                chance: self.chances,
                is_withheld: false,
                claims: sent.claims,
                instead_of: None,
            });
            self.output.push_send(sent.to, &sent.message);
            self.deeds.push(deed);
        }
    }

    /// Whether the node forgets everything now, after an event.
    pub(crate) fn forgets(&mut self, chance: &mut Chance<'_>) -> bool {
        let Behaviour::Amnesia(rate) = self.behaviour else { return false };
        let number = self.chances;
        self.chances += 1;
        rate != Rate::NEVER
            && rate.draw(&mut Random::for_misbehaviour(self.seed, self.node, number))
            && chance(number)
    }
}
