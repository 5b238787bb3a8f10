//! The dockerd process behind a socket: what it reads, and how it reloads.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, PidfdFlags, Signal};

/// What dockerd reads when nothing else is said.
pub const DEFAULT_CONFIG: &str = "/etc/docker/daemon.json";

/// A running dockerd.
#[derive(Debug)]
pub struct Daemon {
    /// Held open, so that a signal cannot hit a later process of that number.
    process: OwnedFd,
    program: PathBuf,
    arguments: Vec<OsString>,
    folder: PathBuf,
    default_config: PathBuf,
    uid: u32,
}

/// Why the process behind a socket is not known.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The socket's other side lies in another PID namespace, or is systemd
    /// with no docker.service that runs.
    #[error("cannot tell which process serves {}", .0.display())]
    Unknown(PathBuf),
    /// It is some other program.
    #[error("{} is served by {program:?}, not by dockerd", socket.display())]
    NotDockerd {
        /// The socket.
        socket: PathBuf,
        /// The process's name.
        program: String,
    },
    /// The process cannot be looked at.
    #[error("cannot look at the process that serves {}: {reason}", socket.display())]
    Hidden {
        /// The socket.
        socket: PathBuf,
        /// Why not.
        reason: io::Error,
    },
}

impl Daemon {
    /// The dockerd that serves `socket`.
    ///
    /// # Errors
    /// When the process cannot be found, seen, or is no dockerd.
    pub fn behind(socket: &Path) -> Result<Self, DaemonError> {
        let hidden = |reason: io::Error| DaemonError::Hidden {
            socket: socket.to_owned(),
            reason,
        };
        let (pid, uid) = listener(socket).map_err(hidden)?;
        let pid = pid.ok_or_else(|| DaemonError::Unknown(socket.to_owned()))?;
        let process = rustix::process::pidfd_open(pid, PidfdFlags::empty())
            .map_err(|error| hidden(error.into()))?;
        let own = PathBuf::from(format!("/proc/{pid}"));
        let name = fs::read_to_string(own.join("comm")).map_err(hidden)?;
        if name.trim() != "dockerd" {
            return Err(DaemonError::NotDockerd {
                socket: socket.to_owned(),
                program: name.trim().to_owned(),
            });
        }
        let command_line = fs::read(own.join("cmdline")).map_err(hidden)?;
        let environment = fs::read(own.join("environ")).map_err(hidden)?;
        Ok(Self {
            process,
            program: fs::read_link(own.join("exe")).map_err(hidden)?,
            arguments: split_command_line(&command_line),
            folder: fs::read_link(own.join("cwd")).map_err(hidden)?,
            default_config: default_config(&environment),
            uid,
        })
    }

    /// The program it runs, such as `/usr/bin/dockerd`.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The configuration file it reads.
    pub fn config_file(&self) -> PathBuf {
        match flag_value(&self.arguments, "--config-file") {
            Some(path) => self.folder.join(path),
            None => self.default_config.clone(),
        }
    }

    /// Whose process it is: root's, or that of a rootless engine's user.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Whether its command line names the default runtime, which excludes
    /// `default-runtime` in its configuration file.
    pub fn takes_default_runtime_by_flag(&self) -> bool {
        flag_value(&self.arguments, "--default-runtime").is_some()
    }

    /// Whether runtimes were given on its command line, which excludes
    /// `runtimes` in its configuration file.
    pub fn takes_runtimes_by_flag(&self) -> bool {
        flag_value(&self.arguments, "--add-runtime").is_some()
    }

    /// Makes it read its configuration file again. It answers before it is
    /// done. `systemctl reload docker` does no more than this.
    ///
    /// # Errors
    /// When it is gone, or not ours to signal.
    pub fn reload(&self) -> io::Result<()> {
        Ok(rustix::process::pidfd_send_signal(
            &self.process,
            Signal::HUP,
        )?)
    }
}

/// Asks the daemon's own program whether a configuration file is good.
///
/// Engines before 23.0 know no `--validate`; their answer is no verdict, nor is
/// a program that is not to be seen from here.
///
/// # Errors
/// With the program's own words when it refuses the file.
pub fn validate(program: &Path, config: &Path) -> io::Result<()> {
    let output = Command::new(program)
        .args(["--validate", "--config-file"])
        .arg(config)
        .output();
    let output = match output {
        // It lies in a mount namespace of the daemon's own.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        output => output?,
    };
    let words = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || words.contains("unknown flag") {
        return Ok(());
    }
    let words = words.trim();
    Err(io::Error::other(format!(
        "{} refuses it: {words}",
        program.display()
    )))
}

/// The process that listens on a socket, and whose it is.
fn listener(socket: &Path) -> io::Result<(Option<Pid>, u32)> {
    let stream = UnixStream::connect(socket)?;
    let peer = rustix::net::sockopt::socket_peercred(&stream)?;
    // With socket activation it is systemd that listens; it knows for whom.
    let pid = if peer.pid == Pid::INIT {
        systemd_main_pid()
    } else {
        Some(peer.pid)
    };
    Ok((pid, peer.uid.as_raw()))
}

/// What dockerd reads when its command line says nothing: below `RootlessKit`,
/// a file in its user's folder for configuration.
fn default_config(environment: &[u8]) -> PathBuf {
    let variable = |name: &str| {
        let mut entries = environment.split(|byte| *byte == 0);
        let value = entries
            .find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
            .filter(|value| !value.is_empty())?;
        Some(PathBuf::from(OsStr::from_bytes(value)))
    };
    if variable("ROOTLESSKIT_STATE_DIR").is_none() {
        return DEFAULT_CONFIG.into();
    }
    let folder = variable("XDG_CONFIG_HOME")
        .or_else(|| Some(variable("HOME")?.join(".config")))
        .unwrap_or_default();
    folder.join("docker/daemon.json")
}

/// The main process of systemd's docker.service.
fn systemd_main_pid() -> Option<Pid> {
    let output = Command::new("systemctl")
        .args(["show", "--property=MainPID", "--value", "docker.service"])
        .output()
        .ok()?;
    let pid = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .ok()?;
    Pid::from_raw(pid)
}

fn split_command_line(bytes: &[u8]) -> Vec<OsString> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let words = bytes.split(|byte| *byte == 0);
    words
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect()
}

/// The value of a flag, in either of its spellings; the last one counts.
fn flag_value(arguments: &[OsString], flag: &str) -> Option<String> {
    let mut value = None;
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if word == flag {
            value = words.next().map(String::from);
        } else if let Some(rest) = word
            .strip_prefix(flag)
            .and_then(|rest| rest.strip_prefix('='))
        {
            value = Some(rest.to_owned());
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn words(line: &str) -> Vec<OsString> {
        split_command_line(line.replace(' ', "\0").as_bytes())
    }

    #[test]
    fn both_spellings_of_a_flag_are_read_and_the_last_counts() {
        let value = |line: &str| flag_value(&words(line), "--config-file");
        assert_eq!(value("dockerd --debug"), None);
        assert_eq!(value("dockerd --config-file /a -D"), Some("/a".into()));
        assert_eq!(value("dockerd --config-file=/a"), Some("/a".into()));
        assert_eq!(
            value("dockerd --config-file=/a --config-file /b\0"),
            Some("/b".into())
        );
        assert_eq!(value("dockerd --config-files=/a"), None);
        assert_eq!(value("dockerd --config-file"), None);
    }

    #[test]
    fn a_relative_configuration_file_lies_below_the_daemons_folder() {
        let process = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty());
        let mut daemon = Daemon {
            process: process.unwrap(),
            program: "/usr/bin/dockerd".into(),
            arguments: words("dockerd --config-file conf/daemon.json --add-runtime=a=b"),
            folder: "/srv".into(),
            default_config: DEFAULT_CONFIG.into(),
            uid: 0,
        };
        assert_eq!(daemon.config_file(), Path::new("/srv/conf/daemon.json"));
        assert!(daemon.takes_runtimes_by_flag());
        daemon.arguments = words("dockerd");
        assert_eq!(daemon.config_file(), Path::new(DEFAULT_CONFIG));
        assert!(!daemon.takes_runtimes_by_flag());
    }

    #[test]
    fn below_rootlesskit_the_file_is_the_users_own() {
        let config = |environment: &str| default_config(environment.replace(' ', "\0").as_bytes());
        assert_eq!(config("HOME=/root"), Path::new(DEFAULT_CONFIG));
        assert_eq!(
            config("ROOTLESSKIT_STATE_DIR=/s HOME=/home/me"),
            Path::new("/home/me/.config/docker/daemon.json")
        );
        assert_eq!(
            config("XDG_CONFIG_HOME=/c ROOTLESSKIT_STATE_DIR=/s HOME=/home/me"),
            Path::new("/c/docker/daemon.json")
        );
    }

    #[test]
    fn a_socket_of_another_program_is_not_taken_for_dockerds() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let _listener = UnixListener::bind(&socket).unwrap();
        let error = Daemon::behind(&socket).unwrap_err();
        assert!(matches!(error, DaemonError::NotDockerd { .. }), "{error}");
    }

    #[test]
    fn the_engines_own_program_is_asked_about_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let script = |name: &str, body: &str| {
            use std::os::unix::fs::PermissionsExt;
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let ok = script("ok", "[ \"$*\" = \"--validate --config-file /f\" ]");
        let old = script("old", "echo unknown flag: --validate >&2; exit 125");
        let no = script("no", "echo bad key >&2; exit 1");
        assert!(validate(&ok, Path::new("/f")).is_ok());
        assert!(validate(&old, Path::new("/f")).is_ok());
        assert!(validate(Path::new("/nowhere/dockerd"), Path::new("/f")).is_ok());
        let error = validate(&no, Path::new("/f")).unwrap_err().to_string();
        assert!(error.ends_with("refuses it: bad key"), "{error}");
    }
}
