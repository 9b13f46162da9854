//! Selects the compiler errors to show, without those that merely follow from another.

use super::hints::{Diagnostic, lacking};

/// For each message, whether to show it.
///
/// When the compiler continues after a type that it could not parse, derives from other crates
/// cannot parse it either, and their missing implementations cause more errors. Also, the compiler
/// reports a missing derive once for each node that uses the type.
pub(super) fn without_follow_up_errors(diagnostics: &[Diagnostic]) -> Vec<bool> {
    let is_unread = diagnostics.iter().any(is_of_a_parser);
    let mut shown: Vec<&Diagnostic> = Vec::new();
    diagnostics
        .iter()
        .map(|message| {
            let follows = lacked_bound(message).is_some_and(|derive| {
                is_unread && matches!(derive, "Serialize" | "Deserialize")
                    || shown.iter().any(|other| other.message == message.message)
            });
            if !follows {
                shown.push(message);
            }
            !follows
        })
        .collect()
}

/// Whether it is a parse error. Many messages have no code, such as those about format strings.
fn is_of_a_parser(message: &Diagnostic) -> bool {
    let starts = |words: &&str| message.message.starts_with(words);
    message.code.is_none() && ["expected ", "unexpected "].iter().any(starts)
}

/// The missing derive, if the message reports nothing else. One fix removes all such messages.
fn lacked_bound(message: &Diagnostic) -> Option<&'static str> {
    let is_bound = message.message.starts_with("the trait bound ");
    lacking(message).filter(|_| is_bound).map(|(_, derive)| derive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(code: Option<&str>, text: &str) -> Diagnostic {
        Diagnostic {
            code: code.map(str::to_owned),
            message: text.to_owned(),
            rendered: String::new(),
            has_place: true,
        }
    }

    #[test]
    fn a_parse_error_hides_missing_serde_derives() {
        let said = [
            message(Some("E0585"), "found a documentation comment that doesn't document anything"),
            message(None, "expected `,`"),
            message(Some("E0277"), "the trait bound `KvClient: Serialize` is not satisfied"),
        ];
        assert_eq!(without_follow_up_errors(&said), [true, true, false]);
        assert_eq!(without_follow_up_errors(&said[2..]), [true]);
    }

    #[test]
    fn a_missing_derive_is_shown_once() {
        let hash = message(Some("E0277"), "the trait bound `Message: Hash` is not satisfied");
        let eq = message(Some("E0277"), "the trait bound `Message: Eq` is not satisfied");
        let unknown = message(Some("E0425"), "cannot find value `number` in this scope");
        let said = [hash.clone(), eq, unknown.clone(), hash, unknown];
        assert_eq!(without_follow_up_errors(&said), [true, true, true, false, true]);
    }

    #[test]
    fn a_format_string_error_hides_nothing() {
        let lacks = message(Some("E0277"), "the trait bound `Message: Serialize` is not satisfied");
        let unknown = message(Some("E0599"), "no method named `inser` found for struct `Vec`");
        for slip in [
            "1 positional argument in format string, but no arguments were given",
            "invalid format string: expected `}` but string was terminated",
            "cannot find macro `prinln` in this scope",
        ] {
            let said = [message(None, slip), lacks.clone(), unknown.clone()];
            assert_eq!(without_follow_up_errors(&said), [true; 3], "{slip}");
        }
        // A parse error does not hide other mistakes either.
        let compared = message(Some("E0277"), "can't compare `&u64` with `u64`");
        let said = [message(None, "expected `,`"), unknown, compared, lacks];
        assert_eq!(without_follow_up_errors(&said), [true, true, true, false]);
    }

    #[test]
    fn a_mistake_made_twice_is_shown_twice() {
        for (code, text) in [
            ("E0599", "no method named `inser` found for struct `BTreeMap` in the current scope"),
            ("E0369", "binary operation `==` cannot be applied to type `Message`"),
            ("E0277", "can't compare `&u64` with `u64`"),
            ("E0277", "the trait bound `Message: Ord` is not satisfied"),
        ] {
            let said = [message(Some(code), text), message(Some(code), text)];
            assert_eq!(without_follow_up_errors(&said), [true, true], "{text}");
        }
    }
}
