//! Any trace that can be written is read back as it was, and can be shown.

use faultlab::trace::causality::readable;
use faultlab::trace::file::{read, write};
use faultlab::trace::html::figure;
use faultlab::trace::show::{Options, diagram};
use faultlab::trace::{
    CopyKind, Divergence, Engine, EventKind, Fate, Forger, Header, Incarnation, Misbehaviour,
    Origin, Provenance, SentMessage, SetTimer, StorageFate, StorageOperation, StorageWrite,
    StoredItem, Trace, TraceEvent,
};
use faultlab::{Address, FaultModel};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

fn address() -> impl Strategy<Value = Address> {
    "[a-z][a-z0-9._/-]{0,15}".prop_map(|name| Address::new(&name))
}

fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

fn incarnation() -> impl Strategy<Value = Incarnation> {
    (0..4_usize).prop_map(|restarts| {
        (0..restarts).fold(Incarnation::FIRST, |incarnation, _| incarnation.next())
    })
}

fn forger() -> impl Strategy<Value = Forger> {
    prop_oneof![Just(Forger::Network), address().prop_map(Forger::Node)]
}

fn provenance() -> impl Strategy<Value = Provenance> {
    (incarnation(), of(text()), of(text()), of(forger())).prop_map(
        |(incarnation, sent_as, encoding, forged_by)| Provenance {
            incarnation,
            sent_as,
            encoding,
            forged_by,
        },
    )
}

fn item() -> impl Strategy<Value = StoredItem> {
    let fate = select(vec![
        StorageFate::Kept,
        StorageFate::Torn,
        StorageFate::Corrupted,
        StorageFate::Unsynced,
        StorageFate::Lost,
    ]);
    (any::<u64>(), text(), text(), 0..3_u64, fate)
        .prop_map(|(id, key, value, bytes, fate)| StoredItem { id, key, value, bytes, fate })
}

fn what() -> impl Strategy<Value = EventKind> {
    let copy = select(vec![CopyKind::Original, CopyKind::Duplicate]);
    let value = any::<i64>().prop_map(|number| serde_json::json!({"number": [number, null]}));
    let id = any::<u64>;
    prop_oneof![
        (address(), text(), incarnation()).prop_map(|(node, kind, incarnation)| EventKind::Start {
            node,
            kind,
            incarnation
        }),
        (address(), address(), id(), text(), copy, provenance()).prop_map(
            |(node, from, id, message, copy, provenance)| {
                EventKind::Deliver { node, from, id, message, copy, provenance }
            }
        ),
        (address(), address(), id(), text(), text(), provenance()).prop_map(
            |(node, from, id, message, reason, provenance)| {
                EventKind::Lose { node, from, id, message, reason, provenance }
            }
        ),
        (address(), id(), text(), incarnation()).prop_map(|(node, id, timer, incarnation)| {
            EventKind::Fire { node, id, timer, incarnation }
        }),
        (address(), text(), value.clone()).prop_map(|(node, command, value)| EventKind::Command {
            node,
            command,
            value
        }),
        (address(), text(), value).prop_map(|(node, result, value)| EventKind::Return {
            node,
            result,
            value
        }),
        (address(), incarnation())
            .prop_map(|(node, incarnation)| EventKind::Crash { node, incarnation }),
        (address(), text(), incarnation(), vec(item(), 0..3)).prop_map(
            |(node, kind, incarnation, storage)| {
                EventKind::Restart { node, kind, incarnation, storage }
            }
        ),
        (forger(), id(), address(), address(), text(), of(id()), text()).prop_map(
            |(by, id, from, to, message, replays, encoding)| {
                EventKind::Inject { by, id, from, to, message, replays, encoding }
            }
        ),
        (address(), address()).prop_map(|(node, peer)| EventKind::Reconnect { node, peer }),
        text().prop_map(|change| EventKind::Network { change }),
        text().prop_map(|title| EventKind::Stage { title }),
        text().prop_map(|property| EventKind::Check { property }),
    ]
}

fn sent() -> impl Strategy<Value = SentMessage> {
    let fate =
        select(vec![Fate::Once, Fate::Twice, Fate::Dropped, Fate::Cut, Fate::Open, Fate::Withheld]);
    let misbehaviour = (text(), any::<u64>(), of(text()), of(address())).prop_map(
        |(behaviour, chance, instead_of, claims)| Misbehaviour {
            behaviour,
            chance,
            instead_of,
            claims,
        },
    );
    (any::<u64>(), address(), text(), fate, of(misbehaviour)).prop_map(
        |(id, to, message, fate, misbehaviour)| SentMessage { id, to, message, fate, misbehaviour },
    )
}

fn stored() -> impl Strategy<Value = StorageWrite> {
    let operation =
        select(vec![StorageOperation::Save, StorageOperation::Append, StorageOperation::Sync]);
    (any::<u64>(), operation, text(), text(), 0..3_u64, 0..3_u64).prop_map(
        |(id, operation, key, value, bytes, sent_before)| StorageWrite {
            id,
            operation,
            key,
            value,
            bytes,
            sent_before,
        },
    )
}

fn timer() -> impl Strategy<Value = SetTimer> {
    (any::<u64>(), text(), any::<u64>(), any::<u64>())
        .prop_map(|(id, timer, min_ns, max_ns)| SetTimer { id, timer, min_ns, max_ns })
}

fn event() -> impl Strategy<Value = TraceEvent> {
    let effects = (vec(sent(), 0..3), vec(timer(), 0..3), vec(stored(), 0..3), vec(text(), 0..3));
    let rest = (text(), of(text()), of(any::<u32>()));
    (of(any::<u64>()), what(), effects, rest).prop_map(|(time_ns, what, effects, rest)| {
        let (sent, timers, stored, logged) = effects;
        let (printed, state, interrupted_after) = rest;
        TraceEvent {
            sent,
            timers,
            stored,
            interrupted_after,
            logged,
            printed,
            state,
            ..TraceEvent::new(time_ns, what)
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_trace_is_read_back(
        events in vec(event(), 0..12),
        nodes in vec(address(), 0..4),
        fault_model in text(),
    ) {
        let origin = Origin { title: "any run".to_owned(), ..Origin::default() };
        let known = FaultModel::default();
        let header = Header::new(Engine::Deploy, &origin, u64::MAX, known, nodes);
        let header = Header { fault_model, ..header };
        let trace = Trace { header, events, ending: None };
        let mut bytes = Vec::new();
        write(&mut bytes, &trace).expect("writing to memory does not fail");
        prop_assert_eq!(&read(&bytes[..]).expect("a trace"), &trace);
        drop(diagram(&trace, &Options::default()));
        drop(figure(&trace, 10));
        drop(readable(&trace));
        prop_assert_eq!(Divergence::between(&trace, &trace), None);
    }
}
