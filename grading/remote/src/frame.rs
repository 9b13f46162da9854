//! Frames: a little-endian length in four bytes, then that many bytes.

use std::io::{self, Read, Write};

use faultlab::codec::CodecError;

/// The longest frame, in bytes. A longer one is a protocol error.
pub const FRAME_BYTES_MAX: usize = 64 << 20;

/// The free space that is reserved before each read, in bytes.
const ROOM_BYTES: usize = 64 << 10;

/// The size of a frame's length, in bytes.
const LENGTH_BYTES: usize = 4;

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream failed or ended.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The frame is longer than [`FRAME_BYTES_MAX`].
    #[error("a frame of {0} bytes")]
    TooLong(usize),
    /// The frame's content cannot be decoded.
    #[error("a frame that cannot be read: {0}")]
    Content(#[from] CodecError),
}

/// A frame being written. It starts with space for its length.
#[derive(Debug)]
pub struct FrameWriter {
    bytes: Vec<u8>,
}

impl Default for FrameWriter {
    fn default() -> Self {
        Self { bytes: vec![0; LENGTH_BYTES] }
    }
}

impl FrameWriter {
    /// The frame's content so far, to be appended to.
    pub fn payload(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The size of the frame so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - LENGTH_BYTES
    }

    /// Truncates the frame to `len` bytes.
    pub(crate) fn cut(&mut self, len: usize) {
        self.bytes.truncate(LENGTH_BYTES + len);
    }

    /// Writes the frame out and starts the next one.
    ///
    /// # Errors
    /// When the stream fails, or the frame is too long.
    pub fn send(&mut self, stream: &mut (impl Write + ?Sized)) -> Result<(), FrameError> {
        let length = self.len();
        let fits = u32::try_from(length).ok().filter(|_| length <= FRAME_BYTES_MAX);
        self.bytes[..LENGTH_BYTES]
            .copy_from_slice(&fits.ok_or(FrameError::TooLong(length))?.to_le_bytes());
        let sent = stream.write_all(&self.bytes).and_then(|()| stream.flush());
        self.bytes.truncate(LENGTH_BYTES);
        Ok(sent?)
    }
}

/// Reassembles frames from the pieces in which a stream delivers them.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl FrameReader {
    /// The next frame's content; `None` if the stream ends between frames. `keep_waiting` is called
    /// after each read that did not complete the frame. After an error, what has arrived is kept, so a read
    /// that timed out can be repeated.
    ///
    /// # Errors
    /// When the stream fails or ends within a frame, when the frame is too long, or the error of `keep_waiting`.
    pub fn next(
        &mut self,
        stream: &mut (impl Read + ?Sized),
        mut keep_waiting: impl FnMut() -> io::Result<()>,
    ) -> Result<Option<&[u8]>, FrameError> {
        loop {
            let held = &self.buffer[self.start..self.end];
            if let Some((length, rest)) = held.split_first_chunk::<LENGTH_BYTES>() {
                let length = u32::from_le_bytes(*length) as usize;
                if length > FRAME_BYTES_MAX {
                    return Err(FrameError::TooLong(length));
                }
                if rest.len() >= length {
                    let start = self.start + LENGTH_BYTES;
                    self.start = start + length;
                    return Ok(Some(&self.buffer[start..self.start]));
                }
            }
            self.make_room();
            match stream.read(&mut self.buffer[self.end..]) {
                Ok(0) if self.start == self.end => return Ok(None),
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(length) => self.end += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            keep_waiting()?;
        }
    }

    /// Moves the remaining bytes to the front. The buffer grows with the bytes that arrive, not with the
    /// length that a frame claims.
    fn make_room(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < self.end + ROOM_BYTES {
            self.buffer.resize((self.end + ROOM_BYTES).max(self.buffer.len() * 2), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that returns one byte at a time.
    struct Dribble<'a>(&'a [u8]);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut buffer[..1])
        }
    }

    #[test]
    fn frames_can_arrive_in_any_pieces() {
        let mut sent = Vec::new();
        let mut writer = FrameWriter::default();
        for payload in [&b"first"[..], b"", &[7; 200_000]] {
            writer.payload().extend_from_slice(payload);
            writer.send(&mut sent).unwrap();
        }
        let mut reader = FrameReader::default();
        let mut stream = Dribble(&sent);
        let mut next = || reader.next(&mut stream, || Ok(())).unwrap().map(<[u8]>::to_vec);
        assert_eq!(next().as_deref(), Some(&b"first"[..]));
        assert_eq!(next().as_deref(), Some(&b""[..]));
        assert_eq!(next(), Some(vec![7; 200_000]));
        assert_eq!(next(), None);
    }

    #[test]
    fn a_frame_that_is_too_long_or_truncated_is_an_error() {
        let mut reader = FrameReader::default();
        let mut long = &u32::MAX.to_le_bytes()[..];
        let error = reader.next(&mut long, || Ok(())).unwrap_err();
        assert!(matches!(error, FrameError::TooLong(0xffff_ffff)));
        let mut reader = FrameReader::default();
        let error = reader.next(&mut &[9, 0, 0, 0, 1][..], || Ok(())).unwrap_err();
        assert!(
            matches!(error, FrameError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof)
        );
    }
}
