//! A Byzantine network, and Byzantine nodes: each power and each behaviour occurs where the model allows it, and is refused
//! where it does not; what survives them, and what does not; that messages which no longer decode are nobody's fault.

#[path = "fixtures/tellers.rs"]
mod tellers;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use faultlab::byzantine::{Behaviour, Change, Script, Sending, Turn};
use faultlab::hosting::LocalHost;
use faultlab::simulate::shrink::shrink;
use faultlab::simulate::{
    self, Deviation, Intervention, LinkConditions, Options, Outcome, Rate, Scenario, Simulation,
    TamperingRates, Verdict,
};
use faultlab::trace::culprit::culprit;
use faultlab::trace::replay::ReplayStatus;
use faultlab::trace::show::{self, diagram};
use faultlab::trace::{EventKind, Fate, Forger, MemoryRecorder, Origin, Trace, TraceEvent, file};
use faultlab::{Address, FaultModel};

use tellers::{Hearer, Message, hearer, only_what_was_told, specs, submission, tellers as both};

const MS: Duration = Duration::from_millis(1);
const NETWORK: FaultModel = FaultModel::BYZANTINE_NETWORK_FAIL_STOP;
const SEEDS: u64 = 30;

fn base(way: Hearer, model: FaultModel) -> Scenario {
    Scenario::new().fault_model(model).nodes(specs(way)).until(300 * MS).check(only_what_was_told())
}

/// A power of the network, with its rate and the intervention that uses it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Power {
    Corrupt,
    Spoof,
    Replay,
    Inject,
}

impl Power {
    const ALL: [Self; 4] = [Self::Corrupt, Self::Spoof, Self::Replay, Self::Inject];

    fn rates(self) -> TamperingRates {
        let (some, never) = (Rate::percent(20), TamperingRates::NEVER);
        match self {
            Self::Corrupt => TamperingRates { corrupt: some, ..never },
            Self::Spoof => TamperingRates { spoof: some, ..never },
            Self::Replay => TamperingRates { replay: some, ..never },
            Self::Inject => TamperingRates { inject: some, ..never },
        }
    }

    /// A run in which it occurs at random.
    fn at_random(self, way: Hearer) -> Scenario {
        base(way, NETWORK).link_conditions(LinkConditions::reliable().with_tampering(self.rates()))
    }

    /// What a test does with it: another comment, another teller, an old message, a rumour.
    fn told(self) -> Intervention {
        let ([from, claims], to) = (both(), hearer());
        match self {
            Self::Corrupt => {
                let change = Change::of(|message: &mut Message, _| {
                    if let Message::Told { comment, .. } = message {
                        *comment += 1;
                    }
                });
                Intervention::CorruptNext { from, to, change }
            }
            // The other teller has told smaller numbers, so this one is news of it.
            Self::Spoof => Intervention::SpoofNext { from: claims, to, claims: from },
            Self::Replay => Intervention::ReplayEarlier { from, to, back: 2 },
            Self::Inject => Intervention::inject(from, to, &Message::Rumour(666)),
        }
    }

    /// A run in which it occurs once.
    fn once(self, way: Hearer) -> Scenario {
        base(way, NETWORK).at(55 * MS, self.told())
    }

    /// Whether it occurs in this event.
    fn occurs(self, event: &TraceEvent) -> bool {
        match (&event.what, self) {
            (
                EventKind::Deliver { provenance, .. } | EventKind::Lose { provenance, .. },
                Self::Corrupt,
            ) => provenance.sent_as.is_some(),
            (EventKind::Inject { replays, .. }, Self::Replay) => replays.is_some(),
            (EventKind::Inject { replays, .. }, Self::Inject) => replays.is_none(),
            _ => false,
        }
    }

    /// Whether it occurs in a run.
    fn occurs_in(self, trace: &Trace) -> bool {
        let forged: BTreeSet<u64> = trace
            .events
            .iter()
            .filter_map(|it| match it.what {
                EventKind::Inject { id, .. } => Some(id),
                _ => None,
            })
            .collect();
        let is_spoofed = |event: &TraceEvent| match &event.what {
            EventKind::Deliver { id, provenance, .. } => {
                provenance.forged_by == Some(Forger::Network) && !forged.contains(id)
            }
            _ => false,
        };
        trace.events.iter().any(|event| match self {
            Self::Spoof => is_spoofed(event),
            _ => self.occurs(event),
        })
    }

    /// The mutant that it catches.
    fn mutant(self) -> Hearer {
        match self {
            Self::Corrupt => Hearer::Comments,
            Self::Spoof => Hearer::Senders,
            Self::Replay => Hearer::OldNews,
            Self::Inject => Hearer::Anybody,
        }
    }
}

fn run(scenario: &Scenario, seed: u64) -> Outcome {
    let submission = submission();
    Simulation::new(scenario.clone(), seed)
        .run(&mut LocalHost::new(&submission), Options::default())
}

fn recorded(scenario: &Scenario, seed: u64) -> Trace {
    let submission = submission();
    let mut sink = MemoryRecorder::new();
    let options = Options { recorder: Some(&mut sink), ..Options::default() };
    Simulation::new(scenario.clone(), seed).run(&mut LocalHost::new(&submission), options);
    // As it is in a file.
    let mut text = Vec::new();
    file::write(&mut text, &sink.into_trace().expect("a recorded run has a trace")).unwrap();
    file::read(&text[..]).unwrap()
}

fn is_broken(scenario: &Scenario, seed: u64) -> bool {
    match run(scenario, seed).verdict {
        Verdict::Held => false,
        Verdict::Violated(_) => true,
        other => panic!("seed {seed}: {other:?}"),
    }
}

#[test]
fn each_power_occurs_at_random_and_no_other() {
    for power in Power::ALL {
        let runs: Vec<Trace> =
            (0..SEEDS).map(|seed| recorded(&power.at_random(Hearer::Signatures), seed)).collect();
        for other in Power::ALL {
            let occurs = runs.iter().filter(|trace| other.occurs_in(trace)).count();
            assert_eq!(occurs > 10, other == power, "{other:?} in runs with {power:?}: {occurs}");
        }
    }
    let quiet = base(Hearer::Signatures, NETWORK);
    let trace = recorded(&quiet, 1);
    assert!(Power::ALL.into_iter().all(|power| !power.occurs_in(&trace)));
}

#[test]
fn each_power_occurs_when_a_test_uses_it() {
    for power in Power::ALL {
        for seed in 0..SEEDS {
            let trace = recorded(&power.once(Hearer::Signatures), seed);
            let occurs = Power::ALL.into_iter().filter(|other| other.occurs_in(&trace));
            assert_eq!(occurs.collect::<Vec<_>>(), [power], "seed {seed}");
        }
    }
}

#[test]
fn signatures_survive_every_power() {
    for power in Power::ALL {
        for scenario in [power.at_random(Hearer::Signatures), power.once(Hearer::Signatures)] {
            assert!((0..SEEDS).all(|seed| !is_broken(&scenario, seed)), "{power:?}");
        }
    }
}

#[test]
fn each_mutant_is_caught_by_its_power_only() {
    for power in Power::ALL {
        for mutant in Hearer::MUTANTS {
            let caught = (0..SEEDS).filter(|&seed| is_broken(&power.once(mutant), seed)).count();
            assert_eq!(caught > 0, power.mutant() == mutant, "{mutant:?}, {power:?}: {caught}");
        }
    }
    for mutant in Hearer::MUTANTS {
        let unreliable = base(mutant, NETWORK);
        assert!((0..SEEDS).all(|seed| !is_broken(&unreliable, seed)), "{mutant:?} alone");
    }
}

/// The receiver's code is not asked about bytes that are no message, and is not blamed for them.
#[test]
fn a_corrupted_message_that_does_not_decode_is_lost() {
    let mut reasons = BTreeSet::new();
    for seed in 0..SEEDS {
        let trace = recorded(&Power::Corrupt.at_random(Hearer::Signatures), seed);
        for event in &trace.events {
            let EventKind::Lose { reason, message, provenance, .. } = &event.what else { continue };
            assert!(provenance.sent_as.is_some() && provenance.encoding.is_some());
            assert!(message.contains("cannot be encoded and read back"), "{message}");
            reasons.insert(reason.clone());
        }
    }
    assert_eq!(reasons, ["it does not decode".to_owned()].into());
}

#[test]
fn the_model_must_allow_each_power() {
    for power in Power::ALL {
        let told = power.told();
        let by_test = |model| base(Hearer::Signatures, model).at(55 * MS, told.clone());
        let by_rate = |model| power.at_random(Hearer::Signatures).fault_model(model);
        for model in [NETWORK, FaultModel::byzantine(1)] {
            assert_eq!(by_test(model).validate(), Ok(()));
            assert_eq!(by_rate(model).validate(), Ok(()));
        }
        for model in [
            FaultModel::UNRELIABLE_FAIL_STOP,
            FaultModel::RELIABLE_IN_ORDER_FAIL_STOP,
            FaultModel::reliable_in_order_byzantine(1),
        ] {
            let [test, rate] = [by_test(model), by_rate(model)]
                .map(|scenario| scenario.validate().expect_err("not in the model").to_string());
            let (test_says, rate_says) = match power {
                Power::Corrupt => ("a message is corrupted", "the network corrupts messages"),
                Power::Spoof => {
                    ("a message names another sender", "the network names other senders")
                }
                Power::Replay => {
                    ("an earlier message is sent again", "the network sends earlier messages again")
                }
                Power::Inject => ("a message is forged", "the network forges messages"),
            };
            let end = format!(", which the fault model ({model}) does not allow");
            assert!(
                test.starts_with("at 55ms, ") && test.ends_with(&format!(": {test_says}{end}")),
                "{test}"
            );
            assert_eq!(rate, format!("the network at the start: {rate_says}{end}"));
        }
    }
}

#[test]
fn names_in_interventions_must_exist() {
    let nobody = Address::new("nobody");
    let [from, claims] = both();
    let spoofed = |from, to, claims| Intervention::SpoofNext { from, to, claims };
    for what in [
        spoofed(from, hearer(), nobody),
        spoofed(nobody, hearer(), claims),
        Intervention::inject(from, nobody, &Message::Rumour(1)),
        Intervention::ReplayEarlier { from, to: nobody, back: 1 },
        Intervention::CorruptNext { from: nobody, to: from, change: Change::bytes() },
    ] {
        let scenario = base(Hearer::Signatures, NETWORK).at(MS, what);
        let error = scenario.validate().expect_err("nobody is there").to_string();
        assert!(error.contains("no node `nobody` exists at that time"), "{error}");
    }
    let idle = base(Hearer::Signatures, NETWORK)
        .at(MS, spoofed(from, hearer(), from))
        .at(MS, Intervention::ReplayEarlier { from, to: hearer(), back: 0 });
    assert_eq!(idle.without_effect().len(), 2, "{:?}", idle.without_effect());
}

/// All behaviours, and which node of the tellers has them.
fn behaviours() -> Vec<Behaviour> {
    let half = Rate::percent(50);
    let comment = || {
        Change::of(|message: &mut Message, random| {
            if let Message::Told { comment, .. } = message {
                *comment = random.below(1_000);
            }
        })
    };
    let script = Script::new(|| {
        |turn: Turn<'_, Message>| {
            let rumour = |&to: &Address| Sending::new(to, Message::Rumour(666));
            turn.others.iter().map(rumour).chain(turn.would_send.clone()).collect::<Vec<_>>()
        }
    });
    vec![
        Behaviour::Silent,
        Behaviour::Amnesia(half),
        Behaviour::twin_with(&5_000_u64),
        Behaviour::Equivocate(comment()),
        Behaviour::Replay(half),
        Behaviour::Mutate(half, comment()),
        Behaviour::Mutate(half, Change::bytes()),
        Behaviour::Spoof(half),
        Behaviour::Script(script),
    ]
}

/// A run in which the first teller is Byzantine.
fn traitor(way: Hearer, behaviour: &Behaviour) -> Scenario {
    base(way, FaultModel::byzantine(1)).byzantine(both()[0], behaviour.clone())
}

/// The names of the behaviours that occur in a run.
fn misdeeds(trace: &Trace) -> BTreeSet<String> {
    let sent = trace.events.iter().flat_map(|event| &event.sent);
    let mut names: BTreeSet<String> =
        sent.filter_map(|sent| Some(sent.misbehaviour.as_ref()?.behaviour.clone())).collect();
    let restarts = |event: &TraceEvent| matches!(event.what, EventKind::Restart { .. });
    if trace.events.iter().any(restarts) {
        names.insert("amnesia".to_owned());
    }
    names
}

#[test]
fn each_behaviour_occurs_and_no_other() {
    for behaviour in behaviours() {
        let runs = (0..SEEDS).map(|seed| recorded(&traitor(Hearer::Signatures, &behaviour), seed));
        let seen: Vec<_> = runs.map(|trace| misdeeds(&trace)).collect();
        let name = behaviour.name().to_owned();
        assert!(seen.iter().any(|names| names.contains(&name)), "{name}");
        assert!(seen.iter().flatten().all(|other| *other == name), "{name}: {seen:?}");
    }
}

#[test]
fn a_silent_node_is_withheld_from_the_network_and_a_twin_has_a_lane() {
    let silent = recorded(&traitor(Hearer::Signatures, &Behaviour::Silent), 1);
    let sent: Vec<_> =
        silent.events.iter().filter(|it| it.what.node() == Some(both()[0])).collect();
    let fates: Vec<Fate> = sent.iter().flat_map(|it| &it.sent).map(|sent| sent.fate).collect();
    assert_eq!(fates, vec![Fate::Withheld; usize::try_from(tellers::COUNT).unwrap()]);

    let twin = recorded(&traitor(Hearer::Signatures, &Behaviour::twin()), 1);
    let names: Vec<&str> = twin.header.nodes.iter().map(Address::as_str).collect();
    assert_eq!(names, ["hearer", "teller1", "teller1/2", "teller2"]);
}

/// Whatever the traitor does, what the correct teller told is noted right. What is noted for the traitor is its own affair.
#[test]
fn signatures_survive_every_behaviour() {
    for behaviour in behaviours() {
        let scenario = traitor(Hearer::Signatures, &behaviour);
        assert!((0..SEEDS).all(|seed| !is_broken(&scenario, seed)), "{behaviour:?}");
    }
    // Who goes by the sender is told lies about the correct teller.
    let spoof = traitor(Hearer::Senders, &Behaviour::Spoof(Rate::percent(50)));
    assert!((0..SEEDS).any(|seed| is_broken(&spoof, seed)));
    let others = behaviours().into_iter().filter(|it| !matches!(it, Behaviour::Spoof(_)));
    for behaviour in others {
        let scenario = traitor(Hearer::Senders, &behaviour);
        assert!((0..SEEDS).all(|seed| !is_broken(&scenario, seed)), "{behaviour:?}");
    }
}

#[test]
fn the_model_must_allow_each_byzantine_node() {
    let [one, two] = both();
    let refused =
        |scenario: Scenario| scenario.validate().expect_err("not in the model").to_string();
    for behaviour in behaviours() {
        let scenario = traitor(Hearer::Signatures, &behaviour);
        assert_eq!(scenario.validate(), Ok(()), "{behaviour}");
        assert_eq!(
            refused(scenario.clone().fault_model(NETWORK)),
            "the Byzantine nodes: teller1 fails, which the fault model (Byzantine network, fail-stop nodes) does not allow"
        );
        let authenticated = scenario.fault_model(FaultModel::reliable_in_order_byzantine(1));
        match behaviour {
            Behaviour::Spoof(_) => assert_eq!(
                refused(authenticated),
                "teller1 cannot be Byzantine in this way (spoof): the fault model (reliable in-order network, at most 1 \
                 Byzantine node) authenticates links, so no node can speak in another's name"
            ),
            _ => assert_eq!(authenticated.validate(), Ok(())),
        }
    }
    let silent = traitor(Hearer::Signatures, &Behaviour::Silent);
    assert_eq!(
        refused(silent.clone().byzantine(two, Behaviour::Silent)),
        "the Byzantine nodes: teller1, teller2 fail, which the fault model (Byzantine network, at most 1 Byzantine node) \
         does not allow"
    );
    // A crash is a failure as well.
    assert_eq!(silent.clone().at(MS, Intervention::Crash(one)).validate(), Ok(()));
    assert_eq!(
        refused(silent.clone().at(MS, Intervention::Crash(two))),
        "the nodes that are Byzantine or crash: teller1, teller2 fail, which the fault model (Byzantine network, at most 1 \
         Byzantine node) does not allow"
    );
    let nobody = silent.byzantine(Address::new("nobody"), Behaviour::Silent);
    assert!(refused(nobody).starts_with("nobody is Byzantine (silent): no node `nobody` exists"));
}

#[test]
fn a_script_speaks_in_anothers_name_only_if_links_are_not_authenticated() {
    let [one, two] = both();
    let script = Behaviour::Script(Script::new(move || {
        move |turn: Turn<'_, Message>| {
            let lie = Message::Told { number: turn.sign(2_500), comment: 0 };
            vec![Sending { claims: Some(two), ..Sending::new(hearer(), lie) }]
        }
    }));
    let allowed = traitor(Hearer::Senders, &script);
    assert!((0..SEEDS).any(|seed| is_broken(&allowed, seed)));
    assert!((0..SEEDS).all(|seed| !is_broken(&traitor(Hearer::Signatures, &script), seed)));
    let refused = allowed.fault_model(FaultModel::unreliable_byzantine(1));
    match run(&refused, 1).verdict {
        Verdict::Failed(failure) => {
            let text = failure.to_string();
            let expected = format!("{one} cannot be Byzantine in this way (script)");
            assert!(text.contains(&expected), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

/// A node that hosts another one within its handler, to sign in that one's name.
mod forger {
    use super::*;
    use faultlab::hosting::{EncodedEffect, Event, Host, Kind, Output, Submission};
    use faultlab::{Context, Node, NodeSpec, Signed, codec};
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum Forger {
        /// Signs with a context of its own.
        OwnContext,
        /// Runs the other node itself.
        OwnHost,
        /// Signs as it may.
        Honest,
    }

    fn forge(forger: &Forger, ctx: &Context<Forger>) -> Option<Signed<u64>> {
        match forger {
            Forger::OwnContext => Some(Context::<Forger>::new(both()[1]).sign(2_001)),
            Forger::Honest => Some(ctx.sign(101)),
            Forger::OwnHost => {
                let submission = submission();
                let mut host = LocalHost::new(&submission);
                let mut output = Output::new();
                let arguments = codec::encode(&2_000_u64).ok()?;
                host.make(0, "teller", both()[1], &arguments).ok()?;
                let timer = codec::encode(&tellers::Next).ok()?;
                host.step(0, Event::Timer { timer: &timer }, &mut output).ok()?;
                let sent = output.effects().iter().find_map(|effect| match *effect {
                    EncodedEffect::Send { message, .. } => Some(output.get(message)),
                    _ => None,
                })?;
                // It does not decode, so the forger must take it apart.
                match codec::decode(sent) {
                    Ok(Message::Told { number, .. }) => Some(number),
                    _ => None,
                }
            }
        }
    }

    impl Node for Forger {
        type Message = Message;
        type Timer = ();

        fn init(&mut self, ctx: &mut Context<Self>) {
            if let Some(number) = forge(self, ctx) {
                ctx.send(hearer(), Message::Told { number, comment: 1 });
            }
        }

        fn on_message(&mut self, _: Address, _: Message, _: &mut Context<Self>) {}
    }

    fn verdict(forger: &Forger) -> Verdict {
        let submission: Submission =
            submission().with(Kind::node("forger", |_, forger: Forger| forger));
        let scenario = base(Hearer::Signatures, FaultModel::default()).node(NodeSpec::node(
            "forger",
            Address::new("forger"),
            forger,
        ));
        let host = &mut LocalHost::new(&submission);
        Simulation::new(scenario, 1).run(host, Options::default()).verdict
    }

    #[test]
    fn a_students_code_signs_in_no_other_name() {
        match verdict(&Forger::OwnContext) {
            // Nobody tampered with the message, so it is a mistake of the code.
            Verdict::Failed(failure) => {
                assert!(failure.to_string().contains("teller2 did not sign this"), "{failure}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(verdict(&Forger::OwnHost), Verdict::Held, "it gets nothing to send");
        // What it signs itself is noted for itself.
        assert!(matches!(verdict(&Forger::Honest), Verdict::Violated(_)));
    }
}

#[test]
fn saved_runs_are_repeated() {
    let submission = submission();
    let powers = Power::ALL
        .into_iter()
        .flat_map(|power| [power.at_random(Hearer::Signatures), power.once(Hearer::Signatures)]);
    let traitors = behaviours().into_iter().map(|it| traitor(Hearer::Signatures, &it));
    for (number, scenario) in powers.chain(traitors).enumerate() {
        for seed in 0..8 {
            let saved = recorded(&scenario, seed);
            let again =
                simulate::replay(scenario.clone(), &saved, &mut LocalHost::new(&submission));
            assert_eq!(again.difference, None, "scenario {number}, seed {seed}");
            assert_eq!(again.trace, saved, "scenario {number}, seed {seed}");
        }
    }
}

#[test]
fn failing_runs_are_shrunk_to_one_misdeed_and_repeated() {
    let submission = submission();
    for power in Power::ALL {
        let wrong = |seed: &u64| is_broken(&power.at_random(power.mutant()), *seed);
        // Random bytes do not become a rumour; only a test tells one.
        let Some(seed) = (0..300).find(wrong) else {
            assert_eq!(power, Power::Inject);
            continue;
        };
        let scenario = power.at_random(power.mutant());
        let mut run = |simulation: &mut Simulation, options: Options<'_>| {
            simulation.drive(&mut LocalHost::new(&submission), options)
        };
        let shrunk = shrink(&scenario, seed, &Origin::default(), &mut run).expect("it breaks");
        let of_power = |it: &Deviation| match power {
            Power::Corrupt => matches!(it, Deviation::Corrupted(..)),
            Power::Spoof => matches!(it, Deviation::Spoofed(..)),
            Power::Replay => matches!(it, Deviation::Replayed(..)),
            Power::Inject => matches!(it, Deviation::Injected(..)),
        };
        // The event at fault is the one in which the lie was believed.
        let culprit =
            shrunk.trace.events[culprit(&shrunk.trace).expect("there is one") - 1].clone();
        let EventKind::Deliver { node, provenance, .. } = culprit.what else {
            panic!("{:?}", culprit.what)
        };
        assert_eq!(node, hearer());
        assert!(provenance.sent_as.is_some() || provenance.forged_by.is_some(), "{power:?}");
        let needed = shrunk.deviations.iter().filter(|it| of_power(it)).count();
        assert_eq!(needed, 1, "{power:?}: {:?}", shrunk.deviations);
        let host = &mut LocalHost::new(&submission);
        let again = simulate::replay(scenario, &shrunk.trace, host);
        assert_eq!(again.difference, None, "{power:?}");
        // The right code is right in this run.
        let right = power.at_random(Hearer::Signatures);
        let fixed = simulate::replay(right, &shrunk.trace, &mut LocalHost::new(&submission));
        assert!(matches!(fixed.status, ReplayStatus::Fixed { .. }), "{power:?}: {}", fixed.status);
    }
}

/// A seed means the same run forever, also with Byzantine faults.
#[test]
fn the_golden_trace_of_byzantine_faults_stays() {
    let few = Rate::percent(20);
    let all = TamperingRates { corrupt: few, spoof: few, replay: few, inject: few };
    let scenario = traitor(Hearer::Signatures, &Behaviour::Mutate(few, Change::nearby()))
        .link_conditions(LinkConditions::unreliable().with_tampering(all))
        .at(35 * MS, Power::Inject.told());
    let mut text = Vec::new();
    file::write(&mut text, &recorded(&scenario, 5)).unwrap();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/byzantine.jsonl");
    if std::env::var_os("FAULTLAB_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(golden.as_bytes() == text, "byzantine.jsonl is not what it was");
}

#[test]
fn a_run_with_all_powers_is_drawn() {
    let few = Rate::percent(12);
    let all = TamperingRates { corrupt: few, spoof: few, replay: few, inject: few };
    let network = base(Hearer::Signatures, NETWORK)
        .link_conditions(LinkConditions::reliable().with_tampering(all))
        .until(55 * MS);
    let occur = |seed: &u64| {
        let trace = recorded(&network, *seed);
        Power::ALL.into_iter().all(|power| power.occurs_in(&trace))
    };
    let seed = (0..200).find(occur).expect("all occur in one of many runs");
    let options = show::Options { events_max: 40, ..show::Options::default() };
    insta::assert_snapshot!(diagram(&recorded(&network, seed), &options));
}

#[test]
fn each_behaviour_is_drawn() {
    let pictures = behaviours().into_iter().map(|behaviour| {
        let scenario = traitor(Hearer::Signatures, &behaviour).until(22 * MS);
        let occurs = |seed: &u64| misdeeds(&recorded(&scenario, *seed)).contains(behaviour.name());
        let seed = (0..SEEDS).find(occurs).expect("it occurs");
        let options = show::Options { events_max: 30, ..show::Options::default() };
        format!("{behaviour}\n\n{}", diagram(&recorded(&scenario, seed), &options))
    });
    insta::assert_snapshot!(pictures.collect::<Vec<_>>().join("\n"));
}

/// A search would say that it had tried everything. So it refuses what it cannot do.
#[test]
fn a_search_refuses_byzantine_faults() {
    use faultlab::System;
    use faultlab::search::{Search, SearchResult};
    let nodes = specs(Hearer::Signatures);
    let system = nodes.into_iter().fold(System::new(), System::with);
    for model in [NETWORK, FaultModel::reliable_in_order_byzantine(1)] {
        let search = Search::new(system.clone()).fault_model(model);
        match search.run(&submission()).result {
            SearchResult::InvalidStart(reason) => assert_eq!(
                reason,
                format!(
                    "the fault model ({model}) allows Byzantine faults, and a search has none; a simulation has"
                )
            ),
            other => panic!("{other:?}"),
        }
    }
}
