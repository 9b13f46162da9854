//! The engine's side of a node process: frames out and in, within limits, and how the process
//! ended.

use std::fmt;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use super::ask::Ask;
use super::frame::{FrameReader, FrameWriter};
use super::wire::{Nonsense, Reader};
use crate::worker::NodeFailure;

/// The most bytes of requests to queue for a process, far below a frame's maximum.
const QUEUED_BYTES_MAX: usize = 4 << 20;

/// How bytes get to a process and back.
pub trait Link: Read + Write + Send {
    /// Makes reads and writes fail that take longer than this.
    ///
    /// # Errors
    /// When the operating system refuses.
    fn set_time_limit(&self, limit: Duration) -> io::Result<()>;
}

#[cfg(unix)]
impl Link for std::os::unix::net::UnixStream {
    fn set_time_limit(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))?;
        self.set_write_timeout(Some(limit))
    }
}

/// A process that can be ended.
pub trait Life: Send {
    /// Ends the process and everything it started, unless it exits by itself within `grace`.
    fn end(&mut self, grace: Duration) -> Death;

    /// Called when all requests have been answered; per-exchange counters start over.
    fn answered(&mut self) {}
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Death {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// It was ended because it printed more than it may per exchange.
    Flooded,
    /// In another way; completes the sentence "the process ...".
    Otherwise(String),
    /// Unknown, because whatever watched it has ended; also completes that sentence. This is an
    /// infrastructure error and says nothing about the process.
    Unknown(String),
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Signalled(signal) => {
                let meaning = match signal {
                    4 => " (illegal instruction)",
                    6 => " (aborted: a stack overflow, or out of memory?)",
                    9 => " (killed: out of memory or time?)",
                    11 => " (invalid memory access: a stack overflow?)",
                    24 => " (used too much CPU time)",
                    25 => " (wrote too large a file)",
                    31 => " (made a forbidden system call)",
                    _ => "",
                };
                write!(f, "was killed by signal {signal}{meaning}")
            }
            Self::Flooded => f.write_str("printed without end"),
            Self::Otherwise(how) | Self::Unknown(how) => f.write_str(how),
        }
    }
}

impl From<std::process::ExitStatus> for Death {
    fn from(status: std::process::ExitStatus) -> Self {
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            return Self::Signalled(signal);
        }
        status.code().map_or_else(|| Self::Otherwise("ended".to_owned()), Self::Exited)
    }
}

impl Death {
    /// Ended by the engine.
    #[must_use]
    pub fn by_judge() -> Self {
        Self::Otherwise("stopped talking and was ended".to_owned())
    }
}

impl Life for std::process::Child {
    fn end(&mut self, grace: Duration) -> Death {
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
        // Killing fails only if the process has ended, and then waiting tells.
        let _ = self.kill();
        let _ = self.wait();
        Death::by_judge()
    }
}

/// How long a process that closed its stream has to exit, so that its status is meaningful.
const GRACE: Duration = Duration::from_secs(5);

/// The interval for checking whether it has exited.
const GRACE_POLL: Duration = Duration::from_millis(1);

/// Why a process can no longer be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// It exited, or was killed.
    #[error("{0}")]
    Ended(Death),
    /// It took too long to answer.
    #[error("gave no answer within {0:?}")]
    TooSlow(Duration),
    /// It sent something that is not of the protocol.
    #[error("broke the protocol: {0}")]
    Nonsense(String),
}

impl From<Loss> for NodeFailure {
    fn from(loss: Loss) -> Self {
        Self::ProcessLost { how: loss.to_string() }
    }
}

/// A node process, as the engine sees it.
///
/// Its answers are mere claims. Every length is checked; reading them takes no more memory than was
/// really sent; and they cannot make the engine panic. A failed process stays failed.
pub struct Process {
    link: Box<dyn Link>,
    life: Box<dyn Life>,
    /// How long an exchange may take at most.
    limit_max: Duration,
    /// How long it may take now.
    limit: Duration,
    asks: FrameWriter,
    asked: usize,
    answers: FrameReader,
    loss: Option<Loss>,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("asked", &self.asked)
            .field("loss", &self.loss)
            .finish_non_exhaustive()
    }
}

impl Process {
    /// A process that [serves](super::serve) at the other end of `link`. No exchange may take
    /// longer than about `limit` (at most twice that, if it answers one byte at a time).
    ///
    /// # Errors
    /// When the operating system refuses the time limit.
    pub fn new(
        link: impl Link + 'static,
        life: impl Life + 'static,
        limit: Duration,
    ) -> io::Result<Self> {
        link.set_time_limit(limit)?;
        Ok(Self {
            link: Box::new(link),
            life: Box::new(life),
            limit_max: limit,
            limit,
            asks: FrameWriter::new(),
            asked: 0,
            answers: FrameReader::default(),
            loss: None,
        })
    }

    /// Limits the duration of exchanges from now on, though never beyond the limit at creation.
    pub(super) fn limit(&mut self, limit: Duration) -> io::Result<()> {
        self.limit = limit.min(self.limit_max);
        self.link.set_time_limit(self.limit)
    }

    /// Why the process can no longer be asked, if it cannot.
    #[must_use]
    pub fn loss(&self) -> Option<&Loss> {
        self.loss.as_ref()
    }

    /// Queues a request for the next [`Process::send`].
    pub(super) fn queue(&mut self, ask: Ask<'_>) {
        ask.write(self.asks.payload());
        self.asked += 1;
    }

    /// Whether so many requests are queued that they should be sent first.
    pub(super) fn is_full(&self) -> bool {
        self.asks.len() > QUEUED_BYTES_MAX
    }

    /// Sends the queued requests. Errors show when the answers are received.
    pub(super) fn send(&mut self) {
        if self.asks.len() > 0
            && self.loss.is_none()
            && let Err(error) = self.asks.send(&mut self.link)
        {
            self.lose(&error);
        }
    }

    /// Receives the answers to all questions sent, in order. `take` reads one answer, given its index.
    pub(super) fn receive(
        &mut self,
        mut take: impl FnMut(usize, &mut Reader<'_>) -> Result<(), Nonsense>,
    ) -> Result<(), Loss> {
        let asked = std::mem::take(&mut self.asked);
        let deadline = Instant::now() + self.limit;
        let mut received = 0;
        while received < asked && self.loss.is_none() {
            let in_time = || match Instant::now() < deadline {
                true => Ok(()),
                false => Err(io::ErrorKind::TimedOut.into()),
            };
            let frame = match self.answers.next(&mut self.link, in_time) {
                Ok(Some(frame)) => frame,
                Ok(None) => {
                    self.lose(&io::ErrorKind::UnexpectedEof.into());
                    break;
                }
                Err(error) => {
                    self.lose(&error);
                    break;
                }
            };
            let mut from = Reader::new(frame);
            let mut nonsense = from.is_empty().then_some(Nonsense("an empty frame"));
            while !from.is_empty() && nonsense.is_none() {
                if received == asked {
                    nonsense = Some(Nonsense("more answers than there were questions"));
                } else {
                    match take(received, &mut from) {
                        Ok(()) => received += 1,
                        Err(what) => nonsense = Some(what),
                    }
                }
            }
            if let Some(Nonsense(what)) = nonsense {
                self.life.end(Duration::ZERO);
                self.loss = Some(Loss::Nonsense(what.to_owned()));
            }
        }
        match &self.loss {
            None => {
                self.life.answered();
                Ok(())
            }
            Some(loss) => Err(loss.clone()),
        }
    }

    /// Asks one question and waits for the answer.
    pub(super) fn exchange<V>(
        &mut self,
        ask: Ask<'_>,
        mut read: impl FnMut(&mut Reader<'_>) -> Result<V, Nonsense>,
    ) -> Result<V, Loss> {
        debug_assert_eq!(self.asked, 0, "answers are outstanding");
        self.queue(ask);
        self.send();
        let mut answer = None;
        let received = self.receive(|_, from| {
            answer = Some(read(from)?);
            Ok(())
        });
        match (received, answer) {
            (Ok(()), Some(answer)) => Ok(answer),
            (Err(loss), _) => Err(loss),
            (Ok(()), None) => unreachable!("one question was asked"),
        }
    }

    /// Records the failure and ends the process.
    fn lose(&mut self, error: &io::Error) {
        let (grace, loss): (_, fn(&Self, Death) -> Loss) = match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                (Duration::ZERO, |process, _| Loss::TooSlow(process.limit))
            }
            io::ErrorKind::InvalidData => {
                (Duration::ZERO, |_, _| Loss::Nonsense("a frame that is too long".to_owned()))
            }
            _ => (GRACE, |_, ended| Loss::Ended(ended)),
        };
        let ended = self.life.end(grace);
        self.loss = Some(loss(self, ended));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.loss.is_none() {
            self.life.end(Duration::ZERO);
        }
    }
}
