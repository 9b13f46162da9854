//! The memory of a simulation grows with its nodes and their events, not with the square of the number of
//! nodes. The test counts allocated bytes.

// Counting allocations needs a custom allocator.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use faultlab::hosting::{Kind, LocalHost, Submission};
use faultlab::simulate::{Intervention, Options, Scenario, Simulation};
use faultlab::{Address, Context, FaultModel, Node, NodeSpec};
use serde::{Deserialize, Serialize};

/// The system's allocator, with counters.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller upholds the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller upholds the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A node of a ring: it sends a token, and forwards the tokens it receives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Neighbour {
    next: Address,
}

impl Node for Neighbour {
    type Message = u64;
    type Timer = ();

    fn init(&mut self, ctx: &mut Context<Self>) {
        ctx.send(self.next, 3);
    }

    fn on_message(&mut self, _: Address, hops: u64, ctx: &mut Context<Self>) {
        if hops > 0 {
            ctx.send(self.next, hops - 1);
        }
    }
}

/// The peak memory of a run with a ring of this many nodes, in bytes.
fn peak(nodes: usize, fault_model: FaultModel) -> usize {
    let submission =
        Submission::new().with(Kind::node("neighbour", |_, next: Address| Neighbour { next }));
    let node = |number: usize| {
        let next = Address::numbered("node", (number + 1) % nodes);
        NodeSpec::node("neighbour", Address::numbered("node", number), &next)
    };
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let scenario = Scenario::new()
        .nodes((0..nodes).map(node))
        .fault_model(fault_model)
        .at(Duration::from_millis(5), Intervention::Isolate(Address::new("node1")))
        .until(Duration::from_secs(1));
    let outcome =
        Simulation::new(scenario, 1).run(&mut LocalHost::new(&submission), Options::default());
    assert!(outcome.delivered as usize > nodes, "{outcome:?}");
    PEAK.load(Ordering::Relaxed) - before
}

/// The only test in this file, because the allocations of others would be counted too.
#[test]
fn a_ring_of_8000_nodes_stays_below_24_mebibytes() {
    for fault_model in [FaultModel::default(), FaultModel::RELIABLE_IN_ORDER_FAIL_STOP] {
        let (small, large) = (peak(2_000, fault_model), peak(8_000, fault_model));
        assert!(large < 24 << 20, "{large} bytes");
        assert!(large < 5 * small, "{large} bytes for four times the nodes of {small} bytes");
    }
}
