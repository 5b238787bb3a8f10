//! One engine with one low-level runtime: what most tests run on.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use jackin_oci_hook::payload::Payload;
use jackin_oci_hook::ticket::{HANDLE_ANNOTATION, HANDLE_VARIABLE, Handle};

use crate::command::{Outcome, run};
use crate::engine::{Channel, Engine};
use crate::staging;
use crate::unhurried::unhurried;

/// An engine, and the low-level runtime that its containers get.
#[derive(Debug, Clone)]
pub struct Rig {
    /// The engine.
    pub engine: Arc<Engine>,
    /// `runc` or `crun`: what the engine calls the bare runtime.
    pub low_level: &'static str,
    /// What the engine calls the wrapper around it.
    pub wrapper: &'static str,
}

impl Rig {
    /// Every engine with every runtime.
    pub fn all(engines: &[Arc<Engine>]) -> Vec<Self> {
        let pairs = [("runc", "docker-jackin"), ("crun", "docker-jackin-crun")];
        let rigs = engines.iter().flat_map(|engine| {
            pairs.map(|(low_level, wrapper)| Self {
                engine: Arc::clone(engine),
                low_level,
                wrapper,
            })
        });
        rigs.collect()
    }

    /// For a test's name.
    pub fn name(&self) -> String {
        format!("{} {}", self.engine.release.name, self.low_level)
    }

    /// The uid that the engine runs as, whose tickets it takes in any case.
    pub fn owner(&self) -> u32 {
        self.engine.release.rootless.map_or(0, |user| user.uid)
    }

    /// The folder of the engine's side, in memory and its user's alone.
    pub fn state(&self) -> PathBuf {
        match self.engine.release.rootless {
            Some(user) => user.runtime_dir().join("docker-jackin/engine"),
            None => "/run/docker-jackin".into(),
        }
    }

    /// `docker <verb>` with the wrapper and a ticket's handle.
    pub fn with_handle(&self, verb: &str, handle: &Handle) -> Command {
        let mut client = self.engine.client();
        client.args([verb, "--runtime", self.wrapper]);
        match self.engine.release.channel {
            Channel::Annotation => {
                let pair = format!("{HANDLE_ANNOTATION}={}", handle.expose());
                client.args(["--annotation", &pair]);
            }
            Channel::Variable => {
                client.args(["-e", HANDLE_VARIABLE]);
                client.env(HANDLE_VARIABLE, handle.expose());
            }
        }
        client
    }

    /// Stages a payload for its owner's next container, which `arguments` describe.
    pub fn run(&self, payload: Payload, arguments: &[&str]) -> Result<Outcome> {
        let handle = staging::stage(&staging::ticket(self.owner(), payload)?)?;
        let arguments = unhurried(&[&["run"], arguments].concat());
        run(self
            .with_handle("run", &handle)
            .args(arguments.iter().skip(1)))
    }

    /// Starts a container in the background; it is removed when dropped.
    pub fn start(&self, payload: Payload, arguments: &[&str]) -> Result<Container> {
        let name = unique("jackin");
        let mut all = vec!["-d", "--name", &name];
        all.extend_from_slice(arguments);
        self.run(payload, &all)?.success()?;
        Ok(self.adopt(name))
    }

    /// Takes charge of a container that exists.
    pub fn adopt(&self, name: String) -> Container {
        Container {
            engine: Arc::clone(&self.engine),
            name,
        }
    }
}

/// A name that no other test uses, in this run or another.
pub fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{prefix}-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// A container that goes with its test.
#[derive(Debug)]
pub struct Container {
    engine: Arc<Engine>,
    /// What it is called.
    pub name: String,
}

impl Container {
    /// Its full id.
    pub fn id(&self) -> Result<String> {
        self.inspect("{{.Id}}")
    }

    /// What `docker inspect` says in a format.
    pub fn inspect(&self, format: &str) -> Result<String> {
        self.engine
            .docker(&["inspect", "--type", "container", "-f", format, &self.name])
    }

    /// Runs a command in it, however it ends.
    pub fn exec(&self, arguments: &[&str]) -> Result<Outcome> {
        let mut all = vec!["exec"];
        let flags = arguments
            .iter()
            .take_while(|word| word.starts_with('-'))
            .count();
        all.extend_from_slice(&arguments[..flags]);
        all.push(&self.name);
        all.extend_from_slice(&arguments[flags..]);
        self.engine.try_docker(&all)
    }

    /// Runs a shell's script in it; what it prints, trimmed.
    pub fn shell(&self, script: &str) -> Result<String> {
        let output = self.exec(&["sh", "-c", script])?.success()?;
        Ok(output.trim_end().to_owned())
    }

    /// Removes it, running or not.
    pub fn remove(&self) -> Result<()> {
        self.engine
            .docker(&["rm", "--force", "--volumes", &self.name])?;
        Ok(())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}
