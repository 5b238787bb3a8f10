//! Who is given the files in a container, and that user's home: the user of its
//! process, or the one that its ticket or a policy names.

use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Gid, Uid};

use crate::container_user::ContainerUser;
use crate::file;
use crate::id_map::IdMap;
use crate::identity::Identity;
use crate::passwd::{self, Entry};
use crate::rootfs::Rootfs;
use crate::spec;

/// The most further groups of a named user; the kernel allows 65536.
const MAX_GROUPS: usize = 1024;

/// Why nobody can be given the files.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A user has no id outside the container's user namespace.
    #[error("id {0} of the container's process is not mapped in its user namespace")]
    Unmapped(u32),
    /// The container's user stands too far back in a large `/etc/passwd`.
    #[error(
        "/etc/passwd in the container has no entry of uid {0} in its first {max} bytes; set HOME \
         for the container",
        max = passwd::MAX_SIZE
    )]
    HomeTooFar(u32),
    /// A named user stands too far back in a large `/etc/passwd`.
    #[error(
        "/etc/passwd in the container has no entry of user {0} in its first {max} bytes; make it \
         shorter",
        max = passwd::MAX_SIZE
    )]
    TooFar(ContainerUser),
    /// There is no user of that name.
    #[error(
        "user {0}, whose home the login is for, is not in /etc/passwd in the container; name one \
         that is, or a uid"
    )]
    Unknown(ContainerUser),
    /// The image has its root under a name that does not say so.
    #[error(
        "user {0}, whose home the login is for, is uid 0 in /etc/passwd in the container; name \
         root, if that is meant"
    )]
    Disguised(ContainerUser),
    /// Something about the container cannot be read.
    #[error("failed to read the container's {what}: {source}")]
    Read {
        /// What it is.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

/// How the ids of a container are called outside of its user namespace.
#[derive(Debug)]
pub struct Ids {
    users: IdMap,
    groups: IdMap,
}

impl Ids {
    /// Reads them from a process of the container's.
    pub fn of(pid: i32) -> Result<Self, Error> {
        let read = |source| Error::Read {
            what: "user namespace",
            source,
        };
        Ok(Self {
            users: IdMap::of_users(pid).map_err(read)?,
            groups: IdMap::of_groups(pid).map_err(read)?,
        })
    }

    /// A user of the container's in our ids.
    pub fn outside(&self, inside: &spec::User) -> Result<Identity, Error> {
        let further = inside.additional_gids.iter().map(|gid| self.gid(*gid));
        Ok(Identity {
            uid: self.uid(inside.uid)?,
            gid: self.gid(inside.gid)?,
            groups: further.collect::<Result<_, _>>()?,
        })
    }

    /// Whether one of our users is one of the container's.
    pub fn has_user(&self, uid: u32) -> bool {
        self.users.has(uid)
    }

    /// Those of a namespace with no users.
    #[cfg(test)]
    pub fn without_users() -> Self {
        Self {
            users: IdMap::none(),
            groups: IdMap::none(),
        }
    }

    fn uid(&self, id: u32) -> Result<Uid, Error> {
        let outside = self.users.outside(id).map(Uid::from_raw);
        outside.ok_or(Error::Unmapped(id))
    }

    fn gid(&self, id: u32) -> Result<Gid, Error> {
        let outside = self.groups.outside(id).map(Gid::from_raw);
        outside.ok_or(Error::Unmapped(id))
    }
}

/// Who is given the files.
#[derive(Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The user, in our ids.
    pub user: Identity,
    /// Their home folder, from the container's root.
    pub home: PathBuf,
}

/// The home folder of the process's user as the low-level runtime sees it: its
/// variable `HOME`, else the entry in `/etc/passwd`, else `/`.
pub fn home_of_process(
    rootfs: &Rootfs,
    uid: u32,
    home: Option<&Path>,
    cwd: &Path,
) -> Result<PathBuf, Error> {
    if let Some(home) = home {
        return Ok(Path::new("/").join(cwd).join(home));
    }
    let passwd = Lines::read(rootfs, "/etc/passwd")?;
    match passwd::by_uid(&passwd.bytes, uid) {
        Some(entry) => Ok(Path::new("/").join(entry.home)),
        None if passwd.cut => Err(Error::HomeTooFar(uid)),
        None => Ok("/".into()),
    }
}

/// Finds a named user in the container's own `/etc/passwd`, with the groups that
/// `/etc/group` has for them, as `docker exec -u` would. A number need not be in
/// there: without an entry its home is `/`.
///
/// The files are the image's. Whoever it says a name is, it cannot be root under
/// another name: nobody has asked for that.
pub fn named(rootfs: &Rootfs, ids: &Ids, user: &ContainerUser) -> Result<Recipient, Error> {
    let passwd = Lines::read(rootfs, "/etc/passwd")?;
    let found = match user {
        ContainerUser::Name(name) => passwd::by_name(&passwd.bytes, name.as_bytes()),
        ContainerUser::Id { uid, .. } => passwd::by_uid(&passwd.bytes, *uid),
    };
    let entry = match (found, user) {
        (Some(entry), ContainerUser::Name(name)) if entry.uid == 0 && name != "root" => {
            return Err(Error::Disguised(user.clone()));
        }
        (Some(entry), _) => entry,
        (None, _) if passwd.cut => return Err(Error::TooFar(user.clone())),
        (None, ContainerUser::Name(_)) => return Err(Error::Unknown(user.clone())),
        (None, ContainerUser::Id { uid, .. }) => Entry {
            name: Vec::new(),
            uid: *uid,
            gid: 0,
            home: "/".into(),
        },
    };
    let (gid, groups) = match user {
        ContainerUser::Id { gid: Some(gid), .. } => (*gid, Vec::new()),
        _ => (entry.gid, further_groups(rootfs, ids, &entry.name)?),
    };
    Ok(Recipient {
        user: Identity {
            uid: ids.uid(entry.uid)?,
            gid: ids.gid(gid)?,
            groups,
        },
        home: Path::new("/").join(entry.home),
    })
}

/// The groups that list a user as a member; one without a mapping gives nobody
/// anything.
fn further_groups(rootfs: &Rootfs, ids: &Ids, name: &[u8]) -> Result<Vec<Gid>, Error> {
    if name.is_empty() {
        return Ok(Vec::new());
    }
    let group = Lines::read(rootfs, "/etc/group")?;
    let listed = passwd::groups_of(&group.bytes, name).into_iter();
    let mapped = listed.filter_map(|gid| ids.gid(gid).ok());
    Ok(mapped.take(MAX_GROUPS).collect())
}

/// The lines at the start of a file of the image's.
struct Lines {
    bytes: Vec<u8>,
    /// Whether there is more than is looked at.
    cut: bool,
}

impl Lines {
    /// Reads them; of what is no file, or not there, there are none.
    fn read(rootfs: &Rootfs, path: &'static str) -> Result<Self, Error> {
        let Ok(file) = rootfs.read_file(Path::new(path)) else {
            return Ok(Self {
                bytes: Vec::new(),
                cut: false,
            });
        };
        let mut bytes = file::read_start(file, passwd::MAX_SIZE)
            .map_err(|source| Error::Read { what: path, source })?;
        let cut = bytes.len() as u64 >= passwd::MAX_SIZE;
        if cut {
            // Half a line could say something else than the whole.
            let end = bytes.iter().rposition(|byte| *byte == b'\n');
            bytes.truncate(end.unwrap_or(0));
        }
        Ok(Self { bytes, cut })
    }
}

#[cfg(test)]
#[path = "recipient_tests.rs"]
mod tests;
