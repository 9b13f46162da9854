//! Hints that explain compiler errors for common mistakes.

/// One message of the compiler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its code: `E0277`.
    pub code: Option<String>,
    /// Its first line.
    pub message: String,
    /// All of it, without colours.
    pub rendered: String,
    /// Whether it is about a place in the code.
    pub has_place: bool,
}

impl Diagnostic {
    fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether it contains this text, but not as the end of a longer name.
    fn says(&self, text: &str) -> bool {
        let in_name = |character: char| character.is_alphanumeric() || character == '_';
        self.rendered.match_indices(text).any(|(at, _)| !self.rendered[..at].ends_with(in_name))
    }
}

/// A common mistake, and a hint for it.
struct CommonMistake {
    made: fn(&Diagnostic) -> bool,
    hint: Hint,
}

/// The text of a hint.
enum Hint {
    /// A fixed text.
    Text(&'static str),
    /// Names the missing derives.
    Derives,
}

const MISTAKES: &[CommonMistake] = &[
    CommonMistake {
        made: |message| {
            let hashed = message.says("HashMap<") || message.says("HashSet<");
            hashed && (message.is("E0277") || message.is("E0369") || message.is("E0599"))
        },
        hint: Hint::Text(
            "a node's state contains a HashMap or a HashSet. Use BTreeMap or BTreeSet: a hash map iterates in a different order in every run, so a failing run could not be repeated and equal states could not be recognised.",
        ),
    },
    CommonMistake {
        made: |message| {
            message.says("f32: Eq")
                || message.says("f64: Eq")
                || message.says("f64: Hash")
                || message.says("f32: Hash")
        },
        hint: Hint::Text(
            "a state or a message contains a floating-point number, which has no exact equality. Use integers: milliseconds, thousandths.",
        ),
    },
    CommonMistake {
        made: |message| {
            message.says("Instant: ")
                || message.says("SystemTime: Serialize")
                || message.says("SystemTime: Deserialize")
        },
        hint: Hint::Text(
            "a node cannot read the clock. To act later, set a timer with `ctx.set_timer`.",
        ),
    },
    CommonMistake {
        made: |message| {
            let is_foreign =
                |of: &str| FOREIGN.iter().any(|foreign| of.split('<').next() == Some(foreign));
            lacking(message).is_some_and(|(of, _)| !is_foreign(of))
        },
        hint: Hint::Derives,
    },
    CommonMistake { made: |message| message.is("E0407"), hint: Hint::Text(HANDLER_HINT) },
    CommonMistake {
        made: |message| {
            message.is("E0046")
                && ["on_message", "send_command", "result", "execute"]
                    .iter()
                    .any(|handler| message.says(&format!("`{handler}`")))
        },
        hint: Hint::Text(HANDLER_HINT),
    },
    CommonMistake {
        made: |message| message.is("E0004"),
        hint: Hint::Text(
            "a `match` does not cover every case. For a message that this node ignores, write `Message::Name { .. } => {}`.",
        ),
    },
    CommonMistake {
        made: |message| {
            message.is("E0432") && message.says("use of unresolved module or unlinked crate")
                || message.is("E0433") && message.says("unlinked crate")
        },
        hint: Hint::Text(
            "a lab can use the crates `faultlab`, `serde` and the lab's API crate, and its own files, if lib.rs declares them with `pub mod`.",
        ),
    },
    CommonMistake {
        made: |message| message.is("E0453") || message.message.contains("unsafe"),
        hint: Hint::Text("labs must not use `unsafe`."),
    },
];

const HANDLER_HINT: &str = "a handler is missing or its name is misspelt. The handlers are `init`, `on_message` and `on_timer` (Node), `send_command` and `result` (Client), `execute` (Application).";

/// What every state, message and timer derives, in the usual order.
const DERIVES: [&str; 7] =
    ["Clone", "Debug", "PartialEq", "Eq", "Hash", "Serialize", "Deserialize"];

/// Types of other crates: a student cannot add a derive to them, and they have better hints.
const FOREIGN: [&str; 6] = ["HashMap", "HashSet", "f32", "f64", "Instant", "SystemTime"];

/// The type that a message is about, and the derive that it lacks.
pub(super) fn lacking(message: &Diagnostic) -> Option<(&str, &'static str)> {
    let Diagnostic { code, message, rendered, .. } = message;
    let (of, name) = match code.as_deref()? {
        "E0277" => between(message, "the trait bound `", "` is not satisfied")
            .and_then(|bound| bound.split_once(": "))
            .or_else(|| between(message, "`", "`")?.split_once("` doesn't implement `"))
            .or_else(|| {
                let (of, with) =
                    between(message, "can't compare `", "`")?.split_once("` with `")?;
                // Comparing two different types is a mistake, and messages do not derive an order.
                let is_equality = of == with && rendered.contains(&format!("`{of} == {with}`"));
                is_equality.then_some((of, "PartialEq"))
            })?,
        // Only for `==` and `!=`, and only for a type to which a derive can be added.
        "E0369" => {
            let missing = "an implementation of `PartialEq` might be missing for `";
            (rendered.split_once(missing)?.1.split_once('`')?.0, "PartialEq")
        }
        _ => return None,
    };
    // `serde::Deserialize<'de>` becomes `Deserialize`.
    let name = name.split('<').next()?.rsplit("::").next()?;
    let name = DERIVES.into_iter().find(|derive| *derive == name.trim_end_matches("Owned"))?;
    // Drops the path of `messages::Vote<u64>`, and nothing of `Vec<messages::Vote>`.
    let path = of.split('<').next()?.rfind("::").map_or(0, |at| at + 2);
    Some((&of[path..], name))
}

/// The text between the first `before` and the last `after`.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    Some(text.split_once(before)?.1.rsplit_once(after)?.0)
}

/// Names the missing derives, and their type if there is only one.
fn missing_derives(messages: &[&Diagnostic]) -> String {
    let lacking: Vec<(&str, &str)> =
        messages.iter().filter_map(|message| lacking(message)).collect();
    let names: Vec<String> = DERIVES
        .iter()
        .filter(|derive| lacking.iter().any(|(_, name)| name == *derive))
        .map(|derive| format!("`{derive}`"))
        .collect();
    let of = match lacking.first() {
        Some((of, _)) if lacking.iter().all(|(other, _)| other == of) => {
            format!("`{of}`, which is part of a state or a message,")
        }
        _ => "a type that is part of a state or a message".to_owned(),
    };
    format!(
        "{of} lacks {}. Every state, message and timer derives: #[derive({})].",
        names.join(", "),
        DERIVES.join(", ")
    )
}

/// Hints for the messages, without repetition, at most three.
#[must_use]
pub fn hints(diagnostics: &[Diagnostic]) -> Vec<String> {
    let mut hints: Vec<String> = Vec::new();
    for mistake in MISTAKES {
        let of: Vec<&Diagnostic> =
            diagnostics.iter().filter(|message| (mistake.made)(message)).collect();
        if of.is_empty() {
            continue;
        }
        let hint = match mistake.hint {
            Hint::Text(text) => text.to_owned(),
            Hint::Derives => missing_derives(&of),
        };
        if hints.len() < 3 && !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    hints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacks(bound: &str) -> Diagnostic {
        let message = format!("the trait bound `{bound}` is not satisfied");
        let code = Some("E0277".to_owned());
        Diagnostic { code, rendered: message.clone(), message, has_place: true }
    }

    #[test]
    fn missing_derives_of_one_type_give_one_hint() {
        let said = [lacks("messages::Message: serde::Deserialize<'de>"), lacks("Message: Hash")];
        assert_eq!(
            hints(&said),
            [
                "`Message`, which is part of a state or a message, lacks `Hash`, `Deserialize`. Every \
              state, message and timer derives: #[derive(Clone, Debug, PartialEq, Eq, Hash, \
              Serialize, Deserialize)]."
            ]
        );
        let several = hints(&[lacks("Message: Hash"), lacks("Timer: Eq")]);
        assert!(
            several[0]
                .starts_with("a type that is part of a state or a message lacks `Eq`, `Hash`.")
        );
    }

    #[test]
    fn foreign_types_have_their_own_hints() {
        let said = hints(&[lacks("HashMap<Address, u64>: Hash")]);
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("BTreeMap"), "{}", said[0]);
        let said = hints(&[lacks("f64: Hash"), lacks("std::time::Instant: Hash")]);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("Use integers"), "{}", said[0]);
    }

    /// A message with this code, this first line, and this note below it.
    fn said(code: &str, message: &str, note: &str) -> Diagnostic {
        let rendered = format!("error[{code}]: {message}\n{note}");
        let (code, message) = (Some(code.to_owned()), message.to_owned());
        Diagnostic { code, message, rendered, has_place: true }
    }

    #[test]
    fn missing_derives_for_comparing_and_printing_are_found() {
        for (message, of, derive) in [
            (said("E0277", "`messages::Vote` doesn't implement `Debug`", ""), "Vote", "Debug"),
            (
                said(
                    "E0277",
                    "can't compare `Vote` with `Vote`",
                    "no implementation for `Vote == Vote`",
                ),
                "Vote",
                "PartialEq",
            ),
            (
                said(
                    "E0369",
                    "binary operation `!=` cannot be applied to type `Option<&Vote>`",
                    "note: an implementation of `PartialEq` might be missing for `Vote`",
                ),
                "Vote",
                "PartialEq",
            ),
        ] {
            assert_eq!(lacking(&message), Some((of, derive)), "{message:?}");
        }
    }

    #[test]
    fn errors_that_no_derive_fixes_have_no_hint() {
        for message in [
            said("E0277", "`Message` doesn't implement `std::fmt::Display`", ""),
            said("E0277", "can't compare `&u64` with `u64`", "no implementation for `&u64 == u64`"),
            said(
                "E0277",
                "can't compare `Vote` with `Vote`",
                "no implementation for `Vote < Vote` and `Vote > Vote`",
            ),
            said(
                "E0369",
                "binary operation `<` cannot be applied to type `Vote`",
                "note: an implementation of `PartialOrd` might be missing for `Vote`",
            ),
            said("E0369", "binary operation `==` cannot be applied to type `&dyn Fn()`", ""),
            said("E0369", "binary operation `+` cannot be applied to type `Vote`", ""),
        ] {
            assert_eq!(hints(std::slice::from_ref(&message)), [] as [String; 0], "{message:?}");
        }
    }

    #[test]
    fn names_that_contain_a_foreign_name_are_not_foreign() {
        for name in [
            "InstantReply",
            "MyInstant",
            "f64s",
            "Half64",
            "Leaf64",
            "HashMapped",
            "MyHashMap<u64>",
        ] {
            let said = hints(&[lacks(&format!("messages::{name}: Hash"))]);
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].starts_with(&format!("`{name}`, which is part")), "{said:?}");
        }
    }
}
