//! What outlives us beside the docker that we become: it takes back a ticket
//! that no container came for, and passes on docker's wish to stop.
//!
//! A `docker run` that fails early, or that is interrupted while it pulls,
//! leaves its ticket unredeemed. Once it has ended nobody can come for it, and
//! the logins in it are kept up to date for those alone who follow them.
//!
//! From version 25 on docker does not signal a plugin that has no terminal:
//! it closes the socket it gave the plugin, and expects the plugin to end
//! (docker/cli, `cli-plugins/socket`). The `docker run` that we become does
//! not know that socket, so a small process of ours keeps it and signals
//! `docker run`, which hands the signal on to the container.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    PidfdFlags, Signal, geteuid, getpid, getppid, pidfd_open, pidfd_send_signal,
};

use crate::live::Logins;

/// The verb by which the relay is started.
pub const VERB: &str = "relay";

/// The variable in which the relay is told the ticket's file: unlike its
/// arguments, other users cannot read it.
const TICKET: &str = "DOCKER_JACKIN_RELAY_TICKET";

/// The variable in which docker names the socket.
pub const SOCKET: &str = "DOCKER_CLI_PLUGIN_SOCKET";

/// Starts the relay for this process, which is about to become docker, and
/// for the ticket that it takes along. Without either a ticket or docker's
/// socket there is nothing for it to do.
pub fn start(ticket: Option<&Path>) {
    if ticket.is_none() && std::env::var_os(SOCKET).is_none() {
        return;
    }
    let mut relay = Command::new("/proc/self/exe");
    if let Some(ticket) = ticket {
        relay.env(TICKET, ticket);
    }
    let started = relay
        .arg0("docker-jackin")
        .arg(VERB)
        .arg(getpid().as_raw_pid().to_string())
        // What is typed to interrupt docker is not meant for it.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = started {
        tracing::debug!(%error, "failed to start the relay");
    }
}

/// The relay: waits until the process that it was started for is gone, asking
/// it to end when docker wants its plugin to stop. Then the ticket goes too.
///
/// # Errors
/// That process cannot be watched.
pub fn run(pid: i32) -> io::Result<()> {
    if let Some(process) = parent(pid)? {
        let socket = std::env::var(SOCKET).ok();
        // An empty name is none, as for docker's own plugins.
        if let Some(socket) = socket.filter(|name| !name.is_empty()) {
            pass_on_the_stop(&process, &socket)?;
        }
        wait_for(&mut [PollFd::new(&process, PollFlags::IN)])?;
    }
    if let Some(ticket) = std::env::var_os(TICKET).map(PathBuf::from) {
        // One that is not there was redeemed.
        let _ = std::fs::remove_file(&ticket);
        expect_nobody(&ticket);
    }
    Ok(())
}

/// Nobody comes for published logins any more with the ticket in this file.
fn expect_nobody(ticket: &Path) {
    let logins = Logins::of_user(geteuid().as_raw());
    let name = ticket.file_name().and_then(OsStr::to_str);
    if let (Ok(logins), Some(name)) = (logins, name) {
        logins.drop_wanted(name);
    }
}

/// The process `pid`, if it is our parent: one that is not has ended, and its
/// number may be anybody's by now.
fn parent(pid: i32) -> io::Result<Option<OwnedFd>> {
    let is_parent = || getppid().filter(|parent| parent.as_raw_pid() == pid);
    let Some(parent) = is_parent() else {
        return Ok(None);
    };
    match pidfd_open(parent, PidfdFlags::empty()) {
        Ok(process) => Ok(is_parent().map(|_| process)),
        Err(Errno::SRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Waits for the process's end or for the socket's, and for the latter asks
/// the process to end.
fn pass_on_the_stop(process: &OwnedFd, socket: &str) -> io::Result<()> {
    // A socket that is gone already says the same as one that closes.
    if let Ok(socket) = connect(socket) {
        let mut watched = [
            PollFd::new(process, PollFlags::IN),
            PollFd::new(&socket, PollFlags::IN),
        ];
        wait_for(&mut watched)?;
        if !watched[0].revents().is_empty() {
            return Ok(());
        }
    }
    match pidfd_send_signal(process, Signal::TERM) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn wait_for(watched: &mut [PollFd<'_>]) -> io::Result<()> {
    loop {
        match poll(watched, None) {
            Err(Errno::INTR) => {}
            other => return Ok(other.map(|_| ())?),
        }
    }
}

/// Connects to docker's socket; a leading `@` stands for the abstract
/// namespace, as in Go.
fn connect(name: &str) -> io::Result<UnixStream> {
    match name.strip_prefix('@') {
        Some(name) => UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?),
        None => UnixStream::connect(Path::new(name)),
    }
}
