//! The logins that a container follows, of all that a record delivers.
//!
//! Where one cannot be followed, the container gets a copy of it, as any other
//! file, and starts: its agent is logged in, if not for as long.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Phase, Target};
use crate::container::ContainerId;
use crate::identity::Identity;
use crate::payload::{CredentialFile, Delivery};
use crate::process;
use crate::published::folder::Publication;
use crate::published::{LEASE_SCHEMA, Lease, LoginId};
use crate::record::Record;
use crate::standing::Standing;
use crate::tmpfs::{LiveMount, Tmpfs};

/// The logins that a container follows.
#[derive(Debug)]
pub(super) struct Live<'a> {
    followed: Vec<Followed<'a>>,
    /// The container's init and when it started.
    init: (i32, std::io::Result<u64>),
    warnings: Vec<String>,
}

/// One login that a container follows.
#[derive(Debug)]
struct Followed<'a> {
    /// The number of its file in the payload.
    at: usize,
    file: &'a CredentialFile,
    publication: Publication,
}

impl<'a> Live<'a> {
    /// Opens what is published of the logins that a record's files follow.
    pub(super) fn open(record: &'a Record, target: &Target, pid: i32, phase: Phase) -> Self {
        let mut live = Self {
            followed: Vec::new(),
            init: (pid, process::started(pid)),
            warnings: Vec::new(),
        };
        for (at, file) in record.payload.files.iter().enumerate() {
            if let Delivery::Live { login, .. } = &file.delivery {
                match open(record.origin.owner(), target, phase, login) {
                    Ok(publication) => live.followed.push(Followed {
                        at,
                        file,
                        publication,
                    }),
                    Err(reason) => live.warnings.push(told(file, &reason)),
                }
            }
        }
        live
    }

    /// Mounts the published folders in the tmpfs, which must be kept by then.
    pub(super) fn follow(&mut self, tmpfs: &Tmpfs, user: &Identity) -> Vec<LiveMount> {
        let mut mounts = Vec::new();
        let warnings = &mut self.warnings;
        self.followed.retain(|followed| {
            let folder = followed.publication.folder();
            match tmpfs.follow(followed.at, folder, user) {
                Ok(mount) => mounts.push(mount),
                Err(error) => {
                    let reason = format!("what is published cannot be mounted: {error}");
                    warnings.push(told(followed.file, &reason));
                    return false;
                }
            }
            true
        });
        mounts
    }

    /// Whether the file of this number follows its login.
    pub(super) fn follows(&self, at: usize) -> bool {
        self.followed.iter().any(|followed| followed.at == at)
    }

    /// Tells the logins' owners that the container follows them, and gives what
    /// there is to warn of. Trouble here costs the container nothing at once.
    pub(super) fn lease_to(self, id: &ContainerId) -> Vec<String> {
        let mut warnings = self.warnings;
        let (pid, started) = self.init;
        if self.followed.is_empty() {
            return warnings;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let since = now.map_or(0, |now| now.as_secs());
        for Followed {
            file, publication, ..
        } in &self.followed
        {
            let written = match &started {
                Ok(started) => publication.write_lease(
                    id,
                    &Lease {
                        schema: LEASE_SCHEMA,
                        container: id.as_str().to_owned(),
                        pid,
                        started: *started,
                        folder: publication.inode(),
                        since,
                    },
                ),
                Err(error) => Err(error.kind().into()),
            };
            if let Err(error) = written {
                warnings.push(format!(
                    "the owner of the login in {} was not told that the container follows it, and \
                     may stop renewing it: {error}; keep 'docker jackin sync --foreground' running",
                    file.place.path.as_str()
                ));
            }
        }
        warnings
    }
}

fn open(owner: u32, target: &Target, phase: Phase, login: &LoginId) -> Result<Publication, String> {
    let standing = Standing::of_this_process()
        .map_err(|error| format!("failed to read /proc/self/uid_map: {error}"))?;
    let seen = standing.seen(owner);
    if let Some(reason) = seen.and_then(|owner| target.cannot_follow(owner, standing, phase)) {
        return Err(reason.to_owned());
    }
    Publication::open(owner, standing, login).map_err(|error| error.to_string())
}

fn told(file: &CredentialFile, reason: &str) -> String {
    format!(
        "the login in {} does not follow the host's, and is a copy that ends with its token: \
         {reason}; have it renewed with 'docker jackin sync --now', or restart the container",
        file.place.path.as_str()
    )
}
