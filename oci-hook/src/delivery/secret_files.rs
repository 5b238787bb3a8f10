//! A payload's secret files on the container's own tmpfs, before the container
//! is entered.

use rustix::io::Errno;

use super::live::Live;
use super::{Error, failed};
use crate::identity::Identity;
use crate::kept::Kept;
use crate::payload::Payload;
use crate::secret::Secret;
use crate::tmpfs::{Tmpfs, file_name};

/// The tmpfs with the payload's secret files, kept on our side and not mounted
/// yet in the container; `None` when there is no secret file.
pub(super) fn make(
    user: &Identity,
    payload: &Payload,
    kept: Kept<'_>,
    live: &mut Live<'_>,
) -> Result<Option<Tmpfs>, Error> {
    let secrets: Vec<_> = secrets(payload).collect();
    if secrets.is_empty() {
        return Ok(None);
    }
    let page = |content: &Secret| (content.expose().len() as u64).next_multiple_of(4096);
    let size = secrets.iter().map(|(_, content)| page(content)).sum();
    let tmpfs = Tmpfs::new(user, size).map_err(failed("make the container's tmpfs"))?;
    let kept = kept.mount_point().and_then(|folder| tmpfs.keep_on(folder));
    kept.map_err(failed("keep the container's tmpfs on the engine's side"))?;
    let followed = live.follow(&tmpfs, user);
    for (at, content) in secrets {
        if !live.follows(at) {
            tmpfs
                .add(&file_name(at), content.expose().as_bytes(), user)
                .map_err(failed("write to the container's tmpfs"))?;
        }
    }
    let clone = tmpfs.cloned();
    drop(followed);
    clone
        .map(Some)
        .map_err(failed("clone the container's tmpfs for it"))
}

/// Gives the tmpfs to a user who was not known before the container was
/// entered. Nothing in the container sees it yet.
pub(super) fn give(tmpfs: &Tmpfs, payload: &Payload, user: &Identity) -> Result<(), Errno> {
    for (at, _) in secrets(payload) {
        tmpfs.give(&file_name(at), user)?;
    }
    tmpfs.give_root(user)
}

/// A payload's secret files, by their number in it.
fn secrets(payload: &Payload) -> impl Iterator<Item = (usize, &Secret)> {
    let files = payload.files.iter().enumerate();
    files.filter_map(|(at, file)| Some((at, file.delivery.secret()?)))
}
