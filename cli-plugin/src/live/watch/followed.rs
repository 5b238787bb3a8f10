//! A login's folder, and who needs it.

use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Instant, SystemTime};

use jackin_oci_hook::published::{LEASES, Lease, PUBLISHED};

use super::login::Login;
use super::places::{Names, Places};
use super::{Now, Pace, Say};
use crate::live::leases::process_of;
use crate::live::logins::{STATE, WANTED};
use crate::live::{LoginFolder, Logins};

/// A login that somebody follows, or may come for.
#[derive(Debug)]
pub(super) struct Followed {
    folder: LoginFolder,
    /// `None` while nothing is known of it that this build can read.
    login: Option<Login>,
    leases: Vec<(Lease, OwnedFd)>,
    wanted: Option<SystemTime>,
    unneeded: Option<Instant>,
}

impl Followed {
    pub(super) fn begin(folder: LoginFolder) -> Self {
        Self {
            login: Login::begin(&folder),
            folder,
            leases: Vec::new(),
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
        let leases = self.folder.leases().into_iter();
        let leases = leases.filter_map(|lease| process_of(&lease).map(|process| (lease, process)));
        self.leases = leases.collect();
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

    /// Whether the vendor's program renews it just now.
    pub(super) fn is_asking(&self) -> bool {
        self.login
            .as_ref()
            .is_some_and(|one| one.process().is_some())
    }

    fn is_needed(&self) -> bool {
        !self.leases.is_empty() || self.wanted.is_some()
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
        for lease in self.folder.leases() {
            let container = &lease.container;
            let dead = process_of(&lease).is_none();
            if dead
                && self
                    .folder
                    .lease_of(container)
                    .is_some_and(|one| one == lease)
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
        let leases = self.leases.iter().map(|(_, process)| process.as_fd());
        let asked = self.login.as_ref().and_then(Login::process);
        leases.chain(asked)
    }
}
