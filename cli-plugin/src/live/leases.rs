//! The leases of a login: which containers follow it, and which of those still
//! run.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use jackin_oci_hook::published::{LEASE_SCHEMA, Lease};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::private_file;

/// The leases in a folder, the oldest first. What is none, or of another
/// version, is passed by.
pub(super) fn read_all(folder: &Path) -> Vec<Lease> {
    let names = private_file::names(folder).into_iter();
    let leases = names.filter_map(|name| read(folder, &name));
    let mut leases: Vec<_> = leases.collect();
    leases.sort_by(|one, other| (one.since, &one.container).cmp(&(other.since, &other.container)));
    leases
}

/// The lease of a container in a folder.
pub(super) fn read(folder: &Path, container: &str) -> Option<Lease> {
    let bytes = private_file::read(&folder.join(container))?;
    let lease: Lease = serde_json::from_slice(&bytes).ok()?;
    let fits = lease.schema == LEASE_SCHEMA && lease.container == container;
    fits.then_some(lease)
}

/// The process of a lease, while it lives: a container's init.
///
/// Where the system hides others' processes (`hidepid`, proc(5)) the start of
/// one cannot be read. Then the process that has the pid is taken for it: a
/// lease may then last too long, and never too short.
///
/// An engine in a pid namespace of its own calls the process by another pid than
/// we do; there it is looked for by its start.
///
/// # Errors
/// The system does not tell, as when we have as many files open as we may.
pub fn process_of(lease: &Lease) -> io::Result<Option<OwnedFd>> {
    if let Some(process) = open(lease.pid, lease.started)? {
        return Ok(Some(process));
    }
    match pid_here(lease)? {
        Some(pid) => open(pid, lease.started),
        None => Ok(None),
    }
}

/// Whether the process of a lease may live.
pub fn may_live(lease: &Lease) -> bool {
    !matches!(process_of(lease), Ok(None))
}

/// Our pid of the process that somebody in a pid namespace below ours calls as
/// the lease does.
fn pid_here(lease: &Lease) -> io::Result<Option<i32>> {
    let all = fs::read_dir("/proc")?.filter_map(Result::ok);
    let mut pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.find(|&pid| started(pid) == Some(lease.started) && is_called(pid, lease.pid)))
}

/// Whether process `pid` is called `other` in a namespace below ours (proc(5),
/// `NSpid`).
fn is_called(pid: i32, other: i32) -> bool {
    let status = fs::read(format!("/proc/{pid}/status")).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let mut pids = pids.unwrap_or_default().split_ascii_whitespace();
    pids.any(|pid| pid.parse() == Ok(other))
}

fn open(pid: i32, born: u64) -> io::Result<Option<OwnedFd>> {
    // A negative one would be refused by a panic.
    let known = Some(pid).filter(|pid| *pid > 0).and_then(Pid::from_raw);
    let Some(known) = known else { return Ok(None) };
    let process = match pidfd_open(known, PidfdFlags::empty()) {
        Ok(process) => process,
        // There is none, or it is a thread of another.
        Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if let Some(started) = started(pid)
        && started != born
    {
        return Ok(None);
    }
    // It may have ended, and its pid be another's, before the start was read.
    Ok(is_alive(&process).then_some(process))
}

/// When the process `pid` started, in clock ticks since the machine did; `None`
/// when that cannot be read.
fn started(pid: i32) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    started_in(&stat)
}

/// The 22nd field of `/proc/PID/stat`. The second is the program's name in
/// parentheses, and may hold spaces, parentheses and lines of its own.
fn started_in(stat: &[u8]) -> Option<u64> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let behind = std::str::from_utf8(&stat[end + 1..]).ok()?;
    let third = 3;
    let mut fields = behind.split_ascii_whitespace();
    fields.nth(22 - third)?.parse().ok()
}

/// Whether a process has not ended.
pub(super) fn is_alive(process: &OwnedFd) -> bool {
    let mut watched = [PollFd::new(process, PollFlags::IN)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    matches!(poll(&mut watched, Some(&now)), Ok(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackin_oci_hook::published::Inode;
    use proptest::prelude::*;
    use std::process::{Command, Stdio};

    fn process_of(lease: &Lease) -> Option<OwnedFd> {
        super::process_of(lease).unwrap()
    }

    fn lease(pid: i32, started: u64) -> Lease {
        Lease {
            schema: LEASE_SCHEMA,
            container: "c".to_owned(),
            pid,
            started,
            folder: Inode {
                device: 1,
                number: 2,
            },
            since: 3,
        }
    }

    /// As the engines of the end-to-end tests are, and those in containers.
    #[test]
    fn a_process_is_found_that_its_engine_calls_by_another_pid() {
        let mut outer = Command::new("unshare")
            .args(["--user", "--map-root-user", "--pid", "--fork"])
            .args(["--kill-child", "sh", "-c", "cat; true"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let children = format!("/proc/{0}/task/{0}/children", outer.id());
        let pid: i32 = loop {
            if let Ok(pid) = fs::read_to_string(&children).unwrap().trim().parse() {
                break pid;
            }
        };
        // The first process of its namespace.
        let born = started(pid).unwrap();
        assert_eq!(pid_here(&lease(1, born)).unwrap(), Some(pid));
        assert!(process_of(&lease(1, born)).is_some());
        assert!(process_of(&lease(3, born)).is_none());
        drop(outer.stdin.take());
        outer.wait().unwrap();
        assert!(process_of(&lease(1, born)).is_none());
    }

    #[test]
    fn the_process_of_a_lease_is_that_very_process_while_it_lives() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = child.id().cast_signed();
        let born = started(pid).unwrap();
        assert!(process_of(&lease(pid, born)).is_some());
        assert!(
            process_of(&lease(pid, born + 1)).is_none(),
            "another process"
        );
        drop(child.stdin.take());
        let process = process_of(&lease(pid, born));
        if let Some(process) = process {
            let mut watched = [PollFd::new(&process, PollFlags::IN)];
            poll(&mut watched, None).unwrap();
        }
        assert!(
            process_of(&lease(pid, born)).is_none(),
            "it has ended, and nobody has asked for its exit yet"
        );
        child.wait().unwrap();
        assert!(process_of(&lease(pid, born)).is_none());
    }

    #[test]
    fn no_process_has_no_pid_or_a_negative_one() {
        for pid in [0, -1, i32::MIN, i32::MAX] {
            assert!(process_of(&lease(pid, 0)).is_none(), "{pid}");
        }
    }

    #[test]
    fn a_process_of_somebody_elses_is_known_too() {
        // Without privilege the first process is root's.
        let born = started(1).unwrap();
        assert!(process_of(&lease(1, born)).is_some());
    }

    proptest! {
        #[test]
        fn the_start_is_read_whatever_the_program_is_called(
            name in "[ -~\n)(]{0,15}",
            born in any::<u64>(),
        ) {
            let before = ["S"].into_iter().chain(std::iter::repeat_n("0", 18));
            let before: Vec<_> = before.collect();
            let text = format!("42 ({name}) {} {born} 7 8\n", before.join(" "));
            prop_assert_eq!(started_in(text.as_bytes()), Some(born));
        }

        #[test]
        fn what_is_no_stat_has_no_start(text in "\\PC*") {
            let _ = started_in(text.as_bytes());
        }
    }
}
