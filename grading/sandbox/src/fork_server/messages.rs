//! Messages between the judge and the fork server: one message per packet.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use faultlab_remote::ProcessExit;
use rustix::io::IoSlice;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recv, recvmsg, send, sendmsg,
};
use serde::{Deserialize, Serialize};

/// The longest packet, in bytes. Messages are far shorter.
const PACKET_BYTES_MAX: usize = 256;

/// A request of the judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ForkRequest {
    /// Start a process, known by this number from then on. The message carries the descriptors of
    /// its standard input and its output.
    Start {
        /// Its number.
        number: u64,
        /// The user id to run as, if it is not the sandbox's.
        user: Option<u32>,
    },
    /// Kill a process, if it has not exited.
    Kill {
        /// Its number.
        number: u64,
    },
}

/// A process has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ExitReport {
    /// Its number.
    pub(super) number: u64,
    /// How it ended.
    pub(super) exit: ProcessExit,
}

impl ExitReport {
    pub(super) fn send(&self, socket: impl AsFd) -> io::Result<()> {
        send(socket, &serde_json::to_vec(self)?, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// The next report; `None` if the fork server has exited.
    pub(super) fn receive(socket: impl AsFd) -> io::Result<Option<Self>> {
        let mut packet = [0; PACKET_BYTES_MAX];
        let (length, _) = rustix::io::retry_on_intr(|| {
            recv(socket.as_fd(), &mut packet[..], RecvFlags::empty())
        })?;
        read(&packet[..length])
    }
}

impl ForkRequest {
    /// Sends this with descriptors.
    pub(super) fn send(self, socket: impl AsFd, with: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut room = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut room);
        if !with.is_empty() && !control.push(SendAncillaryMessage::ScmRights(with)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let packet = serde_json::to_vec(&self)?;
        sendmsg(socket, &[IoSlice::new(&packet)], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// The next request, with its descriptors; `None` if the judge has exited.
    pub(super) fn receive(socket: impl AsFd) -> io::Result<Option<(Self, Vec<OwnedFd>)>> {
        let mut packet = [0; PACKET_BYTES_MAX];
        let mut room = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = RecvAncillaryBuffer::new(&mut room);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = rustix::io::retry_on_intr(|| {
            let into = &mut [rustix::io::IoSliceMut::new(&mut packet)];
            recvmsg(socket.as_fd(), into, &mut control, flags)
        })?;
        let mut with = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                with.extend(descriptors);
            }
        }
        Ok(read(&packet[..received.bytes])?.map(|order| (order, with)))
    }
}

/// Parses a packet. An empty one means the end of the stream.
fn read<'a, M: Deserialize<'a>>(packet: &'a [u8]) -> io::Result<Option<M>> {
    if packet.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(packet)?))
}
