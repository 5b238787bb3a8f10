//! Whose an engine is: root's, or a user's own, which is called rootless.

use std::fs;
use std::path::{Path, PathBuf};

use jackin_oci_hook::config::PATH as SETTINGS;
use jackin_oci_hook::folder::{ENGINE_FOLDER, usable};
use jackin_oci_hook::passwd;

use super::context::Surroundings;
use crate::failure::{Failure, Kind};

/// Below a folder for configuration, what is docker-jackin's.
const OWN_FOLDER: &str = "docker-jackin";

/// Whose an engine is, and with it its files and what it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Root's: its files lie below `/etc`.
    Root,
    /// A user's own: its files lie below their home.
    User {
        /// The user's id.
        uid: u32,
        /// Where their programs keep configuration, usually `~/.config`.
        config: PathBuf,
        /// Their home, as `/etc/passwd` has it.
        home: PathBuf,
    },
}

impl Owner {
    /// The user of this process.
    ///
    /// # Errors
    /// `/etc/passwd` does not know them.
    pub fn of_this_process(around: &Surroundings<'_>) -> Result<Self, Failure> {
        let owner = Self::of_uid(rustix::process::geteuid().as_raw())?;
        let named = around.variable("XDG_CONFIG_HOME").map(PathBuf::from);
        let below_home = || Some(PathBuf::from(around.variable("HOME")?).join(".config"));
        let folder = named
            .filter(|folder| folder.is_absolute())
            .or_else(below_home);
        Ok(match (owner, folder) {
            (Self::User { uid, home, .. }, Some(config)) => Self::User { uid, config, home },
            (owner, _) => owner,
        })
    }

    /// A user by their id.
    ///
    /// # Errors
    /// `/etc/passwd` does not know them.
    pub fn of_uid(uid: u32) -> Result<Self, Failure> {
        if uid == 0 {
            return Ok(Self::Root);
        }
        let users = fs::read("/etc/passwd").unwrap_or_default();
        let home = passwd::by_uid(&users, uid).map(|user| user.home);
        let home = home.filter(|home| home.is_absolute()).ok_or_else(|| {
            let message = format!("the user {uid} has no home folder in /etc/passwd");
            Failure::new(Kind::Configuration, message)
        })?;
        Ok(Self::User {
            uid,
            config: home.join(".config"),
            home,
        })
    }

    /// Whose engine a socket's place speaks of, when nobody answers there.
    pub fn of_socket(socket: &Path) -> Result<Self, Failure> {
        let session = socket.strip_prefix("/run/user").ok();
        let uid = session.and_then(|rest| rest.iter().next()?.to_str()?.parse().ok());
        Self::of_uid(uid.unwrap_or(0))
    }

    /// The user's id.
    pub fn uid(&self) -> u32 {
        match self {
            Self::Root => 0,
            Self::User { uid, .. } => *uid,
        }
    }

    /// The folder of docker-jackin's own files for such an engine.
    pub fn folder(&self) -> PathBuf {
        match self {
            Self::Root => Path::new(SETTINGS)
                .parent()
                .unwrap_or(Path::new("/"))
                .into(),
            // By the home of /etc/passwd: the engine's side sees no variables.
            Self::User { home, .. } => home.join(".config").join(OWN_FOLDER),
        }
    }

    /// The settings of the engine's side.
    pub fn settings(&self) -> PathBuf {
        let name = Path::new(SETTINGS).file_name().unwrap_or_default();
        self.folder().join(name)
    }

    /// Where the engine's side keeps its state: it must lie in memory.
    pub fn engine_folder(&self) -> PathBuf {
        match self {
            Self::Root => ENGINE_FOLDER.into(),
            Self::User { uid, .. } => usable(*uid),
        }
    }

    /// How Docker is registered with, for such an engine.
    pub fn install_line(&self) -> &'static str {
        match self {
            Self::Root => "sudo docker jackin install",
            Self::User { .. } => "docker jackin install",
        }
    }

    /// What is said where the engine's side has no folder in memory.
    pub fn on_disk(&self) -> String {
        let folder = self.engine_folder();
        let folder = folder.display();
        let what_to_do = match self {
            Self::Root => format!(
                "run: sudo mkdir -p {folder} && sudo mount -t tmpfs -o \
                 mode=0700,nosuid,nodev,noexec tmpfs {folder}"
            ),
            Self::User { .. } => {
                "log in with a session that has a folder in memory: see pam_systemd(8)".to_owned()
            }
        };
        format!("{folder} lies on disk, and secrets are not put there\n  {what_to_do}")
    }

    /// Refuses to do for one user what is another's.
    ///
    /// # Errors
    /// This process is neither root's nor the owner's, or root would write in
    /// a user's home.
    pub fn require_is_us(&self, verb: &str) -> Result<(), Failure> {
        if rustix::process::geteuid().as_raw() == self.uid() {
            return Ok(());
        }
        let message = match self {
            Self::Root => {
                format!("cannot {verb}: it changes the engine's configuration, which is root's")
            }
            Self::User { uid, .. } => {
                format!("cannot {verb}: this engine is rootless, and belongs to the user {uid}")
            }
        };
        let hint = match self {
            Self::Root => format!("run: sudo docker jackin {verb}"),
            Self::User { .. } => {
                format!("as that user, without sudo, run: docker jackin {verb}")
            }
        };
        Err(Failure::new(Kind::Configuration, message).hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_a_session_is_its_users() {
        let root = Owner::of_socket(Path::new("/var/run/docker.sock")).unwrap();
        assert_eq!(root, Owner::Root);
        assert_eq!(
            Owner::of_socket(Path::new("/run/user/0/docker.sock")).unwrap(),
            Owner::Root
        );
        // A user that /etc/passwd does not know has no home to write to.
        assert!(Owner::of_socket(Path::new("/run/user/4000000000/docker.sock")).is_err());
    }

    #[test]
    fn each_owner_has_settings_where_the_engines_side_reads_them() {
        assert_eq!(Owner::Root.settings(), Path::new(SETTINGS));
        let user = Owner::User {
            uid: 1000,
            config: "/elsewhere".into(),
            home: "/home/me".into(),
        };
        let expected = Path::new("/home/me/.config/docker-jackin/runtime.toml");
        assert_eq!(user.settings(), expected);
    }
}
