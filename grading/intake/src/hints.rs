//! What came in place of a missing file, and what to do about it.

use crate::refusal::names;
use crate::{Bundle, is_archive, is_unsupported_archive};

/// Hints for a student whose submission lacks these files. The others are in `found_in`.
pub(super) fn hints(bundle: &Bundle, missing: &[String], found_in: Option<&str>) -> Vec<String> {
    let paths = || bundle.sources.keys().chain(&bundle.others);
    let mut hints: Vec<String> = Vec::new();
    for wanted in missing {
        for path in paths() {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            if name == wanted && found_in.is_some_and(|found_in| found_in != folder) {
                hints.push(format!("`{path}` is in another folder: put it beside the other files"));
            } else if name != wanted && is_like(name, wanted) {
                hints.push(format!("`{path}` is there: rename it to `{wanted}`"));
            }
        }
    }
    const SHOWN_MAX: usize = 8;
    hints.truncate(SHOWN_MAX);
    if hints.is_empty() && bundle.sources.is_empty() {
        hints.push(instead(bundle));
    }
    hints
}

/// What a submission without any source file contains.
fn instead(bundle: &Bundle) -> String {
    const SHOWN_MAX: usize = 4;
    let others: Vec<&String> = bundle.others.iter().collect();
    let is_archive = |path: &&&String| is_archive(path) || is_unsupported_archive(path);
    if let Some(archive) = others.iter().find(is_archive) {
        return format!(
            "`{archive}` is an archive in an archive in an archive: submit what is in it"
        );
    }
    match others.len() {
        0 => "it contains no files".to_owned(),
        1..=SHOWN_MAX => format!("it contains only {}", names(&others)),
        all => {
            let shown: Vec<String> =
                others[..SHOWN_MAX].iter().map(|one| format!("`{one}`")).collect();
            let more = all - SHOWN_MAX;
            format!(
                "it contains only {} and {more} more, none of them Rust source",
                shown.join(", ")
            )
        }
    }
}

/// Whether a file was probably called `wanted` before a browser, an editor or a file system that ignores
/// case renamed it.
fn is_like(name: &str, wanted: &str) -> bool {
    let name = name.to_lowercase();
    let name = name.strip_suffix(".txt").unwrap_or(&name);
    let stem = |name: &str| name.strip_suffix(".rs").map(str::to_owned);
    let (Some(found), Some(wanted)) = (stem(name), stem(&wanted.to_lowercase())) else {
        return false;
    };
    without_copy_mark(&found) == wanted
}

/// The name without what marks it as a copy: `client (1)`, `client-1`, `client - Copy`, `client copy 2`.
fn without_copy_mark(stem: &str) -> &str {
    let mut stem = stem.trim_end();
    if let Some((before, number)) = stem.strip_suffix(')').and_then(|rest| rest.rsplit_once('('))
        && is_number(number)
    {
        stem = before.trim_end();
    }
    if let Some((before, number)) = stem.rsplit_once([' ', '-', '_'])
        && is_number(number)
    {
        stem = before.trim_end();
    }
    stem.strip_suffix("copy").map_or(stem, |before| before.trim_end_matches([' ', '-', '_']))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renamed_files_are_recognised() {
        for name in [
            "Client.rs",
            "CLIENT.RS",
            "client (1).rs",
            "client(12).rs",
            "client-1.rs",
            "client copy.rs",
            "client - Copy.rs",
            "client - Copy (2).rs",
            "client.rs.txt",
            "client .rs",
        ] {
            assert!(is_like(name, "client.rs"), "{name}");
        }
        for name in ["clients.rs", "server.rs", "client.txt", "my client.rs", "client", "1.rs"] {
            assert!(!is_like(name, "client.rs"), "{name}");
        }
    }

    #[test]
    fn a_hint_says_what_to_do() {
        let of = |paths: &[&str], found_in| {
            let mut bundle = Bundle::default();
            for path in paths {
                if path.ends_with(".rs") {
                    bundle.sources.insert((*path).to_owned(), Vec::new());
                } else {
                    bundle.others.insert((*path).to_owned());
                }
            }
            hints(&bundle, &["client.rs".to_owned()], found_in).join("; ")
        };
        let table: [(&[&str], Option<&str>, &str); 7] = [
            (
                &["src/Client.rs", "src/lib.rs"],
                Some("src"),
                "`src/Client.rs` is there: rename it to `client.rs`",
            ),
            (
                &["client.rs", "src/lib.rs"],
                Some("src"),
                "`client.rs` is in another folder: put it beside the other files",
            ),
            (&["lib.rs"], Some(""), ""),
            (&[], None, "it contains no files"),
            (&["essay.docx"], None, "it contains only `essay.docx`"),
            (
                &["a", "b", "c", "d", "e"],
                None,
                "it contains only `a`, `b`, `c`, `d` and 1 more, none of them Rust source",
            ),
            (
                &["in.zip"],
                None,
                "`in.zip` is an archive in an archive in an archive: submit what is in it",
            ),
        ];
        for (paths, found_in, expected) in table {
            assert_eq!(of(paths, found_in), expected, "{paths:?}");
        }
    }
}
