//! A person with a workspace who has a token minted for it.

use std::fs::{self, Permissions};
use std::num::NonZeroU16;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jackin_tests::canary::{Canary, CanaryFinder};
use jackin_tests::command::{Outcome, run};
use jackin_tests::image::BASE;
use jackin_tests::project;
use jackin_tests::rig::{Rig, unique};
use jackin_tests::sandbox::{Sandbox, USER};
use jackin_tests::search::files;
use jackin_tests::terminal::Terminal;
use jackin_tests::vendor::Vendor;
use nix::mount::{MsFlags, mount};

use crate::agents::program::{Mode, Program};
use crate::agents::stage::Stage;

const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal as small as they come, in which a token takes two rows.
const ROWS: NonZeroU16 = NonZeroU16::new(24).expect("not zero");
const COLUMNS: NonZeroU16 = NonZeroU16::new(80).expect("not zero");

/// The vendor's door, as `claude` prints it.
const LINK: &str = "https://claude.ai/oauth/authorize?";

/// How long the part of a secret is that must show up nowhere, in bytes.
const PART: usize = 12;

/// The person, and what is around them.
pub(super) struct Scene<'a> {
    pub(super) stage: Stage<'a>,
    pub(super) vendor: Vendor,
    pub(super) canary: Canary,
    pub(super) token: String,
    /// What belongs to the stand-ins and not to the person.
    beside: PathBuf,
    /// Variables of their shell.
    variables: Vec<(String, String)>,
}

impl<'a> Scene<'a> {
    /// With the real `claude`, which asks a stand-in for the vendor's hosts.
    pub(super) fn real(rig: &'a Rig) -> Result<Self> {
        let scene = Self::new(rig)?;
        scene.install("claude", &project::agent("claude")?)?;
        Ok(scene)
    }

    /// With a stand-in for `claude`, which shows recorded screens.
    pub(super) fn recorded(rig: &'a Rig) -> Result<Self> {
        let mut scene = Self::new(rig)?;
        scene.install("claude", &stand_in("claude")?)?;
        let folder = scene.folder("claude")?;
        scene.set("STAND_IN_CLAUDE", &folder);
        let token = scene.token.clone();
        fs::write(folder.join("token"), token)?;
        Ok(scene)
    }

    fn new(rig: &'a Rig) -> Result<Self> {
        let canary = Canary::new()?;
        // As long as a real one, so that it wraps where a real one does.
        let padding = Canary::new()?;
        let token = format!("{}{}", canary.oauth_token(), &padding.text()[..43]);
        let stage = Stage::logged_out(rig)?;
        let modes = [(Program::Claude, Mode::Ignore)];
        stage.configure(BASE, &modes, "[workspaces.my-app]\nworkdir = \"/\"\n")?;
        let beside = Sandbox::memory().join(unique("beside"));
        fs::create_dir_all(&beside)?;
        fs::set_permissions(&beside, Permissions::from_mode(0o755))?;
        let vendor = Vendor::start(&token, &beside)?;
        let mut variables = vec![("TERM".to_owned(), "xterm-256color".to_owned())];
        let of_vendor = vendor.variables()?;
        variables.extend(of_vendor.map(|(name, value)| (name.to_owned(), value)));
        Ok(Self {
            stage,
            vendor,
            canary,
            token,
            beside,
            variables,
        })
    }

    /// Puts a program into their PATH, wherever it lies: they may look neither
    /// into root's home nor into the folder of a build.
    pub(super) fn install(&self, name: &str, program: &Path) -> Result<()> {
        let bin = self.beside.join("bin");
        fs::create_dir_all(&bin)?;
        let place = bin.join(name);
        fs::write(&place, "")?;
        mount(
            Some(program),
            &place,
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )?;
        Ok(())
    }

    /// A folder of a stand-in's, which the person may write to.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.beside.join(name);
        fs::create_dir_all(&folder)?;
        chown(&folder, Some(USER), Some(USER))?;
        Ok(folder)
    }

    /// Sets a variable of their shell.
    pub(super) fn set(&mut self, name: &str, value: impl AsRef<Path>) {
        let value = value.as_ref().display().to_string();
        self.variables.push((name.to_owned(), value));
    }

    /// A command of theirs, as they would type it.
    pub(super) fn shell(&self, line: &str) -> Result<Command> {
        self.theirs(self.stage.user.shell(self.stage.rig, line))
    }

    /// `docker -D jackin …`, as they would call it.
    pub(super) fn jackin(&self, words: &[&str]) -> Result<Command> {
        self.theirs(self.stage.user.jackin_with(&["-D"], self.stage.rig, words))
    }

    fn theirs(&self, mut command: Command) -> Result<Command> {
        let path = command
            .get_envs()
            .find_map(|(name, value)| (name == "PATH").then_some(value?.to_owned()))
            .context("no PATH")?;
        let bin = self.beside.join("bin");
        let path = format!("{}:{}", bin.display(), Path::new(&path).display());
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        command.env("PATH", path).envs(variables);
        Ok(command)
    }

    /// Runs one of ours to its end; it must not print the secret.
    pub(super) fn run(&self, words: &[&str]) -> Result<Outcome> {
        let outcome = run(&mut self.jackin(words)?)?;
        self.nothing_of_it("what it printed", outcome.text().as_bytes())?;
        Ok(outcome)
    }

    /// `setup` or `rotate` with further words, in a terminal that must not be
    /// sent any part of the secret.
    pub(super) fn mint(&self, verb: &str, further: &[&str]) -> Result<String> {
        let mut words = vec!["workspace", "claude-token", verb, "my-app"];
        words.extend_from_slice(further);
        let mut terminal = Terminal::start_sized(&self.jackin(&words)?, ROWS, COLUMNS)?;
        terminal.wait_for(&["Paste code here if prompted"], PATIENCE)?;
        terminal.wait_for(&[LINK], PATIENCE)?;
        terminal.send("a-code#a-state\r")?;
        let code = terminal.finish(PATIENCE)?;
        let shown = terminal.contents();
        ensure!(code == 0, "{words:?} ended with {code}: {shown}");
        let recording = terminal.recording();
        self.nothing_of_it("the terminal", &recording)?;
        // It is on the screen for a moment only.
        let recording = String::from_utf8_lossy(&recording);
        ensure!(recording.contains("<redacted>"), "{recording}");
        Ok(shown)
    }

    /// No part of the secret, even one that a line's end cuts, is in `bytes`.
    fn nothing_of_it(&self, place: &str, bytes: &[u8]) -> Result<()> {
        // What it begins with is every canary's.
        let secret = &self.canary.text()[PART..];
        for part in secret.as_bytes().windows(PART) {
            let part = String::from_utf8_lossy(part);
            let found = CanaryFinder::new(&part).is_in(bytes);
            ensure!(!found, "{place} has some of the token");
        }
        Ok(())
    }

    /// Their files that hold the secret in the clear.
    pub(super) fn holding(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let home = self.stage.user.home();
        files(home, None, &self.canary.finder(), &mut found)?;
        Ok(found)
    }

    /// Their `config.toml`.
    pub(super) fn configuration(&self) -> Result<String> {
        let file = self.stage.user.home().join(".docker/jackin/config.toml");
        Ok(fs::read_to_string(file)?)
    }
}

/// A stand-in that the command line's own tests use, too.
pub(super) fn stand_in(name: &str) -> Result<PathBuf> {
    let folder = project::target_dir()?.join("debug/examples");
    let program = folder.join(format!("stand-in-{name}"));
    ensure!(
        program.exists(),
        "{} is not built; run 'cargo build --examples'",
        program.display()
    );
    Ok(program)
}
