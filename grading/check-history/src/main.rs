//! The command line: files, limits, output and exit code.

mod check;
mod report;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, error::ErrorKind};
use faultlab::Characters;
use faultlab::linearizability::formats::{FailedCas, ModelName, RegisterValue};

use check::{FileFormat, FileReport, HistoryResult, Settings, check_file};

/// Checks whether recorded histories are linearizable; prints one line per file. Notes about a file go to standard
/// error.
///
/// Exit codes: 0, all are linearizable; 1, at least one is not; 2, usage error or unreadable file;
/// 3, undecided within the limits. If several apply, the first of 2, 1, 3.
#[derive(Debug, Parser)]
#[command(name = "check-history", version)]
struct Arguments {
    /// The history files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// What the commands mean: register (read, write, cas; one, or one for each key) or kv (get, put, append).
    /// Guessed from the first operation by default; a trace names its lab.
    #[arg(long, value_name = "register|kv")]
    model: Option<ModelName>,

    /// The file format: jepsen (a Jepsen log, or its columns alone), edn (maps, one after another or in one
    /// vector) or trace (a Faultlab run). Guessed from the first line by default.
    #[arg(long, value_name = "jepsen|edn|trace")]
    format: Option<FileFormat>,

    /// What a cas that ended in :fail without an error means: ignored (it did not happen, as in Jepsen) or
    /// not-equal (it found another value, as in Porcupine's etcd logs). The default is not-equal for logs with
    /// lines like those of the latter (`INFO  jepsen.util - ...`), and ignored for all other files.
    #[arg(long, value_name = "ignored|not-equal")]
    failed_cas: Option<FailedCas>,

    /// The value that registers start with, such as 0. By default they start without one, and a read returns nil.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    initial: Option<RegisterValue>,

    /// Give up on a file after this many seconds and report "unknown".
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds)]
    timeout: Duration,

    /// Give up on a file when the search needs more than this many MiB.
    #[arg(long, value_name = "MIB", default_value = "1024")]
    memory: usize,

    /// Check each history as a whole, even if its keys could be checked separately.
    #[arg(long)]
    no_partition: bool,

    /// Explain violations: show the operations involved, one lane per client.
    #[arg(long)]
    explain: bool,

    /// Write the history and the verdict to this HTML file (one FILE only).
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,

    /// Print ASCII only, as in a locale without UTF-8, such as LC_ALL=C.
    #[arg(long)]
    ascii: bool,

    /// Print one JSON document about all files and nothing else.
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a number of seconds, such as 2.5");
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.html.is_some() && arguments.files.len() > 1 {
        let message = "--html takes one FILE: run it once for each page";
        Arguments::command().error(ErrorKind::ArgumentConflict, message).exit();
    }
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("check-history: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let settings = Settings {
        model: arguments.model,
        format: arguments.format,
        failed_cas: arguments.failed_cas,
        initial: arguments.initial.clone(),
        timeout: arguments.timeout,
        memory_bytes_max: arguments.memory.saturating_mul(1 << 20),
        partition: !arguments.no_partition,
        page: arguments.html.is_some(),
    };
    let characters = if arguments.ascii { Characters::Ascii } else { Characters::of_locale() };
    let mut judgements = Vec::new();
    let mut out = io::stdout().lock();
    let color = colored::control::SHOULD_COLORIZE.should_colorize();
    for file in &arguments.files {
        let judgement = check_file(file, &settings);
        if !arguments.json {
            writeln!(out, "{}", characters.show(&report::line(&judgement)))?;
            if arguments.explain
                && let HistoryResult::NotLinearizable { explanation, .. } = &judgement.finding
            {
                let text = explanation.to_text(report::width(), color);
                write!(out, "\n{}\n", characters.show(&text))?;
            }
            for note in &judgement.notes {
                let note = format!("{}: note: {note}", file.display());
                eprintln!("{}", characters.show(&note));
            }
        }
        if let (Some(path), Some(page)) = (&arguments.html, &judgement.page) {
            std::fs::write(path, page)
                .map_err(|error| anyhow::anyhow!("cannot write {}: {error}", path.display()))?;
        }
        judgements.push(judgement);
    }
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report::Document::of(&judgements))?)?;
    }
    Ok(ExitCode::from(exit_code(&judgements)))
}

fn exit_code(judgements: &[FileReport]) -> u8 {
    let any =
        |is: fn(&HistoryResult) -> bool| judgements.iter().any(|judgement| is(&judgement.finding));
    if any(|finding| matches!(finding, HistoryResult::Unreadable { .. })) {
        2
    } else if any(|finding| matches!(finding, HistoryResult::NotLinearizable { .. })) {
        1
    } else if any(|finding| matches!(finding, HistoryResult::Unknown { .. })) {
        3
    } else {
        0
    }
}
