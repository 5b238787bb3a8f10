//! One engine and the file in which runtimes are registered with it.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::client::{Engine, EngineInfo, connect};
use super::context::{Surroundings, Target, resolve};
use super::daemon::{self, DEFAULT_CONFIG, Daemon, DaemonError};
use super::daemon_json::DaemonJson;
use super::endpoint::Endpoint;
use super::error::EngineError;
use super::owner::Owner;
use super::whole_file::WholeFile;
use crate::failure::{Failure, Kind};

/// How long an engine may take to reload, in seconds.
const RELOAD: u64 = 30;

/// How long nothing is said about waiting, in seconds.
const SILENCE: u64 = 1;

/// How often the engine is asked whether it is done, in milliseconds.
const POLL: u64 = 50;

/// The chosen engine and its configuration file.
pub struct Registration {
    /// Which engine was chosen, and by what.
    pub target: Target,
    /// The engine, when one runs.
    pub running: Option<Running>,
    /// Its configuration file.
    pub config: PathBuf,
    /// Whose engine it is.
    pub owner: Owner,
}

/// An engine that runs.
pub struct Running {
    /// The engine.
    pub engine: Engine,
    /// What it says of itself.
    pub info: EngineInfo,
    /// Its process, when that can be told.
    pub daemon: Result<Daemon, DaemonError>,
}

impl Registration {
    /// Finds the engine that docker would use here and the file it reads:
    /// `config` when it is given, else what its dockerd was started with,
    /// else `/etc/docker/daemon.json`, of a rootless one
    /// `~/.config/docker/daemon.json`.
    ///
    /// # Errors
    /// When the engine is not on this machine, lets us not in, or when its
    /// file cannot be told.
    pub fn find(around: &Surroundings<'_>, config: Option<&Path>) -> Result<Self, Failure> {
        let target = resolve(around)?;
        let running = Running::reach(&target)?;
        let owner = match &running {
            Some(running) => running.owner()?,
            None => match target.local()? {
                Endpoint::Unix(socket) => Owner::of_socket(socket)?,
                _ => Owner::Root,
            },
        };
        let config = match (config, &running) {
            (Some(path), _) => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            (None, Some(running)) => running.config_file()?,
            (None, None) => match &owner {
                Owner::Root => DEFAULT_CONFIG.into(),
                Owner::User { config, .. } => config.join("docker/daemon.json"),
            },
        };
        Ok(Self {
            target,
            running,
            config,
            owner,
        })
    }

    /// The engine's configuration file, parsed.
    ///
    /// # Errors
    /// When it cannot be read, or is no JSON.
    pub fn read_config(&self) -> Result<(WholeFile, DaemonJson), Failure> {
        let file =
            WholeFile::read(&self.config).map_err(|error| unreadable(&self.config, &error))?;
        let json = DaemonJson::parse(file.text().unwrap_or_default())
            .map_err(|error| left_as_it_is(&self.config, &error))?;
        Ok((file, json))
    }

    /// Holds a finished configuration file to what the engine's own program
    /// says of it.
    ///
    /// # Errors
    /// It refuses the file.
    pub fn accept(&self, staged: &Path) -> io::Result<()> {
        match self.daemon().map(Daemon::program) {
            Some(program) => daemon::validate(program, staged),
            None => Ok(()),
        }
    }

    /// What the engine that reads the configuration file says of itself.
    pub fn reader(&self) -> Option<&EngineInfo> {
        self.daemon()?;
        self.running.as_ref().map(|running| &running.info)
    }

    /// The dockerd that reads the configuration file.
    pub fn daemon(&self) -> Option<&Daemon> {
        let daemon = self.running.as_ref()?.daemon.as_ref().ok()?;
        let same = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        (same(&daemon.config_file()) == same(&self.config)).then_some(daemon)
    }

    /// Refuses an engine whose command line already has what the file would.
    ///
    /// # Errors
    /// When its dockerd was started with `--add-runtime`.
    pub fn require_no_flags(&self) -> Result<(), Failure> {
        if !self.daemon().is_some_and(Daemon::takes_runtimes_by_flag) {
            return Ok(());
        }
        let message = format!(
            "cannot register in {}: dockerd was started with --add-runtime, and refuses runtimes \
             from both its command line and its file",
            self.config.display()
        );
        Err(Failure::new(Kind::Configuration, message)
            .hint("move the runtimes of its command line into the file, and restart it"))
    }

    /// Refuses an engine whose command line names its default runtime.
    ///
    /// # Errors
    /// When its dockerd was started with `--default-runtime`.
    pub fn require_no_default_flag(&self) -> Result<(), Failure> {
        if !self
            .daemon()
            .is_some_and(Daemon::takes_default_runtime_by_flag)
        {
            return Ok(());
        }
        let message = format!(
            "cannot set the default runtime in {}: dockerd was started with --default-runtime, \
             and refuses one from both its command line and its file",
            self.config.display()
        );
        Err(Failure::new(Kind::Configuration, message)
            .hint("take it off its command line, and restart it"))
    }

    /// Makes the engine read its file again, and waits until it is `done`.
    /// Without a running engine that reads it, there is nothing to wait for.
    ///
    /// # Errors
    /// When it does not get there within 30 s.
    pub fn reload_until(
        &self,
        screen: &mut dyn Write,
        done: &dyn Fn(&EngineInfo) -> bool,
    ) -> Result<Reload, Failure> {
        let (Some(running), Some(daemon)) = (&self.running, self.daemon()) else {
            return Ok(Reload::NotRunning);
        };
        if done(&running.engine.info()?) {
            return Ok(Reload::Done);
        }
        daemon.reload().map_err(|error| {
            Failure::new(Kind::Engine, format!("cannot make dockerd reload: {error}"))
        })?;
        let begin = Instant::now();
        let mut told = !io::stderr().is_terminal();
        while !done(&running.engine.info()?) {
            let waited = begin.elapsed().as_secs();
            if waited >= RELOAD {
                return Err(self.not_taken());
            }
            if waited >= SILENCE && !told {
                told = true;
                let _ = writeln!(
                    screen,
                    "waiting for the engine to read {} …",
                    self.config.display()
                );
            }
            std::thread::sleep(Duration::from_millis(POLL));
        }
        Ok(Reload::Done)
    }

    fn not_taken(&self) -> Failure {
        let message = format!(
            "the engine did not take {} within {RELOAD} s",
            self.config.display()
        );
        let failure = Failure::new(Kind::Engine, message).hint("its log says why");
        match WholeFile::read(&self.config) {
            Ok(file) if file.backup_path().exists() => failure.hint(format!(
                "the file as it was before is {}",
                file.backup_path().display()
            )),
            _ => failure,
        }
    }
}

/// Whether the engine has taken a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// It has.
    Done,
    /// No engine that reads the file is running, or none that we can tell.
    NotRunning,
}

impl Running {
    /// The engine behind a target; `None` when none runs there.
    fn reach(target: &Target) -> Result<Option<Self>, Failure> {
        let engine = match connect(target.local()?) {
            Ok(engine) => engine,
            Err(EngineError::Unreachable { reason, .. })
                if matches!(
                    reason.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let info = engine.info()?;
        if info.operating_system == "Docker Desktop" {
            return Err(unsupported("Docker Desktop, in a virtual machine"));
        }
        let daemon = Daemon::behind(engine.socket());
        Ok(Some(Self {
            engine,
            info,
            daemon,
        }))
    }

    /// Whose it is.
    fn owner(&self) -> Result<Owner, Failure> {
        if !self.info.is_rootless() {
            return Ok(Owner::Root);
        }
        match &self.daemon {
            Ok(daemon) => Owner::of_uid(daemon.uid()),
            Err(error) => Err(Failure::new(Kind::Engine, error)
                .hint("as the user whose rootless engine it is, try again")),
        }
    }

    fn config_file(&self) -> Result<PathBuf, Failure> {
        match &self.daemon {
            Ok(daemon) => Ok(daemon.config_file()),
            Err(error) => Err(Failure::new(Kind::Engine, error)
                .hint("name the file that the engine reads with --daemon-config PATH")),
        }
    }
}

fn unsupported(what: &str) -> Failure {
    Failure::new(
        Kind::Engine,
        format!("cannot register with this engine: it is {what}, which is not supported yet"),
    )
    .hint("choose an engine that runs as root here: docker --context default jackin …")
}

/// A file that cannot be read.
pub fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Kind::Configuration,
        format!("cannot read {}: {error}", path.display()),
    )
}

/// A file that is left alone, and why.
pub fn left_as_it_is(path: &Path, reason: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        Kind::Configuration,
        format!("{} is left as it is: {reason}", path.display()),
    )
}
