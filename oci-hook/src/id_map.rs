//! The ids of a process's user namespace, seen from ours.

use std::io;
use std::path::Path;

use rustix::fs;

use crate::file;

/// A map has at most 340 lines (`user_namespaces(7)`).
const MAX_SIZE: u64 = 64 << 10;

/// How ids inside a user namespace are called outside of it.
///
/// It is read from the process itself: what `config.json` says of mappings is
/// a placeholder where a container joins a namespace that is there already.
#[derive(Debug)]
pub struct IdMap(Vec<Range>);

#[derive(Debug)]
struct Range {
    inside: u32,
    outside: u32,
    count: u32,
}

impl IdMap {
    /// The map of user ids of a process.
    pub fn of_users(pid: i32) -> io::Result<Self> {
        Self::read(pid, "uid_map")
    }

    /// The map of group ids of a process.
    pub fn of_groups(pid: i32) -> io::Result<Self> {
        Self::read(pid, "gid_map")
    }

    /// A map of no ids.
    #[cfg(test)]
    pub fn none() -> Self {
        Self(Vec::new())
    }

    fn read(pid: i32, name: &str) -> io::Result<Self> {
        let path = format!("/proc/{pid}/{name}");
        let bytes = file::read_path(Path::new(&path), MAX_SIZE)?;
        let text = std::str::from_utf8(&bytes).ok();
        let map = text
            .and_then(Self::parse)
            .ok_or(io::ErrorKind::InvalidData)?;
        // A reader in the same namespace is shown the ids of the one above it
        // (user_namespaces(7)), which are no ids here.
        if shares_our_namespace(pid)? {
            return Ok(map.identity());
        }
        Ok(map)
    }

    /// The ids that are mapped, each as it is called inside.
    fn identity(self) -> Self {
        let ranges = self.0.into_iter().map(|range| Range {
            outside: range.inside,
            ..range
        });
        Self(ranges.collect())
    }

    fn parse(text: &str) -> Option<Self> {
        let ranges = text.lines().map(|line| {
            let mut numbers = line.split_ascii_whitespace().map(|word| word.parse().ok());
            Some(Range {
                inside: numbers.next()??,
                outside: numbers.next()??,
                count: numbers.next()??,
            })
        });
        ranges.collect::<Option<_>>().map(Self)
    }

    /// What an id inside is called outside. `u32::MAX` is no id: to the system
    /// calls it says "leave as it is" (setresuid(2)).
    pub fn outside(&self, id: u32) -> Option<u32> {
        let found = self.0.iter().find_map(|range| {
            let offset = id.checked_sub(range.inside)?;
            (offset < range.count).then(|| range.outside.checked_add(offset))?
        });
        found.filter(|id| *id != u32::MAX)
    }
}

impl IdMap {
    /// Whether an id outside is one inside, too.
    pub fn has(&self, outside: u32) -> bool {
        self.0.iter().any(|range| {
            let offset = outside.checked_sub(range.outside);
            offset.is_some_and(|offset| offset < range.count)
        })
    }
}

/// Whether a process is in our own user namespace.
fn shares_our_namespace(pid: i32) -> io::Result<bool> {
    let namespace = |path: &str| fs::stat(path).map(|stat| (stat.st_dev, stat.st_ino));
    Ok(namespace(&format!("/proc/{pid}/ns/user"))? == namespace("/proc/self/ns/user")?)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn ids_are_mapped_and_those_without_a_mapping_are_not() {
        let map =
            IdMap::parse("         0     100000      65536\n     70000          5          1\n")
                .unwrap();
        assert_eq!(map.outside(1000), Some(101_000));
        assert_eq!(map.outside(65_535), Some(165_535));
        assert_eq!(map.outside(65_536), None);
        assert!(map.has(101_000) && map.has(5) && map.has(100_000));
        assert!(!map.has(1000) && !map.has(6) && !map.has(165_536));
        assert_eq!(map.outside(70_000), Some(5));
    }

    #[test]
    fn the_id_that_means_no_change_is_no_id() {
        let map = IdMap::parse("0 0 4294967295").unwrap();
        assert_eq!(map.outside(u32::MAX - 1), Some(u32::MAX - 1));
        assert_eq!(map.outside(u32::MAX), None);
        assert!(IdMap::parse("0 0").is_none());
    }

    #[test]
    fn in_our_own_namespace_an_id_is_called_as_it_is_and_one_without_a_mapping_is_none() {
        let pid = std::process::id().cast_signed();
        assert!(shares_our_namespace(pid).unwrap());
        assert_eq!(IdMap::of_users(pid).unwrap().outside(0), Some(0));
        let map = IdMap::parse("0 5077 1\n1 500000 65536\n").unwrap();
        assert_eq!(
            (map.outside(0), map.outside(1000)),
            (Some(5077), Some(500_999))
        );
        let map = map.identity();
        assert_eq!((map.outside(0), map.outside(1000)), (Some(0), Some(1000)));
        assert_eq!(map.outside(65_537), None);
    }

    #[test]
    fn ids_of_a_namespace_below_ours_are_mapped() {
        let mut child = std::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "cat"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // An answer of `cat` says that the namespace is made.
        let mut answer = [0];
        child.stdin.as_mut().unwrap().write_all(b"!").unwrap();
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut answer)
            .unwrap();
        let pid = child.id().cast_signed();
        let map = IdMap::of_users(pid).unwrap();
        let own = rustix::process::geteuid().as_raw();
        assert!(!shares_our_namespace(pid).unwrap());
        assert_eq!((map.outside(0), map.outside(1)), (Some(own), None));
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
