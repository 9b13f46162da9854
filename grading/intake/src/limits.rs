//! Size limits on a submission, checked while it is read.

/// Limits on a submission, far above what a lab needs.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Files and folders of any kind.
    pub entries_max: u64,
    /// Bytes of everything, unpacked. This is enough for a build folder that is submitted by mistake.
    pub unpacked_bytes_max: u64,
    /// Bytes of one source file.
    pub file_bytes_max: u64,
    /// Bytes of all source files together.
    pub sources_bytes_max: u64,
    /// Bytes of an archive inside an archive.
    pub inner_archive_bytes_max: u64,
    /// Bytes of a file's path.
    pub path_bytes_max: usize,
    /// The depth of nested folders.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries_max: 50_000,
            unpacked_bytes_max: 1 << 30,
            file_bytes_max: 1 << 20,
            sources_bytes_max: 8 << 20,
            inner_archive_bytes_max: 64 << 20,
            path_bytes_max: 512,
            depth_max: 32,
        }
    }
}
