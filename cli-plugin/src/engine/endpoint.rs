//! Where an engine listens, and how docker writes that down.

use std::fmt;
use std::path::PathBuf;

/// Where docker's own client looks when nothing is said.
pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket on this machine.
    Unix(PathBuf),
    /// `host:port`, and a path where one was given.
    Tcp(String),
    /// A machine reached through ssh: what follows `ssh://`.
    Ssh(String),
    /// A named pipe of Windows: what follows `npipe://`.
    NamedPipe(String),
    /// A socket handed over by systemd: for daemons only.
    FileDescriptor(String),
}

impl Endpoint {
    /// Reads an engine's address as docker/cli's `opts.ParseHost` does; `None`
    /// for a scheme that docker refuses.
    pub fn parse(address: &str) -> Option<Self> {
        let address = address.trim();
        if address.is_empty() {
            return Some(Self::Unix(DEFAULT_SOCKET.into()));
        }
        let Some((scheme, rest)) = address.split_once("://") else {
            return Some(Self::Tcp(complete_tcp(address)));
        };
        Some(match scheme {
            "unix" if rest.is_empty() => Self::Unix(DEFAULT_SOCKET.into()),
            "unix" => Self::Unix(rest.into()),
            "tcp" => Self::Tcp(complete_tcp(rest)),
            "ssh" => Self::Ssh(rest.to_owned()),
            "npipe" => Self::NamedPipe(rest.to_owned()),
            "fd" => Self::FileDescriptor(rest.to_owned()),
            _ => return None,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Ssh(machine) => write!(f, "ssh://{machine}"),
            Self::NamedPipe(pipe) => write!(f, "npipe://{pipe}"),
            Self::FileDescriptor(name) => write!(f, "fd://{name}"),
        }
    }
}

/// Fills in docker's default host and port where an address leaves them out.
fn complete_tcp(address: &str) -> String {
    let (authority, path) = match address.find('/') {
        Some(start) => address.split_at(start),
        None => (address, ""),
    };
    let after_bracket = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[after_bracket..].rfind(':') {
        Some(colon) => authority.split_at(after_bracket + colon),
        None => (authority, ":2375"),
    };
    let host = if host.is_empty() { "localhost" } else { host };
    format!("{host}{port}{path}")
}
