//! Compares the engines with the reference, for any number of seeds.

mod mutants;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use faultlab_reference::compare::{Kind, Seen};

/// Compares the engines with a simple reference explorer, on random systems.
///
/// Exit code: 0 no difference; 1 a difference, or an undetected mutant; 2 bad usage.
#[derive(Debug, Parser)]
#[command(name = "check-engines", version)]
struct Arguments {
    /// The kind of comparison; all by default. May be given several times.
    #[arg(long = "kind", value_name = "KIND", value_enum)]
    kinds: Vec<Choice>,

    /// The number of seeds of each kind.
    #[arg(long, value_name = "N", default_value = "1000")]
    seeds: u64,

    /// The first seed.
    #[arg(long, value_name = "SEED", default_value = "0")]
    first: u64,

    /// Continues after a difference, and prints all differences.
    #[arg(long)]
    keep_going: bool,

    /// Tests the mutants instead: engines in which one rule is broken. All must be detected. With TEXT, tests
    /// only those whose name contains it.
    #[arg(long, value_name = "TEXT", num_args = 0..=1, default_missing_value = "",
          conflicts_with_all = ["kinds", "seeds", "first", "keep_going"])]
    mutants: Option<String>,
}

/// A kind of comparison, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    All,
    One(Kind),
}

impl clap::ValueEnum for Choice {
    fn value_variants<'a>() -> &'a [Self] {
        const VARIANTS: [Choice; 1 + Kind::ALL.len()] = {
            let mut variants = [Choice::All; 1 + Kind::ALL.len()];
            let mut index = 0;
            while index < Kind::ALL.len() {
                variants[1 + index] = Choice::One(Kind::ALL[index]);
                index += 1;
            }
            variants
        };
        &VARIANTS
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        match self {
            Self::All => Some(clap::builder::PossibleValue::new("all").help("All of these")),
            Self::One(kind) => kind.to_possible_value(),
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.mutants {
        Some(only) => mutants::run(only),
        None => run(&arguments).map_err(Into::into),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("check-engines: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether there was no difference.
fn run(arguments: &Arguments) -> io::Result<bool> {
    let is_chosen = |kind: Kind| {
        let kinds = &arguments.kinds;
        kinds.is_empty() || kinds.contains(&Choice::All) || kinds.contains(&Choice::One(kind))
    };
    let mut all_agree = true;
    for kind in Kind::ALL.into_iter().filter(|&kind| is_chosen(kind)) {
        let agrees = compare(kind, arguments)?;
        all_agree &= agrees;
        if !all_agree && !arguments.keep_going {
            break;
        }
    }
    Ok(all_agree)
}

/// Compares all seeds of a kind, and prints a summary line.
fn compare(kind: Kind, arguments: &Arguments) -> io::Result<bool> {
    let started = Instant::now();
    let mut progress = Progress::new();
    let (mut all, mut exhausted, mut found, mut differences) = (Seen::default(), 0, 0, 0);
    for number in 0..arguments.seeds {
        let Some(seed) = arguments.first.checked_add(number) else { break };
        progress.show(|| format!("{kind}: seed {seed}, {number} of {}", arguments.seeds))?;
        match kind.compare(seed) {
            Ok(seen) => {
                all.states += seen.states;
                exhausted += u64::from(seen.exhausted);
                found += u64::from(seen.found);
            }
            Err(difference) => {
                progress.clear()?;
                let mut out = io::stdout().lock();
                writeln!(out, "difference: {kind}, seed {seed}")?;
                writeln!(out, "  {difference}")?;
                writeln!(
                    out,
                    "  rerun: ./scripts/check-engines.sh --kind {kind} --first {seed} --seeds 1"
                )?;
                differences += 1;
                if !arguments.keep_going {
                    return Ok(false);
                }
            }
        }
    }
    progress.clear()?;
    writeln!(
        io::stdout().lock(),
        "{kind}: {} seeds, {} states, {exhausted} exhausted, {found} found something, \
         {differences} differences, {:.1} s",
        arguments.seeds,
        all.states,
        started.elapsed().as_secs_f64()
    )?;
    Ok(differences == 0)
}

/// A progress line on a terminal, shown after one second.
struct Progress {
    due: Instant,
    is_wanted: bool,
    is_shown: bool,
}

impl Progress {
    fn new() -> Self {
        let due = Instant::now() + Duration::from_secs(1);
        Self { due, is_wanted: io::stderr().is_terminal(), is_shown: false }
    }

    fn show(&mut self, line: impl FnOnce() -> String) -> io::Result<()> {
        if !self.is_wanted || Instant::now() < self.due {
            return Ok(());
        }
        self.due = Instant::now() + Duration::from_millis(200);
        self.is_shown = true;
        let mut err = io::stderr().lock();
        write!(err, "\r\x1b[K{}", line())?;
        err.flush()
    }

    fn clear(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_shown) {
            let mut err = io::stderr().lock();
            write!(err, "\r\x1b[K")?;
            err.flush()?;
        }
        Ok(())
    }
}
