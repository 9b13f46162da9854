//! Captures what the submission prints, from the file to which the worker's output goes.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// How much of one event's output is kept, in bytes.
const KEPT_BYTES_MAX: u64 = 4_096;

/// How much one event may print before its process is ended, in bytes.
pub(super) const OUTPUT_BYTES_MAX: u64 = 64 << 20;

/// The file to which the worker's standard output and standard error are appended.
pub(crate) struct CapturedOutput {
    file: File,
}

impl CapturedOutput {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: OpenOptions::new().read(true).write(true).open(path)? })
    }

    /// The output since the last call. The file is truncated, so that it never holds more than one
    /// event's output.
    pub(crate) fn take(&mut self) -> String {
        let _ = io::stdout().flush();
        self.try_take().unwrap_or_default()
    }

    fn try_take(&mut self) -> io::Result<String> {
        let length = self.file.metadata()?.len();
        if length == 0 {
            return Ok(String::new());
        }
        let mut kept = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        Read::by_ref(&mut self.file).take(KEPT_BYTES_MAX).read_to_end(&mut kept)?;
        self.file.set_len(0)?;
        let mut text = String::from_utf8_lossy(&kept).into_owned();
        if length > KEPT_BYTES_MAX {
            text.push_str(&format!("\n... and {} bytes more", length - KEPT_BYTES_MAX));
        }
        Ok(text)
    }
}

/// Whether the file contains more than one event may print.
pub(crate) fn is_flooded(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() > OUTPUT_BYTES_MAX)
}
