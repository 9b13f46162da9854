//! Renders many encoded values as text, in a few exchanges.

use faultlab::hosting::{NodeFailure, Payload};

use crate::answer;
use crate::process_pool::ProcessPool;
use crate::request::NodeRequest;

/// How many texts are requested in one exchange.
const SHOWN_AT_ONCE: usize = 512;

/// Renders each of these byte strings as text, by the types of a kind of node, in order.
pub(crate) fn show_all<'a>(
    pool: &mut ProcessPool<'_>,
    wanted: impl Iterator<Item = (&'a str, Payload, &'a [u8], bool)>,
) -> Vec<Result<String, NodeFailure>> {
    let mut texts = Vec::new();
    let mut wanted = wanted.peekable();
    while wanted.peek().is_some() {
        let process = match pool.process(0) {
            Ok(process) => process,
            Err(failure) => {
                texts.extend(wanted.map(|_| Err(failure.clone().into())));
                return texts;
            }
        };
        let before = texts.len();
        let mut asked = 0;
        while asked < SHOWN_AT_ONCE
            && !process.is_full()
            && let Some((kind, what, bytes, pretty)) = wanted.next()
        {
            process.queue(NodeRequest::Show { kind, what, bytes, pretty });
            asked += 1;
        }
        process.send();
        let received = process.receive(|_, from| {
            texts.push(answer::read_shown(from)?);
            Ok(())
        });
        if let Err(failure) = received {
            texts.resize_with(before + asked, || Err(failure.clone().into()));
        }
    }
    texts
}
