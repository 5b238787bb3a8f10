//! Telling a login's owner that a container follows it.

use std::io;

use rustix::fs::{self, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::container::ContainerId;
use crate::file;
use crate::published::folder::Publication;
use crate::published::{LEASES, Lease};

impl Publication {
    /// Writes a lease where the login's owner looks for it, as that owner.
    ///
    /// # Errors
    /// It cannot be written. Nothing of the owner's is followed on the way.
    pub fn write_lease(&self, id: &ContainerId, lease: &Lease) -> io::Result<()> {
        let bytes = serde_json::to_vec(lease)?;
        self.owner().act(|| {
            let made = fs::mkdirat(self.login(), LEASES, Mode::RWXU);
            match made {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
            let leases = fs::openat2(self.login(), LEASES, flags, Mode::empty(), resolve)?;
            file::replace(&leases, id.as_str(), &bytes)
        })?
    }
}
