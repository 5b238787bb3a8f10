//! Docker's global flags, as they stand before the word `jackin`.

use std::path::PathBuf;

/// Docker's global flags, as far as they decide which engine is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GlobalFlags {
    /// `--config`: the client's configuration folder.
    pub config: Option<PathBuf>,
    /// `-c`, `--context`.
    pub context: Option<String>,
    /// `-H`, `--host`, in the order given.
    pub hosts: Vec<String>,
    /// `-D`, `--debug`.
    pub debug: bool,
    /// `-l`, `--log-level`.
    pub log_level: Option<String>,
    /// `--tls`.
    pub tls: bool,
    /// `--tlsverify`.
    pub tls_verify: bool,
    /// `--tlscacert`.
    pub tls_ca: Option<PathBuf>,
    /// `--tlscert`.
    pub tls_cert: Option<PathBuf>,
    /// `--tlskey`.
    pub tls_key: Option<PathBuf>,
}
