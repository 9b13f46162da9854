//! Checks of the nodes themselves in a search: contract violations, and messages that are not idempotent.
//! The results are the same for any number of threads.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use faultlab::hosting::pure::StepFailure;
use faultlab::hosting::{Kind, Submission};
use faultlab::search::{Hint, Report, Search, SearchResult};
use faultlab::{Address, Context, Node, System};
use serde::{Deserialize, Serialize};

/// The fault of an [`Adder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Fault {
    /// None: it adds each amount once.
    None,
    /// It adds an amount each time it arrives, up to a limit.
    Again,
    /// From a sum on, part of the state is missing from its encoding.
    Forgets,
    /// From a sum on, it adds a random amount.
    Random,
}

/// Adds the amounts it receives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Adder {
    fault: Fault,
    amounts: Vec<u64>,
    sum: u64,
    #[serde(skip)]
    noted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Sender {
    adder: Address,
    amounts: u64,
}

static DRAWN: AtomicU64 = AtomicU64::new(1);

impl Node for Adder {
    type Message = u64;
    type Timer = ();

    fn on_message(&mut self, _: Address, amount: u64, _: &mut Context<Self>) {
        if self.fault != Fault::Again && self.amounts.contains(&amount) {
            return;
        }
        if self.sum >= 100 {
            return;
        }
        self.amounts.push(amount);
        self.amounts.sort_unstable();
        self.sum += amount;
        match self.fault {
            Fault::Forgets if self.sum >= 10 => self.noted = true,
            Fault::Random if self.sum >= 10 => self.sum += DRAWN.fetch_add(1, Ordering::Relaxed),
            _ => {}
        }
    }
}

impl Node for Sender {
    type Message = u64;
    type Timer = ();

    fn init(&mut self, ctx: &mut Context<Self>) {
        for amount in 1..=self.amounts {
            ctx.send(self.adder, amount);
        }
    }

    fn on_message(&mut self, _: Address, _: u64, _: &mut Context<Self>) {}
}

fn report(fault: Fault, amounts: u64, threads: usize) -> Report {
    let make = |_: Address, fault| Adder { fault, amounts: Vec::new(), sum: 0, noted: false };
    let submission = Submission::new()
        .with(Kind::node("adder", make))
        .with(Kind::node("sender", |_, (adder, amounts)| Sender { adder, amounts }));
    let adder = Address::new("adder");
    let system = System::new().node("adder", adder, &fault).node(
        "sender",
        Address::new("sender"),
        &(adder, amounts),
    );
    let threads = NonZeroUsize::new(threads).expect("not zero");
    Search::new(system).threads(threads).run(&submission)
}

#[test]
fn non_idempotent_messages_are_hinted() {
    let reports = [1, 3].map(|threads| report(Fault::Again, 2, threads));
    for report in &reports {
        assert_eq!(report.result, SearchResult::Exhausted);
        let [Hint::NotIdempotent { node, message, once, twice }] = &report.hints[..] else {
            panic!("{:?}", report.hints)
        };
        assert_eq!((node.as_str(), message.as_str()), ("adder", "1"));
        assert!(once.contains("amounts: [1], sum: 1"), "{once}");
        assert!(twice.contains("amounts: [1, 1], sum: 2"), "{twice}");
    }
    assert_eq!(reports[0].hints, reports[1].hints);
}

#[test]
fn idempotent_messages_give_no_hint() {
    let report = report(Fault::None, 4, 1);
    assert_eq!(report.result, SearchResult::Exhausted);
    assert_eq!(report.hints, []);
    // The subsets of four amounts.
    assert_eq!(report.statistics.states, 16);
}

/// Enough amounts that the handlers of one depth are distributed to threads: with 10, up to 252 states.
#[test]
fn unencoded_state_is_reported_at_its_first_event() {
    let one = report(Fault::Forgets, 10, 1);
    let SearchResult::Failed(failed) = &one.result else { panic!("{:?}", one.result) };
    let StepFailure::ContractViolation(_) = &failed.failure else { panic!("{:?}", failed.failure) };
    // The amount of ten alone.
    assert_eq!((failed.node.as_str(), failed.path.len()), ("adder", 1));
    for threads in [2, 3] {
        assert_eq!(report(Fault::Forgets, 10, threads).result, one.result, "{threads} threads");
    }
    // Without it, it takes several amounts: one, two, three, and four.
    let several = report(Fault::Forgets, 4, 2);
    let SearchResult::Failed(failed) = &several.result else { panic!("{:?}", several.result) };
    assert_eq!(failed.path.len(), 4);
}

#[test]
fn a_random_handler_is_reported() {
    for threads in [1, 2] {
        let report = report(Fault::Random, 10, threads);
        let SearchResult::Failed(failed) = &report.result else { panic!("{:?}", report.result) };
        let StepFailure::NotDeterministic { handler, first, second } = &failed.failure else {
            panic!("{:?}", failed.failure)
        };
        assert_eq!(handler, "on_message with 10 from sender");
        assert_ne!(first, second);
        // Only the parts that differ, decoded.
        for outcome in [first, second] {
            assert!(outcome.starts_with("the state Adder { fault: Random, "), "{outcome}");
            assert!(!outcome.contains("messages"), "{outcome}");
        }
        assert_eq!((failed.node.as_str(), failed.path.len()), ("adder", 1));
    }
}
