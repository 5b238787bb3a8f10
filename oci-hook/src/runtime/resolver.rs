//! Resolving a request again when its container restarts: as the ticket's
//! owner, in a process that has nothing of ours but a pipe.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::MemfdFlags;
use rustix::process::{Gid, Uid};
use zeroize::Zeroizing;

use super::log::Log;
use crate::config;
use crate::container::Record;
use crate::file;
use crate::identity::Identity;
use crate::passwd;
use crate::payload::Payload;
use crate::raw;
use crate::ticket::{Resolution, Resolved, SCHEMA, to_wiped_json};

/// How long the resolver may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);

const MAX_ANSWER: usize = 4 << 20;
const MAX_REASON: u64 = 4 << 10;

/// Why a request is not resolved again.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the owner, uid {0}, is not in /etc/passwd")]
    UnknownOwner(u32),
    #[error("{0} must be owned by root and writable by nobody else")]
    NotRoots(PathBuf),
    #[error("it took longer than {} s", TIME_LIMIT.as_secs())]
    TimeLimit,
    #[error("it ended with {status}: {reason}")]
    Refused { status: ExitStatus, reason: String },
    #[error("its answer is longer than {MAX_ANSWER} bytes")]
    TooLong,
    #[error("its answer is not one of schema {SCHEMA}; install one version of both sides")]
    Answer,
    #[error("failed to {0}: {1}")]
    System(&'static str, io::Error),
}

/// The record with a payload resolved afresh, or, where that cannot be had,
/// as it was, which the log then says.
pub fn refresh(mut record: Record, resolver: Option<&Path>, log: &Log) -> Record {
    let (Some(resolver), Some(request)) = (resolver, &record.request) else {
        return record;
    };
    let resolution = Resolution {
        schema: SCHEMA,
        request: request.clone(),
        payload: record.payload.clone(),
    };
    match resolve(resolver, record.handle.owner, &resolution) {
        Ok(payload) => record.payload = payload,
        Err(error) => log.warn(&format!(
            "the login was not resolved afresh by {}, and the container starts with the one it \
             had: {error}",
            resolver.display()
        )),
    }
    record
}

fn resolve(resolver: &Path, owner: u32, resolution: &Resolution) -> Result<Payload, Error> {
    let program = File::open(resolver).map_err(failed("open the resolver"))?;
    if !config::is_roots_alone(&program).map_err(failed("stat the resolver"))? {
        return Err(Error::NotRoots(resolver.to_owned()));
    }
    let (identity, home) = owner_of(owner)?;
    let question = to_wiped_json(resolution).map_err(|_| Error::Answer)?;
    let mut command = Command::new(resolver);
    command
        .arg("resolve")
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .current_dir("/")
        .stdin(in_memory(&question).map_err(failed("hand over the request"))?)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    raw::end_with_us(&mut command);
    raw::become_identity(&mut command, &identity);
    let mut child = command.spawn().map_err(failed("start the resolver"))?;
    let answer = hear_out(&mut child);
    if answer.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(failed("wait for the resolver"))?;
    let answer = answer?;
    if !status.success() {
        let reason = reason(&mut child);
        return Err(Error::Refused { status, reason });
    }
    let resolved: Resolved = serde_json::from_slice(&answer).map_err(|_| Error::Answer)?;
    if resolved.schema != SCHEMA {
        return Err(Error::Answer);
    }
    Ok(resolved.payload)
}

/// The owner's ids, groups and home, from the host's own files.
fn owner_of(uid: u32) -> Result<(Identity, PathBuf), Error> {
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
    Ok((identity, entry.home))
}

/// A file in memory alone, to be read from its start: unlike a pipe it does
/// not make us wait for the reader.
fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("request", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// Reads the answer to its end, within the time limit.
fn hear_out(child: &mut Child) -> Result<Zeroizing<Vec<u8>>, Error> {
    let until = Instant::now() + TIME_LIMIT;
    // Never grown, since growing would leave copies of secrets behind.
    let mut answer = Zeroizing::new(vec![0; MAX_ANSWER + 1]);
    let mut length = 0;
    let Some(stdout) = &mut child.stdout else {
        return Ok(answer);
    };
    loop {
        wait_for(&stdout, until)?;
        let read = stdout
            .read(&mut answer[length..])
            .map_err(failed("read the answer"))?;
        length += read;
        if read == 0 {
            answer.truncate(length);
            return Ok(answer);
        }
        if length > MAX_ANSWER {
            return Err(Error::TooLong);
        }
    }
}

fn wait_for(fd: impl AsFd, until: Instant) -> Result<(), Error> {
    let left = until.saturating_duration_since(Instant::now());
    let left = Timespec::try_from(left).map_err(|_| Error::TimeLimit)?;
    match poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&left)) {
        Ok(0) => Err(Error::TimeLimit),
        Ok(_) => Ok(()),
        Err(error) => Err(failed("wait for the answer")(error)),
    }
}

/// What the resolver said on standard error, one line of it.
fn reason(child: &mut Child) -> String {
    let mut text = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = stderr.take(MAX_REASON).read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    text.lines()
        .next()
        .unwrap_or("it gave no reason")
        .to_owned()
}

fn failed<E: Into<io::Error>>(action: &'static str) -> impl Fn(E) -> Error {
    move |error| Error::System(action, error.into())
}
