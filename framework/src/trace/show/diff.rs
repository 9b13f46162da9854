//! Finds what changed between two states, given their pretty `Debug` texts.
//!
//! Pretty `Debug` text shows structure by indentation. It is parsed back into that structure, and
//! only the differences are reported, each with its path of field names and keys. Text without such
//! structure, from a hand-written `Debug`, is compared line by line.

use std::collections::BTreeMap;

/// States longer than this, in bytes, are not compared.
const STATE_BYTES_MAX: usize = 1 << 20;

/// Deeper levels of a state are not compared.
const DEPTH_MAX: usize = 64;

/// Values whose texts are together at most this long are shown completely.
const SHORT_CHARS: usize = 32;

/// One difference between two states. The texts are the node's own and not yet safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::trace) enum Change {
    /// A value became another.
    Changed {
        /// The path, such as `store.results.client1`; empty for the whole state.
        path: String,
        /// The old value.
        old: String,
        /// The new value.
        new: String,
    },
    /// A value was added.
    Added {
        /// Where.
        path: String,
        /// What.
        new: String,
    },
    /// A value was removed.
    Removed {
        /// Where.
        path: String,
        /// What.
        old: String,
    },
    /// The states differ but are too large to compare.
    TooLarge,
}

impl Change {
    /// Where something changed.
    pub(in crate::trace) fn path(&self) -> Option<&str> {
        match self {
            Self::Changed { path, .. } | Self::Added { path, .. } | Self::Removed { path, .. } => {
                Some(path)
            }
            Self::TooLarge => None,
        }
    }
}

/// The changes from the state `old` to the state `new`.
pub(in crate::trace) fn changes(old: &str, new: &str) -> Vec<Change> {
    if old == new {
        return Vec::new();
    }
    if old.len().max(new.len()) > STATE_BYTES_MAX {
        return vec![Change::TooLarge];
    }
    match (Tree::parse(old), Tree::parse(new)) {
        (Some(old), Some(new)) => {
            let mut changes = Vec::new();
            compare(&old, &new, "", &mut changes);
            changes
        }
        _ => changed_lines(old, new),
    }
}

/// The innermost values of a state, each with its path. Empty if the state has no structure or is too
/// large.
pub(in crate::trace) fn leaves(state: &str) -> Vec<(String, String)> {
    let mut leaves = Vec::new();
    if state.len() <= STATE_BYTES_MAX
        && let Some(tree) = Tree::parse(state)
    {
        add_leaves(&tree, "", &mut leaves);
    }
    leaves
}

/// Adds a value's innermost values, with the paths that [`compare`] gives them.
fn add_leaves(tree: &Tree, path: &str, leaves: &mut Vec<(String, String)>) {
    let Tree::Branch { bracket, children, .. } = tree else {
        leaves.push((path.to_owned(), tree.text()));
        return;
    };
    for (index, (key, child)) in children.iter().enumerate() {
        let path = match key {
            Some(key) => join(path, key),
            None => element_path(path, *bracket, index, children.len()),
        };
        add_leaves(child, &path, leaves);
    }
}

/// The path of an element of a list, set or tuple.
fn element_path(path: &str, bracket: char, index: usize, count: usize) -> String {
    match bracket {
        '[' => format!("{path}[{index}]"),
        '(' if count > 1 => join(path, &index.to_string()),
        _ => path.to_owned(),
    }
}

/// A state on one line.
pub(in crate::trace) fn one_line(state: &str) -> String {
    if state.len() > STATE_BYTES_MAX {
        return format!("a state of {} bytes", state.len());
    }
    match Tree::parse(state) {
        Some(tree) => tree.text(),
        None => state.lines().map(str::trim).collect::<Vec<_>>().join(" "),
    }
}

/// A value, parsed from its pretty `Debug` text.
#[derive(Debug, PartialEq, Eq)]
enum Tree {
    /// A value on one line.
    Leaf(String),
    /// A value with others inside: `Name {`, `Some(`, `[`.
    Branch {
        /// The text before the bracket, without blanks.
        name: String,
        /// `{`, `(` or `[`.
        bracket: char,
        /// The values inside, with field names or keys if there are any.
        children: Vec<(Option<String>, Tree)>,
    },
}

impl Tree {
    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        let mut reader = Reader { lines: &lines, next: 0 };
        let (key, tree) = reader.value(0)?;
        (key.is_none() && reader.next == lines.len()).then_some(tree)
    }

    /// The value on one line.
    fn text(&self) -> String {
        let Self::Branch { name, bracket, children } = self else {
            let Self::Leaf(text) = self else { return String::new() };
            return text.clone();
        };
        let inner: Vec<String> = children
            .iter()
            .map(|(key, child)| match key {
                Some(key) => format!("{key}: {}", child.text()),
                None => child.text(),
            })
            .collect();
        let inner = inner.join(", ");
        match (bracket, name.is_empty()) {
            ('{', false) => format!("{name} {{ {inner} }}"),
            (bracket, _) => format!("{name}{bracket}{inner}{}", closing(*bracket)),
        }
    }
}

/// Reads the lines of a pretty `Debug` text.
struct Reader<'a> {
    lines: &'a [&'a str],
    next: usize,
}

impl Reader<'_> {
    /// The value that starts at the next line, which is indented by `depth` levels, with its key.
    fn value(&mut self, depth: usize) -> Option<(Option<String>, Tree)> {
        let line = *self.lines.get(self.next)?;
        self.next += 1;
        let content = line.get(4 * depth..).filter(|content| !content.starts_with(' '))?;
        if !line.as_bytes()[..4 * depth].iter().all(|&byte| byte == b' ') {
            return None;
        }
        self.rest_of_value(content, depth)
    }

    /// The value whose first line is `content`, without its indentation.
    fn rest_of_value(&mut self, content: &str, depth: usize) -> Option<(Option<String>, Tree)> {
        let (key, content) = split_key(content);
        let opens = content.ends_with(['{', '(', '[']) && self.next_is_at(depth + 1);
        if !opens || depth == DEPTH_MAX {
            let leaf = content.strip_suffix(',').unwrap_or(content);
            let empty =
                |bracket| Tree::Branch { name: String::new(), bracket, children: Vec::new() };
            let tree = match leaf {
                "{}" => empty('{'),
                "[]" => empty('['),
                _ => Tree::Leaf(leaf.to_owned()),
            };
            return Some((key, tree));
        }
        let bracket = content.chars().next_back()?;
        let name = content[..content.len() - 1].trim_end().to_owned();
        let mut children = Vec::new();
        while self.next_is_at(depth + 1) {
            children.push(self.value(depth + 1)?);
        }
        let close = self.lines.get(self.next)?.get(4 * depth..)?;
        let after = close.strip_prefix(closing(bracket))?;
        self.next += 1;
        let tree = Tree::Branch { name, bracket, children };
        // A map's key can span lines; then its value starts on the key's last line.
        match after.strip_prefix(": ") {
            Some(content) if key.is_none() => {
                let (_, value) = self.rest_of_value(content, depth)?;
                Some((Some(tree.text()), value))
            }
            _ if after.is_empty() || after == "," => Some((key, tree)),
            _ => None,
        }
    }

    /// Whether the next line is indented by exactly `depth` levels.
    fn next_is_at(&self, depth: usize) -> bool {
        self.lines.get(self.next).is_some_and(|line| {
            let blanks = line.len() - line.trim_start_matches(' ').len();
            blanks == 4 * depth
        })
    }
}

/// The bracket that closes what `bracket` opens.
fn closing(bracket: char) -> char {
    match bracket {
        '{' => '}',
        '(' => ')',
        _ => ']',
    }
}

/// Splits `key: value`, where the key is a field's name or a map's one-line key.
fn split_key(content: &str) -> (Option<String>, &str) {
    let end = if let Some(quoted) = content.strip_prefix('"') {
        let mut escaped = false;
        let quote = quoted.char_indices().find(|&(_, character)| {
            let ends = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        });
        quote.map(|(at, _)| at + 2)
    } else {
        content.find(": ").filter(|&at| !content[..at].contains(['"', '\'', '(', '[', '{', ' ']))
    };
    match end.and_then(|end| Some((&content[..end], content[end..].strip_prefix(": ")?))) {
        Some((key, value)) => (Some(key.to_owned()), value),
        None => (None, content),
    }
}

/// Adds the differences between two values at `path`.
fn compare(old: &Tree, new: &Tree, path: &str, changes: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let (old_text, new_text) = (old.text(), new.text());
    let whole = |changes: &mut Vec<Change>| {
        let (path, old, new) = (path.to_owned(), old_text.clone(), new_text.clone());
        changes.push(Change::Changed { path, old, new });
    };
    let (
        Tree::Branch { name: old_name, bracket, children: old_children },
        Tree::Branch { name: new_name, bracket: new_bracket, children: new_children },
    ) = (old, new)
    else {
        return whole(changes);
    };
    if (old_name, bracket) != (new_name, new_bracket) {
        return whole(changes);
    }
    if let (Some(old), Some(new)) = (by_key(old_children), by_key(new_children)) {
        for (key, child) in old_children.iter().filter_map(keyed) {
            let path = join(path, key);
            match new.get(key) {
                Some(other) => compare(child, other, &path, changes),
                None => changes.push(Change::Removed { path, old: child.text() }),
            }
        }
        for (key, child) in new_children.iter().filter_map(keyed) {
            if !old.contains_key(key) {
                changes.push(Change::Added { path: join(path, key), new: child.text() });
            }
        }
        return;
    }
    let short = old_text.chars().count() + new_text.chars().count() <= SHORT_CHARS;
    if short && !path.is_empty() && *bracket == '(' {
        return whole(changes);
    }
    compare_lists(old_children, new_children, *bracket, path, changes);
}

/// Adds the differences between the elements of two lists, sets or tuples.
fn compare_lists(
    old: &[(Option<String>, Tree)],
    new: &[(Option<String>, Tree)],
    bracket: char,
    path: &str,
    changes: &mut Vec<Change>,
) {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let both_end = old_rest.iter().rev().zip(new_rest.iter().rev());
    let end = both_end.take_while(|(old, new)| old == new).count();
    let old_rest = &old_rest[..old_rest.len() - end];
    let new_rest = &new_rest[..new_rest.len() - end];
    let place = |index: usize| element_path(path, bracket, index, old.len());
    if old_rest.len() == new_rest.len() && bracket != '{' {
        for (index, (old, new)) in old_rest.iter().zip(new_rest).enumerate() {
            compare(&old.1, &new.1, &place(start + index), changes);
        }
        return;
    }
    let text = |(key, tree): &(Option<String>, Tree)| match key {
        Some(key) => format!("{key}: {}", tree.text()),
        None => tree.text(),
    };
    // In a set, unchanged elements may be between changed ones.
    let stayed = |other: &[(Option<String>, Tree)], child| bracket == '{' && other.contains(child);
    for (index, child) in old_rest.iter().enumerate() {
        if !stayed(new_rest, child) {
            changes.push(Change::Removed { path: place(start + index), old: text(child) });
        }
    }
    for (index, child) in new_rest.iter().enumerate() {
        if !stayed(old_rest, child) {
            changes.push(Change::Added { path: place(start + index), new: text(child) });
        }
    }
}

/// The children by their keys, if all have distinct keys.
fn by_key(children: &[(Option<String>, Tree)]) -> Option<BTreeMap<&str, &Tree>> {
    let by_key: BTreeMap<&str, &Tree> = children.iter().filter_map(keyed).collect();
    (by_key.len() == children.len()).then_some(by_key)
}

fn keyed((key, tree): &(Option<String>, Tree)) -> Option<(&str, &Tree)> {
    key.as_deref().map(|key| (key, tree))
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Compares two texts line by line, without the lines that they have in common at the start and the end.
fn changed_lines(old: &str, new: &str) -> Vec<Change> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[start..], &new[start..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let removed = old[..old.len() - end].iter().map(|line| line.trim().to_owned());
    let added = new[..new.len() - end].iter().map(|line| line.trim().to_owned());
    let path = String::new();
    removed
        .map(|old| Change::Removed { path: path.clone(), old })
        .chain(added.map(|new| Change::Added { path: path.clone(), new }))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[derive(Debug, Clone)]
    struct Server {
        store: Store,
        log: Vec<u8>,
    }

    #[derive(Debug, Clone, Default)]
    struct Store {
        results: BTreeMap<String, (u32, String)>,
        tagged: BTreeMap<(u8, u8), Option<u8>>,
        members: BTreeSet<u8>,
    }

    fn described(old: &impl std::fmt::Debug, new: &impl std::fmt::Debug) -> Vec<String> {
        changes(&format!("{old:#?}"), &format!("{new:#?}"))
            .into_iter()
            .map(|change| match change {
                Change::Changed { path, old, new } => format!("{path}: {old} -> {new}"),
                Change::Added { path, new } => format!("+ {path}: {new}"),
                Change::Removed { path, old } => format!("- {path}: {old}"),
                Change::TooLarge => "too large".to_owned(),
            })
            .collect()
    }

    #[test]
    fn differences_have_paths() {
        let old = Server { store: Store::default(), log: vec![1, 2] };
        let mut new = old.clone();
        assert_eq!(described(&old, &new), [""; 0]);
        new.store.results.insert("a: {".to_owned(), (1, "x".to_owned()));
        new.store.tagged.insert((1, 2), Some(3));
        new.store.members.extend([1, 3]);
        new.log.push(3);
        assert_eq!(
            described(&old, &new),
            [
                r#"+ store.results."a: {": (1, "x")"#,
                "+ store.tagged.(1, 2): Some(3)",
                "+ store.members: 1",
                "+ store.members: 3",
                "+ log[2]: 3",
            ]
        );
        let mut next = new.clone();
        next.store.results.insert("a: {".to_owned(), (2, "y".repeat(40)));
        next.store.tagged.insert((1, 2), None);
        next.store.members.insert(2);
        next.log = vec![1, 9, 3];
        assert_eq!(
            described(&new, &next),
            [
                r#"store.results."a: {".0: 1 -> 2"#.to_owned(),
                format!(r#"store.results."a: {{".1: "x" -> "{}""#, "y".repeat(40)),
                "store.tagged.(1, 2): Some(3) -> None".to_owned(),
                "+ store.members: 2".to_owned(),
                "log[1]: 2 -> 9".to_owned(),
            ]
        );
    }

    #[test]
    fn a_text_without_structure_is_compared_by_lines() {
        assert_eq!(
            changes("one\n  two\nthree", "one\n  four\nthree"),
            [
                Change::Removed { path: String::new(), old: "two".to_owned() },
                Change::Added { path: String::new(), new: "four".to_owned() },
            ]
        );
    }

    #[test]
    fn a_state_fits_one_line() {
        let store =
            Store { results: [("k".to_owned(), (1, "v".to_owned()))].into(), ..Store::default() };
        let state = format!("{:#?}", Server { store, log: vec![] });
        assert_eq!(
            one_line(&state),
            r#"Server { store: Store { results: {"k": (1, "v")}, tagged: {}, members: {} }, log: [] }"#
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_compared_without_panic(old: String, new in "[ a-z:{}()\\[\\],\n\"]{0,80}") {
            let _ = (changes(&old, &new), changes(&new, &old), one_line(&old), one_line(&new));
        }
    }
}
