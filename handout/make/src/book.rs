//! Building a book.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use mdbook_driver::MDBook;
use mdbook_driver::book::{Book, BookItem, Chapter};

use crate::optional::LeftOut;

/// A page that can be used without a mouse, and read aloud: mdBook's code blocks scroll, but cannot be reached by
/// keyboard, and its button for the contents has no role.
fn accessible(page: &str) -> String {
    page.replace("<code class=\"language-", "<code tabindex=\"0\" class=\"language-").replace(
        "<label id=\"mdbook-sidebar-toggle\"",
        "<label role=\"button\" tabindex=\"0\" id=\"mdbook-sidebar-toggle\"",
    )
}

/// The page for what was not found: it needs no other file, so it works under any address.
const NOT_FOUND: &str = include_str!("../../theme/404.html");

/// Builds the book in the folder `source` into the folder `out`, without the chapters of labs that are left out.
///
/// # Errors
/// When the book cannot be built, or shows a file that is not there.
pub(super) fn build(source: &Path, out: &Path, left_out: &LeftOut) -> Result<()> {
    let mut book = MDBook::load(source)?;
    add_labs(&mut book.book, &source.join("src"), left_out)?;
    book.config.build.build_dir = out.to_owned();
    book.build().with_context(|| format!("the book in {}", source.display()))?;
    // mdBook copies what the chapters include, too.
    for entry in fs::read_dir(out.join("out")).into_iter().flatten() {
        let entry = entry?;
        let name = entry.file_name();
        if left_out.has(&format!("handout/src/{}", name.to_string_lossy())) {
            fs::remove_file(entry.path())?;
        }
    }
    // mdBook's own page for what was not found works only at the root of a site.
    fs::write(out.join("404.html"), NOT_FOUND)?;
    for entry in fs::read_dir(out)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "html") {
            // What could not be included stands there as it was written.
            let page = fs::read_to_string(&path)?;
            ensure!(!page.contains("{{#"), "{} shows a file that is not there", path.display());
            fs::write(&path, accessible(&page))?;
        }
    }
    Ok(())
}

/// The part of the students' book whose last chapters are those of labs that the summary does not name.
const LABS: &str = "Labs";

/// Adds the chapters of labs that the summary does not name: a new lab is in the book as soon as its chapter is there.
/// `lab5.md` is a chapter, and `lab5-mistakes.md` one below it.
fn add_labs(book: &mut Book, source: &Path, left_out: &LeftOut) -> Result<()> {
    let is_labs = |item: &BookItem| matches!(item, BookItem::PartTitle(title) if title == LABS);
    let Some(labs) = book.items.iter().position(is_labs) else { return Ok(()) };
    let ends = |item: &BookItem| !matches!(item, BookItem::Chapter(_));
    let rest = &book.items[labs + 1..];
    let mut end = labs + 1 + rest.iter().position(ends).unwrap_or(rest.len());
    let known: Vec<PathBuf> = book.chapters().filter_map(|chapter| chapter.path.clone()).collect();
    for (lab, files) in chapters_of_labs(source)? {
        let mut whole: Option<Chapter> = None;
        let is_new = |file: &String| {
            !known.contains(&PathBuf::from(file)) && !left_out.has(&format!("handout/src/{file}"))
        };
        for file in files.into_iter().filter(is_new) {
            let text = fs::read_to_string(source.join(&file)).with_context(|| file.clone())?;
            let title = text.lines().find_map(|line| line.strip_prefix("# "));
            let title =
                title.with_context(|| format!("{file} has no title; begin it with `# `"))?;
            let parents = whole.iter().map(|whole| whole.name.clone()).collect();
            let chapter = Chapter::new(title.trim(), text.clone(), &file, parents);
            match &mut whole {
                Some(whole) => whole.sub_items.push(BookItem::Chapter(chapter)),
                None if file == format!("lab{lab}.md") => whole = Some(chapter),
                None => bail!("{file} is in no summary, and there is no chapter lab{lab}.md"),
            }
        }
        if let Some(whole) = whole {
            book.items.insert(end, BookItem::Chapter(whole));
            end += 1;
        }
    }
    Ok(())
}

/// The names of the chapters of each lab, by the lab's number: first the lab's own.
fn chapters_of_labs(source: &Path) -> Result<BTreeMap<u32, Vec<String>>> {
    let mut chapters: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for entry in fs::read_dir(source)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix("lab").filter(|_| name.ends_with(".md")) else {
            continue;
        };
        let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(0);
        if let Ok(lab) = rest[..digits].parse() {
            chapters.entry(lab).or_default().push(name);
        }
    }
    for (lab, files) in &mut chapters {
        let own = format!("lab{lab}.md");
        files.sort_by_key(|file| (*file != own, file.clone()));
    }
    Ok(chapters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_labs_chapters_are_added_where_labs_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("src");
        fs::create_dir(&source).expect("made");
        for (file, text) in [
            (
                "SUMMARY.md",
                "[Start](index.md)\n\n# Labs\n\n- [Zero](lab0.md)\n\n# Things\n\n- [More](more.md)\n",
            ),
            ("index.md", "# Start"),
            ("lab0.md", "# Lab 0"),
            ("more.md", "# More"),
            ("lab10.md", "# Lab 10: ten"),
            ("lab2.md", "# Lab 2: two"),
            ("lab2-mistakes.md", "Some words.\n\n# Mistakes"),
        ] {
            fs::write(source.join(file), text).expect("written");
        }
        let mut book = MDBook::load(folder.path()).expect("a book");
        add_labs(&mut book.book, &source, &LeftOut::default()).expect("they have titles");
        let shown: Vec<String> = book
            .book
            .items
            .iter()
            .map(|item| match item {
                BookItem::Chapter(chapter) => {
                    let below: Vec<String> = chapter
                        .sub_items
                        .iter()
                        .map(|item| match item {
                            BookItem::Chapter(chapter) => chapter.name.clone(),
                            _ => String::new(),
                        })
                        .collect();
                    format!("{} {below:?}", chapter.name)
                }
                BookItem::PartTitle(title) => format!("# {title}"),
                BookItem::Separator => "---".to_owned(),
            })
            .collect();
        let expected = [
            "Start []",
            "# Labs",
            "Zero []",
            "Lab 2: two [\"Mistakes\"]",
            "Lab 10: ten []",
            "# Things",
            "More []",
        ];
        assert_eq!(shown, expected);
        fs::write(source.join("lab2.md"), "no title").expect("written");
        let mut book = MDBook::load(folder.path()).expect("a book");
        let error = add_labs(&mut book.book, &source, &LeftOut::default())
            .expect_err("there is no title")
            .to_string();
        assert!(error.contains("lab2.md has no title"), "{error}");
    }
}
