//! Passing docker's wish to stop on to the docker that we become.
//!
//! From version 25 on docker does not signal a plugin that has no terminal:
//! it closes the socket it gave the plugin, and expects the plugin to end
//! (docker/cli, `cli-plugins/socket`). The `docker run` that we become does
//! not know that socket, so a small process of ours keeps it and signals
//! `docker run`, which hands the signal on to the container.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, getpid, getppid, pidfd_open, pidfd_send_signal};

/// The verb by which the relay is started.
pub const VERB: &str = "relay-stop";

/// The variable in which docker names the socket.
pub const SOCKET: &str = "DOCKER_CLI_PLUGIN_SOCKET";

/// Starts the relay for this process, which is about to become docker. Where
/// docker gave no socket there is nothing to pass on.
pub fn start() {
    if std::env::var_os(SOCKET).is_none() {
        return;
    }
    let started = Command::new("/proc/self/exe")
        .arg(VERB)
        .arg(getpid().as_raw_pid().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = started {
        tracing::debug!(%error, "failed to start the relay");
    }
}

/// The relay: waits until docker wants its plugin to stop, or until the
/// process that it was started for is gone.
///
/// # Errors
/// That process cannot be watched.
pub fn run(pid: i32) -> io::Result<()> {
    // A pid that is no longer our parent's may be anybody's by now.
    let parent = getppid().filter(|parent| parent.as_raw_pid() == pid);
    let Some(parent) = parent else {
        return Ok(());
    };
    let process = pidfd_open(parent, PidfdFlags::empty())?;
    if getppid() != Pid::from_raw(pid) {
        return Ok(());
    }
    let name = std::env::var(SOCKET).unwrap_or_default();
    // A socket that is gone already says the same as one that closes.
    if let Ok(socket) = connect(&name) {
        let mut watched = [
            PollFd::new(&process, PollFlags::IN),
            PollFd::new(&socket, PollFlags::IN),
        ];
        while poll(&mut watched, None) == Err(rustix::io::Errno::INTR) {}
        if !watched[0].revents().is_empty() {
            return Ok(());
        }
    }
    pidfd_send_signal(&process, Signal::TERM)?;
    Ok(())
}

/// Connects to docker's socket; a leading `@` stands for the abstract
/// namespace, as in Go.
fn connect(name: &str) -> io::Result<UnixStream> {
    match name.strip_prefix('@') {
        Some(name) => UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?),
        None => UnixStream::connect(Path::new(name)),
    }
}
