//! Intake of honest and hostile archives of every kind.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use faultlab_batch::intake::{self, Contents, LabFiles, Limits, Refusal, Submission};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;

const FILES: [&str; 2] = ["client.rs", "lib.rs"];

fn lab() -> LabFiles {
    LabFiles {
        folder: "lab9-counting".to_owned(),
        names: FILES.map(str::to_owned).into(),
        builds_on: Vec::new(),
    }
}

fn read(folder: &Path) -> Vec<Submission> {
    let limits = Limits { unpacked_bytes_max: 4 << 20, entries_max: 500, ..Limits::default() };
    intake::read(folder, None, &lab(), &limits).expect("the folder is read").submissions
}

/// The single submission's contents, with its notes.
fn only(folder: &Path) -> (Contents, Vec<String>) {
    let mut all = read(folder);
    assert_eq!(all.len(), 1, "{all:?}");
    let one = all.remove(0);
    (one.contents, one.notes)
}

fn refusal(folder: &Path) -> String {
    match only(folder).0 {
        Contents::Refused(refusal) => refusal.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

fn is_complete(contents: &Contents) -> bool {
    matches!(contents, Contents::Files(files) if FILES.iter().all(|name| files.contains_key(*name)))
}

fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).expect("a valid entry");
        writer.write_all(bytes).expect("memory does not fail");
    }
    writer.finish().expect("memory does not fail").into_inner()
}

fn tar_of(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // Bypasses the checks of `set_path`, as an attacker would.
        let raw = &mut header.as_old_mut().name;
        raw[..name.len()].copy_from_slice(name.as_bytes());
        if *kind == tar::EntryType::Symlink {
            header.set_link_name("/etc/passwd").expect("it is short");
        }
        header.set_cksum();
        builder.append(&header, *bytes).expect("memory does not fail");
    }
    builder.into_inner().expect("memory does not fail")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory does not fail");
    encoder.finish().expect("memory does not fail")
}

fn with_file(name: &str, bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(name), bytes).expect("it is written");
    folder
}

const GOOD: [(&str, &[u8]); 2] = [("lab9/src/client.rs", b"// client"), ("lab9/src/lib.rs", b"")];

#[test]
fn every_kind_of_archive_is_read() {
    let regular = tar::EntryType::Regular;
    let tar = tar_of(&GOOD.map(|(name, bytes)| (name, regular, bytes)));
    let table = [
        ("ada.zip", zip_of(&GOOD)),
        ("ada.tar", tar.clone()),
        ("ada.tar.gz", gzip(&tar)),
        ("ADA.TGZ", gzip(&tar)),
        // `\` between folders, as some Windows archivers write it.
        ("ada.zip", zip_of(&[("src\\client.rs", b""), ("src\\lib.rs", b"")])),
    ];
    for (name, bytes) in table {
        let folder = with_file(name, &bytes);
        assert!(is_complete(&only(folder.path()).0), "{name}");
    }
}

#[test]
fn other_files_are_ignored_and_noted() {
    let mut entries = GOOD.to_vec();
    entries.extend([
        ("lab9/Cargo.toml", b"[package]" as &[u8]),
        ("lab9/build.rs", b"fn main() {}"),
        ("lab9/.cargo/config.toml", b"[build]"),
        ("lab9/target/debug/build/x/out/lib.rs", b""),
        ("__MACOSX/lab9/src/._lib.rs", b"\0\x05"),
    ]);
    let (contents, notes) = only(with_file("ada.zip", &zip_of(&entries)).path());
    assert!(is_complete(&contents));
    let expected = "ignored (only the lab's source files are graded): \
                    lab9/build.rs, lab9/.cargo/config.toml, lab9/Cargo.toml";
    assert_eq!(notes, [expected]);
}

#[test]
fn an_archive_inside_a_platforms_folder_is_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("Ada L_77_assignsubmission_file_");
    fs::create_dir(&inner).expect("a folder");
    fs::write(inner.join("work.zip"), zip_of(&GOOD)).expect("it is written");
    assert!(is_complete(&only(folder.path()).0));
}

#[test]
fn hostile_archives_are_rejected_with_the_reason() {
    use tar::EntryType::{Block, Fifo, Link, Regular, Symlink};
    let tar = |entry| refusal(with_file("eve.tar.gz", &gzip(&tar_of(&[entry]))).path());
    assert!(tar(("../../x.rs", Regular, b"")).contains("points outside"));
    assert!(tar(("/etc/x.rs", Regular, b"")).contains("points outside"));
    assert!(tar(("lib.rs", Symlink, b"")).contains("is a link"));
    assert!(tar(("lib.rs", Link, b"")).contains("is a link"));
    assert!(tar(("lib.rs", Fifo, b"")).contains("is neither a file"));
    assert!(tar(("lib.rs", Block, b"")).contains("is neither a file"));
    assert!(tar(("a\x1b[2Jb.rs", Regular, b"")).contains("is not plain UTF-8"));

    let zip = |entries: &[(&str, &[u8])]| refusal(with_file("eve.zip", &zip_of(entries)).path());
    assert!(zip(&[("../x.rs", b"")]).contains("points outside"));
    assert!(zip(&[("C:\\x.rs", b"")]).contains("points outside"));
    assert!(zip(&[("a.txt", b"")]).contains("missing files: client.rs, lib.rs"));

    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer
        .add_symlink("lib.rs", "/etc/passwd", SimpleFileOptions::default())
        .expect("a valid entry");
    let bytes = writer.finish().expect("memory does not fail").into_inner();
    assert!(refusal(with_file("eve.zip", &bytes).path()).contains("is a link"));

    assert!(refusal(with_file("eve.zip", b"no archive").path()).contains("cannot be unpacked"));
    assert!(refusal(with_file("eve.tar.gz", b"no archive").path()).contains("cannot be unpacked"));
}

/// A file's name and contents.
type File<'f> = (&'f str, &'f [u8]);

/// The refusal of these files, which one student handed in.
fn refusal_of(files: &[File<'_>]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
        fs::write(path, bytes).expect("it is written");
    }
    refusal(folder.path())
}

#[test]
fn a_refusal_says_what_came_and_what_to_do() {
    let good = zip_of(&GOOD);
    let twice = zip_of(&[("again.zip", &good)]);
    let word = zip_of(&[("[Content_Types].xml", b""), ("word/document.xml", b"")]);
    let other = zip_of(&[GOOD[0], ("lab9/src/lib.rs", b"// another")]);
    let page = b"<!DOCTYPE html><title>Log in</title>".as_slice();
    let tar = gzip(&tar_of(&GOOD.map(|(name, bytes)| (name, tar::EntryType::Regular, bytes))));
    let table: [(&[File<'_>], &str); 12] = [
        (
            &[("case/Client.rs", b""), ("case/lib.rs", b"mod client;")],
            "missing files: client.rs (the others are at the top level); `Client.rs` is there: rename it to \
             `client.rs`",
        ),
        (
            &[("browser/client (1).rs", b""), ("browser/lib.rs", b"mod client;")],
            "missing files: client.rs (the others are at the top level); `client (1).rs` is there: rename it \
             to `client.rs`",
        ),
        (
            &[("twice.zip", &zip_of(&[("in.zip", &twice)]))],
            "missing files: client.rs, lib.rs; `again.zip` is an archive in an archive in an archive: submit \
             what is in it",
        ),
        (&[("empty.zip", &zip_of(&[]))], "missing files: client.rs, lib.rs; it contains no files"),
        (
            &[("page.zip", page)],
            "`page.zip` is a web page; submit a .zip, .tar or .tar.gz of your source files",
        ),
        (
            &[("word.zip", &word)],
            "`word.zip` is a Word document; submit a .zip, .tar or .tar.gz of your source files",
        ),
        (
            &[("rar.zip", b"Rar!\x1a\x07")],
            "`rar.zip` is a RAR archive; submit a .zip, .tar or .tar.gz of your source files",
        ),
        (
            &[("half.zip", &good[..good.len() / 2])],
            "`half.zip` is cut off: the end of the archive is missing; upload it again",
        ),
        (
            &[("half.tgz", &tar[..tar.len() / 2])],
            "`half.tgz` is cut off: the end of the archive is missing; upload it again",
        ),
        (
            &[("fay.zip", &good), ("fay (1).zip", &other)],
            "there are several archives: `fay (1).zip` and `fay.zip`; submit only one, or tell the course \
             staff which one counts",
        ),
        (
            &[
                ("Ada_7_assignsubmission_file_/a.zip", &good),
                ("Ada_7_assignsubmission_file_/b.zip", &other),
            ],
            "there are several archives: `a.zip` and `b.zip`; submit only one, or tell the course staff which \
             one counts",
        ),
        (
            &[("l_501_1_a.zip", &good), ("l_501_2_b.zip", &other)],
            "there are several archives: `l_501_1_a.zip` and `l_501_2_b.zip`; submit only one, or tell the \
             course staff which one counts",
        ),
    ];
    for (files, expected) in table {
        assert_eq!(refusal_of(files), expected);
    }
}

#[test]
fn what_can_be_read_is_read_whatever_it_is_called() {
    let regular = tar::EntryType::Regular;
    let tar = tar_of(&GOOD.map(|(name, bytes)| (name, regular, bytes)));
    let inner = zip_of(&[("lab9.tar.gz", &gzip(&tar)), ("notes.txt", b"")]);
    let in_tar = tar_of(&[("lab9.zip", regular, &zip_of(&GOOD))]);
    for (name, bytes) in [
        ("gz.zip", gzip(&tar)),
        ("tar.tar.gz", tar.clone()),
        ("zip.rar", zip_of(&GOOD)),
        ("inner.zip", inner),
        ("inner.tar.gz", gzip(&in_tar)),
    ] {
        let (contents, notes) = only(with_file(name, &bytes).path());
        assert!(is_complete(&contents), "{name}: {contents:?}");
        assert_eq!(
            name.starts_with("inner"),
            notes.iter().any(|note| note.contains("in the archive"))
        );
    }
    // Equal archives are one; the newest by the platform's mark counts; what is no archive does not matter
    // beside the sources.
    let other = zip_of(&[("lib.rs", b"// old"), ("client.rs", b"")]);
    let same = [("fay.zip", zip_of(&GOOD)), ("fay (1).zip", zip_of(&GOOD))];
    let marked = [("l_501_1_lab.zip", other), ("l_501_2_lab-1.zip", zip_of(&GOOD))];
    let report = [
        ("l_501_1_client.rs", b"// client".to_vec()),
        ("l_501_2_lib.rs", Vec::new()),
        ("l_501_3_report.rar", b"Rar!".to_vec()),
    ];
    for files in [&same[..], &marked, &report] {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).expect("it is written");
        }
        let (contents, notes) = only(folder.path());
        let Contents::Files(files) = contents else { panic!("refused: {contents:?}") };
        assert_eq!((files["client.rs"].as_str(), files["lib.rs"].as_str()), ("// client", ""));
        assert_eq!(notes.is_empty(), folder.path().join("fay.zip").exists(), "{notes:?}");
    }
}

#[test]
fn junk_is_ignored_and_noted() {
    use std::os::unix::ffi::OsStrExt as _;
    let regular = tar::EntryType::Regular;
    let mut entries = GOOD.map(|(name, bytes)| (name, regular, bytes)).to_vec();
    entries.extend([
        ("lab9/Icon\r", regular, &b""[..]),
        ("lab9/.DS_Store", regular, b"\0\0\0\x01Bud1"),
        ("lab9/node_modules/link", tar::EntryType::Symlink, b""),
    ]);
    let (contents, notes) = only(with_file("ada.tar", &tar_of(&entries)).path());
    assert!(is_complete(&contents), "{contents:?}");
    let ignored =
        "ignored (only the lab's source files are graded): lab9/.DS_Store, lab9/Icon\\u{d}";
    assert_eq!(notes, [ignored]);

    let folder = tempfile::tempdir().expect("a folder");
    let ada = folder.path().join("ada");
    fs::create_dir(&ada).expect("a folder");
    for name in [&b"lib.rs"[..], b"client.rs", b"Icon\r", b"M\xfcll.txt"] {
        fs::write(ada.join(std::ffi::OsStr::from_bytes(name)), "").expect("it is written");
    }
    let (contents, notes) = only(folder.path());
    assert!(is_complete(&contents), "{contents:?}");
    assert_eq!(
        notes,
        ["ignored (only the lab's source files are graded): Icon\\u{d}, M\\xfcll.txt"]
    );
    fs::write(ada.join(std::ffi::OsStr::from_bytes(b"M\xfcll.rs")), "").expect("it is written");
    assert_eq!(refusal(folder.path()), "the file name `M\\xfcll.rs` is not plain UTF-8");
}

#[test]
fn zip_bombs_are_rejected() {
    let zeros = vec![0; 8 << 20];
    let regular = tar::EntryType::Regular;
    let bomb = gzip(&tar_of(&[("a.bin", regular, &zeros)]));
    assert!(bomb.len() < 1 << 17);
    assert!(refusal(with_file("eve.tar.gz", &bomb).path()).contains("bytes, unpacked"));
    let source = refusal(with_file("eve.zip", &zip_of(&[("lib.rs", &zeros)])).path());
    assert!(source.contains("bytes in `lib.rs`"), "{source}");
    let other = refusal(with_file("eve.zip", &zip_of(&[("a.bin", &zeros)])).path());
    assert!(other.contains("bytes, unpacked"), "{other}");
    // The reader does not allocate memory for a name because it claims to be long.
    let name = [("././@LongLink", tar::EntryType::GNULongName, zeros.as_slice())];
    assert!(refusal(with_file("eve.tar.gz", &gzip(&tar_of(&name))).path()).contains("path"));
    let many: Vec<String> = (0..600).map(|index| format!("{index}.txt")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let many = refusal(with_file("eve.zip", &zip_of(&many)).path());
    assert!(many.contains("files and folders"), "{many}");
}

#[test]
fn folders_with_links_and_pipes_are_rejected() {
    let folder = tempfile::tempdir().expect("a folder");
    let eve = folder.path().join("eve");
    fs::create_dir(&eve).expect("a folder");
    symlink("/etc/passwd", eve.join("lib.rs")).expect("a link");
    assert_eq!(refusal(folder.path()), "`lib.rs` is a link; submit the file itself");
    fs::remove_file(eve.join("lib.rs")).expect("it is removed");
    let pipe = eve.join("client.rs");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    assert_eq!(refusal(folder.path()), "`client.rs` is neither a file nor a folder");

    let folder = tempfile::tempdir().expect("a folder");
    symlink("/etc", folder.path().join("eve.zip")).expect("a link");
    assert!(refusal(folder.path()).contains("is a link"));
}

#[test]
fn one_bad_submission_does_not_stop_the_batch() {
    let folder = with_file("ada.zip", &zip_of(&GOOD));
    fs::write(folder.path().join("eve.zip"), b"PK\x05\x06").expect("it is written");
    let all = read(folder.path());
    assert!(is_complete(&all[0].contents));
    assert!(matches!(all[1].contents, Contents::Refused(Refusal::Broken { .. })));
}

#[test]
fn every_submitter_is_listed() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = with_file("ada.zip", &zip_of(&GOOD));
    let at = |name: &[u8]| folder.path().join(std::ffi::OsStr::from_bytes(name));
    for name in [&b"odd\xff"[..], b"odd\xfe", b"empty"] {
        fs::create_dir(at(name)).expect("a folder");
    }
    for name in [&b"rar.rar"[..], b"seven.TAR.XZ", b"b_501_88001_essay.pdf", b"\xfc.zip"] {
        fs::write(at(name), b"").expect("it is written");
    }
    symlink("/etc", at(b"link")).expect("a link");
    let pipe = std::process::Command::new("mkfifo").arg(at(b"pipe")).status();
    assert!(pipe.expect("mkfifo runs").success());
    fs::write(at(b"notes.txt"), b"").expect("it is written");

    let all = intake::read(folder.path(), None, &lab(), &Limits::default()).expect("it is read");
    assert_eq!(all.left_out.ignored_files, ["notes.txt"]);
    let listed: Vec<(&str, String)> = all
        .submissions
        .iter()
        .map(|one| {
            let what = match &one.contents {
                Contents::Refused(refusal) => refusal.to_string(),
                Contents::Files(_) => "read".to_owned(),
                Contents::Unreadable(why) => why.clone(),
            };
            (one.students[0].id.as_str(), what)
        })
        .collect();
    let missing = |hint| format!("missing files: client.rs, lib.rs; it contains {hint}");
    let empty = |name| {
        format!("`{name}` is an empty file; submit a .zip, .tar or .tar.gz of your source files")
    };
    let odd = |name| format!("the file name `{name}` is not plain UTF-8");
    let expected = [
        ("ada", "read".to_owned()),
        ("b_501", missing("only `essay.pdf`")),
        ("empty", missing("no files")),
        ("link", "`link` is a link; submit the file itself".to_owned()),
        ("odd-xfe", odd("odd\\xfe")),
        ("odd-xff", odd("odd\\xff")),
        ("pipe", "`pipe` is neither a file nor a folder".to_owned()),
        ("rar", empty("rar.rar")),
        ("seven", empty("seven.TAR.XZ")),
        ("xfc", odd("\\xfc.zip")),
    ];
    assert_eq!(listed, expected);
}

#[test]
fn a_gradescope_download_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let export = folder.path().join("assignment_1_export");
    for (name, contents) in [("submission_1/lib.rs", ""), ("submission_1/client.rs", "")] {
        fs::create_dir_all(export.join("submission_1")).expect("a folder");
        fs::write(export.join(name), contents).expect("it is written");
    }
    let metadata = |number: u32, login: &str| {
        format!("submission_{number}:\n  :submitters:\n  - :name: A\n    :email: {login}@x.edu\n")
    };
    let text = metadata(1, "ada") + &metadata(2, "bob");
    fs::write(export.join("submission_metadata.yml"), text).expect("it is written");
    let all = read(folder.path());
    let ids: Vec<&str> = all.iter().map(|one| one.students[0].id.as_str()).collect();
    assert_eq!(ids, ["ada", "bob"]);
    assert!(is_complete(&all[0].contents));
    // A submission that is missing in the download is not the student's fault, and earns no zero.
    assert!(matches!(&all[1].contents, Contents::Unreadable(why) if why.contains("submission_2")));

    let archive = with_file("export.zip", &zip_of(&GOOD));
    let error = intake::read(&archive.path().join("export.zip"), None, &lab(), &Limits::default());
    assert!(error.expect_err("it is not a folder").to_string().contains("unpack it"));
}

#[test]
fn a_folder_without_submissions_is_an_error() {
    let folder = with_file("notes.txt", b"");
    let error = intake::read(folder.path(), None, &lab(), &Limits::default());
    assert!(error.expect_err("nothing is there").to_string().contains("contains no submissions"));
    assert!(fs::File::open(folder.path().join("notes.txt")).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any damaged archive is read or rejected within the limits, and nothing is written.
    #[test]
    fn damaged_archives_are_read_or_rejected(
        format in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let regular = tar::EntryType::Regular;
        let tar = tar_of(&GOOD.map(|(name, bytes)| (name, regular, bytes)));
        let (name, mut bytes) = match format {
            0 => ("ada.zip", zip_of(&GOOD)),
            1 => ("ada.tar", tar),
            _ => ("ada.tar.gz", gzip(&tar)),
        };
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = with_file(name, &bytes);
        let (contents, _) = only(folder.path());
        if let Contents::Files(files) = contents {
            prop_assert!(files.keys().all(|path| !path.contains("..") && !path.starts_with('/')));
            // The other file may have another name now, which is no mistake unless `lib.rs` needs it.
            prop_assert!(files.contains_key("lib.rs"));
        } else {
            prop_assert!(!matches!(contents, Contents::Unreadable(_)), "{contents:?}");
        }
        prop_assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }
}
