//! Acting as the container's user, so that what that user may not do in the
//! container is not done on their behalf either.

use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Gid, Uid, set_dumpable_behavior};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// Who may do what in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users {
    /// The user that its process runs as.
    pub user: Identity,
    /// Its root. In a user namespace that is no root of the host's.
    pub root: Identity,
}

/// A user with groups, in the ids of the namespace we run in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub uid: Uid,
    /// The group.
    pub gid: Gid,
    /// Further groups.
    pub groups: Vec<Gid>,
}

impl Identity {
    /// Root, with no further groups.
    pub const ROOT: Self = Self {
        uid: Uid::ROOT,
        gid: Gid::ROOT,
        groups: Vec::new(),
    };

    /// Does something as this user, then is root again.
    ///
    /// Leaving effective uid 0 takes the effective capabilities away, and
    /// returning brings them back (capabilities(7), "Effect of user ID changes
    /// on capabilities"). The calling thread must be the only one.
    ///
    /// # Errors
    /// When the change is refused. When the way back is refused the process
    /// ends: going on as somebody else would be worse.
    pub fn act<T>(&self, action: impl FnOnce() -> T) -> Result<T, Errno> {
        if self.uid.is_root() && self.gid.is_root() {
            return Ok(action());
        }
        let back = Self::ROOT;
        let result = self.assume().map(|()| action());
        if back.assume_reversed().is_err() {
            std::process::abort();
        }
        result
    }

    fn assume(&self) -> Result<(), Errno> {
        set_thread_groups(&self.groups)?;
        set_thread_res_gid(None, self.gid, None)?;
        set_thread_res_uid(None, self.uid, None)?;
        stay_undumpable()
    }

    fn assume_reversed(&self) -> Result<(), Errno> {
        set_thread_res_uid(None, self.uid, None)?;
        set_thread_res_gid(None, self.gid, None)?;
        set_thread_groups(&self.groups)?;
        stay_undumpable()
    }
}

/// Forbids core dumps again: a change of ids sets a process to whatever
/// `fs.suid_dumpable` says (prctl(2), `PR_SET_DUMPABLE`).
fn stay_undumpable() -> Result<(), Errno> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}
