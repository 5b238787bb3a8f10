//! Keeping published logins up to date: one thread that sleeps until something
//! happens to a login, to one of its containers or to a clock, and looks at
//! everything once a minute in case it has missed something.

mod followed;
mod login;
mod places;
mod program;
mod wake;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime};

use jackin_oci_hook::published::LoginId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

pub(super) use program::Program;
pub(super) use wake::{LOOK, Signals};

use super::lock::Lock;
use super::{LoginFolder, Logins};
use followed::Followed;
use places::{Lookout, Names, Places};
use program::{SETTLED, Successor};
use wake::Alarm;

#[cfg(test)]
mod tests;

/// How patient a watcher is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How often everything is looked at, whether something happened or not.
    pub(super) tick: Duration,
    /// How long a login must be gone, or be none, before that counts.
    pub(super) grace: Duration,
    /// After how long is written again what could not be written.
    pub(super) retry: Duration,
    /// How long a login is kept that nobody needs: between a ticket and its
    /// container nobody does for a moment.
    pub(super) linger: Duration,
}

/// How often everything is looked at while the system does not let us watch the
/// folders: who waits for a login asks for it again within seconds.
const BLIND: Duration = Duration::from_secs(1);

impl Default for Pace {
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(60),
            grace: Duration::from_secs(2),
            retry: Duration::from_secs(5),
            linger: Duration::from_secs(10),
        }
    }
}

/// What is told of that which happens: who runs one in front of them reads it.
pub(super) type Say<'a> = dyn FnMut(String) + 'a;

/// Why a watcher ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nobody needs a login any more.
    Unneeded,
    /// It was told to. What is published stays.
    Told,
    /// Its program was removed, and another is there in another place.
    Gone,
    /// Its program was replaced.
    Replaced,
    /// Its lock was taken away: another may be at it.
    Lost,
}

/// The moment of a look, by both clocks.
#[derive(Debug, Clone, Copy)]
struct Now {
    wall: SystemTime,
    instant: Instant,
}

impl Now {
    fn get() -> Self {
        Self {
            wall: SystemTime::now(),
            instant: Instant::now(),
        }
    }
}

/// Makes what is published of a login what lies on the host, without waiting
/// whether that stays so.
pub(super) fn follow_once(folder: &LoginFolder, logins: &Logins, say: &mut Say<'_>) {
    let pace = Pace {
        grace: Duration::ZERO,
        ..Pace::default()
    };
    if let Some(mut login) = login::Login::begin(folder) {
        login.look(folder, logins, false, Now::get(), &pace, say);
    }
}

/// A watcher, with what it must have.
pub(super) struct Watcher<'a> {
    logins: &'a Logins,
    program: &'a Program,
    signals: &'a Signals,
    pace: Pace,
    /// Whether it stays when nobody needs it.
    stays: bool,
    followed: BTreeMap<LoginId, Followed>,
    lookout: Lookout,
    alarm: Alarm,
    /// Since when there is no login, and whether there was one before.
    empty: Option<Instant>,
    served: bool,
    swept: Instant,
}

impl<'a> Watcher<'a> {
    /// One that has not looked at anything yet.
    ///
    /// # Errors
    /// The system gives it nothing to be woken by.
    pub(super) fn new(
        logins: &'a Logins,
        program: &'a Program,
        signals: &'a Signals,
        pace: Pace,
        stays: bool,
    ) -> io::Result<Self> {
        Ok(Self {
            logins,
            program,
            signals,
            pace,
            stays,
            followed: BTreeMap::new(),
            lookout: Lookout::new()?,
            alarm: Alarm::new()?,
            empty: None,
            served: false,
            swept: Instant::now(),
        })
    }

    /// Keeps logins up to date until there is a reason to end. The lock is
    /// free by then, unless it is to be handed on.
    ///
    /// # Errors
    /// The system does not let it sleep.
    pub(super) fn run(
        mut self,
        lock: Lock,
        say: &mut Say<'_>,
    ) -> io::Result<(Ending, Option<Lock>)> {
        loop {
            let now = Now::get();
            self.look(now, say);
            if self.signals.end() {
                return Ok((Ending::Told, None));
            }
            if !lock.holds() {
                return Ok((Ending::Lost, None));
            }
            match self.successor() {
                Some(Ending::Replaced) => return Ok((Ending::Replaced, Some(lock))),
                Some(other) => return Ok((other, None)),
                None => {}
            }
            if self.is_unneeded(now) {
                // A launch publishes first, and then looks for a watcher: when
                // it cannot publish now, it will not find this one.
                let Ok(_publishing) = self.logins.lock() else {
                    return Ok((Ending::Lost, None));
                };
                if self.logins.all().is_empty() {
                    drop(lock);
                    return Ok((Ending::Unneeded, None));
                }
                continue;
            }
            self.sleep(now)?;
        }
    }

    /// Looks at everything, and does what is to be done.
    fn look(&mut self, now: Now, say: &mut Say<'_>) {
        // What is seen on the way may be somewhere else than was looked at.
        const TRIES: u32 = 4;
        for folder in self.logins.all() {
            let id = folder.id().clone();
            self.followed
                .entry(id)
                .or_insert_with(|| Followed::begin(folder));
        }
        self.served |= !self.followed.is_empty();
        for _ in 0..TRIES {
            // First: what happens from now on is seen, and what has happened
            // is looked at.
            let places = self.places();
            self.lookout.turn_to(&places);
            for followed in self.followed.values_mut() {
                followed.look(self.logins, now, &self.pace, say);
            }
            if self.places() == places {
                break;
            }
        }
        self.followed.retain(|id, followed| {
            let gone = followed.is_gone(now, &self.pace);
            if gone {
                say(format!("nobody follows login {id} any more"));
            }
            !gone
        });
        let empty = self.followed.is_empty();
        self.empty = empty.then(|| self.empty.unwrap_or(now.instant));
        if now.instant.saturating_duration_since(self.swept) >= self.pace.tick {
            self.followed.values().for_each(Followed::sweep);
            self.swept = now.instant;
        }
    }

    /// The folders in which something happens before a login changes.
    fn places(&self) -> Places {
        let mut places = Places::default();
        places.add(self.logins.path(), Names::Finished);
        for followed in self.followed.values() {
            followed.add_places(&mut places);
        }
        places
    }

    /// The end, when there is another program to take our place. One that is
    /// renewing a login is not left alone.
    fn successor(&self) -> Option<Ending> {
        let told = self.signals.look();
        match self.program.successor() {
            Successor::Ready if !self.is_asking() => Some(Ending::Replaced),
            Successor::Gone if told && !self.is_asking() => Some(Ending::Gone),
            _ => None,
        }
    }

    fn is_asking(&self) -> bool {
        self.followed.values().any(Followed::is_asking)
    }

    fn is_unneeded(&self, now: Now) -> bool {
        // Each login has lingered already.
        let lasts = |since: Instant| {
            self.served || now.instant.saturating_duration_since(since) >= self.pace.linger
        };
        !self.stays && self.empty.is_some_and(lasts)
    }

    /// Sleeps until something happens that matters.
    fn sleep(&self, now: Now) -> io::Result<()> {
        let until = self.again(now);
        let due = self.followed.values().filter_map(|one| one.due(now)).min();
        // It is set anyway: so it goes off when somebody puts the clock.
        let due = due.unwrap_or(now.wall + self.pace.tick).max(now.wall);
        if !self.alarm.set(due)? {
            return Ok(());
        }
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            let processes = self.followed.values().flat_map(Followed::processes);
            let all = [
                self.lookout.as_fd(),
                self.signals.as_fd(),
                self.alarm.as_fd(),
            ];
            let all = all.into_iter().chain(processes);
            let mut all: Vec<_> = all
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
                .collect();
            match poll(&mut all, Some(&left)) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // The news of a signal is told next.
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            // Only what was told of is taken in: more may have come since.
            let news = |number: usize| all.get(number).is_some_and(|fd| !fd.revents().is_empty());
            if news(1) {
                self.signals.take_in();
            }
            if news(2) {
                self.alarm.take_in();
            }
            let files = news(0) && self.lookout.take_in();
            if files || (1..all.len()).any(news) {
                return Ok(());
            }
        }
    }

    /// When everything is looked at again at the latest.
    fn again(&self, now: Now) -> Instant {
        let followed = self.followed.values();
        let followed = followed.filter_map(|one| one.again(now, &self.pace));
        let empty = self.empty.filter(|_| !self.stays);
        let empty = empty.map(|since| since + self.pace.linger);
        let fresh = matches!(self.program.successor(), Successor::Fresh);
        let fresh = fresh.then_some(now.instant + SETTLED);
        let blind = self.lookout.misses().then_some(BLIND);
        let tick = now.instant + blind.unwrap_or(self.pace.tick).min(self.pace.tick);
        let first = followed.chain(empty).chain(fresh).min();
        first.map_or(tick, |first| first.min(tick))
    }
}
