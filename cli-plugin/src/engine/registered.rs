//! Whether the engine knows our runtime, asked only where there is doubt.
//!
//! Docker's own words for it ("unknown or invalid runtime name") do not say
//! what to do. To ask every time would slow every launch down: the engine
//! starts its runtimes to describe itself.

use std::fs;
use std::path::Path;

use super::client::Engine;
use super::daemon::DEFAULT_CONFIG;
use super::endpoint::DEFAULT_SOCKET;
use super::installation::RUNTIME_NAME;
use crate::failure::{Failure, Kind};

/// Whether a runtime of this name redeems tickets: ours, or the same on
/// another low-level runtime, such as `docker-jackin-crun`.
pub fn is_our_runtime(name: &str) -> bool {
    name.strip_prefix(RUNTIME_NAME)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Refuses an engine that does not know `runtime`, when its usual
/// configuration file gives reason to ask it.
///
/// # Errors
/// It was asked, and has no such runtime.
pub fn require_registered(engine: &Engine, runtime: &str) -> Result<(), Failure> {
    let usual = engine.socket() == Path::new(DEFAULT_SOCKET);
    if !usual || !is_doubtful(Path::new(DEFAULT_CONFIG), runtime) {
        return Ok(());
    }
    let Ok(info) = engine.info() else {
        // Its trouble is docker's to tell.
        return Ok(());
    };
    if info.runtimes.iter().any(|(name, _)| name == runtime) {
        return Ok(());
    }
    let socket = engine.socket().display();
    let message = format!("the engine at unix://{socket} has no runtime {runtime}");
    Err(Failure::new(Kind::Engine, message).hint("register it with: sudo docker jackin install"))
}

/// Whether the configuration is there to be read, or missing, and does not
/// name the runtime. One that cannot be read says nothing.
fn is_doubtful(config: &Path, runtime: &str) -> bool {
    match fs::read_to_string(config) {
        Ok(text) => !text.contains(&format!("\"{runtime}\"")),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_configuration_without_the_runtime_is_doubtful() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("daemon.json");
        assert!(is_doubtful(&config, "docker-jackin"), "there is none");
        for (text, runtime, doubtful) in [
            ("{}", "docker-jackin", true),
            (
                r#"{"runtimes":{"docker-jackin":{}}}"#,
                "docker-jackin",
                false,
            ),
            (
                r#"{"runtimes":{"docker-jackin":{}}}"#,
                "docker-jackin-crun",
                true,
            ),
            (
                r#"{"runtimes":{"docker-jackin-crun":{}}}"#,
                "docker-jackin",
                true,
            ),
        ] {
            fs::write(&config, text).unwrap();
            assert_eq!(is_doubtful(&config, runtime), doubtful, "{text} {runtime}");
        }
        assert!(!is_doubtful(folder.path(), "docker-jackin"), "unreadable");
    }
}
