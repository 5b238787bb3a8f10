//! A person's project with a `devcontainer.json`, and the CLI in it.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::{Outcome, run};
use jackin_tests::devcontainer::{CONFIG, Up, cli};
use jackin_tests::rig::{Container, unique};
use jackin_tests::sandbox::USER;
use jackin_tests::search::files;
use serde_json::Value;

use crate::agents::program::{Mode, Program};
use crate::agents::stage::Stage;
use crate::lab::lab;

/// Where VS Code has the CLI keep what it learnt in a container.
const SESSION: [&str; 2] = ["--container-session-data-folder", "/tmp/session"];

/// The project's folder, on disk, and the person whose it is.
pub(crate) struct Project<'a> {
    pub(crate) stage: Stage<'a>,
    folder: PathBuf,
    disk: PathBuf,
    container: Option<Container>,
}

impl<'a> Project<'a> {
    /// A project with an empty `.devcontainer`, and a folder for the CLI's own
    /// temporary files beside it.
    pub(crate) fn new(stage: Stage<'a>) -> Result<Self> {
        let disk = lab()?.sandbox().disk().join(unique("projects"));
        let folder = disk.join("my-app");
        for folder in [
            &disk,
            &folder,
            &folder.join(".devcontainer"),
            &disk.join("tmp"),
        ] {
            fs::create_dir(folder)?;
            chown(folder, Some(USER), Some(USER))?;
        }
        Ok(Self {
            stage,
            folder,
            disk,
            container: None,
        })
    }

    /// The project's own folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A folder for temporary files, on the same disk.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.disk.join("tmp")
    }

    /// Writes the `devcontainer.json`.
    pub(crate) fn write(&self, config: &Value) -> Result<()> {
        Ok(fs::write(self.folder.join(CONFIG), config.to_string())?)
    }

    /// The CLI, called in the project's folder.
    pub(crate) fn cli(&self, words: &[&str]) -> Result<Outcome> {
        let mut cli = cli(lab()?.sandbox().disk())?;
        cli.args(words);
        let mut theirs = self.stage.user.command(self.stage.rig, &cli);
        theirs.env("TMPDIR", self.scratch());
        run(theirs.current_dir(&self.folder))
    }

    /// Brings the container up; whether it is another one than before.
    pub(crate) fn up(&mut self, flags: &[&str]) -> Result<bool> {
        let outcome = self.cli(&[&["up"][..], &SESSION, flags].concat())?;
        let up = Up::read(&outcome)?;
        ensure!(up.remote_user == "dev", "{up:?}");
        let known = self.container.as_ref().map(|container| &container.name);
        if known == Some(&up.container) {
            return Ok(false);
        }
        self.container = Some(self.stage.rig.adopt(up.container));
        Ok(true)
    }

    /// The container of the last `up`.
    pub(crate) fn container(&self) -> Result<&Container> {
        self.container.as_ref().context("it is not up")
    }

    /// Asks the real claude something, by `devcontainer exec`, and checks what
    /// arrived.
    pub(crate) fn claude_is_logged_in(&self, mode: Mode) -> Result<()> {
        let question = Program::Claude.question(&self.stage.api);
        let mut words = vec!["exec"];
        words.extend(question.iter().map(String::as_str));
        let outcome = self.cli(&words)?;
        self.stage.check(Program::Claude, mode, &outcome)
    }

    /// The project and the CLI's own files do not hold a secret.
    pub(crate) fn disk_is_clean(&self, canary: &Canary) -> Result<()> {
        let mut found = Vec::new();
        files(&self.disk, None, &canary.finder(), &mut found)?;
        ensure!(found.is_empty(), "on disk: {found:?}");
        Ok(())
    }
}
