//! Reads the files and folders of one submission: the newest of each, and one archive of several.

use std::collections::BTreeMap;
use std::path::Path;

use faultlab_intake::{
    Bundle, BundleBuilder, Limits, ReadError, Refusal, is_archive, is_unsupported_archive, read_as,
    the_one_with_sources,
};

use super::naming::Entry;

/// Reads what these entries of the folder of submissions contain.
pub(super) fn read(folder: &Path, entries: &[Entry], limits: &Limits) -> Result<Bundle, ReadError> {
    let (texts, files): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| entry.is_online_text);
    if files.is_empty() {
        return Err(Refusal::OnlineText.into());
    }
    let (entries, mut remarks) = newest(&files);
    if !texts.is_empty() {
        remarks.push("ignored: the text typed into the platform".to_owned());
    }
    let mut archives = Vec::new();
    let mut loose = BundleBuilder::new(limits);
    for entry in entries {
        let (place, name) = (folder.join(&entry.name), given(entry));
        if place.is_dir() || is_archive(name) || is_unsupported_archive(name) {
            archives.push((entry.name.clone(), read_as(&place, name, limits)));
        } else {
            loose.add(&place, name)?;
        }
    }
    let mut bundle = loose.finish();
    match the_one_with_sources(archives) {
        Ok(found) => bundle.merge(found)?,
        // A report beside the sources may be anything.
        Err(ReadError::Refused(refusal)) if is_no_archive(&refusal) && has_sources(&bundle) => {
            bundle.remarks.push(format!("ignored: {refusal}"));
        }
        Err(error) => return Err(error),
    }
    bundle.remarks.extend(remarks);
    Ok(bundle)
}

fn has_sources(bundle: &Bundle) -> bool {
    !bundle.sources.is_empty()
}

fn is_no_archive(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::NotAnArchive { .. }
            | Refusal::Format(_)
            | Refusal::CutOff(_)
            | Refusal::Broken { .. }
    )
}

/// The name that the student gave a file.
fn given(entry: &Entry) -> &str {
    entry.given.as_deref().unwrap_or(&entry.name)
}

/// Of files that the student gave the same name, the last that the platform marks as handed in again.
fn newest<'e>(entries: &[&'e Entry]) -> (Vec<&'e Entry>, Vec<String>) {
    let mut by_name: BTreeMap<&str, &Entry> = BTreeMap::new();
    for &entry in entries {
        by_name
            .entry(given(entry))
            .and_modify(|newest| {
                if entry.resubmission > newest.resubmission {
                    *newest = entry;
                }
            })
            .or_insert(entry);
    }
    let mut kept = Vec::new();
    let mut remarks = Vec::new();
    for &entry in entries {
        let newest = by_name[given(entry)];
        if entry.resubmission < newest.resubmission {
            let (old, new) = (&entry.name, &newest.name);
            remarks.push(format!("`{old}` was handed in again as `{new}`, which counts"));
        } else {
            kept.push(entry);
        }
    }
    (kept, remarks)
}
