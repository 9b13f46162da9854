//! Every link of both books leads somewhere: to a page, a file, a heading, or an address that is on a
//! short list.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::{empty_folder, files_below, maker, run, said};

/// Where the books may lead outside.
const OUTSIDE: &[&str] = &[
    "https://rustup.rs",
    "https://learn.microsoft.com/windows/wsl/install",
    "https://github.com/jplag/JPlag",
    "https://dolos.ugent.be",
];

#[test]
fn every_link_leads_somewhere() {
    let books = empty_folder("books");
    let made = run(maker().arg("--books").arg(&books));
    assert!(made.status.success(), "{}", said(&made));
    let mut followed = 0;
    for file in files_below(&books) {
        if file.extension().is_none_or(|extension| extension != "html") {
            continue;
        }
        let path = books.join(&file);
        let page = fs::read_to_string(&path).expect("a page");
        // A server shows the page for what was not found under any address.
        if file.ends_with("404.html") {
            let start = BTreeSet::from(["index.html".to_owned()]);
            assert_eq!(links(&page), start, "{}", file.display());
        }
        for link in links(&page) {
            followed += 1;
            if let Some(reason) = broken(&path, &link) {
                panic!("{}: {link}: {reason}", file.display());
            }
        }
    }
    assert!(followed > 200, "only {followed} links were found");
}

#[test]
fn every_chapter_is_reached() {
    for book in ["handout", "handout/instructors"] {
        let source = common::root().join(book).join("src");
        let summary = fs::read_to_string(source.join("SUMMARY.md")).expect("a summary");
        for entry in fs::read_dir(&source).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if name.ends_with(".md") && name != "SUMMARY.md" {
                // The chapters of labs are added as the book is built.
                let is_added =
                    name.starts_with("lab") && name[3..].starts_with(|c: char| c.is_ascii_digit());
                assert!(
                    is_added || summary.contains(&format!("({name})")),
                    "{name} is not in {book}'s summary"
                );
            }
        }
    }
}

/// What a page's links, pictures, styles and scripts point at.
fn links(page: &str) -> BTreeSet<String> {
    ["href=\"", "src=\""]
        .iter()
        .flat_map(|attribute| page.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .map(|link| link.replace("&amp;", "&"))
        .collect()
}

/// Why a link leads nowhere, if it does.
fn broken(page: &Path, link: &str) -> Option<String> {
    if link.contains("://") {
        let known = OUTSIDE.iter().any(|known| link.trim_end_matches('/') == *known);
        return (!known).then(|| "not on the list of addresses outside".to_owned());
    }
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => page.to_owned(),
        path => page.parent()?.join(path),
    };
    if !target.exists() {
        return Some("there is no such file".to_owned());
    }
    if heading.is_empty() {
        return None;
    }
    let there = fs::read_to_string(&target).ok()?;
    (!there.contains(&format!("id=\"{heading}\""))).then(|| "there is no such heading".to_owned())
}
