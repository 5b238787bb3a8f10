//! Reading `passwd` and `group` files ourselves, of the host or of a hostile
//! image: the C library's lookup would load modules from wherever it finds
//! them (CVE-2019-14271).

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::file;

/// How much of a file is looked at, in bytes: an image may bring one of any
/// size, and a user who stands further back than this is not found.
pub const MAX_SIZE: u64 = 4 << 20;

/// The part of a passwd entry that is of use here.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The login name.
    pub name: Vec<u8>,
    /// The user.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The home folder, as it is written.
    pub home: PathBuf,
}

/// The home folder of a user of the host's, from its own `/etc/passwd`; a user
/// who is not in there has none.
pub fn home_on_host(uid: u32) -> io::Result<Option<PathBuf>> {
    let passwd = file::read_start(std::fs::File::open("/etc/passwd")?, MAX_SIZE)?;
    let home = by_uid(&passwd, uid).map(|entry| entry.home);
    Ok(home.filter(|home| home.is_absolute()))
}

/// The first entry with a user id (passwd(5)).
pub fn by_uid(passwd: &[u8], uid: u32) -> Option<Entry> {
    entries(passwd).find(|entry| entry.uid == uid)
}

/// The first entry with a name.
pub fn by_name(passwd: &[u8], name: &[u8]) -> Option<Entry> {
    entries(passwd).find(|entry| entry.name == name)
}

fn entries(passwd: &[u8]) -> impl Iterator<Item = Entry> {
    passwd.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let _password = fields.next()?;
        let uid = number(fields.next()?)?;
        let gid = number(fields.next()?)?;
        let home = fields.nth(1)?;
        Some(Entry {
            name: name.to_vec(),
            uid,
            gid,
            home: OsString::from_vec(home.to_vec()).into(),
        })
    })
}

/// The user id of the first entry with a name.
pub fn uid_of(passwd: &[u8], name: &[u8]) -> Option<u32> {
    passwd.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let found = fields.next()? == name;
        let _password = fields.next()?;
        number(fields.next()?).filter(|_| found && !name.is_empty())
    })
}

/// The groups that list a user as a member (group(5)).
pub fn groups_of(group: &[u8], name: &[u8]) -> Vec<u32> {
    group
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b':').skip(2);
            let gid = number(fields.next()?)?;
            let mut members = fields.next()?.split(|byte| *byte == b',');
            members.any(|member| member == name).then_some(gid)
        })
        .collect()
}

fn number(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_with_the_uid_counts_and_broken_lines_do_not() {
        let passwd = b"root:x:0:0::/root:/bin/sh\n::1000:1::/no:\nbad:x:1000\n\xff\xfe\ndev:x:1000:100:D:/home/dev:/bin/sh\nlate:x:1000:1::/late:";
        let entry = by_uid(passwd, 1000).unwrap();
        assert_eq!((entry.name.as_slice(), entry.gid), (&b"dev"[..], 100));
        assert_eq!(entry.home, PathBuf::from("/home/dev"));
        assert_eq!(by_uid(passwd, 7), None);
        assert_eq!(by_uid(b"", 0), None);
    }

    #[test]
    fn of_two_entries_with_one_name_the_first_counts() {
        let passwd = b"dev:x:nobody:1::/broken:\ndev:x:1000:100::/home/dev:\ndev:x:0:0::/root:";
        let entry = by_name(passwd, b"dev").unwrap();
        assert_eq!((entry.uid, entry.gid), (1000, 100));
        assert_eq!(by_name(passwd, b"de"), None);
        assert_eq!(by_name(b":x:0:0::/root:", b""), None);
    }

    #[test]
    fn a_name_is_looked_up_whole_and_an_empty_one_is_nobodys() {
        let passwd = b"developer:x:7:7::/:\ndev:x:1000:100:D:/home/dev:/bin/sh\n:x:0:0::/:";
        assert_eq!(uid_of(passwd, b"dev"), Some(1000));
        assert_eq!((uid_of(passwd, b""), uid_of(passwd, b"de")), (None, None));
    }

    #[test]
    fn a_user_of_the_host_has_a_home() {
        let root = home_on_host(0).unwrap().unwrap();
        assert!(root.is_absolute(), "{}", root.display());
        assert_eq!(home_on_host(4_000_000_001).unwrap(), None);
    }

    #[test]
    fn a_member_is_found_by_the_whole_name() {
        let group = b"docker:x:999:dev,other\nsudo:x:27:developer\naudio:x:29:dev";
        assert_eq!(groups_of(group, b"dev"), [999, 29]);
    }
}
