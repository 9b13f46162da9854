//! Processes that send wrong bytes, or none, do no harm.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use faultlab::hosting::{Host, NodeFailure};
use faultlab_remote::{Process, ProcessExit, ProcessFailure, ProcessHandle, ProcessPool};

use crate::common::server;
use crate::support::SECOND;

/// A script in place of a process. It ends like this.
#[derive(Clone)]
struct NoProcess(ProcessExit);

impl ProcessHandle for NoProcess {
    fn end(&mut self, _: Duration) -> ProcessExit {
        self.0.clone()
    }
}

/// Connects the engine to a script instead of a node process. Returns the answer and the process failure.
fn against(
    script: impl FnOnce(UnixStream) + Send + 'static,
) -> (Result<(), NodeFailure>, ProcessFailure) {
    against_process(NoProcess(ProcessExit::Exited(3)), script)
}

/// The same with another end of the process.
fn against_process(
    process: NoProcess,
    script: impl FnOnce(UnixStream) + Send + 'static,
) -> (Result<(), NodeFailure>, ProcessFailure) {
    let mut script = Some(script);
    let mut pool = ProcessPool::new(1, move |_| {
        let (ours, theirs) = UnixStream::pair()?;
        let script = script.take().expect("one process is started");
        std::thread::spawn(move || script(theirs));
        Process::new(ours, process.clone(), SECOND / 2)
    });
    let asked = pool.host(0).make(0, "server", server(), &[]);
    (asked, pool.failure().expect("the process is lost").clone())
}

fn read_request(stream: &mut UnixStream) {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut request = vec![0; u32::from_le_bytes(length) as usize];
    stream.read_exact(&mut request).unwrap();
}

pub(super) fn protocol_errors_end_the_process() {
    let scripts: [(&str, &[u8]); 5] = [
        ("a frame of 4294967295 bytes", &[0xff, 0xff, 0xff, 0xff]),
        ("an empty frame", &[0, 0, 0, 0]),
        ("invalid value: integer `7`, expected `Ok` or `Err`", &[1, 0, 0, 0, 7]),
        ("more answers than requests", &[2, 0, 0, 0, 0, 0]),
        ("the bytes end in the middle of a value", &[3, 0, 0, 0, 1, 1, 9]),
    ];
    for (what, bytes) in scripts {
        let (asked, failure) = against(move |mut stream| {
            read_request(&mut stream);
            stream.write_all(bytes).unwrap();
        });
        assert_eq!(failure, ProcessFailure::ProtocolError(what.to_owned()));
        assert_eq!(asked, Err(failure.into()));
    }
}

pub(super) fn slow_answers_time_out() {
    let started = Instant::now();
    let (_, silent) = against(|mut stream| {
        read_request(&mut stream);
        std::thread::sleep(3 * SECOND);
    });
    assert_eq!(silent, ProcessFailure::TimedOut);
    let (_, dribbling) = against(|mut stream| {
        let mut bytes = [60, 0, 0, 0].into_iter().chain(std::iter::repeat(0));
        while stream.write_all(&[bytes.next().unwrap()]).is_ok() {
            std::thread::sleep(SECOND / 10);
        }
    });
    assert_eq!(dribbling, ProcessFailure::TimedOut);
    assert!(started.elapsed() < 3 * SECOND, "{:?}", started.elapsed());
}

pub(super) fn a_closed_stream_is_the_end_of_the_process() {
    let (asked, failure) = against(drop);
    assert_eq!(failure, ProcessFailure::Ended(ProcessExit::Exited(3)));
    assert_eq!(asked, Err(failure.into()));
    let (_, alive) = against_process(NoProcess(ProcessExit::Killed), drop);
    assert_eq!(alive, ProcessFailure::ProtocolError("it closed the connection".to_owned()));
}
