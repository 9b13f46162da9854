//! The processor time of a process with all that it started, and a limit on it.

use std::fs;
use std::process;
use std::time::{Duration, Instant};

/// How often the processor time is read, at most. Reading it takes a fraction of a millisecond.
const READ_INTERVAL: Duration = Duration::from_millis(200);

/// A limit on the processor time of this process and of all that it starts, from now on.
#[derive(Debug)]
pub struct CpuLimit {
    limit: Duration,
    /// What was used before it began.
    before: Duration,
    /// What processes used that ended without anybody waiting for them: their time is no longer read.
    lost: Duration,
    /// What was read last.
    read: Duration,
    read_at: Instant,
}

impl CpuLimit {
    /// A limit that begins now.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        let before = of_this_tree();
        Self { limit, before, lost: Duration::ZERO, read: before, read_at: Instant::now() }
    }

    /// The limit.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether it is used up.
    pub fn is_used_up(&mut self) -> bool {
        self.left() == Duration::ZERO
    }

    /// What is left of it.
    pub fn left(&mut self) -> Duration {
        if self.read_at.elapsed() >= READ_INTERVAL {
            self.read_at = Instant::now();
            self.take_in(of_this_tree());
        }
        let used = (self.lost + self.read).saturating_sub(self.before);
        self.limit.saturating_sub(used)
    }

    /// Takes in what was read. What disappeared was used all the same.
    fn take_in(&mut self, read: Duration) {
        self.lost += self.read.saturating_sub(read);
        self.read = read;
    }
}

/// The processor time of this process, of those that it started and are running, and of those that have ended and were
/// waited for. Zero where the system does not say.
fn of_this_tree() -> Duration {
    let mut ticks = 0;
    let mut waiting = vec![process::id().to_string()];
    while let Some(process) = waiting.pop() {
        let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
        ticks += ticks_of(&stat);
        for thread in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten()
        {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            waiting.extend(children.split_ascii_whitespace().map(str::to_owned));
        }
    }
    Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second())
}

/// The user and system time of a process and of its children that were waited for, in ticks.
fn ticks_of(stat: &str) -> u64 {
    // The process name in brackets may contain spaces, so fields are counted after it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let times = fields.split_ascii_whitespace().skip(11).take(4);
    times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn times_are_read_after_the_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 200 0 0 11 22 33 44 20 0 1 0 5 6 7";
        assert_eq!(ticks_of(stat), 110);
        assert_eq!(ticks_of("nonsense"), 0);
    }

    #[test]
    fn what_a_child_uses_counts_while_it_runs_and_after_it_was_killed() {
        let mut limit = CpuLimit::new(Duration::from_millis(400));
        assert!(!limit.is_used_up());
        let mut child = Command::new("sh")
            .args(["-c", "sh -c 'while :; do :; done'"])
            .spawn()
            .expect("a shell is there");
        let started = Instant::now();
        while !limit.is_used_up() {
            assert!(started.elapsed() < Duration::from_secs(60), "nothing was counted");
            std::thread::sleep(Duration::from_millis(20));
        }
        // The inner shell is killed with the outer one.
        let _ = Command::new("pkill").args(["-P", &child.id().to_string()]).status();
        let _ = child.kill();
        child.wait().expect("it is ours");
        assert!(limit.is_used_up());
    }

    #[test]
    fn what_disappears_was_used() {
        let ms = Duration::from_millis;
        let mut limit = CpuLimit::new(ms(100_000));
        (limit.before, limit.read) = (ms(10), ms(10));
        limit.take_in(ms(500));
        limit.take_in(ms(200));
        limit.take_in(ms(300));
        assert_eq!(limit.left(), ms(100_000) - ms(590));
    }
}
