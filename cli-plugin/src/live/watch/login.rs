//! One login: what is published of it follows what lies on the host, and is
//! renewed in time.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant, SystemTime};

use super::places::Places;
use super::{Now, Pace, Say};
use crate::agent::Agent;
use crate::agent::login::{Found, LOGGED_OUT};
use crate::delivery::fingerprint;
use crate::host::Host;
use crate::live::lock::Turn;
use crate::live::renew::{self, Asking};
use crate::live::{
    LoginFolder, Logins, Machine, Publication, Renewal, State, Trouble, from_millis, millis, timing,
};

/// How long is waited for another process that asks for the same renewal.
const BUSY: Duration = Duration::from_secs(1);

/// A login that is kept up to date.
#[derive(Debug)]
pub(super) struct Login {
    agent: Agent,
    machine: Machine,
    host: Host,
    state: State,
    /// The state as it was written down last, by us or by others.
    written: State,
    /// Whether there is anything on the host that renews it.
    is_renewable: bool,
    /// What lies on the host and is no login, and since when.
    odd: Option<(Odd, Instant)>,
    asking: Option<Asked>,
    /// When the renewal is looked at again that another process asks for.
    busy: Option<Instant>,
    /// When is written again what could not be written.
    retry: Option<Instant>,
}

/// What lies on the host where a login should be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Odd {
    /// Nothing, or what a logout leaves behind.
    LoggedOut,
    /// Something that cannot be used; why.
    Unusable(String),
}

/// The vendor's program that was asked, and the right to ask it.
#[derive(Debug)]
struct Asked {
    program: Asking,
    fingerprint: String,
    #[expect(dead_code, reason = "held, not read")]
    turn: Option<Turn>,
}

impl Login {
    /// Begins with what is known of it; `None` when that is nothing.
    pub(super) fn begin(folder: &LoginFolder) -> Option<Self> {
        let state = folder.state()?;
        Some(Self {
            agent: Agent::from_word(&state.agent)?,
            host: state.machine.host(),
            machine: state.machine.clone(),
            written: state.clone(),
            state,
            is_renewable: false,
            odd: None,
            asking: None,
            busy: None,
            retry: None,
        })
    }

    /// The folders in which something happens before it changes.
    pub(super) fn add_places(&self, places: &mut Places) {
        let file = self.agent.description().credential_file;
        places.add_way_to(&file.on(&self.host), &self.top());
    }

    /// Looks at it, and does what is to be done. It is renewed when it is
    /// needed.
    pub(super) fn look(
        &mut self,
        folder: &LoginFolder,
        logins: &Logins,
        needed: bool,
        now: Now,
        pace: &Pace,
        say: &mut Say<'_>,
    ) {
        self.take_over(folder);
        let asked = self.asked_before();
        self.retry = None;
        self.busy = self.busy.filter(|busy| *busy > now.instant);
        if let Err(error) = self.follow(folder, logins, now, pace, say) {
            self.retry = Some(now.instant + pace.retry);
            self.trouble(
                format!("{} is not published: {error}", self.state.origin),
                now,
                say,
            );
        }
        if let Some((fingerprint, ended)) = asked {
            self.note_the_end(&fingerprint, &ended, say);
        }
        if needed {
            self.renew_in_time(folder, logins, now, pace, say);
        }
        if let Err(error) = self.save(folder, logins) {
            tracing::debug!(%error, "a login's state is not written down");
            self.retry = Some(now.instant + pace.retry);
        }
    }

    /// Takes over what others have written down of it. What is known here of
    /// the same login, and could not be written down, counts.
    fn take_over(&mut self, folder: &LoginFolder) {
        let Some(state) = folder.state().filter(|state| *state != self.written) else {
            return;
        };
        if state.machine != self.machine {
            self.host = state.machine.host();
            self.machine = state.machine.clone();
        }
        if state.published == self.state.published && self.state != self.written {
            self.state.machine = state.machine.clone();
        } else {
            self.state = state.clone();
        }
        self.written = state;
    }

    /// Makes what is published what lies on the host.
    fn follow(
        &mut self,
        folder: &LoginFolder,
        logins: &Logins,
        now: Now,
        pace: &Pace,
        say: &mut Say<'_>,
    ) -> io::Result<()> {
        let odd = match self.agent.host_login(&self.host) {
            Ok(Found::Login(login)) => {
                self.odd = None;
                self.is_renewable = login.renewing.is_some();
                let mark = fingerprint::of(&login.content);
                drop(login);
                if self.is_published(folder, &mark) {
                    self.all_is_well(say);
                    return Ok(());
                }
                return self.publish(folder, logins, say);
            }
            Ok(Found::Missing(_)) if self.is_top_there() => Odd::LoggedOut,
            Ok(Found::Missing(_)) => {
                Odd::Unusable(format!("{} is empty or not there", self.top().display()))
            }
            Ok(Found::Unusable { why, .. }) if why == LOGGED_OUT => Odd::LoggedOut,
            Ok(Found::Unusable { origin, why }) => Odd::Unusable(format!("{origin} {why}")),
            Err(error) => Odd::Unusable(error.to_string()),
        };
        if !self.has_lasted(&odd, now, pace) {
            return Ok(());
        }
        match odd {
            Odd::LoggedOut => self.withdraw(folder, logins, now, say),
            Odd::Unusable(why) => {
                self.trouble(why, now, say);
                Ok(())
            }
        }
    }

    /// The home, or the folder that its user named for the agent.
    fn top(&self) -> std::path::PathBuf {
        let file = self.agent.description().credential_file;
        let named = file.folder_on(&self.host);
        named.unwrap_or_else(|| self.host.home().to_owned())
    }

    /// Whether that is there. One that is unmounted, as with the last session
    /// of its user, leaves an empty folder: nobody has logged out.
    fn is_top_there(&self) -> bool {
        let entries = std::fs::read_dir(self.top());
        entries.is_ok_and(|mut entries| entries.next().is_some())
    }

    /// Whether that lies there for long enough: who writes in place empties a
    /// file first.
    fn has_lasted(&mut self, odd: &Odd, now: Now, pace: &Pace) -> bool {
        let since = match &self.odd {
            Some((known, since)) if known == odd => *since,
            _ => {
                self.odd = Some((odd.clone(), now.instant));
                now.instant
            }
        };
        now.instant.saturating_duration_since(since) >= pace.grace
    }

    fn is_published(&self, folder: &LoginFolder, mark: &str) -> bool {
        let known = self.state.published.as_ref();
        known.is_some_and(|known| known.fingerprint == mark) && folder.published().exists()
    }

    /// Publishes what lies on the host. It is read once more while nobody else
    /// publishes: else the older of two could come last.
    fn publish(
        &mut self,
        folder: &LoginFolder,
        logins: &Logins,
        say: &mut Say<'_>,
    ) -> io::Result<()> {
        let _lock = logins.lock()?;
        let read = SystemTime::now();
        let Ok(Found::Login(login)) = self.agent.host_login(&self.host) else {
            // It has just changed again, which is looked at next.
            return Ok(());
        };
        let publication = Publication::of(self.agent, &self.host, &login);
        drop(login);
        let former = self.state.published.clone();
        folder.update(&publication, &self.machine, read)?;
        let Some(state) = folder.state() else {
            return Ok(());
        };
        self.written = state.clone();
        self.state = state;
        let account = |published: &Option<crate::live::Published>| {
            published
                .as_ref()
                .and_then(|published| published.account.clone())
        };
        let (was, is) = (account(&former), account(&self.state.published));
        if former.is_some() && was != is {
            say(format!(
                "{}: another account is logged in on the host",
                self.agent
            ));
        }
        say(format!("{}: published {}", self.agent, self.state.origin));
        Ok(())
    }

    /// The host is logged out: so are those who follow.
    fn withdraw(
        &mut self,
        folder: &LoginFolder,
        logins: &Logins,
        now: Now,
        say: &mut Say<'_>,
    ) -> io::Result<()> {
        if self.state.logged_out.is_some() && !folder.published().exists() {
            return Ok(());
        }
        let _lock = logins.lock()?;
        if let Ok(Found::Login(_)) = self.agent.host_login(&self.host) {
            // Somebody has logged in just now, which is looked at next.
            return Ok(());
        }
        folder.withdraw()?;
        self.take_over(folder);
        self.state.published = None;
        self.state.logged_out = Some(millis(now.wall));
        self.state.trouble = None;
        self.state.renewal = None;
        // The state is written down later where there is no room for it now.
        let _ = self.write(folder);
        say(format!("{}: the host is logged out", self.agent));
        Ok(())
    }

    fn all_is_well(&mut self, say: &mut Say<'_>) {
        self.state.logged_out = None;
        if self.state.trouble.take().is_some() {
            say(format!("{}: all is well again", self.agent));
        }
    }

    fn trouble(&mut self, what: String, now: Now, say: &mut Say<'_>) {
        let known = self.state.trouble.as_ref();
        if known.is_some_and(|known| known.what == what) {
            return;
        }
        say(format!("{}: {what}", self.agent));
        let since = known.map_or(millis(now.wall), |known| known.since);
        self.state.trouble = Some(Trouble { what, since });
    }

    /// Asks the vendor's program, when it is time to.
    fn renew_in_time(
        &mut self,
        folder: &LoginFolder,
        logins: &Logins,
        now: Now,
        pace: &Pace,
        say: &mut Say<'_>,
    ) {
        let is_due = |login: &Self| login.next_ask(now).is_some_and(|next| next <= now.wall);
        if self.asking.is_some() || !is_due(self) {
            return;
        }
        if self.busy.is_some() {
            return;
        }
        let turn = match Turn::try_take(&renew::login_of(self.agent, &self.machine)) {
            Ok(Some(turn)) => Some(turn),
            Ok(None) => {
                self.busy = Some(now.instant + BUSY);
                return;
            }
            // Nobody else can have it there, either.
            Err(_) => None,
        };
        // Who had it before us may have asked for the same.
        let followed = self.follow(folder, logins, now, pace, say);
        if !is_due(self) {
            return;
        }
        match followed {
            Ok(()) => self.ask(folder, logins, turn, now, say),
            Err(_) => self.busy = Some(now.instant + BUSY),
        }
    }

    fn ask(
        &mut self,
        folder: &LoginFolder,
        logins: &Logins,
        turn: Option<Turn>,
        now: Now,
        say: &mut Say<'_>,
    ) {
        let Some(published) = &self.state.published else {
            return;
        };
        let fingerprint = published.fingerprint.clone();
        let former = self.state.renewal.take();
        let former = former.filter(|former| former.fingerprint == fingerprint);
        let attempts = former.map_or(1, |former| former.attempts.saturating_add(1));
        self.state.renewal = Some(Renewal {
            fingerprint: fingerprint.clone(),
            attempts,
            last: millis(now.wall),
            next: None,
            failed: None,
        });
        let next = self.next_ask(now).map(millis);
        if let Some(renewal) = &mut self.state.renewal {
            renewal.next = next;
        }
        // Before it is asked: whoever takes our place is not to ask again. Where
        // there is no room for that it is written down later.
        let _ = self.save(folder, logins);
        say(format!(
            "{}: asking `{}` to renew the login",
            self.agent,
            self.what_is_asked()
        ));
        match Asking::of_the_end(self.agent, &self.machine) {
            Ok(program) => {
                self.asking = Some(Asked {
                    program,
                    fingerprint,
                    turn,
                });
            }
            Err(error) => self.note_failure(&fingerprint, error.to_string(), say),
        }
    }

    /// What was asked, if it has ended by now, and how it did.
    fn asked_before(&mut self) -> Option<(String, String)> {
        let asked = self.asking.as_mut()?;
        let ended = asked.program.ended()?;
        let asked = self.asking.take()?;
        Some((asked.fingerprint, ended))
    }

    /// Judges what was asked by what lies on the host now.
    fn note_the_end(&mut self, fingerprint: &str, ended: &str, say: &mut Say<'_>) {
        let published = self.state.published.as_ref();
        if published.is_some_and(|published| published.fingerprint == fingerprint) {
            let program = self.what_is_asked();
            let why = format!("`{program}` ended with {ended}, and the login is as it was");
            self.note_failure(fingerprint, why, say);
        }
    }

    fn note_failure(&mut self, fingerprint: &str, why: String, say: &mut Say<'_>) {
        say(format!("{}: not renewed: {why}", self.agent));
        let renewal = self.state.renewal.as_mut();
        if let Some(renewal) = renewal.filter(|renewal| renewal.fingerprint == fingerprint) {
            renewal.failed = Some(why);
        }
    }

    fn what_is_asked(&self) -> &'static str {
        self.agent.description().what_is_asked()
    }

    /// When the vendor's program is to be asked; `None` when it is not, as
    /// while the host's login cannot be read.
    fn next_ask(&self, now: Now) -> Option<SystemTime> {
        let ahead = self.agent.description().renewal?.ahead;
        let published = self
            .state
            .published
            .as_ref()
            .filter(|_| self.is_renewable && self.odd.is_none())?;
        let asked = self.state.renewal.as_ref();
        from_millis(timing::next(published, asked, ahead, millis(now.wall))?)
    }

    /// Writes down what has changed.
    fn save(&mut self, folder: &LoginFolder, logins: &Logins) -> io::Result<()> {
        if self.state == self.written && folder.has_state() {
            return Ok(());
        }
        // Else what others write down at this moment could be undone.
        let _lock = logins.lock()?;
        self.write(folder)
    }

    /// The same, by whoever holds the lock.
    fn write(&mut self, folder: &LoginFolder) -> io::Result<()> {
        self.take_over(folder);
        folder.write_state(&self.state)?;
        self.written = self.state.clone();
        Ok(())
    }

    /// When it is to be looked at again, by a clock that stands still while
    /// the machine sleeps.
    pub(super) fn again(&self, now: Now, pace: &Pace) -> Option<Instant> {
        let odd = self.odd.as_ref().map(|(_, since)| *since + pace.grace);
        // What has lasted has been seen to.
        let odd = odd.filter(|lasting| *lasting > now.instant);
        let asked = self.asking.as_ref().map(|asked| asked.program.until());
        [odd, asked, self.busy, self.retry]
            .into_iter()
            .flatten()
            .min()
    }

    /// When it is to be renewed, by the clock on the wall.
    pub(super) fn due(&self, now: Now) -> Option<SystemTime> {
        let asks = self.asking.is_none() && self.busy.is_none();
        self.next_ask(now).filter(|_| asks)
    }

    /// What can be read once the vendor's program has ended.
    pub(super) fn process(&self) -> Option<BorrowedFd<'_>> {
        self.asking.as_ref().map(|asked| asked.program.process())
    }
}
