//! A made handout holds nothing that only staff may have: shown by what is in its files, not by their
//! names.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use super::common::{empty_folder, files_below, maker, plain, root, run, said, shell};
use super::handout;

/// So many tokens of code in a row are no accident. (The suites' own reference store shares about forty
/// with the solution of part 1: there are not many ways to write `insert`.)
const TOKENS: usize = 60;

/// So many words of a sentence in a row are no accident.
const WORDS: usize = 9;

#[test]
fn no_code_of_the_staff_is_in_it() {
    let staff = root().join("grading/staff");
    let mut known = Known::new();
    for file in files_below(&staff) {
        let Ok(text) = fs::read_to_string(staff.join(&file)) else { continue };
        let text = match file.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => text,
            // The code after the patch, as far as it is in there.
            Some("patch") => patched(&text),
            _ => continue,
        };
        for piece in tokens(&text).windows(TOKENS) {
            known.entry(hash(piece)).or_insert_with(|| file.display().to_string());
        }
    }
    assert!(known.len() > 1_000, "there is nothing to look for in {}", staff.display());

    // What skeleton and solution have in common is given.
    for file in files_below(&root().join("labs")) {
        let text = fs::read_to_string(root().join("labs").join(file)).unwrap_or_default();
        for piece in tokens(&text).windows(TOKENS) {
            known.remove(&hash(piece));
        }
    }
    assert!(known.len() > 1_000, "skeleton and solution do not differ");

    let handout = handout();
    let out = handout.made.folder.as_path();
    for file in files_below(out) {
        if let Some(text) = text_of(&out.join(&file))
            && let Some((piece, from)) = find(&text, &known)
        {
            panic!("{} has a piece of {from}: {piece}", file.display());
        }
    }

    // The look itself works: a solution that was laid out anew, without comments, in a page, is found.
    let solution = fs::read_to_string(staff.join("solutions/lab1/client.rs")).expect("it is there");
    let code: Vec<&str> = solution.lines().filter(|line| !line.trim().starts_with("//")).collect();
    let laid_out = code.join(" ").replace('&', "&amp;").replace('<', "&lt;");
    assert!(find(&plain(&format!("<pre><b>{laid_out}</b></pre>")), &known).is_some());
}

#[test]
fn no_mutant_is_described_in_it() {
    let folder = root().join("grading/staff/mutants");
    let mut known = Known::new();
    for file in files_below(&folder) {
        if file.extension().is_none_or(|extension| extension != "patch") {
            continue;
        }
        let text = fs::read_to_string(folder.join(&file)).expect("a patch is text");
        let heading: Vec<&str> = text.lines().take_while(|line| !line.starts_with("---")).collect();
        for piece in words(&heading.join(" ")).windows(WORDS) {
            known.insert(hash(piece), file.display().to_string());
        }
    }
    assert!(known.len() > 100, "there are no mutants in {}", folder.display());
    let handout = handout();
    let out = handout.made.folder.as_path();
    for file in files_below(out) {
        let Some(text) = text_of(&out.join(&file)) else { continue };
        for piece in words(&text).windows(WORDS) {
            if let Some(from) = known.get(&hash(piece)) {
                panic!("{} describes {from}: {}", file.display(), piece.join(" "));
            }
        }
    }
}

#[test]
fn its_files_are_what_students_need() {
    let handout = handout();
    let out = handout.made.folder.as_path();
    let files = files_below(out);
    let has = |path: &str| files.iter().any(|file| file == Path::new(path));
    for needed in [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "LICENSE-MIT",
        "book/index.html",
        "framework/src/lib.rs",
        "labs/lab1-clientserver/src/lib.rs",
        "labs/lab1-clientserver/tests/suite.rs",
        "scripts/run-tests.sh",
        "scripts/submit.sh",
        "scripts/update.sh",
        ".handout/files",
        ".handout/version",
    ] {
        assert!(has(needed), "{needed} is missing");
    }
    for file in &files {
        let path = file.to_string_lossy();
        let staff = ["staff", "hostile", "mutant", "solution", "grading/batch", "instructor"];
        if let Some(word) = staff.iter().find(|word| path.contains(*word)) {
            panic!("{path} is in the handout: `{word}`");
        }
        assert!(file.extension().is_none_or(|extension| extension != "patch"), "{path}");
    }
}

#[test]
fn an_optional_lab_is_in_it_only_if_it_is_asked_for() {
    // This one is asked to have it.
    let files = files_below(&handout().made.folder);
    assert!(files.iter().any(|file| file.starts_with("labs/lab5-broadcast")));
    assert!(files.iter().any(|file| file == Path::new("book/lab5.html")));

    let out = empty_folder("handout-without");
    let made = run(maker().arg("--out").arg(&out));
    assert!(made.status.success(), "{}", said(&made));
    for file in files_below(&out) {
        assert!(!file.to_string_lossy().contains("lab5"), "{}", file.display());
        if file.extension().is_some_and(|it| it == "toml" || it == "rs" || it == "lock") {
            let text = fs::read_to_string(out.join(&file)).expect("a text");
            assert!(!text.contains("lab5"), "{} names lab5", file.display());
        }
    }
    // Every crate that is named is there.
    let known = run(&mut shell(&out, "cargo metadata --offline --format-version 1"));
    assert!(known.status.success(), "{}", said(&known));

    let unknown = run(maker().args(["--with", "lab1", "--out"]).arg(empty_folder("handout-none")));
    assert!(said(&unknown).contains("there is no optional lab `lab1`; optional labs: lab5"));
}

#[test]
fn it_names_no_place_on_this_machine() {
    let handout = handout();
    let out = handout.made.folder.as_path();
    let root = root();
    let places = [root.to_string_lossy(), out.to_string_lossy()];
    for file in files_below(out) {
        let Ok(bytes) = fs::read(out.join(&file)) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        for place in &places {
            assert!(!text.contains(&**place), "{} names {place}", file.display());
        }
    }
}

#[test]
fn it_is_a_repository_with_one_commit_and_nothing_left_over() {
    assert_eq!(handout().made.git, "The handout\n");
}

/// The text of a file that is one.
fn text_of(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let is_page = path.extension().is_some_and(|extension| extension == "html");
    Some(if is_page { plain(&text) } else { text })
}

/// Pieces of texts by their hash, and the file that each is from.
type Known = BTreeMap<u64, String>;

fn hash(piece: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    piece.hash(&mut hasher);
    hasher.finish()
}

/// The first known piece of code in a text, and where it is from.
fn find<'a>(text: &str, known: &'a Known) -> Option<(String, &'a String)> {
    let tokens = tokens(text);
    let mut pieces = tokens.windows(TOKENS);
    pieces.find_map(|piece| known.get(&hash(piece)).map(|from| (piece.join(" "), from)))
}

/// The lines that a patch leaves in the code.
fn patched(patch: &str) -> String {
    let code =
        |line: &&str| (line.starts_with('+') && !line.starts_with("+++")) || line.starts_with(' ');
    patch.lines().filter(code).map(|line| &line[1..]).collect::<Vec<_>>().join("\n")
}

/// The tokens of code: words and signs, without comments and blanks.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    for line in code.lines() {
        let line = line.split("//").next().unwrap_or_default();
        let mut word = String::new();
        for character in line.chars().chain([' ']) {
            if character.is_alphanumeric() || character == '_' {
                word.push(character);
                continue;
            }
            if !word.is_empty() {
                tokens.push(std::mem::take(&mut word));
            }
            if !character.is_whitespace() {
                tokens.push(character.to_string());
            }
        }
    }
    tokens
}

fn words(text: &str) -> Vec<String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}
