//! EDN: a reader for what histories contain, as public tools write it.
//!
//! The format: <https://github.com/edn-format/edn>. Comments, discarded values, tags and metadata are understood and
//! dropped. A tag (`#jepsen.history.Op`) does not change what its value means here.

use std::fmt;

/// A value in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Nil,
    Integer(i64),
    Text(String),
    /// A keyword, without its colon.
    Keyword(String),
    /// Any other unquoted word: a symbol, a character, a fraction, an integer that is too large.
    Word(String),
    /// A vector, list or set.
    Sequence(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

/// Values that nest deeper are rejected, so that no text can exhaust the stack.
const DEPTH_MAX: usize = 32;

/// Why a text is not EDN, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EdnError {
    pub(super) at: usize,
    pub(super) problem: String,
}

/// Parses a text that consists of one value.
pub(super) fn read(text: &str) -> Result<Value, String> {
    match read_first(text)? {
        (value, "") => Ok(value),
        (_, rest) => Err(format!("`{}` follows the value", excerpt(rest))),
    }
}

/// Parses the value at the beginning of a text. Returns it, and the text after it.
pub(super) fn read_first(text: &str) -> Result<(Value, &str), String> {
    let mut reader = Reader::new(text);
    let value = reader.value(0).map_err(|error| error.problem)?;
    reader.skip(0).map_err(|error| error.problem)?;
    Ok((value, &text[reader.at..]))
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

impl Value {
    /// The name that a keyword or symbol is.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Keyword(name) | Self::Word(name) => Some(name),
            _ => None,
        }
    }
}

/// Reads the values of a text, one after another.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte's number.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Skips what has no meaning. Whether anything follows.
    pub(super) fn has_next(&mut self) -> Result<bool, EdnError> {
        self.skip(0)?;
        Ok(self.at < self.text.len())
    }

    /// The next value.
    pub(super) fn next(&mut self) -> Result<Value, EdnError> {
        self.value(0)
    }

    /// Enters the vector or list that begins here, if one does, past any tag. Returns what closes it.
    pub(super) fn enter(&mut self) -> Result<Option<char>, EdnError> {
        let before = self.at;
        self.skip(0)?;
        while let Some(length) = self.tag() {
            self.at += length;
            self.skip(0)?;
        }
        let close = match self.peek() {
            Some('[') => ']',
            Some('(') => ')',
            _ => {
                self.at = before;
                return Ok(None);
            }
        };
        self.at += 1;
        Ok(Some(close))
    }

    /// Whether the collection that was [entered](Reader::enter) ends here. If so, leaves it.
    pub(super) fn leave(&mut self, close: char) -> Result<bool, EdnError> {
        self.ends(close, 0)
    }

    fn ends(&mut self, close: char, depth: usize) -> Result<bool, EdnError> {
        self.skip(depth)?;
        match self.peek() {
            Some(next) if next == close => {
                self.at += 1;
                Ok(true)
            }
            Some(_) => Ok(false),
            None => Err(self.error(format!("`{close}` is missing"))),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error(&self, problem: impl Into<String>) -> EdnError {
        EdnError { at: self.at, problem: problem.into() }
    }

    /// Skips whitespace (which includes commas), comments and discarded values.
    fn skip(&mut self, depth: usize) -> Result<(), EdnError> {
        loop {
            let rest = self.rest();
            let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            self.at = self.text.len() - rest.len();
            if rest.starts_with(';') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("#_") {
                self.at += 2;
                self.value(depth + 1)?;
            } else {
                return Ok(());
            }
        }
    }

    /// The length of the tag that begins here.
    fn tag(&self) -> Option<usize> {
        let rest = self.rest().strip_prefix('#')?;
        rest.starts_with(|c: char| c.is_alphabetic() || c == ':').then(|| 1 + word_length(rest))
    }

    fn value(&mut self, depth: usize) -> Result<Value, EdnError> {
        if depth > DEPTH_MAX {
            return Err(self.error(format!("the value nests deeper than {DEPTH_MAX} levels")));
        }
        self.skip(depth)?;
        let Some(first) = self.peek() else {
            return Err(self.error("a value is missing"));
        };
        match first {
            '"' => self.text(),
            '[' => self.sequence(1, ']', depth),
            '(' => self.sequence(1, ')', depth),
            '{' => self.map(depth),
            '#' if self.rest().starts_with("#{") => self.sequence(2, '}', depth),
            '#' if let Some(length) = self.tag() => {
                self.at += length;
                self.value(depth + 1)
            }
            '^' => {
                self.at += 1;
                self.value(depth + 1)?;
                self.value(depth + 1)
            }
            ']' | ')' | '}' => Err(self.error(format!("`{first}` closes nothing"))),
            '\\' => Ok(self.character()),
            _ => Ok(self.word()),
        }
    }

    fn sequence(&mut self, opening: usize, close: char, depth: usize) -> Result<Value, EdnError> {
        self.at += opening;
        let mut items = Vec::new();
        while !self.ends(close, depth)? {
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::Sequence(items))
    }

    fn map(&mut self, depth: usize) -> Result<Value, EdnError> {
        self.at += 1;
        let mut pairs = Vec::new();
        while !self.ends('}', depth)? {
            let key = self.value(depth + 1)?;
            self.skip(depth)?;
            if self.peek() == Some('}') {
                return Err(self.error("a key of the map has no value"));
            }
            pairs.push((key, self.value(depth + 1)?));
        }
        Ok(Value::Map(pairs))
    }

    fn text(&mut self) -> Result<Value, EdnError> {
        let mut text = String::new();
        let mut characters = self.rest()[1..].chars();
        loop {
            match characters.next() {
                Some('"') => break,
                Some('\\') => match escaped(&mut characters) {
                    Ok(character) => text.push(character),
                    Err(escape) => {
                        return Err(self.error(format!("`\\{escape}` is not an escape in a text")));
                    }
                },
                Some(character) => text.push(character),
                None => return Err(self.error("the closing quote of a text is missing")),
            }
        }
        self.at = self.text.len() - characters.as_str().len();
        Ok(Value::Text(text))
    }

    /// A character, such as `\a` or `\newline`. What follows the backslash belongs to it even if it ends words.
    fn character(&mut self) -> Value {
        let rest = self.rest();
        let first = rest[1..].chars().next().map_or(0, char::len_utf8);
        let length = 1 + first + word_length(&rest[1 + first..]);
        self.at += length;
        Value::Word(rest[..length].to_owned())
    }

    fn word(&mut self) -> Value {
        let (word, _) = self.rest().split_at(word_length(self.rest()).max(1));
        self.at += word.len();
        let digits = word.strip_suffix('N').unwrap_or(word);
        if let Ok(integer) = digits.parse() {
            return Value::Integer(integer);
        }
        match word.strip_prefix(':') {
            _ if matches!(word, "nil" | ":nil") => Value::Nil,
            Some(keyword) => Value::Keyword(keyword.to_owned()),
            None => Value::Word(word.to_owned()),
        }
    }
}

/// The length of the word at the beginning of a text, in bytes.
fn word_length(text: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || ",;\"[](){}".contains(c);
    text.find(ends).unwrap_or(text.len())
}

/// The character of an escape whose backslash was read, or what stands there instead of one.
fn escaped(characters: &mut std::str::Chars<'_>) -> Result<char, String> {
    Ok(match characters.next() {
        Some('n') => '\n',
        Some('t') => '\t',
        Some('r') => '\r',
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some(quoted @ ('"' | '\\' | '/')) => quoted,
        Some('u') => {
            let digits: String = characters.by_ref().take(4).collect();
            let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
            // Half of a surrogate pair is no character of its own.
            let character = code.map(|code| char::from_u32(code).unwrap_or('\u{fffd}'));
            character.ok_or_else(|| format!("u{}", digits.escape_debug()))?
        }
        other => return Err(other.map_or(String::new(), |c| c.escape_debug().to_string())),
    })
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => write!(f, "nil"),
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Keyword(name) => write!(f, ":{}", name.escape_debug()),
            Self::Word(word) => write!(f, "{}", word.replace(char::is_control, "\u{fffd}")),
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
        let texts = [
            "nil",
            "-12",
            r#""a \"b\" \\ \n""#,
            ":timed-out",
            "[3 [4]]",
            "{:f :get, :key \"0\"}",
            "true",
            "1.5",
            "22/7",
            "\\newline",
        ];
        for text in texts {
            assert_eq!(read(text).map(|value| value.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(read("#{1 2}"), read("(1, 2)"));
    }

    #[test]
    fn what_has_no_meaning_is_dropped() {
        let plain = read("{:process 0, :value [1 2]}");
        for text in [
            "#jepsen.history.Op{:process 0 :value #jepsen.independent.tuple [1 2]}",
            "; a comment\n{:process 0 ; another\n :value [1 #_ 7 2]} ; and one more",
            "#_ {:process 3} {:process 0, :value ^{:line 3} [1 2N]}",
            "  {:process\t0,,,:value\r\n(1 2)}\n",
        ] {
            assert_eq!(read(text), plain, "{text}");
        }
        assert_eq!(read(r#""\u0041\t\u00e9""#), Ok(Value::Text("A\té".to_owned())));
        assert_eq!(read(r"[\( \a]").map(|value| value.to_string()), Ok(r"[\( \a]".to_owned()));
    }

    #[test]
    fn errors_name_the_problem() {
        let problem = |text: &str| read(text).expect_err("not a value");
        assert_eq!(problem(""), "a value is missing");
        assert_eq!(problem("[1 2"), "`]` is missing");
        assert_eq!(problem("{:f}"), "a key of the map has no value");
        assert_eq!(problem("\"abc"), "the closing quote of a text is missing");
        assert_eq!(problem(r#""\u12""#), "`\\u12\\\"` is not an escape in a text");
        assert_eq!(problem("1 2"), "`2` follows the value");
        assert_eq!(problem(&"[".repeat(1000)), "the value nests deeper than 32 levels");
        assert_eq!(problem(&"#a ".repeat(1000)), "the value nests deeper than 32 levels");
        assert_eq!(problem(&"#_ ".repeat(1000)), "the value nests deeper than 32 levels");
    }
}
