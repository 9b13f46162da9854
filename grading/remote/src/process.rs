//! The engine's side of a node process: exchanges frames within limits, and finds out how the process
//! exited.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::answer::ProtocolError;
use crate::exit::{ProcessExit, ProcessFailure};
use crate::frame::{FrameError, FrameReader, FrameWriter};
use crate::request::NodeRequest;

/// The most bytes of requests to queue for a process, far below a frame's maximum.
const QUEUED_BYTES_MAX: usize = 4 << 20;

/// A connection to a process.
pub trait Connection: Read + Write + Send {
    /// Makes reads and writes fail that take longer than this.
    ///
    /// # Errors
    /// When the operating system refuses.
    fn set_time_limit(&self, limit: Duration) -> io::Result<()>;
}

impl Connection for UnixStream {
    fn set_time_limit(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))?;
        self.set_write_timeout(Some(limit))
    }
}

/// A process that can be ended.
pub trait ProcessHandle: Send {
    /// Ends the process and everything it started, unless it exits by itself within `grace`. Returns
    /// [`ProcessExit::Killed`] if it did not, or how it exited.
    fn end(&mut self, grace: Duration) -> ProcessExit;

    /// Called when all requests have been answered, to reset per-exchange counters.
    fn exchange_finished(&mut self) {}
}

impl ProcessHandle for Child {
    fn end(&mut self, grace: Duration) -> ProcessExit {
        let start = Instant::now();
        loop {
            if let Ok(Some(status)) = self.try_wait() {
                return status.into();
            }
            if start.elapsed() >= grace {
                break;
            }
            std::thread::sleep(GRACE_POLL);
        }
        // Killing fails only if the process has already exited; then waiting returns its status.
        let _ = self.kill();
        let _ = self.wait();
        ProcessExit::Killed
    }
}

/// How long a process that closed its stream has to exit, so that its status is meaningful.
const EXIT_GRACE: Duration = Duration::from_secs(5);

/// The interval for checking whether it has exited.
const GRACE_POLL: Duration = Duration::from_millis(1);

/// A node process, as the engine sees it.
///
/// Its answers are untrusted. Every length is checked; reading them takes no more memory than the
/// process really sent; and they cannot make the engine panic. A failed process stays failed.
pub struct Process {
    link: Box<dyn Connection>,
    handle: Box<dyn ProcessHandle>,
    /// The longest time limit for an exchange.
    limit_max: Duration,
    /// The current time limit for an exchange.
    limit: Duration,
    request_frame: FrameWriter,
    requests_sent: usize,
    answers: FrameReader,
    failure: Option<ProcessFailure>,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("requests_sent", &self.requests_sent)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl Process {
    /// A process that [serves](crate::serve()) at the other end of `link`. No exchange may take
    /// longer than about `limit` (at most twice that, if it answers one byte at a time).
    ///
    /// # Errors
    /// When the operating system refuses the time limit.
    pub fn new(
        link: impl Connection + 'static,
        handle: impl ProcessHandle + 'static,
        limit: Duration,
    ) -> io::Result<Self> {
        link.set_time_limit(limit)?;
        Ok(Self {
            link: Box::new(link),
            handle: Box::new(handle),
            limit_max: limit,
            limit,
            request_frame: FrameWriter::default(),
            requests_sent: 0,
            answers: FrameReader::default(),
            failure: None,
        })
    }

    /// Starts a program that [serves](crate::serve_stdin) on its standard input, without a sandbox. Its
    /// exchanges are limited as in [`Process::new`].
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn spawn(program: &mut Command, limit: Duration) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = program.stdin(Stdio::from(OwnedFd::from(theirs))).spawn()?;
        Self::new(ours, child, limit)
    }

    /// Limits the duration of exchanges from now on, though never beyond the limit at creation.
    pub(crate) fn limit(&mut self, limit: Duration) -> io::Result<()> {
        self.limit = limit.min(self.limit_max);
        self.link.set_time_limit(self.limit)
    }

    /// Why the process can no longer be used, if it cannot.
    #[must_use]
    pub fn failure(&self) -> Option<&ProcessFailure> {
        self.failure.as_ref()
    }

    /// Queues a request for the next [`Process::send`].
    pub(crate) fn queue(&mut self, ask: NodeRequest<'_>) {
        ask.write(self.request_frame.payload());
        self.requests_sent += 1;
    }

    /// Whether so many requests are queued that they should be sent before more are added.
    pub(crate) fn is_full(&self) -> bool {
        self.request_frame.len() > QUEUED_BYTES_MAX
    }

    /// Sends the queued requests. Errors are reported when the answers are received.
    pub(crate) fn send(&mut self) {
        if self.request_frame.len() > 0
            && self.failure.is_none()
            && let Err(error) = self.request_frame.send(&mut self.link)
        {
            self.mark_failed(&error);
        }
    }

    /// Receives the answers to all requests, in order. `take` reads one answer, given its index.
    pub(crate) fn receive(
        &mut self,
        mut take: impl FnMut(usize, &mut &[u8]) -> Result<(), ProtocolError>,
    ) -> Result<(), ProcessFailure> {
        let asked = std::mem::take(&mut self.requests_sent);
        let deadline = Instant::now() + self.limit;
        let mut received = 0;
        while received < asked && self.failure.is_none() {
            let in_time = || match Instant::now() < deadline {
                true => Ok(()),
                false => Err(io::ErrorKind::TimedOut.into()),
            };
            let mut frame = match self.answers.next(&mut self.link, in_time) {
                Ok(Some(frame)) => frame,
                Ok(None) => {
                    self.mark_failed(&FrameError::Io(io::ErrorKind::UnexpectedEof.into()));
                    break;
                }
                Err(error) => {
                    self.mark_failed(&error);
                    break;
                }
            };
            let mut protocol_error = frame.is_empty().then(|| "an empty frame".into());
            while !frame.is_empty() && protocol_error.is_none() {
                if received == asked {
                    protocol_error = Some("more answers than requests".into());
                } else {
                    match take(received, &mut frame) {
                        Ok(()) => received += 1,
                        Err(what) => protocol_error = Some(what),
                    }
                }
            }
            if let Some(ProtocolError(what)) = protocol_error {
                self.handle.end(Duration::ZERO);
                self.failure = Some(ProcessFailure::ProtocolError(what));
            }
        }
        match &self.failure {
            None => {
                self.handle.exchange_finished();
                Ok(())
            }
            Some(failure) => Err(failure.clone()),
        }
    }

    /// Sends one request and waits for the answer.
    pub(crate) fn exchange<V>(
        &mut self,
        ask: NodeRequest<'_>,
        mut read: impl FnMut(&mut &[u8]) -> Result<V, ProtocolError>,
    ) -> Result<V, ProcessFailure> {
        debug_assert_eq!(self.requests_sent, 0, "answers are outstanding");
        self.queue(ask);
        self.send();
        let mut answer = None;
        let received = self.receive(|_, from| {
            answer = Some(read(from)?);
            Ok(())
        });
        match (received, answer) {
            (Ok(()), Some(answer)) => Ok(answer),
            (Err(failure), _) => Err(failure),
            (Ok(()), None) => unreachable!("one request was sent"),
        }
    }

    /// Records the failure and ends the process.
    fn mark_failed(&mut self, error: &FrameError) {
        let is_timeout = matches!(error, FrameError::Io(error) if matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
        ));
        self.failure = Some(match error {
            _ if is_timeout => {
                self.handle.end(Duration::ZERO);
                ProcessFailure::TimedOut
            }
            FrameError::Io(_) => match self.handle.end(EXIT_GRACE) {
                ProcessExit::Killed => {
                    ProcessFailure::ProtocolError("it closed the connection".to_owned())
                }
                exit => ProcessFailure::Ended(exit),
            },
            FrameError::TooLong(_) | FrameError::Content(_) => {
                self.handle.end(Duration::ZERO);
                ProcessFailure::ProtocolError(error.to_string())
            }
        });
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.failure.is_none() {
            self.handle.end(Duration::ZERO);
        }
    }
}
