//! Changes of a message's content.

use std::fmt;
use std::sync::Arc;

use crate::random::{Random, Stream, mix};
use crate::{Value, codec};

/// How the content of a message changes: at large scope, where any bytes change and the message may no longer decode, or
/// at small scope, where it is another legal message.
///
/// ```
/// # use faultlab::byzantine::Change;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
/// struct Vote { round: u64, value: u64 }
/// // A vote for another value.
/// let lie = Change::of(|vote: &mut Vote, random| vote.value = random.below(10));
/// ```
#[derive(Clone)]
pub struct Change {
    scope: Scope,
}

#[derive(Clone)]
enum Scope {
    Bytes,
    Nearby,
    Typed(Typed),
}

/// Changes an encoded message of some type. `None` if it is of another type.
type Typed = Arc<dyn Fn(&[u8], &mut Random) -> Option<Vec<u8>> + Send + Sync>;

/// How often a change is drawn, if the drawn ones change nothing.
const DRAWS_MAX: usize = 8;

impl Change {
    /// Up to three bytes change to any others, or the last byte is missing.
    #[must_use]
    pub fn bytes() -> Self {
        Self { scope: Scope::Bytes }
    }

    /// One byte becomes one more or one less. Most numbers in a message are small, so this is mostly another legal
    /// message: of the round before or after, from one node more or less, of the next variant.
    #[must_use]
    pub fn nearby() -> Self {
        Self { scope: Scope::Nearby }
    }

    /// A message of type `M` changes as the function says. Messages of other types stay as they are.
    #[must_use]
    pub fn of<M: Value>(change: impl Fn(&mut M, &mut Random) + Send + Sync + 'static) -> Self {
        let typed = move |bytes: &[u8], random: &mut Random| {
            let mut message: M = codec::decode(bytes).ok()?;
            change(&mut message, random);
            codec::encode(&message).ok()
        };
        Self { scope: Scope::Typed(Arc::new(typed)) }
    }

    /// The changed message. The number decides what is drawn. `None` if nothing changes.
    pub(crate) fn apply(&self, bytes: &[u8], number: u64) -> Option<Vec<u8>> {
        let mut random = Random::new(mix(number), Stream::Changes);
        (0..DRAWS_MAX).find_map(|_| {
            let changed = match &self.scope {
                Scope::Bytes => any(bytes, &mut random),
                Scope::Nearby => nearby(bytes, &mut random),
                Scope::Typed(typed) => typed(bytes, &mut random)?,
            };
            (changed != bytes).then_some(changed)
        })
    }
}

fn any(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    if changed.is_empty() || random.below(8) == 0 {
        changed.pop();
        return changed;
    }
    for _ in 0..random.between(1, 3) {
        let place = random.below(changed.len() as u64) as usize;
        changed[place] ^= random.between(1, 255) as u8;
    }
    changed
}

fn nearby(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    if !changed.is_empty() {
        let place = random.below(changed.len() as u64) as usize;
        let by = if random.below(2) == 0 { 1 } else { u8::MAX };
        changed[place] = changed[place].wrapping_add(by);
    }
    changed
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.scope {
            Scope::Bytes => "Change::bytes()",
            Scope::Nearby => "Change::nearby()",
            Scope::Typed(_) => "Change::of(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_changes_something_and_the_number_decides_what() {
        let message = codec::encode(&(7_u64, "seven".to_owned())).expect("a message");
        let add = Change::of(|(number, _): &mut (u64, String), random| *number += random.below(3));
        for change in [Change::bytes(), Change::nearby(), add] {
            let changed: Vec<_> = (0..50).map(|number| change.apply(&message, number)).collect();
            assert!(changed.iter().all(|it| it.as_ref() != Some(&message)), "{change:?}");
            let again: Vec<_> = (0..50).map(|number| change.apply(&message, number)).collect();
            assert_eq!(changed, again);
            let different: std::collections::BTreeSet<_> = changed.into_iter().flatten().collect();
            assert!(different.len() > 1, "{change:?}");
        }
    }

    #[test]
    fn what_cannot_change_stays() {
        assert_eq!(Change::bytes().apply(&[], 1), None);
        assert_eq!(Change::nearby().apply(&[], 1), None);
        assert_eq!(Change::of(|_: &mut u64, _| {}).apply(&[3], 1), None);
        // It is of another type.
        assert_eq!(Change::of(|text: &mut String, _| text.clear()).apply(&[200], 1), None);
    }
}
