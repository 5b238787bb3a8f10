//! Who the engine's side is on this machine: root, or the user of a rootless
//! engine, who is root in a user namespace of that engine's alone.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs;

use crate::file;
use crate::folder::{self, ENGINE_FOLDER};

/// A map has at most 340 lines (`user_namespaces(7)`).
const MAX_MAP: u64 = 64 << 10;

/// The id by which files of ids without a mapping show (`overflowuid`).
pub const UNMAPPED: u32 = 65_534;

/// Below a rootless user's folder, what the engine's side keeps there.
const ROOTLESS_STATE: &str = "engine";

/// Who the engine's side is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The machine's root, or root of a whole machine within it.
    Root,
    /// The user of a rootless engine. Its powers are the user's own.
    Rootless {
        /// The user's id outside the engine's namespace.
        uid: u32,
    },
}

impl Standing {
    /// Reads it from the kernel, and from nothing the environment says.
    ///
    /// # Errors
    /// `/proc/self/uid_map` cannot be read.
    pub fn of_this_process() -> io::Result<Self> {
        let map = file::read_path(Path::new("/proc/self/uid_map"), MAX_MAP)?;
        Ok(Self::of_map(&String::from_utf8_lossy(&map)))
    }

    /// A rootless engine's namespace maps its user alone to 0, and others
    /// after that; that of a machine in a container maps a whole range.
    fn of_map(map: &str) -> Self {
        let first = map.lines().find_map(|line| {
            let mut numbers = line.split_ascii_whitespace();
            let (inside, outside, count) = (numbers.next()?, numbers.next()?, numbers.next()?);
            (inside == "0" && count == "1").then(|| outside.parse().ok())?
        });
        match first {
            Some(0) | None => Self::Root,
            Some(uid) => Self::Rootless { uid },
        }
    }

    /// The folder of the engine's side, where its state lies.
    pub fn engine_folder(self) -> PathBuf {
        self.engine_folders().iter().collect()
    }

    /// The same folder as a path and the names below it, each of which must be
    /// ours alone.
    pub fn engine_folders(self) -> Vec<PathBuf> {
        match self {
            Self::Root => vec![ENGINE_FOLDER.into()],
            Self::Rootless { uid } => vec![folder::usable(uid), ROOTLESS_STATE.into()],
        }
    }

    /// What to call our own id `uid` in front of the user: a rootless engine's
    /// root is its user.
    pub fn called_outside(self, uid: u32) -> u32 {
        match self {
            Self::Rootless { uid: own } if uid == 0 => own,
            _ => uid,
        }
    }

    /// Whether an open file is of somebody who may tell the engine's side what
    /// to run, and writable by nobody else: root, or of a rootless engine its
    /// user too, whose powers are all there is to win.
    pub fn trusts(self, file: impl AsFd) -> io::Result<bool> {
        let stat = fs::fstat(file)?;
        let owner = match self {
            Self::Root => stat.st_uid == 0,
            Self::Rootless { .. } => matches!(stat.st_uid, 0 | UNMAPPED),
        };
        Ok(owner && stat.st_mode & 0o022 == 0)
    }

    /// The owner that the files of user `uid` show here; `None` when they are
    /// none of this engine's business.
    pub fn seen(self, uid: u32) -> Option<u32> {
        match self {
            Self::Root => Some(uid),
            Self::Rootless { uid: own } => (own == uid).then_some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rootless_engine_is_told_by_the_map_of_its_namespace() {
        for (map, standing) in [
            ("         0          0 4294967295\n", Standing::Root),
            ("0 100000 65536\n", Standing::Root),
            ("0 0 1\n1 100000 65536\n", Standing::Root),
            (
                "0 1000 1\n1 100000 65536\n",
                Standing::Rootless { uid: 1000 },
            ),
            ("", Standing::Root),
        ] {
            assert_eq!(Standing::of_map(map), standing, "{map:?}");
        }
    }

    #[test]
    fn a_rootless_engine_knows_its_own_user_alone() {
        let rootless = Standing::Rootless { uid: 1000 };
        assert_eq!((rootless.seen(1000), rootless.seen(0)), (Some(0), None));
        assert_eq!(Standing::Root.seen(1000), Some(1000));
        let folder = rootless.engine_folder();
        assert!(folder.ends_with("engine"), "{}", folder.display());
    }

    #[test]
    fn a_rootless_engine_trusts_its_user_and_root_and_nobody_may_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "").unwrap();
        let file = std::fs::File::open(&path).unwrap();
        let rootless = Standing::Rootless { uid: 1000 };
        for (owner, mode, by_root, by_rootless) in [
            (0, 0o644, true, true),
            (UNMAPPED, 0o755, false, true),
            (1000, 0o644, false, false),
            (0, 0o664, false, false),
            (UNMAPPED, 0o646, false, false),
        ] {
            std::os::unix::fs::chown(&path, Some(owner), None).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode))
                .unwrap();
            assert_eq!(Standing::Root.trusts(&file).unwrap(), by_root, "{owner}");
            assert_eq!(rootless.trusts(&file).unwrap(), by_rootless, "{owner}");
        }
    }
}
