//! The command line: which files, which limits, what to print, and the exit code.

mod judge;
mod report;
mod trace;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, error::ErrorKind};
use faultlab::linearizability::formats::ModelName;

use judge::{FileFormat, Finding, Judgement, Settings, judge};

/// Says of recorded histories whether they are linearizable, one line a file.
///
/// Exit code: 0 all are linearizable; 1 one is not; 2 bad usage, or a file that cannot be read; 3 one
/// could not be decided within the limits. Where several apply, the first of 2, 1, 3.
#[derive(Debug, Parser)]
#[command(name = "check-history", version)]
struct Arguments {
    /// The histories.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// What the commands mean: register (read, write, cas) or kv (get, put, append). Guessed from the
    /// first operation if not given; a trace says itself of which lab it is.
    #[arg(long, value_name = "register|kv")]
    model: Option<ModelName>,

    /// How the files are written: jepsen (its log), edn (a map a line) or trace (of a lab's run here).
    /// Guessed from the first line if not given.
    #[arg(long, value_name = "jepsen|edn|trace")]
    format: Option<FileFormat>,

    /// Give up on a file after this many seconds: its verdict is then "unknown".
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds)]
    timeout: Duration,

    /// Give up on a file when the search needs more memory than this, in MiB.
    #[arg(long, value_name = "MIB", default_value = "1024")]
    memory: usize,

    /// Check each history as a whole, also where its keys could be checked one by one.
    #[arg(long)]
    no_partition: bool,

    /// Show why a history is not linearizable: the operations that show it, one lane a client.
    #[arg(long)]
    explain: bool,

    /// Write the history and the verdict to this file, as a page for a browser (one FILE only).
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,

    /// Print one JSON document about all files, and nothing else.
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
        timeout: arguments.timeout,
        memory_bytes_max: arguments.memory.saturating_mul(1 << 20),
        partition: !arguments.no_partition,
        page: arguments.html.is_some(),
    };
    let mut judgements = Vec::new();
    let mut out = io::stdout().lock();
    let color = colored::control::SHOULD_COLORIZE.should_colorize();
    for file in &arguments.files {
        let judgement = judge(file, &settings);
        if !arguments.json {
            writeln!(out, "{}", report::line(&judgement))?;
            if arguments.explain
                && let Finding::NotLinearizable { explanation, .. } = &judgement.finding
            {
                write!(out, "\n{}\n", explanation.to_text(report::width(), color))?;
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

fn exit_code(judgements: &[Judgement]) -> u8 {
    let any = |is: fn(&Finding) -> bool| judgements.iter().any(|judgement| is(&judgement.finding));
    if any(|finding| matches!(finding, Finding::Unreadable { .. })) {
        2
    } else if any(|finding| matches!(finding, Finding::NotLinearizable { .. })) {
        1
    } else if any(|finding| matches!(finding, Finding::Unknown { .. })) {
        3
    } else {
        0
    }
}
