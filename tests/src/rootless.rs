//! Docker as an ordinary user runs it: by `dockerd-rootless.sh`, in a user
//! namespace of that user's.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::daemon::{Daemon, SYSTEM_PATH};
use crate::sandbox::Sandbox;

/// A user with an engine, and the first of their 65536 subordinate ids.
#[derive(Debug, Clone, Copy)]
pub struct RootlessUser {
    /// The name, in `/etc/passwd`, `/etc/subuid` and `/etc/subgid`.
    pub name: &'static str,
    /// The uid and gid.
    pub uid: u32,
    /// The first subordinate id.
    pub first: u32,
}

/// One for each release, since an engine has its user's runtime folder to
/// itself.
pub const USERS: [RootlessUser; 2] = [
    RootlessUser {
        name: "jackin-rootless",
        uid: 4713,
        first: 400_000,
    },
    RootlessUser {
        name: "jackin-rootless-26",
        uid: 4714,
        first: 500_000,
    },
];

impl RootlessUser {
    /// Their home, as the host's passwd has it.
    pub fn home(&self) -> PathBuf {
        Sandbox::memory().join("homes").join(self.name)
    }

    /// Their `$XDG_RUNTIME_DIR`.
    pub fn runtime_dir(&self) -> PathBuf {
        format!("/run/user/{}", self.uid).into()
    }

    /// A command as theirs, in their session.
    pub fn command(&self, program: &str) -> Command {
        let uid = self.uid.to_string();
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", &uid, "--regid", &uid, "--init-groups", program])
            .env_clear()
            .env("PATH", SYSTEM_PATH)
            .env("HOME", self.home())
            .env("XDG_RUNTIME_DIR", self.runtime_dir());
        command
    }

    /// Makes the folders that a login would have made.
    pub(crate) fn log_in(&self) -> Result<()> {
        for (folder, mode) in [(self.home(), 0o755), (self.runtime_dir(), 0o700)] {
            fs::create_dir_all(&folder)?;
            fs::set_permissions(&folder, Permissions::from_mode(mode))?;
            chown(&folder, Some(self.uid), Some(self.uid))?;
        }
        Ok(())
    }

    /// The engine with what lies in `unpacked`, or with the system's programs.
    /// Its data goes below `disk`; arguments that are added are the engine's.
    pub(crate) fn engine(
        &self,
        unpacked: Option<&Path>,
        folder: &Path,
        disk: &Path,
    ) -> Result<Command> {
        for folder in [folder, disk] {
            chown(folder, Some(self.uid), Some(self.uid))?;
        }
        fs::set_permissions(disk.join("tmp"), Permissions::from_mode(0o1777))?;
        // The home of who runs the tests, where things were unpacked, may be
        // closed to this user.
        let script = r#"
            mount --bind "$DISK/tmp" /tmp
            [ -z "$UNPACKED" ] || mount --bind "$UNPACKED" /mnt
            cd /
            exec docker-init -s -- setpriv --reuid "$ID" --regid "$ID" --init-groups \
                "$PROGRAMS/usr/share/docker.io/contrib/dockerd-rootless.sh" "$@""#;
        let programs = unpacked.map_or("", |_| "/mnt");
        let path = format!("{programs}/usr/sbin:{programs}/usr/bin:{SYSTEM_PATH}");
        let mut command = Daemon::script(script);
        command
            .env("PATH", path)
            .env("DISK", disk)
            .env("UNPACKED", unpacked.unwrap_or(Path::new("")))
            .env("PROGRAMS", programs)
            .env("ID", self.uid.to_string())
            .env("HOME", self.home())
            .env("USER", self.name)
            .env("XDG_RUNTIME_DIR", self.runtime_dir())
            // The containers of the tests have no network anyway.
            .env("DOCKERD_ROOTLESS_ROOTLESSKIT_NET", "host")
            .env("DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER", "none");
        Ok(command)
    }
}
