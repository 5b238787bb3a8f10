//! The mounts of the namespace we are in, as far as a delivery must know them.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::fs::{self, AtFlags, Mode, OFlags, StatxFlags};
use rustix::io::Errno;

use crate::{file, process};

/// Thousands of mounts fit in this many bytes.
const MAX_SIZE: u64 = 32 << 20;

/// The namespace's mounts, in the words of proc(5), `/proc/PID/mountinfo`.
#[derive(Debug)]
pub struct Mounts(String);

impl Mounts {
    /// Reads the mounts as they are now.
    pub fn read() -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let table = fs::openat(process::ourselves()?, "mountinfo", flags, Mode::empty())?;
        let bytes = file::read_bounded(table, MAX_SIZE)?;
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

    /// The mounts of a file system, by the number of its device (`st_dev`): their
    /// ids and places, the latest first.
    pub fn of_device(&self, device: u64) -> Vec<(u64, PathBuf)> {
        let device = format!("{}:{}", fs::major(device), fs::minor(device));
        let lines = self.0.lines().rev().filter_map(|line| {
            let fields: Vec<&str> = line.split(' ').take(5).collect();
            let [id, _, this, _, place] = fields[..] else {
                return None;
            };
            let id = id.parse().ok().filter(|_| this == device)?;
            Some((id, unescaped(place)))
        });
        lines.collect()
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

/// A place as it is: spaces and the like are written as octal numbers.
fn unescaped(place: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(place.len());
    let mut rest = place.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let number = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        };
        if let Some(escaped) = after.get(..3).filter(|_| byte == b'\\').and_then(number) {
            bytes.push(escaped);
            rest = &after[3..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    OsString::from_vec(bytes).into()
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

    #[test]
    fn the_mounts_of_one_file_system_are_told_by_their_places() {
        let mounts = Mounts(
            "21 1 0:5 / / rw - ext4 /dev/a rw\n\
             22 21 0:64 / /run/x rw - tmpfs x rw\n\
             23 21 0:6 /f /0:64 rw - tmpfs y rw\n\
             24 21 0:64 /f /a\\040b\\134c rw - tmpfs x rw\n"
                .into(),
        );
        let wanted = [(24, "/a b\\c".into()), (22, "/run/x".into())];
        assert_eq!(mounts.of_device(fs::makedev(0, 64)), wanted);
    }
}
