//! EDN values: the subset that histories use.

use std::fmt;

/// A value in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Nil,
    Integer(i64),
    Text(String),
    /// A keyword (without its colon), or any other unquoted word.
    Word(String),
    /// A vector, list or set.
    Sequence(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

/// Values that nest deeper are rejected, so that no text can exhaust the stack.
const DEPTH_MAX: usize = 32;

/// Parses a text that consists of one value.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let mut reader = Reader { rest: text };
    let value = reader.value(0)?;
    reader.skip_space();
    match reader.rest {
        "" => Ok(value),
        rest => Err(format!("`{}` follows the value", excerpt(rest))),
    }
}

/// The beginning of a text, for a message.
pub(super) fn excerpt(text: &str) -> String {
    shorten(&text.escape_debug().to_string())
}

/// The beginning of a value, for a message.
pub(super) fn shown(value: &Value) -> String {
    shorten(&value.to_string())
}

fn shorten(text: &str) -> String {
    const LENGTH_MAX: usize = 60;
    match text.char_indices().nth(LENGTH_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        // Commas are whitespace in EDN.
        self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err(format!("the value nests deeper than {DEPTH_MAX} levels"));
        }
        self.skip_space();
        let Some(first) = self.rest.chars().next() else {
            return Err("a value is missing".to_owned());
        };
        match first {
            '"' => self.text(),
            '[' => self.sequence(1, ']', depth),
            '(' => self.sequence(1, ')', depth),
            '{' => {
                let Value::Sequence(items) = self.sequence(1, '}', depth)? else { unreachable!() };
                pairs(items)
            }
            '#' if self.rest.starts_with("#{") => self.sequence(2, '}', depth),
            ']' | ')' | '}' => Err(format!("`{first}` closes nothing")),
            _ => self.word(),
        }
    }

    fn sequence(&mut self, opening: usize, close: char, depth: usize) -> Result<Value, String> {
        self.rest = &self.rest[opening..];
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if let Some(rest) = self.rest.strip_prefix(close) {
                self.rest = rest;
                return Ok(Value::Sequence(items));
            }
            if self.rest.is_empty() {
                return Err(format!("`{close}` is missing"));
            }
            items.push(self.value(depth + 1)?);
        }
    }

    fn text(&mut self) -> Result<Value, String> {
        let mut text = String::new();
        let mut characters = self.rest[1..].chars();
        loop {
            match characters.next() {
                Some('"') => break,
                Some('\\') => text.push(match characters.next() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some(quoted @ ('"' | '\\')) => quoted,
                    other => {
                        let other = other.map_or(String::new(), |c| c.escape_debug().to_string());
                        return Err(format!("`\\{other}` is not an escape in a text"));
                    }
                }),
                Some(character) => text.push(character),
                None => return Err("the closing quote of a text is missing".to_owned()),
            }
        }
        self.rest = characters.as_str();
        Ok(Value::Text(text))
    }

    fn word(&mut self) -> Result<Value, String> {
        let ends = |c: char| c.is_whitespace() || ",\"[](){}".contains(c);
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if let Ok(integer) = word.parse() {
            return Ok(Value::Integer(integer));
        }
        Ok(match word.strip_prefix(':').unwrap_or(word) {
            "nil" => Value::Nil,
            word => Value::Word(word.to_owned()),
        })
    }
}

fn pairs(items: Vec<Value>) -> Result<Value, String> {
    if !items.len().is_multiple_of(2) {
        return Err("a key of the map has no value".to_owned());
    }
    let mut items = items.into_iter();
    let mut pairs = Vec::with_capacity(items.len() / 2);
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, value));
    }
    Ok(Value::Map(pairs))
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => write!(f, "nil"),
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Word(word) => write!(f, ":{}", word.escape_debug()),
            Self::Sequence(items) => {
                write!(f, "[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at == 0 { "" } else { " " })?;
                }
                write!(f, "]")
            }
            Self::Map(pairs) => {
                write!(f, "{{")?;
                for (at, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key} {value}", if at == 0 { "" } else { ", " })?;
                }
                write!(f, "}}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_printed_as_edn() {
        for text in
            ["nil", "-12", r#""a \"b\" \\ \n""#, ":timed-out", "[3 [4]]", "{:f :get, :key \"0\"}"]
        {
            assert_eq!(read(text).map(|value| value.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(read("#{1 2}"), read("(1, 2)"));
    }

    #[test]
    fn errors_name_the_problem() {
        let problem = |text: &str| read(text).expect_err("not a value");
        assert_eq!(problem(""), "a value is missing");
        assert_eq!(problem("[1 2"), "`]` is missing");
        assert_eq!(problem("{:f}"), "a key of the map has no value");
        assert_eq!(problem("\"abc"), "the closing quote of a text is missing");
        assert_eq!(problem("1 2"), "`2` follows the value");
        assert_eq!(problem(&"[".repeat(1000)), "the value nests deeper than 32 levels");
    }
}
