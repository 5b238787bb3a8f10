//! A user of the machine, with a home in memory and a configuration.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use jackin_tests::command::{Outcome, bounded, run};
use jackin_tests::processes;
use jackin_tests::rig::{Rig, unique};
use jackin_tests::sandbox::Sandbox;
use jackin_tests::unhurried::unhurried;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// One person and their home folder.
pub(crate) struct User {
    uid: u32,
    home: PathBuf,
}

impl User {
    /// A user with an empty home.
    pub(crate) fn new(uid: u32) -> Result<Self> {
        let home = Sandbox::memory().join("homes").join(unique("user"));
        let user = Self { uid, home };
        user.folder(".docker/jackin")?;
        Ok(user)
    }

    /// Their id.
    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    /// Has the machine know them: what is resolved again is as they are known.
    pub(crate) fn enter(&self) -> Result<()> {
        let (uid, home) = (self.uid, self.home.display());
        let mut users = fs::File::options().append(true).open("/etc/passwd")?;
        Ok(writeln!(users, "user-{uid}:x:{uid}:{uid}::{home}:/bin/sh")?)
    }

    /// Their home folder.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Writes their `config.toml`.
    pub(crate) fn configure(&self, text: &str) -> Result<()> {
        self.write(".docker/jackin/config.toml", text)
    }

    /// Writes a file of theirs with mode 0600, its path relative to the home.
    pub(crate) fn write(&self, path: &str, text: &str) -> Result<()> {
        if let Some(folder) = Path::new(path).parent() {
            self.folder(&folder.to_string_lossy())?;
        }
        let path = self.home.join(path);
        fs::write(&path, text)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        chown(&path, Some(self.uid), Some(self.uid))?;
        Ok(())
    }

    /// Logs them in to Claude on this machine.
    pub(crate) fn log_in(&self, access: &str, refresh: &str) -> Result<()> {
        let login = serde_json::json!({ "claudeAiOauth": {
            "accessToken": access,
            "refreshToken": refresh,
            "expiresAt": 4_102_444_800_000_u64,
            "scopes": ["user:inference", "user:profile"],
            "subscriptionType": "max",
        }});
        self.write(".claude/.credentials.json", &login.to_string())
    }

    /// `docker jackin …`, as they would call it.
    pub(crate) fn jackin(&self, rig: &Rig, arguments: &[&str]) -> Command {
        self.jackin_with(&[], rig, arguments)
    }

    /// `docker <flags> jackin …`.
    pub(crate) fn jackin_with(&self, flags: &[&str], rig: &Rig, arguments: &[&str]) -> Command {
        let mut client = self.command(rig, &rig.engine.client());
        client.args(flags).arg("jackin").args(arguments);
        client
    }

    /// A line as they would type it in their shell.
    pub(crate) fn shell(&self, rig: &Rig, line: &str) -> Command {
        let mut shell = bounded("sh");
        shell.args(["-c", line]);
        self.command(rig, &shell)
    }

    /// A command as theirs, with one of the engines.
    pub(crate) fn command(&self, rig: &Rig, command: &Command) -> Command {
        let uid = self.uid.to_string();
        // In front, rather than set on the command, so that it still holds
        // when the command is started in a terminal.
        let mut theirs = Command::new("setpriv");
        theirs.args(["--reuid", &uid, "--regid", &uid, "--clear-groups"]);
        theirs.arg(command.get_program()).args(command.get_args());
        rig.engine.describe(&mut theirs);
        theirs
            .env("HOME", &self.home)
            .env("DOCKER_CONFIG", self.home.join(".docker"))
            .current_dir("/");
        theirs
    }

    /// Runs `docker jackin …` to its end.
    pub(crate) fn run(&self, rig: &Rig, arguments: &[&str]) -> Result<Outcome> {
        let arguments = unhurried(arguments);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        run(&mut self.jackin(rig, &arguments))
    }

    fn folder(&self, path: &str) -> Result<()> {
        let mut folder = self.home.clone();
        fs::create_dir_all(&folder)?;
        chown(&folder, Some(self.uid), Some(self.uid))?;
        for part in Path::new(path) {
            folder.push(part);
            if !folder.exists() {
                fs::create_dir(&folder)?;
                chown(&folder, Some(self.uid), Some(self.uid))?;
            }
        }
        Ok(())
    }
}

/// Ends the watchers of all these users: one waits for a ticket that nobody
/// redeemed for as long as that lasts.
pub(crate) fn end_watchers() {
    let homes = format!("HOME={}/", Sandbox::memory().join("homes").display());
    for process in processes::all() {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        let pid = process
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        if let Some(pid) = pid
            && variables.any(|one| one.starts_with(homes.as_bytes()))
        {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }
}
