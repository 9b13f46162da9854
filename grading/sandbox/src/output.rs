//! Captures a confined program's output. Only the beginning and the end of a long output are kept.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The beginning and the end of an output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapturedOutput {
    /// The first bytes.
    pub head: Vec<u8>,
    /// The last bytes, if there were more than fit the head.
    pub tail: Vec<u8>,
    /// How many bytes in between were dropped.
    pub left_out: u64,
}

impl fmt::Display for CapturedOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.head))?;
        if self.left_out > 0 {
            write!(f, "\n[... {} bytes left out ...]\n", self.left_out)?;
        }
        f.write_str(&String::from_utf8_lossy(&self.tail))
    }
}

/// Reads a stream to its end on its own thread and keeps a bounded part of it.
#[derive(Clone, Debug)]
pub(crate) struct OutputReader {
    shared: Arc<(Mutex<OutputBuffer>, Condvar)>,
}

#[derive(Debug, Default)]
struct OutputBuffer {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
    /// How many bytes arrived since the counter was last reset.
    counted: u64,
    /// How many bytes arrived in total.
    total: u64,
    ended: bool,
    over_limit: bool,
}

impl OutputReader {
    /// Keeps at most `bytes_max` bytes of `stream`, half from its beginning and half from its end.
    /// After `counted_max` bytes (see [`OutputReader::reset_count`]) or `total_max` in total, it
    /// calls `over_limit`, which should end the program, and drops the rest.
    pub(crate) fn start(
        mut stream: impl Read + Send + 'static,
        bytes_max: usize,
        (counted_max, total_max): (u64, u64),
        flooded: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let reader = Self { shared: Arc::default() };
        let shared = Arc::clone(&reader.shared);
        let half = bytes_max / 2;
        thread::Builder::new().name("output".to_owned()).spawn(move || {
            let (kept, changed) = &*shared;
            let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
            let mut buffer = vec![0; 16 << 10];
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(length) => {
                        let mut kept = lock();
                        kept.keep(&buffer[..length], half);
                        kept.over_limit = kept.counted >= counted_max || kept.total >= total_max;
                        if kept.over_limit {
                            break;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
                changed.notify_all();
            }
            if lock().over_limit {
                changed.notify_all();
                flooded();
                // Keep reading: if its output were closed, the program might report that before it is
                // killed.
                while stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
            }
            drop(stream);
            lock().ended = true;
            changed.notify_all();
        })?;
        Ok(reader)
    }

    /// Removes the first byte, once it has arrived, if it is this one. Fails at the end of the
    /// stream or after `limit`.
    pub(crate) fn take_first(&self, byte: u8, limit: Duration) -> bool {
        let mut kept = self.wait(limit, |kept| kept.ended || !kept.head.is_empty());
        let is_first = kept.head.first() == Some(&byte);
        if is_first {
            kept.head.remove(0);
        }
        is_first
    }

    /// Resets the byte counter.
    pub(crate) fn reset_count(&self) {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).counted = 0;
    }

    /// Whether a limit was exceeded.
    pub(crate) fn is_over_limit(&self) -> bool {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).over_limit
    }

    /// Returns the captured output once the stream has ended, or after `limit`, because a process that
    /// outlives the program may keep the stream open.
    pub(crate) fn finish(&self, limit: Duration) -> CapturedOutput {
        let mut kept = self.wait(limit, |kept| kept.ended);
        CapturedOutput {
            head: kept.head.clone(),
            tail: kept.tail.make_contiguous().to_vec(),
            left_out: kept.left_out,
        }
    }

    /// The output that was printed instead of the ready byte.
    pub(crate) fn startup_error(&self) -> String {
        self.finish(Duration::from_secs(1)).to_string().trim().to_owned()
    }

    fn wait(
        &self,
        limit: Duration,
        until: impl Fn(&OutputBuffer) -> bool,
    ) -> MutexGuard<'_, OutputBuffer> {
        let (kept, changed) = &*self.shared;
        let deadline = Instant::now() + limit;
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        while !until(&kept) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = changed.wait_timeout(kept, left);
            kept = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        kept
    }
}

impl OutputBuffer {
    fn keep(&mut self, bytes: &[u8], half: usize) {
        let (first, rest) = bytes.split_at(bytes.len().min(half - self.head.len().min(half)));
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let too_many = self.tail.len().saturating_sub(half);
        self.tail.drain(..too_many);
        self.left_out += too_many as u64;
        self.counted += bytes.len() as u64;
        self.total += bytes.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_LIMITS: (u64, u64) = (u64::MAX, u64::MAX);

    fn printed(bytes: &'static [u8], bytes_max: usize) -> CapturedOutput {
        OutputReader::start(bytes, bytes_max, NO_LIMITS, || {})
            .unwrap()
            .finish(Duration::from_secs(10))
    }

    #[test]
    fn long_outputs_keep_their_beginning_and_end() {
        assert_eq!(printed(b"hello", 100).to_string(), "hello");
        let long = printed(b"abcdefghijklmnop", 8);
        assert_eq!(long.to_string(), "abcd\n[... 8 bytes left out ...]\nmnop");
        assert_eq!(printed(b"abcdefgh", 8).to_string(), "abcdefgh");
    }

    #[test]
    fn an_exceeded_limit_is_reported_once() {
        let (told, asked) = std::sync::mpsc::channel();
        let flooded = move || told.send(()).unwrap();
        let reader =
            OutputReader::start(io::repeat(b'x').take(3 << 20), 100, (1 << 20, u64::MAX), flooded)
                .unwrap();
        let printed = reader.finish(Duration::from_secs(10));
        assert!(reader.is_over_limit());
        assert_eq!(asked.iter().count(), 1);
        let kept = (printed.head.len() + printed.tail.len()) as u64;
        assert_eq!(kept + printed.left_out, 1 << 20);
    }

    #[test]
    fn resetting_the_count_allows_more_output() {
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = OutputReader::start(reader, 100, (1_000, 4_000), || {}).unwrap();
        for round in 1..=3 {
            io::Write::write_all(&mut writer, &[b'x'; 600]).unwrap();
            drop(reader.wait(Duration::from_secs(10), |kept| kept.counted == 600));
            assert!(!reader.is_over_limit(), "round {round}");
            reader.reset_count();
        }
        io::Write::write_all(&mut writer, &[b'x'; 1_200]).unwrap();
        drop(reader.wait(Duration::from_secs(10), |kept| kept.over_limit));
        assert!(reader.is_over_limit());
        // The writer's output is not closed.
        io::Write::write_all(&mut writer, &[b'x'; 100_000]).unwrap();
    }

    #[test]
    fn the_total_limit_ignores_resets() {
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = OutputReader::start(reader, 100, (1_000, 1_500), || {}).unwrap();
        for flooded in [false, false, true] {
            let before = reader.wait(Duration::ZERO, |_| true).total;
            io::Write::write_all(&mut writer, &[b'x'; 600]).unwrap();
            drop(reader.wait(Duration::from_secs(10), |kept| kept.total == before + 600));
            assert_eq!(reader.is_over_limit(), flooded);
            reader.reset_count();
        }
    }

    #[test]
    fn the_first_byte_is_available_before_the_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = OutputReader::start(reader, 100, NO_LIMITS, || {}).unwrap();
        assert!(!reader.take_first(b'x', Duration::from_millis(10)));
        io::Write::write_all(&mut writer, b"xy").unwrap();
        assert!(reader.take_first(b'x', Duration::from_secs(10)));
        assert!(!reader.take_first(b'x', Duration::from_secs(10)));
        assert_eq!(reader.finish(Duration::from_millis(10)).to_string(), "y");
    }
}
