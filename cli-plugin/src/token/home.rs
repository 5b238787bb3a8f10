//! What claude finds when we run it: no login of the user's, and a folder of
//! its own to write in.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jackin_oci_hook::folder::candidates;
use tempfile::{Builder, TempDir};

use crate::failure::{Failure, Kind};
use crate::handoff::TicketFolder;
use crate::host::Host;
use crate::token::claude::clean_environment;

/// The folder beside that of the tickets.
const NAME: &str = "claude";

/// After how long something is left there by somebody who was killed.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// What opens the user's browser. It outlives claude's session, at whose end
/// the system ends all that is in it: the browser too, if it was started just
/// for this.
const OPENER: &str = "#!/bin/sh
exec setsid -f \"$JACKIN_BROWSER\" \"$@\" < /dev/null > /dev/null 2>&1
";

/// In which variable it is told the browser.
const BROWSER: &str = "JACKIN_BROWSER";

/// A folder in memory that is the user's alone, and goes when it is dropped.
///
/// claude writes no token there, as far as was seen; but where it comes from
/// is nobody's business either.
#[derive(Debug)]
pub(in crate::token) struct Home(TempDir);

impl Home {
    /// Makes one: beside the tickets, or in another place in memory, or where
    /// programs put their temporary files if this machine has none.
    ///
    /// # Errors
    /// There is no place for it.
    pub(in crate::token) fn make(host: &Host) -> Result<Self, Failure> {
        let beside = TicketFolder::open(&candidates(host.uid()), host.uid())
            .and_then(|tickets| tickets.beside(NAME))
            .inspect(|folder| sweep(folder))
            .ok();
        let shared = [PathBuf::from("/dev/shm"), std::env::temp_dir()];
        let mut tried = beside
            .into_iter()
            .chain(shared)
            .map(|place| private().tempdir_in(place));
        let made = tried.find_map(Result::ok).map(Self);
        made.ok_or_else(|| {
            let message = "there is no folder in which claude could put its files";
            Failure::new(Kind::Configuration, message).hint("set TMPDIR to one that you may write")
        })
    }

    /// The folder.
    pub(in crate::token) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// claude's environment. `HOME` is the user's, so that their own browser
    /// opens; claude's own folder is another, so that it neither finds a login
    /// nor renews one.
    pub(in crate::token) fn environment(&self, host: &Host) -> Vec<(OsString, OsString)> {
        let mut variables = clean_environment(host);
        variables.retain(|(name, _)| name != "TERM");
        variables.extend([
            ("CLAUDE_CONFIG_DIR".into(), self.folder().into()),
            (
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC".into(),
                "1".into(),
            ),
            // It writes for our model of a terminal, and not for the user's.
            ("TERM".into(), "xterm-256color".into()),
        ]);
        variables
    }

    /// The same for a claude that opens the user's browser.
    pub(in crate::token) fn environment_with_browser(
        &self,
        host: &Host,
    ) -> Vec<(OsString, OsString)> {
        let mut variables = self.environment(host);
        let browser = browser(host);
        let opener = browser.is_some().then(|| self.opener()).flatten();
        if let Some((browser, opener)) = browser.zip(opener) {
            variables.retain(|(name, _)| name != "BROWSER");
            variables.push((BROWSER.into(), browser));
            variables.push(("BROWSER".into(), opener.into()));
        }
        variables
    }

    /// The program that opens the browser; `None` where there is none, and
    /// claude does as it always does.
    fn opener(&self) -> Option<PathBuf> {
        let opener = self.folder().join("open-browser");
        fs::write(&opener, OPENER).ok()?;
        fs::set_permissions(&opener, fs::Permissions::from_mode(0o700)).ok()?;
        Some(opener)
    }
}

/// What opens a page for the user, on a system whose programs do so.
fn browser(host: &Host) -> Option<OsString> {
    let set = |name: &&str| {
        let value = host.variable_os(name);
        value.is_some_and(|value| !value.is_empty())
    };
    if !cfg!(target_os = "linux") {
        return None;
    }
    let screens = ["DISPLAY", "WAYLAND_DISPLAY"];
    let usual = || screens.iter().any(set).then(|| "xdg-open".into());
    let chosen = host.variable_os("BROWSER").filter(|_| set(&"BROWSER"));
    chosen.map(ToOwned::to_owned).or_else(usual)
}

/// A folder that nobody else may enter, wherever it lies.
fn private() -> Builder<'static, 'static> {
    let mut private = Builder::new();
    let mode = fs::Permissions::from_mode(0o700);
    private.prefix("docker-jackin-").permissions(mode);
    private
}

/// Removes what somebody left who was killed.
fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let age = |entry: &fs::DirEntry| {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        SystemTime::now().duration_since(modified.ok()?).ok()
    };
    for entry in entries.filter(|entry| age(entry).is_some_and(|age| age > STALE)) {
        let _ = fs::remove_dir_all(entry.path());
    }
}
