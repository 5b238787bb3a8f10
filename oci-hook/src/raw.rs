//! The only unsafe code of the engine's side: what a process does between
//! fork and exec, and closing fds that nobody owns.

#![expect(
    unsafe_code,
    reason = "std offers no safe call between fork and exec, and rustix none to close a range of fds"
)]

use std::ffi::{c_long, c_void};
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use linux_raw_sys::general::__NR_keyctl;
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, FdFlags};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit, umask};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::identity::Identity;

/// Makes a command's process end when ours does.
///
/// containerd's shim asks the same for the runtime it calls, and the request
/// does not outlive a fork.
pub fn end_with_us(command: &mut Command) {
    // SAFETY: the closure makes one system call, and neither allocates nor
    // takes a lock.
    unsafe {
        command.pre_exec(|| {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            Ok(())
        });
    }
}

/// Makes a command's process run as somebody else, for good: real, effective
/// and saved ids, and exactly their groups; without an identity, as who we are.
/// It inherits no fd of the engine's but the standard ones, makes files that
/// are its own alone, writes none larger than `largest` bytes, and ends when we
/// do.
///
/// # Errors
/// When our own fds cannot be listed.
pub fn confine(command: &mut Command, identity: Option<&Identity>, largest: u64) -> io::Result<()> {
    let stranger = Stranger::new(identity)?;
    let limit = Rlimit {
        current: Some(largest),
        maximum: Some(largest),
    };
    // SAFETY: the closure makes system calls only, on values made before the
    // fork; the process has one thread then, so per-thread calls are enough.
    unsafe {
        command.pre_exec(move || {
            setrlimit(Resource::Fsize, limit)?;
            stranger.assume()?;
            // Last, since a change of ids takes this wish back.
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            Ok(())
        });
    }
    Ok(())
}

/// Makes a command's process run as somebody else, as [`confine`] does, but on
/// its own: in a session of its own, with no bound on its files, and to go on
/// when we end.
///
/// # Errors
/// When our own fds cannot be listed.
pub fn release(command: &mut Command, identity: Option<&Identity>) -> io::Result<()> {
    let stranger = Stranger::new(identity)?;
    // SAFETY: as in `confine`.
    unsafe {
        command.pre_exec(move || {
            rustix::process::setsid()?;
            // An engine keeps its own processes from being ended for want of
            // memory. A user's is nothing of the kind.
            let score = "/proc/self/oom_score_adj";
            if let Ok(score) = rustix::fs::open(score, OFlags::WRONLY | OFlags::CLOEXEC, NO_MODE) {
                let _ = rustix::io::write(&score, b"0");
            }
            stranger.assume()
        });
    }
    Ok(())
}

const NO_MODE: Mode = Mode::empty();

/// What a process between fork and exec turns into.
struct Stranger {
    identity: Option<Identity>,
    inherited: Vec<RawFd>,
}

impl Stranger {
    fn new(identity: Option<&Identity>) -> io::Result<Self> {
        Ok(Self {
            identity: identity.cloned(),
            inherited: inherited_fds()?,
        })
    }

    fn assume(&self) -> io::Result<()> {
        for fd in &self.inherited {
            // SAFETY: the fds were open a moment ago, and one that is closed
            // only says EBADF.
            let fd = unsafe { BorrowedFd::borrow_raw(*fd) };
            let _ = rustix::io::fcntl_setfd(fd, FdFlags::CLOEXEC);
        }
        // The hook's limit on its memory, and its umask, are its own.
        let most = getrlimit(Resource::As).maximum;
        let memory = Rlimit {
            current: most,
            maximum: most,
        };
        setrlimit(Resource::As, memory)?;
        umask(Mode::RWXG | Mode::RWXO);
        if let Some(Identity { uid, gid, groups }) = &self.identity {
            leave_session_keyring()?;
            set_thread_groups(groups)?;
            set_thread_res_gid(*gid, *gid, *gid)?;
            set_thread_res_uid(*uid, *uid, *uid)?;
        }
        Ok(())
    }
}

/// Takes a new session keyring in the place of the one that was inherited: who
/// has that may read the keys in it, whatever their user id, and it is that of
/// whoever started the engine (keyrings(7), "Possession").
///
/// Where there are no keyrings, or none may be used, there is nothing to leave.
///
/// # Errors
/// It is still the one that was inherited.
fn leave_session_keyring() -> io::Result<()> {
    /// keyctl(2), `KEYCTL_JOIN_SESSION_KEYRING`.
    const JOIN: c_long = 1;
    unsafe extern "C" {
        fn syscall(number: c_long, ...) -> c_long;
    }
    let unnamed = std::ptr::null::<c_void>();
    // SAFETY: keyctl(2) takes these two, writes no memory, and may be called
    // between fork and exec; the number fits.
    let joined = unsafe { syscall(c_long::from(__NR_keyctl), JOIN, unnamed) };
    if joined >= 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match Errno::from_io_error(&error) {
        Some(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => Ok(()),
        _ => Err(error),
    }
}

/// Closes every fd above standard error: runc before 1.1.12 leaks some of its
/// own into hooks (CVE-2024-21626).
///
/// To be called first thing in `main`, before anything of ours is open.
pub fn close_inherited_fds() -> io::Result<()> {
    for fd in inherited_fds()? {
        // SAFETY: nothing of this process owns an fd above 2 yet. The list
        // holds the listing's own fd too, which is closed by now: that call
        // only says EBADF.
        let _ = unsafe { rustix::io::try_close(fd) };
    }
    Ok(())
}

/// The fds above standard error that are open now.
fn inherited_fds() -> io::Result<Vec<RawFd>> {
    let mut inherited = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let fd = name.to_str().and_then(|name| name.parse::<RawFd>().ok());
        inherited.extend(fd.filter(|fd| *fd > 2));
    }
    Ok(inherited)
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_raw_sys::general::__NR_add_key;
    use rustix::process::{Gid, Uid};

    /// Puts a key into the session keyring of this thread.
    fn add_key(name: &std::ffi::CStr) {
        const SESSION: c_long = -3;
        unsafe extern "C" {
            fn syscall(number: c_long, ...) -> c_long;
        }
        let (kind, content, length) = (c"user", c"canary", 6 as c_long);
        // SAFETY: add_key(2) reads two strings, and as many bytes as it is told.
        let added = unsafe {
            let content = content.as_ptr();
            let number = c_long::from(__NR_add_key);
            syscall(
                number,
                kind.as_ptr(),
                name.as_ptr(),
                content,
                length,
                SESSION,
            )
        };
        assert!(added > 0, "{}", io::Error::last_os_error());
    }

    #[test]
    fn an_owner_is_not_handed_the_keys_of_whoever_started_the_engine() {
        if !std::path::Path::new("/proc/keys").exists() {
            return;
        }
        // A keyring of this test's own, not the one of who runs the tests.
        leave_session_keyring().unwrap();
        add_key(c"docker-jackin-canary");
        let owner = Identity {
            uid: Uid::from_raw(65_533),
            gid: Gid::from_raw(65_533),
            groups: Vec::new(),
        };
        let seen = |prepare: &dyn Fn(&mut Command)| {
            let mut command = Command::new("cat");
            command.arg("/proc/keys");
            prepare(&mut command);
            let output = command.output().unwrap();
            assert!(output.status.success());
            String::from_utf8_lossy(&output.stdout).contains("docker-jackin-canary")
        };
        assert!(seen(&|_| ()));
        assert!(!seen(&|cat| confine(cat, Some(&owner), 1 << 20).unwrap()));
        assert!(!seen(&|cat| release(cat, Some(&owner)).unwrap()));
    }
}
