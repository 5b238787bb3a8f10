//! The mounts of the namespace we are in, as far as a delivery must know them.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{self, AtFlags, StatxFlags};
use rustix::io::Errno;

use crate::file;

/// Thousands of mounts fit in this many bytes.
const MAX_SIZE: u64 = 32 << 20;

/// The namespace's mounts, in the words of proc(5), `/proc/PID/mountinfo`.
#[derive(Debug)]
pub struct Mounts(String);

impl Mounts {
    /// Reads the mounts as they are now.
    pub fn read() -> io::Result<Self> {
        let bytes = file::read_path(Path::new("/proc/self/mountinfo"), MAX_SIZE)?;
        Ok(Self(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Whether a mount on this place would show in other namespaces too: the
    /// mount that it lies on has peers.
    ///
    /// Linux before 5.8 does not tell which mount a place lies on; there it is
    /// taken for private, as engines make it by default.
    pub fn shared_at(&self, place: impl AsFd) -> Result<bool, Errno> {
        let stat = fs::statx(place, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
        let known = stat.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        Ok(known && self.is_shared(stat.stx_mnt_id))
    }

    fn is_shared(&self, id: u64) -> bool {
        let id = id.to_string();
        let line = self
            .0
            .lines()
            .find(|line| line.split(' ').next() == Some(&*id));
        // A mount that is not in the list came up meanwhile: not to be trusted.
        line.is_none_or(|line| {
            let optional = line.split(' ').skip(6).take_while(|field| *field != "-");
            optional
                .into_iter()
                .any(|field| field.starts_with("shared:"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_optional_fields_of_the_right_mount_count() {
        let mounts = Mounts(
            "21 1 0:5 / / rw,relatime shared:1 - ext4 /dev/a rw\n\
             22 21 0:6 / /shared:9 rw - tmpfs shared:8 rw\n\
             23 21 0:7 / /v rw master:2 shared:3 - ext4 /dev/b rw\n"
                .into(),
        );
        assert!(mounts.is_shared(21));
        assert!(!mounts.is_shared(22));
        assert!(mounts.is_shared(23));
        assert!(mounts.is_shared(2));
    }
}
