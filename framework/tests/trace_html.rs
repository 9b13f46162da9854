//! Traces as web pages.

mod handmade;

use faultlab::trace::html::{PAGE_BYTES_MAX, STYLE, figure, page};
use proptest::prelude::*;

/// Checks that every element is closed in the right place, and that there are only our own elements.
fn is_well_formed(html: &str) -> Result<(), String> {
    let known = ["section", "p", "table", "thead", "tr", "th", "td", "span", "b", "i"];
    let mut open = Vec::new();
    for part in html.split('<').skip(1) {
        let (tag, text) = part.split_once('>').ok_or_else(|| format!("not closed: {part}"))?;
        if text.contains('>') {
            return Err(format!("an unescaped bracket in {text}"));
        }
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        if !known.contains(&name) {
            return Err(format!("an unknown element: {tag}"));
        }
        match tag.strip_prefix('/') {
            None => open.push(name),
            Some(name) if open.last() == Some(&name) => drop(open.pop()),
            Some(_) => return Err(format!("{tag} closes {:?}", open.last())),
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("not closed: {open:?}")) }
}

#[test]
fn a_page_is_self_contained() {
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
fn text_of_nodes_is_escaped() {
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
fn the_size_of_a_page_is_limited() {
    let texts: Vec<String> = (0..120).map(|_| "&\"<>".repeat(250)).collect();
    let html = page(&handmade::strange(3, &texts), 100_000);
    assert!(html.len() > PAGE_BYTES_MAX && html.len() < PAGE_BYTES_MAX * 5 / 4, "{}", html.len());
    assert!(html.contains("the page is full: "));
    assert!(html.contains("Broken: "));
}

#[test]
fn many_nodes_have_no_columns() {
    let names: Vec<String> = (0..100).map(|_| "x".to_owned()).collect();
    let html = figure(&handmade::strange(40, &names), 300);
    assert!(!html.contains("class=\"lanes\""));
    assert_eq!(is_well_formed(&html), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_text_breaks_the_page(
        nodes in 1..30_usize,
        texts in prop::collection::vec(prop_oneof![any::<String>(), "[a-z<>&\"'/= ]{0,60}"], 1..12),
    ) {
        let html = figure(&handmade::strange(nodes, &texts), 40);
        prop_assert_eq!(is_well_formed(&html), Ok(()));
        prop_assert!(!html.contains(|character: char| character.is_control() && character != '\n'));
    }
}
