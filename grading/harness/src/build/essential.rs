//! Which of the compiler's messages are worth reading: those that follow from another are left out.

use super::hints::Diagnostic;

/// For each message, whether it is shown.
///
/// After an error of the parser the compiler goes on with what it could read, and misses the derives of a type
/// that it could not. And what one type lacks is said again for each node that uses it.
pub(super) fn essential(diagnostics: &[Diagnostic]) -> Vec<bool> {
    let is_unread = diagnostics.iter().any(|message| message.code.is_none());
    let is_about_traits =
        |message: &Diagnostic| matches!(message.code.as_deref(), Some("E0277" | "E0369" | "E0599"));
    let mut shown: Vec<&Diagnostic> = Vec::new();
    diagnostics
        .iter()
        .map(|message| {
            let follows = is_about_traits(message)
                && (is_unread || shown.iter().any(|other| other.message == message.message));
            if !follows {
                shown.push(message);
            }
            !follows
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(code: Option<&str>, text: &str) -> Diagnostic {
        Diagnostic {
            code: code.map(str::to_owned),
            message: text.to_owned(),
            rendered: String::new(),
        }
    }

    #[test]
    fn what_the_parser_could_not_read_lacks_nothing() {
        let said = [
            message(Some("E0585"), "found a documentation comment that doesn't document anything"),
            message(None, "expected `,`"),
            message(Some("E0277"), "the trait bound `KvClient: Serialize` is not satisfied"),
        ];
        assert_eq!(essential(&said), [true, true, false]);
        assert_eq!(essential(&said[2..]), [true]);
    }

    #[test]
    fn what_a_type_lacks_is_said_once() {
        let hash = message(Some("E0277"), "the trait bound `Message: Hash` is not satisfied");
        let eq = message(Some("E0277"), "the trait bound `Message: Eq` is not satisfied");
        let unknown = message(Some("E0425"), "cannot find value `number` in this scope");
        let said = [hash.clone(), eq, unknown.clone(), hash, unknown];
        assert_eq!(essential(&said), [true, true, true, false, true]);
    }
}
