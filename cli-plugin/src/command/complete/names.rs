//! Names that only this user's configuration and engine know.

use std::path::PathBuf;
use std::time::SystemTime;

use jackin_oci_hook::folder::candidates;

use crate::config::{self, Config};
use crate::engine::here;
use crate::handoff::TicketFolder;
use crate::host::Host;
use crate::launch::label;
use crate::plugin::global_flags::GlobalFlags;

/// How long the engine may take to list containers, in seconds: somebody waits
/// with a finger on the key.
const QUICK: u64 = 1;

/// Where names are looked up.
pub(super) trait Names {
    /// The configuration that a `--config` of docker's means; empty when it
    /// cannot be read, since completing is no place to complain.
    fn config(&self, folder: Option<&str>) -> Config;

    /// The names of this user's running containers, each with its role.
    fn containers(&self, flags: &GlobalFlags) -> Vec<(String, String)>;

    /// How the handles of this user's tickets begin that wait, each with its
    /// role.
    fn tickets(&self) -> Vec<(String, String)>;
}

/// The names of this process's user.
#[derive(Debug)]
pub(super) struct NamesHere;

impl Names for NamesHere {
    fn config(&self, folder: Option<&str>) -> Config {
        let flags = GlobalFlags {
            config: folder.map(PathBuf::from),
            ..GlobalFlags::default()
        };
        let read = Host::of_this_process().map(|host| {
            let file = config::path_of(&flags, &host);
            config::load(&file, &host).unwrap_or_default()
        });
        read.unwrap_or_default()
    }

    fn containers(&self, flags: &GlobalFlags) -> Vec<(String, String)> {
        let Ok(host) = Host::of_this_process() else {
            return Vec::new();
        };
        let Ok(engine) = here::reach(flags, &host) else {
            return Vec::new();
        };
        let owned = format!("{}={}", label::OWNER, host.uid());
        let listed = engine.labelled(&owned, QUICK).unwrap_or_default();
        let running = listed.into_iter().filter(|one| one.state == "running");
        running
            .map(|one| {
                // An image may have brought it: it is not to move the cursor.
                let role = one.labels.get(label::ROLE);
                let role = role.filter(|role| !role.chars().any(char::is_control));
                let role = role.cloned().unwrap_or_default();
                (one.name, role)
            })
            .collect()
    }

    fn tickets(&self) -> Vec<(String, String)> {
        let uid = rustix::process::geteuid().as_raw();
        let Ok(folder) = TicketFolder::open(&candidates(uid), uid) else {
            return Vec::new();
        };
        let waiting = folder.waiting(SystemTime::now()).into_iter();
        let waiting = waiting.map(|one| {
            let role = one
                .request
                .as_ref()
                .and_then(|request| request.subject.role());
            (one.handle.to_string(), role.unwrap_or_default().to_owned())
        });
        waiting.collect()
    }
}
