//! Resolving a request: again when its container restarts, or for the first
//! time where a policy's rule gives it. As the request's owner, in a process that
//! has nothing of ours but three files in memory.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::MemfdFlags;
use rustix::io::Errno;
use rustix::process::{Gid, Pid, PidfdFlags, Signal, Uid, kill_process_group, pidfd_open};
use serde_json::value::RawValue;

use super::log::Log;
use super::watcher;
use crate::file;
use crate::identity::Identity;
use crate::passwd;
use crate::payload::Payload;
use crate::raw;
use crate::record::Record;
use crate::standing::Standing;
use crate::ticket::{Asked, PolicyRequest, Resolution, Resolved, SCHEMA, to_wiped_json};

/// How long the resolver may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);

const MAX_ANSWER: u64 = 4 << 20;
const MAX_REASON: u64 = 4 << 10;

/// How many of the resolver's warnings reach the log, and how long each may
/// be, in characters, and its reason too: its owner does not fill it.
const MAX_WARNINGS: usize = 16;
const MAX_WARNING: usize = 500;

/// Why a request is not resolved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its owner is no user of the host's.
    #[error("the owner, uid {0}, is not in /etc/passwd")]
    UnknownOwner(u32),
    /// Somebody else could have put it there.
    #[error(
        "{} must be owned by root, or by you for a rootless engine, and writable by nobody else",
        .0.display()
    )]
    NotTrusted(PathBuf),
    /// A rootless engine is somebody else's.
    #[error("this rootless engine is not uid {0}'s, whose login it is")]
    OtherEngine(u32),
    /// It was ended.
    #[error("it took longer than {} s", TIME_LIMIT.as_secs())]
    TimeLimit,
    /// It said why.
    #[error("it ended with {status}: {reason}")]
    Refused {
        /// How it ended.
        status: ExitStatus,
        /// The first line of what it said.
        reason: String,
    },
    /// It answered something else.
    #[error("its answer is not one of schema {SCHEMA}; install one version of both sides")]
    Answer,
    /// A system call failed.
    #[error("failed to {0}: {1}")]
    System(&'static str, io::Error),
}

/// The record with a payload resolved afresh, or, where that cannot be had,
/// as it was, which the log then says.
pub fn refresh(mut record: Record, resolver: Option<&Path>, log: &Log) -> Record {
    if let Err(error) = renew(&mut record, resolver, log) {
        log.warn(&format!(
            "the login was not resolved afresh by {}, and the container starts with the one it \
             had: {error}",
            resolver.unwrap_or(Path::new("")).display()
        ));
    }
    record
}

/// Gives the record a payload resolved afresh, where there is a resolver and a
/// request.
///
/// # Errors
/// It cannot be had. The record is as it was.
pub fn renew(record: &mut Record, resolver: Option<&Path>, log: &Log) -> Result<(), Error> {
    let (Some(resolver), Some(request)) = (resolver, &record.request) else {
        return Ok(());
    };
    let resolution = Resolution {
        schema: SCHEMA,
        asked: Asked::Request(request.clone()),
        payload: record.payload.clone(),
    };
    let owner = record.origin.owner();
    let resolved = resolve(resolver, owner, &resolution)?;
    if resolved.request.is_some() {
        record.request = resolved.request;
    }
    record.renew(resolved.payload);
    pass_on(&resolved.warnings, log);
    watcher::start(resolver, owner, &record.payload, log);
    Ok(())
}

/// What a policy's rule gives to a container that has had nothing of it yet,
/// and the request by which that is resolved again.
///
/// # Errors
/// It cannot be had.
pub fn resolve_rule(
    resolver: &Path,
    owner: u32,
    asked: &PolicyRequest,
    log: &Log,
) -> Result<(Box<RawValue>, Payload), Error> {
    let resolution = Resolution {
        schema: SCHEMA,
        asked: Asked::Policy(asked.clone()),
        payload: Payload::default(),
    };
    let resolved = resolve(resolver, owner, &resolution)?;
    pass_on(&resolved.warnings, log);
    watcher::start(resolver, owner, &resolved.payload, log);
    let request = resolved.request.ok_or(Error::Answer)?;
    Ok((request, resolved.payload))
}

fn pass_on(warnings: &[String], log: &Log) {
    for warning in warnings.iter().take(MAX_WARNINGS) {
        log.warn(&one_line(warning));
    }
}

fn resolve(resolver: &Path, owner: u32, resolution: &Resolution) -> Result<Resolved, Error> {
    let (mut command, identity) = of_owner(resolver, owner)?;
    let question = to_wiped_json(resolution).map_err(|_| Error::Answer)?;
    let (answer, reason) = (memory("answer")?, memory("reason")?);
    let share = |file: &File| {
        file.try_clone()
            .map_err(failed("share a file with the resolver"))
    };
    command
        .arg("resolve")
        .process_group(0)
        .stdin(filled("request", &question)?)
        .stdout(share(&answer)?)
        .stderr(share(&reason)?);
    raw::confine(&mut command, identity.as_ref(), MAX_ANSWER)
        .map_err(failed("drop privileges for the resolver"))?;
    let child = command.spawn().map_err(failed("start the resolver"))?;
    let status = wait(child)?;
    if !status.success() {
        let reason = first_line(reason);
        return Err(Error::Refused { status, reason });
    }
    let answer = rewound(answer)?;
    let answer = file::read_bounded(answer, MAX_ANSWER).map_err(failed("read the answer"))?;
    let resolved: Resolved = serde_json::from_slice(&answer).map_err(|_| Error::Answer)?;
    if resolved.schema != SCHEMA {
        return Err(Error::Answer);
    }
    Ok(resolved)
}

/// The program that resolves, to be run for an owner, with an environment of
/// theirs and nothing else's, and who they are.
///
/// # Errors
/// Also when somebody else could have put it there.
pub(super) fn of_owner(resolver: &Path, owner: u32) -> Result<(Command, Option<Identity>), Error> {
    let program = File::open(resolver).map_err(failed("open the resolver"))?;
    let standing = Standing::of_this_process().map_err(failed("read /proc/self/uid_map"))?;
    if !standing
        .trusts(&program)
        .map_err(failed("stat the resolver"))?
    {
        return Err(Error::NotTrusted(resolver.to_owned()));
    }
    let (identity, home) = owner_of(owner, standing)?;
    let mut command = Command::new(resolver);
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .current_dir("/");
    Ok((command, identity))
}

/// The owner's ids, groups and home, from the host's own files. A rootless
/// engine's root is its user already.
fn owner_of(uid: u32, standing: Standing) -> Result<(Option<Identity>, PathBuf), Error> {
    if standing != Standing::Root {
        standing.seen(uid).ok_or(Error::OtherEngine(uid))?;
        let home = passwd::home_on_host(uid).map_err(failed("read the host's users"))?;
        return Ok((None, home.ok_or(Error::UnknownOwner(uid))?));
    }
    let read = |path| {
        File::open(path)
            .and_then(|file| file::read_start(file, passwd::MAX_SIZE))
            .map_err(failed("read the host's users"))
    };
    let entry = passwd::by_uid(&read("/etc/passwd")?, uid).ok_or(Error::UnknownOwner(uid))?;
    let groups = passwd::groups_of(&read("/etc/group")?, &entry.name);
    let identity = Identity {
        uid: Uid::from_raw(uid),
        gid: Gid::from_raw(entry.gid),
        groups: groups.into_iter().map(Gid::from_raw).collect(),
    };
    Ok((Some(identity), entry.home))
}

/// A file in memory alone: unlike a pipe it makes neither side wait for the
/// other, and it is complete when the process is gone, whoever else has it.
fn memory(name: &str) -> Result<File, Error> {
    let fd = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC);
    fd.map(File::from).map_err(failed("make a file in memory"))
}

fn filled(name: &str, bytes: &[u8]) -> Result<File, Error> {
    let mut file = memory(name)?;
    file.write_all(bytes)
        .map_err(failed("hand over the request"))?;
    rewound(file)
}

fn rewound(mut file: File) -> Result<File, Error> {
    file.rewind().map_err(failed("read a file in memory"))?;
    Ok(file)
}

/// Waits for the resolver within the time limit, and ends it, with all of its
/// process group, when that is over.
fn wait(mut child: Child) -> Result<ExitStatus, Error> {
    let ended = has_ended(&child, TIME_LIMIT);
    if !matches!(ended, Ok(true))
        && let Some(group) = Pid::from_raw(child.id().cast_signed())
    {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let status = child.wait().map_err(failed("wait for the resolver"))?;
    if ended? {
        Ok(status)
    } else {
        Err(Error::TimeLimit)
    }
}

/// Whether the process ended within a time limit.
pub(super) fn has_ended(child: &Child, limit: Duration) -> Result<bool, Error> {
    let pid = Pid::from_raw(child.id().cast_signed()).ok_or(Error::TimeLimit)?;
    let process = pidfd_open(pid, PidfdFlags::empty()).map_err(failed("watch the resolver"))?;
    let until = Instant::now() + limit;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| Error::TimeLimit)?;
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&left)) {
            Ok(events) => return Ok(events > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(failed("wait for the resolver")(error)),
        }
    }
}

/// Words of the resolver's as one line of a log, or of a terminal of root's:
/// they may quote what its owner wrote.
fn one_line(words: &str) -> String {
    let plain = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MAX_WARNING).collect()
}

/// What the resolver said on standard error, one line of it.
fn first_line(reason: File) -> String {
    let text = rewound(reason)
        .ok()
        .and_then(|file| file::read_start(file, MAX_REASON).ok())
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    one_line(text.lines().next().unwrap_or("it gave no reason"))
}

pub(super) fn failed<E: Into<io::Error>>(action: &'static str) -> impl Fn(E) -> Error {
    move |error| Error::System(action, error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_without_control_characters() {
        let reason = |text: &str| first_line(filled("reason", text.as_bytes()).unwrap());
        assert_eq!(reason("no \x1b]0;x\x07login\nsecond"), "no  ]0;x login");
        assert_eq!(reason(""), "it gave no reason");
        assert_eq!(reason(&"x".repeat(5000)).len(), MAX_WARNING);
    }
}
