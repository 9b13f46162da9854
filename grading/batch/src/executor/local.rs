//! Grades several submissions at a time on this machine.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::processor;
use super::{BatchObserver, Executor, WorkList, give_up};
use crate::store::Key;

/// How often a submission is tried before an infrastructure error is recorded.
const TRIES: u32 = 2;

/// How often the processes are polled.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Processes on this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local;

struct Running {
    key: Key,
    tries: u32,
    started: Instant,
    child: Child,
    /// The index of its job slot.
    slot: usize,
}

impl Executor for Local {
    fn run(&self, work: &WorkList, observer: &mut dyn BatchObserver) -> anyhow::Result<()> {
        let mut waiting: VecDeque<(Key, u32)> =
            work.keys.iter().map(|key| (key.clone(), 0)).collect();
        let mut running: Vec<Running> = Vec::new();
        while !(waiting.is_empty() && running.is_empty()) {
            while running.len() < work.jobs.max(1) {
                let Some((key, tries)) = waiting.pop_front() else { break };
                if work.store.is_cancelled(&key) {
                    give_up(work, &key, "cancelled by hand".to_owned(), observer);
                    continue;
                }
                let is_free = |slot: &usize| running.iter().all(|one| one.slot != *slot);
                let slot = (0..).find(is_free).unwrap_or_default();
                match processor::on_one(slot, || start(work, &key)) {
                    Ok(child) => {
                        let started = Instant::now();
                        running.push(Running { key, tries: tries + 1, started, child, slot });
                    }
                    Err(error) => {
                        let what = format!("cannot start a judge: {error}");
                        give_up(work, &key, what, observer);
                    }
                }
            }
            let mut index = 0;
            while index < running.len() {
                match state(&mut running[index], work) {
                    None => index += 1,
                    Some(ended) => {
                        let one = running.swap_remove(index);
                        work.store.clear_running(&one.key);
                        if work.store.outcome(&one.key).is_some() {
                            observer.on_result(&one.key);
                        } else if one.tries < TRIES && !work.store.is_cancelled(&one.key) {
                            waiting.push_back((one.key, one.tries));
                        } else {
                            give_up(work, &one.key, ended, observer);
                        }
                    }
                }
            }
            let times: Vec<(&Key, Duration)> =
                running.iter().map(|one| (&one.key, one.started.elapsed())).collect();
            observer.on_running(&times);
            observer.on_tick();
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

/// Starts the judge of one submission. It exits when this process does.
fn start(work: &WorkList, key: &Key) -> std::io::Result<Child> {
    let log = log(work, key);
    fs::create_dir_all(work.store.submission_dir(key))?;
    let log = File::create(log)?;
    Command::new(&work.program)
        .arg("--judge")
        .arg(key.as_str())
        .arg("--attached")
        .arg("--out")
        .arg(work.store.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(Stdio::from(log))
        .process_group(0)
        .spawn()
}

fn log(work: &WorkList, key: &Key) -> std::path::PathBuf {
    work.store.submission_dir(key).join("grader.log")
}

/// How a process exited, if it has.
fn state(running: &mut Running, work: &WorkList) -> Option<String> {
    match running.child.try_wait() {
        Ok(None) if running.started.elapsed() > work.submission_timeout => {
            kill(&running.child);
            let _ = running.child.wait();
            let seconds = work.submission_timeout.as_secs();
            Some(format!("exceeded the limit of {seconds} seconds"))
        }
        Ok(None) => None,
        Ok(Some(status)) => {
            let log = fs::read(log(work, &running.key)).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let last = log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            Some(if last.is_empty() { format!("its judge {status}") } else { last.to_owned() })
        }
        Err(error) => Some(format!("its judge was lost: {error}")),
    }
}

fn kill(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}
