//! The sections of the book to which reports point exist.

mod common;

use std::fs;

use common::root;

#[test]
fn help_names_sections_of_the_book() {
    let mut checked = 0;
    for suite in faultlab_suites::all() {
        for help in suite.all_help() {
            let page = root().join("handout/src").join(format!("{}.md", help.page));
            let text = fs::read_to_string(&page)
                .unwrap_or_else(|error| panic!("{}: {error}", page.display()));
            let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
            let mut headings = headings.map(|line| line.trim_start_matches('#').trim());
            assert!(
                headings.any(|heading| heading == help.section),
                "{}: {}",
                help.page,
                help.section
            );
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
}
