//! Traces as web pages.

mod handmade;

use faultlab::trace::html::{PAGE_BYTES_MAX, STYLE, figure, page};
use proptest::prelude::*;

/// Whether every element is closed where it should be, and only our own elements are there.
fn is_well_formed(html: &str) -> Result<(), String> {
    let known = ["section", "p", "table", "thead", "tr", "th", "td", "span", "b", "i"];
    let mut open = Vec::new();
    for part in html.split('<').skip(1) {
        let (tag, text) = part.split_once('>').ok_or_else(|| format!("not closed: {part}"))?;
        if text.contains('>') {
            return Err(format!("a stray bracket in {text}"));
        }
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        if !known.contains(&name) {
            return Err(format!("a strange element: {tag}"));
        }
        match tag.strip_prefix('/') {
            None => open.push(name),
            Some(name) if open.last() == Some(&name) => drop(open.pop()),
            Some(_) => return Err(format!("{tag} closes {:?}", open.last())),
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("left open: {open:?}")) }
}

#[test]
fn a_page_holds_everything() {
    let html = page(&handmade::crash(), 60);
    assert!(html.starts_with("<!doctype html>"));
    assert!(html.contains("<title>3.2 Nobody decides alone</title>"));
    assert!(html.contains(STYLE));
    for outside in ["<script", "http:", "https:", "url(", "src=", "@import"] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn a_crash_as_html() {
    let html = figure(&handmade::crash(), 60);
    assert_eq!(is_well_formed(&html), Ok(()));
    insta::assert_snapshot!(html);
}

#[test]
fn what_a_node_says_is_text() {
    let bad = "<script>alert('1')</script>\" onload=\"x\"&amp;";
    let mut trace = handmade::strange(2, &[bad.to_owned(), bad.to_owned()]);
    trace.header.lab = bad.to_owned();
    trace.header.test = bad.to_owned();
    let html = page(&trace, 60);
    assert!(!html.contains("<script"));
    assert!(html.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot; onload=&quot;x"));
    assert_eq!(is_well_formed(&figure(&trace, 60)), Ok(()));
}

#[test]
fn a_page_has_an_end() {
    let texts: Vec<String> = (0..120).map(|_| "&\"<>".repeat(250)).collect();
    let html = page(&handmade::strange(3, &texts), 100_000);
    assert!(html.len() > PAGE_BYTES_MAX && html.len() < PAGE_BYTES_MAX * 5 / 4, "{}", html.len());
    assert!(html.contains("the page is full: "));
    assert!(html.contains("Broken: "));
}

#[test]
fn a_crowd_has_no_columns() {
    let names: Vec<String> = (0..100).map(|_| "x".to_owned()).collect();
    let html = figure(&handmade::strange(40, &names), 300);
    assert!(!html.contains("class=\"lanes\""));
    assert_eq!(is_well_formed(&html), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn nothing_breaks_the_page(
        nodes in 1..30_usize,
        texts in prop::collection::vec(prop_oneof![any::<String>(), "[a-z<>&\"'/= ]{0,60}"], 1..12),
    ) {
        let html = figure(&handmade::strange(nodes, &texts), 40);
        prop_assert_eq!(is_well_formed(&html), Ok(()));
        prop_assert!(!html.contains(|character: char| character.is_control() && character != '\n'));
    }
}
