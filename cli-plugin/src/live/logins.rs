//! The logins that are published, in a folder beside the tickets: in memory,
//! and the user's alone.
//!
//! ```text
//! logins/<id>/            0700
//!     published/          0755, mounted into containers, never made anew while
//!                         one follows
//!         login           0444, replaced by renaming
//!     leases/<container>  who follows; the engine's side writes them
//!     wanted/<name>       who may still come
//!     state.json          what is known
//! ```
//!
//! What is read on the host and then published is so under the [`Lock`]: else
//! one that has read an older login could write it over a newer one.

mod lock;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jackin_oci_hook::published::{FILE, Inode, LEASES, LOGINS, Lease, LoginId, PUBLISHED};
use jackin_oci_hook::secret::Secret;

pub use lock::Lock;

use super::state::{SCHEMA, millis};
use super::wanted::{self, Wanted};
use super::{Machine, Publication, Published, State, leases, private_file};
use crate::agent::Agent;
use crate::delivery::fingerprint;
use crate::failure::Failure;
use crate::handoff::TicketFolder;

/// The folder of a login with who may still come.
pub(super) const WANTED: &str = "wanted";

/// The file of a login with what is known of it.
pub(super) const STATE: &str = "state.json";

/// What the name of a login's folder begins with once it goes.
const GOING: &str = ".";

/// The logins that one user publishes.
#[derive(Debug, Clone)]
pub struct Logins {
    path: PathBuf,
    /// The user's tickets.
    tickets: PathBuf,
}

impl Logins {
    /// Those of user `uid`; their folder is made where it is missing.
    ///
    /// # Errors
    /// There is no folder in memory for it, or it is not the user's alone.
    pub fn of_user(uid: u32) -> Result<Self, Failure> {
        Self::beside(&TicketFolder::of_user(uid)?)
    }

    /// Those beside the user's tickets.
    ///
    /// # Errors
    /// Their folder cannot be made, or it is not the user's alone.
    pub fn beside(tickets: &TicketFolder) -> Result<Self, Failure> {
        let path = tickets.beside(LOGINS)?;
        let tickets = tickets.path().to_owned();
        Ok(Self { path, tickets })
    }

    /// Their folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps others from publishing and removing. It is held for milliseconds,
    /// and nothing of this module that takes it may be called meanwhile:
    /// [`Self::publish`] and [`LoginFolder::remove`].
    ///
    /// # Errors
    /// Somebody else does not let go of it, or the folder is gone.
    pub fn lock(&self) -> io::Result<Lock> {
        Lock::take(&self.path)
    }

    /// Publishes a login that was read on the host at `read` or later, and
    /// writes down who may come for it. What was read later by somebody else
    /// stays as it is.
    ///
    /// # Errors
    /// It cannot be written, as when the file system is full. What was
    /// published stays, and nobody is written down.
    pub fn publish(
        &self,
        publication: &Publication,
        machine: &Machine,
        wanted: &Wanted,
        read: SystemTime,
    ) -> io::Result<()> {
        let _lock = self.lock()?;
        self.sweep();
        let folder = self.folder(publication.id.clone());
        folder.make()?;
        wanted::write(&folder.path.join(WANTED), wanted)?;
        let published = folder.update(publication, machine, read);
        if published.is_err() {
            folder.drop_wanted(&wanted.name);
        }
        published
    }

    /// Writes down who may come for a login of `agent` that the host has not: it
    /// is published as soon as somebody logs in. What is known of it stays.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn expect(
        &self,
        (agent, id): (Agent, &LoginId),
        machine: &Machine,
        wanted: &Wanted,
        now: SystemTime,
    ) -> io::Result<()> {
        let _lock = self.lock()?;
        let folder = self.folder(id.clone());
        folder.make()?;
        wanted::write(&folder.path.join(WANTED), wanted)?;
        if folder.has_state() {
            return Ok(());
        }
        let place = agent.description().credential_file.on(&machine.host());
        folder.write_state(&State {
            schema: SCHEMA,
            agent: agent.word().to_owned(),
            origin: place.display().to_string(),
            machine: machine.clone(),
            published: None,
            logged_out: Some(millis(now)),
            trouble: None,
            renewal: None,
        })
    }

    /// All of them, by their ids.
    pub fn all(&self) -> Vec<LoginFolder> {
        let names = private_file::names(&self.path).into_iter();
        let mut ids: Vec<_> = names
            .filter_map(|name| LoginId::try_from(name).ok())
            .collect();
        ids.sort();
        ids.into_iter().filter_map(|id| self.get(&id)).collect()
    }

    /// One of them.
    pub fn get(&self, id: &LoginId) -> Option<LoginFolder> {
        let folder = self.folder(id.clone());
        folder.path.is_dir().then_some(folder)
    }

    /// Writes down what a shell of the user's says, where no shell was asked
    /// before: as of a login that a container's restart published.
    pub(super) fn tell_shell(&self, machine: &Machine) {
        let asked = |state: &State| state.machine != state.machine.with_shell_of(Some(machine));
        for folder in self.all() {
            if !folder.state().is_some_and(|state| asked(&state)) {
                continue;
            }
            let Ok(_lock) = self.lock() else { return };
            let Some(mut state) = folder.state() else {
                continue;
            };
            state.machine = state.machine.with_shell_of(Some(machine));
            // It is told again by the next who comes by.
            let _ = folder.write_state(&state);
        }
    }

    /// Nobody comes any more under this name, for whichever login.
    pub fn drop_wanted(&self, name: &str) {
        for folder in self.all() {
            folder.drop_wanted(name);
        }
    }

    /// A container follows none of them any more.
    pub fn drop_lease(&self, container: &str) {
        for folder in self.all() {
            folder.drop_lease(container);
        }
    }

    fn folder(&self, id: LoginId) -> LoginFolder {
        LoginFolder {
            path: self.path.join(id.as_str()),
            logins: self.clone(),
            id,
        }
    }

    /// Removes what a kill left behind; by whoever holds the lock.
    fn sweep(&self) {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        for entry in entries {
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(GOING.as_bytes())
            {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// One login that is published.
#[derive(Debug, Clone)]
pub struct LoginFolder {
    path: PathBuf,
    logins: Logins,
    id: LoginId,
}

impl LoginFolder {
    /// Its id.
    pub fn id(&self) -> &LoginId {
        &self.id
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is known of it; `None` when that is lost, or of another version.
    pub fn state(&self) -> Option<State> {
        let bytes = private_file::read(&self.path.join(STATE))?;
        let state: State = serde_json::from_slice(&bytes).ok()?;
        (state.schema == SCHEMA).then_some(state)
    }

    /// Whether anything is written down of it.
    pub(super) fn has_state(&self) -> bool {
        self.path.join(STATE).exists()
    }

    /// Writes down what is known of it.
    ///
    /// # Errors
    /// It cannot be written; what was known before stays.
    pub fn write_state(&self, state: &State) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(state)?;
        private_file::write(&self.path, STATE, &text, 0o600)
    }

    /// Puts this in the place of what is published. The same again changes
    /// nothing, not even the file's time.
    ///
    /// # Errors
    /// It cannot be written; what was published stays.
    pub fn replace(&self, content: &Secret) -> io::Result<()> {
        let published = self.path.join(PUBLISHED);
        let bytes = content.expose().as_bytes();
        let present = private_file::read(&published.join(FILE));
        if present.is_some_and(|present| *present == bytes) {
            return Ok(());
        }
        private_file::sweep(&published);
        private_file::write(&published, FILE, bytes, 0o444)
    }

    /// Takes back what is published: to those who follow, the login has ended.
    ///
    /// # Errors
    /// It is there, and cannot be removed.
    pub fn withdraw(&self) -> io::Result<()> {
        private_file::remove(&self.published())
    }

    /// The file that is published, whether it is there or not.
    pub fn published(&self) -> PathBuf {
        self.path.join(PUBLISHED).join(FILE)
    }

    /// The leases of those who follow it, the oldest first.
    pub fn leases(&self) -> Vec<Lease> {
        leases::read_all(&self.path.join(LEASES))
    }

    /// The lease of one container.
    pub fn lease_of(&self, container: &str) -> Option<Lease> {
        leases::read(&self.path.join(LEASES), container)
    }

    /// A container does not follow it any more.
    pub fn drop_lease(&self, container: &str) {
        self.drop_from(LEASES, container);
    }

    /// The latest time until which somebody may come for it.
    pub fn wanted_until(&self, now: SystemTime) -> Option<SystemTime> {
        wanted::latest(&self.path.join(WANTED), &self.logins.tickets, now)
    }

    /// Nobody comes any more under this name.
    pub fn drop_wanted(&self, name: &str) {
        self.drop_from(WANTED, name);
    }

    /// Whether what the container of this lease sees is what is published
    /// today: its folder may be one that is gone, as at the end of a session
    /// of the user's, which systemd empties before.
    pub fn is_current(&self, lease: &Lease) -> bool {
        let published = rustix::fs::lstat(self.path.join(PUBLISHED));
        published.is_ok_and(|today| {
            let today = Inode {
                device: today.st_dev,
                number: today.st_ino,
            };
            today == lease.folder
        })
    }

    /// Removes all of it, unless somebody follows it or may come.
    ///
    /// # Errors
    /// Somebody does ([`ErrorKind::ResourceBusy`]), or it cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        let _lock = self.logins.lock()?;
        if self.is_needed(SystemTime::now()) {
            return Err(ErrorKind::ResourceBusy.into());
        }
        // First out of sight as a whole: a kill leaves no half of it.
        let going = format!("{GOING}{}", self.id);
        let going = self.path.with_file_name(going);
        let _ = fs::remove_dir_all(&going);
        fs::rename(&self.path, &going)?;
        fs::remove_dir_all(going)
    }

    /// Whether somebody follows it or may come. A lease that cannot be read
    /// may be one of a newer version.
    fn is_needed(&self, now: SystemTime) -> bool {
        let folder = self.path.join(LEASES);
        let mut leases = private_file::names(&folder).into_iter();
        let alive = |name: String| {
            leases::read(&folder, &name).is_none_or(|lease| leases::may_live(&lease))
        };
        self.wanted_until(now).is_some() || leases.any(alive)
    }

    fn drop_from(&self, folder: &str, name: &str) {
        if private_file::is_name(name) {
            let _ = private_file::remove(&self.path.join(folder).join(name));
        }
    }

    fn make(&self) -> io::Result<()> {
        private_file::make_folder(&self.path, 0o700)?;
        private_file::sweep(&self.path);
        for (name, mode) in [(PUBLISHED, 0o755), (LEASES, 0o700), (WANTED, 0o700)] {
            let folder = self.path.join(name);
            private_file::make_folder(&folder, mode)?;
            private_file::sweep(&folder);
        }
        Ok(())
    }

    /// Publishes what was read at `read` or later, by whoever holds the lock.
    ///
    /// # Errors
    /// It cannot be written; what was published stays.
    pub(super) fn update(
        &self,
        publication: &Publication,
        machine: &Machine,
        read: SystemTime,
    ) -> io::Result<()> {
        let former = self.state();
        if former.as_ref().is_some_and(|state| is_newer(state, read)) {
            return Ok(());
        }
        self.replace(&publication.content)?;
        self.write_state(&follow_up(former, publication, machine, read))
    }
}

/// Whether what is known was read on the host after `read`. What would have
/// been read in the future is not: somebody has set the clock back.
fn is_newer(state: &State, read: SystemTime) -> bool {
    let published = state.published.as_ref().map(|published| published.since);
    let known = published.max(state.logged_out);
    known.is_some_and(|known| (millis(read) + 1..=millis(SystemTime::now())).contains(&known))
}

/// What is known once `publication` is published over what was known before. A
/// container's restart knows no shell: what a launch said then counts still.
fn follow_up(
    former: Option<State>,
    publication: &Publication,
    machine: &Machine,
    read: SystemTime,
) -> State {
    let mark = fingerprint::of(&publication.content);
    let machine = machine.with_shell_of(former.as_ref().map(|state| &state.machine));
    let (published, renewal) = former
        .map(|state| (state.published, state.renewal))
        .unwrap_or_default();
    let same = published.filter(|published| published.fingerprint == mark);
    State {
        schema: SCHEMA,
        agent: publication.agent.word().to_owned(),
        origin: publication.origin.to_string(),
        machine,
        logged_out: None,
        trouble: None,
        renewal: renewal.filter(|renewal| renewal.fingerprint == mark),
        published: Some(Published {
            expires: publication.expires.map(millis),
            account: publication.account.clone(),
            since: same.map_or_else(|| millis(read), |same| same.since),
            fingerprint: mark,
        }),
    }
}

#[cfg(test)]
mod tests;
