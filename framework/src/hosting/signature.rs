//! The names of the types of a kind of node.

use std::fmt;

/// The names of a kind's types, to compare a submission with an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The type of the constructor's arguments.
    pub arguments: &'static str,
    /// Those of commands and results, if it is a client.
    pub client: Option<(&'static str, &'static str)>,
    /// Those of queries and answers, if it answers queries.
    pub observed: Option<(&'static str, &'static str)>,
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a node made with `{}`", short_type_name(self.arguments))?;
        if let Some((command, result)) = self.client {
            write!(
                f,
                ", a client that takes `{}` and shows `{}`",
                short_type_name(command),
                short_type_name(result)
            )?;
        }
        match self.observed {
            Some((question, answer)) => {
                write!(
                    f,
                    ", which answers `{}` with `{}`",
                    short_type_name(question),
                    short_type_name(answer)
                )
            }
            None => Ok(()),
        }
    }
}

/// A type's name without modules: `Option<String>`.
#[must_use]
pub fn short_type_name(name: &str) -> String {
    let mut short = String::new();
    for piece in name.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') {
        short.push_str(piece.rsplit("::").next().unwrap_or(piece));
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_types_are_shown_without_modules() {
        assert_eq!(
            short_type_name("core::option::Option<alloc::string::String>"),
            "Option<String>"
        );
        assert_eq!(short_type_name("(u64, lab9_api::Draw)"), "(u64, Draw)");
        assert_eq!(short_type_name("()"), "()");
    }
}
