//! Making sure that somebody keeps the logins up to date that a container is to
//! follow: where no launch of the user's did, since it starts again or by a
//! policy.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::log::Log;
use super::resolver::{self, Error, failed};
use crate::payload::{Delivery, Payload};
use crate::raw;

/// How long the program may take to go into the background before nobody waits
/// for it any more.
const TIME_LIMIT: Duration = Duration::from_secs(1);

/// Starts `docker-jackin sync` as the owner of a payload that has a login to
/// follow in it. Where one runs already, it ends at once.
///
/// Trouble is no reason not to start a container, which has its login for now.
pub fn start(program: &Path, owner: u32, payload: &Payload, log: &Log) {
    let mut files = payload.files.iter();
    if !files.any(|file| matches!(file.delivery, Delivery::Live { .. })) {
        return;
    }
    if let Err(error) = try_start(program, owner) {
        log.warn(&format!(
            "'{} sync' did not start for uid {owner}, and the container's login may end while it \
             runs: {error}; start it with 'docker jackin sync'",
            program.display()
        ));
    }
}

/// It puts itself into the background, so its first process ends at once; that
/// is waited for, and no other.
fn try_start(program: &Path, owner: u32) -> Result<(), Error> {
    let (mut command, identity) = resolver::of_owner(program, owner)?;
    command
        .args(["sync", "--background"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    raw::release(&mut command, identity.as_ref()).map_err(failed("drop privileges for it"))?;
    let mut child = command.spawn().map_err(failed("start it"))?;
    if !resolver::has_ended(&child, TIME_LIMIT)? {
        return Ok(());
    }
    let status = child.wait().map_err(failed("wait for it"))?;
    if status.success() {
        return Ok(());
    }
    Err(failed("start it")(io::Error::other(status.to_string())))
}
