//! A login's folder, and who needs it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Instant, SystemTime};

use jackin_oci_hook::published::{LEASES, Lease, PUBLISHED};

use rustix::process::{Resource, getrlimit};

use super::login::Login;
use super::places::{Names, Places};
use super::{Now, Pace, Say};
use crate::live::leases::{is_alive, process_of};
use crate::live::logins::{STATE, WANTED};
use crate::live::{LoginFolder, Logins};

/// A login that somebody follows, or may come for.
#[derive(Debug)]
pub(super) struct Followed {
    folder: LoginFolder,
    /// `None` while nothing is known of it that this build can read.
    login: Option<Login>,
    containers: BTreeMap<String, Container>,
    wanted: Option<SystemTime>,
    unneeded: Option<Instant>,
}

/// A container that has, or had, a lease.
#[derive(Debug)]
struct Container {
    lease: Lease,
    process: Process,
}

/// Whether a container's process lives.
#[derive(Debug)]
enum Process {
    Lives(OwnedFd),
    /// It is not looked for again, which means to look at all there are.
    Ended,
    /// It may live, and is looked for again.
    Unknown,
}

/// How many of the files that we may have open are kept for all else: with none
/// left, not even the leases could be read.
const RESERVE: u64 = 24;

/// Whether enough files can be opened after this one. The system gives the
/// lowest number that is free.
fn leaves_room(file: &OwnedFd) -> bool {
    let number = u64::try_from(file.as_raw_fd()).unwrap_or(u64::MAX);
    let most = getrlimit(Resource::Nofile).current;
    most.is_none_or(|most| number.saturating_add(RESERVE) < most)
}

impl Container {
    fn of(lease: Lease) -> Self {
        let process = match process_of(&lease) {
            Ok(Some(process)) if leaves_room(&process) => Process::Lives(process),
            Ok(Some(_)) => Process::Unknown,
            Ok(None) => Process::Ended,
            Err(error) => {
                tracing::debug!(%error, container = lease.container, "not looked at");
                Process::Unknown
            }
        };
        Self { lease, process }
    }

    /// The same by now.
    fn again(self) -> Self {
        let process = match self.process {
            Process::Unknown => return Self::of(self.lease),
            Process::Lives(process) if is_alive(&process) => Process::Lives(process),
            Process::Lives(_) | Process::Ended => Process::Ended,
        };
        Self { process, ..self }
    }
}

impl Followed {
    pub(super) fn begin(folder: LoginFolder) -> Self {
        Self {
            login: Login::begin(&folder),
            folder,
            containers: BTreeMap::new(),
            wanted: None,
            unneeded: None,
        }
    }

    /// The folders in which something happens before it changes.
    pub(super) fn add_places(&self, places: &mut Places) {
        let own = self.folder.path();
        let names = Names::these([LEASES, WANTED, PUBLISHED, STATE]);
        places.add(own, names);
        for folder in [LEASES, WANTED] {
            places.add(&own.join(folder), Names::Finished);
        }
        if let Some(login) = &self.login {
            login.add_places(places);
        }
    }

    /// Looks who needs it, and keeps it up to date.
    pub(super) fn look(&mut self, logins: &Logins, now: Now, pace: &Pace, say: &mut Say<'_>) {
        self.look_at_containers();
        self.wanted = self.folder.wanted_until(now.wall);
        let needed = self.is_needed();
        self.unneeded = if needed {
            None
        } else {
            self.unneeded.or(Some(now.instant))
        };
        if self.login.is_none() {
            self.login = Login::begin(&self.folder);
        }
        if let Some(login) = &mut self.login {
            login.look(&self.folder, logins, needed, now, pace, say);
        }
    }

    /// Looks who has a lease. Of one that is known its process is, too: so each
    /// takes one file of ours, and no more while it is looked at.
    fn look_at_containers(&mut self) {
        let mut known = std::mem::take(&mut self.containers);
        for lease in self.folder.leases() {
            let container = match known.remove(&lease.container) {
                Some(container) if container.lease == lease => container.again(),
                _ => Container::of(lease),
            };
            let id = container.lease.container.clone();
            self.containers.insert(id, container);
        }
    }

    /// Whether the vendor's program renews it just now.
    pub(super) fn is_asking(&self) -> bool {
        self.login
            .as_ref()
            .is_some_and(|one| one.process().is_some())
    }

    fn is_needed(&self) -> bool {
        let mut containers = self.containers.values();
        let follows = |one: &Container| !matches!(one.process, Process::Ended);
        containers.any(follows) || self.wanted.is_some()
    }

    /// Removes it when nobody has needed it for long enough; whether it is
    /// gone. What was published does not outlive its last user.
    pub(super) fn is_gone(&mut self, now: Now, pace: &Pace) -> bool {
        if !self.folder.path().is_dir() {
            return true;
        }
        let lasts = |since: Instant| now.instant.saturating_duration_since(since) >= pace.linger;
        // What renews it is not left alone.
        if self.is_asking() || !self.unneeded.is_some_and(lasts) {
            return false;
        }
        match self.folder.remove() {
            Ok(()) => true,
            // Somebody has come at the last moment, or it is tried again.
            Err(error) => {
                if error.kind() != ErrorKind::ResourceBusy {
                    tracing::debug!(%error, login = %self.folder.id(), "not removed");
                }
                self.unneeded = None;
                false
            }
        }
    }

    /// Drops leases of containers that are gone. One that is written anew at
    /// this moment is another, and stays.
    pub(super) fn sweep(&self) {
        for Container { lease, process } in self.containers.values() {
            let container = &lease.container;
            if matches!(process, Process::Ended)
                && self.folder.lease_of(container).as_ref() == Some(lease)
            {
                self.folder.drop_lease(container);
            }
        }
    }

    /// When it is to be looked at again, by a clock that stands still while
    /// the machine sleeps.
    pub(super) fn again(&self, now: Now, pace: &Pace) -> Option<Instant> {
        let login = self.login.as_ref().and_then(|login| login.again(now, pace));
        // What renews it wakes us when it has ended.
        let unneeded = self.unneeded.filter(|_| !self.is_asking());
        let unneeded = unneeded.map(|since| since + pace.linger);
        [login, unneeded].into_iter().flatten().min()
    }

    /// The same, by the clock on the wall.
    pub(super) fn due(&self, now: Now) -> Option<SystemTime> {
        let login = self.login.as_ref().filter(|_| self.is_needed());
        let login = login.and_then(|login| login.due(now));
        [login, self.wanted].into_iter().flatten().min()
    }

    /// What can be read once a container, or what renews the login, has ended.
    pub(super) fn processes(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let containers = self.containers.values();
        let containers = containers.filter_map(|one| match &one.process {
            Process::Lives(process) => Some(process.as_fd()),
            Process::Ended | Process::Unknown => None,
        });
        let asked = self.login.as_ref().and_then(Login::process);
        containers.chain(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handoff::TicketFolder;
    use jackin_oci_hook::published::{Inode, LEASE_SCHEMA, LoginId};
    use rustix::process::{Rlimit, setrlimit};
    use std::fs;
    use std::process::{Command, Stdio};

    /// Set for the process in which few files may be open.
    const INSIDE: &str = "JACKIN_TEST_INSIDE";

    /// As many files as the containers take, less a few than they would if each
    /// took two for a moment.
    const CONTAINERS: u64 = 60;
    const FILES: u64 = 110;

    fn followed(folder: &std::path::Path) -> (Logins, Followed) {
        let uid = rustix::process::geteuid().as_raw();
        let tickets = TicketFolder::open(&[folder.join("docker-jackin")], uid).unwrap();
        let logins = Logins::beside(&tickets).unwrap();
        let id = LoginId::from_bits([7; 16]);
        fs::create_dir_all(logins.path().join(id.as_str()).join(LEASES)).unwrap();
        let followed = Followed::begin(logins.get(&id).unwrap());
        (logins, followed)
    }

    fn write(followed: &Followed, container: &str, pid: i32, started: u64) {
        let lease = Lease {
            schema: LEASE_SCHEMA,
            container: container.to_owned(),
            pid,
            started,
            folder: Inode {
                device: 0,
                number: 0,
            },
            since: 0,
        };
        let place = followed.folder.path().join(LEASES).join(container);
        fs::write(place, serde_json::to_vec(&lease).unwrap()).unwrap();
    }

    /// How many are alive, have ended, and are neither.
    fn counts(followed: &Followed) -> [usize; 3] {
        let mut counts = [0; 3];
        for container in followed.containers.values() {
            counts[match container.process {
                Process::Lives(_) => 0,
                Process::Ended => 1,
                Process::Unknown => 2,
            }] += 1;
        }
        counts
    }

    fn inside() {
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let (_, mut followed) = followed(memory.path());
        let own = std::process::id().cast_signed();
        let started = jackin_oci_hook::process::started(own).unwrap();
        for number in 0..CONTAINERS {
            write(&followed, &format!("c{number}"), own, started);
        }
        let limit = |files| {
            let limit = Rlimit {
                current: Some(files),
                ..getrlimit(Resource::Nofile)
            };
            setrlimit(Resource::Nofile, limit).unwrap();
        };
        limit(FILES);
        let all = usize::try_from(CONTAINERS).unwrap();
        for _ in 0..3 {
            followed.look_at_containers();
            assert_eq!(counts(&followed), [all, 0, 0]);
        }
        for number in CONTAINERS..2 * CONTAINERS {
            write(&followed, &format!("c{number}"), own, started);
        }
        for _ in 0..3 {
            followed.look_at_containers();
            let [alive, ended, unknown] = counts(&followed);
            assert_eq!((ended, alive + unknown), (0, 2 * all), "nobody is given up");
            followed.sweep();
            assert_eq!(followed.folder.leases().len(), 2 * all);
        }
        limit(4 * FILES);
        followed.look_at_containers();
        assert_eq!(counts(&followed), [2 * all, 0, 0]);
    }

    #[test]
    fn no_container_is_given_up_for_want_of_files() {
        if std::env::var_os(INSIDE).is_some() {
            return inside();
        }
        let name = "live::watch::followed::tests::no_container_is_given_up_for_want_of_files";
        let inside = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--test-threads=1"])
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&inside.stdout);
        assert!(inside.status.success(), "{told}");
        assert!(told.contains("1 passed"), "{told}");
    }

    #[test]
    fn a_container_that_has_ended_is_known_by_its_process_and_its_lease_goes() {
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let (_, mut followed) = followed(memory.path());
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = child.id().cast_signed();
        let started = jackin_oci_hook::process::started(pid).unwrap();
        write(&followed, "one", pid, started);
        followed.look_at_containers();
        assert_eq!(counts(&followed), [1, 0, 0]);
        drop(child.stdin.take());
        child.wait().unwrap();
        followed.look_at_containers();
        assert_eq!(counts(&followed), [0, 1, 0]);
        assert!(followed.processes().next().is_none());
        // It started again meanwhile.
        let own = std::process::id().cast_signed();
        let started = jackin_oci_hook::process::started(own).unwrap();
        write(&followed, "one", own, started);
        followed.sweep();
        assert_eq!(followed.folder.leases().len(), 1);
        followed.look_at_containers();
        assert_eq!(counts(&followed), [1, 0, 0]);
        write(&followed, "one", own, started + 1);
        followed.look_at_containers();
        followed.sweep();
        assert!(followed.folder.leases().is_empty());
    }
}
