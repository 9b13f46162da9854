//! Properties of the nodes' states.

use std::any::type_name;

use super::texts::Texts;
use super::{CheckError, Property, Subject, View, violated};
use crate::abridge::in_the_middle;
use crate::hosting::{NodeFailure, Payload, short_type_name};
use crate::{Address, Value, codec};

/// No node's state is larger than `limit` encoded bytes.
#[must_use]
pub fn max_state_bytes(limit: usize) -> Property {
    Property::new(format!("no node keeps more than {limit} bytes"), move |view| {
        for node in view.nodes() {
            let size = state(view, node)?.len();
            if size > limit {
                return Err(violated(
                    format!("a state of at most {limit} bytes on each node"),
                    format!("{node}'s state has {size} bytes"),
                )
                .about(Subject::node(node)));
            }
        }
        Ok(())
    })
    .of_each_node()
}

/// No node's state contains any of these strings, which are no longer needed because they were
/// overwritten or acknowledged.
#[must_use]
pub fn not_retained(texts: impl IntoIterator<Item = String>) -> Property {
    let texts = Texts::new(texts.into_iter().collect());
    Property::new(FORGOTTEN, move |view| none_holds(view, &texts))
        .of_each_node()
        .depends_on_commands()
}

/// No node's state contains any of the strings that `obsolete` finds in the commands of the run so far. As
/// [`not_retained`], but a shrunk run may leave out commands.
#[must_use]
pub fn obsolete_not_retained(
    obsolete: impl Fn(&dyn View) -> Vec<String> + Send + Sync + 'static,
) -> Property {
    Property::new(FORGOTTEN, move |view| {
        let texts = Texts::new(obsolete(view));
        none_holds(view, &texts)
    })
}

/// The most characters of a kept value in a violation. A longer one loses its middle.
const VALUE_CHARACTERS_MAX: usize = 200;

/// The name of the property that no node keeps what it no longer needs.
const FORGOTTEN: &str = "what is no longer needed is forgotten";

/// Whether no node's state contains one of these texts.
fn none_holds(view: &mut dyn View, texts: &Texts) -> Result<(), CheckError> {
    for node in view.nodes() {
        let state = state(view, node)?;
        let kept = texts.found_in(&state);
        if let Some(example) = kept.first() {
            return Err(violated(
                "no node to keep a value that no later command can need",
                format!(
                    "{node}'s state of {} bytes still holds {} of {} such values, for example `{}`",
                    state.len(),
                    kept.len(),
                    texts.len(),
                    in_the_middle(example, VALUE_CHARACTERS_MAX),
                ),
            )
            .about(Subject::Node { node, holds: Some((*example).to_owned()) }));
        }
    }
    Ok(())
}

/// A node's answer to a query that the lab's API defines.
///
/// # Errors
/// [`CheckError::Node`] when the node's code fails. [`CheckError::Mistake`] when the lab's interface defines an answer of
/// another type than `Answer`.
pub fn observe<Question: Value, Answer: Value>(
    view: &mut dyn View,
    node: Address,
    question: &Question,
) -> Result<Answer, CheckError> {
    let question = codec::encode(question).expect("a question encodes");
    let answer =
        view.observe(node, &question).map_err(|failure| CheckError::Node(node, failure))?;
    codec::decode(&answer).map_err(|error| {
        if !view.is_answer(node, &answer) {
            return CheckError::Node(node, NodeFailure::codec(Payload::Answer, &error));
        }
        let wanted = short_type_name(type_name::<Answer>());
        CheckError::Mistake(format!(
            "a property expects `{wanted}` as {node}'s answer, which is of another type: {error}"
        ))
    })
}

fn state(view: &mut dyn View, node: Address) -> Result<Vec<u8>, CheckError> {
    view.state(node).map_err(|failure| CheckError::Node(node, failure))
}
