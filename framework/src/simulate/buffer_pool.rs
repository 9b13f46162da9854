//! Reusable buffers for messages and timers in flight.

/// Identifies a buffer of a [`BufferPool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BufferId(u32);

#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// How many copies are still in flight.
    copies: u8,
    /// Whether a copy has already arrived.
    delivered: bool,
}

/// Buffers, each shared by the copies of one message.
#[derive(Debug, Default)]
pub(super) struct BufferPool {
    buffers: Vec<Buffer>,
    free: Vec<BufferId>,
}

impl BufferPool {
    /// Keeps `bytes` until they have been released `copies` times.
    pub(super) fn keep(&mut self, bytes: &[u8], copies: u8) -> BufferId {
        let handle = self.free.pop().unwrap_or_else(|| {
            self.buffers.push(Buffer::default());
            BufferId(u32::try_from(self.buffers.len() - 1).expect("limits keep the pool small"))
        });
        let buffer = &mut self.buffers[handle.0 as usize];
        buffer.bytes.clear();
        buffer.bytes.extend_from_slice(bytes);
        buffer.copies = copies;
        buffer.delivered = false;
        handle
    }

    pub(super) fn bytes(&self, handle: BufferId) -> &[u8] {
        &self.buffers[handle.0 as usize].bytes
    }

    /// Whether a copy has been delivered before.
    pub(super) fn is_duplicate(&self, handle: BufferId) -> bool {
        self.buffers[handle.0 as usize].delivered
    }

    /// Releases one copy. The bytes of a released buffer stay readable until the buffer is reused.
    pub(super) fn release(&mut self, handle: BufferId, delivered: bool) {
        let buffer = &mut self.buffers[handle.0 as usize];
        buffer.delivered |= delivered;
        buffer.copies -= 1;
        if buffer.copies == 0 {
            self.free.push(handle);
        }
    }
}
