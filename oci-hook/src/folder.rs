//! Where tickets lie, and what is published for containers: one folder a user, on
//! tmpfs, that only its user may enter.

use std::path::PathBuf;

/// The engine side's own folder, and root's folder for tickets.
pub const ENGINE_FOLDER: &str = "/run/docker-jackin";

/// The folder below one of [`candidates`] that holds tickets.
pub const TICKETS: &str = "tickets";

/// Where the tickets of user `uid` may lie, best first.
///
/// Both sides go by this list, and by nothing the environment says, since the
/// engine's side does not see the user's environment. Each is the folder of
/// docker-jackin (0700, owned by `uid`); tickets lie in [`TICKETS`] below it.
pub fn candidates(uid: u32) -> Vec<PathBuf> {
    let session = PathBuf::from(format!("/run/user/{uid}/docker-jackin"));
    let fallback = if uid == 0 {
        PathBuf::from(ENGINE_FOLDER)
    } else {
        PathBuf::from(format!("/dev/shm/docker-jackin-{uid}"))
    };
    vec![session, fallback]
}

/// The one of the [`candidates`] of user `uid` that can be on this machine: the
/// first whose parent is there, else the last.
pub fn usable(uid: u32) -> PathBuf {
    let mut candidates = candidates(uid);
    let fallback = candidates.pop().unwrap_or_default();
    let there = |folder: &PathBuf| folder.parent().is_some_and(std::path::Path::is_dir);
    candidates.into_iter().find(there).unwrap_or(fallback)
}
