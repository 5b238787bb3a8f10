//! The ids of a process's user namespace, seen from ours.

use std::io;
use std::path::Path;

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
        Self::read(&format!("/proc/{pid}/uid_map"))
    }

    /// The map of group ids of a process.
    pub fn of_groups(pid: i32) -> io::Result<Self> {
        Self::read(&format!("/proc/{pid}/gid_map"))
    }

    fn read(path: &str) -> io::Result<Self> {
        let bytes = file::read_path(Path::new(path), MAX_SIZE)?;
        let text = std::str::from_utf8(&bytes).ok();
        text.and_then(Self::parse)
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_mapped_and_those_without_a_mapping_are_not() {
        let map =
            IdMap::parse("         0     100000      65536\n     70000          5          1\n")
                .unwrap();
        assert_eq!(map.outside(1000), Some(101_000));
        assert_eq!(map.outside(65_535), Some(165_535));
        assert_eq!(map.outside(65_536), None);
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
    fn our_own_map_can_be_read() {
        let pid = std::process::id().cast_signed();
        assert!(IdMap::of_users(pid).unwrap().outside(0).is_some());
    }
}
