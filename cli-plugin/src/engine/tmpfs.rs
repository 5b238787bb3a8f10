//! Whether a folder lies in memory: by the file system it is on, not its name.

use std::path::Path;

use rustix::fs::statfs;

/// `TMPFS_MAGIC` and `RAMFS_MAGIC` of linux/magic.h.
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// Whether a folder lies on tmpfs or ramfs; one that is not there yet will
/// lie on what the nearest folder above it lies on.
pub fn will_be(folder: &Path) -> bool {
    let there = folder.ancestors().find_map(|place| statfs(place).ok());
    // The field's type differs between architectures; the magics fit all.
    #[expect(clippy::cast_sign_loss, reason = "a magic number is no quantity")]
    there.is_some_and(|stat| IN_MEMORY.contains(&(stat.f_type as u64 & 0xffff_ffff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_counts_and_not_the_name() {
        assert!(will_be(Path::new("/dev/shm/not-there/nor-this")));
        assert!(!will_be(Path::new("/proc/self")));
        assert!(!will_be(Path::new("/sys")));
    }
}
