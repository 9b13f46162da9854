//! What a machine offers a judge: its sandbox and its compiler. Probing them takes a tenth of a
//! second, a tenth of the time for a submission, so it is done once per batch and machine.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use faultlab_sandbox::{Sandbox, Tier, Toolchain};
use serde::{Deserialize, Serialize};

use super::confined::launcher;
use crate::store::{self, Store};

/// The prefix of the files that cache a machine's properties.
const CACHE_PREFIX: &str = "machine-";

/// What a machine offers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Its sandbox.
    pub sandbox: Sandbox,
    /// Its compiler.
    pub toolchain: Toolchain,
}

impl Machine {
    /// Probes this machine and caches the result for the judges of this batch. Cached results of
    /// any machine are discarded first.
    ///
    /// # Errors
    /// If there is no compiler, or confinement is weaker than required.
    pub fn probe(store: &Store, require: Option<Tier>) -> Result<Self> {
        for entry in fs::read_dir(store.work())? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(CACHE_PREFIX) {
                fs::remove_file(entry.path())?;
            }
        }
        Self::keep(store, require)
    }

    /// Returns this machine's cached properties, or else probes it like [`Machine::probe`].
    ///
    /// # Errors
    /// As [`Machine::probe`].
    pub fn of(store: &Store, require: Option<Tier>) -> Result<Self> {
        let kept = path(store)?.and_then(|path| store::read_json::<Self>(&path).ok());
        match kept {
            Some(host) => host.checked(require),
            None => Self::keep(store, require),
        }
    }

    fn keep(store: &Store, require: Option<Tier>) -> Result<Self> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
        let host = Self {
            sandbox: Sandbox::probe(&launcher()?)?,
            toolchain: Toolchain::of(Path::new(&rustc)).context("cannot run rustc")?,
        };
        if let Some(path) = path(store)? {
            store::write(&path, &store::to_json(&host))?;
        }
        host.checked(require)
    }

    fn checked(self, require: Option<Tier>) -> Result<Self> {
        if let Some(required) = require {
            self.sandbox.require(required)?;
        }
        Ok(self)
    }
}

/// The cache file: a different one for each machine, boot and user. `None` if the machine cannot be
/// identified.
fn path(store: &Store) -> Result<Option<PathBuf>> {
    let Ok(boot) = fs::read_to_string("/proc/sys/kernel/random/boot_id") else { return Ok(None) };
    let name = store::hash(&[
        ("boot", boot.trim()),
        ("node", &rustix::system::uname().nodename().to_string_lossy()),
        ("user", &rustix::process::geteuid().as_raw().to_string()),
        ("launcher", &launcher()?.to_string_lossy()),
    ]);
    Ok(Some(store.work().join(format!("{CACHE_PREFIX}{name}.json"))))
}
